//! Rules in shadow, packs and their switches, and records of the log that are not what they should be.

use super::super::packs::*;
use super::super::town::Entry;
use super::{Town, check, repeated};
use crate::engine::effect::{Blocked, Effects, Fact};
use crate::engine::households::records::{Contributor, SUBJECTS_OF_A_HOUSEHOLD};
use crate::engine::message::{HouseholdMessage, encode};
use crate::engine::state::{Key, Record, StateRead, Sub};
use crate::rules::plan::{Ask, Status};
use crate::types::{EntityId, PackHash, SubjectId, Value};
use std::sync::Arc;

#[test]
fn a_shadow_rule_is_recorded_and_says_nothing() {
    let packs = vec![pack(1, vec![repeat().status(Status::Shadow)], vec![])];
    let mut town = Town::open(packs);
    for line in ["+0d cutoff.water KEPCO/1", "+0d cutoff.gas KEPCO/2", "+1d tick"] {
        town.line(line);
    }
    assert!(town.lines().is_empty());
    assert_eq!(town.keys().iter().filter(|key| matches!(key.sub, Sub::Episode(..))).count(), 1);
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
fn a_household_of_too_many_subjects_keeps_those_it_has_and_the_next_is_a_letter() {
    let mut town = Town::open(repeated());
    let joined = |subject: String| {
        let (subject, seq, confidence) = (SubjectId::new(subject), 1, Some(90));
        let message =
            HouseholdMessage::Joined { subject, seq, confidence, part: 0, parts: 1, events: vec![] };
        Entry { key: Some("H1".into()), message }
    };
    town.feed_one(&joined("s:0".into()));
    // As if so many had come one by one.
    let key = Key::new("H1", Sub::Head);
    let Some(Record::Household(mut head)) = town.state.get(&key).map(|record| (*record).clone()) else {
        panic!("a household")
    };
    let one = |n| Contributor { subject: SubjectId::new(format!("s:{n}")), ..head.subjects[0].clone() };
    head.subjects = (0..SUBJECTS_OF_A_HOUSEHOLD - 1).map(one).collect();
    town.state.apply(&[(key, Some(Arc::new(Record::Household(head))))]);

    let letters = |effects: Effects| {
        let letter = |fact: &Fact| matches!(fact, Fact::DeadLetter { code: "IEUM-S007", .. });
        effects.facts.iter().filter(|fact| letter(fact)).count()
    };
    let mut told = |subject: &str| letters(town.handle(&joined(subject.into())).expect("not blocked"));
    assert_eq!([told("s:last"), told("s:more"), told("s:more"), told("s:last")], [0, 1, 1, 0]);
    for line in ["+0d cutoff.water KEPCO/1 of=s:1", "+1d cutoff.gas KEPCO/2 of=s:2"] {
        town.line(line);
    }
    assert_eq!(town.lines(), ["repeat/1 opened OPEN watch +1d repeat"]);
}

#[test]
fn a_pack_whose_content_is_missing_blocks() {
    let mut town = Town::open(repeated());
    let hash = PackHash([9; 32]);
    let entry = Entry { key: None, message: HouseholdMessage::Pack { hash } };
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
        let entry = Entry { key: Some("H1".into()), message };
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
         +2d meter_reading KEPCO/meter_reading@2026-03-03 use=5
         +9d tick
         ----",
    );
    check(
        vec![pack(1, vec![rule], vec![])],
        "+0d cutoff.water KEPCO/1
         +2d meter_reading KEPCO/meter_reading@2026-03-03 use=5
         +9d void KEPCO/meter_reading@2026-03-03
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

#[test]
fn a_rule_that_goes_live_opens_for_whom_it_is_true() {
    let shadow = repeat().status(Status::Shadow);
    let packs = || vec![pack(1, vec![shadow.clone()], vec![]), pack(2, vec![repeat()], vec![])];
    check(
        packs(),
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +0d cutoff.water KEPCO/1 h=H2
         +0d cutoff.gas KEPCO/2 h=H2
         +1d void KEPCO/2 h=H2
         +2d pack 1
         +3d close repeat/1
         +4d pack 0
         +5d cutoff.gas KEPCO/3
         +5d cutoff.gas KEPCO/3 h=H2
         +6d pack 1
         ----
         +2d repeat/1 opened OPEN watch +2d repeat
         +3d repeat/1 closed CLOSED watch +2d repeat reason=unspecified answers=close notify=silent
         +6d repeat/1 reopened REOPENED watch +6d repeat
         +6d repeat/1 opened OPEN watch +6d repeat",
    );
}

#[test]
fn what_was_told_lives_on_in_shadow() {
    let shadow = repeat().status(Status::Shadow);
    check(
        vec![pack(1, vec![repeat()], vec![]), pack(2, vec![shadow], vec![])],
        "+0d cutoff.water KEPCO/1
         +0d cutoff.gas KEPCO/2
         +1d pack 1
         +2d claim repeat/1
         +3d close repeat/1 seen=2
         +4d cutoff.gas KEPCO/3
         ----
         +0d repeat/1 opened OPEN watch +0d repeat
         +2d repeat/1 casework CLAIMED watch +0d repeat answers=claim notify=silent
         +3d repeat/1 closed CLOSED watch +0d repeat reason=unspecified answers=close notify=silent",
    );
}

#[test]
fn a_day_is_corrected_however_long_ago_it_was() {
    let rule = rule("crisis.silent").signal("cutoff", &["cutoff.water"]).signal("use", &["meter_reading"]);
    let mut rule = rule.absent("silent", 1, 0, 3, false);
    rule.0.signals[1].daily = Some(crate::rules::plan::DailyTest::Used);
    let reading = |arrives: i64, on: i64, used: u8, revision: u8| {
        let date = super::super::town::start().plus(i32::try_from(on).expect("a day"));
        format!("+{arrives}d meter_reading KEPCO/meter_reading@{date} use={used} on=+{on}d rev={revision}")
    };
    let mut lines = vec!["+0d cutoff.water KEPCO/1".to_owned(), reading(2, 2, 1, 1)];
    lines.extend((3..25).map(|day| reading(day, day, 0, 1)));
    lines.push(reading(30, 2, 0, 2));
    lines.push("----\n+30d silent/1 opened OPEN watch +4d silent".to_owned());
    check(vec![pack(1, vec![rule], vec![])], &lines.join("\n"));
}

#[test]
fn an_event_on_its_way_from_one_subject_to_another_counts_once() {
    check(
        repeated(),
        "+0d cutoff.water KEPCO/1 of=service_point:s1
         +1d joined cutoff.water:KEPCO/1:+0d of=person:p1
         +1d void KEPCO/1 of=service_point:s1
         +2d cutoff.gas KEPCO/2 of=person:p1
         ----
         +2d repeat/1 opened OPEN watch +2d repeat",
    );
}
