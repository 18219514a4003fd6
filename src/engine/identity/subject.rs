//! A subject while a record is handled: its head, and the pages that were looked at.

use super::super::state::{Key, Record, Sub};
use super::records::{Entry, SubjectHead, SubjectPage, Voided, Waiting};
use super::work::Work;
use crate::types::{Day, EntityId, Event, EventKey, SubjectId};
use chrono::Datelike;
use std::collections::BTreeMap;

/// Events of a kind kept in one page; of more only the newest, the rest is a count.
pub const EVENTS_OF_A_KIND: usize = 256;

/// Where an entry lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The page of a year.
    Year(i16),
    /// The page of daily kinds of a month since January 1970.
    Month(i16),
}

impl Place {
    fn of(day: Day, daily: bool) -> Self {
        if daily { Self::Month(month(day)) } else { Self::Year(clamp(day.date().year())) }
    }

    fn sub(self) -> Sub {
        match self {
            Self::Year(year) => Sub::Page(year),
            Self::Month(month) => Sub::Daily(month),
        }
    }
}

/// Months since January 1970.
pub(super) fn month(day: Day) -> i16 {
    let date = day.date();
    let month = i32::try_from(date.month0()).unwrap_or(0);
    clamp(date.year().saturating_sub(1970).saturating_mul(12).saturating_add(month))
}

fn clamp(n: i32) -> i16 {
    i16::try_from(n).unwrap_or(if n < 0 { i16::MIN } else { i16::MAX })
}

/// A subject's state, loaded page by page and written back where it changed.
pub(super) struct Subject {
    pub(super) id: SubjectId,
    pub(super) head: SubjectHead,
    before: SubjectHead,
    pages: BTreeMap<Place, (SubjectPage, bool)>,
}

impl Subject {
    /// What is known of it; empty for a new one.
    pub(super) fn load(work: &Work<'_>, id: &SubjectId) -> Self {
        let head = match work.get(&Key::new(id.0.clone(), Sub::Head)).as_deref() {
            Some(Record::Subject(head)) => head.clone(),
            _ => SubjectHead::default(),
        };
        Self { id: id.clone(), before: head.clone(), head, pages: BTreeMap::new() }
    }

    /// Whether any household is known for it.
    pub(super) fn linked(&self) -> bool {
        self.head.links.iter().any(|link| !link.removed)
    }

    /// Whether an entry counts here, and not at a later owner.
    pub(super) fn counts(&self, entry: &Entry) -> bool {
        entry.onward.is_none() || self.linked()
    }

    /// The revision up to which reports of a key never happened.
    pub(super) fn voided(&self, key: &EventKey) -> Option<i64> {
        self.head.voided.iter().find(|voided| voided.key == *key).map(|voided| voided.revision)
    }

    /// Remembers a void.
    pub(super) fn remember_void(&mut self, key: &EventKey, revision: i64, day: Day) {
        match self.head.voided.iter_mut().find(|voided| voided.key == *key) {
            Some(voided) => voided.revision = voided.revision.max(revision),
            None => self.head.voided.push(Voided { key: key.clone(), revision, day }),
        }
    }

    /// Takes an entry out, wherever it lies. A daily kind is looked for around the day its report names: readings
    /// are not moved by more than a month.
    pub(super) fn take(
        &mut self,
        work: &Work<'_>,
        key: &EventKey,
        report: Option<(&str, Day)>,
    ) -> Option<Entry> {
        let places: Vec<Place> = match report {
            Some((kind, day)) if work.daily.contains(kind) => {
                let near = month(day).saturating_sub(1)..=month(day).saturating_add(1);
                self.head.months.iter().filter(|m| near.contains(*m)).map(|m| Place::Month(*m)).collect()
            }
            Some(_) => self.head.years.iter().map(|year| Place::Year(*year)).collect(),
            None => self.places(),
        };
        places.into_iter().find_map(|place| {
            let page = self.page(work, place);
            let at = page.0.entries.binary_search_by(|entry| entry.event.key.cmp(key)).ok()?;
            page.1 = true;
            Some(page.0.entries.remove(at))
        })
    }

