//! The reference itself, on cases small enough to work out by hand.

use super::episodes::{Act, Decision, Status};
use super::history::Facts;
use super::rules::Level;
use super::time::{DAY, Day, HOUR, Ms, When, date, day_of, midnight, years};
use super::{Body, Change, Input, Reference, Signal};

/// Day `n`; day 0 is 2026-03-01.
fn d(n: i32) -> Day {
    date(2026, 3, 1) + n
}

fn tick(day: i32, hour: Ms) -> Input {
    let through = midnight(d(day)) + hour * HOUR;
    let sources = ["KEPCO", "WATER"].map(|source| (source.to_owned(), through)).to_vec();
    Input::Tick { through, complete: true, sources }
}

fn signal(source: &str, key: &str, revision: i64, change: Change) -> Input {
    let (source, key, owners) = (source.to_owned(), key.to_owned(), vec![String::from("person:1")]);
    Input::Signal(Signal { source, key, revision, owners, lateness_days: 62, accepted: None, change })
}

fn body(name: &str, day: i32) -> Body {
    Body {
        name: name.to_owned(),
        when: When::Day(d(day)),
        ended: None,
        kind: Some(String::from("water")),
        months: Some(3),
        amount_krw: None,
        used: false,
    }
}

fn report(source: &str, key: &str, name: &str, day: i32) -> Input {
    signal(source, key, 1, Change::Body(body(name, day)))
}

fn reading(source: &str, day: i32, used: bool) -> Input {
    let change = Change::Body(Body { used, ..body("meter_reading", day) });
    signal(source, &format!("{source}-{day}"), 1, change)
}

fn link() -> Input {
    Input::Link {
        key: String::from("l1"),
        revision: 1,
        subject: String::from("person:1"),
        household: String::from("h"),
        from: d(-400),
        to: None,
        removed: false,
    }
}

fn facts(size: i64, oldest: Day) -> Input {
    let facts = Facts {
        from: d(-400),
        size: Some(size),
        oldest_born: Some(oldest),
        youngest_born: Some(oldest),
        dong: Some(String::from("dong")),
        region: None,
    };
    Input::Facts { household: String::from("h"), key: String::from("f1"), revision: 1, facts, removed: false }
}

fn act(key: &str, rule: &str, act: Act, at: Ms) -> Input {
    let (key, household, rule) = (key.to_owned(), String::from("h"), rule.to_owned());
    Input::Action { key, household, rule, number: 1, act, at }
}

/// Decisions about three people of 41.
fn run(inputs: impl IntoIterator<Item = Input>) -> Vec<Decision> {
    run_with(facts(3, date(1985, 1, 1)), inputs)
}

fn run_with(facts: Input, inputs: impl IntoIterator<Item = Input>) -> Vec<Decision> {
    let mut reference = Reference::default();
    for input in [tick(0, 0), link(), facts].into_iter().chain(inputs) {
        reference.feed(input);
    }
    reference.decisions()
}

/// Rule, number, day, level, status of each.
fn short(decisions: &[Decision]) -> Vec<(&str, u32, i32, Level, Status)> {
    let short = |d0: &Decision| (d0.number, d0.day - d(0), d0.level, d0.status);
    decisions
        .iter()
        .map(|decision| (decision.rule, short(decision)))
        .map(|(r, (n, d, l, s))| (r, n, d, l, s))
        .collect()
}

const CUTOFF: &str = "crisis.repeated-cutoff";

#[test]
fn days_and_ages() {
    assert_eq!(date(1970, 1, 1), 0);
    assert_eq!(date(2026, 3, 1), 20_513);
    assert_eq!(day_of(midnight(5)), 5);
    assert_eq!(day_of(midnight(5) - 1), 4);
    assert_eq!(years(date(1960, 2, 29), date(2026, 2, 28)), 65);
    assert_eq!(years(date(1960, 2, 29), date(2026, 3, 1)), 66);
    assert_eq!(midnight(1) - midnight(0), DAY);
}

