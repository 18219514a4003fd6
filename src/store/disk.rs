//! The database directory of one task.
//!
//! ```text
//! <dir>/0000000001/        the database: `k…` data, `m…` what it knows of itself
//! <dir>/0000000002/        a database written anew; the highest complete one counts, the others are removed
//! <dir>/quarantine-…/      one that could not be read, kept for a look; at most two
//! ```
//!
//! sled panics on some damage, so whatever reads is fenced by `catch_unwind`; a fault is recorded, and the lane wipes and
//! restores or stops. A database of another engine is foreign content.

use super::Writes;
use super::claim::Claim;
use super::database::{self, Batch, Database, Failure, Page};
use crate::config::StoreEngine;
use crate::engine::lane::io::{StoreFault, StorePosition};
use crate::engine::state::{Key, Record};
use std::fs;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Whose state a store holds: content of another application, cluster, stage or partition is foreign and wiped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner(pub String);

const FORMAT: &[u8] = b"m/format";
const FORMAT_VERSION: &[u8] = &[1];
const OWNER: &[u8] = b"m/owner";
pub(super) const POSITION: &[u8] = b"m/position";
pub(super) const DATA: u8 = b'k';
/// Longest wait for a lock that a closed database still holds.
const LOCKED: Duration = Duration::from_secs(5);
/// Quarantined databases kept.
const QUARANTINED: usize = 2;

pub(super) struct Disk {
    dir: PathBuf,
    owner: Owner,
    engine: StoreEngine,
    page_cache_bytes: u64,
    db: RwLock<Option<Open>>,
    /// Size of the files when they were last compared with the data.
    compared: AtomicU64,
    faulty: AtomicBool,
    fault: Mutex<Option<StoreFault>>,
    /// The last to go: by then the database is closed.
    _claim: Option<Claim>,
}

#[derive(Clone)]
struct Open {
    db: Arc<dyn Database>,
    generation: u64,
}

impl Disk {
    pub(super) fn open(dir: PathBuf, owner: Owner, (engine, page_cache_bytes): (StoreEngine, u64)) -> Self {
        let claim = Claim::take(&dir);
        let is_free = claim.is_some();
        let disk = Self {
            dir,
            owner,
            engine,
            page_cache_bytes,
            db: RwLock::new(None),
            compared: AtomicU64::new(0),
            faulty: AtomicBool::new(false),
            fault: Mutex::new(None),
            _claim: claim,
        };
        if is_free {
            disk.open_newest();
        } else {
            disk.fail(StoreFault::Held(format!(
                "another lane of this process has {} open",
                disk.dir.display()
            )));
        }
        disk
    }

    pub(super) fn fault(&self) -> Option<StoreFault> {
        if !self.faulty.load(Ordering::Acquire) {
            return None;
        }
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn position(&self) -> Option<StorePosition> {
        let bytes = self.read(|db| db.get(POSITION)).ok()??;
        let position = position_of(&bytes);
        if position.is_none() {
            self.fail(StoreFault::Corrupt(String::from("its position does not decode")));
        }
        position
    }

    /// The record under a key and its stored size.
    pub(super) fn get(&self, key: &Key) -> Result<Option<(Arc<Record>, usize)>, StoreFault> {
        match self.read(|db| db.get(&data_key(key)))? {
            Some(bytes) => match Record::from_bytes(&bytes) {
                Ok(record) => Ok(Some((Arc::new(record), bytes.len()))),
                Err(error) => {
                    Err(self.fail(StoreFault::Corrupt(format!("a record does not decode: {error}"))))
                }
            },
            None => Ok(None),
        }
    }

    /// Records behind `after` in key order, read and decoded `page` at a time. Ends early at a fault, which is recorded.
    pub(super) fn range(
        &self,
        after: Option<&Key>,
        page: usize,
    ) -> impl Iterator<Item = (Key, Arc<Record>)> + '_ {
        let size = page.clamp(1, PAGE);
        let mut next = Some(after.map_or_else(|| vec![DATA], |key| [data_key(key), vec![0]].concat()));
        let mut page = Vec::new().into_iter();
        std::iter::from_fn(move || {
            loop {
                if let Some(entry) = page.next() {
                    return Some(entry);
                }
                let entries = self.page(&next.take()?, size)?;
                if entries.len() == size {
                    next = entries.last().map(|(key, _)| [data_key(key), vec![0]].concat());
                }
                if entries.is_empty() {
                    return None;
                }
                page = entries.into_iter();
            }
        })
    }

    fn page(&self, from: &[u8], size: usize) -> Option<Vec<(Key, Arc<Record>)>> {
        let raw = self.read(|db| db.page(from, &[DATA + 1], size)).ok()?;
        let decoded = raw.iter().map(|(key, value)| {
            let key = key.split_first().and_then(|(_, key)| Key::from_bytes(key))?;
            Some((key, Arc::new(Record::from_bytes(value).ok()?)))
        });
        let entries: Option<Vec<_>> = decoded.collect();
        if entries.is_none() {
            self.fail(StoreFault::Corrupt(String::from("a record does not decode")));
        }
        entries
    }

