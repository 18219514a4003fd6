//! All stages' real tasks in one thread over logs in memory: no lanes, no commits, no faults. Raw records and samples go
//! in, what the stages emit comes out. The same input gives the same output, byte for byte.
//!
//! It is the engine of rule tests, of scoring, and the oracle beside which a run on a broker is laid.

mod seat;

pub use seat::Seat;

use crate::contracts::Contracts;
use crate::engine::areas;
use crate::engine::control::{Control, ControlConfig};
use crate::engine::effect::{Blocked, Fact, Output};
use crate::engine::households::{Households, HouseholdsConfig};
use crate::engine::identity::{Identity, IdentityConfig};
use crate::engine::intake::Intake;
use crate::engine::lane::io::TopicPartition;
use crate::engine::layout::{CONTROL_LOG, Layout};
use crate::engine::letter::{Letters, letter_encoder};
use crate::engine::message::{Clock, ControlMessage, RawPosition, encode};
use crate::engine::state::MemoryState;
use crate::engine::task::{PackSource, Stage};
use crate::rules::plan::Pack;
use crate::types::{PackHash, SmolStr, StreamTime};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Offset.
    pub offset: i64,
    /// Log time: the declared time at which it was appended.
    pub timestamp_ms: i64,
    /// Key bytes.
    pub key: Option<Vec<u8>>,
    /// Value bytes; none is a null value.
    pub value: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<(SmolStr, Vec<u8>)>,
}

/// A record that left: on a topic that no stage reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// Declared time at which it left.
    pub at: StreamTime,
    /// The record.
    pub output: Output,
}

/// A task that could not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stage {stage} cannot handle {topic}/{partition} at offset {offset}: {why}")]
pub struct Stuck {
    /// Stage.
    pub stage: &'static str,
    /// Topic of the record.
    pub topic: SmolStr,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Why.
    pub why: Blocked,
}

/// Packs that are there from the start.
#[derive(Clone, Debug, Default)]
pub struct KnownPacks(BTreeMap<PackHash, Arc<Pack>>);

impl KnownPacks {
    /// These.
    pub fn new(packs: impl IntoIterator<Item = Arc<Pack>>) -> Self {
        Self(packs.into_iter().map(|pack| (pack.hash, pack)).collect())
    }
}

impl PackSource for KnownPacks {
    fn pack(&self, hash: &PackHash) -> Option<Arc<Pack>> {
        self.0.get(hash).cloned()
    }
}

/// The five stages as they run everywhere, for these contracts and packs. An error says what the contracts lack.
pub fn stages(
    contracts: &Arc<Contracts>,
    layout: &Layout,
    packs: Arc<dyn PackSource>,
) -> Result<Vec<Arc<dyn Stage>>, String> {
    let letters = Arc::new(Letters::new(layout.clone(), letter_encoder(contracts)?));
    Ok(vec![
        Arc::new(Intake::new(Arc::clone(contracts), layout.clone(), Arc::clone(&letters))),
        Arc::new(Control::new(Arc::clone(contracts), ControlConfig::default(), layout.clone())),
        Arc::new(Identity::new(IdentityConfig::default(), layout.clone(), Arc::clone(&letters))),
        Arc::new(Households::new(
            Arc::clone(contracts),
            layout.clone(),
            Arc::clone(&packs),
            HouseholdsConfig::default(),
            Arc::clone(&letters),
        )),
        Arc::new(areas::stage(
            Arc::clone(contracts),
            layout.clone(),
            packs,
            HouseholdsConfig::default(),
            letters,
        )),
    ])
}

/// All stages, their logs and what they keep.
pub struct Pipeline {
    layout: Layout,
    runners: Vec<Runner>,
    /// Topics that a stage reads.
    read: BTreeSet<SmolStr>,
    raw: BTreeSet<SmolStr>,
    logs: BTreeMap<TopicPartition, Log>,
    keep: bool,
    tapped: Option<SmolStr>,
    drawn: Vec<(i32, LogRecord)>,
    now: StreamTime,
    clock_fixed: bool,
    unkeyed: BTreeMap<SmolStr, i32>,
    emitted: Vec<Emitted>,
    facts: Vec<Fact>,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("now", &self.now)
            .field("logs", &self.logs.len())
            .finish_non_exhaustive()
    }
}

struct Runner {
    stage: Arc<dyn Stage>,
    seats: BTreeMap<TopicPartition, Seat>,
}

#[derive(Default)]
struct Log {
    /// Offset of the first record kept.
    first: i64,
    records: VecDeque<LogRecord>,
}

