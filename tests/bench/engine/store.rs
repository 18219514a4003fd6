//! What a store takes by itself: each engine with one task's share of a million households, written in batches as small as
//! `memory.mib = 128` leaves them, and read past the memory for decoded records. No stage that reads and writes each event's
//! household can cost less.

use crate::measure::process_cpu;
use crate::row;
use ieum::config::StoreEngine;
use ieum::engine::job::Job;
use ieum::engine::lane::io::{Store, StorePosition};
use ieum::engine::state::{Key, Record, Sub};
use ieum::store::{LocalStore, Owner, StoreOptions};
use std::sync::Arc;

/// Households of one of twelve tasks with a million, bytes of a record, records of a batch.
const KEYS: u64 = 1_000_000 / 12;
const VALUE_BYTES: usize = 350;
const BATCH: usize = 600;
const BATCHES: usize = 100;

pub(crate) fn run() {
    println!("\na store alone, {KEYS} keys, {VALUE_BYTES} bytes a value      ns of CPU");
    for (kept, engine, page_cache_bytes) in [
        ("sorted files", StoreEngine::Tables, 0),
        ("sled, a share of its pages", StoreEngine::Sled, 1 << 20),
        ("sled, all pages", StoreEngine::Sled, 256 << 20),
    ] {
        let usual = StoreOptions::default();
        store(
            kept,
            StoreOptions { engine, page_cache_bytes, cache_bytes: 0, batch_bytes: usize::MAX, ..usual },
        );
    }
}

fn store(kept: &str, options: StoreOptions) {
    let dir = tempfile::tempdir().expect("a folder for the store");
    let mut store = LocalStore::open(dir.path(), &Owner(String::from("bench")), options);
    let (mut keys, mut written) = (Keys(9), 0_u8);
    let mut write = |store: &mut LocalStore, keys: &mut Keys, count: usize| {
        for _ in 0..count {
            let mut delta: Vec<_> = (0..BATCH)
                .map(|_| {
                    written = written.wrapping_add(1);
                    let job = Job::Other { kind: "bench".into(), cursor: vec![written; VALUE_BYTES] };
                    (keys.next(), Some(Arc::new(Record::Job(job))))
                })
                .collect();
            delta.sort_by(|a, b| a.0.cmp(&b.0));
            delta.dedup_by(|a, b| a.0 == b.0);
            store.apply(&delta, POSITION);
            store.flush();
        }
    };
    let filled = usize::try_from(KEYS).unwrap_or(0) * 3 / BATCH;
    write(&mut store, &mut keys, filled);
    let ns = |before: f64| (process_cpu() - before) * 1e9 / (BATCHES * BATCH) as f64;
    let before = process_cpu();
    write(&mut store, &mut keys, BATCHES);
    row("a write, in batches of 600", ns(before), kept);
    let before = process_cpu();
    for _ in 0..BATCHES * BATCH {
        std::hint::black_box(store.get(&keys.next()));
    }
    row("a read", ns(before), kept);
}

const POSITION: StorePosition = StorePosition {
    changelog_next: 0,
    input_next: 0,
    stream_time_ms: 0,
    sequence: 0,
    marker_offset: -1,
    committed_at_ms: 0,
};

/// Keys in no order, by xorshift.
struct Keys(u64);

impl Keys {
    fn next(&mut self) -> Key {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Key::new(format!("H-{:09}", self.0 % KEYS), Sub::Head)
    }
}
