//! The life of an episode: what a decision, a suppression or time does to it. What a person does is in `casework`.

use super::records::{Episode, EpisodeStatus, EscalationClock, Hold, Mark, ReasonState, StepState};
use super::walk::{Walk, put, states};
use crate::rules::eval::{Decision, Truth};
use crate::rules::plan::{CrisisRule, Level, Status};
use crate::types::{Day, EpisodeId, EventKey, PackHash, SmolStr, StreamTime};

/// What happened, as a consumer is told. The most telling one of a record names its revision: later ones win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    Amended,
    Casework,
    Suppressed,
    Raised,
    Escalated,
    Opened,
    Reopened,
    Closed,
    Withdrawn,
}

impl Change {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Amended => "amended",
            Self::Casework => "casework",
            Self::Suppressed => "suppressed",
            Self::Raised => "raised",
            Self::Escalated => "escalated",
            Self::Opened => "opened",
            Self::Reopened => "reopened",
            Self::Closed => "closed",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What kind of input led to a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Because {
    Event,
    Fact,
    Tick,
    Action,
    Area,
    Link,
    Pack,
}

impl Because {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Fact => "fact",
            Self::Tick => "tick",
            Self::Action => "action",
            Self::Area => "area",
            Self::Link => "link",
            Self::Pack => "pack",
        }
    }
}

/// What one record did to an episode, beyond what its fields show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    /// The most telling change that must be told even where no field differs.
    pub(super) change: Option<Change>,
    /// What kind of input it was.
    pub(super) because: Option<Because>,
    /// The action that is answered.
    pub(super) answers: Option<SmolStr>,
    /// Why it was refused.
    pub(super) refused: Option<&'static str>,
    /// The escalation steps that fired, in the order in which they fell due: each is told to its own people.
    pub(super) steps: Vec<Fired>,
    /// Evidence ids changed alone; told now.
    pub(super) amend: bool,
}

/// An escalation step that fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fired {
    /// The step.
    pub(super) id: SmolStr,
    /// Whom it calls.
    pub(super) to: SmolStr,
    /// How many times it has fired.
    pub(super) count: u32,
    /// The level to which escalation has raised the episode by then.
    pub(super) raised: Option<Level>,
}

impl Notes {
    pub(super) fn add(&mut self, change: Change, because: Because) {
        self.change = self.change.max(Some(change));
        self.because = self.because.or(Some(because));
    }
}

/// What a suppression says of a rule now.
#[derive(Clone, Debug)]
pub(super) struct Suppression {
    /// Which, why and until when.
    pub(super) hold: Hold,
    /// The reasons it holds, as bits; all of the alert if none are named.
    pub(super) reasons: Option<u64>,
    /// Alerts at or above this level are left alone.
    pub(super) below: Option<Level>,
}

/// What a suppression of some reasons came to.
pub(super) struct Held {
    /// The episode's reasons that it holds.
    pub(super) reasons: Vec<SmolStr>,
    /// The rule decided again without them.
    pub(super) without: Walk,
}

/// Everything a transition may look at.
pub(super) struct Moment<'a> {
    pub(super) rule: &'a CrisisRule,
    pub(super) pack: PackHash,
    pub(super) now: StreamTime,
}

/// A new episode from a walk in which its rule came true on `day`.
pub(super) fn open(
    moment: &Moment<'_>,
    number: u32,
    previous: Option<EpisodeId>,
    day: Day,
    walk: &Walk,
) -> Episode {
    let (level, points) = walk.level.unwrap_or((Level::Watch, 0));
    let mut episode = Episode {
        rule: moment.rule.id.clone(),
        number,
        rule_version: moment.rule.version,
        pack: moment.pack,
        shadow: moment.rule.status != Status::Live,
        status: EpisodeStatus::Open,
        revision: 0,
        grave_revision: 0,
        level,
        raised: None,
        points,
        occurred_on: day,
        opened_at: moment.now,
        reasons: walk.reasons.clone(),
        missing: Vec::new(),
        stale: Vec::new(),
        previous,
        claimed_by: None,
        outcome: None,
        basis_void: false,
        ended_at: None,
        visible: false,
        clock: None,
        held: None,
        amend_at: None,
    };
    age(moment.rule, &mut episode, walk.last.as_ref());
    episode
}

/// The same episode again, inside its cooldown: a person has closed what it was, so it stands for what is true now.
pub(super) fn reopen(moment: &Moment<'_>, episode: &mut Episode, walk: &Walk) {
    episode.status = EpisodeStatus::Reopened;
    episode.opened_at = moment.now;
    (episode.claimed_by, episode.outcome) = (None, None);
    (episode.basis_void, episode.raised, episode.held) = (false, None, None);
    // Nobody has seen it as it is from here on.
    episode.visible = false;
    if let Some((level, points)) = walk.level {
        (episode.level, episode.points) = (level, points);
    }
    if let Some(first) = walk.first {
        episode.occurred_on = first;
    }
    episode.reasons.clone_from(&walk.reasons);
    take_version(moment, episode);
    age(moment.rule, episode, walk.last.as_ref());
}

/// A live episode after an input about the past: all since it began was decided again, so what it rests on is exactly
/// what that found true. False throughout: its basis is void.
pub(super) fn recompute(moment: &Moment<'_>, episode: &mut Episode, walk: &Walk) {
    // It cannot be decided now whether anything is left: what has fired stays until it can.
    if !walk.holds && walk.unknown {
        return merge(moment, episode, walk);
    }
    take_version(moment, episode);
    if !walk.holds {
        age(moment.rule, episode, walk.last.as_ref());
        return lose_basis(moment, episode);
    }
    episode.basis_void = false;
    if let Some((level, points)) = walk.level {
        (episode.level, episode.points) = (level, points);
    }
    if let Some(first) = walk.first {
        episode.occurred_on = first;
    }
    episode.reasons.clone_from(&walk.reasons);
    age(moment.rule, episode, walk.last.as_ref());
}