#[test]
fn two_cutoffs_open_and_a_third_raises() {
    let one = run([report("KEPCO", "1", "cutoff.electricity", 0)]);
    assert_eq!(one, []);
    let two = run([report("KEPCO", "1", "cutoff.electricity", 0), report("WATER", "2", "cutoff.water", 0)]);
    // 40, still cut 20, two utilities 10.
    assert_eq!(short(&two), [(CUTOFF, 1, 0, Level::High, Status::Open)]);
    assert_eq!(two[0].reasons, ["repeat", "still-cut", "utilities"]);
    let three = run_with(
        facts(3, date(2024, 1, 1)),
        [
            report("KEPCO", "1", "cutoff.electricity", 0),
            report("WATER", "2", "cutoff.water", 0),
            tick(1, 0),
            report("WATER", "3", "cutoff.water", 1),
        ],
    );
    assert_eq!(short(&three), [(CUTOFF, 1, 0, Level::Critical, Status::Open)]);
}

#[test]
fn an_elder_alone_is_presumed_where_nothing_is_known_of_the_household() {
    let cutoffs = || [report("KEPCO", "1", "cutoff.electricity", 0), report("WATER", "2", "cutoff.water", 0)];
    let rules = |decisions: Vec<Decision>| decisions.iter().map(|decision| decision.rule).collect::<Vec<_>>();
    let nobody = Input::Facts {
        household: String::from("h"),
        key: String::from("f1"),
        revision: 1,
        facts: Facts::default(),
        removed: false,
    };
    assert_eq!(rules(run_with(nobody, cutoffs())), ["crisis.lone-elder-cutoff", CUTOFF]);
    assert_eq!(rules(run_with(facts(1, date(1950, 1, 1)), cutoffs())), ["crisis.lone-elder-cutoff", CUTOFF]);
    assert_eq!(rules(run_with(facts(1, date(1970, 1, 1)), cutoffs())), [CUTOFF]);
}

#[test]
fn an_event_of_tomorrow_counts_from_tomorrow() {
    let inputs = [report("KEPCO", "1", "cutoff.electricity", 0), report("WATER", "2", "cutoff.water", 1)];
    assert_eq!(run(inputs.clone()), []);
    let next = run(inputs.into_iter().chain([tick(1, 0)]));
    assert_eq!(short(&next), [(CUTOFF, 1, 1, Level::High, Status::Open)]);
}

#[test]
fn a_void_withdraws_what_nobody_has_taken_on() {
    let inputs =
        || vec![report("KEPCO", "1", "cutoff.electricity", 0), report("WATER", "2", "cutoff.water", 0)];
    let void = signal("WATER", "2", 2, Change::Void);
    let mut voided = inputs();
    voided.push(void.clone());
    assert_eq!(run(voided)[0].status, Status::Withdrawn);
    let mut claimed = inputs();
    claimed.extend([act("a", CUTOFF, Act::Claim, midnight(d(0))), void]);
    assert_eq!(run(claimed)[0].status, Status::Claimed);
}

#[test]
fn an_end_before_its_original_waits_for_it() {
    let end = signal("WATER", "2", 2, Change::End(When::Day(d(0))));
    let decisions =
        run([report("KEPCO", "1", "cutoff.electricity", 0), end, report("WATER", "2", "cutoff.water", 0)]);
    assert_eq!(decisions[0].reasons, ["repeat", "still-cut", "utilities"]);
    let both_ended = run([
        signal("WATER", "2", 2, Change::End(When::Day(d(0)))),
        signal("KEPCO", "1", 2, Change::End(When::Day(d(0)))),
        report("KEPCO", "1", "cutoff.electricity", 0),
        report("WATER", "2", "cutoff.water", 0),
    ]);
    assert_eq!(both_ended[0].reasons, ["repeat", "utilities"]);
}

