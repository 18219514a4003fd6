//! Reads a changelog back and holds it against itself: records between markers, markers against markers, the last
//! one against the group's offset. No broker and no store here: bytes in, writes and verdicts out.

use super::io::{BEGINNING, Bounds, StorePosition};
use super::marker::{Entry, Marker};
use super::{CHANGELOG_TORN, CHANGELOG_UNREADABLE, LaneStop, OFFSETS_DISAGREE};
use crate::engine::state::{Key, Record};
use std::collections::BTreeMap;
use std::sync::Arc;

type Write = (Key, Option<Arc<Record>>);

/// A restore under way.
pub(super) struct Restore {
    began_at: i64,
    next: i64,
    bounds: Bounds,
    /// It goes on from what a local store held, and so its verdict is first held against the store.
    from_store: bool,
    /// What the store may claim as its age: nothing newer than the look from which its content stems.
    as_of_ms: i64,
    last: Option<Last>,
    /// Whether everything behind `last` (or behind the start) is too young to have been compacted.
    countable: bool,
    /// The writes behind `last` are partly in the store already.
    dangling: bool,
    /// Writes behind the last marker, and their number.
    tail: Vec<Write>,
    count: u64,
    /// Writes ready for the store, and the position they lead to.
    ready: BTreeMap<Key, Option<Arc<Record>>>,
    reached: i64,
    records: u64,
    failed: Option<LaneStop>,
}

/// The last marker met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) sequence: u64,
    pub(super) offset: i64,
    pub(super) input_next: i64,
    pub(super) stream_time_ms: i64,
    young: bool,
}

impl Restore {
    /// From where a store stands, or from the start of the changelog.
    pub(super) fn new(
        bounds: Bounds,
        store: Option<StorePosition>,
        now_ms: i64,
        compaction_lag_ms: i64,
    ) -> Self {
        let next = store.map_or(bounds.start, |position| position.changelog_next.max(bounds.start));
        let last = store.filter(|position| position.sequence > 0).map(|position| Last {
            sequence: position.sequence,
            offset: position.marker_offset,
            input_next: position.input_next,
            stream_time_ms: position.stream_time_ms,
            young: is_young(position.committed_at_ms, now_ms, compaction_lag_ms),
        });
        let dangling = store.is_some_and(|position| position.changelog_next != position.marker_offset + 1);
        Self {
            began_at: next,
            next,
            bounds,
            from_store: store.is_some(),
            as_of_ms: store.map_or(now_ms, |position| position.committed_at_ms),
            countable: !dangling && last.is_some_and(|last| last.young),
            last,
            dangling,
            tail: Vec::new(),
            count: 0,
            ready: BTreeMap::new(),
            reached: next,
            records: 0,
            failed: None,
        }
    }

    /// Takes one changelog record.
    pub(super) fn take(
        &mut self,
        offset: i64,
        timestamp_ms: i64,
        key: &[u8],
        value: Option<&[u8]>,
        now: Now,
    ) {
        if self.failed.is_some() {
            return;
        }
        let young = is_young(timestamp_ms, now.now_ms, now.compaction_lag_ms);
        if offset == 0 && young {
            self.countable = true;
        }
        self.records += 1;
        match Entry::read(key, value) {
            Ok(Entry::Data(key, record)) => {
                self.count += 1;
                self.tail.push((key, record));
                if !young {
                    // Its marker may have been compacted away long ago: waiting for one could take the whole log.
                    self.ready.extend(self.tail.drain(..));
                    self.reached = offset + 1;
                }
            }
            Ok(Entry::Marker(marker)) => match self.continues(&marker, offset) {
                Ok(()) => {
                    self.ready.extend(self.tail.drain(..));
                    self.last = Some(Last {
                        sequence: marker.sequence,
                        offset,
                        input_next: marker.input_next,
                        stream_time_ms: marker.stream_time_ms,
                        young,
                    });
                    (self.countable, self.dangling, self.count) = (young, false, 0);
                    self.reached = offset + 1;
                }
                Err(detail) => {
                    self.failed =
                        Some(LaneStop::exit(CHANGELOG_TORN, format!("at offset {offset}: {detail}")));
                }
            },
            Err(error) => {
                let detail = format!("at offset {offset}: {error}");
                self.failed = Some(LaneStop::exit(CHANGELOG_UNREADABLE, detail));
            }
        }
    }

