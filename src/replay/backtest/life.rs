//! The life of an episode, as far as people see it, gathered from its revisions.

use super::super::Told;
use crate::types::{SmolStr, StreamTime};
use std::collections::BTreeMap;

/// An episode that people could see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Its id.
    pub id: SmolStr,
    /// Rule.
    pub rule: SmolStr,
    /// Household, by its pseudonym.
    pub household: SmolStr,
    /// Region of its queue as it opened; empty if none was known.
    pub region: SmolStr,
    /// Group of the household as it opened, where one was asked for.
    pub group: Option<SmolStr>,
    /// When it opened first.
    pub opened: StreamTime,
    /// The level as it opened.
    pub level: SmolStr,
    /// The gravest level of its life.
    pub gravest: SmolStr,
    /// When it was over; none if it was not.
    pub ended: Option<StreamTime>,
}

impl Life {
    /// Whether both were live at one time.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.ended.is_none_or(|ended| other.opened <= ended)
            && other.ended.is_none_or(|ended| self.opened <= ended)
    }

    /// What is compared of levels: as it opened, then at its gravest.
    pub(super) fn weight(&self) -> (usize, usize) {
        (rank(&self.level), rank(&self.gravest))
    }
}

fn rank(level: &str) -> usize {
    ["watch", "high", "critical"].iter().position(|known| *known == level).unwrap_or(0)
}

/// Gathers lives from revisions, in the order in which a replay tells them.
#[derive(Clone, Debug, Default)]
pub struct Lives(BTreeMap<SmolStr, Life>);

impl Lives {
    /// Takes a revision in. `group` is asked for once, as an episode opens.
    pub fn take(&mut self, told: &Told, group: impl FnOnce() -> Option<SmolStr>) {
        if let Some(life) = self.0.get_mut(&told.id) {
            if rank(&told.level) > rank(&life.gravest) {
                life.gravest.clone_from(&told.level);
            }
            life.ended = if told.ends() { life.ended.or(Some(told.at)) } else { None };
        } else if told.opens() {
            let life = Life {
                id: told.id.clone(),
                rule: told.rule.clone(),
                household: told.household.clone(),
                region: told.region.clone(),
                group: group(),
                opened: told.at,
                level: told.level.clone(),
                gravest: told.level.clone(),
                ended: None,
            };
            self.0.insert(told.id.clone(), life);
        }
    }

    /// All of them, by id.
    pub fn into_all(self) -> Vec<Life> {
        self.0.into_values().collect()
    }
}
