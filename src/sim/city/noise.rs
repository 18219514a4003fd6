//! Signals of households that are not in crisis: forgotten and disputed bills, journeys, empty homes, worry, mistakes.

use super::debts::{Debt, bills};
use super::figures::{
    DISPUTES, FORGETFUL_CUT, FORGETS, FORGETS_SEVERAL, INDICATED, JOURNEYS, TAKEN_BACK, VACANT, WORRIED,
    WRONG_METER,
};
use super::indicators::{ALL, ROLES};
use super::life::Writer;
use super::names::Utility;
use super::truth::{Cause, days};
use crate::types::Day;

/// Noise begins so long before the start: a bill forgotten then is told now.
const BEFORE_DAYS: i64 = 300;

impl Writer<'_> {
    /// All noise of a life.
    pub(super) fn noise(&mut self) {
        let forgets = if self.household.poor() { FORGETS.0 } else { FORGETS.1 };
        self.yearly(forgets, Self::forget);
        self.yearly(INDICATED, |writer, day| {
            let weights = ALL.map(|(name, _, weight)| (weight, name));
            let name = *writer.rng.weighted(&weights);
            writer.indicator(name, day);
        });
        self.yearly(WORRIED, |writer, day| {
            let (role, about) = (*writer.rng.weighted(&ROLES), *writer.rng.pick(&Cause::ALL));
            writer.report(day, role, about);
        });
        self.yearly(WRONG_METER, Self::wrong_meter);
        self.yearly(JOURNEYS, |writer, day| {
            let length = *writer.rng.weighted(&[(70, (2, 8)), (25, (9, 15)), (5, (16, 45))]);
            writer.silences.push((day, day.plus(days(writer.rng.between(length.0, length.1)))));
        });
        if self.household.vacant {
            self.vacate();
        }
    }

    /// Something that happens so many times a thousand households and year.
    fn yearly(&mut self, per_thousand: u64, mut happens: impl FnMut(&mut Self, Day)) {
        let span = BEFORE_DAYS + i64::from(self.plan.days);
        // Time to the next is uniform on twice the mean: cheaper than exponential, as random as noise needs to be.
        let mean = 365_000 / i64::try_from(per_thousand.max(1)).unwrap_or(1);
        let mut at = self.rng.between(0, 2 * mean);
        while at < span {
            let day = self.plan.start.plus(days(at - BEFORE_DAYS));
            happens(self, day);
            at += self.rng.between(1, 2 * mean);
        }
    }

    fn forget(&mut self, day: Day) {
        let several = if self.rng.chance(FORGETS_SEVERAL, 1000) { self.rng.between(2, 3) } else { 1 };
        let disputed = self.rng.chance(DISPUTES, 1000);
        let void_after = self.rng.chance(TAKEN_BACK, 1000).then(|| self.rng.between(4, 40));
        let mut bills = bills(self.household);
        self.rng.shuffle(&mut bills);
        for bill in bills.into_iter().take(usize::try_from(several).unwrap_or(1)) {
            let unpaid_from = day.plus(days(self.rng.between(0, 25)));
            let lasts =
                if disputed { self.rng.between(200, 420) } else { 30 + self.rng.between(5, 12).pow(2) };
            let paid = unpaid_from.plus(days(lasts));
            self.debt(Debt { bill, unpaid_from, paid: Some(paid), void_after });
            if let Some(utility) = bill.utility
                && self.rng.chance(FORGETFUL_CUT, 1000)
            {
                let cut = unpaid_from.plus(days(self.rng.between(75, 130)));
                if cut < paid {
                    let restored = cut.plus(days(self.rng.between(1, 5)));
                    self.cutoff(utility, cut, Some(restored), None);
                }
            }
        }
    }

    /// The cut-offs of another home, booked here, found out and taken back.
    fn wrong_meter(&mut self, day: Day) {
        let utility = *self.rng.pick(&[Utility::Electricity, Utility::Gas]);
        for later in [0, self.rng.between(2, 9)] {
            let void_after = self.rng.between(2, 12);
            self.cutoff(utility, day.plus(days(later)), None, Some(void_after));
        }
    }

    /// Nobody lives here from some day on, and no registry knows; the bills go on.
    fn vacate(&mut self) {
        let end = self.plan.end();
        let day = self.plan.start.plus(days(self.rng.between(-200, i64::from(self.plan.days))));
        self.silences.push((day, end));
        for bill in bills(self.household).into_iter().filter(|bill| bill.utility.is_some()) {
            let unpaid_from = day.plus(days(self.rng.between(0, 30)));
            self.debt(Debt { bill, unpaid_from, paid: None, void_after: None });
            if let (Some(utility), true) = (bill.utility, self.rng.chance(VACANT * 100, 1000)) {
                let cut = unpaid_from.plus(days(self.rng.between(90, 160)));
                self.cutoff(utility, cut, None, None);
            }
        }
    }
}
