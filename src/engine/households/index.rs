//! What is due when, and who lies in which area: derived from stored heads and episodes, never logged.

use super::decide::RegionSources;
use super::records::{Episode, EpisodeStatus, HouseholdHead, Pending};
use crate::engine::clock::TaskClock;
use crate::engine::lane::ParkedEntities;
use crate::engine::revert::RevertSet;
use crate::types::{SmolStr, StreamTime, Value};
use std::ops::Bound;

/// What falls due. The order is that in which timers of one entity run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// What an area was told since it was last decided.
    Pending,
    /// Rules whose value may differ from that day on.
    Decide,
    /// An episode's first tick behind its opening.
    Start(SmolStr, u32),
    /// An escalation step.
    Step(SmolStr, u32),
    /// A suppression's end.
    Resume(SmolStr, u32),
    /// Evidence that changed alone.
    Amend(SmolStr, u32),
}

impl Timer {
    /// Fires under ticks that are not complete, too.
    fn is_escalation(&self) -> bool {
        matches!(self, Self::Pending | Self::Start(..) | Self::Step(..))
    }
}

type Due = (StreamTime, SmolStr, Timer);
/// Source, region, point, entity.
type SourceWait = (SmolStr, Option<SmolStr>, StreamTime, SmolStr);

/// The derived indexes of a task. Who is parked is in none of them.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) parked: ParkedEntities,
    escalations: RevertSet<Due>,
    others: RevertSet<Due>,
    sources: RevertSet<SourceWait>,
    areas: RevertSet<(SmolStr, SmolStr, SmolStr)>,
    /// A tick came since `sources` was last found without a due entry.
    ripe: bool,
}

impl Index {
    /// A record begins: from here on [`Self::revert`] leads back.
    pub(super) fn begin(&mut self) {
        self.escalations.begin();
        self.others.begin();
        self.sources.begin();
        self.areas.begin();
    }

    /// What the record changed is taken back.
    pub(super) fn revert(&mut self) {
        self.escalations.revert();
        self.others.revert();
        self.sources.revert();
        self.areas.revert();
        self.ripen();
    }

    /// Takes out all that there is of an entity, whatever it was: for one that was parked, at a cost of the whole index.
    pub(super) fn forget(&mut self, entity: &SmolStr) {
        self.escalations.retain(|due| due.1 != *entity);
        self.others.retain(|due| due.1 != *entity);
        self.sources.retain(|wait| wait.3 != *entity);
        self.areas.retain(|area| area.2 != *entity);
    }

    /// A head became another: what both say of due days, sources and areas stays where it is.
    pub(super) fn move_head(&mut self, entity: &SmolStr, old: &HouseholdHead, new: &HouseholdHead) {
        if decide_due(entity, old) == decide_due(entity, new)
            && old.region == new.region
            && waited_sources(old).eq(waited_sources(new))
            && is_at_stake(old) == is_at_stake(new)
            && old.facts == new.facts
        {
            return;
        }
        self.remove_head(entity, old);
        self.add_head(entity, new);
        // Waits stand under another region now, whose sources may have passed: found at the next record, as by a task that
        // is built anew.
        if old.region != new.region {
            self.ripen();
        }
    }

    pub(super) fn add_head(&mut self, entity: &SmolStr, head: &HouseholdHead) {
        if self.parked.contains(entity) {
            return;
        }
        decide_due(entity, head).into_iter().for_each(|due| self.others.insert(due));
        source_waits(entity, head).for_each(|wait| self.sources.insert(wait));
        areas(entity, head).for_each(|area| self.areas.insert(area));
    }

    pub(super) fn remove_head(&mut self, entity: &SmolStr, head: &HouseholdHead) {
        decide_due(entity, head).iter().for_each(|due| self.others.remove(due));
        source_waits(entity, head).for_each(|wait| self.sources.remove(&wait));
        areas(entity, head).for_each(|area| self.areas.remove(&area));
    }

    pub(super) fn add_episode(&mut self, entity: &SmolStr, episode: &Episode) {
        if self.parked.contains(entity) {
            return;
        }
        for due in episode_due(entity, episode) {
            let set = if due.2.is_escalation() { &mut self.escalations } else { &mut self.others };
            set.insert(due);
        }
    }

    pub(super) fn remove_episode(&mut self, entity: &SmolStr, episode: &Episode) {
        for due in episode_due(entity, episode) {
            let set = if due.2.is_escalation() { &mut self.escalations } else { &mut self.others };
            set.remove(&due);
        }
    }

    /// What an area was told, for the tick behind it.
    pub(super) fn add_pending(&mut self, entity: &SmolStr, pending: &Pending) {
        if !self.parked.contains(entity) {
            self.escalations.insert(pending_due(entity, pending));
        }
    }

    pub(super) fn remove_pending(&mut self, entity: &SmolStr, pending: &Pending) {
        self.escalations.remove(&pending_due(entity, pending));
    }

