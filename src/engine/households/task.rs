//! The stage's task: due timers, the record, a few units of jobs; then what changed is told, written and indexed.

use super::decide::{Context, Review, Trigger, decide};
use super::emit::{Cause, Emitter};
use super::household::Household;
use super::index::{Index, Timer};
use super::intake::Intake;
use super::life::{self, Because};
use super::records::{AreaBoard, EpisodeStatus, HOUSE, RuleWait};
use super::work::Work;
use super::{
    ALERT_CLOSED, ALERT_OPENED, Contract, Households, HouseholdsConfig, areas, conclude, escalation,
};
use crate::engine::clock::TaskClock;
use crate::engine::effect::{Blocked, Effects, Fact, Input, Output};
use crate::engine::job::{Job, TIMERS_PER_RECORD, UNITS_PER_RECORD};
use crate::engine::layout::{CONTROL_LOG, HOUSEHOLDS_LOG, Layout};
use crate::engine::message::{ControlMessage, HouseholdMessage, Tick, decode, encode};
use crate::engine::state::{Key, Record, StateRead, Sub};
use crate::engine::task::{PackSource, Task};
use crate::rules::eval::Truth;
use crate::rules::plan::{NodeId, Pack};
use crate::types::{
    AreaScope, Day, Event, EventKey, EventTime, Origin, PackHash, Phase, SmolStr, StreamTime, Value,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

const BOARD: &str = "areas";
const SWEEP: &str = "sweep";
const TRIM: &str = "trim";

/// One partition's machine.
pub(super) struct HouseholdsTask {
    contract: Arc<dyn Contract>,
    layout: Layout,
    packs: Arc<dyn PackSource>,
    config: HouseholdsConfig,
    clock: TaskClock,
    pack: Option<Arc<Pack>>,
    board: AreaBoard,
    index: Index,
    jobs: BTreeMap<SmolStr, Job>,
}

/// Where a walk through the households of some areas stands.
#[derive(Debug, Serialize, Deserialize)]
struct AreaCursor {
    scopes: Vec<AreaScope>,
    after: Option<SmolStr>,
}

impl HouseholdsTask {
    pub(super) fn new(
        contract: Arc<dyn Contract>,
        layout: Layout,
        packs: Arc<dyn PackSource>,
        config: HouseholdsConfig,
    ) -> Self {
        Self {
            contract,
            layout,
            packs,
            config,
            clock: TaskClock::default(),
            pack: None,
            board: AreaBoard::default(),
            index: Index::default(),
            jobs: BTreeMap::new(),
        }
    }

    /// The pack that the log has put in force, once its content is here.
    fn load_pack(&mut self) -> Result<(), Blocked> {
        if self.pack.as_ref().map(|pack| pack.hash) != self.clock.pack {
            self.pack = self.clock.pack.map(|hash| self.content(&hash)).transpose()?;
        }
        Ok(())
    }

    fn content(&self, hash: &PackHash) -> Result<Arc<Pack>, Blocked> {
        self.packs.pack(hash).ok_or(Blocked::PackMissing(*hash))
    }

    fn first_day(&self) -> Day {
        self.clock.today().plus(self.config.history_days.saturating_neg())
    }

    fn take(&mut self, step: &mut Step<'_>, message: HouseholdMessage) -> Result<(), Blocked> {
        let key = step.key.clone();
        let key = &key;
        match message {
            HouseholdMessage::Put { subject, seq, confidence, event, .. } => {
                self.on_household(step, key, |intake, household| {
                    intake.put(household, &subject, seq, confidence, &event)
                });
            }
            HouseholdMessage::Remove { subject, seq, key: event, .. } => {
                self.on_household(step, key, |intake, household| {
                    intake.remove(household, &subject, seq, &event)
                });
            }
            HouseholdMessage::Joined { subject, seq, confidence, part, parts, events } => {
                self.on_household(step, key, |intake, household| {
                    intake.joined(household, (&subject, seq, confidence), (part, parts), &events)
                });
            }
            HouseholdMessage::Left { subject, seq } => {
                self.on_household(step, key, |intake, household| intake.left(household, &subject, seq));
            }
            HouseholdMessage::Facts { facts, .. } => {
                self.on_household(step, key, |intake, household| intake.facts(household, &facts));
            }
            HouseholdMessage::Action { action, .. } => {
                self.on_household(step, key, |intake, household| intake.action(household, &action));
            }
            HouseholdMessage::Area { event, .. } => self.take_area(step, &event),
            HouseholdMessage::Tick(_) | HouseholdMessage::Continue => {}
            HouseholdMessage::Pack { hash } => self.switch(step, hash)?,
            HouseholdMessage::AreaFact { .. }
            | HouseholdMessage::Merged { .. }
            | HouseholdMessage::Split { .. } => {
                let text = "a message kind that is reserved for a later stage";
                return Err(Blocked::Unreadable(text.to_owned()));
            }
        }
        Ok(())
    }

    /// Changes a household and decides again what that touches.
    fn on_household(
        &mut self,
        step: &mut Step<'_>,
        entity: &SmolStr,
        change: impl FnOnce(&mut Intake<'_>, &mut Household) -> Option<Trigger>,
    ) {
        let mut household = self.open(step, entity);
        household.trim(self.first_day());
        let mut intake = Intake {
            contract: &*self.contract,
            pack: self.pack.as_deref(),
            now: self.clock.through,
            first: self.first_day(),
            facts: &mut step.work.facts,
        };
        if let Some(trigger) = change(&mut intake, &mut household) {
            self.decide(step, &mut household, &trigger);
        }
        self.close(step, household);
    }

    /// Takes a household out; what it is indexed by goes with it.
    fn open(&mut self, step: &mut Step<'_>, entity: &SmolStr) -> Household {
        let household = step.work.open(entity);
        self.index.remove_head(entity, household.head.get());
        for part in &household.episodes {
            self.index.remove_episode(entity, &part.now);
        }
        household
    }

    /// Puts a household back, indexed by what it is now.
    fn close(&mut self, step: &mut Step<'_>, household: Household) {
        self.remember(&household);
        step.work.close(household);
    }

    fn remember(&mut self, household: &Household) {
        self.index.add_head(household.entity(), household.head.get());
        for part in &household.episodes {
            self.index.add_episode(household.entity(), &part.now);
        }
    }

    fn decide(&self, step: &mut Step<'_>, household: &mut Household, trigger: &Trigger) {
        let Some(pack) = self.pack.as_deref() else { return };
        let context = Context { pack, clock: &self.clock, board: &self.board, config: &self.config };
        let reviews = decide(&context, household, trigger, &mut step.work.facts);
        step.reviews.entry(household.entity().clone()).or_default().extend(reviews);
    }

    /// All rules for today, because of something that is no input of the household's own.
    fn decide_today(
        &self,
        step: &mut Step<'_>,
        household: &mut Household,
        rules: Option<Vec<usize>>,
        because: Because,
    ) {
        let trigger = Trigger { because, rules, from: self.clock.today(), about_the_past: false };
        self.decide(step, household, &trigger);
    }

    fn tick(&mut self, step: &mut Step<'_>, tick: &Tick) {
        let (before, today) = self.clock.tick(tick);
        self.index.ripen();
        step.clock_changed = true;
        let (through, complete) = (self.clock.through, self.clock.complete);
        step.work.facts.push(Fact::StreamTime { through, complete });
        let is_new_year = super::household::year_of(before) != super::household::year_of(today);
        if is_new_year && before > StreamTime::ZERO.day() && !self.jobs.contains_key(TRIM) {
            let kind = SmolStr::new_static(TRIM);
            self.set_job(step, TRIM, Some(Job::Other { kind, cursor: Vec::new() }));
        }
        let reached = ControlMessage::Reached {
            stage: SmolStr::new_static(Households::NAME),
            partition: step.partition,
            through,
        };
        step.work.outputs.push(Output {
            topic: SmolStr::new_static(CONTROL_LOG),
            partition: 0,
            key: None,
            value: encode(&reached),
            headers: Vec::new(),
        });
    }

    fn switch(&mut self, step: &mut Step<'_>, hash: PackHash) -> Result<(), Blocked> {
        self.pack = Some(self.content(&hash)?);
        if self.clock.pack == Some(hash) {
            return Ok(());
        }
        self.clock.pack = Some(hash);
        step.clock_changed = true;
        step.work.facts.push(Fact::PackSwitched { hash });
        self.set_job(step, SWEEP, Some(Job::Sweep { pack: hash, cursor: None }));
        Ok(())
    }

    fn take_area(&mut self, step: &mut Step<'_>, event: &crate::types::AreaEvent) {
        let Some(scopes) = areas::apply(&mut self.board, event, self.clock.through) else {
            step.work.facts.push(Fact::Duplicate { topic: SmolStr::new_static(HOUSEHOLDS_LOG) });
            return;
        };
        step.work.put(Key::own(BOARD), Record::Areas(self.board.clone()));
        if !scopes.is_empty() {
            let name = format!("area/{}", event.key);
            let cursor = encode(&AreaCursor { scopes, after: None });
            self.set_job(step, &name, Some(Job::Other { kind: SmolStr::new_static("area"), cursor }));
        }
    }

    fn set_job(&mut self, step: &mut Step<'_>, name: &str, job: Option<Job>) {
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

    /// Runs what is due, at most so much for one record.
    fn run_timers(&mut self, step: &mut Step<'_>) {
        for _ in 0..TIMERS_PER_RECORD {
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
        let mut household = self.open(step, entity);
        let now = self.clock.through;
        match timer {
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
    }

    /// Decides the rules whose day or sources have come.
    fn run_waits(&self, step: &mut Step<'_>, household: &mut Household) {
        let Some(pack) = self.pack.as_deref() else {
            household.head.edit().waits.clear();
            return;
        };
        let head = household.head.get();
        let sources = super::decide::RegionSources { clock: &self.clock, region: head.region.clone() };
        let is_due = |wait: &&RuleWait| {
            wait.day.is_some_and(|day| day <= self.clock.today())
                || wait.sources.iter().any(|(source, point)| sources.has_passed(source, *point))
        };
        let due: Vec<SmolStr> = head.waits.iter().filter(is_due).map(|wait| wait.rule.clone()).collect();
        let rules = (0..pack.crisis.len()).filter(|at| due.contains(&pack.crisis[*at].id)).collect();
        household.head.edit().waits.retain(|wait| !due.contains(&wait.rule));
        self.decide_today(step, household, Some(rules), Because::Tick);
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
        let context = Context { pack, clock: &self.clock, board: &self.board, config: &self.config };
        let since = part.now.opened_at;
        let mut unless =
            |node: NodeId| -> Truth { super::decide::holds_since(&context, household, rule, node, since) };
        escalation::fire(&mut part, Some(rule), now, &mut unless);
        household.episodes[at] = part;
    }

    /// Advances jobs by a constant number of units.
    fn run_jobs(&mut self, step: &mut Step<'_>) {
        for _ in 0..UNITS_PER_RECORD {
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
                        let mut household = self.open(step, &entity);
                        household.trim(self.first_day());
                        self.close(step, household);
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
        let last = Key::new(after.cloned().unwrap_or_default(), Sub::Own(SmolStr::new("\u{10ffff}")));
        step.work.state().scan(Some(&last), 1).into_iter().next().map(|(key, _)| key.entity)
    }

    fn sweep(&mut self, step: &mut Step<'_>, entity: &SmolStr) {
        let mut household = self.open(step, entity);
        if household.head.get().decided != self.clock.pack {
            self.decide_today(step, &mut household, None, Because::Pack);
        }
        self.close(step, household);
    }

    fn next_in_area(&mut self, step: &mut Step<'_>, mut cursor: AreaCursor) -> Option<AreaCursor> {
        let scope = cursor.scopes.first()?;
        match self.index.in_area(&scope.fact, &scope.value, cursor.after.as_ref()) {
            Some(entity) => {
                let mut household = self.open(step, &entity);
                self.decide_today(step, &mut household, None, Because::Area);
                self.close(step, household);
                cursor.after = Some(entity);
            }
            None => {
                cursor.scopes.remove(0);
                cursor.after = None;
            }
        }
        (!cursor.scopes.is_empty()).then_some(cursor)
    }

    /// Tells, writes and indexes what the record changed.
    fn finish(&mut self, mut step: Step<'_>) -> Result<Effects, Blocked> {
        for entity in step.work.opened() {
            let mut household = self.open(&mut step, &entity);
            let reviews = step.reviews.remove(&entity).unwrap_or_default();
            self.tell(&mut step, &mut household, &reviews).map_err(|text| {
                Blocked::Unreadable(format!("an output does not fit its contract: {text}"))
            })?;
            self.remember(&household);
            step.work.write(household.delta());
        }
        if step.clock_changed {
            step.work.put(Key::own(TaskClock::KEY), Record::Clock(self.clock.clone()));
        }
        // A search for passed sources that finds none rests until the next tick.
        self.index.passed(&self.clock);
        Ok(step.work.finish())
    }

    fn tell(&self, step: &mut Step<'_>, household: &mut Household, reviews: &[Review]) -> Result<(), String> {
        let pack = self.pack.as_deref();
        let emitter = Emitter {
            contract: &*self.contract,
            layout: &self.layout,
            clock: &self.clock,
            cause: &step.cause,
            pack,
        };
        let mut said = Vec::new();
        for at in 0..household.episodes.len() {
            let rule = pack.and_then(|pack| pack.crisis_rule(&household.episodes[at].now.rule));
            let mut part = household.episodes[at].clone();
            if let Some(revision) = conclude::conclude(&mut part, rule, self.clock.through) {
                step.work.outputs.push(emitter.alert(household, &part.now, &part.notes, revision)?);
                step.work.facts.push(Fact::Alert {
                    rule: part.now.rule.clone(),
                    change: revision.change.as_str(),
                    level: part.now.shown_level().as_str(),
                    caused_at_ms: step.cause.at_ms,
                });
                said.extend(alert_event(&part.now, household, revision.change, self.clock.through));
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

    /// An alert is an event for other rules; they see it from the next record on.
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

/// One record's step through the task.
struct Step<'a> {
    work: Work<'a>,
    cause: Cause,
    partition: i32,
    key: SmolStr,
    reviews: BTreeMap<SmolStr, Vec<Review>>,
    clock_changed: bool,
}

impl Task for HouseholdsTask {
    fn handle(&mut self, input: &Input<'_>, state: &dyn StateRead) -> Result<Effects, Blocked> {
        let unreadable = |text: String| Blocked::Unreadable(text);
        let value = input.value.ok_or_else(|| unreadable("a null value".to_owned()))?;
        let message: HouseholdMessage = decode(value).map_err(|error| unreadable(error.to_string()))?;
        let key =
            std::str::from_utf8(input.key.unwrap_or_default()).map_err(|e| unreadable(e.to_string()))?;
        self.load_pack()?;
        if let HouseholdMessage::Pack { hash } = &message {
            self.content(hash)?;
        }
        if key.is_empty() && is_of_household(&message) {
            return Err(unreadable("a household's message without its key".to_owned()));
        }
        let mut step = Step {
            work: Work::new(state),
            cause: Cause { at_ms: input.timestamp_ms, origin: origin(&message, input) },
            partition: input.partition,
            key: SmolStr::new(key),
            reviews: BTreeMap::new(),
            clock_changed: false,
        };
        if let HouseholdMessage::Tick(tick) = &message {
            self.tick(&mut step, tick);
        }
        self.run_timers(&mut step);
        self.take(&mut step, message)?;
        self.run_jobs(&mut step);
        self.finish(step)
    }

    fn has_job(&self) -> bool {
        !self.jobs.is_empty() || self.index.due(&self.clock).is_some() || self.index.has_passed(&self.clock)
    }

    fn continue_record(&self) -> Option<(&'static str, Vec<u8>)> {
        Some((HOUSEHOLDS_LOG, encode(&HouseholdMessage::Continue)))
    }

    fn rebuild(&mut self, records: &mut dyn Iterator<Item = (Key, Arc<Record>)>) {
        (self.clock, self.pack, self.board) = (TaskClock::default(), None, AreaBoard::default());
        (self.index, self.jobs) = (Index::default(), BTreeMap::new());
        for (key, record) in records {
            match (&key.sub, &*record) {
                (_, Record::Household(head)) => self.index.add_head(&key.entity, head),
                (_, Record::Episode(episode)) => self.index.add_episode(&key.entity, episode),
                (Sub::Own(name), Record::Clock(clock)) if name == TaskClock::KEY => {
                    self.clock = clock.clone()
                }
                (Sub::Own(name), Record::Areas(board)) if name == BOARD => self.board = board.clone(),
                (Sub::Job(name), Record::Job(job)) => {
                    self.jobs.insert(name.clone(), job.clone());
                }
                _ => {}
            }
        }
        self.index.ripen();
    }

    fn stream_time_ms(&self) -> i64 {
        self.clock.through.0
    }
}

fn is_of_household(message: &HouseholdMessage) -> bool {
    use HouseholdMessage::{Action, Facts, Joined, Left, Put, Remove};
    matches!(message, Put { .. } | Remove { .. } | Joined { .. } | Left { .. } | Facts { .. } | Action { .. })
}

/// The raw record behind a message, or the message's own place where there is none.
fn origin(message: &HouseholdMessage, input: &Input<'_>) -> Origin {
    match message {
        HouseholdMessage::Put { origin, .. }
        | HouseholdMessage::Remove { origin, .. }
        | HouseholdMessage::Facts { origin, .. }
        | HouseholdMessage::Action { origin, .. }
        | HouseholdMessage::Area { origin, .. } => origin.clone(),
        _ => Origin { topic: SmolStr::new(input.topic), partition: input.partition, offset: input.offset },
    }
}

fn with_episode(
    household: &mut Household,
    rule: &str,
    number: u32,
    change: impl FnOnce(&mut super::part::EpisodePart),
) {
    let found = household.episodes.iter_mut().find(|part| part.now.rule == rule && part.now.number == number);
    if let Some(part) = found {
        change(part);
    }
}

fn job_kind(name: &str) -> &'static str {
    match name {
        SWEEP => SWEEP,
        TRIM => TRIM,
        _ => "area",
    }
}

/// What an opening or a close is for other rules.
fn alert_event(
    episode: &super::records::Episode,
    household: &Household,
    change: life::Change,
    now: StreamTime,
) -> Option<Event> {
    let kind = match change {
        life::Change::Opened | life::Change::Reopened => ALERT_OPENED,
        life::Change::Closed => ALERT_CLOSED,
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
        late: false,
        fields,
    })
}
