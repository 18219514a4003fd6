//! The whole spine as `ieum run` runs it, each scenario on a broker of its own, since topics have the contracts' names.

mod accounts;
mod decisions;
mod downtime;
mod faults;
mod hand;
mod order;
pub(crate) mod process;
#[path = "../../spine/mod.rs"]
mod shared;
mod silence;
mod verify;
mod whole;
mod world;

use shared::fields;
