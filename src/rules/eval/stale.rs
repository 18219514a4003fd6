//! Which sources are stale for an entity, each asked for once: conditions of all rules on all days ask for the same few.

use super::super::index::SourceId;
use super::view::Sources;
use crate::types::SmolStr;
use std::cell::Cell;

/// What is known so far, by source of the pack. Beyond 64 sources each is asked for every time.
#[derive(Debug, Default)]
pub(super) struct Stale {
    asked: Cell<u64>,
    stale: Cell<u64>,
}

impl Stale {
    /// Whether one of these sources is stale. `names` are those of all sources.
    pub(super) fn any(&self, of: &[SourceId], names: &[SmolStr], sources: &dyn Sources) -> bool {
        of.iter().any(|source| self.of(*source, || sources.is_stale(&names[usize::from(*source)])))
    }

    fn of(&self, source: SourceId, ask: impl FnOnce() -> bool) -> bool {
        let Some(bit) = 1_u64.checked_shl(u32::from(source)) else { return ask() };
        if self.asked.get() & bit == 0 {
            self.asked.set(self.asked.get() | bit);
            self.stale.set(self.stale.get() | if ask() { bit } else { 0 });
        }
        self.stale.get() & bit != 0
    }
}
