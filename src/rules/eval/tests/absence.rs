//! "absent": anchors, deadlines, completeness, baselines, suppressed time.

use super::super::Truth::{False, True, Unknown};
use super::super::{SuppressedSpan, Truth};
use super::fixture::*;
use crate::rules::plan::*;
use crate::types::*;

/// No use for three days after a cut.
fn silent(baseline_days: Option<i32>) -> Ask {
    Ask::Absent { of: vec![USE, METER], after: vec![CUT], for_days: 3, baseline_days }
}

#[test]
fn an_absence_falls_due_at_midnight_of_the_anchor_day_plus_n_plus_1() {
    let world = World::new([event("cut", "1", 0).hour(15)]);
    world.check(&silent(None), &[(-1, False), (0, False), (3, False), (4, True), (900, True)]);
    let waiting = world.decide(&one(silent(None)), 0);
    assert_eq!(waiting.wake.day, Some(d(4)));
    assert_eq!(evidence(&world.decide(&one(silent(None)), 4)), ["1"]);
}

#[test]
fn any_use_behind_the_anchor_makes_it_false() {
    let cut = || event("cut", "1", 0).hour(15);
    World::new([cut(), event("use", "u", 0).hour(16)]).check(&silent(None), &[(4, False)]);
    World::new([cut(), event("use", "u", 3).hour(23)]).check(&silent(None), &[(4, False)]);
    // Use behind the deadline ends the silence too.
    World::new([cut(), event("use", "u", 6)]).check(&silent(None), &[(5, True), (6, False)]);
    World::new([cut()]).meter("A", &[3]).check(&silent(None), &[(4, False)]);
    World::new([cut()]).meter("A", &[6]).check(&silent(None), &[(5, True), (6, False)]);
    let silence = World::new([cut()]).meter("A", &[6]).decide(&one(silent(None)), 5);
    assert_eq!(silence.wake.day, Some(d(6)));
}

#[test]
fn use_on_the_anchors_day_known_by_the_day_alone_does_not_follow_it() {
    let cut = || event("cut", "1", 0).hour(15);
    World::new([cut(), event("use", "u", 0)]).check(&silent(None), &[(4, True)]);
    World::new([cut()]).meter("A", &[0]).check(&silent(None), &[(4, True)]);
    World::new([cut(), event("use", "u", 0).hour(14)]).check(&silent(None), &[(4, True)]);
}

#[test]
fn a_further_cut_never_resets_the_clock_and_use_re_anchors() {
    let cuts = [event("cut", "1", 0), event("cut", "2", 2), event("cut", "3", 5)];
    let first = World::new(cuts.clone());
    assert_eq!(evidence(&first.decide(&one(silent(None)), 4)), ["1"]);
    // Use on day 1: the next cut anchors. The first one voided: likewise.
    let used = World::new(cuts.clone()).meter("A", &[1]);
    used.check(&silent(None), &[(4, False), (5, False), (6, True)]);
    assert_eq!(evidence(&used.decide(&one(silent(None)), 6)), ["2"]);
    World::new(cuts[1..].iter().cloned()).check(&silent(None), &[(4, False), (5, False), (6, True)]);
}

#[test]
fn complete_through_must_have_passed_the_deadline() {
    let world = |through, stale| {
        World::new([event("cut", "1", 10)])
            .meter("A", &[5])
            .source("A", through, stale)
            .source("B", None, true)
    };
    let cases: [(Option<StreamTime>, bool, Truth); 5] = [
        (Some(h(14, 0)), false, True),
        (Some(h(14, 0)), true, True),
        (Some(h(13, 23)), false, False),
        (Some(h(13, 23)), true, Unknown),
        (None, false, Unknown),
    ];
    for (through, stale, truth) in cases {
        // Of the two sources, only A used to speak for this entity.
        world(through, stale).check(&silent(Some(30)), &[(13, False), (14, truth)]);
    }
    let waiting = world(Some(h(13, 23)), true).decide(&one(silent(Some(30))), 14);
    assert_eq!(waiting.stale, ["A"]);
    assert_eq!(waiting.wake.sources, [("A".into(), h(14, 0))]);
    let on_time = world(Some(h(13, 23)), false).decide(&one(silent(Some(30))), 14);
    assert_eq!(on_time.wake.sources, [("A".into(), h(14, 0))]);
}

