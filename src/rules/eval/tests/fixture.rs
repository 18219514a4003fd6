//! Small rules and histories to say things about.

use super::super::*;
use crate::rules::plan::*;
use crate::types::*;
use std::collections::BTreeMap;

/// Day `n` of the tests; day 0 is 2026-03-01.
pub(super) fn d(n: i32) -> Day {
    Day::from_ymd(2026, 3, 1).expect("a date").plus(n)
}

/// Hour `hour` of day `n`.
pub(super) fn h(n: i32, hour: i64) -> StreamTime {
    d(n).start().plus_ms(hour * MS_PER_HOUR)
}

pub(super) fn int(n: i64) -> Operand {
    Operand::Const(Value::Int(n))
}

pub(super) fn gte(n: i64) -> Vec<(Cmp, Operand)> {
    vec![(Cmp::Gte, int(n))]
}

/// A field condition of one test.
pub(super) fn field(name: &str, test: Test) -> Ask {
    Ask::Field(vec![FieldTest { field: name.into(), test }])
}

pub(super) fn at_least(name: &str, n: i64) -> Ask {
    field(name, Test::Compare(gte(n)))
}

/// `count` of signals within days.
pub(super) fn count(of: &[SignalId], days: i32, test: Vec<(Cmp, Operand)>) -> Ask {
    Ask::Count { of: of.to_vec(), within: Some(Within::Days(days)), open_only: false, test }
}

/// The signals of every test rule: `debt` and `cut` one kind each, `any` both, `paid`, `use` (events); of the daily kind
/// `meter` the days with use and those without.
pub(super) const DEBT: SignalId = 0;
pub(super) const CUT: SignalId = 1;
pub(super) const ANY: SignalId = 2;
pub(super) const PAID: SignalId = 3;
pub(super) const USE: SignalId = 4;
pub(super) const METER: SignalId = 5;
pub(super) const UNUSED: SignalId = 6;
/// How many there are.
pub(super) const SIGNALS: SignalId = 7;

pub(super) fn signals() -> Vec<SignalDef> {
    let signal = |name: &str, kinds: &[&str], daily| SignalDef {
        name: name.into(),
        kinds: kinds.iter().map(SmolStr::new).collect(),
        filter: Vec::new(),
        sources: vec!["A".into(), "B".into()],
        daily,
    };
    vec![
        signal("debt", &["debt"], None),
        signal("cut", &["cut"], None),
        signal("any", &["debt", "cut"], None),
        signal("paid", &["paid"], None),
        signal("use", &["use"], None),
        signal("meter", &["meter"], Some(DailyTest::Used)),
        signal("unused", &["meter"], Some(DailyTest::Unused)),
    ]
}

/// A rule whose `when` is all of the conditions; each is a reason of its name.
pub(super) fn rule(asks: Vec<(&str, Ask)>) -> CrisisRule {
    let mut nodes = Vec::new();
    let mut reasons = Vec::new();
    for (name, ask) in asks {
        reasons.push(Reason { id: name.into(), say: String::new(), node: nodes.len() as u16, also: false });
        nodes.push(Node { ask, unknown_matches: false });
    }
    let when = nodes.len() as u16;
    nodes.push(Node { ask: Ask::All((0..when).collect()), unknown_matches: false });
    CrisisRule {
        id: "test.rule".into(),
        version: 1,
        status: Status::Live,
        title: String::new(),
        law: Vec::new(),
        effective: Effective { from: d(-10_000), to: None },
        per: Per::Household,
        signals: signals(),
        nodes,
        when,
        reasons,
        score: Score { base: 40, add: Vec::new(), levels: vec![(Level::Watch, 40), (Level::High, 60)] },
        cooldown_days: 14,
        clear_when: None,
        clear_say: None,
        escalate: Vec::new(),
        index: RuleIndex::default(),
    }
}

