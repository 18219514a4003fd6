//! One stored record taken out for a while: shared with the state until it is written to.

use super::super::state::{Key, Record};
use super::records::{SubjectDays, SubjectHead, SubjectPage};
use super::work::Work;
use std::sync::Arc;

/// A kind of record that identity keeps.
pub(super) trait Stored: Clone + Default + PartialEq {
    fn wrap(self) -> Record;
    fn of(record: &Record) -> Option<&Self>;
}

macro_rules! stored {
    ($($type:ident => $variant:ident),*) => {$(
        impl Stored for $type {
            fn wrap(self) -> Record {
                Record::$variant(self)
            }
            fn of(record: &Record) -> Option<&Self> {
                if let Record::$variant(value) = record { Some(value) } else { None }
            }
        }
    )*};
}
stored!(SubjectHead => Subject, SubjectPage => SubjectPage, SubjectDays => SubjectDays);

/// A record under its key. Reading borrows what the state holds; the first write copies it.
pub(super) struct Part<T> {
    key: Key,
    found: Option<Arc<Record>>,
    edited: Option<T>,
    empty: T,
}

impl<T: Stored> Part<T> {
    /// What is there by now, or the default.
    pub(super) fn load(work: &Work<'_>, key: Key) -> Self {
        let found = work.get(&key);
        Self { key, found, edited: None, empty: T::default() }
    }

    pub(super) fn get(&self) -> &T {
        let found = || self.found.as_deref().and_then(T::of);
        self.edited.as_ref().or_else(found).unwrap_or(&self.empty)
    }

    pub(super) fn edit(&mut self) -> &mut T {
        let found = || self.found.as_deref().and_then(T::of).cloned().unwrap_or_default();
        self.edited.get_or_insert_with(found)
    }

    /// Whether there is anything to keep.
    pub(super) fn is_kept(&self) -> bool {
        *self.get() != self.empty
    }

    /// Writes it if it was edited; an empty one is deleted.
    pub(super) fn save(self, work: &mut Work<'_>) {
        if let Some(value) = self.edited {
            let keep = value != self.empty;
            work.put(self.key, keep.then(|| value.wrap()));
        }
    }
}