#[test]
fn without_a_baseline_it_waits_for_all_sources_of_the_kind() {
    let world = World::new([event("cut", "1", 10)]).meter("A", &[5]).source("B", Some(h(9, 0)), true);
    world.check(&silent(None), &[(14, Unknown)]);
    world.source("B", Some(h(14, 0)), true).check(&silent(None), &[(14, True)]);
}

#[test]
fn no_use_within_the_baseline_before_the_anchor_is_unknown_once_due() {
    let world = |used: &[i32]| World::new([event("cut", "1", 40)]).meter("A", used);
    world(&[]).check(&silent(Some(30)), &[(43, False), (44, Unknown)]);
    world(&[9]).check(&silent(Some(30)), &[(44, Unknown)]);
    world(&[10]).check(&silent(Some(30)), &[(44, True)]);
    world(&[40]).check(&silent(Some(30)), &[(44, True)]);
    World::new([event("cut", "1", 40), event("use", "u", 20)]).check(&silent(Some(30)), &[(44, True)]);
}

#[test]
fn a_day_read_and_not_used_may_be_the_anchor() {
    let ask = Ask::Absent { of: vec![METER], after: vec![UNUSED], for_days: 3, baseline_days: Some(30) };
    let world = World::new([]).read("A", &[-3, -2, 2], &[-1, 0, 1, 3, 4, 5, 6]);
    world.check(&ask, &[(1, False), (2, False), (6, False), (7, True)]);
    assert_eq!(world.decide(&one(ask), 4).wake.day, Some(d(7)));
}

fn outage(only_reasons: Option<&str>) -> SuppressionRule {
    SuppressionRule {
        id: "hold".into(),
        version: 1,
        status: Status::Live,
        title: String::new(),
        effective: Effective { from: d(-10_000), to: None },
        rules: vec!["test.*".into()],
        except: Vec::new(),
        only_reasons: only_reasons.map(|name| vec![name.into()]),
        below: None,
        since_event: "outage".into(),
        same: Vec::new(),
        until_event: "outage_over".into(),
        until_same: Vec::new(),
        at_most_ms: MS_PER_DAY,
        grace_ms: 0,
        reason: String::new(),
    }
}

#[test]
fn suppressed_time_does_not_count_towards_an_absence() {
    let span = |from, to| SuppressedSpan { rule: "hold".into(), from, to };
    let with = |rule, spans: Vec<SuppressedSpan>| {
        let mut world = World::new([event("cut", "1", 0)]);
        world.suppressions = vec![rule];
        world.suppressed = spans;
        world
    };
    // A whole day; six hours, of which the rest of the day is waited out; overlaps count once.
    let day = with(outage(None), vec![span(h(2, 0), h(3, 0))]);
    day.check(&silent(None), &[(4, False), (5, True)]);
    with(outage(None), vec![span(h(2, 6), h(2, 12))]).check(&silent(None), &[(4, False), (5, True)]);
    let overlapping = vec![span(h(2, 0), h(3, 0)), span(h(2, 12), h(3, 12)), span(h(2, 1), h(2, 2))];
    with(outage(None), overlapping).check(&silent(None), &[(5, False), (6, True)]);
    // Before the first counted day, behind the deadline, or for other reasons: no matter.
    with(outage(None), vec![span(h(-1, 0), h(1, 0)), span(h(4, 0), h(9, 0))])
        .check(&silent(None), &[(4, True)]);
    with(outage(Some("other")), vec![span(h(2, 0), h(3, 0))]).check(&silent(None), &[(4, True)]);
    with(outage(Some("only")), vec![span(h(2, 0), h(3, 0))]).check(&silent(None), &[(4, False), (5, True)]);
}
