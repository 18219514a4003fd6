//! What every task knows of time: stream time, completeness of sources, the pack in force.

use super::message::{SourceState, Tick};
use crate::types::{Day, PackHash, SmolStr, StreamTime};
use serde::{Deserialize, Serialize};

/// Time as the ticks of one log told it, kept in the task's state under [`TaskClock::KEY`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskClock {
    /// Stream time: the running maximum of the ticks.
    pub through: StreamTime,
    /// The last tick's `complete`.
    pub complete: bool,
    /// Sources by (name, region), sorted.
    pub sources: Vec<SourceState>,
    /// The pack in force.
    pub pack: Option<PackHash>,
}

impl TaskClock {
    /// Its name among the task's own records.
    pub const KEY: &str = "clock";

    /// Takes a tick in; returns the day before and after.
    pub fn tick(&mut self, tick: &Tick) -> (Day, Day) {
        let before = self.through.day();
        self.through = self.through.max(tick.through);
        self.complete = tick.complete;
        for state in &tick.sources {
            let place = self.sources.binary_search_by(|known| {
                (&known.source, &known.region).cmp(&(&state.source, &state.region))
            });
            match place {
                Ok(at) => self.sources[at] = state.clone(),
                Err(at) => self.sources.insert(at, state.clone()),
            }
        }
        (before, self.through.day())
    }

    /// How far a source is complete, for a region where it reports per region.
    pub fn source(&self, source: &str, region: Option<&SmolStr>) -> Option<&SourceState> {
        let find = |region: Option<&SmolStr>| {
            let place = self.sources.binary_search_by(|known| {
                (known.source.as_str(), known.region.as_ref()).cmp(&(source, region))
            });
            place.ok().map(|at| &self.sources[at])
        };
        find(region).or_else(|| region.and_then(|_| find(None)))
    }

    /// Today: the KST date of stream time.
    pub fn today(&self) -> Day {
        self.through.day()
    }
}
