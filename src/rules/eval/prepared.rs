//! An entity's view bound to a pack: names looked up once, the signals of the rule last asked for kept.

use super::super::index::Kind;
use super::super::plan::{Ask, CrisisRule, NodeId, Pack};
use super::decision::{Decision, Truth};
use super::facts::{Facts, NEVER};
use super::run::{Cell, Run};
use super::stale::Stale;
use super::trace;
use super::view::EntityView;
use crate::types::{Day, Event, MS_PER_DAY, StreamTime};

/// An entity's view bound to a pack. Ask it for one rule on all its days before the next rule: what a rule's signals
/// take of the events is worked out once for each change of rule.
#[derive(Debug)]
pub struct Prepared<'a> {
    pack: &'a Pack,
    view: EntityView<'a>,
    /// Events of kinds that the pack names, in order.
    moments: Vec<(Kind, Hit<'a>)>,
    /// Their kinds.
    kinds: Kinds,
    facts: Facts<'a>,
    stale: Stale,
    /// The rule, and the acceptance from which events count, for which `hits` were taken.
    taken: Option<(&'a CrisisRule, Option<StreamTime>)>,
    hits: Vec<Hit<'a>>,
    cells: Vec<Cell>,
}

/// An event as conditions see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit<'a> {
    pub(super) event: &'a Event,
    /// The day at which it counts.
    pub(super) day: Day,
    /// The earliest instant it can mean.
    pub(super) start: StreamTime,
    /// Whether its instant is known.
    pub(super) exact: bool,
    /// The signals that take it, as bits.
    pub(super) mask: u64,
}

/// What one condition said in the evaluation before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeTrace {
    /// Its value, assumptions and suppressions applied.
    pub truth: Truth,
    /// The number it found, if it finds one.
    pub number: Option<i64>,
    /// The earliest later day on which it may change by time alone.
    pub wake: Option<Day>,
}

