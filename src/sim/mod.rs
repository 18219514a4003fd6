//! Simulated world: a pipeline of the real tasks in one thread, a simulated broker with faults for the real lane, a
//! synthetic city with its hidden truth, and the driver of rule tests. Pure and seeded: the same seed gives the same world.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod rng;
pub mod city;
pub mod faults;
pub mod broker;
pub mod lanes;
pub mod pipeline;
pub mod ground;
pub mod run;
pub mod score;
pub mod ruletest;
