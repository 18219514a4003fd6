//! Sorted files: what keeps a task's records on disk (decision 16).
//!
//! ```text
//! a batch ─▶ a table of its own ─▶ merged with its neighbours, again and again ─▶ one large one at the bottom
//! a read  ◀─ the newest table that knows the key; a filter in memory says for most that they do not
//! ```
//!
//! A log-structured merge tree (O'Neil et al. 1996) without a log: the changelog in Kafka is one. A batch is a file, under its
//! name only when it is whole, so it is there or it is not. A table is named by the batches that it holds; those that lie within
//! another's were merged into it, and go.

mod filter;
mod merge;
mod table;

#[cfg(test)]
mod tests;

use super::database::{Batch, Database, Failure, Page};
use filter::hash;
use merge::{Merge, Merged};
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use table::{Builder, Span, Table};

/// The file whose lock says that a directory is in use.
const LOCK: &str = "lock";
/// Bytes that one step of housekeeping merges, about: a batch that waits for it waits for some milliseconds.
const STEP_BYTES: usize = 512 * 1024;
/// Newest tables that are merged together; fewer only where that leaves one table.
const LEAST_MERGED: usize = 4;
/// Beyond so many a batch waits until there are fewer: each is asked by a read.
const MOST_TABLES: usize = 16;

pub(super) struct Tables {
    dir: PathBuf,
    /// The newest first.
    tables: RwLock<Arc<Vec<Arc<Table>>>>,
    merge: Mutex<Option<Merge>>,
    /// Held as long as they are open.
    _lock: File,
}

impl Tables {
    pub(super) fn open(dir: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(dir)?;
        let lock = File::create(dir.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Failure::Locked),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let tables = RwLock::new(Arc::new(found(dir)?));
        Ok(Self { dir: dir.to_path_buf(), tables, merge: Mutex::new(None), _lock: lock })
    }

    fn tables(&self) -> Arc<Vec<Arc<Table>>> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Table>>)) {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut tables));
    }

    /// Puts a merged table in the place of what it was made of.
    fn replace(&self, merge: Merge) -> Result<(), Failure> {
        let table = Arc::new(merge.finish(&self.dir)?);
        // Its name has to be on disk before the others' are not.
        File::open(&self.dir)?.sync_all()?;
        let gone: Vec<_> =
            self.tables().iter().filter(|other| table.span.holds(other.span)).map(Arc::clone).collect();
        self.change(|tables| {
            let at = tables.iter().position(|other| table.span.holds(other.span)).unwrap_or(0);
            tables.retain(|other| !table.span.holds(other.span));
            tables.insert(at, table);
        });
        gone.iter().try_for_each(|table| remove(&table.path))
    }
}

impl Database for Tables {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let hash = hash(key);
        for table in self.tables().iter() {
            if let Some(told) = table.get(key, hash)? {
                return Ok(told);
            }
        }
        Ok(None)
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Page, Failure> {
        let mut merged = Merged::from(&self.tables(), from)?;
        let mut page = Vec::new();
        while page.len() < limit {
            let told = merged.next(|key, value| {
                Ok((key < end).then(|| value.map(|value| (key.to_vec(), value.to_vec()))))
            })?;
            match told {
                Some(Some(Some(entry))) => page.push(entry),
                // A removed key.
                Some(Some(None)) => {}
                Some(None) | None => break,
            }
        }
        Ok(page)
    }

    fn write(&self, batch: Batch) -> Result<(), Failure> {
        let number = self.tables().first().map_or(1, |newest| newest.span.last + 1);
        let span = Span { first: number, last: number };
        let mut builder = Builder::begin(&self.dir, span)?;
        for (key, value) in &batch {
            builder.push(key, value.as_deref())?;
        }
        let table = Arc::new(builder.finish(&self.dir, span)?);
        self.change(|tables| tables.insert(0, table));
        while self.tables().len() > MOST_TABLES && self.tidy()? {}
        Ok(())
    }

    fn bytes(&self) -> Result<u64, Failure> {
        Ok(self.tables().iter().map(|table| table.bytes).sum())
    }

    fn tidy(&self) -> Result<bool, Failure> {
        let mut merge = self.merge.lock().unwrap_or_else(PoisonError::into_inner);
        if merge.is_none() {
            let tables = self.tables();
            let sizes: Vec<u64> = tables.iter().map(|table| table.bytes).collect();
            let count = due(&sizes);
            let newest = tables.get(..count).unwrap_or_default();
            *merge = Merge::begin(&self.dir, newest, count == tables.len())?;
        }
        let Some(begun) = merge.as_mut() else { return Ok(false) };
        if begun.step(STEP_BYTES)?
            && let Some(whole) = merge.take()
        {
            self.replace(whole)?;
        }
        Ok(true)
    }
}

/// How many of the newest tables are to be merged, 0 for none: the longest run whose oldest is no larger than the others
/// together, so that an entry is written again only into a table of twice the size; of four at least, or of all. What is no
/// longer true is then less than what is.
fn due(sizes: &[u64]) -> usize {
    let mut newer = 0;
    let mut found = 0;
    for (n, size) in sizes.iter().enumerate() {
        let count = n + 1;
        if count > 1 && *size <= newer && (count >= LEAST_MERGED || count == sizes.len()) {
            found = count;
        }
        newer += size;
    }
    found
}

/// The tables of a directory, the newest first; removes what a crash left of merges and of batches that were not whole.
fn found(dir: &Path) -> Result<Vec<Arc<Table>>, Failure> {
    let mut spans = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match Span::of_file_name(&name) {
            Some(span) => spans.push(span),
            None if name.ends_with(".unfinished") => remove(&entry.path())?,
            None => {}
        }
    }
    let (merged, whole): (Vec<Span>, Vec<Span>) =
        spans.iter().partition(|span| spans.iter().any(|other| other != *span && other.holds(**span)));
    for span in merged {
        remove(&dir.join(span.file_name()))?;
    }
    let mut tables = Vec::new();
    for span in whole {
        tables.push(Arc::new(Table::open(dir.join(span.file_name()), span)?));
    }
    tables.sort_by_key(|table| std::cmp::Reverse(table.span));
    let mut expected = 1;
    for table in tables.iter().rev() {
        if table.span.first != expected {
            return Err(Failure::Damaged(format!("batch {expected} is in no table")));
        }
        expected = table.span.last + 1;
    }
    Ok(tables)
}

/// Whether a directory is that of tables.
pub(super) fn are_in(dir: &Path) -> bool {
    dir.join(LOCK).is_file() && !dir.join("db").exists()
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
