//! The synthetic city: seeded households whose hidden crises, and whose plain forgetfulness, leave signals on raw topics.
//!
//! Everything is a pure function of a [`Plan`]. A household's life is written anew whenever one of its records is due, so a
//! million households cost four bytes each and what one day holds. Figures are in `figures`, each marked as sourced or
//! assumed. Truth comes first ([`truth`]), signals follow from it with probabilities, noise comes on top.

mod area;
mod casework;
mod debts;
mod driver;
mod feeds;
mod figures;
mod homes;
mod indicators;
mod item;
mod life;
mod meters;
mod names;
mod noise;
mod people;
mod poison;
mod record;
mod schedule;
pub mod truth;

pub use casework::AlertSeen;
pub use driver::{Driver, Step};
pub use feeds::Stop;
pub use figures::MOST_IN_CRISIS_PERCENT;
pub use poison::Poison;
pub use truth::{Cause, Spell};

use crate::contracts::Contracts;
use crate::sim::ground::Ground;
use crate::types::{Day, MS_PER_DAY, MS_PER_HOUR, SmolStr, StreamTime};
use casework::{Casework, Found};
use feeds::Feeds;
use item::{Item, What};
use life::Life;
use people::Household;
use record::{Draft, Writer};
use schedule::{Planned, Schedule};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What kind of city, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// Number of households.
    pub households: u32,
    /// First day of the run.
    pub start: Day,
    /// Days of the run.
    pub days: u32,
    /// Feeds repeat records, come late and stop for days.
    pub feed_faults: bool,
    /// Dongs have outages.
    pub outages: bool,
    /// Stops beside those that `feed_faults` brings.
    pub stops: Vec<Stop>,
    /// Poisoned records for each 10,000 good ones.
    pub poison_per_10_000: u32,
    /// Declared time between samples, ms; at most an hour, and a divisor of it, so that each midnight is one.
    pub sample_ms: i64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            seed: 1,
            households: 2_000,
            // 2026-03-02, a Monday.
            start: Day(20_514),
            days: 60,
            feed_faults: true,
            outages: true,
            stops: Vec::new(),
            poison_per_10_000: 0,
            sample_ms: MS_PER_HOUR,
        }
    }
}

/// The most households: names fit in 31 bits beside a mark for nobody, and homes need two numbers each.
pub const MOST_HOUSEHOLDS: u32 = 1 << 29;
/// The longest run.
pub const MOST_DAYS: u32 = 3_660;

impl Plan {
    /// The first day after the run.
    pub fn end(&self) -> Day {
        self.start.plus(i32::try_from(self.days).unwrap_or(i32::MAX))
    }

    fn check(&self) -> Result<(), String> {
        if self.households == 0 || self.households > MOST_HOUSEHOLDS {
            return Err(format!("a city has 1 to {MOST_HOUSEHOLDS} households, not {}", self.households));
        }
        if self.days == 0 || self.days > MOST_DAYS {
            return Err(format!("a run has 1 to {MOST_DAYS} days, not {}", self.days));
        }
        if self.sample_ms <= 0 || MS_PER_HOUR % self.sample_ms != 0 {
            return Err(format!("{} ms between samples do not divide an hour", self.sample_ms));
        }
        Ok(())
    }
}

/// A record for a raw topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord {
    /// Topic.
    pub topic: SmolStr,
    /// Key bytes.
    pub key: Option<Vec<u8>>,
    /// Value bytes; none is a null value.
    pub value: Option<Vec<u8>>,
    /// Declared time of its arrival.
    pub at: StreamTime,
    /// Of whom it really tells, which no stage may know.
    pub about: Option<About>,
    /// What is wrong with it, if it is poisoned.
    pub poison: Option<Poison>,
}

/// Of whom a signal really tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Number of the household.
    pub household: u32,
    /// Which of its things: a debt, a cut-off; told again (a revision, a repeat) it has the same number.
    pub thing: u32,
}

