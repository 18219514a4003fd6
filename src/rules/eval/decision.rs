use super::super::plan::{Level, ReasonId};
use crate::types::{Day, EventKey, SmolStr, StreamTime};

/// Evidence ids kept per reason; an alert shows how many more there are.
pub const MAX_EVIDENCE: usize = 32;

/// What a rule says on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The value of `when`, assumptions applied.
    pub truth: Truth,
    /// The rule's `effective` contains the day. Outside it opens nothing; live episodes live on.
    pub in_effect: bool,
    /// Reasons that are true (assumed ones included), as bits by [`ReasonId`].
    pub met: u64,
    /// Reasons that were unknown and resolved in favour of firing because `unknown: match` was said, as bits.
    pub assumed: u64,
    /// Reasons that are unknown, as bits.
    pub unknown: u64,
    /// Reasons that would be true and are held false by a suppression, as bits.
    pub held: u64,
    /// Points, where `when` is true.
    pub points: i64,
    /// Level, where `when` is true.
    pub level: Option<Level>,
    /// The number a reason found (count, distinct, value), by reason, where it has one. Like the six fields below, empty
    /// where `when` is false.
    pub numbers: Vec<(ReasonId, i64)>,
    /// Evidence of each true reason that has any.
    pub evidence: Vec<Evidence>,
    /// Of the evidence of all true conditions, what became known last, late events left out: "is there evidence newer
    /// than the close" compares with its `accepted`.
    pub newest: Option<Mark>,
    /// The conditions of `when` rest on events and every one of them was late: this must not open an episode.
    pub late_only: bool,
    /// Facts, params and event fields that were missing, by name, sorted, without repeats.
    pub missing: Vec<SmolStr>,
    /// Sources found stale, sorted, without repeats.
    pub stale: Vec<SmolStr>,
    /// When this may change by time alone.
    pub wake: Wake,
}

/// The events behind a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Which reason.
    pub reason: ReasonId,
    /// Event keys, newest last, at most [`MAX_EVIDENCE`]. A day of a meter that anchors an absence is named by its source
    /// and `kind@date`.
    pub keys: Vec<EventKey>,
    /// How many there are in all.
    pub total: u32,
}

/// One event, as far as episodes compare it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Stream time at which its key was accepted first.
    pub accepted: StreamTime,
    /// The day at which it counts.
    pub day: Day,
    /// Which.
    pub key: EventKey,
}

/// True, false or unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    #[default]
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

/// When a value may change by time alone: never earlier than told, perhaps later. A false value names no moment that
/// changes only a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wake {
    /// The earliest day, after the day evaluated, on which the value may differ without any new input.
    pub day: Option<Day>,
    /// Sources whose completeness, once it reaches the point given, may change the value; sorted, without repeats. A
    /// source in [`Decision::stale`] may change it when it is no longer stale.
    pub sources: Vec<(SmolStr, StreamTime)>,
}
