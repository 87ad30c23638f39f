//! Numbered places for values, in pages: growing moves nothing and over-allocates one page at most.

use std::fmt;

/// The name of one connection of a reactor. Never given to another one: a connection that takes over the place of one
/// that ended has a name of its own.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId {
    index: u32,
    generation: u32,
}

impl ClientId {
    /// The place, as small a number as possible.
    pub(crate) fn index(self) -> usize {
        self.index as usize
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({}.{})", self.index, self.generation)
    }
}

/// Values in numbered places.
pub(crate) struct Slots<T> {
    pages: Vec<Vec<Slot<T>>>,
    free: Vec<u32>,
    len: usize,
}

struct Slot<T> {
    /// How often the place has been left.
    generation: u32,
    value: Option<T>,
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Self {
        Self {
            pages: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The name that the next value will get.
    ///
    /// # Panics
    /// With four billion values.
    pub(crate) fn next_id(&self) -> ClientId {
        if let Some(&index) = self.free.last() {
            return ClientId {
                index,
                generation: self.slot(index as usize).map_or(0, |slot| slot.generation),
            };
        }
        let used = self
            .pages
            .last()
            .map_or(0, |last| (self.pages.len() - 1) * PAGE + last.len());
        ClientId {
            index: u32::try_from(used).expect("a reactor has at most 2^32 connections"),
            generation: 0,
        }
    }

    /// Puts a value where [`next_id`](Self::next_id) said.
    pub(crate) fn insert(&mut self, value: T) -> ClientId {
        let id = self.next_id();
        self.len += 1;
        if self.free.pop().is_some() {
            if let Some(slot) = self.slot_mut(id.index()) {
                slot.value = Some(value);
            }
            return id;
        }
        if id.index() % PAGE == 0 {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        self.pages[id.index() / PAGE].push(Slot {
            generation: 0,
            value: Some(value),
        });
        id
    }

    /// The value in a place, with its name.
    pub(crate) fn at(&mut self, index: usize) -> Option<(ClientId, &mut T)> {
        let slot = self.slot_mut(index)?;
        // Places are counted by `u32`.
        let id = ClientId {
            index: index as u32,
            generation: slot.generation,
        };
        Some((id, slot.value.as_mut()?))
    }

    pub(crate) fn get_mut(&mut self, id: ClientId) -> Option<&mut T> {
        self.slot_mut(id.index())
            .filter(|slot| slot.generation == id.generation)?
            .value
            .as_mut()
    }

    pub(crate) fn remove(&mut self, id: ClientId) -> Option<T> {
        let slot = self
            .slot_mut(id.index())
            .filter(|slot| slot.generation == id.generation)?;
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.index);
        self.len -= 1;
        Some(value)
    }

    /// The names of all values.
    pub(crate) fn ids(&self) -> Vec<ClientId> {
        let slots = self.pages.iter().flatten().zip(0..);
        let used = slots.filter(|(slot, _)| slot.value.is_some());
        used.map(|(slot, index)| ClientId {
            index,
            generation: slot.generation,
        })
        .collect()
    }

    fn slot(&self, index: usize) -> Option<&Slot<T>> {
        self.pages.get(index / PAGE)?.get(index % PAGE)
    }

    fn slot_mut(&mut self, index: usize) -> Option<&mut Slot<T>> {
        self.pages.get_mut(index / PAGE)?.get_mut(index % PAGE)
    }
}

/// Places in a page: some 16 KiB, which is little to have in vain and much to allocate at once.
const PAGE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_used_again_under_another_name() {
        let mut slots = Slots::new();
        let ids: Vec<_> = (0..200).map(|value| slots.insert(value)).collect();
        assert_eq!(slots.remove(ids[70]), Some(70));
        assert_eq!(slots.remove(ids[70]), None);
        assert_eq!(slots.get_mut(ids[70]), None);
        let next = slots.next_id();
        let again = slots.insert(1000);
        assert_eq!(again, next);
        assert_eq!(again.index(), 70);
        assert_ne!(again, ids[70]);
        assert_eq!(slots.get_mut(ids[70]), None);
        assert_eq!(slots.at(70), Some((again, &mut 1000)));
        assert_eq!(slots.len(), 200);
        assert_eq!(slots.ids().len(), 200);
        assert!(slots.ids().contains(&again));
    }

    #[test]
    fn growing_takes_one_page_at_a_time() {
        let mut slots = Slots::new();
        for value in 0..10 * PAGE {
            slots.insert(value);
        }
        assert_eq!(slots.pages.len(), 10);
        assert!(slots.pages.iter().all(|page| page.capacity() == PAGE));
        assert_eq!(slots.at(10 * PAGE), None);
    }
}
