//! A simulated cluster and the brokers that real lanes speak to: logs with transaction markers, a group, a transaction
//! coordinator, and a fault at any call.

mod group;
mod log;
mod transactions;

use super::faults::{AT_THE_END, Fault, Faults, IN_TRANSACTION, PLAIN};
use super::rng::Rng;
use crate::engine::lane::Guarantee;
use crate::engine::lane::io::{
    BEGINNING, Bounds, Broker, EachChange, Event, Failure, Outgoing, Polled, TopicPartition,
};
use crate::types::SmolStr;
use group::{Group, News};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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

/// Who a broker is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Group.
    pub group: SmolStr,
    /// Member of the group; with the group also the transactional id.
    pub member: SmolStr,
    /// Transactions, or plain commits after delivery.
    pub guarantee: Guarantee,
}

/// One lane's broker. Dropped without [`Cluster::leave`], it is a process that died.
#[derive(Debug)]
pub struct SimBroker {
    cluster: Shared,
    me: Identity,
    transactional_id: SmolStr,
    process: u64,
    epoch: u32,
    places: BTreeMap<TopicPartition, Place>,
    fetched: VecDeque<Polled>,
    /// Offsets of what was produced since the last begin.
    acknowledged: Vec<i64>,
    pending: Vec<(TopicPartition, i64)>,
}

#[derive(Clone, Debug, Default)]
struct Place {
    open: bool,
    paused: bool,
    next: i64,
    told: Option<i64>,
}

/// The text of a simulated death.
pub const CRASH: &str = "the process died here";

