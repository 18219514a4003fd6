//! Identity's machine for one partition.

use super::super::clock::TaskClock;
use super::super::codes::{CROWDED, LOG_UNREADABLE, OVERLINKED, TOO_OLD, WAITED_IN_VAIN};
use super::super::effect::{Blocked, Effects, Fact, Input, Output};
use super::super::job::{Job, TIMERS_PER_RECORD, UNITS_PER_RECORD};
use super::super::lane::{Parked, ParkedEntities};
use super::super::layout::{CONTROL_LOG, Layout, SUBJECTS_LOG};
use super::super::letter::{Letter, Letters};
use super::super::message::{ControlMessage, MessageError, SubjectMessage, Tick, decode, encode};
use super::super::revert::RevertSet;
use super::super::state::{Key, Record, StateRead, Sub, own_records};
use super::super::task::{Task, Undone};
use super::super::trace;
use super::days::month;
use super::records::{Held, Series, Waiting};
use super::signal::Arrival;
use super::subject::{Subject, waiting, waiting_key};
use super::work::Work;
use super::{IdentityConfig, link, reading, signal};
use crate::types::{Change, Day, EventKey, Signal, SmolStr, StreamTime, SubjectId};
use std::sync::Arc;

/// Name of the stage.
pub(super) const STAGE: &str = "identity";
/// The job that drops what is older than the history.
const TRIM: &str = "trim";
const NO_OWNER: &str = "signal names no owner at its place";
const CROWD: &str = "readings of too many meters name this owner";
const TOO_MANY_LINKS: &str = "this subject has as many links as are kept";

/// What all partitions share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: IdentityConfig,
    pub(super) layout: Layout,
    pub(super) letters: Arc<Letters>,
}

/// A bodiless change that waits: last day, subject, event.
type Due = (Day, SubjectId, EventKey);

/// One partition. All but `shared` and `partition` is derived from state.
pub(super) struct IdentityTask {
    shared: Arc<Shared>,
    partition: i32,
    clock: TaskClock,
    due: RevertSet<Due>,
    trim: Option<Vec<u8>>,
    parked: ParkedEntities,
    /// The subject whose wait or history is being worked at.
    at_work: Option<SmolStr>,
}

impl IdentityTask {
    pub(super) fn new(shared: Arc<Shared>, partition: i32) -> Self {
        Self {
            shared,
            partition,
            clock: TaskClock::default(),
            due: RevertSet::default(),
            trim: None,
            parked: ParkedEntities::default(),
            at_work: None,
        }
    }
}

impl Task for IdentityTask {
    fn handle(&mut self, input: &Input<'_>, state: &dyn StateRead) -> Result<Effects, Blocked> {
        let shared = Arc::clone(&self.shared);
        self.due.begin();
        self.at_work = None;
        if let (true, Some(subject)) = (Parked::is_taken_back_by(input), input.key) {
            self.learn_anew(&SmolStr::new(String::from_utf8_lossy(subject)), state);
        }
        let mut work = Work {
            state,
            layout: &shared.layout,
            now: self.clock.through,
            headers: trace::carried(input.headers),
            delta: std::collections::BTreeMap::new(),
            outputs: Vec::new(),
            facts: Vec::new(),
            made_for: Vec::new(),
        };
        let message = match decode::<SubjectMessage>(input.value.unwrap_or_default()) {
            Ok(message) => Some(message),
            Err(error @ (MessageError::Format(_) | MessageError::Key(_))) => {
                return Err(Blocked::Unreadable(error.to_string()));
            }
            Err(error) => {
                self.reject(&mut work, input.clone(), LOG_UNREADABLE, &error.to_string());
                None
            }
        };
        if let Some(SubjectMessage::Tick(tick)) = &message {
            self.tick(&mut work, tick);
        }
        self.give_up_waiting(&mut work, input.offset);
        self.advance_trim(&mut work, input.offset);
        match message {
            Some(SubjectMessage::Signal { origin, trail, accepted, first, signal }) => {
                let accepted = accepted.unwrap_or(self.clock.through);
                let (offset, timestamp_ms) = (input.offset, input.timestamp_ms);
                let arrival = Arrival {
                    origin: &origin,
                    trail,
                    accepted,
                    first,
                    signal: &signal,
                    offset,
                    timestamp_ms,
                };
                self.signal(&mut work, input, &arrival);
            }
            Some(SubjectMessage::Link { origin, link }) => {
                if !link::take_in(&mut work, &origin, &link) {
                    self.reject(&mut work, input.clone(), OVERLINKED, TOO_MANY_LINKS);
                }
            }
            Some(SubjectMessage::Forget { origin, trail, owners, key }) => {
                link::forget(&mut work, &origin, trail, &owners, &key);
            }
            Some(SubjectMessage::Reading { origin, trail, accepted, reading }) => {
                let accepted = accepted.unwrap_or(self.clock.through);
                let arrival = reading::Arrival { origin: &origin, trail, accepted, reading: &reading };
                self.reading(&mut work, input, &arrival);
            }
            Some(SubjectMessage::Readings { origin, trail, owners, source, kind, months }) => {
                let series = Series { source, kind, owners, trail };
                if !reading::take_over(&mut work, &origin, series, months) {
                    self.reject(&mut work, input.clone(), CROWDED, CROWD);
                }
            }
            Some(SubjectMessage::ForgetReadings { origin, trail, owners, source, kind }) => {
                reading::forget(&mut work, &origin, Series { source, kind, owners, trail });
            }
            Some(SubjectMessage::Tick(_) | SubjectMessage::Continue) | None => {}
        }
        self.follow(&work);
        Ok(work.finish())
    }

