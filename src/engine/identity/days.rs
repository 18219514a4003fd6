//! Readings of daily kinds as bits: a million meters read every day leave a few bytes a month each.

use super::super::state::{Key, Sub};
use super::part::Part;
use super::records::{DayBits, Series, SubjectDays};
use super::signal::MAX_HOPS;
use super::subject::{Subject, clamp};
use super::work::Work;
use crate::types::{Day, DayState, Event, EventKey, EventTime, Phase, SmolStr, SubjectId, Value};
use chrono::Datelike;
use std::collections::BTreeMap;

/// Ways by which readings come to a subject. More than a dwelling, contract or person has: what exceeds it goes on to
/// the next owner.
pub const SERIES_OF_A_SUBJECT: usize = 256;
/// With no more series than this it is not asked which of them are still in use.
const FEW_SERIES: usize = 8;

/// Months since January 1970.
pub(super) fn month(day: Day) -> i16 {
    let date = day.date();
    let month = i32::try_from(date.month0()).unwrap_or(0);
    clamp(date.year().saturating_sub(1970).saturating_mul(12).saturating_add(month))
}

/// Place of a day in its month, from 0.
pub(super) fn place_in_month(day: Day) -> u8 {
    u8::try_from(day.date().day0()).unwrap_or(0)
}

fn first_of_month(month: i16) -> Day {
    let (year, month) = (1970 + i32::from(month.div_euclid(12)), month.rem_euclid(12) + 1);
    Day::from_ymd(year, u32::try_from(month).unwrap_or(1), 1).unwrap_or(Day(0))
}

impl DayBits {
    /// What is known of a day: the highest revision and what it says.
    pub fn day(&self, day: u8) -> Option<(i64, DayState)> {
        let revised = self.revised.binary_search_by_key(&day, |(known, _)| *known).ok();
        let revision = revised.map(|at| self.revised[at].1);
        match (bit(self.read, day), bit(self.used, day)) {
            (true, true) => Some((revision.unwrap_or(1), DayState::Used)),
            (true, false) => Some((revision.unwrap_or(1), DayState::Idle)),
            (false, _) => revision.map(|revision| (revision, DayState::Void)),
        }
    }

    /// Takes in what a record says of a day; answers whether that was new. In whatever order records come, the greatest
    /// of (revision, state) holds.
    pub fn take(&mut self, day: u8, revision: i64, state: DayState) -> bool {
        if self.day(day) >= Some((revision, state)) {
            return false;
        }
        set(&mut self.read, day, state != DayState::Void);
        set(&mut self.used, day, state == DayState::Used);
        let place = self.revised.binary_search_by_key(&day, |(known, _)| *known);
        match (place, revision == 1 && state != DayState::Void) {
            (Ok(at), true) => drop(self.revised.remove(at)),
            (Ok(at), false) => self.revised[at].1 = revision,
            (Err(_), true) => {}
            (Err(at), false) => self.revised.insert(at, (day, revision)),
        }
        true
    }

    /// Takes in all that is known elsewhere.
    pub(super) fn take_all(&mut self, other: &Self) -> bool {
        let news = (0..31).filter_map(|day| other.day(day).map(|(revision, state)| (day, revision, state)));
        news.fold(false, |any, (day, revision, state)| self.take(day, revision, state) || any)
    }
}

fn bit(bits: u32, day: u8) -> bool {
    bits >> (day & 31) & 1 == 1
}

fn set(bits: &mut u32, day: u8, value: bool) {
    let mask = 1 << (day & 31);
    if value { *bits |= mask } else { *bits &= !mask }
}

impl Series {
    fn is(&self, source: &str, kind: &str) -> bool {
        self.source == source && self.kind == kind
    }

    /// The owner after this subject, and its place.
    pub(super) fn next(&self) -> Option<(u8, &SubjectId)> {
        next_owner(&self.owners, self.trail)
    }
}

/// The owner after the one at `trail`, and its place.
pub(super) fn next_owner(owners: &[SubjectId], trail: u8) -> Option<(u8, &SubjectId)> {
    let next = trail.checked_add(1).filter(|_| trail < MAX_HOPS)?;
    Some((next, owners.get(usize::from(next))?))
}

impl Subject {
    /// The place of a series, a new one if need be; none if there are too many.
    pub(super) fn series(
        &mut self,
        source: &SmolStr,
        kind: &SmolStr,
        owners: &[SubjectId],
        trail: u8,
    ) -> Option<u8> {
        let owners = if owners.len() > 1 { owners } else { &[] };
        let known = &self.head.get().series;
        let is_wanted =
            |series: &Series| series.is(source, kind) && series.trail == trail && series.owners == owners;
        if let Some(at) = known.iter().position(is_wanted) {
            return u8::try_from(at).ok();
        }
        let at = known.iter().position(|series| series.source.is_empty()).unwrap_or(known.len());
        let place = u8::try_from(at).ok().filter(|_| at < SERIES_OF_A_SUBJECT)?;
        let new = Series { source: source.clone(), kind: kind.clone(), owners: owners.to_vec(), trail };
        let series = &mut self.head.edit().series;
        match series.get_mut(at) {
            Some(free) => *free = new,
            None => series.push(new),
        }
        Some(place)
    }

    /// Whether readings of a series count here, and not at a later owner.
    pub(super) fn counts_series(&self, of: u8) -> bool {
        let series = self.head.get().series.get(usize::from(of));
        series.is_some_and(|series| series.next().is_none()) || self.linked()
    }

