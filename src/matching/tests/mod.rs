//! The evaluator's meaning in cases, and the indexes against the evaluator.

mod cases;
mod laws;
mod refusals;
mod sizes;

use super::{Clause, Formula, Found, Predicate, Profile, Profiles, Reach, Schema, Tier, tier};
use std::collections::BTreeMap;

/// A predicate of one conjunction.
fn all(schema: &Schema, clauses: impl IntoIterator<Item = Clause>, unknown_at_most: u8) -> Predicate {
    let clauses = clauses.into_iter().map(Formula::Clause).collect();
    Predicate::new(schema, &Formula::All(clauses), unknown_at_most).expect("a predicate that fits")
}

/// What the evaluator finds among numbered tiers, as far as a search reaches.
fn expected(tiers: impl IntoIterator<Item = (u32, Tier)>, reach: Reach) -> Found {
    let mut found = Found::default();
    for (no, tier) in tiers {
        match tier {
            Tier::Match => found.matches.push(no),
            Tier::Possible if reach >= Reach::Possible => found.possible.push(no),
            Tier::NearMiss if reach >= Reach::NearMisses => found.near.push(no),
            Tier::Possible | Tier::NearMiss | Tier::Beyond => {}
        }
    }
    found
}

const REACHES: [Reach; 3] = [Reach::Matches, Reach::Possible, Reach::NearMisses];

/// The index of profiles against the evaluator over each of them.
fn check_profiles(index: &Profiles, profiles: &BTreeMap<u32, Profile>, predicate: &Predicate) {
    for reach in REACHES {
        let tiers = profiles.iter().map(|(no, profile)| (*no, tier(predicate, profile)));
        assert_eq!(index.find(predicate, reach), expected(tiers, reach), "{reach:?} of {predicate:?}");
    }
}
