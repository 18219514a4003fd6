//! The hidden truth: who is in crisis, why and when, decided before any signal and by causes that signals only hint at.
//!
//! At most [`MOST_IN_CRISIS_PERCENT`] of any hundred households are in crisis on a day, by construction: a block of a
//! hundred has that many slots, and a slot holds one spell at a time. Casework does not end a spell: the truth would
//! otherwise depend on the rules that are measured against it.

use super::Plan;
use super::figures::{GAP_DAYS, MOST_IN_CRISIS_PERCENT, SEVERITIES, SPELL_DAYS};
use super::people::Household;
use crate::sim::rng::Rng;
use crate::types::Day;

/// Why a household is in crisis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Work was lost, or a business closed.
    JobLoss,
    /// Someone fell gravely ill.
    Illness,
    /// The earner died.
    Death,
    /// Debt has outgrown the income.
    Debt,
    /// Nobody comes by any more.
    Isolation,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::JobLoss, Self::Illness, Self::Death, Self::Debt, Self::Isolation];

    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JobLoss => "job loss",
            Self::Illness => "illness",
            Self::Death => "death of the earner",
            Self::Debt => "debt",
            Self::Isolation => "isolation",
        }
    }
}

/// A crisis of one household.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spell {
    /// The household's number.
    pub household: u32,
    /// Why.
    pub cause: Cause,
    /// From 1 to 3.
    pub severity: u8,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
}

impl Spell {
    /// Whether it lasts on a day.
    pub fn holds(&self, day: Day) -> bool {
        self.from <= day && day <= self.to
    }

    pub(super) fn days(&self) -> i64 {
        i64::from(self.to.since(self.from))
    }

    pub(super) fn grade(&self) -> usize {
        usize::from(self.severity.clamp(1, 3)) - 1
    }
}

/// Households that share slots.
pub(super) const BLOCK: u32 = 100;
/// Spells begin so long before the start of a run, so that its first day is a day like any other.
const BEFORE_DAYS: i64 = 420;
/// Tries to find someone frail enough for a slot.
const TRIES: usize = 24;

/// All spells of the block to which a household belongs, in the order of slots.
pub(super) fn spells_of_block(plan: &Plan, block: u32) -> Vec<Spell> {
    let first = block * BLOCK;
    let members = plan.households.saturating_sub(first).min(BLOCK);
    let mut rng = Rng::new(plan.seed).fork_named("truth").fork(u64::from(block));
    let mut spells: Vec<Spell> = Vec::new();
    for _slot in 0..members * MOST_IN_CRISIS_PERCENT / 100 {
        let mut day = plan.start.plus(-days(BEFORE_DAYS) + days(rng.between(0, GAP_DAYS.1 + SPELL_DAYS.1)));
        while day < plan.end() {
            let to = day.plus(days(rng.between(SPELL_DAYS.0, SPELL_DAYS.1)));
            if let Some(household) = choose(plan, first, members, (day, to), &spells, &mut rng) {
                let cause = cause(&household, &mut rng);
                let severity = *rng.weighted(&SEVERITIES);
                spells.push(Spell { household: household.number, cause, severity, from: day, to });
            }
            day = to.plus(1 + days(rng.between(GAP_DAYS.0, GAP_DAYS.1)));
        }
    }
    spells
}

fn choose(
    plan: &Plan,
    first: u32,
    members: u32,
    (from, to): (Day, Day),
    spells: &[Spell],
    rng: &mut Rng,
) -> Option<Household> {
    for _ in 0..TRIES {
        let number = first + u32::try_from(rng.below(u64::from(members))).unwrap_or(0);
        let household = Household::of(plan, number);
        let taken =
            spells.iter().any(|s| s.household == number && s.from <= to.plus(60) && from <= s.to.plus(60));
        if !taken && !household.vacant && rng.chance(household.frailty(), 10) {
            return Some(household);
        }
    }
    None
}

fn cause(household: &Household, rng: &mut Rng) -> Cause {
    let together = !household.alone();
    let weights = if household.elder {
        [
            (4, Cause::Illness),
            (if together { 1 } else { 4 }, Cause::Isolation),
            (1, Cause::Debt),
            (u64::from(together), Cause::Death),
            (0, Cause::JobLoss),
        ]
    } else {
        [
            (5, Cause::JobLoss),
            (3, Cause::Debt),
            (2, Cause::Illness),
            (if together { 0 } else { 2 }, Cause::Isolation),
            (u64::from(together), Cause::Death),
        ]
    };
    *rng.weighted(&weights)
}

pub(super) fn days(n: i64) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_three_in_a_hundred_are_in_crisis_on_any_day() {
        for seed in 0..5 {
            let plan = Plan { seed, households: 1_000, days: 200, ..Plan::default() };
            let spells: Vec<Spell> = (0..10).flat_map(|block| spells_of_block(&plan, block)).collect();
            let mut shares = Vec::new();
            for day in (0..200).map(|n| plan.start.plus(n)) {
                let mut households: Vec<u32> =
                    spells.iter().filter(|s| s.holds(day)).map(|s| s.household).collect();
                households.sort_unstable();
                let spells_now = households.len();
                households.dedup();
                assert_eq!(households.len(), spells_now, "two spells of one household at once");
                assert!(households.len() <= 30, "{} on {day}", households.len());
                shares.push(households.len());
            }
            let mean = shares.iter().sum::<usize>() / shares.len();
            assert!((15..=24).contains(&mean), "a run begins and goes on with about 2 %: {mean}");
        }
    }

    #[test]
    fn every_cause_and_severity_occurs() {
        let plan = Plan { households: 5_000, days: 365, ..Plan::default() };
        let spells: Vec<Spell> = (0..50).flat_map(|block| spells_of_block(&plan, block)).collect();
        for cause in Cause::ALL {
            assert!(spells.iter().any(|s| s.cause == cause), "{}", cause.as_str());
        }
        assert!((1..=3).all(|severity| spells.iter().any(|s| s.severity == severity)));
    }
}