    /// Changes what is known of a series in a month; answers what the change says, whether any of it was new.
    pub(super) fn note(
        &mut self,
        work: &Work<'_>,
        of: u8,
        month: i16,
        change: impl FnOnce(&mut DayBits) -> bool,
    ) -> bool {
        let page = self.month(work, month);
        let place = page.get().series.binary_search_by_key(&of, |(known, _)| *known);
        let mut bits = place.map(|at| page.get().series[at].1.clone()).unwrap_or_default();
        if !change(&mut bits) {
            return false;
        }
        match place {
            Ok(at) => page.edit().series[at].1 = bits,
            Err(at) => page.edit().series.insert(at, (of, bits)),
        }
        true
    }

    /// What counts here of a day, of whatever ways it was told: revision, and whether it was used.
    pub(super) fn day(&mut self, work: &Work<'_>, source: &str, kind: &str, day: Day) -> Option<(i64, bool)> {
        self.month(work, month(day));
        let page = &self.months.get(&month(day))?.get().series;
        let of_kind = page.iter().filter(|(of, _)| {
            self.head.get().series.get(usize::from(*of)).is_some_and(|series| series.is(source, kind))
        });
        let counting = of_kind.filter(|(of, _)| self.counts_series(*of));
        counting.filter_map(|(_, bits)| readable(bits.day(place_in_month(day))?)).max()
    }

    /// All days that count here, as households see them, in order of day within a month.
    pub(super) fn days(&mut self, work: &Work<'_>) -> Vec<Event> {
        let mut days: BTreeMap<(Day, SmolStr, SmolStr), (i64, bool)> = BTreeMap::new();
        for month in self.all_months() {
            self.month(work, month);
            let Some(page) = self.months.get(&month) else { continue };
            for (of, bits) in &page.get().series {
                let Some(series) = self.head.get().series.get(usize::from(*of)) else { continue };
                if !self.counts_series(*of) {
                    continue;
                }
                for place in 0..31 {
                    let Some(found) = bits.day(place).and_then(readable) else { continue };
                    let day = first_of_month(month).plus(i32::from(place));
                    let known = days.entry((day, series.source.clone(), series.kind.clone()));
                    let known = known.or_insert(found);
                    *known = (*known).max(found);
                }
            }
        }
        let event = |((day, source, kind), (revision, used)): (_, (i64, bool))| {
            day_event(&source, &kind, day, revision, used)
        };
        days.into_iter().map(event).collect()
    }

    /// A series by month.
    pub(super) fn months_of(&mut self, work: &Work<'_>, of: u8) -> Vec<(i16, DayBits)> {
        let months = self.all_months().into_iter().filter_map(|month| {
            let series = &self.month(work, month).get().series;
            let at = series.binary_search_by_key(&of, |(known, _)| *known).ok()?;
            Some((month, series[at].1.clone()))
        });
        months.collect()
    }

    /// Forgets a series; answers whether anything was known of it.
    pub(super) fn drop_series(&mut self, work: &Work<'_>, of: u8) -> bool {
        let mut any = false;
        for month in self.all_months() {
            let page = self.month(work, month);
            if let Ok(at) = page.get().series.binary_search_by_key(&of, |(known, _)| *known) {
                page.edit().series.remove(at);
                any = true;
            }
        }
        any
    }

    /// Drops the months that lie wholly before a day, and frees the places of series that no other month names.
    pub(super) fn trim_months(&mut self, work: &Work<'_>, before: Day) {
        let (old, kept): (Vec<i16>, Vec<i16>) =
            self.all_months().into_iter().partition(|known| *known < month(before));
        for month in &old {
            *self.month(work, *month).edit() = SubjectDays::default();
        }
        if old.is_empty() || self.head.get().series.len() <= FEW_SERIES {
            return;
        }
        let mut named = [false; SERIES_OF_A_SUBJECT];
        for month in kept {
            self.month(work, month).get().series.iter().for_each(|(of, _)| named[usize::from(*of)] = true);
        }
        for (series, _) in self.head.edit().series.iter_mut().zip(named).filter(|(_, named)| !named) {
            series.source = SmolStr::default();
        }
    }

    fn all_months(&self) -> Vec<i16> {
        let mut months: Vec<i16> = self.head.get().months.iter().chain(self.months.keys()).copied().collect();
        months.sort_unstable();
        months.dedup();
        months
    }

    fn month(&mut self, work: &Work<'_>, month: i16) -> &mut Part<SubjectDays> {
        let key = || Key::new(self.id.0.clone(), Sub::Daily(month));
        self.months.entry(month).or_insert_with(|| Part::load(work, key()))
    }
}

/// A voided day is known, but was not read.
fn readable((revision, state): (i64, DayState)) -> Option<(i64, bool)> {
    match state {
        DayState::Void => None,
        DayState::Idle => Some((revision, false)),
        DayState::Used => Some((revision, true)),
    }
}

/// A day as households see it: the same event whenever and by whatever way it is told.
pub(super) fn day_event(source: &SmolStr, kind: &SmolStr, day: Day, revision: i64, used: bool) -> Event {
    Event {
        key: EventKey::of_day(source, kind, day),
        revision,
        kind: kind.clone(),
        time: EventTime::Day(day),
        phase: Phase::Open,
        accepted: day.start(),
        first: None,
        late: false,
        fields: vec![(SmolStr::new_static("used"), Value::Int(i64::from(used)))],
    }
}
