//! What is known of one household, and what rules ask of it.

use super::time::{DAY, Day, Ms, When, day_of, midnight, years};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// When the system took something in: stream time, and which input it was.
pub(crate) type Accepted = (Ms, u64);

/// A signal or action that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) source: String,
    pub(crate) key: String,
    /// `cutoff.water`, `arrears`, `report.self`, `contacted`.
    pub(crate) name: String,
    pub(crate) when: When,
    /// The day on which the state ended.
    pub(crate) ended: Option<Day>,
    pub(crate) kind: Option<String>,
    pub(crate) months: Option<i64>,
    pub(crate) amount_krw: Option<i64>,
    pub(crate) accepted: Accepted,
    pub(crate) late: bool,
}

/// A meter's reading of a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reading {
    pub(crate) source: String,
    pub(crate) meter: String,
    pub(crate) day: Day,
    pub(crate) used: bool,
}

/// Facts of a household from a day on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) from: Day,
    pub(crate) size: Option<i64>,
    pub(crate) oldest_born: Option<Day>,
    pub(crate) youngest_born: Option<Day>,
    pub(crate) dong: Option<String>,
    /// The region in which sources that deliver by region deliver to it.
    pub(crate) region: Option<String>,
}

/// All of one household as of now.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) events: Vec<Event>,
    pub(crate) readings: Vec<Reading>,
    /// One for each registry record, with its key.
    pub(crate) facts: Vec<(String, Facts)>,
    /// Outages of the household's area: from, to, grace included.
    pub(crate) outages: Vec<(Ms, Ms)>,
    /// How far each source is complete, `source/region` where it says so by region; none where it is silent about it.
    pub(crate) complete: Arc<BTreeMap<String, Ms>>,
    pub(crate) now: Ms,
    /// The input that is being decided.
    pub(crate) step: u64,
}

/// What a condition rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) accepted: Accepted,
    pub(crate) late: bool,
}

impl From<&Event> for Proof {
    fn from(event: &Event) -> Self {
        Self { accepted: event.accepted, late: event.late }
    }
}

impl History {
    /// A fact on a day: of all records that hold by then, the one that began last and gives it.
    pub(crate) fn fact<T: Clone>(&self, day: Day, of: impl Fn(&Facts) -> Option<T>) -> Option<T> {
        let mut holding: Vec<&(String, Facts)> =
            self.facts.iter().filter(|(_, facts)| facts.from <= day).collect();
        holding.sort_by_key(|(key, facts)| (facts.from, key.clone()));
        holding.iter().rev().find_map(|(_, facts)| of(facts))
    }

    pub(crate) fn oldest_age(&self, day: Day) -> Option<i32> {
        self.fact(day, |facts| facts.oldest_born).map(|born| years(born, day))
    }

    pub(crate) fn youngest_age(&self, day: Day) -> Option<i32> {
        self.fact(day, |facts| facts.youngest_born).map(|born| years(born, day))
    }

    pub(crate) fn size(&self, day: Day) -> Option<i64> {
        self.fact(day, |facts| facts.size)
    }

    /// Events in the days D−N+1…D, in order of time.
    pub(crate) fn within(&self, day: Day, days: i32, wanted: impl Fn(&Event) -> bool) -> Vec<&Event> {
        let inside =
            |event: &&Event| event.when.day() <= day && event.when.day() > day - days && wanted(event);
        let mut found: Vec<&Event> = self.events.iter().filter(inside).collect();
        found.sort_by_key(|event| (event.when.start(), event.source.clone(), event.key.clone()));
        found
    }

    /// One of the first kind, then one of the second at most `within` days later, in the last `lookback` days: those with
    /// the latest end, then the latest beginning.
    pub(crate) fn sequence(
        &self,
        day: Day,
        first: impl Fn(&Event) -> bool,
        second: impl Fn(&Event) -> bool,
        within: i32,
        lookback: i32,
    ) -> Option<[&Event; 2]> {
        let ends = self.within(day, lookback, second);
        let begins = self.within(day, lookback + within + 1, first);
        let mut pairs = Vec::new();
        for end in &ends {
            for begin in &begins {
                let distinct = (&begin.source, &begin.key) != (&end.source, &end.key);
                let near = end.when.day() - begin.when.day() <= within;
                if distinct && near && begin.when.may_precede(end.when) {
                    pairs.push([*begin, *end]);
                }
            }
        }
        // Of several the one with the smallest keys.
        let key = |event: &Event| Reverse((event.source.clone(), event.key.clone()));
        pairs
            .into_iter()
            .max_by_key(|[begin, end]| (end.when.start(), begin.when.start(), key(end), key(begin)))
    }

    /// No use for `for_days` after the earliest anchor that no use follows, told by the sources that told of use in the
    /// `baseline` days before it.
    pub(crate) fn silent(
        &self,
        day: Day,
        anchors: impl IntoIterator<Item = (When, Proof)>,
        for_days: i32,
        baseline: i32,
    ) -> Option<Proof> {
        let used: Vec<&Reading> = self.readings.iter().filter(|r| r.used && r.day <= day).collect();
        let unfollowed = anchors.into_iter().filter(|(when, _)| {
            when.day() <= day && !used.iter().any(|reading| when.surely_before(When::Day(reading.day)))
        });
        let (anchor, proof) = unfollowed.min_by_key(|(when, _)| when.start())?;
        let due = self.due(anchor.day(), for_days);
        let near =
            |reading: &&&Reading| anchor.day() - baseline <= reading.day && reading.day <= anchor.day();
        let sources: BTreeSet<&String> = used.iter().filter(near).map(|reading| &reading.source).collect();
        let region = self.fact(day_of(self.now), |facts| facts.region.clone());
        let told = |source: &String| {
            let of_region =
                region.as_ref().and_then(|region| self.complete.get(&format!("{source}/{region}")));
            of_region.or_else(|| self.complete.get(source))
        };
        let complete = |source: &&String| told(source).is_some_and(|through| *through >= midnight(due));
        (day >= due && !sources.is_empty() && sources.iter().all(complete)).then_some(proof)
    }

    /// The first midnight by which N days without outage have passed since the end of the anchor's day.
    fn due(&self, anchor: Day, for_days: i32) -> Day {
        let from = midnight(anchor + 1);
        let bright = |day: Day| midnight(day) - from - self.dark(from, midnight(day));
        (anchor + for_days + 1..).find(|day| bright(*day) >= Ms::from(for_days) * DAY).expect("outages end")
    }

    /// How much of a span lies in outages.
    fn dark(&self, from: Ms, to: Ms) -> Ms {
        let mut outages = self.outages.clone();
        outages.sort_unstable();
        let (mut dark, mut at) = (0, from);
        for (begin, end) in outages {
            let (begin, end) = (begin.max(at), end.min(to));
            if begin < end {
                dark += end - begin;
                at = end;
            }
        }
        dark
    }
}
