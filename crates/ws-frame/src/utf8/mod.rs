//! UTF-8: checked whole, checked as it arrives, and kept together with what is known of it.

#[cfg(feature = "alloc")]
mod buf;
#[cfg(feature = "bytes")]
mod bytes;
mod validator;

#[cfg(feature = "alloc")]
pub use self::buf::Utf8Buf;
#[cfg(feature = "bytes")]
pub use self::bytes::Utf8Bytes;
pub use self::validator::{InvalidUtf8, Validator, validate};
