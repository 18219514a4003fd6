//! A household taken out of the state for the length of one record.

use super::crowd::{Crowd, InArea};
use super::daily;
use super::part::{EpisodePart, Part};
use super::pending;
use super::records::{
    Contributor, DailyUse, Episode, HouseholdHead, HouseholdPage, Pending, SUBJECTS_OF_A_HOUSEHOLD,
};
use super::role::Role;
use super::touches::Side;
use crate::engine::state::{Key, Record, StateRead, Sub};
use crate::types::{Day, EntityId, EpisodeId, Event, EventKey, FactVersion, SmolStr, SubjectId, Value};
use chrono::Datelike;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Events of one kind kept per year; of older ones a count per day remains. Nothing a rule may ask for counts so high.
pub(super) const EVENTS_PER_KIND: usize = 256;
/// Versions of facts kept: a registry that rewrites its past day by day must not grow a head without end.
const FACT_VERSIONS: usize = 64;

/// A household in hand, or an area, which has no events of its own but those of its households.
#[derive(Clone, Debug)]
pub(super) struct Household {
    id: EntityId,
    /// Its kind, if it is an area.
    area: Option<SmolStr>,
    pub(super) head: Part<HouseholdHead>,
    pages: Vec<(i16, Part<HouseholdPage>)>,
    daily: Vec<(i16, Part<DailyUse>)>,
    pub(super) episodes: Vec<EpisodePart>,
    crowd: Crowd,
    /// What an area is to be decided for at the next tick.
    pub(super) pending: Option<Pending>,
    dropped: Vec<Key>,
    indexed: Indexed,
    loaded: Loaded,
}

/// What a household was when the record began.
#[derive(Clone, Debug)]
struct Loaded {
    head: Arc<Record>,
    pages: Vec<(i16, Arc<Record>)>,
    pending: Option<Pending>,
}

/// What the task's indexes hold of a household: as it was loaded, or as it was when they last followed it.
#[derive(Clone, Debug)]
pub(super) struct Indexed {
    pub(super) head: Arc<Record>,
    pub(super) episodes: Vec<Arc<Record>>,
    pub(super) pending: Option<Pending>,
}

impl Household {
    /// Reads what is kept of an entity.
    pub(super) fn load(role: Role, entity: &SmolStr, state: &dyn StateRead) -> Self {
        let key = |sub| Key::new(entity.clone(), sub);
        let head: Part<HouseholdHead> = Part::load(key(Sub::Head), state.get(&key(Sub::Head)));
        let years = head.get().years.clone();
        let (daily_years, pending) = match role {
            Role::Households => (head.get().daily_years.clone(), None),
            Role::Areas => {
                let pending = state.get(&pending::key(entity));
                (Vec::new(), pending.and_then(|record| pending::read(&record)))
            }
        };
        let page = |year: i16| (year, Part::load(key(Sub::Page(year)), state.get(&key(Sub::Page(year)))));
        let days = |year: i16| (year, Part::load(key(Sub::Daily(year)), state.get(&key(Sub::Daily(year)))));
        let stored = |(rule, number): &(SmolStr, u32)| {
            state
                .get(&key(Sub::Episode(rule.clone(), *number)))
                .filter(|record| matches!(**record, Record::Episode(_)))
        };
        let stored: Vec<Arc<Record>> = head.get().episodes.iter().filter_map(stored).collect();
        let episode = |record: &Arc<Record>| match &**record {
            Record::Episode(episode) => Some(EpisodePart {
                before: Some(episode.clone()),
                now: episode.clone(),
                notes: Default::default(),
            }),
            _ => None,
        };
        let episodes = stored.iter().filter_map(episode).collect();
        let id = EntityId(entity.clone());
        let pages: Vec<(i16, Part<HouseholdPage>)> = years.into_iter().map(page).collect();
        let loaded = Loaded {
            head: Arc::clone(head.record()),
            pages: pages.iter().map(|(year, page)| (*year, Arc::clone(page.record()))).collect(),
            pending: pending.clone(),
        };
        Self {
            area: role.area(&id),
            id,
            pages,
            daily: daily_years.into_iter().map(days).collect(),
            indexed: Indexed { head: Arc::clone(head.record()), episodes: stored, pending: pending.clone() },
            head,
            episodes,
            crowd: Crowd::default(),
            pending,
            dropped: Vec::new(),
            loaded,
        }
    }

