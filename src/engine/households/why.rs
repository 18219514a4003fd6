//! What a rule says of one household or area today, read from what is stored: for whoever asks why there is no alert.

use super::HouseholdsConfig;
use super::areas::AreaEvents;
use super::decide::{Context, with_view};
use super::household::Household;
use super::records::{Episode, Hold};
use super::role::Role;
use crate::engine::clock::TaskClock;
use crate::engine::message::{SourceState, Tick};
use crate::engine::state::{Key, StateRead, Sub};
use crate::rules::eval::explain::Explained;
use crate::rules::eval::{Decision, EntityView, Prepared, evaluate};
use crate::rules::plan::{CrisisRule, Pack};
use crate::types::{EntityId, PackHash, SmolStr, StreamTime, Value};

/// A household under one rule, as the task would decide it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Stream time.
    pub now: StreamTime,
    /// What the rule says today, condition by condition.
    pub today: Explained,
    /// The rule's episodes that are kept, by number.
    pub episodes: Vec<Episode>,
    /// Suppressions in force that hold this rule or some of its reasons.
    pub held_by: Vec<Hold>,
    /// The history of a subject is still to come: until then nothing is decided.
    pub is_joining: bool,
}

/// The standing of `rule`, one of the pack's, on the task's today; none if nothing is known of the household.
pub fn standing(
    state: &dyn StateRead,
    pack: &Pack,
    rule: &CrisisRule,
    household: &str,
    config: &HouseholdsConfig,
) -> Option<Standing> {
    with_household(state, pack, household, config, |view, household| {
        let now = view.now;
        let mut episodes: Vec<Episode> = household.episodes.iter().map(|part| part.now.clone()).collect();
        episodes.retain(|episode| episode.rule == rule.id);
        episodes.sort_by_key(|episode| episode.number);
        let active = view.suppressed.iter().filter(|span| span.from <= now && now < span.to);
        let held_by = active.filter_map(|span| {
            let suppression = pack.suppressions.iter().find(|known| known.id == span.rule)?;
            let (rule_id, reason) = (suppression.id.clone(), suppression.reason.clone());
            suppression.targets(&rule.id).then_some(Hold { rule: rule_id, reason, until: span.to })
        });
        Standing {
            now,
            today: Prepared::new(pack, view).explain(rule, now.day(), 0),
            episodes,
            held_by: held_by.collect(),
            is_joining: household.is_joining(),
        }
    })
}

/// The decision of `rule`, one of the pack's, on the task's today; none if nothing is known of the household or area.
pub fn decision_today(
    state: &dyn StateRead,
    pack: &Pack,
    rule: &CrisisRule,
    household: &str,
    config: &HouseholdsConfig,
) -> Option<Decision> {
    with_household(state, pack, household, config, |view, _| evaluate(pack, rule, view, view.now.day(), 0))
}

fn with_household<T>(
    state: &dyn StateRead,
    pack: &Pack,
    household: &str,
    config: &HouseholdsConfig,
    ask: impl FnOnce(&EntityView<'_>, &Household) -> T,
) -> Option<T> {
    let entity: SmolStr = household.into();
    let clock = TaskClock::read(state)?;
    let areas = AreaEvents::read(state);
    state.get(&Key::new(household, Sub::Head))?;
    let mut household = Household::load(role_of(&entity), &entity, state);
    super::decide::look(pack, &clock, config, &mut household, state);
    let context = Context { pack, clock: &clock, areas: &areas, config };
    let region = household.fact_on(&config.region_fact, clock.today()).and_then(|v| v.as_text().cloned());
    Some(with_view(&context, &household, region, |view, _| ask(view, &household)))
}

/// A fact of a household as it holds today, by the name under which it is stored.
pub fn fact_today(state: &dyn StateRead, household: &str, fact: &str) -> Option<Value> {
    let clock = TaskClock::read(state)?;
    let entity: SmolStr = household.into();
    Household::load(role_of(&entity), &entity, state).fact_on(fact, clock.today()).cloned()
}

/// The pack that a state's log has put in force.
pub fn pack_in_force(state: &dyn StateRead) -> Option<PackHash> {
    TaskClock::read(state)?.pack
}

/// The tick that brings stream time to `t` if nothing happens until then but that each feed that is not late goes on as it did:
/// as far behind as it is now.
pub fn tick_if_nothing_happens(state: &dyn StateRead, t: StreamTime) -> Tick {
    let clock = TaskClock::read(state).unwrap_or_default();
    let ahead_ms = t.0.saturating_sub(clock.through.0).max(0);
    let on_time = clock.sources.iter().filter(|source| !source.stale);
    let sources = on_time.map(|source| SourceState {
        complete_through: source.complete_through.plus_ms(ahead_ms),
        ..source.clone()
    });
    Tick { through: t, complete: true, sources: sources.collect() }
}

/// An area is told from a household by its id.
fn role_of(entity: &SmolStr) -> Role {
    if EntityId(entity.clone()).area().is_some() { Role::Areas } else { Role::Households }
}
