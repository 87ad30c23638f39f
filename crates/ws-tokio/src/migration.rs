//! From asws (Python's asyncio WebSocketServer) to this crate: where each of its parts is. Nothing but this page is in
//! this module.
//!
//! Its "Getting Started", step by step, is the program `examples/asws_walkthrough.rs`.
//!
//! # Server
//!
//! | # | asws | here |
//! |---|---|---|
//! | 1 | `WebSocketServer(address, port, loop=loop)` | [`Server::bind`](crate::Server::bind); the loop is the runtime it runs in |
//! | 2 | `@socket.connection` | [`Server::on_connection`](crate::Server::on_connection); without one, clients connect and nothing happens |
//! | 3 | `with socket as server`, `getsockname()` | [`Server::start`](crate::Server::start), [`Running::local_addr`](crate::Running::local_addr) |
//! | 4 | the end of the block | [`Running::shutdown`](crate::Running::shutdown) in peace, `drop` at once |
//! | 5 | `loop.run_forever()` | [`Server::serve`](crate::Server::serve), [`Running::wait`](crate::Running::wait) |
//! | 6 | `socket.clients` by `(addr, port)` | [`Clients`](crate::Clients): [`all`](crate::Clients::all), [`at`](crate::Clients::at) an address, [`get`](crate::Clients::get) by [`ClientId`](crate::ClientId) |
//! | 7 | until `on_connection` is done, `clients` holds the others | the same, and who left meanwhile never joins |
//! | 8 | reading starts beside `on_connection` | the same; messages are kept until it is done |
//! | 9 | `disconnect_client` | [`Client::close`](crate::Client::close), [`Clients::disconnect`](crate::Clients::disconnect) |
//! | 10 | `disconnect_all`, `delete_client`, `wait` | [`Clients::disconnect_all`](crate::Clients::disconnect_all); the rest is nobody's business |
//! | 11 | heartbeat by `timeout` | [`Timeouts::ping_interval`](crate::Timeouts::ping_interval) and [`ping_timeout`](crate::Timeouts::ping_timeout), both 20 s; `None` is off. A peer that is given up is told 1011, not 1008 |
//! | 12 | `certs=(cert, key)` | feature `rustls`: `Server::tls(tls::server_config(cert, key)?)` |
//! | 13 | a strict handshake, 1 s a line | strict, and as the RFC reads: lists, any letter case; one deadline for the whole head: [`HandshakeConfig`](crate::HandshakeConfig) |
//! | 14 | the path is parsed and dropped | [`Client::request`](crate::Client::request) |
//! | 15 | a lost client is removed, whatever happens | the same, by a guard; [`Client::on_closed`](crate::Client::on_closed) is told |
//! | 16 | unmasked frames, reserved bits | 1002 |
//!
//! # Client
//!
//! | # | asws | here |
//! |---|---|---|
//! | 17 | `client.addr`, `client.port` | [`Client::peer_addr`](crate::Client::peer_addr), [`id`](crate::Client::id) |
//! | 18 | `client.writer` | [`Client::writer`](crate::Client::writer), a [`Writer`](crate::Writer) that can be cloned and sent around |
//! | 19 | `@client.message` | [`Client::on_message`](crate::Client::on_message); or a loop: [`Server::handler`](crate::Server::handler) |
//! | 20 | called with the first frame; a task each, in no order | called with the first bytes, in order; to go on beside one another, move the [`MessageStream`](crate::MessageStream) to a task and return |
//! | 21 | `NoCallbackException` | without a callback messages are dropped |
//! | 22 | `@client.ping`, `@client.pong`, `@client.closed` | [`on_ping`](crate::Client::on_ping), [`on_pong`](crate::Client::on_pong), [`on_closed`](crate::Client::on_closed). The automatic pong stays unless [`Replies::pong`](crate::Replies::pong) is off |
//! | 23 | `state`, `last_message`, `close` | [`is_closed`](crate::Client::is_closed), [`last_activity`](crate::Client::last_activity), [`close`](crate::Client::close) |
//! | 24 | the peer's code is echoed; it should be killed after 5 s | the same, by [`Timeouts::close`](crate::Timeouts::close) |
//! | 25 | errors are raised into the open reader | reading fails with the [`Error`](crate::Error) |
//! | 26 | bad control frames 1002 | the same; pongs after our Close are ignored |
//!
//! # Reader
//!
//! | # | asws | here |
//! |---|---|---|
//! | 27 | a reader is a `Buffer` | [`MessageStream`](crate::MessageStream), [`MessageReader`](crate::MessageReader): `AsyncRead`, `AsyncBufRead` |
//! | 28 | `await reader.get()` | [`MessageStream::get`](crate::MessageStream::get): text or binary by the frame |
//! | 29 | `reader.data_type` | [`kind`](crate::MessageStream::kind) |
//! | 30 | `read`, `read_into`, `read_into_exactly`, `at_eof`, `set_exception` | `read_to_end`, `read`, `read_exact` of Tokio's `AsyncReadExt`; an empty `fill_buf` is the end. A bounded pipe of one's own is [`tokio::io::simplex`] |
//! | 31 | 12 KiB and 12 chunks | 64 KiB; control frames behind are answered as far as that goes |
//! | 32 | UTF-8 checked chunk by chunk | the same, 1007 |
//!
//! # Writer
//!
//! | # | asws | here |
//! |---|---|---|
//! | 33 | `await client.writer.send(msg)` | [`Writer::send`](crate::Writer::send): `&str` is text, bytes are binary |
//! | 34 | `force` after a Close | absent: RFC 6455 §5.5.1 forbids it; [`SendError::Closed`](crate::SendError::Closed) |
//! | 35 | `ping`, `pong`, `close`, `closed` | [`ping`](crate::Writer::ping) (its pong can be awaited), [`pong`](crate::Writer::pong), [`close`](crate::Writer::close), [`is_closed`](crate::Writer::is_closed); too long is an error |
//! | 36 | `write_frame`, raw | absent: nothing illegal can be sent. Frames by hand are what `ws-proto` is for |
//! | 37 | one message at a time, control frames between | the same: others queue, first come first served |
//! | 38 | `writer.fragment()` | [`Writer::send_stream`](crate::Writer::send_stream), `write_all`, [`finish`](crate::MessageWriter::finish); dropped unfinished, it closes with 1011 |
//! | 39 | `feed(reader)` | `tokio::io::copy_buf(&mut reader, &mut message)` |
//!
//! # The rest
//!
//! | # | asws | here |
//! |---|---|---|
//! | 40 | `Reasons`, `State` | [`CloseCode`](crate::CloseCode), [`CloseFrame`](crate::CloseFrame) |
//! | 41 | echo and chat, with a page | `examples/echo_tokio.rs`, `examples/chat`, `examples/axum_chat.rs` |
//! | 42 | Autobahn: 4 non-strict, compression unimplemented | nothing but OK and informational, compression included |
//! | 43 | no client, no limits, no subprotocols | [`connect`](crate::connect()), [`Limits`](crate::Limits), [`Accept::protocol`](crate::Accept::protocol) |
