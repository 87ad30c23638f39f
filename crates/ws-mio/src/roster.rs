//! Who is there: the names of connections, and which of them are in the lists.

use std::fmt;
use std::mem;

use crate::ListenerId;
use crate::pages::Pages;

/// The name of one connection of a server. Never given to another one: a connection that takes over the place of one
/// that ended has a name of its own.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId {
    place: u32,
    generation: u32,
}

impl ClientId {
    /// The place, as small a number as possible.
    pub(crate) fn place(self) -> usize {
        self.place as usize
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({}.{})", self.place, self.generation)
    }
}

/// Shows the place and how often it was taken before.
impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.place, self.generation)
    }
}

/// All places, taken or free.
#[derive(Default)]
pub(crate) struct Roster {
    seats: Pages<Seat>,
    free: Vec<u32>,
    taken: usize,
    listed: usize,
}

#[derive(Clone, Copy)]
struct Seat {
    /// How often the place has been left.
    generation: u32,
    listener: Option<ListenerId>,
    taken: bool,
    listed: bool,
}

impl Roster {
    /// Takes a place for a connection that came through this listener, or that we opened.
    pub(crate) fn take(&mut self, listener: Option<ListenerId>) -> ClientId {
        self.taken += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.seats.push(Seat {
                generation: 0,
                listener: None,
                taken: false,
                listed: false,
            });
            // The server accepts fewer.
            (self.seats.len() - 1) as u32
        });
        let mut generation = 0;
        if let Some(seat) = self.seats.get_mut(place as usize) {
            seat.listener = listener;
            seat.taken = true;
            generation = seat.generation;
        }
        ClientId { place, generation }
    }

    /// Frees the place.
    pub(crate) fn leave(&mut self, id: ClientId) {
        self.unlist(id);
        let Some(seat) = self.seat_mut(id) else { return };
        seat.taken = false;
        // A place whose names are used up is left empty.
        if let Some(next) = seat.generation.checked_add(1) {
            seat.generation = next;
            self.free.push(id.place);
        }
        self.taken -= 1;
    }

    /// Puts a connection into the lists. Returns whether it was not there.
    pub(crate) fn list(&mut self, id: ClientId) -> bool {
        let new = self
            .seat_mut(id)
            .is_some_and(|seat| !mem::replace(&mut seat.listed, true));
        self.listed += usize::from(new);
        new
    }

    /// Takes a connection out of the lists. Returns whether it was there.
    pub(crate) fn unlist(&mut self, id: ClientId) -> bool {
        let was = self
            .seat_mut(id)
            .is_some_and(|seat| mem::replace(&mut seat.listed, false));
        self.listed -= usize::from(was);
        was
    }

    pub(crate) fn is_taken(&self, id: ClientId) -> bool {
        self.seat(id).is_some()
    }

    pub(crate) fn is_listed(&self, id: ClientId) -> bool {
        self.seat(id).is_some_and(|seat| seat.listed)
    }

    pub(crate) fn listener(&self, id: ClientId) -> Option<ListenerId> {
        self.seat(id)?.listener
    }

    /// The name of whoever has this place.
    pub(crate) fn at(&self, place: usize) -> Option<ClientId> {
        let seat = self.seats.get(place).filter(|seat| seat.taken)?;
        Some(ClientId {
            place: place as u32,
            generation: seat.generation,
        })
    }

    /// How many places are taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// How many connections are in the lists.
    pub(crate) fn listed(&self) -> usize {
        self.listed
    }

    /// The names of all that are in the lists, with their listeners.
    pub(crate) fn iter_listed(&self) -> impl Iterator<Item = (ClientId, Option<ListenerId>)> {
        let seats = self.seats.iter().zip(0..).filter(|(seat, _)| seat.listed);
        seats.map(|(seat, place)| {
            let generation = seat.generation;
            (ClientId { place, generation }, seat.listener)
        })
    }

    /// The names of all.
    pub(crate) fn iter_taken(&self) -> impl Iterator<Item = ClientId> {
        let seats = self.seats.iter().zip(0..).filter(|(seat, _)| seat.taken);
        seats.map(|(seat, place)| ClientId {
            place,
            generation: seat.generation,
        })
    }

    fn seat(&self, id: ClientId) -> Option<&Seat> {
        let seat = self.seats.get(id.place())?;
        (seat.taken && seat.generation == id.generation).then_some(seat)
    }

    fn seat_mut(&mut self, id: ClientId) -> Option<&mut Seat> {
        let seat = self.seats.get_mut(id.place())?;
        (seat.taken && seat.generation == id.generation).then_some(seat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_used_again_under_another_name() {
        let mut roster = Roster::default();
        let ids: Vec<_> = (0..200).map(|_| roster.take(None)).collect();
        roster.list(ids[70]);
        roster.leave(ids[70]);
        roster.leave(ids[70]);
        assert_eq!((roster.taken(), roster.listed()), (199, 0));
        let again = roster.take(None);
        assert_eq!(again.place(), 70);
        assert_ne!(again, ids[70]);
        assert!(!roster.list(ids[70]), "the old name stands for nobody");
        assert!(roster.list(again) && !roster.list(again));
        assert_eq!(roster.at(70), Some(again));
        assert_eq!(roster.iter_listed().collect::<Vec<_>>(), [(again, None)]);
        assert_eq!(roster.iter_taken().count(), 200);
        assert!(roster.unlist(again) && !roster.unlist(again));
        assert_eq!(roster.listed(), 0);
    }

    #[test]
    fn no_name_is_ever_given_again() {
        let mut roster = Roster::default();
        let first = roster.take(None);
        roster.seat_mut(first).unwrap().generation = u32::MAX;
        let last = roster.at(0).unwrap();
        roster.leave(last);
        assert_eq!(roster.taken(), 0);
        assert!(!roster.is_taken(last));
        assert_eq!(roster.take(None).place(), 1);
    }

    #[test]
    fn a_place_is_small() {
        assert_eq!(size_of::<Seat>(), 8);
    }
}
