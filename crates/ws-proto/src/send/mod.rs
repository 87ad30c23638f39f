//! The sending half: whatever is written is legal, or nothing is written.

mod owed;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use ws_frame::utf8::Validator;
use ws_frame::{CloseCode, CloseFrame, ControlPayload, EncodedHeader, FrameHeader, MaskKey, OpCode, Rsv};

use self::owed::Owed;
use crate::{DataKind, Message, Outbox, Payload, Prepared, Reply, SendError};

/// The sending half of a connection.
///
/// Everything is checked before a byte is written: an error means that nothing was. There are three levels, to be
/// mixed freely:
///
/// 1. [`header`](Self::header) gives a frame header by value, for a vectored write of header and payload;
/// 2. [`message`](Self::message), [`fragment`](Self::fragment), [`ping`](Self::ping), [`prepared`](Self::prepared)
///    append frames to a buffer of the caller's (a client's mask is applied on the way);
/// 3. [`queue`](Self::queue) and [`queue_prepared`](Self::queue_prepared) put messages on an [`Outbox`], which copies
///    small payloads and shares large ones.
///
/// What the protocol owes (pongs, keepalive pings, the Close) waits in one slot each until
/// [`poll_transmit`](Self::poll_transmit) writes it: a peer that pings and never reads costs one slot, and since RFC
/// 6455 §5.5.3 asks to answer the latest ping only, nothing is lost.
pub struct Sender {
    /// A client's source of masks; a server has none.
    masks: Option<Box<dyn MaskSource>>,
    owed: Option<Box<Owed>>,
    open: Option<OpenMessage>,
    close: CloseState,
}

/// Where masks come from. They must be unpredictable (RFC 6455 §10.3): use a cryptographic generator.
///
/// Any `FnMut() -> [u8; 4]` is one.
pub trait MaskSource: Send + Sync {
    /// A fresh mask.
    fn next_mask(&mut self) -> [u8; 4];
}

impl<F: FnMut() -> [u8; 4] + Send + Sync> MaskSource for F {
    fn next_mask(&mut self) -> [u8; 4] {
        self()
    }
}

/// A fragmented message whose last fragment has not been sent.
#[derive(Clone, Copy)]
struct OpenMessage {
    kind: DataKind,
    validator: Validator,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CloseState {
    Open,
    /// Ours waits in its slot; no data may be sent any more.
    Owed,
    Written,
}

impl Sender {
    /// The sending half of a server.
    pub fn server() -> Self {
        Self {
            masks: None,
            owed: None,
            open: None,
            close: CloseState::Open,
        }
    }

    /// The sending half of a client.
    pub fn client(masks: impl MaskSource + 'static) -> Self {
        Self {
            masks: Some(Box::new(masks)),
            ..Self::server()
        }
    }

    /// Appends a whole message.
    ///
    /// # Errors
    /// [`SendError::Closed`], [`SendError::FragmentOpen`].
    #[inline]
    pub fn message<'a>(&mut self, payload: impl Into<Payload<'a>>, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_idle()?;
        let payload = payload.into();
        self.append(payload.kind().opcode(), true, payload.as_bytes(), out);
        Ok(())
    }

    /// Appends a part of a message. The first call starts the message, one with `last` ends it; in between, pings
    /// and pongs may be sent, whole messages and fragments of the other kind may not. Text may be cut anywhere,
    /// inside of characters too, but must be UTF-8 taken together.
    ///
    /// # Errors
    /// [`SendError::Closed`], [`SendError::FragmentOpen`] (the open message is of the other kind),
    /// [`SendError::InvalidUtf8`].
    pub fn fragment(&mut self, kind: DataKind, last: bool, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_open()?;
        let (mut open, opcode) = match self.open {
            None => (
                OpenMessage {
                    kind,
                    validator: Validator::default(),
                },
                kind.opcode(),
            ),
            Some(open) if open.kind == kind => (open, OpCode::Continuation),
            Some(_) => return Err(SendError::FragmentOpen),
        };
        if kind == DataKind::Text {
            open.validator.push(bytes).map_err(|_| SendError::InvalidUtf8)?;
            if last && !open.validator.is_complete() {
                return Err(SendError::InvalidUtf8);
            }
        }
        self.append(opcode, last, bytes, out);
        self.open = (!last).then_some(open);
        Ok(())
    }

