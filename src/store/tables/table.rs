//! One file of entries in key order, never changed once it is there.
//!
//! ```text
//! block …   entries, then the CRC-32 of them
//! tail      where blocks begin, their first keys, a filter of all keys (postcard)
//! end       length and CRC-32 of the tail, "ieumtbl1"
//! entry     length of the key, length of the value or 2^32-1 for a removed key (u32, little-endian), key, value
//! ```

use super::super::database::Failure;
use super::filter::{Filter, hash};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"ieumtbl1";
const END_BYTES: u64 = 16;
const CRC_BYTES: usize = 4;
const LENGTHS_BYTES: usize = 8;
const REMOVED: u32 = u32::MAX;
/// Bytes of entries that make a block: what a read of one record costs.
const BLOCK_BYTES: usize = 4096;

/// Which batches a table holds: the numbers of the first and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Span {
    pub(super) fn file_name(self) -> String {
        format!("{:010}-{:010}.table", self.first, self.last)
    }

    pub(super) fn of_file_name(name: &str) -> Option<Self> {
        let (first, last) = name.strip_suffix(".table")?.split_once('-')?;
        let span = Self { first: first.parse().ok()?, last: last.parse().ok()? };
        (span.first <= span.last).then_some(span)
    }

    pub(super) fn holds(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Tail {
    /// Where each block ends in the file; it begins where the one before ends.
    ends: Vec<u64>,
    /// First keys of all blocks, one behind the other, and where each ends.
    keys: Vec<u8>,
    key_ends: Vec<u32>,
    filter: Filter,
}

impl Tail {
    fn first_key(&self, block: usize) -> &[u8] {
        let at = |n: usize| self.key_ends.get(n).map_or(0, |end| *end as usize);
        let from = block.checked_sub(1).map_or(0, at);
        self.keys.get(from..at(block)).unwrap_or_default()
    }

    fn block(&self, block: usize) -> Option<Range<u64>> {
        let from = block.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        Some(from..*self.ends.get(block)?)
    }

    /// The only block that may hold a key: the last that does not begin behind it.
    fn block_of(&self, key: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.first_key(middle) <= key { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1)
    }
}

/// A table that is open for reading.
pub(super) struct Table {
    pub(super) span: Span,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    file: File,
    tail: Tail,
}

impl Table {
    pub(super) fn open(path: PathBuf, span: Span) -> Result<Self, Failure> {
        let damaged = || Failure::Damaged(format!("{} does not end as a table does", path.display()));
        let file = File::open(&path)?;
        let bytes = file.metadata()?.len();
        let mut end = [0; END_BYTES as usize];
        let tail_end = bytes.checked_sub(END_BYTES).ok_or_else(damaged)?;
        file.read_exact_at(&mut end, tail_end)?;
        let (length, crc) = (number(&end[..4]), number(&end[4..8]));
        let tail_start = tail_end.checked_sub(u64::from(length)).ok_or_else(damaged)?;
        if end[8..] != MAGIC {
            return Err(damaged());
        }
        let mut tail = vec![0; length as usize];
        file.read_exact_at(&mut tail, tail_start)?;
        if crc32fast::hash(&tail) != crc {
            return Err(damaged());
        }
        let tail = postcard::from_bytes(&tail).map_err(|_| damaged())?;
        Ok(Self { span, path, bytes, file, tail })
    }

    /// The value under a key, or that it was removed; none where this table knows nothing of it.
    pub(super) fn get(&self, key: &[u8], hash: u64) -> Result<Option<Option<Vec<u8>>>, Failure> {
        if !self.tail.filter.may_hold(hash) {
            return Ok(None);
        }
        let Some(block) = self.tail.block_of(key) else { return Ok(None) };
        let mut bytes = Vec::new();
        self.read(block, &mut bytes)?;
        let mut at = 0;
        while let Some(entry) = self.entry(&bytes, at)? {
            match bytes[entry.key.clone()].cmp(key) {
                std::cmp::Ordering::Less => at = entry.end,
                std::cmp::Ordering::Equal => return Ok(Some(entry.value.map(|value| bytes[value].to_vec()))),
                std::cmp::Ordering::Greater => break,
            }
        }
        Ok(None)
    }

    /// Reads the entries of a block; whether there is such a block.
    fn read(&self, block: usize, into: &mut Vec<u8>) -> Result<bool, Failure> {
        let Some(place) = self.tail.block(block) else { return Ok(false) };
        let length = place.end.checked_sub(place.start).and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|length| place.end <= self.bytes && *length >= CRC_BYTES);
        into.resize(length.ok_or_else(|| self.damaged())?, 0);
        self.file.read_exact_at(into, place.start)?;
        let entries = into.len() - CRC_BYTES;
        if crc32fast::hash(&into[..entries]) != number(&into[entries..]) {
            return Err(self.damaged());
        }
        into.truncate(entries);
        Ok(true)
    }

    fn entry(&self, block: &[u8], at: usize) -> Result<Option<Entry>, Failure> {
        if at == block.len() {
            return Ok(None);
        }
        Entry::read(block, at).map(Some).ok_or_else(|| self.damaged())
    }

    fn damaged(&self) -> Failure {
        Failure::Damaged(format!("{} holds a block that does not read", self.path.display()))
    }
}

/// Where the parts of an entry lie in its block.
struct Entry {
    key: Range<usize>,
    value: Option<Range<usize>>,
    end: usize,
}