    /// Puts an entry in; of too many of a kind the oldest goes.
    pub(super) fn insert(&mut self, work: &Work<'_>, entry: Entry) {
        let place = Place::of(entry.event.day(), work.daily.contains(&entry.event.kind));
        let kind = entry.event.kind.clone();
        let (page, dirty) = self.page(work, place);
        *dirty = true;
        match page.entries.binary_search_by(|known| known.event.key.cmp(&entry.event.key)) {
            Ok(at) => page.entries[at] = entry,
            Err(at) => page.entries.insert(at, entry),
        }
        let of_kind = |entry: &&Entry| entry.event.kind == kind;
        if page.entries.iter().filter(of_kind).count() > EVENTS_OF_A_KIND {
            let age = |entry: &&Entry| (entry.event.day(), entry.event.key.clone());
            let oldest = page.entries.iter().filter(of_kind).min_by_key(age).map(|e| e.event.key.clone());
            page.entries.retain(|entry| Some(&entry.event.key) != oldest.as_ref());
            match page.dropped.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => page.dropped.push((kind, 1)),
            }
        }
    }

    /// All entries, in place order.
    pub(super) fn entries(&mut self, work: &Work<'_>) -> Vec<Entry> {
        let places = self.places();
        places.into_iter().flat_map(|place| self.page(work, place).0.entries.clone()).collect()
    }

    /// The households that held the subject on a day, with the registry's confidence; a provisional one where none did.
    pub(super) fn households(&self, day: Day) -> BTreeMap<EntityId, Option<u8>> {
        let mut held: BTreeMap<EntityId, Option<u8>> = BTreeMap::new();
        for link in self.head.links.iter().filter(|link| link.holds_on(day)) {
            let confidence = held.entry(link.household.clone()).or_default();
            *confidence = (*confidence).max(Some(link.confidence));
        }
        if held.is_empty() {
            let stand_in = super::super::layout::provisional_household(self.id.as_str());
            held.insert(EntityId(stand_in), None);
        }
        held
    }

    /// Where an entry counts: nowhere while a later owner has it.
    pub(super) fn homes(&self, entry: &Entry) -> BTreeMap<EntityId, Option<u8>> {
        if self.counts(entry) { self.households(entry.event.day()) } else { BTreeMap::new() }
    }

    /// Drops the pages that lie wholly before a day, and what is remembered of older voids.
    pub(super) fn trim(&mut self, before: Day) {
        let (year, month) = (clamp(before.date().year()), month(before));
        let old: Vec<Place> = self
            .places()
            .into_iter()
            .filter(|place| match place {
                Place::Year(y) => *y < year,
                Place::Month(m) => *m < month,
            })
            .collect();
        for place in old {
            self.pages.insert(place, (SubjectPage::default(), true));
        }
        self.head.voided.retain(|voided| voided.day >= before);
    }

    /// Writes what changed.
    pub(super) fn save(mut self, work: &mut Work<'_>) {
        for (place, (page, dirty)) in std::mem::take(&mut self.pages) {
            if !dirty {
                continue;
            }
            let (list, number) = match place {
                Place::Year(year) => (&mut self.head.years, year),
                Place::Month(month) => (&mut self.head.months, month),
            };
            let keep = !page.entries.is_empty() || !page.dropped.is_empty();
            match (list.binary_search(&number), keep) {
                (Err(at), true) => list.insert(at, number),
                (Ok(at), false) => {
                    list.remove(at);
                }
                (Ok(_), true) | (Err(_), false) => {}
            }
            let key = Key::new(self.id.0.clone(), place.sub());
            work.put(key, keep.then_some(Record::SubjectPage(page)));
        }
        if self.head != self.before {
            let key = Key::new(self.id.0.clone(), Sub::Head);
            let keep = self.head != SubjectHead::default();
            work.put(key, keep.then_some(Record::Subject(self.head)));
        }
    }

    fn places(&self) -> Vec<Place> {
        let years = self.head.years.iter().map(|year| Place::Year(*year));
        let months = self.head.months.iter().map(|month| Place::Month(*month));
        let mut places: Vec<Place> = years.chain(months).chain(self.pages.keys().copied()).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    fn page(&mut self, work: &Work<'_>, place: Place) -> &mut (SubjectPage, bool) {
        let key = Key::new(self.id.0.clone(), place.sub());
        self.pages.entry(place).or_insert_with(|| match work.get(&key).as_deref() {
            Some(Record::SubjectPage(page)) => (page.clone(), false),
            _ => (SubjectPage::default(), false),
        })
    }
}

/// The key under which bodiless changes of an event wait.
pub(super) fn waiting_key(subject: &SubjectId, key: &EventKey) -> Key {
    Key::new(subject.0.clone(), Sub::Waiting(key.source.clone(), key.key.clone()))
}

/// The bodiless changes that wait for an event.
pub(super) fn waiting(work: &Work<'_>, subject: &SubjectId, key: &EventKey) -> Option<Waiting> {
    match work.get(&waiting_key(subject, key)).as_deref() {
        Some(Record::Waiting(waiting)) => Some(waiting.clone()),
        _ => None,
    }
}

/// The events as households see them, in the order of their days.
pub(super) fn in_order(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by(|a, b| (a.time.start(), &a.key).cmp(&(b.time.start(), &b.key)));
    events
}