/// A rule of one condition, `only`.
pub(super) fn one(ask: Ask) -> CrisisRule {
    rule(vec![("only", ask)])
}

/// `oldest_age` is an age over members; `age` is one of the entity's own.
pub(super) fn derived() -> Vec<DerivedFact> {
    vec![
        DerivedFact {
            name: "oldest_age".into(),
            born: Some("oldest_born".into()),
            over: Some(Extreme::Greatest),
        },
        DerivedFact { name: "age".into(), born: Some("born".into()), over: None },
    ]
}

/// An event of a kind on day `n`, known by its day alone, from source A, accepted at noon of that day.
pub(super) fn event(kind: &str, key: &str, n: i32) -> Event {
    Event {
        key: EventKey { source: "A".into(), key: key.into() },
        revision: 1,
        kind: kind.into(),
        time: EventTime::Day(d(n)),
        phase: Phase::Open,
        accepted: h(n, 12),
        first: None,
        late: false,
        fields: Vec::new(),
    }
}

pub(super) trait EventExt {
    fn hour(self, hour: i64) -> Event;
    fn told_by(self, source: &str) -> Event;
    fn with(self, name: &str, value: impl Into<Option<i64>>) -> Event;
    fn late(self) -> Event;
    fn ended(self, n: i32) -> Event;
    fn accepted(self, n: i32) -> Event;
}

impl EventExt for Event {
    fn hour(mut self, hour: i64) -> Event {
        self.time = EventTime::Instant(self.day().start().plus_ms(hour * MS_PER_HOUR).0);
        self
    }
    fn told_by(mut self, source: &str) -> Event {
        self.key.source = source.into();
        self
    }
    fn with(mut self, name: &str, value: impl Into<Option<i64>>) -> Event {
        self.fields.push((name.into(), value.into().map_or(Value::Null, Value::Int)));
        self
    }
    fn late(mut self) -> Event {
        self.late = true;
        self
    }
    fn ended(mut self, n: i32) -> Event {
        self.phase = Phase::Ended(EventTime::Day(d(n)));
        self
    }
    fn accepted(mut self, n: i32) -> Event {
        self.accepted = h(n, 12);
        self
    }
}

/// Facts valid from day `n`.
pub(super) fn facts(key: &str, n: i32, fields: &[(&str, Value)]) -> FactVersion {
    let mut fields: Vec<_> = fields.iter().map(|(name, value)| (SmolStr::new(name), value.clone())).collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    let key = EventKey { source: "R".into(), key: key.into() };
    FactVersion { key, revision: 1, from: d(n), subject: None, fields }
}

/// A birth date fact.
pub(super) fn born(name: &'static str, date: &str) -> (&'static str, Value) {
    (name, Value::Day(date.parse().expect("a date")))
}

/// What is known of sources.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(pub(super) BTreeMap<String, (Option<StreamTime>, bool)>);

impl Sources for Table {
    fn complete_through(&self, source: &str) -> Option<StreamTime> {
        self.0.get(source).and_then(|(through, _)| *through)
    }
    fn is_stale(&self, source: &str) -> bool {
        self.0.get(source).is_some_and(|(_, stale)| *stale)
    }
}

/// A daily kind's days of use, by source.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    pub(super) source: &'static str,
    pub(super) first: Day,
    pub(super) used: Vec<u64>,
    pub(super) read: Vec<u64>,
}

impl Meter {
    /// Used on these days; read on those, and in vain on the others.
    pub(super) fn new(source: &'static str, used: &[i32], unused: &[i32]) -> Self {
        let bits = |days: &mut dyn Iterator<Item = &i32>| {
            let mut bits = vec![0_u64; 8];
            for n in days {
                let bit = (n + 100) as usize;
                bits[bit / 64] |= 1 << (bit % 64);
            }
            bits
        };
        let read = bits(&mut used.iter().chain(unused));
        Self { source, first: d(-100), used: bits(&mut used.iter()), read }
    }
}

