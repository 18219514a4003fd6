//! The shipped crisis rules, each a plain function.

use super::history::{Event, History, Proof};
use super::time::{Day, When, midnight};

/// How grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Watch,
    High,
    Critical,
}

/// What a rule says of a household on a day, if it fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The reasons that hold, as the rule names them.
    pub(crate) reasons: Vec<&'static str>,
    pub(crate) level: Level,
    pub(crate) points: i64,
    /// What the required conditions rest on.
    pub(crate) required: Vec<Proof>,
    /// What the others rest on.
    pub(crate) further: Vec<Proof>,
}

/// A step of escalation.
pub(crate) struct Step {
    pub(crate) after_hours: i64,
    pub(crate) raise_to: Option<Level>,
}

/// A shipped rule.
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    /// Whether it fires on a day; without its `silent` reason where that is held.
    pub(crate) decide: fn(&History, Day, bool) -> Option<Verdict>,
    /// Whether its `silent` reason holds on a day.
    pub(crate) silent: fn(&History, Day) -> bool,
    pub(crate) cooldown_days: i32,
    /// A contact in so many days clears it.
    pub(crate) clear_days: i32,
    /// Use of a meter is as good as a contact.
    pub(crate) use_clears: bool,
    pub(crate) steps: &'static [Step],
}

/// All shipped crisis rules.
pub(crate) const RULES: [Rule; 5] = [
    Rule {
        id: "crisis.arrears-ladder",
        decide: arrears_ladder,
        silent: |_, _| false,
        cooldown_days: 30,
        clear_days: 14,
        use_clears: false,
        steps: &[Step { after_hours: 7 * 24, raise_to: Some(Level::High) }],
    },
    Rule {
        id: "crisis.lone-elder-cutoff",
        decide: lone_elder_cutoff,
        silent: |history, day| silent_since_cutoff(history, day).is_some(),
        cooldown_days: 14,
        clear_days: 7,
        use_clears: false,
        steps: &[
            Step { after_hours: 24, raise_to: Some(Level::Critical) },
            Step { after_hours: 72, raise_to: None },
        ],
    },
    Rule {
        id: "crisis.neighbour-report",
        decide: neighbour_report,
        silent: |_, _| false,
        cooldown_days: 14,
        clear_days: 14,
        use_clears: false,
        steps: &[
            Step { after_hours: 72, raise_to: Some(Level::High) },
            Step { after_hours: 14 * 24, raise_to: None },
        ],
    },
    Rule {
        id: "crisis.no-usage",
        decide: no_usage,
        silent: |history, day| silent_meters(history, day).is_some(),
        cooldown_days: 14,
        clear_days: 3,
        use_clears: true,
        steps: &[
            Step { after_hours: 24, raise_to: Some(Level::High) },
            Step { after_hours: 48, raise_to: Some(Level::Critical) },
        ],
    },
    Rule {
        id: "crisis.repeated-cutoff",
        decide: repeated_cutoff,
        silent: |_, _| false,
        cooldown_days: 14,
        clear_days: 7,
        use_clears: false,
        steps: &[
            Step { after_hours: 72, raise_to: Some(Level::High) },
            Step { after_hours: 7 * 24, raise_to: None },
        ],
    },
];

/// The first day of every shipped rule.
pub(crate) fn in_effect(day: Day) -> bool {
    day >= super::time::date(2026, 1, 1)
}

fn is_cutoff(event: &Event) -> bool {
    ["cutoff.electricity", "cutoff.water", "cutoff.gas"].contains(&event.name.as_str())
}

/// Arrears of three months or more: `arrears.min_months`.
fn is_arrears(event: &Event) -> bool {
    event.name == "arrears" && event.months.is_some_and(|months| months >= 3)
}

fn is_report(event: &Event) -> bool {
    ["report.self", "report.neighbour", "report.official"].contains(&event.name.as_str())
}

/// Arrears of any length, or a cut-off.
fn is_trouble(event: &Event) -> bool {
    event.name == "arrears" || is_cutoff(event)
}

/// Not ended by a day.
fn is_open(event: &Event, day: Day) -> bool {
    event.ended.is_none_or(|end| end > day)
}

fn proofs(events: &[&Event]) -> Vec<Proof> {
    events.iter().map(|event| Proof::from(*event)).collect()
}

fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> usize {
    values.collect::<std::collections::BTreeSet<_>>().len()
}

/// The points of the highest step that a number reaches.
fn stepped(number: i64, steps: &[(i64, i64)]) -> i64 {
    steps.iter().filter(|(from, _)| *from <= number).map(|(_, points)| *points).next_back().unwrap_or(0)
}

fn count(events: &[&Event]) -> i64 {
    i64::try_from(events.len()).expect("a household has few events")
}

/// Adds up what a rule found.
struct Tally {
    points: i64,
    verdict: Verdict,
}

impl Tally {
    fn new() -> Self {
        let (reasons, required, further) = (Vec::new(), Vec::new(), Vec::new());
        Self { points: 40, verdict: Verdict { reasons, level: Level::Watch, points: 0, required, further } }
    }

    fn required(&mut self, reason: &'static str, points: i64, proofs: Vec<Proof>) {
        self.verdict.reasons.push(reason);
        self.points += points;
        self.verdict.required.extend(proofs);
    }

    fn also(&mut self, holds: bool, reason: &'static str, points: i64, proofs: Vec<Proof>) {
        if holds {
            self.verdict.reasons.push(reason);
            self.points += points;
            self.verdict.further.extend(proofs);
        }
    }

    /// Watch from 40, high from 60, critical from the points given.
    fn verdict(mut self, critical: i64) -> Option<Verdict> {
        self.verdict.points = self.points;
        self.verdict.level = match self.points {
            points if points >= critical => Level::Critical,
            60.. => Level::High,
            _ => Level::Watch,
        };
        Some(self.verdict)
    }
}

fn arrears_ladder(history: &History, day: Day, _: bool) -> Option<Verdict> {
    let arrears = history.within(day, 180, is_arrears);
    let open: Vec<&Event> = arrears.iter().copied().filter(|event| is_open(event, day)).collect();
    let most = arrears.iter().filter_map(|event| event.months).max().unwrap_or(0);
    let longest = |found: i64| {
        let newest = arrears.iter().copied().rfind(|event| event.months == Some(found));
        newest.map(Proof::from).into_iter().collect::<Vec<_>>()
    };
    let mut tally = Tally::new();
    let (debts, long) = (open.len() >= 2, most >= 9);
    if !debts && !long {
        return None;
    }
    if debts {
        tally.required("debts", 0, proofs(&open));
    }
    if long {
        tally.required("long", 0, longest(most));
    }
    tally.also(most >= 3, "months", stepped(most, &[(6, 10), (12, 20), (22, 40)]), longest(most));
    let kinds = distinct(arrears.iter().filter_map(|event| event.kind.as_ref()));
    let of_kind: Vec<&Event> = arrears.iter().copied().filter(|event| event.kind.is_some()).collect();
    tally.also(kinds >= 3, "kinds", if kinds >= 4 { 20 } else { 10 }, proofs(&of_kind));
    let amount = arrears.iter().filter_map(|event| event.amount_krw).max();
    let dearest: Vec<&Event> = arrears.iter().copied().filter(|event| event.amount_krw == amount).collect();
    let dearest = proofs(&dearest[dearest.len().saturating_sub(1)..]);
    tally.also(amount.is_some_and(|amount| amount >= 3_000_000), "heavy", 10, dearest);
    let then_cut = history.sequence(day, is_arrears, is_cutoff, 60, 90);
    tally.also(then_cut.is_some(), "then-cut", 20, then_cut.map(|pair| proofs(&pair)).unwrap_or_default());
    tally.verdict(80)
}

fn lone_elder_cutoff(history: &History, day: Day, hold_silent: bool) -> Option<Verdict> {
    // Unknown counts for the alarm: missing data must not hide a person.
    let senior =
        history.oldest_age(day).is_none_or(|age| age >= 65) && history.size(day).is_none_or(|size| size == 1);
    let signals = history.within(day, 60, |event| is_arrears(event) || is_cutoff(event));
    let sources = distinct(signals.iter().map(|event| &event.source));
    if !senior || signals.len() < 2 || sources < 2 {
        return None;
    }
    let mut tally = Tally::new();
    tally.required("senior", 0, Vec::new());
    tally.required("repeat", stepped(count(&signals), &[(3, 10), (5, 20)]), proofs(&signals));
    tally.required("sources", 0, proofs(&signals));
    if !hold_silent {
        let silent = silent_since_cutoff(history, day);
        tally.also(silent.is_some(), "silent", 30, silent.into_iter().collect());
    }
    let order = history.sequence(day, is_arrears, is_cutoff, 30, 60);
    tally.also(order.is_some(), "order", 20, order.map(|pair| proofs(&pair)).unwrap_or_default());
    tally.verdict(80)
}

