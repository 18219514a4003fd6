//! A small stage with everything that a task can have: a count per entity, outputs, timers, a sweep, records that it
//! cannot handle now or ever. What it keeps in memory is deliberately easy to get wrong after an abort.

use crate::engine::clock::TaskClock;
use crate::engine::effect::{Blocked, Effects, Input, Output};
use crate::engine::job::Job;
use crate::engine::lane::io::TopicPartition;
use crate::engine::state::{Key, Record, StateRead, Sub};
use crate::engine::task::{Stage, Task};
use crate::types::{SmolStr, StreamTime};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) const INPUT: &str = "sim.ledger";
pub(super) const OUTPUT: &str = "sim.out";
pub(super) const CHANGELOG: &str = "sim.ledger.changelog";
/// Ticks between a count and its timer.
const DELAY: i64 = 3;
const UNITS: usize = 2;

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
            due: BTreeSet::new(),
            sweep: None,
        })
    }
}

struct LedgerTask {
    partition: i32,
    gate: Arc<AtomicBool>,
    time: i64,
    due: BTreeSet<(i64, SmolStr)>,
    /// The last entity swept, while a sweep runs.
    sweep: Option<SmolStr>,
}

/// Count, due time (0: none), ballast.
fn entry(count: i64, due: i64, ballast: usize) -> Arc<Record> {
    let mut cursor = [count.to_le_bytes(), due.to_le_bytes()].concat();
    cursor.resize(16 + ballast, 7);
    Arc::new(Record::Job(Job::Other { kind: SmolStr::new("entry"), cursor }))
}

fn read(record: &Record) -> (i64, i64, usize) {
    let Record::Job(Job::Other { cursor, .. }) = record else { return (0, 0, 0) };
    let number = |at: usize| {
        cursor.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_le_bytes)
    };
    (number(0), number(8), cursor.len().saturating_sub(16))
}

impl LedgerTask {
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
    fn advance(&mut self, state: &dyn StateRead, effects: &mut Effects) {
        for _ in 0..UNITS {
            let Some((due, entity)) = self.due.first().cloned().filter(|(due, _)| *due <= self.time) else {
                break;
            };
            self.due.pop_first();
            let (count, _, ballast) =
                state.get(&Key::new(entity.clone(), Sub::Head)).as_deref().map_or((0, 0, 0), read);
            self.say(effects, &entity, format!("due {due} with {count}"));
            effects.delta.push((Key::new(entity, Sub::Head), Some(entry(count, 0, ballast))));
        }
        let Some(cursor) = self.sweep.clone() else { return };
        let after = Key::new(cursor, Sub::Own(SmolStr::new("~")));
        let heads: Vec<_> = state
            .scan(Some(&after), UNITS + 2)
            .into_iter()
            .filter(|(key, _)| key.sub == Sub::Head)
            .take(UNITS)
            .collect();
        for (key, record) in &heads {
            self.say(effects, &key.entity, format!("swept with {}", read(record).0));
        }
        self.sweep = heads.last().map(|(key, _)| key.entity.clone());
        let job = self.sweep.as_ref().map(|cursor| {
            let cursor = cursor.as_bytes().to_vec();
            Arc::new(Record::Job(Job::Other { kind: SmolStr::new("sweep"), cursor }))
        });
        effects.delta.push((Key::new("", Sub::Job(SmolStr::new("sweep"))), job));
    }
}

impl Task for LedgerTask {
    fn handle(&mut self, input: &Input<'_>, state: &dyn StateRead) -> Result<Effects, Blocked> {
        let mut effects = Effects::default();
        let value = String::from_utf8_lossy(input.value.unwrap_or_default()).into_owned();
        if value == "wait" && !self.gate.load(Ordering::Relaxed) {
            return Err(Blocked::Unreadable(String::from("the gate is closed")));
        }
        self.advance(state, &mut effects);
        let entity = SmolStr::new(String::from_utf8_lossy(input.key.unwrap_or_default()));
        let key = Key::new(entity.clone(), Sub::Head);
        // What this record wrote so far is not in `state` yet.
        let written = effects.delta.iter().rev().find(|(written, _)| *written == key);
        let stored = written.map_or_else(|| state.get(&key), |(_, record)| record.clone());
        let (count, due, ballast) = stored.as_deref().map_or((0, 0, 0), read);
        match value.as_str() {
            "add" | "wait" => {
                let next_due = self.time + DELAY;
                self.due.remove(&(due, entity.clone()));
                self.due.insert((next_due, entity.clone()));
                effects.delta.push((key, Some(entry(count + 1, next_due, ballast))));
                self.say(&mut effects, &entity, format!("{} at {}", count + 1, input.offset));
            }
            // What was too large stays so: whether it is met must not depend on what comes in the same commit.
            "delete" if ballast == 0 => {
                self.due.remove(&(due, entity.clone()));
                effects.delta.push((key, None));
            }
            "large" => effects.delta.push((key, Some(entry(count, due, 6_000)))),
            "loud" => self.say(&mut effects, &entity, "!".repeat(6_000)),
            "panic" => {
                // Half done, as panics are; without the hook's message.
                self.time += 1_000;
                self.due.clear();
                std::panic::resume_unwind(Box::new("simulated"));
            }
            "sweep" => self.sweep = Some(self.sweep.take().unwrap_or_default()),
            "tick" => {
                self.time += 1;
                let clock = TaskClock { through: StreamTime(self.time), ..TaskClock::default() };
                effects.delta.push((Key::own(TaskClock::KEY), Some(Arc::new(Record::Clock(clock)))));
            }
            _ => {}
        }
        if let (Some(cursor), "sweep") = (&self.sweep, value.as_str()) {
            let cursor = cursor.as_bytes().to_vec();
            let job = Record::Job(Job::Other { kind: SmolStr::new("sweep"), cursor });
            effects.delta.push((Key::new("", Sub::Job(SmolStr::new("sweep"))), Some(Arc::new(job))));
        }
        Ok(effects)
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
                (Sub::Head, record) => {
                    let (_, due, _) = read(record);
                    if due > 0 {
                        self.due.insert((due, key.entity.clone()));
                    }
                }
                (Sub::Own(_), Record::Clock(clock)) => self.time = clock.through.0,
                (Sub::Job(_), Record::Job(Job::Other { cursor, .. })) => {
                    self.sweep = Some(SmolStr::new(String::from_utf8_lossy(cursor)));
                }
                _ => {}
            }
        }
    }

    fn stream_time_ms(&self) -> i64 {
        self.time
    }
}
