//! What lies in the stage logs. Everything that can change a task's state is one of these records in its one log.
//!
//! On the wire: a format byte, a key-id byte (0 = not encrypted), then postcard. A variant's position is its wire
//! tag: append new ones at the end, never reorder.

use super::identity::DayBits;
use crate::types::{
    Action, AreaEvent, Day, EntityId, Event, EventKey, FactsRecord, LinkRecord, Origin, PackHash, Reading,
    Signal, SmolStr, StreamTime, SubjectId, Value,
};
use serde::{Deserialize, Serialize};

/// Records of `ieum.subjects`, keyed by subject, read by identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubjectMessage {
    /// A signal for the owner at `trail`; after a hop, `trail` has grown by one.
    Signal {
        /// The raw record it came from.
        origin: Origin,
        /// Index into `signal.owners` of the subject that this record is keyed by.
        trail: u8,
        /// Stream time at which its first owner accepted it; none before that.
        accepted: Option<StreamTime>,
        /// Stream time at which its key was accepted first, where an owner that hands it on knows of an earlier revision.
        first: Option<StreamTime>,
        /// The signal.
        signal: Signal,
    },
    /// A registry link.
    Link {
        /// The raw record it came from.
        origin: Origin,
        /// The link.
        link: LinkRecord,
    },
    /// Stream time.
    Tick(Tick),
    /// Nothing but a chance to go on with a job.
    Continue,
    /// An earlier owner was linked and took this event home: it counts here no longer, nor further down the trail.
    Forget {
        /// The raw record that led to it: the link's.
        origin: Origin,
        /// Index into `owners` of the subject that this record is keyed by.
        trail: u8,
        /// The owners of the signal.
        owners: Vec<SubjectId>,
        /// Which event.
        key: EventKey,
    },
    /// A reading of a daily kind, for the owner at `trail`.
    Reading {
        /// The raw record it came from.
        origin: Origin,
        /// Index into `reading.owners` of the subject that this record is keyed by.
        trail: u8,
        /// Stream time at which its first owner accepted it; none before that.
        accepted: Option<StreamTime>,
        /// The reading.
        reading: Reading,
    },
    /// An earlier owner lost its last link and hands on all readings of a series.
    Readings {
        /// The raw record that led to it: the link's.
        origin: Origin,
        /// Index into `owners` of the subject that this record is keyed by.
        trail: u8,
        /// The owners of the readings.
        owners: Vec<SubjectId>,
        /// Who read.
        source: SmolStr,
        /// Event name in rules.
        kind: SmolStr,
        /// Months since January 1970, ascending, and their days.
        months: Vec<(i16, DayBits)>,
    },
    /// An earlier owner was linked and took all readings of a series home.
    ForgetReadings {
        /// The raw record that led to it: the link's.
        origin: Origin,
        /// Index into `owners` of the subject that this record is keyed by.
        trail: u8,
        /// The owners of the readings.
        owners: Vec<SubjectId>,
        /// Who read.
        source: SmolStr,
        /// Event name in rules.
        kind: SmolStr,
    },
}

/// Records of `ieum.households`, keyed by household, read by households.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HouseholdMessage {
    /// An event of a subject: inserts it, or replaces the one with the same key. The event of a daily kind stands for
    /// a day: its key is `kind@date` ([`EventKey::of_day`]), its one field `used` 1 or 0, and when it was accepted is
    /// not known.
    Put {
        /// The raw record it came from.
        origin: Origin,
        /// Whose.
        subject: SubjectId,
        /// The subject's sequence; a message below the one known is ignored.
        seq: u64,
        /// Registry confidence of the link, in percent; none for a provisional household.
        confidence: Option<u8>,
        /// The event.
        event: Event,
    },
    /// An event never happened, or moved elsewhere.
    Remove {
        /// The raw record it came from.
        origin: Origin,
        /// Whose.
        subject: SubjectId,
        /// The subject's sequence.
        seq: u64,
        /// Which event.
        key: EventKey,
    },
    /// A subject belongs here from now on, with these events: replaces all that was known of it. In chunks.
    Joined {
        /// Who.
        subject: SubjectId,
        /// The subject's sequence; equal for all chunks.
        seq: u64,
        /// Registry confidence in percent.
        confidence: Option<u8>,
        /// Chunk number from 0. Chunk 0 empties what was known, each adds.
        part: u16,
        /// Number of chunks.
        parts: u16,
        /// The events of this chunk.
        events: Vec<Event>,
    },
    /// A subject belongs here no longer; what it contributed goes with it.
    Left {
        /// Who.
        subject: SubjectId,
        /// The subject's sequence.
        seq: u64,
    },
    /// Facts from the household registry.
    Facts {
        /// The raw record it came from.
        origin: Origin,
        /// The facts.
        facts: FactsRecord,
    },
    /// Casework.
    Action {
        /// The raw record it came from.
        origin: Origin,
        /// The action.
        action: Action,
    },
    /// Something that happened to an area.
    Area {
        /// The raw record it came from.
        origin: Origin,
        /// The event and its scope.
        event: AreaEvent,
    },
    /// Stream time.
    Tick(Tick),
    /// From here on this pack decides.
    Pack {
        /// Which.
        hash: PackHash,
    },
    /// Nothing but a chance to go on with a job.
    Continue,
    /// Reserved for the areas stage: a fact of the household's area.
    AreaFact {
        /// Fact name.
        name: SmolStr,
        /// Its value.
        value: Value,
    },
    /// Reserved: this household is now a part of another.
    Merged {
        /// Which.
        into: EntityId,
    },
    /// Reserved: some of this household's subjects now form another.
    Split {
        /// Which.
        into: EntityId,
    },
}

