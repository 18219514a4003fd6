//! A decision with its trace: reasons, numbers, evidence, what was missing, and when to look again.

use super::super::plan::{Ask, CrisisRule, Level, NodeId, Operand, Pick, Points, ReasonId, Test};
use super::absent::Anchor;
use super::compare::Known;
use super::decision::{Decision, Evidence, MAX_EVIDENCE, Mark, Truth, Wake};
use super::facts::NEVER;
use super::numbers::{given, has, month};
use super::prepared::Hit;
use super::run::{Cell, Run};
use crate::types::{Day, EventKey, SmolStr, StreamTime, Value};
use std::cmp::Ordering;

/// Says no and no more: where `when` is false until a day, whatever the conditions beside it say.
pub(super) fn no(rule: &CrisisRule, day: Day, wake: Day) -> Decision {
    let wake = wake.min(boundary(rule, day));
    Decision {
        truth: Truth::False,
        in_effect: rule.effective.contains(day),
        wake: Wake { day: (wake != NEVER).then_some(wake), sources: Vec::new() },
        ..Decision::default()
    }
}

/// Gathers what the conditions said. Where `when` is false there is nothing more to say, and nothing is allocated.
pub(super) fn decision(run: &Run<'_, '_>, cells: &[Cell]) -> Decision {
    let root = cells[usize::from(run.rule.when)];
    let mut decision = reasons(run, cells, root.truth);
    let mut wake = root.wake;
    let mut waits = root.waits;
    if root.truth != Truth::False {
        for node in &run.rule.index.deciding {
            let cell = cells[usize::from(*node)];
            wake = wake.min(cell.wake);
            waits |= cell.waits;
        }
        details(run, cells, &mut decision);
    }
    if waits {
        decision.wake.sources = sources(run, cells);
    }
    wake = wake.min(boundary(run.rule, run.day));
    decision.wake.day = (wake != NEVER).then_some(wake);
    decision
}

fn reasons(run: &Run<'_, '_>, cells: &[Cell], truth: Truth) -> Decision {
    let (mut met, mut assumed, mut unknown, mut held) = (0, 0, 0, 0);
    for (id, reason) in run.rule.reasons.iter().enumerate() {
        let cell = cells[usize::from(reason.node)];
        let bit = 1_u64 << id;
        if run.held & bit != 0 {
            held |= if cell.unheld == Truth::True { bit } else { 0 };
            continue;
        }
        match cell.truth {
            Truth::True => met |= bit,
            Truth::Unknown => unknown |= bit,
            Truth::False => {}
        }
        if cell.found == Truth::Unknown && cell.truth != Truth::Unknown {
            assumed |= bit;
        }
    }
    let (points, level) = if truth == Truth::True { score(run, cells, met) } else { (0, None) };
    Decision {
        truth,
        in_effect: run.rule.effective.contains(run.day),
        met,
        assumed,
        unknown,
        held,
        points,
        level,
        ..Decision::default()
    }
}

fn score(run: &Run<'_, '_>, cells: &[Cell], met: u64) -> (i64, Option<Level>) {
    let score = &run.rule.score;
    let mut points = score.base;
    for (reason, add) in score.add.iter().filter(|(reason, _)| met >> reason & 1 == 1) {
        let add = match add {
            Points::Fixed(points) => *points,
            Points::Stepped(steps) => {
                let number = number(run, cells, *reason);
                let reached = steps.iter().filter(|(from, _)| number.is_some_and(|number| *from <= number));
                reached.max_by_key(|(from, _)| *from).map_or(0, |(_, points)| *points)
            }
        };
        points = points.saturating_add(add);
    }
    let reached = score.levels.iter().filter(|(_, least)| *least <= points);
    (points, reached.map(|(level, _)| *level).max())
}

fn number(run: &Run<'_, '_>, cells: &[Cell], reason: ReasonId) -> Option<i64> {
    let reason = run.rule.reasons.get(usize::from(reason))?;
    cells[usize::from(reason.node)].number
}

