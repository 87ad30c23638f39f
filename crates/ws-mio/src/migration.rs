//! From Pocket Socket (Python) to this crate: where each of its parts is, what became another, and why. Nothing but this page
//! is in this module.
//!
//! # Its examples
//!
//! A client that says "Thank you.":
//!
//! ```no_run
//! use ws_mio::{Client, Config, Context, Http, Payload, Server};
//!
//! struct ReplyClient;
//!
//! impl Client for ReplyClient {
//!     fn recv(&mut self, context: &mut Context<'_>, _message: Payload<'_>) {
//!         let _ = context.send("Thank you.");
//!     }
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! let mut server = Server::new(Config::default())?;
//! server.listen("127.0.0.1:9001", Http::clients(|| ReplyClient))?;
//! server.run()
//! # }
//! ```
//!
//! All the hooks at work (the whole program is `examples/pocket_example.rs`):
//!
//! ```no_run
//! use ws_mio::{Client, CloseCode, Context, Payload};
//!
//! struct LogClient;
//!
//! impl Client for LogClient {
//!     fn setup(&mut self, context: &mut Context<'_>) {
//!         println!("Setup of new client: {context:?}");
//!     }
//!
//!     fn accept(&mut self, context: &mut Context<'_>) -> bool {
//!         // Not in the lists yet: this reaches the others.
//!         let news = format!("New client: {context:?}");
//!         context.send_all(&news, &[]);
//!         true
//!     }
//!
//!     fn recv(&mut self, context: &mut Context<'_>, _message: Payload<'_>) {
//!         let _ = context.send("Thanks.");
//!         let (news, id) = (format!("Got message from: {context:?}"), context.id());
//!         context.send_all(&news, &[id]);
//!     }
//!
//!     fn recv_text(&mut self, _context: &mut Context<'_>, text: &str) {
//!         println!("Received text: {text}");
//!     }
//!
//!     fn recv_binary(&mut self, _context: &mut Context<'_>, bytes: &[u8]) {
//!         println!("Received binary: length {}", bytes.len());
//!     }
//!
//!     fn close(&mut self, context: &mut Context<'_>, _status: CloseCode, _reason: &str) {
//!         let news = format!("Client close: {context:?}");
//!         context.send_others(&news);
//!     }
//! }
//! ```
//!
//! A server with settings of its own, `port = 9002` and a client class:
//!
#![cfg_attr(feature = "settings", doc = "```no_run")]
#![cfg_attr(not(feature = "settings"), doc = "```ignore")]
//! use ws_mio::{Client, Config, Context, Http, Payload, Server, Settings};
//!
//! struct ReplyClient;
//!
//! impl Client for ReplyClient {
//!     fn recv(&mut self, context: &mut Context<'_>, _message: Payload<'_>) {
//!         context.send_all("Got a message", &[]);
//!     }
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! let settings = Settings::new("server", "1.0.0", "Replies.").port(9002).discover_or_exit();
//! let mut server = Server::new(Config::default())?;
//! server.listen_all(settings.addresses(), Http::clients(|| ReplyClient))?;
//! server.run()
//! # }
//! ```
//!
//! A listening socket on any free port, or on a given one:
//!
//! ```
//! # use ws_mio::{Client, Config, Http, Server};
//! # struct Quiet; impl Client for Quiet {}
//! # let mut server = Server::new(Config::default())?;
//! let address = server.listen("127.0.0.1:0", Http::clients(|| Quiet))?;
//! assert_ne!(address.port(), 0);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Listeners
//!
//! | # | Pocket Socket | here |
//! |---|---|---|
//! | 1 | a list of listening sockets | any number: [`Server::listen`](crate::Server::listen) |
//! | 2, 3 | `socket_bind()`, with host and port | [`Server::listen`](crate::Server::listen), which gives the actual address; IPv6 and unix sockets by [`Listen`](crate::Listen) |
//! | 4 | backlog 5, reuse of addresses | [`Listen::backlog`](crate::Listen::backlog), 1024 by default; reuse on unix, always |
//! | 5 | listener class | [`Listen::open`](crate::Listen::open) takes a socket made elsewhere |
//! | 6 | hosts × ports | [`pair_up`](crate::pair_up), by the same rule, without repetitions |
//! | 7 | `setup_listeners`, `create_socket` | [`Server::listen_all`](crate::Server::listen_all), [`Server::listen_with`](crate::Server::listen_with) |
//!
//! # Server
//!
//! | # | Pocket Socket | here |
//! |---|---|---|
//! | 8 | `Server(client_class=X).start()` | [`Server::new`](crate::Server::new), `listen(.., Http::clients(\|\| X))`, [`run`](crate::Server::run) |
//! | 9 | class attributes | [`Settings`](self#its-examples) in code; there are no classes to put attributes on |
//! | 10, 17 | the server calls `start`, `accept`, `handle`, and knows no protocol | [`Protocol`](crate::Protocol): `accept`, `ready`, `close`, and nothing else |
//! | 11 | `create_client`, one per connection | the closure of [`Http::clients`](crate::Http::clients), or [`Serve`](crate::Serve) for any protocol |
//! | 12 | a select loop, all writable always | mio; writability is watched only while output waits |
//! | 13 | `served()` | [`Server::run_while`](crate::Server::run_while), [`Handle::stop`](crate::Handle::stop) |
//! | 14 | `select()` | [`Server::turn`](crate::Server::turn), [`patience`](crate::Server::patience) |
//! | 15 | Ctrl-C ends it | the programs: 1001 to all, then the end |
//! | 16 | `fail_list`, `resolve_client`, … | private; what goes wrong is told by [`Client::error`](crate::Client::error), and ends one connection |
//! | 18 | FTP, WebSocket, HTTP, SSH on one port | [`Detect`](crate::Detect); `examples/tandem.rs` shows it |
//! | 19, 27 | an instance per client, made without a socket | the same: a value, owned by the server |
//! | 20 | authentication at the base | [`Server::admit`](crate::Server::admit), [`Http::authorize`](crate::Http::authorize) |
//! | 21 | versions by client class | [`Http::new`](crate::Http::new) by path or header, [`Start::other`](crate::Start::other) by the client itself |
//! | 22 | duck punching, mixins | [`Observed`](crate::Observed) around any client; composition where Python inherits |
//! | 23 | bridge nodes, threads | [`Handle`](crate::Handle), [`Server::connect`](crate::Server::connect); `examples/bridge.rs` |
//! | 24 | no dependencies, the raw socket | few; [`Link::stream`](crate::Link::stream) |
//! | 25 | `python -m server` | the programs `pocket_*` |
//! | 26 | `connections` | [`Server::clients`](crate::Server::clients) |
//!
//! # Client
//!
//! | # | Pocket Socket | here |
//! |---|---|---|
//! | 28 | `accept` gives the file number | [`ClientId`](crate::ClientId): file numbers are used again, these names are not. The number is `as_raw_fd` of [`Link::stream`](crate::Link::stream) |
//! | 29, 30 | `accept`, before the client is in any list | [`Client::accept`](crate::Client::accept), the same; it is called when the request is there, so that a stranger who says nothing costs no client |
//! | 31, 32 | `setup`, `init`, `ready` | [`Client::setup`](crate::Client::setup), which is called here |
//! | 33 | `recv(data, opcode)` | [`Client::recv`](crate::Client::recv); does nothing by default |
//! | 34 | `recv_text`, `recv_binary`, before `recv` | the same; text is a checked `&str`, of the whole message |
//! | 35 | `send(data, opcode)` | [`Context::send`](crate::Context::send): `&str` is text, bytes are binary; `send_fragment`, `ping`, `pong`, custom kinds. To see what is sent, wrap the call, as `pocket_example` does |
//! | 36, 54 | `send_all(data, ignore=[..])` | [`Context::send_all`](crate::Context::send_all), [`Clients::send_all`](crate::Clients::send_all): framed once for all |
//! | 37 | `close(status, reason)`, once | [`Context::close`](crate::Context::close) to begin it, [`Client::close`](crate::Client::close) when it is over: once, tested for every way to end |
//! | 38 | closed after the peer's answer | the same, and within [`Timeouts::close`](crate::Timeouts::close) |
//! | 39 | `address`, `path`, `server`, `connected` | [`Link::peer_addr`](crate::Link::peer_addr), [`Link::request`](crate::Link::request), [`Link::clients`](crate::Link::clients), [`Context::state`](crate::Context::state) |
//! | 40 | `repr` | `Debug` of [`Context`](crate::Context): `Context(3.0, Open)` |
//! | 41 | `writable = False` | [`Link::pause`](crate::Link::pause) and [`resume`](crate::Link::resume) of reading. Writing is not paused: what must not be sent yet is not sent yet |
//! | 42 | the output queue, `add_buffer(top=True)` | bounded: [`Link::queued`](crate::Link::queued), [`Client::drain`](crate::Client::drain), [`Backpressure`](crate::Backpressure). Nothing is put before what waits: half of a frame may be gone already |
//! | 43 | `handleError` | [`Client::error`](crate::Client::error), and the Close with the right code |
//! | 44 | `getsockname` gives the peer's | absent: it was a mistake with a name |
//! | 45, 46 | opcodes, methods found by name | [`Payload`](crate::Payload), and a hook each for pings, pongs and the Close; the decoder's state is nobody's business |
//! | 47 | pongs without a frame | pongs in frames; off by [`Replies::pong`](crate::Replies::pong) |
//! | 48 | close codes | all that RFC 6455 §7.4 allows; bad UTF-8 is 1007 |
//! | 49 | limits that are only logged | [`Limits`](crate::Limits), [`HandshakeConfig`](crate::HandshakeConfig), held. The defaults are tighter: 1 MiB a message, 16 KiB a head |
//! | 50 | fragments | assembled, their UTF-8 checked as it comes; reserved bits are refused unless agreed on |
//! | 51 | the handshake, unchecked | checked; what is wrong with it is in the answer, and nobody else notices |
//! | 52 | `client(address)` | [`Server::connect`](crate::Server::connect) |
//! | 53 | `ClientListMixin`, by host and port | [`Clients`](crate::Clients), always there: [`of_host`](crate::Clients::of_host), [`of_port`](crate::Clients::of_port), [`of_listener`](crate::Clients::of_listener) |
//!
//! # Settings and programs
//!
//! | # | Pocket Socket | here |
//! |---|---|---|
//! | 55–58 | settings from arguments, a file, the command line | feature `settings`: `Settings`; one order, later ones win: code, file, command line. An unknown key or a missing file is an error. Nothing is parsed unless asked |
//! | 59 | defaults | 127.0.0.1:8009; 9002, 9004 and 9005 in the programs |
//! | 60 | `log(..)` | feature `log`, and `Logged`; no global logger is set |
//! | 61 | `pocketsocket.echo` | `examples/pocket_echo.rs`; to the sender goes what `echo_mio` does |
//! | 62 | `pocketsocket.reply`, `.example` | `examples/pocket_reply.rs`, `examples/pocket_example.rs` |
//! | 63 | `channel.py` | `examples/channels.rs` |
//! | 64 | the `host` application: plugins, translators, `/switch`, `:mount` | absent as such: its plugins are [`Observer`](crate::Observer)s, its channels topics, its names [`Clients::name`](crate::Clients::name). Mounting code that a peer names is not to be had |
//! | 65 | one callback for everything (the version in Nim) | [`Observed`](crate::Observed) with a closure; the page by [`Answer::page`](crate::Answer::page) |
//! | 66 | not promised: TLS, compression, subprotocols, ping timers, a cap on connections, backpressure | feature `tls`; feature `deflate`; [`Accept`](crate::Accept); [`Timeouts`](crate::Timeouts); [`Options`](crate::Options) |
