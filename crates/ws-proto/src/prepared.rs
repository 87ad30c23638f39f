//! Messages framed once and sent many times.

use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use crate::send::frame_header;
use crate::{DataKind, Payload, Utf8Bytes};

/// A message that is framed once and can be sent over any number of connections: what a broadcast needs.
///
/// A clone shares the bytes.
#[derive(Clone)]
pub struct Prepared {
    /// The payload's part of the frame, if it is text.
    text: Option<Utf8Bytes>,
    frame: Bytes,
    header_len: usize,
}

impl Prepared {
    /// Frames a message.
    pub fn new<'a>(payload: impl Into<Payload<'a>>) -> Self {
        let payload = payload.into();
        let bytes = payload.as_bytes();
        let header = frame_header(payload.kind().opcode(), true, None, bytes.len());
        let mut frame = Vec::with_capacity(header.len() + bytes.len());
        frame.extend_from_slice(&header);
        frame.extend_from_slice(bytes);
        let frame = Bytes::from(frame);
        let text = match payload {
            // It was a `str`, so it is UTF-8: the second look costs less than a second copy would hold.
            Payload::Text(_) => Utf8Bytes::try_from(frame.slice(header.len()..)).ok(),
            Payload::Binary(_) => None,
        };
        Self {
            text,
            frame,
            header_len: header.len(),
        }
    }

    /// Text or binary.
    pub fn kind(&self) -> DataKind {
        if self.text.is_some() {
            DataKind::Text
        } else {
            DataKind::Binary
        }
    }

    /// The message.
    pub fn payload(&self) -> Payload<'_> {
        match &self.text {
            Some(text) => Payload::Text(text.as_str()),
            None => Payload::Binary(&self.frame[self.header_len..]),
        }
    }

    /// The frame as a server sends it.
    pub(crate) fn frame(&self) -> &Bytes {
        &self.frame
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("kind", &self.kind())
            .field("len", &(self.frame.len() - self.header_len))
            .finish()
    }
}
