//! Plays one case: steps become records of their topics, arrive at their stream time, and the alerts that leave are read.

use super::case::{body, households, key_of, kinds, moment, scope, topic_of, whom};
use super::judge::Seen;
use super::{Answers, Way};
use crate::contracts::{Contracts, Route, Topic};
use crate::engine::households::{HouseholdsConfig, decision_today};
use crate::engine::layout::{ALERT_TOPICS, AREAS_LOG, HOUSEHOLDS_LOG, Layout};
use crate::rules::eval::Decision;
use crate::rules::plan::{CrisisRule, Pack, Per};
use crate::rules::testfile::{Case, Down, Happening, Reported, Step, TestFile};
use crate::sim::pipeline::{KnownPacks, Pipeline, stages};
use crate::sim::rng::Rng;
use crate::types::{
    Action, ActionKind, AreaEvent, AreaScope, Change, EntityId, EpisodeId, EventKey, EventTime, FactVersion,
    FactsRecord, LinkRecord, MS_PER_HOUR, Payload, Signal, SmolStr, SourceReport, StreamTime, SubjectId,
    Value,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a played case left.
pub(super) struct Played {
    /// Alert records of the rule, in order.
    pub(super) seen: Vec<Seen>,
    /// What the rule says at the end.
    pub(super) decision: Option<Decision>,
    /// What its conditions said by then; of the written run alone.
    pub(super) answers: Answers,
    pub(super) ends: StreamTime,
}

/// Whom signals are about, and who tells of them where a test does not say.
const PERSON: &str = "person:tested";
pub(super) const SOURCE: &str = "TEST";
/// Facts and links hold from so many days before the start.
const LONG_AGO_DAYS: i32 = 4_000;

/// Whether arrivals may change places: what people do and what a source takes back depend on what came before.
pub(super) fn can_shuffle(case: &Case) -> bool {
    let is_event = |step: &Step| matches!(step.what, Happening::Event(_));
    let mut keys = BTreeSet::new();
    let is_new = |step: &Step| match &step.what {
        Happening::Event(reported) => keys.insert(reported.key.clone()),
        _ => false,
    };
    case.source_down.is_empty() && case.events.iter().all(is_event) && case.events.iter().all(is_new)
}

pub(super) fn play(
    file: &TestFile,
    case: &Case,
    way: Way,
    contracts: &Arc<Contracts>,
    pack: &Arc<Pack>,
) -> Result<Played, String> {
    let layout = Layout::new(contracts.topics().map(|topic| (topic.name.clone(), 1)));
    let packs = Arc::new(KnownPacks::new([Arc::clone(pack)]));
    let mut player = Player {
        pipeline: Pipeline::new(stages(contracts, &layout, packs)?, layout),
        contracts,
        pack,
        rule: pack.crisis_rule(&file.rule),
        file,
        case,
        facts: households(case).into_iter().map(|who| (who, case.facts.clone())).collect(),
        kinds: kinds(case),
        seen: Vec::new(),
        sampled: StreamTime::ZERO,
        answers: Answers::default(),
    };
    player.pipeline.publish(pack.hash);
    player.run(way)?;
    let decision = player.decision();
    Ok(Played { decision, answers: player.answers, ends: player.sampled, seen: player.seen })
}

struct Player<'a> {
    pipeline: Pipeline,
    contracts: &'a Contracts,
    pack: &'a Pack,
    /// The rule under test.
    rule: Option<&'a CrisisRule>,
    file: &'a TestFile,
    case: &'a Case,
    /// Facts by household.
    facts: BTreeMap<SmolStr, Vec<(SmolStr, Value)>>,
    /// Event name, source and household, by key.
    kinds: BTreeMap<SmolStr, (SmolStr, SmolStr, SmolStr)>,
    seen: Vec<Seen>,
    sampled: StreamTime,
    answers: Answers,
}

