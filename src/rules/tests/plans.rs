//! What the checker makes of a valid pack.

use super::{CONTRACTS, base, load};
use crate::rules::plan::{Ask, CrisisRule, DailyTest, Pack, Points, Within};
use crate::rules::testfile::{self, Happening, TestFile};
use crate::types::{Day, SmolStr, Value};

fn pack() -> Pack {
    let (pack, found) = load(&base());
    assert!(found.is_empty(), "{found:#?}");
    pack.expect("a pack")
}

fn asks(rule: &CrisisRule, id: &str) -> Ask {
    let reason = rule.reasons.iter().find(|reason| reason.id == id).expect("a reason");
    rule.nodes[usize::from(reason.node)].ask.clone()
}

#[test]
fn reasons_stand_in_the_order_of_the_file() {
    let pack = pack();
    let ids: Vec<_> = pack.crisis[0].reasons.iter().map(|r| (r.id.as_str(), r.also)).collect();
    let required = ["senior", "signs", "months", "moved"].map(|id| (id, false));
    let scored = ["repeat", "kinds", "silent", "order"].map(|id| (id, true));
    assert_eq!(ids, [required, scored].concat());
}

#[test]
fn children_stand_before_their_parents() {
    let pack = pack();
    for (index, node) in pack.crisis[0].nodes.iter().enumerate() {
        if let Ask::All(children) | Ask::Any(children) | Ask::None(children) = &node.ask {
            assert!(children.iter().all(|child| usize::from(*child) < index), "{node:?}");
        }
    }
}

#[test]
fn several_groups_are_their_all() {
    let pack = pack();
    let rule = &pack.crisis[0];
    assert!(matches!(&rule.nodes[usize::from(rule.when)].ask, Ask::All(parts) if parts.len() == 2));
}

#[test]
fn unknown_match_marks_its_condition_alone() {
    let pack = pack();
    let rule = &pack.crisis[0];
    let marked: Vec<_> =
        rule.reasons.iter().filter(|r| rule.nodes[usize::from(r.node)].unknown_matches).collect();
    assert_eq!(marked.len(), 1);
    assert_eq!(marked[0].id, "senior");
}

#[test]
fn days_of_use_become_used_and_unused() {
    let pack = pack();
    let daily: Vec<_> =
        pack.crisis[0].signals.iter().filter_map(|s| Some((s.name.as_str(), s.daily?))).collect();
    assert_eq!(daily, [("used", DailyTest::Used), ("unused", DailyTest::Unused)]);
    let used = pack.crisis[0].signals.iter().find(|s| s.name == "used").expect("the signal");
    assert!(used.filter.is_empty() && !used.sources.is_empty());
}

#[test]
fn windows_keep_their_unit() {
    let pack = pack();
    assert!(matches!(
        asks(&pack.crisis[0], "repeat"),
        Ask::Count { within: Some(Within::Days(60)), open_only: true, .. }
    ));
    assert!(matches!(asks(&pack.crisis[0], "kinds"), Ask::Distinct { within: Some(Within::Hours(24)), .. }));
    assert!(matches!(
        asks(&pack.crisis[0], "silent"),
        Ask::Absent { for_days: 14, baseline_days: Some(60), .. }
    ));
    assert!(matches!(
        asks(&pack.crisis[0], "order"),
        Ask::Sequence { within_days: 30, lookback_days: 90, .. }
    ));
}

#[test]
fn score_and_escalation_are_as_written() {
    let pack = pack();
    let rule = &pack.crisis[0];
    assert_eq!(rule.score.add[1].1, Points::Stepped(vec![(2, 10), (4, 20)]));
    let steps: Vec<_> = rule.escalate.iter().map(|s| (s.after_ms / 3_600_000, s.max)).collect();
    assert_eq!(steps, [(24, 1), (72, 5)]);
    assert_eq!(rule.cooldown_days, 14);
}

