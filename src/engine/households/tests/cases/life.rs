//! What opens an episode, what it rests on, and what a correction does to it.

use super::super::packs::*;
use super::{Town, check, repeated};

#[test]
fn an_episode_opens_when_its_rule_becomes_true() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +3d cutoff.gas KEPCO/2
         ----
         +3d repeat/1 opened OPEN watch +3d repeat",
    );
}

#[test]
fn a_rule_that_stays_true_speaks_only_when_something_changes() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +1d tick
         +2d tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat",
    );
}

#[test]
fn evidence_that_changes_alone_waits_for_the_morning() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +0d9h cutoff.gas KEPCO/3
         +0d10h cutoff.gas KEPCO/4
         +2d tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +1d repeat/1 amended OPEN watch +0d repeat notify=silent",
    );
}

#[test]
fn an_input_of_a_day_decides_that_day_and_all_since() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +40d cutoff.gas KEPCO/2 on=+5d
         ----
         +40d repeat/1 opened OPEN watch +5d ~repeat",
    );
}

#[test]
fn late_evidence_alone_opens_nothing() {
    check(
        repeated(),
        "+70d cutoff.water KEPCO/1 on=+0d late
         +70d cutoff.gas KEPCO/2 on=+0d late
         ----",
    );
}

#[test]
fn a_future_event_counts_from_the_tick_of_its_day() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2 on=+4d9h
         +5d tick
         ----
         +4d repeat/1 opened OPEN watch +4d repeat",
    );
}

#[test]
fn a_reason_that_ages_out_is_past_and_lowers_nothing() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +1d cutoff.gas KEPCO/2
         +40d tick
         ----
         +1d repeat/1 opened OPEN watch +1d repeat
         +30d repeat/1 amended OPEN watch +1d ~repeat notify=silent",
    );
}

#[test]
fn a_void_that_makes_it_false_withdraws_an_open_episode() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +1d cutoff.gas KEPCO/2
         +2d void KEPCO/1
         ----
         +1d repeat/1 opened OPEN watch +1d repeat
         +2d repeat/1 withdrawn WITHDRAWN watch +1d ~repeat reason=basis_void",
    );
}

#[test]
fn a_void_leaves_a_claimed_episode_to_its_person() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +1d cutoff.gas KEPCO/2
         +1d claim repeat/1
         +2d void KEPCO/1
         +3d close repeat/1 seen=3 outcome=self_resolved
         ----
         +1d repeat/1 opened OPEN watch +1d repeat
         +1d repeat/1 casework CLAIMED watch +1d repeat answers=claim notify=silent
         +2d repeat/1 amended CLAIMED watch +1d ~repeat basis_void=true notify=silent
         +3d repeat/1 closed CLOSED watch +1d ~repeat reason=self_resolved answers=close basis_void=true notify=silent",
    );
}

#[test]
fn what_a_person_closes_is_counted_once_by_what_the_outcome_says() {
    let mut town = Town::open(repeated());
    for line in [
        "+0d cutoff.water KEPCO/1",
        "+1d cutoff.gas KEPCO/2",
        "+1d cutoff.water KEPCO/3 h=H2",
        "+1d cutoff.gas KEPCO/4 h=H2",
        "+1d cutoff.water KEPCO/5 h=H3",
        "+1d cutoff.gas KEPCO/6 h=H3",
        "+2d void KEPCO/5 h=H3",
        "+3d close repeat/1 outcome=self_resolved",
        "+3d close repeat/1 h=H2",
        "+4d cutoff.gas KEPCO/2",
    ] {
        town.line(line);
    }
    assert_eq!(
        town.closed,
        [("crisis.repeat".into(), 1, "not_needed"), ("crisis.repeat".into(), 1, "unclear")]
    );
}

#[test]
fn a_void_recomputes_the_level() {
    let rule = repeat().reason("more", count(&[0], 30, 3), true).points("more", 20);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +1d cutoff.gas KEPCO/2
         +2d cutoff.gas KEPCO/3
         +3d void KEPCO/3
         ----
         +1d repeat/1 opened OPEN watch +1d repeat
         +2d repeat/1 raised OPEN high +1d repeat,more
         +3d repeat/1 amended OPEN watch +1d repeat notify=silent",
    );
}

