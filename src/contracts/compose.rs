//! From a payload to a record of its topic: the reverse of reading, for whoever plays a source (rule tests, tools).

use super::mapping::{ActionMap, At, EventMap, FactsMap, KeyMap, Kinds, LinkMap, Mapping, StatementMap};
use super::{Topic, Tree, Type};
use crate::types::{
    Action, AreaEvent, AreaScope, Change, DayState, EventKey, EventTime, FactsRecord, LinkRecord, Payload,
    Phase, Reading, Signal, SmolStr, SourceReport, StreamTime, SubjectId, Value,
};

impl Topic {
    /// The record that reads as this payload. Required fields that the payload does not give are filled with the first
    /// value that the contract lists, or zero. An error says what the topic cannot express.
    pub fn compose(&self, payload: &Payload) -> Result<Tree, String> {
        let mut record = Record { topic: self, fields: Vec::new() };
        match (self.mapping.as_ref(), payload) {
            (Some(Mapping::Signal(map, owners)), Payload::Signal(signal)) => {
                record.signal(map, owners, signal)?
            }
            // A daily event can be told as a signal is: by its fields.
            (Some(Mapping::Reading(map, owners, _)), Payload::Signal(signal)) => {
                record.signal(map, owners, signal)?;
            }
            (Some(Mapping::Reading(map, owners, used)), Payload::Reading(reading)) => {
                record.reading(map, owners, used, reading)?;
            }
            (Some(Mapping::Area(map, scope)), Payload::Area(area)) => record.area(map, scope, area)?,
            (Some(Mapping::Link(map)), Payload::Link(link)) => record.link(map, link)?,
            (Some(Mapping::Facts(map)), Payload::Facts(facts)) => record.facts(map, facts)?,
            (Some(Mapping::Action(map)), Payload::Action(action)) => record.action(map, action)?,
            (Some(Mapping::Statement(map)), Payload::Source(report)) => record.statement(map, report),
            _ => return Err(format!("topic \"{}\" carries no such payload", self.name)),
        }
        Ok(Tree::Record(record.fields))
    }
}

struct Record<'a> {
    topic: &'a Topic,
    fields: Vec<(SmolStr, Tree)>,
}

