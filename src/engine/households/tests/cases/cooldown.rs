//! What ends an episode, and what is news behind its end.

use super::super::packs::*;
use super::{check, repeated};
use crate::rules::plan::{Ask, Cmp, Operand, Pack, Pick, Within};
use crate::types::Value;

#[test]
fn cleared_by_what_came_behind_the_opening_alone() {
    let rule = repeat().signal("contact", &["casework.action"]).whose("action", "contact").clear(1, 7);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +1d cutoff.gas KEPCO/2
         +2d contact repeat/1
         ----
         +1d repeat/1 opened OPEN watch +1d repeat
         +2d repeat/1 casework CONTACTED watch +1d repeat answers=contact notify=silent",
    );
    let rule = repeat().signal("restored", &["restored"]).clear(1, 7);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d restored KEPCO/R0
         +1d cutoff.gas KEPCO/2
         +2d restored KEPCO/R1
         ----
         +1d repeat/1 opened OPEN watch +1d repeat
         +2d repeat/1 closed CLOSED watch +1d repeat reason=cleared notify=silent",
    );
}

#[test]
fn a_cooldown_is_silent_without_new_evidence() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +1d cutoff.gas KEPCO/2
         +2d close repeat/1
         +3d tick
         +20d tick
         ----
         +1d repeat/1 opened OPEN watch +1d repeat
         +2d repeat/1 closed CLOSED watch +1d repeat reason=unspecified answers=close notify=silent",
    );
}

#[test]
fn new_evidence_inside_the_cooldown_reopens_the_same_episode() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +1d cutoff.gas KEPCO/2
         +2d close repeat/1
         +5d cutoff.gas KEPCO/3
         ----
         +1d repeat/1 opened OPEN watch +1d repeat
         +2d repeat/1 closed CLOSED watch +1d repeat reason=unspecified answers=close notify=silent
         +5d repeat/1 reopened REOPENED watch +5d repeat",
    );
}

#[test]
fn behind_the_cooldown_new_evidence_opens_the_next_episode() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +1d cutoff.gas KEPCO/2
         +2d close repeat/1
         +20d cutoff.gas KEPCO/3
         ----
         +1d repeat/1 opened OPEN watch +1d repeat
         +2d repeat/1 closed CLOSED watch +1d repeat reason=unspecified answers=close notify=silent
         +20d repeat/2 opened OPEN watch +20d repeat previous=yes",
    );
}

/// A debt of three months or more, graver from six on.
fn debt() -> Vec<Pack> {
    let most = Ask::Value {
        of: vec![0],
        field: "months".into(),
        pick: Pick::Max,
        within: Some(Within::Days(90)),
        test: vec![(Cmp::Gte, Operand::Const(Value::Int(3)))],
    };
    let rule = rule("crisis.debt").signal("debt", &["arrears"]).reason("debt", most, false);
    vec![pack(1, vec![rule.stepped("debt", &[(6, 10), (12, 20)])], vec![])]
}

#[test]
fn a_debt_told_again_is_no_news_inside_and_behind_the_cooldown() {
    check(
        debt(),
        "+0d arrears NHIS/1 months=3
         +2d close debt/1
         +5d arrears NHIS/1 rev=2 months=4
         +20d arrears NHIS/1 rev=3 months=5
         +21d arrears NHIS/2 months=5
         ----
         +0d debt/1 opened OPEN watch +0d debt
         +2d debt/1 closed CLOSED watch +0d debt reason=unspecified answers=close notify=silent
         +21d debt/2 opened OPEN watch +21d debt previous=yes",
    );
}

#[test]
fn a_known_debt_that_grows_over_a_step_is_seen_inside_and_behind_the_cooldown() {
    check(
        debt(),
        "+0d arrears NHIS/1 months=3
         +2d close debt/1
         +5d arrears NHIS/1 rev=2 months=6
         +6d close debt/1 seen=3 id=c2
         +7d arrears NHIS/1 rev=3 months=7
         +30d arrears NHIS/1 rev=4 months=11
         +40d arrears NHIS/1 rev=5 months=12
         ----
         +0d debt/1 opened OPEN watch +0d debt
         +2d debt/1 closed CLOSED watch +0d debt reason=unspecified answers=close notify=silent
         +5d debt/1 reopened REOPENED watch +5d debt
         +6d debt/1 closed CLOSED watch +5d debt reason=unspecified answers=c2 notify=silent
         +40d debt/2 opened OPEN high +40d debt previous=yes",
    );
}

#[test]
fn what_was_grave_before_the_closing_is_no_rise_behind_it() {
    check(
        vec![pack(1, vec![repeat().stepped("repeat", &[(3, 20)])], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +0d cutoff.gas KEPCO/3
         +1d close repeat/1 seen=2
         +40d cutoff.gas KEPCO/4
         +41d cutoff.gas KEPCO/5
         +42d close repeat/2 id=c2
         +60d cutoff.gas KEPCO/5 rev=2 on=+10d
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +0d repeat/1 raised OPEN high +0d repeat
         +1d repeat/1 closed CLOSED high +0d repeat reason=unspecified answers=close notify=silent
         +41d repeat/2 opened OPEN watch +41d repeat previous=yes
         +42d repeat/2 closed CLOSED watch +41d repeat reason=unspecified answers=c2 previous=yes notify=silent",
    );
}

#[test]
fn a_withdrawal_starts_no_cooldown() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +1d cutoff.gas KEPCO/2
         +2d void KEPCO/1
         +3d cutoff.gas KEPCO/3
         ----
         +1d repeat/1 opened OPEN watch +1d repeat
         +2d repeat/1 withdrawn WITHDRAWN watch +1d ~repeat reason=basis_void
         +3d repeat/2 opened OPEN watch +3d repeat previous=yes",
    );
}

#[test]
fn a_rise_learnt_of_the_time_before_a_closing_counts_from_the_day_of_the_closing() {
    check(
        debt(),
        "+0d arrears NHIS/1 months=3
         +2d close debt/1
         +5d arrears NHIS/1 rev=2 months=6 on=+0d
         ----
         +0d debt/1 opened OPEN watch +0d debt
         +2d debt/1 closed CLOSED watch +0d debt reason=unspecified answers=close notify=silent
         +5d debt/1 reopened REOPENED watch +2d debt",
    );
}

#[test]
fn what_came_before_the_opening_in_the_same_moment_clears_nothing() {
    let rule = repeat().signal("restored", &["restored"]).clear(1, 7);
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +1d restored KEPCO/R0
         +1d cutoff.gas KEPCO/2
         +2d cutoff.gas KEPCO/3
         +3d restored KEPCO/R1
         ----
         +1d repeat/1 opened OPEN watch +1d repeat
         +3d repeat/1 amended OPEN watch +1d repeat notify=silent
         +3d repeat/1 closed CLOSED watch +1d repeat reason=cleared notify=silent",
    );
}