/// A live episode after time, a pack or an area alone: it only gains. What it had reached stays, what no longer holds is
/// past.
pub(super) fn merge(moment: &Moment<'_>, episode: &mut Episode, walk: &Walk) {
    take_version(moment, episode);
    if let Some((level, points)) = walk.level
        && (level, points) > (episode.level, episode.points)
    {
        (episode.level, episode.points) = (level, points);
    }
    for state in &walk.reasons {
        put(moment.rule, &mut episode.reasons, state.clone());
    }
    age(moment.rule, episode, walk.last.as_ref());
}

fn take_version(moment: &Moment<'_>, episode: &mut Episode) {
    (episode.rule_version, episode.pack) = (moment.rule.version, moment.pack);
    episode.shadow = moment.rule.status != Status::Live;
}

/// Nothing that opened it is left: an unclaimed one is withdrawn, one in somebody's hands says so and waits for them.
fn lose_basis(moment: &Moment<'_>, episode: &mut Episode) {
    if episode.status.is_in_hand() {
        episode.basis_void = true;
        return;
    }
    end(episode, EpisodeStatus::Withdrawn, Some(SmolStr::new_static("basis_void")), moment.now);
}

/// Closes or withdraws.
pub(super) fn end(episode: &mut Episode, status: EpisodeStatus, outcome: Option<SmolStr>, now: StreamTime) {
    episode.status = status;
    (episode.outcome, episode.ended_at) = (outcome, Some(now));
    (episode.clock, episode.held, episode.amend_at) = (None, None, None);
}

/// Sets each reason's mark by the newest decision: what held in this episode and does not now is past.
fn age(rule: &CrisisRule, episode: &mut Episode, last: Option<&Decision>) {
    let Some(last) = last else { return };
    let now = states(rule, last);
    for reason in &mut episode.reasons {
        match now.iter().find(|state| state.id == reason.id) {
            // A false decision names no evidence: what was found stays.
            Some(state) if last.truth == Truth::True => *reason = state.clone(),
            Some(state) => reason.mark = state.mark,
            None => reason.mark = Mark::Past,
        }
    }
    episode.missing.clone_from(&last.missing);
    episode.stale.clone_from(&last.stale);
}

/// What suppressions do to a live episode: `held` where they name reasons, else all of it is held.
pub(super) fn suppress(
    episode: &mut Episode,
    suppression: Option<&Suppression>,
    held: Option<&Held>,
    now: StreamTime,
) {
    let Some(suppression) = suppression else {
        episode.held = None;
        return release(episode, now);
    };
    episode.held = Some(suppression.hold.clone());
    for id in held.into_iter().flat_map(|held| &held.reasons) {
        let own = episode.reasons.iter_mut().filter(|reason| reason.id == *id);
        own.for_each(|reason| reason.mark = Mark::Held);
    }
    if let Some(Held { without, .. }) = held.filter(|held| held.without.holds) {
        // Without the reasons held it still stands: it goes out, listing them.
        if let Some((level, points)) = without.level
            && !episode.visible
        {
            (episode.level, episode.points) = (level, points);
        }
        return release(episode, now);
    }
    if matches!(episode.status, EpisodeStatus::Open | EpisodeStatus::Reopened) {
        episode.status = EpisodeStatus::Suppressed;
        if let Some(clock) = &mut episode.clock {
            clock.paused_at = clock.paused_at.or(Some(now));
        }
    }
}

/// Nothing holds it as a whole any more.
fn release(episode: &mut Episode, now: StreamTime) {
    if episode.status == EpisodeStatus::Suppressed {
        let is_again = episode.ended_at.is_some();
        episode.status = if is_again { EpisodeStatus::Reopened } else { EpisodeStatus::Open };
        resume(episode, now);
    }
}

/// Suppressed time does not count towards an escalation; one that had not begun waits for the first tick behind.
pub(super) fn resume(episode: &mut Episode, now: StreamTime) {
    let Some(clock) = &mut episode.clock else { return };
    match clock.from {
        None => clock.paused_at = Some(now),
        Some(from) => {
            let paused = clock.paused_at.take().unwrap_or(now);
            clock.from = Some(from.plus_ms(now.0.saturating_sub(paused.0)));
        }
    }
}

/// A clock for an episode that people see from now on: it waits for the first tick behind.
pub(super) fn fresh_clock(rule: &CrisisRule, now: StreamTime) -> Option<EscalationClock> {
    let step = |step: &crate::rules::plan::EscalationStep| StepState {
        id: step.id.clone(),
        fired: 0,
        due_ms: (step.max > 0).then_some(step.after_ms),
    };
    (!rule.escalate.is_empty()).then(|| EscalationClock {
        from: None,
        paused_at: Some(now),
        steps: rule.escalate.iter().map(step).collect(),
    })
}

/// The set of reasons as a consumer compares it.
pub(super) fn reason_set(reasons: &[ReasonState]) -> Vec<(&SmolStr, Mark)> {
    reasons.iter().map(|reason| (&reason.id, reason.mark)).collect()
}

/// Numbers and evidence, whose change alone can wait.
pub(super) fn evidence_set(reasons: &[ReasonState]) -> Vec<(&SmolStr, Option<i64>, &[EventKey], u32)> {
    reasons.iter().map(|r| (&r.id, r.number, r.evidence.as_slice(), r.total)).collect()
}
