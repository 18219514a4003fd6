//! Escalation steps: they count from the first tick behind a visible opening, and stop for contact, not for a claim.

use super::life::{Because, Change, Fired};
use super::part::EpisodePart;
use super::records::{EpisodeStatus, StepState};
use crate::rules::eval::Truth;
use crate::rules::plan::{CrisisRule, NodeId};
use crate::types::StreamTime;

/// The first tick behind the visible opening: the clock runs from here.
pub(super) fn start(part: &mut EpisodePart, now: StreamTime) {
    if let Some(clock) = part.now.clock.as_mut().filter(|clock| clock.from.is_none()) {
        (clock.from, clock.paused_at) = (Some(now), None);
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
    let is_due = |state: &StepState| state.due_ms.is_some_and(|due| due <= elapsed);
    let mut due: Vec<&mut StepState> = clock.steps.iter_mut().filter(|state| is_due(state)).collect();
    due.sort_by_key(|state| state.due_ms);
    for state in due {
        let due = state.due_ms.unwrap_or(elapsed);
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
        // Kept even where the rule's own level is as high: that can fall with what it rests on, this does not.
        part.now.raised = part.now.raised.max(step.raise_to);
        let (id, to, raised) = (step.id.clone(), step.to.clone(), part.now.raised);
        part.notes.steps.push(Fired { id, to, count: state.fired, raised });
        part.notes.add(Change::Escalated, Because::Tick);
    }
}