/// A city on its way through a run.
#[derive(Debug)]
pub struct City {
    plan: Plan,
    writer: Writer,
    feeds: Feeds,
    schedule: Schedule,
    casework: Casework,
    /// Provisional households and who really stands behind them.
    strangers: BTreeMap<SmolStr, u32>,
    poison: crate::sim::rng::Rng,
}

impl City {
    /// A city before its first day. An error says what in the plan cannot be.
    pub fn new(plan: Plan, contracts: Arc<Contracts>) -> Result<Self, String> {
        plan.check()?;
        let writer = Writer::new(&plan, contracts);
        let feeds = Feeds::of(&plan);
        Ok(Self {
            schedule: Schedule::new(&plan, &writer.names),
            casework: Casework::new(plan.seed),
            strangers: BTreeMap::new(),
            poison: crate::sim::rng::Rng::new(plan.seed).fork_named("poison"),
            plan,
            writer,
            feeds,
        })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The next records that arrive before `until`, at most `most`, in order of arrival; none when no more do.
    /// An error is a draft that its contract does not take: a mistake of the city.
    pub fn next(&mut self, until: StreamTime, most: usize) -> Result<Vec<RawRecord>, String> {
        let mut records = Vec::new();
        while records.len() < most {
            let planned = self.schedule.peek(&self.plan, &self.writer.names, &self.feeds);
            let planned = planned.filter(|at| *at < until.0);
            let act = self.casework.next_due().filter(|at| *at < until.0);
            match (planned, act) {
                (None, None) => break,
                (planned, Some(act)) if planned.is_none_or(|planned| act <= planned) => {
                    self.act(&mut records)?
                }
                _ => self.planned(&mut records)?,
            }
            self.poisoned(&mut records)?;
        }
        Ok(records)
    }

    fn planned(&mut self, records: &mut Vec<RawRecord>) -> Result<(), String> {
        let Some((at, planned)) = self.schedule.pop() else { return Ok(()) };
        let (draft, about) = match planned {
            Planned::Item(item) => {
                self.remember_stranger(&item);
                let about = about(&item);
                (self.writer.item(&self.plan, &item), about)
            }
            Planned::Outage(outage, ended) => (self.writer.outage(&outage, ended), None),
            Planned::Statement(statement) => (self.writer.statement(&statement), None),
        };
        records.push(self.raw(StreamTime(at), &draft, about)?);
        Ok(())
    }

    fn act(&mut self, records: &mut Vec<RawRecord>) -> Result<(), String> {
        let (plan, names, feeds, strangers) = (&self.plan, &self.writer.names, &self.feeds, &self.strangers);
        let now = self.casework.next_due().map_or(StreamTime::ZERO, StreamTime);
        let found = |pseudonym: &str| {
            let number = names.household_number(pseudonym).or_else(|| strangers.get(pseudonym).copied());
            number.map_or(Found::Nobody, |number| find(plan, names, feeds, number, now.day()))
        };
        if let Some((at, act)) = self.casework.act(found) {
            let draft = self.writer.act(&act, at);
            records.push(self.raw(at, &draft, None)?);
        }
        Ok(())
    }

    fn raw(&self, at: StreamTime, draft: &Draft, about: Option<About>) -> Result<RawRecord, String> {
        Ok(RawRecord {
            topic: SmolStr::new_static(draft.topic),
            key: draft.key.clone().map(String::into_bytes),
            value: Some(self.writer.encode(draft)?),
            at,
            about,
            poison: None,
        })
    }

    fn poisoned(&mut self, records: &mut Vec<RawRecord>) -> Result<(), String> {
        let Some(at) = records.last().map(|record| record.at) else { return Ok(()) };
        if !self.poison.chance(u64::from(self.plan.poison_per_10_000), 10_000) {
            return Ok(());
        }
        let kind = *self.poison.pick(&Poison::ALL);
        let value = match poison::dose(kind, &mut self.poison) {
            poison::Dose::Draft(draft) => Some(self.writer.encode(&draft)?),
            poison::Dose::Bytes(bytes) => bytes,
        };
        let topic = SmolStr::new_static(poison::TOPIC);
        records.push(RawRecord { topic, key: None, value, at, about: None, poison: Some(kind) });
        Ok(())
    }

    /// A signal whose owners nobody knows ends at a provisional household: the city keeps who that is.
    fn remember_stranger(&mut self, item: &Item) {
        let What::Signal(signal) = &item.what else { return };
        let household = Household::of(&self.plan, item.household);
        let owners = signal.owners;
        let unknown = household.registered != people::Registered::FromStart
            || [owners.person, owners.point, owners.address].into_iter().flatten().any(names::is_nobody);
        if let Some(last) = owners.last().filter(|_| unknown) {
            let subject = format!("{}:{}", last.kind(), self.writer.names.alias(last));
            self.strangers.insert(crate::engine::layout::provisional_household(&subject), item.household);
        }
    }

    /// Gives an alert to the caseworkers. They act on it in records to come.
    pub fn see(&mut self, alert: &AlertSeen, now: StreamTime) {
        self.casework.see(alert, now);
    }

    /// The number of the household behind a pseudonym, provisional ones included.
    pub fn who(&self, pseudonym: &str) -> Option<u32> {
        let number = self.writer.names.household_number(pseudonym);
        number.or_else(|| self.strangers.get(pseudonym).copied())
    }

    /// The hidden truth before anything was heard of it.
    pub fn ground(&self) -> Ground {
        Ground::new(self.spells().into_iter().map(|spell| (spell, None)), self.plan.end())
    }

    /// The pseudonyms under which alerts may name a household that has a spell, provisional ones included, as known so far.
    pub fn named(&self, ground: &Ground) -> BTreeMap<SmolStr, u32> {
        let has_spell = |number: u32| ground.spells().iter().any(|(spell, _)| spell.household == number);
        let registered = ground
            .spells()
            .iter()
            .map(|(spell, _)| (self.writer.names.household(spell.household), spell.household));
        let strangers = self.strangers.iter().filter(|(_, number)| has_spell(**number));
        registered.chain(strangers.map(|(name, number)| (name.clone(), *number))).collect()
    }

    /// The whole hidden truth: every spell of the run, by household and beginning.
    pub fn spells(&self) -> Vec<Spell> {
        let blocks = self.plan.households.div_ceil(truth::BLOCK);
        let mut spells: Vec<Spell> =
            (0..blocks).flat_map(|block| truth::spells_of_block(&self.plan, block)).collect();
        spells.retain(|spell| spell.to >= self.plan.start && spell.from < self.plan.end());
        spells.sort_by_key(|spell| (spell.household, spell.from));
        spells
    }
}

/// Of whom a report tells. An end or a void is none, nor is a meter's daily reading.
fn about(item: &Item) -> Option<About> {
    let What::Signal(signal) = &item.what else { return None };
    match signal.told {
        item::Told::Paid { .. }
        | item::Told::Restored { .. }
        | item::Told::Void(_)
        | item::Told::Reading { .. } => None,
        item::Told::Arrears { .. }
        | item::Told::Cutoff { .. }
        | item::Told::Indicator { .. }
        | item::Told::Report { .. } => Some(About { household: item.household, thing: signal.number }),
    }
}

/// What a caseworker finds at a household.
fn find(plan: &Plan, names: &names::Names, feeds: &Feeds, number: u32, day: Day) -> Found {
    let spells = truth::spells_of_block(plan, number / truth::BLOCK);
    if spells.iter().any(|spell| spell.household == number && spell.holds(day)) {
        return Found::Crisis;
    }
    let life = Life::of(plan, names, feeds, number, &spells);
    let gone = |(from, to): &(Day, Day)| *from <= day && day < *to;
    if life.household.vacant && life.silences.iter().any(gone) { Found::Vacant } else { Found::NoCrisis }
}

/// Milliseconds of a run.
fn run_ms(plan: &Plan) -> i64 {
    i64::from(plan.days) * MS_PER_DAY
}

#[cfg(test)]
mod tests;
