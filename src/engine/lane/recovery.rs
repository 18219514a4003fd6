//! From an assigned partition to a running task: the group's stable offset first, then where the changelog ends, then
//! the restore, then both held against each other. One bounded unit at a time, with polls in between.

use super::io::{BEGINNING, Broker, Store, StoreFault, StorePosition, TopicPartition};
use super::restore::{Now, Restore};
use super::slot::{Phase, Slot};
use super::stop::{Halt, outside};
use super::{Backoff, Lane, LaneFact, LaneStop, faulty};
use crate::types::SmolStr;

/// Chunks without a record after which another task's changelog is read: some seconds, for a partition without a leader.
const BARREN_CHUNKS: u32 = 50;

impl<B: Broker, S: Store> Lane<B, S> {
    /// Advances one task's recovery by one unit. What may pass is made again later, and holds no other task up.
    pub(super) fn recover(&mut self) -> Result<(), Halt> {
        let Some(at) = self.next_to_recover() else { return Ok(()) };
        self.recovered = Some(at.clone());
        let unit = self.advance_recovery(&at);
        let (now_ms, backoff_ms) = (self.now_ms, self.config.backoff_ms);
        let Some(slot) = self.slots.get_mut(&at) else { return Ok(()) };
        match unit {
            Ok(()) => (slot.recovery, slot.held) = (Backoff::default(), None),
            Err(Halt::Wait(step, detail)) => {
                slot.recovery.failed(now_ms, backoff_ms);
                slot.held = Some((step, detail.clone()));
                self.facts.push(LaneFact::Retrying { step, detail });
            }
            Err(halt) => return Err(halt),
        }
        Ok(())
    }

    /// Those that need one call to run go first: a restore may take minutes. Then the one whose changelog is being read: a
    /// reader that is sent elsewhere after each chunk loses what it fetched ahead, and comes to nothing where an answer
    /// takes longer than a chunk may. The others take turns, and one that gets nothing for long gives its turn away.
    fn next_to_recover(&self) -> Option<TopicPartition> {
        let due = || self.unrecovered().filter(|slot| slot.recovery.until_ms <= self.now_ms);
        let nearly = due().find(|slot| matches!(slot.phase, Phase::Start | Phase::Seek));
        let is_last = |slot: &&Slot<S>| self.recovered.as_ref() == Some(&slot.at);
        let gets_on = |slot: &&Slot<S>| slot.barren < BARREN_CHUNKS;
        let reading =
            due().filter(is_last).filter(gets_on).find(|slot| matches!(slot.phase, Phase::Restoring(..)));
        let after = || due().find(|slot| self.recovered.as_ref().is_none_or(|last| slot.at > *last));
        nearly.or(reading).or_else(after).or_else(|| due().next()).map(|slot| slot.at.clone())
    }

    /// Tasks that neither run nor wait before a record.
    fn unrecovered(&self) -> impl Iterator<Item = &Slot<S>> {
        let settled = |phase: &Phase| matches!(phase, Phase::Running | Phase::Blocked(_));
        self.slots.values().filter(move |slot| !settled(&slot.phase))
    }

    /// When some task can be recovered further; none when all are.
    pub(super) fn recovers_at_ms(&self) -> Option<u64> {
        self.unrecovered().map(|slot| slot.recovery.until_ms).min()
    }

    fn advance_recovery(&mut self, at: &TopicPartition) -> Result<(), Halt> {
        match self.slots.get(at).map(|slot| &slot.phase) {
            Some(Phase::Offsets) => self.look_up_offsets(at),
            Some(Phase::Bounds(committed)) => {
                let committed = *committed;
                if self.has_changelog() {
                    self.begin_restore(at, committed)
                } else {
                    self.begin_plainly(at, committed);
                    Ok(())
                }
            }
            Some(Phase::Restoring(..)) => self.restore_chunk(at),
            Some(Phase::Start) => self.start(),
            Some(Phase::Seek) => self.seek_back(),
            Some(Phase::Running | Phase::Blocked(_)) | None => Ok(()),
        }
    }

    fn in_phase(&self, wanted: impl Fn(&Phase) -> bool) -> Vec<TopicPartition> {
        self.slots.values().filter(|slot| wanted(&slot.phase)).map(|slot| slot.at.clone()).collect()
    }

