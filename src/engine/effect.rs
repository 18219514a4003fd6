//! Everything that can go into a task, and everything that may come out of it. Closed on purpose: a new kind of
//! side effect is a new variant here, seen by production, simulator and tests alike.

use super::state::{Key, Record};
use crate::types::{Origin, PackHash, SmolStr, StreamTime};
use std::sync::Arc;

/// One record of a stage's log (or, for intake, of a raw topic) as its lane polled it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Log time (append time on internal logs), milliseconds since the Unix epoch. Evidence, never a clock.
    pub timestamp_ms: i64,
    /// Key bytes.
    pub key: Option<&'a [u8]>,
    /// Value bytes; none is a null value.
    pub value: Option<&'a [u8]>,
    /// Headers in order.
    pub headers: &'a [(SmolStr, Vec<u8>)],
}

/// What handling one input leads to. Outputs do not depend on where commits fall; only `delta` coalesces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Records to produce, in order.
    pub outputs: Vec<Output>,
    /// State written: the full new value of each sub-key, or none to delete it. Later writes of a key win.
    pub delta: Vec<(Key, Option<Arc<Record>>)>,
    /// Things that happened, for telemetry: bounded labels, no personal value.
    pub facts: Vec<Fact>,
    /// For whom outputs were made that are not the record's own: from this output on for this entity, up to the next
    /// entry; an empty entity is the record's own again. Ascending.
    pub made_for: Vec<(usize, SmolStr)>,
}

impl Effects {
    /// Adds another step's effects behind these.
    pub fn extend(&mut self, other: Self) {
        if !self.made_for.is_empty() {
            self.made_for.push((self.outputs.len(), SmolStr::default()));
        }
        let first = self.outputs.len();
        self.made_for.extend(other.made_for.into_iter().map(|(at, entity)| (first + at, entity)));
        self.outputs.extend(other.outputs);
        self.delta.extend(other.delta);
        self.facts.extend(other.facts);
    }

    /// The entity in whose timer or job step an output was made; none for the record's own.
    pub fn maker(&self, output: usize) -> Option<&SmolStr> {
        let entry = self.made_for.iter().rev().find(|(from, _)| *from <= output);
        entry.map(|(_, entity)| entity).filter(|entity| !entity.is_empty())
    }
}

/// A record to produce, to an explicit partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Topic.
    pub topic: SmolStr,
    /// Partition, chosen by [`crate::engine::layout::Layout`].
    pub partition: i32,
    /// Key bytes.
    pub key: Option<Vec<u8>>,
    /// Value bytes.
    pub value: Vec<u8>,
    /// Headers in order.
    pub headers: Vec<(SmolStr, Vec<u8>)>,
}

/// Why a task did not handle an input. Most stay unhandled: the lane stops before them and says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// The log says to switch to a pack whose content has not been loaded.
    #[error("pack {} is in force in the log but its content has not arrived", .0.short())]
    PackMissing(PackHash),
    /// The schema of a record could not be had now.
    #[error("{0}")]
    SchemaUnavailable(String),
    /// Something else is read first.
    #[error("{0}")]
    Early(String),
    /// The log holds something this binary must not skip.
    #[error("stage log record cannot be read: {0}")]
    Unreadable(String),
    /// What is to be said of an entity has no place in its topic's contract: a defect like a panic, and nothing to wait
    /// for. The lane parks the entity at which the task is at work. The text names the place, never a value.
    #[error("an output does not fit its contract: {0}")]
    Unfit(String),
}

/// A thing that happened, for telemetry to turn into a log line and a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A record was rejected to `dead-letters`.
    DeadLetter {
        /// Error code, for example `IEUM-D003`.
        code: &'static str,
        /// Raw topic or stage log.
        topic: SmolStr,
    },
    /// A record was accepted.
    Accepted {
        /// Raw topic.
        topic: SmolStr,
    },
    /// A record repeated what was known and was dropped.
    Duplicate {
        /// Raw topic.
        topic: SmolStr,
    },
    /// A record came later than its topic's lateness.
    Late {
        /// Raw topic.
        topic: SmolStr,
    },
    /// A record of a stage log said what cannot hold and changed nothing.
    Ignored {
        /// Stage.
        stage: &'static str,
        /// What it was.
        what: &'static str,
    },
    /// A source fell silent for longer than its rhythm allows, or came back. Told of all silent ones after a start too.
    SourceHealth {
        /// Which.
        source: SmolStr,
        /// Where: a source that reports by region falls silent by region.
        region: Option<SmolStr>,
        /// Whether it is silent.
        stale: bool,
    },
    /// No link was known: hop to the next alias, or a provisional household.
    Unlinked {
        /// Whether another alias remained.
        hopped: bool,
    },
    /// Stream time moved.
    StreamTime {
        /// To where.
        through: StreamTime,
        /// Whether all upstreams were complete.
        complete: bool,
    },
    /// A rule was evaluated for an entity.
    Evaluated {
        /// Rule id.
        rule: SmolStr,
        /// Outcome: `true`, `false` or `unknown`.
        truth: &'static str,
    },
    /// An alert revision left.
    Alert {
        /// Rule id.
        rule: SmolStr,
        /// Its `change`.
        change: &'static str,
        /// Its level.
        level: &'static str,
        /// Log time of the causing record, from which latency is measured.
        caused_at_ms: i64,
    },
    /// A caseworker closed an alert.
    Closed {
        /// Rule id.
        rule: SmolStr,
        /// The rule's version that decided the alert.
        version: u32,
        /// What the outcome says of it: `needed`, `not_needed` or `unclear`.
        verdict: &'static str,
    },
    /// A case needs a person's review.
    Review {
        /// Rule id.
        rule: SmolStr,
    },
    /// A pack was taken into force.
    PackSwitched {
        /// Which.
        hash: PackHash,
    },
    /// A job advanced.
    Job {
        /// Kind (`sweep`, `timers`).
        kind: &'static str,
        /// Units still to do, where known.
        left: u64,
    },
    /// An entity was parked: its records go to `dead-letters` until an operator acts.
    Parked {
        /// The record of the stage log that did it.
        origin: Option<Origin>,
    },
}

impl Fact {
    /// Whether it only counts, and most records bring one: of those a commit tells how many there were.
    pub fn is_counted(&self) -> bool {
        matches!(
            self,
            Self::Accepted { .. }
                | Self::Duplicate { .. }
                | Self::Late { .. }
                | Self::Unlinked { .. }
                | Self::Evaluated { .. }
        )
    }
}
