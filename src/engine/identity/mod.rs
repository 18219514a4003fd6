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
use std::collections::BTreeSet;
use std::sync::Arc;

mod link;
mod records;
mod signal;
mod subject;
mod task;
mod work;

#[cfg(test)]
mod tests;

pub use link::EVENTS_PER_CHUNK;
pub use records::{Entry, Held, Onward, StoredLink, SubjectHead, SubjectPage, Voided, Waiting};
pub use signal::MAX_HOPS;
pub use subject::EVENTS_OF_A_KIND;

/// Changelog of identity.
pub const IDENTITY_CHANGELOG: &str = "ieum.identity.changelog";

/// What identity can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityConfig {
    /// Days for which events are kept.
    pub history_days: u16,
    /// Event names that contracts declare as daily: many and small, paged by month.
    pub daily: BTreeSet<SmolStr>,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self { history_days: 800, daily: BTreeSet::new() }
    }
}

impl IdentityConfig {
    /// The usual history, and the daily events of these contracts.
    pub fn of(contracts: &crate::contracts::Contracts) -> Self {
        let daily = contracts.events().filter(|event| event.daily).map(|event| event.name.clone());
        Self { daily: daily.collect(), ..Self::default() }
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
