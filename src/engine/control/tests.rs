mod world;

use super::task::ControlTask;
use super::*;
use crate::engine::effect::Fact;
use crate::engine::message::{Clock, ControlMessage, RawPosition};
use crate::types::{Day, MS_PER_DAY, StreamTime};
use proptest::prelude::*;
use world::{check, feed, world};

#[test]
fn a_tick_waits_for_intake_then_for_every_identity_partition() {
    check(
        &mut world(vec![]),
        &[
            ("clock declared", ""),
            ("sample 10 a:5 b:0", ""),
            ("progress a:4", ""),
            ("progress a:5", "I10"),
            ("reached identity 0 10", ""),
            ("reached identity 1 9", ""),
            ("reached identity 1 10", "H10"),
            ("sample 20 a:5 b:0", "I20"),
            ("sample 30 a:6", ""),
            ("sample 25 a:5", ""),
            ("reached identity 0 20", ""),
            ("reached identity 1 20", "H20"),
            ("progress a:4", ""),
            ("progress a:9", "I30"),
        ],
    );
}

#[test]
fn areas_come_behind_every_households_partition_and_hold_nobody_up() {
    let mut world = world(vec![]);
    check(
        &mut world,
        &[
            ("clock declared", ""),
            ("pack", "pack apack"),
            ("sample 10", "I10"),
            ("reached identity 0 10", ""),
            ("reached identity 1 10", "H10"),
            ("reached households 0 10", ""),
            ("reached areas 0 9", ""),
            ("reached households 1 10", "A10"),
            ("pack", ""),
        ],
    );
    // Nobody hears of areas for long: what comes before them goes on, and they get the newest ticks.
    for t in 11..200 {
        assert_eq!(world.run(&format!("sample {t}")), format!("I{t}"));
        world.run(&format!("reached identity 0 {t}"));
        assert_eq!(world.run(&format!("reached identity 1 {t}")), format!("H{t}"));
    }
    world.run("reached households 0 199");
    let said = world.run("reached households 1 199");
    let said: Vec<&str> = said.split(' ').collect();
    assert_eq!((said.len(), said.last()), (MAX_IN_FLIGHT, Some(&"A199")));
}

#[test]
fn areas_that_come_to_a_log_in_use_are_told_of_the_pack() {
    let mut world = world(vec![]);
    check(&mut world, &[("clock declared", ""), ("pack", "pack apack"), ("sample 10", "I10")]);
    // The state of a time before there were areas.
    let control = world.control();
    world.state = Default::default();
    let own = crate::engine::state::Key::own("control");
    let record = Arc::new(crate::engine::state::Record::Control(control));
    world.state.apply(&[(own, Some(record))]);
    world.task = ControlTask::new(Arc::clone(&world.shared));
    Task::rebuild(&mut world.task, &mut world.state.iter().collect::<Vec<_>>().into_iter());
    assert_eq!(world.run("reached identity 0 10"), "apack");
}

#[test]
fn samples_that_intake_passes_at_once_are_each_told_in_order() {
    check(
        &mut world(vec![]),
        &[
            ("clock declared", ""),
            ("sample 10 a:1", ""),
            ("sample 20 a:2", ""),
            ("sample 30 a:3", ""),
            ("progress a:2", "I10 I20"),
            ("reached identity 0 20", ""),
            ("reached identity 1 20", "H10 H20"),
        ],
    );
}

#[test]
fn the_first_clock_holds_and_no_time_passes_before_it() {
    let mut world = world(vec![]);
    check(&mut world, &[("sample 5", ""), ("clock append", ""), ("clock declared", ""), ("sample 6", "I6")]);
    assert_eq!(world.control().clock, Some(Clock::Append));
    let ignored = |what| Fact::Ignored { stage: "control", what };
    assert_eq!(
        world.facts[..2],
        [ignored("sample without a clock or not after the last"), ignored("another clock")]
    );
}

#[test]
fn under_append_time_goes_on_without_an_upstream_that_stands_for_ten_minutes() {
    check(
        &mut world(vec![]),
        &[
            ("clock append", ""),
            ("sample 10 a:5", ""),
            ("sample 610 a:5", ""),
            ("sample 611 a:5", "I10!"),
            ("reached identity 0 10", ""),
            ("reached identity 1 10", "H10!"),
            ("progress a:5", "I610 I611"),
            ("reached identity 0 611", ""),
            ("sample 1212 a:5", "I1212 H610! H611! A10!"),
            ("reached identity 1 1212", ""),
            ("reached identity 0 1212", "H1212"),
        ],
    );
}

