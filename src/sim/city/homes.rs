//! Where households live and what registries say of it. Two neighbours may move in a chain: one leaves for a spare home, the
//! other takes the home left, so that a meter gets a new tenant whose household must not inherit the former one's debts.

use super::Plan;
use super::figures::MOVES_A_YEAR;
use super::item::{FactsItem, Item, LinkItem, What};
use super::names::{Alias, Utility};
use super::people::{Household, Registered, first_home, household_rng};
use super::truth::days;
use crate::sim::rng::Rng;
use crate::types::{Day, MS_PER_HOUR};

/// A time in one home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) home: u32,
    pub(super) from: Day,
    /// First day elsewhere.
    pub(super) to: Option<Day>,
}

/// Links and facts that the registries held before the run begin so many days before it.
const LONG_AGO_DAYS: i32 = 3_000;
/// A move reaches the registries within two weeks, as the law on registration demands. *Assumption* (not in our facts).
const MOVE_TOLD_DAYS: (i64, i64) = (1, 14);
/// The registries' first delivery ends before any signal comes.
pub(super) const FIRST_DELIVERY_MS: i64 = 4 * MS_PER_HOUR;

/// Where a household lives over time.
pub(super) fn stays(plan: &Plan, number: u32) -> Vec<Stay> {
    let home = first_home(plan, number);
    let long_ago = plan.start.plus(-LONG_AGO_DAYS);
    let pair = number / 2;
    let mut rng = Rng::new(plan.seed).fork_named("moves").fork(u64::from(pair));
    let leaves_first = number.is_multiple_of(2);
    let alone = [pair * 2, pair * 2 + 1].iter().all(|n| *n < plan.households && first_home(plan, *n) == *n);
    let moves = alone && rng.chance(MOVES_A_YEAR * u64::from(plan.days), 1000 * 365);
    let day = plan.start.plus(days(rng.between(5, i64::from(plan.days).max(6))));
    let day = if leaves_first { day } else { day.plus(days(rng.between(1, 12))) };
    if !moves || day >= plan.end() {
        return vec![Stay { home, from: long_ago, to: None }];
    }
    let next = if leaves_first { plan.households + number } else { number - 1 };
    vec![Stay { home, from: long_ago, to: Some(day) }, Stay { home: next, from: day, to: None }]
}

/// The home on a day.
pub(super) fn home_on(stays: &[Stay], day: Day) -> u32 {
    let stay = stays.iter().rev().find(|stay| stay.from <= day).or(stays.first());
    stay.map_or(0, |stay| stay.home)
}

/// Supply points in a household's own name.
pub(super) fn utilities(household: &Household) -> impl Iterator<Item = Utility> + use<> {
    let (water, gas) = (!household.apartment, household.has_gas);
    Utility::ALL.into_iter().filter(move |utility| match utility {
        Utility::Electricity => true,
        Utility::Water => water,
        Utility::Gas => gas,
    })
}

/// What the registries say of a household in a run; `widowed` is the day on which one person less lives there.
pub(super) fn registry(
    plan: &Plan,
    household: &Household,
    stays: &[Stay],
    widowed: Option<Day>,
    items: &mut Vec<Item>,
) {
    let mut rng = household_rng(plan, household.number).fork_named("registry");
    let first = match household.registered {
        Registered::Never => return,
        Registered::After(late) => plan.start.plus(late).start().0 + 6 * MS_PER_HOUR,
        Registered::FromStart => {
            // In the order of households, so that the first delivery can be made one household at a time.
            let place = i64::from(household.number) * FIRST_DELIVERY_MS / i64::from(plan.households.max(1));
            plan.start.start().0 + place
        }
    };
    let mut numbers = 0..;
    let mut number = || numbers.next().unwrap_or(0);
    let mut add = |arrives: i64, what: What| {
        items.push(Item { arrives: arrives.max(first), household: household.number, what });
    };
    let confidence = |rng: &mut Rng| if rng.chance(60, 1000) { rng.between(70, 95) } else { 100 };

    let facts =
        |number: u32, from: Day, home: u32, size: u8| What::Facts(FactsItem { number, from, home, size });
    let long_ago = plan.start.plus(-LONG_AGO_DAYS);
    add(first, facts(number(), long_ago, home_on(stays, plan.start), household.size));
    let person = Alias::Person(household.number);
    let link = |number, revision, alias, confidence, from, to| {
        What::Link(LinkItem { number, revision, alias, confidence, from, to })
    };
    add(first, link(number(), 1, person, confidence(&mut rng), long_ago, None));

    for stay in stays {
        let told = |day: Day, rng: &mut Rng| {
            let late = days(rng.between(MOVE_TOLD_DAYS.0, MOVE_TOLD_DAYS.1));
            day.plus(late).start().0 + rng.between(9, 17) * MS_PER_HOUR
        };
        let begins = if stay.from == long_ago { first } else { told(stay.from, &mut rng) };
        let ends = stay.to.map(|to| (to, told(to, &mut rng)));
        if stay.from != long_ago {
            let size = household.size - u8::from(widowed.is_some_and(|day| day <= stay.from));
            add(begins, facts(number(), stay.from, stay.home, size.max(1)));
        }
        let aliases = utilities(household)
            .map(|utility| Alias::Point(utility, stay.home))
            .chain([Alias::Address(stay.home)]);
        for alias in aliases {
            let (number, confidence) = (number(), confidence(&mut rng));
            add(begins, link(number, 1, alias, confidence, stay.from, None));
            if let Some((to, at)) = ends {
                add(at, link(number, 2, alias, confidence, stay.from, Some(to)));
            }
        }
    }
    if let Some(day) = widowed.filter(|day| *day >= plan.start && *day < plan.end()) {
        let at = day.plus(days(rng.between(3, 30))).start().0 + 10 * MS_PER_HOUR;
        add(at, facts(number(), day, home_on(stays, day), (household.size - 1).max(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_left_gets_the_neighbour_as_its_next_tenant() {
        let plan = Plan { households: 2_000, days: 365, ..Plan::default() };
        let mut chains = 0;
        for number in (0..plan.households).step_by(2) {
            let (first, second) = (stays(&plan, number), stays(&plan, number + 1));
            if let ([left, _], [_, taken]) = (first.as_slice(), second.as_slice()) {
                chains += 1;
                assert_eq!(left.home, taken.home);
                assert!(left.to.expect("left") < taken.from, "never two tenants at once");
            }
        }
        assert!((60..180).contains(&chains), "{chains} of 1,000 pairs in a year");
    }
}
