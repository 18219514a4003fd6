//! Durable jobs: work too large for one record, advanced a constant number of units per handled record.

use crate::types::PackHash;
use serde::{Deserialize, Serialize};

/// A job in the state. It survives a crash because its cursor is committed with the work it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// A pack switch re-decides every entity; those not behind the cursor are still to do.
    Sweep {
        /// The pack that was taken into force.
        pack: PackHash,
        /// The last entity done, in byte order; none at the start.
        cursor: Option<crate::types::SmolStr>,
    },
    /// Another job of the task, with an opaque cursor.
    Other {
        /// What it does.
        kind: crate::types::SmolStr,
        /// Where it stands.
        cursor: Vec<u8>,
    },
}

/// Units of job work that one handled record advances: failed ones count.
pub const UNITS_PER_RECORD: usize = 16;
/// Due timers that one handled record fires, failed ones counted; the rest wait as a job.
pub const TIMERS_PER_RECORD: usize = 64;
