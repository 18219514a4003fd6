//! One task in its lane: its state, the overlay of the open transaction, what it has handled.

use super::io::{BEGINNING, Polled, Store, StoreFault, TopicPartition};
use super::restore::Restore;
use super::view::{Overlay, View};
use super::{
    Backoff, LaneConfig, PANICKED, PARKED, Parked, TOO_LARGE, TaskState, TaskStatus, UNPARK_HEADER, data_key,
    letter_text,
};
use crate::engine::clock::TaskClock;
use crate::engine::effect::{Effects, Fact, Input};
use crate::engine::letter::Letter;
use crate::engine::state::{Key, Record, StateRead};
use crate::engine::task::{Stage, Task, Undone};
use crate::types::{Origin, PackHash, SmolStr};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A task of a lane.
pub(super) struct Slot<S> {
    pub(super) at: TopicPartition,
    pub(super) phase: Phase,
    pub(super) task: Box<dyn Task>,
    /// None for a stage without state, and before recovery.
    pub(super) store: Option<S>,
    pub(super) overlay: Overlay,
    pub(super) parked: BTreeSet<SmolStr>,
    /// Next input offset: committed, and with the open transaction.
    pub(super) committed: i64,
    pub(super) next: i64,
    /// The open transaction moves this task's position.
    pub(super) touched: bool,
    /// Sequence and changelog offset of its last marker.
    pub(super) sequence: u64,
    pub(super) marker_offset: i64,
    /// When it last handled a record.
    pub(super) active_ms: u64,
    /// Offset of the last `continue` record that this lane appended and has not met yet.
    pub(super) continue_until: Option<i64>,
    /// A commit met a record too large for the changelog: until the next commit each record's writes are measured.
    pub(super) careful: bool,
    /// The task stopped in the middle of a record: what it derived is no longer what the overlay says.
    pub(super) unsettled: bool,
    /// Waits between attempts at its recovery.
    pub(super) recovery: Backoff,
    /// Offsets that disagreed at the first look: (the group's, the marker's).
    pub(super) doubt: Option<(Option<i64>, i64)>,
}

/// What a slot does.
pub(super) enum Phase {
    /// The group's offset is not known yet.
    Offsets,
    /// Known; where its changelog ends is not.
    Bounds(Option<i64>),
    /// Its changelog is being read.
    Restoring(Option<i64>, Box<Restore>),
    /// Recovered, not yet delivering.
    Start,
    /// Handles records.
    Running,
    /// Waits before a record.
    Blocked(Box<Waiting>),
    /// Its position has to be set back to `next`; until then what arrives is too new.
    Seek,
}

/// A record that its task cannot handle now.
pub(super) struct Waiting {
    pub(super) record: Polled,
    pub(super) reason: String,
    pub(super) backoff: Backoff,
}

/// Why a record was not handled.
pub(super) enum Refusal {
    Blocked(String),
    Store(StoreFault),
}

impl<S: Store> Slot<S> {
    pub(super) fn new(stage: &dyn Stage, at: TopicPartition) -> Self {
        Self {
            phase: Phase::Offsets,
            task: stage.task(&at),
            store: None,
            overlay: Overlay::new(),
            parked: BTreeSet::new(),
            committed: BEGINNING,
            next: BEGINNING,
            touched: false,
            sequence: 0,
            marker_offset: -1,
            active_ms: 0,
            continue_until: None,
            careful: false,
            unsettled: false,
            recovery: Backoff::default(),
            doubt: None,
            at,
        }
    }

