//! A subject while a record is handled: its head, and the pages that were looked at.

use super::super::state::{Key, Record, Sub};
use super::part::Part;
use super::records::{Entry, SubjectDays, SubjectHead, SubjectPage, Voided, Waiting};
use super::signal::higher;
use super::work::Work;
use crate::types::{Day, EntityId, Event, EventKey, SubjectId};
use chrono::Datelike;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Events of a kind kept in one page; of more only the newest, the rest is a count.
pub const EVENTS_OF_A_KIND: usize = 256;

fn year(day: Day) -> i16 {
    clamp(day.date().year())
}

pub(super) fn clamp(n: i32) -> i16 {
    i16::try_from(n).unwrap_or(if n < 0 { i16::MIN } else { i16::MAX })
}

/// A subject's state, loaded part by part and written back where it changed.
pub(super) struct Subject {
    pub(super) id: SubjectId,
    pub(super) head: Part<SubjectHead>,
    pages: BTreeMap<i16, Part<SubjectPage>>,
    pub(super) months: BTreeMap<i16, Part<SubjectDays>>,
}

impl Subject {
    /// What is known of it; empty for a new one.
    pub(super) fn load(work: &Work<'_>, id: &SubjectId) -> Self {
        let head = Part::load(work, Key::new(id.0.clone(), Sub::Head));
        Self { id: id.clone(), head, pages: BTreeMap::new(), months: BTreeMap::new() }
    }

    /// Whether any household is known for it.
    pub(super) fn linked(&self) -> bool {
        self.head.get().links.iter().any(|link| !link.removed)
    }

    /// Whether an entry counts here, and not at a later owner.
    pub(super) fn counts(&self, entry: &Entry) -> bool {
        entry.onward.is_none() || self.linked()
    }

    /// What is remembered of a void of a key.
    pub(super) fn voided(&self, key: &EventKey) -> Option<&Voided> {
        self.head.get().voided.iter().find(|voided| voided.key == *key)
    }

    /// Remembers a void.
    pub(super) fn remember_void(&mut self, new: Voided) {
        let known = &mut self.head.edit().voided;
        match known.iter_mut().find(|voided| voided.key == new.key) {
            Some(voided) => {
                voided.revision = voided.revision.max(new.revision);
                voided.end = higher(voided.end, new.end);
            }
            None => known.push(new),
        }
    }

    /// The entry of a key, in whichever year it lies.
    pub(super) fn find(&mut self, work: &Work<'_>, key: &EventKey) -> Option<Arc<Entry>> {
        self.years().into_iter().find_map(|year| {
            let entries = &self.page(work, year).get().entries;
            let at = entries.binary_search_by(|entry| entry.event.key.cmp(key)).ok()?;
            Some(Arc::clone(&entries[at]))
        })
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, work: &Work<'_>, entry: &Entry) {
        let page = self.page(work, year(entry.event.day()));
        page.edit().entries.retain(|known| known.event.key != entry.event.key);
    }

    /// Puts an entry in, in the place of what was known of it; of too many of a kind the oldest goes.
    pub(super) fn insert(&mut self, work: &Work<'_>, old: Option<&Entry>, entry: Entry) {
        let into = year(entry.event.day());
        if let Some(old) = old.filter(|old| year(old.event.day()) != into) {
            self.remove(work, old);
        }
        let page = self.page(work, into).edit();
        let kind = entry.event.kind.clone();
        match page.entries.binary_search_by(|known| known.event.key.cmp(&entry.event.key)) {
            Ok(at) => page.entries[at] = Arc::new(entry),
            Err(at) => page.entries.insert(at, Arc::new(entry)),
        }
        let of_kind = |entry: &&Arc<Entry>| entry.event.kind == kind;
        if page.entries.len() > EVENTS_OF_A_KIND
            && page.entries.iter().filter(of_kind).count() > EVENTS_OF_A_KIND
        {
            let age = |entry: &&Arc<Entry>| (entry.event.day(), entry.event.key.clone());
            let oldest = page.entries.iter().filter(of_kind).min_by_key(age).map(|e| e.event.key.clone());
            page.entries.retain(|entry| Some(&entry.event.key) != oldest.as_ref());
            match page.dropped.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => page.dropped.push((kind, 1)),
            }
        }
    }

    /// All entries, year by year.
    pub(super) fn entries(&mut self, work: &Work<'_>) -> Vec<Arc<Entry>> {
        let years = self.years();
        years.into_iter().flat_map(|year| self.page(work, year).get().entries.clone()).collect()
    }

    /// The households that held the subject on a day, with the registry's confidence; a provisional one where none did.
    pub(super) fn households(&self, day: Day) -> BTreeMap<EntityId, Option<u8>> {
        let mut held: BTreeMap<EntityId, Option<u8>> = BTreeMap::new();
        for link in self.head.get().links.iter().filter(|link| link.holds_on(day)) {
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
    pub(super) fn trim(&mut self, work: &Work<'_>, before: Day) {
        for old in self.years().into_iter().filter(|known| *known < year(before)) {
            *self.page(work, old).edit() = SubjectPage::default();
        }
        self.trim_months(work, before);
        if self.head.get().voided.iter().any(|voided| voided.day < before) {
            self.head.edit().voided.retain(|voided| voided.day >= before);
        }
    }

    /// Writes what changed.
    pub(super) fn save(mut self, work: &mut Work<'_>) {
        let pages = self.pages.iter().map(|(year, page)| (*year, page.is_kept()));
        let years = listed(&self.head.get().years, pages);
        let pages = self.months.iter().map(|(month, page)| (*month, page.is_kept()));
        let months = listed(&self.head.get().months, pages);
        if let Some(years) = years {
            self.head.edit().years = years;
        }
        if let Some(months) = months {
            self.head.edit().months = months;
        }
        self.pages.into_values().for_each(|page| page.save(work));
        self.months.into_values().for_each(|page| page.save(work));
        self.head.save(work);
    }

    fn years(&self) -> Vec<i16> {
        let mut years: Vec<i16> = self.head.get().years.iter().chain(self.pages.keys()).copied().collect();
        years.sort_unstable();
        years.dedup();
        years
    }

    fn page(&mut self, work: &Work<'_>, year: i16) -> &mut Part<SubjectPage> {
        let key = || Key::new(self.id.0.clone(), Sub::Page(year));
        self.pages.entry(year).or_insert_with(|| Part::load(work, key()))
    }
}

/// The list of existing pages after some came or went; none if it is as it was.
fn listed(known: &[i16], pages: impl Iterator<Item = (i16, bool)>) -> Option<Vec<i16>> {
    let mut list = std::borrow::Cow::Borrowed(known);
    for (number, kept) in pages {
        match (list.binary_search(&number), kept) {
            (Err(at), true) => list.to_mut().insert(at, number),
            (Ok(at), false) => drop(list.to_mut().remove(at)),
            (Ok(_), true) | (Err(_), false) => {}
        }
    }
    match list {
        std::borrow::Cow::Borrowed(_) => None,
        std::borrow::Cow::Owned(list) => Some(list),
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
