//! From bytes to events: frame headers, unmasking, control frames, the order of frames.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use ws_frame::utf8::{self, Spare};
use ws_frame::{CloseFrame, FrameHeader, HeaderDecoder, MaskKey, OpCode, Parse, Rsv};

use super::partial::{DIRECT_MIN, MAX_CHUNK, Partial, unmask};
use crate::extension::Decoder;
use crate::{Config, CustomKind, DataKind, Delivery, Event, Input, Message, Payload, ProtocolError, Role, Utf8Bytes};

/// The state of receiving. Idle, it holds no buffer: a cut header is kept inline, a message in progress and a cut
/// control frame in boxes that exist only meanwhile.
pub(super) struct Inbound {
    role: Role,
    delivery: Delivery,
    /// The reserved bits by which extensions mark messages.
    bits: Rsv,
    /// How many messages have been in progress, wrapping: tells one from the next.
    messages: u32,
    state: State,
    partial: Option<Box<Partial>>,
    control: Option<Box<PartialControl>>,
    /// What the extensions make of marked messages.
    decoder: Option<Box<dyn Decoder>>,
}

#[derive(Clone, Copy)]
enum State {
    /// Between frames: no byte of a header has come.
    Boundary,
    /// Inside a header.
    Header(HeaderDecoder),
    /// Inside the payload of a data frame.
    Data(FrameRest),
    /// Inside the payload of a control frame.
    Control,
    /// The peer's Close has come; whatever follows is ignored (RFC 6455 §1.4).
    Closed,
    /// The peer broke the protocol; whatever follows is ignored.
    Failed(ProtocolError),
}

/// What is missing of a data frame.
#[derive(Clone, Copy)]
struct FrameRest {
    len: u64,
    /// For the next byte.
    mask: Option<MaskKey>,
}

/// A control frame cut by the end of the input.
struct PartialControl {
    header: FrameHeader,
    /// At most 125 bytes (RFC 6455 §5.5).
    bytes: Vec<u8>,
}

