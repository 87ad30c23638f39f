//! Frame headers: parse, encode, and decode from pieces (RFC 6455 section 5.2).

use core::fmt;
use core::ops::Deref;

use crate::{ControlPayload, MaskKey, OpCode, Rsv};

/// Everything in a frame but its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether this frame ends its message.
    pub fin: bool,
    /// The reserved bits.
    pub rsv: Rsv,
    /// What the frame carries.
    pub opcode: OpCode,
    /// The key the payload is masked with: present in what a client sends, absent in what a
    /// server sends (RFC 6455 section 5.1).
    pub mask: Option<MaskKey>,
    /// The payload's length in bytes, as declared: nothing has been seen of it yet.
    pub payload_len: u64,
}

impl FrameHeader {
    /// The length in bytes of the longest header.
    pub const MAX_LEN: usize = 14;

    /// Reads the header at the start of `bytes`.
    ///
    /// Reserved opcodes and bits are no errors here; see [`OpCode`] and [`Rsv`].
    ///
    /// # Errors
    ///
    /// What can be told to be wrong from this header alone, at the first byte that tells it;
    /// see [`HeaderError`].
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Parse, HeaderError> {
        let [first, second, rest @ ..] = bytes else {
            return parse_first_byte(bytes.first());
        };
        let (fin, rsv, opcode) = split_first(*first);
        let masked = second & MASK_BIT != 0;
        let marker = second & !MASK_BIT;
        if opcode.is_control() {
            check_control(fin, u64::from(marker))?;
        }

        let (payload_len, len_size) = match marker {
            MARKER_16 => match read_len_16(rest)? {
                Some(len) => (len, 2),
                None => return Ok(Parse::Need(full_size(2, masked))),
            },
            MARKER_64 => match read_len_64(rest)? {
                Some(len) => (len, 8),
                None => return Ok(Parse::Need(full_size(8, masked))),
            },
            len => (u64::from(len), 0),
        };
        let used = full_size(len_size, masked);
        let mask = if masked {
            let Some(&[a, b, c, d]) = rest.get(len_size..len_size + MASK_SIZE) else {
                return Ok(Parse::Need(used));
            };
            Some(MaskKey::new([a, b, c, d]))
        } else {
            None
        };
        let header = Self {
            fin,
            rsv,
            opcode,
            mask,
            payload_len,
        };
        Ok(Parse::Done { header, used })
    }

    /// The header as it stands on the wire, with its length in the shortest form.
    ///
    /// # Errors
    ///
    /// When no peer may accept it: a fragmented or oversized control frame, or a length of 2^63
    /// or more. The other errors can't arise here.
    #[inline]
    pub fn encode(&self) -> Result<EncodedHeader, HeaderError> {
        if self.opcode.is_control() {
            check_control(self.fin, self.payload_len)?;
        }
        if self.payload_len > MAX_PAYLOAD_LEN {
            return Err(HeaderError::LengthTopBit);
        }

        // Put together in one register, lowest byte first: stores byte by byte would have to
        // drain before the header could be copied on.
        let first = (u8::from(self.fin) << 7) | (self.rsv.bits() << 4) | self.opcode.as_u8();
        // The casts keep every bit: each stands under a check of the range.
        let (marker, extended, len_size) = match self.payload_len {
            len if len < u64::from(MARKER_16) => (len as u8, 0, 0),
            len if len <= u64::from(u16::MAX) => (MARKER_16, u64::from((len as u16).swap_bytes()), 2),
            len => (MARKER_64, len.swap_bytes(), 8),
        };
        let mut wire = u128::from(first) | (u128::from(marker) << 8) | (u128::from(extended) << 16);
        if let Some(key) = self.mask {
            let key = u128::from(u32::from_le_bytes(key.bytes()));
            wire |= (u128::from(MASK_BIT) << 8) | (key << (8 * (BASE_SIZE + len_size)));
        }

        let mut bytes = [0; Self::MAX_LEN];
        bytes.copy_from_slice(&wire.to_le_bytes()[..Self::MAX_LEN]);
        let len = full_size(len_size, self.mask.is_some()) as u8;
        Ok(EncodedHeader { bytes, len })
    }
}

/// What [`FrameHeader::parse`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parse {
    /// The whole header.
    Done {
        /// The header.
        header: FrameHeader,
        /// How many bytes it took; the payload follows them.
        used: usize,
    },
    /// Only a part of it: the header is at least this many bytes long in all, those given
    /// included.
    Need(usize),
}

/// A header in its wire form, by value; dereferences to its bytes.
#[derive(Clone, Copy)]
pub struct EncodedHeader {
    bytes: [u8; FrameHeader::MAX_LEN],
    len: u8,
}

impl EncodedHeader {
    /// The bytes, 2 to 14 of them.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Deref for EncodedHeader {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for EncodedHeader {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for EncodedHeader {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for EncodedHeader {}

impl fmt::Debug for EncodedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedHeader({:02x?})", self.as_slice())
    }
}

/// Reads headers that arrive in pieces, split at any byte.
///
/// ```
/// use ws_frame::HeaderDecoder;
///
/// let mut decoder = HeaderDecoder::default();
/// assert_eq!(decoder.decode(&mut &[0x82][..])?, None);
/// let mut input = &[0x01, b'x'][..];
/// let header = decoder.decode(&mut input)?.expect("complete by now");
/// assert_eq!(header.payload_len, 1);
/// assert_eq!(input, b"x");
/// # Ok::<(), ws_frame::HeaderError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HeaderDecoder {
    bytes: [u8; FrameHeader::MAX_LEN],
    len: u8,
}

