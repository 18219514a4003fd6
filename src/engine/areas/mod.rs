//! The areas stage: counts the households of a building or a district, and decides the rules of areas.
//!
//! Households tell their areas on which days they have events of which kind; an area keeps that over the history and
//! decides at each tick what it was told until then. Its rules, episodes, alerts and jobs are those of
//! [`households`](super::households): one machine, told by its role whose state it keeps.

use super::households::{Contract, HouseholdsConfig, HouseholdsTask, Role};
use super::lane::io::TopicPartition;
use super::layout::{AREAS_LOG, Layout};
use super::letter::Letters;
use super::task::{PackSource, Stage, Task};
use crate::contracts::Contracts;
use crate::types::SmolStr;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// The stage.
pub struct Areas {
    contract: Arc<dyn Contract>,
    layout: Layout,
    packs: Arc<dyn PackSource>,
    config: HouseholdsConfig,
    letters: Arc<Letters>,
}

impl std::fmt::Debug for Areas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Areas").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Areas {
    /// Name of the stage.
    pub const NAME: &'static str = "areas";
    /// Its changelog topic.
    pub const CHANGELOG: &'static str = "ieum.areas.changelog";

    /// The stage over its contracts, partition counts, packs and a writer of letters.
    pub fn new(
        contracts: Arc<Contracts>,
        layout: Layout,
        packs: Arc<dyn PackSource>,
        config: HouseholdsConfig,
        letters: Arc<Letters>,
    ) -> Self {
        Self { contract: contracts, layout, packs, config, letters }
    }
}

impl Stage for Areas {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn inputs(&self) -> Vec<SmolStr> {
        vec![SmolStr::new_static(AREAS_LOG)]
    }

    fn changelog(&self) -> Option<&'static str> {
        Some(Self::CHANGELOG)
    }

    fn task(&self, _at: &TopicPartition) -> Box<dyn Task> {
        let (contract, packs) = (Arc::clone(&self.contract), Arc::clone(&self.packs));
        let (layout, config) = (self.layout.clone(), self.config.clone());
        let letters = Arc::clone(&self.letters);
        Box::new(HouseholdsTask::new(Role::Areas, contract, layout, packs, config, letters))
    }
}