fn details(run: &Run<'_, '_>, cells: &[Cell], decision: &mut Decision) {
    let trace = Trace { run, cells };
    let mut found = Vec::new();
    trace.evidence(run.rule.when, &mut found);
    decision.late_only = !found.is_empty() && found.iter().all(Item::is_late);
    let mut newest = found.drain(..).filter(|item| !item.is_late()).max_by(Item::by_acceptance);
    for (id, reason) in run.rule.reasons.iter().enumerate() {
        if decision.met >> id & 1 == 0 {
            continue;
        }
        let id = ReasonId::try_from(id).unwrap_or(ReasonId::MAX);
        if let Some(number) = number(run, cells, id) {
            decision.numbers.push((id, number));
        }
        trace.evidence(reason.node, &mut found);
        if found.is_empty() {
            continue;
        }
        found.sort_by(Item::by_time);
        found.dedup_by(|a, b| Item::by_time(a, b).is_eq());
        let keys = found.iter().skip(found.len().saturating_sub(MAX_EVIDENCE)).map(Item::key).collect();
        let total = u32::try_from(found.len()).unwrap_or(u32::MAX);
        decision.evidence.push(Evidence { reason: id, keys, total });
        newest = found.drain(..).filter(|item| !item.is_late()).chain(newest).max_by(Item::by_acceptance);
    }
    decision.newest = newest.map(|item| item.mark());
    for node in &run.rule.index.deciding {
        if cells[usize::from(*node)].found == Truth::Unknown {
            trace.missing(*node, decision);
        }
    }
    decision.missing.sort();
    decision.missing.dedup();
    decision.stale.sort();
    decision.stale.dedup();
}

/// One piece of evidence: what an absence counts from is one, and so is any event.
type Item<'r, 'a> = Anchor<'r, 'a>;

impl Item<'_, '_> {
    fn is_late(&self) -> bool {
        match self {
            Self::Event(hit) => hit.event.late,
            Self::Metered(..) => false,
        }
    }

    /// A day of a meter has no key but its kind and date.
    fn key(&self) -> EventKey {
        match self {
            Self::Event(hit) => hit.event.key.clone(),
            Self::Metered(day, meter) => {
                let key = format!("{}@{day}", meter.kind()).into();
                EventKey { source: meter.source().into(), key }
            }
        }
    }

    fn mark(&self) -> Mark {
        Mark { accepted: self.accepted(), day: self.day(), key: self.key() }
    }

    /// When it became known; a day of a meter when it was over at the earliest.
    fn accepted(&self) -> StreamTime {
        match self {
            Self::Event(hit) => hit.event.first_accepted(),
            Self::Metered(day, _) => day.plus(1).start(),
        }
    }

    fn start(&self) -> StreamTime {
        match self {
            Self::Event(hit) => hit.start,
            Self::Metered(day, _) => day.start(),
        }
    }

    fn by_time(a: &Self, b: &Self) -> Ordering {
        a.start().cmp(&b.start()).then_with(|| Self::by_key(a, b))
    }

    fn by_acceptance(a: &Self, b: &Self) -> Ordering {
        (a.accepted(), a.day()).cmp(&(b.accepted(), b.day())).then_with(|| Self::by_key(a, b))
    }

    fn by_key(a: &Self, b: &Self) -> Ordering {
        match (a, b) {
            (Self::Event(a), Self::Event(b)) => a.event.key.cmp(&b.event.key),
            _ => a.key().cmp(&b.key()),
        }
    }
}

struct Trace<'t, 'r, 'a> {
    run: &'t Run<'r, 'a>,
    cells: &'t [Cell],
}

