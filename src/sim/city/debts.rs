//! Bills that stop being paid: which a household has, how sources report them by month, and the cut-offs that follow.

use super::feeds::{
    BLDG, Feed, GAS, GAS_BILLS, KAIT, KAPT, KCIS, KEPCO, KEPCO_BILLS, LH, NHIS, NPS, SNAPSHOT_AGE_DAYS,
    WATER, WATER_BILLS,
};
use super::figures::{CORRECTED, MONTHS_TOLD, WRONG_PERSON, WRONG_PLACE};
use super::item::{Owners, Told, Topic};
use super::life::Writer;
use super::names::{Alias, NOBODY, Utility};
use super::people::Household;
use super::truth::days;
use crate::types::{Day, MS_PER_HOUR, StreamTime};

/// A kind of bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bill {
    pub(super) kind: &'static str,
    pub(super) feed: Feed,
    /// What a month costs, in won. *Assumption*.
    pub(super) monthly: i64,
    pub(super) utility: Option<Utility>,
}

const fn bill(kind: &'static str, feed: Feed, monthly: i64, utility: Option<Utility>) -> Bill {
    Bill { kind, feed, monthly, utility }
}

const PREMIUM: Bill = bill("health_insurance", NHIS, 110_000, None);
const PENSION: Bill = bill("pension", NPS, 130_000, None);
const LOAN: Bill = bill("finance", KCIS, 420_000, None);
const POWER: Bill = bill("electricity", KEPCO_BILLS, 48_000, Some(Utility::Electricity));
const RENT: Bill = bill("public_rent", LH, 150_000, None);
const FEE: Bill = bill("apartment_fee", KAPT, 190_000, None);
const PHONE: Bill = bill("telecom", KAIT, 62_000, None);
const WATER_BILL: Bill = bill("water", WATER_BILLS, 18_000, Some(Utility::Water));
const GAS_BILL: Bill = bill("gas", GAS_BILLS, 55_000, Some(Utility::Gas));
const BUILDING: Bill = bill("building_fee", BLDG, 120_000, None);

/// The bills of a household.
pub(super) fn bills(household: &Household) -> Vec<Bill> {
    let self_insured = household.self_insured;
    let unit = household.alone() && !household.apartment && household.number.is_multiple_of(6);
    [
        (true, POWER),
        (true, PHONE),
        (self_insured, PREMIUM),
        (self_insured && !household.elder, PENSION),
        (household.borrower, LOAN),
        (household.public_rental, RENT),
        (household.apartment, FEE),
        (!household.apartment, WATER_BILL),
        (household.has_gas, GAS_BILL),
        (unit, BUILDING),
    ]
    .into_iter()
    .filter_map(|(has, bill)| has.then_some(bill))
    .collect()
}

/// A bill left unpaid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Debt {
    pub(super) bill: Bill,
    pub(super) unpaid_from: Day,
    pub(super) paid: Option<Day>,
    /// Taken back so many days after its first report.
    pub(super) void_after: Option<i64>,
}

