//! What a record's work on an episode is told as: which change, whether a revision is due, or only later.

use super::life::{Because, Change, Notes, evidence_set, fresh_clock, reason_set};
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

/// A revision with what it says.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) episode: Episode,
    pub(super) notes: Notes,
    pub(super) revision: Revision,
}

/// Settles an episode at the end of a record: counts its revisions, starts its clock, or puts an amendment off. A record has
/// one revision of an episode, but for escalation steps that fell due together: each calls other people, so each has its own.
pub(super) fn conclude(part: &mut EpisodePart, rule: Option<&CrisisRule>, now: StreamTime) -> Vec<Told> {
    if part.now.is_untold() && part.now.shadow {
        return Vec::new();
    }
    let was_visible = part.now.visible;
    let change = part.notes.change.max(change(part));
    let Some(change) = change else {
        put_off(part, now);
        return Vec::new();
    };
    let because = part.notes.because.unwrap_or(Because::Event);
    let episode = &mut part.now;
    let is_seen = episode.status != EpisodeStatus::Suppressed && episode.status.is_live();
    episode.amend_at = None;
    episode.visible |= is_seen;
    let is_seen_first = !was_visible && is_seen && episode.status != EpisodeStatus::Contacted;
    if is_seen_first || matches!(change, Change::Opened | Change::Reopened) {
        episode.clock = rule.and_then(|rule| fresh_clock(rule, now));
    }
    let revision = Revision { change, because, was_visible };
    let mut told = Vec::new();
    if change == Change::Escalated {
        let last = part.notes.steps.len().saturating_sub(1);
        for step in part.notes.steps.drain(..last) {
            episode.revision = episode.revision.saturating_add(1);
            let earlier = Episode { raised: step.raised, ..episode.clone() };
            let notes = Notes { steps: vec![step], ..Notes::default() };
            told.push(Told { episode: earlier, notes, revision });
        }
    }
    episode.revision = episode.revision.saturating_add(1);
    if matches!(change, Change::Opened | Change::Reopened | Change::Raised | Change::Escalated) {
        episode.grave_revision = episode.revision;
    }
    told.push(Told { episode: episode.clone(), notes: part.notes.clone(), revision });
    told
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
        Some(EpisodeStatus::Suppressed) => return Some(Change::Suppressed),
        Some(EpisodeStatus::Claimed | EpisodeStatus::Contacted) => return Some(Change::Casework),
        // What was held from its beginning is seen now for the first time.
        Some(EpisodeStatus::Open) if !now.visible => return Some(Change::Opened),
        Some(EpisodeStatus::Reopened) if !now.visible => return Some(Change::Reopened),
        Some(EpisodeStatus::Open | EpisodeStatus::Reopened) | None => {}
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
