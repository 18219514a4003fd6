//! What a poll brings: records into tasks, partitions in and out. And what a lane says of itself while it is quiet.

use super::commit::Transaction;
use super::handle::Refusal;
use super::io::{Broker, Event, Failure, Polled, Store, TopicPartition};
use super::slot::{Phase, Slot, Waiting, message_bytes};
use super::stop::{Halt, outside};
use super::{Backoff, Lane, LaneFact, faulty};
use crate::engine::effect::{Effects, Output};
use crate::types::SmolStr;

/// Events of one step: between two looks at the clock.
const EVENTS_PER_STEP: usize = 512;
/// The same while a commit is under way, which waits for the end of the step.
const EVENTS_BESIDE_COMMIT: usize = 64;
/// `continue` records that a quiet task appends at a time: each comes back after a commit, so one at a time would
/// spend a job on waiting.
const CONTINUES: usize = 16;

/// Partitions on their way out.
pub(super) struct Leaving {
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) lost: bool,
    pub(super) since_ms: u64,
}

impl<B: Broker, S: Store> Lane<B, S> {
    pub(super) fn take_in(&mut self, wait_ms: u64) -> Result<(), Halt> {
        let mut wait_ms = self.patience(wait_ms);
        // Time alone does not tell: handling a step's records may take longer than a lane lingers, with more behind them.
        self.is_quiet = false;
        let most = if self.committing.is_some() { EVENTS_BESIDE_COMMIT } else { EVENTS_PER_STEP };
        for polls in 0..most {
            if self.transaction.as_ref().is_some_and(|open| self.is_full(open)) {
                break;
            }
            match self.broker.poll(wait_ms).map_err(|failure| outside("poll", failure))? {
                Event::Record(record) => self.take(record)?,
                Event::End { at, position } => self.reach(&at, position),
                Event::Assigned(partitions) => self.welcome(partitions),
                Event::Revoked { partitions, lost } => {
                    self.leaving = Some(Leaving { partitions, lost, since_ms: self.now_ms });
                    return self.leave();
                }
                Event::Idle => {
                    self.is_quiet = polls == 0;
                    break;
                }
            }
            wait_ms = 0;
        }
        Ok(())
    }

    /// How long a poll may wait: until something else is due.
    fn patience(&self, wait_ms: u64) -> u64 {
        let until = |at_ms: u64| at_ms.saturating_sub(self.now_ms);
        // A commit under way is waited for after the look, not in it.
        if self.committing.is_some() {
            return 0;
        }
        let mut wait_ms = wait_ms;
        if let Some(at_ms) = self.recovers_at_ms() {
            wait_ms = wait_ms.min(until(at_ms));
        }
        if let Some(open) = &self.transaction {
            wait_ms = wait_ms.min(until(open.opened_ms + self.config.commit_interval_ms));
            if open.says_something {
                wait_ms = wait_ms.min(until(open.active_ms + self.config.linger_ms));
            }
        }
        for slot in self.slots.values() {
            match &slot.phase {
                Phase::Blocked(waiting) => wait_ms = wait_ms.min(until(waiting.backoff.until_ms)),
                Phase::Running if slot.wants_continue() => {
                    wait_ms = wait_ms.min(until(slot.active_ms + self.config.linger_ms));
                }
                _ => {}
            }
        }
        wait_ms
    }

    fn take(&mut self, record: Polled) -> Result<(), Halt> {
        let Some(slot) = self.slots.get_mut(&record.at) else { return Ok(()) };
        // What was fetched before a pause or a seek may still arrive.
        if !matches!(slot.phase, Phase::Running) || record.offset < slot.next {
            return Ok(());
        }
        match slot.handle(self.stage.as_ref(), &self.config, &record) {
            Ok(effects) => self.follow(&record, effects),
            Err(Refusal::Blocked(reason)) => self.block(record, reason),
            Err(Refusal::Store(fault)) => {
                let stop = slot.store.as_mut().map(|store| faulty(store, &record.at, fault));
                stop.map_or(Ok(()), |stop| Err(stop.into()))
            }
        }
    }

    /// The record was handled: its effects belong to the open transaction.
    fn follow(&mut self, record: &Polled, effects: Effects) -> Result<(), Halt> {
        let now_ms = self.now_ms;
        let open = self.transaction.get_or_insert_with(|| Transaction::open(now_ms));
        let Some(slot) = self.slots.get_mut(&record.at) else { return Ok(()) };
        (slot.next, slot.touched, slot.active_ms) = (record.offset + 1, true, now_ms);
        self.handled += 1;
        open.inputs += 1;
        open.active_ms = now_ms;
        open.says_something |= !effects.outputs.is_empty() || std::mem::take(&mut slot.wrote);
        open.bytes += message_bytes(record.key.as_deref(), record.value.as_deref(), &record.headers) as u64;
        for output in effects.outputs {
            open.say(output);
        }
        for fact in effects.facts {
            open.tell(&record.at, fact);
        }
        self.flush()
    }

    /// Gives the producer what it has not taken yet.
    pub(super) fn flush(&mut self) -> Result<(), Halt> {
        match self.produce_outputs() {
            Ok(()) => Ok(()),
            Err(trouble) => self.turn_back(trouble),
        }
    }

