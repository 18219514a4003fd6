use super::{Change, Part, diff};
use crate::rules::tests::{base, load};
use std::collections::BTreeMap;

const RULE: &str = "crisis/base.yaml";
const PARAMS: &str = "params/base.yaml";

type Files = BTreeMap<String, String>;

fn pairs(files: &Files) -> impl Iterator<Item = (&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str()))
}

/// The base pack with one text put for another; it loads.
fn with(file: &str, before: &str, after: &str) -> Files {
    let mut files = base();
    let text = files.get_mut(file).expect("a file of the base pack");
    assert_eq!(text.matches(before).count().min(1), 1, "{before}");
    *text = text.replacen(before, after, 1);
    assert!(load(&files).0.is_some(), "{:#?}", load(&files).1);
    files
}

fn told(change: &Change) -> String {
    let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
    let Change { part, id, key, old, new } = change;
    format!("{} {id} {key}: {} → {}", part.as_str(), side(old), side(new))
}

/// What a change of the rule's text is told as.
fn check(before: &str, after: &str, expected: &[&str]) {
    let found = diff(pairs(&base()), pairs(&with(RULE, before, after)));
    let changes: Vec<String> = found.changed.iter().flat_map(|rule| &rule.changes).map(told).collect();
    assert_eq!(changes, expected, "{after}");
    assert!(found.added.is_empty() && found.removed.is_empty() && found.params.is_empty(), "{found:?}");
}

#[test]
fn each_part_is_told_by_its_id() {
    check("version: 1", "version: 2", &["rule  version: 1 → 2"]);
    check("cooldown: 14d", "cooldown: 7d", &["rule  emit.cooldown: 14d → 7d"]);
    check("base: 40", "base: 45", &["rule  score.base: 40 → 45"]);
    check("within: 60d, state", "within: 90d, state", &["condition repeat count.within: 60d → 90d"]);
    check("household.size: 1", "household.size: 2", &["condition senior field.household.size: 1 → 2"]);
    check(", state: open", "", &["condition repeat count.state: open → -"]);
    check(
        "months, pick: max, within: 60d, gte: 6",
        "months, pick: max, within: 60d, gte: 7",
        &["condition months value.gte: 6 → 7"],
    );
    // A condition without an id belongs to the one that shows it.
    check(
        "{of: cutoff, within: 60d, gte: 1}",
        "{of: cutoff, within: 30d, gte: 1}",
        &["condition signs any[1].count.within: 60d → 30d"],
    );
    check(
        "{gte: {param: elder.age}}",
        "{gte: 65}",
        &["condition senior field.household.oldest_age.gte: param elder.age → 65"],
    );
    check("  unknown: {senior: match}\n", "", &["condition senior unknown: match → -"]);
    check("points: 30", "points: 20", &["points silent points: 30 → 20"]);
    check(
        "{2: 10, 4: 20}",
        "{2: 10, 5: 20}",
        &["points repeat points.5: - → 20", "points repeat points.4: 20 → -"],
    );
    check("high: 60", "high: 55", &["level high : 60 → 55"]);
    check("after: 24h", "after: 12h", &["escalation first after: 24h → 12h"]);
    check(
        "[cutoff.electricity, cutoff.water, cutoff.gas]",
        "[cutoff.electricity, cutoff.gas]",
        &[
            "signal cutoff event: [cutoff.electricity, cutoff.water, cutoff.gas] → [cutoff.electricity, cutoff.gas]",
        ],
    );
}

#[test]
fn a_part_that_came_or_went_is_told_whole() {
    let also = "  - {id: extra, say: 둘, field: {household.size: 2}}\nscore:";
    check("score:", also, &["condition extra : - → in: also, say: 둘, field.household.size: 2"]);
    check(
        "  - {id: first, after: 24h, unless: contact, raise_to: critical, to: 팀장}\n",
        "",
        &["escalation first : after: 24h, unless: contact, raise_to: critical, to: 팀장 → -"],
    );
}

#[test]
fn a_condition_that_moves_says_from_where_to_where() {
    let line = "  - {id: order, say: 순서, sequence: {steps: [arrears, cutoff], within: 30d, lookback: 90d, same: source}}\n";
    let mut files = with(RULE, line, "");
    let text = files.get_mut(RULE).expect("the rule");
    *text = text.replacen("    - id: signs", &format!("  {line}    - id: signs"), 1);
    assert!(load(&files).0.is_some(), "{:#?}", load(&files).1);
    let found = diff(pairs(&base()), pairs(&files));
    let changes: Vec<String> = found.changed[0].changes.iter().map(told).collect();
    assert_eq!(changes, ["condition order in: also → when.all"]);
}

#[test]
fn what_means_the_same_is_the_same() {
    check("version: 1", "version: 1   # a word", &[]);
    check("household.size: 1", "household.size: {eq: 1}", &[]);
    check("unless: contact, raise_to", "unless: [contact], raise_to", &[]);
    check("title: 시험용 규칙", "title: \"시험용 규칙\"", &[]);
    check("{id: senior, say: 노인", "{say: 노인, id: senior", &[]);
    assert!(diff(pairs(&base()), pairs(&base())).is_empty());
}

#[test]
fn a_param_that_changes_names_the_rules_that_read_it() {
    let found = diff(pairs(&base()), pairs(&with(PARAMS, "2026-07-01: 2", "2026-07-01: 1")));
    let params: Vec<String> = found.params.iter().map(told).collect();
    assert_eq!(params, ["param arrears.min_months values.2026-07-01: 2 → 1"]);
    let rules: Vec<_> = found.changed.iter().map(|rule| (rule.rule.as_str(), rule.params.clone())).collect();
    assert_eq!(rules, [("crisis.base", vec!["arrears.min_months".to_owned()])]);
    assert!(found.changed[0].changes.is_empty());
}

#[test]
fn rules_that_come_and_go_are_named_and_tests_are_not_compared() {
    let mut fewer = base();
    fewer.remove("suppress/base.yaml");
    fewer.remove("crisis/base.test.yaml");
    let gone = diff(pairs(&base()), pairs(&fewer));
    assert_eq!((gone.removed.as_slice(), gone.added.len()), (&["suppress.base".to_owned()][..], 0));
    assert!(gone.changed.is_empty(), "{gone:?}");
    let back = diff(pairs(&fewer), pairs(&base()));
    assert_eq!((back.added.as_slice(), back.removed.len()), (&["suppress.base".to_owned()][..], 0));
    assert_eq!(Part::Escalation.as_str(), "escalation");
}
