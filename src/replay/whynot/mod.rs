//! Why a rule tells nothing of a household, or what it tells: asked of a replayed log at one point of stream time.

mod mask;
mod ways;

pub use ways::{Leaf, Ways, ways};

use super::{Machine, Told};
use crate::contracts::Contracts;
use crate::engine::households::{EpisodeStatus, HouseholdsConfig, Standing, standing};
use crate::rules::eval::Truth;
use crate::rules::eval::explain::{Condition, FactKnown, Saw};
use crate::rules::plan::{CrisisRule, Pack, Status};
use crate::sim::pipeline::Stuck;
use crate::types::{Day, MS_PER_DAY, SmolStr, StreamTime};

/// Days for which the search for a change by time alone goes on: every birthday lies within, and every window of a rule that
/// anybody waits for.
pub const SEARCH_DAYS: i32 = 400;

/// The one word for how things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The history of a subject is still on its way: nothing is decided until then.
    Joining,
    /// There is a live alert, and people see it.
    Alert,
    /// There is a live alert, and a suppression holds it.
    Held,
    /// The rule is a draft or in shadow: it tells nothing.
    Silent(Status),
    /// Its conditions do not hold.
    False,
    /// What is known does not decide it.
    Unknown,
    /// They hold, on a day on which the rule is not in force.
    OutOfForce,
    /// They hold, by evidence that came later than its topic allows.
    Late,
    /// They hold, by evidence that was known when the last alert was closed; inside its cooldown until then.
    Known(StreamTime),
    /// They hold, and the task has not come to it.
    Due,
}

/// What time alone will change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The first day on which the answer is another.
    pub day: Day,
    /// What the rule says then.
    pub truth: Truth,
    /// What would be told then: the change and the level.
    pub told: Option<(SmolStr, SmolStr)>,
}

/// An answer. Values that are too private for an alert are left out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// How things stand.
    pub verdict: Verdict,
    /// Conditions, episodes, suppressions.
    pub standing: Standing,
    /// What would have to be otherwise; none where the conditions hold.
    pub ways: Ways,
    /// Facts, fields and params that are not known, by name.
    pub ask: Vec<SmolStr>,
    /// Sources that are late.
    pub stale: Vec<SmolStr>,
    /// Whether time was let pass to see what that changes.
    pub looked_ahead: bool,
    /// What time alone changes next, within [`SEARCH_DAYS`].
    pub next: Option<Next>,
}

/// Asks for one rule, of the pack that decides, at one household. The machine has replayed the log up to the point asked about;
/// afterwards it stands later. None if nothing is known of the household.
pub fn ask(
    machine: &mut Machine,
    contracts: &Contracts,
    pack: &Pack,
    rule: &CrisisRule,
    household: &str,
) -> Result<Option<Answer>, Stuck> {
    let Some(partition) = machine.place_of(household) else { return Ok(None) };
    let Some(mut answer) = now(machine, contracts, pack, rule, household) else { return Ok(None) };
    let first = Looked::of(&answer.standing);
    let today = answer.standing.now.day();
    answer.looked_ahead = true;
    for days in 1..=SEARCH_DAYS {
        let day = today.plus(days);
        let outputs = machine.pass(partition, day.start())?;
        let Some(then) = look(machine, pack, rule, household) else { break };
        let looked = Looked::of(&then);
        if looked != first {
            let told = outputs.iter().filter_map(|output| Told::of(contracts, output));
            let mut told = told.filter(|told| told.is_of(&rule.id) && told.household == household);
            let told = told.next().map(|told| (told.change, told.level));
            answer.next = Some(Next { day, truth: then.today.decision.truth, told });
            break;
        }
    }
    Ok(Some(answer))
}

