//! Parked entities: after a panic nothing more is decided of them until an operator acts.

use crate::engine::state::{Key, Sub};
use crate::types::SmolStr;
use serde::{Deserialize, Serialize};

/// Why and where an entity was parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Offset, in the task's log, of the record that made it panic.
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
}
