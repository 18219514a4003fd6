//! The way back from a transaction that will not simply commit: abort it, or find out what became of it; then every
//! task that it touched forgets what it did in it and goes back to its committed position.

use super::commit::Trouble;
use super::io::{Broker, Failure, Store, TopicPartition};
use super::slot::Phase;
use super::stop::{Halt, outside};
use super::{BROKER_REFUSED, DISPLACED, FENCED, Lane, LaneFact, LaneStop, OUTCOME_UNKNOWN};
use crate::engine::lane::io::BEGINNING;

/// What is still to do before anything else.
pub(super) enum Back {
    /// The transaction is given up, for this cause.
    Abort { cause: &'static str, detail: String },
    /// Nobody knows what became of it. A fresh producer decides what was open; the group's offsets tell how.
    Resolve { cause: &'static str, detail: String, reopened: bool },
}

impl<B: Broker, S: Store> Lane<B, S> {
    /// Answers a failed protocol step.
    pub(super) fn turn_back(&mut self, (step, failure): Trouble) -> Result<(), Halt> {
        self.back = Some(match failure {
            Failure::Retry(detail) => return Err(Halt::Wait(step, detail)),
            Failure::Abort(detail) => Back::Abort { cause: step, detail },
            Failure::Indefinite(detail) => Back::Resolve { cause: step, detail, reopened: false },
            Failure::Displaced(detail) => return Err(Halt::Displaced(step, detail)),
            Failure::Fenced(detail) => self.fenced(step, detail)?,
            Failure::Fatal(detail) => {
                return Err(LaneStop::exit(BROKER_REFUSED, format!("at {step}: {detail}")).into());
            }
        });
        self.go_back()
    }

    /// The broker fences the producer of a transaction that it timed out: that is no second process.
    fn fenced(&self, step: &'static str, detail: String) -> Result<Back, LaneStop> {
        let begun_ms = self.at_broker().and_then(|open| open.begun_ms);
        let age_ms = begun_ms.map_or(0, |begun_ms| self.now_ms.saturating_sub(begun_ms));
        if age_ms >= self.config.transaction_timeout_ms {
            return Ok(Back::Resolve { cause: step, detail, reopened: false });
        }
        Err(LaneStop::exit(FENCED, format!("at {step}: {detail}")))
    }

    /// Whose the member's name is now. Another process under it has taken the transactional id over before it joined, and
    /// the producer is told so; a consumer of this process has not, and a fresh start mends that.
    pub(super) fn displaced(&mut self, step: &'static str, detail: &str) -> LaneStop {
        match self.ask_producer() {
            Err(Failure::Fenced(told)) => LaneStop::exit(FENCED, format!("at {step}: {detail}; {told}")),
            _ => LaneStop::restart(DISPLACED, format!("at {step}: {detail}")),
        }
    }

    /// Asks the coordinator for something that only the newest producer of its name is granted, and takes it back.
    fn ask_producer(&mut self) -> Result<(), Failure> {
        if self.at_broker().is_none_or(|open| open.begun_ms.is_none()) {
            let Some(slot) = self.slots.values().next() else { return Ok(()) };
            let offset = (slot.at.clone(), slot.committed.max(0));
            self.broker.begin()?;
            match self.broker.send_offsets(&[offset]) {
                Ok(()) | Err(Failure::Displaced(_) | Failure::Abort(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        self.broker.abort()
    }

    /// Gives up all that is not committed. The older may turn out to have committed; the younger goes then.
    pub(super) fn give_all_up(
        &mut self,
        cause: &'static str,
        detail: impl Fn() -> String,
    ) -> Result<(), Halt> {
        while self.at_broker().is_some() {
            self.give_up(cause, detail())?;
        }
        self.go_back()
    }

    /// Gives the commit under way up and what is open behind it, or what is open alone.
    fn give_up(&mut self, cause: &'static str, detail: String) -> Result<(), Halt> {
        if self.at_broker().is_some() && self.back.is_none() {
            self.back = Some(Back::Abort { cause, detail });
        }
        self.go_back()
    }

    /// Goes on with a way back that was begun.
    pub(super) fn go_back(&mut self) -> Result<(), Halt> {
        loop {
            match self.back.take() {
                None => return Ok(()),
                Some(Back::Abort { cause, detail }) => self.abort(cause, detail)?,
                Some(Back::Resolve { cause, detail, reopened }) => self.resolve(cause, detail, reopened)?,
            }
        }
    }

    fn abort(&mut self, cause: &'static str, detail: String) -> Result<(), Halt> {
        if self.at_broker().is_some_and(|open| open.begun_ms.is_some()) {
            match self.broker.abort() {
                Ok(()) => {}
                Err(Failure::Retry(told) | Failure::Abort(told)) => {
                    self.back = Some(Back::Abort { cause, detail });
                    return Err(Halt::Wait("abort", told));
                }
                Err(Failure::Indefinite(_)) => {
                    self.back = Some(Back::Resolve { cause, detail, reopened: false });
                    return Ok(());
                }
                Err(Failure::Fenced(told)) => {
                    self.back = Some(self.fenced("abort", told)?);
                    return Ok(());
                }
                Err(failure @ (Failure::Displaced(_) | Failure::Fatal(_))) => {
                    return Err(outside("abort", failure));
                }
            }
        }
        self.facts.push(LaneFact::Aborted { cause, detail });
        self.rewind();
        Ok(())
    }

    fn resolve(&mut self, cause: &'static str, detail: String, reopened: bool) -> Result<(), Halt> {
        if !reopened && let Err(failure) = self.broker.reopen_producer() {
            self.back = Some(Back::Resolve { cause, detail, reopened });
            return Err(outside("reopen the producer", failure));
        }
        // Each part's position: the group's now, and what it was and would be.
        let Some(commit) = self.committing.as_ref().filter(|commit| commit.asked) else {
            // Its commit was never asked for.
            self.facts.push(LaneFact::Aborted { cause, detail });
            self.rewind();
            return Ok(());
        };
        let expected: Vec<(TopicPartition, i64)> =
            commit.parts.iter().map(|part| (part.at.clone(), part.next)).collect();
        let asked: Vec<TopicPartition> = expected.iter().map(|(at, _)| at.clone()).collect();
        let offsets = match self.broker.committed(&asked) {
            Ok(offsets) => offsets,
            Err(failure) => {
                self.back = Some(Back::Resolve { cause, detail, reopened: true });
                return Err(outside("look up the outcome", failure));
            }
        };
        let is_after = expected.iter().zip(&offsets).all(|((_, next), offset)| *offset == Some(*next));
        let is_before = asked.iter().zip(&offsets).all(|(at, offset)| {
            self.slots.get(at).is_some_and(|slot| offset.unwrap_or(BEGINNING) == slot.committed)
        });
        if is_before || asked.is_empty() {
            self.facts.push(LaneFact::Resolved { committed: false });
            self.rewind();
        } else if is_after {
            self.facts.push(LaneFact::Resolved { committed: true });
            self.apply_commit();
        } else {
            return Err(LaneStop::restart(OUTCOME_UNKNOWN, format!("at {cause}: {detail}")).into());
        }
        Ok(())
    }

    /// Every task that was touched since its last commit stands again where that left it.
    fn rewind(&mut self) {
        let (committing, open) = (self.committing.take(), self.transaction.take());
        for part in committing.iter().flat_map(|commit| &commit.parts) {
            if let Some(slot) = self.slots.get_mut(&part.at) {
                slot.touched = true;
            }
        }
        let leaving = self.leaving.as_ref().map_or(&[][..], |leaving| &leaving.partitions);
        // Those that leave are not needed again.
        self.slots.retain(|at, slot| !slot.touched || !leaving.contains(at));
        for slot in self.slots.values_mut().filter(|slot| slot.touched) {
            (slot.next, slot.touched, slot.continue_until) = (slot.committed, false, None);
            slot.undo(self.stage.as_ref());
            slot.phase = Phase::Seek;
        }
        let continued = committing.map(|commit| commit.taken).into_iter().chain(open);
        for (at, _) in continued.flat_map(|open| open.continued) {
            if let Some(slot) = self.slots.get_mut(&at) {
                slot.continue_until = None;
            }
        }
    }
}
