//! What an area was told and is to be decided for: once at the next tick, whatever came until then, so that an area of many
//! households costs as much as its touches, not as their square.

use super::decide::Trigger;
use super::household::Household;
use super::life::Because;
use super::records::Pending;
use super::role::Touched;
use super::task::{HouseholdsTask, Step};
use crate::engine::effect::Fact;
use crate::engine::job::Job;
use crate::engine::message::{TouchedDay, decode, encode};
use crate::engine::state::{Key, Record, Sub};
use crate::types::{Day, EventKey, FactVersion, SmolStr, StreamTime, Value};
use std::collections::BTreeMap;

/// Under which name an area's [`Pending`] lies.
const PENDING: &str = "pending";

/// What is stored of a pending decision.
pub(super) fn read(record: &Record) -> Option<Pending> {
    match record {
        Record::Job(Job::Other { kind, cursor }) if kind == PENDING => decode(cursor).ok(),
        _ => None,
    }
}

/// Where it lies.
pub(super) fn key(entity: &SmolStr) -> Key {
    Key::new(entity.clone(), Sub::Job(SmolStr::new_static(PENDING)))
}

/// How it lies there.
pub(super) fn stored(pending: &Pending) -> Record {
    Record::Job(Job::Other { kind: SmolStr::new_static(PENDING), cursor: encode(pending) })
}

impl HouseholdsTask {
    /// What a household told its area.
    pub(super) fn take_touched(&mut self, step: &mut Step<'_>, touched: &Touched) {
        let (key, first) = (step.key.clone(), self.first_day());
        let mut area = self.open(step, &key);
        area.trim(first, step.work.state());
        area.learn_place(&touched.place);
        let mut changed: Vec<&TouchedDay> = Vec::new();
        for day in touched.days.iter().filter(|day| day.day >= first) {
            if area.crowd(step.work.state()).take(&touched.household, day) {
                changed.push(day);
            }
        }
        if changed.is_empty() {
            step.work.facts.push(Fact::Duplicate { topic: SmolStr::new_static(self.role.log()) });
        } else {
            area.expect(&changed, self.clock.through);
        }
        self.close(step, area);
    }

    /// Decides an area for all that its households told since its last decision.
    pub(super) fn decide_pending(&self, step: &mut Step<'_>, household: &mut Household) {
        let (Some(pending), Some(pack)) = (household.pending.take(), self.pack.as_deref()) else { return };
        let kinds = pending.kinds.iter();
        let mut rules: Vec<usize> =
            kinds.flat_map(|kind| pack.rules_touched_by_kind(kind).iter().copied()).collect();
        rules.sort_unstable();
        rules.dedup();
        let trigger =
            Trigger { because: Because::Event, rules: Some(rules), from: pending.from, about_the_past: true };
        self.decide(step, household, &trigger);
    }
}

impl Household {
    /// Learns what all households of the area have alike. Where they disagree the least value stands, whoever came first.
    pub(super) fn learn_place(&mut self, place: &[(SmolStr, SmolStr)]) {
        let known = self.head.get().facts.first().map(|version| version.fields.clone()).unwrap_or_default();
        let mut fields: BTreeMap<SmolStr, SmolStr> =
            known.into_iter().filter_map(|(name, value)| Some((name, value.as_text()?.clone()))).collect();
        let before = fields.clone();
        for (name, value) in place {
            let own = fields.entry(name.clone()).or_insert_with(|| value.clone());
            if value < own {
                own.clone_from(value);
            }
        }
        if fields != before {
            let (source, key) = (SmolStr::new_static("ieum"), SmolStr::new_static("area"));
            self.head.edit().facts = vec![FactVersion {
                key: EventKey { source, key },
                revision: 1,
                from: Day(0),
                subject: None,
                fields: fields.into_iter().map(|(name, value)| (name, Value::Text(value))).collect(),
            }];
        }
    }

    /// Days changed: they are decided at the next tick.
    pub(super) fn expect(&mut self, changed: &[&TouchedDay], now: StreamTime) {
        let Some(first) = changed.iter().map(|day| day.day).min() else { return };
        let known = self.pending.take().unwrap_or(Pending { from: first, kinds: Vec::new(), since: now });
        let mut kinds = known.kinds;
        kinds.extend(changed.iter().map(|day| day.kind.clone()));
        kinds.sort_unstable();
        kinds.dedup();
        self.pending = Some(Pending { from: known.from.min(first), kinds, since: known.since });
    }
}