#[test]
fn under_the_declared_clock_time_waits_for_ever() {
    check(
        &mut world(vec![]),
        &[
            ("clock declared", ""),
            ("sample 10 a:5", ""),
            ("sample 99999 a:5", ""),
            ("progress a:5", "I10 I99999"),
        ],
    );
}

#[test]
fn a_pack_goes_to_every_households_partition_once() {
    check(&mut world(vec![]), &[("pack", "pack apack"), ("pack", "")]);
}

const DAY_S: i64 = MS_PER_DAY / 1000;

#[test]
fn a_silent_source_freezes_and_thaws_when_it_returns() {
    let mut world = world(vec![feed("A", "x", 1), feed("B", "x", 1)]);
    let day = |n: i64, s: i64| n * DAY_S + s;
    world.run("clock declared");
    let mut told = Vec::new();
    for n in 10..20 {
        let sample = world.run(&format!("sample {}", day(n, 0)));
        told.push(sample);
        for source in ["A", "B"] {
            // B falls silent for four days.
            if source == "A" || !(13..17).contains(&n) {
                world.run(&format!("seen x {source} {}", day(n, 0)));
            }
        }
        for partition in [0, 1] {
            told.push(world.run(&format!("reached identity {partition} {}", day(n, 0))));
        }
    }
    let told: Vec<String> = told.into_iter().filter(|line| line.contains('H')).collect();
    let sources = |n: i64, sources: &str| format!("H{}{sources}", day(n, 0));
    assert_eq!(
        told,
        [
            sources(10, "[A<0d][B<0d]"),
            sources(11, "[A<9d][B<9d]"),
            sources(12, "[A<10d][B<10d]"),
            sources(13, "[A<11d][B<11d]"),
            sources(14, "[A<12d][B<11d stale]"),
            sources(15, "[A<13d]"),
            sources(16, "[A<14d]"),
            sources(17, "[A<15d]"),
            sources(18, "[A<16d][B<16d]"),
            sources(19, "[A<17d][B<17d]"),
        ]
    );
}

#[test]
fn a_sources_own_statement_counts_above_what_was_seen_and_never_beyond_now() {
    let mut world = world(vec![feed("A", "x", 30)]);
    let d = |n: i64| n * DAY_S;
    world.run("clock declared");
    world.run(&format!("sample {}", d(100)));
    world.run(&format!("seen x A {}", d(100)));
    world.run(&format!("says A {}", d(99)));
    assert_eq!(world.run(&format!("sample {}", d(101))), format!("health I{}", d(101)));
    world.run(&format!("says A {}", d(102)));
    world.run(&format!("sample {}", d(101) + 60));
    let told = world.control().told;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].complete_through, told[0].stale), (StreamTime((d(101) + 60) * 1000), false));
}

#[test]
fn a_time_far_ahead_and_a_source_that_nobody_declared_are_not_believed() {
    let mut world = world(vec![feed("A", "x", 1)]);
    world.run("clock declared");
    world.run(&format!("sample {}", 100 * DAY_S));
    world.facts.clear();
    world.run(&format!("seen x A {}", 300 * DAY_S));
    world.run(&format!("seen x Z {}", 100 * DAY_S));
    world.run("says Z 5");
    assert_eq!(world.facts.len(), 3);
    assert_eq!(world.control().feeds.len(), 1);
    assert_eq!(world.control().feeds[0].newest, StreamTime::ZERO);
}

#[test]
fn a_dead_feed_of_a_source_freezes_it_though_another_feed_lives() {
    let mut world = world(vec![feed("A", "cuts", 1), feed("A", "meters", 1)]);
    world.run("clock declared");
    for n in 10..15 {
        world.run(&format!("sample {}", n * DAY_S));
        world.run(&format!("seen cuts A {}", n * DAY_S));
    }
    let told = world.control().told;
    assert_eq!((told[0].complete_through, told[0].stale), (StreamTime::ZERO, true));

    // Who looks at a process that has just started learns of it too, and once.
    world.task = ControlTask::new(Arc::clone(&world.shared));
    world.task.rebuild(&mut world.state.iter());
    world.facts.clear();
    for _ in 0..2 {
        world.run(&format!("seen cuts A {}", 14 * DAY_S));
    }
    assert_eq!(world.facts, [Fact::SourceHealth { source: SmolStr::new("A"), region: None, stale: true }]);
}

