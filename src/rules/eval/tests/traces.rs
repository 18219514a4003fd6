//! What a decision carries besides its value.

use super::super::Truth::{False, True, Unknown};
use super::super::{MAX_EVIDENCE, Prepared, evaluate};
use super::fixture::*;
use crate::rules::plan::*;
use crate::types::*;

#[test]
fn evidence_is_newest_last_and_capped_and_says_how_many_there_are() {
    let world = World::new((0..40).map(|n| event("debt", &format!("{n:02}"), n)));
    let decision = world.decide(&one(count(&[DEBT], 100, gte(1))), 50);
    let shown = &decision.evidence[0];
    assert_eq!((shown.keys.len(), shown.total), (MAX_EVIDENCE, 40));
    assert_eq!((shown.keys[0].key.as_str(), shown.keys[31].key.as_str()), ("08", "39"));
    assert_eq!(decision.numbers, [(0, 40)]);
}

#[test]
fn the_newest_evidence_is_what_was_accepted_last() {
    let world = World::new([event("debt", "1", 0).accepted(9), event("debt", "2", 5)]);
    let newest = world.decide(&one(count(&[DEBT], 100, gte(1))), 10).newest.expect("there is evidence");
    assert_eq!((newest.key.key.as_str(), newest.day, newest.accepted), ("1", d(0), h(9, 12)));
}

#[test]
fn late_events_count_but_open_nothing_alone() {
    let ask = || one(count(&[DEBT], 100, gte(2)));
    let late = World::new([event("debt", "1", 0).late(), event("debt", "2", 1).late()]).decide(&ask(), 1);
    assert_eq!((late.truth, late.late_only, late.newest), (True, true, None));
    let mixed = World::new([event("debt", "1", 0).late(), event("debt", "2", 1)]).decide(&ask(), 1);
    assert_eq!((mixed.truth, mixed.late_only), (True, false));
    let facts_alone = World::new([]).facts([facts("1", 0, &[("size", Value::Int(1))])]);
    assert!(!facts_alone.decide(&one(at_least("size", 1)), 0).late_only);
}

#[test]
fn evidence_of_a_branch_that_failed_does_not_show() {
    let mut rule = rule(vec![
        ("debt", count(&[DEBT], 100, gte(1))),
        ("size", at_least("size", 1)),
        ("cut", count(&[CUT], 100, gte(1))),
    ]);
    rule.nodes[3].ask = Ask::All(vec![0, 1]);
    rule.nodes.push(Node { ask: Ask::Any(vec![3, 2]), unknown_matches: false });
    rule.when = 4;
    rule.reasons[0].node = 4;
    let world = World::new([event("debt", "1", 0), event("cut", "2", 0).late()]);
    let decision = world.facts([facts("1", 0, &[("size", Value::Int(0))])]).decide(&rule, 0);
    assert_eq!(decision.evidence[0].keys.len(), 1);
    assert!(decision.late_only);
}

#[test]
fn a_held_reason_counts_as_false_and_is_listed_if_it_would_be_true() {
    let mut rule = rule(vec![("debt", count(&[DEBT], 100, gte(1))), ("cut", count(&[CUT], 100, gte(1)))]);
    rule.nodes[usize::from(rule.when)].ask = Ask::Any(vec![0, 1]);
    rule.score.add = vec![(0, Points::Fixed(20))];
    let world = World::new([event("debt", "1", 0), event("cut", "2", 0)]);
    let pack = world.pack(rule.clone());
    let hold = |held| world.view(|view| evaluate(&pack, &pack.crisis[0], view, d(0), held));
    let decision = hold(0b01);
    assert_eq!((decision.truth, decision.met, decision.held, decision.points), (True, 0b10, 0b01, 40));
    assert_eq!(decision.level, Some(Level::Watch));
    assert_eq!(hold(0).level, Some(Level::High));
    assert_eq!((hold(0b11).truth, hold(0b11).level), (False, None));
    let one_cut = World::new([event("cut", "2", 0)]);
    let pack = one_cut.pack(rule);
    let decision = one_cut.view(|view| evaluate(&pack, &pack.crisis[0], view, d(0), 0b01));
    assert_eq!(decision.held, 0);
}

