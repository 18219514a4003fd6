//! Work too large for one record: a pack switch, the households of an area, a year's trimming. Each handled record
//! advances it by a constant number of households.

use super::decide::Trigger;
use super::household::Household;
use super::life::Because;
use super::task::{HouseholdsTask, Step};
use crate::engine::effect::Fact;
use crate::engine::job::{Job, UNITS_PER_RECORD};
use crate::engine::message::{decode, encode};
use crate::engine::state::{Key, Record, Sub};
use crate::types::{AreaScope, EventKey, PackHash, SmolStr};
use serde::{Deserialize, Serialize};

const SWEEP: &str = "sweep";
const TRIM: &str = "trim";
const AREA: &str = "area";

/// Where a walk through the households of some areas stands.
#[derive(Debug, Serialize, Deserialize)]
struct AreaCursor {
    scopes: Vec<AreaScope>,
    after: Option<SmolStr>,
}

impl HouseholdsTask {
    /// Every household is to be decided under a pack.
    pub(super) fn begin_sweep(&mut self, step: &mut Step<'_>, pack: PackHash) {
        self.set_job(step, SWEEP, Some(Job::Sweep { pack, cursor: None }));
    }

    /// What lies before the kept history is to be forgotten, once a year.
    pub(super) fn begin_trim(&mut self, step: &mut Step<'_>) {
        if !self.jobs.contains_key(TRIM) {
            let kind = SmolStr::new_static(TRIM);
            self.set_job(step, TRIM, Some(Job::Other { kind, cursor: Vec::new() }));
        }
    }

    /// Households of these areas are to be decided again.
    pub(super) fn begin_area(&mut self, step: &mut Step<'_>, event: &EventKey, scopes: Vec<AreaScope>) {
        if !scopes.is_empty() {
            let cursor = encode(&AreaCursor { scopes, after: None });
            let kind = SmolStr::new_static(AREA);
            self.set_job(step, &format!("{AREA}/{event}"), Some(Job::Other { kind, cursor }));
        }
    }

    pub(super) fn set_job(&mut self, step: &mut Step<'_>, name: &str, job: Option<Job>) {
        let key = Key::new("", Sub::Job(SmolStr::new(name)));
        match job {
            Some(job) => {
                step.work.put(key, Record::Job(job.clone()));
                self.jobs.insert(SmolStr::new(name), job);
            }
            None => {
                step.work.delete(key);
                self.jobs.remove(name);
            }
        }
    }

    /// Advances jobs by a constant number of units.
    pub(super) fn run_jobs(&mut self, step: &mut Step<'_>) {
        for _ in 0..self.index.parked.units_left(step.offset, UNITS_PER_RECORD) {
            let Some((name, job)) = self.jobs.first_key_value() else { return };
            let (name, job) = (name.clone(), job.clone());
            let next = match job {
                Job::Sweep { pack, cursor } => self.next_entity(step, cursor.as_ref()).map(|entity| {
                    self.sweep(step, &entity);
                    Job::Sweep { pack, cursor: Some(entity) }
                }),
                Job::Other { kind, cursor } if kind == TRIM => {
                    let after = decode::<SmolStr>(&cursor).ok();
                    self.next_entity(step, after.as_ref()).map(|entity| {
                        self.trim(step, &entity);
                        Job::Other { kind, cursor: encode(&entity) }
                    })
                }
                Job::Other { kind, cursor } => decode::<AreaCursor>(&cursor).ok().and_then(|cursor| {
                    let cursor = self.next_in_area(step, cursor)?;
                    Some(Job::Other { kind, cursor: encode(&cursor) })
                }),
            };
            if next.is_none() {
                step.work.facts.push(Fact::Job { kind: job_kind(&name), left: 0 });
            }
            self.set_job(step, &name, next);
        }
    }

    /// The next entity that has a head.
    fn next_entity(&self, step: &Step<'_>, after: Option<&SmolStr>) -> Option<SmolStr> {
        // Behind all parts of the last entity; at the start, behind the task's own records.
        let behind = Sub::Crowd(SmolStr::new_static("\u{10ffff}"), 0, 0);
        let last = Key::new(after.cloned().unwrap_or_default(), behind);
        step.work.state().scan(Some(&last), 1).into_iter().next().map(|(key, _)| key.entity)
    }

    fn trim(&mut self, step: &mut Step<'_>, entity: &SmolStr) {
        self.unit(step, entity, |task, step, household| {
            household.trim(task.first_day(), step.work.state());
        });
    }

    fn sweep(&mut self, step: &mut Step<'_>, entity: &SmolStr) {
        self.unit(step, entity, |task, step, household| match household.head.get().decided {
            decided if decided == task.clock.pack => {}
            Some(_) => task.decide_today(step, household, None, Because::Pack),
            // What came before the first pack has been waiting for it.
            None => task.decide_anew(step, household),
        });
    }

    /// All rules for all days that are still news, as of a household that nobody has looked at yet.
    pub(super) fn decide_anew(&self, step: &mut Step<'_>, household: &mut Household) {
        let (because, from) = (Because::Pack, self.first_day());
        self.decide(step, household, &Trigger { because, rules: None, from, about_the_past: false });
    }

    /// A job's step at one household; one that is parked is passed over.
    fn unit(
        &mut self,
        step: &mut Step<'_>,
        entity: &SmolStr,
        work: impl FnOnce(&Self, &mut Step<'_>, &mut Household),
    ) {
        if self.index.parked.contains(entity) {
            return;
        }
        self.at_work = Some(entity.clone());
        let mut household = self.open(step, entity);
        work(self, step, &mut household);
        self.close(step, household);
        self.at_work = None;
    }

    fn next_in_area(&mut self, step: &mut Step<'_>, mut cursor: AreaCursor) -> Option<AreaCursor> {
        let scope = cursor.scopes.first()?;
        match self.index.in_area(&scope.fact, &scope.value, cursor.after.as_ref()) {
            Some(entity) => {
                self.unit(step, &entity, |task, step, household| {
                    task.decide_today(step, household, None, Because::Area);
                });
                cursor.after = Some(entity);
            }
            None => {
                cursor.scopes.remove(0);
                cursor.after = None;
            }
        }
        (!cursor.scopes.is_empty()).then_some(cursor)
    }
}

fn job_kind(name: &str) -> &'static str {
    match name {
        SWEEP => SWEEP,
        TRIM => TRIM,
        _ => AREA,
    }
}
