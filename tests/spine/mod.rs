//! What tests of the whole spine share: raw records told to the reference and alerts read back as decisions.
#![allow(dead_code, reason = "each test that includes this uses a part of it")]

pub(crate) mod decided;
pub(crate) mod told;

use ieum::contracts::{Contracts, Tree};
use ieum::rules::plan::Pack;
use std::sync::Arc;

/// A field of a decoded record; null where there is none.
pub(crate) fn field<'a>(record: &'a Tree, name: &str) -> &'a Tree {
    let Tree::Record(fields) = record else { return &Tree::Null };
    fields.iter().find(|(known, _)| known == name).map_or(&Tree::Null, |(_, value)| value)
}

pub(crate) fn text(record: &Tree, name: &str) -> Option<String> {
    match field(record, name) {
        Tree::Text(text) => Some(text.to_string()),
        _ => None,
    }
}

pub(crate) fn int(record: &Tree, name: &str) -> Option<i64> {
    match field(record, name) {
        Tree::Int(n) => Some(*n),
        _ => None,
    }
}

/// The shipped rules.
pub(crate) fn shipped_pack(contracts: &Contracts) -> Arc<Pack> {
    let (pack, found) = ieum::rules::load(ieum::rules::builtin_files(), contracts);
    Arc::new(pack.unwrap_or_else(|| panic!("{found:#?}")))
}