impl<'a> Prepared<'a> {
    /// Binds a view to a pack.
    pub fn new(pack: &'a Pack, view: &EntityView<'a>) -> Self {
        let mut moments = Vec::with_capacity(view.events.len());
        moments.extend(view.events.iter().filter_map(|event| {
            let kind = pack.index.kind(&event.kind)?;
            let (start, exact) = (event.time.start(), !event.time.has_day_precision());
            Some((kind, Hit { event, day: event.day(), start, exact, mask: 0 }))
        }));
        let order =
            |a: &Hit<'_>, b: &Hit<'_>| a.start.cmp(&b.start).then_with(|| a.event.key.cmp(&b.event.key));
        if !moments.is_sorted_by(|(_, a), (_, b)| order(a, b).is_le()) {
            moments.sort_by(|(_, a), (_, b)| order(a, b));
        }
        Self {
            pack,
            view: *view,
            kinds: Kinds::of(moments.iter().map(|(kind, _)| *kind)),
            moments,
            facts: Facts::new(&pack.index.facts, view.facts),
            stale: Stale::default(),
            taken: None,
            hits: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Evaluates `rule`, one of the pack's, on `day` (not after today). Reasons whose bits are set in `held` count as
    /// false.
    pub fn evaluate(&mut self, rule: &'a CrisisRule, day: Day, held: u64) -> Decision {
        let run = self.run(rule, day, None);
        let mut cells = std::mem::take(&mut self.cells);
        let run = Run { held, ..run.at(self) };
        for node in &rule.index.deciding {
            run.decide(*node, &mut cells);
        }
        let decision = trace::decision(&run, &cells);
        self.cells = cells;
        decision
    }

    /// As [`Self::evaluate`], for whoever acts on a rule that holds or may hold: where `when` is false, which conditions
    /// were met is not said, and most of them are not asked. [`Self::trace`] tells nothing behind it.
    pub fn decide(&mut self, rule: &'a CrisisRule, day: Day, held: u64) -> Decision {
        if self.is_idle(rule, rule.when, day, self.kinds.signals(rule)) {
            return trace::no(rule, day, NEVER);
        }
        let run = self.run(rule, day, None);
        let mut cells = std::mem::take(&mut self.cells);
        let run = Run { held, ..run.at(self) };
        let decision = match run.falls(&mut cells) {
            Some(wake) => trace::no(rule, day, wake),
            None => {
                rule.index.beside.iter().for_each(|node| run.decide(*node, &mut cells));
                trace::decision(&run, &cells)
            }
        };
        self.cells = cells;
        decision
    }

    /// Whether a condition is false for good because no event is there of what it needs. Most rules of a pack fall so at most
    /// entities, before anything of them is worked out.
    fn is_idle(&self, rule: &CrisisRule, node: NodeId, day: Day, signals: u64) -> bool {
        let idle = |child: &NodeId| self.is_idle(rule, *child, day, signals);
        match &rule.nodes[usize::from(node)].ask {
            Ask::All(children) => children.iter().any(idle),
            Ask::Any(children) => !children.is_empty() && children.iter().all(idle),
            Ask::None(_) => false,
            _ => {
                let index = &rule.index.nodes[usize::from(node)];
                let is_stale = || self.stale.any(&index.sources, &self.pack.index.sources, self.view.sources);
                let is_there = |(needs, from): (u64, Day)| needs & signals != 0 || day < from;
                index.needs.is_some_and(|needs| !is_there(needs)) && !is_stale()
            }
        }
    }

    /// Evaluates one condition on today over events accepted at or after `since` alone; of days of use, over those from
    /// that day on.
    pub fn holds_since(&mut self, rule: &'a CrisisRule, node: NodeId, since: StreamTime) -> Truth {
        let run = self.run(rule, self.view.now.day(), Some(since));
        let mut cells = std::mem::take(&mut self.cells);
        let truth = run.at(self).decide_tree(node, &mut cells);
        self.cells = cells;
        truth
    }

    /// Shows what the last [`Self::evaluate`], which was of this rule and day, left of each condition.
    pub(super) fn with_cells<T>(
        &mut self,
        rule: &'a CrisisRule,
        day: Day,
        ask: impl FnOnce(&Run<'_, 'a>, &[Cell]) -> T,
    ) -> T {
        let run = self.run(rule, day, None);
        let cells = std::mem::take(&mut self.cells);
        let answer = ask(&run.at(self), &cells);
        self.cells = cells;
        answer
    }

    /// What a condition said in the last [`Self::evaluate`], for "why not".
    pub fn trace(&self, node: NodeId) -> Option<NodeTrace> {
        let cell = self.cells.get(usize::from(node))?;
        let wake = (cell.wake != NEVER).then_some(cell.wake);
        Some(NodeTrace { truth: cell.truth, number: cell.number, wake })
    }

    /// Moves facts, hits and cells to a rule and a day.
    fn run(&mut self, rule: &'a CrisisRule, day: Day, since: Option<StreamTime>) -> At<'a> {
        self.facts.on(day);
        let same = |(taken, from): (&CrisisRule, _)| std::ptr::eq(taken, rule) && from == since;
        if !self.taken.is_some_and(same) {
            self.taken = Some((rule, since));
            self.hits.clear();
            for (kind, hit) in &self.moments {
                let taking = rule.index.signals.iter().find(|(known, _)| known == kind);
                let Some((_, signals)) = taking else { continue };
                if since.is_none_or(|since| hit.event.accepted >= since) {
                    let mask = self.mask(rule, hit, *signals);
                    if mask != 0 {
                        self.hits.push(Hit { mask, ..*hit });
                    }
                }
            }
        }
        At { rule, day, since }
    }

    /// Of the signals that take the kind, those whose tests the event passes.
    fn mask(&self, rule: &CrisisRule, hit: &Hit<'_>, mut signals: u64) -> u64 {
        let mut mask = 0;
        while signals != 0 {
            let id = signals.trailing_zeros();
            signals &= signals - 1;
            let passes = rule.signals[id as usize].takes(hit.event, &self.pack.params, hit.day);
            mask |= u64::from(passes) << id;
        }
        mask
    }
}

/// Event kinds that an entity has, as bits; a kind beyond them is taken to be there.
#[derive(Debug, Default)]
struct Kinds([u64; 4]);

impl Kinds {
    fn of(kinds: impl Iterator<Item = Kind>) -> Self {
        let mut found = Self::default();
        for kind in kinds {
            if let Some(bits) = found.0.get_mut(usize::from(kind / 64)) {
                *bits |= 1 << (kind % 64);
            }
        }
        found
    }

    fn has(&self, kind: Kind) -> bool {
        self.0.get(usize::from(kind / 64)).is_none_or(|bits| bits >> (kind % 64) & 1 == 1)
    }

    /// The signals of a rule that take one of them, as bits.
    fn signals(&self, rule: &CrisisRule) -> u64 {
        let taking = rule.index.signals.iter().filter(|(kind, _)| self.has(*kind));
        taking.fold(0, |all, (_, signals)| all | signals)
    }
}

/// Which rule, on which day, over which events.
struct At<'a> {
    rule: &'a CrisisRule,
    day: Day,
    since: Option<StreamTime>,
}

impl<'a> At<'a> {
    fn at<'r>(&self, prepared: &'r Prepared<'a>) -> Run<'r, 'a> {
        let now = prepared.view.now;
        // The last moment that belongs to the day.
        let end = if self.day < now.day() { self.day.start().plus_ms(MS_PER_DAY - 1) } else { now };
        let until = prepared.hits.partition_point(|hit| hit.day <= self.day);
        let (hits, later) = prepared.hits.split_at(until);
        Run {
            pack: prepared.pack,
            rule: self.rule,
            view: &prepared.view,
            facts: &prepared.facts,
            known_stale: &prepared.stale,
            day: self.day,
            end,
            hits,
            later,
            since: self.since,
            held: 0,
        }
    }
}
