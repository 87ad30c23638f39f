//! Who is in the chat, and what they say to each other.
//!
//! An event is a text message of lines: its kind, the member's number, the member's name, and the rest:
//! `welcome` (a line with number and name for everybody present), `join` and `leave` (how many are present), `rename`
//! (the old name), `say` (what was said, which may have more lines), `past` (the same with the milliseconds since 1970
//! before it, for who comes later). Members send `name` and `say` with what goes with it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::broadcast;
use ws_tokio::Prepared;

/// All rooms. One that everybody has left is forgotten, but for the one that everybody comes to first.
#[derive(Default)]
pub(crate) struct Rooms {
    lobby: Arc<Room>,
    others: Mutex<HashMap<String, Weak<Room>>>,
}

impl Rooms {
    /// The room of this name; without one, the lobby.
    pub(crate) fn room(&self, name: &str) -> Arc<Room> {
        if name.is_empty() {
            return self.lobby.clone();
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = others.get(name).and_then(Weak::upgrade) {
            return room;
        }
        others.retain(|_, room| room.strong_count() > 0);
        let room = Arc::<Room>::default();
        others.insert(name.to_owned(), Arc::downgrade(&room));
        room
    }
}

/// One room of the chat.
pub(crate) struct Room {
    names: Mutex<Names>,
    events: broadcast::Sender<Prepared>,
}

#[derive(Default)]
struct Names {
    present: BTreeMap<u32, String>,
    last: u32,
    /// What was said last, for who comes later.
    past: VecDeque<Prepared>,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            names: Mutex::default(),
            events: broadcast::channel(EVENTS_BEHIND).0,
        }
    }
}

impl Room {
    /// Lets a member in, as a guest until it tells its name.
    pub(crate) fn join(self: &Arc<Self>) -> Member {
        let mut names = self.names();
        names.last += 1;
        let number = names.last;
        let name = format!("guest {number}");
        names.present.insert(number, name.clone());
        let all: Vec<String> = names
            .present
            .iter()
            .map(|(number, name)| format!("{number} {name}"))
            .collect();
        let mut welcome = VecDeque::from([event("welcome", number, &name, &all.join("\n"))]);
        welcome.extend(names.past.iter().cloned());
        self.announce("join", number, &name, &names.present.len().to_string());
        // From here on it hears the others; under the lock, so that it misses nothing.
        let events = self.events.subscribe();
        Member {
            room: self.clone(),
            number,
            welcome,
            events,
        }
    }

    /// Tells everybody. One frame is made, and shared by all.
    fn announce(&self, kind: &str, number: u32, name: &str, rest: &str) {
        // Nobody there is nobody's fault.
        let _ = self.events.send(event(kind, number, name, rest));
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody in the room; dropping it leaves the room.
pub(crate) struct Member {
    room: Arc<Room>,
    number: u32,
    /// What it is told before anything else.
    welcome: VecDeque<Prepared>,
    events: broadcast::Receiver<Prepared>,
}

impl Member {
    /// The next event, or `None` if this member is too slow to be told everything.
    pub(crate) async fn hears(&mut self) -> Option<Prepared> {
        match self.welcome.pop_front() {
            Some(welcome) => Some(welcome),
            None => self.events.recv().await.ok(),
        }
    }

    /// Takes what the member's page sent.
    pub(crate) fn says(&mut self, message: &str) {
        let (kind, rest) = message.split_once('\n').unwrap_or((message, ""));
        let mut names = self.room.names();
        let names = &mut *names;
        let Some(name) = names.present.get_mut(&self.number) else {
            return;
        };
        match kind {
            "name" => {
                let new = clean(rest);
                if !new.is_empty() && new != *name {
                    let old = std::mem::replace(name, new);
                    self.room.announce("rename", self.number, name, &old);
                }
            }
            "say" if !rest.trim().is_empty() => {
                let said = rest.trim_end();
                if names.past.len() == PAST {
                    names.past.pop_front();
                }
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let past = format!("{}\n{said}", now.as_millis());
                names.past.push_back(event("past", self.number, name, &past));
                self.room.announce("say", self.number, name, said);
            }
            _ => {}
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut names = self.room.names();
        if let Some(name) = names.present.remove(&self.number) {
            self.room
                .announce("leave", self.number, &name, &names.present.len().to_string());
        }
    }
}

fn event(kind: &str, number: u32, name: &str, rest: &str) -> Prepared {
    Prepared::new(&format!("{kind}\n{number}\n{name}\n{rest}"))
}

/// A name as it can stand in one line.
fn clean(name: &str) -> String {
    name.trim()
        .chars()
        .filter(|char| !char.is_control())
        .take(NAME_CHARS)
        .collect()
}

/// How far a member may fall behind before it is dropped. The events are shared, so that is all that slow members cost.
const EVENTS_BEHIND: usize = 256;

/// How much of what was said is kept.
const PAST: usize = 100;

const NAME_CHARS: usize = 24;
