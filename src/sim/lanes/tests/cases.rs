//! One story each: what a person would look for first when exactly-once is in doubt.

use super::*;
use crate::engine::lane::{
    CHANGELOG_TORN, Entry, FENCED, Marker, OFFSETS_DISAGREE, PANICKED, PARKED, TOO_LARGE, UNFIT, UNIT_FAILED,
};
use crate::engine::state::StateRead;
use crate::sim::lanes::ledger::{CHANGELOG, UNITS};

fn calm(machines: u64) -> Weather {
    Weather { faults_per_mille: 0, machines, upheavals_per_mille: 0 }
}

fn line(partition: i32, key: &str, value: &'static str) -> Line {
    Line { partition, key: Some(key.to_owned()), value, unpark: false }
}

fn counts(partition: i32, number: u64) -> Vec<Line> {
    (0..number).map(|n| line(partition, &format!("e{}", n % 3), "add")).collect()
}

impl Run {
    /// The first machine's process dies, with its disk or without.
    fn kill(&mut self, loss: Option<Loss>) {
        self.world.machines[0].seats[0] = Seat::default();
        if let Some(loss) = loss {
            self.world.disks.lose("machine-0", loss);
        }
    }

    /// Turns until a stop that no fault explains.
    fn stop(&mut self) -> Option<LaneStop> {
        (0..4_000).find_map(|_| self.world.turn().err())
    }

    fn append(&mut self, lines: &[Line]) {
        lines.iter().for_each(|line| append(&mut self.world, line));
    }

    /// Codes of the letters, in order, and the number of other outputs.
    fn letters(&self) -> (Vec<&'static str>, usize) {
        let told = self.told();
        let known = [PANICKED, PARKED, TOO_LARGE, UNFIT, UNIT_FAILED];
        let code = |value: &[u8]| {
            let text = String::from_utf8_lossy(value).into_owned();
            known.into_iter().find(|code| text.contains(code)).unwrap_or("?")
        };
        let is_letter = |topic: &str| topic == LETTERS_TOPIC;
        let records = at(LETTERS_TOPIC, 0);
        let letters = open(&self.world.cluster).committed_records(&records);
        let letters =
            letters.iter().map(|letter| code(letter.value.as_deref().unwrap_or_default())).collect();
        let others = told.iter().filter(|((topic, ..), _)| !is_letter(topic)).map(|(_, said)| said.len());
        (letters, others.sum())
    }
}

#[test]
fn a_second_process_under_the_same_name_fences_the_first_in_the_middle_of_its_transaction() {
    let mut run = begin(1, config(), Faults::none(), calm(1));
    run.append(&counts(0, 9));
    // Until something was produced and not committed.
    while open(&run.world.cluster).partitions().iter().all(|at| at.topic != OUTPUT) {
        run.world.turn().unwrap();
    }
    assert!(!open(&run.world.cluster).is_quiet(), "a transaction is open");
    let mut first = std::mem::take(&mut run.world.machines[0].seats[0]).lane.unwrap();
    run.world.machines[0].seats[0] = run.world.boot(&SmolStr::new("machine-0"), 0);
    let now_ms = run.world.now_ms;
    let stop = (0..100).find_map(|n| first.step(now_ms + 10 * n, 0).err()).expect("the first is stopped");
    assert_eq!((stop.code, stop.then), (FENCED, Then::Exit), "{stop}");
    run.settle().unwrap();
    run.check().unwrap();
}

#[test]
fn a_name_that_another_consumer_of_the_same_process_took_is_taken_back() {
    for open_transaction in [false, true] {
        let mut run = begin(1, config(), Faults::none(), calm(1));
        run.append(&counts(0, 9));
        if open_transaction {
            while open(&run.world.cluster).partitions().iter().all(|at| at.topic != OUTPUT) {
                run.world.turn().unwrap();
            }
        } else {
            run.settle().unwrap();
        }
        let group = group_of(run.world.stages[0].as_ref());
        open(&run.world.cluster).displace(&group, "machine-0");
        run.append(&counts(9, 18));
        run.settle().unwrap();
        assert_eq!(run.world.facts.get("displaced"), Some(&1), "{:?}", run.world.facts);
        run.check().unwrap();
    }
}

