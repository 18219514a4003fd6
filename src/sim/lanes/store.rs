//! Local stores that a process may keep, lose or find corrupt when it comes back.

use crate::engine::lane::io::{Store, StoreFault, StorePosition, TopicPartition};
use crate::engine::lane::memory::MemoryStore;
use crate::engine::state::{Key, Record};
use crate::types::SmolStr;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Disks by (machine, partition).
#[derive(Clone, Debug, Default)]
pub struct Disks {
    disks: Arc<Mutex<BTreeMap<(SmolStr, TopicPartition), Disk>>>,
}

#[derive(Clone, Debug, Default)]
struct Disk {
    content: MemoryStore,
    corrupt: bool,
    /// How often it was opened: it belongs to whoever opened it last.
    opened: u64,
    /// Another lane of the machine has it open.
    held: bool,
}

/// What became of a machine's disks while its process was away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Gone.
    Wiped,
    /// Not readable.
    Corrupt,
}

impl Disks {
    /// Opens a store.
    pub fn open(&self, machine: &str, at: &TopicPartition) -> SimStore {
        let place = (SmolStr::new(machine), at.clone());
        let disk = self.with(|disks| {
            let disk = disks.entry(place.clone()).or_default();
            disk.opened += 1;
            disk.clone()
        });
        // Batches of one to seven commits, by place and not by chance: a store has no seed.
        let every = at.partition.unsigned_abs() % 7 + 1;
        let Disk { content, corrupt, opened, held } = disk;
        SimStore { disks: self.clone(), place, live: content, corrupt, opened, held, every, waiting: 0 }
    }

    /// Another lane of a machine has all its disks open, or no longer.
    pub fn hold(&self, machine: &str, held: bool) {
        self.with(|disks| {
            disks.iter_mut().filter(|((of, _), _)| of == machine).for_each(|(_, disk)| disk.held = held);
        });
    }

    /// Lets all disks of a machine suffer.
    pub fn lose(&self, machine: &str, loss: Loss) {
        self.with(|disks| {
            for (_, disk) in disks.iter_mut().filter(|((of, _), _)| of == machine) {
                match loss {
                    Loss::Wiped => (disk.content, disk.corrupt) = (MemoryStore::default(), false),
                    Loss::Corrupt => disk.corrupt = true,
                }
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<(SmolStr, TopicPartition), Disk>) -> T) -> T {
        act(&mut self.disks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A store that reaches its disk every few commits, whole: a crash finds it as of an earlier one.
#[derive(Clone, Debug)]
pub struct SimStore {
    disks: Disks,
    place: (SmolStr, TopicPartition),
    live: MemoryStore,
    corrupt: bool,
    opened: u64,
    held: bool,
    every: u32,
    waiting: u32,
}

impl SimStore {
    fn keep(&self) {
        self.disks.with(|disks| {
            let disk = disks.entry(self.place.clone()).or_default();
            if disk.opened == self.opened {
                (disk.content, disk.corrupt) = (self.live.clone(), self.corrupt);
            }
        });
    }
}

impl Store for SimStore {
    fn position(&self) -> Option<StorePosition> {
        self.live.position()
    }

    fn get(&self, key: &Key) -> Option<Arc<Record>> {
        self.live.get(key).filter(|_| !self.corrupt)
    }

    fn scan(&self, after: Option<&Key>, limit: usize) -> Vec<(Key, Arc<Record>)> {
        if self.corrupt { Vec::new() } else { self.live.scan(after, limit) }
    }

    fn apply(&mut self, delta: &[(Key, Option<Arc<Record>>)], position: StorePosition) {
        self.live.apply(delta, position);
        self.waiting += 1;
        if self.waiting >= self.every {
            self.waiting = 0;
            self.keep();
        }
    }

    fn wipe(&mut self) {
        self.live.wipe();
        self.corrupt = false;
        self.keep();
    }

    fn fault(&self) -> Option<StoreFault> {
        if self.held {
            return Some(StoreFault::Held(String::from("simulated")));
        }
        self.corrupt.then(|| StoreFault::Corrupt(String::from("simulated")))
    }
}
