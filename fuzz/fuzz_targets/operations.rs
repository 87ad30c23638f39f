//! Two connected cores, and whatever their shells may do with them in any order: nothing panics, neither ever breaks
//! the protocol in the eyes of the other, and every message arrives that had a chance to, whole and in its order.

#![no_main]

use std::collections::VecDeque;

use bytes::BufMut;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use ws_proto::deflate::Deflate;
use ws_proto::extension::Extensions;
use ws_proto::{
    CloseCode, Compression, Config, Connection, ConnectionError, DataKind, Delivery, Event, Input, Instant, Prepared,
    ProtocolError, Transport,
};

#[derive(Arbitrary, Debug)]
struct Case {
    sides: [Side; 2],
    compression: Option<[bool; 3]>,
    steps: Vec<(bool, Step)>,
}

#[derive(Arbitrary, Debug)]
struct Side {
    in_chunks: bool,
    has_low_limits: bool,
    answers_pings: bool,
    answers_closes: bool,
    has_deadlines: bool,
}

/// What one side's shell does.
#[derive(Arbitrary, Debug)]
enum Step {
    Text(String),
    /// So many times, for long messages from short inputs.
    Binary(Vec<u8>, u8),
    Prepared(Vec<u8>),
    Fragment(Vec<u8>, bool),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, u8),
    /// Takes in what the other has written, up to so many bytes.
    Read(u16),
    /// The same, with as much as it can read straight into a message.
    ReadDirect(u16),
    /// So many milliseconds pass, for both.
    Wait(u16),
    /// The transport has taken some of what waited.
    Progress,
    Deliver(bool),
    /// It ends its sending direction.
    End,
}

struct End {
    conn: Connection,
    /// What it has written and the other has not read.
    wire: VecDeque<u8>,
    /// What it has sent and the other has not got.
    sent: VecDeque<Vec<u8>>,
    /// The message it is sending in fragments.
    sending: Vec<u8>,
    /// The message it is getting in chunks.
    getting: Vec<u8>,
    /// Nothing will come from it any more.
    is_silent: bool,
    /// It has failed, or lost its transport, and need not get anything.
    is_lost: bool,
    may_refuse: bool,
    has_closed: bool,
}

impl End {
    fn new(side: &Side, is_client: bool) -> Self {
        let mut config = Config::default();
        config.delivery = delivery(side.in_chunks);
        config.replies.pong = side.answers_pings;
        config.replies.close = side.answers_closes;
        if side.has_low_limits {
            config.limits.max_message = 1000;
            config.limits.max_frame = 500;
            config.limits.max_fragments = 5;
            config.limits.max_empty_fragments = 2;
        } else {
            config.limits.max_message = u64::MAX;
            config.limits.max_frame = u64::MAX;
            config.limits.max_fragments = u32::MAX;
            config.limits.max_empty_fragments = u32::MAX;
        }
        if !side.has_deadlines {
            let timeouts = &mut config.timeouts;
            timeouts.ping_interval = None;
            timeouts.assembly = None;
            timeouts.close = None;
            timeouts.linger = None;
        }
        let mut number = 0_u32;
        let conn = match is_client {
            true => Connection::client(config, move || {
                number += 1;
                number.to_le_bytes()
            }),
            false => Connection::server(config),
        };
        Self {
            conn,
            wire: VecDeque::new(),
            sent: VecDeque::new(),
            sending: Vec::new(),
            getting: Vec::new(),
            is_silent: false,
            is_lost: false,
            may_refuse: side.has_low_limits,
            has_closed: false,
        }
    }

    /// Writes what is owed, and does what must be done with the transport.
    fn settle(&mut self) {
        let mut out = Vec::new();
        self.conn.poll_transmit(&mut out);
        assert!(
            !self.conn.poll_transmit(&mut Vec::new()),
            "what is owed fits into one call"
        );
        self.write(&out);
        self.has_closed |= self.conn.ending().is_some_and(|ending| ending.sent.is_some());
        match self.conn.transport() {
            Transport::KeepOpen | Transport::AwaitEof => {}
            Transport::HalfClose => self.is_silent = true,
            _ => {
                self.is_silent = true;
                self.is_lost = true;
            }
        }
    }

