//! Hands recorded records to the households task, partition by partition.

use crate::contracts::Contracts;
use crate::engine::effect::Output;
use crate::engine::households::{Households, HouseholdsConfig};
use crate::engine::lane::io::TopicPartition;
use crate::engine::layout::{HOUSEHOLDS_LOG, Layout};
use crate::engine::letter::{Letters, letter_encoder};
use crate::engine::message::{HouseholdMessage, decode, encode};
use crate::engine::state::{Key, MemoryState, StateRead, Sub};
use crate::engine::task::PackSource;
use crate::sim::pipeline::{LogRecord, Seat, Stuck};
use crate::types::{PackHash, SmolStr, StreamTime};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which part of a log is replayed, and with what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// This pack decides from the first record on; none: those that the log names, from where it names them.
    pub pack: Option<PackHash>,
    /// Records of this household alone, and those of nobody: ticks, areas, packs.
    pub household: Option<SmolStr>,
    /// Up to this stream time.
    pub until: Option<StreamTime>,
}

/// The households stage over a recorded log.
pub struct Machine {
    stage: Households,
    scope: Scope,
    seats: BTreeMap<i32, Place>,
    /// Offset of each partition's first record, in the scope or not.
    first: BTreeMap<i32, i64>,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").field("scope", &self.scope).finish_non_exhaustive()
    }
}

struct Place {
    at: TopicPartition,
    seat: Seat,
    last_ms: i64,
    /// A tick beyond the scope's time came: the rest is of no interest.
    is_over: bool,
}

impl Machine {
    /// Before the first record. An error says what the contracts lack.
    pub fn new(
        contracts: &Arc<Contracts>,
        partitions: i32,
        packs: Arc<dyn PackSource>,
        scope: Scope,
    ) -> Result<Self, String> {
        let layout = Layout::new(
            contracts
                .layout()
                .filter(|(topic, _)| topic != HOUSEHOLDS_LOG)
                .chain([(SmolStr::new_static(HOUSEHOLDS_LOG), partitions)]),
        );
        let letters = Arc::new(Letters::new(layout.clone(), letter_encoder(contracts)?));
        let config = HouseholdsConfig::default();
        let stage = Households::new(Arc::clone(contracts), layout, packs, config, letters);
        Ok(Self { stage, scope, seats: BTreeMap::new(), first: BTreeMap::new() })
    }

    /// Hands a record on, if it is in the scope; answers what the task said, in order.
    pub fn handle(&mut self, partition: i32, record: &LogRecord) -> Result<Vec<Output>, Stuck> {
        self.first.entry(partition).or_insert(record.offset);
        if let (Some(household), Some(key)) = (&self.scope.household, &record.key)
            && key.as_slice() != household.as_bytes()
        {
            return Ok(Vec::new());
        }
        let message = record.key.is_none().then(|| decode(record.value.as_deref().unwrap_or_default()).ok());
        let message: Option<HouseholdMessage> = message.flatten();
        let until = self.scope.until;
        let ends = |message: &HouseholdMessage| matches!((message, until), (HouseholdMessage::Tick(tick), Some(until)) if tick.through > until);
        let mut outputs = Vec::new();
        if !self.seats.contains_key(&partition) {
            self.begin(partition, record, &mut outputs)?;
        }
        let Some(place) = self.seats.get_mut(&partition) else { return Ok(outputs) };
        place.is_over |= message.as_ref().is_some_and(ends);
        if place.is_over {
            return Ok(outputs);
        }
        place.last_ms = record.timestamp_ms;
        // The pack was chosen: what the log says of packs is no more than a chance to go on.
        if self.scope.pack.is_some() && matches!(message, Some(HouseholdMessage::Pack { .. })) {
            let value = Some(encode(&HouseholdMessage::Continue));
            place.handle(&LogRecord { value, ..record.clone() }, &mut outputs)?;
        } else {
            place.handle(record, &mut outputs)?;
        }
        Ok(outputs)
    }

