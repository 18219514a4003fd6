//! Signals: one thing is reported many times, out of order, corrected, ended, voided. What is known of it depends on
//! the set of its reports and not on their order:
//!
//! - the report with the highest revision gives the body;
//! - a bodiless `end` is in force if no report is higher, a bodiless `void` if no report is higher;
//! - an equal or lower revision of the same change says nothing new;
//! - bodiless changes before the first report wait for it.
//!
//! An owner without a link keeps what it learns but does not count it while a later owner can be asked: it hands every
//! change on and takes the event home when it is linked itself.

use super::super::effect::Fact;
use super::super::message::{HouseholdMessage, SubjectMessage};
use super::super::state::Record;
use super::records::{Entry, Held, Onward, Voided, Waiting};
use super::subject::{Subject, waiting, waiting_key};
use super::work::Work;
use crate::types::{Change, Day, Event, EventKey, EventTime, Origin, Signal, StreamTime, SubjectId};

/// Hops along the owners of a signal.
pub const MAX_HOPS: u8 = 2;

/// A signal at one of its owners, with its place in the stage log.
pub(super) struct Arrival<'m> {
    pub(super) origin: &'m Origin,
    pub(super) trail: u8,
    pub(super) accepted: StreamTime,
    /// The first acceptance of its key, as an earlier owner knew it.
    pub(super) first: Option<StreamTime>,
    pub(super) signal: &'m Signal,
    pub(super) offset: i64,
    pub(super) timestamp_ms: i64,
}

impl Arrival<'_> {
    /// The owner it has reached.
    pub(super) fn owner(&self) -> Option<&SubjectId> {
        self.signal.owners.get(usize::from(self.trail))
    }

    fn onward(&self) -> Option<Box<Onward>> {
        let more = self.trail < MAX_HOPS && usize::from(self.trail) + 1 < self.signal.owners.len();
        more.then(|| {
            Box::new(Onward {
                origin: self.origin.clone(),
                trail: self.trail,
                owners: self.signal.owners.clone(),
                region: self.signal.region.clone(),
                lateness_days: self.signal.lateness_days,
            })
        })
    }

    /// Whether it came later than its topic allows. Before the first tick nothing is late.
    fn late(&self, day: Day) -> bool {
        self.accepted > StreamTime::ZERO
            && day.plus(i32::from(self.signal.lateness_days)) < self.accepted.day()
    }
}

/// Whether an owner knows a lower revision of a signal's event.
pub(super) fn is_correction(work: &Work<'_>, arrival: &Arrival<'_>, owner: &SubjectId) -> bool {
    let Signal { key, revision, .. } = arrival.signal;
    let known = Subject::load(work, owner).find(work, key);
    known.is_some_and(|known| known.event.revision < *revision)
}

/// Takes a signal in.
pub(super) fn take_in(work: &mut Work<'_>, arrival: &Arrival<'_>, owner: &SubjectId) {
    let mut subject = Subject::load(work, owner);
    let known = match &arrival.signal.change {
        Change::Body { .. } => report(work, &mut subject, arrival),
        Change::End(time) => end(work, &mut subject, arrival, *time),
        Change::Void => void(work, &mut subject, arrival),
    };
    if known == Known::Already {
        work.facts.push(Fact::Duplicate { topic: arrival.origin.topic.clone() });
    }
    subject.save(work);
}

/// Whether a record said anything new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Already,
    New,
}

