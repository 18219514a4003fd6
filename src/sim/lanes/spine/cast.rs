//! The few households of a city of whom much is told: a city small enough for a thousand runs, in which things happen.

use crate::contracts::Contracts;
use crate::sim::city::{City, Plan, RawRecord};
use crate::types::{Payload, SmolStr};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Households of a cast.
const HOUSEHOLDS: usize = 8;

/// Who plays.
#[derive(Clone, Debug, Default)]
pub(super) struct Cast {
    households: BTreeSet<u32>,
    /// What the registry, or a signal, has shown to be theirs.
    subjects: BTreeSet<SmolStr>,
}

impl Cast {
    /// The households of which a city tells most.
    pub(super) fn of(plan: &Plan, contracts: &Arc<Contracts>) -> Result<Self, String> {
        let mut city = City::new(plan.clone(), Arc::clone(contracts))?;
        let mut told: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for about in city.next(plan.end().start(), usize::MAX)?.iter().filter_map(|record| record.about) {
            told.entry(about.household).or_default().insert(about.thing);
        }
        let mut ranked: Vec<(usize, u32)> =
            told.into_iter().map(|(who, things)| (things.len(), who)).collect();
        ranked.sort_unstable_by(|a, b| b.cmp(a));
        let households = ranked.into_iter().take(HOUSEHOLDS).map(|(_, who)| who).collect();
        Ok(Self { households, subjects: BTreeSet::new() })
    }

    /// Whether a record is of this cast, or of nobody in particular.
    pub(super) fn takes(&mut self, record: &RawRecord, city: &City, contracts: &Contracts) -> bool {
        let topic = contracts.topic(&record.topic);
        let payload = topic.map(|topic| topic.read(record.key.as_deref(), record.value.as_deref()));
        let known = |household: &str| city.who(household).is_some_and(|who| self.households.contains(&who));
        match payload {
            Some(Ok(Payload::Link(link))) => {
                let is_theirs =
                    known(link.household.as_str()) || self.subjects.contains(link.subject.as_str());
                if is_theirs {
                    self.subjects.insert(link.subject.0.clone());
                }
                is_theirs
            }
            Some(Ok(Payload::Facts(facts))) => known(facts.entity.as_str()),
            Some(Ok(Payload::Signal(signal))) => {
                let owners = signal.owners.iter().map(|owner| owner.0.clone());
                let is_about = record.about.is_some_and(|about| self.households.contains(&about.household));
                if is_about {
                    self.subjects.extend(owners);
                    return true;
                }
                owners.into_iter().any(|owner| self.subjects.contains(&owner))
            }
            Some(Ok(Payload::Reading(reading))) => {
                reading.owners.iter().any(|owner| self.subjects.contains(owner.as_str()))
            }
            Some(Ok(Payload::Area(_) | Payload::Action(_) | Payload::Source(_)) | Err(_)) | None => true,
        }
    }
}