impl Entry {
    fn read(block: &[u8], at: usize) -> Option<Self> {
        let lengths = block.get(at..at + LENGTHS_BYTES)?;
        let (key, value) = (number(&lengths[..4]), number(&lengths[4..]));
        let key_start = at + LENGTHS_BYTES;
        let key = key_start..key_start.checked_add(key as usize)?;
        let value = match value {
            REMOVED => None,
            length => Some(key.end..key.end.checked_add(length as usize)?),
        };
        let end = value.as_ref().map_or(key.end, |value| value.end);
        (end <= block.len()).then_some(Self { key, value, end })
    }
}

/// Walks a table in key order.
pub(super) struct Cursor {
    table: Arc<Table>,
    bytes: Vec<u8>,
    block: usize,
    entry: Option<Entry>,
}

impl Cursor {
    /// At the first entry that is not before `from`.
    pub(super) fn at(table: Arc<Table>, from: &[u8]) -> Result<Self, Failure> {
        let block = table.tail.block_of(from).unwrap_or(0);
        let mut cursor = Self { table, bytes: Vec::new(), block, entry: None };
        cursor.enter()?;
        while cursor.key().is_some_and(|key| key < from) {
            cursor.advance()?;
        }
        Ok(cursor)
    }

    pub(super) fn key(&self) -> Option<&[u8]> {
        self.entry.as_ref().map(|entry| &self.bytes[entry.key.clone()])
    }

    /// The value where the cursor stands; none where the key was removed.
    pub(super) fn value(&self) -> Option<&[u8]> {
        self.entry.as_ref().and_then(|entry| entry.value.clone()).map(|value| &self.bytes[value])
    }

    pub(super) fn advance(&mut self) -> Result<(), Failure> {
        let Some(entry) = self.entry.take() else { return Ok(()) };
        self.entry = self.table.entry(&self.bytes, entry.end)?;
        if self.entry.is_none() {
            self.block += 1;
            self.enter()?;
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<(), Failure> {
        if self.table.read(self.block, &mut self.bytes)? {
            self.entry = self.table.entry(&self.bytes, 0)?;
        }
        Ok(())
    }
}

/// Writes a table: entries in key order, then [`Self::finish`]. Under another name until it is whole.
pub(super) struct Builder {
    unfinished: PathBuf,
    file: BufWriter<File>,
    at: u64,
    block: Vec<u8>,
    hashes: Vec<u64>,
    ends: Vec<u64>,
    keys: Vec<u8>,
    key_ends: Vec<u32>,
}

impl Builder {
    pub(super) fn begin(dir: &Path, span: Span) -> Result<Self, Failure> {
        let unfinished = dir.join(span.file_name()).with_extension("unfinished");
        let file = BufWriter::with_capacity(1 << 16, File::create(&unfinished)?);
        Ok(Self {
            unfinished,
            file,
            at: 0,
            block: Vec::with_capacity(2 * BLOCK_BYTES),
            hashes: Vec::new(),
            ends: Vec::new(),
            keys: Vec::new(),
            key_ends: Vec::new(),
        })
    }

    /// Adds an entry, in key order; a value that is none says that older tables' is gone.
    pub(super) fn push(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Failure> {
        if self.block.is_empty() {
            self.keys.extend_from_slice(key);
            self.key_ends.push(length(self.keys.len())?);
        }
        let size = value.map_or(Ok(REMOVED), |value| length(value.len()))?;
        self.block.extend_from_slice(&length(key.len())?.to_le_bytes());
        self.block.extend_from_slice(&size.to_le_bytes());
        self.block.extend_from_slice(key);
        self.block.extend_from_slice(value.unwrap_or_default());
        self.hashes.push(hash(key));
        if self.block.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<(), Failure> {
        if self.block.is_empty() {
            return Ok(());
        }
        let crc = crc32fast::hash(&self.block);
        self.block.extend_from_slice(&crc.to_le_bytes());
        self.file.write_all(&self.block)?;
        self.at += self.block.len() as u64;
        self.ends.push(self.at);
        self.block.clear();
        Ok(())
    }

    /// Puts the table under its name, on disk whole.
    pub(super) fn finish(mut self, dir: &Path, span: Span) -> Result<Table, Failure> {
        self.end_block()?;
        let filter = Filter::of(&self.hashes);
        let tail = Tail { ends: self.ends, keys: self.keys, key_ends: self.key_ends, filter };
        let bytes = postcard::to_stdvec(&tail).map_err(|error| Failure::Damaged(error.to_string()))?;
        self.file.write_all(&bytes)?;
        self.file.write_all(&length(bytes.len())?.to_le_bytes())?;
        self.file.write_all(&crc32fast::hash(&bytes).to_le_bytes())?;
        self.file.write_all(&MAGIC)?;
        let file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_data()?;
        drop(file);
        let path = dir.join(span.file_name());
        std::fs::rename(&self.unfinished, &path)?;
        let bytes = self.at + bytes.len() as u64 + END_BYTES;
        Ok(Table { span, file: File::open(&path)?, path, bytes, tail })
    }
}

/// A length as it is stored. One that four bytes do not hold is larger than any record that a broker takes.
fn length(bytes: usize) -> Result<u32, Failure> {
    let told = u32::try_from(bytes).ok().filter(|length| *length != REMOVED);
    told.ok_or_else(|| Failure::Damaged(format!("an entry of {bytes} bytes cannot be stored")))
}

fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}
