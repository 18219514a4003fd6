//! Takes a message into a household: what it changes in what is stored, and what is to be decided again for it.

use super::decide::Trigger;
use super::household::Household;
use super::life::Because;
use super::records::HOUSE;
use super::{Contract, casework};
use crate::engine::effect::Fact;
use crate::rules::plan::{CrisisRule, Pack};
use crate::types::{
    Action, Day, Event, EventKey, FactVersion, FactsRecord, Phase, SmolStr, StreamTime, SubjectId,
};

/// What taking a message in needs to know beside the household.
pub(super) struct Intake<'a> {
    pub(super) contract: &'a dyn Contract,
    pub(super) pack: Option<&'a Pack>,
    pub(super) now: StreamTime,
    /// The first day whose history is kept.
    pub(super) first: Day,
    pub(super) facts: &'a mut Vec<Fact>,
    /// The household has no place for one more subject.
    pub(super) refused: bool,
}

impl Intake<'_> {
    /// An event of a subject.
    pub(super) fn put(
        &mut self,
        household: &mut Household,
        subject: &SubjectId,
        seq: u64,
        confidence: Option<u8>,
        event: &Event,
    ) -> Option<Trigger> {
        let owner = self.owner(household, subject, seq, confidence)?;
        let (day, before) = self.store(household, owner, event)?;
        let kinds = [Some(event.kind.as_str()), before.as_deref()];
        self.touched(kinds.into_iter().flatten(), day, Because::Event)
    }

    /// The place of a subject that contributes here; none if the message was overtaken, or there is no place.
    fn owner(
        &mut self,
        household: &mut Household,
        subject: &SubjectId,
        seq: u64,
        confidence: Option<u8>,
    ) -> Option<u16> {
        self.refused = household.is_full() && household.seq(subject).is_none();
        household.contributor(subject, seq, confidence)
    }

    /// Stores an event; answers the first day that it changes and the kind that it had before, none if it told nothing new.
    fn store(
        &mut self,
        household: &mut Household,
        owner: u16,
        event: &Event,
    ) -> Option<(Day, Option<SmolStr>)> {
        let day = event.day();
        if day < self.first {
            self.facts.push(Fact::Late { topic: SmolStr::new_static(crate::engine::layout::HOUSEHOLDS_LOG) });
            return None;
        }
        if self.contract.is_daily(&event.kind) {
            return household.put_daily(owner, event).then_some((day, None));
        }
        let known = household.event(owner, &event.key);
        if known.is_some_and(|known| known == event || known.revision > event.revision) {
            self.duplicate();
            return None;
        }
        let day = known.map_or(day, |known| known.day().min(day));
        let before = known.map(|known| known.kind.clone()).filter(|kind| *kind != event.kind);
        household.put(owner, event.clone());
        Some((day, before))
    }

    /// An event that never happened, or moved elsewhere.
    pub(super) fn remove(
        &mut self,
        household: &mut Household,
        subject: &SubjectId,
        seq: u64,
        key: &EventKey,
    ) -> Option<Trigger> {
        household.seq(subject).filter(|known| seq >= *known)?;
        let confidence = household.head.get().subjects.iter().find(|s| s.subject == *subject)?.confidence;
        let owner = household.contributor(subject, seq, confidence)?;
        if let Some(event) = household.remove(owner, key) {
            return self.touched([event.kind.as_str()], event.day(), Because::Event);
        }
        let (kind, day) = household.remove_daily(owner, key)?;
        self.touched([kind], day, Because::Event)
    }

    /// A chunk of a subject's whole history here: the first empties what was known.
    pub(super) fn joined(
        &mut self,
        household: &mut Household,
        (subject, seq, confidence): (&SubjectId, u64, Option<u8>),
        (part, parts): (u16, u16),
        events: &[Event],
    ) -> Option<Trigger> {
        let known = household.seq(subject);
        self.refused = known.is_none() && household.is_full();
        if part > 0 && known != Some(seq) {
            return None;
        }
        let owner = self.owner(household, subject, seq, confidence)?;
        if part == 0 {
            household.remove_all(owner);
        }
        for event in events {
            self.store(household, owner, event);
        }
        let left = parts.saturating_sub(part.saturating_add(1));
        let contributor = &household.head.get().subjects[usize::from(owner)];
        if contributor.awaiting != left {
            household.head.edit().subjects[usize::from(owner)].awaiting = left;
        }
        (left == 0).then_some(Trigger {
            because: Because::Link,
            rules: None,
            from: self.first,
            about_the_past: true,
        })
    }

    /// A subject belongs here no longer.
    pub(super) fn left(
        &mut self,
        household: &mut Household,
        subject: &SubjectId,
        seq: u64,
    ) -> Option<Trigger> {
        household.seq(subject).filter(|known| seq >= *known)?;
        let owner = household.contributor(subject, seq, None)?;
        if household.head.get().subjects[usize::from(owner)].awaiting != 0 {
            household.head.edit().subjects[usize::from(owner)].awaiting = 0;
        }
        household.remove_all(owner);
        Some(Trigger { because: Because::Link, rules: None, from: self.first, about_the_past: true })
    }

    /// Facts from the household registry: a version per key, the highest revision of it. One that was taken back stays, empty,
    /// so that what it replaced or a copy of it does not come again.
    pub(super) fn facts(&mut self, household: &mut Household, record: &FactsRecord) -> Option<Trigger> {
        let versions = &household.head.get().facts;
        let known = versions.iter().position(|version| version.key == record.version.key);
        // A removal has no revision of its own: it takes back what is known, and a higher revision may bring it back.
        let version = match (known.map(|at| &versions[at]), record.removed) {
            (Some(known), true) if known.fields.is_empty() => None,
            (Some(known), true) => Some(FactVersion { fields: Vec::new(), ..known.clone() }),
            (None, true) => None,
            (Some(known), false) if record.version.revision <= known.revision => None,
            (_, false) => Some(record.version.clone()),
        };
        let Some(version) = version else {
            self.duplicate();
            return None;
        };
        let from = known.map_or(version.from, |at| versions[at].from.min(version.from));
        if let Some(at) = known {
            household.head.edit().facts.remove(at);
        }
        let place = |version: &FactVersion| (version.from, version.key.clone());
        let at = household.head.get().facts.partition_point(|known| place(known) < place(&version));
        household.head.edit().facts.insert(at, version);
        household.cap_facts();
        Some(Trigger { because: Because::Fact, rules: None, from, about_the_past: true })
    }

    /// A caseworker's action: on its episode, and as an event for rules. Done once, however often it is sent.
    pub(super) fn action(&mut self, household: &mut Household, action: &Action) -> Option<Trigger> {
        if household.event(HOUSE, &action.key).is_some() {
            self.duplicate();
            return None;
        }
        let event = Event {
            key: action.key.clone(),
            revision: 1,
            kind: action.event.clone(),
            time: action.at,
            phase: Phase::Open,
            accepted: self.now,
            first: None,
            late: false,
            fields: action.fields.clone(),
        };
        household.put(HOUSE, event);
        let mut trigger = self.touched([action.event.as_str()], action.at.day(), Because::Action)?;
        if let Some(at) = household.episode_at(&action.episode) {
            casework::act(&mut household.episodes[at], action, self.now);
            // Handed back, it may be for a suppression to hold again.
            let own = |rule: &CrisisRule| rule.id == household.episodes[at].now.rule;
            let own = self.pack.and_then(|pack| pack.crisis.iter().position(own));
            let rules = trigger.rules.get_or_insert_default();
            rules.extend(own.filter(|own| !rules.contains(own)));
            rules.sort_unstable();
        }
        Some(trigger)
    }

    /// What events of these kinds touch.
    fn touched<'k>(
        &self,
        kinds: impl IntoIterator<Item = &'k str>,
        from: Day,
        because: Because,
    ) -> Option<Trigger> {
        let pack = self.pack?;
        let mut rules: Vec<usize> =
            kinds.into_iter().flat_map(|kind| pack.rules_touched_by_kind(kind).iter().copied()).collect();
        rules.sort_unstable();
        rules.dedup();
        Some(Trigger { because, rules: Some(rules), from, about_the_past: true })
    }

    fn duplicate(&mut self) {
        let topic = SmolStr::new_static(crate::engine::layout::HOUSEHOLDS_LOG);
        self.facts.push(Fact::Duplicate { topic });
    }
}
