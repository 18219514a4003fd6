//! An area's households: who of them has an event of which kind on which day, by kind and month. A page of many is split
//! by household, so that a touch costs the same in a building and in a district of twenty thousand.

use super::household::year_of;
use super::part::Part;
use super::records::{CrowdEntry, CrowdPage, CrowdPages, CrowdYear, HouseholdHead};
use crate::engine::message::{Touch, TouchedDay};
use crate::engine::state::{Key, Record, StateRead, Sub};
use crate::types::{Day, EntityId, Event, EventKey, EventTime, Phase, SmolStr};
use chrono::Datelike;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Entries of a page that is not split.
pub(super) const ENTRIES_OF_A_PAGE: usize = 256;
/// Parts of a page that is; a page of many thousands has some hundreds in each.
const PARTS: u8 = 64;
/// The part of a page that is not split.
const WHOLE: u8 = 0;

/// The pages that a record looked at, and the events that a decision looks at.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd {
    years: BTreeMap<i16, Part<CrowdYear>>,
    pages: BTreeMap<(SmolStr, i16, u8), Part<CrowdPage>>,
    pub(super) events: Vec<Event>,
}

/// The crowd of one area, over the state.
pub(super) struct InArea<'a> {
    pub(super) crowd: &'a mut Crowd,
    pub(super) head: &'a mut Part<HouseholdHead>,
    pub(super) entity: &'a SmolStr,
    pub(super) state: &'a dyn StateRead,
}

impl InArea<'_> {
    /// Takes in what a household has on a day; answers whether that is news.
    pub(super) fn take(&mut self, household: &EntityId, touched: &TouchedDay) -> bool {
        let month = month(touched.day);
        let year = year_of(touched.day);
        let split = match self.pages_of(year, &touched.kind, month) {
            Some(split) => split,
            None if touched.known.is_none() => return false,
            None => {
                self.list(year, &touched.kind, month, Some(false));
                false
            }
        };
        let part = if split { part_of(household) } else { WHOLE };
        let page = self.page(&touched.kind, month, part);
        let place =
            page.get().entries.binary_search_by(|e| (e.day, &e.household).cmp(&(touched.day, household)));
        match (place, touched.known) {
            (Err(_), None) => return false,
            (Ok(at), Some(touch)) if page.get().entries[at].touch == touch => return false,
            (Ok(at), Some(touch)) => page.edit().entries[at].touch = touch,
            (Ok(at), None) => drop(page.edit().entries.remove(at)),
            (Err(at), Some(touch)) => {
                let entry = CrowdEntry { day: touched.day, household: household.clone(), touch };
                page.edit().entries.insert(at, entry);
            }
        }
        let left = page.get().entries.len();
        if !split && left == 0 {
            self.list(year, &touched.kind, month, None);
        } else if !split && left > ENTRIES_OF_A_PAGE {
            self.split(&touched.kind, month);
            self.list(year, &touched.kind, month, Some(true));
        }
        true
    }

    fn split(&mut self, kind: &SmolStr, month: i16) {
        let entries = std::mem::take(&mut self.page(kind, month, WHOLE).edit().entries);
        for entry in entries {
            // In order, so each part is in order.
            self.page(kind, month, part_of(&entry.household)).edit().entries.push(entry);
        }
    }

    /// Reads the events of these kinds from a day on, for a decision.
    pub(super) fn look(&mut self, from: Day, is_asked: &dyn Fn(&str) -> bool) {
        let first = month(from);
        let mut events = Vec::new();
        for year in self.head.get().daily_years.clone() {
            if year < year_of(from) {
                continue;
            }
            let pages = self.year(year).get().pages.clone();
            for CrowdPages { kind, month, split } in pages {
                if month < first || !is_asked(&kind) {
                    continue;
                }
                for part in if split { 1..=PARTS } else { WHOLE..=WHOLE } {
                    let entries = self.page(&kind, month, part).get().entries.iter();
                    events.extend(entries.filter(|entry| entry.day >= from).map(|entry| event(&kind, entry)));
                }
            }
        }
        events.sort_unstable_by(|a, b| (a.time.start(), &a.key).cmp(&(b.time.start(), &b.key)));
        self.crowd.events = events;
    }

    /// Whether a kind's page of a month is split; none if there is no such page.
    fn pages_of(&mut self, year: i16, kind: &SmolStr, month: i16) -> Option<bool> {
        if !self.head.get().daily_years.contains(&year) {
            return None;
        }
        let pages = &self.year(year).get().pages;
        let at = pages.binary_search_by(|p| (&p.kind, p.month).cmp(&(kind, month))).ok()?;
        Some(pages[at].split)
    }

    /// Lists a page, or takes it off the list.
    fn list(&mut self, year: i16, kind: &SmolStr, month: i16, split: Option<bool>) {
        let years = &self.head.get().daily_years;
        if let Err(at) = years.binary_search(&year) {
            self.head.edit().daily_years.insert(at, year);
        }
        let pages = &mut self.year(year).edit().pages;
        let place = pages.binary_search_by(|p| (&p.kind, p.month).cmp(&(kind, month)));
        match (place, split) {
            (Ok(at), Some(split)) => pages[at].split = split,
            (Err(at), Some(split)) => pages.insert(at, CrowdPages { kind: kind.clone(), month, split }),
            (Ok(at), None) => drop(pages.remove(at)),
            (Err(_), None) => {}
        }
    }

    fn year(&mut self, year: i16) -> &mut Part<CrowdYear> {
        let key = Key::new(self.entity.clone(), Sub::Daily(year));
        let state = self.state;
        self.crowd.years.entry(year).or_insert_with(|| Part::load(key.clone(), state.get(&key)))
    }

    fn page(&mut self, kind: &SmolStr, month: i16, part: u8) -> &mut Part<CrowdPage> {
        let key = Key::new(self.entity.clone(), Sub::Crowd(kind.clone(), month, part));
        let state = self.state;
        let place = (kind.clone(), month, part);
        self.crowd.pages.entry(place).or_insert_with(|| Part::load(key.clone(), state.get(&key)))
    }

    /// Forgets the years before one; answers what is no longer kept.
    pub(super) fn trim(&mut self, first: i16) -> Vec<Key> {
        let mut dropped = Vec::new();
        let old = self.head.get().daily_years.iter().copied().filter(|year| *year < first);
        for year in old.collect::<Vec<_>>() {
            for CrowdPages { kind, month, split } in self.year(year).get().pages.clone() {
                for part in if split { 1..=PARTS } else { WHOLE..=WHOLE } {
                    self.crowd.pages.remove(&(kind.clone(), month, part));
                    dropped.push(Key::new(self.entity.clone(), Sub::Crowd(kind.clone(), month, part)));
                }
            }
            self.crowd.years.remove(&year);
            dropped.push(Key::new(self.entity.clone(), Sub::Daily(year)));
            self.head.edit().daily_years.retain(|known| *known != year);
        }
        dropped
    }
}

