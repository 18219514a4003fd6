//! What a record's work on an episode is told as: which change, whether a revision is due, or only later.

use super::life::{Because, Change, evidence_set, fresh_clock, reason_set};
use super::part::EpisodePart;
use super::records::{Episode, EpisodeStatus};
use crate::rules::plan::CrisisRule;
use crate::types::StreamTime;

/// A revision that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Revision {
    pub(super) change: Change,
    pub(super) because: Because,
    /// Whether anyone had been told of the episode before.
    pub(super) was_visible: bool,
}

/// Settles an episode at the end of a record: counts its revision, starts its clock, or puts an amendment off.
pub(super) fn conclude(
    part: &mut EpisodePart,
    rule: Option<&CrisisRule>,
    now: StreamTime,
) -> Option<Revision> {
    if part.now.shadow && part.before.as_ref().is_none_or(|before| before.revision == 0) {
        return None;
    }
    let was_visible = part.before.as_ref().is_some_and(|before| before.visible);
    let change = part.notes.change.max(change(part));
    let Some(change) = change else {
        put_off(part, now);
        return None;
    };
    let because = part.notes.because.unwrap_or(Because::Event);
    let episode = &mut part.now;
    episode.revision = episode.revision.saturating_add(1);
    episode.amend_at = None;
    if matches!(change, Change::Opened | Change::Reopened | Change::Raised | Change::Escalated) {
        episode.grave_revision = episode.revision;
    }
    if matches!(change, Change::Opened | Change::Reopened) {
        episode.clock = rule.and_then(fresh_clock);
    }
    episode.visible |= episode.status != EpisodeStatus::Suppressed && episode.status.is_live();
    Some(Revision { change, because, was_visible })
}

/// The most telling difference between before and after.
fn change(part: &EpisodePart) -> Option<Change> {
    let now = &part.now;
    let is_waiting = matches!(now.status, EpisodeStatus::Open | EpisodeStatus::Reopened);
    let Some(before) = &part.before else {
        return Some(if now.status == EpisodeStatus::Suppressed {
            Change::Suppressed
        } else {
            Change::Opened
        });
    };
    let status = (before.status != now.status).then_some(now.status);
    match status {
        Some(EpisodeStatus::Withdrawn) => return Some(Change::Withdrawn),
        Some(EpisodeStatus::Closed) => return Some(Change::Closed),
        Some(EpisodeStatus::Reopened) => return Some(Change::Reopened),
        Some(EpisodeStatus::Suppressed) => return Some(Change::Suppressed),
        Some(EpisodeStatus::Claimed | EpisodeStatus::Contacted) => return Some(Change::Casework),
        Some(EpisodeStatus::Open) if !before.visible => return Some(Change::Opened),
        Some(EpisodeStatus::Open) | None => {}
    }
    if now.status.is_live()
        && is_waiting | now.status.is_in_hand()
        && now.shown_level() > before.shown_level()
    {
        return Some(Change::Raised);
    }
    let is_amended = status.is_some()
        || now.shown_level() != before.shown_level()
        || reason_set(&now.reasons) != reason_set(&before.reasons)
        || now.basis_void != before.basis_void
        || part.notes.amend;
    is_amended.then_some(Change::Amended)
}

/// Numbers, evidence and what is missing can wait for the morning.
fn put_off(part: &mut EpisodePart, now: StreamTime) {
    let told = |e: &Episode| (e.missing.clone(), e.stale.clone(), e.held.clone(), e.occurred_on);
    let Some(before) = &part.before else { return };
    let is_new =
        evidence_set(&part.now.reasons) != evidence_set(&before.reasons) || told(&part.now) != told(before);
    if is_new && part.now.status.is_live() && part.now.amend_at.is_none() {
        part.now.amend_at = Some(now.day().plus(1).start());
    }
}
