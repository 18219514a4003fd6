//! A small stage with everything that a task can have: a count per entity, outputs, timers, a sweep, records that it
//! cannot handle now or ever, entities at which its timers and its sweep fail. What it keeps in memory is deliberately easy
//! to get wrong after an abort.

use crate::engine::clock::TaskClock;
use crate::engine::effect::{Blocked, Effects, Input, Output};
use crate::engine::job::Job;
use crate::engine::lane::io::TopicPartition;
use crate::engine::lane::{Parked, ParkedEntities};
use crate::engine::state::{Key, Record, StateRead, Sub, own_records};
use crate::engine::task::{Stage, Task, Undone};
use crate::types::{SmolStr, StreamTime};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) const INPUT: &str = "sim.ledger";
pub(super) const OUTPUT: &str = "sim.out";
pub(super) const CHANGELOG: &str = "sim.ledger.changelog";
/// Ticks between a count and its timer.
const DELAY: i64 = 3;
pub(super) const UNITS: usize = 2;
/// What no topic takes.
const TOO_MUCH: usize = 6_000;

/// The stage. Its gate holds `wait` records back.
pub(super) struct Ledger {
    pub(super) gate: Arc<AtomicBool>,
}

impl Stage for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn inputs(&self) -> Vec<SmolStr> {
        vec![SmolStr::new(INPUT)]
    }

    fn changelog(&self) -> Option<&'static str> {
        Some(CHANGELOG)
    }

    fn task(&self, at: &TopicPartition) -> Box<dyn Task> {
        Box::new(LedgerTask {
            partition: at.partition,
            gate: Arc::clone(&self.gate),
            time: 0,
            is_mended: false,
            due: BTreeSet::new(),
            sweep: None,
            parked: ParkedEntities::default(),
            at_work: None,
        })
    }
}

struct LedgerTask {
    partition: i32,
    gate: Arc<AtomicBool>,
    time: i64,
    /// No flaw hurts any more.
    is_mended: bool,
    due: BTreeSet<(i64, SmolStr)>,
    /// The last entity swept, while a sweep runs.
    sweep: Option<SmolStr>,
    parked: ParkedEntities,
    at_work: Option<SmolStr>,
}

/// How an entity's timer and its step of a sweep fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flaw {
    #[default]
    None,
    Panic,
    Loud,
    Large,
    Unfit,
}

const FLAWS: [(&str, Flaw); 5] = [
    ("", Flaw::None),
    ("cursed", Flaw::Panic),
    ("cursed: loud", Flaw::Loud),
    ("cursed: large", Flaw::Large),
    ("cursed: unfit", Flaw::Unfit),
];

/// What is kept of an entity.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    count: i64,
    /// Due time; 0 is none.
    due: i64,
    flaw: Flaw,
    ballast: usize,
}

impl Account {
    fn record(self) -> Arc<Record> {
        let mut cursor = [self.count.to_le_bytes(), self.due.to_le_bytes()].concat();
        let flaw = FLAWS.iter().position(|(_, flaw)| *flaw == self.flaw).unwrap_or_default();
        cursor.push(u8::try_from(flaw).unwrap_or_default());
        cursor.resize(17 + self.ballast, 7);
        Arc::new(Record::Job(Job::Other { kind: SmolStr::new("entry"), cursor }))
    }

    fn of(record: &Record) -> Self {
        let Record::Job(Job::Other { cursor, .. }) = record else { return Self::default() };
        let number = |at: usize| {
            cursor.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_le_bytes)
        };
        let flaw = cursor.get(16).and_then(|at| FLAWS.get(usize::from(*at))).map(|(_, flaw)| *flaw);
        Self {
            count: number(0),
            due: number(8),
            flaw: flaw.unwrap_or_default(),
            ballast: cursor.len().saturating_sub(17),
        }
    }

    fn load(state: &dyn StateRead, entity: &SmolStr) -> Self {
        let record = state.get(&Key::new(entity.clone(), Sub::Head));
        record.as_deref().map(Self::of).unwrap_or_default()
    }
}

impl LedgerTask {
    fn learn_anew(&mut self, entity: SmolStr, state: &dyn StateRead) {
        self.parked = ParkedEntities::default();
        own_records(state).iter().for_each(|(key, record)| self.parked.learn(key, record));
        let due = Account::load(state, &entity).due;
        if due > 0 {
            self.due.insert((due, entity));
        }
    }

    fn say(&self, effects: &mut Effects, entity: &str, value: String) {
        effects.outputs.push(Output {
            topic: SmolStr::new(OUTPUT),
            partition: i32::from(entity.len().is_multiple_of(2)),
            key: Some(entity.as_bytes().to_vec()),
            value: value.into_bytes(),
            headers: vec![(SmolStr::new("time"), self.time.to_string().into_bytes())],
        });
    }

