//! The meaning of a rule, written a second time from `rules/README.md` for clarity alone: no tables, no shortcuts, every
//! question answered by looking at all events. The evaluator must agree with it.

use super::super::{EntityView, Truth};
use crate::rules::plan::*;
use crate::types::*;
use std::cmp::Ordering;

/// What the naive reading says of a rule on a day.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) truth: Truth,
    pub(super) met: u64,
    pub(super) assumed: u64,
    pub(super) unknown: u64,
    pub(super) held: u64,
    pub(super) points: i64,
    pub(super) level: Option<Level>,
    pub(super) numbers: Vec<(ReasonId, i64)>,
    pub(super) evidence: Vec<(ReasonId, Vec<EventKey>)>,
    pub(super) late_only: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Naive<'a> {
    pub(super) pack: &'a Pack,
    pub(super) rule: &'a CrisisRule,
    pub(super) view: &'a EntityView<'a>,
    pub(super) day: Day,
    pub(super) held: u64,
}

/// What is known of a value: the values it may have lie from the first to the second; none is no bound.
type Range = (Option<Value>, Option<Value>);

impl<'a> Naive<'a> {
    pub(super) fn say(&self) -> Said {
        let truth = self.truth(self.rule.when, false);
        let (mut met, mut assumed, mut unknown, mut held) = (0, 0, 0, 0);
        let mut numbers = Vec::new();
        let mut evidence = Vec::new();
        for (id, reason) in self.rule.reasons.iter().enumerate() {
            let inverted = self.inverted(reason.node);
            let open = Naive { held: self.held & !(1 << id), ..*self };
            if self.held >> id & 1 == 1 {
                held |= u64::from(open.truth(reason.node, self.inverted(reason.node)) == Truth::True) << id;
                continue;
            }
            let value = self.truth(reason.node, inverted);
            met |= u64::from(value == Truth::True) << id;
            unknown |= u64::from(value == Truth::Unknown) << id;
            let found = self.found(reason.node, inverted);
            assumed |= u64::from(found == Truth::Unknown && value != Truth::Unknown) << id;
            if value == Truth::True && truth != Truth::False {
                numbers.extend(self.number(reason.node).map(|n| (id as ReasonId, n)));
                let keys: Vec<EventKey> =
                    self.evidence(reason.node, inverted).into_iter().map(|(_, key, _)| key).collect();
                if !keys.is_empty() {
                    evidence.push((id as ReasonId, keys));
                }
            }
        }
        let points = if truth == Truth::True { self.points(met) } else { 0 };
        let levels =
            self.rule.score.levels.iter().filter(|(_, least)| truth == Truth::True && *least <= points);
        let behind = self.evidence(self.rule.when, false);
        Said {
            truth,
            met,
            assumed,
            unknown,
            held,
            points,
            level: levels.map(|(level, _)| *level).max(),
            numbers,
            evidence,
            late_only: !behind.is_empty() && behind.iter().all(|(_, _, late)| *late),
        }
    }

    fn points(&self, met: u64) -> i64 {
        let mut points = self.rule.score.base;
        for (reason, add) in &self.rule.score.add {
            if met >> reason & 1 == 0 {
                continue;
            }
            points += match add {
                Points::Fixed(points) => *points,
                Points::Stepped(steps) => {
                    let number = self.number(self.rule.reasons[usize::from(*reason)].node);
                    let mut points = 0;
                    for (from, step) in steps {
                        if number >= Some(*from) {
                            points = *step;
                        }
                    }
                    points
                }
            };
        }
        points
    }

    /// Whether a condition lies under an odd number of `none`.
    fn inverted(&self, node: NodeId) -> bool {
        let mut parents = self.rule.nodes.iter().enumerate().filter(|(_, parent)| match &parent.ask {
            Ask::All(children) | Ask::Any(children) | Ask::None(children) => children.contains(&node),
            _ => false,
        });
        match parents.next() {
            None => false,
            Some((at, parent)) => self.inverted(at as NodeId) != matches!(parent.ask, Ask::None(_)),
        }
    }

