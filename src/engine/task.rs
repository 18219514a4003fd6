//! The task machine: one partition of one stage's log.

use super::effect::{Blocked, Effects, Input, Output};
use super::lane::io::TopicPartition;
use super::state::{Key, Record, StateRead};
use crate::types::SmolStr;
use std::sync::Arc;

/// A stage's machine for one partition. The same code runs in production, simulation, tests and backtests.
///
/// `handle` reads state through `state` and returns what to write; it keeps nothing that is not derived from
/// committed state plus its own last deltas. Derived indexes (due → entity) live in the task and follow the deltas
/// it returned; after an abort the lane throws the task away and builds it anew with [`Self::rebuild`].
///
/// A record advances timers and jobs of other entities than its own. Where such a unit fails (it panics, or makes more
/// than a topic takes), its entity is parked and the record handed again, so that it is handled as if that unit did not
/// exist. A task with units keeps four things: it says at whom it is ([`Self::at_work`]); it passes parked entities over,
/// which its own records name ([`ParkedEntities`]); it counts a failed unit as one of those that a record may advance; and
/// with the record that takes an entity back ([`Parked::is_taken_back_by`]) it learns anew what is due of it.
///
/// [`ParkedEntities`]: super::lane::ParkedEntities
/// [`Parked::is_taken_back_by`]: super::lane::Parked::is_taken_back_by
pub trait Task: Send {
    /// Handles one record of the log: bounded work, whatever the record is.
    fn handle(&mut self, input: &Input<'_>, state: &dyn StateRead) -> Result<Effects, Blocked>;

    /// The entity whose timer, job step or outputs it was working at when a record's handling ended early; none for the
    /// record's own work.
    fn at_work(&self) -> Option<&SmolStr> {
        None
    }

    /// Gives up the record that it was handed last, and learns whom that record parked: what is derived goes back to what
    /// `state` holds, at a cost of what the record touched. False if the task cannot; it is then built anew by
    /// [`Self::rebuild`].
    fn give_up(&mut self, _state: &dyn StateRead) -> bool {
        false
    }

    /// Whether a job waits for records to advance on. The lane then appends a `continue` record when idle.
    fn has_job(&self) -> bool;

    /// The topic and encoded value of this stage's `continue` record.
    fn continue_record(&self) -> Option<(&'static str, Vec<u8>)>;

    /// Rebuilds derived indexes from all stored records, given in key order (at start, after restore or abort): the
    /// task's own come first.
    fn rebuild(&mut self, records: &mut dyn Iterator<Item = (Key, Arc<Record>)>);

    /// Gives up what was written since the last commit, nobody parked or taken back among it: derived indexes go back to
    /// what is stored, at a cost of what was written alone. False if the task cannot; it is then built anew by
    /// [`Self::rebuild`].
    fn undo(&mut self, _undone: &[Undone]) -> bool {
        false
    }

    /// Records that belong to a commit and not to an input: intake's positions and the sources it saw. Called once
    /// per commit and task that moved, just before the drain, with the next offset of each input partition that
    /// moved. Empty for stages with state.
    fn commit_outputs(&mut self, _positions: &[(TopicPartition, i64)]) -> Vec<Output> {
        Vec::new()
    }

    /// Whether a position that moved without a record (a marker, an aborted tail) is worth a commit of its own.
    fn reports_positions(&self) -> bool {
        false
    }

    /// For what the task waits while it takes records in: it is not ready until then.
    fn waits_for(&self) -> Option<&'static str> {
        None
    }

    /// Stream time in ms, for `status`, markers and metrics.
    fn stream_time_ms(&self) -> i64;
}

/// A key whose writes are given up.
#[derive(Clone, Debug)]
pub struct Undone {
    /// The key.
    pub key: Key,
    /// What was last written under it; none if it was deleted.
    pub written: Option<Arc<Record>>,
    /// What holds again; none if there is nothing.
    pub stored: Option<Arc<Record>>,
}

/// Makes the tasks of one stage.
pub trait Stage: Send + Sync {
    /// Name: part of group id, transactional id and metrics.
    fn name(&self) -> &'static str;
    /// Topics it reads. Stages with state read one.
    fn inputs(&self) -> Vec<SmolStr>;
    /// The changelog topic; none for a stateless stage.
    fn changelog(&self) -> Option<&'static str>;
    /// A fresh task for one partition of one input topic.
    fn task(&self, at: &TopicPartition) -> Box<dyn Task>;
}

/// Where a task finds the content of a pack that its log names.
pub trait PackSource: Send + Sync {
    /// The compiled pack, once its content has arrived.
    fn pack(&self, hash: &crate::types::PackHash) -> Option<Arc<crate::rules::plan::Pack>>;
}