/// The answer as things stand, without a look ahead; none if nothing is known of the household.
pub fn now(
    machine: &Machine,
    contracts: &Contracts,
    pack: &Pack,
    rule: &CrisisRule,
    household: &str,
) -> Option<Answer> {
    let mut standing = look(machine, pack, rule, household)?;
    let verdict = verdict(rule, &standing);
    let conditions = || std::iter::once(&standing.today.when).chain(&standing.today.also);
    let (mut ask, mut stale) =
        (standing.today.decision.missing.clone(), standing.today.decision.stale.clone());
    conditions().for_each(|condition| lacks(condition, &mut ask, &mut stale));
    for names in [&mut ask, &mut stale] {
        names.sort_unstable();
        names.dedup();
    }
    mask::mask(contracts, rule, &mut standing.today);
    let ways = ways(&standing.today.when, rule);
    Some(Answer { verdict, standing, ways, ask, stale, looked_ahead: false, next: None })
}

fn look(machine: &Machine, pack: &Pack, rule: &CrisisRule, household: &str) -> Option<Standing> {
    let state = machine.state(machine.place_of(household)?)?;
    standing(state, pack, rule, household, &HouseholdsConfig::default())
}

/// What of a standing is an answer to "why not".
#[derive(Debug, PartialEq, Eq)]
struct Looked {
    truth: Truth,
    in_effect: bool,
    newest: Option<(u32, bool, bool)>,
}

impl Looked {
    fn of(standing: &Standing) -> Self {
        let newest = standing.episodes.last();
        Self {
            truth: standing.today.decision.truth,
            in_effect: standing.today.decision.in_effect,
            newest: newest.map(|e| (e.number, e.status.is_live(), e.status == EpisodeStatus::Suppressed)),
        }
    }
}

fn verdict(rule: &CrisisRule, standing: &Standing) -> Verdict {
    let decision = &standing.today.decision;
    let newest = standing.episodes.last();
    let live = newest.filter(|episode| episode.status.is_live() && !episode.is_untold());
    match (live, decision.truth) {
        _ if standing.is_joining => Verdict::Joining,
        (Some(episode), _) if episode.status == EpisodeStatus::Suppressed => Verdict::Held,
        (Some(_), _) => Verdict::Alert,
        _ if rule.status != Status::Live => Verdict::Silent(rule.status),
        (None, Truth::False) => Verdict::False,
        (None, Truth::Unknown) => Verdict::Unknown,
        (None, Truth::True) if !decision.in_effect => Verdict::OutOfForce,
        (None, Truth::True) if decision.late_only => Verdict::Late,
        (None, Truth::True) => {
            let closed = newest.filter(|episode| episode.status == EpisodeStatus::Closed);
            let until = |at: StreamTime| at.plus_ms(i64::from(rule.cooldown_days).saturating_mul(MS_PER_DAY));
            closed.and_then(|e| e.ended_at).map_or(Verdict::Due, |at| Verdict::Known(until(at)))
        }
    }
}

/// Adds what an unknown condition lacked.
fn lacks(condition: &Condition, ask: &mut Vec<SmolStr>, stale: &mut Vec<SmolStr>) {
    match &condition.saw {
        Saw::All(under) | Saw::Any(under) | Saw::None(under) => {
            under.iter().for_each(|condition| lacks(condition, ask, stale));
        }
        Saw::Facts(facts) => {
            let unknown = facts.iter().filter(|seen| seen.truth == Truth::Unknown);
            let unknown = unknown.filter(|seen| !matches!(seen.known, FactKnown::Exactly(_)));
            ask.extend(unknown.map(|seen| seen.fact.clone()));
        }
        Saw::Number(seen) if condition.found != Truth::True => {
            ask.extend(seen.lacks.clone());
            stale.extend(seen.stale.iter().cloned());
        }
        Saw::Absence(seen) => {
            let late = seen.waits_for.iter().filter(|(_, _, is_late)| *is_late);
            stale.extend(late.map(|(source, ..)| source.clone()));
        }
        Saw::Sequence(seen) if condition.found != Truth::True => stale.extend(seen.stale.iter().cloned()),
        Saw::Number(_) | Saw::Sequence(_) => {}
    }
}
