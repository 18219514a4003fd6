//! The statements of the rule language's meaning that this stage keeps, one test each.

use super::packs::*;
use super::{Town, check};
use crate::engine::effect::{Blocked, Fact};
use crate::engine::message::{HouseholdMessage, encode};
use crate::rules::plan::{Ask, Cmp, Level, Operand, Pack, Pick, Status, Within};
use crate::types::{EntityId, PackHash, SubjectId, Value};

fn repeated() -> Vec<Pack> {
    vec![pack(1, vec![repeat()], vec![])]
}

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
fn a_suppressed_alert_is_kept_and_decided_again_at_the_end() {
    check(
        vec![pack(1, vec![repeat()], vec![suppression(None, None)])],
        "+0d fact dong=D1
         +0d area outage.started O/1 id=x dong=D1
         +0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +1d area outage.ended O/2 id=x dong=D1
         +3d tick
         ----
         +0d repeat/1 suppressed SUPPRESSED watch +0d repeat notify=silent
         +2d repeat/1 opened OPEN watch +0d repeat",
    );
}

#[test]
fn a_late_start_suppresses_an_unclaimed_alert() {
    check(
        vec![pack(1, vec![repeat()], vec![suppression(None, None)])],
        "+0d fact dong=D1
         +0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +1d area outage.started O/1 id=x dong=D1 on=+0d
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +1d repeat/1 suppressed SUPPRESSED watch +0d repeat notify=silent",
    );
}

#[test]
fn a_late_start_only_annotates_a_claimed_alert() {
    check(
        vec![pack(1, vec![repeat()], vec![suppression(None, None)])],
        "+0d fact dong=D1
         +0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +0d claim repeat/1
         +1d area outage.started O/1 id=x dong=D1 on=+0d
         +2d tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +0d repeat/1 casework CLAIMED watch +0d repeat answers=claim notify=silent
         +2d repeat/1 amended CLAIMED watch +0d repeat notify=silent",
    );
}

#[test]
fn suppression_lasts_at_most_so_long() {
    check(
        vec![pack(1, vec![repeat()], vec![suppression(None, None)])],
        "+0d fact dong=D1
         +0d area outage.started O/1 id=x dong=D1
         +1d cutoff.water KEPCO/1
         +1d cutoff.gas KEPCO/2
         +31d tick
         ----
         +1d repeat/1 suppressed SUPPRESSED watch +1d repeat notify=silent
         +8d repeat/1 opened OPEN watch +1d repeat
         +31d repeat/1 amended OPEN watch +1d ~repeat notify=silent",
    );
}

#[test]
fn a_late_end_counts() {
    check(
        vec![pack(1, vec![repeat()], vec![suppression(None, None)])],
        "+0d fact dong=D1
         +0d area outage.started O/1 id=x dong=D1
         +1d cutoff.water KEPCO/1
         +1d cutoff.gas KEPCO/2
         +5d area outage.ended O/2 id=x dong=D1 on=+1d
         ----
         +1d repeat/1 suppressed SUPPRESSED watch +1d repeat notify=silent
         +5d repeat/1 opened OPEN watch +1d repeat",
    );
}

#[test]
fn another_area_is_not_suppressed() {
    check(
        vec![pack(1, vec![repeat()], vec![suppression(None, None)])],
        "+0d fact dong=D2
         +0d area outage.started O/1 id=x dong=D1
         +0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         ----
         +0d repeat/1 opened OPEN watch +0d repeat",
    );
}

#[test]
fn a_grave_alert_is_left_alone_by_below() {
    check(
        vec![pack(
            1,
            vec![repeat().reason("x", count(&[0], 30, 2), true).points("x", 40)],
            vec![suppression(None, Some(Level::Critical))],
        )],
        "+0d fact dong=D1
         +0d area outage.started O/1 id=x dong=D1
         +0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         ----
         +0d repeat/1 opened OPEN critical +0d repeat,x",
    );
}

