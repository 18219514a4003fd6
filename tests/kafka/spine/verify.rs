//! What a run left on the broker, laid beside one thread's work over the same logs, and each raw record beside its trace.

use super::accounts;
use super::fields::{int, text};
use super::process::Process;
use super::world::World;
use ieum::contracts::Tree;
use ieum::engine::effect::Output;
use ieum::engine::lane::io::{Polled, TopicPartition};
use ieum::engine::layout::{
    ALERTS_TOPIC, AREAS_LOG, CONTROL_LOG, HOUSEHOLDS_LOG, LETTERS_TOPIC, RESTRICTED_TOPIC, REVIEW_TOPIC,
    SUBJECTS_LOG,
};
use ieum::engine::message::{HouseholdMessage, decode};
use ieum::sim::pipeline::{KnownPacks, LogRecord, replay_stage, stages};
use ieum::types::{Origin, SmolStr};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Key, value, headers.
type Written = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(SmolStr, Vec<u8>)>);

/// A dead letter as it lies on its topic.
pub(super) struct Posted {
    pub(super) body: Tree,
    pub(super) headers: Vec<(SmolStr, Vec<u8>)>,
}

impl Posted {
    fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| String::from_utf8(value.clone()).unwrap())
    }

    /// Its headers say what its body says.
    fn check_headers(&self) {
        for name in ["topic", "stage", "code", "text", "partition", "offset"] {
            let body = text(&self.body, name).or_else(|| int(&self.body, name).map(|n| n.to_string()));
            assert_eq!(self.header(&format!("letter_{name}")), body, "{name}");
            assert!(body.is_some_and(|body| !body.is_empty()), "{name}");
        }
    }
}

/// What a run left.
pub(super) struct Outcome {
    /// All alerts, in no order.
    pub(super) alerts: Vec<Tree>,
    /// Letters by the record that each is about.
    pub(super) letters: BTreeMap<Origin, Posted>,
    /// The stages' logs.
    pub(super) logs: BTreeMap<TopicPartition, Vec<Polled>>,
}

impl Outcome {
    /// How often each `change` was told.
    pub(super) fn changes(&self) -> BTreeMap<String, usize> {
        let mut changes = BTreeMap::new();
        for alert in &self.alerts {
            *changes.entry(text(alert, "change").unwrap()).or_default() += 1;
        }
        changes
    }
}

impl World {
    /// The run is over: ends the processes and judges what they wrote.
    pub(super) fn verify(&mut self) -> Outcome {
        self.await_quiet();
        std::mem::take(&mut self.processes).into_values().for_each(Process::stop);
        let logs = self.committed(&[
            SUBJECTS_LOG,
            HOUSEHOLDS_LOG,
            AREAS_LOG,
            CONTROL_LOG,
            ALERTS_TOPIC,
            RESTRICTED_TOPIC,
            REVIEW_TOPIC,
            LETTERS_TOPIC,
        ]);
        self.check_bytes(&logs);
        let letters = self.check_origins(&logs);
        let topic = self.contracts.topic(ALERTS_TOPIC).unwrap();
        let alerts = records(&logs, ALERTS_TOPIC).map(|alert| topic.decode_tree(value(alert)).unwrap());
        Outcome { alerts: alerts.collect(), letters, logs }
    }

    /// What one thread makes of the stages' logs is what lies on the topics behind them, byte for byte.
    fn check_bytes(&self, logs: &BTreeMap<TopicPartition, Vec<Polled>>) {
        let packs = Arc::new(KnownPacks::new([Arc::clone(&self.pack)]));
        let stages = stages(&self.contracts, &self.layout, packs).unwrap();
        let outputs: Vec<Output> = std::thread::scope(|threads| {
            let mut replays = Vec::new();
            for stage in
                stages.iter().filter(|stage| ["identity", "households", "areas"].contains(&stage.name()))
            {
                for (at, log) in logs.iter().filter(|(at, _)| stage.inputs().contains(&at.topic)) {
                    replays.push(threads.spawn(move || {
                        let log: Vec<LogRecord> = log.iter().map(log_record).collect();
                        replay_stage(&**stage, at, &log).unwrap()
                    }));
                }
            }
            replays.into_iter().flat_map(|replay| replay.join().unwrap()).collect()
        });
        for topic in [ALERTS_TOPIC, RESTRICTED_TOPIC, REVIEW_TOPIC, HOUSEHOLDS_LOG] {
            let of_topic = outputs.iter().filter(|output| output.topic == topic);
            let mut expected: Vec<Written> = of_topic
                .map(|output| (output.key.clone(), Some(output.value.clone()), output.headers.clone()))
                .collect();
            let of_identity = |record: &&Polled| topic != HOUSEHOLDS_LOG || is_of_identity(value(record));
            let mut found: Vec<Written> = records(logs, topic)
                .filter(of_identity)
                .map(|record| (record.key.clone(), record.value.clone(), record.headers.clone()))
                .collect();
            expected
                .retain(|(_, value, _)| topic != HOUSEHOLDS_LOG || is_of_identity(value.as_ref().unwrap()));
            expected.sort();
            found.sort();
            let same = expected == found;
            assert!(
                same,
                "{topic}: {} records, {} of one thread over the same log",
                found.len(),
                expected.len()
            );
        }
    }