    fn at_work(&self) -> Option<&SmolStr> {
        self.at_work.as_ref()
    }

    fn give_up(&mut self, state: &dyn StateRead) -> bool {
        self.due.revert();
        let before = std::mem::take(&mut self.parked);
        self.learn_own(state);
        for subject in self.parked.beyond(&before) {
            self.due.retain(|due| due.1.0 != *subject);
        }
        true
    }

    fn has_job(&self) -> bool {
        self.trim.is_some() || self.next_due().is_some()
    }

    fn continue_record(&self) -> Option<(&'static str, Vec<u8>)> {
        Some((SUBJECTS_LOG, encode(&SubjectMessage::Continue)))
    }

    fn rebuild(&mut self, records: &mut dyn Iterator<Item = (Key, Arc<Record>)>) {
        (self.clock, self.due, self.trim) = (TaskClock::default(), RevertSet::default(), None);
        self.parked = ParkedEntities::default();
        for (key, record) in records {
            self.note(&key, Some(&record));
        }
    }

    fn undo(&mut self, undone: &[Undone]) -> bool {
        for Undone { key, written, stored } in undone {
            if let (Sub::Waiting(source, event), Some(Record::Waiting(waiting))) =
                (&key.sub, written.as_deref())
            {
                let event = EventKey { source: source.clone(), key: event.clone() };
                self.due.remove(&(waiting.due, SubjectId(key.entity.clone()), event));
            }
            match (&key.sub, stored) {
                (_, Some(record)) => self.note(key, Some(record)),
                (Sub::Own(name), None) if name == TaskClock::KEY => self.clock = TaskClock::default(),
                (Sub::Job(_), None) => self.trim = None,
                _ => {}
            }
        }
        true
    }

    fn stream_time_ms(&self) -> i64 {
        self.clock.through.0
    }
}

impl IdentityTask {
    fn signal(&self, work: &mut Work<'_>, input: &Input<'_>, arrival: &Arrival<'_>) {
        let Some(owner) = arrival.owner() else {
            return self.reject(work, input.clone(), LOG_UNREADABLE, NO_OWNER);
        };
        if let Change::Body { time, .. } = &arrival.signal.change
            && self.is_too_old(time.day())
        {
            if !signal::is_correction(work, arrival, owner) {
                return self.reject_old(work, input);
            }
            // It moves the event out of the history: what stood here until now did not happen.
            let gone = Signal { change: Change::Void, ..arrival.signal.clone() };
            return signal::take_in(work, &Arrival { signal: &gone, ..*arrival }, owner);
        }
        signal::take_in(work, arrival, owner);
    }

    fn reading(&self, work: &mut Work<'_>, input: &Input<'_>, arrival: &reading::Arrival<'_>) {
        let Some(owner) = arrival.owner() else {
            return self.reject(work, input.clone(), LOG_UNREADABLE, NO_OWNER);
        };
        if self.is_too_old(arrival.reading.day) {
            return self.reject_old(work, input);
        }
        if !reading::take_in(work, arrival, owner) {
            self.reject(work, input.clone(), CROWDED, CROWD);
        }
    }

