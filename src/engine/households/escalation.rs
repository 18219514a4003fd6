//! Escalation steps: they count from the first tick behind a visible opening, and stop for contact, not for a claim.

use super::life::{Because, Change};
use super::part::EpisodePart;
use super::records::EpisodeStatus;
use crate::rules::eval::Truth;
use crate::rules::plan::{CrisisRule, NodeId};
use crate::types::StreamTime;

/// The first tick behind the opening: the clock runs from here.
pub(super) fn start(part: &mut EpisodePart, now: StreamTime) {
    if let Some(clock) = &mut part.now.clock {
        clock.from = clock.from.or(Some(now));
    }
}

/// Fires the steps that are due, each once however long ago it fell due.
pub(super) fn fire(
    part: &mut EpisodePart,
    rule: Option<&CrisisRule>,
    now: StreamTime,
    unless: &mut dyn FnMut(NodeId) -> Truth,
) {
    let is_stopped = !part.now.status.is_live() || part.now.status == EpisodeStatus::Contacted;
    let Some(rule) = rule.filter(|_| !is_stopped) else {
        part.now.clock = None;
        return;
    };
    let Some(clock) = part.now.clock.as_mut().filter(|clock| clock.paused_at.is_none()) else { return };
    let Some(from) = clock.from else { return };
    let elapsed = now.0.saturating_sub(from.0);
    let mut raise = None;
    for state in &mut clock.steps {
        let Some(due) = state.due_ms.filter(|due| *due <= elapsed) else { continue };
        // A step that the pack in force no longer has is done.
        let Some(step) = rule.escalate.iter().find(|step| step.id == state.id) else {
            state.due_ms = None;
            continue;
        };
        if step.unless.is_some_and(|node| unless(node) == Truth::True) {
            state.due_ms = None;
            continue;
        }
        state.fired = state.fired.saturating_add(1);
        state.due_ms = step.repeat_ms.filter(|repeat| *repeat > 0 && state.fired < step.max).map(|repeat| {
            let missed = elapsed.saturating_sub(due) / repeat;
            due.saturating_add(repeat.saturating_mul(missed.saturating_add(1)))
        });
        raise = raise.max(step.raise_to);
        part.notes.step = Some((step.id.clone(), step.to.clone(), state.fired));
        part.notes.add(Change::Escalated, Because::Tick);
    }
    // Kept even where the rule's own level is as high: that can fall with what it rests on, this does not.
    part.now.raised = part.now.raised.max(raise);
}
