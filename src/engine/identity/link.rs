//! Links: which household held a subject when. A change moves the subject's events: whoever gains or loses some is
//! told the whole set anew (`Joined`), whoever keeps nothing is told so (`Left`).

use super::super::effect::Fact;
use super::super::message::{HouseholdMessage, SubjectMessage};
use super::reading::move_series;
use super::records::{Onward, StoredLink};
use super::signal::hand_on;
use super::subject::{Subject, in_order};
use super::work::Work;
use crate::types::{EntityId, Event, EventKey, LinkRecord, Origin, SubjectId};
use std::collections::{BTreeMap, BTreeSet};

/// Events in one `Joined` chunk.
pub const EVENTS_PER_CHUNK: usize = 256;

/// Links of one subject, those taken back included. All of them lie in one record and are gone through for each of its events.
pub const LINKS_OF_A_SUBJECT: usize = 64;

/// Takes a link in; answers false if the subject has no room for one more.
#[must_use]
pub(super) fn take_in(work: &mut Work<'_>, origin: &Origin, link: &LinkRecord) -> bool {
    let mut subject = Subject::load(work, &link.subject);
    let mut links = subject.head.get().links.clone();
    let is_known = links.iter().any(|known| known.key == link.key);
    // A removal without a revision of its own leaves nothing behind where nothing is known.
    if !is_known && !is_unnumbered_removal(link) && links.len() >= LINKS_OF_A_SUBJECT {
        return false;
    }
    if !store(&mut links, link) {
        work.facts.push(Fact::Duplicate { topic: origin.topic.clone() });
        return true;
    }
    let before = Standing::of(work, &mut subject);
    let head = subject.head.edit();
    (head.links, head.seq) = (links, head.seq + 1);
    let after = Standing::of(work, &mut subject);
    tell(work, &subject, &before, &after);
    if before.linked != after.linked {
        for entry in subject.entries(work) {
            let Some(onward) = entry.onward.as_deref() else { continue };
            if after.linked {
                forget_down_the_trail(work, origin, onward, &entry.event.key);
            } else {
                hand_on(work, &entry);
            }
        }
        move_series(work, &mut subject, origin, after.linked);
    }
    subject.save(work);
    true
}

/// An event that an earlier owner took home.
pub(super) fn forget(work: &mut Work<'_>, origin: &Origin, trail: u8, owners: &[SubjectId], key: &EventKey) {
    let Some(owner) = owners.get(usize::from(trail)) else { return };
    let mut subject = Subject::load(work, owner);
    let Some(entry) = subject.find(work, key) else { return };
    subject.remove(work, &entry);
    for household in subject.homes(&entry).into_keys() {
        let (origin, subject, seq) = (origin.clone(), subject.id.clone(), subject.head.get().seq);
        let message = HouseholdMessage::Remove { origin, subject, seq, key: key.clone() };
        work.tell_household(&household, &message);
    }
    if let Some(onward) = entry.onward.as_deref().filter(|_| !subject.counts(&entry)) {
        forget_down_the_trail(work, origin, onward, key);
    }
    subject.save(work);
}

fn forget_down_the_trail(work: &mut Work<'_>, origin: &Origin, onward: &Onward, key: &EventKey) {
    let trail = onward.trail.saturating_add(1);
    let Some(next) = onward.owners.get(usize::from(trail)).cloned() else { return };
    let (origin, owners, key) = (origin.clone(), onward.owners.clone(), key.clone());
    work.tell_subject(&next, &SubjectMessage::Forget { origin, trail, owners, key });
}

