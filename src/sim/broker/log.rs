//! One partition: records and transaction markers, the last stable offset, compaction.

use crate::engine::lane::io::{Bounds, Outgoing, Polled, TopicPartition};
use crate::types::SmolStr;
use std::collections::BTreeMap;

/// A partition's log.
#[derive(Clone, Debug, Default)]
pub(super) struct PartitionLog {
    entries: Vec<Entry>,
    /// First offset of each producer's open transaction.
    open: BTreeMap<u64, i64>,
}

#[derive(Clone, Debug)]
enum Entry {
    /// A record, and what became of its transaction.
    Data { record: Stored, fate: Fate },
    /// A transaction marker; it takes an offset and is never read.
    Control,
    /// Compaction took it away.
    Gone,
}

#[derive(Clone, Debug)]
struct Stored {
    timestamp_ms: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(SmolStr, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open(u64),
    Committed,
    Aborted,
}

fn signed(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

impl PartitionLog {
    /// Appends a record, in a producer's open transaction or outside any.
    pub(super) fn append(&mut self, producer: Option<u64>, record: &Outgoing<'_>, now_ms: u64) -> i64 {
        let offset = signed(self.entries.len());
        let fate = producer.map_or(Fate::Committed, Fate::Open);
        if let Some(producer) = producer {
            self.open.entry(producer).or_insert(offset);
        }
        self.entries.push(Entry::Data {
            record: Stored {
                timestamp_ms: i64::try_from(now_ms).unwrap_or(i64::MAX),
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: record.headers.to_vec(),
            },
            fate,
        });
        offset
    }

    /// Lays a record down where and when another log has it.
    pub(super) fn lay(&mut self, record: &Polled) {
        while signed(self.entries.len()) < record.offset {
            self.entries.push(Entry::Control);
        }
        let (key, value, headers) = (record.key.clone(), record.value.clone(), record.headers.clone());
        let record = Stored { timestamp_ms: record.timestamp_ms, key, value, headers };
        self.entries.push(Entry::Data { record, fate: Fate::Committed });
    }

    /// Writes a producer's marker, if it has something open here.
    pub(super) fn mark(&mut self, producer: u64, commit: bool) {
        let Some(first) = self.open.remove(&producer) else { return };
        let ended = if commit { Fate::Committed } else { Fate::Aborted };
        for entry in self.entries.iter_mut().skip(usize::try_from(first).unwrap_or(0)) {
            if let Entry::Data { fate, .. } = entry
                && *fate == Fate::Open(producer)
            {
                *fate = ended;
            }
        }
        self.entries.push(Entry::Control);
    }

    pub(super) fn bounds(&self) -> Bounds {
        let high = signed(self.entries.len());
        let stable = self.open.values().copied().min().unwrap_or(high);
        Bounds { start: 0, stable, high }
    }

    /// The first committed record at or behind `from`, read-committed; or the position where reading ends.
    pub(super) fn read(&self, at: &TopicPartition, from: i64) -> Result<Polled, i64> {
        let stable = self.bounds().stable;
        let mut offset = from.max(0);
        while offset < stable {
            match self.entries.get(usize::try_from(offset).unwrap_or(usize::MAX)) {
                Some(Entry::Data { record, fate: Fate::Committed }) => {
                    return Ok(Polled {
                        at: at.clone(),
                        offset,
                        timestamp_ms: record.timestamp_ms,
                        key: record.key.clone(),
                        value: record.value.clone(),
                        headers: record.headers.clone(),
                    });
                }
                _ => offset += 1,
            }
        }
        Err(offset)
    }

    /// Compaction as the broker does it: of committed records older than `before_ms` only the newest of a key stays,
    /// deletes go once they are older than `deletes_before_ms`, and aborted records go. The tail is never touched.
    pub(super) fn compact(&mut self, before_ms: i64, deletes_before_ms: i64) {
        let stable = usize::try_from(self.bounds().stable).unwrap_or(0);
        let mut newest: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for (index, entry) in self.entries.iter().enumerate().take(stable) {
            if let Entry::Data { record, fate: Fate::Committed } = entry {
                newest.insert(record.key.clone().unwrap_or_default(), index);
            }
        }
        for (index, entry) in self.entries.iter_mut().enumerate().take(stable) {
            let Entry::Data { record, fate } = entry else { continue };
            let superseded = newest.get(record.key.as_deref().unwrap_or_default()) != Some(&index);
            let forgotten = record.value.is_none() && record.timestamp_ms < deletes_before_ms;
            if record.timestamp_ms < before_ms && (superseded || forgotten || *fate == Fate::Aborted) {
                *entry = Entry::Gone;
            }
        }
    }
}
