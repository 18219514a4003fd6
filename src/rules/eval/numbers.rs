//! Counts, distinct values, amounts and runs.

use super::super::index::NodeIndex;
use super::super::plan::{BY_HOUSEHOLD, Cmp, Pick, Within};
use super::compare::{Known, compare_all};
use super::decision::Truth;
use super::facts::NEVER;
use super::prepared::Hit;
use super::run::{Cell, Run, Tests};
use crate::types::{Day, MS_PER_HOUR, Phase, Value};
use chrono::Datelike;
use std::cmp::Ordering;

impl<'r, 'a> Run<'r, 'a> {
    pub(super) fn count(
        &self,
        index: &NodeIndex,
        within: Option<Within>,
        open_only: bool,
        test: &Tests,
    ) -> Cell {
        let (mut number, mut leaves) = (0, NEVER);
        for hit in self.counted(index.of, within, open_only) {
            number += 1;
            leaves = leaves.min(self.leaves(hit, within));
            if let (true, Phase::Ended(end)) = (open_only, hit.event.phase) {
                leaves = leaves.min(end.day());
            }
        }
        for (_, day) in self.used(index.of, within) {
            number += 1;
            leaves = leaves.min(self.day_leaves(day, within));
        }
        self.judge(index, test, Found::number(number), leaves)
    }

    pub(super) fn distinct(&self, index: &NodeIndex, by: &str, within: Option<Within>, test: &Tests) -> Cell {
        let mut leaves = NEVER;
        let mut sources: Vec<&str> = Vec::new();
        let mut values: Vec<&Value> = Vec::new();
        for hit in self.counted(index.of, within, false).filter(|hit| has(hit, by)) {
            leaves = leaves.min(self.leaves(hit, within));
            match hit.event.field(by) {
                Some(value) if !is_source(by) => include(&mut values, value),
                _ => sources.push(hit.event.key.source.as_str()),
            }
        }
        if by == SOURCE {
            for (source, day) in self.used(index.of, within) {
                leaves = leaves.min(self.day_leaves(day, within));
                sources.push(source);
            }
        }
        // An area may have thousands of them.
        sources.sort_unstable();
        sources.dedup();
        self.judge(index, test, Found::number(sources.len() + values.len()), leaves)
    }

    pub(super) fn value(
        &self,
        index: &NodeIndex,
        field: &str,
        pick: Pick,
        within: Option<Within>,
        test: &Tests,
    ) -> Cell {
        let mut leaves = NEVER;
        let mut falls = false;
        for hit in self.counted(index.of, within, false) {
            leaves = leaves.min(self.leaves(hit, within));
            falls |= hit.event.field(field).and_then(Value::as_int).is_some_and(|amount| amount < 0);
        }
        let mut found = self.pick(index.of, field, pick, within);
        found.may_rise |= pick == Pick::Sum && falls;
        self.judge(index, test, found, leaves)
    }

