//! The whole spine as `ieum run` runs it, each scenario on a broker of its own, since topics have the contracts' names.

mod accounts;
mod hand;
mod process;
mod verify;
mod whole;
mod world;
