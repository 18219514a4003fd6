//! The control stage: decides time, completeness and packs, once, for all.
//!
//! ```text
//! sample(t, ends) ─▶ pending ── intake's positions pass the ends ─▶ tick{t} into ieum.subjects
//!                                                                        │
//!      tick{t} into ieum.households ◀── every identity partition reached t ┘
//!          │
//!          └─ every households partition reached t ─▶ tick{t} into ieum.areas
//! ```
//!
//! All steps keep the order of samples, so ticks only rise. What a tick says of sources is what was known when its first
//! part was written: it never overtakes the records that it speaks of. Nothing waits for areas.

use super::lane::io::TopicPartition;
use super::layout::{CONTROL_LOG, Layout};
use super::task::{Stage, Task};
use crate::contracts::Contracts;
use crate::types::SmolStr;
use std::sync::Arc;

pub mod declare;
mod health;
mod records;
mod sources;
mod status;
mod task;
mod time;

#[cfg(test)]
mod tests;

pub use records::{AreaTime, ControlState, Feed, Flight, Pending, Statement};
pub use sources::{DeclaredFeed, REGIONS_OF_A_SOURCE, STALE_AFTER};
pub use status::{ControlStatus, Hold};
pub use time::{MAX_IN_FLIGHT, MAX_SAMPLES};

/// Changelog of control.
pub const CONTROL_CHANGELOG: &str = "ieum.control.changelog";

/// What control can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlConfig {
    /// Under the `append` clock: how long an upstream may hold time back before ticks go on without it
    /// (`complete=false`), by the log time of samples.
    pub hold_ms: i64,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self { hold_ms: 10 * 60 * 1000 }
    }
}

/// The stage.
#[derive(Debug)]
pub struct Control {
    shared: Arc<task::Shared>,
}

impl Control {
    /// With the contracts that say which sources there are, and partition counts.
    pub fn new(contracts: Arc<Contracts>, config: ControlConfig, layout: Layout) -> Self {
        let feeds = sources::declared(&contracts);
        let health = health::Health::of(contracts);
        Self { shared: Arc::new(task::Shared { feeds, health, config, layout }) }
    }
}

impl Stage for Control {
    fn name(&self) -> &'static str {
        task::STAGE
    }

    fn inputs(&self) -> Vec<SmolStr> {
        vec![SmolStr::new(CONTROL_LOG)]
    }

    fn changelog(&self) -> Option<&'static str> {
        Some(CONTROL_CHANGELOG)
    }

    fn task(&self, _at: &TopicPartition) -> Box<dyn Task> {
        Box::new(task::ControlTask::new(Arc::clone(&self.shared)))
    }
}
