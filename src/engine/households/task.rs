//! The stage's task: due timers, the record, a few units of jobs; then what changed is told, written and indexed.

use super::areas::{Applied, AreaEvents};
use super::decide::{Context, Review, Trigger, decide};
use super::emit::Cause;
use super::household::Household;
use super::index::Index;
use super::intake::Intake;
use super::life::Because;
use super::pending;
use super::role::{Message, Role};
use super::work::Work;
use super::{Contract, HouseholdsConfig};
use crate::engine::clock::TaskClock;
use crate::engine::codes::{LOG_UNREADABLE, OVERLINKED};
use crate::engine::effect::{Blocked, Effects, Fact, Input, Output};
use crate::engine::job::Job;
use crate::engine::lane::{Parked, ParkedEntities};
use crate::engine::layout::{CONTROL_LOG, Layout};
use crate::engine::letter::{Letter, Letters};
use crate::engine::message::{ControlMessage, HouseholdMessage, MessageError, SourceState, Tick, encode};
use crate::engine::state::{Key, Record, StateRead, Sub, own_records};
use crate::engine::task::{PackSource, Task, Undone};
use crate::rules::plan::Pack;
use crate::types::{Day, PackHash, SmolStr, StreamTime};
use std::collections::BTreeMap;
use std::sync::Arc;

const TOO_MANY_SUBJECTS: &str = "this household has as many subjects as are kept";

/// One partition's machine.
pub(super) struct HouseholdsTask {
    pub(super) role: Role,
    pub(super) contract: Arc<dyn Contract>,
    pub(super) layout: Layout,
    pub(super) packs: Arc<dyn PackSource>,
    pub(super) config: HouseholdsConfig,
    letters: Arc<Letters>,
    pub(super) clock: TaskClock,
    /// The stored clock still holds all feeds, as it did before each had a record: the next tick writes them all.
    holds_feeds: bool,
    pub(super) pack: Option<Arc<Pack>>,
    pub(super) areas: AreaEvents,
    pub(super) index: Index,
    pub(super) jobs: BTreeMap<SmolStr, Job>,
    /// The household whose timer, job step or outputs are being worked at.
    pub(super) at_work: Option<SmolStr>,
}

