//! Who lives in the city: what a household is, a pure function of the seed and its number.

use super::Plan;
use super::figures::{
    ALONE_ELDER, APARTMENT, DISABILITY, FACTS_UNKNOWN, INCOME_UNKNOWN, INCOMES, INCOMES_ELDER_ALONE,
    PUBLIC_RENTAL, REMOTE_METER, SHARED_HOMES, SINGLE_PARENT, SIZES, TOGETHER_ELDER, UNREGISTERED, VACANT,
};
use crate::sim::rng::Rng;
use crate::types::Day;

/// A household as it is, whatever registries know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Household {
    pub(super) number: u32,
    pub(super) size: u8,
    pub(super) oldest_born: Day,
    pub(super) youngest_born: Day,
    pub(super) income_pct: i64,
    pub(super) disability: bool,
    pub(super) single_parent: bool,
    pub(super) apartment: bool,
    pub(super) public_rental: bool,
    pub(super) elder: bool,
    pub(super) child: bool,
    /// Insured through no employer: premiums are their own bills.
    pub(super) self_insured: bool,
    pub(super) borrower: bool,
    pub(super) has_gas: bool,
    pub(super) remote_meter: bool,
    /// Registered late (so many days after the start) or never.
    pub(super) registered: Registered,
    pub(super) facts_unknown: bool,
    pub(super) income_unknown: bool,
    /// The home stands empty: nobody lives there, bills go on.
    pub(super) vacant: bool,
}

/// When registries know a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Registered {
    FromStart,
    After(i32),
    Never,
}

impl Household {
    pub(super) fn of(plan: &Plan, number: u32) -> Self {
        let mut rng = household_rng(plan, number).fork_named("people");
        let size = *rng.weighted(&SIZES);
        let alone = size == 1;
        let elder = rng.chance(if alone { ALONE_ELDER } else { TOGETHER_ELDER }, 1000);
        let oldest = if elder { rng.between(65, 93) } else { rng.between(if alone { 20 } else { 27 }, 64) };
        let child = !alone && !elder && oldest < 58 && rng.chance(if size == 2 { 150 } else { 800 }, 1000);
        let youngest = match (alone, child) {
            (true, _) => oldest,
            (false, true) => rng.between(0, 17),
            (false, false) => rng.between(19, oldest),
        };
        let single_parent = child && size <= 3 && rng.chance(SINGLE_PARENT, 1000);
        let bands: &[(u64, (i64, i64))] =
            if (alone && elder) || single_parent { &INCOMES_ELDER_ALONE } else { &INCOMES };
        let band = *rng.weighted(bands);
        let income_pct = rng.between(band.0, band.1);
        let apartment = rng.chance(APARTMENT, 1000);
        let poor = income_pct <= 50;
        let oldest_born = born(plan.start, oldest, &mut rng);
        Self {
            number,
            size,
            oldest_born,
            youngest_born: if alone {
                oldest_born
            } else {
                born(plan.start, youngest, &mut rng).max(oldest_born)
            },
            income_pct,
            disability: rng.chance(DISABILITY, 1000),
            single_parent,
            apartment,
            public_rental: apartment
                && rng.chance(if poor { PUBLIC_RENTAL.0 } else { PUBLIC_RENTAL.1 }, 1000),
            elder,
            child,
            self_insured: rng.chance(if poor { 650 } else { 350 }, 1000),
            borrower: rng.chance(if elder { 300 } else { 600 }, 1000),
            has_gas: rng.chance(700, 1000),
            remote_meter: rng.chance(if alone && elder { REMOTE_METER.1 } else { REMOTE_METER.0 }, 1000),
            registered: match rng.below(1000) {
                draw if draw < UNREGISTERED.1 => Registered::Never,
                draw if draw < UNREGISTERED.1 + UNREGISTERED.0 => {
                    Registered::After(i32::try_from(rng.between(20, 80)).unwrap_or(20))
                }
                _ => Registered::FromStart,
            },
            facts_unknown: rng.chance(FACTS_UNKNOWN, 1000),
            income_unknown: rng.chance(INCOME_UNKNOWN, 1000),
            vacant: rng.chance(VACANT, 1000),
        }
    }

    pub(super) fn poor(&self) -> bool {
        self.income_pct <= 50
    }

    pub(super) fn alone(&self) -> bool {
        self.size == 1
    }

    /// How prone to crisis, from 1 to 10.
    pub(super) fn frailty(&self) -> u64 {
        let mut frailty = 1;
        frailty += if self.poor() { 3 } else { 0 };
        frailty += if self.alone() && self.elder { 2 } else { 0 };
        frailty += if self.single_parent { 2 } else { 0 };
        frailty += if self.disability { 1 } else { 0 };
        frailty + u64::from(self.alone())
    }
}

/// The home in which a household lives at first. In some blocks four households share one.
pub(super) fn first_home(plan: &Plan, number: u32) -> u32 {
    let (block, place) = (number / 200, number % 200);
    let mut rng = Rng::new(plan.seed).fork_named("homes").fork(u64::from(block));
    if place < 4 && rng.chance(SHARED_HOMES, 1000) { block * 200 } else { number }
}

/// The stream of one household: nothing that others do moves it.
pub(super) fn household_rng(plan: &Plan, number: u32) -> Rng {
    Rng::new(plan.seed).fork_named("household").fork(u64::from(number))
}

fn born(start: Day, age: i64, rng: &mut Rng) -> Day {
    // 365.25 days a year, as quarters: an age that is right to the year is enough.
    let days = age * 1461 / 4 + rng.between(0, 364);
    start.plus(-i32::try_from(days).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_city_has_the_shares_its_figures_say() {
        let plan = Plan { households: 10_000, ..Plan::default() };
        let all: Vec<Household> = (0..plan.households).map(|n| Household::of(&plan, n)).collect();
        let share = |test: &dyn Fn(&Household) -> bool| all.iter().filter(|h| test(h)).count() / 10;
        let near = |found: usize, meant: usize| found.abs_diff(meant) <= 20;
        assert!(near(share(&|h| h.alone()), 355), "one person: {}", share(&|h| h.alone()));
        let elders = share(&|h| h.alone() && h.elder);
        assert!(near(elders, 96), "elders alone: {elders}");
        assert!(all.iter().all(|h| h.oldest_born <= h.youngest_born && (1..=6).contains(&h.size)));
        assert!(all.iter().filter(|h| h.alone()).all(|h| h.oldest_born == h.youngest_born));
        assert!(all.iter().any(|h| h.registered == Registered::Never));
    }
}