impl Inbound {
    pub(super) fn new(role: Role, delivery: Delivery) -> Self {
        Self {
            role,
            delivery,
            bits: Rsv::NONE,
            messages: 0,
            state: State::Boundary,
            partial: None,
            control: None,
            decoder: None,
        }
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn set_delivery(&mut self, delivery: Delivery) {
        self.delivery = delivery;
    }

    /// From the next message on, those marked with any of the bits are decoded.
    pub(super) fn extend(&mut self, decoder: Box<dyn Decoder>, bits: Rsv) {
        self.decoder = Some(decoder);
        self.bits = bits;
    }

    /// Which message is in progress, if one is.
    pub(super) fn message_in_progress(&self) -> Option<u32> {
        self.partial.as_ref().map(|_| self.messages)
    }

    /// Whether the peer broke the protocol.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }

    /// The common case: a message in one frame that lies whole in the input. `None` says nothing but that the
    /// general way must be taken; only the payload's text having failed changes the state then.
    #[inline]
    pub(super) fn whole_message<'i>(&mut self, config: &Config, input: &mut Input<'i>) -> Option<Payload<'i>> {
        let (header, payload) = self.whole_frame(config, input)?;
        if let Some(key) = header.mask {
            key.apply(payload);
        }
        if header.opcode == OpCode::Binary {
            return Some(Payload::Binary(payload));
        }
        match utf8::validate(payload) {
            Ok(text) => Some(Payload::Text(text)),
            Err(_) => {
                self.fail(ProtocolError::InvalidUtf8);
                None
            }
        }
    }

    /// The same, unmasked on its way to memory of its own.
    #[inline]
    pub(super) fn whole_message_copied(&mut self, config: &Config, input: &mut Input<'_>) -> Option<Message> {
        let (header, payload) = self.whole_frame(config, input)?;
        let mut copied = Vec::with_capacity(payload.len());
        match header.mask {
            Some(key) => key.append_masked(payload, &mut copied),
            None => copied.extend_from_slice(payload),
        }
        if header.opcode == OpCode::Binary {
            return Some(Message::Binary(copied.into()));
        }
        match Utf8Bytes::try_from(copied) {
            Ok(text) => Some(Message::Text(text)),
            Err(_) => {
                self.fail(ProtocolError::InvalidUtf8);
                None
            }
        }
    }

    /// A text or binary message in one frame that lies whole in the input, still masked; `None` changes nothing.
    #[inline]
    fn whole_frame<'i>(&self, config: &Config, input: &mut Input<'i>) -> Option<(FrameHeader, &'i mut [u8])> {
        if !matches!(self.state, State::Boundary) || self.delivery != Delivery::Messages || self.partial.is_some() {
            return None;
        }
        let Ok(Parse::Done { header, used }) = FrameHeader::parse(input.bytes()) else {
            return None;
        };
        if !matches!(header.opcode, OpCode::Text | OpCode::Binary)
            || !header.fin
            || !header.rsv.is_empty()
            || header.payload_len > (input.len() - used) as u64
            || header.payload_len > config.limits.max_message
            || self.check_frame(config, &header).is_err()
        {
            return None;
        }
        input.take(used);
        // In range: compared with the input's length above.
        Some((header, input.take(header.payload_len as usize)))
    }

    /// Takes bytes off the input up to the end of the next event, whatever comes: cut frames, fragments, chunks,
    /// control frames, errors.
    pub(super) fn next_event<'i>(
        &mut self,
        config: &Config,
        input: &mut Input<'i>,
    ) -> Result<Option<Event<'i>>, ProtocolError> {
        loop {
            let event = match self.state {
                State::Closed => {
                    input.clear();
                    return Ok(None);
                }
                State::Failed(error) => {
                    input.clear();
                    return Err(error);
                }
                State::Boundary if input.is_empty() => return Ok(None),
                State::Boundary => self.take_header(config, HeaderDecoder::default(), input)?,
                State::Header(_) if input.is_empty() => return Ok(None),
                State::Header(decoder) => self.take_header(config, decoder, input)?,
                State::Data(rest) if rest.len > 0 && input.is_empty() => return Ok(None),
                State::Data(rest) => self.take_data(config, rest, input)?,
                State::Control => return self.take_control(input),
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    fn take_header<'i>(
        &mut self,
        config: &Config,
        mut decoder: HeaderDecoder,
        input: &mut Input<'i>,
    ) -> Result<Option<Event<'i>>, ProtocolError> {
        let mut bytes = input.bytes();
        let decoded = decoder.decode(&mut bytes);
        let used = input.len() - bytes.len();
        input.take(used);
        let Some(header) = decoded.map_err(|error| self.fail(error.into()))? else {
            self.state = State::Header(decoder);
            return Ok(None);
        };
        self.check_frame(config, &header).map_err(|error| self.fail(error))?;
        if header.opcode.is_control() {
            self.begin_control(header, input)
        } else {
            self.begin_data(config, &header, input)
                .map_err(|error| self.fail(error))
        }
    }

    /// What can be held against a header, given the message in progress.
    #[inline]
    fn check_frame(&self, config: &Config, header: &FrameHeader) -> Result<(), ProtocolError> {
        if !header.rsv.is_empty() {
            self.check_bits(config, header)?;
        }
        if header.opcode.is_reserved() && !config.opcodes.contains(header.opcode) {
            return Err(ProtocolError::ReservedOpcode(header.opcode.as_u8()));
        }
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(ProtocolError::Unmasked),
            (Role::Client, Some(_)) => return Err(ProtocolError::Masked),
            (Role::Server, Some(_)) | (Role::Client, None) => {}
        }
        if header.payload_len > config.limits.max_frame && !header.opcode.is_control() {
            self.check_encoded_len(config, header)?;
        }
        Ok(())
    }

    /// Reserved bits belong to a message, so they stand in its first frame only; those of extensions to data, those of the
    /// application to whatever it has a kind for.
    #[cold]
    fn check_bits(&self, config: &Config, header: &FrameHeader) -> Result<(), ProtocolError> {
        let allowed = match header.opcode {
            OpCode::Continuation | OpCode::Close | OpCode::Ping | OpCode::Pong => Rsv::NONE,
            opcode if opcode.is_control() => config.reserved_bits.without(self.bits),
            _ => config.reserved_bits | self.bits,
        };
        if header.rsv.without(allowed).is_empty() {
            Ok(())
        } else {
            Err(ProtocolError::ReservedBits)
        }
    }

    /// An encoded frame may be somewhat longer than what is in it.
    #[cold]
    fn check_encoded_len(&self, config: &Config, header: &FrameHeader) -> Result<(), ProtocolError> {
        let is_encoded = match header.opcode {
            OpCode::Continuation => self.partial.as_ref().is_some_and(|partial| partial.is_encoded()),
            _ => header.rsv.intersects(self.bits),
        };
        if is_encoded && header.payload_len <= encoded_limit(config.limits.max_frame) {
            Ok(())
        } else {
            Err(ProtocolError::FrameTooBig)
        }
    }

    fn begin_data<'i>(
        &mut self,
        config: &Config,
        header: &FrameHeader,
        input: &mut Input<'i>,
    ) -> Result<Option<Event<'i>>, ProtocolError> {
        match (data_kind(header, self.bits), &mut self.partial) {
            (None, Some(partial)) => partial.begin_frame(&config.limits, header)?,
            (Some(_), Some(_)) => return Err(ProtocolError::InterleavedMessage),
            (None, None) => return Err(ProtocolError::UnexpectedContinuation),
            (Some(kind), None) => {
                let mut partial = Partial::new(kind, self.delivery);
                if let Some(decoder) = self.decoder.as_mut().filter(|_| header.rsv.intersects(self.bits)) {
                    decoder.begin(header.rsv, kind)?;
                    partial.set_encoded();
                }
                partial.begin_frame(&config.limits, header)?;
                if header.fin && self.delivery == Delivery::Messages && header.payload_len <= input.len() as u64 {
                    // Whole in the input, as most are: it needs no box.
                    let bytes = input.take(header.payload_len as usize);
                    partial.push(config, &mut self.decoder, &mut header.mask.clone(), bytes, 0)?;
                    self.state = State::Boundary;
                    return Ok(Some(partial.into_event()));
                }
                self.messages = self.messages.wrapping_add(1);
                self.partial = Some(Box::new(partial));
            }
        }
        self.state = State::Data(FrameRest {
            len: header.payload_len,
            mask: header.mask,
        });
        Ok(None)
    }

    /// Takes what the input holds of the data frame in progress.
    fn take_data<'i>(
        &mut self,
        config: &Config,
        mut rest: FrameRest,
        input: &mut Input<'i>,
    ) -> Result<Option<Event<'i>>, ProtocolError> {
        let Some(partial) = &mut self.partial else {
            return Ok(None);
        };
        let count = usize::try_from(rest.len).map_or(input.len(), |len| len.min(input.len()));
        let left = rest.len - count as u64;
        let chunk = match partial.delivery() {
            Delivery::Chunks if partial.is_encoded() => {
                // What the decoder has no room for stays in the input, masked as it came. Not all of a long input is
                // offered: it would be unmasked and masked again for every chunk.
                let count = count.min(MAX_CHUNK);
                let left = rest.len - count as u64;
                let bytes = input.front_mut(count);
                unmask(&mut rest.mask.clone(), bytes);
                let (read, chunk) = match partial.decode_chunk(config, &mut self.decoder, bytes, left) {
                    Ok(decoded) => decoded,
                    Err(error) => return Err(self.fail(error)),
                };
                rest.mask = rest.mask.map(|key| key.rotated(read));
                unmask(&mut rest.mask.clone(), &mut bytes[read..]);
                input.take(read);
                rest.len -= read as u64;
                Ok(chunk)
            }
            delivery => {
                let bytes = input.take(count);
                rest.len = left;
                match delivery {
                    Delivery::Messages => partial
                        .push(config, &mut self.decoder, &mut rest.mask, bytes, left)
                        .map(|()| None),
                    Delivery::Chunks => {
                        unmask(&mut rest.mask, bytes);
                        partial.pass(bytes, left)
                    }
                }
            }
        };
        let chunk = chunk.map_err(|error| self.fail(error))?;
        Ok(self.end_data(rest).or(chunk))
    }

    /// Where the transport may write payload without a detour: see [`Receiver::direct_window`](super::Receiver).
    pub(super) fn direct_window(&mut self) -> Option<&mut [u8]> {
        self.direct().map(|(partial, left)| partial.window(left))
    }

    /// The same, not initialised.
    pub(super) fn direct_buf(&mut self) -> Option<Spare<'_>> {
        self.direct().map(|(partial, left)| partial.window_mut(left))
    }

    /// The message that payload may be written to, and how much the frame in progress still has of it.
    fn direct(&mut self) -> Option<(&mut Partial, u64)> {
        let State::Data(rest) = self.state else {
            return None;
        };
        let partial = self
            .partial
            .as_mut()
            .filter(|partial| partial.delivery() == Delivery::Messages && !partial.is_encoded())?;
        (rest.len >= DIRECT_MIN).then_some((&mut **partial, rest.len))
    }

    /// Takes over `count` bytes that were written to the window.
    pub(super) fn handle_direct(&mut self, count: usize) -> Result<Option<Event<'static>>, ProtocolError> {
        let Some(partial) = &mut self.partial else {
            return Ok(None);
        };
        let State::Data(mut rest) = self.state else {
            panic!("{count} bytes were taken over without a window");
        };
        unmask(&mut rest.mask, partial.commit(count));
        rest.len -= count as u64;
        partial
            .check(partial.ends_with(rest.len))
            .map_err(|error| self.fail(error))?;
        Ok(self.end_data(rest))
    }

    /// Ends the frame, and with the last one the message, once its payload is complete.
    fn end_data(&mut self, rest: FrameRest) -> Option<Event<'static>> {
        self.state = if rest.len == 0 {
            State::Boundary
        } else {
            State::Data(rest)
        };
        let partial = self.partial.take_if(|partial| partial.ends_with(rest.len))?;
        match partial.delivery() {
            Delivery::Messages => Some(partial.into_event()),
            Delivery::Chunks => None,
        }
    }

    /// A control frame's payload is borrowed if it lies whole in the input, and kept until the rest comes if not.
    fn begin_control<'i>(
        &mut self,
        mut header: FrameHeader,
        input: &mut Input<'i>,
    ) -> Result<Option<Event<'i>>, ProtocolError> {
        // At most 125: the header would not have been accepted otherwise.
        let len = header.payload_len as usize;
        if len > input.len() {
            self.control = Some(Box::new(PartialControl {
                header,
                bytes: Vec::with_capacity(len),
            }));
            self.state = State::Control;
            return self.take_control(input);
        }
        let bytes = input.take(len);
        unmask(&mut header.mask, bytes);
        self.end_control(&header, Cow::Borrowed(bytes)).map(Some)
    }

    fn take_control<'i>(&mut self, input: &mut Input<'i>) -> Result<Option<Event<'i>>, ProtocolError> {
        let Some(control) = &mut self.control else {
            return Ok(None);
        };
        let missing = control.header.payload_len as usize - control.bytes.len();
        control.bytes.extend_from_slice(input.take(missing.min(input.len())));
        if (control.bytes.len() as u64) < control.header.payload_len {
            return Ok(None);
        }
        let mut header = control.header;
        let mut bytes = mem::take(&mut control.bytes);
        self.control = None;
        unmask(&mut header.mask, &mut bytes);
        self.end_control(&header, Cow::Owned(bytes)).map(Some)
    }

    fn end_control<'i>(&mut self, header: &FrameHeader, bytes: Cow<'i, [u8]>) -> Result<Event<'i>, ProtocolError> {
        self.state = State::Boundary;
        match (header.opcode, CustomKind::new(header.opcode, header.rsv)) {
            (OpCode::Ping, _) => Ok(Event::Ping(bytes)),
            (OpCode::Pong, _) => Ok(Event::Pong(bytes)),
            (_, Some(kind)) => Ok(Event::Custom(kind, bytes)),
            (_, None) => {
                let frame = CloseFrame::parse(&bytes).map_err(|error| self.fail(error.into()))?;
                self.state = State::Closed;
                self.drop_unfinished();
                Ok(Event::Close(Box::new(frame)))
            }
        }
    }

    /// Makes the error last, and frees what will never be completed.
    #[cold]
    fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        self.state = State::Failed(error);
        self.drop_unfinished();
        error
    }

    /// Frees what will never be completed.
    pub(super) fn drop_unfinished(&mut self) {
        self.partial = None;
        self.control = None;
        self.decoder = None;
    }
}

