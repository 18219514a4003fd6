//! The stored form: what a task may keep, under which key, in which bytes.
//!
//! A key is `entity` and `sub`; a value is the full content of one small sub-key, never a delta. On disk and in
//! the changelog a value is a format byte, a key-id byte (0 = not encrypted) and postcard.

use super::message::{MESSAGE_FORMAT, MessageError, PLAIN, decode, encode};
use crate::types::SmolStr;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The name of one stored record: an entity (or subject, or `""` for the task's own) and a part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Whose.
    pub entity: SmolStr,
    /// Which part.
    pub sub: Sub,
}

/// Parts of an entity. The tag byte is the stored one: never renumber.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sub {
    /// Facts, links, subjects, counters. Tag 1.
    Head,
    /// Events of one calendar year. Tag 2.
    Page(i16),
    /// The `daily` kinds: days of use in one calendar year (households), in one month, counted from January 1970
    /// (identity). Tag 3.
    Daily(i16),
    /// One live or recent episode: rule id and number. Tag 4.
    Episode(SmolStr, u32),
    /// A record that waits for another (an `end` or `void` before its original): source and key. Tag 5.
    Waiting(SmolStr, SmolStr),
    /// A durable job of the task. Tag 6.
    Job(SmolStr),
    /// Anything else that a task keeps of itself (stream time, completeness, positions), by name. Tag 7.
    Own(SmolStr),
    /// Households of an area with an event of a kind in a month, counted from January 1970: those of one part of them
    /// (areas). Tag 8.
    Crowd(SmolStr, i16, u8),
}

impl Key {
    /// A part of an entity.
    pub fn new(entity: impl Into<SmolStr>, sub: Sub) -> Self {
        Self { entity: entity.into(), sub }
    }

    /// A record of the task itself.
    pub fn own(name: &str) -> Self {
        Self { entity: SmolStr::default(), sub: Sub::Own(SmolStr::new(name)) }
    }

    /// Order-preserving bytes: entity, 0, tag, part. Entities and names hold no NUL (checked at intake).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.entity.len() + 12);
        bytes.extend_from_slice(self.entity.as_bytes());
        bytes.push(0);
        match &self.sub {
            Sub::Head => bytes.push(1),
            Sub::Page(year) => {
                bytes.push(2);
                bytes.extend_from_slice(&year.to_be_bytes());
            }
            Sub::Daily(year) => {
                bytes.push(3);
                bytes.extend_from_slice(&year.to_be_bytes());
            }
            Sub::Episode(rule, number) => {
                bytes.push(4);
                bytes.extend_from_slice(rule.as_bytes());
                bytes.push(0);
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            Sub::Waiting(source, key) => {
                bytes.push(5);
                bytes.extend_from_slice(source.as_bytes());
                bytes.push(0);
                bytes.extend_from_slice(key.as_bytes());
            }
            Sub::Job(name) => {
                bytes.push(6);
                bytes.extend_from_slice(name.as_bytes());
            }
            Sub::Own(name) => {
                bytes.push(7);
                bytes.extend_from_slice(name.as_bytes());
            }
            Sub::Crowd(kind, month, part) => {
                bytes.push(8);
                bytes.extend_from_slice(kind.as_bytes());
                bytes.push(0);
                bytes.extend_from_slice(&month.to_be_bytes());
                bytes.push(*part);
            }
        }
        bytes
    }

    /// The reverse of [`Self::to_bytes`]; none for bytes that no key has.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        fn text(bytes: &[u8]) -> Option<SmolStr> {
            std::str::from_utf8(bytes).ok().map(SmolStr::new)
        }
        let end = bytes.iter().position(|b| *b == 0)?;
        let (entity, rest) = (text(bytes.get(..end)?)?, bytes.get(end + 1..)?);
        let (tag, part) = rest.split_first()?;
        let sub = match tag {
            1 if part.is_empty() => Sub::Head,
            2 => Sub::Page(i16::from_be_bytes(part.try_into().ok()?)),
            3 => Sub::Daily(i16::from_be_bytes(part.try_into().ok()?)),
            4 => {
                let (number, rule) = (part.last_chunk::<4>()?, part.get(..part.len().checked_sub(5)?)?);
                Sub::Episode(text(rule)?, u32::from_be_bytes(*number))
            }
            5 => {
                let split = part.iter().position(|b| *b == 0)?;
                Sub::Waiting(text(part.get(..split)?)?, text(part.get(split + 1..)?)?)
            }
            6 => Sub::Job(text(part)?),
            7 => Sub::Own(text(part)?),
            8 => {
                let (kind, [0, high, low, number]) = part.split_last_chunk::<4>()? else { return None };
                Sub::Crowd(text(kind)?, i16::from_be_bytes([*high, *low]), *number)
            }
            _ => return None,
        };
        Some(Self { entity, sub })
    }
}

