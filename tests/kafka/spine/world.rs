//! A broker with its topics, a city that writes to it and declares time, and the processes that work on it.

use super::process::{Kafka, Process};
use super::shared::{referenced_files, referenced_pack};
use crate::harness::{PATIENCE, free_address};
use ieum::config::{Config, Sources, load};
use ieum::contracts::{Contracts, builtin_files};
use ieum::engine::control::declare::Declarer;
use ieum::engine::households::Households;
use ieum::engine::identity::IDENTITY_CHANGELOG;
use ieum::engine::lane::io::{Outgoing, Polled, TopicPartition};
use ieum::engine::layout::{
    ALERTS_TOPIC, AREAS_LOG, CONTROL_LOG, HOUSEHOLDS_LOG, Layout, PACKS_TOPIC, SUBJECTS_LOG,
};
use ieum::engine::message::{ControlMessage, RawPosition, decode, encode};
use ieum::ingest::{Ends, Tail, TailFrom};
use ieum::publish::Plain;
use ieum::rules::plan::Pack;
use ieum::runtime::admin::Admin;
use ieum::runtime::pack_records;
use ieum::sim::city::{AlertSeen, City, Plan, RawRecord};
use ieum::types::{Day, Origin, SmolStr, StreamTime};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Partitions of each topic, so that a run has few transactions to wait for and still more than one of each.
const PARTITIONS: i32 = 2;
/// The logs of stages with state, and who reads them.
const STAGE_LOGS: [(&str, &str); 4] = [
    ("identity", SUBJECTS_LOG),
    ("households", HOUSEHOLDS_LOG),
    ("areas", AREAS_LOG),
    ("control", CONTROL_LOG),
];
const APPLICATION: &str = "spine";

/// An alert as it came.
#[derive(Debug)]
pub(super) struct Seen {
    /// Stream time at which it left.
    pub(super) at: StreamTime,
    pub(super) alert: AlertSeen,
}

