//! Ladders, absences under incomplete time, and what a person does to an alert.

use super::super::packs::*;
use super::{check, repeated};
use crate::rules::plan::Level;

#[test]
fn escalation_counts_from_the_first_tick_behind_the_opening() {
    let rule = repeat().step("call", 24, Some(Level::Critical), None, 1);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +0d6h tick
         +1d5h tick
         +1d6h tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +1d6h repeat/1 escalated OPEN critical +0d repeat step=call",
    );
}

#[test]
fn nothing_escalates_that_nobody_could_have_seen() {
    let rule = repeat().step("call", 24, None, None, 1);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +3d jump
         +3d12h tick
         +4d tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +4d repeat/1 escalated OPEN watch +0d repeat step=call",
    );
}

#[test]
fn a_step_repeats_up_to_its_maximum() {
    let rule = repeat().step("call", 24, None, Some(24), 2);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +1d tick
         +6d tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +2d repeat/1 escalated OPEN watch +0d repeat step=call
         +3d repeat/1 escalated OPEN watch +0d repeat step=call count=2",
    );
}

#[test]
fn contact_stops_escalation_and_a_claim_does_not() {
    let rule = repeat().step("call", 24, None, None, 1).step("again", 48, None, None, 1);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +0d1h claim repeat/1
         +1d2h contact repeat/1 seen=3
         +9d tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +0d1h repeat/1 casework CLAIMED watch +0d repeat answers=claim notify=silent
         +1d2h repeat/1 escalated CLAIMED watch +0d repeat step=call
         +1d2h repeat/1 casework CONTACTED watch +0d repeat answers=contact notify=silent",
    );
}

#[test]
fn an_unmet_unless_lets_a_step_fire_and_a_met_one_does_not() {
    let rule = repeat().signal("paid", &["paid"]).step("call", 24, None, None, 1).unless(1);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +0d5h paid KEPCO/P
         +5d tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat",
    );
}

#[test]
fn an_incomplete_tick_escalates_and_does_not_age_or_find_absence() {
    let rule = rule("crisis.silent")
        .signal("cutoff", &["cutoff.water"])
        .signal("use", &["use"])
        .absent("silent", 1, 0, 3, false)
        .step("call", 24, None, None, 1);
    let silent = repeat().step("call", 24, None, None, 1);
    check(
        vec![pack(1, vec![silent, rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +0d1h tick
         +5d incomplete
         +5d1h tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +2d repeat/1 escalated OPEN watch +0d repeat step=call
         +5d1h silent/1 opened OPEN watch +4d silent",
    );
}

#[test]
fn an_absence_waits_for_the_source_that_would_have_told() {
    let rule = rule("crisis.silent")
        .signal("cutoff", &["cutoff.water"])
        .signal("use", &["use"])
        .absent("silent", 1, 0, 3, false);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +2d down KEPCO
         +8d up KEPCO
         +8d6h tick
         ----
         +8d6h silent/1 opened OPEN watch +4d silent",
    );
}

#[test]
fn a_refused_action_is_answered_by_a_revision_that_names_it() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +1d claim repeat/1 by=worker-1 id=a1
         +1d claim repeat/1 by=worker-2 id=a2 seen=2
         +1d claim repeat/1 by=worker-2 id=a2 seen=2
         +2d close repeat/1 id=a3 seen=9
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +1d repeat/1 casework CLAIMED watch +0d repeat answers=a1 notify=silent
         +1d repeat/1 casework CLAIMED watch +0d repeat refused=claimed_by_another answers=a2 notify=silent
         +2d repeat/1 casework CLAIMED watch +0d repeat refused=unknown_revision answers=a3 notify=silent",
    );
}

#[test]
fn an_attempt_is_noted_and_stops_nothing() {
    let rule = repeat().step("call", 24, None, None, 1);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +0d1h attempt repeat/1
         +2d tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +0d1h repeat/1 casework OPEN watch +0d repeat answers=attempt notify=silent
         +2d repeat/1 escalated OPEN watch +0d repeat step=call",
    );
}

#[test]
fn a_close_of_what_has_since_become_graver_is_refused() {
    let rule = repeat().reason("more", count(&[0], 30, 3), true).points("more", 20);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +1d cutoff.gas KEPCO/3
         +1d close repeat/1 seen=1
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +1d repeat/1 raised OPEN high +0d repeat,more
         +1d repeat/1 casework OPEN high +0d repeat,more refused=outdated answers=close notify=silent",
    );
}

#[test]
fn steps_that_fall_due_together_are_told_one_by_one() {
    let rule = repeat().step("call", 24, Some(Level::High), None, 1);
    let rule = rule.step("again", 48, Some(Level::Critical), Some(24), 2).step("late", 36, None, None, 1);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +0d1h tick
         +5d jump
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +5d repeat/1 escalated OPEN high +0d repeat step=call
         +5d repeat/1 escalated OPEN high +0d repeat step=late
         +5d repeat/1 escalated OPEN critical +0d repeat step=again",
    );
}