impl SimBroker {
    /// Joins the group and takes the transactional id over.
    pub fn join(shared: &Shared, me: Identity) -> Self {
        let mut guard = open(shared);
        let cluster = &mut *guard;
        cluster.processes += 1;
        let process = cluster.processes;
        let transactional_id = SmolStr::new(format!("{}-{}", me.group, me.member));
        let epoch = match me.guarantee {
            Guarantee::ExactlyOnce => {
                cluster.transactions.init(&transactional_id, &mut cluster.logs, &mut cluster.offsets)
            }
            Guarantee::AtLeastOnce => 0,
        };
        if let Some(group) = cluster.groups.get_mut(&me.group) {
            group.join(&me.member, process, cluster.now_ms);
        }
        drop(guard);
        Self {
            cluster: Arc::clone(shared),
            me,
            transactional_id,
            process,
            epoch,
            places: BTreeMap::new(),
            fetched: VecDeque::new(),
            acknowledged: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// Makes a call, unless a fault is drawn for it.
    fn call<T>(
        &mut self,
        step: &'static str,
        possible: &[Fault],
        effect: impl FnOnce(&mut Self, &mut Cluster) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let shared = Arc::clone(&self.cluster);
        let mut cluster = open(&shared);
        let told = |what: &str| format!("{what} at {step}");
        match cluster.faults.draw(&self.me.group, step, possible) {
            None => effect(self, &mut cluster),
            Some(Fault::CrashBefore) => Err(Failure::Fatal(CRASH.to_owned())),
            Some(Fault::CrashAfter) => {
                effect(self, &mut cluster).ok();
                Err(Failure::Fatal(CRASH.to_owned()))
            }
            Some(Fault::CrashLate) => {
                self.commit_later(&mut cluster);
                Err(Failure::Fatal(CRASH.to_owned()))
            }
            Some(Fault::Retry) => Err(Failure::Retry(told("broker away"))),
            Some(Fault::Abort) => Err(Failure::Abort(told("rebalance in progress"))),
            Some(Fault::Unheard) => {
                effect(self, &mut cluster)?;
                Err(Failure::Indefinite(told("no answer")))
            }
            Some(Fault::Unsent) => Err(Failure::Indefinite(told("no answer"))),
            Some(Fault::Late) => {
                self.commit_later(&mut cluster);
                Err(Failure::Indefinite(told("no answer")))
            }
        }
    }

    fn commit_later(&self, cluster: &mut Cluster) {
        let due_ms = cluster.now_ms + cluster.rng.below(12_000);
        cluster.transactions.end_late(&self.transactional_id, self.epoch, true, due_ms);
    }

    fn next_event(&mut self, cluster: &mut Cluster) -> Result<Event, Failure> {
        let now_ms = cluster.now_ms;
        let Some(group) = cluster.groups.get_mut(&self.me.group) else { return Ok(Event::Idle) };
        match group.poll(&self.me.member, self.process, now_ms) {
            News::Assigned(partitions) => {
                self.places.extend(partitions.iter().map(|at| (at.clone(), Place::default())));
                return Ok(Event::Assigned(partitions));
            }
            News::Revoked(partitions) => return Ok(Event::Revoked { partitions, lost: false }),
            News::Replaced => {
                return Err(Failure::Fenced(format!("another process is {} now", self.me.member)));
            }
            News::Lost => {
                cluster.processes += 1;
                self.process = cluster.processes;
                group.join(&self.me.member, self.process, now_ms);
                if !self.places.is_empty() {
                    let partitions = self.places.keys().cloned().collect();
                    return Ok(Event::Revoked { partitions, lost: true });
                }
            }
            News::Nothing => {}
        }
        match self.fetched.pop_front() {
            Some(record) => Ok(Event::Record(record)),
            None => self.fetch(cluster),
        }
    }

    fn fetch(&mut self, cluster: &mut Cluster) -> Result<Event, Failure> {
        let mut ready: Vec<(&TopicPartition, &mut Place)> =
            self.places.iter_mut().filter(|(_, place)| place.open && !place.paused).collect();
        if !ready.is_empty() {
            let first = cluster.rng.below(ready.len() as u64);
            ready.rotate_left(usize::try_from(first).unwrap_or(0));
        }
        for (at, place) in ready {
            let log = cluster.logs.entry(at.clone()).or_default();
            if place.next > log.bounds().high {
                let place = format!("{} [{}] at {}", at.topic, at.partition, place.next);
                return Err(Failure::Fatal(format!("offset out of range: {place}")));
            }
            match log.read(at, place.next) {
                Ok(record) => {
                    place.next = record.offset + 1;
                    // Some more may be fetched already, and come even if the partition is paused meanwhile.
                    if cluster.rng.chance(1, 4)
                        && let Ok(more) = log.read(at, place.next)
                    {
                        place.next = more.offset + 1;
                        self.fetched.push_back(more);
                    }
                    return Ok(Event::Record(record));
                }
                Err(end) => {
                    place.next = end;
                    if place.told != Some(end) {
                        place.told = Some(end);
                        return Ok(Event::End { at: at.clone(), position: end });
                    }
                }
            }
        }
        Ok(Event::Idle)
    }

    fn move_to(&mut self, positions: &[(TopicPartition, i64)]) {
        for (at, next) in positions {
            if let Some(place) = self.places.get_mut(at) {
                (place.next, place.told) = (if *next == BEGINNING { 0 } else { *next }, None);
            }
            self.fetched.retain(|record| record.at != *at);
        }
    }
}

impl Broker for SimBroker {
    fn poll(&mut self, _wait_ms: u64) -> Result<Event, Failure> {
        self.call("poll", PLAIN, |me, cluster| me.next_event(cluster))
    }

    fn assign(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        self.call("assign", PLAIN, |me, _| {
            me.move_to(positions);
            for (at, _) in positions {
                if let Some(place) = me.places.get_mut(at) {
                    place.open = true;
                }
            }
            Ok(())
        })
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        self.call("unassign", PLAIN, |me, cluster| {
            me.places.retain(|at, _| !partitions.contains(at));
            me.fetched.retain(|record| !partitions.contains(&record.at));
            if let Some(group) = cluster.groups.get_mut(&me.me.group) {
                group.release(&me.me.member, me.process, partitions);
            }
            Ok(())
        })
    }

    fn pause(&mut self, partition: &TopicPartition) -> Result<(), Failure> {
        self.call("pause", PLAIN, |me, _| {
            if let Some(place) = me.places.get_mut(partition) {
                place.paused = true;
            }
            Ok(())
        })
    }

    fn resume(&mut self, partition: &TopicPartition) -> Result<(), Failure> {
        self.call("resume", PLAIN, |me, _| {
            if let Some(place) = me.places.get_mut(partition) {
                place.paused = false;
            }
            Ok(())
        })
    }

    fn seek(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        self.call("seek", PLAIN, |me, _| {
            me.move_to(positions);
            Ok(())
        })
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, Failure> {
        self.call("committed", PLAIN, |me, cluster| {
            if partitions.iter().any(|at| cluster.transactions.holds_offset(&me.me.group, at)) {
                return Err(Failure::Retry(String::from("a transaction holds offsets open")));
            }
            let offset =
                |at: &TopicPartition| cluster.offsets.get(&(me.me.group.clone(), at.clone())).copied();
            Ok(partitions.iter().map(offset).collect())
        })
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.call("begin", IN_TRANSACTION, |me, cluster| {
            me.acknowledged.clear();
            if me.me.guarantee == Guarantee::AtLeastOnce {
                return Ok(());
            }
            let Cluster { transactions, logs, offsets, now_ms, .. } = cluster;
            transactions.begin(&me.transactional_id, me.epoch, *now_ms, logs, offsets)
        })
    }

    fn produce(&mut self, record: &Outgoing<'_>) -> Result<(), Failure> {
        self.call("produce", IN_TRANSACTION, |me, cluster| {
            let known = cluster.divert.contains(record.topic);
            let topic = if known { diverted(record.topic) } else { SmolStr::new(record.topic) };
            let at = TopicPartition { topic, partition: record.partition };
            let producer = match me.me.guarantee {
                Guarantee::AtLeastOnce => None,
                Guarantee::ExactlyOnce => {
                    Some(cluster.transactions.add(&me.transactional_id, me.epoch, &at, cluster.now_ms)?)
                }
            };
            let offset = cluster.logs.entry(at).or_default().append(producer, record, cluster.now_ms);
            me.acknowledged.push(offset);
            Ok(())
        })
    }

    fn drain(&mut self) -> Result<Vec<i64>, Failure> {
        self.call("drain", IN_TRANSACTION, |me, _| Ok(me.acknowledged.clone()))
    }

    fn send_offsets(&mut self, next: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        self.call("send offsets", IN_TRANSACTION, |me, cluster| {
            if me.me.guarantee == Guarantee::AtLeastOnce {
                me.pending = next.to_vec();
                return Ok(());
            }
            let group = cluster.groups.get(&me.me.group);
            if !group.is_some_and(|group| group.accepts(&me.me.member, me.process)) {
                cluster.transactions.of(&me.transactional_id, me.epoch)?;
                return Err(Failure::Abort(String::from("stale generation")));
            }
            let Cluster { transactions, now_ms, .. } = cluster;
            transactions.add_offsets(&me.transactional_id, me.epoch, &me.me.group, next, *now_ms)
        })
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.call("commit", AT_THE_END, |me, cluster| {
            if me.me.guarantee == Guarantee::AtLeastOnce {
                for (at, next) in std::mem::take(&mut me.pending) {
                    cluster.offsets.insert((me.me.group.clone(), at), next);
                }
                return Ok(());
            }
            cluster.transactions.of(&me.transactional_id, me.epoch)?;
            cluster.transactions.end(&me.transactional_id, true);
            Ok(())
        })
    }

    fn abort(&mut self) -> Result<(), Failure> {
        const POSSIBLE: &[Fault] =
            &[Fault::CrashBefore, Fault::CrashAfter, Fault::Retry, Fault::Unheard, Fault::Unsent];
        self.call("abort", POSSIBLE, |me, cluster| {
            me.pending.clear();
            if me.me.guarantee == Guarantee::ExactlyOnce {
                cluster.transactions.of(&me.transactional_id, me.epoch)?;
                cluster.transactions.end(&me.transactional_id, false);
            }
            Ok(())
        })
    }

    fn reopen_producer(&mut self) -> Result<(), Failure> {
        self.call("reopen", PLAIN, |me, cluster| {
            me.acknowledged.clear();
            let Cluster { transactions, logs, offsets, .. } = cluster;
            me.epoch = transactions.init(&me.transactional_id, logs, offsets);
            Ok(())
        })
    }

    fn changelog_bounds(&mut self, at: &TopicPartition) -> Result<Bounds, Failure> {
        self.call("bounds", PLAIN, |_, cluster| Ok(cluster.logs.entry(at.clone()).or_default().bounds()))
    }

    fn read_changelog(
        &mut self,
        at: &TopicPartition,
        from: i64,
        until: i64,
        each: &mut EachChange<'_>,
    ) -> Result<i64, Failure> {
        self.call("read changelog", PLAIN, |_, cluster| {
            let log = cluster.logs.entry(at.clone()).or_default();
            let mut next = from;
            for _ in 0..CHUNK {
                match log.read(at, next) {
                    Ok(record) if record.offset < until => {
                        let key = record.key.as_deref().unwrap_or_default();
                        each(record.offset, record.timestamp_ms, key, record.value.as_deref());
                        next = record.offset + 1;
                    }
                    Ok(record) => return Ok(record.offset),
                    Err(end) => return Ok(end.max(until)),
                }
            }
            Ok(next)
        })
    }
}