pub(super) struct World {
    // Dropped in this order: processes before the broker before its folder.
    pub(super) processes: BTreeMap<&'static str, Process>,
    kafka: Kafka,
    pub(super) dir: tempfile::TempDir,
    config: Config,
    pub(super) contracts: Arc<Contracts>,
    pub(super) layout: Layout,
    pub(super) pack: Arc<Pack>,
    producer: Plain,
    declarer: Declarer,
    /// The control log and the alerts as they come.
    news: Tail,
    ends: Ends,
    /// How far each partition of households has reached.
    reached: BTreeMap<i32, StreamTime>,
    /// Where each raw partition ends.
    raw_ends: BTreeMap<TopicPartition, i64>,
    turn: i32,
    pub(super) city: City,
    /// Records made by hand, by the day on which they arrive.
    pub(super) by_hand: BTreeMap<Day, Vec<RawRecord>>,
    pub(super) now: StreamTime,
    /// Alerts in the order in which they came.
    pub(super) seen: Vec<Seen>,
    /// Every raw record and where it lies.
    pub(super) raw: Vec<(Origin, RawRecord)>,
    /// Raw records whose offsets are known.
    acknowledged: usize,
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let kafka = Kafka::start(&dir.path().join("kafka"));
        let contracts = Arc::new(few_partitions(&dir.path().join("topics")));
        let layout = Layout::new(contracts.layout());
        let config = configuration(&kafka.bootstrap);
        create_topics(&config, &contracts);
        let pack = referenced_pack(&contracts);
        let mut world = Self {
            processes: BTreeMap::new(),
            producer: Plain::open(&config.kafka).unwrap(),
            declarer: Declarer::new(),
            news: Tail::open(&config.kafka, &[CONTROL_LOG, ALERTS_TOPIC], TailFrom::Beginning).unwrap(),
            ends: Ends::open(&config.kafka).unwrap(),
            reached: BTreeMap::new(),
            raw_ends: BTreeMap::new(),
            turn: 0,
            by_hand: BTreeMap::new(),
            now: plan.start.start(),
            city: City::new(plan, Arc::clone(&contracts)).unwrap(),
            pack,
            kafka,
            dir,
            config,
            contracts,
            layout,
            seen: Vec::new(),
            raw: Vec::new(),
            acknowledged: 0,
        };
        world.declare(world.now);
        world.publish();
        world
    }

    fn publish(&mut self) {
        let hash = self.pack.hash;
        for (key, value) in pack_records(&hash, referenced_files(), &self.contracts) {
            let (key, value) = (Some(key.as_bytes()), Some(value.as_slice()));
            let record = Outgoing { topic: PACKS_TOPIC, partition: 0, key, value, headers: &[] };
            self.producer.send(&record).unwrap();
        }
        self.say(&ControlMessage::Pack { hash });
        self.producer.flush(PATIENCE).unwrap();
    }

    fn say(&mut self, message: &ControlMessage) {
        let value = encode(message);
        let value = Some(value.as_slice());
        self.producer
            .send(&Outgoing { topic: CONTROL_LOG, partition: 0, key: None, value, headers: &[] })
            .unwrap();
    }

    /// Starts a process under an instance name.
    pub(super) fn start(&mut self, instance: &'static str) {
        let file = self.dir.path().join(format!("{instance}.toml"));
        let http = free_address();
        let text = configuration_text(&self.kafka.bootstrap, instance, &self.state(instance), &http, 128);
        std::fs::write(&file, text).unwrap();
        let log = self.dir.path().join(format!("{instance}.log"));
        let process = Process::start(&file, &self.dir.path().join("topics"), &log, http);
        self.processes.insert(instance, process);
    }

    /// Waits for a moment at which records of an open transaction lie in some log, if one comes in time.
    pub(super) fn await_open(&self, patience: Duration) {
        let topics = [SUBJECTS_LOG, HOUSEHOLDS_LOG, IDENTITY_CHANGELOG, Households::CHANGELOG];
        let places: Vec<TopicPartition> = topics
            .iter()
            .flat_map(|topic| {
                let partitions = 0..self.layout.partitions(topic);
                partitions.map(move |partition| TopicPartition { topic: SmolStr::new(topic), partition })
            })
            .collect();
        let deadline = Instant::now() + patience;
        for at in places.iter().cycle() {
            let bounds = self.ends.bounds(at).unwrap();
            if bounds.stable < bounds.high || Instant::now() >= deadline {
                return;
            }
        }
    }

    /// Ends a process in order.
    pub(super) fn stop(&mut self, instance: &str) {
        self.processes.remove(instance).unwrap().stop();
    }

    /// Kills a process with whatever it has open.
    pub(super) fn kill(&mut self, instance: &str) {
        self.processes.remove(instance).unwrap().kill();
    }

    /// What a process counts.
    pub(super) fn metrics(&self, instance: &str) -> String {
        self.processes[instance].get("/metrics").unwrap()
    }

    /// What a process says of its lanes.
    pub(super) fn status(&self, instance: &str) -> serde_json::Value {
        let told = self.processes[instance].get("/readyz");
        told.map_or(serde_json::Value::Null, |told| serde_json::from_str(&told).unwrap())
    }

    /// Whether a process runs a task of a stage.
    pub(super) fn runs(&self, instance: &str, stage: &str) -> bool {
        let status = self.status(instance);
        let lanes = status["lanes"].as_array().into_iter().flatten().filter(|lane| lane["stage"] == stage);
        let mut tasks = lanes.flat_map(|lane| lane["tasks"].as_array().into_iter().flatten());
        tasks.any(|task| task["state"] == "running")
    }

    /// Where a process keeps its stores.
    pub(super) fn state(&self, instance: &str) -> PathBuf {
        self.dir.path().join(format!("state-{instance}"))
    }

    /// One day of the city: what registries and caseworkers say, then the others; each time it waits until households has
    /// got there, so that what arrived before is decided before.
    pub(super) fn day(&mut self) {
        self.day_while(|_| {});
    }

    /// As [`Self::day`]; something happens after each time that records were written.
    pub(super) fn day_while(&mut self, mut meanwhile: impl FnMut(&mut Self)) {
        let (early, late) = self.next_day();
        for (records, hours) in [(early, 1), (late, 23)] {
            self.write(records, self.now.plus_ms(hours * 3_600_000));
            meanwhile(self);
            self.await_reached();
        }
    }

    /// The records of the day that begins: those of registries and caseworkers, and the others.
    pub(super) fn next_day(&mut self) -> (Vec<RawRecord>, Vec<RawRecord>) {
        let midnight = self.now.day().plus(1).start();
        let mut records = self.by_hand.remove(&self.now.day()).unwrap_or_default();
        loop {
            let more = self.city.next(midnight, 2_000).unwrap();
            if more.is_empty() {
                break;
            }
            records.extend(more);
        }
        let first =
            |record: &RawRecord| record.topic.starts_with("registry.") || record.topic == "casework.actions";
        records.into_iter().partition(first)
    }

    /// Writes records as fast as the broker takes them, and declares a time behind them.
    pub(super) fn write(&mut self, records: Vec<RawRecord>, at: StreamTime) {
        for record in records {
            self.send(record);
        }
        self.acknowledge();
        self.declare(at);
    }

    /// Writes records and takes note of the time but once behind them all.
    pub(super) fn write_at_once(&mut self, records: Vec<RawRecord>, at: StreamTime) {
        for record in records {
            self.send(record);
        }
        self.acknowledge();
        let ends = self.positions();
        self.say(&ControlMessage::Sample { t: at, ends });
        self.producer.flush(PATIENCE).unwrap();
        self.declarer = Declarer::resume(at);
        self.now = at;
    }

    fn send(&mut self, record: RawRecord) {
        let partition = match &record.key {
            Some(key) => self.layout.partition(&record.topic, &String::from_utf8_lossy(key)),
            None => {
                self.turn += 1;
                self.turn % self.layout.partitions(&record.topic)
            }
        };
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        self.producer.send(&Outgoing { topic: &record.topic, partition, key, value, headers: &[] }).unwrap();
        let origin = Origin { topic: record.topic.clone(), partition, offset: -1 };
        self.raw.push((origin, record));
    }

    fn acknowledge(&mut self) {
        let offsets = self.producer.flush(PATIENCE).unwrap().offsets;
        let new = &mut self.raw[self.acknowledged..];
        assert_eq!(offsets.len(), new.len());
        for ((origin, _), offset) in new.iter_mut().zip(offsets) {
            origin.offset = offset;
            let at = TopicPartition { topic: origin.topic.clone(), partition: origin.partition };
            let end = self.raw_ends.entry(at).or_default();
            *end = (*end).max(offset + 1);
        }
        self.acknowledged = self.raw.len();
    }

    /// Declares time, hour by hour.
    fn declare(&mut self, at: StreamTime) {
        let ends = self.positions();
        for message in self.declarer.advance(at, &ends) {
            self.say(&message);
        }
        self.producer.flush(PATIENCE).unwrap();
        self.now = at;
    }

    /// Where the raw partitions end.
    fn positions(&self) -> Vec<RawPosition> {
        let position = |(at, end): (&TopicPartition, &i64)| RawPosition {
            topic: at.topic.clone(),
            partition: at.partition,
            offset: *end,
        };
        self.raw_ends.iter().map(position).collect()
    }

    /// Takes in what the stages have said within a wait.
    fn listen(&mut self, wait: Duration) {
        let Some(record) = self.news.poll(wait).unwrap() else { return };
        let value = record.value.clone().unwrap_or_default();
        if record.at.topic == ALERTS_TOPIC {
            let alert = self.contracts.topic(ALERTS_TOPIC).unwrap().decode_tree(&value).unwrap();
            let alert = AlertSeen::of(&alert).unwrap();
            // Nobody but the scenario looks after those that it made.
            if !alert.household.starts_with("hand-") {
                self.city.see(&alert, self.now);
            }
            self.seen.push(Seen { at: left_at(&record.headers), alert });
        } else if let Ok(ControlMessage::Reached { stage, partition, through }) = decode(&value)
            && stage == "households"
        {
            let known = self.reached.entry(partition).or_default();
            *known = through.max(*known);
        }
    }

    /// Whether every partition of households has reached the declared time.
    fn has_reached(&self) -> bool {
        let all = usize::try_from(self.layout.partitions(HOUSEHOLDS_LOG)).unwrap();
        self.reached.len() == all && self.reached.values().all(|through| *through >= self.now)
    }

    /// Waits until households has reached the declared time. Caseworkers look at the alerts that come.
    pub(super) fn await_reached(&mut self) {
        let deadline = Instant::now() + 3 * PATIENCE;
        while !self.has_reached() {
            self.listen(Duration::from_millis(50));
            self.processes.values_mut().for_each(Process::assert_alive);
            let logs: Vec<String> = match Instant::now() < deadline {
                true => continue,
                false => self.processes.values().map(Process::told).collect(),
            };
            panic!("{} was not reached: {:?}\n{}", self.now, self.reached, logs.join("\n"));
        }
    }

    /// Takes in what the stages say for a while, whatever it is.
    pub(super) fn pass(&mut self, while_: Duration) {
        let until = Instant::now() + while_;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            self.listen(left);
        }
    }

    /// Every committed record of topics, by topic and partition in order.
    pub(super) fn committed(&self, topics: &[&str]) -> BTreeMap<TopicPartition, Vec<Polled>> {
        let mut tail = Tail::open(&self.config.kafka, topics, TailFrom::Beginning).unwrap();
        let mut found: BTreeMap<TopicPartition, Vec<Polled>> = BTreeMap::new();
        let deadline = Instant::now() + 2 * PATIENCE;
        while !tail.has_caught_up() {
            assert!(Instant::now() < deadline, "the end of {topics:?} was not reached");
            if let Some(record) = tail.poll(Duration::from_millis(100)).unwrap() {
                found.entry(record.at.clone()).or_default().push(record);
            }
        }
        found
    }

    /// Partitions of outputs and logs on which records lie that no transaction has decided.
    pub(super) fn undecided(&self) -> Vec<TopicPartition> {
        let topics = self.contracts.topics().filter(|topic| !topic.is_input());
        let places = topics.flat_map(|topic| {
            (0..topic.partitions).map(|partition| TopicPartition { topic: topic.name.clone(), partition })
        });
        let open = |at: &TopicPartition| {
            let bounds = self.ends.bounds(at).unwrap();
            bounds.stable < bounds.high
        };
        places.filter(open).collect()
    }

    /// Waits until nobody has anything left to do: each stage has handled the last record of its log, a job's `continue`
    /// records included, and no transaction is open; twice the same.
    pub(super) fn await_quiet(&mut self) {
        let deadline = Instant::now() + 2 * PATIENCE;
        let mut before = None;
        loop {
            self.processes.values_mut().for_each(Process::assert_alive);
            let last = self.last_offsets();
            if self.is_handled(&last) && self.undecided().is_empty() {
                if before.as_ref() == Some(&last) {
                    return;
                }
                before = Some(last);
            }
            assert!(Instant::now() < deadline, "it does not become quiet: {before:?}");
            self.pass(Duration::from_millis(300));
        }
    }

    /// The offset of the last record of each partition of the stages' logs.
    fn last_offsets(&self) -> BTreeMap<TopicPartition, i64> {
        let logs = self.committed(&STAGE_LOGS.map(|(_, log)| log));
        let last = logs.into_iter().filter_map(|(at, log)| Some((at, log.last()?.offset)));
        last.collect()
    }

    fn is_handled(&self, last: &BTreeMap<TopicPartition, i64>) -> bool {
        STAGE_LOGS.iter().all(|(stage, log)| {
            let client: BaseConsumer = self
                .config
                .kafka
                .consumer(1 << 20)
                .set("group.id", format!("{APPLICATION}-{stage}"))
                .create()
                .unwrap();
            let mut asked = TopicPartitionList::new();
            last.keys().filter(|at| at.topic == *log).for_each(|at| {
                asked.add_partition(&at.topic, at.partition);
            });
            let committed = client.committed_offsets(asked, PATIENCE).unwrap();
            committed.elements().iter().all(|element| {
                let at = TopicPartition { topic: SmolStr::new(log), partition: element.partition() };
                matches!(element.offset(), Offset::Offset(next) if next > last[&at])
            })
        })
    }
}

