//! "sequence": order, span, lookback, ties, what breaks it, what it shows.

use super::super::Truth::{False, True, Unknown};
use super::fixture::*;
use crate::rules::plan::*;

/// A debt, then a cut, at most ten days later, the cut in the last thirty days.
fn order() -> Ask {
    steps(&[DEBT, CUT])
}

fn steps(steps: &[SignalId]) -> Ask {
    Ask::Sequence {
        steps: steps.iter().map(|id| vec![*id]).collect(),
        within_days: 10,
        lookback_days: 30,
        without: vec![PAID],
        same: Vec::new(),
    }
}

#[test]
fn steps_must_come_in_time_order() {
    World::new([event("debt", "1", 0), event("cut", "2", 1)]).check(&order(), &[(0, False), (1, True)]);
    World::new([event("cut", "2", 0), event("debt", "1", 1)]).check(&order(), &[(1, False)]);
    World::new([event("debt", "1", 0).hour(2), event("cut", "2", 0).hour(3)]).check(&order(), &[(0, True)]);
    World::new([event("debt", "1", 0).hour(3), event("cut", "2", 0).hour(2)]).check(&order(), &[(0, False)]);
}

#[test]
fn equal_dates_suffice_if_either_has_day_precision() {
    World::new([event("debt", "1", 0), event("cut", "2", 0)]).check(&order(), &[(0, True)]);
    World::new([event("debt", "1", 0).hour(9), event("cut", "2", 0)]).check(&order(), &[(0, True)]);
    World::new([event("debt", "1", 0), event("cut", "2", 0).hour(1)]).check(&order(), &[(0, True)]);
}

#[test]
fn the_span_is_a_day_difference_and_the_last_step_lies_in_the_lookback() {
    World::new([event("debt", "1", 0), event("cut", "2", 10)])
        .check(&order(), &[(10, True), (39, True), (40, False)]);
    World::new([event("debt", "1", 0), event("cut", "2", 11)]).check(&order(), &[(11, False)]);
    let world = World::new([event("debt", "1", 0), event("cut", "2", 10)]);
    assert_eq!(world.decide(&one(order()), 12).wake.day, Some(d(40)));
}

#[test]
fn steps_are_distinct_events() {
    let world = |n| World::new((0..n).map(|i| event("debt", &i.to_string(), 0)));
    world(1).check(&steps(&[ANY, DEBT]), &[(0, False)]);
    world(2).check(&steps(&[ANY, DEBT]), &[(0, True)]);
    world(2).check(&steps(&[DEBT, ANY, DEBT]), &[(0, False)]);
    world(3).check(&steps(&[DEBT, ANY, DEBT]), &[(0, True)]);
    // The one debt is needed for the last step of its day, so the cut must take the first.
    let mixed = World::new([event("debt", "1", 0), event("cut", "2", 0), event("use", "3", 0)]);
    mixed.check(&steps(&[USE, ANY, DEBT]), &[(0, True)]);
}

#[test]
fn what_comes_strictly_between_breaks_it() {
    let around = || [event("debt", "1", 0), event("cut", "2", 4)];
    let with = |paid| World::new(around().into_iter().chain([paid]));
    with(event("paid", "3", 2)).check(&order(), &[(4, False)]);
    with(event("paid", "3", 0)).check(&order(), &[(4, True)]);
    with(event("paid", "3", 4).hour(1)).check(&order(), &[(4, True)]);
    // A later debt begins a new one.
    let again = [event("paid", "3", 2), event("debt", "4", 3)];
    World::new(around().into_iter().chain(again)).check(&order(), &[(4, True)]);
}

#[test]
fn the_same_fields_tie_the_steps() {
    let Ask::Sequence { steps, within_days, lookback_days, without, .. } = order() else {
        panic!("a sequence")
    };
    let ask = Ask::Sequence { steps, within_days, lookback_days, without, same: vec!["m".into()] };
    let world = |a: Option<i64>, b: Option<i64>| {
        World::new([event("debt", "1", 0).with("m", a), event("cut", "2", 1).with("m", b)])
    };
    world(Some(1), Some(1)).check(&ask, &[(1, True)]);
    world(Some(1), Some(2)).check(&ask, &[(1, False)]);
    world(None, None).check(&ask, &[(1, False)]);
}

#[test]
fn evidence_is_the_latest_end_then_the_latest_beginning_then_the_smallest_key() {
    let world = World::new([
        event("debt", "a", 0),
        event("debt", "c", 3),
        event("debt", "b", 3),
        event("cut", "x", 5),
        event("cut", "z", 7),
        event("cut", "y", 7),
        event("cut", "w", 20),
    ]);
    assert_eq!(evidence(&world.decide(&one(order()), 20)), ["b", "y"]);
    assert_eq!(evidence(&world.decide(&one(order()), 5)), ["b", "x"]);
    assert_eq!(evidence(&world.decide(&one(order()), 4)), [] as [&str; 0]);
}

#[test]
fn a_sequence_not_seen_is_unknown_while_a_source_of_its_steps_is_stale() {
    let world = World::new([event("debt", "1", 0)]).source("A", None, true);
    world.check(&order(), &[(0, Unknown)]);
}
