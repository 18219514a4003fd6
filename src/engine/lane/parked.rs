//! Parked entities: after a defect nothing more is decided of them until an operator acts.

use crate::engine::effect::Input;
use crate::engine::state::{Key, Record, Sub};
use crate::types::SmolStr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Why and where an entity was parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Offset, in the task's log, of the record at which it failed.
    pub offset: i64,
    /// Log time of that record, ms.
    pub timestamp_ms: i64,
}

/// Header of a stage-log record by which an operator takes an entity (the record's key) back.
pub const UNPARK_HEADER: &str = "ieum-unpark";

const PREFIX: &str = "parked/";

impl Parked {
    /// The state key under which an entity is parked.
    pub fn key(entity: &str) -> Key {
        Key::own(&format!("{PREFIX}{entity}"))
    }

    /// The entity that such a key parks.
    pub fn entity(key: &Key) -> Option<SmolStr> {
        match &key.sub {
            Sub::Own(name) if key.entity.is_empty() => name.strip_prefix(PREFIX).map(SmolStr::new),
            _ => None,
        }
    }

    /// Whether a record takes its entity back.
    pub fn is_taken_back_by(input: &Input<'_>) -> bool {
        input.headers.iter().any(|(name, _)| name == UNPARK_HEADER)
    }
}

/// Who is parked, as a task learns it from its own records: nothing of theirs is due, no job stops at them.
#[derive(Clone, Debug, Default)]
pub struct ParkedEntities {
    entities: BTreeSet<SmolStr>,
    /// The newest offset at which anybody was parked, and how many were.
    newest: Option<(i64, usize)>,
}

impl ParkedEntities {
    /// Takes one of the task's own records in; others say nothing here.
    pub fn learn(&mut self, key: &Key, record: &Record) {
        let (Record::Parked(parked), Some(entity)) = (record, Parked::entity(key)) else { return };
        self.entities.insert(entity);
        self.newest = match self.newest {
            Some((offset, failed)) if offset == parked.offset => Some((offset, failed + 1)),
            Some(newest) if newest.0 > parked.offset => Some(newest),
            _ => Some((parked.offset, 1)),
        };
    }

    /// Whether an entity is parked.
    pub fn contains(&self, entity: &str) -> bool {
        self.entities.contains(entity)
    }

    /// Those that are parked here and not there.
    pub fn beyond<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a SmolStr> {
        self.entities.difference(&other.entities)
    }

    /// How many of so many units the record at an offset may still advance: those that failed at it are spent, so that
    /// its handling ends however many fail.
    pub fn units_left(&self, offset: i64, most: usize) -> usize {
        let failed = self.newest.filter(|(at, _)| *at == offset).map_or(0, |(_, failed)| failed);
        most.saturating_sub(failed)
    }
}
