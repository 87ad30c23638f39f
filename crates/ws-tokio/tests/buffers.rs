//! Who waits for input holds no buffer for it.

mod common;

use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use common::*;
use tokio::io::{AsyncRead, Join, ReadBuf, Sink, join, sink};
use tokio::task::yield_now;
use ws_tokio::{CloseCode, Config, Response, accept};

/// Where the buffers lie that were offered for input.
type Offered = Arc<Mutex<HashSet<usize>>>;

/// A peer that takes everything, sends what it has, then neither sends nor ends.
type Transport = Join<Silent, Sink>;

struct Silent {
    sends: &'static [u8],
    offered: Offered,
}

impl AsyncRead for Silent {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.offered
            .lock()
            .unwrap()
            .insert(buf.initialize_unfilled().as_ptr() as usize);
        if self.sends.is_empty() {
            return Poll::Pending;
        }
        buf.put_slice(self.sends);
        self.sends = b"";
        Poll::Ready(Ok(()))
    }
}

/// Lets many peers of a kind wait at the same time, and counts the buffers that served them all.
async fn buffers<W: Future<Output = ()> + Send + 'static>(sends: &'static [u8], wait: fn(Transport) -> W) -> usize {
    let offered = Offered::default();
    for _ in 0..100 {
        let offered = offered.clone();
        tokio::spawn(wait(join(Silent { sends, offered }, sink())));
    }
    for _ in 0..10 {
        yield_now().await;
    }
    offered.lock().unwrap().len()
}

#[tokio::test]
async fn while_receiving() {
    let wait = |peer| async { drop(server(peer, Config::default()).recv().await) };
    assert_eq!(buffers(b"", wait).await, 1);
}

#[tokio::test]
async fn in_the_handshake() {
    let wait = |peer| async { drop(accept(peer).await) };
    assert_eq!(buffers(b"GET / HT", wait).await, 1);
}

#[tokio::test]
async fn when_refused() {
    let wait = |peer| async { drop(accept(peer).await) };
    assert_eq!(buffers(b"nonsense\r\n\r\n", wait).await, 1);
}

#[tokio::test]
async fn when_answered_with_a_page() {
    let wait = |peer| async {
        let incoming = accept(peer).await.unwrap();
        incoming.reject(&Response::new(200)).await.unwrap();
    };
    let buffers = buffers(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nand more", wait).await;
    assert_eq!(buffers, 1);
}

#[tokio::test]
async fn when_dropped_while_closing() {
    let wait = |peer| async {
        let mut ws = server(peer, Config::default());
        ws.start_close(CloseCode::NORMAL, "").unwrap();
    };
    assert_eq!(buffers(b"", wait).await, 1);
}
