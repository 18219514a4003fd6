//! "Time": days, windows, ages, params.

use super::super::Truth::{False, True, Unknown};
use super::super::holds_since;
use super::fixture::*;
use crate::rules::plan::*;
use crate::types::*;

#[test]
fn r_of_d_uses_events_of_days_up_to_d_alone() {
    let world = World::new([event("debt", "1", 3)]);
    world.check(&count(&[DEBT], 100, gte(1)), &[(2, False), (3, True)]);
    assert_eq!(world.decide(&one(count(&[DEBT], 100, gte(1))), 2).wake.day, Some(d(3)));
}

#[test]
fn within_n_days_is_the_days_from_d_minus_n_plus_1_to_d() {
    let world = World::new([event("debt", "1", 0).hour(23)]);
    world.check(&count(&[DEBT], 1, gte(1)), &[(0, True), (1, False)]);
    world.check(&count(&[DEBT], 7, gte(1)), &[(6, True), (7, False)]);
    assert_eq!(world.decide(&one(count(&[DEBT], 7, gte(1))), 2).wake.day, Some(d(7)));
}

#[test]
fn within_hours_is_an_exact_duration() {
    let ask = Ask::Count { of: vec![DEBT], within: Some(Within::Hours(24)), open_only: false, test: gte(1) };
    let world = World::new([event("debt", "1", 0).hour(10)]);
    for (hour, truth) in [(9, True), (10, True), (11, False)] {
        world.clone().now(h(1, hour)).check(&ask, &[(1, truth)]);
    }
    // A day that is over is read at its end.
    world.check(&ask, &[(0, True), (1, False)]);
    assert_eq!(world.clone().now(h(0, 11)).decide(&one(ask.clone()), 0).wake.day, Some(d(1)));
    // What is known by its day alone is inside while any moment of it is.
    let day_only = World::new([event("debt", "1", 0)]);
    day_only.now(h(1, 23)).check(&ask, &[(1, True)]);
    World::new([event("debt", "1", 0)]).now(h(2, 0)).check(&ask, &[(2, False)]);
}

#[test]
fn a_month_counts_at_its_last_day() {
    let mut month = event("debt", "1", 0);
    month.time = EventTime::Month("2026-03-31".parse().expect("a date"));
    World::new([month]).check(&count(&[DEBT], 1, gte(1)), &[(29, False), (30, True), (31, False)]);
}

#[test]
fn an_age_changes_at_midnight_of_the_birthday() {
    let senior = at_least("age", 65);
    let world = World::new([]).facts([facts("1", -1, &[born("born", "1961-03-10")])]);
    world.check(&senior, &[(8, False), (9, True)]);
    assert_eq!(world.decide(&one(senior), 0).wake.day, Some(d(9)));
    let between = field("age", Test::Between(Some(int(60)), Some(int(64))));
    world.check(&between, &[(8, True), (9, False)]);
    assert_eq!(world.decide(&one(between), 0).wake.day, Some(d(9)));
    assert_eq!(world.decide(&one(at_least("age", 60)), 0).wake.day, None);
}

#[test]
fn who_was_born_on_29_february_has_a_birthday_on_1_march() {
    let world = World::new([]).facts([facts("1", -1, &[born("born", "1960-02-29")])]);
    world.check(&at_least("age", 66), &[(-1, False), (0, True)]);
    assert_eq!(world.decide(&one(at_least("age", 66)), -1).wake.day, Some(d(0)));
}

#[test]
fn facts_are_read_by_valid_time() {
    let size = |n| ("size", Value::Int(n));
    let world = World::new([]).facts([
        facts("1", 0, &[size(1), ("rooms", Value::Int(1))]),
        facts("2", 5, &[size(2), ("rooms", Value::Null)]),
        facts("1", 9, &[("rooms", Value::Int(3))]),
    ]);
    let is = |name, n| field(name, Test::Compare(vec![(Cmp::Eq, int(n))]));
    world.check(&is("size", 1), &[(-1, Unknown), (0, True), (4, True), (5, False)]);
    world.check(&is("size", 2), &[(5, True), (9, True)]);
    // The newest that gives it wins; a later version of one key replaces the earlier one whole.
    world.check(&is("rooms", 1), &[(5, True), (9, False)]);
    world.check(&is("rooms", 3), &[(9, True)]);
    assert_eq!(world.decide(&one(is("size", 1)), 0).wake.day, Some(d(5)));
}

#[test]
fn a_param_in_a_signal_is_read_on_the_events_day_and_elsewhere_on_d() {
    let mut rule = one(count(&[DEBT], 100, vec![(Cmp::Gte, Operand::Param(1))]));
    rule.signals[0].filter =
        vec![FieldTest { field: "m".into(), test: Test::Compare(vec![(Cmp::Gte, Operand::Param(0))]) }];
    // From day 5 an event needs 4; from day 8 two events are needed.
    let world = World::new([event("debt", "1", 4).with("m", 3), event("debt", "2", 6).with("m", 3)])
        .param(&[(0, 3), (5, 4)])
        .param(&[(0, 1), (8, 2)]);
    for (n, truth, number) in [(4, True, Some(1)), (7, True, Some(1)), (8, False, None)] {
        let decision = world.decide(&rule, n);
        assert_eq!((decision.truth, decision.numbers.first().map(|(_, n)| *n)), (truth, number), "day {n}");
    }
    assert_eq!(world.decide(&rule, 6).wake.day, Some(d(8)));
}

#[test]
fn a_missing_field_passes_no_test_of_a_signal() {
    let mut rule = one(count(&[DEBT], 100, gte(1)));
    let test = Test::Compare(vec![(Cmp::Lte, int(9))]);
    rule.signals[0].filter = vec![FieldTest { field: "m".into(), test }];
    assert_eq!(World::new([event("debt", "1", 0)]).decide(&rule, 0).truth, False);
    assert_eq!(World::new([event("debt", "1", 0).with("m", 9)]).decide(&rule, 0).truth, True);
}

#[test]
fn effective_is_read_on_d() {
    let mut rule = one(count(&[DEBT], 100, gte(1)));
    rule.effective = Effective { from: d(2), to: Some(d(4)) };
    let world = World::new([event("debt", "1", 0)]);
    let in_effect: Vec<bool> = (1..6).map(|n| world.decide(&rule, n).in_effect).collect();
    assert_eq!(in_effect, [false, true, true, true, false]);
    assert_eq!(world.decide(&rule, 1).wake.day, Some(d(2)));
    assert_eq!(world.decide(&rule, 2).wake.day, Some(d(5)));
}

#[test]
fn clear_when_and_unless_count_only_what_was_accepted_since() {
    let mut rule = one(count(&[DEBT], 10, gte(1)));
    rule.nodes.push(Node { ask: count(&[PAID], 7, gte(1)), unknown_matches: false });
    let node = (rule.nodes.len() - 1) as NodeId;
    let world = World::new([event("paid", "1", 2).accepted(3)]).now(h(4, 0));
    let pack = world.pack(rule);
    for (since, truth) in [(h(3, 11), True), (h(3, 12), True), (h(3, 13), False)] {
        let found = world.view(|view| holds_since(&pack, &pack.crisis[0], node, view, since));
        assert_eq!(found, truth, "since {since}");
    }
}
