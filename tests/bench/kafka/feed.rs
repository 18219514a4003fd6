//! The city as a source: registries and days to the raw topics, as fast as they are taken or at a rate; and the reader of
//! alerts, which tells how long each was under way.

use ieum::config::KafkaConfig;
use ieum::contracts::Contracts;
use ieum::engine::control::declare::Declarer;
use ieum::engine::lane::io::{Failure, Outgoing, TopicPartition};
use ieum::engine::layout::{ALERTS_TOPIC, CONTROL_LOG, Layout};
use ieum::engine::message::{ControlMessage, RawPosition, decode};
use ieum::ingest::{Ends, Tail, TailFrom};
use ieum::publish::Plain;
use ieum::sim::city::{AlertSeen, City, Driver, Plan, RawRecord, Step};
use ieum::types::{MS_PER_DAY, SmolStr, StreamTime, digest_hex};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const DELIVERY: Duration = Duration::from_secs(30);
/// Least time between two samples while records are paced.
const SAMPLED: Duration = Duration::from_secs(1);
/// A slice of a paced feed: what is sent together and acknowledged together.
const SLICE: Duration = Duration::from_millis(20);
/// Longest wait for the stages to catch up.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// An alert as a read-committed reader met it.
struct Seen {
    at: Instant,
    trace: String,
    value: Vec<u8>,
}

/// What came of a paced feed.
#[derive(Debug, Default)]
pub(crate) struct Paced {
    pub(crate) sent: u64,
    pub(crate) seconds: f64,
    /// Of these, how many the clock rested and nothing was sent.
    pub(crate) rested: f64,
    /// Milliseconds from a record's scheduled moment to its alert, sorted.
    pub(crate) waits_ms: Vec<f64>,
    /// Alerts that time alone brought, or another record than one sent here.
    pub(crate) others: u64,
}

/// A topic's producer, and what it has not acknowledged yet: where each record goes and when it was due.
struct Producer {
    plain: Plain,
    sent: Vec<(i32, Instant)>,
}

/// A city that writes to a broker.
pub(crate) struct Feed {
    contracts: Arc<Contracts>,
    layout: Layout,
    driver: Driver,
    /// One for each topic, as each source has its own: librdkafka sends a request a partition, one after the other.
    producers: BTreeMap<SmolStr, Producer>,
    declarer: Declarer,
    control: Tail,
    alerts: Receiver<Seen>,
    ends: BTreeMap<TopicPartition, i64>,
    unacknowledged: usize,
    /// When the record of a trace was to be sent.
    traces: HashMap<String, Instant>,
    tracing: bool,
    reached: BTreeMap<i32, StreamTime>,
    declared: StreamTime,
    declared_at: Instant,
    /// How long the paced part has waited for its clock.
    rested: Duration,
    keyless: i32,
    ready: VecDeque<RawRecord>,
    pub(crate) records: u64,
    pub(crate) alerts_seen: u64,
    over: bool,
}

type Told<T> = Result<T, String>;

impl Feed {
    pub(crate) fn open(kafka: &KafkaConfig, households: u32) -> Told<Self> {
        let contracts = Arc::new(ieum::contracts::builtin());
        let layout = Layout::new(contracts.layout());
        let plan = Plan { households, days: 3_000, ..Plan::default() };
        let begin = plan.start.start();
        let asked = Ends::open(kafka).map_err(text)?;
        let mut ends = BTreeMap::new();
        for topic in contracts.topics().filter(|topic| topic.is_input()) {
            for partition in 0..layout.partitions(&topic.name) {
                let at = TopicPartition { topic: topic.name.clone(), partition };
                let (_, end) = patiently(|| asked.stable(&at))?;
                ends.insert(at, end);
            }
        }
        let mut producers = BTreeMap::new();
        let written = contracts.topics().filter(|topic| topic.is_input()).map(|topic| topic.name.clone());
        for topic in written.chain([SmolStr::new(CONTROL_LOG)]) {
            let plain = Plain::open(kafka).map_err(text)?;
            producers.insert(topic, Producer { plain, sent: Vec::new() });
        }
        let households_log = layout.partitions(ieum::engine::layout::HOUSEHOLDS_LOG);
        Ok(Self {
            driver: Driver::new(City::new(plan, Arc::clone(&contracts))?),
            producers,
            declarer: Declarer::new(),
            control: patiently(|| Tail::open(kafka, &[CONTROL_LOG], TailFrom::End))?,
            alerts: read_alerts(kafka)?,
            ends,
            unacknowledged: 0,
            traces: HashMap::new(),
            tracing: false,
            reached: (0..households_log).map(|partition| (partition, begin)).collect(),
            declared: begin,
            declared_at: Instant::now(),
            rested: Duration::ZERO,
            keyless: 0,
            ready: VecDeque::new(),
            records: 0,
            alerts_seen: 0,
            over: false,
            contracts,
            layout,
        })
    }

