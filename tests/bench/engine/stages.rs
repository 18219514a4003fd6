//! Every stage in its real lane with its real store, the city's mix in its log, a broker that costs nothing: what an event
//! costs the processor itself. A commit comes as often as at a hundred thousand events a second every 100 ms.
//!
//! Stages that keep state run twice: with memory for all of it, and with a store so small that hardly any record is met in
//! memory, as one of twelve tasks with a million households has it.

use crate::broker::{Ready, Told};
use crate::measure::{process_cpu, resident_mb, thread_cpu};
use crate::town::Town;
use ieum::config::StoreEngine;
use ieum::engine::lane::io::{Polled, TopicPartition};
use ieum::engine::lane::{Guarantee, Lane, LaneConfig, OpenStore};
use ieum::engine::layout::{CONTROL_LOG, HOUSEHOLDS_LOG, SUBJECTS_LOG};
use ieum::engine::letter::{Letters, letter_encoder};
use ieum::sim::pipeline::LogRecord;
use ieum::store::{LocalStore, Owner, StoreOptions};
use ieum::types::SmolStr;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Declared milliseconds of a step: it handles at most 512 records.
const STEP_MS: u64 = 5;
/// Partitions of the stage logs, and bytes that the stores of one stage have with `memory.mib = 128`.
const TASKS: usize = 12;
const STORE_BYTES: usize = 32 << 20;
/// Households of one of twelve tasks with a million.
const HOUSEHOLDS_OF_A_TASK: usize = 1_000_000 / TASKS;
/// With less a store's own structures count for more than what it keeps.
const LEAST_STORE_BYTES: usize = 1 << 20;

pub(crate) fn run(town: &Town) {
    println!("\nstages, one lane each: {}", town.describe());
    println!(
        "{:<18} {:>9} {:>9} {:>9} {:>13} {:>13} {:>9} {:>8}",
        "stage", "events", "produced", "commits", "events/CPU-s", "with store", "cache KB", "RSS MB"
    );
    let raw = town.raw().into_iter().flat_map(|(topic, records)| polled(&topic, records));
    let mut raw: Vec<Polled> = raw.collect();
    raw.sort_by_key(|record| record.timestamp_ms);
    let roomy = StoreOptions::default();
    // A smaller city has the same share of its households in memory.
    let tight = STORE_BYTES / TASKS * town.households / HOUSEHOLDS_OF_A_TASK;
    let tight = StoreOptions::within(StoreEngine::default(), tight.max(LEAST_STORE_BYTES));
    lane(town, "intake", "", raw.into(), &roomy);
    for (stage, log) in [("identity", SUBJECTS_LOG), ("households", HOUSEHOLDS_LOG)] {
        lane(town, stage, "", polled(log, town.log(log)).collect(), &roomy);
        lane(town, stage, ", tight", polled(log, town.log(log)).collect(), &tight);
    }
    lane(town, "control", "", polled(CONTROL_LOG, town.log(CONTROL_LOG)).collect(), &roomy);
}

fn polled(topic: &str, records: Vec<LogRecord>) -> impl Iterator<Item = Polled> + use<> {
    let at = TopicPartition { topic: SmolStr::new(topic), partition: 0 };
    records.into_iter().map(move |record| Polled {
        at: at.clone(),
        offset: record.offset,
        timestamp_ms: record.timestamp_ms,
        key: record.key,
        value: record.value,
        headers: record.headers,
    })
}

fn lane(town: &Town, stage: &str, how: &str, records: VecDeque<Polled>, options: &StoreOptions) {
    let stage = town.stage(stage);
    let events = records.len();
    let letters = letter_encoder(&town.contracts).expect("the contract of letters fits");
    let letters = Arc::new(Letters::new(town.layout.clone(), letters));
    let dir = tempfile::tempdir().expect("a folder for the store");
    let (place, options) = (dir.path().to_owned(), options.clone());
    let store_kb = options.cache_bytes / 1024;
    let open: OpenStore<LocalStore> = Box::new(move |at: &TopicPartition| {
        let owner = Owner(at.topic.to_string());
        LocalStore::open(place.join(at.partition.to_string()), &owner, options.clone())
    });
    let told = Arc::new(Told::default());
    let broker = Ready::new(records, &told);
    let config = LaneConfig::new(Guarantee::ExactlyOnce, letters);
    let mut lane = Lane::new(Arc::clone(stage), broker, open, config);
    let (cpu, whole) = (thread_cpu(), process_cpu());
    let (mut now_ms, mut handled) = (1_000_000, 0);
    while handled < events as u64 {
        now_ms += STEP_MS;
        handled += lane.step(now_ms, 0).expect("nothing stops it").handled;
    }
    while !lane.tasks().is_empty() {
        now_ms += STEP_MS;
        lane.finish(now_ms).expect("nothing stops it");
    }
    let (cpu, whole) = (thread_cpu() - cpu, process_cpu() - whole);
    let rate = |seconds: f64| (events as f64 / seconds.max(1e-9)).round();
    println!(
        "{:<18} {events:>9} {:>9} {:>9} {:>13} {:>13} {store_kb:>9} {:>8.0}",
        format!("{}{how}", stage.name()),
        told.produced.load(Ordering::Relaxed),
        told.commits.load(Ordering::Relaxed),
        rate(cpu),
        rate(whole),
        resident_mb()
    );
}