    /// The value of a condition, its assumption and suppression applied.
    fn truth(&self, node: NodeId, inverted: bool) -> Truth {
        let held = |(id, reason): (usize, &Reason)| reason.node == node && self.held >> id & 1 == 1;
        if self.rule.reasons.iter().enumerate().any(held) {
            return Truth::False;
        }
        match self.found(node, inverted) {
            Truth::Unknown if self.rule.nodes[usize::from(node)].unknown_matches => {
                if inverted {
                    Truth::False
                } else {
                    Truth::True
                }
            }
            found => found,
        }
    }

    fn found(&self, node: NodeId, inverted: bool) -> Truth {
        let children = |ids: &[NodeId], inverted| -> Vec<Truth> {
            ids.iter().map(|id| self.truth(*id, inverted)).collect()
        };
        match &self.rule.nodes[usize::from(node)].ask {
            Ask::All(ids) => all(&children(ids, inverted)),
            Ask::Any(ids) => any(&children(ids, inverted)),
            Ask::None(ids) => not(any(&children(ids, !inverted))),
            Ask::Field(tests) => all(&tests
                .iter()
                .map(|test| self.test(&test.test, &self.fact(&test.field), self.day))
                .collect::<Vec<_>>()),
            Ask::Count { of, test, .. } | Ask::Distinct { of, test, .. } => {
                let number = Value::Int(self.number(node).expect("a count has a number"));
                let most = (!self.stale(of)).then(|| number.clone());
                self.compare_all(test, &(Some(number), most))
            }
            Ask::Value { of, field, pick, within, test } => {
                let events = self.inside(of, *within);
                let given = |event: &&Event| event.field(field).is_some_and(|value| !value.is_null());
                if matches!(pick, Pick::Latest | Pick::Max) && events.is_empty() {
                    return if self.stale(of) { Truth::Unknown } else { Truth::False };
                }
                let complete = match pick {
                    Pick::Latest => events.last().is_some_and(given),
                    _ => events.iter().all(given),
                };
                let Some(number) = self.number(node) else { return Truth::Unknown };
                let most = (complete && !self.stale(of)).then_some(Value::Int(number));
                self.compare_all(test, &(Some(Value::Int(number)), most))
            }
            Ask::Absent { of, after, for_days, baseline_days } => {
                self.absent(node, of, after, *for_days, *baseline_days)
            }
            Ask::Sequence { steps, .. } => match self.chain(node) {
                Some(_) => Truth::True,
                None if steps.iter().any(|of| self.stale(of)) => Truth::Unknown,
                None => Truth::False,
            },
        }
    }

    fn number(&self, node: NodeId) -> Option<i64> {
        match &self.rule.nodes[usize::from(node)].ask {
            Ask::Count { of, within, open_only, .. } => {
                let open = |event: &&Event| match event.phase {
                    Phase::Open => true,
                    Phase::Ended(end) => !open_only || end.day() > self.day,
                };
                Some(
                    (self.inside(of, *within).iter().filter(|e| open(e)).count()
                        + self.uses(of, *within).len()) as i64,
                )
            }
            Ask::Distinct { of, by, within, .. } => {
                let mut seen: Vec<Value> = Vec::new();
                if by == "source" {
                    seen.extend(self.inside(of, *within).iter().map(|e| Value::text(&e.key.source)));
                    seen.extend(self.uses(of, *within).iter().map(|(source, _)| Value::text(source)));
                } else {
                    seen.extend(self.inside(of, *within).iter().filter_map(|event| event.field(by)).cloned());
                }
                seen.retain(|value| !value.is_null());
                seen.sort_by_key(|value| value.to_string());
                seen.dedup();
                Some(seen.len() as i64)
            }
            Ask::Value { of, field, pick, within, .. } => {
                let events = self.inside(of, *within);
                let amount = |event: &&Event| event.field(field).and_then(Value::as_int);
                match pick {
                    Pick::Latest => events.last().and_then(amount),
                    Pick::Max => events.iter().filter_map(amount).max(),
                    Pick::Sum => Some(events.iter().filter_map(amount).sum()),
                    Pick::Consecutive => Some(self.run_of_months(of, field, *within).0),
                }
            }
            _ => None,
        }
    }

