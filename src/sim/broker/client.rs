//! One lane's broker: the calls of a lane on the cluster, any of which may fail.

use super::super::faults::{AT_THE_END, Fault, IN_TRANSACTION, PLAIN};
use super::group::News;
use super::{CHUNK, Cluster, Shared, diverted, open};
use crate::engine::lane::Guarantee;
use crate::engine::lane::io::{
    BEGINNING, Bounds, Broker, EachChange, Event, Failure, Outgoing, Polled, TopicPartition,
};
use crate::types::SmolStr;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

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
    /// The changelog that is being read, and where. At another place nothing has come yet when the first chunk ends.
    reading: Option<(TopicPartition, i64)>,
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

/// All is acknowledged within this.
const ANSWERED_MS: u64 = 1_000;

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
            reading: None,
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
                return Err(Failure::Displaced(format!("another process is {} now", self.me.member)));
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

    fn drain(&mut self, wait_ms: u64) -> Result<Option<Vec<i64>>, Failure> {
        self.call("drain", IN_TRANSACTION, |me, cluster| {
            let is_underway = wait_ms < ANSWERED_MS && cluster.rng.chance(1, 2);
            Ok((!is_underway).then(|| me.acknowledged.clone()))
        })
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
        self.call("read changelog", PLAIN, |this, cluster| {
            if this.reading.as_ref().is_none_or(|(place, next)| place != at || *next != from) {
                this.reading = Some((at.clone(), from));
                return Ok(from);
            }
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
            this.reading = Some((at.clone(), next));
            Ok(next)
        })
    }
}