    /// Each raw record lies exactly once in a stage's log or a letter; answers the letters.
    fn check_origins(&self, logs: &BTreeMap<TopicPartition, Vec<Polled>>) -> BTreeMap<Origin, Posted> {
        let mut found: BTreeMap<(Origin, i32), usize> = BTreeMap::new();
        let mut count = |origin, copy| *found.entry((origin, copy)).or_default() += 1;
        for record in records(logs, SUBJECTS_LOG) {
            accounts::of_subject(value(record)).into_iter().for_each(|origin| count(origin, 0));
        }
        for record in records(logs, AREAS_LOG) {
            accounts::of_area(value(record)).into_iter().for_each(|origin| count(origin, 0));
        }
        for record in records(logs, HOUSEHOLDS_LOG) {
            let (origin, copy) = accounts::of_household(value(record), record.at.partition);
            origin.into_iter().for_each(|origin| count(origin, copy));
        }
        let mut letters = BTreeMap::new();
        let contract = self.contracts.topic(LETTERS_TOPIC).unwrap();
        for record in records(logs, LETTERS_TOPIC) {
            let letter = contract.decode_tree(value(record)).unwrap();
            let origin = Origin {
                topic: SmolStr::new(text(&letter, "topic").unwrap()),
                partition: i32::try_from(int(&letter, "partition").unwrap()).unwrap(),
                offset: int(&letter, "offset").unwrap(),
            };
            // A letter of a later stage is about a record of that stage's log, which is counted there.
            if self.contracts.topic(&origin.topic).is_some_and(|topic| topic.is_input()) {
                count(origin.clone(), 0);
            }
            let posted = Posted { body: letter, headers: record.headers.clone() };
            posted.check_headers();
            letters.insert(origin, posted);
        }
        let statements =
            records(logs, CONTROL_LOG).filter(|record| accounts::is_statement(value(record))).count();
        let mut stated = 0;
        for (origin, record) in &self.raw {
            let is_letter = letters.contains_key(origin);
            // A source's statement carries no origin in the log.
            if record.topic == "sources.reports" && !is_letter {
                stated += 1;
                continue;
            }
            let is_copied = record.topic == "signals.outage" && !is_letter;
            let copies = if is_copied { self.layout.partitions(HOUSEHOLDS_LOG) } else { 1 };
            for copy in 0..copies {
                let times = found.remove(&(origin.clone(), copy)).unwrap_or(0);
                assert_eq!(times, 1, "{origin:?}, copy {copy}");
            }
        }
        assert_eq!(statements, stated, "statements of sources");
        assert!(found.is_empty(), "made of nothing: {found:?}");
        letters
    }
}

fn records<'a>(
    logs: &'a BTreeMap<TopicPartition, Vec<Polled>>,
    topic: &str,
) -> impl Iterator<Item = &'a Polled> {
    logs.iter().filter(move |(at, _)| at.topic == topic).flat_map(|(_, log)| log)
}

fn value(record: &Polled) -> &[u8] {
    record.value.as_deref().unwrap()
}

fn log_record(record: &Polled) -> LogRecord {
    LogRecord {
        offset: record.offset,
        timestamp_ms: record.timestamp_ms,
        key: record.key.clone(),
        value: record.value.clone(),
        headers: record.headers.clone(),
    }
}

/// Whether a record of the households' log was written by identity.
fn is_of_identity(value: &[u8]) -> bool {
    matches!(
        decode(value),
        Ok(HouseholdMessage::Put { .. }
            | HouseholdMessage::Remove { .. }
            | HouseholdMessage::Joined { .. }
            | HouseholdMessage::Left { .. })
    )
}
