//! A message in progress: counted, checked, and assembled in one contiguous buffer.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec;

use ws_frame::utf8::{Spare, Utf8Buf, Validator};
use ws_frame::{FrameHeader, MaskKey};

use super::inbound::{FLUSH_BYTES, encoded_limit};
use crate::extension::Decoder;
use crate::{Config, DataKind, Delivery, Event, Limits, Part, ProtocolError};

/// A message of which some, but not all, has come.
pub(super) struct Partial {
    kind: DataKind,
    /// As it was set when the message began.
    delivery: Delivery,
    /// Whether a chunk of it has been handed out.
    started: bool,
    /// Whether the frame in progress is the last one.
    fin: bool,
    /// Whether extensions must decode it.
    is_encoded: bool,
    frames: u32,
    empty_frames: u32,
    /// Bytes of the frames whose headers have come, this one's included.
    declared: u64,
    /// Of the whole message, decoded.
    limit: u64,
    /// Bytes of chunks that were decoded.
    decoded: u64,
    /// For chunks, which leave at once.
    validator: Validator,
    /// For whole messages.
    buffer: Utf8Buf,
}

impl Partial {
    pub(super) fn new(kind: DataKind, delivery: Delivery) -> Self {
        Self {
            kind,
            delivery,
            started: false,
            fin: false,
            is_encoded: false,
            frames: 0,
            empty_frames: 0,
            declared: 0,
            limit: 0,
            decoded: 0,
            validator: Validator::default(),
            buffer: Utf8Buf::new(),
        }
    }

    pub(super) fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Extensions must decode it. Before its first frame is counted.
    pub(super) fn set_encoded(&mut self) {
        self.is_encoded = true;
    }

    pub(super) fn is_encoded(&self) -> bool {
        self.is_encoded
    }

    /// Counts a frame and holds its declared length against the limit, before any of it is taken.
    pub(super) fn begin_frame(&mut self, limits: &Limits, header: &FrameHeader) -> Result<(), ProtocolError> {
        let limit = if self.is_encoded {
            encoded_limit(limits.max_message).saturating_add(FLUSH_BYTES * u64::from(self.frames))
        } else {
            limits.max_message
        };
        // `declared` never exceeds the limit, which only grows, so the subtraction can't wrap; nothing is added to a peer's length.
        if header.payload_len > limit - self.declared {
            return Err(ProtocolError::MessageTooBig);
        }
        self.declared += header.payload_len;
        self.limit = limits.max_message;
        // Compared before counting: a limit of `MAX` can't wrap.
        if self.frames == limits.max_fragments {
            return Err(ProtocolError::TooManyFragments);
        }
        self.frames += 1;
        let alone = header.fin && self.frames == 1;
        if header.payload_len == 0 && !alone {
            if self.empty_frames == limits.max_empty_fragments {
                return Err(ProtocolError::TooManyEmptyFragments);
            }
            self.empty_frames += 1;
        }
        self.fin = header.fin;
        Ok(())
    }

    /// Whether the message is complete once `remaining` bytes of the frame in progress are missing.
    pub(super) fn ends_with(&self, remaining: u64) -> bool {
        self.fin && remaining == 0
    }

    /// Appends bytes as they came to the whole message, unmasked, and decoded if they must be. `remaining` bytes of the
    /// frame are still to come.
    pub(super) fn push(
        &mut self,
        config: &Config,
        decoder: &mut Option<Box<dyn Decoder>>,
        mask: &mut Option<MaskKey>,
        bytes: &mut [u8],
        remaining: u64,
    ) -> Result<(), ProtocolError> {
        let ended = self.ends_with(remaining);
        match decoder {
            Some(decoder) if self.is_encoded => {
                unmask(mask, bytes);
                self.decode(&config.limits, &mut **decoder, bytes, ended)?;
            }
            _ => {
                // With room for the window that will be asked for next, or it would be moved at once.
                let ahead = if remaining < DIRECT_MIN {
                    0
                } else {
                    at_most(MIN_WINDOW, remaining)
                };
                self.make_room(bytes.len() + ahead, remaining.saturating_add(bytes.len() as u64));
                match mask {
                    Some(key) => {
                        self.buffer.extend_masked(*key, bytes);
                        *key = key.rotated(bytes.len());
                    }
                    None => self.buffer.extend_from_slice(bytes),
                }
            }
        }
        self.check(ended)
    }