/// Records of `ieum.areas`, keyed by area ([`EntityId::of_area`]), read by areas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AreaMessage {
    /// What a household of the area has from now on. Each day stands for itself, so a copy tells nothing new.
    Touch {
        /// The raw record it came from.
        origin: Origin,
        /// Who.
        household: EntityId,
        /// What all households of the area have alike: facts by name, the area's own among them.
        place: Vec<(SmolStr, SmolStr)>,
        /// The days that changed.
        days: Vec<TouchedDay>,
    },
    /// Casework on an alert of the area.
    Action {
        /// The raw record it came from.
        origin: Origin,
        /// The action.
        action: Action,
    },
    /// Stream time.
    Tick(Tick),
    /// From here on this pack decides.
    Pack {
        /// Which.
        hash: PackHash,
    },
    /// Nothing but a chance to go on with a job.
    Continue,
}

/// Whether a household has events of a kind on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TouchedDay {
    /// Event name in rules.
    pub kind: SmolStr,
    /// The day.
    pub day: Day,
    /// What is known of them; none: there is none, or none any more.
    pub known: Option<Touch>,
}

/// A household's events of one kind on one day, as far as an area asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    /// Stream time at which the first of them became known.
    pub accepted: StreamTime,
    /// All of them came later than their topics' lateness.
    pub late: bool,
}

/// Stream time and what is known to be complete, decided once by control for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// All that had arrived by this time has been handed on. Stream time is the running maximum.
    pub through: StreamTime,
    /// False while an upstream holds time back too long: fires escalations, never absence, clearing or withdrawal.
    pub complete: bool,
    /// Sources whose completeness changed since the last tick into this log.
    pub sources: Vec<SourceState>,
}

/// How far a source is known to be complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// Which source.
    pub source: SmolStr,
    /// Which region, where completeness is per region.
    pub region: Option<SmolStr>,
    /// Everything that happened before this has been delivered; frozen while the feed is stopped.
    pub complete_through: StreamTime,
    /// The feed is later than its rhythm allows.
    pub stale: bool,
}

/// Records of `ieum.control` (one partition), read by control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlMessage {
    /// The first record: fixes the clock for the life of the log.
    Clock(Clock),
    /// At `t` the raw partitions ended here.
    Sample {
        /// Time of the sample.
        t: StreamTime,
        /// End offset per raw partition.
        ends: Vec<RawPosition>,
    },
    /// Intake has handed on everything before these positions (in the transaction that carries this).
    Progress {
        /// Next offset per raw partition of this member.
        positions: Vec<RawPosition>,
    },
    /// A stage's partition has handled `tick{through}`.
    Reached {
        /// Stage name (`identity`, `households`).
        stage: SmolStr,
        /// Partition of its log.
        partition: i32,
        /// The tick.
        through: StreamTime,
    },
    /// Intake saw records of a source.
    Seen {
        /// Raw topic.
        topic: SmolStr,
        /// Source.
        source: SmolStr,
        /// Region, where completeness is per region.
        region: Option<SmolStr>,
        /// Newest event time among them.
        newest: StreamTime,
    },
    /// A source's (or connector's) own statement.
    Delivered {
        /// Source.
        source: SmolStr,
        /// Region, where completeness is per region.
        region: Option<SmolStr>,
        /// Everything before this has been delivered.
        through: StreamTime,
    },
    /// Switch all stages to this pack.
    Pack {
        /// Which.
        hash: PackHash,
    },
    /// Nothing but a chance to go on with a job.
    Continue,
}

/// A raw partition and an offset in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RawPosition {
    /// Raw topic.
    pub topic: SmolStr,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// Who says what time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Clock {
    /// Control samples the raw topics with its own clock, never beyond the append time.
    Append,
    /// The city, a test or a backfill writes the samples.
    Declared,
}

/// Format byte of every record of a stage log.
pub const MESSAGE_FORMAT: u8 = 1;
/// Key-id byte of what is not encrypted.
pub const PLAIN: u8 = 0;

/// Why bytes are not a message of this log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Shorter than its two leading bytes.
    #[error("stage record of {0} bytes is shorter than its header")]
    Short(usize),
    /// A newer or foreign format.
    #[error("stage record has format {0}, this binary reads {MESSAGE_FORMAT}")]
    Format(u8),
    /// Encrypted with a key that is not here.
    #[error("stage record is encrypted with key {0}, which is not loaded")]
    Key(u8),
    /// The body does not decode.
    #[error("stage record does not decode: {0}")]
    Body(String),
}

/// Encodes a stage-log record.
pub fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    postcard::to_extend(message, vec![MESSAGE_FORMAT, PLAIN])
        .expect("a message without maps or floats encodes into memory")
}

/// Decodes a stage-log record.
pub fn decode<'a, M: Deserialize<'a>>(bytes: &'a [u8]) -> Result<M, MessageError> {
    match bytes {
        [MESSAGE_FORMAT, PLAIN, body @ ..] => {
            postcard::from_bytes(body).map_err(|error| MessageError::Body(error.to_string()))
        }
        [MESSAGE_FORMAT, key, ..] => Err(MessageError::Key(*key)),
        [format, _, ..] => Err(MessageError::Format(*format)),
        _ => Err(MessageError::Short(bytes.len())),
    }
}