fn report(work: &mut Work<'_>, subject: &mut Subject, arrival: &Arrival<'_>) -> Known {
    let Signal { key, revision, change, .. } = arrival.signal;
    let Change::Body { kind, time, phase, fields } = change else { return Known::Already };
    if subject.voided(key).is_some_and(|voided| voided.revision >= *revision) {
        return Known::Already;
    }
    let old = subject.find(work, key);
    if old.as_ref().is_some_and(|old| old.event.revision >= *revision) {
        return Known::Already;
    }
    let (waited_end, waited_void) = settle_waiting(work, subject, key);
    if let Some(voided) = waited_void {
        let (key, day) = (key.clone(), time.day());
        subject.remember_void(Voided { key, revision: voided, day, end: waited_end });
        if voided >= *revision {
            return Known::New;
        }
    }
    let first = old.as_ref().map(|old| old.event.first_accepted()).into_iter().chain(arrival.first).min();
    let event = Event {
        key: key.clone(),
        revision: *revision,
        kind: kind.clone(),
        time: *time,
        phase: *phase,
        accepted: arrival.accepted,
        first: first.filter(|first| *first < arrival.accepted),
        late: arrival.late(time.day()),
        fields: fields.clone(),
    };
    if event.late && arrival.trail == 0 {
        work.facts.push(Fact::Late { topic: arrival.origin.topic.clone() });
    }
    let ends = [old.as_ref().and_then(|old| old.end), subject.voided(key).and_then(|voided| voided.end)];
    let end = ends.into_iter().fold(waited_end, higher);
    let entry = Entry { event, end, onward: arrival.onward() };
    place(work, subject, arrival.origin, old.as_deref(), &entry);
    if !subject.counts(&entry) {
        hand_on(work, &entry);
    }
    subject.insert(work, old.as_deref(), entry);
    Known::New
}

fn end(work: &mut Work<'_>, subject: &mut Subject, arrival: &Arrival<'_>, time: EventTime) -> Known {
    let Signal { key, revision, .. } = arrival.signal;
    if subject.voided(key).is_some_and(|voided| voided.revision >= *revision) {
        return Known::Already;
    }
    let Some(old) = subject.find(work, key) else { return wait(work, subject, arrival, Some(time)) };
    let new = *revision >= old.event.revision && old.end.is_none_or(|(known, _)| known < *revision);
    if !new {
        return Known::Already;
    }
    let entry = Entry { end: Some((*revision, time)), ..Entry::clone(&old) };
    place(work, subject, arrival.origin, Some(&old), &entry);
    if !subject.counts(&entry) {
        pass(work, arrival);
    }
    subject.insert(work, Some(&old), entry);
    Known::New
}

fn void(work: &mut Work<'_>, subject: &mut Subject, arrival: &Arrival<'_>) -> Known {
    let Signal { key, revision, .. } = arrival.signal;
    let voided = subject.voided(key).map(|voided| voided.revision);
    if voided.is_some_and(|voided| voided >= *revision) {
        return Known::Already;
    }
    let Some(old) = subject.find(work, key) else {
        if voided.is_none() {
            return wait(work, subject, arrival, None);
        }
        subject.remember_void(Voided { key: key.clone(), revision: *revision, day: Day(0), end: None });
        return Known::New;
    };
    let (key, revision, day) = (key.clone(), *revision, old.event.day());
    subject.remember_void(Voided { key: key.clone(), revision, day, end: old.end });
    if revision < old.event.revision {
        return Known::Already;
    }
    subject.remove(work, &old);
    for household in subject.homes(&old).into_keys() {
        let message = HouseholdMessage::Remove {
            origin: arrival.origin.clone(),
            subject: subject.id.clone(),
            seq: subject.head.get().seq,
            key: key.clone(),
        };
        work.tell_household(&household, &message);
    }
    if !subject.counts(&old) {
        pass(work, arrival);
    }
    Known::New
}

/// Tells the households of an event what it is now, and those that it left that it is gone.
fn place(work: &mut Work<'_>, subject: &Subject, origin: &Origin, old: Option<&Entry>, entry: &Entry) {
    let (seq, homes) = (subject.head.get().seq, subject.homes(entry));
    let left = old.map(|old| subject.homes(old)).unwrap_or_default();
    for household in left.into_keys().filter(|household| !homes.contains_key(household)) {
        let (origin, key) = (origin.clone(), entry.event.key.clone());
        let message = HouseholdMessage::Remove { origin, subject: subject.id.clone(), seq, key };
        work.tell_household(&household, &message);
    }
    for (household, confidence) in homes {
        if confidence.is_none() {
            work.facts.push(Fact::Unlinked { hopped: false });
        }
        let (origin, event) = (origin.clone(), entry.effective());
        let message = HouseholdMessage::Put { origin, subject: subject.id.clone(), seq, confidence, event };
        work.tell_household(&household, &message);
    }
}

