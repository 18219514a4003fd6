//! At a first start the registers are read first: a signal that came before the entry that says whose it is would begin
//! a household of its own, to be joined to the right one afterwards.

use super::pause;
use crate::config::Config;
use crate::contracts::{Contracts, Topic};
use crate::engine::intake::{Opening, STAGE};
use crate::engine::lane::io::{Failure, TopicPartition};
use crate::ingest::{Ends, Offsets};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Time between looks at how far the registers have been read.
const EVERY: Duration = Duration::from_millis(250);

/// The partitions that wait, and for what.
#[derive(Debug, Default)]
pub(super) struct Registers {
    /// Where each register ended at the start.
    ends: Vec<(TopicPartition, i64)>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Signal partitions that were never read; none once the registers have been.
    held: BTreeSet<TopicPartition>,
    /// Offsets of registers still to read.
    left: i64,
}

impl Opening for Registers {
    fn waits(&self, at: &TopicPartition) -> Option<String> {
        let Waiting { held, left } = &*self.waiting();
        held.contains(at).then(|| format!("the registers are read first: {left} offsets left"))
    }
}

impl Registers {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks where registers end and what the intake group has read of all topics: before any lane starts.
    pub(super) fn find(config: &Config, contracts: &Contracts, ends: &Ends) -> Result<Self, Failure> {
        let (registers, others): (Vec<_>, Vec<_>) =
            contracts.topics().filter(|topic| topic.is_input()).partition(|topic| topic.is_register());
        let partitions = |topics: Vec<&Topic>| -> Vec<TopicPartition> {
            let each = topics.into_iter().flat_map(|topic| {
                (0..topic.partitions).map(|partition| TopicPartition { topic: topic.name.clone(), partition })
            });
            each.collect()
        };
        let (registers, others) = (partitions(registers), partitions(others));
        let offsets = group(config)?;
        let read = offsets.committed(&others)?;
        let held: BTreeSet<_> =
            others.into_iter().zip(read).filter(|(_, read)| read.is_none()).map(|(at, _)| at).collect();
        let mut found = Self { ends: Vec::new(), waiting: Mutex::new(Waiting { held, left: 0 }) };
        if !found.waiting().held.is_empty() {
            for at in registers {
                let (start, stable) = ends.stable(&at)?;
                if start < stable {
                    found.ends.push((at, stable));
                }
            }
            found.look(&offsets)?;
        }
        Ok(found)
    }

    /// Looks on until the registers have been read, or told to stop.
    pub(super) fn watch(&self, config: &Config, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) && !self.waiting().held.is_empty() {
            if let Err(failure) = group(config).and_then(|offsets| self.follow(&offsets, stop)) {
                tracing::warn!(%failure, "how far the registers have been read cannot be told; trying again");
                pause(EVERY, stop);
            }
        }
    }

    fn follow(&self, offsets: &Offsets, stop: &AtomicBool) -> Result<(), Failure> {
        while !stop.load(Ordering::Acquire) && !self.waiting().held.is_empty() {
            self.look(offsets)?;
            pause(EVERY, stop);
        }
        Ok(())
    }

    /// The broker is asked without the lock: lanes ask for every record of what is held.
    fn look(&self, offsets: &Offsets) -> Result<(), Failure> {
        let asked: Vec<TopicPartition> = self.ends.iter().map(|(at, _)| at.clone()).collect();
        let read = offsets.committed(&asked)?;
        let left = self.ends.iter().zip(read).map(|((_, end), read)| Ends::behind(read.unwrap_or(0), *end));
        let left = left.sum();
        let mut waiting = self.waiting();
        waiting.left = left;
        if left == 0 {
            waiting.held.clear();
        }
        Ok(())
    }
}

fn group(config: &Config) -> Result<Offsets, Failure> {
    Offsets::open(&config.kafka, &super::broker::group(&config.application.id, STAGE))
}
