//! Rules: three field conditions with their trace, and the shipped pack over the histories of the city's households.

use crate::measure::median_ns;
use crate::row;
use crate::town::Town;
use ieum::engine::clock::TaskClock;
use ieum::engine::households::{DailyUse, HouseholdHead};
use ieum::engine::layout::HOUSEHOLDS_LOG;
use ieum::engine::state::{Key, Record, StateRead, Sub};
use ieum::rules::eval::{DailyDays, EntityView, Prepared, Sources};
use ieum::rules::plan::{Pack, Status};
use ieum::types::{Day, Event, SmolStr, StreamTime};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const TREE: &str = "rule: crisis.tree
kind: crisis
version: 1
status: live
title: 세 조건
law: [\"긴급복지지원법 제2조\"]
effective: {from: 2026-01-01}
per: household
when:
  all:
    - {id: old, say: 나이, field: {household.oldest_age: {gte: 65}}}
    - {id: alone, say: 혼자, field: {household.size: 1}}
    - {id: poor, say: 소득, field: {household.income_pct_median: {lte: 75}}}
score: {base: 60, levels: {watch: 40, high: 60}}
emit: {cooldown: 14d}
";

/// Households asked: the ones with the longest histories would not be the usual case.
const ASKED: usize = 2_000;

pub(crate) fn run(town: &Town) {
    println!("\nrules, nanoseconds (median)");
    tree(town);
    shipped(town);
}

fn tree(town: &Town) {
    let (pack, mistakes) = ieum::rules::load([("crisis/tree.yaml", TREE)], &town.contracts);
    let pack = pack.unwrap_or_else(|| panic!("three conditions load: {mistakes:?}"));
    let histories = histories(town);
    for (name, holds) in [("three field conditions, true", true), ("three field conditions, false", false)] {
        let rule = &pack.crisis[0];
        let wanted = histories.iter().find(|history| {
            let view = history.view();
            let decision =
                history.ask(&view, |view| Prepared::new(&pack, view).evaluate(rule, view.now.day(), 0));
            (decision.truth == ieum::rules::eval::Truth::True) == holds
        });
        let history = wanted.expect("the city has both");
        let view = history.view();
        history.ask(&view, |view| {
            let mut prepared = Prepared::new(&pack, view);
            let day = view.now.day();
            row(name, median_ns(|| prepared.evaluate(rule, day, 0)), "with trace; aim 40");
        });
    }
}

/// With all that is traced, as "why not" asks; and as the engine asks where no episode is live, which acts on a yes alone.
fn shipped(town: &Town) {
    let histories = histories(town);
    let pack: &Pack = &town.pack;
    let events: usize = histories.iter().map(|history| history.events().count()).sum();
    let events = events as f64 / histories.len() as f64;
    for (how, whole) in [("with every trace", true), ("as the engine asks", false)] {
        let mut spent: Vec<f64> = histories.iter().map(|history| asked(history, pack, whole)).collect();
        spent.sort_by(f64::total_cmp);
        let name = format!("shipped pack, {how}");
        let told = format!("one household; {} rules, {events:.1} events; aim 5,000", pack.crisis.len());
        row(&name, spent[spent.len() / 2], &told);
        row("the same, p99 of households", spent[spent.len() * 99 / 100], "");
    }
}

/// Nanoseconds for all rules over one household, the best of five.
fn asked(history: &History, pack: &Pack, whole: bool) -> f64 {
    let view = history.view();
    history.ask(&view, |view| {
        let mut best = f64::MAX;
        for _ in 0..5 {
            let began = Instant::now();
            let (mut prepared, today) = (Prepared::new(pack, view), view.now.day());
            for rule in pack.crisis.iter().filter(|rule| rule.status != Status::Draft) {
                let decision =
                    if whole { prepared.evaluate(rule, today, 0) } else { prepared.decide(rule, today, 0) };
                black_box(decision);
            }
            best = best.min(began.elapsed().as_nanos() as f64);
        }
        best
    })
}

/// What is stored of one household.
struct History {
    clock: Arc<TaskClock>,
    head: Arc<Record>,
    pages: Vec<Arc<Record>>,
    daily: Vec<(Day, Arc<Record>)>,
}

/// Households with at least one event, every so-manyth.
fn histories(town: &Town) -> Vec<History> {
    let state = town.state(HOUSEHOLDS_LOG);
    let clock = Arc::new(TaskClock::read(state).expect("time has passed"));
    let all = state.iter().filter_map(|(key, record)| {
        let Record::Household(head) = &*record else { return None };
        let part = |sub| state.get(&Key::new(key.entity.clone(), sub));
        let pages: Vec<_> = head.years.iter().filter_map(|year| part(Sub::Page(*year))).collect();
        let first = |year: i16| Day::from_ymd(i32::from(year), 1, 1);
        let daily =
            head.daily_years.iter().filter_map(|year| Some((first(*year)?, part(Sub::Daily(*year))?)));
        let daily = daily.collect();
        Some(History { clock: Arc::clone(&clock), head: Arc::clone(&record), pages, daily })
    });
    let all: Vec<History> = all.filter(|history| history.events().next().is_some()).collect();
    let step = (all.len() / ASKED).max(1);
    all.into_iter().step_by(step).collect()
}

/// What an [`EntityView`] borrows.
struct View<'a> {
    events: Vec<&'a Event>,
    daily: Vec<DailyDays<'a>>,
    sources: Known<'a>,
}

#[derive(Debug)]
struct Known<'a> {
    clock: &'a TaskClock,
    region: Option<SmolStr>,
    late: Vec<&'a SmolStr>,
}

/// As the stage itself answers.
impl Sources for Known<'_> {
    fn complete_through(&self, source: &str) -> Option<StreamTime> {
        self.clock.source(source, self.region.as_ref()).map(|state| state.complete_through)
    }

    fn is_stale(&self, source: &str) -> bool {
        self.late.iter().any(|late| *late == source)
            && self.clock.source(source, self.region.as_ref()).is_some_and(|state| state.stale)
    }
}

impl History {
    fn head(&self) -> &HouseholdHead {
        let Record::Household(head) = &*self.head else { unreachable!("it was found as one") };
        head
    }

    fn clock(&self) -> &TaskClock {
        &self.clock
    }

    fn events(&self) -> impl Iterator<Item = &Event> {
        self.pages
            .iter()
            .filter_map(move |record| match &**record {
                Record::HouseholdPage(page) => Some(page),
                _ => None,
            })
            .flat_map(|page| page.events.iter().map(|(_, event)| event))
    }

    fn view(&self) -> View<'_> {
        let meters = self.daily.iter().filter_map(|(first, record)| match &**record {
            Record::DailyUse(DailyUse { meters }) => Some((*first, meters)),
            _ => None,
        });
        let daily = meters.flat_map(|(first, meters)| {
            meters.iter().map(move |meter| DailyDays {
                kind: &meter.kind,
                source: &meter.source,
                first,
                used: &meter.used,
                read: &meter.read,
            })
        });
        let late =
            self.clock().sources.iter().filter(|state| state.stale).map(|state| &state.source).collect();
        let sources = Known { clock: self.clock(), region: self.head().region.clone(), late };
        View { events: self.events().collect(), daily: daily.collect(), sources }
    }

    fn ask<'v, T>(&'v self, view: &'v View<'v>, ask: impl FnOnce(&EntityView<'v>) -> T) -> T {
        ask(&EntityView {
            events: &view.events,
            daily: &view.daily,
            facts: &self.head().facts,
            sources: &view.sources,
            suppressed: &[],
            now: self.clock().through,
        })
    }
}