    /// What `value` takes of the events inside the window.
    pub(super) fn pick(&self, of: u64, field: &str, pick: Pick, within: Option<Within>) -> Found<'r> {
        let hits = || self.counted(of, within, false);
        let valued = || hits().filter_map(|hit| Some((hit, given(hit, field)?)));
        // An event that does not tell the field may have raised it.
        let complete = hits().all(|hit| given(hit, field).is_some());
        match pick {
            Pick::Latest => match hits().next() {
                None => Found::none(),
                Some(hit) => match given(hit, field) {
                    None => Found { complete: false, ..Found::none() },
                    Some(value) => Found { value: Picked::Read(value), complete: true, may_rise: false },
                },
            },
            Pick::Max => {
                let larger =
                    |a: &'r Value, b: &'r Value| if b.compare(a) == Some(Ordering::Greater) { b } else { a };
                match valued().map(|(_, value)| value).reduce(larger) {
                    None => Found { complete, ..Found::none() },
                    Some(value) => Found { value: Picked::Read(value), complete, may_rise: false },
                }
            }
            Pick::Sum => {
                let amounts = valued().filter_map(|(_, value)| value.as_int());
                let sum = amounts.fold(0_i64, i64::saturating_add);
                let whole = complete && valued().all(|(_, value)| value.as_int().is_some());
                Found { complete: whole, ..Found::number(sum) }
            }
            Pick::Consecutive => {
                let mut run: Option<(i32, i64)> = None;
                for (hit, _) in valued() {
                    let month = month(hit.day);
                    match &mut run {
                        None => run = Some((month, 1)),
                        Some((first, _)) if month == *first => {}
                        Some((first, length)) if month + 1 == *first => {
                            (*first, *length) = (month, *length + 1);
                        }
                        Some(_) => break,
                    }
                }
                Found { complete, ..Found::number(run.map_or(0, |(_, length)| length)) }
            }
        }
    }

    /// A number or amount found, against the tests. What a stale source holds back, or an event does not tell, can only
    /// raise it: at least so much is known.
    fn judge(&self, index: &NodeIndex, test: &Tests, found: Found<'_>, leaves: Day) -> Cell {
        let number;
        let value = match found.value {
            Picked::Nothing => None,
            Picked::Read(value) => Some(value),
            Picked::Number(n) => {
                number = Value::Int(n);
                Some(&number)
            }
        };
        let at_least = value.map_or(Truth::Unknown, |v| compare_all(test, Known::AtLeast(v), self.params()));
        let stale = at_least == Truth::Unknown && self.stale(index);
        let truth = if at_least != Truth::Unknown || stale || !found.complete {
            at_least
        } else {
            value.map_or(Truth::False, |value| compare_all(test, Known::Exactly(value), self.params()))
        };
        // What leaves the window lowers the number, which makes no lower bound true. (One that is assumed shows its number.)
        let rises_only = test.iter().all(|(cmp, _)| matches!(cmp, Cmp::Gte | Cmp::Gt)) && !found.may_rise;
        let unknown = truth == Truth::Unknown && stale && found.complete && !index.assumed;
        let settled = rises_only && (truth == Truth::False || unknown);
        let number = value.and_then(Value::as_int);
        Cell { number, ..Cell::new(truth, if settled { NEVER } else { leaves }) }
    }

    /// Events of these signals inside the window, newest first.
    pub(super) fn counted(
        &self,
        of: u64,
        within: Option<Within>,
        open_only: bool,
    ) -> impl Iterator<Item = &'r Hit<'a>> + use<'r, 'a> {
        let (day, end) = (self.day, self.end);
        let first = self.days(within).0;
        self.hits.iter().rev().take_while(move |hit| hit.day >= first).filter(move |hit| {
            let inside = match within {
                Some(Within::Hours(hours)) if hit.exact => hit.start >= end.plus_ms(-span(hours)),
                _ => true,
            };
            let open = !open_only || lasts(hit, day);
            hit.mask & of != 0 && inside && open
        })
    }

    /// Days of use of these signals inside the window, each meter's own, with the source.
    fn used(&self, of: u64, within: Option<Within>) -> impl Iterator<Item = (&'a str, Day)> {
        let (from, to) = self.days(within);
        let from = from.max(self.since.map_or(Day(i32::MIN), |since| since.day()));
        self.daily(of).flat_map(move |meter| meter.days(from, to).map(move |day| (meter.source(), day)))
    }

    /// First and last day of a window. Of an exact duration: the day in which it begins.
    fn days(&self, within: Option<Within>) -> (Day, Day) {
        let from = match within {
            None => Day(i32::MIN),
            Some(Within::Days(days)) => self.day.plus(1).plus(days.saturating_neg()),
            Some(Within::Hours(hours)) => self.end.plus_ms(-span(hours)).day(),
        };
        (from, self.day)
    }

    /// The first later day on which an event inside the window is outside.
    fn leaves(&self, hit: &Hit<'_>, within: Option<Within>) -> Day {
        match within {
            Some(Within::Hours(hours)) if hit.exact => {
                hit.start.plus_ms(span(hours) + 1).day().max(self.day.plus(1))
            }
            _ => self.day_leaves(hit.day, within),
        }
    }

    /// The same for what is known by its day alone.
    fn day_leaves(&self, day: Day, within: Option<Within>) -> Day {
        match within {
            None => NEVER,
            Some(Within::Days(days)) => day.plus(days),
            Some(Within::Hours(hours)) => {
                day.plus(1).start().plus_ms(span(hours)).day().max(self.day.plus(1))
            }
        }
    }
}

/// What a condition read.
pub(super) struct Found<'v> {
    value: Picked<'v>,
    /// Every event told what was asked of it; otherwise this is a least value.
    complete: bool,
    /// It can rise when events leave the window.
    may_rise: bool,
}

enum Picked<'v> {
    Nothing,
    Number(i64),
    Read(&'v Value),
}

impl Found<'_> {
    fn number(number: impl TryInto<i64>) -> Self {
        let number = number.try_into().unwrap_or(i64::MAX);
        Self { value: Picked::Number(number), complete: true, may_rise: false }
    }

    /// No event to read from: no comparison holds.
    fn none() -> Self {
        Self { value: Picked::Nothing, complete: true, may_rise: false }
    }
}

/// The field that every event has.
const SOURCE: &str = "source";

/// Whether an event gives the field by which values are told apart.
pub(super) fn has(hit: &Hit<'_>, by: &str) -> bool {
    is_source(by) || given(hit, by).is_some()
}

/// In an area a household is the source of what it has.
fn is_source(by: &str) -> bool {
    by == SOURCE || by == BY_HOUSEHOLD
}

/// A field that is given.
pub(super) fn given<'a>(hit: &Hit<'a>, field: &str) -> Option<&'a Value> {
    hit.event.field(field).filter(|value| !value.is_null())
}

/// Whether the state that an event began lasts on a day; an end on a later day is not known yet.
fn lasts(hit: &Hit<'_>, day: Day) -> bool {
    match hit.event.phase {
        Phase::Open => true,
        Phase::Ended(end) => end.day() > day,
    }
}

/// Months since year 0, so that consecutive months are consecutive numbers.
pub(super) fn month(day: Day) -> i32 {
    let date = day.date();
    date.year() * 12 + date.month0().cast_signed()
}

fn span(hours: i32) -> i64 {
    i64::from(hours) * MS_PER_HOUR
}

fn include<T: PartialEq>(seen: &mut Vec<T>, item: T) {
    if !seen.contains(&item) {
        seen.push(item);
    }
}
