//! What the store's database takes by itself: sled with one task's share of a million households, written in batches as
//! small as `memory.mib = 128` leaves them. No stage that writes each event's household can cost less.

use crate::measure::process_cpu;
use crate::row;

/// Households of one of twelve tasks with a million, bytes of a record, records of a batch.
const KEYS: u64 = 1_000_000 / 12;
const VALUE_BYTES: usize = 360;
const BATCH: usize = 600;
const BATCHES: usize = 100;

pub(crate) fn run() {
    println!("\nsled alone, {KEYS} keys, {VALUE_BYTES} bytes a value        ns of CPU");
    for (pages, cache_bytes) in [("a share of its pages", 1 << 20), ("all pages", 256 << 20)] {
        database(pages, cache_bytes);
    }
}

fn database(pages: &str, cache_bytes: u64) {
    let dir = tempfile::tempdir().expect("a folder for the database");
    let db = sled::Config::new()
        .path(dir.path())
        .cache_capacity(cache_bytes)
        .flush_every_ms(None)
        .mode(sled::Mode::HighThroughput)
        .open()
        .expect("a database");
    let mut keys = Keys(9);
    let mut written = 0_u8;
    let mut write = |keys: &mut Keys, count: usize| {
        for _ in 0..count {
            let mut batch = sled::Batch::default();
            for _ in 0..BATCH {
                written = written.wrapping_add(1);
                batch.insert(keys.next().as_slice(), vec![written; VALUE_BYTES]);
            }
            db.apply_batch(batch).expect("written");
            db.flush().expect("flushed");
        }
    };
    let filled = usize::try_from(KEYS).unwrap_or(0) * 3 / BATCH;
    write(&mut keys, filled);
    let ns = |before: f64| (process_cpu() - before) * 1e9 / (BATCHES * BATCH) as f64;
    let before = process_cpu();
    write(&mut keys, BATCHES);
    row("a write, in batches of 600", ns(before), pages);
    let before = process_cpu();
    for _ in 0..BATCHES * BATCH {
        std::hint::black_box(db.get(keys.next()).expect("read"));
    }
    row("a read", ns(before), pages);
}

/// Keys in no order, by xorshift.
struct Keys(u64);

impl Keys {
    fn next(&mut self) -> [u8; 12] {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let mut key = *b"kH-000000000";
        let number = format!("{:09}", self.0 % KEYS);
        key[3..].copy_from_slice(number.as_bytes());
        key
    }
}
