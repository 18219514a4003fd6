//! The language as its authors meet it.

mod bundles;
pub(super) mod mistakes;
mod noise;
mod openings;
mod plans;
pub(super) mod readme;
mod shipped;
mod yaml;

use super::plan::Pack;
use crate::contracts::{self, Contracts};
use crate::types::Diagnostic;
use include_dir::{Dir, include_dir};
use std::collections::BTreeMap;
use std::sync::LazyLock;

pub(super) static CONTRACTS: LazyLock<Contracts> = LazyLock::new(contracts::builtin);

static BASE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src/rules/tests/base");

/// A pack with one of everything, without a mistake.
pub(super) fn base() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for dir in BASE.dirs() {
        for file in dir.files() {
            let (path, text) = (file.path().to_str(), file.contents_utf8());
            files.extend(path.map(str::to_owned).zip(text.map(str::to_owned)));
        }
    }
    files
}

/// Loads files and their tests; all mistakes.
pub(super) fn load(files: &BTreeMap<String, String>) -> (Option<Pack>, Vec<Diagnostic>) {
    let pairs = || files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let (pack, mut found) = super::load(pairs(), &CONTRACTS);
    if let Some(pack) = &pack {
        found.extend(super::testfile::read_all(pairs(), pack, &CONTRACTS).1);
    }
    (pack, found)
}