    /// Due timers and the sweep, a few units.
    fn advance(&mut self, offset: i64, state: &dyn StateRead, effects: &mut Effects) -> Result<(), Blocked> {
        let units = self.parked.units_left(offset, UNITS);
        for _ in 0..units {
            let Some((due, entity)) = self.due.first().cloned().filter(|(due, _)| *due <= self.time) else {
                break;
            };
            self.due.pop_first();
            let account = Account::load(state, &entity);
            let said = format!("due {due} with {}", account.count);
            self.unit(&entity, Account { due: 0, ..account }, said, effects)?;
        }
        let Some(cursor) = self.sweep.clone().filter(|_| units > 0) else { return Ok(()) };
        let after = Key::new(cursor, Sub::Own(SmolStr::new("~")));
        let heads: Vec<_> = state
            .scan(Some(&after), units + 2)
            .into_iter()
            .filter(|(key, _)| key.sub == Sub::Head)
            .take(units)
            .collect();
        for (key, _) in heads.iter().filter(|(key, _)| !self.parked.contains(&key.entity)).collect::<Vec<_>>()
        {
            // A timer of this record may have gone before.
            let place = effects.delta.iter().rev().find(|(written, _)| written == key);
            let written = place.and_then(|(_, record)| record.as_deref().map(Account::of));
            let account = written.unwrap_or_else(|| Account::load(state, &key.entity));
            self.unit(&key.entity, account, format!("swept with {}", account.count), effects)?;
        }
        self.sweep = heads.last().map(|(key, _)| key.entity.clone());
        let job = self.sweep.as_ref().map(|cursor| {
            let cursor = cursor.as_bytes().to_vec();
            Arc::new(Record::Job(Job::Other { kind: SmolStr::new("sweep"), cursor }))
        });
        effects.delta.push((Key::new("", Sub::Job(SmolStr::new("sweep"))), job));
        Ok(())
    }

    /// A timer or a step of the sweep at one entity.
    fn unit(
        &mut self,
        entity: &SmolStr,
        mut account: Account,
        mut said: String,
        effects: &mut Effects,
    ) -> Result<(), Blocked> {
        self.at_work = Some(entity.clone());
        effects.made_for.push((effects.outputs.len(), entity.clone()));
        match account.flaw {
            Flaw::Panic if !self.is_mended => self.panic(),
            Flaw::Unfit if !self.is_mended => return Err(Blocked::Unfit(String::from("no field"))),
            Flaw::Loud if !self.is_mended => said = "!".repeat(TOO_MUCH),
            Flaw::Large if !self.is_mended => account.ballast = TOO_MUCH,
            _ => {}
        }
        self.say(effects, entity, said);
        effects.delta.push((Key::new(entity.clone(), Sub::Head), Some(account.record())));
        effects.made_for.push((effects.outputs.len(), SmolStr::default()));
        self.at_work = None;
        Ok(())
    }

    /// Half done, as panics are; without the hook's message.
    fn panic(&mut self) -> ! {
        self.time += 1_000;
        self.due.clear();
        std::panic::resume_unwind(Box::new("simulated"));
    }

    fn clock(&self) -> (Key, Option<Arc<Record>>) {
        let through = StreamTime(self.time);
        let clock = TaskClock { through, complete: self.is_mended, ..TaskClock::default() };
        (Key::own(TaskClock::KEY), Some(Arc::new(Record::Clock(clock))))
    }
}

