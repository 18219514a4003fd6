//! What each condition of a rule saw on a day and how far it is from saying otherwise: for whoever asks why.

use super::super::index::NodeIndex;
use super::super::plan::{Ask, Cmp, CrisisRule, NodeId, Operand, Pick, ReasonId, Test, Within};
use super::compare::Known;
use super::decision::{Decision, Truth};
use super::facts::NEVER;
use super::numbers::has;
use super::prepared::{Hit, Prepared};
use super::run::{Cell, Run};
use crate::types::{Day, EventKey, SmolStr, StreamTime, Value};

/// A rule on a day, condition by condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// What the rule says.
    pub decision: Decision,
    /// Its `when`.
    pub when: Condition,
    /// The conditions beside it that give points.
    pub also: Vec<Condition>,
}

/// One condition, with those under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The reason that shows it.
    pub reason: Option<ReasonId>,
    /// What it says, assumptions and suppressions applied.
    pub truth: Truth,
    /// What it found before an assumption.
    pub found: Truth,
    /// The earliest later day on which it may say otherwise by time alone.
    pub wake: Option<Day>,
    /// What it looked at.
    pub saw: Saw,
}

/// What a condition looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saw {
    /// It asks for all of these.
    All(Vec<Condition>),
    /// It asks for one of these.
    Any(Vec<Condition>),
    /// It asks for none of these.
    None(Vec<Condition>),
    /// Facts, one for each test.
    Facts(Vec<FactSeen>),
    /// A number read from events.
    Number(NumberSeen),
    /// A silence.
    Absence(AbsenceSeen),
    /// Events one after another.
    Sequence(SequenceSeen),
}

/// A bound of a test; the value is missing where a param has none on the day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// How it is compared.
    pub cmp: Cmp,
    /// With what.
    pub value: Option<Value>,
}

/// What is asked of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Every bound holds.
    Bounds(Vec<Bound>),
    /// It is one of these, or one of its several values is.
    OneOf(Vec<Value>),
}

/// What is known of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactKnown {
    /// All of it.
    Exactly(Value),
    /// It is this or more.
    AtLeast(Value),
    /// It is this or less.
    AtMost(Value),
    /// Nothing.
    Nothing,
    /// Something that is not to be shown.
    Masked,
}

/// A fact beside its test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactSeen {
    /// Its name, without the entity's prefix.
    pub fact: SmolStr,
    /// What is known of it.
    pub known: FactKnown,
    /// What is asked of it.
    pub wanted: Wanted,
    /// What that says.
    pub truth: Truth,
    /// How much is missing (or, below zero, too much) where both are whole numbers.
    pub gap: Option<i64>,
}

/// A number beside its test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberSeen {
    /// What is counted or read.
    pub what: Counted,
    /// The signals that it is read from, by their names in the rule.
    pub of: Vec<SmolStr>,
    /// How far back.
    pub within: Option<Within>,
    /// The number; none where there is no event to read one from, or where it is not to be shown.
    pub number: Option<i64>,
    /// What is asked of it.
    pub bounds: Vec<Bound>,
    /// How much is missing, or, below zero, too much.
    pub gap: Option<i64>,
    /// Events that count, newest first, at most [`SHOWN`].
    pub events: Vec<(Day, EventKey)>,
    /// How many there are in all; days of meters not among them.
    pub total: u32,
    /// The number is not to be shown.
    pub is_masked: bool,
    /// An event does not tell the field that is read.
    pub lacks: Option<SmolStr>,
    /// Sources that are late: the number can be higher than is known.
    pub stale: Vec<SmolStr>,
}

/// Events that are shown of a condition.
pub const SHOWN: usize = 8;

/// What a number is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Events, perhaps only those whose state lasts.
    Events {
        /// Whether it is those alone.
        open_only: bool,
    },
    /// Different values of a field.
    Distinct(SmolStr),
    /// A field.
    Field(SmolStr, Pick),
}

