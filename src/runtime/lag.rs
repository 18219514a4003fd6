//! How far behind each stage is, in records and in seconds; and how much its stores take on disk.
//!
//! Seconds need no time stamps: each look remembers where the partition ended then; the oldest such end that the group
//! has not passed tells how long something has waited.

use super::pause;
use super::status::Board;
use crate::engine::lane::io::{Bounds, TopicPartition};
use crate::ingest::Ends;
use crate::telemetry::Metrics;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time between looks.
const EVERY: Duration = Duration::from_secs(5);
/// Time between looks while the broker does not answer.
const RETRY: Duration = Duration::from_secs(1);
/// Ends remembered a partition; beyond that every second one is dropped.
const REMEMBERED: usize = 128;

/// Looks until told to stop.
pub(super) fn run(board: &Board, metrics: &Metrics, ends: &Ends, state_dir: &Path, stop: &AtomicBool) {
    let mut waits: BTreeMap<(&'static str, TopicPartition), Waits> = BTreeMap::new();
    while !stop.load(Ordering::Acquire) {
        let (mut records, mut held, mut seconds) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut seen = BTreeMap::new();
        let mut stores = BTreeMap::new();
        let mut silent = None;
        'look: for lane in board.status().lanes {
            for task in lane.tasks {
                let store = state_dir.join(lane.stage).join(task.at.partition.to_string());
                if let Some(bytes) = bytes_under(&store) {
                    stores.insert((lane.stage, task.at.partition), bytes);
                }
                let Bounds { start, stable, high } = match ends.bounds(&task.at) {
                    Ok(bounds) => bounds,
                    // One answer that does not come tells for all: each costs seconds.
                    Err(failure) => {
                        silent = Some(failure.to_string());
                        break 'look;
                    }
                };
                let committed = task.committed.max(start);
                let key = (lane.stage, task.at.clone());
                let mut wait = waits.remove(&key).unwrap_or_default();
                let waited = wait.look(Instant::now(), committed, stable);
                let topic = (lane.stage, task.at.topic);
                *held.entry(topic.clone()).or_insert(0) += (high - stable).max(0);
                *records.entry(topic).or_insert(0) += Ends::behind(committed, stable);
                let longest = seconds.entry(lane.stage).or_insert(Duration::ZERO);
                *longest = waited.max(*longest);
                seen.insert(key, wait);
            }
        }
        metrics.set_store_bytes(&stores);
        ends.serve();
        // An idle lane does not notice that its broker is away.
        let is_silent = silent.is_some();
        board.silent(silent);
        if is_silent {
            waits.extend(seen);
            pause(RETRY, stop);
            continue;
        }
        waits = seen;
        metrics.set_lag(&records, &held, &seconds);
        pause(EVERY, stop);
    }
}

/// Bytes of all files of a directory; none if there is no such directory. What vanishes meanwhile counts nothing.
fn bytes_under(dir: &Path) -> Option<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir).ok()?.flatten() {
        bytes += match entry.metadata() {
            Ok(found) if found.is_dir() => bytes_under(&entry.path()).unwrap_or(0),
            Ok(found) => found.len(),
            Err(_) => 0,
        };
    }
    Some(bytes)
}

/// Ends that one partition's group has not passed, oldest first.
#[derive(Debug, Default)]
struct Waits {
    ends: VecDeque<(Instant, i64)>,
}

impl Waits {
    /// Takes a look in; how long the oldest end has waited.
    fn look(&mut self, now: Instant, committed: i64, stable: i64) -> Duration {
        while self.ends.front().is_some_and(|(_, end)| Ends::behind(committed, *end) == 0) {
            self.ends.pop_front();
        }
        if Ends::behind(committed, stable) > 0 && self.ends.back().is_none_or(|(_, end)| *end < stable) {
            self.ends.push_back((now, stable));
        }
        if self.ends.len() > REMEMBERED {
            let mut keep = false;
            self.ends.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.ends.front().map_or(Duration::ZERO, |(since, _)| now.saturating_duration_since(*since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_end_not_passed_tells_the_wait() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut waits = Waits::default();
        for (second, committed, stable, expected) in [
            (0, 0, 0, 0),
            (5, 0, 10, 0),
            (10, 0, 20, 5),
            (15, 9, 30, 5),
            (20, 20, 30, 5),
            (25, 29, 30, 0),
            (30, 29, 30, 0),
            (35, 29, 60, 0),
            (40, 29, 60, 5),
        ] {
            let waited = waits.look(at(second), committed, stable);
            assert_eq!(waited, Duration::from_secs(expected), "at {second}");
        }
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_is_kept() {
        let start = Instant::now();
        let mut waits = Waits::default();
        for n in 0..10_000 {
            let now = start + Duration::from_secs(n);
            let waited = waits.look(now, 0, 10 + n.cast_signed());
            assert_eq!(waited, Duration::from_secs(n));
        }
        assert!(waits.ends.len() <= REMEMBERED + 1);
    }
}
