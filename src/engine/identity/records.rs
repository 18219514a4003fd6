//! What identity keeps of a subject.

use super::super::message::SubjectMessage;
use crate::types::{
    Day, EntityId, Event, EventKey, EventTime, Origin, Phase, SmolStr, StreamTime, SubjectId,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is known of a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectHead {
    /// Links by key, removed ones included so that a lower revision does not bring them back.
    pub links: Vec<StoredLink>,
    /// Rises by one at each change of links, and when an earlier owner hands on readings or takes them home.
    pub seq: u64,
    /// Years of which a page exists, ascending.
    pub years: Vec<i16>,
    /// Months (since January 1970) of which a page of daily kinds exists, ascending.
    pub months: Vec<i16>,
    /// Events that never happened, by key.
    pub voided: Vec<Voided>,
    /// Where readings of daily kinds come from. A place in this list is what [`SubjectDays`] names.
    pub series: Vec<Series>,
}

/// Readings of one daily kind that one source sends by one way. Two meters of a person differ in their owners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Who reads; empty where the place is free.
    pub source: SmolStr,
    /// Event name in rules.
    pub kind: SmolStr,
    /// All owners; empty where this subject is the only one.
    pub owners: Vec<SubjectId>,
    /// Index of this subject among them.
    pub trail: u8,
}

/// Readings of a subject in one month.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectDays {
    /// By place in [`SubjectHead::series`], ascending.
    pub series: Vec<(u8, DayBits)>,
}

/// The days of a series in one month.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayBits {
    /// Days that were read; bit 0 is the first of the month.
    pub read: u32,
    /// Days that were used.
    pub used: u32,
    /// Revisions that are not 1, and those of voided days, which are not read; by day from 0, ascending.
    pub revised: Vec<(u8, i64)>,
}

/// A link to a household as the registry last told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLink {
    /// Source and source key.
    pub key: EventKey,
    /// The registry's revision.
    pub revision: i64,
    /// Where the subject belongs.
    pub household: EntityId,
    /// Percent.
    pub confidence: u8,
    /// First day.
    pub from: Day,
    /// First day on which it no longer holds.
    pub to: Option<Day>,
    /// It never held.
    pub removed: bool,
}

impl StoredLink {
    /// Whether the subject belonged to the household on that day.
    pub fn holds_on(&self, day: Day) -> bool {
        !self.removed && self.from <= day && self.to.is_none_or(|to| day < to)
    }
}

/// An event that was voided: kept so that a late copy of its report does not bring it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voided {
    /// Which.
    pub key: EventKey,
    /// Reports up to this revision never happened.
    pub revision: i64,
    /// The day from which its age counts.
    pub day: Day,
    /// The highest end known when it was voided: in force again for a report between the two.
    pub end: Option<(i64, EventTime)>,
}

/// Events of a subject in one year.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectPage {
    /// By key. Shared, so that a copy of the page for one more entry copies no other.
    pub entries: Vec<Arc<Entry>>,
    /// Older events beyond the limit of a kind, which are counted alone.
    pub dropped: Vec<(SmolStr, u32)>,
}

/// One event as its reports made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What the highest report says; `revision` is that report's own.
    pub event: Event,
    /// The highest bodiless end: revision and time. In force if not lower than the report's revision.
    pub end: Option<(i64, EventTime)>,
    /// How to go on to later owners, where the signal named any.
    pub onward: Option<Box<Onward>>,
}

impl Entry {
    /// The event with its end, as households see it.
    pub fn effective(&self) -> Event {
        let mut event = self.event.clone();
        if let Some((revision, time)) = self.end
            && revision >= event.revision
        {
            event.phase = Phase::Ended(time);
            event.revision = revision;
        }
        event
    }
}

/// What a signal said beside its event, kept so that it can be handed on to later owners and taken home again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Onward {
    /// The raw record of the report.
    pub origin: Origin,
    /// Index of this subject.
    pub trail: u8,
    /// All owners.
    pub owners: Vec<SubjectId>,
    /// The region for which the source reports.
    pub region: Option<SmolStr>,
    /// Days after which the topic calls a record late.
    pub lateness_days: u16,
}

/// Bodiless changes that wait for their original: the highest end and the highest void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// It ended.
    pub end: Option<Held>,
    /// It never happened.
    pub void: Option<Held>,
    /// The last day on which the original may come.
    pub due: Day,
}

/// A record that waits, with its place in the stage log: after the wait its letter names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The record.
    pub message: Box<SubjectMessage>,
    /// Its revision.
    pub revision: i64,
    /// When it ended, for an end.
    pub ended: Option<EventTime>,
    /// Offset in the stage log.
    pub offset: i64,
    /// Log time.
    pub timestamp_ms: i64,
    /// Stream time at which it came.
    pub since: StreamTime,
}