/// A silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsenceSeen {
    /// What must not come, by names in the rule.
    pub of: Vec<SmolStr>,
    /// Behind what.
    pub after: Vec<SmolStr>,
    /// For so many days.
    pub for_days: i32,
    /// The day from which it counts; none if nothing of `after` is unanswered.
    pub anchor: Option<Day>,
    /// The day at whose beginning it falls due.
    pub due: Option<Day>,
    /// The last day with one of `of`.
    pub last: Option<Day>,
    /// There was none of `of` before the anchor to compare the silence with, in so many days.
    pub no_baseline: Option<i32>,
    /// Sources that have not said that nothing came until it fell due: how far each is, and whether it is late.
    pub waits_for: Vec<(SmolStr, Option<StreamTime>, bool)>,
}

/// Events one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceSeen {
    /// The signals of each step, how many events of them there are in the days looked at, and the newest.
    pub steps: Vec<(Vec<SmolStr>, u32, Option<Day>)>,
    /// Days from first to last.
    pub within_days: i32,
    /// Days in which the last step must lie.
    pub lookback_days: i32,
    /// Sources that are late.
    pub stale: Vec<SmolStr>,
}

impl<'a> Prepared<'a> {
    /// As [`Self::evaluate`], with what each condition saw.
    pub fn explain(&mut self, rule: &'a CrisisRule, day: Day, held: u64) -> Explained {
        let decision = self.evaluate(rule, day, held);
        self.with_cells(rule, day, |run, cells| {
            let teller = Teller { run, cells };
            let also = rule.reasons.iter().filter(|reason| reason.also);
            Explained {
                decision,
                when: teller.condition(rule.when),
                also: also.map(|reason| teller.condition(reason.node)).collect(),
            }
        })
    }
}

struct Teller<'t, 'r, 'a> {
    run: &'t Run<'r, 'a>,
    cells: &'t [Cell],
}

