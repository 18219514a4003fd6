//! The local store of one task: a rebuildable cache of its changelog, in sorted files or in sled, behind a write-behind buffer.
//!
//! ```text
//! apply ─▶ dirty ─▶ writing ─▶ disk        (whole commits, their position in the same batch)
//! get   ◀─ cache ◀─ dirty ◀─ writing ◀─ disk
//! ```
//!
//! A commit goes into `dirty` and the cache, in memory. Every few seconds or bytes a thread of the store takes all of
//! `dirty` as one batch; many commits of a key become one write. What a crash loses is read back from the changelog.

mod cache;
mod claim;
mod contents;
mod database;
mod disk;
mod merge;
mod sled;
mod tables;
mod writer;

#[cfg(test)]
mod tests;

pub use contents::Contents;
pub use disk::Owner;

use crate::config::StoreEngine;
use crate::engine::lane::io::{Store, StoreFault, StorePosition};
use crate::engine::state::{Key, Record};
use cache::Cache;
use disk::Disk;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use writer::{Batch, Writer};

/// Committed writes by key; none is a delete.
type Writes = BTreeMap<Key, Option<Arc<Record>>>;

/// Limits of a store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// What keeps the records on disk.
    pub engine: StoreEngine,
    /// Bytes of decoded records kept in memory, about.
    pub cache_bytes: usize,
    /// Bytes of memory of committed writes that make a batch, about.
    pub batch_bytes: usize,
    /// Age of the oldest committed write that makes a batch.
    pub batch_age: Duration,
    /// sled's own page cache. Sorted files have none: the system's is theirs.
    pub page_cache_bytes: u64,
    /// sled's database is written anew once its files exceed this many times its data.
    pub rebuild_ratio: u64,
    /// Files smaller than this are never worth writing anew.
    pub rebuild_floor_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            engine: StoreEngine::default(),
            cache_bytes: 64 << 20,
            batch_bytes: 24 << 20,
            batch_age: Duration::from_secs(5),
            page_cache_bytes: 8 << 20,
            rebuild_ratio: 6,
            rebuild_floor_bytes: 256 << 20,
        }
    }
}

/// The store of one task.
pub struct LocalStore {
    options: StoreOptions,
    disk: Arc<Disk>,
    writer: Option<Writer>,
    cache: RefCell<Cache>,
    dirty: Writes,
    dirty_bytes: usize,
    dirty_since: Option<Instant>,
    /// The batch last handed to the writer; pinned until the next one.
    writing: Arc<Writes>,
    position: Option<StorePosition>,
}

impl StoreOptions {
    /// What keeps a store within so many bytes of memory, about: a quarter for committed writes on their way to disk, of which
    /// two batches can be in memory, decoded; a quarter for sled's pages, if it is sled; the rest for decoded records.
    pub fn within(engine: StoreEngine, bytes: usize) -> Self {
        let usual = Self::default();
        let cache_bytes = match engine {
            StoreEngine::Tables => bytes / 4 * 3,
            StoreEngine::Sled => bytes / 2,
        };
        Self {
            engine,
            cache_bytes,
            batch_bytes: (bytes / 4 / 2).clamp(LEAST_BATCH_BYTES, usual.batch_bytes),
            page_cache_bytes: (bytes as u64 / 4).max(LEAST_PAGE_CACHE_BYTES),
            ..usual
        }
    }
}

/// A smaller batch would cost more in writing the same pages again than it saves in memory.
const LEAST_BATCH_BYTES: usize = 192 * 1024;
/// sled cannot do with less: some of its pages alone are larger.
const LEAST_PAGE_CACHE_BYTES: u64 = 512 * 1024;

impl LocalStore {
    /// Opens the store in a directory of its own, or makes it. Never fails: a store that cannot be read is set aside
    /// and begun anew, one that cannot be used says so in [`Store::fault`].
    pub fn open(dir: impl Into<PathBuf>, owner: &Owner, options: StoreOptions) -> Self {
        let disk =
            Arc::new(Disk::open(dir.into(), owner.clone(), (options.engine, options.page_cache_bytes)));
        let position = disk.position();
        Self {
            cache: RefCell::new(Cache::new(options.cache_bytes)),
            writer: None,
            dirty: Writes::new(),
            dirty_bytes: 0,
            dirty_since: None,
            writing: Arc::default(),
            position,
            disk,
            options,
        }
    }