    /// Appends what comes of the bytes, block by block, until it is all or over the limit.
    fn decode(
        &mut self,
        limits: &Limits,
        decoder: &mut dyn Decoder,
        mut bytes: &[u8],
        last: bool,
    ) -> Result<(), ProtocolError> {
        // Most messages lie in one block then: each further one costs a call and, now and then, a copy.
        let mut block = bytes.len().saturating_mul(USUAL_RATIO).clamp(MIN_BLOCK, MAX_BLOCK);
        loop {
            // One byte over the limit is enough to see that it is exceeded.
            let allowed = limits.max_message.saturating_add(1) - self.buffer.len() as u64;
            block = usize::try_from(allowed).map_or(block, |allowed| block.min(allowed));
            let progress = decoder.step(bytes, last, self.buffer.spare(block))?;
            bytes = &bytes[progress.read..];
            self.buffer.commit(progress.written);
            if self.buffer.len() as u64 > limits.max_message {
                return Err(ProtocolError::MessageTooBig);
            }
            if progress.done {
                return Ok(());
            }
            self.check(false)?;
            block = self.buffer.len().clamp(MIN_BLOCK, MAX_BLOCK);
        }
    }

    /// Room for the next bytes of the frame: what there is, or as much as the bytes that have come are good for.
    pub(super) fn window(&mut self, remaining: u64) -> &mut [u8] {
        let room = self.make_window(remaining);
        self.buffer.spare(room)
    }

    /// The same, not initialised.
    pub(super) fn window_mut(&mut self, remaining: u64) -> Spare<'_> {
        let room = self.make_window(remaining);
        self.buffer.spare_mut(room)
    }

    fn make_window(&mut self, remaining: u64) -> usize {
        let spare = self.buffer.capacity() - self.buffer.len();
        // Growing later than where the least window begins keeps small reads from moving the buffer each time.
        let is_scant = spare < at_most(MIN_WINDOW / 2, remaining);
        let room = if is_scant { self.growth().max(MIN_WINDOW) } else { spare };
        let room = at_most(room.min(MAX_WINDOW), remaining);
        self.make_room(room, remaining);
        room
    }

    /// The `count` bytes that were written to the window, still masked.
    pub(super) fn commit(&mut self, count: usize) -> &mut [u8] {
        self.buffer.commit(count);
        self.buffer.tail_mut(count)
    }

    /// Checks what has come of a text; at its end no character may be incomplete.
    pub(super) fn check(&mut self, ended: bool) -> Result<(), ProtocolError> {
        if self.kind != DataKind::Text {
            return Ok(());
        }
        self.buffer.check().map_err(|_| ProtocolError::InvalidUtf8)?;
        if ended && self.buffer.checked().len() < self.buffer.len() {
            return Err(ProtocolError::InvalidUtf8);
        }
        Ok(())
    }

    /// The whole message; its buffer goes with it, cut if the message fills less than half of it. (A short one in
    /// fragments keeps its few bytes: cutting them would cost as much as all the rest.)
    pub(super) fn into_event(self) -> Event<'static> {
        let held = self.buffer.capacity();
        let is_roomy = held / 2 > self.buffer.len() && (self.is_encoded || held > FIRST_CAPACITY);
        let capacity = if is_roomy { 0 } else { usize::MAX };
        let into_vec = |buffer: Utf8Buf| {
            let mut bytes = buffer.into_vec();
            bytes.shrink_to(capacity);
            bytes
        };
        match self.kind {
            DataKind::Binary => Event::Binary(Cow::Owned(into_vec(self.buffer))),
            DataKind::Custom(kind) => Event::Custom(kind, Cow::Owned(into_vec(self.buffer))),
            DataKind::Text => match self.buffer.into_string() {
                Ok(mut text) => {
                    text.shrink_to(capacity);
                    Event::Text(Cow::Owned(text))
                }
                // Not reached: `check` has passed on the last frame.
                Err(bytes) => Event::Binary(Cow::Owned(bytes)),
            },
        }
    }

    /// Checks bytes and hands them on as a chunk, unless there is nothing to tell.
    pub(super) fn pass<'i>(&mut self, bytes: &'i [u8], remaining: u64) -> Result<Option<Event<'i>>, ProtocolError> {
        self.chunk(Cow::Borrowed(bytes), self.ends_with(remaining))
    }

    /// Decodes one chunk from the front of the bytes, and says how many it took. `remaining` are behind them.
    ///
    /// What it takes it hands out, so that a caller who has no more input has missed nothing.
    pub(super) fn decode_chunk(
        &mut self,
        config: &Config,
        decoder: &mut Option<Box<dyn Decoder>>,
        bytes: &[u8],
        remaining: u64,
    ) -> Result<(usize, Option<Event<'static>>), ProtocolError> {
        let Some(decoder) = decoder else {
            return Ok((bytes.len(), None));
        };
        let last = self.ends_with(remaining);
        let limit = config.limits.max_message;
        let mut data = vec![0; bytes.len().saturating_mul(USUAL_RATIO).clamp(MIN_BLOCK, MAX_CHUNK)];
        let (mut read, mut written) = (0, 0);
        loop {
            let progress = decoder.step(&bytes[read..], last, &mut data[written..])?;
            read += progress.read;
            written += progress.written;
            self.decoded += progress.written as u64;
            if self.decoded > limit {
                return Err(ProtocolError::MessageTooBig);
            }
            if progress.done {
                data.truncate(written);
                let chunk = self.chunk(Cow::Owned(data), last)?;
                return Ok((read, chunk));
            }
            if written == data.len() {
                if read < bytes.len() {
                    return Ok((read, self.chunk(Cow::Owned(data), false)?));
                }
                data.resize(2 * written, 0);
            }
        }
    }

    fn chunk<'i>(&mut self, data: Cow<'i, [u8]>, last: bool) -> Result<Option<Event<'i>>, ProtocolError> {
        if self.kind == DataKind::Text {
            self.validator.push(&data).map_err(|_| ProtocolError::InvalidUtf8)?;
            if last && !self.validator.is_complete() {
                return Err(ProtocolError::InvalidUtf8);
            }
        }
        if data.is_empty() && !last {
            return Ok(None);
        }
        let first = !self.started;
        self.started = true;
        let part = Part {
            kind: self.kind,
            first,
            last,
        };
        Ok(Some(Event::Chunk(part, data)))
    }

    /// Makes room for `count` more bytes, of the `left` ones that the frame still has.
    fn make_room(&mut self, count: usize, left: u64) {
        if count <= self.buffer.capacity() - self.buffer.len() {
            return;
        }
        // Stopping at the message's known end, or where it would be too long, keeps the last step exact.
        let most = if self.fin {
            left
        } else {
            self.limit.saturating_sub(self.buffer.len() as u64)
        };
        let grown = at_most(self.growth().max(FIRST_CAPACITY), most);
        self.buffer.reserve_exact(grown.max(count));
    }

    /// Room that a peer has paid for with bytes: three more for each. That keeps the copying linear: all moves of a
    /// message together are of at most four thirds of its length.
    fn growth(&self) -> usize {
        self.buffer.len().saturating_mul(3)
    }
}

