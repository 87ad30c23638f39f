//! WebSocket framing ([RFC 6455] section 5) without allocation, I/O or state beyond a few bytes.
//!
//! This is the lowest layer of the family: it turns bytes into frame headers and back, masks
//! payloads, and knows what may stand in a Close frame or a text message. It does not know
//! connections, messages or sockets.
//!
//! | To                                       | use                                           |
//! |------------------------------------------|-----------------------------------------------|
//! | read a header from a buffer              | [`FrameHeader::parse`]                        |
//! | read a header that arrives in pieces     | [`HeaderDecoder`]                             |
//! | write a header                           | [`FrameHeader::encode`]                       |
//! | mask or unmask a payload                 | [`MaskKey::apply`], [`MaskKey::apply_to`]     |
//! | read or build the body of a Close frame  | [`CloseFrame`], [`CloseCode`]                 |
//! | keep a ping's or pong's payload          | [`ControlPayload`]                            |
//! | check text that arrives in pieces        | [`utf8::Validator`], `utf8::Utf8Buf`          |
//! | share checked text cheaply               | `Utf8Bytes`                                   |
//!
//! # The frame
//!
//! ```text
//!   0               1               2               3
//!   0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7
//!  +-+-+-+-+-------+-+-------------+-------------------------------+
//!  |F|R|R|R| opcode|M| length      | length, when the first is     |
//!  |I|S|S|S|       |A| 0..=125,    | 126: 16 bits                  |
//!  |N|V|V|V|       |S| 126 or 127  | 127: 64 bits, top bit zero    |
//!  | |1|2|3|       |K|             |                               |
//!  +-+-+-+-+-------+-+-------------+-------------------------------+
//!  | masking key: 4 bytes, when MASK is set                        |
//!  +---------------------------------------------------------------+
//!  | payload, masked when MASK is set                              |
//!  +---------------------------------------------------------------+
//! ```
//!
//! # Example
//!
//! The masked "Hello" of RFC 6455 section 5.7:
//!
//! ```
//! use ws_frame::{FrameHeader, OpCode, Parse};
//!
//! let mut bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
//! let Parse::Done { header, used } = FrameHeader::parse(&bytes)? else {
//!     panic!("the header is complete");
//! };
//! assert!(header.fin);
//! assert_eq!(header.opcode, OpCode::Text);
//! assert_eq!(header.payload_len, 5);
//!
//! let payload = &mut bytes[used..];
//! header.mask.expect("a client's frame").apply(payload);
//! assert_eq!(payload, b"Hello");
//! # Ok::<(), ws_frame::HeaderError>(())
//! ```
//!
//! # Features
//!
//! None is on by default, and none changes what anything does, only how fast it is or what there
//! is.
//!
//! * `std`: finds the processor's vector instructions at run time; implies `alloc`.
//! * `alloc`: `utf8::Utf8Buf` and `MaskKey::append_masked`.
//! * `bytes`: `Utf8Bytes`, a shared string over the `bytes` crate; `Utf8Buf::spare_mut`.
//! * `simdutf8`: checks long text with vector instructions.
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455

#![no_std]
#![deny(missing_docs, unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod close;
mod control;
mod header;
mod mask;
mod opcode;
pub mod utf8;

pub use close::{CloseCode, CloseError, CloseFrame};
pub use control::{ControlPayload, ControlTooLong};
pub use header::{EncodedHeader, FrameHeader, HeaderDecoder, HeaderError, Parse};
pub use mask::MaskKey;
pub use opcode::{OpCode, Rsv};
#[cfg(feature = "bytes")]
pub use utf8::Utf8Bytes;
