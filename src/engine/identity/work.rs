//! One record's work: state as this record has changed it so far, and what leaves.

use super::super::effect::{Effects, Fact, Output};
use super::super::layout::{HOUSEHOLDS_LOG, Layout, SUBJECTS_LOG};
use super::super::message::{HouseholdMessage, SubjectMessage, encode};
use super::super::state::{Key, Record, StateRead};
use crate::types::{Day, EntityId, SmolStr, StreamTime, SubjectId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// State with this record's writes over it, and the effects so far.
pub(super) struct Work<'a> {
    pub(super) state: &'a dyn StateRead,
    pub(super) layout: &'a Layout,
    pub(super) now: StreamTime,
    /// Headers that every record caused by this one carries.
    pub(super) headers: Vec<(SmolStr, Vec<u8>)>,
    pub(super) delta: BTreeMap<Key, Option<Arc<Record>>>,
    pub(super) outputs: Vec<Output>,
    pub(super) facts: Vec<Fact>,
    /// For whom outputs are made, as in [`Effects::made_for`].
    pub(super) made_for: Vec<(usize, SmolStr)>,
}

impl Work<'_> {
    /// A record as it is by now.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Record>> {
        self.delta.get(key).cloned().unwrap_or_else(|| self.state.get(key))
    }

    /// Writes a record, or deletes it.
    pub(super) fn put(&mut self, key: Key, record: Option<Record>) {
        self.delta.insert(key, record.map(Arc::new));
    }

    /// Today by stream time; none before the first tick.
    pub(super) fn today(&self) -> Option<Day> {
        (self.now > StreamTime::ZERO).then(|| self.now.day())
    }

    /// Sends a message to a household.
    pub(super) fn tell_household(&mut self, household: &EntityId, message: &HouseholdMessage) {
        self.send(HOUSEHOLDS_LOG, household.as_str(), encode(message));
    }

    /// Sends a message to a subject.
    pub(super) fn tell_subject(&mut self, subject: &SubjectId, message: &SubjectMessage) {
        self.send(SUBJECTS_LOG, subject.as_str(), encode(message));
    }

    fn send(&mut self, topic: &str, key: &str, value: Vec<u8>) {
        self.outputs.push(Output {
            topic: SmolStr::new(topic),
            partition: self.layout.partition(topic, key),
            key: Some(key.as_bytes().to_vec()),
            value,
            headers: self.headers.clone(),
        });
    }

    /// The record's effects.
    pub(super) fn finish(self) -> Effects {
        let delta = self.delta.into_iter().collect();
        Effects { outputs: self.outputs, delta, facts: self.facts, made_for: self.made_for }
    }
}
