//! A broker that costs next to nothing: records lie ready in memory, what is produced is counted and forgotten.

use ieum::engine::lane::io::{
    BEGINNING, Bounds, Broker, EachChange, Event, Failure, Outgoing, Polled, TopicPartition,
};
use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a lane's broker was asked for.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) produced: AtomicU64,
    pub(crate) commits: AtomicU64,
}

/// One lane's broker.
pub(crate) struct Ready {
    assigned: Option<Vec<TopicPartition>>,
    /// Partitions that the lane has not taken in yet: records wait for all of them.
    missing: usize,
    records: VecDeque<Polled>,
    open: i64,
    next: i64,
    told: Arc<Told>,
}

impl Ready {
    pub(crate) fn new(records: VecDeque<Polled>, told: &Arc<Told>) -> Self {
        let mut partitions: Vec<TopicPartition> = records.iter().map(|record| record.at.clone()).collect();
        partitions.sort();
        partitions.dedup();
        let missing = partitions.len();
        Self { assigned: Some(partitions), missing, records, open: 0, next: 0, told: Arc::clone(told) }
    }
}

impl Broker for Ready {
    fn poll(&mut self, _wait_ms: u64) -> Result<Event, Failure> {
        if let Some(partitions) = self.assigned.take() {
            return Ok(Event::Assigned(partitions));
        }
        if self.missing > 0 {
            return Ok(Event::Idle);
        }
        Ok(self.records.pop_front().map_or(Event::Idle, Event::Record))
    }

    fn assign(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        assert!(positions.iter().all(|(_, offset)| *offset == BEGINNING), "a lane that never ran");
        self.missing = self.missing.saturating_sub(positions.len());
        Ok(())
    }

    fn unassign(&mut self, _partitions: &[TopicPartition]) -> Result<(), Failure> {
        Ok(())
    }

    fn pause(&mut self, partition: &TopicPartition) -> Result<(), Failure> {
        panic!("{partition:?} is blocked")
    }

    fn resume(&mut self, _partition: &TopicPartition) -> Result<(), Failure> {
        Ok(())
    }

    fn seek(&mut self, _positions: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        panic!("nothing is aborted here")
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, Failure> {
        Ok(vec![None; partitions.len()])
    }

    fn begin(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn produce(&mut self, record: &Outgoing<'_>) -> Result<(), Failure> {
        black_box(record);
        self.open += 1;
        self.told.produced.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn drain(&mut self, _wait_ms: u64) -> Result<Option<Vec<i64>>, Failure> {
        let first = self.next;
        self.next += std::mem::take(&mut self.open);
        Ok(Some((first..self.next).collect()))
    }

    fn send_offsets(&mut self, _next: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.told.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn abort(&mut self) -> Result<(), Failure> {
        panic!("nothing is aborted here")
    }

    fn reopen_producer(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn changelog_bounds(&mut self, _at: &TopicPartition) -> Result<Bounds, Failure> {
        Ok(Bounds { start: 0, stable: 0, high: 0 })
    }

    fn read_changelog(
        &mut self,
        _at: &TopicPartition,
        _from: i64,
        until: i64,
        _each: &mut EachChange<'_>,
    ) -> Result<i64, Failure> {
        Ok(until)
    }
}
