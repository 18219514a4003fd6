//! A scan over what is on disk and the writes that are not there yet.

use super::Writes;
use super::disk::Disk;
use crate::engine::state::{Key, Record};
use std::ops::Bound;
use std::sync::Arc;

/// Up to `limit` records behind `after` in key order; the newest of `dirty`, `writing` and the disk counts.
pub(super) fn scan(
    disk: &Disk,
    writing: &Writes,
    dirty: &Writes,
    after: Option<&Key>,
    limit: usize,
) -> Vec<(Key, Arc<Record>)> {
    let from = || (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
    let mut newest = dirty.range::<Key, _>(from()).peekable();
    let mut newer = writing.range::<Key, _>(from()).peekable();
    let mut stored = disk.range(after, limit).peekable();
    let mut found = Vec::new();
    while found.len() < limit {
        let heads = [
            newest.peek().map(|(key, _)| *key),
            newer.peek().map(|(key, _)| *key),
            stored.peek().map(|(key, _)| key),
        ];
        let Some(key) = heads.into_iter().flatten().min().cloned() else { break };
        let on_disk = stored.next_if(|(k, _)| *k == key).map(|(_, record)| Some(record));
        let handed = newer.next_if(|(k, _)| **k == key).map(|(_, record)| record.clone());
        let written = newest.next_if(|(k, _)| **k == key).map(|(_, record)| record.clone());
        if let Some(Some(record)) = written.or(handed).or(on_disk) {
            found.push((key, record));
        }
    }
    found
}
