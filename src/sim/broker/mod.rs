//! A simulated cluster and the brokers that real lanes speak to: logs with transaction markers, a group, a transaction
//! coordinator, and a fault at any call.

mod client;
mod group;
mod log;
mod transactions;

pub use client::{CRASH, Identity, SimBroker};

use super::faults::Faults;
use super::rng::Rng;
use crate::engine::lane::io::{Outgoing, Polled, TopicPartition};
use crate::types::SmolStr;
use group::Group;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use transactions::{Logs, Offsets, Transactions};

/// Records of one chunk of a changelog: small, so that restores take several steps.
const CHUNK: usize = 7;

/// The cluster.
#[derive(Debug)]
pub struct Cluster {
    now_ms: u64,
    transaction_timeout_ms: u64,
    session_timeout_ms: u64,
    logs: Logs,
    offsets: Offsets,
    groups: BTreeMap<SmolStr, Group>,
    transactions: Transactions,
    processes: u64,
    rng: Rng,
    /// Markers of a decided transaction take their time.
    is_sluggish: bool,
    /// What goes wrong.
    pub faults: Faults,
    /// Topics whose produced records land in [`diverted`] ones instead: a log that is played again takes nothing in.
    pub divert: BTreeSet<SmolStr>,
}

/// Where records produced to a topic land while it is diverted.
pub fn diverted(topic: &str) -> SmolStr {
    SmolStr::new(format!("{topic}.said"))
}

/// A cluster that several brokers share.
pub type Shared = Arc<Mutex<Cluster>>;