/// What the headers of an alert say of when it left.
fn left_at(headers: &[(SmolStr, Vec<u8>)]) -> StreamTime {
    let (_, time) = headers.iter().find(|(name, _)| name == "ce_time").unwrap();
    let time = chrono::DateTime::parse_from_rfc3339(std::str::from_utf8(time).unwrap()).unwrap();
    StreamTime(time.timestamp_millis())
}

fn create_topics(config: &Config, contracts: &Contracts) {
    let admin = Admin::open(&config.kafka).unwrap();
    admin.apply(&admin.plan(contracts).unwrap(), 1).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !admin.plan(contracts).unwrap().is_empty() {
        assert!(Instant::now() < deadline, "{:?}", admin.plan(contracts));
    }
}

/// The shipped contracts with fewer partitions, as files for a process and parsed.
fn few_partitions(dir: &Path) -> Contracts {
    let mut files = Vec::new();
    for (name, content) in builtin_files() {
        let line = |line: &str| match line.strip_prefix("partitions = ") {
            Some(count) if count.trim() != "1" => format!("partitions = {PARTITIONS}"),
            _ => line.to_owned(),
        };
        let content: String = content.lines().map(|text| line(text) + "\n").collect();
        let file = dir.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, &content).unwrap();
        files.push((name, content));
    }
    Contracts::parse(files.iter().map(|(name, content)| (*name, content.as_str()))).unwrap()
}

/// The first instance keeps its state in sorted files, any other in sled: tasks that move between them find the same.
fn configuration_text(bootstrap: &str, instance: &str, state: &Path, http: &str, mib: u32) -> String {
    let engine = if instance == "a" { "tables" } else { "sled" };
    format!(
        "[application]\nid = \"{APPLICATION}\"\ninstance = \"{instance}\"\nclock = \"declared\"\n\
         [kafka]\nbootstrap = \"{bootstrap}\"\nsession_timeout_ms = 4000\n\
         [state]\ndir = \"{}\"\nengine = \"{engine}\"\n[memory]\nmib = {mib}\n[http]\nlisten = \"{http}\"\n[lanes]\ncommit_interval_ms = 50\n\
         [log]\nlevel = \"info\"\n",
        state.display()
    )
}

fn configuration(bootstrap: &str) -> Config {
    // Room for the largest record in its producer.
    let text = configuration_text(bootstrap, "world", Path::new("state"), "", 1_024);
    let (config, found) = load(&Sources { file: Some(("spine.toml".into(), text)), ..Sources::default() });
    config.unwrap_or_else(|| panic!("{found:#?}"))
}
