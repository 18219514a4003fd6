//! Evaluates a rule on one KST day over what an entity's state holds: three-valued, always with a trace.
//!
//! [`evaluate`] serves one rule and one day. Whoever asks for several binds the view to the pack once, as
//! [`Prepared`].

mod view;
mod decision;
mod prepared;
mod run;
mod compare;
mod facts;
mod stale;
mod numbers;
mod absent;
mod sequence;
mod trace;
pub mod explain;
#[cfg(test)]
mod tests;

pub use decision::{Decision, Evidence, MAX_EVIDENCE, Mark, Truth, Wake};
pub use prepared::Prepared;
pub use view::{DailyDays, EntityView, Sources, SuppressedSpan};

use super::plan::{CrisisRule, NodeId, Pack};
use crate::types::{Day, StreamTime};

/// Evaluates `rule` on `day` (not after today). Reasons whose bits are set in `held` count as false.
pub fn evaluate(pack: &Pack, rule: &CrisisRule, view: &EntityView<'_>, day: Day, held: u64) -> Decision {
    Prepared::new(pack, view).evaluate(rule, day, held)
}

/// Evaluates one condition (`clear_when`, `unless`) on today over events accepted at or after `since` alone; of days of
/// use, over those from that day on.
pub fn holds_since(
    pack: &Pack,
    rule: &CrisisRule,
    node: NodeId,
    view: &EntityView<'_>,
    since: StreamTime,
) -> Truth {
    Prepared::new(pack, view).holds_since(rule, node, since)
}
