//! The least an echo can do on Tokio: a task that reads into a buffer of its thread, and writes.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use peers::least::{HEADROOM, State, room};
use peers::{Args, serve};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

fn main() {
    serve(Args::parse(), |stream, _| async { drop(echo(stream).await) });
}

async fn echo(mut stream: TcpStream) -> Result<()> {
    let mut state = State::default();
    loop {
        let turn = poll_fn(|context| BUFFER.with_borrow_mut(|buffer| turn(&mut stream, &mut state, buffer, context)));
        let (rest, last) = turn.await?;
        if !rest.is_empty() {
            stream.write_all(&rest).await?;
        }
        if last {
            return Ok(());
        }
    }
}

/// Reads, answers, and writes what can be written at once: the rest of the answer, and whether it is the last.
fn turn(
    stream: &mut TcpStream,
    state: &mut State,
    buffer: &mut [u8],
    context: &mut Context<'_>,
) -> Poll<Result<(Vec<u8>, bool)>> {
    let mut room = ReadBuf::new(&mut buffer[HEADROOM..]);
    ready!(Pin::new(&mut *stream).poll_read(context, &mut room))?;
    let count = room.filled().len();
    if count == 0 {
        return Poll::Ready(Ok((Vec::new(), true)));
    }
    let (answer, closing) = state.answer(buffer, count);
    let written = match stream.try_write(answer) {
        Err(e) if e.kind() == ErrorKind::WouldBlock => 0,
        result => result?,
    };
    Poll::Ready(Ok((answer[written..].to_vec(), closing)))
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(room());
}