/// Unmasks the next bytes of a payload.
#[inline]
pub(super) fn unmask(mask: &mut Option<MaskKey>, bytes: &mut [u8]) {
    if let Some(key) = mask {
        key.apply(bytes);
        *key = key.rotated(bytes.len());
    }
}

/// As much as wanted, of `left` bytes.
fn at_most(wanted: usize, left: u64) -> usize {
    usize::try_from(left).map_or(wanted, |left| left.min(wanted))
}

/// The first allocation of a message in small fragments: little for a peer that sends one byte and waits.
const FIRST_CAPACITY: usize = 256;

/// How many times longer an encoded message usually becomes, at most: JSON and the like shrink to a fourth or a sixth.
const USUAL_RATIO: usize = 6;

/// The smallest block that is decoded at once.
const MIN_BLOCK: usize = 256;

/// The largest block of a whole message that is decoded at once.
const MAX_BLOCK: usize = 256 * 1024;

/// The largest chunk that is decoded at once, but for what the decoder makes of bytes it has taken; it is a buffer of
/// its own.
pub(super) const MAX_CHUNK: usize = 16 * 1024;

/// From this many missing bytes on, reading straight into the message saves more than a read that also brings the
/// next frames: the size of a small read buffer.
pub(super) const DIRECT_MIN: u64 = 4096;

/// What the buffer grows by at least for a window: as much may a peer cost that has sent little of a long frame. Most
/// messages that are cut fit, and are never moved then.
const MIN_WINDOW: usize = 16 * 1024;

