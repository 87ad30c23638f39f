//! Several protocols on one port, told apart by what the peer says first.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use ws_proto::Instant;

use crate::{Arrival, Io, Next, Protocol, Ready, Serve};

/// Serves several protocols on one port: the first bytes of a connection tell which.
///
/// Protocols in which the server speaks first have nothing to be told by: they get the connections of which nothing comes
/// for some time.
///
/// ```no_run
/// # use ws_mio::{Client, Config, Http, Io, Next, Protocol, Ready, Server};
/// # struct Chat; impl Client for Chat {}
/// # #[derive(Clone)] struct Shell;
/// # impl Protocol for Shell { fn ready(&mut self, _: &mut Io<'_>, _: Ready) -> Next { Next::Stay } }
/// # #[derive(Clone)] struct Greeter;
/// # impl Protocol for Greeter { fn ready(&mut self, _: &mut Io<'_>, _: Ready) -> Next { Next::Stay } }
/// use std::time::Duration;
/// use ws_mio::{Detect, each};
///
/// let mut server = Server::new(Config::default())?;
/// let service = Detect::new()
///     .http(Http::clients(|| Chat))
///     .prefix(b"SSH-", each(|| Shell))
///     .silent_after(Duration::from_millis(300), each(|| Greeter));
/// server.listen("127.0.0.1:8080", service)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Detect {
    rules: Rc<RefCell<Rules>>,
}

#[derive(Default)]
struct Rules {
    by_look: Vec<(Box<Look>, Box<dyn Serve>)>,
    otherwise: Option<Box<dyn Serve>>,
    silent: Option<(Duration, Box<dyn Serve>)>,
}

type Look = dyn Fn(&[u8]) -> Match;

/// What the first bytes of a connection tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// It is this protocol.
    Yes,
    /// It is not.
    No,
    /// It may be: more bytes will tell.
    More,
}

impl Detect {
    /// Knows no protocol yet: connections are dropped.
    pub fn new() -> Self {
        Self { rules: Rc::default() }
    }

    /// Serves what this function recognises. It is given all that came so far, one byte at least, and again when more has
    /// come, up to 64 bytes. Of several that recognise something, the one added first gets it.
    pub fn on(self, look: impl Fn(&[u8]) -> Match + 'static, service: impl Serve + 'static) -> Self {
        let rule: (Box<Look>, Box<dyn Serve>) = (Box::new(look), Box::new(service));
        self.rules.borrow_mut().by_look.push(rule);
        self
    }

    /// Serves what begins with these bytes.
    pub fn prefix(self, prefix: &'static [u8], service: impl Serve + 'static) -> Self {
        self.on(move |bytes| begins_with(bytes, prefix), service)
    }

    /// Serves HTTP, and so WebSocket: what begins with one of its usual methods.
    pub fn http(self, service: impl Serve + 'static) -> Self {
        self.on(
            |bytes| {
                let found = METHODS.map(|method| begins_with(bytes, method));
                let best = [Match::Yes, Match::More].into_iter().find(|best| found.contains(best));
                best.unwrap_or(Match::No)
            },
            service,
        )
    }

    /// Serves what nothing else has recognised.
    pub fn otherwise(self, service: impl Serve + 'static) -> Self {
        self.rules.borrow_mut().otherwise = Some(Box::new(service));
        self
    }

    /// Serves connections of which nothing has come after this time: protocols in which the server speaks first.
    pub fn silent_after(self, time: Duration, service: impl Serve + 'static) -> Self {
        self.rules.borrow_mut().silent = Some((time, Box::new(service)));
        self
    }
}

impl Default for Detect {
    fn default() -> Self {
        Self::new()
    }
}

impl Serve for Detect {
    fn serve(&mut self, arrival: &Arrival) -> Box<dyn Protocol> {
        Box::new(Looking {
            rules: Rc::clone(&self.rules),
            arrival: arrival.clone(),
            seen: Vec::new(),
            until: Instant::ZERO,
        })
    }
}

impl fmt::Debug for Detect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detect").finish_non_exhaustive()
    }
}

/// A service that runs a new protocol of one type on each connection.
pub fn each<P: Protocol + 'static>(mut make: impl FnMut() -> P + 'static) -> impl Serve {
    move |_: &Arrival| -> Box<dyn Protocol> { Box::new(make()) }
}

/// Has a look at the first bytes.
struct Looking {
    rules: Rc<RefCell<Rules>>,
    arrival: Arrival,
    seen: Vec<u8>,
    /// When silence tells, or patience ends.
    until: Instant,
}

impl Protocol for Looking {
    fn accept(&mut self, io: &mut Io<'_>) -> Next {
        let silence = self.rules.borrow().silent.as_ref().map(|(time, _)| *time);
        let time = silence.unwrap_or(io.config().handshake.timeout);
        self.until = io.now() + time;
        io.wake_at(self.until);
        Next::Stay
    }

    fn ready(&mut self, io: &mut Io<'_>, why: Ready) -> Next {
        if matches!(why, Ready::Stop | Ready::Old) || why == Ready::Mail && io.is_called_off() {
            return Next::Drop;
        }
        while io.read(|_, bytes| {
            self.seen.extend_from_slice(bytes);
            bytes.len()
        }) {
            if let Some(next) = self.look(io, false) {
                return next;
            }
        }
        if let Some(next) = self.look(io, io.has_ended()) {
            return next;
        }
        if io.now() < self.until {
            io.wake_at(self.until);
            return Next::Stay;
        }
        let rules = &mut *self.rules.borrow_mut();
        match &mut rules.silent {
            Some((_, service)) if self.seen.is_empty() => Next::Become(service.serve(&self.arrival)),
            // It began, and does not go on; the silence was short, so it gets the usual time.
            Some(_) if io.now() < self.until + io.config().handshake.timeout => {
                let until = self.until + io.config().handshake.timeout;
                io.wake_at(until);
                Next::Stay
            }
            _ => Next::Drop,
        }
    }
}

impl Looking {
    /// Finds who is meant, if what came says so. `is_all`: nothing more will come.
    fn look(&mut self, io: &mut Io<'_>, is_all: bool) -> Option<Next> {
        if self.seen.is_empty() {
            return is_all.then_some(Next::Drop);
        }
        let rules = &mut *self.rules.borrow_mut();
        let is_enough = is_all || self.seen.len() >= MAX_LOOK;
        for (look, service) in &mut rules.by_look {
            match look(&self.seen) {
                Match::Yes => {
                    io.put_back(&self.seen);
                    return Some(Next::Become(service.serve(&self.arrival)));
                }
                // Whoever comes behind it must wait until it is known.
                Match::More if !is_enough => return None,
                Match::More | Match::No => {}
            }
        }
        let Some(service) = &mut rules.otherwise else {
            return Some(Next::Drop);
        };
        io.put_back(&self.seen);
        Some(Next::Become(service.serve(&self.arrival)))
    }
}

fn begins_with(bytes: &[u8], prefix: &[u8]) -> Match {
    if bytes.starts_with(prefix) {
        Match::Yes
    } else if prefix.starts_with(bytes) {
        Match::More
    } else {
        Match::No
    }
}

const METHODS: [&[u8]; 9] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
];

/// As many bytes as are looked at: no protocol takes longer to say what it is.
const MAX_LOOK: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_told_from_another_as_early_as_can_be() {
        assert_eq!(begins_with(b"SS", b"SSH-"), Match::More);
        assert_eq!(begins_with(b"SSL", b"SSH-"), Match::No);
        assert_eq!(begins_with(b"SSH-2.0", b"SSH-"), Match::Yes);
    }
}