    /// Each task's by itself: a transaction that holds one offset open holds up no other.
    fn look_up_offsets(&mut self, at: &TopicPartition) -> Result<(), Halt> {
        let asked = std::slice::from_ref(at);
        let offsets = self.broker.committed(asked).map_err(|f| outside("look up offsets", f))?;
        if let Some(slot) = self.slots.get_mut(at) {
            slot.phase = Phase::Bounds(offsets.first().copied().flatten());
        }
        Ok(())
    }

    /// Without a changelog there is nothing to read back.
    fn begin_plainly(&mut self, at: &TopicPartition, committed: Option<i64>) {
        let stateful = self.stage.changelog().is_some();
        let Some(slot) = self.slots.get_mut(at) else { return };
        if stateful {
            slot.store = Some((self.open)(at));
        }
        slot.committed = committed.unwrap_or(BEGINNING);
        slot.next = slot.committed;
        slot.rebuild(self.stage.as_ref());
        slot.phase = Phase::Start;
    }

    fn begin_restore(&mut self, at: &TopicPartition, committed: Option<i64>) -> Result<(), Halt> {
        let bounds = self
            .broker
            .changelog_bounds(&self.changelog_of(at))
            .map_err(|f| outside("look up the changelog", f))?;
        let now_ms = signed(self.now_ms);
        let Some(slot) = self.slots.get_mut(at) else { return Ok(()) };
        let store = slot.store.get_or_insert_with(|| (self.open)(at));
        match store.fault() {
            // The partition has moved between lanes, and the one before is still at its end.
            Some(StoreFault::Held(detail)) => {
                slot.store = None;
                return Err(Halt::Wait("open the local store", detail));
            }
            Some(fault @ StoreFault::Unusable(_)) => return Err(faulty(store, at, fault).into()),
            Some(StoreFault::Corrupt(_)) | None => {}
        }
        let reason = match (store.fault(), store.position()) {
            (Some(_), _) => Some("corrupt"),
            (None, Some(position)) => {
                unfit(&position, now_ms, signed(self.config.delete_retention_ms), bounds.start, bounds.high)
            }
            (None, None) => None,
        };
        if let Some(reason) = reason {
            store.wipe();
            self.facts.push(LaneFact::StoreWiped { at: at.clone(), reason });
        }
        let lag_ms = signed(self.config.compaction_lag_ms);
        let restore = Restore::new(bounds, store.position(), now_ms, lag_ms);
        slot.phase = Phase::Restoring(committed, Box::new(restore));
        Ok(())
    }

    fn restore_chunk(&mut self, at: &TopicPartition) -> Result<(), Halt> {
        let changelog = self.changelog_of(at);
        let now =
            Now { now_ms: signed(self.now_ms), compaction_lag_ms: signed(self.config.compaction_lag_ms) };
        let Some(slot) = self.slots.get_mut(at) else { return Ok(()) };
        let (Phase::Restoring(_, restore), Some(store)) = (&mut slot.phase, &mut slot.store) else {
            return Ok(());
        };
        let Some((from, until)) = restore.wanted() else { return self.conclude_restore(at) };
        let mut each = |offset: i64, timestamp_ms: i64, key: &[u8], value: Option<&[u8]>| {
            restore.take(offset, timestamp_ms, key, value, now);
        };
        let next = self
            .broker
            .read_changelog(&changelog, from, until, &mut each)
            .map_err(|f| outside("read the changelog", f))?;
        slot.barren = if next > from || slot.barren >= BARREN_CHUNKS { 0 } else { slot.barren + 1 };
        match restore.chunk(next) {
            Ok(None) => {}
            Ok(Some((writes, position))) => store.apply(&writes, position),
            Err(stop) => return self.doubt(at, stop),
        }
        if let Some(fault) = store.fault() {
            return Err(faulty(store, at, fault).into());
        }
        let (done, of) = restore.progress();
        self.facts.push(LaneFact::Restoring { at: at.clone(), done, of });
        Ok(())
    }

