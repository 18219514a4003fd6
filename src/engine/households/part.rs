//! One stored record taken out for editing: shared with the state until it is written to.

use super::records::{CrowdPage, CrowdYear, DailyUse, Episode, HouseholdHead, HouseholdPage};
use crate::engine::state::{Key, Record};
use std::sync::Arc;

/// A kind of record that households keep.
pub(super) trait Stored: Clone + Default {
    fn wrap(self) -> Record;
    fn of(record: &Record) -> Option<&Self>;
    fn of_mut(record: &mut Record) -> Option<&mut Self>;
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
            fn of_mut(record: &mut Record) -> Option<&mut Self> {
                if let Record::$variant(value) = record { Some(value) } else { None }
            }
        }
    )*};
}
stored!(
    HouseholdHead => Household, HouseholdPage => HouseholdPage, DailyUse => DailyUse,
    CrowdYear => CrowdYear, CrowdPage => Crowd
);

/// A record under its key. Reading borrows what the state holds; the first write copies it.
#[derive(Clone, Debug)]
pub(super) struct Part<T> {
    key: Key,
    record: Arc<Record>,
    dirty: bool,
    kind: std::marker::PhantomData<T>,
}

impl<T: Stored> Part<T> {
    /// What the state holds under the key, or the default.
    pub(super) fn load(key: Key, found: Option<Arc<Record>>) -> Self {
        let record = found.filter(|r| T::of(r).is_some()).unwrap_or_else(|| Arc::new(T::default().wrap()));
        Self { key, record, dirty: false, kind: std::marker::PhantomData }
    }

    pub(super) fn get(&self) -> &T {
        T::of(&self.record).expect("a part holds the kind it was loaded as")
    }

    pub(super) fn edit(&mut self) -> &mut T {
        self.dirty = true;
        T::of_mut(Arc::make_mut(&mut self.record)).expect("a part holds the kind it was loaded as")
    }

    /// The record itself: sharing it costs nothing until the next write.
    pub(super) fn record(&self) -> &Arc<Record> {
        &self.record
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// The write of it, if it was edited.
    pub(super) fn written(&self) -> Option<(Key, Option<Arc<Record>>)> {
        self.dirty.then(|| (self.key.clone(), Some(Arc::clone(&self.record))))
    }
}

/// An episode taken out for editing, with what it was when the record began.
#[derive(Clone, Debug)]
pub(super) struct EpisodePart {
    /// As the record found it; none if this record opened it.
    pub(super) before: Option<Episode>,
    /// As it is now.
    pub(super) now: Episode,
    /// What happened to it in this record.
    pub(super) notes: super::life::Notes,
}
