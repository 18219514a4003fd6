//! What a rule says of one household or area today, read from what is stored: for whoever asks why there is no alert.

use super::HouseholdsConfig;
use super::areas::AreaEvents;
use super::decide::{Context, with_view};
use super::household::Household;
use super::role::Role;
use crate::engine::clock::TaskClock;
use crate::engine::state::{Key, StateRead};
use crate::rules::eval::{Decision, evaluate};
use crate::rules::plan::{CrisisRule, Pack};
use crate::types::{EntityId, SmolStr};

/// The decision of `rule`, one of the pack's, on the task's today; none if nothing is known of the household or area.
pub fn decision_today(
    state: &dyn StateRead,
    pack: &Pack,
    rule: &CrisisRule,
    household: &str,
    config: &HouseholdsConfig,
) -> Option<Decision> {
    let entity: SmolStr = household.into();
    let clock = TaskClock::read(state)?;
    let areas = AreaEvents::read(state);
    state.get(&Key::new(household, crate::engine::state::Sub::Head))?;
    let area = EntityId(SmolStr::new(household));
    let role = if area.area().is_some() { Role::Areas } else { Role::Households };
    let mut household = Household::load(role, &entity, state);
    super::decide::look(pack, &clock, config, &mut household, state);
    let context = Context { pack, clock: &clock, areas: &areas, config };
    let today = clock.today();
    let region = household.fact_on(&config.region_fact, today).and_then(|v| v.as_text().cloned());
    Some(with_view(&context, &household, region, |view, _| evaluate(pack, rule, view, today, 0)))
}