    /// The registries' first word on every household, and the first sample behind it; waits until it is handled.
    pub(crate) fn registries(&mut self, mut check: impl FnMut() -> Told<()>) -> Told<u64> {
        let before = self.records;
        while self.declared == self.driver.city.plan().start.start() && !self.over {
            self.step(Instant::now())?;
            check()?;
        }
        self.settle(&mut check)?;
        Ok(self.records - before)
    }

    /// So many records of the city's days as fast as they are taken: a day ahead of the stages at most.
    pub(crate) fn mix(&mut self, records: u64, mut check: impl FnMut() -> Told<()>) -> Told<u64> {
        let before = self.records;
        while self.records - before < records && !self.over {
            if self.declared.0 - self.households().0 >= MS_PER_DAY {
                self.listen()?;
                check()?;
                std::thread::sleep(Duration::from_millis(2));
                continue;
            }
            self.step(Instant::now())?;
        }
        self.settle(&mut check)?;
        Ok(self.records - before)
    }

    /// Records at a rate, and no more than one sample a second. A record that could not be sent in time counts from when it
    /// should have been; where the clock rests, all that follows is due later.
    pub(crate) fn paced(
        &mut self,
        rate: u64,
        seconds: u64,
        mut check: impl FnMut() -> Told<()>,
    ) -> Told<Paced> {
        self.alerts_waits(&mut Paced::default())?;
        self.tracing = true;
        let (began, mut paced) = (Instant::now(), Paced::default());
        self.rested = Duration::ZERO;
        while began.elapsed().as_secs() < seconds && !self.over {
            let running = began.elapsed().saturating_sub(self.rested).as_secs_f64();
            let due = (running * rate as f64) as u64;
            if due <= paced.sent {
                let next = Duration::from_secs_f64((paced.sent + 1) as f64 / rate as f64);
                std::thread::sleep(
                    (began + self.rested + next).saturating_duration_since(Instant::now()).max(SLICE),
                );
                continue;
            }
            let before = self.records;
            while self.records - before < due - paced.sent && !self.over {
                let number = paced.sent + self.records - before;
                self.one(began + self.rested + Duration::from_secs_f64(number as f64 / rate as f64))?;
            }
            paced.sent += self.records - before;
            self.acknowledge()?;
            self.listen()?;
            self.alerts_waits(&mut paced)?;
            check()?;
        }
        paced.seconds = began.elapsed().as_secs_f64();
        paced.rested = self.rested.as_secs_f64();
        // What is still under way.
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until {
            self.alerts_waits(&mut paced)?;
            std::thread::sleep(SLICE);
        }
        self.tracing = false;
        self.traces.clear();
        paced.waits_ms.sort_by(f64::total_cmp);
        Ok(paced)
    }

    /// What every partition of the households stage has handled.
    fn households(&self) -> StreamTime {
        self.reached.values().min().copied().unwrap_or_default()
    }

