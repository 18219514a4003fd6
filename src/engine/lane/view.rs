//! What a task reads: the lane's uncommitted overlay above the committed store.

use super::io::Store;
use crate::engine::state::{Key, Record, StateRead};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

/// Writes that are not committed yet, of the commit under way and of the open transaction behind it: the newest per key;
/// none is a delete.
pub(super) type Overlay = BTreeMap<Key, Option<Arc<Record>>>;

/// The overlay first, the store behind it. A stage without a changelog has no store.
pub(super) struct View<'a, S> {
    pub(super) overlay: &'a Overlay,
    pub(super) store: Option<&'a S>,
}

/// Keys read from the store at a time.
const PAGE: usize = 512;

impl<S: Store> StateRead for View<'_, S> {
    fn get(&self, key: &Key) -> Option<Arc<Record>> {
        match self.overlay.get(key) {
            Some(written) => written.clone(),
            None => self.store.and_then(|store| store.get(key)),
        }
    }

    fn scan(&self, after: Option<&Key>, limit: usize) -> Vec<(Key, Arc<Record>)> {
        self.iter(after.cloned(), limit.min(PAGE)).take(limit).collect()
    }
}

impl<'a, S: Store> View<'a, S> {
    /// All records behind `after` in key order, read page by page.
    pub(super) fn iter(&self, after: Option<Key>, page: usize) -> Merged<'a, S> {
        let from = after.clone().map_or(Bound::Unbounded, Bound::Excluded);
        Merged {
            store: self.store,
            page: page.max(1),
            cursor: after,
            exhausted: self.store.is_none(),
            stored: VecDeque::new(),
            written: self.overlay.range((from, Bound::Unbounded)).peekable(),
        }
    }

    /// All records in key order.
    pub(super) fn all(&self) -> Merged<'a, S> {
        self.iter(None, PAGE)
    }
}

/// Overlay and store as one ordered sequence.
pub(super) struct Merged<'a, S> {
    store: Option<&'a S>,
    page: usize,
    cursor: Option<Key>,
    exhausted: bool,
    stored: VecDeque<(Key, Arc<Record>)>,
    written: std::iter::Peekable<std::collections::btree_map::Range<'a, Key, Option<Arc<Record>>>>,
}

impl<S: Store> Merged<'_, S> {
    fn fill(&mut self) {
        let Some(store) = self.store else { return };
        if self.stored.is_empty() && !self.exhausted {
            self.stored = store.scan(self.cursor.as_ref(), self.page).into();
            self.exhausted = self.stored.len() < self.page;
            self.cursor = self.stored.back().map(|(key, _)| key.clone());
        }
    }
}

impl<S: Store> Iterator for Merged<'_, S> {
    type Item = (Key, Arc<Record>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.fill();
            let write_is_next = match (self.stored.front(), self.written.peek()) {
                (None, None) => return None,
                (Some((stored, _)), Some((written, _))) => *written <= stored,
                (stored, _) => stored.is_none(),
            };
            if !write_is_next {
                return self.stored.pop_front();
            }
            let (key, record) = self.written.next()?;
            if self.stored.front().is_some_and(|(stored, _)| stored == key) {
                self.stored.pop_front();
            }
            if let Some(record) = record {
                return Some((key.clone(), Arc::clone(record)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::job::Job;
    use crate::engine::lane::io::StorePosition;
    use crate::engine::lane::memory::MemoryStore;
    use crate::engine::state::{MemoryState, Sub};
    use proptest::prelude::*;

    type Delta = Vec<(Key, Option<Arc<Record>>)>;

    fn delta() -> impl Strategy<Value = Delta> {
        let write =
            ("[a-c]{0,2}", any::<bool>(), prop::option::of(any::<u8>())).prop_map(|(entity, head, value)| {
                let sub = if head { Sub::Head } else { Sub::Own("x".into()) };
                let record = |v| Arc::new(Record::Job(Job::Other { kind: "t".into(), cursor: vec![v] }));
                (Key::new(entity, sub), value.map(record))
            });
        prop::collection::vec(write, 0..24)
    }

    proptest! {
        /// What a task sees above a store is what it would see had everything been committed.
        #[test]
        fn an_overlay_reads_like_a_commit(stored in delta(), written in delta(), page in 1..5_usize, limit in 0..9_usize) {
            let position = StorePosition {
                changelog_next: 0, input_next: 0, stream_time_ms: 0, sequence: 0, marker_offset: -1, committed_at_ms: 0,
            };
            let mut store = MemoryStore::default();
            store.apply(&stored, position);
            let mut whole = MemoryState::default();
            whole.apply(&stored);
            whole.apply(&written);
            let overlay: Overlay = written.into_iter().collect();
            let view = View { overlay: &overlay, store: Some(&store) };

            let all: Vec<_> = whole.iter().collect();
            prop_assert_eq!(view.iter(None, page).collect::<Vec<_>>(), all.clone());
            for (key, _) in &all {
                prop_assert_eq!(view.get(key), whole.get(key));
                prop_assert_eq!(view.scan(Some(key), limit), whole.scan(Some(key), limit));
            }
            for key in overlay.keys() {
                prop_assert_eq!(view.get(key), whole.get(key));
            }
        }
    }
}
