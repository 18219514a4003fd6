//! The rule language: source text → checked, typed plan; params; evaluation; rule tests; explanation.
//! What each construct means is fixed in `rules/README.md`.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod plan;
mod index;
pub mod eval;