    /// Waits until all that was declared has been handled by every stage.
    fn settle(&mut self, check: &mut impl FnMut() -> Told<()>) -> Told<()> {
        self.acknowledge()?;
        self.declare(self.declared.plus_ms(1))?;
        let deadline = Instant::now() + PATIENCE;
        while self.households() < self.declared {
            self.listen()?;
            check()?;
            if Instant::now() >= deadline {
                return Err(format!("the households stage stays at {}", self.households()));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.alerts_waits(&mut Paced::default())
    }

    /// A whole step of the city.
    fn step(&mut self, due: Instant) -> Told<()> {
        self.one(due)?;
        while !self.ready.is_empty() {
            self.one(due)?;
        }
        self.listen()?;
        self.alerts_waits(&mut Paced::default())
    }

    /// One record, and the samples before it.
    fn one(&mut self, due: Instant) -> Told<()> {
        let rested = self.rested;
        loop {
            if let Some(record) = self.ready.pop_front() {
                return self.send(&record, due + (self.rested - rested));
            }
            match self.driver.step()? {
                Step::Records(records) => self.ready = records.into(),
                Step::Sample(at) => {
                    self.acknowledge()?;
                    if self.tracing {
                        self.rest()?;
                    }
                    let at = at.max(self.declared);
                    self.declare(at)?;
                    if !self.tracing {
                        return Ok(());
                    }
                }
                Step::End => {
                    self.over = true;
                    return Ok(());
                }
            }
        }
    }

    /// In production time is sampled once a second. A city's quiet hours have few records, and without a rest a day of them
    /// would pass in one.
    fn rest(&mut self) -> Told<()> {
        let began = Instant::now();
        while self.declared_at.elapsed() < SAMPLED {
            self.listen()?;
            std::thread::sleep(SLICE.min(SAMPLED.saturating_sub(self.declared_at.elapsed())));
        }
        self.rested += began.elapsed();
        Ok(())
    }

    fn send(&mut self, record: &RawRecord, due: Instant) -> Told<()> {
        let partition = match record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()) {
            Some(key) => self.layout.partition(&record.topic, key),
            None => {
                self.keyless = self.keyless.wrapping_add(1) & i32::MAX;
                self.keyless % self.layout.partitions(&record.topic)
            }
        };
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let outgoing = Outgoing { topic: &record.topic, partition, key, value, headers: &[] };
        let producer = self.producers.get_mut(&record.topic).ok_or("a topic that is no input")?;
        producer.plain.send(&outgoing).map_err(text)?;
        producer.sent.push((partition, due));
        self.records += 1;
        self.unacknowledged += 1;
        if self.unacknowledged >= 100_000 {
            self.acknowledge()?;
        }
        Ok(())
    }

    fn acknowledge(&mut self) -> Told<()> {
        for (topic, producer) in self.producers.iter_mut().filter(|(_, producer)| !producer.sent.is_empty()) {
            let offsets = producer.plain.flush(DELIVERY).map_err(text)?.offsets;
            for ((partition, due), offset) in producer.sent.drain(..).zip(offsets) {
                let at = TopicPartition { topic: topic.clone(), partition };
                if self.tracing {
                    self.traces.insert(trace(&at, offset), due);
                }
                let end = self.ends.entry(at).or_insert(0);
                *end = (*end).max(offset + 1);
            }
        }
        self.unacknowledged = 0;
        Ok(())
    }

    fn declare(&mut self, at: StreamTime) -> Told<()> {
        let position = |(at, end): (&TopicPartition, &i64)| RawPosition {
            topic: at.topic.clone(),
            partition: at.partition,
            offset: *end,
        };
        let ends: Vec<RawPosition> = self.ends.iter().map(position).collect();
        let control = self.producers.get_mut(CONTROL_LOG).ok_or("no producer of the control log")?;
        for message in self.declarer.advance(at, &ends) {
            control.plain.say(&message).map_err(text)?;
        }
        control.plain.flush(DELIVERY).map_err(text)?;
        (self.declared, self.declared_at) = (at, Instant::now());
        Ok(())
    }

    fn listen(&mut self) -> Told<()> {
        while let Some(record) = self.control.poll(Duration::ZERO).map_err(text)? {
            if let Ok(ControlMessage::Reached { stage, partition, through }) =
                decode(record.value.as_deref().unwrap_or_default())
                && stage == "households"
            {
                let known = self.reached.entry(partition).or_insert(through);
                *known = (*known).max(through);
            }
        }
        Ok(())
    }

    /// Takes in alerts: the city's caseworkers see them, and their waits are told.
    fn alerts_waits(&mut self, paced: &mut Paced) -> Told<()> {
        while let Ok(seen) = self.alerts.try_recv() {
            self.alerts_seen += 1;
            match self.traces.get(&seen.trace) {
                Some(due) => paced.waits_ms.push(seen.at.saturating_duration_since(*due).as_secs_f64() * 1e3),
                None => paced.others += 1,
            }
            let tree =
                self.contracts.topic(ALERTS_TOPIC).and_then(|topic| topic.decode_tree(&seen.value).ok());
            if let Some(alert) = tree.as_ref().and_then(AlertSeen::of) {
                let now = self.declared;
                self.driver.city.see(&alert, now);
            }
        }
        Ok(())
    }
}

/// The trace that an alert names when this raw record caused it.
fn trace(at: &TopicPartition, offset: i64) -> String {
    let place = format!("{}/{}/{offset}", at.topic, at.partition);
    digest_hex(&["trace", &place])[..32].to_owned()
}

fn read_alerts(kafka: &KafkaConfig) -> Told<Receiver<Seen>> {
    let mut tail = patiently(|| Tail::open(kafka, &[ALERTS_TOPIC], TailFrom::End))?;
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        while let Ok(record) = tail.poll(Duration::from_millis(50)) {
            let Some(record) = record else { continue };
            let header = record.headers.iter().find(|(name, _)| name == "traceparent");
            let trace =
                header.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default();
            let trace = trace.split('-').nth(1).unwrap_or_default().to_owned();
            let value = record.value.unwrap_or_default();
            if sender.send(Seen { at: Instant::now(), trace, value }).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// A broker whose topics were made a moment ago has no leader for them yet.
fn patiently<T>(mut ask: impl FnMut() -> Result<T, Failure>) -> Told<T> {
    let deadline = Instant::now() + DELIVERY;
    loop {
        match ask() {
            Err(Failure::Retry(_)) if Instant::now() < deadline => std::thread::sleep(SLICE),
            told => return told.map_err(text),
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
