//! One rule on one day: each condition's value, its number, and when it may change.

use super::super::index::NodeIndex;
use super::super::plan::{
    Ask, Cmp, CrisisRule, DailyTest, FieldTest, MAX_SIGNALS, NodeId, Operand, Pack, Param, SignalDef,
};
use super::compare::{Known, Params, all};
use super::decision::Truth;
use super::facts::{Facts, NEVER};
use super::prepared::Hit;
use super::stale::Stale;
use super::view::{DailyDays, EntityView};
use crate::types::{Day, Event, StreamTime};

/// What one evaluation reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'r, 'a> {
    pub(super) pack: &'r Pack,
    pub(super) rule: &'r CrisisRule,
    pub(super) view: &'r EntityView<'a>,
    pub(super) facts: &'r Facts<'a>,
    pub(super) known_stale: &'r Stale,
    pub(super) day: Day,
    /// The last moment that counts: of the day or, today, now.
    pub(super) end: StreamTime,
    /// Events of days up to `day` that the rule's signals take, in order.
    pub(super) hits: &'r [Hit<'a>],
    /// Events of later days.
    pub(super) later: &'r [Hit<'a>],
    pub(super) since: Option<StreamTime>,
    pub(super) held: u64,
}

/// What a condition said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// Assumptions and suppressions applied.
    pub(super) truth: Truth,
    /// Before a suppression.
    pub(super) unheld: Truth,
    /// Before an assumption.
    pub(super) found: Truth,
    pub(super) number: Option<i64>,
    /// The earliest later day on which `truth` (where it is true, also number and evidence) may change by time alone.
    pub(super) wake: Day,
    /// It may also change whenever a source gets further.
    pub(super) waits: bool,
}

impl Cell {
    pub(super) const FALSE: Self = Self {
        truth: Truth::False,
        unheld: Truth::False,
        found: Truth::False,
        number: None,
        wake: NEVER,
        waits: false,
    };

    pub(super) fn new(truth: Truth, wake: Day) -> Self {
        Self { truth, found: truth, wake, ..Self::FALSE }
    }
}

impl<'r, 'a> Run<'r, 'a> {
    /// Decides a condition whose children have been decided.
    pub(super) fn decide(&self, node: NodeId, cells: &mut Vec<Cell>) {
        let at = usize::from(node);
        let index = &self.rule.index.nodes[at];
        let mut cell = match &self.rule.nodes[at].ask {
            Ask::All(children) => group(Truth::False, children, cells),
            Ask::Any(children) => group(Truth::True, children, cells),
            Ask::None(children) => {
                let cell = group(Truth::True, children, cells);
                let truth = super::compare::negate(cell.truth);
                Cell { truth, found: truth, ..cell }
            }
            Ask::Field(tests) => self.field(tests, index),
            Ask::Count { within, open_only, test, .. } => {
                self.or_input(index.of, self.count(index, *within, *open_only, test))
            }
            Ask::Distinct { by, within, test, .. } => {
                self.or_input(index.of, self.distinct(index, by, *within, test))
            }
            Ask::Value { field, pick, within, test, .. } => {
                self.or_input(index.of, self.value(index, field, *pick, *within, test))
            }
            Ask::Absent { for_days, baseline_days, .. } => self.absent(index, *for_days, *baseline_days),
            Ask::Sequence { lookback_days, .. } => {
                self.or_input(index.of | index.other, self.sequence(node, *lookback_days))
            }
        };
        if cell.truth == Truth::Unknown && index.assumed {
            cell.truth = if index.inverted { Truth::False } else { Truth::True };
        }
        cell.unheld = cell.truth;
        if index.reason.is_some_and(|reason| self.held >> reason & 1 == 1) {
            cell.truth = Truth::False;
        }
        if cells.len() <= at {
            cells.resize(self.rule.nodes.len().max(at + 1), Cell::FALSE);
        }
        cells[at] = cell;
    }

