//! What both sides agreed on.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use ws_frame::Rsv;

use super::chain::{DecoderChain, EncoderChain};
use super::{Codec, Decoder, Encoder, Extension, Parameters};
use crate::Role;

/// The extensions that both sides agreed on, in the order in which they transform what is sent (RFC 6455 §9.1).
///
/// Its `Display` is the value of the server's `Sec-WebSocket-Extensions`.
#[derive(Clone, Default)]
pub struct Agreed {
    list: Vec<(Arc<dyn Extension>, Parameters)>,
}

impl Agreed {
    /// Whether nothing was agreed on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Names and parameters.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Parameters)> {
        self.list
            .iter()
            .map(|(extension, parameters)| (extension.name(), parameters))
    }

    /// The parameters of the extension of this name, if it was agreed on.
    #[must_use]
    pub fn parameters(&self, name: &str) -> Option<&Parameters> {
        let (_, parameters) = self.iter().find(|(known, _)| *known == name)?;
        Some(parameters)
    }

    pub(super) fn push(&mut self, extension: Arc<dyn Extension>, parameters: Parameters) {
        self.list.push((extension, parameters));
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.parameters(name).is_some()
    }

    /// The reserved bits of all of them.
    pub(crate) fn bits(&self) -> Rsv {
        let all = self.list.iter().map(|(extension, _)| extension.bits());
        all.fold(Rsv::NONE, |all, bits| all | bits)
    }

    /// The two halves for a connection, composed of all extensions; `None` if there are none.
    pub(crate) fn start(&self, role: Role) -> Option<Codec> {
        let mut codecs = self
            .list
            .iter()
            .map(|(extension, parameters)| (extension.bits(), extension.start(role, parameters)));
        let first = codecs.next()?;
        let (_, codec) = codecs.fold(first, |(bits, codec), (next_bits, next)| {
            let encoder: Box<dyn Encoder> = Box::new(EncoderChain::new(codec.encoder, next.encoder));
            let decoder: Box<dyn Decoder> =
                Box::new(DecoderChain::new((codec.decoder, bits), (next.decoder, next_bits)));
            (bits | next_bits, Codec { encoder, decoder })
        });
        Some(codec)
    }
}

/// Equal if the names, parameters and their order are.
impl PartialEq for Agreed {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Agreed {}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, parameters)) in self.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{name}{parameters}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Agreed({self})")
    }
}
