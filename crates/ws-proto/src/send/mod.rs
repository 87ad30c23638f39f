//! The sending half: whatever is written is legal, or nothing is written.

mod owed;
mod special;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use ws_frame::utf8::Validator;
use ws_frame::{CloseCode, CloseFrame, ControlPayload, EncodedHeader, FrameHeader, HeaderError, MaskKey, OpCode, Rsv};

use self::owed::Owed;
use self::special::Special;
use crate::extension::Encoder;
use crate::prepared::PreparedForm;
use crate::{Compression, Config, CustomKind, DataKind, Message, Outbox, Payload, Prepared, Reply, SendError};

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
    /// A plain server has nothing special.
    special: Option<Box<Special>>,
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
    is_encoded: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CloseState {
    Open,
    /// Ours waits in its slot; no data may be sent any more.
    Owed,
    Written,
}

/// The first byte of a frame.
#[derive(Clone, Copy)]
pub(crate) struct FrameStart {
    opcode: OpCode,
    pub(crate) rsv: Rsv,
    fin: bool,
}

impl FrameStart {
    fn control(opcode: OpCode) -> Self {
        Self {
            opcode,
            rsv: Rsv::NONE,
            fin: true,
        }
    }

    #[inline]
    pub(crate) fn message(kind: DataKind) -> Self {
        Self {
            opcode: kind.opcode(),
            rsv: kind.rsv(),
            fin: true,
        }
    }

    /// The header of a frame that the callers have made sure is legal.
    #[inline]
    pub(crate) fn header(self, mask: Option<MaskKey>, payload_len: usize) -> EncodedHeader {
        match self.try_header(mask, payload_len) {
            Ok(header) => header,
            // No slice is 2^63 bytes long, and control payloads are checked to be short.
            Err(error) => unreachable!("{error}"),
        }
    }

    #[inline]
    pub(crate) fn try_header(self, mask: Option<MaskKey>, payload_len: usize) -> Result<EncodedHeader, HeaderError> {
        let header = FrameHeader {
            fin: self.fin,
            rsv: self.rsv,
            opcode: self.opcode,
            mask,
            payload_len: payload_len as u64,
        };
        header.encode()
    }
}

impl Sender {
    /// The sending half of a server.
    pub fn server(config: &Config) -> Self {
        Self::new(Special::new(config, None))
    }

    /// The sending half of a client.
    pub fn client(config: &Config, masks: impl MaskSource + 'static) -> Self {
        Self::new(Special::new(config, Some(Box::new(masks))))
    }

    fn new(special: Option<Box<Special>>) -> Self {
        Self {
            special,
            owed: None,
            open: None,
            close: CloseState::Open,
        }
    }

    pub(crate) fn extend(&mut self, encoder: Box<dyn Encoder>, bits: Rsv) {
        self.special.get_or_insert_default().extend(encoder, bits);
    }

