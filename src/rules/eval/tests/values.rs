//! "Values": three of them, groups, facts, counts, amounts.

use super::super::Truth::{False, True, Unknown};
use super::fixture::*;
use crate::rules::plan::*;
use crate::types::*;

#[test]
fn a_comparison_with_a_missing_operand_is_unknown() {
    let known = World::new([]).facts([facts("1", 0, &[("size", Value::Int(1))])]);
    known.check(&at_least("size", 1), &[(-1, Unknown), (0, True)]);
    known.check(&at_least("size", 2), &[(0, False)]);
    known.check(&at_least("other", 1), &[(0, Unknown)]);
    let null = World::new([]).facts([facts("1", 0, &[("size", Value::Null)])]);
    null.check(&at_least("size", 1), &[(0, Unknown)]);
    assert_eq!(null.decide(&one(at_least("size", 1)), 0).missing, ["size"]);
    let later = known.param(&[(5, 1)]);
    let param = field("size", Test::Compare(vec![(Cmp::Eq, Operand::Param(0))]));
    later.check(&param, &[(4, Unknown), (5, True)]);
    assert_eq!(later.decide(&one(param), 4).missing, ["p0"]);
}

#[test]
fn groups_follow_the_three_valued_tables() {
    let world = World::new([]).facts([facts("1", 0, &[("t", Value::Int(1)), ("f", Value::Int(0))])]);
    let table = [
        ("tt", True, True, False),
        ("tf", False, True, False),
        ("tu", Unknown, True, False),
        ("ff", False, False, True),
        ("fu", False, Unknown, Unknown),
        ("uu", Unknown, Unknown, Unknown),
        ("tfu", False, True, False),
    ];
    for (children, all, any, none) in table {
        let groups = [Ask::All, Ask::Any, Ask::None];
        for (group, expected) in groups.iter().zip([all, any, none]) {
            let mut rule = rule(children.chars().map(|c| ("r", at_least(&c.to_string(), 1))).collect());
            rule.nodes[usize::from(rule.when)].ask = group((0..rule.when).collect());
            assert_eq!(world.decide(&rule, 0).truth, expected, "{:?}", rule.nodes[usize::from(rule.when)]);
        }
    }
}

#[test]
fn a_field_with_several_keys_is_their_all() {
    let ask = Ask::Field(vec![
        FieldTest { field: "size".into(), test: Test::Compare(gte(1)) },
        FieldTest { field: "rooms".into(), test: Test::Compare(gte(2)) },
    ]);
    let of = |fields: &[(&str, Value)]| World::new([]).facts([facts("1", 0, fields)]);
    of(&[("size", Value::Int(1)), ("rooms", Value::Int(2))]).check(&ask, &[(0, True)]);
    of(&[("size", Value::Int(1))]).check(&ask, &[(0, Unknown)]);
    of(&[("rooms", Value::Int(1))]).check(&ask, &[(0, False)]);
}

#[test]
fn between_is_inclusive_and_each_bound_is_absent_on_its_own() {
    let of = |n| World::new([]).facts([facts("1", 0, &[("size", Value::Int(n))])]);
    let table = [
        (Some(2), Some(4), [False, True, True, True, False]),
        (Some(2), None, [False, True, True, True, True]),
        (None, Some(4), [True, True, True, True, False]),
        (None, None, [True; 5]),
    ];
    for (low, high, expected) in table {
        for (n, truth) in (1..).zip(expected) {
            of(n).check(&field("size", Test::Between(low.map(int), high.map(int))), &[(0, truth)]);
        }
    }
}

#[test]
fn a_list_passes_if_one_of_its_values_does_and_an_empty_one_is_known() {
    let of = |texts: &[&str]| {
        let list = Value::List(texts.iter().map(Value::text).collect());
        World::new([]).facts([facts("1", 0, &[("kinds", list)])])
    };
    let text = |text: &str| Operand::Const(Value::text(text));
    let within = field("kinds", Test::In(vec![text("a"), text("b")]));
    of(&["x", "b"]).check(&within, &[(0, True)]);
    of(&["x"]).check(&within, &[(0, False)]);
    of(&[]).check(&within, &[(0, False)]);
    let not = field("kinds", Test::Compare(vec![(Cmp::Ne, text("a"))]));
    of(&["x", "a"]).check(&not, &[(0, False)]);
    of(&["x"]).check(&not, &[(0, True)]);
}

