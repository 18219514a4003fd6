//! What falls due: decisions by time, escalation steps, ends of suppressions, amendments put off.

use super::decide::{Context, RegionSources, Trigger};
use super::escalation;
use super::household::Household;
use super::index::Timer;
use super::life::{self, Because};
use super::part::EpisodePart;
use super::records::RuleWait;
use super::task::{HouseholdsTask, Step};
use crate::engine::job::TIMERS_PER_RECORD;
use crate::rules::eval::Truth;
use crate::rules::plan::NodeId;
use crate::types::{Day, SmolStr, StreamTime};

impl HouseholdsTask {
    /// Runs what is due, at most so much for one record.
    pub(super) fn run_timers(&mut self, step: &mut Step<'_>) {
        for _ in 0..self.index.parked.units_left(step.offset, TIMERS_PER_RECORD) {
            if let Some((entity, timer)) = self.index.due(&self.clock) {
                self.run_timer(step, &entity, &timer);
            } else if let Some(entity) = self.index.passed(&self.clock) {
                self.run_timer(step, &entity, &Timer::Decide);
            } else {
                break;
            }
        }
    }

    fn run_timer(&mut self, step: &mut Step<'_>, entity: &SmolStr, timer: &Timer) {
        self.at_work = Some(entity.clone());
        let mut household = self.open(step, entity);
        let now = self.clock.through;
        match timer {
            Timer::Pending => self.decide_pending(step, &mut household),
            Timer::Decide => self.run_waits(step, &mut household),
            Timer::Start(rule, number) => {
                with_episode(&mut household, rule, *number, |part| escalation::start(part, now));
            }
            Timer::Step(rule, number) => self.escalate(&mut household, rule, *number),
            Timer::Resume(rule, number) => {
                self.decide_today(step, &mut household, None, Because::Area);
                with_episode(&mut household, rule, *number, |part| {
                    // A rule that the pack no longer has is not decided: the hold ends all the same.
                    if part.now.held.as_ref().is_some_and(|hold| hold.until <= now) {
                        life::suppress(&mut part.now, None, None, now);
                    }
                });
            }
            Timer::Amend(rule, number) => with_episode(&mut household, rule, *number, |part| {
                part.now.amend_at = None;
                part.notes.amend = true;
                part.notes.because = part.notes.because.or(Some(Because::Tick));
            }),
        }
        self.close(step, household);
        self.at_work = None;
    }

    /// Decides the rules whose day or sources have come.
    fn run_waits(&self, step: &mut Step<'_>, household: &mut Household) {
        let Some(pack) = self.pack.as_deref() else {
            household.head.edit().waits.clear();
            return;
        };
        let head = household.head.get();
        let sources = RegionSources::new(&self.clock, head.region.clone());
        let today = self.clock.today();
        // What came due earlier, while ticks were incomplete or a source was late, is decided for the days since.
        let due_on = |wait: &RuleWait| {
            let passed = wait.sources.iter().filter(|(source, point)| sources.has_passed(source, *point));
            let days = passed.map(|(_, at)| if *at == StreamTime::ZERO { today } else { at.day() });
            days.chain(wait.day).filter(|day| *day <= today).min()
        };
        let due: Vec<(SmolStr, Day)> =
            head.waits.iter().filter_map(|wait| Some((wait.rule.clone(), due_on(wait)?))).collect();
        // What was told of the past while a source was late could not be decided: it is now, from the beginning.
        let about_the_past = head
            .waits
            .iter()
            .flat_map(|wait| &wait.sources)
            .any(|(source, point)| *point == StreamTime::ZERO && sources.has_passed(source, *point));
        let is_due = |rule: &SmolStr| due.iter().any(|(known, _)| known == rule);
        let rules = (0..pack.crisis.len()).filter(|at| is_due(&pack.crisis[*at].id)).collect();
        let from = due.iter().map(|(_, day)| *day).min().unwrap_or(today);
        household.head.edit().waits.retain(|wait| !is_due(&wait.rule));
        let trigger = Trigger { because: Because::Tick, rules: Some(rules), from, about_the_past };
        self.decide(step, household, &trigger);
    }

    fn escalate(&self, household: &mut Household, rule: &str, number: u32) {
        let Some(at) = household.episodes.iter().position(|p| p.now.rule == rule && p.now.number == number)
        else {
            return;
        };
        let now = self.clock.through;
        let mut part = household.episodes[at].clone();
        let Some((pack, rule)) = self.pack.as_deref().and_then(|pack| Some((pack, pack.crisis_rule(rule)?)))
        else {
            part.now.clock = None;
            household.episodes[at] = part;
            return;
        };
        let context = Context { pack, clock: &self.clock, areas: &self.areas, config: &self.config };
        let since = part.now.opened_at;
        let mut unless =
            |node: NodeId| -> Truth { super::decide::holds_since(&context, household, rule, node, since) };
        escalation::fire(&mut part, Some(rule), now, &mut unless);
        household.episodes[at] = part;
    }
}

fn with_episode(household: &mut Household, rule: &str, number: u32, change: impl FnOnce(&mut EpisodePart)) {
    let found = household.episodes.iter_mut().find(|part| part.now.rule == rule && part.now.number == number);
    if let Some(part) = found {
        change(part);
    }
}