/// Puts a link among those known; answers whether it said anything new.
fn store(links: &mut Vec<StoredLink>, link: &LinkRecord) -> bool {
    let place = links.binary_search_by(|known| known.key.cmp(&link.key));
    let unnumbered = is_unnumbered_removal(link);
    match place {
        Ok(at) if unnumbered => !std::mem::replace(&mut links[at].removed, true),
        Ok(at) if links[at].revision >= link.revision => false,
        Err(_) if unnumbered => false,
        place => {
            let stored = StoredLink {
                key: link.key.clone(),
                revision: link.revision,
                household: link.household.clone(),
                confidence: link.confidence,
                from: link.from,
                to: link.to,
                removed: link.removed,
            };
            match place {
                Ok(at) => links[at] = stored,
                Err(at) => {
                    // Most subjects have one link and stay in memory: no room for three more.
                    links.reserve_exact(1);
                    links.insert(at, stored);
                }
            }
            true
        }
    }
}

/// A removal without a revision of its own takes back what is known, and a higher revision may bring it back.
fn is_unnumbered_removal(link: &LinkRecord) -> bool {
    link.removed && link.revision == i64::MAX
}

/// Where a subject stands: what each household has of it, and with what confidence each is linked now.
pub(super) struct Standing {
    linked: bool,
    shares: BTreeMap<EntityId, Vec<Event>>,
    links: BTreeMap<EntityId, u8>,
}

impl Standing {
    pub(super) fn of(work: &Work<'_>, subject: &mut Subject) -> Self {
        let mut shares: BTreeMap<EntityId, Vec<Event>> = BTreeMap::new();
        for entry in subject.entries(work) {
            for household in subject.homes(&entry).into_keys() {
                shares.entry(household).or_default().push(entry.effective());
            }
        }
        for event in subject.days(work) {
            for household in subject.households(event.day()).into_keys() {
                shares.entry(household).or_default().push(event.clone());
            }
        }
        let mut links: BTreeMap<EntityId, u8> = BTreeMap::new();
        for link in subject.head.get().links.iter().filter(|link| !link.removed) {
            if link.to.is_none_or(|to| work.today().is_none_or(|today| today < to)) {
                let confidence = links.entry(link.household.clone()).or_default();
                *confidence = (*confidence).max(link.confidence);
            }
        }
        Self { linked: subject.linked(), shares, links }
    }
}

/// Tells the households that gained or lost something.
pub(super) fn tell(work: &mut Work<'_>, subject: &Subject, before: &Standing, after: &Standing) {
    let known: BTreeSet<&EntityId> = [before, after]
        .iter()
        .flat_map(|standing| standing.shares.keys().chain(standing.links.keys()))
        .collect();
    // Departures first: a household that is told of both must not hold the subject twice in between.
    let keeps =
        |household: &EntityId| after.shares.contains_key(household) || after.links.contains_key(household);
    for household in known.iter().filter(|household| !keeps(household)) {
        let message = HouseholdMessage::Left { subject: subject.id.clone(), seq: subject.head.get().seq };
        work.tell_household(household, &message);
    }
    let nothing = Vec::new();
    for household in known.into_iter().filter(|household| keeps(household)) {
        let share = after.shares.get(household).unwrap_or(&nothing);
        let moved = share != before.shares.get(household).unwrap_or(&nothing);
        if moved || after.links.get(household) != before.links.get(household) {
            join(work, subject, household, confidence(subject, household), &in_order(share.clone()));
        }
    }
}

/// The registry's confidence in a household, of its best link; none for a provisional one.
fn confidence(subject: &Subject, household: &EntityId) -> Option<u8> {
    let links = subject.head.get().links.iter().filter(|link| !link.removed && link.household == *household);
    links.map(|link| link.confidence).max()
}

fn join(
    work: &mut Work<'_>,
    subject: &Subject,
    household: &EntityId,
    confidence: Option<u8>,
    events: &[Event],
) {
    let chunks: Vec<&[Event]> =
        if events.is_empty() { vec![&[]] } else { events.chunks(EVENTS_PER_CHUNK).collect() };
    let parts = u16::try_from(chunks.len()).unwrap_or(u16::MAX);
    for (part, events) in (0..parts).zip(chunks) {
        let message = HouseholdMessage::Joined {
            subject: subject.id.clone(),
            seq: subject.head.get().seq,
            confidence,
            part,
            parts,
            events: events.to_vec(),
        };
        work.tell_household(household, &message);
    }
}
