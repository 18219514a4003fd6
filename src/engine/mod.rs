//! The stages' tasks: decode, route, keep state, evaluate, emit. A task is one partition's machine; all that can
//! go in and come out of it is listed in [`effect`].
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod effect;
pub mod message;
pub mod layout;
pub mod clock;
pub mod state;
pub mod job;
pub mod letter;
pub mod codes;
mod trace;
mod revert;
pub mod task;
pub mod lane;
pub mod intake;
pub mod identity;
pub mod households;
pub mod areas;
pub mod control;