impl Crowd {
    /// What this record wrote of it. A page without entries is none.
    pub(super) fn delta(&self) -> Vec<(Key, Option<Arc<Record>>)> {
        let years = self.years.values().filter_map(Part::written);
        let pages = self.pages.values().filter_map(|page| {
            let (key, record) = page.written()?;
            Some((key, record.filter(|_| !page.get().entries.is_empty())))
        });
        years.chain(pages).collect()
    }
}

/// A household's day as a rule's conditions see it: the household is its source.
fn event(kind: &SmolStr, entry: &CrowdEntry) -> Event {
    let CrowdEntry { day, household, touch: Touch { accepted, late } } = entry;
    Event {
        key: EventKey::of_day(&household.0, kind, *day),
        revision: 1,
        kind: kind.clone(),
        time: EventTime::Day(*day),
        phase: Phase::Open,
        accepted: *accepted,
        first: None,
        late: *late,
        fields: Vec::new(),
    }
}

/// Months since January 1970.
fn month(day: Day) -> i16 {
    let date = day.date();
    let months = (date.year() - 1970) * 12 + date.month0().cast_signed();
    i16::try_from(months).unwrap_or(if months < 0 { i16::MIN } else { i16::MAX })
}

/// The part of a split page that holds a household: by FNV-1a, the same for ever.
fn part_of(household: &EntityId) -> u8 {
    let hash = household
        .as_str()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    1 + u8::try_from((hash ^ (hash >> 16)) % u32::from(PARTS)).unwrap_or(WHOLE)
}