    fn write(&mut self, out: &[u8]) {
        if !self.is_silent {
            self.wire.extend(out);
        }
    }

    /// Sends by `how`, which has written nothing if it fails.
    fn send<E>(&mut self, how: impl FnOnce(&mut Connection, &mut Vec<u8>) -> Result<(), E>) -> bool {
        let mut out = Vec::new();
        let sent = how(&mut self.conn, &mut out).is_ok();
        assert!(sent || out.is_empty(), "an error means that nothing was written");
        self.write(&out);
        sent && !self.is_silent
    }

    fn take(&mut self, event: Event<'_>, from: &mut Self) {
        match event {
            Event::Chunk(part, data) => {
                self.getting.extend_from_slice(&data);
                if part.last {
                    let message = std::mem::take(&mut self.getting);
                    assert!(from.sent.pop_front() == Some(message));
                }
            }
            Event::Close(_) => {
                assert!(from.has_closed, "a Close nobody sent");
                assert!(from.sent.is_empty(), "messages before a Close come before it");
            }
            Event::Ping(_) | Event::Pong(_) => {}
            event => {
                let message = event.into_message().expect("a message");
                assert!(from.sent.pop_front().as_deref() == Some(message.as_bytes()));
            }
        }
    }

    fn failed(&mut self, error: &ConnectionError) {
        self.is_lost = true;
        if let ConnectionError::Protocol(error) = error {
            let is_limit = matches!(
                error,
                ProtocolError::FrameTooBig
                    | ProtocolError::MessageTooBig
                    | ProtocolError::TooManyFragments
                    | ProtocolError::TooManyEmptyFragments
                    | ProtocolError::Extension(ws_proto::extension::DecodeError::ExpandsTooMuch)
            );
            assert!(is_limit && self.may_refuse, "{error}");
        }
    }

    fn read(&mut self, count: usize, from: &mut Self) {
        let count = count.min(from.wire.len());
        let mut bytes: Vec<u8> = from.wire.drain(..count).collect();
        let mut input = Input::new(&mut bytes);
        loop {
            match self.conn.next_event(&mut input) {
                Ok(Some(event)) => self.take(event, from),
                Ok(None) => {
                    assert!(input.is_empty(), "all bytes are taken");
                    break;
                }
                Err(error) => {
                    self.failed(&error);
                    break;
                }
            }
            self.settle();
        }
        if from.is_silent && from.wire.is_empty() && self.conn.handle_eof().is_err() {
            self.is_lost = true;
        }
        self.settle();
    }

    fn read_direct(&mut self, count: usize, from: &mut Self) {
        let at_most = count.min(from.wire.len());
        let count = if count % 2 == 0 {
            self.conn.direct_window().map(|window| {
                let count = at_most.min(window.len());
                for place in &mut window[..count] {
                    *place = from.wire.pop_front().expect("as many as there are");
                }
                count
            })
        } else {
            self.conn.direct_buf().map(|mut window| {
                let count = at_most.min(window.remaining_mut());
                from.wire.drain(..count).for_each(|byte| window.put_u8(byte));
                count
            })
        };
        let Some(count) = count else { return };
        match self.conn.handle_direct(count) {
            Ok(Some(event)) => self.take(event, from),
            Ok(None) => {}
            Err(error) => self.failed(&error),
        }
        self.settle();
    }

    fn wait_until(&mut self, now: Instant) {
        // Each call tells one thing that is due.
        for _ in 0..MOST_DUE {
            if self.conn.poll_timeout().is_none_or(|at| at > now) {
                return;
            }
            if self.conn.handle_timeout(now).is_err() {
                self.is_lost = true;
            }
            self.settle();
        }
        panic!("due for ever at {now:?}: {:?}", self.conn);
    }

