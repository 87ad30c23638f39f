//! Numbered places for values, in pages: growing moves nothing and over-allocates one page at most.

/// Values in numbered places.
pub(crate) struct Pages<T> {
    pages: Vec<Vec<T>>,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T> Pages<T> {
    /// How many places there are.
    pub(crate) fn len(&self) -> usize {
        let last = self.pages.last().map_or(0, Vec::len);
        self.pages.len().saturating_sub(1) * PAGE + last
    }

    pub(crate) fn push(&mut self, value: T) {
        if self.len() % PAGE == 0 {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let page = self.pages.len() - 1;
        self.pages[page].push(value);
    }

    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.pages.get(place / PAGE)?.get(place % PAGE)
    }

    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.pages.get_mut(place / PAGE)?.get_mut(place % PAGE)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }
}

/// Places in a page: a few KiB, which is little to have in vain and much to allocate at once.
const PAGE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_takes_one_page_at_a_time() {
        let mut pages = Pages::default();
        for value in 0..10 * PAGE {
            assert_eq!(pages.len(), value);
            pages.push(value);
        }
        assert_eq!(pages.pages.len(), 10);
        assert!(pages.pages.iter().all(|page| page.capacity() == PAGE));
        assert_eq!(pages.get(3 * PAGE + 5), Some(&(3 * PAGE + 5)));
        assert_eq!(pages.get(10 * PAGE), None);
        assert_eq!(pages.get_mut(10 * PAGE), None);
        assert_eq!(pages.iter().count(), 10 * PAGE);
    }
}