    fn block(&mut self, record: Polled, reason: String) -> Result<(), Halt> {
        let Some(slot) = self.slots.get_mut(&record.at) else { return Ok(()) };
        let (at, offset) = (record.at.clone(), record.offset);
        let mut backoff = Backoff::default();
        backoff.failed(self.now_ms, self.config.backoff_ms);
        slot.phase = Phase::Blocked(Box::new(Waiting { record, reason: reason.clone(), backoff }));
        self.facts.push(LaneFact::Blocked { at: at.clone(), offset, reason });
        match self.broker.pause(&at) {
            // What arrives all the same is dropped, and fetched again when the task goes on.
            Ok(()) | Err(Failure::Retry(_)) => Ok(()),
            Err(failure) => Err(outside("pause a partition", failure)),
        }
    }

    pub(super) fn retry_blocked(&mut self) -> Result<(), Halt> {
        let due: Vec<TopicPartition> = self
            .slots
            .values()
            .filter(|slot| matches!(&slot.phase, Phase::Blocked(w) if w.backoff.until_ms <= self.now_ms))
            .map(|slot| slot.at.clone())
            .collect();
        for at in due {
            let Some(slot) = self.slots.get_mut(&at) else { continue };
            let Phase::Blocked(mut waiting) = std::mem::replace(&mut slot.phase, Phase::Seek) else {
                continue;
            };
            match slot.handle(self.stage.as_ref(), &self.config, &waiting.record) {
                Ok(effects) => {
                    self.facts.push(LaneFact::Unblocked { at });
                    self.follow(&waiting.record, effects)?;
                }
                Err(Refusal::Blocked(reason)) => {
                    waiting.reason = reason;
                    waiting.backoff.failed(self.now_ms, self.config.backoff_ms);
                    slot.phase = Phase::Blocked(waiting);
                }
                Err(Refusal::Store(fault)) => {
                    let stop = slot.store.as_mut().map(|store| faulty(store, &at, fault));
                    return stop.map_or(Ok(()), |stop| Err(stop.into()));
                }
            }
        }
        Ok(())
    }

    /// Everything before `position` has been polled.
    fn reach(&mut self, at: &TopicPartition, position: i64) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        if !matches!(slot.phase, Phase::Running) || position <= slot.next {
            return;
        }
        slot.next = position;
        if slot.task.reports_positions() {
            slot.touched = true;
            let now_ms = self.now_ms;
            let open = self.transaction.get_or_insert_with(|| Transaction::open(now_ms));
            open.says_something = true;
        }
    }

    fn welcome(&mut self, partitions: Vec<TopicPartition>) {
        for at in partitions {
            let slot = Slot::new(self.stage.as_ref(), at.clone());
            self.slots.entry(at).or_insert(slot);
        }
    }

    /// Lets partitions go that are on their way out: what they did is committed, or given up.
    pub(super) fn leave(&mut self) -> Result<(), Halt> {
        let Some(leaving) = &self.leaving else { return Ok(()) };
        let held_ms = self.now_ms.saturating_sub(leaving.since_ms);
        if leaving.lost {
            self.give_all_up("membership lost", || String::from("the group went on without this member"))?;
        } else if held_ms >= self.config.revoke_deadline_ms {
            self.give_all_up("revoke deadline", || format!("the group waits since {held_ms} ms"))?;
        } else {
            self.commit_first()?;
            // The clock has gone on meanwhile: the next step asks for the deadline before it commits the rest.
            if self.at_broker().is_some() {
                return Ok(());
            }
        }
        let Some(leaving) = &self.leaving else { return Ok(()) };
        // The stores first: another lane of this process may be given a partition at once, and opens the same files.
        self.slots.retain(|at, _| !leaving.partitions.contains(at));
        self.broker.unassign(&leaving.partitions).map_err(|f| outside("give partitions back", f))?;
        if let Some(Leaving { partitions, lost, .. }) = self.leaving.take() {
            self.facts.push(LaneFact::Released { partitions, lost });
        }
        Ok(())
    }

    /// Jobs advance with records; a quiet task with a job makes its own.
    pub(super) fn append_continues(&mut self) {
        let now_ms = self.now_ms;
        for slot in self.slots.values_mut() {
            let quiet = now_ms.saturating_sub(slot.active_ms) >= self.config.linger_ms;
            if !quiet || !matches!(slot.phase, Phase::Running) || !slot.wants_continue() {
                continue;
            }
            let Some((topic, value)) = slot.task.continue_record() else { continue };
            let open = self.transaction.get_or_insert_with(|| Transaction::open(now_ms));
            for _ in 0..CONTINUES {
                open.say(Output {
                    topic: SmolStr::new(topic),
                    partition: slot.at.partition,
                    key: None,
                    value: value.clone(),
                    headers: Vec::new(),
                });
            }
            open.says_something = true;
            open.continued.push((slot.at.clone(), open.queued() - 1));
            slot.continue_until = Some(i64::MAX);
        }
    }
}

impl<S> Slot<S> {
    /// A job waits, and no record that this lane appended for it is still to come.
    fn wants_continue(&self) -> bool {
        self.continue_until.is_none_or(|until| self.next > until) && self.task.has_job()
    }
}