#[test]
fn a_half_transaction_that_became_visible_stops_the_task() {
    let (mut torn, mut whole) = (0, 0);
    for call in 1..160 {
        let mut run = begin(2, config(), Faults::at_call(call, Fault::Retry), calm(1));
        run.append(&counts(0, 3));
        let failed =
            |run: &Run| open(&run.world.cluster).faults.tally().keys().any(|(_, step, _)| *step == "produce");
        if !(0..200).any(|_| run.world.turn().is_err() || failed(&run)) {
            continue;
        }
        // The transaction stands half produced. A commit request of the same producer, long believed lost, arrives.
        {
            let now_ms = run.world.now_ms;
            let mut cluster = open(&run.world.cluster);
            cluster.commit_late("ledger-machine-0", 1, now_ms);
            (0..60).for_each(|_| cluster.advance(now_ms));
        }
        run.kill((call % 2 == 0).then_some(Loss::Wiped));
        let changelog = open(&run.world.cluster).committed_records(&at(CHANGELOG, 0));
        let ends_in_data = changelog.last().is_some_and(|record| record.key.as_deref().unwrap()[0] == b'k');
        match run.stop() {
            Some(stop) => {
                assert_eq!((stop.code, stop.then), (CHANGELOG_TORN, Then::Exit), "call {call}: {stop}");
                assert!(ends_in_data, "call {call}: {stop}");
                torn += 1;
            }
            None => {
                assert!(!ends_in_data, "call {call}: half a transaction was taken for a whole one");
                whole += 1;
            }
        }
    }
    assert!(torn > 0 && whole > 0, "{torn} torn, {whole} not");
}

#[test]
fn a_missing_group_offset_is_the_markers_and_another_one_stops_the_task() {
    for loss in [None, Some(Loss::Wiped)] {
        let mut run = begin(3, config(), Faults::none(), calm(1));
        run.append(&counts(0, 6));
        run.settle().unwrap();
        open(&run.world.cluster).set_offset("ledger", &at(INPUT, 0), None);
        run.kill(loss);
        run.append(&counts(0, 6));
        run.settle().unwrap();
        run.check().unwrap();

        open(&run.world.cluster).set_offset("ledger", &at(INPUT, 0), Some(2));
        run.kill(loss);
        let stop = run.stop().expect("nothing is handled on top of a doubt");
        assert_eq!((stop.code, stop.then), (OFFSETS_DISAGREE, Then::Exit), "{stop}");
        assert!(stop.detail.contains("the group's offset is 2"), "{stop}");
    }
}

#[test]
fn a_task_waits_for_an_undecided_changelog_and_takes_in_what_it_turns_out_to_hold() {
    let mut run = begin(9, config(), Faults::none(), calm(1));
    run.append(&counts(0, 3));
    run.settle().unwrap();
    run.kill(Some(Loss::Wiped));
    // A transaction of the former owner: decided and in the group's offsets, its marker on the changelog still to come.
    let (place, changelog) = (at(INPUT, 0), at(CHANGELOG, 0));
    let last = open(&run.world.cluster).committed_records(&changelog).into_iter().rev().find_map(|record| {
        match Entry::read(record.key.as_deref()?, record.value.as_deref()) {
            Ok(Entry::Marker(marker)) => Some((marker, record.offset)),
            _ => None,
        }
    });
    let (last, offset) = last.expect("three records were committed");
    run.append(&[line(0, "e0", "nothing")]);
    let next = last.input_next + 1;
    let marker =
        Marker { sequence: last.sequence + 1, records: 0, input_next: next, previous: offset, ..last };
    {
        let mut cluster = open(&run.world.cluster);
        let (key, value) = (marker.key(), marker.to_bytes());
        let (key, value) = (Some(key.as_slice()), Some(value.as_slice()));
        cluster.append_open("former", &Outgoing { topic: CHANGELOG, partition: 0, key, value, headers: &[] });
        cluster.set_offset("ledger", &place, Some(next));
    }
    for _ in 0..2_000 {
        run.world.turn().expect("waiting is no stop");
    }
    assert!(!run.world.facts.contains_key("blocked"));
    let restored = run.world.facts.get("restored").copied();
    open(&run.world.cluster).decide("former", true);
    run.append(&counts(0, 3));
    run.settle().unwrap();
    run.check().unwrap();
    assert!(run.world.facts.get("restored").copied() > restored, "it had waited");
}

