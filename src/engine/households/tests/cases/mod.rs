//! The statements of the rule language's meaning that this stage keeps, one test each.

mod cooldown;
mod escalation;
mod life;
mod log;
mod parked;
mod suppression;

use super::packs::*;
use super::{Town, check};
use crate::rules::plan::Pack;

fn repeated() -> Vec<Pack> {
    vec![pack(1, vec![repeat()], vec![])]
}
