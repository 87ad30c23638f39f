//! From noio_ws (Python) to this crate: where each of its parts is, what became another, and why. Nothing but this page is in
//! this module.
//!
//! Both leave the socket to you: bytes in, events out, bytes to send. What differs most: pings and Closes are answered by
//! themselves, deadlines are kept if you tell the time, and what the standard forbids is refused in both directions.
//!
//! # Its loop
//!
//! Feed what was read, ask for events until there is none, send what has been appended:
//!
//! ```
//! use std::io::{Read, Write};
//! use ws_proto::{Config, Connection, Event, Input};
//!
//! # type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
//! fn incoming_message_manager(mut from: impl Read, mut to: impl Write) -> Result<()> {
//!     let mut ws_conn = Connection::server(Config::default());        // ws_conn = ws.Connection('SERVER')
//!     let (mut buffer, mut out) = ([0; 2048], Vec::new());
//!     while !ws_conn.is_finished() {                                  // while True:
//!         let count = from.read(&mut buffer)?;                        //     if event is ws.Information.NEED_DATA:
//!         if count == 0 {
//!             ws_conn.handle_eof()?;
//!         }
//!         let mut input = Input::new(&mut buffer[..count]);           //         ws_conn.recv(sock.recv(2048))
//!         while let Some(event) = ws_conn.next_event(&mut input)? {   //     event = ws_conn.next_event()
//!             match event {
//!                 Event::Text(text) => {                              //     if event.type == 'text':
//!                     ws_conn.sender().message(&*text, &mut out)?;    //         ws_send(event.message, 'text')
//!                 }
//!                 Event::Binary(bytes) => println!("{bytes:?}"),      //     elif event.type == 'binary':
//!                 Event::Ping(_) => {}                                //     the pong is owed already,
//!                 Event::Close(frame) => println!("{frame:?}"),       //     and so is our Close
//!                 _ => {}
//!             }
//!             ws_conn.poll_transmit(&mut out);                        //     ws_send(event.message, 'pong')
//!         }
//!         to.write_all(&out)?;                                        //     sock.sendall(..)
//!         out.clear();
//!     }
//!     Ok(())
//! }
//! # let frames = b"\x81\x85\0\0\0\0Hello\x89\x81\0\0\0\0?\x88\x82\0\0\0\0\x03\xe8";
//! # let mut sent = Vec::new();
//! # incoming_message_manager(&frames[..], &mut sent)?;
//! # assert_eq!(sent, b"\x81\x05Hello\x8a\x01?\x88\x02\x03\xe8");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `ws_next_event()`, which returns one event, has become the inner loop: an event borrows the buffer that it lies in. What
//! shall be returned or kept becomes a value of its own by [`Event::into_message`]. [The loop of this crate](crate#the-loop) also
//! keeps deadlines and ends the transport; `examples/sans_io.rs` sends the Close, too, that an error owes.
//!
//! # Connection
//!
//! | # | noio_ws | here |
//! |---|---|---|
//! | 1 | `Connection('CLIENT')`, `Connection(role='SERVER')` | [`Connection::client`], [`Connection::server`] |
//! | 2 | needs no opening handshake | the same: a [`Connection`] is open from birth |
//! | 3 | `recv(bytes)`, then `next_event()` | [`Input`] over your buffer, then [`Connection::next_event`] |
//! | 4 | `Information.NEED_DATA` | `None`: read more. When there is no more, [`Connection::handle_eof`] |
//! | 5 | `SEND_PING`, `SEND_PONG`, `SEND_CLOSE` | [`Connection::poll_transmit`] appends what is owed |
//! | 5 | `CONNECTION_CLOSED` | [`Connection::is_finished`]; for the socket [`Connection::transport`] |
//! | 6 | the wrapper returns messages only | the inner loop gets [`Event`]s only |
//! | 7 | `next_event()` after every `recv()` | until it answers `None`: an input may hold many events |
//! | 8 | `send(Data(..))` returns bytes | [`Sender::message`] appends them to your `Vec`; [`Outbox`] is a queue with a bound |
//! | 9 | the states open, closing, closed | [`Sender::is_open`], [`Connection::ending`], [`Connection::transport`] |
//! | 9 | no data while closing | [`SendError::Closed`], from our Close on |
//! | 10 | a Close is to be answered, what follows it is dropped | [`Event::Close`] is the last event, the answer is owed: 25 |
//! | 11 | `max_buffer` | [`Limits::max_frame`], [`Limits::max_message`]: 1 MiB each, 1009 beyond, in however many frames |
//! | 12 | `full_message=True` | [`Delivery::Messages`], the default; as the bytes come: [`Delivery::Chunks`] |
//! | 12 | `full_message=False`, `ReceivedFrame`, `.fin` | declined: [frame by frame](#frame-by-frame) |
//! | 13 | parser states, input in any pieces | private; the input may be cut anywhere, inside of headers and characters too |
//! | 14 | the same code for both roles | the same type; [`Role`] decides who masks and who ends the transport first |
//!
//! # Data and Message
//!
//! | # | noio_ws | here |
//! |---|---|---|
//! | 15 | `Data(message, type, fin, status_code, ..)` | a method for each type, which takes what that type has |
//! | 16 | `'text'`, `'binary'` | [`Sender::message`]: `&str` is text, bytes are binary |
//! | 16 | `'ping'`, `'pong'`, `'close'` | [`Sender::ping`], [`Sender::pong`], [`Connection::close`] |
//! | 16 | `'continue'`, `'continuation'` | every [`Sender::fragment`] of a message but the first |
//! | 17 | `str` or `bytes`, or an error | whatever is `Into<Payload>`; the compiler refuses the rest |
//! | 18 | `fin=False` | [`Sender::fragment`], and `last` for the end. Out of order is [`SendError::FragmentOpen`] |
//! | 18 | control frames are not fragmented | there is no way to: [`SendError::Opcode`] for those of your own |
//! | 19 | `status_code` | [`CloseCode`], any that [`is_sendable`]: 3000 to 4999 are among them |
//! | 19 | `ws_send('', 'close')` | `close(CloseCode::NORMAL, "")`: [`Connection::close`] always sends a code |
//! | 20 | `rsv_1`, `rsv_2`, `rsv_3` | [`CustomKind::new`] with an [`Rsv`] that is in [`Config::reserved_bits`] |
//! | 21 | `event.reserved` | [`CustomKind::rsv`] in an [`Event::Custom`]; bits that nobody has allowed end with 1002 |
//! | 21 | text with such a bit | [`Event::Custom`] too: [`CustomKind::opcode`] is that of text, the UTF-8 is yours to check |
//! | 21 | reserved bits of continuations | declined: [reserved bits](#reserved-bits-of-other-frames) |
//! | 22 | `event.message`, `.type`, `.payload`, `.data` | the [`Event`]: a variant for each type, with its payload |
//! | 22 | `event.time` | declined: [time of arrival](#time-of-arrival) |
//! | 23 | `str`, `bytes` or `bytearray` | text is always `str`, and 1007 if it is not UTF-8; all else is bytes |
//! | 24 | `TypeFrameBuffer`, `combine` | declined: [an assembler](#an-assembler-of-your-own) |
//! | 24 | `ControlMessage`, the short `repr` | [`Event::Ping`], [`Event::Pong`], [`Event::Close`]; `Debug` shows the length |
//! | 25 | pings and Closes are yours to answer | ours, unless [`Replies::pong`] and [`Replies::close`] are off |
//! | 25 | `ws_send(event.message, 'pong')` | if they are off: [`Sender::pong`], [`Connection::close`] |
//! | 26 | the code is in the Close's payload | [`CloseFrame::code`], [`CloseFrame::reason`] |
//! | 27 | a client masks | the same, by a [`MaskSource`] that you give; a mask too many or too few ends with 1002 |
//! | 28 | payloads of any length | the same for both roles, empty ones included |
//! | 29 | `NnwsProtocolError` | the peer's: [`ProtocolError`], with its [`close_code`]; yours: [`SendError`] |
//! | 29 | `Invalid opcode`, `Masked frame from server` | [`ProtocolError::ReservedOpcode`], [`ProtocolError::Masked`] |
//! | 29 | `Fragmented control frame` | [`HeaderError::FragmentedControl`] |
//! | 29 | `Payload too big for control frame` | [`HeaderError::OversizedControl`], [`SendError::ControlTooLong`] |
//! | 29 | `Attempted to interleave` | [`ProtocolError::InterleavedMessage`] |
//! | 29 | `Message Too Big` | [`ProtocolError::FrameTooBig`], [`ProtocolError::MessageTooBig`] |
//!
//! After a [`ProtocolError`] the connection has failed: every later call gives the same, and the Close that tells the peer is
//! owed. After a [`SendError`] nothing has been written, and the connection is as before.
//!
//! # Opcodes and extensions
//!
//! | # | noio_ws | here |
//! |---|---|---|
//! | 30 | `opcode_non_control_mod={'ascii': 3}` | `config.opcodes.register(3, "ascii")`: [`Opcodes::register`], 3 to 7 |
//! | 30 | `opcode_control_mod={'time': 11}` | the same with 11 to 15: at most 125 bytes, in one frame |
//! | 30 | `event.type == 'time'` | [`Event::Custom`] with the [`CustomKind`] that `register` gave; [`Opcodes::name`] |
//! | 31 | `time`, `ascii`, and zlib under a reserved bit | `examples/custom_opcodes.rs` |
//! | 32 | transform payloads around `send` and `next_event` | the same with a [`CustomKind`], as that example does |
//! | 32 | the same as an extension of the standard's kind | [`extension`]: negotiated; one is ready, feature `deflate` |
//! | 33 | a bare client, a bare server | `examples/sans_io.rs` is both; in two threads: [`Connection::split`] |
//!
//! # Opening handshake
//!
//! | # | noio_ws | here |
//! |---|---|---|
//! | 34 | separate, to be left out at will | [`handshake`]; a [`Connection`] does not know of it, nor what it runs over |
//! | 35 | `Handshake('CLIENT')`, `Handshake('SERVER')` | [`ClientHandshake`], [`ServerHandshake`] |
//! | 36 | `client_handshake('ws://host/path')` | [`ClientRequest::new`], written by [`ClientHandshake::new`] |
//! | 36 | `subprotocols=..`, more headers | [`ClientRequest::protocol`], [`ClientRequest::header`] |
//! | 36 | `extensions=..` | [`HandshakeConfig::extensions`], or [`Accept::extensions`] for one connection of a server |
//! | 36 | the port by the scheme, `bad location schema` | [`Url::port`], [`UrlError::Scheme`] |
//! | 37 | `verify_response(..)` | [`ClientHandshake::receive`]: [`Outcome::Accepted`] |
//! | 37 | a response that is no 101 is for you to act on | [`Outcome::Refused`], with the whole [`Response`] |
//! | 38 | `Upgrade`, `Connection` and `Accept` are checked | so is the rest of RFC 6455 §4.1: [`HandshakeError`] |
//! | 39 | `verify_request(..)` | [`ServerHandshake::receive`] gives the [`Request`]; [`Request::check`] |
//! | 39 | `server_handshake(..)` | [`Request::accept`] with an [`Accept`]; [`Request::reject`] with a [`Response`] |
//! | 40 | subprotocols, picked by you | [`Request::subprotocols`], [`Accept::protocol`], [`Accept::choose_protocol`] |
//! | 40 | extensions as `name -> {param: value}` | [`Agreed`]: each name with its [`Parameters`]; they are negotiated |
//! | 41 | `http_send(..)`, `http_next_event()` | `receive` takes bytes in any pieces; answers are appended to your `Vec` |
//! | 41 | h11 beside it | not needed for this; else declined: [HTTP](#http-beyond-the-handshake) |
//! | 42 | `nonce_creator()` | 16 bytes of your random source, an argument of [`ClientHandshake::new`] |
//! | 42 | `secondary_nonce_creator(..)`, `MAGIC_STR` | [`accept_key`] |
//! | 42 | `mask_unmask(..)` | [`MaskKey::apply`] of `ws-frame` |
//! | 42 | `status_codes` | [`CloseCode::description`] |
//!
//! `receive` also says how many of the bytes belong to the head. What lies behind them is the first [`Input`]. A limit of time
//! is in [`HandshakeConfig::timeout`], for you to keep.
//!
//! # The rest
//!
//! | # | noio_ws | here |
//! |---|---|---|
//! | 43 | the rules that one must know | kept by the connection, of what is sent and of what comes |
//! | 44 | `Frame`, `SendFrame` for `Data` | 15 to 20 |
//! | 44 | `Directive` for `Information` | 4 and 5 |
//! | 44 | `opcode_type_mod` for `opcode_non_control_mod` | [`Config::opcodes`] |
//! | 44 | `pull_frame` | declined, as in 12: [frame by frame](#frame-by-frame) |
//!
//! # What is declined, and what to do instead
//!
//! ## Frame by frame
//!
//! A connection gives messages, or chunks of them, and never says where a frame ended. [`Part::last`] is the end of a message,
//! not of a frame; a frame may come in many chunks, and an empty one gives none unless it ends the message. That is on purpose:
//! in RFC 6455 §5.4 frames mean nothing by themselves, and what stands between the two ends may cut a message anew. Sending is
//! by frames if you like: each [`Sender::fragment`] makes one.
//!
//! Who needs the frames, a proxy or a tool that shows traffic, takes the crate `ws-frame`, on which this one stands. A
//! [`HeaderDecoder`] reads a [`FrameHeader`] with `fin`, reserved bits, opcode, mask and length from any pieces, and
//! [`FrameHeader::encode`] writes one:
//!
//! ```
//! use ws_frame::{HeaderDecoder, OpCode, Rsv};
//!
//! let mut wire = &b"\x01\x02He\xc0\x03llo"[..]; // a server's, so it is not masked
//! let (mut decoder, mut frames) = (HeaderDecoder::default(), Vec::new());
//! while let Some(header) = decoder.decode(&mut wire)? {
//!     let (payload, rest) = wire.split_at(header.payload_len as usize); // all of it is here
//!     frames.push((header.opcode, header.fin, header.rsv, payload));
//!     wire = rest;
//! }
//! assert_eq!(frames[0], (OpCode::Text, false, Rsv::NONE, &b"He"[..]));
//! assert_eq!(frames[1], (OpCode::Continuation, true, Rsv::RSV1, &b"llo"[..]));
//! # Ok::<(), ws_frame::HeaderError>(())
//! ```
//!
//! What a connection keeps an eye on is yours then: who masks ([`MaskKey`]), which frame may follow which, UTF-8
//! ([`Validator`]), what is in a Close ([`CloseFrame::parse`]), and the limits.
//!
//! ## An assembler of your own
//!
//! There is no type that frames are pushed to. [`Delivery::Messages`] gives messages that are put together already, within
//! [`Limits`]. To do it by hand, take [`Delivery::Chunks`] and append each [`Event::Chunk`] to a `Vec`, from [`Part::first`] to
//! [`Part::last`]; pings and pongs come between as events of their own.
//! [`Connection::set_delivery`] changes from one to the other between messages.
//!
//! ## Reserved bits of other frames
//!
//! A reserved bit says something about a message, so it stands in the message's first frame; a custom control frame can carry
//! it too. On continuations, pings, pongs and Closes a connection sends none, and one that comes ends it with 1002
//! ([`ProtocolError::ReservedBits`]). So there is nothing to be read from the later frames of a message. A mark in the middle
//! of one can be a custom control frame (11 to 15), which may stand between fragments; the bits of any frame, as they are on
//! the wire, are in [`FrameHeader::rsv`].
//!
//! ## Time of arrival
//!
//! Events carry no time, as this crate reads no clock. Note it when your `read` returns: all events of that [`Input`] have
//! come by then, and a message that spans reads has ended in the last of them.
//!
//! ## HTTP beyond the handshake
//!
//! There is no codec for HTTP in general. [`handshake`] reads one request and writes its answer, or the other way round: a 101,
//! a refusal, or a page for who comes with plain HTTP. It reads no bodies of requests, and after any answer but a 101 the
//! transport ends: the next request, with credentials say, takes a new one.
//!
//! Whose HTTP library has read the request already writes its head anew for [`ServerHandshake::receive`], which checks it as
//! any other, as `ws-tokio` does for hyper and axum; or answers by hand, with [`accept_key`] and [`Extensions::accept`], and
//! starts a [`Connection`] on the bytes behind.
//!
//! [`Accept`]: crate::handshake::Accept
//! [`Accept::choose_protocol`]: crate::handshake::Accept::choose_protocol
//! [`Accept::extensions`]: crate::handshake::Accept::extensions
//! [`Accept::protocol`]: crate::handshake::Accept::protocol
//! [`Agreed`]: crate::extension::Agreed
//! [`ClientHandshake`]: crate::handshake::ClientHandshake
//! [`ClientHandshake::new`]: crate::handshake::ClientHandshake::new
//! [`ClientHandshake::receive`]: crate::handshake::ClientHandshake::receive
//! [`ClientRequest::header`]: crate::handshake::ClientRequest::header
//! [`ClientRequest::new`]: crate::handshake::ClientRequest::new
//! [`ClientRequest::protocol`]: crate::handshake::ClientRequest::protocol
//! [`CloseCode`]: crate::CloseCode
//! [`CloseCode::description`]: crate::CloseCode::description
//! [`CloseFrame::code`]: crate::CloseFrame::code
//! [`CloseFrame::parse`]: crate::CloseFrame::parse
//! [`CloseFrame::reason`]: crate::CloseFrame::reason
//! [`Config::opcodes`]: crate::Config::opcodes
//! [`Config::reserved_bits`]: crate::Config::reserved_bits
//! [`Connection`]: crate::Connection
//! [`Connection::client`]: crate::Connection::client
//! [`Connection::close`]: crate::Connection::close
//! [`Connection::ending`]: crate::Connection::ending
//! [`Connection::handle_eof`]: crate::Connection::handle_eof
//! [`Connection::is_finished`]: crate::Connection::is_finished
//! [`Connection::next_event`]: crate::Connection::next_event
//! [`Connection::poll_transmit`]: crate::Connection::poll_transmit
//! [`Connection::server`]: crate::Connection::server
//! [`Connection::set_delivery`]: crate::Connection::set_delivery
//! [`Connection::split`]: crate::Connection::split
//! [`Connection::transport`]: crate::Connection::transport
//! [`CustomKind`]: crate::CustomKind
//! [`CustomKind::new`]: crate::CustomKind::new
//! [`CustomKind::opcode`]: crate::CustomKind::opcode
//! [`CustomKind::rsv`]: crate::CustomKind::rsv
//! [`Delivery::Chunks`]: crate::Delivery::Chunks
//! [`Delivery::Messages`]: crate::Delivery::Messages
//! [`Event`]: crate::Event
//! [`Event::Chunk`]: crate::Event::Chunk
//! [`Event::Close`]: crate::Event::Close
//! [`Event::Custom`]: crate::Event::Custom
//! [`Event::Ping`]: crate::Event::Ping
//! [`Event::Pong`]: crate::Event::Pong
//! [`Event::into_message`]: crate::Event::into_message
//! [`Extensions::accept`]: crate::extension::Extensions::accept
//! [`FrameHeader`]: ws_frame::FrameHeader
//! [`FrameHeader::encode`]: ws_frame::FrameHeader::encode
//! [`FrameHeader::rsv`]: ws_frame::FrameHeader::rsv
//! [`HandshakeConfig::extensions`]: crate::handshake::HandshakeConfig::extensions
//! [`HandshakeConfig::timeout`]: crate::handshake::HandshakeConfig::timeout
//! [`HandshakeError`]: crate::handshake::HandshakeError
//! [`HeaderDecoder`]: ws_frame::HeaderDecoder
//! [`HeaderError::FragmentedControl`]: crate::HeaderError::FragmentedControl
//! [`HeaderError::OversizedControl`]: crate::HeaderError::OversizedControl
//! [`Input`]: crate::Input
//! [`Limits`]: crate::Limits
//! [`Limits::max_frame`]: crate::Limits::max_frame
//! [`Limits::max_message`]: crate::Limits::max_message
//! [`MaskKey`]: ws_frame::MaskKey
//! [`MaskKey::apply`]: ws_frame::MaskKey::apply
//! [`MaskSource`]: crate::MaskSource
//! [`Opcodes::name`]: crate::Opcodes::name
//! [`Opcodes::register`]: crate::Opcodes::register
//! [`Outbox`]: crate::Outbox
//! [`Outcome::Accepted`]: crate::handshake::Outcome::Accepted
//! [`Outcome::Refused`]: crate::handshake::Outcome::Refused
//! [`Parameters`]: crate::extension::Parameters
//! [`Part::first`]: crate::Part::first
//! [`Part::last`]: crate::Part::last
//! [`ProtocolError`]: crate::ProtocolError
//! [`ProtocolError::FrameTooBig`]: crate::ProtocolError::FrameTooBig
//! [`ProtocolError::InterleavedMessage`]: crate::ProtocolError::InterleavedMessage
//! [`ProtocolError::Masked`]: crate::ProtocolError::Masked
//! [`ProtocolError::MessageTooBig`]: crate::ProtocolError::MessageTooBig
//! [`ProtocolError::ReservedBits`]: crate::ProtocolError::ReservedBits
//! [`ProtocolError::ReservedOpcode`]: crate::ProtocolError::ReservedOpcode
//! [`Replies::close`]: crate::Replies::close
//! [`Replies::pong`]: crate::Replies::pong
//! [`Request`]: crate::handshake::Request
//! [`Request::accept`]: crate::handshake::Request::accept
//! [`Request::check`]: crate::handshake::Request::check
//! [`Request::reject`]: crate::handshake::Request::reject
//! [`Request::subprotocols`]: crate::handshake::Request::subprotocols
//! [`Response`]: crate::handshake::Response
//! [`Role`]: crate::Role
//! [`Rsv`]: crate::Rsv
//! [`SendError`]: crate::SendError
//! [`SendError::Closed`]: crate::SendError::Closed
//! [`SendError::ControlTooLong`]: crate::SendError::ControlTooLong
//! [`SendError::FragmentOpen`]: crate::SendError::FragmentOpen
//! [`SendError::Opcode`]: crate::SendError::Opcode
//! [`Sender::fragment`]: crate::Sender::fragment
//! [`Sender::is_open`]: crate::Sender::is_open
//! [`Sender::message`]: crate::Sender::message
//! [`Sender::ping`]: crate::Sender::ping
//! [`Sender::pong`]: crate::Sender::pong
//! [`ServerHandshake`]: crate::handshake::ServerHandshake
//! [`ServerHandshake::receive`]: crate::handshake::ServerHandshake::receive
//! [`Url::port`]: crate::handshake::Url::port
//! [`UrlError::Scheme`]: crate::handshake::UrlError::Scheme
//! [`Validator`]: ws_frame::utf8::Validator
//! [`accept_key`]: crate::handshake::accept_key
//! [`close_code`]: crate::ProtocolError::close_code
//! [`extension`]: crate::extension
//! [`handshake`]: crate::handshake
//! [`is_sendable`]: crate::CloseCode::is_sendable