#[test]
fn named_reasons_are_held_and_the_rest_decides() {
    let rule = repeat().reason("gas", count(&[0], 30, 1), true).points("gas", 20);
    check(
        vec![pack(1, vec![rule], vec![suppression(Some(&["gas"]), None)])],
        "+0d fact dong=D1
         +0d area outage.started O/1 id=x dong=D1
         +0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         ----
         +0d repeat/1 opened OPEN watch +0d repeat,!gas",
    );
    check(
        vec![pack(1, vec![repeat()], vec![suppression(Some(&["repeat"]), None)])],
        "+0d fact dong=D1
         +0d area outage.started O/1 id=x dong=D1
         +0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         ----
         +0d repeat/1 suppressed SUPPRESSED watch +0d !repeat notify=silent",
    );
}

/// Silence since a cut-off, put off by the outages of an area.
fn silence() -> Vec<Pack> {
    let rule = rule("crisis.silent")
        .signal("cutoff", &["cutoff.water"])
        .signal("use", &["use"])
        .absent("silent", 1, 0, 3, false)
        .step("call", 48, None, None, 1);
    vec![pack(1, vec![rule], vec![suppression(Some(&["silent"]), None)])]
}

#[test]
fn an_outage_told_late_suppresses_the_silence_that_it_explains() {
    check(
        silence(),
        "+0d fact dong=D1
         +0d cutoff.water KEPCO/1
         +4d6h area outage.started O/1 id=x dong=D1 on=+3d
         +5d area outage.ended O/2 id=x dong=D1
         +9d tick
         ----
         +4d silent/1 opened OPEN watch +4d silent
         +4d6h silent/1 suppressed SUPPRESSED watch +4d !silent notify=silent
         +6d silent/1 amended OPEN watch +4d ~silent notify=silent
         +7d silent/1 amended OPEN watch +4d silent notify=silent
         +8d silent/1 escalated OPEN watch +4d silent step=call",
    );
}

#[test]
fn an_outage_told_late_only_annotates_a_claimed_silence() {
    check(
        silence(),
        "+0d fact dong=D1
         +0d cutoff.water KEPCO/1
         +4d claim silent/1
         +4d6h area outage.started O/1 id=x dong=D1 on=+3d
         +5d area outage.ended O/2 id=x dong=D1
         +7d tick
         ----
         +4d silent/1 opened OPEN watch +4d silent
         +4d silent/1 casework CLAIMED watch +4d silent answers=claim notify=silent
         +4d6h silent/1 amended CLAIMED watch +4d !silent notify=silent
         +6d silent/1 amended CLAIMED watch +4d ~silent notify=silent
         +7d silent/1 escalated CLAIMED watch +4d silent step=call",
    );
}

#[test]
fn who_takes_a_suppressed_alert_on_starts_its_escalation_again_and_handed_back_it_is_held() {
    check(
        silence(),
        "+0d fact dong=D1
         +0d cutoff.water KEPCO/1
         +4d1h tick
         +4d6h area outage.started O/1 id=x dong=D1 on=+3d
         +5d claim silent/1 seen=2
         +5d6h unclaim silent/1 seen=3
         +6d claim silent/1 seen=4 id=again
         +9d tick
         ----
         +4d silent/1 opened OPEN watch +4d silent
         +4d6h silent/1 suppressed SUPPRESSED watch +4d !silent notify=silent
         +5d silent/1 casework CLAIMED watch +4d !silent answers=claim notify=silent
         +5d6h silent/1 suppressed SUPPRESSED watch +4d !silent answers=unclaim notify=silent
         +6d silent/1 casework CLAIMED watch +4d !silent answers=again notify=silent
         +8d silent/1 escalated CLAIMED watch +4d !silent step=call",
    );
}

#[test]
fn escalation_is_suspended_while_suppressed() {
    let rule = repeat().step("call", 48, None, None, 1);
    check(
        vec![pack(1, vec![rule], vec![suppression(None, None)])],
        "+0d fact dong=D1
         +0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +0d1h tick
         +1d area outage.started O/1 id=x dong=D1
         +2d area outage.ended O/2 id=x dong=D1
         +9d tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +1d repeat/1 suppressed SUPPRESSED watch +0d repeat notify=silent
         +3d repeat/1 amended OPEN watch +0d repeat notify=silent
         +5d repeat/1 escalated OPEN watch +0d repeat step=call",
    );
}

#[test]
fn a_shadow_rule_is_recorded_and_says_nothing() {
    let packs = vec![pack(1, vec![repeat().status(Status::Shadow)], vec![])];
    let mut town = Town::open(packs);
    for line in ["+0d cutoff.water KEPCO/1", "+0d cutoff.gas KEPCO/2", "+1d tick"] {
        town.line(line);
    }
    assert!(town.lines().is_empty());
    assert_eq!(
        town.keys().iter().filter(|key| matches!(key.sub, crate::engine::state::Sub::Episode(..))).count(),
        1
    );
}

