//! What an area event holds back, and what comes of it at the end.

use super::super::packs::*;
use super::check;
use crate::rules::plan::{Level, Pack};

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
fn who_takes_on_what_was_never_seen_starts_its_escalation() {
    let rule = repeat().step("call", 24, None, None, 1);
    check(
        vec![pack(1, vec![rule], vec![suppression(None, None)])],
        "+0d fact dong=D1
         +0d area outage.started O/1 id=x dong=D1
         +0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +0d6h claim repeat/1
         +0d7h tick
         +1d6h tick
         +1d7h tick
         ----
         +0d repeat/1 suppressed SUPPRESSED watch +0d repeat notify=silent
         +0d6h repeat/1 casework CLAIMED watch +0d repeat answers=claim notify=silent
         +1d7h repeat/1 escalated CLAIMED watch +0d repeat step=call",
    );
}

#[test]
fn what_reopens_under_a_suppression_is_told_as_reopened_at_its_end() {
    let rule = repeat().step("call", 24, None, None, 1);
    check(
        vec![pack(1, vec![rule], vec![suppression(None, None)])],
        "+0d fact dong=D1
         +0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +1d close repeat/1
         +2d area outage.started O/1 id=x dong=D1
         +3d cutoff.gas KEPCO/3
         +4d area outage.ended O/2 id=x dong=D1
         +5d1h tick
         +6d tick
         +6d1h tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +1d repeat/1 closed CLOSED watch +0d repeat reason=unspecified answers=close notify=silent
         +3d repeat/1 suppressed SUPPRESSED watch +3d repeat notify=silent
         +5d repeat/1 reopened REOPENED watch +3d repeat
         +6d1h repeat/1 escalated REOPENED watch +3d repeat step=call",
    );
}

#[test]
fn what_was_reopened_and_is_held_later_is_not_told_anew_at_the_end() {
    check(
        vec![pack(1, vec![repeat()], vec![suppression(None, None)])],
        "+0d fact dong=D1
         +0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +1d close repeat/1
         +2d cutoff.gas KEPCO/3
         +3d area outage.started O/1 id=x dong=D1
         +4d area outage.ended O/2 id=x dong=D1
         +5d tick
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +1d repeat/1 closed CLOSED watch +0d repeat reason=unspecified answers=close notify=silent
         +2d repeat/1 reopened REOPENED watch +2d repeat
         +3d repeat/1 suppressed SUPPRESSED watch +2d repeat notify=silent
         +5d repeat/1 amended REOPENED watch +2d repeat notify=silent",
    );
}

#[test]
fn escalation_counts_from_the_first_tick_behind_a_suppression_that_held_from_the_beginning() {
    let rule = repeat().step("call", 24, None, None, 1);
    check(
        vec![pack(1, vec![rule], vec![suppression(None, None)])],
        "+0d fact dong=D1
         +0d area outage.started O/1 id=x dong=D1
         +0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +0d area outage.ended O/2 id=x dong=D1
         +1d6h tick
         +2d tick
         +2d6h tick
         ----
         +0d repeat/1 suppressed SUPPRESSED watch +0d repeat notify=silent
         +1d repeat/1 opened OPEN watch +0d repeat
         +2d6h repeat/1 escalated OPEN watch +0d repeat step=call",
    );
}