impl Log {
    fn end(&self) -> i64 {
        self.first + i64::try_from(self.records.len()).unwrap_or(i64::MAX)
    }

    fn record(&self, offset: i64) -> Option<&LogRecord> {
        self.records.get(usize::try_from(offset - self.first).ok()?)
    }
}

impl Pipeline {
    /// Of these stages, the first of which reads the raw topics.
    pub fn new(stages: Vec<Arc<dyn Stage>>, layout: Layout) -> Self {
        let raw = stages.first().map(|stage| stage.inputs().into_iter().collect()).unwrap_or_default();
        let runner = |stage: Arc<dyn Stage>| {
            let mut seats = BTreeMap::new();
            for topic in stage.inputs() {
                for partition in 0..layout.partitions(&topic) {
                    let at = TopicPartition { topic: topic.clone(), partition };
                    let seat = Seat::new(&*stage, &at);
                    seats.insert(at, seat);
                }
            }
            Runner { stage, seats }
        };
        let runners: Vec<Runner> = stages.into_iter().map(runner).collect();
        let read = runners.iter().flat_map(|runner| runner.stage.inputs()).collect();
        Self {
            layout,
            runners,
            read,
            raw,
            logs: BTreeMap::new(),
            keep: false,
            tapped: None,
            drawn: Vec::new(),
            now: StreamTime::ZERO,
            clock_fixed: false,
            unkeyed: BTreeMap::new(),
            emitted: Vec::new(),
            facts: Vec::new(),
        }
    }

    /// Keeps every record of every log, to be asked for by [`Self::log`]; else a record is dropped once handled.
    pub fn keeping_logs(mut self) -> Self {
        self.keep = true;
        self
    }

    /// Hands each record of a log on once it was handled, to be taken by [`Self::take_drawn`].
    pub fn tapping(mut self, topic: &str) -> Self {
        self.tapped = Some(SmolStr::new(topic));
        self
    }

    /// Declared time: of the newest record or sample.
    pub fn now(&self) -> StreamTime {
        self.now
    }

    /// Appends a raw record that arrives at a declared time; says where it lies. Without a key it goes round.
    pub fn feed(
        &mut self,
        topic: &str,
        key: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        at: StreamTime,
    ) -> (i32, i64) {
        self.now = self.now.max(at);
        let partition = match &key {
            Some(key) => self.layout.partition(topic, &String::from_utf8_lossy(key)),
            None => {
                let turn = self.unkeyed.entry(SmolStr::new(topic)).or_insert(-1);
                *turn = (*turn + 1) % self.layout.partitions(topic);
                *turn
            }
        };
        let at = TopicPartition { topic: SmolStr::new(topic), partition };
        (partition, self.append(at, key, value, Vec::new()))
    }

    /// Declares that it is `t` and that all raw records so far had arrived by then.
    pub fn sample(&mut self, t: StreamTime) {
        self.now = self.now.max(t);
        if !self.clock_fixed {
            self.clock_fixed = true;
            self.control(&ControlMessage::Clock(Clock::Declared));
        }
        let is_raw = |at: &&TopicPartition| self.raw.contains(&at.topic);
        let ends = self.logs.iter().filter(|(at, _)| is_raw(at)).map(|(at, log)| RawPosition {
            topic: at.topic.clone(),
            partition: at.partition,
            offset: log.end(),
        });
        let ends = ends.collect();
        self.control(&ControlMessage::Sample { t, ends });
    }

    /// Switches all stages to a pack.
    pub fn publish(&mut self, hash: PackHash) {
        if !self.clock_fixed {
            self.clock_fixed = true;
            self.control(&ControlMessage::Clock(Clock::Declared));
        }
        self.control(&ControlMessage::Pack { hash });
    }

    /// Appends a record to the log of control.
    pub fn control(&mut self, message: &ControlMessage) {
        let at = TopicPartition { topic: SmolStr::new_static(CONTROL_LOG), partition: 0 };
        self.append(at, None, Some(encode(message)), Vec::new());
    }

    fn append(
        &mut self,
        at: TopicPartition,
        key: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        headers: Vec<(SmolStr, Vec<u8>)>,
    ) -> i64 {
        let log = self.logs.entry(at).or_default();
        let offset = log.end();
        log.records.push_back(LogRecord { offset, timestamp_ms: self.now.0, key, value, headers });
        offset
    }

    /// Runs every stage until none has anything to handle or any job left.
    pub fn run(&mut self) -> Result<(), Stuck> {
        loop {
            let mut moved = false;
            for at in 0..self.runners.len() {
                moved |= self.run_stage(at)?;
            }
            if !moved && !self.continue_jobs() {
                return Ok(());
            }
        }
    }