    /// One batch: writes and their position, or nothing of it.
    pub(super) fn write(&self, writes: &Writes, position: StorePosition) {
        if self.fault().is_some() {
            return;
        }
        let written =
            writes.iter().map(|(key, record)| (data_key(key), record.as_ref().map(|it| it.to_bytes())));
        let position = (POSITION.to_vec(), Some(position_bytes(position)));
        let mut batch: Batch = written.chain([position]).collect();
        // Keys order alike, but for months before 1970.
        batch.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        // A failure is recorded, and the lane asks for it.
        let _recorded = self.read(|db| db.write(batch));
    }

    /// One step of the database's housekeeping; whether more is to do.
    pub(super) fn tidy(&self) -> bool {
        self.fault().is_none() && self.read(|db| db.tidy()).unwrap_or(false)
    }

    /// Removes everything and begins anew, the recorded fault included.
    pub(super) fn wipe(&self) {
        *self.slot() = None;
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.faulty.store(false, Ordering::Release);
        for generation in self.generations() {
            self.remove(generation);
        }
        self.open_newest();
    }

    pub(super) fn bytes(&self) -> u64 {
        self.read(|db| db.bytes()).unwrap_or(0)
    }

    /// Writes the data into a new database when the files of this one, of sled's, hold mostly what is no longer true. To know,
    /// all data is read, so it looks again only when the files have grown by half. Whether it looked.
    pub(super) fn rebuild_if_bloated(&self, (ratio, floor): (u64, u64)) -> bool {
        if self.engine != StoreEngine::Sled {
            return false;
        }
        let (files, compared) = (self.bytes(), self.compared.load(Ordering::Acquire));
        if files < floor.max(compared + compared / 2) || self.fault().is_some() {
            return false;
        }
        self.compared.store(files, Ordering::Release);
        self.compare(files, ratio);
        true
    }

    fn compare(&self, files: u64, ratio: u64) {
        let Some(old) = self.db.read().unwrap_or_else(PoisonError::into_inner).clone() else { return };
        let Ok(data) = self.read(|db| {
            let mut data = 0;
            each_page(db, |page| {
                data += page.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum::<u64>();
                Ok(())
            })?;
            Ok(data)
        }) else {
            return;
        };
        if files / data.max(1) < ratio {
            return;
        }
        match self.copy(&old) {
            // Readers move over at once; the old files go with the last handle on them.
            Ok(new) => {
                *self.slot() = Some(new);
                let generation = old.generation;
                drop(old);
                self.remove(generation);
                self.compared.store(0, Ordering::Release);
            }
            Err(error) => tracing::warn!(%error, "a store could not be written anew; it goes on as it is"),
        }
    }

    fn copy(&self, old: &Open) -> Result<Open, Failure> {
        let generation = old.generation + 1;
        // What an attempt before left behind.
        self.remove(generation);
        let db: Arc<dyn Database> =
            database::open(self.engine, &self.path(generation), self.page_cache_bytes)?;
        each_page(&*old.db, |page| {
            // The format goes in last: without it the copy is not complete and does not count.
            let kept = page.into_iter().filter(|(key, _)| key != FORMAT);
            db.write(kept.map(|(key, value)| (key, Some(value))).collect())
        })?;
        db.write(vec![(FORMAT.to_vec(), Some(FORMAT_VERSION.to_vec()))])?;
        Ok(Open { db, generation })
    }

    fn slot(&self) -> std::sync::RwLockWriteGuard<'_, Option<Open>> {
        self.db.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the newest complete database and removes the others; begins one where there is none.
    fn open_newest(&self) {
        if let Err(error) = fs::create_dir_all(&self.dir) {
            self.fail(unusable(&error));
            return;
        }
        let mut generations = self.generations();
        let mut highest = generations.last().copied().unwrap_or(0);
        let mut opened = None;
        while let Some(generation) = generations.pop() {
            if opened.is_some() {
                self.remove(generation);
                continue;
            }
            match self.try_open(generation) {
                Opened::Whole(open) => opened = Some(open),
                Opened::Foreign => self.remove(generation),
                Opened::Damaged(why) => self.quarantine(generation, &why),
                Opened::Unusable(fault) => {
                    self.fail(fault);
                    return;
                }
            }
        }
        if opened.is_none() {
            highest += 1;
            match self.begin(highest) {
                Ok(open) => opened = Some(open),
                Err(error) => {
                    self.fail(fault_of(&error));
                }
            }
        }
        *self.slot() = opened;
    }

