//! What only some senders have: masks, an encoder, kinds of messages beyond text and binary.

use alloc::boxed::Box;

use ws_frame::{MaskKey, OpCode, Rsv};

use super::MaskSource;
use crate::extension::Encoder;
use crate::{Config, CustomKind, SendError};

/// In a box of its own, so that a plain server's connection has none of it.
#[derive(Default)]
pub(super) struct Special {
    /// A client's source of masks; a server has none.
    masks: Option<Box<dyn MaskSource>>,
    encoder: Option<Box<dyn Encoder>>,
    /// The reserved bits of the encoder.
    encoder_bits: Rsv,
    /// The reserved bits that the application may set.
    reserved_bits: Rsv,
    /// The registered opcodes: bit 3 for opcode 3, and so on.
    opcodes: u16,
}

impl Special {
    /// `None` if there is nothing special.
    pub(super) fn new(config: &Config, masks: Option<Box<dyn MaskSource>>) -> Option<Box<Self>> {
        let is_plain = masks.is_none() && config.opcodes.is_empty() && config.reserved_bits.is_empty();
        (!is_plain).then(|| {
            let registered = (0..16u8).filter(|&opcode| config.opcodes.contains(OpCode::from_nibble(opcode)));
            Box::new(Self {
                masks,
                reserved_bits: config.reserved_bits,
                opcodes: registered.fold(0, |all, opcode| all | 1 << opcode),
                ..Self::default()
            })
        })
    }

    pub(super) fn extend(&mut self, encoder: Box<dyn Encoder>, bits: Rsv) {
        self.encoder = Some(encoder);
        self.encoder_bits = bits;
    }

    #[inline]
    pub(super) fn next_key(&mut self) -> Option<MaskKey> {
        self.masks.as_mut().map(|masks| MaskKey::new(masks.next_mask()))
    }

    pub(super) fn must_mask(&self) -> bool {
        self.masks.is_some()
    }

    pub(super) fn has_encoder(&self) -> bool {
        self.encoder.is_some()
    }

    pub(super) fn encoder(&mut self) -> Option<&mut (dyn Encoder + 'static)> {
        self.encoder.as_deref_mut()
    }

    /// Whether this kind is one that the configuration allows.
    pub(super) fn check(&self, kind: CustomKind) -> Result<(), SendError> {
        let opcode = kind.opcode();
        if opcode.is_reserved() && self.opcodes & 1 << opcode.as_u8() == 0 {
            return Err(SendError::Opcode(opcode.as_u8()));
        }
        if !kind
            .rsv()
            .without(self.reserved_bits.without(self.encoder_bits))
            .is_empty()
        {
            return Err(SendError::ReservedBits);
        }
        Ok(())
    }
}
