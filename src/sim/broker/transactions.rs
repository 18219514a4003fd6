//! The transaction coordinator: epochs, fencing, time-outs, markers that arrive one after the other.

use super::log::PartitionLog;
use crate::engine::lane::io::{Failure, TopicPartition};
use crate::types::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// One transactional id.
#[derive(Clone, Debug, Default)]
pub(super) struct Producer {
    pub(super) id: u64,
    pub(super) epoch: u32,
    pub(super) open: Option<Open>,
    /// The coordinator aborted the last one by itself.
    timed_out: bool,
}

/// An open transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Open {
    pub(super) began_ms: u64,
    partitions: BTreeSet<TopicPartition>,
    offsets: Vec<(SmolStr, TopicPartition, i64)>,
}

/// Where a marker has yet to be written.
#[derive(Clone, Debug)]
enum Target {
    Log(TopicPartition),
    Offsets(Vec<(SmolStr, TopicPartition, i64)>),
}

/// A decided transaction whose markers are under way.
#[derive(Clone, Debug)]
struct Decided {
    producer: u64,
    commit: bool,
    targets: Vec<Target>,
}

/// A request to end a transaction that is still in the network.
#[derive(Clone, Debug)]
struct Late {
    due_ms: u64,
    transactional_id: SmolStr,
    epoch: u32,
    commit: bool,
}

/// The coordinator.
#[derive(Clone, Debug, Default)]
pub(super) struct Transactions {
    producers: BTreeMap<SmolStr, Producer>,
    decided: Vec<Decided>,
    late: Vec<Late>,
}

/// Committed offsets by (group, partition).
pub(super) type Offsets = BTreeMap<(SmolStr, TopicPartition), i64>;
/// Partitions.
pub(super) type Logs = BTreeMap<TopicPartition, PartitionLog>;

impl Transactions {
    /// Takes a transactional id over: whatever was open is aborted, whatever was decided is finished.
    pub(super) fn init(&mut self, id: &SmolStr, logs: &mut Logs, offsets: &mut Offsets) -> u32 {
        let number = self.producers.len() as u64 + 1;
        self.producers.entry(id.clone()).or_insert_with(|| Producer { id: number, ..Producer::default() });
        self.end(id, false);
        let Some(producer) = self.producers.get_mut(id) else { return 0 };
        producer.epoch += 1;
        producer.timed_out = false;
        let (number, epoch) = (producer.id, producer.epoch);
        self.finish_of(number, logs, offsets);
        epoch
    }

    /// The producer behind an epoch, unless another took over or the coordinator timed its transaction out.
    pub(super) fn of(&mut self, id: &SmolStr, epoch: u32) -> Result<&mut Producer, Failure> {
        let fenced = || Failure::Fenced(format!("{id} has a newer epoch than {epoch}"));
        let producer = self.producers.get_mut(id).ok_or_else(fenced)?;
        match (producer.epoch == epoch, producer.timed_out && producer.epoch == epoch + 1) {
            (true, _) => Ok(producer),
            (false, true) => Err(Failure::Indefinite(format!("{id} was timed out"))),
            (false, false) => Err(fenced()),
        }
    }

    /// Begins a transaction; markers of the one before are written first.
    pub(super) fn begin(
        &mut self,
        id: &SmolStr,
        epoch: u32,
        now_ms: u64,
        logs: &mut Logs,
        offsets: &mut Offsets,
    ) -> Result<(), Failure> {
        let number = self.of(id, epoch)?.id;
        self.finish_of(number, logs, offsets);
        self.of(id, epoch)?.open = Some(Open { began_ms: now_ms, ..Open::default() });
        Ok(())
    }

    /// Adds a partition to the open transaction; a producer that was ended behind its back opens another.
    pub(super) fn add(
        &mut self,
        id: &SmolStr,
        epoch: u32,
        at: &TopicPartition,
        now_ms: u64,
    ) -> Result<u64, Failure> {
        let producer = self.of(id, epoch)?;
        let open = producer.open.get_or_insert_with(|| Open { began_ms: now_ms, ..Open::default() });
        open.partitions.insert(at.clone());
        Ok(producer.id)
    }

