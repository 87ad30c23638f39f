//! The connection as a `Stream` and a `Sink` (feature `futures`).

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use ws_proto::{CloseCode, Message, SendError};

use crate::error::Error;
use crate::line::{Line, Shared, lock};
use crate::split::{Reader, Writer, poll_drained, poll_flushed};
use crate::watch::Seat;
use crate::websocket::{ByteStream, WebSocket};

/// What [`recv`](WebSocket::recv) gives: the stream ends with a closing in peace, and after an error.
impl<S: ByteStream> Stream for WebSocket<S> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.told {
            return Poll::Ready(None);
        }
        self.share();
        let result = self.poll_recv(cx);
        self.hand_back();
        let result = ready!(result).transpose();
        self.told = !matches!(result, Some(Ok(_)));
        Poll::Ready(result)
    }
}

impl<S: ByteStream> FusedStream for WebSocket<S> {
    fn is_terminated(&self) -> bool {
        self.told
    }
}

impl<S: ByteStream> Stream for Reader<S> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
}

impl<S: ByteStream> FusedStream for Reader<S> {
    fn is_terminated(&self) -> bool {
        self.0.is_terminated()
    }
}

/// Ready while the queue is not full and nobody else's message is being streamed; `start_send` is
/// [`feed`](WebSocket::feed), and `poll_close` closes with 1000 and waits until it is over. It receives meanwhile, and what
/// it gets it drops. If the stream's side is somewhere else (after `StreamExt::split`), it is woken to receive as well: it
/// must be polled to its end then, or be dropped before.
impl<S: ByteStream> Sink<Message> for WebSocket<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = &mut *self;
        this.outgoing.poll_ready(&this.line, cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let this = &mut *self;
        this.outgoing.start_send(&this.line, message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = &mut *self;
        this.outgoing.poll_flush(&this.line, cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = &mut *self;
        ready!(this.outgoing.poll_placed(&this.line, cx))?;
        match self.start_close(CloseCode::NORMAL, "") {
            Ok(()) | Err(Error::Send(SendError::Closed)) => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
        loop {
            self.share();
            // Who waits for a message loses the transport's notice to us.
            lock(&self.line).wake_other_reader(cx);
            let result = self.poll_recv(cx);
            self.hand_back();
            if result.is_pending() {
                // And takes it back when it receives.
                let this = &mut *self;
                lock(&this.line).watch_end(&mut this.outgoing.seat, cx);
            }
            if ready!(result)?.is_none() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// Ready while the queue is not full and no other message is being streamed; closing only sends the Close.
///
/// Clones may all be ready for the same room. What one of them has accepted and finds no room for, it queues as soon as
/// there is some, when it is polled next; if it is dropped before that, the message is lost.
impl<S: ByteStream> Sink<Message> for Writer<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = &mut *self;
        this.outgoing.poll_ready(&this.line, cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let this = &mut *self;
        this.outgoing.start_send(&this.line, message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = &mut *self;
        this.outgoing.poll_flush(&this.line, cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = &mut *self;
        ready!(this.outgoing.poll_placed(&this.line, cx))?;
        match this.start_close(CloseCode::NORMAL, "") {
            Ok(()) | Err(Error::Send(SendError::Closed)) => self.poll_flush(cx),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

/// What a sink has accepted and the queue has not: somebody else was quicker.
#[derive(Default)]
pub(crate) struct Outgoing {
    message: Option<Box<Message>>,
    pub(crate) seat: Seat,
}

impl Outgoing {
    fn poll_ready<S: ByteStream>(&mut self, shared: &Shared<S>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            ready!(poll_drained(shared, &mut self.seat, cx, Line::has_room))?;
            match self.message.take() {
                None => return Poll::Ready(Ok(())),
                Some(message) => self.start_send(shared, *message)?,
            }
        }
    }

    fn start_send<S: ByteStream>(&mut self, shared: &Shared<S>, message: Message) -> Result<(), Error> {
        if self.message.is_some() {
            return Err(SendError::QueueFull.into());
        }
        let mut line = lock(shared);
        line.check_open()?;
        let line = &mut *line;
        match line.sender.queue(&message, &mut line.outbox) {
            Err(SendError::QueueFull) => {}
            Err(SendError::FragmentOpen) if line.waiting > 0 => {}
            result => return Ok(result?),
        }
        self.message = Some(Box::new(message));
        Ok(())
    }

    /// Waits until what was accepted is in the queue.
    fn poll_placed<S: ByteStream>(&mut self, shared: &Shared<S>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.message.is_none() {
            return Poll::Ready(Ok(()));
        }
        self.poll_ready(shared, cx)
    }

    fn poll_flush<S: ByteStream>(&mut self, shared: &Shared<S>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_placed(shared, cx))?;
        poll_flushed(shared, &mut self.seat, cx)
    }
}
