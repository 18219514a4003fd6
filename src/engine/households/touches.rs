//! What a household tells its areas: of each kind of event and day, whether it has one. Told is the difference that a record
//! made, whatever it was: a new event, a void, a revision, a subject that came or left, a move. A day stands for itself, so
//! what is told twice changes nothing.

use super::Contract;
use super::household::Household;
use super::records::{HOUSE, HouseholdPage};
use super::task::Step;
use crate::contracts::AreaKind;
use crate::engine::effect::Output;
use crate::engine::layout::{AREAS_LOG, Layout};
use crate::engine::message::{AreaMessage, Touch, TouchedDay, encode};
use crate::types::{Day, EntityId, FactVersion, SmolStr, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Days that one record tells an area.
const DAYS_OF_A_RECORD: usize = 256;

/// A household as areas count it: before a record or behind it.
pub(super) struct Side<'a> {
    pub(super) facts: &'a [FactVersion],
    pub(super) pages: Vec<(i16, &'a HouseholdPage)>,
}

type KindDay<'a> = (&'a str, Day);

impl<'a> Side<'a> {
    /// The days of these kinds, all of them where none are named.
    fn days(
        &self,
        only: Option<&BTreeSet<KindDay<'_>>>,
        years: &BTreeSet<i16>,
    ) -> BTreeMap<KindDay<'a>, Touch> {
        let mut days: BTreeMap<KindDay<'a>, Touch> = BTreeMap::new();
        for (_, page) in self.pages.iter().filter(|(year, _)| years.contains(year)) {
            for (_, event) in page.events.iter().filter(|(owner, _)| *owner != HOUSE) {
                let place = (event.kind.as_str(), event.day());
                if only.is_some_and(|only| !only.contains(&place)) {
                    continue;
                }
                let touch = Touch { accepted: event.first_accepted(), late: event.late };
                // The first that came in time says since when it counts.
                let known = days.entry(place).or_insert(touch);
                if (touch.late, touch.accepted) < (known.late, known.accepted) {
                    *known = touch;
                }
            }
        }
        days
    }

    fn page(&self, year: i16) -> Option<&'a HouseholdPage> {
        self.pages.iter().find(|(known, _)| *known == year).map(|(_, page)| *page)
    }
}

/// What became of a household's days in its areas, by area.
fn changes(
    before: &Side<'_>,
    now: &Side<'_>,
    kinds: &[AreaKind],
) -> BTreeMap<(usize, SmolStr), Vec<TouchedDay>> {
    // A year that is forgotten is forgotten by areas as well.
    let years: BTreeSet<i16> = now.pages.iter().map(|(year, _)| *year).collect();
    let has_moved = kinds.iter().any(|kind| differs(before.facts, now.facts, &kind.fact));
    let only = (!has_moved).then(|| differing(before, now));
    if only.as_ref().is_some_and(BTreeSet::is_empty) {
        return BTreeMap::new();
    }
    let (was, is) = (before.days(only.as_ref(), &years), now.days(only.as_ref(), &years));
    let mut told: BTreeMap<(usize, SmolStr), Vec<TouchedDay>> = BTreeMap::new();
    let places: BTreeSet<&KindDay<'_>> = was.keys().chain(is.keys()).collect();
    for (kind, day) in places {
        let place = (*kind, *day);
        for (at, area) in kinds.iter().enumerate() {
            let old = was.get(&place).zip(text_on(before.facts, &area.fact, *day));
            let new = is.get(&place).zip(text_on(now.facts, &area.fact, *day));
            if old == new {
                continue;
            }
            let mut tell = |value: &SmolStr, known: Option<Touch>| {
                let day = TouchedDay { kind: SmolStr::new(kind), day: *day, known };
                told.entry((at, value.clone())).or_default().push(day);
            };
            if let Some((_, left)) = old.filter(|(_, old)| new.is_none_or(|(_, new)| new != *old)) {
                tell(left, None);
            }
            if let Some((touch, value)) = new {
                tell(value, Some(*touch));
            }
        }
    }
    told
}

/// The kinds and days of events that only one side has, or that the two have differently.
fn differing<'a>(before: &Side<'a>, now: &Side<'a>) -> BTreeSet<KindDay<'a>> {
    let mut found = BTreeSet::new();
    for (year, page) in &now.pages {
        let known = before.page(*year);
        if known.is_some_and(|known| std::ptr::eq(known, *page)) {
            continue;
        }
        let (mut old, mut new) = (known.map_or(&[][..], |page| &page.events), page.events.as_slice());
        // Both are in one order, and most of the two is alike.
        while let (Some(a), Some(b)) = (old.first(), new.first()) {
            if a != b {
                break;
            }
            (old, new) = (&old[1..], &new[1..]);
        }
        while let (Some(a), Some(b)) = (old.last(), new.last()) {
            if a != b {
                break;
            }
            (old, new) = (&old[..old.len() - 1], &new[..new.len() - 1]);
        }
        let differ = old.iter().chain(new).filter(|(owner, _)| *owner != HOUSE);
        found.extend(differ.map(|(_, event)| (event.kind.as_str(), event.day())));
    }
    found
}

fn differs(before: &[FactVersion], now: &[FactVersion], fact: &str) -> bool {
    let told = |versions: &[FactVersion]| -> Vec<(Day, Option<Value>)> {
        let field = |version: &FactVersion| version.fields.iter().find(|(name, _)| name == fact).cloned();
        versions.iter().map(|version| (version.from, field(version).map(|(_, value)| value))).collect()
    };
    before != now && told(before) != told(now)
}

/// The text of a fact on a day.
fn text_on<'a>(versions: &'a [FactVersion], name: &str, day: Day) -> Option<&'a SmolStr> {
    super::household::fact_on(versions, name, day).and_then(Value::as_text)
}

/// Tells areas what a record did to a household.
pub(super) fn tell(step: &mut Step<'_>, household: &Household, contract: &dyn Contract, layout: &Layout) {
    let kinds = contract.areas();
    let Some(before) = household.before().filter(|_| !kinds.is_empty()) else { return };
    let now = household.now();
    for ((at, value), mut days) in changes(&before, &now, kinds) {
        days.retain(|day| !contract.is_restricted(&day.kind));
        let kind = &kinds[at];
        let area = EntityId::of_area(&kind.name, &value);
        for days in days.chunks(DAYS_OF_A_RECORD) {
            let message = AreaMessage::Touch {
                origin: step.cause.origin.clone(),
                household: household.id().clone(),
                place: place(household, kind, &value, days),
                days: days.to_vec(),
            };
            step.work.outputs.push(Output {
                topic: SmolStr::new_static(AREAS_LOG),
                partition: layout.partition(AREAS_LOG, area.as_str()),
                key: Some(area.as_str().as_bytes().to_vec()),
                value: encode(&message),
                headers: Vec::new(),
            });
        }
    }
}

/// What the household knows of the place, on the last of these days that it was there.
fn place(
    household: &Household,
    kind: &AreaKind,
    value: &SmolStr,
    days: &[TouchedDay],
) -> Vec<(SmolStr, SmolStr)> {
    let Some(day) = days.iter().filter(|day| day.known.is_some()).map(|day| day.day).max() else {
        return Vec::new();
    };
    let own = std::iter::once((kind.fact.clone(), value.clone()));
    let facts = &household.head.get().facts;
    let with = kind.with.iter().filter_map(|name| Some((name.clone(), text_on(facts, name, day)?.clone())));
    own.chain(with).collect()
}

#[cfg(test)]
mod tests;
