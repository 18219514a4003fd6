//! What tests of the whole spine share: raw records told to the reference and alerts read back as decisions.
#![allow(dead_code, reason = "each test that includes this uses a part of it")]

pub(crate) mod decided;
pub(crate) mod fields;
pub(crate) mod told;

use ieum::contracts::Contracts;
use ieum::rules::plan::Pack;
use std::sync::Arc;

/// The shipped rules.
pub(crate) fn shipped_pack(contracts: &Contracts) -> Arc<Pack> {
    let (pack, found) = ieum::rules::load(ieum::rules::builtin_files(), contracts);
    Arc::new(pack.unwrap_or_else(|| panic!("{found:#?}")))
}
