//! A lane: one consumer, one transactional producer, the tasks of its partitions. Commit order and recovery are here.

#![allow(dead_code, reason = "the lane itself comes next and uses them")]

pub mod io;
pub mod memory;
mod config;
mod marker;
mod parked;
mod stop;
mod view;

pub use config::{Guarantee, LaneConfig, LaneFact, Progress, TaskState, TaskStatus};
pub use marker::{Entry, EntryError, MARKER_RING, Marker, data_key};
pub use parked::{Parked, UNPARK_HEADER};
pub use stop::{
    BROKER_REFUSED, CHANGELOG_TORN, CHANGELOG_UNREADABLE, FENCED, LANE_CODES, LaneStop, OFFSETS_DISAGREE,
    OUTCOME_UNKNOWN, PANICKED, PARKED, STORE_CORRUPT, STORE_UNUSABLE, Then,
};