    /// Length and first day of the months up to the latest, each with an event that has the field.
    fn run_of_months(&self, of: &[SignalId], field: &str, within: Option<Within>) -> (i64, Option<String>) {
        let month = |day: Day| day.to_string()[..7].to_owned();
        let events = self.inside(of, within);
        let given = events.iter().filter(|event| event.field(field).is_some_and(|value| !value.is_null()));
        let mut months: Vec<String> = given.map(|event| month(event.day())).collect();
        months.sort();
        months.dedup();
        let Some(latest) = months.last() else { return (0, None) };
        let mut first: Day = format!("{latest}-01").parse().expect("a date");
        let mut length = 1;
        while months.contains(&month(first.plus(-1))) {
            first = format!("{}-01", month(first.plus(-1))).parse().expect("a date");
            length += 1;
        }
        (length, Some(month(first)))
    }

    /// What a true condition rests on, in order: when, which, whether late.
    fn evidence(&self, node: NodeId, inverted: bool) -> Vec<(StreamTime, EventKey, bool)> {
        if self.truth(node, inverted) != Truth::True {
            return Vec::new();
        }
        let mut found: Vec<(StreamTime, EventKey, bool)> = match &self.rule.nodes[usize::from(node)].ask {
            Ask::All(ids) | Ask::Any(ids) => ids.iter().flat_map(|id| self.evidence(*id, inverted)).collect(),
            Ask::Absent { of, after, .. } => self
                .anchor(of, after)
                .into_iter()
                .map(|(time, key, late)| (time.start(), key, late))
                .collect(),
            _ => {
                let events = self.events_behind(node).into_iter();
                events.map(|event| (event.time.start(), event.key.clone(), event.late)).collect()
            }
        };
        found.sort();
        found.dedup();
        found
    }

