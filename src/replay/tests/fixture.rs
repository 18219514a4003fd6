//! A log written by hand, and a pack of rules small enough to be reckoned in the head.

use crate::contracts::{Contracts, builtin};
use crate::engine::message::{HouseholdMessage, SourceState, Tick, encode};
use crate::replay::{Machine, Scope, Told};
use crate::rules::plan::Pack;
use crate::sim::pipeline::{KnownPacks, LogRecord};
use crate::types::*;
use std::sync::Arc;

pub(crate) const HOUSEHOLD: &str = "hh-1";

/// Rules by file, with what each asks for.
const RULES: &[(&str, &str, &str)] = &[
    (
        "crisis/frail.yaml",
        "frail",
        "when:
  all:
    - {id: repeat, say: '60일 안에 끊긴 공급 {n}건', count: {of: cutoff, within: 60d, gte: 2}}
    - {id: senior, say: 65세 이상, field: {household.oldest_age: {gte: 65}}}
also:
  - {id: alone, say: 혼자 삶, field: {household.size: 1}}
score: {base: 40, add: [{if: alone, points: 20}], levels: {watch: 40, high: 60}}",
    ),
    (
        "crisis/either.yaml",
        "either",
        "when:
  any:
    - {id: many, say: '끊긴 공급 {n}건', count: {of: cutoff, within: 60d, gte: 4}}
    - {id: silent, say: 끊긴 뒤 20일 동안 사용 없음, absent: {of: usage, after: cutoff, for: 20d}}
    - {id: disabled, say: 장애인이 있는 가구, field: {household.has_disability: true}}
score: {base: 40, levels: {watch: 40}}",
    ),
    (
        "crisis/none.yaml",
        "none",
        "when:
  all:
    - {id: cut, say: 끊긴 적이 있음, count: {of: cutoff, within: 60d, gte: 1}}
  none:
    - {id: reached, say: 닿은 적이 있음, count: {of: contact, within: 400d, gte: 1}}
    - {id: poor, say: 소득이 낮음, field: {household.income_pct_median: {lte: 50}}}
score: {base: 40, levels: {watch: 40}}",
    ),
];