impl Teller<'_, '_, '_> {
    fn condition(&self, node: NodeId) -> Condition {
        let (rule, cell) = (self.run.rule, self.cells[usize::from(node)]);
        let index = &rule.index.nodes[usize::from(node)];
        let under = |children: &[NodeId]| children.iter().map(|child| self.condition(*child)).collect();
        let saw = match &rule.nodes[usize::from(node)].ask {
            Ask::All(children) => Saw::All(under(children)),
            Ask::Any(children) => Saw::Any(under(children)),
            Ask::None(children) => Saw::None(under(children)),
            Ask::Field(tests) => Saw::Facts(
                tests
                    .iter()
                    .zip(&index.slots)
                    .map(|(test, slot)| self.fact(&test.field, &test.test, self.run.facts.known(*slot)))
                    .collect(),
            ),
            Ask::Count { within, open_only, test, .. } => {
                let counted = self.run.counted(index.of, *within, *open_only).collect();
                let what = Counted::Events { open_only: *open_only };
                Saw::Number(self.number(index, cell, what, (*within, test), counted))
            }
            Ask::Distinct { by, within, test, .. } => {
                let counted = self.run.counted(index.of, *within, false).filter(|hit| has(hit, by)).collect();
                Saw::Number(self.number(index, cell, Counted::Distinct(by.clone()), (*within, test), counted))
            }
            Ask::Value { field, pick, within, test, .. } => {
                let counted = self.run.counted(index.of, *within, false).collect();
                let what = Counted::Field(field.clone(), *pick);
                Saw::Number(self.number(index, cell, what, (*within, test), counted))
            }
            Ask::Absent { for_days, baseline_days, .. } => {
                Saw::Absence(self.absence(index, *for_days, *baseline_days))
            }
            Ask::Sequence { within_days, lookback_days, .. } => {
                Saw::Sequence(self.sequence(index, *within_days, *lookback_days))
            }
        };
        let wake = (cell.wake != NEVER).then_some(cell.wake);
        Condition { reason: index.reason, truth: cell.truth, found: cell.found, wake, saw }
    }

    fn fact(&self, field: &SmolStr, test: &Test, known: Known<'_>) -> FactSeen {
        let wanted = self.wanted(test);
        let gap = match (&wanted, known) {
            (
                Wanted::Bounds(bounds),
                Known::Exactly(value) | Known::AtLeast(value) | Known::AtMost(value),
            ) => value.as_int().and_then(|n| gap(bounds, n)),
            _ => None,
        };
        let truth = test.of(known, self.run.params());
        let known = match known {
            Known::Exactly(value) => FactKnown::Exactly(value.clone()),
            Known::AtLeast(value) => FactKnown::AtLeast(value.clone()),
            Known::AtMost(value) => FactKnown::AtMost(value.clone()),
            Known::Nothing => FactKnown::Nothing,
        };
        FactSeen { fact: field.clone(), known, wanted, truth, gap }
    }

    fn wanted(&self, test: &Test) -> Wanted {
        let value = |operand: &Operand| self.run.params().value(operand).cloned();
        match test {
            Test::Compare(tests) => Wanted::Bounds(self.bounds(tests)),
            Test::In(operands) | Test::AnyOf(operands) => {
                Wanted::OneOf(operands.iter().filter_map(value).collect())
            }
            Test::Between(low, high) => {
                let low = low.iter().map(|low| Bound { cmp: Cmp::Gte, value: value(low) });
                let high = high.iter().map(|high| Bound { cmp: Cmp::Lte, value: value(high) });
                Wanted::Bounds(low.chain(high).collect())
            }
        }
    }

    fn bounds(&self, tests: &[(Cmp, Operand)]) -> Vec<Bound> {
        let bound = |(cmp, operand): &(Cmp, Operand)| Bound {
            cmp: *cmp,
            value: self.run.params().value(operand).cloned(),
        };
        tests.iter().map(bound).collect()
    }

    fn number(
        &self,
        index: &NodeIndex,
        cell: Cell,
        what: Counted,
        (within, test): (Option<Within>, &[(Cmp, Operand)]),
        counted: Vec<&Hit<'_>>,
    ) -> NumberSeen {
        let bounds = self.bounds(test);
        let lacks = match &what {
            Counted::Field(field, pick) => {
                let asked = if *pick == Pick::Latest { 1 } else { counted.len() };
                counted.iter().take(asked).any(|hit| !has(hit, field)).then(|| field.clone())
            }
            Counted::Events { .. } | Counted::Distinct(_) => None,
        };
        NumberSeen {
            gap: gap(&bounds, cell.number.unwrap_or(0)),
            what,
            of: self.signals(index.of),
            within,
            number: cell.number,
            bounds,
            events: counted.iter().take(SHOWN).map(|hit| (hit.day, hit.event.key.clone())).collect(),
            total: u32::try_from(counted.len()).unwrap_or(u32::MAX),
            is_masked: false,
            lacks,
            stale: self.stale(index),
        }
    }

    fn absence(&self, index: &NodeIndex, for_days: i32, baseline_days: Option<i32>) -> AbsenceSeen {
        let run = self.run;
        let anchor = run.anchor(index).map(super::absent::Anchor::day);
        let due = anchor.map(|anchor| run.due(index, anchor, for_days));
        let heard = run.hits.iter().filter(|hit| hit.mask & index.of != 0).map(|hit| hit.day);
        let used = run.daily(index.of).filter_map(|meter| meter.last(run.day));
        let no_baseline = anchor
            .zip(baseline_days)
            .and_then(|(anchor, days)| run.baseline(index, anchor, days).is_empty().then_some(days));
        let waits = run.waits_for(index, for_days, baseline_days).map(|(sources, _)| sources);
        let source = |name: &str| {
            let sources = run.view.sources;
            (SmolStr::new(name), sources.complete_through(name), sources.is_stale(name))
        };
        AbsenceSeen {
            of: self.signals(index.of),
            after: self.signals(index.other),
            for_days,
            anchor,
            due,
            last: heard.chain(used).max(),
            no_baseline,
            waits_for: waits.unwrap_or_default().into_iter().map(source).collect(),
        }
    }

    fn sequence(&self, index: &NodeIndex, within_days: i32, lookback_days: i32) -> SequenceSeen {
        let first = self.run.day.plus(1).plus(-lookback_days).plus(-within_days);
        let step = |mask: &u64| {
            let hits = self.run.hits.iter().filter(|hit| hit.mask & mask != 0 && hit.day >= first);
            let days: Vec<Day> = hits.map(|hit| hit.day).collect();
            let count = u32::try_from(days.len()).unwrap_or(u32::MAX);
            (self.signals(*mask), count, days.into_iter().max())
        };
        SequenceSeen {
            steps: index.steps.iter().map(step).collect(),
            within_days,
            lookback_days,
            stale: self.stale(index),
        }
    }

    fn signals(&self, of: u64) -> Vec<SmolStr> {
        let signals = self.run.rule.signals.iter().enumerate();
        signals.filter(|(at, _)| of >> at & 1 == 1).map(|(_, signal)| signal.name.clone()).collect()
    }

    fn stale(&self, index: &NodeIndex) -> Vec<SmolStr> {
        let sources = self.run.view.sources;
        let mut stale: Vec<SmolStr> =
            self.run.sources(index).filter(|source| sources.is_stale(source)).map(SmolStr::new).collect();
        stale.sort_unstable();
        stale.dedup();
        stale
    }
}

