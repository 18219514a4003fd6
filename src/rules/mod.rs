//! The rule language: source text → checked, typed plan; params; evaluation; rule tests; explanation.
//! What each construct means is fixed in `rules/README.md`.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod bundle;
pub mod codes;
pub mod diff;
pub mod eval;
pub mod mutate;
pub mod plan;
pub mod render;
pub mod schema;
pub mod testfile;

mod check;
mod index;
mod keys;
mod mistakes;
mod source;

#[cfg(test)]
mod tests;

pub use codes::RULE_CODES;

use crate::contracts::Contracts;
use crate::types::{Diagnostic, PackHash, Severity};
use include_dir::{Dir, include_dir};
use plan::{DerivedFact, Pack, SEMANTICS};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

static BUILTIN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/rules");

/// The files of `rules/` that this binary was built with, by path relative to it, sorted.
pub fn builtin_files() -> Vec<(&'static str, &'static str)> {
    fn collect(dir: &'static Dir<'static>, into: &mut Vec<(&'static str, &'static str)>) {
        for file in dir.files() {
            into.extend(file.path().to_str().zip(file.contents_utf8()));
        }
        dir.dirs().for_each(|dir| collect(dir, into));
    }
    let mut files = Vec::new();
    collect(&BUILTIN, &mut files);
    files.sort_unstable();
    files
}

/// Loads a pack from `(path, content)` pairs, paths relative to `rules/`. All mistakes at once; no pack if one of
/// them is an error. Tests and prose among the files are passed over.
pub fn load<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
    contracts: &Contracts,
) -> (Option<Pack>, Vec<Diagnostic>) {
    let files = pack_files(files);
    let checked = check::check(&files, contracts);
    if checked.found.iter().any(|d| d.severity == Severity::Error) {
        return (None, checked.found);
    }
    let (mut crisis, mut suppressions) = (checked.crisis, checked.suppressions);
    crisis.sort_by(|a, b| a.id.cmp(&b.id));
    suppressions.sort_by(|a, b| a.id.cmp(&b.id));
    let params = checked.params.into_plan();
    let pack = Pack::new(hash(&files, contracts), crisis, suppressions, params, &derived(contracts));
    (Some(pack), checked.found)
}

/// Ages; a fact that is not among them is the value stored under its name.
fn derived(contracts: &Contracts) -> Vec<DerivedFact> {
    let ages = contracts.facts().filter(|fact| fact.born.is_some());
    ages.map(|fact| DerivedFact { name: fact.field.name.clone(), born: fact.born.clone(), over: None })
        .collect()
}

/// Rules and params: YAML files in a folder, tests apart.
fn pack_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<&'a str, &'a str> {
    let is_rule = |name: &str| name.contains('/') && name.ends_with(".yaml") && !testfile::is_test(name);
    files.into_iter().filter(|(name, _)| is_rule(name)).collect()
}

/// Over the version of the meaning, the contracts' files and the pack's, length-prefixed so that no two packs collide.
fn hash(files: &BTreeMap<&str, &str>, contracts: &Contracts) -> PackHash {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    part(&SEMANTICS.to_be_bytes());
    let files = files.iter().map(|(name, text)| (*name, *text));
    for (folder, files) in [("topics", contracts.files().collect::<Vec<_>>()), ("rules", files.collect())] {
        part(folder.as_bytes());
        for (name, text) in files {
            part(name.as_bytes());
            part(text.as_bytes());
        }
    }
    PackHash(hasher.finalize().into())
}
