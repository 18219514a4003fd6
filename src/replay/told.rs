//! Alert revisions as a replay or a recorded topic has them, with what a comparison reads of them.

use crate::contracts::{Contracts, Tree};
use crate::engine::effect::Output;
use crate::engine::layout::ALERT_TOPICS;
use crate::types::{EntityId, EpisodeId, SmolStr, StreamTime};

/// One revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The decoded record.
    pub tree: Tree,
    /// Episode.
    pub id: SmolStr,
    /// Revision.
    pub revision: i64,
    /// Household, by its pseudonym.
    pub household: SmolStr,
    /// Rule, as the record names it: of a restricted alert only that it is restricted.
    pub rule: SmolStr,
    /// What happened (`opened`, `raised`, …).
    pub change: SmolStr,
    /// Level after it.
    pub level: SmolStr,
    /// Status after it.
    pub status: SmolStr,
    /// Stream time at which it was told.
    pub at: StreamTime,
    /// The region in whose queue it is; empty if none is known.
    pub region: SmolStr,
    /// Its reasons.
    pub reasons: Vec<Said>,
}

/// A reason as a revision tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its id in the rule.
    pub id: SmolStr,
    /// What the caseworker reads.
    pub say: SmolStr,
    /// `met`, `assumed`, `held` or `past`.
    pub mark: &'static str,
    /// The number it found.
    pub number: Option<i64>,
    /// Evidence, newest last.
    pub evidence: Vec<SmolStr>,
}

impl Told {
    /// Reads what a task said; none if it is no alert.
    pub fn of(contracts: &Contracts, output: &Output) -> Option<Self> {
        let is_alert = ALERT_TOPICS.contains(&output.topic.as_str());
        is_alert.then(|| Self::read(contracts, &output.topic, &output.value, &output.headers)).flatten()
    }

    /// Reads a record of a topic of alerts.
    pub fn read(
        contracts: &Contracts,
        topic: &str,
        value: &[u8],
        headers: &[(SmolStr, Vec<u8>)],
    ) -> Option<Self> {
        let tree = contracts.topic(topic)?.decode_tree(value).ok()?;
        let text = |path: &str| tree.text(path).cloned();
        Some(Self {
            id: text("id")?,
            revision: tree.int("revision")?,
            household: text("household")?,
            rule: text("rule")?,
            change: text("change")?,
            level: text("level")?,
            status: text("status")?,
            at: stream_time(headers)?,
            region: text("audience.sigungu").or_else(|| text("audience.admin_dong")).unwrap_or_default(),
            reasons: tree.list("reasons").iter().filter_map(Said::of).collect(),
            tree,
        })
    }

    /// Whether a rule said it. Of a restricted alert the id tells so, to whoever has the rule.
    pub fn is_of(&self, rule: &str) -> bool {
        let number = self.tree.int("episode_number").and_then(|number| u32::try_from(number).ok());
        let entity = EntityId(self.household.clone());
        number.is_some_and(|number| EpisodeId::derive(rule, &entity, number).0 == self.id)
    }

    /// Whether it opens the episode for those who see it.
    pub fn opens(&self) -> bool {
        self.change == "opened" || self.change == "reopened"
    }

    /// Whether the episode is over with it.
    pub fn ends(&self) -> bool {
        self.status == "CLOSED" || self.status == "WITHDRAWN"
    }
}

impl Said {
    fn of(tree: &Tree) -> Option<Self> {
        let mark = match () {
            () if tree.flag("held") => "held",
            () if tree.flag("past") => "past",
            () if tree.flag("assumed") => "assumed",
            () => "met",
        };
        Some(Self {
            id: tree.text("id")?.clone(),
            say: tree.text("say")?.clone(),
            mark,
            number: tree.int("number"),
            evidence: tree.texts("evidence").into_iter().map(SmolStr::new).collect(),
        })
    }
}

/// Stream time as the header says it.
fn stream_time(headers: &[(SmolStr, Vec<u8>)]) -> Option<StreamTime> {
    let (_, time) = headers.iter().find(|(name, _)| name == "ce_time")?;
    std::str::from_utf8(time).ok()?.parse().ok()
}
