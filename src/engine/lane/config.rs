//! What a lane is told at its start, and what it tells of its steps.

use super::io::TopicPartition;
use crate::engine::effect::Fact;
use crate::engine::letter::{LETTER_WHOLE_BYTES, Letters};
use std::sync::Arc;

/// What a lane promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// Inputs, changelog and outputs commit in one transaction; a task is restored before it runs.
    ExactlyOnce,
    /// Offsets are committed after delivery; no changelog is written or read. For the embedded broker alone.
    AtLeastOnce,
}

/// Limits and intervals of a lane.
#[derive(Clone, Debug)]
pub struct LaneConfig {
    /// What it promises.
    pub guarantee: Guarantee,
    /// A transaction commits when it is this old.
    pub commit_interval_ms: u64,
    /// An idle lane waits this long for more before it commits early.
    pub linger_ms: u64,
    /// Most input records of a transaction, and half as many behind one that is being committed.
    pub max_records: u64,
    /// Most bytes of inputs and outputs of a transaction, and half of that behind one that is being committed.
    pub max_bytes: u64,
    /// Most bytes of one record that every topic takes.
    pub max_message_bytes: usize,
    /// Age at which the broker aborts a transaction by itself.
    pub transaction_timeout_ms: u64,
    /// How long a revoked partition may hold up the group while its transaction commits.
    pub revoke_deadline_ms: u64,
    /// Changelog records younger than this have not been compacted: there contiguity is checked.
    pub compaction_lag_ms: u64,
    /// A store older than this may have missed deletes that compaction removed: it is wiped.
    pub delete_retention_ms: u64,
    /// First and largest wait after a failure that may pass.
    pub backoff_ms: (u64, u64),
    /// Writes dead letters.
    pub letters: Arc<Letters>,
}

impl LaneConfig {
    /// The settings of production.
    pub fn new(guarantee: Guarantee, letters: Arc<Letters>) -> Self {
        Self {
            guarantee,
            commit_interval_ms: 100,
            linger_ms: 5,
            max_records: 20_000,
            max_bytes: 16 << 20,
            max_message_bytes: 2 * LETTER_WHOLE_BYTES,
            transaction_timeout_ms: 10_000,
            revoke_deadline_ms: 5_000,
            compaction_lag_ms: 3_600_000,
            delete_retention_ms: 24 * 3_600_000,
            backoff_ms: (50, 2_000),
            letters,
        }
    }
}

/// What one step did.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Input records handled.
    pub handled: u64,
    /// Something failed that may pass: step again at this time, not before.
    pub wait_until_ms: Option<u64>,
    /// What happened, for telemetry.
    pub facts: Vec<LaneFact>,
}

/// A thing that happened in a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneFact {
    /// A task's fact, told once its transaction has committed.
    Task {
        /// Which task.
        at: TopicPartition,
        /// The fact.
        fact: Fact,
    },
    /// A task's facts of one kind, of a commit together: those that every record brings.
    Counted {
        /// The fact.
        fact: Fact,
        /// How many times it was told.
        count: u64,
    },
    /// A transaction committed.
    Committed {
        /// Input records in it.
        inputs: u64,
        /// Output records in it, markers not counted.
        outputs: u64,
        /// Changelog records in it, markers not counted.
        changelog: u64,
        /// Age of its oldest input when it committed, in the lane's clock.
        age_ms: u64,
    },
    /// A transaction was aborted and its inputs will be handled again.
    Aborted {
        /// Why: a bounded label.
        cause: &'static str,
        /// The failure as told.
        detail: String,
    },
    /// Nobody knew whether a transaction had committed; the group's offsets told.
    Resolved {
        /// It had.
        committed: bool,
    },
    /// A step failed and will be made again.
    Retrying {
        /// Which step.
        step: &'static str,
        /// The failure as told.
        detail: String,
    },
    /// A local store was wiped before its restore.
    StoreWiped {
        /// Which task.
        at: TopicPartition,
        /// Why: a bounded label.
        reason: &'static str,
    },
    /// A restore went on.
    Restoring {
        /// Which task.
        at: TopicPartition,
        /// Changelog offsets behind.
        done: i64,
        /// Changelog offsets in all.
        of: i64,
    },
    /// A task is ready.
    Restored {
        /// Which task.
        at: TopicPartition,
        /// Changelog records read.
        records: u64,
    },
    /// A task waits before a record that it cannot handle now.
    Blocked {
        /// Which task.
        at: TopicPartition,
        /// Offset of the record.
        offset: i64,
        /// Why.
        reason: String,
    },
    /// A blocked task goes on.
    Unblocked {
        /// Which task.
        at: TopicPartition,
    },
    /// Partitions left this lane.
    Released {
        /// Which.
        partitions: Vec<TopicPartition>,
        /// The membership was lost: their open work was aborted.
        lost: bool,
    },
}

/// Where a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskStatus {
    /// Which.
    pub at: TopicPartition,
    /// What it does.
    pub state: TaskState,
    /// Next input offset, committed; [`super::io::BEGINNING`] before the first.
    pub committed: i64,
    /// Stream time, ms.
    pub stream_time_ms: i64,
    /// Entities parked after a defect.
    pub parked: usize,
}

/// What a task does now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Its state is being read back.
    Restoring {
        /// Changelog offsets behind.
        done: i64,
        /// Changelog offsets in all; 0 until known.
        of: i64,
        /// Which step fails and is made again, and why.
        held: Option<String>,
    },
    /// It handles records.
    Running,
    /// It takes records in and decides nothing yet: for what it waits.
    Waiting(&'static str),
    /// It waits before a record that it cannot handle now.
    Blocked(String),
}
