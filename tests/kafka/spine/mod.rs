//! The whole spine as `ieum run` runs it, each scenario on a broker of its own, since topics have the contracts' names.

mod accounts;
mod downtime;
mod faults;
#[path = "../../spine/fields.rs"]
mod fields;
mod hand;
mod process;
mod silence;
mod verify;
mod whole;
mod world;
