//! A record's end: what changed is told, fed back to other rules, indexed and written.

use super::conclude::{Told, conclude};
use super::decide::Review;
use super::emit::Emitter;
use super::household::Household;
use super::life::Change;
use super::records::{Episode, EpisodeStatus, HOUSE, RuleWait};
use super::role::Role;
use super::task::{HouseholdsTask, Step};
use super::touches;
use super::{ALERT_CLOSED, ALERT_OPENED};
use crate::engine::effect::{Blocked, Effects, Fact};
use crate::rules::plan::is_restricted;
use crate::types::{Event, EventKey, EventTime, Phase, SmolStr, StreamTime, Value};

impl HouseholdsTask {
    /// Tells, writes and indexes what the record changed.
    pub(super) fn finish(&mut self, mut step: Step<'_>) -> Result<Effects, Blocked> {
        for entity in step.work.opened() {
            self.at_work = Some(entity.clone());
            step.work.begins_to_tell(&entity);
            let mut household = self.open(&mut step, &entity);
            let reviews = step.reviews.remove(&entity).unwrap_or_default();
            self.tell(&mut step, &mut household, &reviews).map_err(Blocked::Unfit)?;
            if self.role == Role::Households {
                touches::tell(&mut step, &household, &*self.contract, &self.layout);
            }
            self.remember(&mut household);
            step.work.write(household.delta());
        }
        self.at_work = None;
        if step.clock_changed {
            for (key, record) in self.clock.written(&step.feeds) {
                step.work.put(key, record);
            }
        }
        // A search for passed sources that finds none rests until the next tick.
        self.index.passed(&self.clock);
        Ok(step.work.finish())
    }

    fn tell(&self, step: &mut Step<'_>, household: &mut Household, reviews: &[Review]) -> Result<(), String> {
        let pack = self.pack.as_deref();
        let emitter = Emitter {
            contract: &*self.contract,
            stage: self.role.stage(),
            layout: &self.layout,
            clock: &self.clock,
            cause: &step.cause,
            pack,
        };
        let mut said = Vec::new();
        for at in 0..household.episodes.len() {
            let rule = pack.and_then(|pack| pack.crisis_rule(&household.episodes[at].now.rule));
            let mut part = household.episodes[at].clone();
            for told in conclude(&mut part, rule, self.clock.through) {
                let Told { episode, notes, revision } = &told;
                step.work.outputs.push(emitter.alert(household, episode, notes, *revision)?);
                step.work.facts.push(Fact::Alert {
                    rule: episode.rule.clone(),
                    change: revision.change.as_str(),
                    level: episode.shown_level().as_str(),
                    caused_at_ms: step.cause.at_ms,
                });
                if revision.change == Change::Closed {
                    let outcome = episode.outcome.as_deref().unwrap_or_default();
                    step.work.facts.push(Fact::Closed {
                        rule: episode.rule.clone(),
                        version: episode.rule_version,
                        verdict: self.contract.verdict(outcome).as_str(),
                    });
                }
                if is_restricted(&episode.rule) {
                    continue;
                }
                said.extend(alert_event(episode, household, revision.change, self.clock.through));
            }
            household.episodes[at] = part;
        }
        for review in reviews {
            step.work.outputs.push(emitter.review(household, review)?);
            let rule = pack.map_or(SmolStr::default(), |pack| pack.crisis[review.rule].id.clone());
            step.work.facts.push(Fact::Review { rule });
        }
        for event in said {
            self.feed_back(household, event);
        }
        Ok(())
    }

    /// An alert is an event for other rules, save of a restricted one, of which they must not tell; they see it from the next record on.
    fn feed_back(&self, household: &mut Household, event: Event) {
        let Some(pack) = self.pack.as_deref() else { return };
        let today = self.clock.today();
        let touched = pack.rules_touched_by_kind(&event.kind).to_vec();
        household.put(HOUSE, event);
        for at in touched {
            let rule = &pack.crisis[at].id;
            let head = household.head.edit();
            match head.waits.iter_mut().find(|wait| wait.rule == *rule) {
                Some(wait) => wait.day = Some(today),
                None => {
                    let wait = RuleWait { rule: rule.clone(), day: Some(today), sources: Vec::new() };
                    let place = head.waits.partition_point(|known| known.rule < *rule);
                    head.waits.insert(place, wait);
                }
            }
        }
    }
}

/// What an opening or a close is for other rules.
fn alert_event(episode: &Episode, household: &Household, change: Change, now: StreamTime) -> Option<Event> {
    let kind = match change {
        Change::Opened | Change::Reopened => ALERT_OPENED,
        Change::Closed => ALERT_CLOSED,
        _ => return None,
    };
    let mut fields = vec![(SmolStr::new_static("rule"), Value::Text(episode.rule.clone()))];
    if let Some(outcome) = episode.outcome.as_ref().filter(|_| episode.status == EpisodeStatus::Closed) {
        fields.push((SmolStr::new_static("outcome"), Value::Text(outcome.clone())));
    }
    Some(Event {
        key: EventKey {
            source: SmolStr::new_static("ieum"),
            key: SmolStr::new(format!("{}/{}", episode.id(household.id()), episode.revision)),
        },
        revision: 1,
        kind: SmolStr::new_static(kind),
        time: EventTime::Instant(now.0),
        phase: Phase::Open,
        accepted: now,
        first: None,
        late: false,
        fields,
    })
}
