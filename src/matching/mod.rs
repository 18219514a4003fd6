//! Which profiles an offer fits, and which offers fit a profile: one predicate form, its plain evaluator, and an index for
//! each direction that answers exactly what the evaluator answers.
//!
//! [`judge`] is the definition. [`Profiles`] finds the profiles of one predicate, [`Notices`] the predicates of one profile.
//! Both know numbers alone: whoever holds the entities numbers them from 0 upwards, without large holes. What fails, and by
//! how much, [`judge`] tells of the few that are shown.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod schema;
mod profile;
mod test;
mod predicate;
mod naive;
mod profiles;
mod notices;

#[cfg(test)]
mod tests;

pub use naive::{Gap, Reason, Tier, Verdict, judge, tier};
pub use notices::{Notices, Scratch};
pub use predicate::{
    Clause, Formula, IfAbsent, Limit, MAX_CLAUSES, MAX_CONJUNCTIONS, MAX_UNKNOWN, Predicate, PredicateMistake,
};
pub use profile::{FieldValue, Profile, ProfileMistake};
pub use profiles::{Profiles, Report};
pub use schema::{
    CodeNo, Dictionary, Field, FieldId, FieldKind, MAX_FIELDS, MOST_OF_A_DICTIONARY, Schema, SchemaMistake,
};
pub use test::{Codes, Reading, Test};

/// What a search looks for: a wider reach includes the narrower ones and costs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// [`Tier::Match`] alone.
    Matches,
    /// [`Tier::Possible`] too: what is unknown is asked.
    Possible,
    /// [`Tier::NearMiss`] too, on demand.
    NearMisses,
}

/// Numbers found, ascending in each tier, none in two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Nothing fails, nothing is unknown.
    pub matches: Vec<u32>,
    /// Nothing fails, a few clauses are unknown.
    pub possible: Vec<u32>,
    /// Exactly one clause fails, at most a few are unknown.
    pub near: Vec<u32>,
}
