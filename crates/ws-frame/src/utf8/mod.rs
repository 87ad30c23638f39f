//! UTF-8: checked whole, checked as it arrives, and kept together with what is known of it.

#[cfg(feature = "alloc")]
mod buf;
#[cfg(feature = "bytes")]
mod bytes;
mod validator;

#[cfg(feature = "alloc")]
pub use self::buf::Utf8Buf;
pub use self::validator::{InvalidUtf8, Validator, validate};
#[cfg(feature = "bytes")]
pub use self::{buf::Spare, bytes::Utf8Bytes};
