//! Connectors against a service of this machine that answers as the documented one does, faults included: nothing is lost and
//! nothing doubled, whatever goes wrong at whichever request or commit.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cases;
mod desk;
mod faults;
mod laws;
mod list;
mod mock;
mod server;
