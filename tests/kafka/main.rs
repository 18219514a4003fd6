//! What only a real broker can judge. One Apache Kafka for the whole run, from `deploy/local-kafka`; each test has topics
//! and an application id of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod broker;
mod collect;
mod commands;
mod harness;
#[path = "../collect/list.rs"]
#[allow(dead_code, reason = "tests/collect uses all of it")]
mod list;
mod opening;
mod operations;
#[path = "../reference/mod.rs"]
mod reference;
mod runtime;
#[path = "../collect/server.rs"]
#[allow(dead_code, reason = "tests/collect uses all of it")]
mod server;
mod spine;
