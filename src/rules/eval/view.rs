use crate::types::{Day, Event, FactVersion, SmolStr, StreamTime};

/// What evaluation reads of an entity. Borrowed from state; building it copies no event.
#[derive(Clone, Copy, Debug)]
pub struct EntityView<'a> {
    /// All accepted, unvoided events of the entity's subjects and of its casework, in any order; in order of time is
    /// quickest.
    pub events: &'a [&'a Event],
    /// Days of use per daily kind, by (kind, source, subject).
    pub daily: &'a [DailyDays<'a>],
    /// Versions of facts, in any order. A key has one version on a day: the latest that holds by then.
    pub facts: &'a [FactVersion],
    /// Which sources are complete to where.
    pub sources: &'a dyn Sources,
    /// Spans during which an area suppression touches the entity, by suppression rule, sorted; stream-time ms.
    pub suppressed: &'a [SuppressedSpan],
    /// Stream time now; today is its day.
    pub now: StreamTime,
}

/// Days on which a daily kind was used, as bits.
#[derive(Clone, Copy, Debug)]
pub struct DailyDays<'a> {
    /// Event name.
    pub kind: &'a str,
    /// Source.
    pub source: &'a str,
    /// First day of bit 0 of `bits[0]`.
    pub first: Day,
    /// One bit a day with use, least significant first.
    pub used: &'a [u64],
    /// One bit a day with any reading.
    pub read: &'a [u64],
}

/// Completeness as a task's clock knows it.
pub trait Sources: std::fmt::Debug {
    /// Everything of that source before this point has been delivered; none if nothing is known of it.
    fn complete_through(&self, source: &str) -> Option<StreamTime>;
    /// The feed is later than its rhythm allows.
    fn is_stale(&self, source: &str) -> bool;
}

/// A union of suppression intervals, clipped and with grace added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuppressedSpan {
    /// Suppression rule id.
    pub rule: SmolStr,
    /// From (inclusive).
    pub from: StreamTime,
    /// To (exclusive), grace included.
    pub to: StreamTime,
}
