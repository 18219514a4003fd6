//! The packs that ieum ships load without a warning, and each rule has tests that can be run.

use super::CONTRACTS;
use crate::rules::{builtin_files, load, render, testfile};
use crate::types::Diagnostic;
use std::collections::BTreeMap;

fn told(found: &[Diagnostic]) -> String {
    let sources: BTreeMap<_, _> =
        builtin_files().into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    render::plain(found, &sources)
}

#[test]
fn shipped_rules_load_without_a_warning() {
    let (pack, found) = load(builtin_files(), &CONTRACTS);
    assert!(found.is_empty(), "\n{}", told(&found));
    let pack = pack.expect("a pack");
    assert_eq!(pack.crisis.len(), 16);
    assert_eq!(pack.suppressions.len(), 1);
}

#[test]
fn each_shipped_rule_has_a_test_file_with_several_cases() {
    let (pack, _) = load(builtin_files(), &CONTRACTS);
    let pack = pack.expect("a pack");
    let (tests, found) = testfile::read_all(builtin_files(), &pack, &CONTRACTS);
    assert!(found.is_empty(), "\n{}", told(&found));
    for (name, _) in builtin_files() {
        let is_rule = name.ends_with(".yaml") && !testfile::is_test(name) && !name.starts_with("params/");
        let beside = name.replace(".yaml", ".test.yaml");
        let cases = tests.iter().find(|test| test.file == beside).map_or(0, |test| test.cases.len());
        assert!(!is_rule || cases >= 2, "{beside} has {cases} cases");
    }
}