#[test]
fn a_store_that_another_lane_has_not_let_go_of_is_waited_for() {
    let mut run = begin(10, config(), Faults::none(), calm(1));
    run.append(&counts(0, 6));
    run.settle().unwrap();
    run.kill(None);
    run.world.disks.hold("machine-0", true);
    run.append(&counts(0, 6));
    let restored = run.world.facts.get("restored").copied();
    for _ in 0..2_000 {
        run.world.turn().expect("waiting is no stop");
    }
    assert_eq!(
        run.world.facts.get("restored").copied(),
        restored,
        "nothing is read into a store that is not its own"
    );
    run.world.disks.hold("machine-0", false);
    run.settle().unwrap();
    run.check().unwrap();
    assert!(run.world.facts.get("restored").copied() > restored);
    assert!(!run.world.facts.contains_key("corrupt") && !run.world.facts.contains_key("restarted"));
}

#[test]
fn a_panic_parks_its_entity_and_nobody_else() {
    let mut run = begin(4, config(), Faults::none(), calm(1));
    let mut lines =
        [line(0, "a", "add"), line(0, "a", "panic"), line(0, "a", "add"), line(0, "b", "add")].to_vec();
    lines.push(Line { unpark: true, ..line(0, "a", "") });
    lines.push(line(0, "a", "add"));
    run.play(&lines).unwrap();
    run.check().unwrap();
    assert_eq!(run.letters(), (vec![PANICKED, PARKED], 4), "b's record, a's before and after, its return");
}

#[test]
fn what_no_topic_takes_becomes_a_letter_and_parks_its_entity() {
    for value in ["loud", "large"] {
        let mut run = begin(5, config(), Faults::none(), calm(1));
        run.play(&[line(0, "a", "add"), line(0, "a", value), line(0, "a", "add"), line(0, "b", "add")])
            .unwrap();
        run.check().unwrap();
        assert_eq!(run.letters(), (vec![TOO_LARGE, PARKED], 2), "{value}");
    }
}

#[test]
fn what_has_no_place_in_a_contract_becomes_a_letter_and_parks_its_entity() {
    let mut run = begin(5, config(), Faults::none(), calm(1));
    run.play(&[line(0, "a", "add"), line(0, "a", "unfit"), line(0, "a", "add"), line(0, "b", "add")])
        .unwrap();
    run.check().unwrap();
    assert_eq!(run.letters(), (vec![UNFIT, PARKED], 2));
}

fn keyless(value: &'static str) -> Line {
    Line { partition: 0, key: None, value, unpark: false }
}

/// Ways in which a timer or a sweep's step of an entity fails.
const CURSES: [&str; 4] = ["cursed", "cursed: loud", "cursed: large", "cursed: unfit"];

#[test]
fn a_timer_that_fails_parks_its_entity_alone_and_time_moves_on() {
    for curse in CURSES {
        let mut run = begin(11, config(), Faults::none(), calm(1));
        let mut lines = vec![line(0, "a", "add"), line(0, "a", curse), line(0, "b", "add")];
        lines.extend((0..6).map(|_| keyless("tick")));
        lines.push(line(0, "a", "add"));
        run.play(&lines).unwrap();
        run.check().unwrap();
        assert_eq!(run.letters(), (vec![UNIT_FAILED, PARKED], 3), "{curse}: a's and b's count, b's timer");
        let state = run.world.changelog_state(run.ledger.as_ref(), &at(INPUT, 0));
        let Some(Record::Clock(clock)) = state.get(&Key::own("clock")).as_deref().cloned() else { panic!() };
        assert_eq!(clock.through.0, 6, "{curse}: every tick counted");
    }
}

#[test]
fn a_sweep_goes_on_behind_an_entity_that_fails_and_never_comes_back_to_it() {
    for curse in CURSES {
        let mut run = begin(12, config(), Faults::none(), calm(1));
        let mut lines: Vec<Line> = ["a", "b", "c", "d"].map(|who| line(0, who, "add")).into();
        lines.extend([line(0, "b", curse), keyless("sweep")]);
        lines.extend((0..4).map(|_| keyless("nothing")));
        lines.push(keyless("sweep"));
        lines.extend((0..4).map(|_| keyless("nothing")));
        run.play(&lines).unwrap();
        run.check().unwrap();
        assert_eq!(
            run.letters(),
            (vec![UNIT_FAILED], 4 + 2 * 3),
            "{curse}: four counts, two sweeps of three"
        );
    }
}