    /// The kind of area that it is; none for a household.
    pub(super) fn area(&self) -> Option<&SmolStr> {
        self.area.as_ref()
    }

    /// What an area holds of its households.
    pub(super) fn crowd<'a>(&'a mut self, state: &'a dyn StateRead) -> InArea<'a> {
        InArea { crowd: &mut self.crowd, head: &mut self.head, entity: &self.id.0, state }
    }

    /// What areas count of it, as it was when the record began; none if nothing of that has changed.
    pub(super) fn before(&self) -> Option<Side<'_>> {
        let is_as_before = |(year, page): &(i16, Part<HouseholdPage>)| {
            self.loaded.pages.iter().any(|(known, was)| known == year && Arc::ptr_eq(was, page.record()))
        };
        if Arc::ptr_eq(&self.loaded.head, self.head.record()) && self.pages.iter().all(is_as_before) {
            return None;
        }
        let pages = self.loaded.pages.iter().filter_map(|(year, record)| match &**record {
            Record::HouseholdPage(page) => Some((*year, page)),
            _ => None,
        });
        let facts = match &*self.loaded.head {
            Record::Household(head) => head.facts.as_slice(),
            _ => &[],
        };
        Some(Side { facts, pages: pages.collect() })
    }

    /// The same as it is now.
    pub(super) fn now(&self) -> Side<'_> {
        let pages = self.pages.iter().map(|(year, page)| (*year, page.get()));
        Side { facts: &self.head.get().facts, pages: pages.collect() }
    }

    /// What the indexes hold of it; answers that, if they have to follow, and takes what they will hold.
    pub(super) fn reindexed(&mut self) -> Option<Indexed> {
        let known = self.indexed.episodes.iter().filter_map(|record| match &**record {
            Record::Episode(episode) => Some(episode),
            _ => None,
        });
        let same_head = Arc::ptr_eq(&self.indexed.head, self.head.record());
        let same_episodes = known.eq(self.episodes.iter().map(|part| &part.now));
        if same_head && same_episodes && self.indexed.pending == self.pending {
            return None;
        }
        let episodes = if same_episodes {
            self.indexed.episodes.clone()
        } else {
            self.episodes.iter().map(|part| Arc::new(Record::Episode(part.now.clone()))).collect()
        };
        let now = Indexed { head: Arc::clone(self.head.record()), episodes, pending: self.pending.clone() };
        Some(std::mem::replace(&mut self.indexed, now))
    }

    pub(super) fn id(&self) -> &EntityId {
        &self.id
    }

    pub(super) fn entity(&self) -> &SmolStr {
        &self.id.0
    }

    /// The place of a subject, taking it in if need be; none if the message is of a sequence that was overtaken.
    pub(super) fn contributor(
        &mut self,
        subject: &SubjectId,
        seq: u64,
        confidence: Option<u8>,
    ) -> Option<u16> {
        let subjects = &self.head.get().subjects;
        match subjects.iter().position(|known| known.subject == *subject) {
            Some(at) => {
                let known = &subjects[at];
                if seq < known.seq {
                    return None;
                }
                if seq > known.seq || known.confidence != confidence {
                    let known = &mut self.head.edit().subjects[at];
                    (known.seq, known.confidence) = (seq, confidence);
                }
                u16::try_from(at).ok()
            }
            None if self.is_full() => None,
            None => {
                let contributor = Contributor { subject: subject.clone(), seq, confidence, awaiting: 0 };
                self.head.edit().subjects.push(contributor);
                u16::try_from(self.head.get().subjects.len() - 1).ok()
            }
        }
    }

    /// Whether a subject that is not known here finds no place.
    pub(super) fn is_full(&self) -> bool {
        self.head.get().subjects.len() >= SUBJECTS_OF_A_HOUSEHOLD
    }

    /// The known sequence of a subject.
    pub(super) fn seq(&self, subject: &SubjectId) -> Option<u64> {
        self.head.get().subjects.iter().find(|known| known.subject == *subject).map(|known| known.seq)
    }

    /// Whether chunks of a subject's history are still to come.
    pub(super) fn is_joining(&self) -> bool {
        self.head.get().subjects.iter().any(|known| known.awaiting > 0)
    }

    /// The stored event of an owner and key.
    pub(super) fn event(&self, owner: u16, key: &EventKey) -> Option<&Event> {
        let find = |(_, page): &(_, Part<HouseholdPage>)| {
            page.get().events.iter().position(|(o, event)| *o == owner && event.key == *key)
        };
        self.pages.iter().rev().find_map(|page| find(page).map(|at| &page.1.get().events[at].1))
    }

    /// Inserts an event, or replaces the one of the same owner and key.
    pub(super) fn put(&mut self, owner: u16, event: Event) {
        let year = year_of(event.day());
        self.remove(owner, &event.key);
        let at = self.pages.iter().position(|(known, _)| *known == year);
        let at = at.unwrap_or_else(|| self.add_page(year));
        let page = self.pages[at].1.edit();
        let order = |owner: u16, event: &Event| (event.time.start(), event.key.clone(), owner);
        let place = order(owner, &event);
        let kind = event.kind.clone();
        let index = page.events.partition_point(|(o, e)| order(*o, e) < place);
        page.events.insert(index, (owner, event));
        cap(page, &kind);
    }

    /// Takes an event away; answers it.
    pub(super) fn remove(&mut self, owner: u16, key: &EventKey) -> Option<Event> {
        for (_, page) in self.pages.iter_mut().rev() {
            let at = page.get().events.iter().position(|(o, event)| *o == owner && event.key == *key);
            if let Some(at) = at {
                return Some(page.edit().events.remove(at).1);
            }
        }
        None
    }

    /// Takes all that an owner contributed; answers the earliest day among it.
    pub(super) fn remove_all(&mut self, owner: u16) -> Option<Day> {
        let mut earliest: Option<Day> = None;
        for (_, page) in &mut self.pages {
            let days = page.get().events.iter().filter(|(o, _)| *o == owner).map(|(_, event)| event.day());
            if let Some(day) = days.min() {
                earliest = Some(earliest.map_or(day, |known| known.min(day)));
                page.edit().events.retain(|(o, _)| *o != owner);
            }
        }
        for (year, days) in &mut self.daily {
            if days.get().meters.iter().any(|meter| meter.owner == owner) {
                let first = daily::first_day(*year);
                earliest = Some(earliest.map_or(first, |known| known.min(first)));
                days.edit().meters.retain(|meter| meter.owner != owner);
            }
        }
        earliest
    }

    /// Notes a day's reading; answers whether it told anything new.
    pub(super) fn put_daily(&mut self, owner: u16, event: &Event) -> bool {
        let year = year_of(event.day());
        let at = self.daily.iter().position(|(known, _)| *known == year);
        let at = at.unwrap_or_else(|| {
            let key = Key::new(self.id.0.clone(), Sub::Daily(year));
            let at = self.daily.partition_point(|(known, _)| *known < year);
            self.daily.insert(at, (year, Part::load(key, None)));
            self.head.edit().daily_years = self.daily.iter().map(|(year, _)| *year).collect();
            at
        });
        daily::put(self.daily[at].1.edit(), year, owner, event)
    }

    /// Takes what is known of a day back; answers the kind and the day, none if nothing was known of it.
    pub(super) fn remove_daily<'k>(&mut self, owner: u16, key: &'k EventKey) -> Option<(&'k str, Day)> {
        let (kind, day) = key.day()?;
        let (year, days) = self.daily.iter_mut().find(|(year, _)| *year == year_of(day))?;
        let known = days.get().meters.iter().any(|meter| meter.owner == owner && meter.kind == kind);
        (known && daily::remove(days.edit(), *year, owner, key)).then_some((kind, day))
    }

    fn add_page(&mut self, year: i16) -> usize {
        let key = Key::new(self.id.0.clone(), Sub::Page(year));
        let at = self.pages.partition_point(|(known, _)| *known < year);
        self.pages.insert(at, (year, Part::load(key, None)));
        self.head.edit().years = self.pages.iter().map(|(year, _)| *year).collect();
        at
    }

    /// All events of days from `first` on, in order of time. While one of them goes from one subject of the household to
    /// another, both have it: it counts once, as the higher revision says.
    pub(super) fn events(&self, first: Day) -> Vec<&Event> {
        let pages = self.pages.iter().flat_map(|(_, page)| page.get().events.iter());
        let all = pages.map(|(_, event)| event).chain(&self.crowd.events);
        let mut events: Vec<&Event> = all.filter(|event| event.day() >= first).collect();
        if self.head.get().subjects.len() > 1 {
            let mut known: BTreeMap<&EventKey, &Event> = BTreeMap::new();
            for event in &events {
                let of_key = known.entry(&event.key).or_insert(event);
                if event.revision > of_key.revision {
                    *of_key = event;
                }
            }
            if known.len() < events.len() {
                events.retain(|event| known.get(&event.key).is_some_and(|kept| std::ptr::eq(*kept, *event)));
            }
        }
        events
    }

    /// Days of use, by (kind, source, owner) within a year.
    pub(super) fn daily(&self) -> impl Iterator<Item = (i16, &DailyUse)> {
        self.daily.iter().map(|(year, days)| (*year, days.get()))
    }

    /// The value of a fact on a day: of the latest version that holds by then and names it.
    pub(super) fn fact_on(&self, name: &str, day: Day) -> Option<&Value> {
        fact_on(&self.head.get().facts, name, day)
    }

    /// Drops versions of facts beyond the bound, oldest first.
    pub(super) fn cap_facts(&mut self) {
        if self.head.get().facts.len() > FACT_VERSIONS {
            self.head.edit().facts.remove(0);
        }
    }

    pub(super) fn episode_at(&self, id: &EpisodeId) -> Option<usize> {
        self.episodes.iter().position(|part| part.now.id(&self.id) == *id)
    }

    /// The newest episode of a rule.
    pub(super) fn newest(&self, rule: &str) -> Option<usize> {
        let of_rule = self.episodes.iter().enumerate().filter(|(_, part)| part.now.rule == rule);
        of_rule.max_by_key(|(_, part)| part.now.number).map(|(at, _)| at)
    }

    pub(super) fn add_episode(&mut self, episode: Episode) -> usize {
        let name = (episode.rule.clone(), episode.number);
        let key = Key::new(self.id.0.clone(), Sub::Episode(name.0.clone(), name.1));
        self.dropped.retain(|dropped| *dropped != key);
        let head = self.head.edit();
        let at = head.episodes.partition_point(|known| *known < name);
        head.episodes.insert(at, name);
        self.episodes.push(EpisodePart { before: None, now: episode, notes: Default::default() });
        self.episodes.len() - 1
    }

    /// Forgets the episodes of a rule of which no revision was emitted.
    pub(super) fn forget_untold(&mut self, rule: &str) {
        let is_untold = |part: &EpisodePart| part.now.rule == rule && part.now.is_untold();
        if !self.episodes.iter().any(is_untold) {
            return;
        }
        for part in self.episodes.iter().filter(|part| is_untold(part)) {
            let sub = Sub::Episode(part.now.rule.clone(), part.now.number);
            self.dropped.push(Key::new(self.id.0.clone(), sub));
        }
        self.episodes.retain(|part| !is_untold(part));
        let mut kept: Vec<_> = self.episodes.iter().map(|p| (p.now.rule.clone(), p.now.number)).collect();
        kept.sort_unstable();
        self.head.edit().episodes = kept;
    }

    /// Forgets pages and ended episodes that lie before a day.
    pub(super) fn trim(&mut self, first: Day, state: &dyn StateRead) {
        let year = year_of(first);
        if self.area.is_some() {
            let dropped = self.crowd(state).trim(year);
            self.dropped.extend(dropped);
        }
        let old = |known: &i16| *known < year;
        if !self.head.get().years.iter().chain(&self.head.get().daily_years).any(old)
            && !self.episodes.iter().any(|part| is_over(&part.now, first))
        {
            return;
        }
        for (year, page) in &self.pages {
            self.dropped.extend(old(year).then(|| page.key().clone()));
        }
        for (year, days) in &self.daily {
            self.dropped.extend(old(year).then(|| days.key().clone()));
        }
        self.pages.retain(|(year, _)| !old(year));
        self.daily.retain(|(year, _)| !old(year));
        // The newest episode of a rule stays: it numbers the next and says what was already told.
        let rules: Vec<_> =
            self.episodes.iter().map(|part| (part.now.rule.clone(), part.now.number)).collect();
        let is_newest =
            |e: &Episode| !rules.iter().any(|(rule, number)| *rule == e.rule && *number > e.number);
        for part in self.episodes.iter().filter(|part| is_over(&part.now, first) && !is_newest(&part.now)) {
            let sub = Sub::Episode(part.now.rule.clone(), part.now.number);
            self.dropped.push(Key::new(self.id.0.clone(), sub));
        }
        self.episodes.retain(|part| !is_over(&part.now, first) || is_newest(&part.now));
        let mut episodes: Vec<_> = self.episodes.iter().map(|p| (p.now.rule.clone(), p.now.number)).collect();
        episodes.sort_unstable();
        let head = self.head.edit();
        head.years.retain(|year| !old(year));
        head.daily_years.retain(|year| !old(year));
        head.episodes = episodes;
    }

    /// What this record wrote of the household.
    pub(super) fn delta(&self) -> Vec<(Key, Option<Arc<Record>>)> {
        let mut delta: Vec<_> = self.head.written().into_iter().collect();
        delta.extend(self.pages.iter().filter_map(|(_, page)| page.written()));
        delta.extend(self.daily.iter().filter_map(|(_, days)| days.written()));
        delta.extend(self.crowd.delta());
        if self.pending != self.loaded.pending {
            let stored = self.pending.as_ref().map(|pending| Arc::new(pending::stored(pending)));
            delta.push((pending::key(&self.id.0), stored));
        }
        for part in self.episodes.iter().filter(|part| part.before.as_ref() != Some(&part.now)) {
            let sub = Sub::Episode(part.now.rule.clone(), part.now.number);
            let record = Arc::new(Record::Episode(part.now.clone()));
            delta.push((Key::new(self.id.0.clone(), sub), Some(record)));
        }
        delta.extend(self.dropped.iter().map(|key| (key.clone(), None)));
        delta
    }
}