impl Task for LedgerTask {
    fn handle(&mut self, input: &Input<'_>, state: &dyn StateRead) -> Result<Effects, Blocked> {
        let mut effects = Effects::default();
        let value = String::from_utf8_lossy(input.value.unwrap_or_default()).into_owned();
        if value == "wait" && !self.gate.load(Ordering::Relaxed) {
            return Err(Blocked::Unreadable(String::from("the gate is closed")));
        }
        self.at_work = None;
        if let (true, Some(entity)) = (Parked::is_taken_back_by(input), input.key) {
            self.learn_anew(SmolStr::new(String::from_utf8_lossy(entity)), state);
        }
        self.advance(input.offset, state, &mut effects)?;
        let entity = SmolStr::new(String::from_utf8_lossy(input.key.unwrap_or_default()));
        let key = Key::new(entity.clone(), Sub::Head);
        // What this record wrote so far is not in `state` yet.
        let written = effects.delta.iter().rev().find(|(written, _)| *written == key);
        let stored = written.map_or_else(|| state.get(&key), |(_, record)| record.clone());
        let account = stored.as_deref().map(Account::of).unwrap_or_default();
        if Parked::is_taken_back_by(input) {
            self.say(&mut effects, &entity, format!("taken back with {}", account.count));
            return Ok(effects);
        }
        let flaw = FLAWS.iter().find(|(name, flaw)| *flaw != Flaw::None && *name == value);
        match value.as_str() {
            "add" | "wait" => {
                let due = self.time + DELAY;
                self.due.remove(&(account.due, entity.clone()));
                self.due.insert((due, entity.clone()));
                let account = Account { count: account.count + 1, due, ..account };
                effects.delta.push((key, Some(account.record())));
                self.say(&mut effects, &entity, format!("{} at {}", account.count, input.offset));
            }
            // What was too large stays so: whether it is met must not depend on what comes in the same commit.
            "delete" if account.ballast == 0 => {
                self.due.remove(&(account.due, entity.clone()));
                effects.delta.push((key, None));
            }
            "large" => effects.delta.push((key, Some(Account { ballast: TOO_MUCH, ..account }.record()))),
            "loud" => self.say(&mut effects, &entity, "!".repeat(TOO_MUCH)),
            "panic" => self.panic(),
            "unfit" => return Err(Blocked::Unfit(String::from("no field"))),
            "sweep" => self.sweep = Some(self.sweep.take().unwrap_or_default()),
            "tick" => {
                self.time += 1;
                effects.delta.push(self.clock());
            }
            "mend" => {
                self.is_mended = !self.is_mended;
                effects.delta.push(self.clock());
            }
            _ => {
                if let Some((_, flaw)) = flaw {
                    effects.delta.push((key, Some(Account { flaw: *flaw, ..account }.record())));
                }
            }
        }
        if let (Some(cursor), "sweep") = (&self.sweep, value.as_str()) {
            let cursor = cursor.as_bytes().to_vec();
            let job = Record::Job(Job::Other { kind: SmolStr::new("sweep"), cursor });
            effects.delta.push((Key::new("", Sub::Job(SmolStr::new("sweep"))), Some(Arc::new(job))));
        }
        Ok(effects)
    }

    fn at_work(&self) -> Option<&SmolStr> {
        self.at_work.as_ref()
    }

    fn has_job(&self) -> bool {
        self.sweep.is_some() || self.due.first().is_some_and(|(due, _)| *due <= self.time)
    }

    fn continue_record(&self) -> Option<(&'static str, Vec<u8>)> {
        Some((INPUT, format!("continue {}", self.partition).into_bytes()))
    }

    fn rebuild(&mut self, records: &mut dyn Iterator<Item = (Key, Arc<Record>)>) {
        for (key, record) in records {
            match (&key.sub, record.as_ref()) {
                (Sub::Own(_), record @ Record::Parked(_)) => self.parked.learn(&key, record),
                (Sub::Head, record) => {
                    let due = Account::of(record).due;
                    if due > 0 && !self.parked.contains(&key.entity) {
                        self.due.insert((due, key.entity.clone()));
                    }
                }
                (Sub::Own(_), Record::Clock(clock)) => {
                    (self.time, self.is_mended) = (clock.through.0, clock.complete);
                }
                (Sub::Job(_), Record::Job(Job::Other { cursor, .. })) => {
                    self.sweep = Some(SmolStr::new(String::from_utf8_lossy(cursor)));
                }
                _ => {}
            }
        }
    }

    fn undo(&mut self, undone: &[Undone]) -> bool {
        for Undone { key, written, stored } in undone {
            match key.sub {
                Sub::Head => {
                    let due =
                        |record: &Option<Arc<Record>>| record.as_deref().map_or(0, |r| Account::of(r).due);
                    self.due.remove(&(due(written), key.entity.clone()));
                    if due(stored) > 0 {
                        self.due.insert((due(stored), key.entity.clone()));
                    }
                }
                Sub::Own(_) => match stored.as_deref() {
                    Some(Record::Clock(clock)) => {
                        (self.time, self.is_mended) = (clock.through.0, clock.complete);
                    }
                    _ => (self.time, self.is_mended) = (0, false),
                },
                Sub::Job(_) => {
                    self.sweep = stored.as_deref().map(|record| match record {
                        Record::Job(Job::Other { cursor, .. }) => {
                            SmolStr::new(String::from_utf8_lossy(cursor))
                        }
                        _ => SmolStr::default(),
                    });
                }
                _ => {}
            }
        }
        true
    }

    fn stream_time_ms(&self) -> i64 {
        self.time
    }
}
