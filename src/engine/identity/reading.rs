//! Readings of daily kinds on their way along their owners. As with signals, what is known depends on the set of
//! records and not on their order, and an owner without a link keeps what it learns but does not count it while a later
//! owner can be asked. Whole series move when links come and go.

use super::super::effect::Fact;
use super::super::message::{HouseholdMessage, SubjectMessage};
use super::days::{day_event, month, next_owner, place_in_month};
use super::link::{Standing, tell};
use super::records::{DayBits, Series};
use super::subject::Subject;
use super::work::Work;
use crate::types::{Event, EventKey, Origin, Reading, StreamTime, SubjectId};

/// A reading at one of its owners.
pub(super) struct Arrival<'m> {
    pub(super) origin: &'m Origin,
    pub(super) trail: u8,
    pub(super) accepted: StreamTime,
    pub(super) reading: &'m Reading,
}

impl Arrival<'_> {
    /// The owner it has reached.
    pub(super) fn owner(&self) -> Option<&SubjectId> {
        self.reading.owners.get(usize::from(self.trail))
    }

    fn late(&self) -> bool {
        let last = self.reading.day.plus(i32::from(self.reading.lateness_days));
        self.accepted > StreamTime::ZERO && last < self.accepted.day()
    }
}

/// Takes a reading in; answers false if there was no place for it anywhere.
pub(super) fn take_in(work: &mut Work<'_>, arrival: &Arrival<'_>, owner: &SubjectId) -> bool {
    let Reading { source, kind, day, revision, state, owners, .. } = arrival.reading;
    let mut subject = Subject::load(work, owner);
    let Some(of) = subject.series(source, kind, owners, arrival.trail) else {
        return hop(work, arrival);
    };
    let before = subject.day(work, source, kind, *day);
    let take = |bits: &mut DayBits| bits.take(place_in_month(*day), *revision, *state);
    if !subject.note(work, of, month(*day), take) {
        work.facts.push(Fact::Duplicate { topic: arrival.origin.topic.clone() });
        return true;
    }
    if arrival.trail == 0 && arrival.late() {
        work.facts.push(Fact::Late { topic: arrival.origin.topic.clone() });
    }
    match subject.day(work, source, kind, *day) {
        after if after == before => {}
        Some((revision, used)) => {
            put(work, &subject, arrival.origin, &day_event(source, kind, *day, revision, used));
        }
        None => {
            for household in subject.households(*day).into_keys() {
                let (origin, subject, seq) =
                    (arrival.origin.clone(), subject.id.clone(), subject.head.get().seq);
                let key = EventKey::of_day(source, kind, *day);
                work.tell_household(&household, &HouseholdMessage::Remove { origin, subject, seq, key });
            }
        }
    }
    if !subject.counts_series(of) {
        hop(work, arrival);
    }
    subject.save(work);
    true
}

fn put(work: &mut Work<'_>, subject: &Subject, origin: &Origin, event: &Event) {
    for (household, confidence) in subject.households(event.day()) {
        if confidence.is_none() {
            work.facts.push(Fact::Unlinked { hopped: false });
        }
        let message = HouseholdMessage::Put {
            origin: origin.clone(),
            subject: subject.id.clone(),
            seq: subject.head.get().seq,
            confidence,
            event: event.clone(),
        };
        work.tell_household(&household, &message);
    }
}

/// Hands a reading on to the next owner; answers whether there is one.
fn hop(work: &mut Work<'_>, arrival: &Arrival<'_>) -> bool {
    let Some((trail, next)) = next_owner(&arrival.reading.owners, arrival.trail) else { return false };
    work.facts.push(Fact::Unlinked { hopped: true });
    let message = SubjectMessage::Reading {
        origin: arrival.origin.clone(),
        trail,
        accepted: Some(arrival.accepted),
        reading: arrival.reading.clone(),
    };
    work.tell_subject(next, &message);
    true
}

/// A subject was linked for the first time, or lost its last link: its series go home or on.
pub(super) fn move_series(work: &mut Work<'_>, subject: &mut Subject, origin: &Origin, linked: bool) {
    for (of, series) in (0..=u8::MAX).zip(subject.head.get().series.clone()) {
        if series.next().is_none() {
            continue;
        }
        let months = subject.months_of(work, of);
        match (months.is_empty(), linked) {
            (true, _) => {}
            (false, true) => forget_on(work, origin, &series),
            (false, false) => {
                hand_on(work, origin, &series, months);
            }
        }
    }
}

/// Takes over a series that an earlier owner hands on; answers false if there was no place for it anywhere.
pub(super) fn take_over(
    work: &mut Work<'_>,
    origin: &Origin,
    series: Series,
    months: Vec<(i16, DayBits)>,
) -> bool {
    let Some(owner) = series.owners.get(usize::from(series.trail)) else { return true };
    let mut subject = Subject::load(work, owner);
    let Some(of) = subject.series(&series.source, &series.kind, &series.owners, series.trail) else {
        return hand_on(work, origin, &series, months);
    };
    let before = Standing::of(work, &mut subject);
    let mut any = false;
    for (month, bits) in &months {
        any |= subject.note(work, of, *month, |known| known.take_all(bits));
    }
    if any {
        restate(work, &mut subject, &before);
        if !subject.counts_series(of) {
            hand_on(work, origin, &series, months);
        }
    }
    subject.save(work);
    true
}

/// Forgets a series that an earlier owner took home.
pub(super) fn forget(work: &mut Work<'_>, origin: &Origin, series: Series) {
    let Some(owner) = series.owners.get(usize::from(series.trail)) else { return };
    let mut subject = Subject::load(work, owner);
    let Some(of) = subject.series(&series.source, &series.kind, &series.owners, series.trail) else { return };
    let before = Standing::of(work, &mut subject);
    if !subject.drop_series(work, of) {
        return;
    }
    restate(work, &mut subject, &before);
    if !subject.counts_series(of) {
        forget_on(work, origin, &series);
    }
    subject.save(work);
}

fn restate(work: &mut Work<'_>, subject: &mut Subject, before: &Standing) {
    subject.head.edit().seq += 1;
    let after = Standing::of(work, subject);
    tell(work, subject, before, &after);
}

fn hand_on(work: &mut Work<'_>, origin: &Origin, series: &Series, months: Vec<(i16, DayBits)>) -> bool {
    let Some((trail, next)) = series.next() else { return false };
    let Series { source, kind, owners, .. } = series.clone();
    work.tell_subject(
        next,
        &SubjectMessage::Readings { origin: origin.clone(), trail, owners, source, kind, months },
    );
    true
}

fn forget_on(work: &mut Work<'_>, origin: &Origin, series: &Series) {
    let Some((trail, next)) = series.next() else { return };
    let Series { source, kind, owners, .. } = series.clone();
    work.tell_subject(
        next,
        &SubjectMessage::ForgetReadings { origin: origin.clone(), trail, owners, source, kind },
    );
}