/// The value of a fact on a day: of the latest version that holds by then and names it.
pub(super) fn fact_on<'a>(versions: &'a [FactVersion], name: &str, day: Day) -> Option<&'a Value> {
    let versions = versions.iter().rev().filter(|version| version.from <= day);
    versions
        .flat_map(|v| v.fields.iter())
        .find(|(known, value)| known == name && !value.is_null())
        .map(|(_, v)| v)
}

fn is_over(episode: &Episode, first: Day) -> bool {
    !episode.status.is_live() && episode.ended_at.is_some_and(|at| at.day() < first)
}

/// The calendar year whose page holds a day; years beyond the page numbers share the last.
pub(super) fn year_of(day: Day) -> i16 {
    let year = day.date().year();
    i16::try_from(year).unwrap_or(if year < 0 { i16::MIN } else { i16::MAX })
}

/// Turns the oldest events of a kind into counts once there are too many.
fn cap(page: &mut HouseholdPage, kind: &SmolStr) {
    while page.events.iter().filter(|(_, event)| event.kind == *kind).count() > EVENTS_PER_KIND {
        let Some(at) = page.events.iter().position(|(_, event)| event.kind == *kind) else { return };
        let (_, oldest) = page.events.remove(at);
        let day = oldest.day();
        match page.beyond.iter_mut().find(|(known, d, _)| known == kind && *d == day) {
            Some((_, _, count)) => *count = count.saturating_add(1),
            None => page.beyond.push((kind.clone(), day, 1)),
        }
    }
}
