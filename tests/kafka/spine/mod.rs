//! The whole spine as `ieum run` runs it, each scenario on a broker of its own, since topics have the contracts' names.

mod accounts;
mod downtime;
mod faults;
mod hand;
mod process;
mod silence;
mod verify;
mod whole;
mod world;
