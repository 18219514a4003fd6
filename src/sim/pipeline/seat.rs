//! One task beside the state that it wrote: what handles a record wherever there is no lane.

use super::LogRecord;
use crate::engine::effect::{Blocked, Effects, Input, Output};
use crate::engine::lane::io::TopicPartition;
use crate::engine::state::{Key, MemoryState, Record};
use crate::engine::task::{Stage, Task};
use std::sync::Arc;

/// A task and what it keeps.
pub struct Seat {
    task: Box<dyn Task>,
    state: MemoryState,
    next: i64,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Seat {
    /// A fresh task of a stage, with nothing stored.
    pub fn new(stage: &dyn Stage, at: &TopicPartition) -> Self {
        let mut task = stage.task(at);
        task.rebuild(&mut std::iter::empty());
        Self { task, state: MemoryState::default(), next: 0 }
    }

    /// Handles a record and takes what it writes into the state.
    pub fn handle(&mut self, at: &TopicPartition, record: &LogRecord) -> Result<Effects, Blocked> {
        let input = Input {
            topic: &at.topic,
            partition: at.partition,
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &record.headers,
        };
        let effects = self.task.handle(&input, &self.state)?;
        self.state.apply(&effects.delta);
        self.next = record.offset + 1;
        Ok(effects)
    }

    /// The task as it is after a restart: built anew from what was stored, in its stored form.
    pub fn restart(&mut self, stage: &dyn Stage, at: &TopicPartition) {
        let stored: Vec<(Key, Arc<Record>)> = self.state.iter().collect();
        let reread = stored.iter().filter_map(|(key, record)| {
            let key = Key::from_bytes(&key.to_bytes())?;
            Some((key, Arc::new(Record::from_bytes(&record.to_bytes()).ok()?)))
        });
        let reread: Vec<(Key, Arc<Record>)> = reread.collect();
        debug_assert_eq!(reread.len(), stored.len(), "what a task stores can be read again");
        self.state = MemoryState::default();
        let delta: Vec<_> =
            reread.iter().map(|(key, record)| (key.clone(), Some(Arc::clone(record)))).collect();
        self.state.apply(&delta);
        self.task = stage.task(at);
        self.task.rebuild(&mut reread.into_iter());
    }

    /// What the task keeps.
    pub fn state(&self) -> &MemoryState {
        &self.state
    }

    /// Offset behind the last record handled.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// Whether a job waits for records to advance on.
    pub fn has_job(&self) -> bool {
        self.task.has_job()
    }

    /// Topic and value of the record by which a job goes on.
    pub fn continue_record(&self) -> Option<(&'static str, Vec<u8>)> {
        self.task.continue_record()
    }

    /// Stream time as the task knows it, in ms.
    pub fn stream_time_ms(&self) -> i64 {
        self.task.stream_time_ms()
    }

    /// What belongs to the commit of all that was handled so far.
    pub(super) fn commit_outputs(&mut self, at: &TopicPartition) -> Vec<Output> {
        self.task.commit_outputs(&[(at.clone(), self.next)])
    }
}