    pub(super) fn view(&self) -> View<'_, S> {
        View { overlay: &self.overlay, store: self.store.as_ref() }
    }

    pub(super) fn fault(&self) -> Option<StoreFault> {
        self.store.as_ref().and_then(Store::fault)
    }

    /// Hands a record to the task. Its writes are in the overlay when this returns; outputs and facts are the caller's.
    pub(super) fn handle(
        &mut self,
        stage: &dyn Stage,
        config: &LaneConfig,
        record: &Polled,
    ) -> Result<Effects, Refusal> {
        let input = Input {
            topic: &record.at.topic,
            partition: record.at.partition,
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &record.headers,
        };
        if let Some(effects) = self.set_aside(stage, config, &input) {
            return Ok(effects);
        }
        let view = View { overlay: &self.overlay, store: self.store.as_ref() };
        let task = &mut self.task;
        // A task that panicked is thrown away below, so nothing half-changed is ever looked at again.
        let handled = catch_unwind(AssertUnwindSafe(|| task.handle(&input, &view)));
        if let Some(fault) = self.fault() {
            return Err(Refusal::Store(fault));
        }
        match handled {
            Ok(Ok(mut effects)) => {
                if is_oversized(&effects, config.max_message_bytes, self.careful) {
                    let writes: Overlay = effects.delta.into_iter().collect();
                    let undone = undone(writes, &view);
                    self.settle(stage, &undone);
                    return Ok(self.refuse(stage, config, &input, TOO_LARGE));
                }
                self.overlay.extend(effects.delta.drain(..));
                Ok(effects)
            }
            Ok(Err(blocked)) => {
                self.unsettled = true;
                Err(Refusal::Blocked(blocked.to_string()))
            }
            Err(_) => {
                let refused = self.refuse(stage, config, &input, PANICKED);
                self.rebuild(stage);
                Ok(refused)
            }
        }
    }

    /// Records that the lane answers for the task: those of a parked entity, and the one that takes it back.
    fn set_aside(&mut self, stage: &dyn Stage, config: &LaneConfig, input: &Input<'_>) -> Option<Effects> {
        if !input.headers.is_empty() && input.headers.iter().any(|(name, _)| name == UNPARK_HEADER) {
            if let Some(entity) = input.key.map(String::from_utf8_lossy)
                && self.parked.remove(entity.as_ref())
            {
                self.overlay.insert(Parked::key(&entity), None);
            }
            return Some(Effects::default());
        }
        if self.parked.is_empty() {
            return None;
        }
        let entity = String::from_utf8_lossy(input.key?);
        if !self.parked.contains(entity.as_ref()) {
            return None;
        }
        Some(letter(stage, config, input, PARKED))
    }

    /// The record becomes a letter and its entity is parked. The task is to be as if it had never seen it.
    fn refuse(
        &mut self,
        stage: &dyn Stage,
        config: &LaneConfig,
        input: &Input<'_>,
        code: &'static str,
    ) -> Effects {
        let mut effects = letter(stage, config, input, code);
        if let (Some(key), true) = (input.key, stage.changelog().is_some()) {
            let entity = String::from_utf8_lossy(key);
            let parked = Parked { offset: input.offset, timestamp_ms: input.timestamp_ms };
            self.overlay.insert(Parked::key(&entity), Some(Arc::new(Record::Parked(parked))));
            self.parked.insert(SmolStr::new(&entity));
            effects.facts.push(Fact::Parked {
                origin: Some(Origin {
                    topic: SmolStr::new(input.topic),
                    partition: input.partition,
                    offset: input.offset,
                }),
            });
        }
        effects
    }

    /// Gives up what the open transaction wrote.
    pub(super) fn undo(&mut self, stage: &dyn Stage) {
        let nothing = Overlay::new();
        let writes = std::mem::take(&mut self.overlay);
        let undone = undone(writes, &View { overlay: &nothing, store: self.store.as_ref() });
        for Undone { key, stored, .. } in &undone {
            if let Some(entity) = Parked::entity(key) {
                if stored.is_some() {
                    self.parked.insert(entity);
                } else {
                    self.parked.remove(&entity);
                }
            }
        }
        self.settle(stage, &undone);
    }

    fn settle(&mut self, stage: &dyn Stage, undone: &[Undone]) {
        if self.unsettled || !self.task.undo(undone) {
            self.rebuild(stage);
        }
    }

    /// A fresh task over what is stored and written now.
    pub(super) fn rebuild(&mut self, stage: &dyn Stage) {
        let mut parked = BTreeSet::new();
        let mut task = stage.task(&self.at);
        let mut own = |(key, _): &(Key, Arc<Record>)| match Parked::entity(key) {
            Some(entity) => {
                parked.insert(entity);
                false
            }
            None => true,
        };
        task.rebuild(&mut self.view().all().filter(|record| own(record)));
        (self.task, self.parked, self.unsettled) = (task, parked, false);
    }

    /// The pack in force, for the marker.
    pub(super) fn pack(&self) -> Option<PackHash> {
        match self.view().get(&Key::own(TaskClock::KEY)).as_deref() {
            Some(Record::Clock(clock)) => clock.pack,
            _ => None,
        }
    }

    pub(super) fn status(&self) -> TaskStatus {
        TaskStatus {
            at: self.at.clone(),
            state: match &self.phase {
                Phase::Running | Phase::Seek => {
                    self.task.waits_for().map_or(TaskState::Running, TaskState::Waiting)
                }
                Phase::Blocked(waiting) => TaskState::Blocked(waiting.reason.clone()),
                Phase::Restoring(_, restore) => {
                    let (done, of) = restore.progress();
                    TaskState::Restoring { done, of }
                }
                Phase::Offsets | Phase::Bounds(_) | Phase::Start => TaskState::Restoring { done: 0, of: 0 },
            },
            committed: self.committed,
            stream_time_ms: self.task.stream_time_ms(),
            parked: self.parked.len(),
        }
    }
}

/// Writes that are given up, and what holds without them.
fn undone(writes: Overlay, below: &dyn StateRead) -> Vec<Undone> {
    let undone = writes.into_iter().map(|(key, written)| {
        let stored = below.get(&key);
        Undone { key, written, stored }
    });
    undone.collect()
}

/// A letter and its fact.
fn letter(stage: &dyn Stage, config: &LaneConfig, input: &Input<'_>, code: &'static str) -> Effects {
    let letter = Letter { stage: stage.name(), code, text: letter_text(code), input: input.clone() };
    Effects {
        outputs: vec![config.letters.write(&letter)],
        delta: Vec::new(),
        facts: vec![Fact::DeadLetter { code, topic: SmolStr::new(input.topic) }],
    }
}

/// Whether no topic would take some of these effects. State is measured only where a commit gave reason to.
fn is_oversized(effects: &Effects, most: usize, careful: bool) -> bool {
    effects
        .outputs
        .iter()
        .any(|output| message_bytes(output.key.as_deref(), Some(&output.value), &output.headers) > most)
        || careful
            && effects.delta.iter().any(|(key, record)| {
                data_key(key).len() + record.as_ref().map_or(0, |record| record.to_bytes().len()) > most
            })
}

/// Size of a record as a topic counts it, without its few bytes of framing.
pub(super) fn message_bytes(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(SmolStr, Vec<u8>)],
) -> usize {
    let headers: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + headers
}