    fn begin(&mut self, partition: i32, first: &LogRecord, outputs: &mut Vec<Output>) -> Result<(), Stuck> {
        let at = TopicPartition { topic: SmolStr::new_static(HOUSEHOLDS_LOG), partition };
        let seat = Seat::new(&self.stage, &at);
        let mut place = Place { at, seat, last_ms: first.timestamp_ms, is_over: false };
        if let Some(hash) = self.scope.pack {
            let value = Some(encode(&HouseholdMessage::Pack { hash }));
            let record = LogRecord {
                offset: first.offset - 1,
                key: None,
                value,
                headers: Vec::new(),
                ..first.clone()
            };
            place.handle(&record, outputs)?;
        }
        self.seats.insert(partition, place);
        Ok(())
    }

    /// Lets every task finish what it had begun when the records ended; answers what that said, by partition.
    pub fn settle(&mut self) -> Result<Vec<(i32, Output)>, Stuck> {
        let mut said = Vec::new();
        for (partition, place) in &mut self.seats {
            let mut outputs = Vec::new();
            place.settle(&mut outputs)?;
            said.extend(outputs.into_iter().map(|output| (*partition, output)));
        }
        Ok(said)
    }

    /// Lets stream time of a partition come to `t`, as if nothing happened but that every feed that is not late goes on.
    pub fn pass(&mut self, partition: i32, t: StreamTime) -> Result<Vec<Output>, Stuck> {
        let mut outputs = Vec::new();
        if let Some(place) = self.seats.get_mut(&partition) {
            place.pass(t, &mut outputs)?;
            place.settle(&mut outputs)?;
        }
        Ok(outputs)
    }

    /// What the task of a partition keeps; none before its first record.
    pub fn state(&self, partition: i32) -> Option<&MemoryState> {
        self.seats.get(&partition).map(|place| place.seat.state())
    }

    /// The partition in which something is known of a household.
    pub fn place_of(&self, household: &str) -> Option<i32> {
        let head = Key::new(household, Sub::Head);
        let known = self.seats.iter().find(|(_, place)| place.seat.state().get(&head).is_some());
        known.map(|(partition, _)| *partition)
    }

    /// Partitions of which there was a record, with the offset of the first.
    pub fn partitions(&self) -> impl Iterator<Item = (i32, i64)> {
        self.first.iter().map(|(partition, first)| (*partition, *first))
    }

    /// Whether nothing that may come is of interest.
    pub fn is_over(&self, partitions: i32) -> bool {
        let count = usize::try_from(partitions).unwrap_or(usize::MAX);
        self.seats.len() >= count && self.seats.values().all(|place| place.is_over)
    }

    /// Stream time of a partition.
    pub fn stream_time(&self, partition: i32) -> StreamTime {
        let seat = self.seats.get(&partition);
        seat.map_or(StreamTime::ZERO, |place| StreamTime(place.seat.stream_time_ms()))
    }
}

impl Place {
    fn handle(&mut self, record: &LogRecord, outputs: &mut Vec<Output>) -> Result<(), Stuck> {
        let effects = self.seat.handle(&self.at, record).map_err(|why| Stuck {
            stage: Households::NAME,
            topic: self.at.topic.clone(),
            partition: self.at.partition,
            offset: record.offset,
            why,
        })?;
        outputs.extend(effects.outputs);
        Ok(())
    }

    /// A record of our own behind the last.
    fn say(&mut self, value: Vec<u8>, outputs: &mut Vec<Output>) -> Result<(), Stuck> {
        let (offset, timestamp_ms) = (self.seat.next(), self.last_ms);
        let record = LogRecord { offset, timestamp_ms, key: None, value: Some(value), headers: Vec::new() };
        self.handle(&record, outputs)
    }

    fn settle(&mut self, outputs: &mut Vec<Output>) -> Result<(), Stuck> {
        while self.seat.has_job() {
            let Some((_, value)) = self.seat.continue_record() else { break };
            self.say(value, outputs)?;
        }
        Ok(())
    }

    fn pass(&mut self, t: StreamTime, outputs: &mut Vec<Output>) -> Result<(), Stuck> {
        let tick = crate::engine::households::tick_if_nothing_happens(self.seat.state(), t);
        self.last_ms = t.0;
        self.say(encode(&HouseholdMessage::Tick(tick)), outputs)
    }
}
