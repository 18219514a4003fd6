//! The task machine: one partition of one stage's log.

use super::effect::{Blocked, Effects, Input};
use super::state::{Key, Record, StateRead};
use std::sync::Arc;

/// A stage's machine for one partition. The same code runs in production, simulation, tests and backtests.
///
/// `handle` reads state through `state` and returns what to write; it keeps nothing that is not derived from
/// committed state plus its own last deltas. Derived indexes (due → entity) live in the task and follow the deltas
/// it returned; after an abort the lane throws the task away and builds it anew with [`Self::rebuild`].
pub trait Task: Send {
    /// Handles one record of the log: bounded work, whatever the record is.
    fn handle(&mut self, input: &Input<'_>, state: &dyn StateRead) -> Result<Effects, Blocked>;

    /// Whether a job waits for records to advance on. The lane then appends a `continue` record when idle.
    fn has_job(&self) -> bool;

    /// The topic and encoded value of this stage's `continue` record.
    fn continue_record(&self) -> Option<(&'static str, Vec<u8>)>;

    /// Rebuilds derived indexes from all stored records, given in key order (at start, after restore or abort).
    fn rebuild(&mut self, records: &mut dyn Iterator<Item = (Key, Arc<Record>)>);

    /// Stream time in ms, for `status`, markers and metrics.
    fn stream_time_ms(&self) -> i64;
}