impl HouseholdsTask {
    pub(super) fn new(
        role: Role,
        contract: Arc<dyn Contract>,
        layout: Layout,
        packs: Arc<dyn PackSource>,
        config: HouseholdsConfig,
        letters: Arc<Letters>,
    ) -> Self {
        Self {
            role,
            contract,
            layout,
            packs,
            config,
            letters,
            clock: TaskClock::default(),
            holds_feeds: false,
            pack: None,
            areas: AreaEvents::default(),
            index: Index::default(),
            jobs: BTreeMap::new(),
            at_work: None,
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

    /// A record that no reader of this log can ever read goes to `dead-letters` and holds nothing up.
    fn reject(&self, input: &Input<'_>, text: &str) -> Effects {
        let mut effects = Effects::default();
        self.letter((&mut effects.outputs, &mut effects.facts), input, LOG_UNREADABLE, text);
        effects
    }

    fn letter(
        &self,
        (outputs, facts): (&mut Vec<Output>, &mut Vec<Fact>),
        input: &Input<'_>,
        code: &'static str,
        text: &str,
    ) {
        let letter = Letter { stage: self.role.stage(), code, text, input: input.clone() };
        outputs.push(self.letters.write(&letter));
        facts.push(Fact::DeadLetter { code, topic: SmolStr::new_static(self.role.log()) });
    }

    pub(super) fn first_day(&self) -> Day {
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
            HouseholdMessage::Pack { hash } => self.switch(step, hash)?,
            HouseholdMessage::Continue if step.takes_back => self.take_back(step, key),
            // Refused before, or without a part of their own.
            HouseholdMessage::Tick(_)
            | HouseholdMessage::Continue
            | HouseholdMessage::AreaFact { .. }
            | HouseholdMessage::Merged { .. }
            | HouseholdMessage::Split { .. } => {}
        }
        Ok(())
    }

    /// A household that was parked: what was to be decided of it meanwhile is decided now.
    fn take_back(&mut self, step: &mut Step<'_>, entity: &SmolStr) {
        if step.work.state().get(&Key::new(entity.clone(), Sub::Head)).is_some() {
            let mut household = self.open(step, entity);
            household.trim(self.first_day(), step.work.state());
            self.decide_anew(step, &mut household);
            self.close(step, household);
        }
    }

    /// Changes a household and decides again what that touches.
    fn on_household(
        &mut self,
        step: &mut Step<'_>,
        entity: &SmolStr,
        change: impl FnOnce(&mut Intake<'_>, &mut Household) -> Option<Trigger>,
    ) {
        let mut household = self.open(step, entity);
        household.trim(self.first_day(), step.work.state());
        let mut intake = Intake {
            contract: &*self.contract,
            pack: self.pack.as_deref(),
            now: self.clock.through,
            first: self.first_day(),
            facts: &mut step.work.facts,
            refused: false,
        };
        let trigger = change(&mut intake, &mut household);
        step.is_refused |= intake.refused;
        if let Some(trigger) = trigger {
            self.decide(step, &mut household, &trigger);
        }
        self.close(step, household);
    }

    /// Takes a household out; until it is back, the indexes hold it as it was.
    pub(super) fn open(&self, step: &mut Step<'_>, entity: &SmolStr) -> Household {
        step.work.open(entity)
    }

    /// Puts a household back, indexed by what it is now.
    pub(super) fn close(&mut self, step: &mut Step<'_>, mut household: Household) {
        self.remember(&mut household);
        step.work.close(household);
    }

    pub(super) fn remember(&mut self, household: &mut Household) {
        let Some(before) = household.reindexed() else { return };
        let entity = household.entity();
        if let Record::Household(old) = &*before.head {
            self.index.move_head(entity, old, household.head.get());
        }
        if let Some(pending) = &before.pending {
            self.index.remove_pending(entity, pending);
        }
        if let Some(pending) = &household.pending {
            self.index.add_pending(entity, pending);
        }
        for record in &before.episodes {
            if let Record::Episode(episode) = &**record {
                self.index.remove_episode(entity, episode);
            }
        }
        for part in &household.episodes {
            self.index.add_episode(entity, &part.now);
        }
    }

    pub(super) fn decide(&self, step: &mut Step<'_>, household: &mut Household, trigger: &Trigger) {
        let Some(pack) = self.pack.as_deref() else { return };
        super::decide::look(pack, &self.clock, &self.config, household, step.work.state());
        let context = Context { pack, clock: &self.clock, areas: &self.areas, config: &self.config };
        let reviews = decide(&context, household, trigger, &mut step.work.facts);
        step.reviews.entry(household.entity().clone()).or_default().extend(reviews);
    }

    /// All rules for today, because of something that is no input of the household's own.
    pub(super) fn decide_today(
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
        step.feeds = if std::mem::take(&mut self.holds_feeds) {
            self.clock.sources.clone()
        } else {
            tick.sources.clone()
        };
        let (through, complete) = (self.clock.through, self.clock.complete);
        step.work.facts.push(Fact::StreamTime { through, complete });
        let is_new_year = super::household::year_of(before) != super::household::year_of(today);
        if is_new_year && before > StreamTime::ZERO.day() {
            self.begin_trim(step);
        }
        let reached = ControlMessage::Reached {
            stage: SmolStr::new_static(self.role.stage()),
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
        self.begin_sweep(step, hash);
        Ok(())
    }

    fn take_area(&mut self, step: &mut Step<'_>, event: &crate::types::AreaEvent) {
        let Applied { concerned, written } = self.areas.apply(event, self.clock.through);
        for (key, record) in written {
            match record {
                Some(record) => step.work.put(key, record),
                None => step.work.delete(key),
            }
        }
        match concerned {
            Some(scopes) => self.begin_area(step, &event.key, scopes),
            None => {
                step.work.facts.push(Fact::Duplicate { topic: SmolStr::new_static(self.role.log()) });
            }
        }
    }
}

/// One record's step through the task.
pub(super) struct Step<'a> {
    pub(super) work: Work<'a>,
    pub(super) cause: Cause,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) key: SmolStr,
    /// The record takes its household back, which was parked.
    pub(super) takes_back: bool,
    pub(super) reviews: BTreeMap<SmolStr, Vec<Review>>,
    /// The record's household has no place for its subject.
    pub(super) is_refused: bool,
    /// Time or the pack has changed.
    pub(super) clock_changed: bool,
    /// Feeds that a tick told of.
    pub(super) feeds: Vec<SourceState>,
}

impl Task for HouseholdsTask {
    fn handle(&mut self, input: &Input<'_>, state: &dyn StateRead) -> Result<Effects, Blocked> {
        self.index.begin();
        self.at_work = None;
        let message = match self.role.decode(input.value.unwrap_or_default()) {
            Ok(message) => message,
            Err(error @ (MessageError::Format(_) | MessageError::Key(_))) => {
                return Err(Blocked::Unreadable(error.to_string()));
            }
            Err(error @ (MessageError::Short(_) | MessageError::Body(_))) => {
                return Ok(self.reject(input, &error.to_string()));
            }
        };
        if message.is_reserved() {
            let text = "a message kind that is reserved for a later stage";
            return Err(Blocked::Unreadable(text.to_owned()));
        }
        let Ok(key) = std::str::from_utf8(input.key.unwrap_or_default()) else {
            return Ok(self.reject(input, "a key that is not text"));
        };
        if key.is_empty() && message.is_of_an_entity() {
            return Ok(self.reject(input, "an entity's message without its key"));
        }
        let takes_back = Parked::is_taken_back_by(input);
        if takes_back {
            self.learn_anew(&SmolStr::new(key), state);
        }
        self.load_pack()?;
        if let Message::Shared(HouseholdMessage::Pack { hash }) = &message {
            self.content(hash)?;
        }
        let mut step = Step {
            work: Work::new(self.role, state),
            cause: Cause { at_ms: input.timestamp_ms, origin: message.origin(input) },
            partition: input.partition,
            offset: input.offset,
            key: SmolStr::new(key),
            takes_back,
            reviews: BTreeMap::new(),
            is_refused: false,
            clock_changed: false,
            feeds: Vec::new(),
        };
        if let Message::Shared(HouseholdMessage::Tick(tick)) = &message {
            self.tick(&mut step, tick);
        }
        self.run_timers(&mut step);
        match message {
            Message::Touch(touched) => self.take_touched(&mut step, &touched),
            Message::Shared(message) => self.take(&mut step, message)?,
        }
        if step.is_refused {
            self.letter((&mut step.work.outputs, &mut step.work.facts), input, OVERLINKED, TOO_MANY_SUBJECTS);
        }
        self.run_jobs(&mut step);
        self.finish(step)
    }