    /// Appends a whole message. A custom control frame may stand between the fragments of another message.
    ///
    /// # Errors
    /// [`SendError::Closed`], [`SendError::FragmentOpen`]; of a custom kind [`SendError::Opcode`],
    /// [`SendError::ReservedBits`], [`SendError::ControlTooLong`].
    #[inline]
    pub fn message<'a>(&mut self, payload: impl Into<Payload<'a>>, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.message_with(payload, Compression::Auto, out)
    }

    /// [`message`](Self::message) with a choice of compression for it.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn message_with<'a>(
        &mut self,
        payload: impl Into<Payload<'a>>,
        compression: Compression,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let payload = payload.into();
        self.check_message(payload.kind(), payload.as_bytes().len())?;
        if self.encodes(payload.kind()) {
            self.append_encoded_message(payload, compression, out);
        } else {
            self.append(FrameStart::message(payload.kind()), payload.as_bytes(), out);
        }
        Ok(())
    }

    /// Appends a part of a message. The first call starts the message, one with `last` ends it; in between, pings,
    /// pongs and custom control frames may be sent, whole messages and fragments of another kind may not. Text may be
    /// cut anywhere, inside of characters too, but must be UTF-8 taken together.
    ///
    /// # Errors
    /// [`SendError::Closed`], [`SendError::FragmentOpen`] (the open message is of another kind),
    /// [`SendError::InvalidUtf8`]; of a custom kind [`SendError::Opcode`] (for control frames too),
    /// [`SendError::ReservedBits`].
    pub fn fragment(&mut self, kind: DataKind, last: bool, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), SendError> {
        self.fragment_with(kind, last, bytes, Compression::Auto, out)
    }

    /// [`fragment`](Self::fragment) with a choice of compression, which the first fragment of a message makes for all
    /// of them. A compressed fragment can be decompressed by the peer as soon as it comes.
    ///
    /// # Errors
    /// As there.
    pub fn fragment_with(
        &mut self,
        kind: DataKind,
        last: bool,
        bytes: &[u8],
        compression: Compression,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.check_open()?;
        let is_first = self.open.is_none();
        let mut open = match self.open {
            None => OpenMessage {
                kind,
                validator: Validator::default(),
                is_encoded: false,
            },
            Some(open) if open.kind == kind => open,
            Some(_) => return Err(SendError::FragmentOpen),
        };
        if let DataKind::Custom(custom) = kind {
            if custom.is_control() {
                return Err(SendError::Opcode(custom.opcode().as_u8()));
            }
            self.check_custom(custom)?;
        }
        if kind == DataKind::Text {
            open.validator.push(bytes).map_err(|_| SendError::InvalidUtf8)?;
            if last && !open.validator.is_complete() {
                return Err(SendError::InvalidUtf8);
            }
        }
        let mut start = FrameStart {
            fin: last,
            ..FrameStart::message(kind)
        };
        if !is_first {
            start.opcode = OpCode::Continuation;
            start.rsv = Rsv::NONE;
        } else if let Some(encoder) = self.encoder() {
            let bits = encoder.begin(kind, compression);
            open.is_encoded = !bits.is_empty();
            start.rsv = start.rsv | bits;
        }
        if open.is_encoded {
            self.append_encoded_piece(start, bytes, out);
        } else {
            self.append(start, bytes, out);
        }
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
    /// A fragmented message that is open stays unfinished. The receiving half is to be told, by
    /// [`Receiver::handle_local_close`](crate::Receiver::handle_local_close); a whole [`Connection`](crate::Connection)
    /// sees it by itself when the Close is written.
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

    /// Appends a message that was framed before. A server's bytes are copied as they are; a client masks them. If an
    /// extension encodes it, that is done once for all connections that agreed on the same.
    ///
    /// # Errors
    /// As [`message`](Self::message).
    pub fn prepared(&mut self, message: &Prepared, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_message(message.kind(), message.len())?;
        if !self.encodes(message.kind()) {
            self.append_form(message.plain_form(), out);
            return Ok(());
        }
        match self.encoded_form(message) {
            Some(form) => self.append_form(&form, out),
            None => self.append_encoded_message(message.payload(), message.compression(), out),
        }
        Ok(())
    }

    /// The header of a whole message, for a vectored write: write the header, then the payload, whole. A client
    /// must mask the payload with the header's key, so this level is for servers. Extensions have no part in it: the
    /// message leaves as it is.
    ///
    /// # Errors
    /// As [`message`](Self::message).
    pub fn header<'a>(&mut self, payload: impl Into<Payload<'a>>) -> Result<EncodedHeader, SendError> {
        let payload = payload.into();
        self.check_message(payload.kind(), payload.as_bytes().len())?;
        let mask = self.next_key();
        Ok(FrameStart::message(payload.kind()).header(mask, payload.as_bytes().len()))
    }

    /// Puts a whole message on a queue: copied if it is small or must be masked, shared if not.
    ///
    /// # Errors
    /// As [`message`](Self::message), and [`SendError::QueueFull`].
    pub fn queue(&mut self, message: &Message, outbox: &mut Outbox) -> Result<(), SendError> {
        self.queue_with(message, Compression::Auto, outbox)
    }

    /// [`queue`](Self::queue) with a choice of compression for this message.
    ///
    /// # Errors
    /// As there.
    pub fn queue_with(
        &mut self,
        message: &Message,
        compression: Compression,
        outbox: &mut Outbox,
    ) -> Result<(), SendError> {
        let payload = message.as_payload();
        self.check_message(payload.kind(), payload.as_bytes().len())?;
        outbox.check_room()?;
        if message.len() < Outbox::SHARE_MIN || self.must_mask() || self.encodes(payload.kind()) {
            return self.message_with(payload, compression, outbox.buffer());
        }
        let header = self.header(payload)?;
        outbox.buffer().extend_from_slice(&header);
        outbox.share(message.clone().into_bytes());
        Ok(())
    }

    /// Puts a prepared message on a queue: shared between all queues it is put on, if it is large and needs no mask.
    ///
    /// # Errors
    /// As [`queue`](Self::queue).
    pub fn queue_prepared(&mut self, message: &Prepared, outbox: &mut Outbox) -> Result<(), SendError> {
        self.check_message(message.kind(), message.len())?;
        outbox.check_room()?;
        let form = if self.encodes(message.kind()) {
            self.encoded_form(message)
        } else {
            Some(message.plain_form().clone())
        };
        match form {
            Some(form) if form.frame.len() >= Outbox::SHARE_MIN && !self.must_mask() => outbox.share(form.frame),
            Some(form) => self.append_form(&form, outbox.buffer()),
            None => self.append_encoded_message(message.payload(), message.compression(), outbox.buffer()),
        }
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

    /// The Close that is owed.
    pub(crate) fn owed_close(&self) -> Option<CloseFrame> {
        self.owed.as_ref()?.close
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
            self.append(FrameStart::control(OpCode::Pong), payload, out);
        }
        if let Some(payload) = &owed.ping {
            self.append(FrameStart::control(OpCode::Ping), payload, out);
        }
        if let Some(frame) = &owed.close {
            self.append(FrameStart::control(OpCode::Close), frame.payload(), out);
            self.close = CloseState::Written;
        }
        true
    }

    fn control(&mut self, opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_open()?;
        if payload.len() > ControlPayload::MAX_LEN {
            return Err(SendError::ControlTooLong);
        }
        self.append(FrameStart::control(opcode), payload, out);
        Ok(())
    }

    /// The one place where frames are written, but for encoded ones.
    #[inline]
    fn append(&mut self, start: FrameStart, payload: &[u8], out: &mut Vec<u8>) {
        let mask = self.next_key();
        let header = start.header(mask, payload.len());
        out.reserve(header.len() + payload.len());
        out.extend_from_slice(&header);
        match mask {
            Some(key) => key.append_masked(payload, out),
            None => out.extend_from_slice(payload),
        }
    }

    /// A whole message through the extensions, unless they let it leave as it is.
    #[cold]
    fn append_encoded_message(&mut self, payload: Payload<'_>, compression: Compression, out: &mut Vec<u8>) {
        let mut start = FrameStart::message(payload.kind());
        let at = out.len();
        out.resize(at + FrameHeader::MAX_LEN, 0);
        let encoder = self.encoder();
        let bits = encoder.map_or(Rsv::NONE, |encoder| {
            encoder.encode_message(payload.kind(), payload.as_bytes(), compression, out)
        });
        if bits.is_empty() {
            out.truncate(at);
            return self.append(start, payload.as_bytes(), out);
        }
        start.rsv = start.rsv | bits;
        self.frame_in_place(start, at, out);
    }

    /// A piece of a message that the extensions encode.
    fn append_encoded_piece(&mut self, start: FrameStart, piece: &[u8], out: &mut Vec<u8>) {
        let at = out.len();
        out.resize(at + FrameHeader::MAX_LEN, 0);
        if let Some(encoder) = self.encoder() {
            encoder.encode(piece, start.fin, out);
        }
        self.frame_in_place(start, at, out);
    }

    /// Makes a frame of what has been appended behind room for the longest header. How long the header is, is known
    /// only now.
    fn frame_in_place(&mut self, start: FrameStart, at: usize, out: &mut Vec<u8>) {
        let from = at + FrameHeader::MAX_LEN;
        let len = out.len() - from;
        let mask = self.next_key();
        let header = start.header(mask, len);
        let payload_at = at + header.len();
        out.copy_within(from.., payload_at);
        out.truncate(payload_at + len);
        out[at..payload_at].copy_from_slice(&header);
        if let Some(key) = mask {
            key.apply(&mut out[payload_at..]);
        }
    }

    /// The frame of a prepared message as the extensions make it, once for all connections alike; `None` if none is.
    fn encoded_form(&mut self, message: &Prepared) -> Option<PreparedForm> {
        let encoder = self.encoder()?;
        let form = message.encoded_form(encoder)?;
        if !form.start.rsv.without(message.kind().rsv()).is_empty() {
            encoder.sent_alone();
        }
        Some(form)
    }

    fn append_form(&mut self, form: &PreparedForm, out: &mut Vec<u8>) {
        if self.must_mask() {
            self.append(form.start, &form.frame[form.header_len..], out);
        } else {
            out.extend_from_slice(&form.frame);
        }
    }

    #[inline]
    fn next_key(&mut self) -> Option<MaskKey> {
        self.special.as_mut().and_then(|special| special.next_key())
    }

    fn must_mask(&self) -> bool {
        self.special.as_ref().is_some_and(|special| special.must_mask())
    }

    /// Whether the extensions have a part in such a message.
    #[inline]
    fn encodes(&self, kind: DataKind) -> bool {
        match (&self.special, kind) {
            (None, _) => false,
            (Some(_), DataKind::Custom(kind)) if kind.is_control() => false,
            (Some(special), _) => special.has_encoder(),
        }
    }

    fn encoder(&mut self) -> Option<&mut (dyn Encoder + 'static)> {
        self.special.as_mut().and_then(|special| special.encoder())
    }

    #[inline]
    fn check_message(&self, kind: DataKind, len: usize) -> Result<(), SendError> {
        match kind {
            DataKind::Text | DataKind::Binary => self.check_idle(),
            DataKind::Custom(kind) => self.check_custom_message(kind, len),
        }
    }

    #[cold]
    fn check_custom_message(&self, kind: CustomKind, len: usize) -> Result<(), SendError> {
        if !kind.is_control() {
            self.check_idle()?;
        } else if len > ControlPayload::MAX_LEN {
            return Err(SendError::ControlTooLong);
        }
        self.check_open()?;
        self.check_custom(kind)
    }

    fn check_custom(&self, kind: CustomKind) -> Result<(), SendError> {
        match &self.special {
            Some(special) => special.check(kind),
            None => Special::default().check(kind),
        }
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