    fn is_too_old(&self, day: Day) -> bool {
        self.oldest().is_some_and(|oldest| day < oldest)
    }

    fn reject_old(&self, work: &mut Work<'_>, input: &Input<'_>) {
        let text = format!("event is older than the {} days kept", self.shared.config.history_days);
        self.reject(work, input.clone(), TOO_OLD, &text);
    }

    /// The first day of the history; none before the first tick.
    fn oldest(&self) -> Option<Day> {
        let kept = i32::from(self.shared.config.history_days);
        (self.clock.through > StreamTime::ZERO).then(|| self.clock.today().plus(-kept))
    }

    fn tick(&mut self, work: &mut Work<'_>, tick: &Tick) {
        if tick.through <= self.clock.through {
            return;
        }
        let before = self.oldest();
        self.clock.tick(tick);
        work.now = self.clock.through;
        work.put(Key::own(TaskClock::KEY), Some(Record::Clock(self.clock.clone())));
        work.facts.push(Fact::StreamTime { through: tick.through, complete: tick.complete });
        let reached = ControlMessage::Reached {
            stage: SmolStr::new(STAGE),
            partition: self.partition,
            through: tick.through,
        };
        work.outputs.push(Output {
            topic: SmolStr::new(CONTROL_LOG),
            partition: 0,
            key: None,
            value: encode(&reached),
            headers: Vec::new(),
        });
        if before.map(month) != self.oldest().map(month) && before.is_some() {
            self.trim = Some(Vec::new());
            work.put(trim_key(), Some(trim_job(Vec::new())));
        }
    }

    /// Writes letters for bodiless changes whose original did not come in time.
    fn give_up_waiting(&mut self, work: &mut Work<'_>, offset: i64) {
        for _ in 0..self.parked.units_left(offset, TIMERS_PER_RECORD) {
            let Some((day, subject, key)) = self.next_due() else { break };
            self.turn_to(work, subject.0.clone());
            self.due.remove(&(day, subject.clone(), key.clone()));
            let Some(waiting) = waiting(work, &subject, &key) else { continue };
            let place = waiting_key(&subject, &key);
            if let Some(due) = started_before_time(&waiting, self.clock.today()) {
                self.due.insert((due, subject, key));
                let since = |held: Option<Held>| held.map(|held| Held { since: work.now, ..held });
                let waiting = Waiting { end: since(waiting.end), void: since(waiting.void), due };
                work.put(place, Some(Record::Waiting(waiting)));
                continue;
            }
            for held in [waiting.end, waiting.void].into_iter().flatten() {
                let value = encode(&held.message);
                let input = Input {
                    topic: SUBJECTS_LOG,
                    partition: self.partition,
                    offset: held.offset,
                    timestamp_ms: held.timestamp_ms,
                    key: Some(subject.as_str().as_bytes()),
                    value: Some(&value),
                    headers: &[],
                };
                let what = if held.ended.is_some() { "end" } else { "void" };
                self.reject(work, input, WAITED_IN_VAIN, &format!("{what} without a report in time"));
            }
            work.put(place, None);
        }
        self.turn_back(work);
    }

    /// A subject's timer or job step begins.
    fn turn_to(&mut self, work: &mut Work<'_>, subject: SmolStr) {
        work.made_for.push((work.outputs.len(), subject.clone()));
        self.at_work = Some(subject);
    }

    /// Back to the record's own work.
    fn turn_back(&mut self, work: &mut Work<'_>) {
        if self.at_work.take().is_some() {
            work.made_for.push((work.outputs.len(), SmolStr::default()));
        }
    }

    /// Writes a letter.
    fn reject(&self, work: &mut Work<'_>, input: Input<'_>, code: &'static str, text: &str) {
        work.facts.push(Fact::DeadLetter { code, topic: SmolStr::new(input.topic) });
        work.outputs.push(self.shared.letters.write(&Letter { stage: STAGE, code, text, input }));
    }

    fn next_due(&self) -> Option<Due> {
        let first = self.due.first()?;
        (self.clock.through > StreamTime::ZERO && first.0 < self.clock.today()).then(|| first.clone())
    }