/// All that a view borrows from.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) events: Vec<Event>,
    pub(super) meters: Vec<Meter>,
    pub(super) facts: Vec<FactVersion>,
    pub(super) sources: Table,
    pub(super) suppressed: Vec<SuppressedSpan>,
    pub(super) params: Vec<Param>,
    pub(super) suppressions: Vec<SuppressionRule>,
    pub(super) now: StreamTime,
}

impl World {
    /// These events, both sources complete through day 1,000 and now 09:00 of day 1,000.
    pub(super) fn new(events: impl IntoIterator<Item = Event>) -> Self {
        let mut sources = Table::default();
        for source in ["A", "B"] {
            sources.0.insert(source.to_owned(), (Some(h(1000, 9)), false));
        }
        Self {
            events: events.into_iter().collect(),
            meters: Vec::new(),
            facts: Vec::new(),
            sources,
            suppressed: Vec::new(),
            params: Vec::new(),
            suppressions: Vec::new(),
            now: h(1000, 9),
        }
    }

    pub(super) fn facts(mut self, facts: impl IntoIterator<Item = FactVersion>) -> Self {
        self.facts.extend(facts);
        self
    }

    pub(super) fn meter(self, source: &'static str, used: &[i32]) -> Self {
        self.read(source, used, &[])
    }

    pub(super) fn read(mut self, source: &'static str, used: &[i32], unused: &[i32]) -> Self {
        self.meters.push(Meter::new(source, used, unused));
        self
    }

    pub(super) fn now(mut self, now: StreamTime) -> Self {
        self.now = now;
        self
    }

    /// Source `A` or `B` is complete to there.
    pub(super) fn source(mut self, source: &str, through: Option<StreamTime>, stale: bool) -> Self {
        self.sources.0.insert(source.to_owned(), (through, stale));
        self
    }

    pub(super) fn param(mut self, values: &[(i32, i64)]) -> Self {
        self.params.push(Param {
            name: format!("p{}", self.params.len()).into(),
            label: String::new(),
            unit: String::new(),
            source: String::new(),
            verified: true,
            values: values.iter().map(|(n, value)| (d(*n), Value::Int(*value))).collect(),
        });
        self
    }

    pub(super) fn pack(&self, rule: CrisisRule) -> Pack {
        Pack::new(PackHash([0; 32]), vec![rule], self.suppressions.clone(), self.params.clone(), &derived())
    }

    /// Runs with a view of this world.
    pub(super) fn view<T>(&self, run: impl FnOnce(&EntityView<'_>) -> T) -> T {
        let events: Vec<&Event> = self.events.iter().collect();
        let daily: Vec<DailyDays<'_>> = self
            .meters
            .iter()
            .map(|meter| DailyDays {
                kind: "meter",
                source: meter.source,
                first: meter.first,
                used: &meter.used,
                read: &meter.read,
            })
            .collect();
        run(&EntityView {
            events: &events,
            daily: &daily,
            facts: &self.facts,
            sources: &self.sources,
            suppressed: &self.suppressed,
            now: self.now,
        })
    }

    /// The decision of a rule on day `n`.
    pub(super) fn decide(&self, rule: &CrisisRule, n: i32) -> Decision {
        let pack = self.pack(rule.clone());
        self.view(|view| evaluate(&pack, &pack.crisis[0], view, d(n), 0))
    }

    /// Asserts the truth of a condition on days.
    pub(super) fn check(&self, ask: &Ask, expected: &[(i32, Truth)]) {
        for (n, truth) in expected {
            let found = self.decide(&one(ask.clone()), *n);
            assert_eq!(found.truth, *truth, "day {n} of {ask:?}: {found:?}");
        }
    }
}

/// Evidence of the only reason, by key.
pub(super) fn evidence(decision: &Decision) -> Vec<&str> {
    decision.evidence.iter().flat_map(|evidence| &evidence.keys).map(|key| key.key.as_str()).collect()
}
