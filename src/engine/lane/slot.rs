//! One task in its lane: its state, the overlay of what is not committed yet, what it has handled.

use super::io::{BEGINNING, Polled, Store, StoreFault, TopicPartition};
use super::restore::Restore;
use super::view::{Overlay, View};
use super::{Backoff, Parked, TaskState, TaskStatus};
use crate::engine::clock::TaskClock;
use crate::engine::state::{Key, Record, StateRead};
use crate::engine::task::{Stage, Task, Undone};
use crate::types::{PackHash, SmolStr};
use std::collections::BTreeSet;
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
    /// The record handled last wrote something.
    pub(super) wrote: bool,
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
    /// Chunks of its changelog in succession that brought nothing.
    pub(super) barren: u32,
    /// Waits between attempts at its recovery.
    pub(super) recovery: Backoff,
    /// The step of its recovery that failed last and is made again, and how.
    pub(super) held: Option<(&'static str, String)>,
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
            wrote: false,
            sequence: 0,
            marker_offset: -1,
            active_ms: 0,
            continue_until: None,
            careful: false,
            unsettled: false,
            barren: 0,
            recovery: Backoff::default(),
            held: None,
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

    /// Gives up what was written since the last commit.
    pub(super) fn undo(&mut self, stage: &dyn Stage) {
        let nothing = Overlay::new();
        let writes = std::mem::take(&mut self.overlay);
        let undone = undone(writes, &View { overlay: &nothing, store: self.store.as_ref() });
        // Whoever is parked again, or no longer, has more to be learnt than what was written.
        let parks = undone.iter().any(|one| Parked::entity(&one.key).is_some());
        if parks || self.unsettled || !self.task.undo(&undone) {
            self.rebuild(stage);
        }
    }

    /// Gives up the record in hand: the task stands where the overlay stands.
    pub(super) fn give_up(&mut self, stage: &dyn Stage) {
        let view = View { overlay: &self.overlay, store: self.store.as_ref() };
        if self.unsettled || !self.task.give_up(&view) {
            self.rebuild(stage);
        }
    }

    /// A fresh task over what is stored and written now.
    pub(super) fn rebuild(&mut self, stage: &dyn Stage) {
        let mut parked = BTreeSet::new();
        let mut task = stage.task(&self.at);
        let note = |(key, _): &(Key, Arc<Record>)| parked.extend(Parked::entity(key));
        task.rebuild(&mut self.view().all().inspect(note));
        (self.task, self.parked, self.unsettled) = (task, parked, false);
    }

    /// The pack in force, for the marker.
    pub(super) fn pack(&self) -> Option<PackHash> {
        match self.view().get(&Key::own(TaskClock::KEY)).as_deref() {
            Some(Record::Clock(clock)) => clock.pack,
            _ => None,
        }
    }

    fn held(&self) -> Option<String> {
        let (step, detail) = self.held.as_ref()?;
        Some(format!("{step} failed and is made again: {detail}"))
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
                    TaskState::Restoring { done, of, held: self.held() }
                }
                Phase::Offsets | Phase::Bounds(_) | Phase::Start => {
                    TaskState::Restoring { done: 0, of: 0, held: self.held() }
                }
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

/// Size of a record as a topic counts it, without its few bytes of framing.
pub(super) fn message_bytes(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(SmolStr, Vec<u8>)],
) -> usize {
    let headers: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + headers
}