    fn at_work(&self) -> Option<&SmolStr> {
        self.at_work.as_ref()
    }

    fn give_up(&mut self, state: &dyn StateRead) -> bool {
        self.index.revert();
        let before = std::mem::take(&mut self.index.parked);
        self.learn_own(state);
        let parked: Vec<SmolStr> = self.index.parked.beyond(&before).cloned().collect();
        parked.iter().for_each(|entity| self.index.forget(entity));
        true
    }

    fn has_job(&self) -> bool {
        !self.jobs.is_empty() || self.index.due(&self.clock).is_some() || self.index.has_passed(&self.clock)
    }

    fn continue_record(&self) -> Option<(&'static str, Vec<u8>)> {
        Some((self.role.log(), self.role.continues()))
    }

    fn rebuild(&mut self, records: &mut dyn Iterator<Item = (Key, Arc<Record>)>) {
        (self.clock, self.pack, self.areas) = (TaskClock::default(), None, AreaEvents::default());
        (self.index, self.jobs, self.holds_feeds) = (Index::default(), BTreeMap::new(), false);
        for (key, record) in records {
            self.learn(&key, &record);
        }
        self.index.ripen();
    }

    fn undo(&mut self, undone: &[Undone]) -> bool {
        for Undone { key, written, stored } in undone {
            match written.as_deref() {
                Some(Record::Household(head)) => self.index.remove_head(&key.entity, head),
                Some(Record::Episode(episode)) => self.index.remove_episode(&key.entity, episode),
                Some(Record::Area(entry)) => self.areas.remove(&entry.key),
                Some(record) if !key.entity.is_empty() => {
                    if let Some(pending) = pending::read(record) {
                        self.index.remove_pending(&key.entity, &pending);
                    }
                }
                _ => {}
            }
            match (&key.sub, stored) {
                (_, Some(record)) => self.learn(key, record),
                (Sub::Own(_), None) => self.clock.forget(key, written.as_deref()),
                (Sub::Job(name), None) if key.entity.is_empty() => {
                    self.jobs.remove(name);
                }
                _ => {}
            }
        }
        self.index.ripen();
        // Feeds that one record holds are not told apart from those that the tick brought.
        !self.holds_feeds
    }

    fn waits_for(&self) -> Option<&'static str> {
        let none = "a rule pack: none has been published (\"ieum rules publish\")";
        self.clock.pack.is_none().then_some(none)
    }

    fn stream_time_ms(&self) -> i64 {
        self.clock.through.0
    }
}

impl HouseholdsTask {
    /// Takes the task's own records in, in the place of what was known of them.
    fn learn_own(&mut self, state: &dyn StateRead) {
        (self.clock, self.areas) = (TaskClock::default(), AreaEvents::default());
        self.index.parked = ParkedEntities::default();
        self.jobs.clear();
        for (key, record) in own_records(state) {
            self.learn(&key, &record);
        }
    }

    /// A household that is parked no longer: what is due of it, and where it lies, counts again.
    fn learn_anew(&mut self, entity: &SmolStr, state: &dyn StateRead) {
        self.learn_own(state);
        let household = Household::load(self.role, entity, state);
        self.index.add_head(entity, household.head.get());
        household.episodes.iter().for_each(|part| self.index.add_episode(entity, &part.now));
        household.pending.iter().for_each(|pending| self.index.add_pending(entity, pending));
    }

    /// Takes a stored record into what is derived from it.
    fn learn(&mut self, key: &Key, record: &Record) {
        match (&key.sub, record) {
            (_, Record::Household(head)) => self.index.add_head(&key.entity, head),
            (_, Record::Episode(episode)) => self.index.add_episode(&key.entity, episode),
            (_, Record::Area(entry)) => self.areas.put(entry.clone()),
            (_, Record::Clock(clock)) => {
                self.holds_feeds = !clock.sources.is_empty();
                self.clock.learn(key, record);
            }
            (_, Record::Feed(_)) => self.clock.learn(key, record),
            (Sub::Job(_), Record::Job(_)) if !key.entity.is_empty() => {
                let pending = pending::read(record);
                pending.iter().for_each(|pending| self.index.add_pending(&key.entity, pending));
            }
            (Sub::Job(name), Record::Job(job)) => {
                self.jobs.insert(name.clone(), job.clone());
            }
            (Sub::Own(_), Record::Parked(_)) => self.index.parked.learn(key, record),
            _ => {}
        }
    }
}