#[test]
fn late_events_open_nothing_alone() {
    let late =
        run([report("KEPCO", "1", "cutoff.electricity", -70), report("WATER", "2", "cutoff.water", -70)]);
    assert_eq!(late, []);
    let mixed =
        run([report("KEPCO", "1", "cutoff.electricity", -70), report("WATER", "2", "cutoff.water", -1)]);
    assert_eq!(mixed.len(), 1);
}

#[test]
fn escalation_counts_from_the_first_tick_behind_the_opening() {
    let open = || vec![report("KEPCO", "1", "report.neighbour", 0), tick(0, 5)];
    let level = |inputs: Vec<Input>| run(inputs)[0].level;
    assert_eq!(level([open(), vec![tick(3, 4)]].concat()), Level::Watch);
    assert_eq!(level([open(), vec![tick(3, 5)]].concat()), Level::High);
    let reached = act("a", "crisis.neighbour-report", Act::Contact, midnight(d(1)));
    assert_eq!(level([open(), vec![reached, tick(3, 5)]].concat()), Level::Watch);
}

#[test]
fn a_closed_episode_reopens_on_new_evidence_and_after_the_cooldown_a_new_one_opens() {
    let open = || {
        vec![
            report("KEPCO", "1", "report.neighbour", 0),
            tick(1, 0),
            act("a", "crisis.neighbour-report", Act::Close, midnight(d(1))),
        ]
    };
    let closed = Status::Closed(midnight(d(1)));
    let rule = "crisis.neighbour-report";
    assert_eq!(
        short(&run([open(), vec![tick(2, 0), tick(20, 0)]].concat())),
        [(rule, 1, 0, Level::Watch, closed)]
    );
    let soon = [open(), vec![tick(2, 0), report("KEPCO", "2", "report.neighbour", 2)]].concat();
    assert_eq!(short(&run(soon)), [(rule, 1, 2, Level::Watch, Status::Open)]);
    let later = [open(), vec![tick(20, 0), report("KEPCO", "2", "report.neighbour", 20)]].concat();
    let expected = [(rule, 1, 0, Level::Watch, closed), (rule, 2, 20, Level::Watch, Status::Open)];
    assert_eq!(short(&run(later)), expected);
}

#[test]
fn silence_opens_once_the_sources_that_spoke_are_complete() {
    let mut inputs: Vec<Input> = (-5..1).map(|n| reading("KEPCO", n, true)).collect();
    let elder = || facts(1, date(1950, 1, 1));
    for n in 1..15 {
        inputs.push(tick(n, 0));
        inputs.push(reading("KEPCO", n, false));
    }
    // The anchor is day 1, so it falls due on day 16.
    let mut early = inputs.clone();
    early.push(tick(15, 23));
    assert_eq!(run_with(elder(), early), []);
    let mut due = inputs.clone();
    due.push(tick(16, 0));
    assert_eq!(short(&run_with(elder(), due)), [("crisis.no-usage", 1, 16, Level::High, Status::Open)]);
    let dead = midnight(d(15));
    let stopped = Input::Tick {
        through: midnight(d(16)),
        complete: true,
        sources: vec![(String::from("KEPCO"), dead), (String::from("WATER"), midnight(d(16)))],
    };
    inputs.push(stopped);
    assert_eq!(run_with(elder(), inputs), []);
}

#[test]
fn a_subject_that_nobody_linked_has_a_stand_in_until_a_link_comes() {
    let mut reference = Reference::default();
    reference.feed(tick(0, 0));
    reference.feed(report("KEPCO", "1", "report.neighbour", 0));
    let at = |reference: &Reference| -> Vec<(String, Status)> {
        reference.decisions().into_iter().map(|decision| (decision.household, decision.status)).collect()
    };
    let stand_in = super::stand_in("person:1");
    assert_eq!(at(&reference), [(stand_in.clone(), Status::Open)]);
    reference.feed(link());
    assert_eq!(at(&reference), [(String::from("h"), Status::Open), (stand_in, Status::Withdrawn)]);
}
