//! A store in memory: for the embedded broker, tests and benchmarks. It forgets everything with its process.

use super::io::{Store, StorePosition};
use crate::engine::state::{Key, MemoryState, Record, StateRead};
use std::sync::Arc;

/// A store in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    state: MemoryState,
    position: Option<StorePosition>,
}

impl Store for MemoryStore {
    fn position(&self) -> Option<StorePosition> {
        self.position
    }

    fn get(&self, key: &Key) -> Option<Arc<Record>> {
        self.state.get(key)
    }

    fn scan(&self, after: Option<&Key>, limit: usize) -> Vec<(Key, Arc<Record>)> {
        self.state.scan(after, limit)
    }

    fn apply(&mut self, delta: &[(Key, Option<Arc<Record>>)], position: StorePosition) {
        self.state.apply(delta);
        self.position = Some(position);
    }

    fn wipe(&mut self) {
        *self = Self::default();
    }
}
