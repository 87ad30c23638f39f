//! From bytes to events: frame headers, unmasking, control frames, the order of frames.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use ws_frame::{CloseFrame, FrameHeader, HeaderDecoder, MaskKey, OpCode, Parse, utf8};

use super::partial::Partial;
use crate::{DataKind, Delivery, Event, Input, Limits, Payload, ProtocolError, Role};

/// The state of receiving. Idle, it holds no buffer: a cut header is kept inline, a message in progress and a cut
/// control frame in boxes that exist only meanwhile.
pub(super) struct Inbound {
    role: Role,
    delivery: Delivery,
    state: State,
    /// The mask for the next payload byte of the data frame in progress.
    mask: Option<MaskKey>,
    /// How many messages have been in progress, wrapping: tells one from the next.
    messages: u32,
    header: HeaderDecoder,
    /// Payload bytes of the data frame in progress that have not come yet.
    remaining: u64,
    partial: Option<Box<Partial>>,
    control: Option<Box<PartialControl>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between frames: no byte of a header has come.
    Boundary,
    /// Inside a header.
    Header,
    /// Inside the payload of a data frame.
    Data,
    /// Inside the payload of a control frame.
    Control,
    /// The peer's Close has come; whatever follows is ignored (RFC 6455 §1.4).
    Closed,
    /// The peer broke the protocol; whatever follows is ignored.
    Failed(ProtocolError),
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
            state: State::Boundary,
            mask: None,
            messages: 0,
            header: HeaderDecoder::default(),
            remaining: 0,
            partial: None,
            control: None,
        }
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn set_delivery(&mut self, delivery: Delivery) {
        self.delivery = delivery;
    }

    /// Which message is in progress, if one is.
    pub(super) fn message_in_progress(&self) -> Option<u32> {
        self.partial.as_ref().map(|_| self.messages)
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }

    /// The common case: a message in one frame that lies whole in the input. `None` says nothing but that the
    /// general way must be taken; only the payload's text having failed changes the state then.
    #[inline]
    pub(super) fn whole_message<'i>(&mut self, limits: &Limits, input: &mut Input<'i>) -> Option<Payload<'i>> {
        if self.state != State::Boundary || self.delivery != Delivery::Messages || self.partial.is_some() {
            return None;
        }
        let Ok(Parse::Done { header, used }) = FrameHeader::parse(input.bytes()) else {
            return None;
        };
        let kind = if header.fin {
            data_kind(header.opcode)?
        } else {
            return None;
        };
        if header.payload_len > (input.len() - used) as u64
            || header.payload_len > limits.max_message
            || self.check_frame(limits, &header).is_err()
        {
            return None;
        }
        input.take(used);
        // In range: compared with the input's length above.
        let payload = input.take(header.payload_len as usize);
        if let Some(key) = header.mask {
            key.apply(payload);
        }
        match kind {
            DataKind::Binary => Some(Payload::Binary(payload)),
            DataKind::Text => match utf8::validate(payload) {
                Ok(text) => Some(Payload::Text(text)),
                Err(_) => {
                    self.fail(ProtocolError::InvalidUtf8);
                    None
                }
            },
        }
    }

    /// Takes bytes off the input up to the end of the next event, whatever comes: cut frames, fragments, chunks,
    /// control frames, errors.
    pub(super) fn next_event<'i>(
        &mut self,
        limits: &Limits,
        input: &mut Input<'i>,
    ) -> Result<Option<Event<'i>>, ProtocolError> {
        loop {
            match self.state {
                State::Closed => {
                    input.clear();
                    return Ok(None);
                }
                State::Failed(error) => {
                    input.clear();
                    return Err(error);
                }
                State::Boundary | State::Header => {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    let mut bytes = input.bytes();
                    let decoded = self.header.decode(&mut bytes);
                    let used = input.len() - bytes.len();
                    input.take(used);
                    match decoded.map_err(|error| self.fail(error.into()))? {
                        Some(header) => {
                            self.check_frame(limits, &header).map_err(|error| self.fail(error))?;
                            if header.opcode.is_control() {
                                return self.begin_control(header, input);
                            }
                            self.begin_data(limits, &header)?;
                        }
                        None => self.state = State::Header,
                    }
                }
                State::Data => {
                    if input.is_empty() && self.remaining > 0 {
                        return Ok(None);
                    }
                    if let Some(event) = self.take_data(input)? {
                        return Ok(Some(event));
                    }
                }
                State::Control => return self.take_control(input),
            }
        }
    }

    /// What can be held against a header alone.
    #[inline]
    fn check_frame(&self, limits: &Limits, header: &FrameHeader) -> Result<(), ProtocolError> {
        if !header.rsv.is_empty() {
            return Err(ProtocolError::ReservedBits);
        }
        if header.opcode.is_reserved() {
            return Err(ProtocolError::ReservedOpcode(header.opcode.as_u8()));
        }
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(ProtocolError::Unmasked),
            (Role::Client, Some(_)) => return Err(ProtocolError::Masked),
            (Role::Server, Some(_)) | (Role::Client, None) => {}
        }
        if header.payload_len > limits.max_frame && !header.opcode.is_control() {
            return Err(ProtocolError::FrameTooBig);
        }
        Ok(())
    }

    fn begin_data(&mut self, limits: &Limits, header: &FrameHeader) -> Result<(), ProtocolError> {
        let begun = match (data_kind(header.opcode), &mut self.partial) {
            (Some(kind), None) => {
                self.messages = self.messages.wrapping_add(1);
                self.partial
                    .insert(Box::new(Partial::new(kind, self.delivery)))
                    .begin_frame(limits, header)
            }
            (None, Some(partial)) => partial.begin_frame(limits, header),
            (Some(_), Some(_)) => Err(ProtocolError::InterleavedMessage),
            (None, None) => Err(ProtocolError::UnexpectedContinuation),
        };
        begun.map_err(|error| self.fail(error))?;
        self.mask = header.mask;
        self.remaining = header.payload_len;
        self.state = State::Data;
        Ok(())
    }

    /// Takes what the input holds of the data frame in progress.
    fn take_data<'i>(&mut self, input: &mut Input<'i>) -> Result<Option<Event<'i>>, ProtocolError> {
        let count = usize::try_from(self.remaining).map_or(input.len(), |remaining| remaining.min(input.len()));
        let bytes = input.take(count);
        unmask(&mut self.mask, bytes);
        self.remaining -= count as u64;
        let Some(partial) = &mut self.partial else {
            return Ok(None);
        };
        let chunk = match partial.delivery() {
            Delivery::Messages => partial.push(bytes, self.remaining).map(|()| None),
            Delivery::Chunks => partial.pass(bytes, self.remaining),
        };
        let chunk = chunk.map_err(|error| self.fail(error))?;
        Ok(self.end_data().or(chunk.map(Event::Chunk)))
    }

    /// Where the transport may write payload without a detour: see [`Receiver::direct_window`](super::Receiver).
    pub(super) fn direct_window(&mut self) -> Option<&mut [u8]> {
        if self.state != State::Data || self.remaining < DIRECT_MIN {
            return None;
        }
        let partial = self
            .partial
            .as_mut()
            .filter(|partial| partial.delivery() == Delivery::Messages)?;
        Some(partial.window(self.remaining))
    }

    /// Takes over `count` bytes that were written to the window.
    pub(super) fn handle_direct(&mut self, count: usize) -> Result<Option<Event<'static>>, ProtocolError> {
        let Some(partial) = &mut self.partial else {
            return Ok(None);
        };
        unmask(&mut self.mask, partial.commit(count));
        self.remaining -= count as u64;
        partial.check(self.remaining).map_err(|error| self.fail(error))?;
        Ok(self.end_data())
    }

    /// Ends the frame, and with the last one the message, once its payload is complete.
    fn end_data(&mut self) -> Option<Event<'static>> {
        if self.remaining == 0 {
            self.state = State::Boundary;
        }
        let remaining = self.remaining;
        let partial = self.partial.take_if(|partial| partial.ends_with(remaining))?;
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
        self.end_control(header.opcode, Cow::Borrowed(bytes)).map(Some)
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
        self.end_control(header.opcode, Cow::Owned(bytes)).map(Some)
    }

    fn end_control<'i>(&mut self, opcode: OpCode, bytes: Cow<'i, [u8]>) -> Result<Event<'i>, ProtocolError> {
        self.state = State::Boundary;
        match opcode {
            OpCode::Ping => Ok(Event::Ping(bytes)),
            OpCode::Pong => Ok(Event::Pong(bytes)),
            _ => {
                let frame = CloseFrame::parse(&bytes).map_err(|error| self.fail(error.into()))?;
                self.state = State::Closed;
                self.partial = None;
                Ok(Event::Close(Box::new(frame)))
            }
        }
    }

    /// Makes the error last, and frees what will never be completed.
    #[cold]
    fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        self.state = State::Failed(error);
        self.partial = None;
        self.control = None;
        error
    }
}

#[inline]
fn data_kind(opcode: OpCode) -> Option<DataKind> {
    match opcode {
        OpCode::Text => Some(DataKind::Text),
        OpCode::Binary => Some(DataKind::Binary),
        _ => None,
    }
}

/// Unmasks the next bytes of a payload.
#[inline]
fn unmask(mask: &mut Option<MaskKey>, bytes: &mut [u8]) {
    if let Some(key) = mask {
        key.apply(bytes);
        *key = key.rotated(bytes.len());
    }
}

/// From this many missing bytes on, reading straight into the message saves more than a read that also brings the
/// next frames: the size of a small read buffer.
const DIRECT_MIN: u64 = 4096;

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
        let _ = inbound.next_event(&Limits::default(), &mut Input::new(&mut bytes));
    }
}
