//! A household that was parked: nothing is decided of it, and everything once it is taken back.

use super::super::packs::*;
use super::{Town, repeated};
use crate::rules::plan::Level;

fn said_of(town: &Town, household: &str) -> Vec<String> {
    let of = format!("Text(\"{household}\")");
    let said = town.said.iter().filter(|(_, value, _)| value.contains(&of));
    said.map(|(_, value, _)| value.lines().next().unwrap_or_default().to_owned()).collect()
}

fn play(town: &mut Town, lines: &[&str]) {
    lines.iter().for_each(|line| town.line(line));
}

#[test]
fn its_timers_wait_and_run_once_it_is_taken_back() {
    for restart in [false, true] {
        let rule = repeat().step("call", 24, Some(Level::Critical), None, 1);
        let mut town = Town::open(vec![pack(1, vec![rule], vec![])]);
        for household in ["H1", "H2"] {
            play(
                &mut town,
                &[
                    &format!("+0d cutoff.water KEPCO/1 h={household}"),
                    &format!("+0d cutoff.gas KEPCO/2 h={household}"),
                ],
            );
        }
        play(&mut town, &["+0d6h tick"]);
        town.park("H1");
        if restart {
            town.restart();
        }
        play(&mut town, &["+3d tick"]);
        assert!(!town.has_job(), "who is parked is no job");
        let opened = "repeat/1 opened OPEN watch +0d repeat";
        let escalated = "repeat/1 escalated OPEN critical +0d repeat step=call";
        assert_eq!(said_of(&town, "H1"), [opened]);
        assert_eq!(said_of(&town, "H2"), [opened, escalated]);
        town.take_back("H1");
        assert_eq!(said_of(&town, "H1"), [opened, escalated]);
        assert_eq!(said_of(&town, "H2"), [opened, escalated]);
    }
}

#[test]
fn a_pack_and_an_area_pass_it_by_and_the_pack_in_force_decides_it_once_it_is_taken_back() {
    let once = rule("crisis.once").signal("cutoff", &["cutoff.water"]).count("once", &[0], 30, 1);
    let packs = [repeated(), vec![pack(2, vec![once], vec![suppression(None, None)])]].concat();
    let mut town = Town::open(packs);
    for household in ["H1", "H2"] {
        play(
            &mut town,
            &[&format!("+0d fact dong=D1 h={household}"), &format!("+0d cutoff.water KEPCO/1 h={household}")],
        );
    }
    town.park("H1");
    play(
        &mut town,
        &[
            "+1d pack 1",
            "+2d area outage.started O/1 id=x dong=D1",
            "+2d12h area outage.ended O/2 id=x dong=D1",
            "+4d tick",
        ],
    );
    assert!(!town.has_job());
    assert_eq!(said_of(&town, "H1"), [""; 0]);
    assert!(!said_of(&town, "H2").is_empty());
    town.take_back("H1");
    // Of the day on which it came true, though that lies before the return.
    assert_eq!(said_of(&town, "H1"), ["once/1 opened OPEN watch +0d once"]);
}

#[test]
fn whoever_is_not_known_is_taken_back_in_silence() {
    let mut town = Town::open(repeated());
    town.park("H9");
    town.take_back("H9");
    assert_eq!(town.keys().iter().filter(|key| key.entity == "H9").count(), 0);
}
