//! Decoded records in memory under a byte budget: the clock algorithm, which approximates least-recently-used with one
//! bit a record and no list to keep in order on a read.

use crate::engine::state::{Key, Record};
use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

struct Slot {
    record: Option<Arc<Record>>,
    weight: usize,
    used: Cell<bool>,
}

/// What a slot takes beside its record.
const SLOT_BYTES: usize = 160;

/// The cache. It knows absences too: most events meet a household for the first time.
pub(super) struct Cache {
    budget: usize,
    bytes: usize,
    slots: HashMap<Key, Slot>,
    hand: VecDeque<Key>,
}

impl Cache {
    pub(super) fn new(budget: usize) -> Self {
        Self { budget, bytes: 0, slots: HashMap::new(), hand: VecDeque::new() }
    }

    /// The record, or its known absence; none if nothing is known.
    pub(super) fn get(&self, key: &Key) -> Option<Option<Arc<Record>>> {
        let slot = self.slots.get(key)?;
        slot.used.set(true);
        Some(slot.record.clone())
    }

    pub(super) fn put(&mut self, key: Key, record: Option<Arc<Record>>, weight: usize) {
        let weight = weight + SLOT_BYTES;
        self.bytes += weight;
        match self.slots.get_mut(&key) {
            Some(slot) => {
                self.bytes -= slot.weight;
                (slot.record, slot.weight) = (record, weight);
                slot.used.set(true);
            }
            None => {
                self.hand.push_back(key.clone());
                self.slots.insert(key, Slot { record, weight, used: Cell::new(false) });
            }
        }
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.bytes > self.budget {
            let Some(key) = self.hand.pop_front() else { return };
            match self.slots.get(&key) {
                Some(slot) if slot.used.replace(false) => self.hand.push_back(key),
                _ => {
                    if let Some(slot) = self.slots.remove(&key) {
                        self.bytes -= slot.weight;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::job::Job;
    use crate::engine::state::Sub;

    fn key(n: usize) -> Key {
        Key::new(format!("e{n}"), Sub::Head)
    }

    fn record(n: u8) -> Option<Arc<Record>> {
        Some(Arc::new(Record::Job(Job::Other { kind: "t".into(), cursor: vec![n] })))
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let mut cache = Cache::new(10 * (SLOT_BYTES + 100));
        cache.put(key(0), record(7), 100);
        for n in 1..100 {
            assert_eq!(cache.get(&key(0)), Some(record(7)), "after {n}");
            cache.put(key(n), record(1), 100);
        }
        assert!(cache.get(&key(5)).is_none());
        assert!(cache.bytes <= cache.budget && cache.slots.len() == 10, "{}", cache.slots.len());
        assert_eq!(cache.hand.len(), cache.slots.len());
    }

    #[test]
    fn a_replaced_record_is_counted_once_and_absence_is_known() {
        let mut cache = Cache::new(1 << 20);
        for n in 0..50 {
            cache.put(key(1), record(n), 1000);
        }
        cache.put(key(1), None, 0);
        assert_eq!(cache.bytes, SLOT_BYTES);
        assert_eq!(cache.get(&key(1)), Some(None));
    }
}