pub(crate) fn source(name: &str, body: &str) -> String {
    format!(
        "rule: crisis.{name}
kind: crisis
version: 3
status: live
title: 규칙 {name}
law: [\"긴급복지지원법 제2조\"]
effective: {{from: 2026-01-01}}
per: household
signals:
  cutoff: {{event: [cutoff.electricity, cutoff.water, cutoff.gas]}}
  contact: {{event: casework.action, where: {{action: contacted}}}}
  usage: {{event: meter_reading, where: {{use: {{gt: 0}}}}}}
{body}
emit: {{cooldown: 14d, clear_when: {{count: {{of: contact, within: 7d, gte: 1}}}}, clear_say: 닿음}}
"
    )
}

/// The pack with some of its text changed.
pub(crate) fn pack_with(contracts: &Contracts, change: impl Fn(&str) -> String) -> Arc<Pack> {
    let files: Vec<(&str, String)> =
        RULES.iter().map(|(file, name, body)| (*file, change(&source(name, body)))).collect();
    let (pack, found) =
        crate::rules::load(files.iter().map(|(file, text)| (*file, text.as_str())), contracts);
    Arc::new(pack.unwrap_or_else(|| panic!("{found:#?}")))
}

pub(crate) fn day(month: u32, day: u32) -> Day {
    Day::from_ymd(2026, month, day).expect("a date")
}

/// A log of one partition, as it is written.
pub(crate) struct Script {
    pub(crate) contracts: Arc<Contracts>,
    pub(crate) pack: Arc<Pack>,
    pub(crate) records: Vec<LogRecord>,
    now: StreamTime,
    keys: u64,
}

impl Script {
    /// Begins on 1 March 2026 with the pack in force and a household whose oldest member turns 65 on 10 April.
    pub(crate) fn new() -> Self {
        let contracts = Arc::new(builtin());
        let pack = pack_with(&contracts, str::to_owned);
        let mut script =
            Self { contracts, records: Vec::new(), now: StreamTime::ZERO, keys: 0, pack: Arc::clone(&pack) };
        script.tick(day(3, 1), &[]);
        script.say(None, &HouseholdMessage::Pack { hash: pack.hash });
        script.facts(&[
            ("oldest_born", Value::Day(Day::from_ymd(1961, 4, 10).expect("a date"))),
            ("size", Value::Int(1)),
            ("has_disability", Value::Bool(false)),
            ("income_pct_median", Value::Int(40)),
        ]);
        script
    }

    pub(crate) fn say(&mut self, key: Option<&str>, message: &HouseholdMessage) {
        self.records.push(LogRecord {
            offset: self.records.len() as i64,
            timestamp_ms: self.now.0,
            key: key.map(|key| key.as_bytes().to_vec()),
            value: Some(encode(message)),
            headers: Vec::new(),
        });
    }

    /// Midnight of a day comes, every feed complete to there but those named, which are late since then.
    pub(crate) fn tick(&mut self, day: Day, stale: &[&str]) {
        self.now = day.start();
        let sources = ["KEPCO", "WATER", "GAS"].map(|source| SourceState {
            source: source.into(),
            region: None,
            complete_through: self.now,
            stale: stale.contains(&source),
        });
        let sources =
            sources.into_iter().filter(|state| !state.stale || self.now != StreamTime::ZERO).collect();
        self.say(None, &HouseholdMessage::Tick(Tick { through: self.now, complete: true, sources }));
    }

    pub(crate) fn until(&mut self, to: Day) {
        while self.now.day() < to {
            let next = self.now.day().plus(1);
            self.tick(next, &[]);
        }
    }

    fn origin(&mut self) -> Origin {
        self.keys += 1;
        Origin { topic: "raw".into(), partition: 0, offset: self.keys as i64 }
    }

    pub(crate) fn facts(&mut self, fields: &[(&str, Value)]) {
        let mut fields: Vec<(SmolStr, Value)> =
            fields.iter().map(|(name, value)| (SmolStr::new(name), value.clone())).collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        let origin = self.origin();
        let key = EventKey { source: "REG".into(), key: format!("facts-{}", self.keys).into() };
        let version = FactVersion { key, revision: 1, from: day(1, 1), subject: None, fields };
        let facts = FactsRecord { entity: EntityId::new(HOUSEHOLD), version, removed: false };
        self.say(Some(HOUSEHOLD), &HouseholdMessage::Facts { origin, facts });
    }

    pub(crate) fn put(&mut self, kind: &str, on: Day, fields: &[(&str, Value)]) {
        let origin = self.origin();
        let event = Event {
            key: EventKey { source: "KEPCO".into(), key: format!("k{}", self.keys).into() },
            revision: 1,
            kind: kind.into(),
            time: EventTime::Day(on),
            phase: Phase::Open,
            accepted: self.now,
            first: None,
            late: false,
            fields: fields.iter().map(|(name, value)| (SmolStr::new(name), value.clone())).collect(),
        };
        let subject = SubjectId::new("person:p1");
        let put = HouseholdMessage::Put { origin, subject, seq: 1, confidence: Some(100), event };
        self.say(Some(HOUSEHOLD), &put);
    }

    pub(crate) fn machine(&self, scope: Scope) -> Machine {
        self.machine_with(&[Arc::clone(&self.pack)], scope)
    }

    pub(crate) fn machine_with(&self, packs: &[Arc<Pack>], scope: Scope) -> Machine {
        let packs = Arc::new(KnownPacks::new(packs.iter().cloned()));
        Machine::new(&self.contracts, 1, packs, scope).expect("the contracts have what a machine needs")
    }

    /// Everything that a machine tells of this log.
    pub(crate) fn told(&self, machine: &mut Machine) -> Vec<Told> {
        let mut told = Vec::new();
        for record in &self.records {
            let outputs = machine.handle(0, record).expect("nothing is stuck");
            told.extend(outputs.iter().filter_map(|output| Told::of(&self.contracts, output)));
        }
        let settled = machine.settle().expect("nothing is stuck");
        told.extend(settled.iter().filter_map(|(_, output)| Told::of(&self.contracts, output)));
        told
    }
}