/// No use of any meter in the 14 days after a cut-off.
fn silent_since_cutoff(history: &History, day: Day) -> Option<Proof> {
    let cutoffs = history.events.iter().filter(|event| is_cutoff(event));
    history.silent(day, cutoffs.map(|event| (event.when, Proof::from(event))), 14, 60)
}

fn neighbour_report(history: &History, day: Day, _: bool) -> Option<Verdict> {
    let reports = history.within(day, 30, is_report);
    if reports.is_empty() {
        return None;
    }
    let mut tally = Tally::new();
    tally.required("reported", stepped(count(&reports), &[(2, 10), (3, 20)]), proofs(&reports));
    let official = history.within(day, 30, |event| event.name == "report.official");
    tally.also(!official.is_empty(), "official", 20, proofs(&official));
    let own = history.within(day, 30, |event| event.name == "report.self");
    tally.also(!own.is_empty(), "own", 20, proofs(&own));
    let trouble = history.within(day, 120, is_trouble);
    tally.also(
        !trouble.is_empty(),
        "trouble",
        stepped(count(&trouble), &[(1, 20), (3, 30)]),
        proofs(&trouble),
    );
    tally.verdict(90)
}

fn no_usage(history: &History, day: Day, hold_silent: bool) -> Option<Verdict> {
    let small = history.size(day).is_none_or(|size| size <= 2);
    if hold_silent || !small {
        return None;
    }
    let silent = silent_meters(history, day)?;
    let mut tally = Tally::new();
    tally.required("silent", 0, vec![silent]);
    tally.required("small", 0, Vec::new());
    let senior = history.oldest_age(day).is_some_and(|age| age >= 65);
    tally.also(senior, "senior", 20, Vec::new());
    tally.also(history.size(day) == Some(1), "alone", 10, Vec::new());
    let trouble = history.within(day, 120, is_trouble);
    tally.also(
        !trouble.is_empty(),
        "trouble",
        stepped(count(&trouble), &[(1, 20), (3, 30)]),
        proofs(&trouble),
    );
    tally.verdict(80)
}

/// No use of any meter in the 14 days after one that shows none.
fn silent_meters(history: &History, day: Day) -> Option<Proof> {
    let unused = history.readings.iter().filter(|reading| {
        let again = |other: &super::history::Reading| {
            other.used
                && other.day == reading.day
                && (&other.meter, &other.source) == (&reading.meter, &reading.source)
        };
        !reading.used && !history.readings.iter().any(again)
    });
    // A day of a meter is known when it is over.
    let anchors = unused.map(|reading| {
        (When::Day(reading.day), Proof { accepted: (midnight(reading.day + 1), u64::MAX), late: false })
    });
    history.silent(day, anchors, 14, 60)
}

fn repeated_cutoff(history: &History, day: Day, _: bool) -> Option<Verdict> {
    let cutoffs = history.within(day, 90, is_cutoff);
    if cutoffs.len() < 2 {
        return None;
    }
    let mut tally = Tally::new();
    tally.required("repeat", stepped(count(&cutoffs), &[(3, 10), (4, 20)]), proofs(&cutoffs));
    let open: Vec<&Event> = cutoffs.iter().copied().filter(|event| is_open(event, day)).collect();
    tally.also(!open.is_empty(), "still-cut", 20, proofs(&open));
    let sources = distinct(cutoffs.iter().map(|event| &event.source));
    tally.also(sources >= 2, "utilities", 10, proofs(&cutoffs));
    let debts = history.within(day, 180, |event| is_arrears(event) && is_open(event, day));
    tally.also(!debts.is_empty(), "debts", 10, proofs(&debts));
    tally.also(history.youngest_age(day).is_some_and(|age| age < 7), "small-child", 20, Vec::new());
    tally.verdict(90)
}