/// Hands an event on to the next owner, whole.
pub(super) fn hand_on(work: &mut Work<'_>, entry: &Entry) {
    let Some(onward) = entry.onward.as_deref() else { return };
    let Event { key, revision, kind, time, phase, accepted, first, fields, .. } = &entry.event;
    let body = Change::Body { kind: kind.clone(), time: *time, phase: *phase, fields: fields.clone() };
    let ended = entry.end.filter(|(ended, _)| ended >= revision);
    let changes = [Some((*revision, body)), ended.map(|(revision, time)| (revision, Change::End(time)))];
    for (revision, change) in changes.into_iter().flatten() {
        let signal = Signal {
            key: key.clone(),
            revision,
            change,
            owners: onward.owners.clone(),
            region: onward.region.clone(),
            lateness_days: onward.lateness_days,
        };
        hop(work, &onward.origin, onward.trail, (*accepted, *first), signal);
    }
}

/// Hands a bodiless change on to the next owner.
fn pass(work: &mut Work<'_>, arrival: &Arrival<'_>) {
    if arrival.onward().is_some() {
        let accepted = (arrival.accepted, arrival.first);
        hop(work, arrival.origin, arrival.trail, accepted, arrival.signal.clone());
    }
}

fn hop(
    work: &mut Work<'_>,
    origin: &Origin,
    trail: u8,
    (accepted, first): (StreamTime, Option<StreamTime>),
    signal: Signal,
) {
    let trail = trail.saturating_add(1);
    let Some(next) = signal.owners.get(usize::from(trail)).cloned() else { return };
    work.facts.push(Fact::Unlinked { hopped: true });
    let (origin, accepted) = (origin.clone(), Some(accepted));
    let message = SubjectMessage::Signal { origin, trail, accepted, first, signal };
    work.tell_subject(&next, &message);
}

/// Keeps a bodiless change until its original comes.
fn wait(work: &mut Work<'_>, subject: &Subject, arrival: &Arrival<'_>, ended: Option<EventTime>) -> Known {
    let Signal { key, revision, lateness_days, .. } = arrival.signal;
    let held = Held {
        message: Box::new(SubjectMessage::Signal {
            origin: arrival.origin.clone(),
            trail: arrival.trail,
            accepted: Some(arrival.accepted),
            first: arrival.first,
            signal: arrival.signal.clone(),
        }),
        revision: *revision,
        ended,
        offset: arrival.offset,
        timestamp_ms: arrival.timestamp_ms,
        since: work.now,
    };
    let due = work.now.day().plus(i32::from(*lateness_days));
    let mut waiting = waiting(work, &subject.id, key).unwrap_or(Waiting { end: None, void: None, due });
    let slot = if ended.is_some() { &mut waiting.end } else { &mut waiting.void };
    if slot.as_ref().is_some_and(|held| held.revision >= *revision) {
        return Known::Already;
    }
    *slot = Some(held);
    waiting.due = waiting.due.max(due);
    work.put(waiting_key(&subject.id, key), Some(Record::Waiting(waiting)));
    Known::New
}

/// The original came: what waited for it ends waiting. Returns the end and the void that did.
fn settle_waiting(
    work: &mut Work<'_>,
    subject: &Subject,
    key: &EventKey,
) -> (Option<(i64, EventTime)>, Option<i64>) {
    let Some(waiting) = waiting(work, &subject.id, key) else { return (None, None) };
    work.put(waiting_key(&subject.id, key), None);
    let end = waiting.end.and_then(|held| Some((held.revision, held.ended?)));
    (end, waiting.void.map(|held| held.revision))
}

/// The end with the higher revision.
pub(super) fn higher(a: Option<(i64, EventTime)>, b: Option<(i64, EventTime)>) -> Option<(i64, EventTime)> {
    [a, b].into_iter().flatten().max_by_key(|(revision, _)| *revision)
}