    fn conclude_restore(&mut self, at: &TopicPartition) -> Result<(), Halt> {
        let changelog = self.changelog_of(at);
        let Some(slot) = self.slots.get_mut(at) else { return Ok(()) };
        let Phase::Restoring(committed, restore) = &mut slot.phase else { return Ok(()) };
        if restore.is_undecided() {
            let bounds =
                self.broker.changelog_bounds(&changelog).map_err(|f| outside("look up the changelog", f))?;
            restore.extend(bounds);
            if bounds.stable < bounds.high {
                let detail = format!("{} [{}] has an open transaction", changelog.topic, changelog.partition);
                return Err(Halt::Wait("wait for the changelog", detail));
            }
            return Ok(());
        }
        let (last, next) = match restore.conclude(*committed) {
            Ok(concluded) => concluded,
            Err(stop) => return self.doubt(at, stop),
        };
        let records = restore.records();
        if let Some(last) = last {
            (slot.sequence, slot.marker_offset) = (last.sequence, last.offset);
        }
        // A missing group offset counts as the marker's: an outcome is told by this number.
        (slot.committed, slot.next, slot.doubt) = (next, next, None);
        slot.rebuild(self.stage.as_ref());
        if let (Some(fault), Some(store)) = (slot.fault(), &mut slot.store) {
            return Err(faulty(store, at, fault).into());
        }
        slot.phase = Phase::Start;
        self.facts.push(LaneFact::Restored { at: at.clone(), records });
        Ok(())
    }

    /// A changelog that does not hold together: first the local store is doubted, then the moment of the look, for a
    /// member that lost its partition meanwhile compares offsets of two moments. What is left is so, and stops the lane.
    fn doubt(&mut self, at: &TopicPartition, stop: LaneStop) -> Result<(), Halt> {
        let Some(slot) = self.slots.get_mut(at) else { return Ok(()) };
        let Phase::Restoring(committed, restore) = &slot.phase else { return Ok(()) };
        let seen = (*committed, restore.marked());
        if restore.is_from_store() {
            if let Some(store) = &mut slot.store {
                store.wipe();
            }
            self.facts
                .push(LaneFact::StoreWiped { at: at.clone(), reason: "not continued by the changelog" });
        } else if slot.doubt == Some(seen) {
            let changelog = self.stage.changelog().unwrap_or_default();
            let detail = format!("{changelog} [{}]: {}", at.partition, stop.detail);
            // What a broken changelog gave is no base for a later start.
            if let Some(store) = &mut slot.store {
                store.wipe();
            }
            return Err(LaneStop { detail, ..stop }.into());
        } else {
            slot.doubt = Some(seen);
            if let Some(store) = &mut slot.store {
                store.wipe();
            }
        }
        slot.phase = Phase::Offsets;
        Ok(())
    }

    fn start(&mut self) -> Result<(), Halt> {
        let ready = self.in_phase(|phase| matches!(phase, Phase::Start));
        self.broker.assign(&self.positions(&ready)).map_err(|f| outside("take partitions in", f))?;
        self.run(&ready);
        Ok(())
    }

    fn seek_back(&mut self) -> Result<(), Halt> {
        let back = self.in_phase(|phase| matches!(phase, Phase::Seek));
        self.broker.seek(&self.positions(&back)).map_err(|f| outside("set positions back", f))?;
        for at in &back {
            self.broker.resume(at).map_err(|f| outside("resume a partition", f))?;
        }
        self.run(&back);
        Ok(())
    }

    fn positions(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, i64)> {
        partitions
            .iter()
            .filter_map(|at| self.slots.get(at))
            .map(|slot| (slot.at.clone(), slot.next))
            .collect()
    }

    fn run(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            if let Some(slot) = self.slots.get_mut(at) {
                slot.phase = Phase::Running;
            }
        }
    }

    pub(super) fn changelog_of(&self, at: &TopicPartition) -> TopicPartition {
        let topic = SmolStr::new(self.stage.changelog().unwrap_or_default());
        TopicPartition { topic, partition: at.partition }
    }
}

/// Why a store's content cannot be continued by its changelog.
fn unfit(
    position: &StorePosition,
    now_ms: i64,
    delete_retention_ms: i64,
    start: i64,
    high: i64,
) -> Option<&'static str> {
    if position.changelog_next > high {
        // The changelog is another one than the store was made from.
        return Some("foreign");
    }
    // Deletes that it has not seen may be gone: what they deleted would come back.
    let missed = now_ms.saturating_sub(position.committed_at_ms) >= delete_retention_ms;
    (missed || position.changelog_next < start).then_some("stale")
}

pub(super) fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