#[test]
fn an_aggregate_over_members_decides_from_bounds() {
    let member = |subject: &str, date: &str| FactVersion {
        subject: Some(SubjectId::new(subject)),
        ..facts(subject, 0, &[born("oldest_born", date)])
    };
    // One known 78 and one known 10.
    let members = World::new([]).facts([member("p1", "1948-02-01"), member("p2", "2016-02-01")]);
    members.check(&at_least("oldest_age", 65), &[(0, True)]);
    members.check(&at_least("oldest_age", 79), &[(0, Unknown)]);
    let at_most = |n| field("oldest_age", Test::Compare(vec![(Cmp::Lte, int(n))]));
    members.check(&at_most(70), &[(0, False)]);
    members.check(&at_most(80), &[(0, Unknown)]);
    // What the entity's own registry states is exact.
    let stated = members.facts([facts("1", 0, &[born("oldest_born", "1946-02-01")])]);
    stated.check(&at_least("oldest_age", 81), &[(0, False)]);
    stated.check(&at_most(80), &[(0, True)]);
}

#[test]
fn unknown_match_resolves_in_favour_of_firing_and_marks_the_reason_assumed() {
    let mut rule = rule(vec![("senior", at_least("size", 1)), ("debts", count(&[DEBT], 10, gte(1)))]);
    rule.nodes[0].unknown_matches = true;
    let world = World::new([event("debt", "1", 0)]);
    let assumed = world.decide(&rule, 0);
    assert_eq!((assumed.truth, assumed.met, assumed.assumed, assumed.unknown), (True, 0b11, 0b01, 0));
    assert_eq!(assumed.missing, ["size"]);
    let learnt = world.clone().facts([facts("1", 0, &[("size", Value::Int(0))])]).decide(&rule, 0);
    assert_eq!((learnt.truth, learnt.met, learnt.assumed), (False, 0b10, 0));
    // Under `none`, false favours firing.
    rule.nodes[usize::from(rule.when)].ask = Ask::None(vec![0]);
    let none = world.decide(&rule, 0);
    assert_eq!((none.truth, none.met & 1, none.assumed), (True, 0, 0b01));
}

#[test]
fn a_count_with_gte_is_true_once_reached_and_unknown_below_it_while_a_source_is_stale() {
    let fresh = World::new([event("debt", "1", 0), event("debt", "2", 0)]);
    let stale = fresh.clone().source("B", Some(h(0, 0)), true);
    let cases = [
        (Cmp::Gte, 2, True, True),
        (Cmp::Gte, 3, False, Unknown),
        (Cmp::Gt, 1, True, True),
        (Cmp::Gt, 2, False, Unknown),
        (Cmp::Lte, 1, False, False),
        (Cmp::Lte, 2, True, Unknown),
        (Cmp::Lt, 2, False, False),
        (Cmp::Lt, 3, True, Unknown),
        (Cmp::Eq, 1, False, False),
        (Cmp::Eq, 2, True, Unknown),
        (Cmp::Eq, 3, False, Unknown),
        (Cmp::Ne, 1, True, True),
        (Cmp::Ne, 2, False, Unknown),
    ];
    for (cmp, n, when_fresh, when_stale) in cases {
        let ask = count(&[DEBT], 10, vec![(cmp, int(n))]);
        fresh.check(&ask, &[(0, when_fresh)]);
        stale.check(&ask, &[(0, when_stale)]);
    }
    assert_eq!(stale.decide(&one(count(&[DEBT], 10, gte(3))), 0).stale, ["B"]);
}

#[test]
fn an_event_that_matches_two_named_signals_counts_once() {
    let world = World::new([event("debt", "1", 0), event("cut", "2", 0)]);
    world.check(&count(&[DEBT, CUT, ANY], 10, vec![(Cmp::Eq, int(2))]), &[(0, True)]);
}

#[test]
fn distinct_ignores_nulls() {
    let world = World::new([
        event("debt", "1", 0).with("office", 1),
        event("debt", "2", 0).with("office", 1).told_by("B"),
        event("debt", "3", 0).with("office", 2),
        event("debt", "4", 0).with("office", None),
        event("debt", "5", 0),
    ]);
    let distinct = |by: &str, n| Ask::Distinct {
        of: vec![DEBT],
        by: by.into(),
        within: Some(Within::Days(5)),
        test: vec![(Cmp::Eq, int(n))],
    };
    world.check(&distinct("office", 2), &[(0, True), (4, True), (5, False)]);
    world.check(&distinct("source", 2), &[(0, True)]);
}