/// How far a number is from all bounds: what it lacks, or, below zero, what it has too much. None where it meets them, where one
/// is no whole number, or where more and less are asked for at once.
fn gap(bounds: &[Bound], number: i64) -> Option<i64> {
    let (mut least, mut most) = (number, number);
    for bound in bounds {
        let value = bound.value.as_ref()?.as_int()?;
        match bound.cmp {
            Cmp::Gte => least = least.max(value),
            Cmp::Gt => least = least.max(value.saturating_add(1)),
            Cmp::Lte => most = most.min(value),
            Cmp::Lt => most = most.min(value.saturating_sub(1)),
            Cmp::Eq => (least, most) = (least.max(value), most.min(value)),
            Cmp::Ne => {}
        }
    }
    match (least.saturating_sub(number), most.saturating_sub(number)) {
        (0, 0) => None,
        (lack, 0) => Some(lack),
        (0, excess) => Some(excess),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meets(bounds: &[Bound], number: i64) -> bool {
        bounds.iter().all(|bound| {
            let Some(Value::Int(value)) = bound.value else { return false };
            match bound.cmp {
                Cmp::Eq => number == value,
                Cmp::Ne => number != value,
                Cmp::Lt => number < value,
                Cmp::Lte => number <= value,
                Cmp::Gt => number > value,
                Cmp::Gte => number >= value,
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The gap leads to the nearest number that meets all bounds, and there is none where nothing is missing.
        #[test]
        fn a_gap_is_the_way_to_the_nearest_number_that_meets_the_bounds(
            bounds in prop::collection::vec(
                (prop::sample::select(vec![Cmp::Eq, Cmp::Lt, Cmp::Lte, Cmp::Gt, Cmp::Gte]), -9..9_i64), 1..3),
            number in -12..12_i64
        ) {
            let bounds: Vec<Bound> =
                bounds.into_iter().map(|(cmp, value)| Bound { cmp, value: Some(Value::Int(value)) }).collect();
            let nearest = (-30..30_i64).filter(|n| meets(&bounds, *n)).min_by_key(|n| (n - number).abs());
            // What no number meets the checker of rules refuses.
            prop_assume!(nearest.is_some());
            let wanted = nearest.map(|nearest| nearest - number).filter(|gap| *gap != 0);
            prop_assert_eq!(gap(&bounds, number), wanted);
        }
    }
}
