//! At a first start the registers are read first: a signal that came before the entry that says whose it is would begin
//! a household of its own, to be joined to the right one afterwards.

use super::pause;
use crate::config::Config;
use crate::contracts::Contracts;
use crate::engine::intake::Opening;
use crate::engine::lane::io::{Failure, TopicPartition};
use crate::ingest::{Ends, Offsets};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Time between looks at how far the registers have been read.
const EVERY: Duration = Duration::from_millis(250);

/// The partitions that wait, and for what. Without partitions nothing waits any more.
#[derive(Debug, Default)]
pub(super) struct Registers {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Signal partitions that were never read.
    held: BTreeSet<TopicPartition>,
    /// Where each register ended at the start.
    ends: Vec<(TopicPartition, i64)>,
    /// Records of registers still to read.
    left: i64,
}

impl Opening for Registers {
    fn waits(&self, at: &TopicPartition) -> Option<String> {
        let inner = self.inner();
        let left = inner.left;
        inner.held.contains(at).then(|| format!("the registers are read first: {left} offsets left"))
    }
}

impl Registers {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks where registers end and what the intake group has read of all topics: before any lane starts.
    pub(super) fn find(config: &Config, contracts: &Contracts, ends: &Ends) -> Result<Self, Failure> {
        let (registers, others): (Vec<_>, Vec<_>) =
            contracts.topics().filter(|topic| topic.is_input()).partition(|topic| topic.is_register());
        let partitions = |topics: Vec<&crate::contracts::Topic>| -> Vec<TopicPartition> {
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
        let mut inner = Inner { held, ends: Vec::new(), left: 0 };
        if !inner.held.is_empty() {
            for at in registers {
                let (start, stable) = ends.stable(&at)?;
                if start < stable {
                    inner.ends.push((at, stable));
                }
            }
            inner.look(&offsets)?;
        }
        Ok(Self { inner: Mutex::new(inner) })
    }

    /// Looks on until the registers have been read, or told to stop.
    pub(super) fn watch(&self, config: &Config, stop: &AtomicBool) {
        let mut offsets = None;
        while !stop.load(Ordering::Acquire) && !self.inner().held.is_empty() {
            if let Err(failure) = self.look(config, &mut offsets) {
                tracing::warn!(%failure, "how far the registers have been read cannot be told; trying again");
                offsets = None;
            }
            pause(EVERY, stop);
        }
    }

    fn look(&self, config: &Config, offsets: &mut Option<Offsets>) -> Result<(), Failure> {
        let offsets = match offsets {
            Some(offsets) => offsets,
            none => none.insert(group(config)?),
        };
        // The broker is asked without the lock: lanes ask for every record of what is held.
        let mut inner = Inner { held: self.inner().held.clone(), ..Inner::default() };
        inner.ends.clone_from(&self.inner().ends);
        inner.look(offsets)?;
        *self.inner() = inner;
        Ok(())
    }
}

impl Inner {
    fn look(&mut self, offsets: &Offsets) -> Result<(), Failure> {
        let asked: Vec<TopicPartition> = self.ends.iter().map(|(at, _)| at.clone()).collect();
        let read = offsets.committed(&asked)?;
        let left = self.ends.iter().zip(read).map(|((_, end), read)| Ends::behind(read.unwrap_or(0), *end));
        self.left = left.sum();
        if self.left == 0 {
            self.held.clear();
        }
        Ok(())
    }
}

fn group(config: &Config) -> Result<Offsets, Failure> {
    Offsets::open(&config.kafka, &super::broker::group(&config.application.id, crate::engine::intake::STAGE))
}
