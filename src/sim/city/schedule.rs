//! What the city has still to say, in order of arrival, without keeping more than a day of it: of a household only the next
//! day on which it has something to say is known.

use super::Plan;
use super::area::{Failure, Outage, Statement, failures, outages, statements};
use super::feeds::Feeds;
use super::item::Item;
use super::life::Life;
use super::meters::Metered;
use super::names::Names;
use super::truth::{BLOCK, Spell, spells_of_block};
use crate::types::StreamTime;
use std::collections::VecDeque;

/// Something to say.
#[derive(Clone, Debug)]
pub(super) enum Planned {
    Item(Item),
    /// Its start, or its end.
    Outage(Outage, bool),
    Statement(Statement),
}

#[derive(Debug)]
pub(super) struct Schedule {
    /// What is ready, by arrival.
    ready: VecDeque<(i64, Planned)>,
    /// The next household to be born into the schedule: at first the registries deliver, in the order of households.
    next_born: u32,
    /// The next day to make ready.
    next_day: u32,
    /// By day of the run, the households that speak on it.
    due: Vec<Vec<u32>>,
    metered: Vec<Metered>,
    /// Readings that come on a later day than their own.
    delayed: Vec<Item>,
    outages: VecDeque<(i64, Outage, bool)>,
    failures: Vec<Failure>,
    /// Spells of the block looked at last: neighbours come together.
    block: Option<(u32, Vec<Spell>)>,
}

impl Schedule {
    pub(super) fn new(plan: &Plan, names: &Names) -> Self {
        let mut told: Vec<(i64, Outage, bool)> = outages(plan, names)
            .into_iter()
            .flat_map(|outage| [(outage.told.0, outage.clone(), false), (outage.to.0, outage, true)])
            .collect();
        told.sort_by_key(|(at, outage, ended)| (*at, outage.dong, *ended));
        Self {
            ready: VecDeque::new(),
            next_born: 0,
            next_day: 0,
            due: vec![Vec::new(); usize::try_from(plan.days).unwrap_or(0)],
            metered: Vec::new(),
            delayed: Vec::new(),
            outages: told.into(),
            failures: failures(plan, names),
            block: None,
        }
    }

    /// When the next thing is said; makes days ready as needed. None at the end of the run.
    pub(super) fn peek(&mut self, plan: &Plan, names: &Names, feeds: &Feeds) -> Option<i64> {
        while self.ready.is_empty() {
            if self.next_born < plan.households {
                self.bear(plan, names, feeds);
            } else if self.next_day < plan.days {
                self.make_ready(plan, names, feeds);
            } else {
                return None;
            }
        }
        self.ready.front().map(|(at, _)| *at)
    }

    pub(super) fn pop(&mut self) -> Option<(i64, Planned)> {
        self.ready.pop_front()
    }

    fn life(&mut self, plan: &Plan, names: &Names, feeds: &Feeds, number: u32) -> Life {
        let block = number / BLOCK;
        if self.block.as_ref().is_none_or(|(known, _)| *known != block) {
            self.block = Some((block, spells_of_block(plan, block)));
        }
        let spells = self.block.as_ref().map_or(&[][..], |(_, spells)| spells);
        Life::of(plan, names, feeds, number, spells)
    }

    /// The registries' first word on the next household.
    fn bear(&mut self, plan: &Plan, names: &Names, feeds: &Feeds) {
        let number = self.next_born;
        self.next_born += 1;
        let life = self.life(plan, names, feeds, number);
        self.metered.extend(Metered::of(&life));
        let morning = plan.start.start().plus_ms(super::homes::FIRST_DELIVERY_MS).0;
        let split = life.items.partition_point(|item| item.arrives < morning);
        self.remember(plan, number, &life.items[split..]);
        self.ready.extend(life.items.into_iter().take(split).map(|item| (item.arrives, Planned::Item(item))));
    }

    /// Puts a household where its next word is due.
    fn remember(&mut self, plan: &Plan, number: u32, to_come: &[Item]) {
        let next = to_come.first().map(|item| StreamTime(item.arrives).day().since(plan.start));
        if let Some(due) =
            next.and_then(|day| usize::try_from(day).ok()).and_then(|day| self.due.get_mut(day))
        {
            due.push(number);
        }
    }

    fn make_ready(&mut self, plan: &Plan, names: &Names, feeds: &Feeds) {
        let day = plan.start.plus(i32::try_from(self.next_day).unwrap_or(i32::MAX));
        let ends = day.plus(1).start().0;
        let index = usize::try_from(self.next_day).unwrap_or(usize::MAX);
        self.next_day += 1;

        let mut said: Vec<(i64, Planned)> = Vec::new();
        let mut households = self.due.get_mut(index).map(std::mem::take).unwrap_or_default();
        households.sort_unstable();
        let begins = day.start().0;
        let morning = begins + if index == 0 { super::homes::FIRST_DELIVERY_MS } else { 0 };
        for number in households {
            let life = self.life(plan, names, feeds, number);
            let from = life.items.partition_point(|item| item.arrives < morning);
            let to = life.items.partition_point(|item| item.arrives < ends);
            self.remember(plan, number, &life.items[to..]);
            let items = life.items.into_iter().take(to).skip(from);
            said.extend(items.map(|item| (item.arrives, Planned::Item(item))));
        }
        let failures = &self.failures;
        let readings =
            self.metered.iter().filter_map(|metered| metered.reading(plan, names, feeds, failures, day));
        self.delayed.extend(readings);
        let (now, later) =
            std::mem::take(&mut self.delayed).into_iter().partition(|item| item.arrives < ends);
        self.delayed = later;
        said.extend(Vec::into_iter(now).map(|item: Item| (item.arrives, Planned::Item(item))));
        let told = self.outages.partition_point(|(at, ..)| *at < ends);
        let told = self.outages.drain(..told);
        said.extend(told.map(|(at, outage, ended)| (at, Planned::Outage(outage, ended))));
        let stated = statements(plan, names, feeds, day);
        said.extend(stated.into_iter().map(|(at, statement)| (at, Planned::Statement(statement))));
        // Stable: what arrives in one millisecond keeps the order made above.
        said.sort_by_key(|(at, _)| *at);
        self.ready = said.into();
    }
}
