//! The open transaction and its commit: outputs, changelog records and one marker per task, drained; then the input
//! offsets; then the commit; and only then the store. A step that failed for now is gone on with where it stood.
//!
//! A drain takes as long as the broker's answers, one request a partition. Meanwhile the lane handles what is to be
//! committed next; the producer gets nothing of that before this commit is over.

use super::io::{Broker, Failure, Outgoing, Store, StorePosition, TopicPartition};
use super::recovery::signed;
use super::slot::{Slot, message_bytes};
use super::stop::Halt;
use super::view::Overlay;
use super::{Lane, LaneFact, Marker, data_key, faulty};
use crate::engine::effect::{Fact, Output};
use crate::engine::state::{Key, Record};
use std::collections::VecDeque;
use std::sync::Arc;

/// What the lane has done and commits together.
#[derive(Default)]
pub(super) struct Transaction {
    pub(super) opened_ms: u64,
    pub(super) active_ms: u64,
    pub(super) inputs: u64,
    pub(super) outputs: u64,
    pub(super) bytes: u64,
    /// Something that a reader waits for, or a job that goes on with the commit.
    pub(super) says_something: bool,
    /// Outputs that the producer has not taken yet, in order.
    pub(super) queue: VecDeque<Output>,
    /// When the producer began it.
    pub(super) begun_ms: Option<u64>,
    /// Records that the producer took.
    produced: usize,
    /// Tasks for which `continue` records were appended, and the place of the last among the outputs.
    pub(super) continued: Vec<(TopicPartition, usize)>,
    pub(super) facts: Vec<LaneFact>,
    /// Facts that every record brings, and how often: a commit of many records keeps one of each.
    counted: Vec<(Fact, u64)>,
    /// Where among them the next is looked for first.
    hint: usize,
}

impl Transaction {
    pub(super) fn open(now_ms: u64) -> Self {
        Self { opened_ms: now_ms, active_ms: now_ms, ..Self::default() }
    }

    /// Takes an output in; its place among the outputs is its place among all that is produced.
    pub(super) fn say(&mut self, output: Output) {
        self.bytes += message_bytes(output.key.as_deref(), Some(&output.value), &output.headers) as u64;
        self.outputs += 1;
        self.queue.push_back(output);
    }

    /// Takes a task's fact in.
    pub(super) fn tell(&mut self, at: &TopicPartition, fact: Fact) {
        if !fact.is_counted() {
            self.facts.push(LaneFact::Task { at: at.clone(), fact });
            return;
        }
        // Records bring them in the same order, one for each rule: what follows the last one found is most often it.
        let (before, behind) = self.counted.split_at(self.hint.min(self.counted.len()));
        let is_it = |(known, _): &(Fact, u64)| *known == fact;
        let found = behind.iter().position(is_it).map(|at| self.hint + at);
        let found = found.or_else(|| before.iter().position(is_it));
        let at = found.unwrap_or(self.counted.len());
        match self.counted.get_mut(at) {
            Some((_, count)) => *count += 1,
            None => self.counted.push((fact, 1)),
        }
        self.hint = at + 1;
    }

    /// Outputs taken in so far.
    pub(super) fn queued(&self) -> usize {
        self.produced + self.queue.len()
    }
}

/// A commit under way.
pub(super) struct Commit {
    /// What it commits; nothing more comes to it.
    pub(super) taken: Transaction,
    pub(super) parts: Vec<Part>,
    began_ms: u64,
    /// The part whose changelog records are being produced.
    part: usize,
    /// Offsets of all that was produced, once drained.
    offsets: Option<Vec<i64>>,
    offsets_sent: bool,
    /// The commit was asked for: from here on its outcome can be in doubt.
    pub(super) asked: bool,
}

/// What one task adds to the commit.
pub(super) struct Part {
    pub(super) at: TopicPartition,
    pub(super) next: i64,
    pub(super) delta: Vec<(Key, Option<Arc<Record>>)>,
    marker: Option<Marker>,
    stream_time_ms: i64,
    /// Changelog records produced so far, and the marker's index among all that was produced.
    produced: usize,
    marker_index: Option<usize>,
}

