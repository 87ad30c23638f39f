//! Messages framed once and sent many times.

#[cfg(feature = "std")]
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
#[cfg(feature = "std")]
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use ws_frame::Rsv;

use crate::extension::Encoder;
#[cfg(feature = "std")]
use crate::extension::Form;
use crate::send::FrameStart;
use crate::{Compression, DataKind, Payload, Utf8Bytes};

/// A message that is framed once and can be sent over any number of connections: what a broadcast needs.
///
/// On connections that have agreed on compression it is compressed once for all that agreed on the same parameters, at
/// the first of them, by itself: without the context of earlier messages. (Without the `std` feature, each connection
/// compresses it for itself.) One with context takeover starts its context anew after it, so that broadcasting
/// servers do better without context takeover.
///
/// A clone shares the bytes.
#[derive(Clone)]
pub struct Prepared {
    kind: DataKind,
    /// The payload's part of the frame, if it is text.
    text: Option<Utf8Bytes>,
    plain: PreparedForm,
    compression: Compression,
    /// What extensions made of it.
    #[cfg(feature = "std")]
    encoded: Arc<Mutex<Vec<(Form, PreparedForm)>>>,
}

/// A whole frame as a server sends it.
#[derive(Clone)]
pub(crate) struct PreparedForm {
    pub(crate) start: FrameStart,
    pub(crate) frame: Bytes,
    pub(crate) header_len: usize,
}

impl Prepared {
    /// Frames a message. A custom control frame that is too long comes to light when it is sent.
    pub fn new<'a>(payload: impl Into<Payload<'a>>) -> Self {
        Self::new_with(payload, Compression::Auto)
    }

    /// Frames a message, with a choice of compression for it.
    pub fn new_with<'a>(payload: impl Into<Payload<'a>>, compression: Compression) -> Self {
        let payload = payload.into();
        let plain = PreparedForm::new(payload.kind(), Rsv::NONE, payload.as_bytes());
        let text = match payload {
            // It was a `str`, so it is UTF-8: the second look costs less than a second copy would hold.
            Payload::Text(_) => Utf8Bytes::try_from(plain.payload()).ok(),
            Payload::Binary(_) | Payload::Custom(..) => None,
        };
        Self {
            kind: payload.kind(),
            text,
            plain,
            compression,
            #[cfg(feature = "std")]
            encoded: Arc::default(),
        }
    }

    /// Text, binary or custom.
    pub fn kind(&self) -> DataKind {
        self.kind
    }

    /// The message.
    pub fn payload(&self) -> Payload<'_> {
        let bytes = &self.plain.frame[self.plain.header_len..];
        match (self.kind, &self.text) {
            (_, Some(text)) => Payload::Text(text.as_str()),
            (DataKind::Custom(kind), None) => Payload::Custom(kind, bytes),
            (DataKind::Text | DataKind::Binary, None) => Payload::Binary(bytes),
        }
    }

    /// The length of the message in bytes, before any encoding.
    pub fn len(&self) -> usize {
        self.plain.frame.len() - self.plain.header_len
    }

    /// Whether the message has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The choice that was made for it.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    pub(crate) fn plain_form(&self) -> &PreparedForm {
        &self.plain
    }

    /// What the encoder makes of it, if another one can use the same.
    #[cfg(feature = "std")]
    pub(crate) fn encoded_form(&self, encoder: &mut (dyn Encoder + 'static)) -> Option<PreparedForm> {
        let form = encoder.form()?;
        // Whoever panicked meanwhile has pushed nothing.
        let mut encoded = self.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = encoded.iter().find(|(known, _)| *known == form) {
            return Some(known.clone());
        }
        let mut payload = Vec::new();
        let bits = encoder.encode_alone(self.kind, self.payload().as_bytes(), self.compression, &mut payload);
        let made = if bits.is_empty() {
            self.plain.clone()
        } else {
            PreparedForm::new(self.kind, bits, &payload)
        };
        if encoded.len() < MAX_FORMS {
            encoded.push((form, made.clone()));
        }
        Some(made)
    }

    /// How many encoded forms it keeps.
    #[cfg(all(test, feature = "deflate"))]
    pub(crate) fn forms(&self) -> usize {
        self.encoded.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    #[cfg(not(feature = "std"))]
    pub(crate) fn encoded_form(&self, _: &mut (dyn Encoder + 'static)) -> Option<PreparedForm> {
        None
    }
}

impl PreparedForm {
    fn new(kind: DataKind, bits: Rsv, payload: &[u8]) -> Self {
        let mut start = FrameStart::message(kind);
        start.rsv = start.rsv | bits;
        // What is too long for a control frame has no header, and every connection refuses it.
        let header = start.try_header(None, payload.len()).ok();
        let header = header.as_deref().unwrap_or_default();
        let mut frame = Vec::with_capacity(header.len() + payload.len());
        frame.extend_from_slice(header);
        frame.extend_from_slice(payload);
        Self {
            start,
            frame: frame.into(),
            header_len: header.len(),
        }
    }

    fn payload(&self) -> Bytes {
        self.frame.slice(self.header_len..)
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("kind", &self.kind())
            .field("len", &self.len())
            .finish()
    }
}

/// How many encoded forms are kept: one for each window size and some to spare. Peers choose parameters, so that there
/// could be many.
#[cfg(feature = "std")]
const MAX_FORMS: usize = 16;