impl Player<'_> {
    fn run(&mut self, way: Way) -> Result<(), String> {
        let mut steps: Vec<(StreamTime, usize)> = Vec::new();
        for (at, step) in self.case.events.iter().enumerate() {
            steps.push((self.arrival(step), at));
        }
        if way == Way::Shuffled {
            self.shuffle(&mut steps);
        }
        steps.sort_by_key(|(at, _)| *at);
        let start = self.file.start;
        let first = steps.first().map_or(start, |(at, _)| (*at).min(start));
        self.sampled = first.day().plus(-1).start();
        self.pipeline.sample(self.sampled);
        for (who, facts) in self.facts.clone() {
            self.household(&who, &facts, self.sampled)?;
        }
        let half = steps.len() / 2;
        for (place, (at, step)) in steps.into_iter().enumerate() {
            self.pass(at, way)?;
            if way == Way::Restarted && place == half {
                self.pipeline.restart();
            }
            let case = self.case;
            if let Some(known) = case.events.get(step) {
                self.step(known, step, at, way == Way::Doubled)?;
                self.look(way);
            }
        }
        self.pass(self.case.until.from(start), way)?;
        self.look(way);
        Ok(())
    }

    /// What the rule says now.
    fn decision(&self) -> Option<Decision> {
        let rule = self.rule?;
        let (log, entity) = match &rule.per {
            Per::Household => (HOUSEHOLDS_LOG, self.case.household.clone()),
            Per::Area(kind) => (AREAS_LOG, self.area_of_the_case(kind)?),
        };
        let state = self.pipeline.state(log, 0)?;
        decision_today(state, self.pack, rule, &entity, &HouseholdsConfig::default())
    }

    /// The area in which the household of the case lies.
    fn area_of_the_case(&self, kind: &str) -> Option<SmolStr> {
        let area = self.contracts.areas().iter().find(|area| area.name == kind)?;
        let facts = self.facts.get(&self.case.household)?;
        let (_, value) = facts.iter().find(|(name, _)| *name == area.fact)?;
        Some(EntityId::of_area(kind, value.as_text()?).0)
    }

    /// Takes note of what the conditions say now.
    fn look(&mut self, way: Way) {
        if let (Way::Written, Some(rule), Some(decision)) = (way, self.rule, self.decision()) {
            self.answers.take(rule, &decision);
        }
    }

    /// When a step arrives: while its source is down, at the end of that.
    fn arrival(&self, step: &Step) -> StreamTime {
        let (start, arrives) = (self.file.start, step.arrives.from(self.file.start));
        let source = match &step.what {
            Happening::Event(reported) | Happening::Area(reported) => reported.source.as_deref(),
            Happening::End(_) | Happening::Void(_) | Happening::Action { .. } | Happening::Facts(_) => None,
        };
        let downs = self.case.source_down.iter().filter(|down| source == Some(down.source.as_str()));
        let holds = downs.filter(|down| down.from.from(start) <= arrives && arrives < down.to.from(start));
        holds.map(|down| down.to.from(start)).max().unwrap_or(arrives)
    }

    /// Arrivals change places, each to a later time that its topic's lateness still allows.
    fn shuffle(&self, steps: &mut [(StreamTime, usize)]) {
        let mut rng = Rng::new(7).fork_named(&self.case.name);
        let last = steps.iter().map(|(at, _)| *at).max().unwrap_or_default();
        for (at, step) in steps.iter_mut() {
            let lateness = self.case.events.get(*step).and_then(|step| match &step.what {
                Happening::Event(reported) => self.topic_of(&reported.event).map(|t| t.lateness_days),
                _ => None,
            });
            // Within the case, so that nothing comes that the written run did not also have at its end.
            let latest =
                at.plus_ms(i64::from(lateness.unwrap_or(0)) * 24 * MS_PER_HOUR - MS_PER_HOUR).min(last);
            if latest > *at {
                *at = StreamTime(rng.between(at.0, latest.0));
            }
        }
    }

    /// Lets stream time come to `to`: a sample each hour, and at each midnight what sources say of themselves.
    fn pass(&mut self, to: StreamTime, way: Way) -> Result<(), String> {
        while self.sampled < to {
            let hour = StreamTime((self.sampled.0 / MS_PER_HOUR + 1) * MS_PER_HOUR);
            let next = hour.min(to);
            // A source that is back says so within the hour, behind what it made up for.
            let start = self.file.start;
            let is_back = |down: &Down| (self.sampled..next).contains(&down.to.from(start));
            if next == next.day().start() || self.case.source_down.iter().any(is_back) {
                self.statements(next)?;
            }
            self.sampled = next;
            self.pipeline.sample(next);
            self.settle()?;
            // A rule has a value on each day: what time alone changes shows at its beginning.
            if next == next.day().start() {
                self.look(way);
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        self.pipeline.run().map_err(|stuck| stuck.to_string())?;
        for emitted in self.pipeline.take_emitted() {
            let output = &emitted.output;
            if output.topic == crate::engine::layout::LETTERS_TOPIC {
                let text = output.headers.iter().find(|(name, _)| name == "letter_text");
                let text = text.map(|(_, text)| String::from_utf8_lossy(text).into_owned());
                return Err(format!("a record of the case was rejected: {}", text.unwrap_or_default()));
            }
            if !ALERT_TOPICS.contains(&output.topic.as_str()) {
                continue;
            }
            let topic = self.contracts.topic(&output.topic).ok_or("no contract of alerts")?;
            let tree = topic.decode_tree(&output.value).map_err(|reject| reject.text)?;
            self.seen.extend(Seen::of(&tree, emitted.at, &self.file.rule));
        }
        Ok(())
    }

    fn topic_of(&self, event: &str) -> Option<&Topic> {
        self.contracts.topic(&self.contracts.event(event)?.topic)
    }

    /// Sends a payload to the first topic of a route that can say it.
    fn send(&mut self, route: Route, payload: &Payload, twice: bool) -> Result<(), String> {
        let mut error = String::from("no topic has that route");
        for topic in self.contracts.topics().filter(|topic| topic.route == route) {
            match topic.compose(payload) {
                Ok(_) => return self.send_to(topic.name.clone(), payload, twice),
                Err(why) => error = why,
            }
        }
        Err(error)
    }

    fn send_to(&mut self, topic: SmolStr, payload: &Payload, twice: bool) -> Result<(), String> {
        let contract = self.contracts.topic(&topic).ok_or("a topic without a contract")?;
        let record = contract.compose(payload)?;
        let key = contract.record_key(&record).map(String::into_bytes);
        let value = contract.encode(&record)?;
        for _ in 0..=u8::from(twice) {
            self.pipeline.feed(&topic, key.clone(), Some(value.clone()), self.sampled);
            self.settle()?;
        }
        Ok(())
    }

    fn household(&mut self, who: &SmolStr, facts: &[(SmolStr, Value)], at: StreamTime) -> Result<(), String> {
        let from = at.day().plus(-LONG_AGO_DAYS);
        let key = |key: &str| EventKey { source: SmolStr::new_static(SOURCE), key: SmolStr::new(key) };
        let link = LinkRecord {
            key: key("link"),
            revision: 1,
            subject: self.person(who),
            household: EntityId(who.clone()),
            confidence: 100,
            from,
            to: None,
            removed: false,
        };
        self.send(Route::Subject, &Payload::Link(link), false)?;
        self.tell_facts(who, facts, key("facts"), from)
    }

    /// Whom signals of a household are about.
    fn person(&self, who: &SmolStr) -> SubjectId {
        if *who == self.case.household {
            SubjectId::new(PERSON)
        } else {
            SubjectId::new(format!("{PERSON}-{who}"))
        }
    }

    fn tell_facts(
        &mut self,
        who: &SmolStr,
        facts: &[(SmolStr, Value)],
        key: EventKey,
        from: crate::types::Day,
    ) -> Result<(), String> {
        let mut fields = facts.to_vec();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        let version = FactVersion { key, revision: 1, from, subject: None, fields };
        let entity = EntityId(who.clone());
        self.send(Route::Household, &Payload::Facts(FactsRecord { entity, version, removed: false }), false)
    }

    fn statements(&mut self, at: StreamTime) -> Result<(), String> {
        let start = self.file.start;
        let is_down = |source: &str| {
            let mut downs = self.case.source_down.iter().filter(|down| down.source == source);
            downs.any(|down| down.from.from(start) <= at && at < down.to.from(start))
        };
        let sources: BTreeSet<SmolStr> = self
            .contracts
            .topics()
            .flat_map(|topic| topic.sources.iter().filter(|source| source.expected || source.deciding))
            .map(|source| source.name.clone())
            .filter(|source| !is_down(source))
            .collect();
        for source in sources {
            let report = SourceReport { source, region: None, delivered_through: at };
            self.send(Route::Control, &Payload::Source(report), false)?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step, place: usize, arrives: StreamTime, twice: bool) -> Result<(), String> {
        let at = step.at.from(self.file.start);
        let who = whom(self.case, step);
        match &step.what {
            Happening::Event(reported) => {
                let (topic, payload) = self.signal(&who, reported, at)?;
                self.send_to(topic, &payload, twice)
            }
            Happening::Area(reported) => {
                let (topic, payload) = self.area(&who, reported, at)?;
                self.send_to(topic, &payload, twice)
            }
            Happening::End(key) => self.bodiless(key, place, Some(at), twice),
            Happening::Void(key) => self.bodiless(key, place, None, twice),
            Happening::Action { event, fields } => self.action(event, fields, place, arrives, twice),
            Happening::Facts(told) => {
                let facts = self.facts.entry(who.clone()).or_default();
                for (name, value) in told {
                    facts.retain(|(known, _)| known != name);
                    facts.push((name.clone(), value.clone()));
                }
                let facts = facts.clone();
                let key = EventKey {
                    source: SmolStr::new_static(SOURCE),
                    key: SmolStr::new(format!("facts-{place}")),
                };
                self.tell_facts(&who, &facts, key, at.day())
            }
        }
    }

    fn key(&self, key: &SmolStr) -> EventKey {
        let source = self.kinds.get(key).map_or(SmolStr::new_static(SOURCE), |(_, source, _)| source.clone());
        EventKey { source, key: key.clone() }
    }

    fn signal(
        &self,
        who: &SmolStr,
        reported: &Reported,
        at: StreamTime,
    ) -> Result<(SmolStr, Payload), String> {
        let contracts = self.contracts;
        let topic = topic_of(contracts, &reported.event)?;
        let change = body(reported, topic, at, reported.fields.clone());
        let payload = self.signal_of(who, topic, &reported.key, reported.revision, change);
        Ok((topic.name.clone(), payload))
    }

    fn signal_of(
        &self,
        who: &SmolStr,
        topic: &Topic,
        key: &SmolStr,
        revision: i64,
        change: Change,
    ) -> Payload {
        Payload::Signal(Signal {
            key: self.key(key),
            revision,
            change,
            owners: vec![self.person(who)],
            region: None,
            lateness_days: topic.lateness_days,
        })
    }

    fn area(&self, who: &SmolStr, reported: &Reported, at: StreamTime) -> Result<(SmolStr, Payload), String> {
        let contracts = self.contracts;
        let topic = topic_of(contracts, &reported.event)?;
        // What is written as a fact of households says where; else it is where the household is.
        let is_scope = |(name, _): &&(SmolStr, Value)| contracts.fact(name).is_some();
        let (given, fields): (Vec<_>, Vec<_>) = reported.fields.iter().partition(is_scope);
        let scope_of = |(name, value): &(SmolStr, Value)| match value {
            Value::List(items) => items.iter().filter_map(|item| scope(name, item)).collect(),
            one => scope(name, one).into_iter().collect::<Vec<_>>(),
        };
        let own: Vec<AreaScope> = self.facts.get(who).into_iter().flatten().flat_map(scope_of).collect();
        let written: Vec<AreaScope> = given.into_iter().flat_map(scope_of).collect();
        let fields: Vec<(SmolStr, Value)> = fields.into_iter().cloned().collect();
        let change = body(reported, topic, at, fields);
        let area = AreaEvent {
            key: self.key(&reported.key),
            revision: reported.revision,
            change,
            scope: if written.is_empty() { own } else { written },
        };
        Ok((topic.name.clone(), Payload::Area(area)))
    }

    /// The end of an earlier event, or (without a time) its void.
    fn bodiless(
        &mut self,
        key: &SmolStr,
        written: usize,
        ended: Option<StreamTime>,
        twice: bool,
    ) -> Result<(), String> {
        let contracts = self.contracts;
        let (event, _, who) =
            self.kinds.get(key).cloned().ok_or_else(|| format!("no event has the key \"{key}\""))?;
        let topic = topic_of(contracts, &event)?;
        // Above what its author wrote before it, whatever has arrived.
        let before = self.case.events.iter().take(written).filter(|step| key_of(step) == Some(key)).count();
        let revision = i64::try_from(before).unwrap_or(0) + 1;
        let change = ended.map_or(Change::Void, |at| Change::End(moment(topic, at)));
        let payload = self.signal_of(&who, topic, key, revision, change);
        self.send_to(topic.name.clone(), &payload, twice)
    }

    fn action(
        &mut self,
        event: &SmolStr,
        fields: &[(SmolStr, Value)],
        place: usize,
        at: StreamTime,
        twice: bool,
    ) -> Result<(), String> {
        let Some(alert) = self.seen.last() else {
            return Err(String::from("someone acts on an alert, but none has been opened"));
        };
        let topic = topic_of(self.contracts, event)?.name.clone();
        let action = Action {
            key: EventKey { source: SmolStr::new_static(SOURCE), key: SmolStr::new(format!("act-{place}")) },
            entity: EntityId(alert.about.clone()),
            episode: EpisodeId(alert.episode.clone()),
            seen_revision: alert.revision,
            // Which step it is stands among the fields.
            kind: ActionKind::Contact,
            event: event.clone(),
            fields: fields.to_vec(),
            outcome: None,
            actor: SmolStr::new_static("tester"),
            at: EventTime::Instant(at.0),
        };
        self.send_to(topic, &Payload::Action(action), twice)
    }
}