/// Longest wait for the broker to take what was produced, in a call and in all: after that it is away.
const DRAIN_MS: u64 = 5_000;

/// A protocol step that failed.
pub(super) type Trouble = (&'static str, Failure);

impl<B: Broker, S: Store> Lane<B, S> {
    /// Goes on with the commit under way, waiting so long for the broker's answers, and begins the one that is due.
    pub(super) fn commit_if_due(&mut self, wait_ms: u64) -> Result<(), Halt> {
        // Where nothing more can be taken in there is nothing else to do.
        let is_full = self.transaction.as_ref().is_some_and(|open| self.is_full(open));
        let wait_ms = if is_full { DRAIN_MS } else { wait_ms };
        if !self.go_on(wait_ms)? || self.transaction.as_ref().is_none_or(|open| !self.is_due(open)) {
            return Ok(());
        }
        self.close()?;
        self.go_on(0).map(drop)
    }

    /// Ends the commit under way, or commits what is open where there is none.
    pub(super) fn commit_first(&mut self) -> Result<(), Halt> {
        if self.committing.is_none() {
            self.close()?;
        }
        self.go_on(DRAIN_MS).map(drop)
    }

    /// The one transaction that the broker may know of.
    pub(super) fn at_broker(&self) -> Option<&Transaction> {
        self.committing.as_ref().map(|commit| &commit.taken).or(self.transaction.as_ref())
    }

    fn is_due(&self, open: &Transaction) -> bool {
        let quiet_ms = self.now_ms.saturating_sub(open.active_ms);
        self.is_full(open)
            || self.now_ms.saturating_sub(open.opened_ms) >= self.config.commit_interval_ms
            || (open.says_something && self.is_quiet && quiet_ms >= self.config.linger_ms)
    }

    /// Behind a commit that the broker is slow to take, half as much is gathered.
    pub(super) fn is_full(&self, open: &Transaction) -> bool {
        let part = if self.committing.is_some() { 2 } else { 1 };
        open.inputs >= self.config.max_records / part || open.bytes >= self.config.max_bytes / part
    }

    /// Goes on with the commit under way; whether it is over, one way or the other.
    fn go_on(&mut self, wait_ms: u64) -> Result<bool, Halt> {
        let has_waited = self.committing.is_some() && wait_ms > 0;
        match self.run_commit(wait_ms) {
            Ok(false) => return Ok(false),
            Ok(true) => self.apply_commit(),
            Err(trouble) => self.turn_back(trouble)?,
        }
        // Whether more has come meanwhile, nobody has looked.
        self.is_quiet &= !has_waited;
        Ok(true)
    }

    /// Collects what belongs to the commit: from here on the transaction takes nothing more in.
    fn close(&mut self) -> Result<(), Halt> {
        let (has_changelog, began_ms) = (self.has_changelog(), self.now_ms);
        let Some(open) = &mut self.transaction else { return Ok(()) };
        let touched: Vec<_> = self.slots.values().filter(|slot| slot.touched).collect();
        let positions: Vec<_> = touched.iter().map(|slot| (slot.at.clone(), slot.next)).collect();
        let mut parts = Vec::with_capacity(positions.len());
        for (at, next) in &positions {
            let Some(slot) = self.slots.get_mut(at) else { continue };
            if let (Some(fault), Some(store)) = (slot.fault(), &mut slot.store) {
                return Err(faulty(store, at, fault).into());
            }
            for output in slot.task.commit_outputs(&positions) {
                open.say(output);
            }
            parts.push(Part::of(slot, *next, has_changelog));
        }
        let Some(taken) = self.transaction.take() else { return Ok(()) };
        let commit =
            Commit { taken, parts, began_ms, part: 0, offsets: None, offsets_sent: false, asked: false };
        self.committing = Some(commit);
        Ok(())
    }

    /// Whether there is no commit under way, or it has committed now.
    fn run_commit(&mut self, wait_ms: u64) -> Result<bool, Trouble> {
        self.produce_outputs()?;
        self.produce_changelog()?;
        let Some(commit) = &mut self.committing else { return Ok(true) };
        if commit.offsets.is_none() {
            let offsets = if commit.taken.begun_ms.is_some() {
                self.broker.drain(wait_ms).map_err(|failure| ("drain", failure))?
            } else {
                Some(Vec::new())
            };
            let Some(offsets) = offsets else {
                let is_late = wait_ms >= DRAIN_MS || self.now_ms.saturating_sub(commit.began_ms) >= DRAIN_MS;
                let detail = || format!("{} records are not acknowledged", commit.taken.produced);
                return if is_late { Err(("drain", Failure::Retry(detail()))) } else { Ok(false) };
            };
            if offsets.len() != commit.taken.produced {
                let detail =
                    format!("{} records produced, {} acknowledged", commit.taken.produced, offsets.len());
                return Err(("drain", Failure::Abort(detail)));
            }
            commit.offsets = Some(offsets);
        }
        if commit.taken.begun_ms.is_none() {
            self.broker.begin().map_err(|failure| ("begin", failure))?;
            commit.taken.begun_ms = Some(self.now_ms);
        }
        if !commit.offsets_sent && !commit.parts.is_empty() {
            let next: Vec<_> = commit.parts.iter().map(|part| (part.at.clone(), part.next)).collect();
            self.broker.send_offsets(&next).map_err(|failure| ("send offsets", failure))?;
            commit.offsets_sent = true;
        }
        commit.asked = true;
        self.broker.commit().map_err(|failure| ("commit", failure))?;
        Ok(true)
    }

    /// Hands queued outputs to the producer, beginning the transaction with the first: those of the commit under way,
    /// or of the open transaction where there is none.
    pub(super) fn produce_outputs(&mut self) -> Result<(), Trouble> {
        let Some(open) =
            self.committing.as_mut().map(|commit| &mut commit.taken).or(self.transaction.as_mut())
        else {
            return Ok(());
        };
        while let Some(output) = open.queue.front() {
            if open.begun_ms.is_none() {
                self.broker.begin().map_err(|failure| ("begin", failure))?;
                open.begun_ms = Some(self.now_ms);
            }
            let record = Outgoing {
                topic: &output.topic,
                partition: output.partition,
                key: output.key.as_deref(),
                value: Some(&output.value),
                headers: &output.headers,
            };
            self.broker.produce(&record).map_err(|failure| ("produce", failure))?;
            open.produced += 1;
            open.queue.pop_front();
        }
        Ok(())
    }

    fn produce_changelog(&mut self) -> Result<(), Trouble> {
        let Some(topic) = self.stage.changelog() else { return Ok(()) };
        let most = self.config.max_message_bytes;
        let Some(Commit { taken, parts, part: current, .. }) = &mut self.committing else { return Ok(()) };
        while let Some(part) = parts.get_mut(*current) {
            let Some(marker) = &part.marker else {
                *current += 1;
                continue;
            };
            if taken.begun_ms.is_none() {
                self.broker.begin().map_err(|failure| ("begin", failure))?;
                taken.begun_ms = Some(self.now_ms);
            }
            while let Some((key, record)) = part.delta.get(part.produced) {
                let (key, value) = (data_key(key), record.as_deref().map(Record::to_bytes));
                if message_bytes(Some(&key), value.as_deref(), &[]) > most {
                    if let Some(slot) = self.slots.get_mut(&part.at) {
                        slot.careful = true;
                    }
                    return Err(("measure", Failure::Abort(String::from("a state record is too large"))));
                }
                let record = changelog_record(topic, part.at.partition, &key, value.as_deref());
                self.broker.produce(&record).map_err(|failure| ("produce", failure))?;
                part.produced += 1;
                taken.produced += 1;
            }
            let (key, value) = (marker.key(), marker.to_bytes());
            let record = changelog_record(topic, part.at.partition, &key, Some(&value));
            self.broker.produce(&record).map_err(|failure| ("produce", failure))?;
            part.marker_index = Some(taken.produced);
            taken.produced += 1;
            *current += 1;
        }
        Ok(())
    }

    /// The transaction has committed: the stores take it in, and its facts are told.
    pub(super) fn apply_commit(&mut self) {
        let Some(Commit { taken, parts, offsets, .. }) = self.committing.take() else { return };
        let Transaction { facts, counted, continued, inputs, outputs, opened_ms, .. } = taken;
        let offsets = offsets.unwrap_or_default();
        let mut changelog = 0;
        for part in parts {
            let Some(slot) = self.slots.get_mut(&part.at) else { continue };
            (slot.committed, slot.careful) = (part.next, false);
            if let Some(marker) = &part.marker {
                slot.sequence = marker.sequence;
                changelog += marker.records;
            }
            if let Some(offset) = part.marker_index.and_then(|index| offsets.get(index)) {
                slot.marker_offset = *offset;
            }
            let position = StorePosition {
                changelog_next: slot.marker_offset + 1,
                input_next: part.next,
                stream_time_ms: part.stream_time_ms,
                sequence: slot.sequence,
                marker_offset: slot.marker_offset,
                committed_at_ms: signed(self.now_ms),
            };
            if let Some(store) = &mut slot.store {
                store.apply(&part.delta, position);
            }
            settle(&mut slot.overlay, &part.delta);
        }
        for (at, index) in continued {
            if let Some(slot) = self.slots.get_mut(&at) {
                slot.continue_until = offsets.get(index).copied();
            }
        }
        self.facts.extend(facts);
        self.facts.extend(counted.into_iter().map(|(fact, count)| LaneFact::Counted { fact, count }));
        let age_ms = self.now_ms.saturating_sub(opened_ms);
        self.facts.push(LaneFact::Committed { inputs, outputs, changelog, age_ms });
    }
}

impl Part {
    fn of<S: Store>(slot: &mut Slot<S>, next: i64, has_changelog: bool) -> Self {
        let stream_time_ms = slot.task.stream_time_ms();
        let pack = slot.pack();
        let delta: Vec<_> = slot.overlay.iter().map(|(key, record)| (key.clone(), record.clone())).collect();
        slot.touched = false;
        let marker = has_changelog.then(|| Marker {
            sequence: slot.sequence + 1,
            records: delta.len() as u64,
            input_next: next,
            stream_time_ms,
            pack,
            previous: slot.marker_offset,
        });
        Self { at: slot.at.clone(), next, delta, marker, stream_time_ms, produced: 0, marker_index: None }
    }
}

/// What a commit wrote leaves the overlay, unless it was written again meanwhile.
fn settle(overlay: &mut Overlay, committed: &[(Key, Option<Arc<Record>>)]) {
    for (key, then) in committed {
        let is_same = match (overlay.get(key), then) {
            (Some(Some(now)), Some(then)) => Arc::ptr_eq(now, then),
            (Some(None), None) => true,
            _ => false,
        };
        if is_same {
            overlay.remove(key);
        }
    }
}

fn changelog_record<'a>(
    topic: &'a str,
    partition: i32,
    key: &'a [u8],
    value: Option<&'a [u8]>,
) -> Outgoing<'a> {
    Outgoing { topic, partition, key: Some(key), value, headers: &[] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::job::Job;

    fn record(value: u8) -> Arc<Record> {
        Arc::new(Record::Job(Job::Other { kind: "t".into(), cursor: vec![value] }))
    }

    #[test]
    fn what_is_committed_leaves_the_overlay_and_what_was_written_again_stays() {
        let key = |name| Key::own(name);
        let (kept, again, newer) = (record(1), record(2), record(3));
        let committed = [
            (key("deleted"), None),
            (key("deleted, then written"), None),
            (key("kept"), Some(kept.clone())),
            (key("written again"), Some(again)),
            (key("written, then deleted"), Some(record(4))),
        ];
        let mut overlay: Overlay = committed.iter().cloned().collect();
        overlay.insert(key("deleted, then written"), Some(newer.clone()));
        overlay.insert(key("written again"), Some(newer.clone()));
        overlay.insert(key("written, then deleted"), None);
        overlay.insert(key("new"), Some(kept));

        settle(&mut overlay, &committed);

        let left: Vec<_> = overlay.into_iter().collect();
        let expected = [
            (key("deleted, then written"), Some(newer.clone())),
            (key("new"), Some(record(1))),
            (key("written again"), Some(newer)),
            (key("written, then deleted"), None),
        ];
        assert_eq!(left, expected);
    }
}