impl HeaderDecoder {
    /// Takes the next header off the front of `input`; the payload is what remains.
    ///
    /// `None` means that all of `input` was taken and the header goes on. With a header, the
    /// decoder is ready for the next one.
    ///
    /// # Errors
    ///
    /// As [`FrameHeader::parse`]. There is no way back into a stream after that: every further
    /// call gives the same error.
    #[inline]
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<FrameHeader>, HeaderError> {
        if self.is_empty() {
            if let Ok(Parse::Done { header, used }) = FrameHeader::parse(input) {
                *input = &input[used..];
                return Ok(Some(header));
            }
        }
        self.decode_pieces(input)
    }

    /// Whether the decoder stands between two headers, having taken no byte of the next.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes only as many bytes as the header is known to have, so that none ever goes back.
    #[cold]
    fn decode_pieces(&mut self, input: &mut &[u8]) -> Result<Option<FrameHeader>, HeaderError> {
        loop {
            let len = usize::from(self.len);
            match FrameHeader::parse(&self.bytes[..len])? {
                Parse::Done { header, .. } => {
                    self.len = 0;
                    return Ok(Some(header));
                }
                Parse::Need(_) if input.is_empty() => return Ok(None),
                Parse::Need(total) => {
                    let taken = (total - len).min(input.len());
                    let (head, rest) = input.split_at(taken);
                    self.bytes[len..len + taken].copy_from_slice(head);
                    self.len += taken as u8;
                    *input = rest;
                }
            }
        }
    }
}

/// A header that no peer may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderError {
    /// The length stands in a longer form than it needs (RFC 6455 section 5.2).
    NonMinimalLength,
    /// The highest bit of a 64-bit length is set (RFC 6455 section 5.2).
    LengthTopBit,
    /// A control frame without FIN (RFC 6455 section 5.5).
    FragmentedControl,
    /// A control frame with more than 125 bytes of payload (RFC 6455 section 5.5).
    OversizedControl,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NonMinimalLength => "frame length is not in its shortest form",
            Self::LengthTopBit => "frame length has its highest bit set",
            Self::FragmentedControl => "control frame is fragmented",
            Self::OversizedControl => "control frame is longer than 125 bytes",
        })
    }
}

impl core::error::Error for HeaderError {}

#[cold]
fn parse_first_byte(first: Option<&u8>) -> Result<Parse, HeaderError> {
    if let Some(&first) = first {
        let (fin, _, opcode) = split_first(first);
        if opcode.is_control() {
            check_control(fin, 0)?;
        }
    }
    Ok(Parse::Need(BASE_SIZE))
}

#[inline]
const fn split_first(first: u8) -> (bool, Rsv, OpCode) {
    let fin = first & FIN_BIT != 0;
    (fin, Rsv::from_bits(first >> 4), OpCode::from_nibble(first))
}

/// RFC 6455 section 5.5. The markers of longer lengths are above the limit too, so they fail
/// before the length itself is read.
#[inline]
const fn check_control(fin: bool, payload_len: u64) -> Result<(), HeaderError> {
    if !fin {
        return Err(HeaderError::FragmentedControl);
    }
    if payload_len > ControlPayload::MAX_LEN as u64 {
        return Err(HeaderError::OversizedControl);
    }
    Ok(())
}

#[inline]
fn read_len_16(bytes: &[u8]) -> Result<Option<u64>, HeaderError> {
    let Some(&[high, low]) = bytes.get(..2) else {
        return Ok(None);
    };
    let len = u64::from(u16::from_be_bytes([high, low]));
    if len < u64::from(MARKER_16) {
        return Err(HeaderError::NonMinimalLength);
    }
    Ok(Some(len))
}

#[inline]
fn read_len_64(bytes: &[u8]) -> Result<Option<u64>, HeaderError> {
    if bytes.first().is_some_and(|high| high & 0x80 != 0) {
        return Err(HeaderError::LengthTopBit);
    }
    // Six leading zeros leave 16 bits, which have a shorter form.
    if bytes.get(..6) == Some(&[0; 6]) {
        return Err(HeaderError::NonMinimalLength);
    }
    let len = bytes.first_chunk::<8>();
    Ok(len.map(|bytes| u64::from_be_bytes(*bytes)))
}

/// The size of a whole header with that many bytes of extended length.
#[inline]
const fn full_size(len_size: usize, masked: bool) -> usize {
    BASE_SIZE + len_size + if masked { MASK_SIZE } else { 0 }
}

const FIN_BIT: u8 = 0x80;
const MASK_BIT: u8 = 0x80;
/// The 7-bit length that announces 16 bits of length.
const MARKER_16: u8 = 126;
/// The 7-bit length that announces 64 bits of length.
const MARKER_64: u8 = 127;
/// RFC 6455 section 5.2: the most significant bit of a 64-bit length is zero.
const MAX_PAYLOAD_LEN: u64 = u64::MAX >> 1;
/// The bytes every header has.
const BASE_SIZE: usize = 2;
const MASK_SIZE: usize = 4;
