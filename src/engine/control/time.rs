//! Samples become ticks.

use super::super::message::{Clock, RawPosition};
use super::records::{ControlState, Flight, Pending};
use super::sources::release;
use crate::types::{SmolStr, StreamTime};

/// Samples that wait for intake; of more, some from the middle go. A day under the declared clock has 25.
pub const MAX_SAMPLES: usize = 64;
/// Ticks that identity has and households have not; more samples wait before identity.
pub const MAX_IN_FLIGHT: usize = 64;

impl ControlState {
    /// Takes a sample in; answers whether it was of use. Under the append clock a sample never passes the time at which
    /// the broker wrote it: stream time cannot be taken back, so no machine's wrong clock may move it ahead.
    pub(super) fn sample(&mut self, t: StreamTime, ends: &[RawPosition], at_ms: i64) -> bool {
        let t = if self.clock == Some(Clock::Append) { t.min(StreamTime(at_ms)) } else { t };
        if self.clock.is_none() || t <= self.sampled {
            return false;
        }
        self.sampled = t;
        self.sampled_at_ms = self.sampled_at_ms.max(at_ms);
        let mut open = Vec::new();
        for end in ends {
            let raw = self.raw_index(&end.topic, end.partition);
            if self.raw[raw].offset < end.offset {
                open.push((u16::try_from(raw).unwrap_or(u16::MAX), end.offset));
            }
        }
        self.pending.push(Pending { t, at_ms, ends: open });
        if self.pending.len() > MAX_SAMPLES {
            self.thin();
        }
        true
    }

    /// Takes intake's positions in. A partition that was handed on once stays handed on.
    pub(super) fn progress(&mut self, positions: &[RawPosition]) {
        for position in positions {
            let raw = self.raw_index(&position.topic, position.partition);
            self.raw[raw].offset = self.raw[raw].offset.max(position.offset);
        }
    }

    /// Takes a stage's progress in; answers false for a partition that it does not have.
    pub(super) fn reach(
        &mut self,
        stage: &SmolStr,
        partitions: i32,
        partition: i32,
        through: StreamTime,
    ) -> bool {
        let count = usize::try_from(partitions).unwrap_or(1);
        let Some(partition) = usize::try_from(partition).ok().filter(|p| *p < count) else { return false };
        let at = match self.reached.iter().position(|(known, _)| known == stage) {
            Some(at) => at,
            None => {
                self.reached.push((stage.clone(), Vec::new()));
                self.reached.len() - 1
            }
        };
        let reached = &mut self.reached[at].1;
        if reached.len() < count {
            reached.resize(count, StreamTime::ZERO);
        }
        reached[partition] = reached[partition].max(through);
        true
    }

    /// What all partitions of a stage have handled.
    pub(super) fn reached_by_all(&self, stage: &str, partitions: i32) -> StreamTime {
        let reached = self.reached.iter().find(|(known, _)| known == stage).map(|(_, reached)| reached);
        let count = usize::try_from(partitions).unwrap_or(1);
        let all = reached.filter(|reached| reached.len() >= count);
        all.and_then(|reached| reached.iter().min().copied()).unwrap_or(StreamTime::ZERO)
    }

    /// Takes out the first sample if its tick can be written: complete if intake has passed it, else if it was held back
    /// for too long.
    pub(super) fn next_sample(&mut self, hold_ms: i64) -> Option<(Pending, bool)> {
        if self.flights.len() >= MAX_IN_FLIGHT {
            return None;
        }
        let first = self.pending.first()?;
        let passed = first.ends.iter().all(|(raw, end)| self.offset(*raw) >= *end);
        let due = passed || self.held_too_long(first.at_ms, hold_ms);
        due.then(|| (self.pending.remove(0), passed))
    }

    /// Whether something of that log time has been waiting for too long by control's own clock; never under the
    /// declared clock, whose log times mean nothing.
    pub(super) fn held_too_long(&self, at_ms: i64, hold_ms: i64) -> bool {
        self.clock == Some(Clock::Append) && self.sampled_at_ms.saturating_sub(at_ms) > hold_ms
    }

    /// Intake's next offset of a raw partition.
    pub(super) fn offset(&self, raw: u16) -> i64 {
        self.raw.get(usize::from(raw)).map_or(0, |position| position.offset)
    }

    fn raw_index(&mut self, topic: &SmolStr, partition: i32) -> usize {
        let known = self.raw.iter().position(|raw| raw.topic == *topic && raw.partition == partition);
        known.unwrap_or_else(|| {
            self.raw.push(RawPosition { topic: topic.clone(), partition, offset: 0 });
            self.raw.len() - 1
        })
    }

    /// Drops every other sample between the first and the last, those that begin a day last of all. A dropped sample's
    /// tick is covered by the next one's.
    fn thin(&mut self) {
        let last = self.pending.len() - 1;
        let begins_day = |t: StreamTime| t.day().start() == t;
        let inner = |i: usize| i > 0 && i < last && i % 2 == 1;
        let ordinary = self.pending[1..last].iter().any(|pending| !begins_day(pending.t));
        let drop: Vec<bool> =
            (0..=last).map(|i| inner(i) && (!ordinary || !begins_day(self.pending[i].t))).collect();
        // Odd places may all begin a day while an even one does not: then that one goes.
        let fallback = (1..last).find(|i| !begins_day(self.pending[*i].t));
        let none = !drop.iter().any(|gone| *gone);
        let mut i = 0;
        self.pending.retain(|_| {
            let gone = drop[i] || (none && Some(i) == fallback);
            i += 1;
            !gone
        });
    }
}

/// Puts a tick behind those that wait for the stage before. Of too many the oldest goes into the next: time may wait for
/// a stage that comes later in the flow, but not what comes before it.
pub(super) fn hand_over(flights: &mut Vec<Flight>, flight: Flight) {
    flights.push(flight);
    if flights.len() > MAX_IN_FLIGHT {
        let oldest = flights.remove(0);
        if let Some(next) = flights.first_mut() {
            let mut sources = oldest.sources;
            sources.sort_unstable_by(|a, b| (&a.source, &a.region).cmp(&(&b.source, &b.region)));
            next.sources = release(&mut sources, std::mem::take(&mut next.sources), true);
        }
    }
}