    /// Whether `when` is false, and until which day at the least; none where more has to be said of it. Conditions are asked
    /// in the order of what they cost, until one settles it for good: what the others say is then left open.
    pub(super) fn falls(&self, cells: &mut Vec<Cell>) -> Option<Day> {
        let settles = |cell: Cell| cell.truth == Truth::False && cell.wake == NEVER && !cell.waits;
        for node in &self.rule.index.cheapest {
            self.decide_tree(*node, cells);
            if settles(cells[usize::from(*node)]) {
                return Some(NEVER);
            }
        }
        if self.rule.index.cheapest.is_empty() {
            self.decide_tree(self.rule.when, cells);
        } else {
            self.decide(self.rule.when, cells);
        }
        let root = cells[usize::from(self.rule.when)];
        (root.truth == Truth::False && !root.waits).then_some(root.wake)
    }

    /// Decides a condition and all under it.
    pub(super) fn decide_tree(&self, node: NodeId, cells: &mut Vec<Cell>) -> Truth {
        if let Ask::All(children) | Ask::Any(children) | Ask::None(children) =
            &self.rule.nodes[usize::from(node)].ask
        {
            for child in children {
                self.decide_tree(*child, cells);
            }
        }
        self.decide(node, cells);
        cells[usize::from(node)].truth
    }

    fn field(&self, tests: &[FieldTest], index: &NodeIndex) -> Cell {
        let params = self.params();
        let mut wake = NEVER;
        let truth = all(tests.iter().zip(&index.slots).map(|(test, slot)| {
            wake = wake.min(self.facts.wake(*slot, &test.test, params));
            test.test.of(self.facts.known(*slot), params)
        }));
        // Once one test is false the others were not asked: what is left out can only move the wake-up later than the
        // day on which that one changes.
        Cell::new(truth, wake)
    }

    /// Params as conditions read them.
    pub(super) fn params(&self) -> Params<'r> {
        Params { params: &self.pack.params, day: self.day }
    }

    /// The same, if not by then an event or a day of use of these signals is waiting on a later day.
    pub(super) fn or_input(&self, wanted: u64, cell: Cell) -> Cell {
        let event = self.later.iter().find(|hit| hit.mask & wanted != 0).map_or(NEVER, |hit| hit.day);
        let metered = self.daily(wanted).filter_map(|meter| meter.days(self.day.plus(1), NEVER).next());
        Cell { wake: cell.wake.min(event).min(metered.min().unwrap_or(NEVER)), ..cell }
    }

    /// The meters of which these signals mean some days, each once.
    pub(super) fn daily(&self, of: u64) -> impl Iterator<Item = Meter<'a>> + use<'r, 'a> {
        let signals = &self.rule.signals;
        let bits = of & self.rule.index.daily;
        let daily: &'a [DailyDays<'a>] = if bits == 0 { &[] } else { self.view.daily };
        daily.iter().filter_map(move |days| {
            let mut meter = Meter { days, used: false, unused: false };
            for (id, signal) in signals.iter().enumerate().take(MAX_SIGNALS) {
                if let (1, Some(test)) = (bits >> id & 1, signal.daily)
                    && signal.kinds.iter().any(|kind| kind == days.kind)
                {
                    meter.used |= test != DailyTest::Unused;
                    meter.unused |= test != DailyTest::Used;
                }
            }
            (meter.used || meter.unused).then_some(meter)
        })
    }

    /// Whether one of the sources of a condition's signals is stale.
    pub(super) fn stale(&self, index: &NodeIndex) -> bool {
        self.known_stale.any(&index.sources, &self.pack.index.sources, self.view.sources)
    }

    /// The sources of a condition's signals.
    pub(super) fn sources(&self, index: &'r NodeIndex) -> impl Iterator<Item = &'r str> + use<'r, 'a> {
        let names = &self.pack.index.sources;
        index.sources.iter().map(move |source| names[usize::from(*source)].as_str())
    }
}