    /// Appends a ping with up to 125 bytes.
    ///
    /// # Errors
    /// [`SendError::Closed`], [`SendError::ControlTooLong`].
    pub fn ping(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), SendError> {
        self.control(OpCode::Ping, payload, out)
    }

    /// Appends a pong with up to 125 bytes: the answer to a ping if [`Replies::pong`](crate::Replies::pong) is off,
    /// or an unsolicited one (RFC 6455 §5.5.3).
    ///
    /// # Errors
    /// [`SendError::Closed`], [`SendError::ControlTooLong`].
    pub fn pong(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), SendError> {
        self.control(OpCode::Pong, payload, out)
    }

    /// Makes our Close owed: it leaves with the next [`poll_transmit`](Self::poll_transmit), and nothing after it.
    /// A fragmented message that is open stays unfinished.
    ///
    /// # Errors
    /// [`SendError::Closed`] if we have closed before, [`SendError::Close`] if the code must not be sent or the reason is
    /// over 123 bytes.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<CloseFrame, SendError> {
        self.check_open()?;
        let frame = CloseFrame::new(code, reason)?;
        self.owe(Reply::Close(frame));
        Ok(frame)
    }

    /// Appends a message that was framed before. A server's bytes are copied as they are; a client masks them.
    ///
    /// # Errors
    /// [`SendError::Closed`], [`SendError::FragmentOpen`].
    pub fn prepared(&mut self, message: &Prepared, out: &mut Vec<u8>) -> Result<(), SendError> {
        if self.masks.is_some() {
            return self.message(message.payload(), out);
        }
        self.check_idle()?;
        out.extend_from_slice(message.frame());
        Ok(())
    }

    /// The header of a whole message, for a vectored write: write the header, then the payload, whole. A client
    /// must mask the payload with the header's key, so this level is for servers.
    ///
    /// # Errors
    /// [`SendError::Closed`], [`SendError::FragmentOpen`].
    pub fn header<'a>(&mut self, payload: impl Into<Payload<'a>>) -> Result<EncodedHeader, SendError> {
        self.check_idle()?;
        let payload = payload.into();
        let mask = self.next_key();
        Ok(frame_header(
            payload.kind().opcode(),
            true,
            mask,
            payload.as_bytes().len(),
        ))
    }

    /// Puts a whole message on a queue: copied if it is small or must be masked, shared if not.
    ///
    /// # Errors
    /// [`SendError::Closed`], [`SendError::FragmentOpen`], [`SendError::QueueFull`].
    pub fn queue(&mut self, message: &Message, outbox: &mut Outbox) -> Result<(), SendError> {
        self.check_idle()?;
        outbox.check_room()?;
        if self.masks.is_some() || message.len() < Outbox::SHARE_MIN {
            return self.message(message, outbox.buffer());
        }
        let header = self.header(message)?;
        outbox.buffer().extend_from_slice(&header);
        outbox.share(message.clone().into_bytes());
        Ok(())
    }

    /// Puts a prepared message on a queue: shared between all queues it is put on, if it is large and needs no mask.
    ///
    /// # Errors
    /// [`SendError::Closed`], [`SendError::FragmentOpen`], [`SendError::QueueFull`].
    pub fn queue_prepared(&mut self, message: &Prepared, outbox: &mut Outbox) -> Result<(), SendError> {
        self.check_idle()?;
        outbox.check_room()?;
        if self.masks.is_some() || message.frame().len() < Outbox::SHARE_MIN {
            return self.prepared(message, outbox.buffer());
        }
        outbox.share(message.frame().clone());
        Ok(())
    }

    /// Takes over what the receiving half owes.
    pub fn reply(&mut self, reply: Reply) {
        self.owe(reply);
    }

    /// Appends what is owed: a pong, a keepalive ping, the Close, in this order. Returns whether anything was.
    ///
    /// Call it after every event, so that each ping of a peer that reads gets its pong; leave it while your output
    /// is over its bound, so that the slots absorb what a peer that does not read asks for.
    #[inline]
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        match self.owed.take() {
            None => false,
            Some(owed) => self.write_owed(&owed, out),
        }
    }

    /// Whether something waits for [`poll_transmit`](Self::poll_transmit).
    pub fn owes(&self) -> bool {
        self.owed.is_some()
    }

    /// Whether data can still be sent: no Close of ours has been asked for.
    pub fn is_open(&self) -> bool {
        self.close == CloseState::Open
    }

    /// Whether our Close has been handed to the output.
    pub fn has_written_close(&self) -> bool {
        self.close == CloseState::Written
    }

    fn owe(&mut self, reply: Reply) {
        if self.close == CloseState::Written {
            return;
        }
        if let Reply::Close(_) = reply {
            if self.close == CloseState::Owed {
                return;
            }
            self.close = CloseState::Owed;
        }
        self.owed.get_or_insert_default().put(reply);
    }

    #[cold]
    fn write_owed(&mut self, owed: &Owed, out: &mut Vec<u8>) -> bool {
        if let Some(payload) = &owed.pong {
            self.append(OpCode::Pong, true, payload, out);
        }
        if let Some(payload) = &owed.ping {
            self.append(OpCode::Ping, true, payload, out);
        }
        if let Some(frame) = &owed.close {
            self.append(OpCode::Close, true, frame.payload(), out);
            self.close = CloseState::Written;
        }
        true
    }

    fn control(&mut self, opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_open()?;
        if payload.len() > ControlPayload::MAX_LEN {
            return Err(SendError::ControlTooLong);
        }
        self.append(opcode, true, payload, out);
        Ok(())
    }

    /// The one place where frames are written.
    #[inline]
    fn append(&mut self, opcode: OpCode, fin: bool, payload: &[u8], out: &mut Vec<u8>) {
        let mask = self.next_key();
        let header = frame_header(opcode, fin, mask, payload.len());
        out.reserve(header.len() + payload.len());
        out.extend_from_slice(&header);
        match mask {
            Some(key) => key.append_masked(payload, out),
            None => out.extend_from_slice(payload),
        }
    }

    #[inline]
    fn next_key(&mut self) -> Option<MaskKey> {
        self.masks.as_mut().map(|masks| MaskKey::new(masks.next_mask()))
    }

    fn check_open(&self) -> Result<(), SendError> {
        if self.close == CloseState::Open {
            Ok(())
        } else {
            Err(SendError::Closed)
        }
    }

    #[inline]
    fn check_idle(&self) -> Result<(), SendError> {
        self.check_open()?;
        if self.open.is_none() {
            Ok(())
        } else {
            Err(SendError::FragmentOpen)
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("open", &self.is_open())
            .field("owes", &self.owes())
            .finish_non_exhaustive()
    }
}

/// The header of a frame that the callers above have made sure is legal.
#[inline]
pub(crate) fn frame_header(opcode: OpCode, fin: bool, mask: Option<MaskKey>, payload_len: usize) -> EncodedHeader {
    let header = FrameHeader {
        fin,
        rsv: Rsv::NONE,
        opcode,
        mask,
        payload_len: payload_len as u64,
    };
    match header.encode() {
        Ok(header) => header,
        // No slice is 2^63 bytes long, and control payloads are checked to be short.
        Err(error) => unreachable!("{error}"),
    }
}
