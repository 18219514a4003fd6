//! Runs stages: lanes as threads, each with its own broker and stores.

mod broker;

pub use broker::{KafkaBroker, LaneId};
