//! What every task knows of time: stream time, completeness of sources, the pack in force.
//!
//! A tick comes every second and changes few of the feeds of all regions, so each feed is a stored record of its own.

use super::message::{SourceState, Tick};
use super::state::{Key, Record, StateRead, Sub};
use crate::types::{Day, PackHash, SmolStr, StreamTime};
use serde::{Deserialize, Serialize};

/// Time as the ticks of one log told it, kept in the task's state under [`TaskClock::KEY`] and, each feed by itself, behind
/// [`TaskClock::FEEDS`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskClock {
    /// Stream time: the running maximum of the ticks.
    pub through: StreamTime,
    /// The last tick's `complete`.
    pub complete: bool,
    /// Sources by (name, region), sorted. In the stored form empty; a record of before that has them is read.
    pub sources: Vec<SourceState>,
    /// The pack in force.
    pub pack: Option<PackHash>,
}

impl TaskClock {
    /// Its name among the task's own records.
    pub const KEY: &str = "clock";
    /// What the names of its feeds begin with; source and region follow, each behind its length, so that no two are alike.
    pub const FEEDS: &str = "feed/";

    /// Takes a tick in; returns the day before and after.
    pub fn tick(&mut self, tick: &Tick) -> (Day, Day) {
        let before = self.through.day();
        self.through = self.through.max(tick.through);
        self.complete = tick.complete;
        for state in &tick.sources {
            self.put(state.clone());
        }
        (before, self.through.day())
    }

    fn put(&mut self, state: SourceState) {
        match self.place(&state) {
            Ok(at) => self.sources[at] = state,
            Err(at) => self.sources.insert(at, state),
        }
    }

    fn place(&self, state: &SourceState) -> Result<usize, usize> {
        self.sources
            .binary_search_by(|known| (&known.source, &known.region).cmp(&(&state.source, &state.region)))
    }

    /// What is to be stored of it after a change of time or pack and of these feeds.
    pub fn written(&self, changed: &[SourceState]) -> Vec<(Key, Record)> {
        let feeds = changed.iter().filter_map(|state| self.sources.get(self.place(state).ok()?));
        let feeds = feeds.map(|state| (feed_key(state), Record::Feed(state.clone())));
        let own = Self { sources: Vec::new(), ..*self };
        std::iter::once((Key::own(Self::KEY), Record::Clock(own))).chain(feeds).collect()
    }

    /// Takes a stored record in, if it is one of the clock's; the clock's own goes before its feeds, as in key order.
    pub fn learn(&mut self, key: &Key, record: &Record) {
        match (&key.sub, record) {
            (Sub::Own(name), Record::Clock(stored)) if name == Self::KEY => {
                (self.through, self.complete, self.pack) = (stored.through, stored.complete, stored.pack);
                stored.sources.iter().for_each(|state| self.put(state.clone()));
            }
            (_, Record::Feed(state)) => self.put(state.clone()),
            _ => {}
        }
    }

    /// A record that was written is no longer there.
    pub fn forget(&mut self, key: &Key, written: Option<&Record>) {
        match (&key.sub, written) {
            (Sub::Own(name), _) if name == Self::KEY => {
                (self.through, self.complete, self.pack) = (StreamTime::ZERO, false, None);
            }
            (_, Some(Record::Feed(state))) => {
                if let Ok(at) = self.place(state) {
                    self.sources.remove(at);
                }
            }
            _ => {}
        }
    }

    /// The clock of a state; none before the first tick.
    pub fn read(state: &dyn StateRead) -> Option<Self> {
        let mut clock = Self::default();
        let own = Key::own(Self::KEY);
        clock.learn(&own, &*state.get(&own)?);
        let mut after = Key::own(Self::FEEDS);
        loop {
            let page = state.scan(Some(&after), FEEDS_AT_A_TIME);
            let is_feed = |key: &Key| matches!(&key.sub, Sub::Own(name) if name.starts_with(Self::FEEDS));
            page.iter().filter(|(key, _)| is_feed(key)).for_each(|(key, record)| clock.learn(key, record));
            match page.into_iter().last() {
                Some((key, _)) if key.entity.is_empty() && is_feed(&key) => after = key,
                _ => return Some(clock),
            }
        }
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

const FEEDS_AT_A_TIME: usize = 256;

fn feed_key(SourceState { source, region, .. }: &SourceState) -> Key {
    let region = region.as_ref().map_or_else(String::new, |region| format!("/{}/{region}", region.len()));
    Key::own(&format!("{}{}/{source}{region}", TaskClock::FEEDS, source.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::state::MemoryState;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn feed() -> impl Strategy<Value = SourceState> {
        let region = prop::option::of("[a/]{0,2}");
        ("[a/1]{1,3}", region, 0_i64..9, any::<bool>()).prop_map(|(source, region, at, stale)| SourceState {
            source: source.into(),
            region: region.map(SmolStr::from),
            complete_through: StreamTime(at),
            stale,
        })
    }

    fn tick() -> impl Strategy<Value = Tick> {
        (0_i64..50, any::<bool>(), prop::collection::vec(feed(), 0..4))
            .prop_map(|(through, complete, sources)| Tick { through: StreamTime(through), complete, sources })
    }

    fn stored(clock: &TaskClock, changed: &[SourceState]) -> Vec<(Key, Option<Arc<Record>>)> {
        let written = clock.written(changed).into_iter();
        written.map(|(key, record)| (key, Some(Arc::new(record)))).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What a task knows of time is what it finds again in what it wrote, from a record that held every feed on.
        #[test]
        fn what_is_written_is_what_is_known(
            before in prop::collection::vec(tick(), 0..4), ticks in prop::collection::vec(tick(), 1..9)
        ) {
            let (mut clock, mut state) = (TaskClock::default(), MemoryState::default());
            before.iter().for_each(|told| { clock.tick(told); });
            state.apply(&[(Key::own(TaskClock::KEY), Some(Arc::new(Record::Clock(clock.clone()))))]);
            // The first tick writes all that a record of before held.
            let mut whole = true;
            for told in &ticks {
                clock.tick(told);
                let changed = if std::mem::take(&mut whole) { clock.sources.clone() } else { told.sources.clone() };
                state.apply(&stored(&clock, &changed));
                prop_assert_eq!(TaskClock::read(&state), Some(clock.clone()));
            }
        }

        /// What an aborted tick wrote is taken back by what was stored before it.
        #[test]
        fn a_tick_taken_back_leaves_nothing(
            ticks in prop::collection::vec(tick(), 1..6), aborted in tick()
        ) {
            let (mut clock, mut state) = (TaskClock::default(), MemoryState::default());
            for told in &ticks {
                clock.tick(told);
                state.apply(&stored(&clock, &told.sources));
            }
            let known = clock.clone();
            clock.tick(&aborted);
            for (key, written) in stored(&clock, &aborted.sources) {
                match state.get(&key) {
                    Some(record) => clock.learn(&key, &record),
                    None => clock.forget(&key, written.as_deref()),
                }
            }
            prop_assert_eq!(clock, known);
        }
    }
}
