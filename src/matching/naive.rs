//! The plain evaluator: what the indexes must answer, and what tells why.

use super::predicate::{Clause, Limit, Predicate};
use super::profile::{FieldValue, Profile};
use super::test::{Codes, Reading, Test};
use crate::rules::eval::Truth;
use crate::types::SmolStr;

/// How near a profile is to a predicate, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Nothing fails, nothing is unknown.
    Match,
    /// Nothing fails; one clause or more, and no more than the predicate allows, are unknown.
    Possible,
    /// Exactly one clause fails, and no more than the predicate allows are unknown.
    NearMiss,
    /// Anything else: nothing is told, yet counsel reaches it.
    Beyond,
}

impl Tier {
    fn of(failing: usize, unknown: usize, predicate: &Predicate) -> Self {
        let few = unknown <= usize::from(predicate.unknown_at_most());
        match (failing, unknown) {
            (0, 0) => Self::Match,
            (0, _) if few => Self::Possible,
            (1, _) if few => Self::NearMiss,
            _ => Self::Beyond,
        }
    }
}

/// What a predicate says of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Of the best conjunction.
    pub tier: Tier,
    /// Which one that is: of the best tier, the one with fewest failing, then fewest unknown clauses, then the first.
    pub conjunction: usize,
    /// Its clauses that fail, in their order.
    pub failing: Vec<Reason>,
    /// Its clauses that are unknown, in their order.
    pub unknown: Vec<SmolStr>,
}

/// Why a clause fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The clause.
    pub clause: SmolStr,
    /// What would make it pass.
    pub gap: Gap,
}

/// What lies between a value and a limit that it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The nearest number that passes, and how far it is; a profile may not be able to have it.
    Number {
        /// The number.
        nearest: i64,
        /// The distance, at least 1.
        distance: u64,
    },
    /// One of these codes would do.
    OneOf(Codes),
    /// These codes are missing, all of them: of several groups the one that lacks fewest.
    Lacks(Codes),
    /// Codes that exclude.
    Excluded(Codes),
    /// The contrary answer would do.
    Answer(bool),
    /// Nothing a profile could have.
    None,
}

/// The tier of a profile, without reasons.
pub fn tier(predicate: &Predicate, profile: &Profile) -> Tier {
    let tiers = predicate.conjunctions().iter().map(|clauses| {
        let (failing, unknown) = count(clauses, profile);
        Tier::of(failing, unknown, predicate)
    });
    tiers.min().unwrap_or(Tier::Beyond)
}

/// What a predicate says of a profile, with reasons.
pub fn judge(predicate: &Predicate, profile: &Profile) -> Verdict {
    let ranked = predicate.conjunctions().iter().enumerate().map(|(at, clauses)| {
        let (failing, unknown) = count(clauses, profile);
        (Tier::of(failing, unknown, predicate), failing, unknown, at)
    });
    let (tier, _, _, conjunction) = ranked.min().unwrap_or((Tier::Beyond, 0, 0, 0));
    let mut verdict = Verdict { tier, conjunction, failing: Vec::new(), unknown: Vec::new() };
    for clause in predicate.conjunctions().get(conjunction).into_iter().flatten() {
        let value = profile.value(clause.field);
        match clause.truth(value) {
            Truth::True => {}
            Truth::Unknown => verdict.unknown.push(clause.id.clone()),
            Truth::False => {
                verdict.failing.push(Reason { clause: clause.id.clone(), gap: gap(clause, value) });
            }
        }
    }
    verdict
}

fn count(clauses: &[Clause], profile: &Profile) -> (usize, usize) {
    clauses.iter().fold((0, 0), |(failing, unknown), clause| {
        match clause.truth(profile.value(clause.field)) {
            Truth::True => (failing, unknown),
            Truth::False => (failing + 1, unknown),
            Truth::Unknown => (failing, unknown + 1),
        }
    })
}

/// Of two readings that agree the first one's gap is told.
fn gap(clause: &Clause, value: &FieldValue) -> Gap {
    let (Limit::Set(reading) | Limit::Agree(reading, _)) = &clause.limit else { return Gap::None };
    match (&reading.test, value) {
        (Test::Between { least, most }, FieldValue::Number(n)) => number_gap(*least, *most, reading.not, *n),
        (Test::Is(_), FieldValue::YesNo(yes)) => Gap::Answer(!yes),
        (Test::In(_), FieldValue::Code(code)) if reading.not => Gap::Excluded(Codes::new([*code])),
        (Test::In(codes), FieldValue::Code(_)) => Gap::OneOf(codes.clone()),
        (_, FieldValue::Codes(has)) => codes_gap(reading, has),
        _ => Gap::None,
    }
}

fn number_gap(least: Option<i64>, most: Option<i64>, not: bool, n: i64) -> Gap {
    let (below, above) = if not {
        (least.and_then(|least| least.checked_sub(1)), most.and_then(|most| most.checked_add(1)))
    } else if least.zip(most).is_some_and(|(least, most)| least > most) {
        (None, None)
    } else {
        (most, least)
    };
    let near = below.into_iter().chain(above).min_by_key(|bound| n.abs_diff(*bound));
    near.map_or(Gap::None, |nearest| Gap::Number { nearest, distance: n.abs_diff(nearest) })
}

fn codes_gap(reading: &Reading, has: &Codes) -> Gap {
    let lacks = |group: &Codes| Codes::new(group.as_slice().iter().copied().filter(|code| !has.has(*code)));
    let groups = reading.test.groups();
    if reading.not {
        let named = groups.iter().flat_map(|group| group.as_slice()).copied();
        return Gap::Excluded(Codes::new(named.filter(|code| has.has(*code))));
    }
    match &reading.test {
        Test::AnyOf(codes) => Gap::OneOf(codes.clone()),
        Test::EachGroupAny(_) => {
            let unmet = groups.iter().find(|group| lacks(group) == **group);
            unmet.map_or(Gap::None, |group| Gap::OneOf(group.clone()))
        }
        Test::AllOf(_) | Test::SomeGroupAll(_) => {
            groups.iter().map(lacks).min_by_key(|codes| codes.as_slice().len()).map_or(Gap::None, Gap::Lacks)
        }
        Test::Between { .. } | Test::Is(_) | Test::In(_) => Gap::None,
    }
}
