//! What connections send to one another, until each gets all of it in one turn and writes it in one go.

use std::fmt;
use std::rc::Rc;

use ws_proto::{CloseCode, Payload, Prepared};

/// Something that another connection, a closure or another thread has for a connection.
#[non_exhaustive]
pub enum Post {
    /// A message. WebSocket clients send it to their peers; other protocols do with it what they like.
    Message(Prepared),
    /// A wish to close, with a code and a reason.
    Close(CloseCode, String),
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => f.debug_tuple("Message").field(message).finish(),
            Self::Close(code, _) => f.debug_tuple("Close").field(code).finish(),
        }
    }
}

impl Post {
    /// The message, if it is one.
    pub fn message(&self) -> Option<Payload<'_>> {
        match self {
            Self::Message(message) => Some(message.payload()),
            Self::Close(..) => None,
        }
    }
}

/// Posts, each held once, and for every recipient a chain of those that are for it.
#[derive(Default)]
pub(crate) struct Mail {
    posts: Vec<Rc<Post>>,
    links: Vec<Chained>,
    /// By the recipients' places; grows only when somebody posts.
    boxes: Vec<Chain>,
    /// The places that have mail.
    waiting: Vec<u32>,
    /// Of all payloads together.
    bytes: usize,
}

#[derive(Clone, Copy)]
struct Chained {
    post: u32,
    next: u32,
}

#[derive(Clone, Copy)]
struct Chain {
    first: u32,
    last: u32,
}

impl Mail {
    /// Takes in a post for any number of recipients.
    pub(crate) fn add(&mut self, post: Post, places: impl Iterator<Item = usize>) {
        let number = self.posts.len() as u32;
        let before = self.links.len();
        for place in places {
            self.chain(number, place);
        }
        if self.links.len() > before {
            self.bytes += post.message().map_or(0, |message| message.as_bytes().len());
            self.posts.push(Rc::new(post));
        }
    }

    /// Takes out the next post for the connection at this place.
    #[inline]
    pub(crate) fn next(&mut self, place: usize) -> Option<Rc<Post>> {
        self.next_before(place, self.len())
    }

    /// [`next`](Self::next), if it was among the first so many deliveries.
    #[inline]
    pub(crate) fn next_before(&mut self, place: usize, end: usize) -> Option<Rc<Post>> {
        // Behind the last one of a chain is `NONE`, which is before no end.
        let chain = self.boxes.get_mut(place).filter(|chain| (chain.first as usize) < end)?;
        let link = self.links[chain.first as usize];
        chain.first = link.next;
        Some(Rc::clone(&self.posts[link.post as usize]))
    }

    /// Whether there is something for the connection at this place.
    pub(crate) fn has(&self, place: usize) -> bool {
        self.boxes.get(place).is_some_and(|chain| chain.first != NONE)
    }

    /// Drops what is for the connection at this place, which is gone.
    pub(crate) fn forget(&mut self, place: usize) {
        if let Some(chain) = self.boxes.get_mut(place) {
            *chain = EMPTY;
        }
    }

    /// The places that have had mail, taken out.
    pub(crate) fn take_waiting(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.waiting)
    }

    /// How many deliveries have been asked for since it was empty.
    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Whether so much waits that it should be delivered before more is posted.
    pub(crate) fn is_full(&self) -> bool {
        self.links.len() >= FULL || self.bytes >= FULL_BYTES
    }

    /// Empties it, once all has been delivered.
    pub(crate) fn clear(&mut self) {
        self.posts.clear();
        self.links.clear();
        self.bytes = 0;
        if self.links.capacity() > FULL {
            *self = Self::default();
        }
    }

    fn chain(&mut self, post: u32, place: usize) {
        if place >= self.boxes.len() {
            self.boxes.resize(place + 1, EMPTY);
        }
        let link = self.links.len() as u32;
        self.links.push(Chained { post, next: NONE });
        let chain = &mut self.boxes[place];
        if chain.first == NONE {
            *chain = Chain {
                first: link,
                last: link,
            };
            self.waiting.push(place as u32);
        } else {
            self.links[chain.last as usize].next = link;
            chain.last = link;
        }
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("posts", &self.posts.len())
            .field("deliveries", &self.links.len())
            .finish()
    }
}

const NONE: u32 = u32::MAX;
const EMPTY: Chain = Chain {
    first: NONE,
    last: NONE,
};

/// Deliveries that may wait before connections stop taking in what makes more: 8 MiB of chains.
const FULL: usize = 1 << 20;

/// Payloads that may wait before connections stop taking in what makes more. Each is held once, whoever gets it; a round
/// that has more to say goes on in the next one.
const FULL_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(mail: &mut Mail, place: usize) -> Vec<String> {
        std::iter::from_fn(|| mail.next(place))
            .map(|post| format!("{:?}", post.message().unwrap()))
            .collect()
    }

    #[test]
    fn it_is_full_by_number_and_by_size() {
        let mut mail = Mail::default();
        let large = Prepared::new(&vec![0; FULL_BYTES / 2]);
        for (number, is_full) in [(1, false), (2, true)] {
            mail.add(Post::Message(large.clone()), [7].into_iter());
            assert_eq!(mail.is_full(), is_full, "{number}");
        }
        mail.clear();
        assert!(!mail.is_full());
        mail.add(Post::Message(Prepared::new("small")), 0..FULL);
        assert!(mail.is_full());
    }

    #[test]
    fn each_gets_its_own_in_order() {
        let mut mail = Mail::default();
        for (text, places) in [("a", vec![1, 5]), ("b", vec![5]), ("c", vec![1, 5]), ("d", vec![])] {
            mail.add(Post::Message(Prepared::new(text)), places.into_iter());
        }
        assert_eq!(mail.posts.len(), 3, "what nobody gets is not held");
        assert_eq!(mail.take_waiting(), [1, 5]);
        assert_eq!(texts(&mut mail, 5), [r#"Text("a")"#, r#"Text("b")"#, r#"Text("c")"#]);
        assert_eq!(texts(&mut mail, 5), [""; 0]);
        mail.forget(1);
        assert_eq!(texts(&mut mail, 1), [""; 0]);
        mail.add(Post::Message(Prepared::new("e")), [1].into_iter());
        assert_eq!(mail.take_waiting(), [1]);
        assert_eq!(texts(&mut mail, 1), [r#"Text("e")"#]);
        assert!(!mail.is_empty());
        mail.clear();
        assert!(mail.is_empty());
    }
}