#[test]
fn too_many_samples_are_thinned_in_the_middle_and_midnights_stay() {
    let mut world = world(vec![]);
    world.run("clock declared");
    let start = Day(20_000).start();
    for hour in 0..200 {
        let t = start.plus_ms(hour * 3_600_000);
        world.send(&ControlMessage::Sample {
            t,
            ends: vec![RawPosition { topic: SmolStr::new("a"), partition: 0, offset: hour + 1 }],
        });
    }
    let pending = world.control().pending;
    assert!(pending.len() <= MAX_SAMPLES);
    assert_eq!(pending.first().map(|p| p.t), Some(start));
    assert_eq!(pending.last().map(|p| p.t), Some(start.plus_ms(199 * 3_600_000)));
    let midnights = pending.iter().filter(|p| p.t.day().start() == p.t).count();
    assert_eq!(midnights, 9);
}

#[test]
fn status_names_what_holds_time_back() {
    let mut world = world(vec![]);
    for line in ["clock declared", "sample 10 a:5 b:7", "progress b:7 a:3"] {
        world.run(line);
    }
    let layout = world.shared.layout.clone();
    let hold = Hold::Raw { topic: SmolStr::new("a"), partition: 0, position: 3, end: 5 };
    let first = world.control().status(&layout).held_by;
    assert_eq!(first, [hold]);
    assert!(first[0].is_where_it_was(&first), "nothing has moved");
    world.run("progress a:4");
    let moved = world.control().status(&layout).held_by;
    assert!(moved.len() == 1 && !moved[0].is_where_it_was(&first), "{moved:?} moves");
    for line in ["progress a:5", "reached identity 0 10"] {
        world.run(line);
    }
    let status = world.control().status(&layout);
    assert!(!status.held_by[0].is_where_it_was(&first), "another thing holds now");
    let (reached, waiting) = (StreamTime::ZERO, StreamTime(10_000));
    assert_eq!(status.held_by, [Hold::Stage { stage: "identity", partition: 1, reached, waiting }]);
    assert_eq!((status.intake, status.identity), (waiting, StreamTime::ZERO));
}

#[test]
fn declared_time_has_no_gap_over_an_hour_and_a_sample_at_each_midnight() {
    let mut declarer = declare::Declarer::new();
    let start = Day(20_000).start().plus_ms(90 * 60_000);
    let first = declarer.advance(start, &[]);
    assert!(matches!(first[..], [ControlMessage::Clock(Clock::Declared), ControlMessage::Sample { .. }]));
    let times: Vec<StreamTime> = std::iter::once(start)
        .chain(declarer.advance(start.plus_ms(2 * MS_PER_DAY), &[]).iter().map(|message| match message {
            ControlMessage::Sample { t, .. } => *t,
            other => panic!("only samples: {other:?}"),
        }))
        .collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1] && pair[1].0 - pair[0].0 <= 3_600_000));
    for day in [20_001, 20_002] {
        assert!(times.contains(&Day(day).start()));
    }
    assert!(declarer.advance(start, &[]).is_empty());
}

fn commands() -> impl Strategy<Value = Vec<String>> {
    let command = prop_oneof![
        (1..40i64, 0..9i64, 0..9i64).prop_map(|(step, a, b)| format!("sample +{step} a:+{a} b:+{b}")),
        (0..9i64).prop_map(|n| format!("progress a:+{n}")),
        (0..9i64).prop_map(|n| format!("progress b:+{n}")),
        (0..2i64).prop_map(|p| format!("reached identity {p}")),
    ];
    proptest::collection::vec(command, 1..120)
}

proptest! {
    /// Ticks only rise, never pass what was handed on, and the whole of control's state is what it stores.
    #[test]
    fn ticks_rise_and_never_pass_what_was_handed_on(commands in commands()) {
        let mut world = world(vec![]);
        world.run("clock declared");
        let (mut t, mut ends, mut positions) = (0i64, [0i64; 2], [0i64; 2]);
        let mut samples: Vec<(i64, [i64; 2])> = Vec::new();
        let (mut identity, mut households, mut reached) = (0i64, 0i64, [0i64; 2]);
        for command in commands {
            let numbers: Vec<i64> =
                command.split(['+', ' ']).filter_map(|word| word.parse().ok()).collect();
            let line = if command.starts_with("sample") {
                t += numbers[0];
                ends = [ends[0] + numbers[1], ends[1] + numbers[2]];
                samples.push((t, ends));
                format!("sample {t} a:{} b:{}", ends[0], ends[1])
            } else if command.starts_with("progress") {
                let raw = usize::from(command.contains("b:"));
                positions[raw] = (positions[raw] + numbers[0]).min(ends[raw]);
                format!("progress {}:{}", ["a", "b"][raw], positions[raw])
            } else {
                let partition = usize::from(numbers[0] == 1);
                reached[partition] = identity;
                format!("reached identity {partition} {identity}")
            };
            for word in world.run(&line).split(' ').filter(|word| !word.is_empty()) {
                let at: i64 = word[1..].parse().expect("a complete tick");
                let (last, limit) = if word.starts_with('I') {
                    let handed_on = |(_, ends): &&(i64, [i64; 2])| ends[0] <= positions[0] && ends[1] <= positions[1];
                    (&mut identity, samples.iter().filter(handed_on).map(|(t, _)| *t).max().unwrap_or(0))
                } else {
                    (&mut households, reached[0].min(reached[1]))
                };
                prop_assert!(*last < at && at <= limit, "{} after {}", word, *last);
                *last = at;
            }
            let mut fresh = ControlTask::new(Arc::clone(&world.shared));
            fresh.rebuild(&mut world.state.iter());
            world.task = fresh;
        }
    }
}

