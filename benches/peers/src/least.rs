//! The least that an answer takes: it is made where the input lies, and nothing is checked.

use ws_frame::MaskKey;

use crate::RESPONSE;

/// What is kept of a connection between reads.
#[derive(Debug, Default)]
pub enum State {
    /// Nothing has come yet.
    #[default]
    Handshake,
    /// This much of a header has come.
    Header(Vec<u8>),
    /// So much of a payload is to come.
    Payload(MaskKey, usize),
}

impl State {
    /// Makes the answer to `count` bytes behind the headroom where they lie. Says whether they held a Close.
    pub fn answer<'a>(&mut self, buffer: &'a mut [u8], count: usize) -> (&'a [u8], bool) {
        let end = HEADROOM + count;
        let mut at = HEADROOM;
        if let Self::Handshake = self {
            *self = Self::Header(Vec::new());
            return (RESPONSE, false);
        }
        if let Self::Header(cut) = self {
            at -= cut.len();
            buffer[at..HEADROOM].copy_from_slice(cut);
            cut.clear();
        }
        // An answer has no key, so its header fits where its key lay; those that follow move up behind it.
        let in_header = matches!(self, Self::Header(_));
        let start = at + if in_header { KEY } else { 0 };
        let (mut to, mut closing) = (start, false);
        while at < end {
            let (key, left) = match *self {
                Self::Payload(key, left) => (key, left),
                _ => {
                    let Some((size, length)) = header(&buffer[at..end]) else {
                        *self = Self::Header(buffer[at..end].to_vec());
                        break;
                    };
                    closing |= buffer[at] & 0x0F == 8;
                    let key = &buffer[at + size - KEY..at + size];
                    let key = MaskKey::new(key.try_into().expect("four bytes"));
                    buffer[at + 1] &= 0x7F;
                    buffer.copy_within(at..at + size - KEY, to);
                    at += size;
                    to += size - KEY;
                    (key, length)
                }
            };
            let count = left.min(end - at);
            key.apply(&mut buffer[at..at + count]);
            if to < at {
                buffer.copy_within(at..at + count, to);
            }
            at += count;
            to += count;
            *self = if count < left {
                Self::Payload(key.rotated(count), left - count)
            } else {
                Self::Header(Vec::new())
            };
        }
        (&buffer[start..to.max(start)], closing)
    }
}

/// A buffer: input is read to behind the [`HEADROOM`].
pub fn room() -> Vec<u8> {
    vec![0; HEADROOM + READ]
}

/// The size of a client's header and of its payload, if the header is whole.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let (size, length) = match bytes.get(1)? & 0x7F {
        126 => (8, u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?).into()),
        127 => (14, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize),
        short => (6, short.into()),
    };
    (bytes.len() >= size).then_some((size, length))
}

/// Room for a header whose beginning came with the read before.
pub const HEADROOM: usize = 16;

/// As much as a socket has at once, for large messages.
const READ: usize = 256 << 10;

const KEY: usize = 4;
