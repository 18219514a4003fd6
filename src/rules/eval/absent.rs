//! Absence: nothing of a signal from an anchor through a deadline, known only once the sources that would have told
//! of it are complete to there.

use super::super::index::NodeIndex;
use super::decision::Truth;
use super::facts::NEVER;
use super::prepared::Hit;
use super::run::{Cell, Meter, Run};
use super::view::SuppressedSpan;
use crate::types::{Day, MS_PER_DAY, StreamTime};

/// What an absence counts from.
#[derive(Clone, Copy)]
pub(super) enum Anchor<'r, 'a> {
    /// An event.
    Event(&'r Hit<'a>),
    /// A day of a meter.
    Metered(Day, Meter<'a>),
}

impl Anchor<'_, '_> {
    pub(super) fn day(self) -> Day {
        match self {
            Self::Event(hit) => hit.day,
            Self::Metered(day, _) => day,
        }
    }
}

impl<'r, 'a> Run<'r, 'a> {
    pub(super) fn absent(&self, index: &NodeIndex, for_days: i32, baseline_days: Option<i32>) -> Cell {
        match self.anchor(index).map(Anchor::day) {
            None => self.or_input(index.other, Cell::FALSE),
            // A further anchor changes nothing.
            Some(anchor) => self.or_input(index.of, self.silence(index, anchor, for_days, baseline_days)),
        }
    }

    fn silence(&self, index: &NodeIndex, anchor: Day, for_days: i32, baseline_days: Option<i32>) -> Cell {
        let due = self.due(index, anchor, for_days);
        if self.day < due {
            return Cell::new(Truth::False, due);
        }
        let sources = match baseline_days.map(|days| self.baseline(index, anchor, days)) {
            // Nothing to compare the silence with.
            Some(sources) if sources.is_empty() => return Cell::new(Truth::Unknown, NEVER),
            Some(sources) => sources,
            None => self.sources(index).collect(),
        };
        let truth = self.passed(&sources, due.start());
        Cell { waits: truth != Truth::True, ..Cell::new(truth, NEVER) }
    }

    /// Which sources an absence that is due still waits for, and to where they must be complete.
    pub(super) fn waits_for(
        &self,
        index: &'r NodeIndex,
        for_days: i32,
        baseline_days: Option<i32>,
    ) -> Option<(Vec<&'r str>, StreamTime)> {
        let anchor = self.anchor(index)?.day();
        let due = self.due(index, anchor, for_days);
        let mut sources = match baseline_days {
            Some(days) => self.baseline(index, anchor, days),
            None => self.sources(index).collect(),
        };
        sources.retain(|source| self.view.sources.complete_through(source).is_none_or(|at| at < due.start()));
        Some((sources, due.start()))
    }

    /// The earliest `after` that no `of` follows. Where only days are known, an `of` of the same day does not follow: use
    /// on the morning of a cut says nothing of what came behind it.
    pub(super) fn anchor(&self, index: &NodeIndex) -> Option<Anchor<'r, 'a>> {
        let (mut exact_start, mut exact_day, mut vague_day) = (None, None, None);
        for hit in self.hits.iter().filter(|hit| hit.mask & index.of != 0) {
            if hit.exact {
                (exact_start, exact_day) = (exact_start.max(Some(hit.start)), exact_day.max(Some(hit.day)));
            } else {
                vague_day = vague_day.max(Some(hit.day));
            }
        }
        let since = self.since.map(|since| since.day());
        for meter in self.daily(index.of) {
            vague_day = vague_day.max(meter.last(self.day).filter(|day| Some(*day) >= since));
        }
        let mut hits = self.hits.iter().filter(|hit| hit.mask & index.other != 0);
        let hit = hits.find(|hit| {
            let followed = if hit.exact { exact_start > Some(hit.start) } else { exact_day > Some(hit.day) };
            !followed && vague_day <= Some(hit.day)
        });
        let from = exact_day.max(vague_day).max(since).unwrap_or(Day(i32::MIN));
        let metered =
            self.daily(index.other).filter_map(|meter| Some((meter.days(from, self.day).next()?, meter)));
        let metered = metered.min_by_key(|(day, meter)| (*day, meter.source()));
        match (hit, metered) {
            (Some(hit), Some((day, meter))) if day.start() < hit.start => Some(Anchor::Metered(day, meter)),
            (Some(hit), _) => Some(Anchor::Event(hit)),
            (None, metered) => metered.map(|(day, meter)| Anchor::Metered(day, meter)),
        }
    }

    /// The day at whose 00:00 the absence falls due. Suppressed time does not count; what is left of a day is waited out.
    pub(super) fn due(&self, index: &NodeIndex, anchor: Day, for_days: i32) -> Day {
        let mut at = anchor.plus(1).start();
        let mut left = i64::from(for_days) * MS_PER_DAY;
        for span in self.suppressed(index) {
            let free = span.from.0.saturating_sub(at.0).max(0);
            if span.to <= at {
                continue;
            }
            if left <= free {
                break;
            }
            left -= free;
            at = span.to;
        }
        at.plus_ms(left + MS_PER_DAY - 1).day()
    }

    /// Spans in which a suppression holds the rule or one of the reasons that show this condition, by beginning.
    fn suppressed(&self, index: &NodeIndex) -> Vec<&'r SuppressedSpan> {
        if self.view.suppressed.is_empty() {
            return Vec::new();
        }
        let holds = |span: &SuppressedSpan| {
            let mut rules = self.rule.index.suppressions.iter().map(|at| &self.pack.suppressions[*at]);
            rules.any(|rule| {
                rule.id == span.rule
                    && rule.only_reasons.as_ref().is_none_or(|names| {
                        let shown = |at: usize| index.shown_by >> at & 1 == 1;
                        let mut reasons = self.rule.reasons.iter().enumerate();
                        reasons.any(|(at, reason)| shown(at) && names.contains(&reason.id))
                    })
            })
        };
        let mut spans: Vec<_> = self.view.suppressed.iter().filter(|span| holds(span)).collect();
        spans.sort_by_key(|span| (span.from, span.to));
        spans
    }

    /// The sources from which the entity had an `of` in the days before the anchor, without repeats.
    pub(super) fn baseline(&self, index: &NodeIndex, anchor: Day, days: i32) -> Vec<&'r str> {
        let (from, to) = (anchor.plus(days.saturating_neg()), anchor);
        let told =
            self.hits.iter().filter(|hit| hit.mask & index.of != 0 && from <= hit.day && hit.day <= to);
        let mut sources: Vec<&str> = told.map(|hit| hit.event.key.source.as_str()).collect();
        let used = self.daily(index.of).filter(|meter| meter.days(from, to).next().is_some());
        sources.extend(used.map(|meter| meter.source()));
        sources.sort_unstable();
        sources.dedup();
        sources
    }

    /// Whether the sources are complete to a deadline that today has passed. Behind it but on time: it has not passed for
    /// them. Late, or never heard of: unknown.
    fn passed(&self, sources: &[&str], deadline: StreamTime) -> Truth {
        let mut truth = Truth::True;
        for source in sources {
            match self.view.sources.complete_through(source) {
                Some(through) if through >= deadline => {}
                Some(_) if !self.view.sources.is_stale(source) => {
                    if truth == Truth::True {
                        truth = Truth::False;
                    }
                }
                _ => truth = Truth::Unknown,
            }
        }
        truth
    }
}
