//! What a run came to.

use super::trouble::Trouble;
use crate::types::{SmolStr, StreamTime};
use std::collections::{BTreeMap, BTreeSet};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The list was read to its end.
    ToTheEnd,
    /// It was not: what came before is published, and the next run goes on.
    Part(Trouble),
}

/// What a run saw and wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How it ended.
    pub ended: Ended,
    /// It went on where an earlier run had ended.
    pub resumed: bool,
    /// Requests sent, attempts included.
    pub requests: u32,
    /// Requests of this day (KST) over all runs.
    pub requests_today: u32,
    /// Pages read.
    pub pages: u32,
    /// Notices read.
    pub listed: u64,
    /// Published for the first time, or back after a removal.
    pub new: u64,
    /// Published because their content differed.
    pub changed: u64,
    /// As they were published before.
    pub unchanged: u64,
    /// Left out: before `--since`, listed a second time, or older than what was published.
    pub left_out: u64,
    /// Said to be gone.
    pub removed: u64,
    /// Rejected into `dead-letters`, those of earlier runs not counted again.
    pub rejected: u64,
    /// Rejected records by code.
    pub rejects: BTreeMap<&'static str, u64>,
    /// Fields whose shape differed, with what was seen and how often. Names alone.
    pub drift: BTreeMap<(SmolStr, Drift), u64>,
    /// Why nothing was said to be gone or delivered though the end was reached, by code.
    pub held_back: Vec<(&'static str, String)>,
    /// Up to when the source is said to have delivered.
    pub delivered_through: Option<StreamTime>,
    /// The newest modification that the source has told of, in its own words.
    pub newest: Option<SmolStr>,
    /// Keys published or removed, for a dry run.
    pub keys: Vec<(What, SmolStr)>,
}

/// How a field differs from its contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Drift {
    /// It came as a number.
    Number,
    /// It came as true or false.
    Bool,
    /// It came as a list or an object.
    Nested,
    /// It did not come.
    Missing,
    /// The schema does not have it.
    New,
}

impl Drift {
    /// For a person.
    pub fn told(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::Nested => "a list or an object",
            Self::Missing => "missing",
            Self::New => "not in the schema",
        }
    }
}

/// What is written of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The first time.
    New,
    /// With other content.
    Changed,
    /// It is gone.
    Removed,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Notices read in this pass, earlier runs of it included.
    pub listed: u64,
    /// Notices that the source says it lists.
    pub total: u64,
    /// Records written in this run.
    pub written: u64,
}

impl Summary {
    pub(super) fn new() -> Self {
        Self {
            ended: Ended::ToTheEnd,
            resumed: false,
            requests: 0,
            requests_today: 0,
            pages: 0,
            listed: 0,
            new: 0,
            changed: 0,
            unchanged: 0,
            left_out: 0,
            removed: 0,
            rejected: 0,
            rejects: BTreeMap::new(),
            drift: BTreeMap::new(),
            held_back: Vec::new(),
            delivered_through: None,
            newest: None,
            keys: Vec::new(),
        }
    }

    /// Adds what a committed batch came to.
    pub(super) fn absorb(&mut self, batch: Self) {
        self.pages += batch.pages;
        self.listed += batch.listed;
        self.new += batch.new;
        self.changed += batch.changed;
        self.unchanged += batch.unchanged;
        self.left_out += batch.left_out;
        self.removed += batch.removed;
        self.rejected += batch.rejected;
        for (code, count) in batch.rejects {
            *self.rejects.entry(code).or_insert(0) += count;
        }
        for (what, count) in batch.drift {
            *self.drift.entry(what).or_insert(0) += count;
        }
        self.held_back.extend(batch.held_back);
        self.delivered_through = batch.delivered_through.or(self.delivered_through);
        self.keys.extend(batch.keys);
    }

    /// Whether a person should look: something was rejected, or fields have changed.
    pub fn has_findings(&self) -> bool {
        self.rejected > 0 || !self.drift.is_empty() || !self.held_back.is_empty()
    }

    /// Fields that differed.
    pub fn drifted_fields(&self) -> BTreeSet<&str> {
        self.drift.keys().map(|(field, _)| field.as_str()).collect()
    }

    /// Records written for notices.
    pub fn written(&self) -> u64 {
        self.new + self.changed + self.removed
    }
}