impl Record<'_> {
    fn set(&mut self, at: &At, tree: Tree) {
        self.fields.retain(|(name, _)| *name != at.name);
        self.fields.push((at.name.clone(), tree));
    }

    fn has(&self, at: &At) -> bool {
        self.fields.iter().any(|(name, _)| *name == at.name)
    }

    fn key(&mut self, map: &KeyMap, key: &EventKey, revision: i64) {
        if let Ok(at) = &map.source {
            self.set(at, Tree::Text(key.source.clone()));
        }
        self.set(&map.key, Tree::Text(key.key.clone()));
        if let Some(at) = &map.revision {
            self.set(at, Tree::Int(revision));
        }
    }

    /// Values by field: those that state keeps, and others that a body has.
    fn values<'m>(
        &mut self,
        fields: impl Iterator<Item = &'m At> + Clone,
        values: &[(SmolStr, Value)],
    ) -> Result<(), String> {
        for (name, value) in values {
            let at = fields.clone().find(|at| at.name == *name);
            let at = at.ok_or_else(|| format!("topic \"{}\" reads no field \"{name}\"", self.topic.name))?;
            self.set(at, tree(at, value));
        }
        Ok(())
    }

    fn change(&mut self, map: &EventMap, source: &str, change: &Change) -> Result<(), String> {
        let word =
            |word: fn(&super::mapping::ChangeMap) -> &SmolStr| map.change.as_ref().map(|c| (&c.at, word(c)));
        let said = match change {
            Change::Body { .. } => word(|c| &c.body),
            Change::End(_) => word(|c| &c.end),
            Change::Void => word(|c| &c.void),
        };
        if let Some((at, word)) = said {
            self.set(at, Tree::Text(word.clone()));
        }
        match change {
            Change::Void => {}
            Change::End(time) => {
                let at =
                    map.ended.as_ref().ok_or_else(|| format!("topic \"{}\" has no end", self.topic.name))?;
                self.set(at, moment(at, *time));
            }
            Change::Body { kind, time, phase, fields } => {
                self.values(map.kept.iter().chain(&map.required).chain([&map.kind]), fields)?;
                self.set(&map.time, moment(&map.time, *time));
                if let (Phase::Ended(time), Some(at)) = (phase, &map.ended) {
                    self.set(at, moment(at, *time));
                }
                if !self.has(&map.kind) {
                    let word = self.kind(&map.events, source, kind)?;
                    self.set(&map.kind, Tree::Text(word));
                }
                let missing: Vec<At> = map.required.iter().filter(|at| !self.has(at)).cloned().collect();
                for at in missing {
                    let filling = self.filling(&at);
                    self.set(&at, filling);
                }
            }
        }
        Ok(())
    }

    /// A kind that is this event; of several, one that the source reports.
    fn kind(&self, kinds: &Kinds, source: &str, event: &str) -> Result<SmolStr, String> {
        let named = kinds.named.iter().filter(|(_, known)| known == event).map(|(kind, _)| kind);
        let every = kinds.every.iter().filter(|(known, _)| known == event).flat_map(|(_, kinds)| kinds);
        let mut all: Vec<&SmolStr> = named.chain(every).collect();
        let told = self.topic.sources.iter().find(|known| known.name == source);
        all.sort_by_key(|kind| !told.is_some_and(|source| source.kinds.contains(kind)));
        let unknown = || format!("topic \"{}\" has no kind for \"{event}\"", self.topic.name);
        all.first().map(|kind| (*kind).clone()).ok_or_else(unknown)
    }

    fn filling(&self, at: &At) -> Tree {
        let doc = self.topic.fields.iter().find(|doc| doc.path == at.name);
        let first =
            doc.and_then(|doc| doc.values.first()).map_or(SmolStr::new_static("-"), |(v, _)| v.clone());
        match at.ty {
            Type::Texts => Tree::List(vec![Tree::Text(first)]),
            Type::Text => Tree::Text(first),
            Type::Bool => Tree::Bool(false),
            Type::Int | Type::Decimal | Type::Day | Type::Instant | Type::Age => Tree::Int(0),
        }
    }

    fn signal(&mut self, map: &EventMap, owners: &[At], signal: &Signal) -> Result<(), String> {
        self.key(&map.key, &signal.key, signal.revision);
        self.owners(owners, &signal.owners)?;
        if let (Some(at), Some(region)) = (&map.region, &signal.region) {
            self.set(at, Tree::Text(region.clone()));
        }
        self.change(map, &signal.key.source, &signal.change)
    }

    fn reading(&mut self, map: &EventMap, owners: &[At], used: &At, reading: &Reading) -> Result<(), String> {
        let key = SmolStr::new(reading.day.to_string());
        self.key(&map.key, &EventKey { source: reading.source.clone(), key }, reading.revision);
        self.owners(owners, &reading.owners)?;
        if let (Some(at), Some(region)) = (&map.region, &reading.region) {
            self.set(at, Tree::Text(region.clone()));
        }
        if let Some(change) = &map.change {
            let is_void = reading.state == DayState::Void;
            let word = if is_void { &change.void } else { &change.body };
            self.set(&change.at, Tree::Text(word.clone()));
        }
        let word = self.kind(&map.events, &reading.source, &reading.kind)?;
        self.set(&map.kind, Tree::Text(word));
        self.set(&map.time, moment(&map.time, EventTime::Day(reading.day)));
        match reading.state {
            DayState::Idle => self.set(used, Tree::Int(0)),
            DayState::Used => self.set(used, Tree::Int(1)),
            DayState::Void => {}
        }
        Ok(())
    }

    fn owners(&mut self, owners: &[At], named: &[SubjectId]) -> Result<(), String> {
        for SubjectId(owner) in named {
            let found = owner.split_once(':').and_then(|(kind, id)| {
                owners.iter().find(|at| at.name == kind).map(|at| (at, SmolStr::new(id)))
            });
            let (at, id) =
                found.ok_or_else(|| format!("topic \"{}\" names no such owner", self.topic.name))?;
            self.set(at, Tree::Text(id));
        }
        Ok(())
    }

    fn area(&mut self, map: &EventMap, scope: &[(SmolStr, At)], area: &AreaEvent) -> Result<(), String> {
        self.key(&map.key, &area.key, area.revision);
        for (fact, at) in scope {
            let of_fact = |area: &&AreaScope| area.fact == *fact;
            let texts = area.scope.iter().filter(of_fact).map(|area| Tree::Text(area.value.clone()));
            let texts: Vec<Tree> = texts.collect();
            let one = texts.first().cloned().unwrap_or(Tree::Null);
            self.set(at, if at.ty == Type::Texts { Tree::List(texts) } else { one });
        }
        self.change(map, &area.key.source, &area.change)
    }

    fn link(&mut self, map: &LinkMap, link: &LinkRecord) -> Result<(), String> {
        let (kind, id) = link.subject.as_str().split_once(':').ok_or("a subject without a kind")?;
        self.key(&map.key, &link.key, link.revision);
        self.set(&map.subject_kind, Tree::Text(SmolStr::new(kind)));
        self.set(&map.subject, Tree::Text(SmolStr::new(id)));
        self.set(&map.entity, Tree::Text(link.household.0.clone()));
        if let Some(at) = &map.confidence {
            self.set(at, Tree::Int(i64::from(link.confidence)));
        }
        self.set(&map.from, moment(&map.from, EventTime::Day(link.from)));
        if let (Some(at), Some(to)) = (&map.to, link.to) {
            self.set(at, moment(at, EventTime::Day(to)));
        }
        Ok(())
    }

    fn facts(&mut self, map: &FactsMap, facts: &FactsRecord) -> Result<(), String> {
        self.key(&map.key, &facts.version.key, facts.version.revision);
        self.set(&map.entity, Tree::Text(facts.entity.0.clone()));
        self.set(&map.from, moment(&map.from, EventTime::Day(facts.version.from)));
        self.values(map.fields.iter(), &facts.version.fields)
    }

    fn action(&mut self, map: &ActionMap, action: &Action) -> Result<(), String> {
        self.key(&map.key, &action.key, 1);
        self.set(&map.entity, Tree::Text(action.entity.0.clone()));
        self.set(&map.episode, Tree::Text(action.episode.0.clone()));
        self.set(&map.seen_revision, Tree::Int(i64::from(action.seen_revision)));
        self.set(&map.actor, Tree::Text(action.actor.clone()));
        self.set(&map.time, moment(&map.time, action.at));
        self.values(map.kept.iter().chain([&map.kind]), &action.fields)?;
        if let (Some(at), Some(outcome)) = (&map.outcome, &action.outcome) {
            self.set(at, Tree::Text(outcome.clone()));
        }
        // Which step it is may already stand among the fields.
        if !self.has(&map.kind) {
            let step = map.steps.iter().find(|(_, kind)| *kind == action.kind);
            let (word, _) = step.ok_or_else(|| format!("topic \"{}\" has no such step", self.topic.name))?;
            self.set(&map.kind, Tree::Text(word.clone()));
        }
        Ok(())
    }

    fn statement(&mut self, map: &StatementMap, report: &SourceReport) {
        self.set(&map.source, Tree::Text(report.source.clone()));
        if let (Some(at), Some(region)) = (&map.region, &report.region) {
            self.set(at, Tree::Text(region.clone()));
        }
        self.set(&map.through, Tree::Int(report.delivered_through.0));
    }
}