#[test]
fn an_also_is_scored_and_never_required_and_unknown_scores_nothing() {
    let mut rule = rule(vec![("debt", count(&[DEBT], 100, gte(1))), ("size", at_least("size", 2))]);
    rule.nodes[usize::from(rule.when)].ask = Ask::All(vec![0]);
    rule.reasons[1].also = true;
    rule.score.add = vec![(1, Points::Fixed(30))];
    let world = World::new([event("debt", "1", 0)]);
    let unknown = world.decide(&rule, 0);
    assert_eq!((unknown.truth, unknown.points, unknown.unknown), (True, 40, 0b10));
    let small = world.clone().facts([facts("1", 0, &[("size", Value::Int(1))])]).decide(&rule, 0);
    assert_eq!((small.truth, small.points, small.met), (True, 40, 0b01));
    let large = world.facts([facts("1", 0, &[("size", Value::Int(2))])]).decide(&rule, 0);
    assert_eq!((large.truth, large.points, large.met), (True, 70, 0b11));
}

#[test]
fn a_false_value_sleeps_while_one_condition_that_time_cannot_change_stands() {
    let asks = vec![("debt", count(&[DEBT], 30, gte(1))), ("size", at_least("size", 2))];
    let debt = World::new([event("debt", "1", 0)]);
    let small = debt.clone().facts([facts("1", 0, &[("size", Value::Int(1))])]);
    let decision = small.decide(&rule(asks.clone()), 0);
    assert_eq!((decision.truth, decision.wake.day), (False, None));
    let unknown = debt.decide(&rule(asks), 0);
    assert_eq!((unknown.truth, unknown.wake.day), (Unknown, Some(d(30))));
}

#[test]
fn a_false_all_sleeps_until_the_last_of_its_false_conditions_may_change() {
    let born = |name, date| facts(name, -1, &[born(name, date)]);
    let world = World::new([]).facts([born("born", "1961-03-10"), born("oldest_born", "1961-03-20")]);
    let asks = |first, second| rule(vec![("a", at_least(first, 65)), ("b", at_least(second, 65))]);
    for rule in [asks("age", "oldest_age"), asks("oldest_age", "age")] {
        assert_eq!(world.decide(&rule, 0).wake.day, Some(d(19)));
        assert_eq!(world.decide(&rule, 9).wake.day, Some(d(19)));
        assert_eq!(world.decide(&rule, 19).truth, True);
    }
}

#[test]
fn one_prepared_view_answers_every_rule_and_day_like_a_new_one() {
    let rules = vec![one(count(&[DEBT], 3, gte(1))), one(count(&[CUT], 3, gte(1))), one(at_least("age", 65))];
    let world = World::new([event("cut", "2", 4), event("debt", "1", 0)]).facts([facts(
        "1",
        -1,
        &[born("born", "1961-03-10")],
    )]);
    let pack = Pack::new(PackHash([0; 32]), rules, Vec::new(), Vec::new(), &derived());
    world.view(|view| {
        let mut prepared = Prepared::new(&pack, view);
        for n in [0, 9, 5, 2, 4] {
            for rule in &pack.crisis {
                let fresh = evaluate(&pack, rule, view, d(n), 0);
                assert_eq!(prepared.evaluate(rule, d(n), 0), fresh, "day {n}");
                assert_eq!(prepared.trace(rule.when).map(|trace| trace.truth), Some(fresh.truth));
            }
        }
    });
}

#[test]
fn only_rules_that_an_input_can_change_are_named() {
    let mut second = one(at_least("oldest_age", 65));
    second.signals.retain(|signal| signal.name == "paid");
    let pack = Pack::new(
        PackHash([0; 32]),
        vec![one(count(&[DEBT], 3, gte(1))), second],
        Vec::new(),
        Vec::new(),
        &derived(),
    );
    assert_eq!(pack.rules_touched_by_kind("debt"), [0]);
    assert_eq!(pack.rules_touched_by_kind("paid"), [0, 1]);
    assert_eq!(pack.rules_touched_by_kind("unheard"), [] as [usize; 0]);
    assert_eq!(pack.rules_touched_by_fact("oldest_born"), [1]);
    assert_eq!(pack.rules_touched_by_fact("size"), [] as [usize; 0]);
}
