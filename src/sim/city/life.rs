//! A household's whole life in a run as records to come: a pure function of the plan and the household's number. So the
//! city keeps nothing of a household but the next day on which it has something to say.

use super::Plan;
use super::debts::{Debt, bills};
use super::feeds::{Feed, Feeds, REPORT_APP};
use super::figures::{CUT, CUT_WATER, REPORTED, SILENT, TWICE, UNPAID};
use super::homes::{Stay, home_on, registry, stays};
use super::indicators;
use super::item::{Item, Owners, SignalItem, Told, What};
use super::names::{Names, Utility};
use super::people::{Household, household_rng};
use super::truth::{Cause, Spell, days};
use crate::sim::rng::Rng;
use crate::types::{Day, StreamTime};

/// A life, written out.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) household: Household,
    pub(super) stays: Vec<Stay>,
    /// By arrival.
    pub(super) items: Vec<Item>,
    /// Days on which no meter turns: from, and the first day after.
    pub(super) silences: Vec<(Day, Day)>,
}

/// Writes a life.
pub(super) struct Writer<'a> {
    pub(super) plan: &'a Plan,
    names: &'a Names,
    feeds: &'a Feeds,
    pub(super) household: &'a Household,
    stays: Vec<Stay>,
    pub(super) rng: Rng,
    items: Vec<Item>,
    pub(super) silences: Vec<(Day, Day)>,
    numbers: u32,
}

/// Signals are numbered from here: below lie the registries' own numbers.
const FIRST_SIGNAL: u32 = 100;

impl Life {
    pub(super) fn of(plan: &Plan, names: &Names, feeds: &Feeds, number: u32, spells: &[Spell]) -> Self {
        let household = Household::of(plan, number);
        let mut writer = Writer {
            plan,
            names,
            feeds,
            household: &household,
            stays: stays(plan, number),
            rng: household_rng(plan, number).fork_named("life"),
            items: Vec::new(),
            silences: Vec::new(),
            numbers: FIRST_SIGNAL,
        };
        for spell in spells.iter().filter(|spell| spell.household == number) {
            writer.spell(spell);
        }
        writer.noise();
        let widowed =
            spells.iter().find(|s| s.household == number && s.cause == Cause::Death).map(|s| s.from);
        registry(plan, &household, &writer.stays, widowed, &mut writer.items);
        let Writer { stays, mut items, silences, .. } = writer;
        items.retain(|item| plan.start.start().0 <= item.arrives && item.arrives < plan.end().start().0);
        items.sort_by_key(|item| item.arrives);
        Self { household, stays, items, silences }
    }
}

