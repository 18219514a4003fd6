//! What the handling of one record works on: state with this record's own writes above it, households opened for
//! editing, and what is to leave.

use super::household::Household;
use super::role::Role;
use crate::engine::effect::{Effects, Fact, Output};
use crate::engine::state::{Key, Record, StateRead};
use crate::types::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One record's work.
pub(super) struct Work<'a> {
    role: Role,
    state: &'a dyn StateRead,
    written: BTreeMap<Key, Option<Arc<Record>>>,
    open: BTreeMap<SmolStr, Household>,
    pub(super) outputs: Vec<Output>,
    pub(super) facts: Vec<Fact>,
    made_for: Vec<(usize, SmolStr)>,
}

impl<'a> Work<'a> {
    pub(super) fn new(role: Role, state: &'a dyn StateRead) -> Self {
        Self {
            role,
            state,
            written: BTreeMap::new(),
            open: BTreeMap::new(),
            outputs: Vec::new(),
            facts: Vec::new(),
            made_for: Vec::new(),
        }
    }

    pub(super) fn put(&mut self, key: Key, record: Record) {
        self.written.insert(key, Some(Arc::new(record)));
    }

    pub(super) fn delete(&mut self, key: Key) {
        self.written.insert(key, None);
    }

    /// Takes a household out for editing; it comes back by [`Self::close`]. Steps of one record share it, so that an
    /// episode has one revision a record at most.
    pub(super) fn open(&mut self, entity: &SmolStr) -> Household {
        self.open.remove(entity).unwrap_or_else(|| Household::load(self.role, entity, self.state))
    }

    pub(super) fn close(&mut self, household: Household) {
        self.open.insert(household.entity().clone(), household);
    }

    /// All households that were opened, in order.
    pub(super) fn opened(&self) -> Vec<SmolStr> {
        self.open.keys().cloned().collect()
    }

    pub(super) fn state(&self) -> &'a dyn StateRead {
        self.state
    }

    /// What is put among the outputs from here on is said of this household.
    pub(super) fn begins_to_tell(&mut self, entity: &SmolStr) {
        self.made_for.push((self.outputs.len(), entity.clone()));
    }

    /// Adds what a household changed.
    pub(super) fn write(&mut self, delta: Vec<(Key, Option<Arc<Record>>)>) {
        self.written.extend(delta);
    }

    pub(super) fn finish(self) -> Effects {
        debug_assert!(self.open.is_empty(), "every household that was opened has been written");
        let delta = self.written.into_iter().collect();
        Effects { outputs: self.outputs, delta, facts: self.facts, made_for: self.made_for }
    }
}