/// `decisive` is the value of one child that settles the group: false for `all`, true for `any`.
fn group(decisive: Truth, children: &[NodeId], cells: &[Cell]) -> Cell {
    let mut result = Cell::new(super::compare::negate(decisive), NEVER);
    // While one settling child stands, so does the group: it lasts as long as the last of them. One that a source may
    // change at any time protects only together with none that time must change.
    let (mut by_time, mut by_source) = (None, None);
    for child in children {
        let cell = cells[usize::from(*child)];
        result.wake = result.wake.min(cell.wake);
        result.waits |= cell.waits;
        if cell.truth == decisive {
            let last = if cell.waits { &mut by_source } else { &mut by_time };
            *last = (*last).max(Some(cell.wake));
            result.truth = decisive;
        } else if cell.truth == Truth::Unknown && result.truth != decisive {
            result.truth = Truth::Unknown;
        }
    }
    if result.truth == decisive {
        result.waits = by_time.is_none();
        result.wake = by_time.or(by_source).unwrap_or(NEVER);
    }
    result.found = result.truth;
    result
}

impl SignalDef {
    /// Whether an event of one of the kinds passes the tests; params are read on the event's day.
    pub(super) fn takes(&self, event: &Event, params: &[Param], day: Day) -> bool {
        let params = Params { params, day };
        let passes = |test: &FieldTest| {
            let known = event.field(&test.field).map_or(Known::Nothing, Known::Exactly);
            test.test.of(known, params) == Truth::True
        };
        self.filter.iter().all(passes)
    }
}

/// A meter, and which of its days are meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter<'a> {
    days: &'a DailyDays<'a>,
    used: bool,
    unused: bool,
}

impl<'a> Meter<'a> {
    pub(super) fn source(&self) -> &'a str {
        self.days.source
    }

    pub(super) fn kind(&self) -> &'a str {
        self.days.kind
    }

    /// The days meant from `from` to `to`, ascending.
    pub(super) fn days(self, from: Day, to: Day) -> impl Iterator<Item = Day> + use<'a> {
        let first = self.days.first;
        let skip = usize::try_from(from.since(first).max(0) / 64).unwrap_or(0);
        let days = (skip..self.words()).flat_map(move |at| {
            let base = first.plus(i32::try_from(at * 64).unwrap_or(i32::MAX));
            let mut word = self.word(at);
            std::iter::from_fn(move || {
                (word != 0).then(|| {
                    let bit = word.trailing_zeros();
                    word &= word - 1;
                    base.plus(bit.cast_signed())
                })
            })
        });
        days.skip_while(move |day| *day < from).take_while(move |day| *day <= to)
    }

    /// The last day meant up to a day.
    pub(super) fn last(self, to: Day) -> Option<Day> {
        let bits = usize::try_from(to.since(self.days.first).saturating_add(1)).ok()?;
        let (whole, rest) = (bits / 64, bits % 64);
        let part = (whole < self.words() && rest > 0).then(|| (whole, self.word(whole) & ((1 << rest) - 1)));
        let before = (0..whole.min(self.words())).rev().map(|at| (at, self.word(at)));
        let (at, word) = part.into_iter().chain(before).find(|(_, word)| *word != 0)?;
        let day = at * 64 + 63 - word.leading_zeros() as usize;
        Some(self.days.first.plus(i32::try_from(day).unwrap_or(i32::MAX)))
    }

    fn words(&self) -> usize {
        self.days.used.len().max(self.days.read.len())
    }

    fn word(&self, at: usize) -> u64 {
        let used = self.days.used.get(at).copied().unwrap_or(0);
        let read = self.days.read.get(at).copied().unwrap_or(0);
        (if self.used { used } else { 0 }) | (if self.unused { read & !used } else { 0 })
    }
}

/// Used by conditions that compare numbers.
pub(super) type Tests = [(Cmp, Operand)];