    fn advance_trim(&mut self, work: &mut Work<'_>, offset: i64) {
        let (Some(cursor), Some(oldest)) = (self.trim.clone(), self.oldest()) else { return };
        let units = self.parked.units_left(offset, UNITS_PER_RECORD);
        let batch = work.state.scan(Key::from_bytes(&cursor).as_ref(), units);
        for (key, _) in batch.iter().filter(|(key, _)| key.sub == Sub::Head) {
            if self.parked.contains(&key.entity) {
                continue;
            }
            self.turn_to(work, key.entity.clone());
            let mut subject = Subject::load(work, &SubjectId(key.entity.clone()));
            subject.trim(work, oldest);
            subject.save(work);
        }
        self.turn_back(work);
        // With no unit left the job stays where it is.
        let is_done = batch.len() < units;
        let next = batch.last().map_or(cursor, |(key, _)| key.to_bytes());
        let next = (!is_done).then_some(next);
        work.facts.push(Fact::Job { kind: TRIM, left: u64::from(next.is_some()) });
        work.put(trim_key(), next.clone().map(trim_job));
        self.trim = next;
    }

    /// Takes this record's writes into the derived indexes.
    fn follow(&mut self, work: &Work<'_>) {
        for (key, record) in &work.delta {
            if let (Sub::Waiting(source, event), Some(before)) = (&key.sub, work.state.get(key))
                && let Record::Waiting(before) = &*before
            {
                let event = EventKey { source: source.clone(), key: event.clone() };
                self.due.remove(&(before.due, SubjectId(key.entity.clone()), event));
            }
            self.note(key, record.as_deref());
        }
    }

    /// Takes the task's own records in, in the place of what was known of them.
    fn learn_own(&mut self, state: &dyn StateRead) {
        (self.clock, self.trim) = (TaskClock::default(), None);
        self.parked = ParkedEntities::default();
        for (key, record) in own_records(state) {
            self.note(&key, Some(&record));
        }
    }

    /// A subject that is parked no longer: what waits of it falls due again.
    fn learn_anew(&mut self, subject: &SmolStr, state: &dyn StateRead) {
        self.learn_own(state);
        for (key, record) in waits_of(state, subject) {
            self.note(&key, Some(&record));
        }
    }

    fn note(&mut self, key: &Key, record: Option<&Record>) {
        match (&key.sub, record) {
            (Sub::Waiting(source, event), Some(Record::Waiting(waiting)))
                if !self.parked.contains(&key.entity) =>
            {
                let event = EventKey { source: source.clone(), key: event.clone() };
                self.due.insert((waiting.due, SubjectId(key.entity.clone()), event));
            }
            (Sub::Own(name), Some(Record::Clock(clock))) if name == TaskClock::KEY => {
                self.clock = clock.clone();
            }
            (Sub::Job(_), Some(Record::Job(Job::Other { cursor, .. }))) => self.trim = Some(cursor.clone()),
            (Sub::Own(_), Some(record @ Record::Parked(_))) => self.parked.learn(key, record),
            _ => {}
        }
    }
}

/// The bodiless changes of a subject that wait.
fn waits_of(state: &dyn StateRead, subject: &SmolStr) -> Vec<(Key, Arc<Record>)> {
    const PAGE: usize = 64;
    let (mut waits, mut after) = (Vec::new(), Key::new(subject.clone(), Sub::Waiting("".into(), "".into())));
    loop {
        let page = state.scan(Some(&after), PAGE);
        let read = page.len();
        let is_wait = |key: &Key| key.entity == *subject && matches!(key.sub, Sub::Waiting(..));
        waits.extend(page.into_iter().take_while(|(key, _)| is_wait(key)));
        match waits.last() {
            Some((last, _)) if read == PAGE && *last != after => after = last.clone(),
            _ => return waits,
        }
    }
}

/// What came before the first tick waits from that tick on: the day from which its wait then counts.
fn started_before_time(waiting: &Waiting, today: Day) -> Option<Day> {
    let held = [&waiting.end, &waiting.void].into_iter().flatten();
    let early = held.clone().any(|held| held.since == StreamTime::ZERO);
    let lateness = held.filter_map(|held| match &*held.message {
        SubjectMessage::Signal { signal, .. } => Some(i32::from(signal.lateness_days)),
        _ => None,
    });
    early.then(|| today.plus(lateness.max().unwrap_or(0)))
}

fn trim_key() -> Key {
    Key::new("", Sub::Job(SmolStr::new(TRIM)))
}

fn trim_job(cursor: Vec<u8>) -> Record {
    Record::Job(Job::Other { kind: SmolStr::new(TRIM), cursor })
}
