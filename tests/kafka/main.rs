//! What only a real broker can judge. One Apache Kafka for the whole run, from `deploy/local-kafka`; each test has topics
//! and an application id of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod broker;
mod commands;
mod harness;
mod opening;
mod operations;
#[path = "../reference/mod.rs"]
mod reference;
mod runtime;
mod spine;
