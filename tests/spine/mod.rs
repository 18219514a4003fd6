//! What tests of the whole spine share: raw records told to the reference and alerts read back as decisions.
#![allow(dead_code, reason = "each test that includes this uses a part of it")]

pub(crate) mod decided;
pub(crate) mod fields;
pub(crate) mod told;

use ieum::contracts::Contracts;
use ieum::rules::plan::Pack;
use std::sync::Arc;

/// The shipped files without the crisis rules that the reference does not know.
pub(crate) fn referenced_files() -> Vec<(&'static str, &'static str)> {
    let is_known = |path: &str| match path.strip_prefix("crisis/").and_then(|file| file.split('.').next()) {
        Some(name) => told::RULES.iter().any(|rule| rule.strip_prefix("crisis.") == Some(name)),
        None => true,
    };
    ieum::rules::builtin_files().into_iter().filter(|(path, _)| is_known(path)).collect()
}

/// The pack of those files.
pub(crate) fn referenced_pack(contracts: &Contracts) -> Arc<Pack> {
    let (pack, found) = ieum::rules::load(referenced_files(), contracts);
    Arc::new(pack.unwrap_or_else(|| panic!("{found:#?}")))
}
