//! Remote meters: one reading a day of the few homes that have one.

use super::Plan;
use super::area::Failure;
use super::feeds::{Feeds, KEPCO};
use super::homes::{Stay, home_on};
use super::item::{Item, Owners, SignalItem, Told, What};
use super::life::Life;
use super::names::{Alias, Names, Utility};
use super::people::household_rng;
use crate::types::Day;

/// A home with a remote meter.
#[derive(Clone, Debug)]
pub(super) struct Metered {
    number: u32,
    stays: Vec<Stay>,
    silences: Vec<(Day, Day)>,
}

/// Readings are numbered by day from here, away from a life's own numbers.
const FIRST_READING: u32 = 1_000_000;
/// Readings that never come, in thousandths. *Assumption*.
const LOST: u64 = 5;

impl Metered {
    pub(super) fn of(life: &Life) -> Option<Self> {
        life.household.remote_meter.then(|| Self {
            number: life.household.number,
            stays: life.stays.clone(),
            silences: life.silences.clone(),
        })
    }

    /// The reading of the day before `day`, delivered on `day` or later.
    pub(super) fn reading(
        &self,
        plan: &Plan,
        names: &Names,
        feeds: &Feeds,
        failures: &[Failure],
        day: Day,
    ) -> Option<Item> {
        let on = day.plus(-1);
        let index = u32::try_from(on.since(plan.start)).ok()?;
        let mut rng = household_rng(plan, self.number).fork_named("meter").fork(u64::from(index));
        if rng.chance(LOST, 1000) {
            return None;
        }
        let home = home_on(&self.stays, on);
        let silent = self.silences.iter().any(|(from, to)| *from <= on && on < *to)
            || failures.iter().any(|failure| failure.silences(names, home, on));
        let used = if silent { 0 } else { rng.between(12, 140) };
        let point = Alias::Point(Utility::Electricity, home);
        let signal = SignalItem {
            source: KEPCO.source,
            number: FIRST_READING + index,
            revision: 1,
            owners: Owners { point: Some(point), ..Owners::default() },
            region: None,
            told: Told::Reading { utility: Utility::Electricity, used, on },
        };
        let arrives = feeds.arrival(plan, KEPCO, day, &mut rng);
        Some(Item { arrives, household: self.number, what: What::Signal(signal) })
    }
}
