//! One rule over a run of days: where it is true, and the most it reached.

use super::records::{Mark, ReasonState};
use crate::rules::eval::{Decision, Prepared, Truth};
use crate::rules::plan::{CrisisRule, Level};
use crate::types::{Day, EventKey, SmolStr};

/// What a rule said over a run of days.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The first day on which it is true and may open.
    pub(super) first: Option<Day>,
    /// On some day it could not be decided.
    pub(super) unknown: bool,
    /// It is true on some day, in effect or not.
    pub(super) holds: bool,
    /// The highest level on a day that counts, and its points.
    pub(super) level: Option<(Level, i64)>,
    /// Reasons true on a day that counts, as they last stood.
    pub(super) reasons: Vec<ReasonState>,
    /// The last day's decision.
    pub(super) last: Option<Decision>,
}

/// Which true days count towards an opening.
pub(super) enum Counts<'a> {
    /// Every day: the episode is live.
    All,
    /// Days in effect that do not rest on late evidence alone.
    Opening,
    /// As for an opening, and it must be news behind the last closing, whose day is evaluated on its own: from it on a day can
    /// count that did not before, though the rule says the same.
    Fresh { since: Option<Day>, is_fresh: &'a dyn Fn(Day, &Decision) -> bool },
}

/// Steps of one walk: one a day over the longest history, so that no input can ask for more.
const MAX_STEPS: usize = 1200;

/// Evaluates a rule on the days of `from..=to` on which its value can differ. `to` is always evaluated.
pub(super) fn walk<'a>(
    prepared: &mut Prepared<'a>,
    rule: &'a CrisisRule,
    from: Day,
    to: Day,
    held: u64,
    counts: &Counts<'_>,
) -> Walk {
    let mut walk = Walk::default();
    let mut day = from.min(to);
    let stop = match counts {
        Counts::Fresh { since, .. } => *since,
        Counts::All | Counts::Opening => None,
    };
    for _ in 0..MAX_STEPS {
        // An episode tells of each reason whether it holds today, also where the rule does not; without one nobody asks.
        let is_told = matches!(counts, Counts::All) || (day >= to && walk.first.is_some());
        let decision =
            if is_told { prepared.evaluate(rule, day, held) } else { prepared.decide(rule, day, held) };
        let next = [decision.wake.day, stop].into_iter().flatten().filter(|next| *next > day).min();
        let next = next.map_or(to, |next| next.min(to));
        walk.take(rule, day, &decision, counts);
        walk.last = Some(decision);
        if day >= to {
            break;
        }
        day = next.max(day.plus(1));
    }
    walk
}

impl Walk {
    fn take(&mut self, rule: &CrisisRule, day: Day, decision: &Decision, counts: &Counts<'_>) {
        self.unknown |= decision.truth == Truth::Unknown;
        if decision.truth != Truth::True {
            return;
        }
        self.holds = true;
        let opens = decision.in_effect && !decision.late_only;
        let counted = match counts {
            Counts::All => true,
            Counts::Opening => opens,
            Counts::Fresh { is_fresh, .. } => opens && is_fresh(day, decision),
        };
        if !counted {
            return;
        }
        self.first = self.first.or(Some(day));
        if let Some(level) = decision.level
            && self.level.is_none_or(|(known, points)| (level, decision.points) > (known, points))
        {
            self.level = Some((level, decision.points));
        }
        for state in states(rule, decision) {
            put(rule, &mut self.reasons, state);
        }
    }
}

/// The reasons of one decision that hold, are assumed, or would hold were they not held.
pub(super) fn states(rule: &CrisisRule, decision: &Decision) -> Vec<ReasonState> {
    let bit = |bits: u64, at: usize| bits >> at & 1 == 1;
    let mut states = Vec::new();
    for (at, reason) in rule.reasons.iter().enumerate() {
        let mark = if bit(decision.held, at) {
            Mark::Held
        } else if bit(decision.met, at) && bit(decision.assumed, at) {
            Mark::Assumed
        } else if bit(decision.met, at) {
            Mark::Met
        } else {
            continue;
        };
        let is_own = |id: u8| usize::from(id) == at;
        let number = decision.numbers.iter().find(|(id, _)| is_own(*id)).map(|(_, n)| *n);
        let evidence = decision.evidence.iter().find(|evidence| is_own(evidence.reason));
        let (evidence, total) = evidence.map_or((Vec::new(), 0), |e| (e.keys.clone(), e.total));
        states.push(ReasonState { id: reason.id.clone(), mark, number, evidence, total });
    }
    states
}

/// Puts a reason's state in, in the rule's order, over the one known.
pub(super) fn put(rule: &CrisisRule, states: &mut Vec<ReasonState>, state: ReasonState) {
    match states.iter_mut().find(|known| known.id == state.id) {
        Some(known) => *known = state,
        None => {
            let order = |id: &SmolStr| rule.reasons.iter().position(|reason| reason.id == *id);
            let at = states.partition_point(|known| order(&known.id) < order(&state.id));
            states.insert(at, state);
        }
    }
}

/// All evidence named in states.
pub(super) fn evidence(states: &[ReasonState]) -> impl Iterator<Item = &EventKey> {
    states.iter().flat_map(|state| state.evidence.iter())
}
