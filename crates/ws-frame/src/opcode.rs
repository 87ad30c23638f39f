//! The low and high half of a frame's first byte: opcodes and reserved bits.

use core::ops::BitOr;

/// What a frame carries (RFC 6455 section 5.2).
///
/// All sixteen values can be held, the reserved ones too: whether one of those is an error is for
/// the layer above to say, which knows what has been negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OpCode {
    /// A further part of a fragmented message.
    Continuation = 0,
    /// A message of UTF-8 text, or its first part.
    Text = 1,
    /// A message of bytes, or its first part.
    Binary = 2,
    /// Reserved for a further kind of data.
    Reserved3 = 3,
    /// Reserved for a further kind of data.
    Reserved4 = 4,
    /// Reserved for a further kind of data.
    Reserved5 = 5,
    /// Reserved for a further kind of data.
    Reserved6 = 6,
    /// Reserved for a further kind of data.
    Reserved7 = 7,
    /// The end of the conversation.
    Close = 8,
    /// A question to be answered by a [`Pong`](Self::Pong) with the same payload.
    Ping = 9,
    /// The answer to a [`Ping`](Self::Ping), or an unasked sign of life.
    Pong = 10,
    /// Reserved for a further kind of control frame.
    Reserved11 = 11,
    /// Reserved for a further kind of control frame.
    Reserved12 = 12,
    /// Reserved for a further kind of control frame.
    Reserved13 = 13,
    /// Reserved for a further kind of control frame.
    Reserved14 = 14,
    /// Reserved for a further kind of control frame.
    Reserved15 = 15,
}

impl OpCode {
    /// The opcode in the low four bits; the high four are ignored.
    #[must_use]
    #[inline]
    pub const fn from_nibble(bits: u8) -> Self {
        match bits & 0x0F {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            3 => Self::Reserved3,
            4 => Self::Reserved4,
            5 => Self::Reserved5,
            6 => Self::Reserved6,
            7 => Self::Reserved7,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            11 => Self::Reserved11,
            12 => Self::Reserved12,
            13 => Self::Reserved13,
            14 => Self::Reserved14,
            _ => Self::Reserved15,
        }
    }

    /// The opcode as it stands on the wire, `0..=15`.
    #[must_use]
    #[inline]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// Whether this is a control frame's opcode, reserved ones included (RFC 6455 section 5.5:
    /// the highest bit says so).
    #[must_use]
    #[inline]
    pub const fn is_control(self) -> bool {
        self.as_u8() & 0x08 != 0
    }

    /// Whether RFC 6455 leaves this opcode for later.
    #[must_use]
    #[inline]
    pub const fn is_reserved(self) -> bool {
        matches!(self.as_u8(), 3..=7 | 11..=15)
    }
}

/// The three reserved bits of a frame (RFC 6455 section 5.2).
///
/// They are zero unless an extension gave them a meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rsv(u8);

impl Rsv {
    /// No bit set.
    pub const NONE: Self = Self(0b000);
    /// The first bit; with permessage-deflate: this message is compressed.
    pub const RSV1: Self = Self(0b100);
    /// The second bit.
    pub const RSV2: Self = Self(0b010);
    /// The third bit.
    pub const RSV3: Self = Self(0b001);

    /// The bits from a number, where RSV1 is `0b100`; higher bits are ignored.
    #[must_use]
    #[inline]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0b111)
    }

    /// The bits as a number `0..=7`, where RSV1 is `0b100`.
    #[must_use]
    #[inline]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all bits of `other` are set in `self`.
    #[must_use]
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is set in `self`.
    #[must_use]
    #[inline]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The bits of `self` that are not set in `other`.
    #[must_use]
    #[inline]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether no bit is set.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Rsv {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