#[test]
fn days_of_use_count_by_meter_and_day() {
    let world = World::new([]).meter("A", &[0, 1, 2]).meter("B", &[2]);
    world.check(&count(&[METER], 2, vec![(Cmp::Eq, int(3))]), &[(1, False), (2, True), (3, False)]);
    let sources =
        Ask::Distinct { of: vec![METER], by: "source".into(), within: Some(Within::Days(2)), test: gte(2) };
    world.check(&sources, &[(1, False), (2, True), (3, True), (4, False)]);
}

fn value(pick: Pick, test: Vec<(Cmp, Operand)>) -> Ask {
    Ask::Value { of: vec![DEBT], field: "m".into(), pick, within: Some(Within::Days(400)), test }
}

#[test]
fn a_value_is_read_from_the_events_that_have_it() {
    let world = World::new([
        event("debt", "1", 0).with("m", 7),
        event("debt", "2", 1).with("m", 3),
        event("cut", "3", 2).with("m", 100),
    ]);
    for (pick, n) in [(Pick::Latest, 3), (Pick::Max, 7), (Pick::Sum, 10)] {
        world.check(&value(pick, vec![(Cmp::Eq, int(n))]), &[(1, True)]);
        assert_eq!(world.decide(&one(value(pick, gte(0))), 1).numbers, [(0, n)]);
    }
    world.check(&value(Pick::Sum, gte(7)), &[(0, True), (400, False)]);
    // Nothing was told: no comparison holds, unless a source may hold it back.
    world.check(&value(Pick::Latest, vec![(Cmp::Lte, int(9))]), &[(-1, False)]);
    world.source("A", None, true).check(&value(Pick::Latest, gte(1)), &[(-1, Unknown)]);
}

#[test]
fn an_event_without_the_amount_makes_what_it_could_raise_unknown() {
    let world = World::new([event("debt", "1", 0).with("m", 3), event("debt", "2", 1).with("m", None)]);
    world.check(&value(Pick::Sum, gte(3)), &[(0, True), (1, True)]);
    world.check(&value(Pick::Sum, gte(4)), &[(0, False), (1, Unknown)]);
    world.check(&value(Pick::Max, gte(4)), &[(1, Unknown)]);
    world.check(&value(Pick::Latest, gte(3)), &[(1, Unknown)]);
    assert_eq!(world.decide(&one(value(Pick::Sum, gte(4))), 1).missing, ["m"]);
}

#[test]
fn consecutive_months_run_up_to_the_latest() {
    let on = |key: &str, date: &str| {
        let mut event = event("debt", key, 0).with("m", 1);
        event.time = EventTime::Month(date.parse().expect("a date"));
        event
    };
    let world = World::new([
        on("1", "2026-04-30"),
        on("2", "2026-06-30"),
        on("3", "2026-07-31"),
        on("4", "2026-07-31"),
        on("5", "2026-08-31"),
    ]);
    let decision = world.decide(&one(value(Pick::Consecutive, gte(3))), 300);
    assert_eq!((decision.truth, decision.numbers), (True, vec![(0, 3)]));
    assert_eq!(decision.evidence[0].total, 4);
    world.check(&value(Pick::Consecutive, gte(4)), &[(300, False)]);
}

#[test]
fn points_may_be_stepped_by_the_number_found() {
    let mut rule = one(count(&[DEBT], 100, gte(1)));
    rule.score.add = vec![(0, Points::Stepped(vec![(3, 10), (12, 30)]))];
    for (n, points, level) in [(2, 40, Level::Watch), (3, 50, Level::Watch), (12, 70, Level::High)] {
        let world = World::new((0..n).map(|i| event("debt", &i.to_string(), 0)));
        let decision = world.decide(&rule, 0);
        assert_eq!((decision.points, decision.level), (points, Some(level)), "{n} debts");
    }
}

#[test]
fn a_count_of_open_states_ends_with_the_end_and_history_does_not() {
    let world = World::new([event("cut", "1", 0).ended(5)]);
    let open = Ask::Count { of: vec![CUT], within: None, open_only: true, test: gte(1) };
    world.check(&open, &[(4, True), (5, False)]);
    world.check(&count(&[CUT], 30, gte(1)), &[(5, True)]);
    assert_eq!(world.decide(&one(open), 0).wake.day, Some(d(5)));
}