    fn events_behind(&self, node: NodeId) -> Vec<&'a Event> {
        match &self.rule.nodes[usize::from(node)].ask {
            Ask::Count { of, within, open_only, .. } => {
                let mut events = self.inside(of, *within);
                events.retain(|event| match event.phase {
                    Phase::Open => true,
                    Phase::Ended(end) => !open_only || end.day() > self.day,
                });
                events
            }
            Ask::Distinct { of, by, within, .. } => {
                let mut events = self.inside(of, *within);
                events
                    .retain(|event| by == "source" || event.field(by).is_some_and(|value| !value.is_null()));
                events
            }
            Ask::Value { of, field, pick, within, .. } => {
                let mut events = self.inside(of, *within);
                events.retain(|event| event.field(field).is_some_and(|value| !value.is_null()));
                let first = self.run_of_months(of, field, *within).1;
                match pick {
                    Pick::Latest => events.pop().into_iter().collect(),
                    Pick::Sum => events,
                    Pick::Max => {
                        let most = self.number(node);
                        events.retain(|event| event.field(field).and_then(Value::as_int) == most);
                        events.pop().into_iter().collect()
                    }
                    Pick::Consecutive => {
                        events.retain(|event| Some(event.day().to_string()[..7].to_owned()) >= first);
                        events
                    }
                }
            }
            Ask::Sequence { .. } => {
                let chain = self.chain(node).unwrap_or_default();
                // Which events fill the steps between is left open: first and last are enough to compare.
                [chain.first(), chain.last()].into_iter().flatten().copied().collect()
            }
            _ => Vec::new(),
        }
    }

    // ── Facts ──

    fn fact(&self, name: &str) -> Range {
        let (stored, age) = match name {
            "age" => ("born", true),
            "oldest_age" => ("oldest_born", true),
            other => (other, false),
        };
        let aggregate = name == "oldest_age";
        let own = self.newest(stored, |version| !aggregate || version.subject.is_none());
        let years = |born: &Value| match born {
            Value::Day(born) => Some(Value::Int(i64::from(years(*born, self.day)))),
            _ => None,
        };
        match (own, age) {
            (Some(value), false) => (Some(value.clone()), Some(value.clone())),
            (Some(born), true) => (years(born), years(born)),
            (None, _) if aggregate => {
                let subjects = self.view.facts.iter().filter_map(|version| version.subject.as_ref());
                let newest = subjects.filter_map(|subject| {
                    self.newest(stored, |version| version.subject.as_ref() == Some(subject))
                });
                let oldest = newest.filter_map(years).max_by_key(|age| age.as_int());
                (oldest, None)
            }
            (None, _) => (None, None),
        }
    }

    fn newest(&self, stored: &str, wanted: impl Fn(&FactVersion) -> bool) -> Option<&'a Value> {
        let mut current: Vec<&FactVersion> = Vec::new();
        for version in self.view.facts {
            let newest_of_key = self
                .view
                .facts
                .iter()
                .filter(|other| other.key == version.key && other.from <= self.day)
                .max_by_key(|other| (other.from, other.revision));
            if newest_of_key == Some(version) {
                current.push(version);
            }
        }
        current.retain(|version| wanted(version));
        current.sort_by_key(|version| (version.from, version.key.clone()));
        let value = |version: &&'a FactVersion| {
            version.fields.iter().find(|(name, _)| name == stored).map(|(_, value)| value)
        };
        current.iter().rev().filter_map(value).find(|value| !value.is_null())
    }

    // ── Comparing ──

    fn test(&self, test: &Test, known: &Range, day: Day) -> Truth {
        let on = Naive { day, ..*self };
        match test {
            Test::Compare(tests) => on.compare_all(tests, known),
            Test::In(operands) | Test::AnyOf(operands) => {
                any(&operands.iter().map(|operand| on.compare(Cmp::Eq, known, operand)).collect::<Vec<_>>())
            }
            Test::Between(low, high) => {
                let low = low.as_ref().map(|low| on.compare(Cmp::Gte, known, low));
                let high = high.as_ref().map(|high| on.compare(Cmp::Lte, known, high));
                all(&[low, high].into_iter().flatten().collect::<Vec<_>>())
            }
        }
    }

    fn compare_all(&self, tests: &[(Cmp, Operand)], known: &Range) -> Truth {
        all(&tests.iter().map(|(cmp, operand)| self.compare(*cmp, known, operand)).collect::<Vec<_>>())
    }

    fn compare(&self, cmp: Cmp, known: &Range, operand: &Operand) -> Truth {
        let bound = match operand {
            Operand::Const(value) => Some(value),
            Operand::Param(at) => self.pack.params[*at].on(self.day),
        };
        let Some(bound) = bound else { return Truth::Unknown };
        let order = |value: &Option<Value>| value.as_ref().and_then(|value| value.compare(bound));
        let (least, most) = (order(&known.0), order(&known.1));
        // Surely above, surely below.
        let (above, below) = (least == Some(Ordering::Greater), most == Some(Ordering::Less));
        let from = least.is_some_and(Ordering::is_ge);
        let to = most.is_some_and(Ordering::is_le);
        let pick = |yes, no| match (yes, no) {
            (true, _) => Truth::True,
            (_, true) => Truth::False,
            _ => Truth::Unknown,
        };
        match cmp {
            Cmp::Gt => pick(above, to),
            Cmp::Gte => pick(from, below),
            Cmp::Lt => pick(below, from),
            Cmp::Lte => pick(to, above),
            Cmp::Eq => pick(from && to, above || below),
            Cmp::Ne => pick(above || below, from && to),
        }
    }

    fn stale(&self, of: &[SignalId]) -> bool {
        of.iter()
            .flat_map(|id| &self.rule.signals[usize::from(*id)].sources)
            .any(|source| self.view.sources.is_stale(source))
    }

    // ── Events ──

    /// Events of days up to D that one of the signals takes, in order.
    fn events(&self, of: &[SignalId]) -> Vec<&'a Event> {
        let takes = |event: &Event| {
            of.iter().map(|id| &self.rule.signals[usize::from(*id)]).any(|signal| {
                let passes = |test: &FieldTest| {
                    let value = event.field(&test.field).cloned();
                    self.test(&test.test, &(value.clone(), value), event.day()) == Truth::True
                };
                signal.daily.is_none()
                    && signal.kinds.contains(&event.kind)
                    && signal.filter.iter().all(passes)
            })
        };
        let mut events: Vec<&Event> = self
            .view
            .events
            .iter()
            .copied()
            .filter(|event| event.day() <= self.day && takes(event))
            .collect();
        events.sort_by(|a, b| order(a, b));
        events
    }

    fn inside(&self, of: &[SignalId], within: Option<Within>) -> Vec<&'a Event> {
        let mut events = self.events(of);
        events.retain(|event| match event.time {
            EventTime::Instant(at) => self.window(event.day(), at, within),
            EventTime::Day(_) | EventTime::Month(_) => {
                self.window(event.day(), event.day().plus(1).start().0 - 1, within)
            }
        });
        events
    }

    /// Whether something of a day, and not later than an instant, lies in a window.
    fn window(&self, day: Day, at_latest: i64, within: Option<Within>) -> bool {
        let end = self.view.now.min(self.day.plus(1).start().plus_ms(-1));
        match within {
            None => true,
            Some(Within::Days(days)) => self.day.0 - days < day.0,
            Some(Within::Hours(hours)) => end.0 - at_latest <= i64::from(hours) * MS_PER_HOUR,
        }
    }

    /// Days of use up to D that a daily signal means: source and day.
    fn uses(&self, of: &[SignalId], within: Option<Within>) -> Vec<(&'a str, Day)> {
        let mut uses = Vec::new();
        for meter in self.view.daily {
            let tests: Vec<DailyTest> = of
                .iter()
                .map(|id| &self.rule.signals[usize::from(*id)])
                .filter(|signal| signal.kinds.iter().any(|kind| kind == meter.kind))
                .filter_map(|signal| signal.daily)
                .collect();
            for n in 0..meter.used.len() * 64 {
                let day = meter.first.plus(n as i32);
                let bit = |words: &[u64]| words[n / 64] >> (n % 64) & 1 == 1;
                let (used, read) = (bit(meter.used), bit(meter.read));
                let meant = tests.iter().any(|test| match test {
                    DailyTest::Read => read,
                    DailyTest::Used => used,
                    DailyTest::Unused => read && !used,
                });
                if meant && day <= self.day && self.window(day, day.plus(1).start().0 - 1, within) {
                    uses.push((meter.source, day));
                }
            }
        }
        uses
    }

    // ── Absence ──

    fn absent(
        &self,
        node: NodeId,
        of: &[SignalId],
        after: &[SignalId],
        for_days: i32,
        baseline_days: Option<i32>,
    ) -> Truth {
        let Some((anchor, ..)) = self.anchor(of, after) else { return Truth::False };
        let anchor = anchor.day();
        let due = self.due(node, anchor, for_days);
        if self.day < due {
            return Truth::False;
        }
        let mut sources: Vec<&str> = Vec::new();
        match baseline_days {
            Some(days) => {
                let near = |day: Day| anchor.0 - days <= day.0 && day <= anchor;
                sources
                    .extend(self.events(of).iter().filter(|e| near(e.day())).map(|e| e.key.source.as_str()));
                sources.extend(
                    self.uses(of, None).iter().filter(|(_, day)| near(*day)).map(|(source, _)| *source),
                );
                if sources.is_empty() {
                    return Truth::Unknown;
                }
            }
            None => {
                let signals = of.iter().map(|id| &self.rule.signals[usize::from(*id)]);
                sources.extend(signals.flat_map(|signal| &signal.sources).map(|source| source.as_str()));
            }
        }
        let behind: Vec<&str> = sources
            .into_iter()
            .filter(|source| self.view.sources.complete_through(source).is_none_or(|at| at < due.start()))
            .collect();
        let blind = |source: &&str| {
            self.view.sources.is_stale(source) || self.view.sources.complete_through(source).is_none()
        };
        if behind.is_empty() {
            Truth::True
        } else if behind.iter().any(blind) {
            Truth::Unknown
        } else {
            Truth::False
        }
    }

    fn anchor(&self, of: &[SignalId], after: &[SignalId]) -> Option<(EventTime, EventKey, bool)> {
        let times = |of: &[SignalId]| -> Vec<(EventTime, EventKey, bool)> {
            let events = self.events(of).into_iter().map(|event| (event.time, event.key.clone(), event.late));
            let metered = self.uses(of, None).into_iter().map(|(source, day)| {
                let key = EventKey { source: source.into(), key: format!("meter@{day}").into() };
                (EventTime::Day(day), key, false)
            });
            events.chain(metered).collect()
        };
        let uses = times(of);
        let mut anchors = times(after);
        anchors.retain(|(anchor, ..)| !uses.iter().any(|(used, ..)| surely_before(*anchor, *used)));
        anchors.into_iter().min_by_key(|(time, ..)| time.start())
    }

    /// Hour by hour: the day begun when enough unsuppressed hours have passed.
    fn due(&self, node: NodeId, anchor: Day, for_days: i32) -> Day {
        let suppressed = |at: StreamTime| {
            self.view.suppressed.iter().any(|span| {
                let rule = self.pack.suppressions.iter().find(|rule| rule.id == span.rule);
                span.from <= at
                    && at < span.to
                    && rule.is_some_and(|rule| {
                        rule.targets(&self.rule.id)
                            && rule.only_reasons.as_ref().is_none_or(|names| self.shown_by(node, names))
                    })
            })
        };
        let mut at = anchor.plus(1).start();
        let mut left = i64::from(for_days) * 24;
        while left > 0 {
            left -= i64::from(!suppressed(at));
            at = at.plus_ms(MS_PER_HOUR);
        }
        if at == at.day().start() { at.day() } else { at.day().plus(1) }
    }

    fn shown_by(&self, node: NodeId, names: &[SmolStr]) -> bool {
        let own = self.rule.reasons.iter().any(|reason| reason.node == node && names.contains(&reason.id));
        let parents = self.rule.nodes.iter().enumerate().filter(|(_, parent)| match &parent.ask {
            Ask::All(children) | Ask::Any(children) | Ask::None(children) => children.contains(&node),
            _ => false,
        });
        own || parents.into_iter().any(|(at, _)| self.shown_by(at as NodeId, names))
    }

    // ── Sequence ──

    /// Every way to fill the steps, the best first and last of them.
    fn chain(&self, node: NodeId) -> Option<Vec<&'a Event>> {
        let Ask::Sequence { steps, within_days, lookback_days, without, same } =
            &self.rule.nodes[usize::from(node)].ask
        else {
            panic!("a sequence")
        };
        let mut chains: Vec<Vec<&Event>> = vec![Vec::new()];
        for of in steps {
            let mut longer = Vec::new();
            for chain in &chains {
                for event in self.events(of) {
                    let fits = chain.iter().all(|before| {
                        before.key != event.key
                            && may_precede(before.time, event.time)
                            && same.iter().all(|field| before.field(field) == event.field(field))
                    });
                    let tied =
                        same.iter().all(|field| event.field(field).is_some_and(|value| !value.is_null()));
                    if fits && tied {
                        longer.push(chain.iter().copied().chain([event]).collect());
                    }
                }
            }
            chains = longer;
        }
        let breaks = self.events(without);
        chains.retain(|chain| {
            let (first, last) = (chain[0], chain[chain.len() - 1]);
            let broken = breaks
                .iter()
                .any(|event| surely_before(first.time, event.time) && surely_before(event.time, last.time));
            last.day().since(first.day()) <= *within_days
                && self.day.0 - lookback_days < last.day().0
                && !broken
        });
        chains.into_iter().min_by_key(|chain| {
            let (first, last) = (chain[0], chain[chain.len() - 1]);
            (std::cmp::Reverse((last.time.start(), first.time.start())), last.key.clone(), first.key.clone())
        })
    }
}

