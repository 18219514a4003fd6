//! Recorded logs, and what is asked of them afterwards: why a rule said nothing of a household, why an alert was told, what
//! another pack would have told.
//!
//! Nothing here decides. A replay hands recorded records to the households task that runs in production and looks at what it
//! keeps and tells.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod form;
mod machine;
mod told;
pub mod whynot;
pub mod backtest;
pub mod truth;

#[cfg(test)]
pub(crate) mod tests;

pub use machine::{Machine, Scope};
pub use told::{Said, Told};
