//! The city as a writer: its records to the raw topics of a broker, its time to the control log, its caseworkers fed with
//! the alerts that come out.
//!
//! It never runs away: time waits for the households stage, and on a broker that keeps little, records wait for readers.

use super::alerts;
use super::exit::{Exit, Stop};
use crate::config::KafkaConfig;
use crate::contracts::Contracts;
use crate::engine::control::declare::Declarer;
use crate::engine::households::Households;
use crate::engine::lane::io::{Outgoing, TopicPartition};
use crate::engine::layout::{ALERT_TOPICS, CONTROL_LOG, HOUSEHOLDS_LOG, Layout};
use crate::engine::message::{ControlMessage, RawPosition, decode};
use crate::ingest::{Ends, Tail, TailFrom};
use crate::publish::Plain;
use crate::sim::city::{AlertSeen, City, Driver, RawRecord, Step};
use crate::types::{MS_PER_DAY, SmolStr, StreamTime};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Declared time never runs further ahead of the households stage: a caseworker acts on what was seen.
const AHEAD_MS: i64 = MS_PER_DAY;
/// Longest wait for an acknowledgement.
const DELIVERY: Duration = Duration::from_secs(30);

/// A city that writes to a broker.
pub(super) struct Writer {
    driver: Driver,
    contracts: Arc<Contracts>,
    layout: Layout,
    producer: Plain,
    declarer: Declarer,
    control: Tail,
    alerts: Tail,
    /// Where each raw partition ends, as far as this writer knows.
    ends: BTreeMap<TopicPartition, i64>,
    /// What was sent since the last acknowledgement.
    sent: Vec<TopicPartition>,
    /// Progress of the households stage by partition.
    reached: BTreeMap<i32, StreamTime>,
    keyless: i32,
    /// What was written and seen.
    pub(super) told: Told,
}

/// Counts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) alerts: u64,
    /// The time declared last.
    pub(super) declared: StreamTime,
}

/// What one turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Something was written.
    Wrote,
    /// Time waits for the households stage.
    Waits,
    /// The run is over.
    Over,
}

impl Writer {
    /// A writer whose control log has been declared until `declared`, or not at all.
    pub(super) fn open(
        kafka: &KafkaConfig,
        contracts: &Arc<Contracts>,
        city: City,
        declared: Option<StreamTime>,
    ) -> Result<Self, Stop> {
        let layout = Layout::new(contracts.layout());
        let asked = Ends::open(kafka)?;
        let mut ends = BTreeMap::new();
        for topic in contracts.topics().filter(|topic| topic.is_input()) {
            for partition in 0..layout.partitions(&topic.name) {
                let at = TopicPartition { topic: topic.name.clone(), partition };
                let (_, end) = asked.stable(&at)?;
                ends.insert(at, end);
            }
        }
        let begin = city.plan().start.start();
        let partitions = layout.partitions(HOUSEHOLDS_LOG);
        Ok(Self {
            told: Told { declared: begin, ..Told::default() },
            driver: Driver::new(city),
            contracts: Arc::clone(contracts),
            layout,
            producer: Plain::open(kafka)?,
            declarer: declared.map_or_else(Declarer::new, Declarer::resume),
            control: Tail::open(kafka, &[CONTROL_LOG], TailFrom::End)?,
            alerts: Tail::open(kafka, &ALERT_TOPICS, TailFrom::End)?,
            ends,
            sent: Vec::new(),
            reached: (0..partitions).map(|partition| (partition, begin)).collect(),
            keyless: 0,
        })
    }

    /// One step of the city, if time need not wait. `seen` is given every alert that came out meanwhile.
    pub(super) fn turn(&mut self, seen: &mut dyn FnMut(&alerts::Alert)) -> Result<Turn, Stop> {
        self.listen(seen)?;
        if self.told.declared.0 - self.households().0 >= AHEAD_MS {
            return Ok(Turn::Waits);
        }
        match self.driver.step().map_err(|told| Stop::new(Exit::Found, told))? {
            Step::Records(records) => {
                for record in &records {
                    self.send(record)?;
                }
                Ok(Turn::Wrote)
            }
            Step::Sample(at) => {
                self.acknowledge()?;
                self.declare(at)?;
                Ok(Turn::Wrote)
            }
            Step::End => {
                self.acknowledge()?;
                Ok(Turn::Over)
            }
        }
    }

    /// Takes in what the stages said since.
    pub(super) fn listen(&mut self, seen: &mut dyn FnMut(&alerts::Alert)) -> Result<(), Stop> {
        while let Some(record) = self.control.poll(Duration::ZERO)? {
            let message = decode(record.value.as_deref().unwrap_or_default());
            if let Ok(ControlMessage::Reached { stage, partition, through }) = message
                && stage == Households::NAME
            {
                let known = self.reached.entry(partition).or_insert(through);
                *known = (*known).max(through);
            }
        }
        while let Some(record) = self.alerts.poll(Duration::ZERO)? {
            let Some(alert) = alerts::decode(&self.contracts, &record.at.topic, record.value.as_deref())
            else {
                continue;
            };
            self.told.alerts += 1;
            if let Some(for_city) = AlertSeen::of(alert.tree()) {
                let now = self.told.declared;
                self.driver.city.see(&for_city, now);
            }
            seen(&alert);
        }
        Ok(())
    }

    /// What every partition of the households stage has handled.
    pub(super) fn households(&self) -> StreamTime {
        self.reached.values().min().copied().unwrap_or_default()
    }

    /// How far the run has come, in thousandths.
    pub(super) fn progress(&self) -> i64 {
        self.driver.progress()
    }

    fn send(&mut self, record: &RawRecord) -> Result<(), Stop> {
        let partition = self.partition(record);
        self.producer.send(&Outgoing {
            topic: &record.topic,
            partition,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &[],
        })?;
        self.sent.push(TopicPartition { topic: record.topic.clone(), partition });
        self.told.records += 1;
        self.told.bytes += record.value.as_ref().map_or(0, Vec::len) as u64;
        Ok(())
    }

    /// A producer's own choice: ieum expects nothing of it.
    fn partition(&mut self, record: &RawRecord) -> i32 {
        match record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()) {
            Some(key) => self.layout.partition(&record.topic, key),
            None => {
                self.keyless = self.keyless.wrapping_add(1) & i32::MAX;
                self.keyless % self.layout.partitions(&record.topic)
            }
        }
    }

    /// Waits for all that was sent, and learns where the partitions end.
    fn acknowledge(&mut self) -> Result<(), Stop> {
        let offsets = self.producer.flush(DELIVERY)?.offsets;
        for (at, offset) in self.sent.drain(..).zip(offsets) {
            let end = self.ends.entry(at).or_insert(0);
            *end = (*end).max(offset + 1);
        }
        Ok(())
    }

    fn declare(&mut self, at: StreamTime) -> Result<(), Stop> {
        let ends: Vec<RawPosition> = self.ends.iter().map(|(at, end)| position(at, *end)).collect();
        for message in self.declarer.advance(at, &ends) {
            self.producer.say(&message)?;
        }
        self.producer.flush(DELIVERY)?;
        self.told.declared = at;
        Ok(())
    }
}

fn position(at: &TopicPartition, offset: i64) -> RawPosition {
    RawPosition { topic: SmolStr::clone(&at.topic), partition: at.partition, offset }
}