impl Writer<'_> {
    pub(super) fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn home(&self, day: Day) -> u32 {
        home_on(&self.stays, day)
    }

    /// The day on which the household leaves the home in which it lives on `day`.
    pub(super) fn moved_after(&self, day: Day) -> Option<Day> {
        self.stays.iter().filter_map(|stay| stay.to).find(|to| *to > day)
    }

    /// The region that a feed names for what happens on a day.
    pub(super) fn region(&self, feed: Feed, day: Day) -> Option<u32> {
        feed.by_region.then(|| self.names.sigungu_of(self.names.dong_of(self.home(day))))
    }

    /// Adds a signal of the delivery on `day`, sometimes twice.
    #[expect(clippy::too_many_arguments, reason = "one call for one record, each argument a field of it")]
    pub(super) fn signal(
        &mut self,
        feed: Feed,
        day: Day,
        number: u32,
        revision: i64,
        owners: Owners,
        region: Option<u32>,
        told: Told,
    ) {
        let arrives = self.feeds.arrival(self.plan, feed, day, &mut self.rng);
        self.add(arrives, SignalItem { source: feed.source, number, revision, owners, region, told });
    }

    fn add(&mut self, arrives: i64, signal: SignalItem) {
        let item = Item { arrives, household: self.household.number, what: What::Signal(signal) };
        if self.plan.feed_faults && self.rng.chance(TWICE, 1000) {
            let again = arrives + self.rng.between(1_000, 40 * 3_600_000);
            self.items.push(Item { arrives: again, ..item.clone() });
        }
        self.items.push(item);
    }

    /// Someone tells of the household.
    pub(super) fn report(&mut self, day: Day, role: &'static str, about: Cause) {
        let at = day.start().plus_ms(self.rng.between(7 * 3_600_000, 22 * 3_600_000));
        let owners = match role {
            "self" => Owners { address: self.address_owner(day).address, ..self.person_owner() },
            _ => self.address_owner(day),
        };
        let told = Told::Report {
            role,
            about,
            household_type: indicators::household_type(self.household),
            anonymous: role != "self" && self.rng.chance(400, 1000),
            at,
        };
        let arrives = self.feeds.at_once(REPORT_APP, StreamTime(at.0), &mut self.rng);
        let number = self.number();
        let source = if role == "postal_worker" { "POSTAL" } else { REPORT_APP.source };
        self.add(arrives, SignalItem { source, number, revision: 1, owners, region: None, told });
    }

    /// The signals that a crisis leads to.
    fn spell(&mut self, spell: &Spell) {
        for bill in bills(self.household) {
            let likely = match (spell.cause, bill.kind) {
                (Cause::Debt, "finance") => 900,
                (Cause::Isolation, _) => UNPAID[spell.grade()] / 3,
                _ => UNPAID[spell.grade()],
            };
            if !self.rng.chance(likely, 1000) {
                continue;
            }
            let unpaid_from = spell.from.plus(days(self.rng.between(-40, 60)));
            let paid = self
                .rng
                .chance(750, 1000)
                .then(|| spell.to.plus(days(self.rng.between(5, 60))).max(unpaid_from.plus(10)));
            self.debt(Debt { bill, unpaid_from, paid, void_after: None });
            if let Some(utility) = bill.utility {
                self.cutoffs_of(spell, utility, unpaid_from);
            }
        }
        self.indicators(spell);
        self.reports(spell);
        let quiet = matches!(spell.cause, Cause::Illness | Cause::Isolation);
        if quiet && self.household.size <= 2 && self.rng.chance(SILENT[spell.grade()], 1000) {
            let from = spell.from.plus(days(self.rng.between(5, spell.days().max(6))));
            self.silences.push((from, from.plus(days(self.rng.between(16, 70)))));
        }
    }

    fn cutoffs_of(&mut self, spell: &Spell, utility: Utility, unpaid_from: Day) {
        let likely = if utility == Utility::Water { CUT_WATER } else { CUT[spell.grade()] };
        let mut day = unpaid_from.plus(days(self.rng.between(75, 130)));
        let mut again = self.rng.chance(likely, 1000);
        while again && day < spell.to && day < self.plan.end() {
            let for_a_while = self.rng.chance(650, 1000);
            let restored = if for_a_while {
                day.plus(days(self.rng.between(1, 25)))
            } else {
                spell.to.plus(days(self.rng.between(1, 20)))
            };
            self.cutoff(utility, day, Some(restored), None);
            again = for_a_while && self.rng.chance(550, 1000);
            day = restored.plus(days(self.rng.between(12, 50)));
        }
    }

    fn reports(&mut self, spell: &Spell) {
        let isolated = if spell.cause == Cause::Isolation { 2 } else { 1 };
        let mut again = self.rng.chance(REPORTED[spell.grade()] * isolated, 1000);
        let mut day = spell.from.plus(days(self.rng.between(3, spell.days().max(4))));
        while again && day <= spell.to {
            let role = *self.rng.weighted(&indicators::ROLES);
            self.report(day, role, spell.cause);
            day = day.plus(days(self.rng.between(2, 30)));
            again = self.rng.chance(300, 1000);
        }
    }
}
