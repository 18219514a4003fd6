//! Behaviour of the stage, as scripts: a line says when (stream time from the start, 2026-03-01 00:00 KST) and what comes
//! into the log; after `----` stand the lines that leave, in order.

mod cases;
mod laws;
mod packs;
mod script;
mod town;

pub(super) use script::check;
pub(super) use town::Town;