    /// Bytes of its files, for metrics.
    pub fn disk_bytes(&self) -> u64 {
        self.disk.bytes()
    }

    /// Hands everything committed so far to the writer and waits until it is on disk.
    pub fn flush(&mut self) {
        self.hand_over();
        if let Some(writer) = &self.writer {
            writer.wait();
        }
    }

    fn is_batch_due(&self) -> bool {
        self.dirty_bytes >= self.options.batch_bytes
            || self.dirty_since.is_some_and(|since| since.elapsed() >= self.options.batch_age)
    }

    fn hand_over(&mut self) {
        let Some(position) = self.position else { return };
        if self.dirty_since.is_none() {
            return;
        }
        let writes = Arc::new(std::mem::take(&mut self.dirty));
        (self.dirty_bytes, self.dirty_since) = (0, None);
        let batch = Batch { writes: Arc::clone(&writes), position };
        self.writing = writes;
        let rebuild = (self.options.rebuild_ratio, self.options.rebuild_floor_bytes);
        self.writer.get_or_insert_with(|| Writer::start(Arc::clone(&self.disk), rebuild)).write(batch);
    }
}

impl Store for LocalStore {
    fn position(&self) -> Option<StorePosition> {
        self.position
    }

    fn get(&self, key: &Key) -> Option<Arc<Record>> {
        if let Some(known) = self.cache.borrow().get(key) {
            return known;
        }
        let written = self.dirty.get(key).or_else(|| self.writing.get(key));
        let (record, weight) = match written {
            Some(record) => (record.clone(), record.as_deref().map_or(0, weight)),
            None => match self.disk.get(key) {
                Ok(Some((record, bytes))) => (Some(record), decoded(bytes)),
                Ok(None) => (None, 0),
                // The fault is recorded; the lane asks for it before it believes this answer.
                Err(_) => return None,
            },
        };
        self.cache.borrow_mut().put(key.clone(), record.clone(), weight);
        record
    }

    fn scan(&self, after: Option<&Key>, limit: usize) -> Vec<(Key, Arc<Record>)> {
        merge::scan(&self.disk, &self.writing, &self.dirty, after, limit)
    }

    fn apply(&mut self, delta: &[(Key, Option<Arc<Record>>)], position: StorePosition) {
        let cache = self.cache.get_mut();
        for (key, record) in delta {
            let weight = record.as_deref().map_or(0, weight);
            self.dirty_bytes += weight + WRITE_BYTES;
            cache.put(key.clone(), record.clone(), weight);
            self.dirty.insert(key.clone(), record.clone());
        }
        self.position = Some(position);
        self.dirty_since.get_or_insert_with(Instant::now);
        if self.is_batch_due() && self.may_hand_over() {
            self.hand_over();
        }
    }

    fn wipe(&mut self) {
        // The writer is stopped first: it must not write into what comes next.
        self.writer = None;
        self.cache = RefCell::new(Cache::new(self.options.cache_bytes));
        self.dirty.clear();
        (self.dirty_bytes, self.dirty_since) = (0, None);
        self.writing = Arc::default();
        self.position = None;
        self.disk.wipe();
    }

    fn fault(&self) -> Option<StoreFault> {
        self.disk.fault()
    }
}

impl LocalStore {
    /// A busy writer is given time, until too much memory is pinned behind it.
    fn may_hand_over(&self) -> bool {
        let idle = self.writer.as_ref().is_none_or(Writer::is_idle);
        idle || self.dirty_bytes >= 2 * self.options.batch_bytes
    }
}

impl Drop for LocalStore {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// What a decoded record takes itself, with the counts of its `Arc`.
const RECORD_BYTES: usize = size_of::<Record>() + 2 * size_of::<usize>();
/// What it points to takes more memory than its stored bytes, about this much.
const MEMORY_PER_BYTE: usize = 3;
/// What a committed write takes beside its record.
const WRITE_BYTES: usize = size_of::<(Key, Arc<Record>)>();

/// Memory of a record that is stored in so many bytes, about.
fn decoded(bytes: usize) -> usize {
    RECORD_BYTES + bytes * MEMORY_PER_BYTE
}

/// Memory of a decoded record, about.
fn weight(record: &Record) -> usize {
    let size = postcard::ser_flavors::Size::default();
    decoded(postcard::serialize_with_flavor(record, size).unwrap_or(0))
}
