//! From simplesockets (Python) to this crate: where each of its parts is, what became another, and why. Nothing but this page
//! is in this module.
//!
//! simplesockets moves plain bytes over TCP. Its programs can be carried over as they are, with [`raw`](crate::raw); with
//! [`Server`](crate::Server) and [`Client`](crate::client::Client) in place of those of `raw` the same programs speak WebSocket,
//! and what was sent in one call comes as one message.
//!
//! # Its examples, line by line
//!
//! The server that echoes, and disconnects who has been answered:
//!
//! ```
//! use ws_blocking::hub::Event;
//! use ws_blocking::raw;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let port = 0;
//! let server = raw::Server::bind_with_backlog(("127.0.0.1", port), 5)? // setup(ip='127.0.0.1', port=9999, listen=5,
//!     .recv_buffer(2048)                                               //       recv_buffer=2048)
//!     .max_connections(5)                                              // TCPServer(5)
//!     .hub()
//!     .start()?;                                                       // Server.start()
//! # let address = server.running().local_addr()?;
//! # let stop = server.running().stop_handle();
//! # let asking = std::thread::spawn(move || {
//! #     let client = raw::connect(address).unwrap();
//! #     client.send("Test").unwrap();
//! #     assert_eq!(client.recv().unwrap().as_deref(), Some(&b"Test"[..]));
//! #     assert_eq!(client.recv().unwrap(), None);
//! #     stop.stop();
//! # });
//!
//! while let Some(event) = server.next_event(None) {                    // while True: if Server.event.new_data:
//!     if let Event::Received(received) = event {                       //   for .. in Server.return_recved_data():
//!         received.peer.send(received.message)?;                       //     Server.send_data(data, client_socket)
//!         received.peer.disconnect();                                  //     Server.disconnect(client_socket)
//!     }
//! }
//! # asking.join().unwrap();
//! # Ok(())
//! # }
//! ```
//!
//! The client that sends, and prints what comes:
//!
//! ```
//! use ws_blocking::hub::Event;
//! use ws_blocking::raw;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = raw::Server::bind("127.0.0.1:0")?.start(|mut reader, writer| {
//! #     let test = reader.recv().unwrap().unwrap();
//! #     writer.send(test).unwrap();
//! # })?;
//! # let port = server.local_addr()?.port();
//! let client = raw::builder(("127.0.0.1", port), 2048)?.connect()?; // setup(target_ip, target_port); Client.connect()
//! client.start_reader()?;                                           // Client.autorecv()
//! client.send("Test")?;                                             // Client.send_data(b'Test')
//! while let Some(event) = client.next_event(None) {                 // while True: if Client.event.new_data:
//!     match event {                                                 //   for .. in Client.return_recved_data():
//!         Event::Received(received) => println!("{:?}", received.message),
//!         Event::Disconnected(_) => break,
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A loop that has other things to do looks in from time to time, and misses nothing that comes meanwhile:
//!
//! ```
//! # fn look_in(server: &ws_blocking::hub::Hub<ws_blocking::raw::Bytes>) -> Result<(), ws_blocking::Error> {
//! if server.has_data() {
//!     for received in server.take_received() {
//!         println!("{:?} says {:?}", received.peer.address(), received.message);
//!     }
//! }
//! for record in server.take_errors() {
//!     println!("{:?}: {}", record.at, record.error);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! With functions in place of the loop, `setup(on_connect=.., on_disconnect=.., on_receive=..)`:
//!
//! ```
//! use ws_blocking::raw;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = raw::Server::bind("127.0.0.1:0")?
//!     .hub()
//!     .on_connect(|peer| println!("{:?} has come", peer.address()))
//!     .on_disconnect(|peer| println!("{:?} has left", peer.address()))
//!     .on_receive(|peer, bytes| {
//!         let _ = peer.send(bytes);
//!     })
//!     .start()?;
//! server.running().pause();  // Server.stop()
//! server.running().resume(); // Server.start(), once more
//! server.shutdown();         // Server.close()
//! # Ok(())
//! # }
//! ```
//!
//! # Server
//!
//! | # | simplesockets | here |
//! |---|---|---|
//! | 1 | `TCPServer`, `TCPClient` | [`raw::Server`](crate::raw::Server), [`raw::connect`](crate::raw::connect); for WebSocket [`Server`](crate::Server), [`Client`](crate::client::Client) |
//! | 2 | `TCPServer(5)`, or without a limit | [`max_connections`](crate::raw::Server::max_connections); there is always one, 4096 unless it is said: each takes a thread |
//! | 3 | `setup(ip, port, listen, recv_buffer, ..)`, the callbacks among its arguments | [`bind_with_backlog`](crate::raw::Server::bind_with_backlog), [`recv_buffer`](crate::raw::Server::recv_buffer), and the same defaults: [`DEFAULT_PORT`](crate::raw::DEFAULT_PORT), [`DEFAULT_BACKLOG`](crate::raw::DEFAULT_BACKLOG), [`DEFAULT_RECV_BUFFER`](crate::raw::DEFAULT_RECV_BUFFER). A server that is not set up can't be started: there is none |
//! | 4 | `handle_client` | a handler that owns the connection: [`Server::start`](crate::Server::start), [`raw::Server::start`](crate::raw::Server::start) |
//! | 5 | `on_connect(address)`, `on_disconnect(address)` | [`on_connect`](crate::hub::Builder::on_connect), [`on_disconnect`](crate::hub::Builder::on_disconnect), which get the [`Peer`](crate::hub::Peer) |
//! | 6 | `on_receive(client_socket, address, data)`; to be replaced at any time | [`on_receive`](crate::hub::Builder::on_receive), chosen before the start: what runs in other threads is not exchanged under them |
//! | 7 | `start()`, also after `stop()` | [`start`](crate::hub::Builder::start), [`Running::resume`](crate::Running::resume); nothing is accepted before |
//! | 8 | `stop()` pauses accepting | [`Running::pause`](crate::Running::pause): once it has returned, nobody comes in |
//! | 9 | at the limit, accepting pauses | [`OverLimit::Pause`](crate::OverLimit::Pause), the default; or [`OverLimit::Refuse`](crate::OverLimit::Refuse) |
//! | 10 | `exit_accept()` | [`Running::stop_accepting`](crate::Running::stop_accepting), which joins the thread |
//! | 11 | `restart()` | [`Running::restart_accepting`](crate::Running::restart_accepting), an error if it was not stopped |
//! | 12, 13 | `killed`, `event.accepting_thread.run` | [`Running::accepting`](crate::Running::accepting): running, paused or stopped |
//! | 14 | `event.new_data`, `new_data_recved` | [`Hub::has_data`](crate::hub::Hub::has_data) |
//! | 15 | `return_recved_data()` | [`Hub::take_received`](crate::hub::Hub::take_received): what comes between two calls is in the second |
//! | 16 | `recved_data`, without a bound | private, and bounded: [`inbox`](crate::hub::Builder::inbox) says by how much and what happens then |
//! | 17 | `send_data(data, client_socket)`, true or false | [`Peer::send`](crate::hub::Peer::send), from any thread; it says what went wrong |
//! | 18 | `disconnect(address)`, or of a socket | [`Hub::disconnect_at`](crate::hub::Hub::disconnect_at), [`Hub::disconnect`](crate::hub::Hub::disconnect), [`Peer::disconnect`](crate::hub::Peer::disconnect); `on_disconnect` is called once |
//! | 19 | `recv_data(client_socket)`, called by itself | private to the hub; a handler calls [`raw::Reader::recv`](crate::raw::Reader::recv). What has come is given at once, whatever its number |
//! | 20 | `return_exceptions(delete, reset_exception)` | [`Hub::take_errors`](crate::hub::Hub::take_errors), or [`Hub::errors`](crate::hub::Hub::errors), which leaves them. The flag is whether there are any |
//! | 21 | `event.exception.occurred`, `.list` | [`Hub::has_errors`](crate::hub::Hub::has_errors); the last 256, each kept however soon the next one follows, older ones [counted](crate::hub::Hub::dropped_errors) |
//! | 22 | `socket` | [`Running::local_addr`](crate::Running::local_addr). The socket is the accepting thread's; who needs another hold of it makes it, clones it and gives it to [`from_listener`](crate::raw::Server::from_listener) |
//! | 23 | `clients`, by address | [`Hub::peers`](crate::hub::Hub::peers), [`Hub::peer_at`](crate::hub::Hub::peer_at); their threads are nobody's business |
//! | 24 | the first program | `examples/echo_once.rs`, `examples/raw_echo.rs`; neither polls |
//! | 25 | `await_event(timeout)` in milliseconds, 0 for ever | [`Hub::next_event`](crate::hub::Hub::next_event): `None` for ever, and a timeout can't be negative |
//! | 26 | `with server:`, `close()` | dropping it, or [`Hub::shutdown`](crate::hub::Hub::shutdown), which joins every thread; [`Server::during`](crate::Server::during) for a scope |
//! | 27 | daemon threads, `repr` | named threads that are joined ([`thread_name`](crate::Server::thread_name)), `Debug` |
//! | 28 | `Server_Client`, with a key and a cipher | [`Peer`](crate::hub::Peer), to be cloned and sent; for secrets there is TLS |
//! | 29 | `Socket_Response` with `response`, `time_`, `from_` | [`Received`](crate::hub::Received) with `message`, `at`, `peer`; messages are compared as bytes are |
//! | 30 | the end of a client, not noticed | noticed at once, told once |
//!
//! # Client
//!
//! | # | simplesockets | here |
//! |---|---|---|
//! | 31 | `setup(target_ip, target_port, recv_buffer, ..)`; `listen` is named, and without a meaning | [`raw::builder`](crate::raw::builder), [`Client::builder`](crate::client::Client::builder) |
//! | 32 | `on_connect()`, `on_disconnect()`, `on_receive(data)` | [the same](crate::client::Builder::on_connect), and they are told which connection it is |
//! | 33 | `connect()`, true or false | [`connect`](crate::client::Builder::connect), which says what went wrong; [`offline`](crate::client::Builder::offline) makes a client that is not connected yet |
//! | 34 | `autorecv()`, which toggles | [`start_reader`](crate::client::Client::start_reader), [`stop_reader`](crate::client::Client::stop_reader): a toggle called twice by mistake does the opposite of what was meant |
//! | 35 | `send_data(bytes)` | [`send`](crate::client::Client::send) |
//! | 36 | `event.new_data`, `return_recved_data()`, `recved_data` | [`has_data`](crate::client::Client::has_data), [`take_received`](crate::client::Client::take_received) |
//! | 37 | `reconnect()` | [`reconnect`](crate::client::Client::reconnect), or [by itself](crate::client::Builder::reconnect); the reader goes on with the new connection |
//! | 38 | `shutdown()` | [`shutdown`](crate::client::Client::shutdown), or dropping it; joins the reader |
//! | 39 | `disconnect()`, `close()` | [`disconnect`](crate::client::Client::disconnect); the client can be connected again |
//! | 40 | `return_exceptions()`, `event.exception` | [`take_errors`](crate::client::Client::take_errors), [`errors`](crate::client::Client::errors), [`has_errors`](crate::client::Client::has_errors) |
//! | 41 | `event.connected`, `.is_connected`, `.disconnected` | [`status`](crate::client::Client::status): `ever_connected`, `connected`, `disconnected` |
//! | 42 | `Address`, `socket` | [`target`](crate::client::Client::target), [`peer`](crate::client::Client::peer). The socket itself is not shown: whoever read from it would take bytes from the reader |
//! | 43 | `await_event(timeout, disable_on_functions)` | [`next_event`](crate::client::Client::next_event). What has a callback does not come as an event, so there is nothing to disable |
//! | 44 | `recv_data()` | [`recv`](crate::client::Client::recv), [`recv_timeout`](crate::client::Client::recv_timeout) |
//! | 45 | `SocketError`, `SetupError`, exceptions with their traceback | [`Error`](crate::Error), grouped by whose fault it is, with its source; `SetupError` can't happen |
//! | 46 | `Event_System` | a queue and a condition variable, private |
//! | 47 | `SecureServer`, `SecureClient`; IPv6 classes, later dropped | `wss://` and servers with TLS, by rustls (feature `tls`): encryption made at home is not to be had. IPv6 like any other address |
//!
//! # What goes otherwise than there
//!
//! Nothing waits by looking again and again; every queue has a bound; and what failed there has a test here:
//!
//! | there | test here |
//! |---|---|
//! | accepts before it is started | `accepting::nothing_is_accepted_before_the_start` |
//! | lets one more in after `stop()` | `accepting::a_paused_server_lets_nobody_in_and_keeps_who_is_in` |
//! | obeys no `max_connections` | `limits::no_thread_and_no_descriptor_is_left_of_a_thousand_clients`, `server::beyond_the_limit_clients_wait_for_their_turn`, `raw::beyond_the_limit_connections_end` |
//! | loses what comes while the data is taken | `hub::nothing_is_lost_between_two_calls` |
//! | keeps whatever comes, without a bound | `hub::a_full_inbox_may_drop_the_oldest`, `hub::a_full_inbox_does_not_hold_a_stopping_hub` |
//! | withholds a message as long as its buffer | `raw::bytes_go_both_ways_whatever_their_number` |
//! | a disconnected client's thread fails | `hub::callbacks_are_called_and_the_end_exactly_once` |
//! | keeps one error a second | `hub::errors_are_kept_until_they_are_taken` |
//! | spins at an orderly end, and tells nobody | `raw::an_orderly_end_is_noticed_at_once`, `noticing::waiting_and_ending_take_no_processor_time` |
//! | a client that reconnects has no reader, or two | `client::the_reader_survives_reconnecting_and_can_be_stopped` |
//! | a client's state misses an orderly end | `client::an_orderly_end_is_noticed_and_told_once` |
//! | once an event has come, waiting returns at once | `hub::the_inbox_tells_everything_in_order` |
