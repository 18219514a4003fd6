//! Sequences: distinct events in time order, close together, the last of them recent.

use super::super::plan::{Ask, NodeId};
use super::decision::Truth;
use super::facts::NEVER;
use super::numbers::given;
use super::prepared::Hit;
use super::run::{Cell, Run};
use crate::types::{Day, EventKey, SmolStr, StreamTime};
use std::cmp::Reverse;

impl<'r, 'a> Run<'r, 'a> {
    pub(super) fn sequence(&self, node: NodeId, lookback_days: i32) -> Cell {
        match self.chain(node) {
            Some(chain) => {
                let last = chain.last().map_or(NEVER, |hit| hit.day.plus(lookback_days));
                Cell::new(Truth::True, last)
            }
            None if self.stale(&self.rule.index.nodes[usize::from(node)]) => Cell::new(Truth::Unknown, NEVER),
            None => Cell::FALSE,
        }
    }

    /// The events of the steps: the latest end, then the latest beginning, then the smallest keys.
    pub(super) fn chain(&self, node: NodeId) -> Option<Vec<&'r Hit<'a>>> {
        let Ask::Sequence { within_days, lookback_days, same, .. } = &self.rule.nodes[usize::from(node)].ask
        else {
            return None;
        };
        let index = &self.rule.index.nodes[usize::from(node)];
        let (first, last) = (*index.steps.first()?, *index.steps.last()?);
        if !self.hits.iter().any(|hit| hit.mask & first != 0) {
            return None;
        }
        let search =
            Search { hits: self.hits, steps: &index.steps, breaks: index.other, within: *within_days, same };
        let recent = self.day.plus(lookback_days.saturating_neg());
        let mut best: Option<Vec<&'r Hit<'a>>> = None;
        for end in self.hits.iter().rev().take_while(|hit| hit.day > recent) {
            if best.as_ref().and_then(|chain| chain.last()).is_some_and(|known| end.start < known.start) {
                break;
            }
            if end.mask & last != 0
                && let Some(chain) = search.ending_at(end)
                && best.as_ref().is_none_or(|known| rank(&chain) < rank(known))
            {
                best = Some(chain);
            }
        }
        best
    }
}

/// Among chains whose ends are at one time: the latest beginning first, then the smallest keys.
fn rank<'a>(chain: &[&Hit<'a>]) -> (Reverse<StreamTime>, &'a EventKey, &'a EventKey) {
    let (first, last) = (chain[0], chain[chain.len() - 1]);
    (Reverse(first.start), &last.event.key, &first.event.key)
}

struct Search<'r, 'a> {
    hits: &'r [Hit<'a>],
    steps: &'r [u64],
    /// Signals that break the sequence.
    breaks: u64,
    within: i32,
    same: &'r [SmolStr],
}

impl<'r, 'a> Search<'r, 'a> {
    /// The chain with the latest beginning, then the smallest key of it, that ends in this event.
    fn ending_at(&self, end: &'r Hit<'a>) -> Option<Vec<&'r Hit<'a>>> {
        if !self.same.iter().all(|field| given(end, field).is_some()) {
            return None;
        }
        if self.steps.len() == 1 {
            return Some(vec![end]);
        }
        let mut best: Option<Vec<&'r Hit<'a>>> = None;
        let near = self.hits.iter().rev().filter(|hit| hit.day <= end.day);
        for first in near.take_while(|hit| end.day.since(hit.day) <= self.within) {
            if best.as_ref().is_some_and(|known| first.start < known[0].start) {
                break;
            }
            if first.mask & self.steps[0] == 0
                || !ordered(first, end)
                || !self.alike(first, end)
                || self.broken(first, end)
            {
                continue;
            }
            let mut chain = vec![first];
            if best.as_ref().is_none_or(|known| first.event.key < known[0].event.key)
                && self.fill(&mut chain, end)
            {
                chain.push(end);
                best = Some(chain);
            }
        }
        best
    }

    /// Finds the steps between. An earlier event never leaves less room for the steps behind it than a later one, so of
    /// the first day that has any, the earliest instant and each kind of event known by its day alone are enough to try.
    fn fill(&self, chain: &mut Vec<&'r Hit<'a>>, end: &'r Hit<'a>) -> bool {
        if chain.len() + 1 == self.steps.len() {
            return true;
        }
        let step = self.steps[chain.len()];
        let fits = |hit: &Hit<'a>, chain: &[&Hit<'a>]| {
            hit.mask & step != 0
                && !is(hit, end)
                && chain.iter().all(|before| ordered(before, hit) && !is(before, hit))
                && ordered(hit, end)
                && self.alike(hit, end)
        };
        let day = chain[chain.len() - 1].day;
        let from = self.hits.partition_point(|hit| hit.day < day);
        let mut tried: (Option<Day>, bool, Vec<u64>) = (None, false, Vec::new());
        for hit in self.hits[from..].iter().take_while(|hit| hit.day <= end.day) {
            if !fits(hit, chain) {
                continue;
            }
            let (first_day, instant, masks) = &mut tried;
            if *first_day.get_or_insert(hit.day) != hit.day {
                break;
            }
            let again = if hit.exact { std::mem::replace(instant, true) } else { masks.contains(&hit.mask) };
            if again {
                continue;
            }
            if !hit.exact {
                masks.push(hit.mask);
            }
            chain.push(hit);
            if self.fill(chain, end) {
                return true;
            }
            chain.pop();
        }
        false
    }

    /// The fields that tie the steps are given and equal.
    fn alike(&self, a: &Hit<'_>, b: &Hit<'_>) -> bool {
        self.same.iter().all(|field| given(a, field).is_some_and(|value| Some(value) == given(b, field)))
    }

    /// Whether something that breaks the sequence surely lies between.
    fn broken(&self, first: &Hit<'_>, last: &Hit<'_>) -> bool {
        let between = |hit: &Hit<'_>| hit.mask & self.breaks != 0 && before(first, hit) && before(hit, last);
        self.breaks != 0 && self.hits.iter().any(between)
    }
}

fn is(a: &Hit<'_>, b: &Hit<'_>) -> bool {
    std::ptr::eq(a.event, b.event)
}

/// Whether `a` may have come before `b`: equal days suffice where either is known by its day alone.
fn ordered(a: &Hit<'_>, b: &Hit<'_>) -> bool {
    if a.exact && b.exact { a.start < b.start } else { a.day <= b.day && !is(a, b) }
}

/// Whether `a` surely came before `b`.
fn before(a: &Hit<'_>, b: &Hit<'_>) -> bool {
    if a.exact && b.exact { a.start < b.start } else { a.day < b.day }
}