#[test]
fn a_draft_rule_is_not_evaluated() {
    check(
        vec![pack(1, vec![repeat().status(Status::Draft)], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         ----",
    );
}

#[test]
fn a_rule_past_its_effect_opens_nothing_and_its_live_episodes_live_on() {
    let day = crate::types::Day::from_ymd(2026, 3, 3).expect("a date");
    check(
        vec![pack(1, vec![repeat().until(day)], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +5d cutoff.water KEPCO/1 h=H2
         +5d cutoff.gas KEPCO/2 h=H2
         +6d claim repeat/1
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +6d repeat/1 casework CLAIMED watch +0d repeat answers=claim notify=silent",
    );
}

#[test]
fn an_opened_alert_is_an_event_for_other_rules() {
    let often = rule("crisis.often").signal("alerts", &["alert.opened"]).count("often", &[0], 30, 1);
    check(
        vec![pack(1, vec![often, repeat()], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +0d often/1 opened OPEN watch +0d often",
    );
}

#[test]
fn a_pack_switch_decides_every_entity_again() {
    let first = pack(1, vec![rule("crisis.none").signal("x", &["x"]).count("x", &[0], 1, 1)], vec![]);
    check(
        vec![first, pack(2, vec![repeat()], vec![])],
        "+0d cutoff.water KEPCO/1 h=H1
         +0d cutoff.gas KEPCO/2 h=H1
         +0d cutoff.water KEPCO/3 h=H2
         +0d cutoff.water KEPCO/4 h=H3
         +0d cutoff.gas KEPCO/5 h=H3
         +1d pack 1
         ----
         +1d repeat/1 opened OPEN watch +1d repeat
         +1d repeat/1 opened OPEN watch +1d repeat",
    );
}

#[test]
fn an_episode_lives_through_a_change_of_its_rule() {
    let second = repeat().version(2).step("call", 24, None, None, 1);
    check(
        vec![pack(1, vec![repeat().step("call", 24, None, None, 1)], vec![]), pack(2, vec![second], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +0d1h tick
         +0d12h pack 1
         +2d tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +2d repeat/1 escalated OPEN watch +0d repeat step=call",
    );
}

#[test]
fn before_any_pack_events_are_stored_and_nothing_is_decided() {
    let mut town = Town::new(repeated());
    for line in ["+0d cutoff.water KEPCO/1", "+0d cutoff.gas KEPCO/2", "+1d tick"] {
        town.line(line);
    }
    assert!(town.lines().is_empty() && !town.has_job());
    town.line("+1d pack 0");
    assert_eq!(town.lines(), ["repeat/1 opened OPEN watch +0d repeat"]);
}

#[test]
fn the_first_pack_decides_the_days_that_waited_for_it() {
    let mut town = Town::new(repeated());
    for line in ["+0d cutoff.water KEPCO/1", "+0d cutoff.gas KEPCO/2", "+45d tick"] {
        town.line(line);
    }
    // True for thirty days from +0d on, and no longer on the day of the pack.
    town.line("+45d pack 0");
    assert_eq!(town.lines(), ["repeat/1 opened OPEN watch +0d ~repeat"]);
}

#[test]
fn a_record_that_nobody_can_read_becomes_a_letter_and_blocks_nothing() {
    let mut town = Town::open(repeated());
    let reserved = encode(&HouseholdMessage::AreaFact { name: "x".into(), value: Value::Null });
    let torn = [reserved[0], reserved[1], 0xff, 0xff];
    let keyless = encode(&HouseholdMessage::Left { subject: SubjectId::new("person:1"), seq: 1 });
    let idle = encode(&HouseholdMessage::Continue);
    let key = Some(b"H1".as_slice());
    let unreadable = [
        (key, None),
        (key, Some(torn.as_slice())),
        (None, Some(keyless.as_slice())),
        (Some(b"\xff".as_slice()), Some(idle.as_slice())),
    ];
    for (key, value) in unreadable {
        let effects = town.raw(key, value).expect("a letter");
        assert!(
            matches!(effects.facts.as_slice(), [Fact::DeadLetter { code: "IEUM-S003", .. }]),
            "{:?}",
            effects.facts
        );
        assert_eq!(effects.outputs.len(), 1);
    }
    let newer = [reserved[0] + 1, 0];
    assert!(matches!(town.raw(Some(b"H1"), Some(&newer)), Err(Blocked::Unreadable(_))));
}

#[test]
fn a_pack_whose_content_is_missing_blocks() {
    let mut town = Town::open(repeated());
    let hash = PackHash([9; 32]);
    let entry = super::town::Entry { key: None, message: HouseholdMessage::Pack { hash } };
    assert_eq!(town.handle(&entry), Err(Blocked::PackMissing(hash)));
    let before = town.offset;
    town.line("+0d cutoff.water KEPCO/1");
    assert_eq!(town.offset, before + 1);
}

#[test]
fn reserved_kinds_are_refused() {
    let mut town = Town::open(repeated());
    for message in [
        HouseholdMessage::AreaFact { name: "x".into(), value: Value::Null },
        HouseholdMessage::Merged { into: EntityId::new("H2") },
        HouseholdMessage::Split { into: EntityId::new("H2") },
    ] {
        let entry = super::town::Entry { key: Some("H1".into()), message };
        assert!(matches!(town.handle(&entry), Err(Blocked::Unreadable(_))));
    }
}

#[test]
fn a_lower_sequence_is_ignored() {
    check(
        repeated(),
        "+0d joined cutoff.water:KEPCO/1:+0d seq=3
         +0d cutoff.gas KEPCO/2 seq=2
         +1d cutoff.gas KEPCO/3 seq=3
         ----
         +1d repeat/1 opened OPEN watch +1d repeat",
    );
}

#[test]
fn what_a_subject_contributed_goes_with_it() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +1d left seq=2
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +1d repeat/1 withdrawn WITHDRAWN watch +0d ~repeat reason=basis_void",
    );
}

#[test]
fn a_history_in_chunks_is_decided_when_it_is_whole() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +1d joined cutoff.water:KEPCO/1:+0d seq=2 part=0/2
         +1d joined cutoff.gas:KEPCO/2:+0d seq=2 part=1/2
         ----
         +0d repeat/1 opened OPEN watch +0d repeat",
    );
}

#[test]
fn a_day_of_use_is_a_bit_and_can_be_taken_back() {
    let rule = rule("crisis.silent").signal("cutoff", &["cutoff.water"]).signal("use", &["meter_reading"]);
    let mut rule = rule.absent("silent", 1, 0, 3, false);
    rule.0.signals[1].daily = Some(crate::rules::plan::DailyTest::Used);
    check(
        vec![pack(1, vec![rule.clone()], vec![])],
        "+0d cutoff.water KEPCO/1
         +2d meter_reading KEPCO/m2 use=5
         +9d tick
         ----",
    );
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +2d meter_reading KEPCO/m2 use=5
         +9d void KEPCO/m2
         ----
         +9d silent/1 opened OPEN watch +4d silent",
    );
}

#[test]
fn a_late_of_makes_an_absence_false() {
    let rule = rule("crisis.silent").signal("cutoff", &["cutoff.water"]).signal("use", &["use"]);
    check(
        vec![pack(1, vec![rule.absent("silent", 1, 0, 3, false)], vec![])],
        "+0d cutoff.water KEPCO/1
         +5d use KEPCO/u on=+2d
         ----
         +4d silent/1 opened OPEN watch +4d silent
         +5d silent/1 withdrawn WITHDRAWN watch +4d ~silent reason=basis_void",
    );
}

#[test]
fn unknown_resolved_in_favour_of_firing_is_marked_assumed() {
    let mut build = rule("crisis.old")
        .signal("cutoff", &["cutoff.water"])
        .count("cut", &[0], 30, 1)
        .fact_at_least("old", "age", 65);
    build.0.nodes[1].unknown_matches = true;
    assert!(matches!(build.0.nodes[1].ask, Ask::Field(_)));
    check(
        vec![pack(1, vec![build], vec![])],
        "+1d cutoff.water KEPCO/1
         +2d fact age=40
         ----
         +1d old/1 opened OPEN watch +1d cut,?old
         +2d old/1 withdrawn WITHDRAWN watch +1d cut,~old reason=basis_void",
    );
}