/// Opens a shared cluster; a panic elsewhere leaves it as it was.
pub fn open(shared: &Shared) -> MutexGuard<'_, Cluster> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cluster {
    /// An empty cluster.
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self {
            now_ms: 0,
            transaction_timeout_ms: 10_000,
            session_timeout_ms: 6_000,
            logs: Logs::new(),
            offsets: Offsets::new(),
            groups: BTreeMap::new(),
            transactions: Transactions::default(),
            processes: 0,
            rng: Rng::new(seed),
            is_sluggish: seed % 4 == 3,
            faults,
            divert: BTreeSet::new(),
        }
    }

    /// A group over these partitions.
    pub fn add_group(&mut self, name: &str, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.groups.insert(SmolStr::new(name), Group::new(partitions));
    }

    /// Time goes on, and with it whatever was under way.
    pub fn advance(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        let rng = &mut self.rng;
        // Past the end means: none this time.
        let is_sluggish = self.is_sluggish;
        let mut pick = |n: usize| match rng.chance(1, 40) || !is_sluggish {
            true => usize::try_from(rng.below(n as u64 + 1)).unwrap_or(0),
            false => n,
        };
        let (logs, offsets) = (&mut self.logs, &mut self.offsets);
        self.transactions.tick(self.now_ms, self.transaction_timeout_ms, logs, offsets, &mut pick);
        for group in self.groups.values_mut() {
            group.expire(self.now_ms, self.session_timeout_ms);
        }
    }

    /// A member leaves its group at once, as a process does that ends in order.
    pub fn leave(&mut self, group: &str, member: &str) {
        if let Some(group) = self.groups.get_mut(group) {
            group.leave(member);
        }
    }

    /// Another consumer takes a member's name: one made for a request of its own whose answer was lost.
    pub fn displace(&mut self, group: &str, member: &str) {
        let now_ms = self.now_ms;
        self.processes += 1;
        if let Some(group) = self.groups.get_mut(group) {
            group.join(&SmolStr::new(member), self.processes, now_ms);
        }
    }

    /// Appends a record outside any transaction.
    pub fn append(&mut self, record: &Outgoing<'_>) -> i64 {
        let at = TopicPartition { topic: SmolStr::new(record.topic), partition: record.partition };
        self.logs.entry(at).or_default().append(None, record, self.now_ms)
    }

    /// Lays a committed record down where and when another cluster's log has it.
    pub fn lay(&mut self, record: &Polled) {
        self.logs.entry(record.at.clone()).or_default().lay(record);
    }

    /// Deletes a topic's partitions; whoever appends next creates them anew.
    pub fn delete(&mut self, topic: &str) {
        self.logs.retain(|at, _| at.topic != topic);
    }

    /// All committed records of a partition.
    pub fn committed_records(&self, at: &TopicPartition) -> Vec<Polled> {
        let (mut records, mut from) = (Vec::new(), 0);
        while let Some(Ok(record)) = self.logs.get(at).map(|log| log.read(at, from)) {
            from = record.offset + 1;
            records.push(record);
        }
        records
    }

    /// Where a partition ends.
    pub fn end(&self, at: &TopicPartition) -> i64 {
        self.logs.get(at).map_or(0, |log| log.bounds().high)
    }

    /// Partitions that hold anything.
    pub fn partitions(&self) -> Vec<TopicPartition> {
        self.logs.keys().cloned().collect()
    }

    /// Whether a group has handled every committed record of a partition.
    pub fn is_consumed(&self, group: &str, at: &TopicPartition) -> bool {
        let position = self.offsets.get(&(SmolStr::new(group), at.clone())).copied().unwrap_or(0);
        self.logs.get(at).is_none_or(|log| log.read(at, position).is_err())
    }

    /// Whether nothing is open, moving or under way.
    pub fn is_quiet(&self) -> bool {
        self.transactions.is_quiet() && self.groups.values().all(Group::is_settled)
    }

    /// A group's committed offset.
    pub fn offset(&self, group: &str, at: &TopicPartition) -> Option<i64> {
        self.offsets.get(&(SmolStr::new(group), at.clone())).copied()
    }

    /// Sets or forgets a group's offset behind the lanes' backs.
    pub fn set_offset(&mut self, group: &str, at: &TopicPartition, offset: Option<i64>) {
        let name = (SmolStr::new(group), at.clone());
        match offset {
            Some(offset) => self.offsets.insert(name, offset),
            None => self.offsets.remove(&name),
        };
    }

    /// Compacts the partitions of a topic, with these lags.
    pub fn compact(&mut self, topic: &str, lag_ms: u64, delete_retention_ms: u64) {
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let before = signed(self.now_ms.saturating_sub(lag_ms));
        let deletes_before = signed(self.now_ms.saturating_sub(lag_ms.saturating_add(delete_retention_ms)));
        for (_, log) in self.logs.iter_mut().filter(|(at, _)| at.topic == topic) {
            log.compact(before, deletes_before);
        }
    }

    /// Appends a record in the open transaction of a producer that is no lane.
    pub fn append_open(&mut self, transactional_id: &str, record: &Outgoing<'_>) {
        let (id, at) = (
            SmolStr::new(transactional_id),
            TopicPartition { topic: SmolStr::new(record.topic), partition: record.partition },
        );
        let epoch = self.transactions.init(&id, &mut self.logs, &mut self.offsets);
        if let Ok(producer) = self.transactions.add(&id, epoch, &at, u64::MAX / 2) {
            self.logs.entry(at).or_default().append(Some(producer), record, self.now_ms);
        }
    }

    /// Ends that producer's transaction, markers written.
    pub fn decide(&mut self, transactional_id: &str, commit: bool) {
        let id = SmolStr::new(transactional_id);
        self.transactions.end(&id, commit);
        self.transactions.init(&id, &mut self.logs, &mut self.offsets);
    }

    /// A request of this transactional id, as of its epoch now, to commit whatever it has open when it arrives: what
    /// a protocol without an epoch per transaction cannot tell from a new one.
    pub fn commit_late(&mut self, transactional_id: &str, epoch: u32, due_ms: u64) {
        self.transactions.end_late(&SmolStr::new(transactional_id), epoch, true, due_ms);
    }
}