    /// The timer to run next at this time, if one is due.
    pub(super) fn due(&self, clock: &TaskClock) -> Option<(SmolStr, Timer)> {
        let is_due = |due: &&Due| due.0 <= clock.through;
        let step = self.escalations.first().filter(is_due);
        let other = self.others.first().filter(is_due).filter(|_| clock.complete);
        let next = match (step, other) {
            (Some(step), Some(other)) => step.min(other),
            (step, other) => step.or(other)?,
        };
        Some((next.1.clone(), next.2.clone()))
    }

    /// Completeness may have moved.
    pub(super) fn ripen(&mut self) {
        self.ripe = true;
    }

    /// An entity whose sources have passed the point it waits for. Finding none rests the search until the next tick.
    pub(super) fn passed(&mut self, clock: &TaskClock) -> Option<SmolStr> {
        let found = self.first_passed(clock);
        self.ripe &= found.is_some() || !clock.complete;
        found
    }

    /// Whether there is one.
    pub(super) fn has_passed(&self, clock: &TaskClock) -> bool {
        self.first_passed(clock).is_some()
    }

    fn first_passed(&self, clock: &TaskClock) -> Option<SmolStr> {
        if !self.ripe || !clock.complete {
            return None;
        }
        let mut from: Bound<SourceWait> = Bound::Unbounded;
        while let Some((source, region, point, entity)) = self.sources.range((from, Bound::Unbounded)).next()
        {
            let known = RegionSources::new(clock, region.clone());
            if known.has_passed(source, *point) {
                return Some(entity.clone());
            }
            // The least point of this feed has not passed, so none has: on to the next feed.
            let last = (source.clone(), region.clone(), StreamTime(i64::MAX), SmolStr::new("\u{10ffff}"));
            from = Bound::Excluded(last);
        }
        None
    }

    /// The next entity with something at stake in an area.
    pub(super) fn in_area(
        &self,
        fact: &SmolStr,
        value: &SmolStr,
        after: Option<&SmolStr>,
    ) -> Option<SmolStr> {
        let from = (fact.clone(), value.clone(), after.cloned().unwrap_or_default());
        let bound = if after.is_some() { Bound::Excluded(from) } else { Bound::Included(from) };
        let next = self.areas.range((bound, Bound::Unbounded)).next()?;
        (next.0 == *fact && next.1 == *value).then(|| next.2.clone())
    }
}

fn pending_due(entity: &SmolStr, pending: &Pending) -> Due {
    (pending.since.plus_ms(1), entity.clone(), Timer::Pending)
}

fn decide_due(entity: &SmolStr, head: &HouseholdHead) -> Option<Due> {
    let day = head.waits.iter().filter_map(|wait| wait.day).min()?;
    Some((day.start(), entity.clone(), Timer::Decide))
}

fn source_waits<'a>(entity: &'a SmolStr, head: &'a HouseholdHead) -> impl Iterator<Item = SourceWait> + 'a {
    waited_sources(head).map(|(source, point)| (source.clone(), head.region.clone(), *point, entity.clone()))
}

fn waited_sources(head: &HouseholdHead) -> impl Iterator<Item = &(SmolStr, StreamTime)> {
    head.waits.iter().flat_map(|wait| wait.sources.iter())
}

fn is_at_stake(head: &HouseholdHead) -> bool {
    !head.waits.is_empty() || !head.episodes.is_empty()
}

/// Only who waits for something or has an episode can be touched by an area: the others stay out of the index. Every text
/// fact is a place for it, whatever the day from which it holds.
fn areas<'a>(
    entity: &'a SmolStr,
    head: &'a HouseholdHead,
) -> impl Iterator<Item = (SmolStr, SmolStr, SmolStr)> + 'a {
    let is_at_stake = is_at_stake(head);
    let fields = head.facts.iter().filter(move |_| is_at_stake).flat_map(|version| version.fields.iter());
    fields.filter_map(|(name, value)| match value {
        Value::Text(text) => Some((name.clone(), text.clone(), entity.clone())),
        _ => None,
    })
}

fn episode_due(entity: &SmolStr, episode: &Episode) -> Vec<Due> {
    let mut due = Vec::new();
    if !episode.status.is_live() {
        return due;
    }
    let name = || (episode.rule.clone(), episode.number);
    let mut add = |at: StreamTime, timer: fn(SmolStr, u32) -> Timer| {
        let (rule, number) = name();
        due.push((at, entity.clone(), timer(rule, number)));
    };
    match episode.clock.as_ref().map(|clock| (clock, clock.from, clock.paused_at)) {
        // Behind the moment from which it could be seen; a clock of before that was kept says only when it opened.
        Some((_, None, seen)) if episode.status != EpisodeStatus::Suppressed => {
            add(seen.unwrap_or(episode.opened_at).plus_ms(1), Timer::Start);
        }
        Some((clock, Some(from), None)) => {
            if let Some(ms) = clock.steps.iter().filter_map(|step| step.due_ms).min() {
                add(from.plus_ms(ms), Timer::Step);
            }
        }
        Some(_) | None => {}
    }
    if let Some(hold) = &episode.held {
        add(hold.until, Timer::Resume);
    }
    if let Some(at) = episode.amend_at {
        add(at, Timer::Amend);
    }
    due
}