#[test]
fn params_are_read_by_date() {
    let pack = pack();
    let param = pack.params.iter().find(|p| p.name == "arrears.min_months").expect("the param");
    let on = |y, m, d| param.on(Day::from_ymd(y, m, d).expect("a day")).cloned();
    assert_eq!(on(2019, 12, 31), None);
    assert_eq!(on(2026, 6, 30), Some(Value::Int(3)));
    assert_eq!(on(2026, 7, 1), Some(Value::Int(2)));
}

fn tests() -> TestFile {
    let files = base();
    let pairs = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let (mut tests, found) = testfile::read_all(pairs, &pack(), &CONTRACTS);
    assert!(found.is_empty(), "{found:#?}");
    tests.remove(0)
}

#[test]
fn a_case_without_events_takes_those_before_it() {
    let tests = tests();
    assert_eq!(tests.cases[1].events, tests.cases[0].events);
    assert_ne!(tests.cases[1].facts, tests.cases[0].facts);
}

#[test]
fn an_age_becomes_a_birth_date_half_a_year_off() {
    let tests = tests();
    let born = |case: usize| {
        let (_, born) = tests.cases[case].facts.iter().find(|(name, _)| name == "oldest_born").expect("born");
        born.clone()
    };
    assert_eq!(born(0), Value::Day(Day::from_ymd(1947, 9, 1).expect("a day")));
    assert_eq!(born(1), Value::Day(Day::from_ymd(1961, 9, 1).expect("a day")));
}

#[test]
fn events_stand_in_order_of_arrival_under_their_keys() {
    let tests = tests();
    let events = &tests.cases[0].events;
    let keys: Vec<SmolStr> = events
        .iter()
        .map(|step| match &step.what {
            Happening::Event(reported) | Happening::Area(reported) => reported.key.clone(),
            Happening::End(key) | Happening::Void(key) => SmolStr::new(format!("! {key}")),
            Happening::Action { event, .. } => event.clone(),
            Happening::Facts(_) => SmolStr::new("facts"),
        })
        .collect();
    assert_eq!(keys, ["debt", "e2", "! debt", "! debt"]);
    assert!(events[1].arrives.ms > events[1].at.ms && events[1].arrives.exact);
}

/// A restricted rule over two conditions.
const RESTRICTED: &str = "\
rule: restricted.base
kind: crisis
version: 1
status: live
title: 시험용 제한 규칙
effective: {from: 2026-01-01}
per: household
signals:
  told: {event: welfare.mh_suicide_high}
when:
  all:
    - {id: told, say: 신호, count: {of: told, within: 30d, gte: 1}}
also:
  - {id: alone, say: 1인 가구, field: {household.size: 1}}
score: {base: 60, add: [{if: alone, points: 20}], levels: {high: 60, critical: 80}}
emit: {cooldown: 30d}
";

#[test]
fn a_restricted_rule_reads_what_others_must_not_and_asks_for_nothing_that_is_missing() {
    let found = |text: &str| {
        let mut files = base();
        files.insert(String::from("restricted/base.yaml"), text.to_owned());
        let (pack, found) = load(&files);
        assert_eq!(pack.is_some(), found.is_empty(), "{found:#?}");
        found.into_iter().map(|diagnostic| (diagnostic.code, diagnostic.message)).collect::<Vec<_>>()
    };
    assert_eq!(found(RESTRICTED), []);
    let of_areas = RESTRICTED.replace("per: household", "per: building");
    assert!(found(&of_areas).contains(&("IEUM-R040", String::from("\"restricted.base\" is about areas"))));
    let asking = "any: [{id: lone, say: 혼자, all: [{field: {household.size: 1}}]}]\nalso:";
    let asking = RESTRICTED.replace("\nalso:", &format!("\n  {asking}"));
    let told = found(&asking);
    let message = String::from("the \"when\" of \"restricted.base\" asks for a fact");
    assert_eq!(told, [("IEUM-R040", message)]);
}
