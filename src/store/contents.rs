//! What a store's directory holds, for whoever looks at it from outside.

use super::database::{self, Database, Failure};
use super::disk::{self, DATA, POSITION};
use super::tables;
use crate::config::StoreEngine;
use crate::engine::lane::io::StorePosition;
use crate::engine::state::{Key, Record};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// All of one database.
#[derive(Debug, Default)]
pub struct Contents {
    /// Where it stands; none when nothing was committed to it.
    pub position: Option<StorePosition>,
    /// Records in key order, with their stored bytes.
    pub records: Vec<(Key, Record, usize)>,
    /// Entries that do not read.
    pub unreadable: u64,
}

/// Entries read at a time.
const PAGE: usize = 512;
/// Enough to read through a database once.
const PAGE_CACHE_BYTES: u64 = 8 << 20;

impl Contents {
    /// Reads the database in a directory, which belongs to nobody else meanwhile: opening removes what a crash left behind.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(dir: &Path) -> Result<Self, String> {
        if !dir.is_dir() {
            return Err(format!("{} is no directory", dir.display()));
        }
        let engine = if tables::are_in(dir) { StoreEngine::Tables } else { StoreEngine::Sled };
        // sled panics on some damage.
        let read =
            catch_unwind(AssertUnwindSafe(|| Self::of(&*database::open(engine, dir, PAGE_CACHE_BYTES)?)));
        match read {
            Ok(Ok(contents)) => Ok(contents),
            Ok(Err(failure)) => Err(failure.to_string()),
            Err(_) => Err(String::from("reading it panicked")),
        }
    }

    fn of(db: &dyn Database) -> Result<Self, Failure> {
        let position = db.get(POSITION)?.and_then(|bytes| disk::position_of(&bytes));
        let mut contents = Self { position, ..Self::default() };
        let mut from = vec![DATA];
        loop {
            let page = db.page(&from, &[DATA + 1], PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(contents) };
            from = [last.as_slice(), &[0]].concat();
            for (key, value) in page {
                match (key.get(1..).and_then(Key::from_bytes), Record::from_bytes(&value)) {
                    (Some(key), Ok(record)) => contents.records.push((key, record, value.len())),
                    _ => contents.unreadable += 1,
                }
            }
        }
    }
}
