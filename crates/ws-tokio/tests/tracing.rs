//! What a server tells `tracing`.
#![cfg(feature = "tracing")]

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use ws_tokio::{CloseCode, Server, connect};

/// Keeps every event as `name=value` pairs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ws_tokio")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

#[tokio::test]
async fn opening_closing_and_limits() {
    let log = Log::default();
    let _default = tracing::subscriber::set_default(log.clone());
    let server = Server::bind("127.0.0.1:0").max_per_peer(1).start().await.unwrap();
    let url = format!("ws://{}/chat", server.local_addr().unwrap());
    let mut ws = connect(&url).await.unwrap();
    assert!(connect(&url).await.is_err());
    ws.close(CloseCode::new(4321), "").await.unwrap();
    server.shutdown(std::time::Duration::from_secs(10)).await;
    let log = log.0.lock().unwrap();
    let find = |words: &[&str]| log.iter().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(
        find(&["message=open", "connection=", "peer=", "path=\"/chat\""]),
        "{log:#?}"
    );
    assert!(find(&["message=over", "connection=", "code=4321"]), "{log:#?}");
    assert!(
        find(&["message=refused", "too many connections from this address"]),
        "{log:#?}"
    );
}