/// The largest read at once; more would only fault in memory that the kernel can't fill in one call.
const MAX_WINDOW: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use ws_frame::{OpCode, Rsv};

    use super::*;

    /// What every frame of the tests carries.
    const PIECE: [u8; 8] = [7; 8];

    /// A copy of the whole message for every fragment would cost a peer little and us quadratic time.
    #[test]
    fn small_fragments_do_not_move_the_message_each_time() {
        let mut partial = Partial::new(DataKind::Binary, Delivery::Messages);
        let mut moves = 0;
        for _ in 0..100_000 {
            let capacity = partial.buffer.capacity();
            partial.begin_frame(&Limits::default(), &fragment()).unwrap();
            push(&mut partial, &PIECE, 0);
            moves += u32::from(partial.buffer.capacity() != capacity);
        }
        assert!(moves <= 14, "moved {moves} times for 800,000 bytes");
    }

    #[test]
    fn a_peer_that_sends_little_costs_little() {
        let short = DIRECT_MIN - 1;
        for (left, most) in [
            (0, FIRST_CAPACITY),
            (short, FIRST_CAPACITY),
            (1 << 62, MIN_WINDOW + PIECE.len()),
        ] {
            let mut partial = begun(false);
            push(&mut partial, &PIECE, left);
            let capacity = partial.buffer.capacity();
            assert!(capacity <= most, "{capacity} with {left} left");
        }
    }

    /// Bytes that come cost four times as much at most, however the reads divide them, and are seldom moved; there is
    /// always room for a read that is worth its call.
    #[test]
    fn memory_is_paid_for_with_bytes() {
        for step in [10, 1000, 100_000] {
            let mut partial = begun(false);
            let (mut come, mut moves) = (0, 0);
            while come < 1_000_000 {
                let before = partial.buffer.capacity();
                let room = partial.window(1 << 62).len();
                assert!(
                    (MIN_WINDOW / 2..=MAX_WINDOW).contains(&room),
                    "{room} after {come}, by {step}"
                );
                partial.commit(room.min(step));
                come += room.min(step);
                let capacity = partial.buffer.capacity();
                assert!(capacity <= MIN_WINDOW + 4 * come, "{capacity} for {come}, by {step}");
                moves += usize::from(before != capacity);
            }
            assert!(moves <= 6, "moved {moves} times by {step}");
        }
    }

    #[test]
    fn the_window_is_of_use_behind_a_small_fragment() {
        for len in [1, 8, 100] {
            let mut partial = begun(false);
            push(&mut partial, &vec![0; len], 0);
            assert!(partial.window(1 << 20).len() >= MIN_WINDOW / 2, "behind {len}");
            assert_eq!(partial.window(100).len(), 100, "behind {len}");
        }
    }

    /// What is missing of most messages that are cut is read where there is room for it already.
    #[test]
    fn a_cut_message_lies_where_it_will_end() {
        let mut partial = begun(true);
        push(&mut partial, &[0; 2000], 14_384);
        let place = partial.buffer.as_bytes().as_ptr();
        assert_eq!(
            (partial.buffer.capacity(), partial.window(14_384).len()),
            (16_384, 14_384)
        );
        partial.commit(14_384);
        assert_eq!(partial.buffer.as_bytes().as_ptr(), place);
    }

    /// Of a message in many fragments no end is known; that which is allowed is.
    #[test]
    fn a_buffer_never_exceeds_the_limit() {
        let mut partial = begun(false);
        for _ in 0..1024 {
            push(&mut partial, &[0; 1023], 0);
            assert!(partial.buffer.capacity() <= 1 << 20, "{}", partial.buffer.capacity());
        }
        push(&mut partial, &[0; 1024], 0);
        assert_eq!((partial.buffer.len(), partial.buffer.capacity()), (1 << 20, 1 << 20));
    }

    /// Applications keep messages.
    #[test]
    fn a_message_takes_no_more_than_twice_its_memory_along() {
        let mut partial = begun(false);
        for _ in 0..70 {
            push(&mut partial, &[0; 1000], 0);
        }
        assert!(partial.buffer.capacity() > 140_000, "there is something to be cut");
        let Event::Binary(Cow::Owned(message)) = partial.into_event() else {
            panic!("a binary message");
        };
        assert!(message.capacity() <= 140_000, "{}", message.capacity());
    }

    #[test]
    fn the_largest_limits_do_not_wrap() {
        let mut limits = Limits::default();
        limits.max_fragments = u32::MAX;
        limits.max_empty_fragments = u32::MAX;
        let mut empty = fragment();
        empty.payload_len = 0;
        let mut partial = Partial::new(DataKind::Binary, Delivery::Messages);
        partial.frames = u32::MAX - 1;
        partial.empty_frames = u32::MAX;
        assert_eq!(
            partial.begin_frame(&limits, &empty),
            Err(ProtocolError::TooManyEmptyFragments)
        );
        assert_eq!(
            partial.begin_frame(&limits, &fragment()),
            Err(ProtocolError::TooManyFragments)
        );
    }

    /// A message of which a frame has begun.
    fn begun(fin: bool) -> Partial {
        let mut partial = Partial::new(DataKind::Binary, Delivery::Messages);
        let header = FrameHeader { fin, ..fragment() };
        partial.begin_frame(&Limits::default(), &header).unwrap();
        partial
    }

    fn push(partial: &mut Partial, bytes: &[u8], left: u64) {
        let mut bytes = bytes.to_vec();
        partial
            .push(&Config::default(), &mut None, &mut None, &mut bytes, left)
            .unwrap();
    }

    fn fragment() -> FrameHeader {
        FrameHeader {
            fin: false,
            rsv: Rsv::NONE,
            opcode: OpCode::Continuation,
            mask: None,
            payload_len: PIECE.len() as u64,
        }
    }
}