    fn continues(&self, marker: &Marker, offset: i64) -> Result<(), String> {
        if self.countable && marker.records != self.count {
            return Err(format!(
                "transaction {} wrote {} records, {} are there",
                marker.sequence, marker.records, self.count
            ));
        }
        let (sequence, previous) = self.last.map_or((0, -1), |last| (last.sequence, last.offset));
        if marker.sequence <= sequence {
            return Err(format!("transaction {} follows transaction {sequence}", marker.sequence));
        }
        // Before the first marker met, and behind an old one, compaction may have removed others.
        let must_follow = self.countable || marker.sequence == sequence + 1;
        if must_follow && (marker.sequence != sequence + 1 || marker.previous != previous) {
            return Err(format!(
                "transaction {} at {offset} names the marker at {} as the one before, but that is transaction \
                 {sequence} at {previous}",
                marker.sequence, marker.previous
            ));
        }
        Ok(())
    }

    /// Where to read on, and up to where; none when the changelog has been read.
    pub(super) fn wanted(&self) -> Option<(i64, i64)> {
        (self.next < self.bounds.stable).then_some((self.next, self.bounds.stable))
    }

    /// A chunk has been read up to `next`: what to write, and the position it leads to.
    pub(super) fn chunk(&mut self, next: i64) -> Result<Option<(Vec<Write>, StorePosition)>, LaneStop> {
        if let Some(stop) = self.failed.take() {
            return Err(stop);
        }
        self.next = next.max(self.next);
        if self.ready.is_empty() {
            return Ok(None);
        }
        let writes = std::mem::take(&mut self.ready).into_iter().collect();
        Ok(Some((writes, self.position())))
    }

    fn position(&self) -> StorePosition {
        StorePosition {
            changelog_next: self.reached,
            input_next: self.last.map_or(BEGINNING, |last| last.input_next),
            stream_time_ms: self.last.map_or(0, |last| last.stream_time_ms),
            sequence: self.last.map_or(0, |last| last.sequence),
            marker_offset: self.last.map_or(-1, |last| last.offset),
            committed_at_ms: self.as_of_ms,
        }
    }

    /// Whether some transaction on the changelog was undecided when its end was looked up: a commit of the former
    /// owner may still be on its way into this partition.
    pub(super) fn is_undecided(&self) -> bool {
        self.bounds.stable < self.bounds.high
    }

    /// Reads on to an end looked up anew.
    pub(super) fn extend(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// Holds the end against the group's offset: the last marker, and where the task goes on.
    pub(super) fn conclude(&self, committed: Option<i64>) -> Result<(Option<Last>, i64), LaneStop> {
        if self.count > 0 || self.dangling {
            let detail = format!("{} records stand behind the last marker at its end", self.count);
            return Err(LaneStop::exit(CHANGELOG_TORN, detail));
        }
        let marked = self.last.map(|last| last.input_next);
        match (marked, committed) {
            (None, None) => Ok((None, BEGINNING)),
            (Some(next), None) => Ok((self.last, next)),
            (Some(next), Some(offset)) if next == offset => Ok((self.last, next)),
            (marked, Some(offset)) => {
                let named = marked.map_or_else(|| String::from("none"), |next| next.to_string());
                let detail = format!("the group's offset is {offset}, the last marker names {named}");
                Err(LaneStop::exit(OFFSETS_DISAGREE, detail))
            }
        }
    }

    pub(super) fn is_from_store(&self) -> bool {
        self.from_store
    }

    pub(super) fn marked(&self) -> i64 {
        self.last.map_or(BEGINNING, |last| last.input_next)
    }

    /// Changelog offsets behind, and in all.
    pub(super) fn progress(&self) -> (i64, i64) {
        (self.next - self.began_at, (self.bounds.stable - self.began_at).max(0))
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }
}

/// The lane's clock while a chunk is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) now_ms: i64,
    pub(super) compaction_lag_ms: i64,
}

/// Two clocks and the reading of a chunk lie between a record's time and this comparison.
const MARGIN_MS: i64 = 60_000;

fn is_young(timestamp_ms: i64, now_ms: i64, compaction_lag_ms: i64) -> bool {
    now_ms.saturating_sub(timestamp_ms) < compaction_lag_ms - MARGIN_MS.min(compaction_lag_ms / 4)
}
