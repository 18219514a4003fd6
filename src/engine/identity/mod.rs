//! The identity stage: de-duplicates, resolves subjects to households, moves events with the person.
//!
//! A subject is what a signal names as its owner. Identity keeps each subject's compact events and links and tells
//! households what they have of it: `Put` and `Remove` for single events, `Joined` and `Left` when links change.
//! Every accepted event counts at the households that held its subject on its day, or at one provisional household.

use super::lane::io::TopicPartition;
use super::layout::{Layout, SUBJECTS_LOG};
use super::letter::Letters;
use super::task::{Stage, Task};
use crate::types::SmolStr;
use std::sync::Arc;

mod days;
mod link;
mod part;
mod reading;
mod records;
mod signal;
mod subject;
mod task;
mod work;

#[cfg(test)]
mod tests;

pub use days::SERIES_OF_A_SUBJECT;
pub use link::{EVENTS_PER_CHUNK, LINKS_OF_A_SUBJECT};
pub use records::{
    DayBits, Entry, Held, Onward, Series, StoredLink, SubjectDays, SubjectHead, SubjectPage, Voided, Waiting,
};
pub use signal::MAX_HOPS;
pub use subject::EVENTS_OF_A_KIND;

/// Changelog of identity.
pub const IDENTITY_CHANGELOG: &str = "ieum.identity.changelog";

/// What identity can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentityConfig {
    /// Days for which events are kept.
    pub history_days: u16,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self { history_days: 800 }
    }
}

/// The stage.
#[derive(Debug)]
pub struct Identity {
    shared: Arc<task::Shared>,
}

impl Identity {
    /// With partition counts and a writer of letters.
    pub fn new(config: IdentityConfig, layout: Layout, letters: Arc<Letters>) -> Self {
        Self { shared: Arc::new(task::Shared { config, layout, letters }) }
    }
}

impl Stage for Identity {
    fn name(&self) -> &'static str {
        task::STAGE
    }

    fn inputs(&self) -> Vec<SmolStr> {
        vec![SmolStr::new(SUBJECTS_LOG)]
    }

    fn changelog(&self) -> Option<&'static str> {
        Some(IDENTITY_CHANGELOG)
    }

    fn task(&self, at: &TopicPartition) -> Box<dyn Task> {
        Box::new(task::IdentityTask::new(Arc::clone(&self.shared), at.partition))
    }
}
