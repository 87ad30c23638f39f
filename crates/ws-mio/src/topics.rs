//! Who wants to hear about what.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Topics with their subscribers, by places. A topic exists while it has any.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    subscribers: HashMap<Rc<str>, HashSet<u32>>,
    /// What each place has subscribed to, so that it can be undone.
    topics: HashMap<u32, HashSet<Rc<str>>>,
    /// Topics that have got their first subscriber or lost their last one, not told yet.
    changed: Vec<(Rc<str>, bool)>,
}

impl Topics {
    /// Returns whether it is new.
    pub(crate) fn subscribe(&mut self, place: usize, topic: &str) -> bool {
        let place = place as u32;
        let name = match self.subscribers.get_key_value(topic) {
            Some((name, _)) => Rc::clone(name),
            None => {
                let name: Rc<str> = topic.into();
                self.subscribers.insert(Rc::clone(&name), HashSet::new());
                self.changed.push((Rc::clone(&name), true));
                name
            }
        };
        if let Some(places) = self.subscribers.get_mut(&name) {
            places.insert(place);
        }
        self.topics.entry(place).or_default().insert(name)
    }

    /// Returns whether it was subscribed.
    pub(crate) fn unsubscribe(&mut self, place: usize, topic: &str) -> bool {
        let place = place as u32;
        let Some(mine) = self.topics.get_mut(&place) else {
            return false;
        };
        if !mine.remove(topic) {
            return false;
        }
        if mine.is_empty() {
            self.topics.remove(&place);
        }
        self.drop_subscriber(place, topic);
        true
    }

    /// Undoes all subscriptions of a place.
    pub(crate) fn leave(&mut self, place: usize) {
        let place = place as u32;
        for topic in self.topics.remove(&place).into_iter().flatten() {
            self.drop_subscriber(place, &topic);
        }
    }

    /// The places that have subscribed to this topic.
    pub(crate) fn of(&self, topic: &str) -> impl Iterator<Item = usize> + use<'_> {
        let places = self.subscribers.get(topic).into_iter().flatten();
        places.map(|&place| place as usize)
    }

    pub(crate) fn count(&self, topic: &str) -> usize {
        self.subscribers.get(topic).map_or(0, HashSet::len)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.subscribers.keys().map(|name| &**name)
    }

    pub(crate) fn of_place(&self, place: usize) -> impl Iterator<Item = &str> {
        let place = place as u32;
        self.topics.get(&place).into_iter().flatten().map(|name| &**name)
    }

    /// Whether there are topics that came to be or ended since they were taken.
    pub(crate) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The topics that came to be (true) or ended since the last call.
    pub(crate) fn take_changed(&mut self) -> Vec<(Rc<str>, bool)> {
        std::mem::take(&mut self.changed)
    }

    fn drop_subscriber(&mut self, place: u32, topic: &str) {
        let Some(places) = self.subscribers.get_mut(topic) else {
            return;
        };
        places.remove(&place);
        if places.is_empty() {
            if let Some((name, _)) = self.subscribers.remove_entry(topic) {
                self.changed.push((name, false));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_lasts_as_long_as_its_subscribers() {
        let mut topics = Topics::default();
        assert!(topics.subscribe(1, "news") && !topics.subscribe(1, "news"));
        assert!(topics.subscribe(2, "news") && topics.subscribe(2, "weather"));
        assert_eq!((topics.count("news"), topics.count("none")), (2, 0));
        assert!(topics.unsubscribe(1, "news") && !topics.unsubscribe(1, "news"));
        assert_eq!(topics.of("news").collect::<Vec<_>>(), [2]);
        topics.leave(2);
        assert_eq!(topics.names().count(), 0);
        let mut changed: Vec<_> = topics
            .take_changed()
            .into_iter()
            .map(|(name, on)| (name.to_string(), on))
            .collect();
        changed[2..].sort();
        let expected = [("news", true), ("weather", true), ("news", false), ("weather", false)];
        assert_eq!(changed, expected.map(|(name, on)| (name.to_owned(), on)));
        assert!(topics.take_changed().is_empty());
        assert!(topics.topics.is_empty());
    }
}
