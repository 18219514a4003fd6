//! The households stage: facts, compact events, rules, episodes and their casework life.
//!
//! A record goes through `task`: due timers first, then the record itself, then a constant number of units of jobs. All
//! three work on households taken out of the state (`household`), which are decided by `decide`, go through the
//! transitions of `life` and `casework`, and are told as alert revisions once, at the record's end.

mod areas;
mod casework;
mod conclude;
mod crowd;
mod daily;
mod decide;
mod emit;
mod escalation;
mod hold;
mod household;
mod index;
mod intake;
mod jobs;
mod life;
mod params;
mod part;
mod pending;
mod records;
mod role;
mod task;
mod tell;
mod timers;
mod touches;
mod walk;
mod why;
mod work;

#[cfg(test)]
mod tests;

pub use records::{
    AreaBody, AreaEntry, Contributor, CrowdEntry, CrowdPage, CrowdPages, CrowdYear, DailyUse, Episode,
    EpisodeStatus, EscalationClock, HOUSE, Hold, HouseholdHead, HouseholdPage, Mark, Meter, Pending,
    ReasonState, RuleWait, StepState,
};
pub(super) use role::Role;
use task::HouseholdsTask;
pub use why::{Standing, decision_today, fact_today, pack_in_force, standing, tick_if_nothing_happens};

use super::lane::io::TopicPartition;
use super::layout::Layout;
use super::letter::Letters;
use super::task::{PackSource, Stage, Task};
use crate::contracts::{AreaKind, Contracts, Tree, Verdict};
use crate::types::SmolStr;
use std::sync::Arc;

/// Event under which an opened alert counts for other rules.
pub const ALERT_OPENED: &str = "alert.opened";
/// Event under which a closed alert counts for other rules.
pub const ALERT_CLOSED: &str = "alert.closed";
/// An opening is looked for at most so many days back: the longest lateness of a feed. What came true earlier and is
/// learnt only now (a new link, a registry's old entry, the end of a long parking) is no news.
pub const OPENING_DAYS: i32 = 62;

/// What can be set of the stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HouseholdsConfig {
    /// Days of history that are kept: at least the longest window of any rule.
    pub history_days: i32,
    /// The household fact that names the region in which sources report.
    pub region_fact: SmolStr,
}

impl Default for HouseholdsConfig {
    fn default() -> Self {
        Self { history_days: 800, region_fact: SmolStr::new_static("sigungu") }
    }
}

/// What the stage asks of the contracts.
pub(crate) trait Contract: Send + Sync {
    /// Encodes a record of an output topic.
    fn encode(&self, topic: &str, record: &Tree) -> Result<Vec<u8>, String>;
    /// Whether events of a kind are kept as days of use.
    fn is_daily(&self, kind: &str) -> bool;
    /// Whether only restricted rules may know of a kind.
    fn is_restricted(&self, _kind: &str) -> bool {
        false
    }
    /// What an outcome of casework says of the alert that it closes.
    fn verdict(&self, _outcome: &str) -> Verdict {
        Verdict::Unclear
    }
    /// Kinds of areas that households lie in.
    fn areas(&self) -> &[AreaKind] {
        &[]
    }
}

impl Contract for Contracts {
    fn encode(&self, topic: &str, record: &Tree) -> Result<Vec<u8>, String> {
        let known = self.topic(topic).ok_or_else(|| format!("no contract for topic {topic:?}"))?;
        known.encode(record)
    }

    fn is_daily(&self, kind: &str) -> bool {
        self.event(kind).is_some_and(|event| event.daily)
    }

    fn is_restricted(&self, kind: &str) -> bool {
        self.event(kind).is_some_and(|event| event.restricted)
    }

    fn verdict(&self, outcome: &str) -> Verdict {
        Self::verdict(self, outcome)
    }

    fn areas(&self) -> &[AreaKind] {
        Self::areas(self)
    }
}

/// The stage, and that of areas, which is the same machine in another role.
pub struct Households {
    role: Role,
    contract: Arc<dyn Contract>,
    layout: Layout,
    packs: Arc<dyn PackSource>,
    config: HouseholdsConfig,
    letters: Arc<Letters>,
}

impl std::fmt::Debug for Households {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Households")
            .field("role", &self.role)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Households {
    /// Name of the stage.
    pub const NAME: &'static str = "households";
    /// Its changelog topic.
    pub const CHANGELOG: &'static str = "ieum.households.changelog";

    /// The stage over its contracts, partition counts, packs and a writer of letters.
    pub fn new(
        contracts: Arc<Contracts>,
        layout: Layout,
        packs: Arc<dyn PackSource>,
        config: HouseholdsConfig,
        letters: Arc<Letters>,
    ) -> Self {
        Self::in_role(Role::Households, contracts, layout, packs, config, letters)
    }

    pub(super) fn in_role(
        role: Role,
        contract: Arc<dyn Contract>,
        layout: Layout,
        packs: Arc<dyn PackSource>,
        config: HouseholdsConfig,
        letters: Arc<Letters>,
    ) -> Self {
        Self { role, contract, layout, packs, config, letters }
    }

    /// The stage with a defect: what it says goes through this contract.
    #[cfg(test)]
    pub(crate) fn flawed(self, contract: Arc<dyn Contract>) -> Self {
        Self { contract, ..self }
    }

    #[cfg(test)]
    fn with_contract(contract: Arc<dyn Contract>, packs: Arc<dyn PackSource>) -> Self {
        let letters = Letters::new(Layout::new([]), Box::new(|body| body.id.clone().into_bytes()));
        let config = HouseholdsConfig::default();
        Self::in_role(Role::Households, contract, Layout::new([]), packs, config, Arc::new(letters))
    }
}

impl Stage for Households {
    fn name(&self) -> &'static str {
        self.role.stage()
    }

    fn inputs(&self) -> Vec<SmolStr> {
        vec![SmolStr::new_static(self.role.log())]
    }

    fn changelog(&self) -> Option<&'static str> {
        Some(self.role.changelog())
    }

    fn task(&self, _at: &TopicPartition) -> Box<dyn Task> {
        let (contract, packs) = (Arc::clone(&self.contract), Arc::clone(&self.packs));
        let (layout, config) = (self.layout.clone(), self.config.clone());
        let letters = Arc::clone(&self.letters);
        Box::new(HouseholdsTask::new(self.role, contract, layout, packs, config, letters))
    }
}