#[test]
fn a_record_at_which_many_fail_ends_and_later_ones_go_on() {
    let mut run = begin(13, config(), Faults::none(), calm(1));
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let mut lines: Vec<Line> = names.map(|who| line(0, who, "add")).into();
    lines.extend(names.map(|who| line(0, who, "cursed")));
    lines.extend([line(0, "h", "add")]);
    lines.extend((0..9).map(|_| keyless("tick")));
    run.play(&lines).unwrap();
    run.check().unwrap();
    assert_eq!(
        run.letters(),
        (vec![UNIT_FAILED; names.len()], names.len() + 2),
        "eight counts and h's timer"
    );
    let mut at_one: BTreeMap<Option<Vec<u8>>, usize> = BTreeMap::new();
    for letter in open(&run.world.cluster).committed_records(&at(LETTERS_TOPIC, 0)) {
        *at_one.entry(letter.key).or_default() += 1;
    }
    assert!(at_one.values().all(|failed| *failed <= UNITS), "a record advances so many units: {at_one:?}");
}

#[test]
fn an_entity_that_is_taken_back_catches_up() {
    let mut run = begin(14, config(), Faults::none(), calm(1));
    let mut lines = vec![line(0, "a", "add"), line(0, "a", "cursed")];
    lines.extend((0..5).map(|_| keyless("tick")));
    // Taken back too early it fails again.
    lines.extend([Line { unpark: true, ..line(0, "a", "") }, keyless("nothing"), keyless("mend")]);
    lines.extend([Line { unpark: true, ..line(0, "a", "") }, keyless("nothing"), line(0, "a", "add")]);
    run.play(&lines).unwrap();
    run.check().unwrap();
    let (letters, others) = run.letters();
    // Its own record is the one at which it fails again, for it is taken back by it.
    assert_eq!(letters, vec![UNIT_FAILED, PANICKED]);
    assert_eq!(others, 1 + 2 + 1, "its count, taken back, its timer, its next count");
}

#[test]
fn an_abort_parks_nobody_and_takes_nobody_back() {
    let lines = || {
        let mut lines = vec![line(0, "a", "add"), line(0, "a", "cursed")];
        lines.extend((0..5).map(|_| keyless("tick")));
        lines.extend([keyless("mend"), Line { unpark: true, ..line(0, "a", "") }, line(0, "a", "add")]);
        lines
    };
    let play = |faults: Faults| {
        let mut run = begin(15, config(), faults, calm(1));
        run.play(&lines()).and_then(|()| run.check()).map(|()| {
            let aborted = run.world.facts.get("aborted").copied().unwrap_or_default();
            (open(&run.world.cluster).faults.calls(), aborted)
        })
    };
    let (calls, _) = play(Faults::none()).unwrap();
    let mut aborted = 0;
    for fault in crate::sim::faults::AT_THE_END {
        for number in 1..calls {
            let one = play(Faults::at_call(number, *fault));
            aborted += one.unwrap_or_else(|wrong| panic!("{fault:?} at call {number}: {wrong}")).1;
        }
    }
    assert!(aborted > 20, "{aborted} aborts");
}

#[test]
fn a_record_that_cannot_be_handled_now_holds_its_partition_and_no_other() {
    let mut run = begin(6, config(), Faults::none(), calm(1));
    run.append(&[line(0, "a", "wait"), line(0, "a", "add"), line(1, "b", "add")]);
    for _ in 0..1_000 {
        run.world.turn().unwrap();
    }
    let (letters, others) = run.letters();
    assert_eq!((letters.len(), others), (0, 1), "b's record alone");
    assert!(run.world.facts["blocked"] >= 1);
    run.settle().unwrap();
    run.check().unwrap();
    assert_eq!(run.letters().1, 3);
}

#[test]
fn a_log_that_was_deleted_and_made_anew_stops_the_task() {
    let mut run = begin(7, config(), Faults::none(), calm(1));
    run.append(&counts(0, 6));
    run.settle().unwrap();
    open(&run.world.cluster).delete(INPUT);
    run.kill(None);
    run.append(&counts(0, 2));
    let stop = run.stop().expect("its position lies beyond the log");
    assert_eq!((stop.code, stop.then), (crate::engine::lane::BROKER_REFUSED, Then::Exit), "{stop}");

    // And so does a changelog made anew, whatever the local store says.
    let mut run = begin(8, config(), Faults::none(), calm(1));
    run.append(&counts(0, 6));
    run.settle().unwrap();
    open(&run.world.cluster).delete(CHANGELOG);
    run.kill(None);
    let stop = run.stop().expect("the group's offset has no state behind it");
    assert_eq!((stop.code, stop.then), (OFFSETS_DISAGREE, Then::Exit), "{stop}");
    assert!(run.world.facts.contains_key("foreign"), "{:?}", run.world.facts);
}