#[test]
fn a_revision_replaces_what_a_lower_one_said() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +1d cutoff.gas KEPCO/1 rev=2
         +2d cutoff.gas KEPCO/1 rev=1
         ----",
    );
}

#[test]
fn a_fact_that_changes_later_keeps_the_episode() {
    let rule = rule("crisis.old")
        .signal("cutoff", &["cutoff.water"])
        .count("cut", &[0], 30, 1)
        .fact_at_least("old", "age", 65);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d fact age=70
         +1d cutoff.water KEPCO/1
         +3d fact age=40 from=+3d key=REG/2
         ----
         +1d old/1 opened OPEN watch +1d cut,old
         +3d old/1 amended OPEN watch +1d cut,~old notify=silent",
    );
}

#[test]
fn a_fact_corrected_for_the_past_is_a_void() {
    let rule = rule("crisis.old")
        .signal("cutoff", &["cutoff.water"])
        .count("cut", &[0], 30, 1)
        .fact_at_least("old", "age", 65);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d fact age=70
         +1d cutoff.water KEPCO/1
         +3d fact age=40 rev=2
         ----
         +1d old/1 opened OPEN watch +1d cut,old
         +3d old/1 withdrawn WITHDRAWN watch +1d cut,~old reason=basis_void",
    );
}

#[test]
fn what_only_a_missing_fact_keeps_from_matching_goes_to_review_once() {
    let rule = rule("crisis.old")
        .signal("cutoff", &["cutoff.water"])
        .count("cut", &[0], 30, 1)
        .fact_at_least("old", "age", 65);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+1d cutoff.water KEPCO/1
         +2d cutoff.water KEPCO/2
         +3d fact age=70
         ----
         +1d review crisis.old old missing=age
         +3d old/1 opened OPEN watch +1d cut,old",
    );
}

#[test]
fn a_revision_of_another_kind_is_decided_for_the_old_kind_as_well() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +1d restored KEPCO/2 rev=2
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +1d repeat/1 withdrawn WITHDRAWN watch +0d ~repeat reason=basis_void",
    );
}

#[test]
fn a_fact_that_was_taken_back_stays_away_until_a_higher_revision() {
    let old = rule("crisis.old").signal("cutoff", &["cutoff.water"]).count("cut", &[0], 30, 1);
    check(
        vec![pack(1, vec![old.fact_at_least("old", "age", 65)], vec![])],
        "+0d fact age=70
         +0d unfact
         +1d fact age=70
         +1d cutoff.water KEPCO/1
         +2d fact age=70 rev=2
         +3d unfact
         ----
         +1d review crisis.old old missing=age
         +2d old/1 opened OPEN watch +1d cut,old
         +3d old/1 amended OPEN watch +1d cut,~old notify=silent",
    );
}

#[test]
fn a_correction_counts_what_is_true_though_a_source_is_late() {
    let rule = repeat().reason("more", count(&[0], 30, 3), true).points("more", 20);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +1d cutoff.gas KEPCO/2
         +2d cutoff.gas KEPCO/3
         +3d stale KEPCO
         +4d void KEPCO/2
         ----
         +1d repeat/1 opened OPEN watch +1d repeat
         +2d repeat/1 raised OPEN high +1d repeat,more
         +4d repeat/1 amended OPEN watch +2d repeat notify=silent",
    );
}

#[test]
fn a_void_that_cannot_be_decided_while_a_source_is_late_withdraws_once_it_is_heard() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +1d stale KEPCO
         +2d void KEPCO/2
         +4d up KEPCO
         +4d6h tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +2d repeat/1 amended OPEN watch +0d ~repeat notify=silent
         +4d6h repeat/1 withdrawn WITHDRAWN watch +0d ~repeat reason=basis_void",
    );
}