impl<'r, 'a> Trace<'_, 'r, 'a> {
    /// Adds what a true condition rests on.
    fn evidence(&self, node: NodeId, found: &mut Vec<Item<'r, 'a>>) {
        let run = self.run;
        if self.cells[usize::from(node)].truth != Truth::True {
            return;
        }
        let of = run.rule.index.nodes[usize::from(node)].of;
        match &run.rule.nodes[usize::from(node)].ask {
            Ask::All(children) | Ask::Any(children) => {
                children.iter().for_each(|child| self.evidence(*child, found));
            }
            // A `none` is true because of what is not there.
            Ask::None(_) | Ask::Field(_) => {}
            Ask::Count { within, open_only, .. } => {
                found.extend(run.counted(of, *within, *open_only).map(Item::Event));
            }
            Ask::Distinct { by, within, .. } => {
                let valued = run.counted(of, *within, false).filter(|hit| has(hit, by));
                found.extend(valued.map(Item::Event));
            }
            Ask::Value { field, pick, within, .. } => {
                let valued =
                    run.counted(of, *within, false).filter_map(|hit| Some((hit, given(hit, field)?)));
                found.extend(behind(valued, *pick).into_iter().map(Item::Event));
            }
            Ask::Absent { .. } => {
                let anchor = run.anchor(&run.rule.index.nodes[usize::from(node)]);
                found.extend(anchor);
            }
            Ask::Sequence { .. } => {
                found.extend(run.chain(node).into_iter().flatten().map(Item::Event));
            }
        }
    }

    /// Adds what an unknown condition lacked.
    fn missing(&self, node: NodeId, decision: &mut Decision) {
        let run = self.run;
        let index = &run.rule.index.nodes[usize::from(node)];
        let stale = |sources: &mut dyn Iterator<Item = &str>, stale: &mut Vec<SmolStr>| {
            stale.extend(sources.filter(|source| run.view.sources.is_stale(source)).map(SmolStr::new));
        };
        match &run.rule.nodes[usize::from(node)].ask {
            Ask::All(_) | Ask::Any(_) | Ask::None(_) => {}
            Ask::Field(tests) => {
                for (test, slot) in tests.iter().zip(&index.slots) {
                    if test.test.of(run.facts.known(*slot), run.params()) == Truth::Unknown {
                        if !matches!(run.facts.known(*slot), Known::Exactly(_)) {
                            decision.missing.push(test.field.clone());
                        }
                        self.params(operands(&test.test), decision);
                    }
                }
            }
            Ask::Count { test, .. } | Ask::Distinct { test, .. } => {
                stale(&mut run.sources(index), &mut decision.stale);
                self.params(test.iter().map(|(_, operand)| operand), decision);
            }
            Ask::Value { test, field, pick, within, .. } => {
                stale(&mut run.sources(index), &mut decision.stale);
                self.params(test.iter().map(|(_, operand)| operand), decision);
                let mut events = run.counted(index.of, *within, false);
                let lacks = |hit: &Hit<'_>| given(hit, field).is_none();
                let lacking = match pick {
                    Pick::Latest => events.next().is_some_and(lacks),
                    Pick::Max | Pick::Sum | Pick::Consecutive => events.any(lacks),
                };
                if lacking {
                    decision.missing.push(field.clone());
                }
            }
            Ask::Absent { for_days, baseline_days, .. } => {
                if let Some((sources, _)) = run.waits_for(index, *for_days, *baseline_days) {
                    stale(&mut sources.into_iter(), &mut decision.stale);
                }
            }
            Ask::Sequence { .. } => {
                stale(&mut run.sources(index), &mut decision.stale);
            }
        }
    }

    /// Adds the params that have no value on the day.
    fn params<'o>(&self, operands: impl IntoIterator<Item = &'o Operand>, decision: &mut Decision) {
        for operand in operands {
            if let Operand::Param(at) = operand
                && let Some(param) = self.run.pack.params.get(*at)
                && param.on(self.run.day).is_none()
            {
                decision.missing.push(param.name.clone());
            }
        }
    }
}

/// The events, newest first, from which a pick took its value.
fn behind<'h, 'a>(
    mut valued: impl Iterator<Item = (&'h Hit<'a>, &'a Value)>,
    pick: Pick,
) -> Vec<&'h Hit<'a>> {
    match pick {
        Pick::Latest => valued.next().map(|(hit, _)| hit).into_iter().collect(),
        Pick::Sum => valued.map(|(hit, _)| hit).collect(),
        Pick::Max => {
            let larger = |a: (&'h Hit<'a>, &'a Value), b: (&'h Hit<'a>, &'a Value)| {
                if b.1.compare(a.1) == Some(Ordering::Greater) { b } else { a }
            };
            valued.reduce(larger).map(|(hit, _)| hit).into_iter().collect()
        }
        Pick::Consecutive => {
            let mut run: Vec<&'h Hit<'a>> = Vec::new();
            for (hit, _) in valued {
                if run.last().is_some_and(|later| month(hit.day) + 1 < month(later.day)) {
                    break;
                }
                run.push(hit);
            }
            run
        }
    }
}

fn operands(test: &Test) -> Vec<&Operand> {
    match test {
        Test::Compare(tests) => tests.iter().map(|(_, operand)| operand).collect(),
        Test::In(operands) | Test::AnyOf(operands) => operands.iter().collect(),
        Test::Between(low, high) => low.iter().chain(high).collect(),
    }
}

/// The sources that absences wait for, and to where.
fn sources(run: &Run<'_, '_>, cells: &[Cell]) -> Vec<(SmolStr, StreamTime)> {
    let mut sources = Vec::new();
    for node in run.rule.index.deciding.iter().filter(|node| cells[usize::from(**node)].waits) {
        if let Ask::Absent { for_days, baseline_days, .. } = &run.rule.nodes[usize::from(*node)].ask {
            let index = &run.rule.index.nodes[usize::from(*node)];
            let waits = run.waits_for(index, *for_days, *baseline_days);
            if let Some((waited, deadline)) = waits {
                sources.extend(waited.into_iter().map(|source| (SmolStr::new(source), deadline)));
            }
        }
    }
    sources.sort();
    sources.dedup();
    sources
}

/// The next day on which a param changes or the rule comes into or goes out of force.
fn boundary(rule: &CrisisRule, day: Day) -> Day {
    let effective = rule.effective;
    let bounds = [Some(effective.from), effective.to.map(|to| to.plus(1))];
    let params = rule.index.param_days.iter().copied();
    let later = bounds.into_iter().flatten().chain(params).filter(|later| *later > day);
    later.min().unwrap_or(NEVER)
}