    fn act(&mut self, step: &Step, other: &mut Self) {
        match step {
            Step::Text(text) => {
                if self.send(|conn, out| conn.sender().message(text.as_str(), out)) {
                    self.sent.push_back(text.clone().into_bytes());
                }
            }
            Step::Binary(data, times) => {
                let data = data.repeat(usize::from(*times));
                if self.send(|conn, out| conn.sender().message(&data, out)) {
                    self.sent.push_back(data);
                }
            }
            Step::Prepared(data) => {
                let message = Prepared::new_with(data, Compression::Always);
                if self.send(|conn, out| conn.sender().prepared(&message, out)) {
                    self.sent.push_back(data.clone());
                }
            }
            Step::Fragment(data, is_last) => {
                if self.send(|conn, out| conn.sender().fragment(DataKind::Binary, *is_last, data, out)) {
                    self.sending.extend_from_slice(data);
                    if *is_last {
                        self.sent.push_back(std::mem::take(&mut self.sending));
                    }
                }
            }
            Step::Ping(data) => drop(self.send(|conn, out| conn.sender().ping(data, out))),
            Step::Pong(data) => drop(self.send(|conn, out| conn.sender().pong(data, out))),
            Step::Close(code, len) => {
                let reason = "r".repeat(usize::from(*len));
                let _ = self.conn.close(CloseCode::from(*code), &reason);
            }
            Step::Read(count) => self.read(usize::from(*count), other),
            Step::ReadDirect(count) => self.read_direct(usize::from(*count), other),
            Step::Progress => self.conn.handle_progress(),
            Step::Deliver(in_chunks) => self.conn.set_delivery(delivery(*in_chunks)),
            Step::End => self.is_silent = true,
            // It passes for both.
            Step::Wait(_) => {}
        }
        self.settle();
    }
}

fn delivery(in_chunks: bool) -> Delivery {
    match in_chunks {
        true => Delivery::Chunks,
        false => Delivery::Messages,
    }
}

fn agree(ends: [&mut End; 2], settings: [bool; 3]) {
    let [is_shared, takeover, peer_takeover] = settings;
    let mut deflate = if is_shared {
        Deflate::shared()
    } else {
        Deflate::dedicated()
    };
    deflate.context_takeover = takeover;
    deflate.peer_context_takeover = peer_takeover;
    deflate.threshold = 0;
    let extensions = Extensions::from(deflate);
    let at_server = extensions.accept([extensions.offer().as_bytes()]).unwrap();
    let at_client = extensions.confirm([at_server.to_string().as_bytes()]).unwrap();
    let [client, server] = ends;
    client.conn.extend(&at_client);
    server.conn.extend(&at_server);
}

fuzz_target!(|case: Case| {
    let [mut client, mut server] = [(0, true), (1, false)].map(|(at, role)| End::new(&case.sides[at], role));
    if let Some(settings) = case.compression {
        agree([&mut client, &mut server], settings);
    }
    let mut now = Instant::ZERO;
    for (is_client, step) in &case.steps {
        let (own, other) = match is_client {
            true => (&mut client, &mut server),
            false => (&mut server, &mut client),
        };
        own.act(step, other);
        if let Step::Wait(millis) = step {
            now = now + std::time::Duration::from_millis((*millis).into());
        }
        client.wait_until(now);
        server.wait_until(now);
    }
    // What is on its way arrives.
    client.read(usize::MAX, &mut server);
    server.read(usize::MAX, &mut client);
    client.read(usize::MAX, &mut server);
    for (from, to) in [(&client, &server), (&server, &client)] {
        assert!(
            to.is_lost || from.sent.is_empty(),
            "{} messages are lost",
            from.sent.len()
        );
    }
});

/// More than there are deadlines.
const MOST_DUE: usize = 10;