fn moment(at: &At, time: EventTime) -> Tree {
    Tree::Int(match at.ty {
        Type::Instant => time.start().0,
        _ => i64::from(time.day().0),
    })
}

fn tree(at: &At, value: &Value) -> Tree {
    match value {
        Value::Null => Tree::Null,
        Value::Bool(v) => Tree::Bool(*v),
        Value::Int(v) => Tree::Int(*v),
        Value::Decimal(v) => Tree::Text(SmolStr::new(v.to_string())),
        Value::Text(text) if at.ty == Type::Texts => Tree::List(vec![Tree::Text(text.clone())]),
        Value::Text(text) => Tree::Text(text.clone()),
        Value::Day(day) => moment(at, EventTime::Day(*day)),
        Value::Instant(StreamTime(ms)) => moment(at, EventTime::Instant(*ms)),
        Value::List(values) => Tree::List(values.iter().map(|value| tree(at, value)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use crate::contracts::builtin;
    use crate::types::{
        AreaEvent, AreaScope, Change, Day, DayState, EventKey, EventTime, Payload, Phase, Reading, Signal,
        SmolStr, SubjectId, Value,
    };

    fn text(text: &str) -> SmolStr {
        SmolStr::new(text)
    }

    fn body(kind: &str, time: EventTime, fields: Vec<(SmolStr, Value)>) -> Change {
        Change::Body { kind: text(kind), time, phase: Phase::Open, fields }
    }

    fn signal(source: &str, change: Change, lateness_days: u16) -> Payload {
        Payload::Signal(Signal {
            key: EventKey { source: text(source), key: text("k1") },
            revision: 2,
            change,
            owners: vec![SubjectId::new("person:p1"), SubjectId::new("address:a1")],
            region: None,
            lateness_days,
        })
    }

    fn check(topic: &str, payload: &Payload) {
        let contracts = builtin();
        let topic = contracts.topic(topic).expect("a topic");
        let record = topic.compose(payload).expect("the topic can say it");
        let bytes = topic.encode(&record).expect("the record fits");
        assert_eq!(topic.read(None, Some(&bytes)).as_ref(), Ok(payload));
    }

    #[test]
    fn what_is_composed_reads_as_it_was() {
        let day = EventTime::Day(Day(20_514));
        let fields = vec![(text("kind"), Value::text("telecom")), (text("months"), Value::Int(4))];
        check("signals.arrears", &signal("KAIT", body("arrears", day, fields), 62));
        check("signals.arrears", &signal("KAIT", Change::End(day), 62));
        check("signals.arrears", &signal("KAIT", Change::Void, 62));
        for state in [DayState::Idle, DayState::Used, DayState::Void] {
            check(
                "signals.meter",
                &Payload::Reading(Reading {
                    source: text("KEPCO"),
                    kind: text("meter_reading"),
                    day: Day(20_514),
                    revision: 2,
                    state,
                    owners: vec![SubjectId::new("service_point:sp1")],
                    region: None,
                    lateness_days: 7,
                }),
            );
        }
        let at = EventTime::Instant(1_772_000_000_000);
        let mode = vec![(text("mode"), Value::text("cut"))];
        check("signals.cutoff", &signal("GAS", body("cutoff.gas", at, mode), 7));
        let outage = vec![(text("outage_id"), Value::text("o1")), (text("utility"), Value::text("gas"))];
        let area = AreaEvent {
            key: EventKey { source: text("GAS"), key: text("o1") },
            revision: 1,
            change: body("outage.started", at, outage),
            scope: vec![AreaScope { fact: text("dong"), value: text("9901010100") }],
        };
        check("signals.outage", &Payload::Area(area));
    }

    #[test]
    fn what_is_required_and_not_given_is_filled() {
        let contracts = builtin();
        let topic = contracts.topic("signals.cutoff").expect("a topic");
        let at = EventTime::Instant(1_772_000_000_000);
        let record = topic.compose(&signal("GAS", body("cutoff.gas", at, Vec::new()), 7)).expect("composed");
        let bytes = topic.encode(&record).expect("the record fits");
        assert!(topic.read(None, Some(&bytes)).is_ok());
    }

    #[test]
    fn what_a_topic_cannot_say_is_an_error() {
        let contracts = builtin();
        let topic = contracts.topic("signals.cutoff").expect("a topic");
        let at = EventTime::Instant(0);
        for change in
            [body("arrears", at, Vec::new()), body("cutoff.gas", at, vec![(text("x"), Value::Int(1))])]
        {
            assert!(topic.compose(&signal("GAS", change, 7)).is_err());
        }
    }
}