impl Writer<'_> {
    /// Reports of a debt, one for each delivery from the third month on, then its end.
    pub(super) fn debt(&mut self, debt: Debt) {
        let plan = self.plan;
        let (number, owners) = (self.number(), self.owners(debt.bill, debt.unpaid_from));
        let moved = self.moved_after(debt.unpaid_from);
        let amount_of = |months: i32, share: i64| debt.bill.monthly * i64::from(months) * share / 100;
        let share = self.rng.between(70, 140);
        let corrected = self.rng.chance(CORRECTED, 1000);
        let mut revision = 0;
        let region = self.region(debt.bill.feed, debt.unpaid_from);
        let first_seen = debt.unpaid_from.plus(MONTHS_TOLD * 30 + SNAPSHOT_AGE_DAYS);
        for delivery in debt.bill.feed.deliveries(plan, first_seen) {
            let as_of = delivery.plus(-SNAPSHOT_AGE_DAYS);
            // An account that its holder left is closed; only a debt that names the person goes on being told.
            if owners.person.is_none() && moved.is_some_and(|day| day <= as_of) {
                return;
            }
            revision += 1;
            if let Some(paid) = debt.paid.filter(|paid| *paid <= as_of) {
                if revision > 1 {
                    self.signal(
                        debt.bill.feed,
                        delivery,
                        number,
                        revision,
                        owners,
                        region,
                        Told::Paid { on: paid },
                    );
                }
                return;
            }
            let months = as_of.since(debt.unpaid_from) / 30;
            let told = |share| Told::Arrears {
                kind: debt.bill.kind,
                months,
                amount: amount_of(months, share),
                as_of,
            };
            self.signal(debt.bill.feed, delivery, number, revision, owners, region, told(share));
            if revision == 1 {
                if let Some(after) = debt.void_after {
                    let day = delivery.plus(days(after));
                    self.signal(debt.bill.feed, day, number, 2, owners, region, Told::Void(Topic::Arrears));
                    return;
                }
                if corrected {
                    let day = delivery.plus(days(self.rng.between(2, 9)));
                    revision += 1;
                    self.signal(debt.bill.feed, day, number, revision, owners, region, told(share + 12));
                }
            }
        }
    }

    /// One cut-off: at a day, restored at another, or taken back.
    pub(super) fn cutoff(
        &mut self,
        utility: Utility,
        day: Day,
        restored: Option<Day>,
        void_after: Option<i64>,
    ) {
        let feed = match utility {
            Utility::Electricity => KEPCO,
            Utility::Water => WATER,
            Utility::Gas => GAS,
        };
        let (number, region) = (self.number(), self.region(feed, day));
        let limited = utility == Utility::Electricity && self.rng.chance(700, 1000);
        let owners = self.point_owners(utility, day);
        let at = self.working_hour(day);
        self.signal(feed, day.plus(1), number, 1, owners, region, Told::Cutoff { utility, limited, at });
        if let Some(after) = void_after {
            self.signal(
                feed,
                day.plus(1 + days(after)),
                number,
                2,
                owners,
                region,
                Told::Void(Topic::Cutoff),
            );
        } else if let Some(restored) = restored {
            let told = Told::Restored { at: self.working_hour(restored).max(at.plus_ms(MS_PER_HOUR)) };
            self.signal(feed, restored.plus(1), number, 2, owners, region, told);
        }
        if utility == Utility::Electricity && !limited && void_after.is_none() {
            self.silences.push((day.plus(1), restored.unwrap_or(self.plan.end())));
        }
    }

    /// Nine in the morning to five in the afternoon.
    pub(super) fn working_hour(&mut self, day: Day) -> StreamTime {
        day.start().plus_ms(self.rng.between(9 * MS_PER_HOUR, 17 * MS_PER_HOUR))
    }

    fn owners(&mut self, bill: Bill, day: Day) -> Owners {
        match bill.utility {
            Some(utility) => self.point_owners(utility, day),
            // Fees are a home's, everything else a person's.
            None if bill.kind == FEE.kind || bill.kind == BUILDING.kind => self.address_owner(day),
            None => self.person_owner(),
        }
    }

    /// A supply point, often with who holds the contract.
    pub(super) fn point_owners(&mut self, utility: Utility, day: Day) -> Owners {
        let home = self.home(day);
        let wrong = if self.rng.chance(WRONG_PLACE, 1000) { NOBODY } else { 0 };
        let person = self.rng.chance(550, 1000).then_some(Alias::Person(self.household.number | wrong));
        let address = self.rng.chance(500, 1000).then_some(Alias::Address(home | wrong));
        Owners { person, point: Some(Alias::Point(utility, home | wrong)), address }
    }

    pub(super) fn address_owner(&mut self, day: Day) -> Owners {
        let wrong = if self.rng.chance(WRONG_PLACE, 1000) { NOBODY } else { 0 };
        Owners { address: Some(Alias::Address(self.home(day) | wrong)), ..Owners::default() }
    }

    /// A person, by a number that may be nobody's; then an address helps, if there is one.
    pub(super) fn person_owner(&mut self) -> Owners {
        let wrong = if self.rng.chance(WRONG_PERSON, 1000) { NOBODY } else { 0 };
        let day = self.plan.start;
        let address = self.rng.chance(300, 1000).then(|| Alias::Address(self.home(day)));
        Owners { person: Some(Alias::Person(self.household.number | wrong)), point: None, address }
    }
}
