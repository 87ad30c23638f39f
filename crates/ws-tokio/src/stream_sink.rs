//! The connection as a `Stream` and a `Sink` (feature `futures`).

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use ws_proto::{CloseCode, Message, SendError};

use crate::error::Error;
use crate::line::lock;
use crate::split::{Reader, Writer, poll_drained};
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

/// Ready while the queue is not full; `start_send` is [`feed`](WebSocket::feed), and `poll_close` closes with 1000 and
/// waits until it is over, which the stream's side must be polled for as well, if it is somewhere else.
impl<S: ByteStream> Sink<Message> for WebSocket<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        poll_drained(&self.line, cx, |line| !line.outbox.is_full())
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let mut line = lock(&self.line);
        line.check_open()?;
        let line = &mut *line;
        Ok(line.sender.queue(&message, &mut line.outbox)?)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        poll_drained(&self.line, cx, |line| line.is_flushed())
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.start_close(CloseCode::NORMAL, "") {
            Ok(()) | Err(Error::Send(SendError::Closed)) => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
        loop {
            self.share();
            let result = self.poll_recv(cx);
            self.hand_back();
            if ready!(result)?.is_none() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// Ready while the queue is not full and no other message is being streamed; closing only sends the Close.
impl<S: ByteStream> Sink<Message> for Writer<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        poll_drained(&self.0, cx, |line| !line.outbox.is_full() && line.waiting == 0)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let mut line = lock(&self.0);
        line.check_open()?;
        let line = &mut *line;
        Ok(line.sender.queue(&message, &mut line.outbox)?)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        poll_drained(&self.0, cx, |line| line.is_flushed())
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.start_close(CloseCode::NORMAL, "") {
            Ok(()) | Err(Error::Send(SendError::Closed)) => self.poll_flush(cx),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}