    fn try_open(&self, generation: u64) -> Opened {
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let db = self.open_locked(generation)?;
            let (format, owner) = (db.get(FORMAT)?, db.get(OWNER)?);
            Ok::<_, Failure>((db, format, owner))
        }));
        match attempt {
            Ok(Ok((db, format, owner))) => {
                let known = format.as_deref() == Some(FORMAT_VERSION);
                let ours = owner.as_deref() == Some(self.owner.0.as_bytes());
                if known && ours { Opened::Whole(Open { db, generation }) } else { Opened::Foreign }
            }
            Ok(Err(error)) => match fault_of(&error) {
                StoreFault::Corrupt(why) => Opened::Damaged(why),
                fault @ (StoreFault::Unusable(_) | StoreFault::Held(_)) => Opened::Unusable(fault),
            },
            Err(_) => Opened::Damaged(String::from("opening it panicked")),
        }
    }

    fn begin(&self, generation: u64) -> Result<Open, Failure> {
        let db = self.open_locked(generation)?;
        db.write(vec![
            (FORMAT.to_vec(), Some(FORMAT_VERSION.to_vec())),
            (OWNER.to_vec(), Some(self.owner.0.clone().into_bytes())),
        ])?;
        Ok(Open { db, generation })
    }

    /// sled lets go of a closed database in the background: its lock may outlive the last handle by a moment.
    fn open_locked(&self, generation: u64) -> Result<Arc<dyn Database>, Failure> {
        let deadline = Instant::now() + LOCKED;
        loop {
            match database::open(self.engine, &self.path(generation), self.page_cache_bytes) {
                Err(Failure::Locked) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(Failure::Locked) => {
                    let why = format!("another process has {} open", self.dir.display());
                    return Err(std::io::Error::new(ErrorKind::WouldBlock, why).into());
                }
                other => return other,
            }
        }
    }

    fn path(&self, generation: u64) -> PathBuf {
        self.dir.join(format!("{generation:010}"))
    }

    fn generations(&self) -> Vec<u64> {
        let mut found: Vec<u64> = names(&self.dir).iter().filter_map(|name| name.parse().ok()).collect();
        found.sort_unstable();
        found
    }

    fn remove(&self, generation: u64) {
        if let Err(error) = fs::remove_dir_all(self.path(generation))
            && error.kind() != ErrorKind::NotFound
        {
            self.fail(unusable(&error));
        }
    }

    fn quarantine(&self, generation: u64, why: &str) {
        let mut kept: Vec<String> =
            names(&self.dir).into_iter().filter(|name| name.starts_with("quarantine-")).collect();
        kept.sort();
        let to = self.dir.join(format!("quarantine-{generation:010}"));
        tracing::error!(dir = %to.display(), why, "a store cannot be read: set aside, restoring from the changelog");
        for old in kept.iter().rev().skip(QUARANTINED - 1) {
            if let Err(error) = fs::remove_dir_all(self.dir.join(old)) {
                tracing::warn!(%error, dir = old, "an old quarantined store cannot be removed");
            }
        }
        if fs::rename(self.path(generation), &to).is_err() {
            self.remove(generation);
        }
    }

    /// Runs one access; errors and panics become a recorded fault.
    fn read<T>(&self, access: impl FnOnce(&dyn Database) -> Result<T, Failure>) -> Result<T, StoreFault> {
        let guard = self.db.read().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = guard.as_ref() else {
            return Err(self.fault().unwrap_or_else(|| StoreFault::Unusable(String::from("it is not open"))));
        };
        match catch_unwind(AssertUnwindSafe(|| access(&*open.db))) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.fail(fault_of(&error))),
            Err(_) => Err(self.fail(StoreFault::Corrupt(String::from("an access panicked")))),
        }
    }

    pub(super) fn fail(&self, fault: StoreFault) -> StoreFault {
        let mut slot = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let told = slot.get_or_insert(fault).clone();
        self.faulty.store(true, Ordering::Release);
        told
    }
}

enum Opened {
    Whole(Open),
    Foreign,
    Damaged(String),
    Unusable(StoreFault),
}

/// Entries copied at a time into a database written anew.
const COPIED: usize = 4096;
/// Most entries read at a time.
const PAGE: usize = 512;

fn data_key(key: &Key) -> Vec<u8> {
    let mut bytes = key.to_bytes();
    bytes.insert(0, DATA);
    bytes
}

fn position_bytes(position: StorePosition) -> Vec<u8> {
    postcard::to_extend(&position, FORMAT_VERSION.to_vec())
        .expect("a position without maps encodes into memory")
}

pub(super) fn position_of(bytes: &[u8]) -> Option<StorePosition> {
    bytes.split_first().and_then(|(_, body)| postcard::from_bytes(body).ok())
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn unusable(error: &std::io::Error) -> StoreFault {
    StoreFault::Unusable(error.to_string())
}

fn fault_of(failure: &Failure) -> StoreFault {
    match failure {
        Failure::Damaged(why) => StoreFault::Corrupt(why.clone()),
        Failure::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
            StoreFault::Corrupt(error.to_string())
        }
        Failure::Io(error) => unusable(error),
        Failure::Locked => StoreFault::Unusable(failure.to_string()),
    }
}

/// Hands over all that a database holds, in key order.
fn each_page(db: &dyn Database, mut take: impl FnMut(Page) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut from = Vec::new();
    loop {
        let page = db.page(&from, &[u8::MAX], COPIED)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        from = [last.as_slice(), &[0]].concat();
        take(page)?;
    }
}
