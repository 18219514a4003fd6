//! What a person does with an alert, and when it is refused.

use super::life::{self, Because, Change};
use super::part::EpisodePart;
use super::records::{Episode, EpisodeStatus};
use crate::types::{Action, ActionKind, SmolStr, StreamTime};

/// Takes an action on its episode. A refused one is answered as well, by a revision that names it.
pub(super) fn act(part: &mut EpisodePart, action: &Action, now: StreamTime) {
    part.notes.add(Change::Casework, Because::Action);
    part.notes.because = Some(Because::Action);
    part.notes.answers = Some(action.key.key.clone());
    match next(&part.now, action) {
        Err(refused) => part.notes.refused = Some(refused),
        Ok(EpisodeStatus::Closed) => {
            let outcome = action.outcome.clone().or(Some(SmolStr::new_static("unspecified")));
            life::end(&mut part.now, EpisodeStatus::Closed, outcome, now);
        }
        Ok(status) => {
            let episode = &mut part.now;
            if episode.status == EpisodeStatus::Suppressed && status != EpisodeStatus::Suppressed {
                life::resume(episode, now);
            }
            episode.status = status;
            match action.kind {
                ActionKind::Claim => episode.claimed_by = Some(action.actor.clone()),
                ActionKind::Unclaim => episode.claimed_by = None,
                ActionKind::Contact => {
                    episode.claimed_by = episode.claimed_by.take().or(Some(action.actor.clone()));
                    episode.clock = None;
                }
                ActionKind::Attempt | ActionKind::Close => {}
            }
        }
    }
}

/// The status after an action, or why it is refused.
fn next(episode: &Episode, action: &Action) -> Result<EpisodeStatus, &'static str> {
    use EpisodeStatus::{Claimed, Closed, Contacted, Open};
    if episode.shadow && episode.is_untold() {
        return Err("unknown_episode");
    }
    if action.seen_revision > episode.revision {
        return Err("unknown_revision");
    }
    if !episode.status.is_live() {
        return Err("already_ended");
    }
    let is_own = episode.claimed_by.as_ref() == Some(&action.actor);
    match (action.kind, episode.status) {
        (ActionKind::Claim, Claimed | Contacted) if !is_own => Err("claimed_by_another"),
        (ActionKind::Claim, Contacted) => Ok(Contacted),
        (ActionKind::Claim, _) => Ok(Claimed),
        (ActionKind::Unclaim, Claimed) => Ok(Open),
        (ActionKind::Unclaim, _) => Err("not_claimed"),
        (ActionKind::Attempt, status) => Ok(status),
        (ActionKind::Contact, _) => Ok(Contacted),
        // Who closes what has since become graver had not seen it.
        (ActionKind::Close, _) if action.seen_revision < episode.grave_revision => Err("outdated"),
        (ActionKind::Close, _) => Ok(Closed),
    }
}