    fn run_stage(&mut self, at: usize) -> Result<bool, Stuck> {
        let mut moved = false;
        let Some(runner) = self.runners.get(at) else { return Ok(false) };
        let places: Vec<TopicPartition> = runner.seats.keys().cloned().collect();
        for place in places {
            moved |= self.run_seat(at, &place)?;
        }
        Ok(moved)
    }

    fn run_seat(&mut self, runner: usize, place: &TopicPartition) -> Result<bool, Stuck> {
        let mut outputs = Vec::new();
        let Some(runner) = self.runners.get_mut(runner) else { return Ok(false) };
        let (stage, Some(seat)) = (runner.stage.name(), runner.seats.get_mut(place)) else {
            return Ok(false);
        };
        let Some(log) = self.logs.get_mut(place) else { return Ok(false) };
        let first = seat.next();
        while let Some(record) = log.record(seat.next()) {
            let offset = record.offset;
            let effects = seat.handle(place, record).map_err(|why| {
                let TopicPartition { topic, partition } = place.clone();
                Stuck { stage, topic, partition, offset, why }
            })?;
            outputs.extend(effects.outputs);
            self.facts.extend(effects.facts);
            if self.tapped.as_ref() == Some(&place.topic) {
                self.drawn.push((place.partition, record.clone()));
            }
            if !self.keep {
                log.records.pop_front();
                log.first += 1;
            }
        }
        if seat.next() == first {
            return Ok(false);
        }
        outputs.extend(seat.commit_outputs(place));
        for output in outputs {
            self.hand_on(output);
        }
        Ok(true)
    }

    fn hand_on(&mut self, output: Output) {
        if self.read.contains(&output.topic) {
            let at = TopicPartition { topic: output.topic, partition: output.partition };
            self.append(at, output.key, Some(output.value), output.headers);
        } else {
            self.emitted.push(Emitted { at: self.now, output });
        }
    }

    /// Gives every task with a job one record to go on with; whether there was one.
    fn continue_jobs(&mut self) -> bool {
        let mut waiting = Vec::new();
        for runner in &self.runners {
            for (place, seat) in runner.seats.iter().filter(|(_, seat)| seat.has_job()) {
                waiting.extend(seat.continue_record().map(|(topic, value)| {
                    (TopicPartition { topic: SmolStr::new_static(topic), partition: place.partition }, value)
                }));
            }
        }
        let any = !waiting.is_empty();
        for (place, value) in waiting {
            self.append(place, None, Some(value), Vec::new());
        }
        any
    }

    /// Builds every task anew from what it stored, as after a crash between two commits.
    pub fn restart(&mut self) {
        for runner in &mut self.runners {
            for (place, seat) in &mut runner.seats {
                seat.restart(&*runner.stage, place);
            }
        }
    }

    /// What has left since this was last asked, in order.
    pub fn take_emitted(&mut self) -> Vec<Emitted> {
        std::mem::take(&mut self.emitted)
    }

    /// The records of the tapped log that were handled since this was last asked, each with its partition, in order.
    pub fn take_drawn(&mut self) -> Vec<(i32, LogRecord)> {
        std::mem::take(&mut self.drawn)
    }

    /// What happened since this was last asked.
    pub fn take_facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    /// The kept records of a partition.
    pub fn log(&self, topic: &str, partition: i32) -> impl Iterator<Item = &LogRecord> {
        let at = TopicPartition { topic: SmolStr::new(topic), partition };
        self.logs.get(&at).into_iter().flat_map(|log| log.records.iter())
    }

    /// What the task of one partition keeps.
    pub fn state(&self, topic: &str, partition: i32) -> Option<&MemoryState> {
        let at = TopicPartition { topic: SmolStr::new(topic), partition };
        self.runners.iter().find_map(|runner| runner.seats.get(&at)).map(Seat::state)
    }
}

/// What one stage's task makes of the records of one partition, from the first on: all its outputs in order, without those
/// that belong to a commit.
pub fn replay_stage<'a>(
    stage: &dyn Stage,
    at: &TopicPartition,
    records: impl IntoIterator<Item = &'a LogRecord>,
) -> Result<Vec<Output>, Stuck> {
    let mut seat = Seat::new(stage, at);
    let mut outputs = Vec::new();
    for record in records {
        let effects = seat.handle(at, record).map_err(|why| {
            let TopicPartition { topic, partition } = at.clone();
            Stuck { stage: stage.name(), topic, partition, offset: record.offset, why }
        })?;
        outputs.extend(effects.outputs);
    }
    Ok(outputs)
}

#[cfg(test)]
mod tests;