    /// Adds offsets to the open transaction.
    pub(super) fn add_offsets(
        &mut self,
        id: &SmolStr,
        epoch: u32,
        group: &SmolStr,
        next: &[(TopicPartition, i64)],
        now_ms: u64,
    ) -> Result<(), Failure> {
        let producer = self.of(id, epoch)?;
        let open = producer.open.get_or_insert_with(|| Open { began_ms: now_ms, ..Open::default() });
        open.offsets.extend(next.iter().map(|(at, offset)| (group.clone(), at.clone(), *offset)));
        Ok(())
    }

    /// Decides the open transaction, if there is one. Its markers are written later, by [`Self::tick`].
    pub(super) fn end(&mut self, id: &SmolStr, commit: bool) {
        let Some(producer) = self.producers.get_mut(id) else { return };
        let Some(open) = producer.open.take() else { return };
        let mut targets: Vec<Target> = open.partitions.into_iter().map(Target::Log).collect();
        targets.push(Target::Offsets(open.offsets));
        self.decided.push(Decided { producer: producer.id, commit, targets });
    }

    /// A request to end a transaction that arrives when it likes.
    pub(super) fn end_late(&mut self, id: &SmolStr, epoch: u32, commit: bool, due_ms: u64) {
        self.late.push(Late { due_ms, transactional_id: id.clone(), epoch, commit });
    }

    /// Time goes on: late requests arrive, old transactions are aborted, one marker of each decided one is written,
    /// `pick` choosing where.
    pub(super) fn tick(
        &mut self,
        now_ms: u64,
        timeout_ms: u64,
        logs: &mut Logs,
        offsets: &mut Offsets,
        pick: &mut dyn FnMut(usize) -> usize,
    ) {
        let (due, late) = std::mem::take(&mut self.late).into_iter().partition(|late| late.due_ms <= now_ms);
        self.late = late;
        for Late { transactional_id, epoch, commit, .. } in due {
            if self.of(&transactional_id, epoch).is_ok() {
                self.end(&transactional_id, commit);
            }
        }
        let old: Vec<SmolStr> = self
            .producers
            .iter()
            .filter(|(_, p)| p.open.as_ref().is_some_and(|open| now_ms >= open.began_ms + timeout_ms))
            .map(|(id, _)| id.clone())
            .collect();
        for id in old {
            self.end(&id, false);
            if let Some(producer) = self.producers.get_mut(&id) {
                producer.epoch += 1;
                producer.timed_out = true;
            }
        }
        for decided in &mut self.decided {
            let at = pick(decided.targets.len());
            if at < decided.targets.len() {
                let target = decided.targets.swap_remove(at);
                write_marker(decided.producer, decided.commit, target, logs, offsets);
            }
        }
        self.decided.retain(|decided| !decided.targets.is_empty());
    }

    /// Writes all markers of a producer's decided transactions.
    fn finish_of(&mut self, producer: u64, logs: &mut Logs, offsets: &mut Offsets) {
        for decided in self.decided.iter_mut().filter(|decided| decided.producer == producer) {
            for target in std::mem::take(&mut decided.targets) {
                write_marker(producer, decided.commit, target, logs, offsets);
            }
        }
        self.decided.retain(|decided| !decided.targets.is_empty());
    }

    /// Whether offsets of a partition wait for a decision or its marker.
    pub(super) fn holds_offset(&self, group: &SmolStr, at: &TopicPartition) -> bool {
        let concerns = |offsets: &[(SmolStr, TopicPartition, i64)]| {
            offsets.iter().any(|(of, partition, _)| of == group && partition == at)
        };
        let open = self.producers.values().filter_map(|producer| producer.open.as_ref());
        let decided = self.decided.iter().flat_map(|decided| &decided.targets);
        open.map(|open| open.offsets.as_slice())
            .chain(decided.filter_map(|target| match target {
                Target::Offsets(offsets) => Some(offsets.as_slice()),
                Target::Log(_) => None,
            }))
            .any(concerns)
    }

    /// Whether nothing is open, undecided or under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.decided.is_empty() && self.late.is_empty() && self.producers.values().all(|p| p.open.is_none())
    }
}

fn write_marker(producer: u64, commit: bool, target: Target, logs: &mut Logs, offsets: &mut Offsets) {
    match target {
        Target::Log(at) => logs.entry(at).or_default().mark(producer, commit),
        Target::Offsets(next) if commit => {
            offsets.extend(next.into_iter().map(|(group, at, offset)| ((group, at), offset)));
        }
        Target::Offsets(_) => {}
    }
}