fn years(born: Day, day: Day) -> i32 {
    let (born, day) = (born.to_string(), day.to_string());
    let year = |text: &str| text[..4].parse::<i32>().expect("a year");
    (year(&day) - year(&born) - i32::from(day[5..] < born[5..])).max(0)
}

fn order(a: &Event, b: &Event) -> Ordering {
    (a.time.start(), &a.key).cmp(&(b.time.start(), &b.key))
}

fn surely_before(a: EventTime, b: EventTime) -> bool {
    match (a, b) {
        (EventTime::Instant(a), EventTime::Instant(b)) => a < b,
        (a, b) => a.day() < b.day(),
    }
}

fn may_precede(a: EventTime, b: EventTime) -> bool {
    match (a, b) {
        (EventTime::Instant(a), EventTime::Instant(b)) => a < b,
        (a, b) => a.day() <= b.day(),
    }
}

fn all(truths: &[Truth]) -> Truth {
    if truths.contains(&Truth::False) {
        Truth::False
    } else if truths.contains(&Truth::Unknown) {
        Truth::Unknown
    } else {
        Truth::True
    }
}

fn any(truths: &[Truth]) -> Truth {
    if truths.contains(&Truth::True) {
        Truth::True
    } else if truths.contains(&Truth::Unknown) {
        Truth::Unknown
    } else {
        Truth::False
    }
}

fn not(truth: Truth) -> Truth {
    match truth {
        Truth::True => Truth::False,
        Truth::False => Truth::True,
        Truth::Unknown => Truth::Unknown,
    }
}
