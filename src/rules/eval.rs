//! Evaluates a rule on one KST day over what an entity's state holds: three-valued, always with a trace.

use super::plan::{CrisisRule, Level, NodeId, Pack, ReasonId};
use crate::types::{Day, Event, EventKey, FactVersion, SmolStr, StreamTime};

/// What evaluation reads of an entity. Borrowed from state; building it copies no event.
#[derive(Clone, Debug)]
pub struct EntityView<'a> {
    /// All accepted, unvoided events of the entity's subjects and of its casework, sorted by (time, key).
    pub events: &'a [&'a Event],
    /// Days of use per daily kind, sorted by (kind, source, subject).
    pub daily: &'a [DailyDays<'a>],
    /// Versions of facts, sorted by (from, key).
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

/// True, false or unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// What is known does not decide it.
    Unknown,
}

impl Truth {
    /// The word in metrics and traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Unknown => "unknown",
        }
    }
}

/// When a value may change by time alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wake {
    /// The earliest day, after the day evaluated, on which the value may differ without any new input.
    pub day: Option<Day>,
    /// Sources whose completeness, once past the point given, may change the value; sorted, without repeats.
    pub sources: Vec<(SmolStr, StreamTime)>,
}

/// What a rule says on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The value of `when`, assumptions applied.
    pub truth: Truth,
    /// Reasons that are true (assumed ones included), as bits by [`ReasonId`].
    pub met: u64,
    /// Reasons that are true only because `unknown: match` was said, as bits.
    pub assumed: u64,
    /// Reasons that are unknown, as bits.
    pub unknown: u64,
    /// Reasons held false by a suppression, as bits.
    pub held: u64,
    /// The number a reason found (count, distinct, value), by reason, where it has one.
    pub numbers: Vec<(ReasonId, i64)>,
    /// Evidence of each true reason: event keys, newest last, at most [`MAX_EVIDENCE`].
    pub evidence: Vec<(ReasonId, Vec<EventKey>)>,
    /// Facts that were missing, by name, sorted, without repeats.
    pub missing: Vec<SmolStr>,
    /// Sources found stale, sorted, without repeats.
    pub stale: Vec<SmolStr>,
    /// Points, where `when` is true.
    pub points: i64,
    /// Level, where `when` is true.
    pub level: Option<Level>,
    /// When this may change by time alone.
    pub wake: Wake,
}

/// Evidence ids kept per reason; an alert shows how many more there are.
pub const MAX_EVIDENCE: usize = 32;

/// Evaluates `rule` on `day` (not after today). Reasons whose bits are set in `held` count as false.
pub fn evaluate(pack: &Pack, rule: &CrisisRule, view: &EntityView<'_>, day: Day, held: u64) -> Decision {
    let _ = (pack, rule, view, day, held);
    unreachable!("replaced by the evaluator before anything calls it")
}

/// Evaluates one condition (`clear_when`, `unless`) on today over events accepted at or after `since` alone.
pub fn holds_since(
    pack: &Pack,
    rule: &CrisisRule,
    node: NodeId,
    view: &EntityView<'_>,
    since: StreamTime,
) -> Truth {
    let _ = (pack, rule, node, view, since);
    unreachable!("replaced by the evaluator before anything calls it")
}
