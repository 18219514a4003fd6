//! Sets that a record changes and that can go back to what they were before it.

use std::collections::BTreeSet;
use std::ops::Deref;

/// A set whose changes since [`Self::begin`] can be taken back. It reads as the set that it is.
#[derive(Debug)]
pub(super) struct RevertSet<T> {
    set: BTreeSet<T>,
    /// What was put in (true) or taken out since the beginning, in order; none before the first.
    changes: Option<Vec<(T, bool)>>,
}

impl<T> Default for RevertSet<T> {
    fn default() -> Self {
        Self { set: BTreeSet::new(), changes: None }
    }
}

impl<T> Deref for RevertSet<T> {
    type Target = BTreeSet<T>;

    fn deref(&self) -> &BTreeSet<T> {
        &self.set
    }
}

impl<T: Clone + Ord> RevertSet<T> {
    /// From here on changes can be taken back.
    pub(super) fn begin(&mut self) {
        self.changes.get_or_insert_default().clear();
    }

    pub(super) fn insert(&mut self, entry: T) {
        if let Some(changes) = &mut self.changes {
            if self.set.contains(&entry) {
                return;
            }
            changes.push((entry.clone(), true));
        }
        self.set.insert(entry);
    }

    pub(super) fn remove(&mut self, entry: &T) {
        if let (Some(entry), Some(changes)) = (self.set.take(entry), &mut self.changes) {
            changes.push((entry, false));
        }
    }

    /// Takes everything out that is not kept. This is no change of the record's, and not taken back.
    pub(super) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.set.retain(keep);
    }

    /// Takes all changes since the beginning back.
    pub(super) fn revert(&mut self) {
        for (entry, put) in self.changes.iter_mut().flat_map(|changes| changes.drain(..)).rev() {
            if put {
                self.set.remove(&entry);
            } else {
                self.set.insert(entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// It is what a plain set would be, and what it was before.
        #[test]
        fn it_goes_back_to_what_it_was(
            before in prop::collection::vec((0..8_u8, any::<bool>()), 0..16),
            since in prop::collection::vec((0..8_u8, any::<bool>()), 0..24),
        ) {
            let (mut set, mut plain) = (RevertSet::default(), BTreeSet::new());
            let mut change = |set: &mut RevertSet<u8>, (entry, put): (u8, bool)| {
                if put {
                    set.insert(entry);
                    plain.insert(entry);
                } else {
                    set.remove(&entry);
                    plain.remove(&entry);
                }
                plain.clone()
            };
            before.into_iter().for_each(|one| drop(change(&mut set, one)));
            let was = set.set.clone();
            set.begin();
            for one in since {
                let plain = change(&mut set, one);
                prop_assert_eq!(&*set, &plain);
            }
            set.revert();
            prop_assert_eq!(&*set, &was);
        }
    }
}
