//! A protocol of lines of text, for whoever speaks one.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use ws_proto::{Instant, Payload};

use crate::io::Link;
use crate::websocket::may_deliver;
use crate::{Error, Io, Next, Post, Protocol, Ready};

/// One end of a conversation in lines of text, with all its state.
pub trait Talk {
    /// The conversation begins: the time for a greeting.
    fn greet(&mut self, speaker: &mut Speaker<'_>) {
        let _ = speaker;
    }

    /// The peer has said something: a line without its end. Bytes that are not UTF-8 are replaced.
    fn hear(&mut self, speaker: &mut Speaker<'_>, line: &str);

    /// Another connection has sent a message to this one. The default passes text on, line by line.
    fn pass_on(&mut self, speaker: &mut Speaker<'_>, message: Payload<'_>) {
        if let Payload::Text(text) = message {
            text.lines().for_each(|line| speaker.say(line));
        }
    }

    /// A timer went off.
    fn timer(&mut self, speaker: &mut Speaker<'_>, token: u64) {
        let _ = (speaker, token);
    }

    /// The conversation is over, once, whatever the reason.
    fn part(&mut self, link: &mut Link<'_>) {
        let _ = link;
    }
}

/// The protocol of a [`Talk`]: lines that end in LF or CR LF, answered with CR LF.
///
/// A line over 8 KiB ends the conversation, and so does a silence; see [`idle`](Self::idle). While the peer does not take the
/// answers, nothing more is read from it, and messages from others are lost to it.
pub struct Lines<T> {
    talk: T,
    /// The line that has begun.
    partial: Vec<u8>,
    has_ended: bool,
    idle: Duration,
    /// Something has come since `until` was set.
    has_heard: bool,
    /// When to look whether something has come.
    until: Instant,
}

impl<T: Talk> Lines<T> {
    /// Speaks for this one.
    pub fn new(talk: T) -> Self {
        Self {
            talk,
            partial: Vec::new(),
            has_ended: false,
            idle: DEFAULT_IDLE,
            has_heard: false,
            until: Instant::ZERO,
        }
    }

    /// Ends the conversation when nothing was taken from the peer for this time, or up to twice as long. Default 5 minutes:
    /// what SMTP asks a server to wait at least (RFC 5321 §4.5.3.2.7). Peers that only listen need more, or a word now and
    /// then.
    pub fn idle(mut self, time: Duration) -> Self {
        self.idle = time;
        self
    }

    fn speak<R>(&mut self, io: &mut Io<'_>, speak: impl FnOnce(&mut T, &mut Speaker<'_>) -> R) -> R {
        let mut speaker = Speaker {
            link: io.link(),
            has_ended: &mut self.has_ended,
        };
        speak(&mut self.talk, &mut speaker)
    }

    fn take_in(&mut self, io: &mut Io<'_>, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() && !self.has_ended && may_deliver(io) {
            self.has_heard = true;
            let rest = &bytes[taken..];
            let end = rest.iter().position(|&byte| byte == b'\n');
            let part = &rest[..end.unwrap_or(rest.len())];
            taken += part.len() + usize::from(end.is_some());
            if self.partial.len() + part.len() > MAX_LINE {
                self.has_ended = true;
                break;
            }
            self.partial.extend_from_slice(part);
            if end.is_some() {
                let line = std::mem::take(&mut self.partial);
                let line = line.strip_suffix(b"\r").unwrap_or(&line);
                let line = String::from_utf8_lossy(line);
                self.speak(io, |talk, speaker| talk.hear(speaker, &line));
            }
        }
        taken
    }

    /// Sees to the silence, and to being called again for it.
    fn watch(&mut self, io: &mut Io<'_>) {
        let now = io.now();
        if now >= self.until {
            self.has_ended |= !std::mem::take(&mut self.has_heard);
            self.until = now + self.idle;
        }
        io.wake_at(self.until);
    }

    fn next(&self, io: &Io<'_>) -> Next {
        if self.has_ended || io.has_ended() {
            Next::Finish
        } else {
            Next::Stay
        }
    }
}

impl<T: Talk> Protocol for Lines<T> {
    fn accept(&mut self, io: &mut Io<'_>) -> Next {
        io.limit_lifetime();
        self.has_heard = true;
        self.watch(io);
        self.speak(io, |talk, speaker| talk.greet(speaker));
        self.next(io)
    }

    fn ready(&mut self, io: &mut Io<'_>, why: Ready) -> Next {
        match why {
            Ready::Io => while !self.has_ended && may_deliver(io) && io.read(|io, bytes| self.take_in(io, bytes)) {},
            Ready::Mail => {
                while let Some(post) = io.next_post() {
                    match &*post {
                        Post::Message(message) if io.has_room() => {
                            self.speak(io, |talk, speaker| talk.pass_on(speaker, message.payload()));
                        }
                        Post::Message(_) => {}
                        Post::Close(..) => self.has_ended = true,
                    }
                }
            }
            Ready::Timer(token) => self.speak(io, |talk, speaker| talk.timer(speaker, token)),
            Ready::Stop | Ready::Old => self.has_ended = true,
            Ready::Time => self.watch(io),
        }
        self.next(io)
    }

    fn close(&mut self, io: &mut Io<'_>, _why: Option<Error>) {
        io.unlist();
        self.talk.part(&mut io.link());
    }
}

impl<T> fmt::Debug for Lines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("partial", &self.partial.len())
            .finish_non_exhaustive()
    }
}

/// What a [`Talk`] speaks through during a call. The methods of [`Link`] are here as well.
pub struct Speaker<'a> {
    link: Link<'a>,
    has_ended: &'a mut bool,
}

impl Speaker<'_> {
    /// Says a line. Line ends in it become blanks: one call is one line.
    pub fn say(&mut self, line: &str) {
        let line = line.replace(['\r', '\n'], " ");
        let out = self.link.out().buffer();
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    /// Ends the conversation, once what was said has been written.
    pub fn end(&mut self) {
        *self.has_ended = true;
    }

    /// Puts this end into the lists, to get what is sent to all.
    pub fn enlist(&mut self) {
        let id = self.link.id();
        self.link.shared.clients.roster.list(id);
    }
}

impl<'a> Deref for Speaker<'a> {
    type Target = Link<'a>;

    fn deref(&self) -> &Link<'a> {
        &self.link
    }
}

impl DerefMut for Speaker<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.link
    }
}

impl fmt::Debug for Speaker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speaker")
            .field("id", &self.link.id())
            .finish_non_exhaustive()
    }
}

const DEFAULT_IDLE: Duration = Duration::from_secs(300);

/// The longest line: as long as a request line of HTTP may be.
const MAX_LINE: usize = 8 * 1024;