#[test]
fn under_the_append_clock_a_sample_never_passes_its_own_log_time() {
    let mut world = world(vec![]);
    world.run("clock append");
    // A machine whose clock is a year ahead, then one behind, then a right one.
    let year = ControlMessage::Sample { t: StreamTime(365 * MS_PER_DAY), ends: vec![] };
    assert_eq!(world.send_at(&year, 5_000), "I5");
    assert_eq!(world.send_at(&ControlMessage::Sample { t: StreamTime(4_000), ends: vec![] }, 6_000), "");
    assert_eq!(world.send_at(&ControlMessage::Sample { t: StreamTime(7_000), ends: vec![] }, 7_000), "I7");
}

#[test]
fn neither_a_statement_nor_a_reading_from_the_future_makes_a_source_complete() {
    let mut world = world(vec![feed("S", "meter", 1)]);
    let day = MS_PER_DAY / 1000;
    world.run("clock declared");
    world.run(&format!("sample {}", 10 * day));
    for wrong in [format!("says S {}", 9000 * day), format!("seen meter S {}", 9000 * day)] {
        let facts = world.facts.len();
        world.run(&wrong);
        assert!(matches!(world.facts[facts..], [Fact::Ignored { .. }]), "{wrong}");
    }
    // A day ahead is a clock that differs, yet nothing is complete beyond one rhythm before now.
    world.run(&format!("seen meter S {}", 11 * day));
    let told = world.run(&format!("sample {}", 10 * day + 60));
    assert!(told.starts_with(&format!("health I{}", 10 * day + 60)), "{told}");
    assert_eq!(world.control().told[0].complete_through, StreamTime(9 * MS_PER_DAY + 60_000));
}

#[test]
fn households_learn_of_completeness_with_complete_ticks_alone() {
    let mut world = world(vec![feed("S", "meter", 1)]);
    let day = MS_PER_DAY / 1000;
    let at = |seconds: i64| 20 * day + seconds;
    world.run("clock append");
    world.run(&format!("sample {}", at(0)));
    world.run(&format!("seen meter S {}", at(0)));
    // Intake stands still in one partition; after the hold ticks go on without it and keep to themselves what they know.
    world.run(&format!("sample {} a:5", at(1)));
    let hold = ControlConfig::default().hold_ms / 1000;
    world.run(&format!("sample {} a:5", at(2 + hold)));
    world.run(&format!("reached identity 0 {}", at(2 + hold)));
    let incomplete = world.run(&format!("reached identity 1 {}", at(2 + hold)));
    assert!(incomplete.contains(&format!("H{}!", at(1))), "{incomplete}");
    assert!(!incomplete.contains("[S"), "{incomplete}");
    let complete = world.run("progress a:5");
    assert!(complete.contains(&format!("H{}[S<19d]", at(2 + hold))), "{complete}");
}

#[test]
fn a_source_has_so_many_regions_and_no_more() {
    let mut by_region = feed("S", "meter", 1);
    by_region.by_region = true;
    let mut world = world(vec![by_region]);
    world.run("clock declared");
    world.run("sample 10");
    let seen = |n: usize| ControlMessage::Seen {
        topic: SmolStr::new("meter"),
        source: SmolStr::new("S"),
        region: Some(SmolStr::new(format!("{n:05}"))),
        newest: StreamTime(1),
    };
    for n in 0..REGIONS_OF_A_SOURCE + 10 {
        world.send(&seen(n));
    }
    assert_eq!(world.control().feeds.len(), REGIONS_OF_A_SOURCE);
    assert_eq!(world.facts.iter().filter(|fact| matches!(fact, Fact::Ignored { .. })).count(), 10);
}
