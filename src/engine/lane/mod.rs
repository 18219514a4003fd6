//! A lane: one consumer, one transactional producer, the tasks of its partitions. Commit order and recovery are here.
//!
//! ```text
//! assigned ─▶ recover (offsets, changelog, store) ─▶ assign ─▶ running ◀─▶ blocked
//! running: poll ─▶ handle into the overlay ─▶ produce      (take)
//!          outputs, changelog, markers ─▶ drain ─▶ offsets ─▶ commit ─▶ store      (commit)
//!          while that drains: poll ─▶ handle into the overlay, for the commit behind it
//!          anything else ─▶ abort or find out ─▶ drop the overlay, rebuild, seek   (back)
//! ```

pub mod io;
pub mod memory;
mod back;
mod commit;
mod config;
mod handle;
mod marker;
mod parked;
mod recovery;
mod restore;
mod slot;
mod stop;
mod take;
mod view;

pub use config::{Guarantee, LaneConfig, LaneFact, Progress, TaskState, TaskStatus};
pub use marker::{Entry, EntryError, MARKER_RING, Marker, data_key};
pub use parked::{Parked, ParkedEntities, UNPARK_HEADER};
pub use stop::{
    BROKER_REFUSED, CHANGELOG_TORN, CHANGELOG_UNREADABLE, DISPLACED, FENCED, LANE_CODES, LaneStop,
    OFFSETS_DISAGREE, OUTCOME_UNKNOWN, PANICKED, PARKED, STORE_CORRUPT, STORE_UNUSABLE, TOO_LARGE, Then,
    UNFIT, UNIT_FAILED,
};
pub(crate) use stop::{letter_text, unit_text};

use super::task::Stage;
use back::Back;
use commit::{Commit, Transaction};
use io::{Broker, Store, StoreFault, TopicPartition};
use slot::Slot;
use std::collections::BTreeMap;
use std::sync::Arc;
use stop::Halt;
use take::Leaving;

/// Opens the local store of a task.
pub type OpenStore<S> = Box<dyn FnMut(&TopicPartition) -> S + Send>;

/// One lane of one stage. Steps are made by one thread; nothing happens in between.
pub struct Lane<B, S> {
    stage: Arc<dyn Stage>,
    broker: B,
    open: OpenStore<S>,
    config: LaneConfig,
    now_ms: u64,
    slots: BTreeMap<TopicPartition, Slot<S>>,
    /// What is handled and will be committed next.
    transaction: Option<Transaction>,
    /// The commit under way. What is open behind it rests on its writes and goes back with it.
    committing: Option<Commit>,
    /// The way back from a transaction that will not simply commit; nothing else happens before its end.
    back: Option<Back>,
    leaving: Option<Leaving>,
    trouble: Backoff,
    /// Whose recovery was advanced last.
    recovered: Option<TopicPartition>,
    handled: u64,
    /// The last step found nothing to take in.
    is_quiet: bool,
    facts: Vec<LaneFact>,
}

impl<B: Broker, S: Store> Lane<B, S> {
    /// A lane that has no partition yet: the first steps bring the assignment.
    pub fn new(stage: Arc<dyn Stage>, broker: B, open: OpenStore<S>, config: LaneConfig) -> Self {
        Self {
            stage,
            broker,
            open,
            config,
            now_ms: 0,
            slots: BTreeMap::new(),
            transaction: None,
            committing: None,
            back: None,
            leaving: None,
            trouble: Backoff::default(),
            recovered: None,
            handled: 0,
            is_quiet: false,
            facts: Vec::new(),
        }
    }

    /// Does what is due and then takes in what comes within `wait_ms`: a bounded amount of work. `now_ms` is the wall
    /// clock; it bounds waits and ages and reaches no decision of a task.
    pub fn step(&mut self, now_ms: u64, wait_ms: u64) -> Result<Progress, LaneStop> {
        self.now_ms = now_ms;
        let advanced = self.advance(wait_ms);
        self.report(advanced)
    }

    /// Commits what is open and gives all partitions back. To be called again, at the time it says, while
    /// [`Progress::wait_until_ms`] is set.
    pub fn finish(&mut self, now_ms: u64) -> Result<Progress, LaneStop> {
        self.now_ms = now_ms;
        let advanced = self.depart();
        let mut progress = self.report(advanced)?;
        if self.leaving.is_some() {
            progress.wait_until_ms.get_or_insert(now_ms);
        }
        Ok(progress)
    }

    /// Where each task stands.
    pub fn tasks(&self) -> Vec<TaskStatus> {
        self.slots.values().map(Slot::status).collect()
    }

    fn report(&mut self, advanced: Result<(), Halt>) -> Result<Progress, LaneStop> {
        let mut wait_until_ms = None;
        match advanced {
            Ok(()) => self.trouble = Backoff::default(),
            Err(Halt::Wait(step, detail)) => {
                self.facts.push(LaneFact::Retrying { step, detail });
                wait_until_ms = Some(self.trouble.failed(self.now_ms, self.config.backoff_ms));
            }
            Err(Halt::Displaced(step, detail)) => return Err(self.displaced(step, &detail)),
            Err(Halt::Stop(stop)) => return Err(stop),
        }
        let (handled, facts) = (std::mem::take(&mut self.handled), std::mem::take(&mut self.facts));
        Ok(Progress { handled, wait_until_ms, facts })
    }

    fn advance(&mut self, wait_ms: u64) -> Result<(), Halt> {
        self.go_back()?;
        self.leave()?;
        if self.leaving.is_some() {
            return Ok(());
        }
        self.flush()?;
        self.commit_if_due(0)?;
        self.recover()?;
        self.retry_blocked()?;
        self.take_in(wait_ms)?;
        if self.leaving.is_some() {
            return Ok(());
        }
        self.append_continues();
        // With nothing to take in, what is on its way to the broker is waited for.
        self.commit_if_due(if self.is_quiet { wait_ms } else { 0 })
    }

    fn depart(&mut self) -> Result<(), Halt> {
        self.go_back()?;
        if self.leaving.is_none() && !self.slots.is_empty() {
            let partitions = self.slots.keys().cloned().collect();
            self.leaving = Some(Leaving { partitions, lost: false, since_ms: self.now_ms });
        }
        self.leave()
    }

    fn has_changelog(&self) -> bool {
        self.config.guarantee == Guarantee::ExactlyOnce && self.stage.changelog().is_some()
    }
}

/// What a store's fault means for its lane. A corrupt store is wiped here, so that the next start restores it.
fn faulty<S: Store>(store: &mut S, at: &TopicPartition, fault: StoreFault) -> LaneStop {
    match fault {
        StoreFault::Corrupt(detail) => {
            store.wipe();
            LaneStop::restart(STORE_CORRUPT, format!("{} [{}]: {detail}", at.topic, at.partition))
        }
        StoreFault::Unusable(detail) => {
            LaneStop::exit(STORE_UNUSABLE, format!("{} [{}]: {detail}", at.topic, at.partition))
        }
        StoreFault::Held(detail) => {
            LaneStop::restart(STORE_UNUSABLE, format!("{} [{}]: {detail}", at.topic, at.partition))
        }
    }
}

/// Waits between attempts: each twice as long as the one before, up to a limit.
#[derive(Clone, Copy, Debug, Default)]
struct Backoff {
    failures: u32,
    until_ms: u64,
}

impl Backoff {
    fn failed(&mut self, now_ms: u64, (first, most): (u64, u64)) -> u64 {
        let wait = first.saturating_mul(1 << self.failures.min(16)).min(most);
        self.failures += 1;
        self.until_ms = now_ms + wait;
        self.until_ms
    }
}
