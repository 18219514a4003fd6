//! Every example of the authors' reference loads.

use super::load;
use crate::rules::{builtin_files, plan::Pack, render, testfile};
use std::collections::BTreeMap;

const README: &str = include_str!("../../../rules/README.md");

/// Fenced blocks with their info strings: `yaml rule crisis/example.yaml`.
fn blocks() -> Vec<(Vec<&'static str>, &'static str)> {
    let mut blocks = Vec::new();
    for part in README.split("```yaml").skip(1) {
        let (info, rest) = part.split_once('\n').expect("an info string ends with its line");
        let (body, _) = rest.split_once("```").expect("a block is closed");
        blocks.push((info.split_whitespace().collect(), body));
    }
    blocks
}

/// Its whole files by name.
pub(in crate::rules) fn files() -> Vec<(String, String)> {
    let whole = |(info, body): (Vec<&'static str>, &'static str)| match info.as_slice() {
        [_, file] => Some(((*file).to_owned(), body.to_owned())),
        _ => None,
    };
    blocks().into_iter().filter_map(whole).collect()
}

fn shipped_params() -> BTreeMap<String, String> {
    builtin_files()
        .into_iter()
        .filter(|(name, _)| name.starts_with("params/"))
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .collect()
}

fn loaded(files: &BTreeMap<String, String>) -> Pack {
    let (pack, mut found) = load(files);
    // An example does not use every signal and param of its surroundings.
    found.retain(|diagnostic| diagnostic.code != "IEUM-R033");
    assert!(found.is_empty(), "\n{}", render::plain(&found, files));
    pack.expect("a pack")
}

#[test]
fn whole_files_load_together() {
    let mut files = shipped_params();
    files.extend(self::files());
    let pack = loaded(&files);
    assert_eq!((pack.crisis.len(), pack.suppressions.len()), (2, 1));
    let pairs = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let (tests, _) = testfile::read_all(pairs, &pack, &super::CONTRACTS);
    assert_eq!(tests.len(), 2);
}

#[test]
fn each_condition_loads_in_a_rule() {
    let conditions: Vec<_> = blocks().into_iter().filter(|(info, _)| info == &["condition"]).collect();
    assert!(conditions.len() >= 7);
    let (_, rule) =
        blocks().into_iter().find(|(info, _)| info.first() == Some(&"rule")).expect("the whole rule");
    for (_, condition) in conditions {
        let item: String = condition.lines().map(|line| format!("    {line}\n")).collect();
        let rule = rule
            .replacen("  usage:", "  unused: {event: meter_reading, where: {use: 0}}\n  usage:", 1)
            .replacen(
                "also:                            # scored, never required\n",
                &format!("also:\n  -\n{item}"),
                1,
            );
        assert!(rule.contains(condition.lines().next().expect("a line")));
        let mut files = shipped_params();
        files.insert("crisis/example.yaml".to_owned(), rule);
        assert_eq!(loaded(&files).crisis.len(), 1);
    }
}
