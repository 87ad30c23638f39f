//! The tester's own idea of frames: apart from the code under test, and as simple as can be.

/// A frame with the length in its shortest form, masked or not.
pub(crate) fn write(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(masked | len as u8),
        len @ 126..=0xffff => {
            bytes.push(masked | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(masked | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    let key = mask.unwrap_or_default();
    bytes.extend(mask.iter().flatten());
    bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
    bytes
}

/// A frame that came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) masked: bool,
    pub(crate) payload: Vec<u8>,
}

/// Takes a frame off the front of `bytes`, if there is a whole one.
pub(crate) fn read(bytes: &mut Vec<u8>) -> Option<Frame> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (len, mut at) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        len => (u64::from(len), 2),
    };
    let masked = second & 0x80 != 0;
    let mut key = [0; 4];
    if masked {
        key = bytes.get(at..at + 4)?.try_into().ok()?;
        at += 4;
    }
    let end = at.checked_add(usize::try_from(len).ok()?)?;
    let payload = bytes
        .get(at..end)?
        .iter()
        .enumerate()
        .map(|(at, byte)| byte ^ key[at % 4])
        .collect();
    bytes.drain(..end);
    Some(Frame { first, masked, payload })
}