/// The kind of the message that a data frame begins, without the bits of extensions; `None` for a continuation.
fn data_kind(header: &FrameHeader, extension_bits: Rsv) -> Option<DataKind> {
    let rsv = header.rsv.without(extension_bits);
    match header.opcode {
        OpCode::Text if rsv.is_empty() => Some(DataKind::Text),
        OpCode::Binary if rsv.is_empty() => Some(DataKind::Binary),
        opcode => CustomKind::new(opcode, rsv).map(DataKind::Custom),
    }
}

/// How long a limit of this many bytes lets their encoding be: what does not shrink may grow, by some bytes for every
/// block of it. An eighth covers the smallest blocks that compressors make. (Behind each frame of a message there is a
/// flush as well: [`FLUSH_BYTES`].)
pub(super) fn encoded_limit(limit: u64) -> u64 {
    limit.saturating_add(limit / 8).saturating_add(64)
}

/// What encoding may add to each frame of a message: the header of a block that did not shrink, and the empty block of a
/// flush, five bytes each, with some to spare.
pub(super) const FLUSH_BYTES: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection may linger on: it must not hold on to a megabyte meanwhile.
    #[test]
    fn a_message_that_will_never_end_is_not_kept() {
        let begun = [0x02, 0x03, b'x', b'y', b'z'];
        let close = [0x88, 0x00];
        let breach = [0x82, 0x00];
        for end in [&close[..], &breach] {
            let mut inbound = Inbound::new(Role::Client, Delivery::Messages);
            receive(&mut inbound, &begun);
            assert!(inbound.partial.is_some());
            receive(&mut inbound, end);
            assert!(inbound.partial.is_none());
        }
        let mut inbound = Inbound::new(Role::Client, Delivery::Messages);
        receive(&mut inbound, &[0x89, 0x05, b'p']);
        assert!(inbound.control.is_some());
        receive(&mut inbound, b"ings");
        assert!(inbound.control.is_none());
    }

    fn receive(inbound: &mut Inbound, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        let _ = inbound.next_event(&Config::default(), &mut Input::new(&mut bytes));
    }
}