/// What a stage keeps under a [`Key`]. Closed: each stage's own records are variants, so that a lane, the store
/// and `state inspect` handle all of them alike. Position is the wire tag: append, never reorder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// identity: what is known of a subject.
    Subject(super::identity::SubjectHead),
    /// identity: events of a subject in one year.
    SubjectPage(super::identity::SubjectPage),
    /// identity: a bodiless change that waits for its original.
    Waiting(super::identity::Waiting),
    /// households: facts, contributing subjects, counters. areas: the same of an area.
    Household(super::households::HouseholdHead),
    /// households: events of one year.
    HouseholdPage(super::households::HouseholdPage),
    /// households: days of use in one year.
    DailyUse(super::households::DailyUse),
    /// households: an episode.
    Episode(super::households::Episode),
    /// any stage: stream time, completeness, the pack in force.
    Clock(super::clock::TaskClock),
    /// households: an area event that matters now.
    Area(super::households::AreaEntry),
    /// control: samples, positions, source completeness.
    Control(super::control::ControlState),
    /// any stage: a durable job.
    Job(super::job::Job),
    /// any stage with state: an entity whose records go to `dead-letters` until an operator acts; under
    /// `Own("parked/<key>")`, written and read by the lane alone.
    Parked(super::lane::Parked),
    /// identity: readings of a subject in one month.
    SubjectDays(super::identity::SubjectDays),
    /// any stage: how far one feed is complete, under `Own("feed/…")`.
    Feed(super::message::SourceState),
    /// areas: which pages of its households there are in one year.
    CrowdYear(super::households::CrowdYear),
    /// areas: households with an event of one kind in one month.
    Crowd(super::households::CrowdPage),
    /// control: ticks on their way through households.
    AreaTime(super::control::AreaTime),
}

impl Record {
    /// The stored bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads stored bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MessageError> {
        decode(bytes)
    }
}

// One header for both, so that encryption later changes one place.
const _: () = assert!(MESSAGE_FORMAT == 1 && PLAIN == 0);

/// What a task reads its state through. Writes are in [`super::effect::Effects::delta`].
///
/// Reading is infallible here: a store that cannot answer stops its lane before the task sees it.
pub trait StateRead {
    /// The record under a key.
    fn get(&self, key: &Key) -> Option<Arc<Record>>;

    /// Up to `limit` keys behind `after` (exclusive; none from the start), in byte order, with their records.
    /// For sweeps and rebuilding derived indexes, never for the handling of one event.
    fn scan(&self, after: Option<&Key>, limit: usize) -> Vec<(Key, Arc<Record>)>;
}

/// The task's own records, which stand before all entities: clock, jobs, who is parked.
pub fn own_records(state: &dyn StateRead) -> Vec<(Key, Arc<Record>)> {
    const PAGE: usize = 256;
    let mut own: Vec<(Key, Arc<Record>)> = Vec::new();
    loop {
        let page = state.scan(own.last().map(|(key, _)| key), PAGE);
        let known = own.len();
        own.extend(page.into_iter().take_while(|(key, _)| key.entity.is_empty()));
        if own.len() < known + PAGE {
            return own;
        }
    }
}

/// State in memory, whole: for rule tests, the simulator and the single-threaded oracle.
#[derive(Clone, Debug, Default)]
pub struct MemoryState {
    records: std::collections::BTreeMap<Vec<u8>, (Key, Arc<Record>)>,
}

impl MemoryState {
    /// Takes a delta in.
    pub fn apply(&mut self, delta: &[(Key, Option<Arc<Record>>)]) {
        for (key, record) in delta {
            match record {
                Some(record) => self.records.insert(key.to_bytes(), (key.clone(), Arc::clone(record))),
                None => self.records.remove(&key.to_bytes()),
            };
        }
    }

    /// All records in key order.
    pub fn iter(&self) -> impl Iterator<Item = (Key, Arc<Record>)> + '_ {
        self.records.values().map(|(key, record)| (key.clone(), Arc::clone(record)))
    }
}

impl StateRead for MemoryState {
    fn get(&self, key: &Key) -> Option<Arc<Record>> {
        self.records.get(&key.to_bytes()).map(|(_, record)| Arc::clone(record))
    }

    fn scan(&self, after: Option<&Key>, limit: usize) -> Vec<(Key, Arc<Record>)> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.to_bytes()));
        let range = self.records.range((from, Bound::Unbounded));
        range.take(limit).map(|(_, (key, record))| (key.clone(), Arc::clone(record))).collect()
    }
}
