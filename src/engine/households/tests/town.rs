//! A log, a task and its state, driven by a script.

use super::super::{Contract, Households};
use crate::contracts::{Tree, Verdict};
use crate::engine::effect::{Blocked, Effects, Fact, Input};
use crate::engine::lane::io::TopicPartition;
use crate::engine::lane::{Parked, UNPARK_HEADER};
use crate::engine::layout::{ALERTS_TOPIC, HOUSEHOLDS_LOG, REVIEW_TOPIC};
use crate::engine::message::{HouseholdMessage, SourceState, Tick, encode};
use crate::engine::state::{Key, MemoryState, Record, StateRead};
use crate::engine::task::{PackSource, Stage, Task, Undone};
use crate::rules::plan::Pack;
use crate::types::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The start of every script.
pub(super) fn start() -> Day {
    Day::from_ymd(2026, 3, 1).expect("a date")
}

struct Shelf(BTreeMap<PackHash, Arc<Pack>>);

impl PackSource for Shelf {
    fn pack(&self, hash: &PackHash) -> Option<Arc<Pack>> {
        self.0.get(hash).cloned()
    }
}

/// Writes a record as one line of what a reader looks at first, and the whole behind it.
struct Lines;

impl Contract for Lines {
    fn encode(&self, topic: &str, record: &Tree) -> Result<Vec<u8>, String> {
        let line = if topic == REVIEW_TOPIC { review_line(record) } else { alert_line(record) };
        Ok(format!("{line}\n{record:?}").into_bytes())
    }

    fn is_daily(&self, kind: &str) -> bool {
        kind == "meter_reading"
    }

    fn verdict(&self, outcome: &str) -> Verdict {
        if outcome == "self_resolved" { Verdict::NotNeeded } else { Verdict::Unclear }
    }
}

fn field<'a>(record: &'a Tree, name: &str) -> &'a Tree {
    let Tree::Record(fields) = record else { return &Tree::Null };
    fields.iter().find(|(known, _)| known == name).map_or(&Tree::Null, |(_, value)| value)
}

fn word(tree: &Tree) -> String {
    match tree {
        Tree::Text(text) => text.to_string(),
        Tree::Int(n) => n.to_string(),
        Tree::Bool(b) => b.to_string(),
        Tree::List(list) => list.iter().map(word).collect::<Vec<_>>().join(","),
        _ => "-".into(),
    }
}

fn day(n: i64) -> String {
    format!("+{}d", n - i64::from(start().0))
}

fn alert_line(record: &Tree) -> String {
    let get = |name: &str| word(field(record, name));
    let Tree::List(reasons) = field(record, "reasons") else { return String::new() };
    let reason = |reason: &Tree| {
        let is = |name: &str| matches!(field(reason, name), Tree::Bool(true));
        let mark = match () {
            () if is("past") => "~",
            () if is("held") => "!",
            () if is("assumed") => "?",
            () => "",
        };
        format!("{mark}{}", word(field(reason, "id")))
    };
    let Tree::Int(on) = field(record, "occurred_on") else { return String::new() };
    let rule = get("rule");
    let mut line = format!(
        "{}/{} {} {} {} {} {}",
        rule.trim_start_matches("crisis."),
        get("episode_number"),
        get("change"),
        get("status"),
        get("level"),
        day(*on),
        reasons.iter().map(reason).collect::<Vec<_>>().join(","),
    );
    let step = field(record, "escalation");
    for (name, value) in [
        ("reason", get("reason_code")),
        ("refused", get("action_refused")),
        ("answers", get("answers_action")),
        ("step", word(field(step, "step"))),
        ("count", word(field(step, "count")).replace('1', "-")),
        (
            "previous",
            get("previous").chars().take(0).collect::<String>()
                + if get("previous") == "-" { "-" } else { "yes" },
        ),
        ("basis_void", get("basis_void").replace("false", "-")),
        ("notify", get("notify").replace("yes", "-")),
    ] {
        if value != "-" {
            line.push_str(&format!(" {name}={value}"));
        }
    }
    line
}

fn review_line(record: &Tree) -> String {
    let get = |name: &str| word(field(record, name));
    format!("review {} {} missing={}", get("rule"), get("conditions"), get("missing_facts"))
}

/// A record of the log.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(super) key: Option<String>,
    pub(super) message: HouseholdMessage,
}

/// A task over a growing log.
pub(crate) struct Town {
    stage: Households,
    task: Box<dyn Task>,
    pub(super) state: MemoryState,
    pub(super) offset: i64,
    /// All records handled.
    pub(super) log: Vec<Entry>,
    /// Outputs as (topic, value, headers), in order.
    pub(super) said: Vec<(String, String, String)>,
    /// Closed alerts as they are counted: rule, version, verdict.
    pub(super) closed: Vec<(SmolStr, u32, &'static str)>,
    clock: StreamTime,
    down: Vec<SmolStr>,
    /// Since when the source is late and says so.
    stale: Option<StreamTime>,
    packs: Vec<PackHash>,
    /// When each key was told of first.
    known: BTreeMap<EventKey, StreamTime>,
}

impl Town {
    pub(crate) fn new(packs: Vec<Pack>) -> Self {
        let hashes = packs.iter().map(|pack| pack.hash).collect();
        let shelf = Shelf(packs.into_iter().map(|pack| (pack.hash, Arc::new(pack))).collect());
        let stage = Households::with_contract(Arc::new(Lines), Arc::new(shelf));
        let task = stage.task(&TopicPartition { topic: HOUSEHOLDS_LOG.into(), partition: 0 });
        Self {
            stage,
            task,
            state: MemoryState::default(),
            offset: 0,
            log: vec![],
            said: vec![],
            closed: vec![],
            clock: start().start(),
            down: vec![],
            stale: None,
            packs: hashes,
            known: BTreeMap::new(),
        }
    }

    /// A town with its clock started and its first pack in force.
    pub(crate) fn open(packs: Vec<Pack>) -> Self {
        let mut town = Self::new(packs);
        town.tick(start().start(), true);
        town.feed(None, HouseholdMessage::Pack { hash: town.packs[0] });
        town
    }

    /// Hands the task a record as it lies in the log, without keeping anything of it.
    pub(super) fn raw(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Effects, Blocked> {
        let (topic, partition, offset, timestamp_ms) = (HOUSEHOLDS_LOG, 0, self.offset, 1_000_000);
        let input = Input { topic, partition, offset, timestamp_ms, key, value, headers: &[] };
        self.task.handle(&input, &self.state)
    }

    pub(super) fn handle(&mut self, entry: &Entry) -> Result<Effects, Blocked> {
        self.hand(entry, &[])
    }

    fn hand(&mut self, entry: &Entry, headers: &[(SmolStr, Vec<u8>)]) -> Result<Effects, Blocked> {
        let value = encode(&entry.message);
        let input = Input {
            topic: HOUSEHOLDS_LOG,
            partition: 0,
            offset: self.offset,
            timestamp_ms: 1_000_000 + self.offset,
            key: entry.key.as_deref().map(str::as_bytes),
            value: Some(&value),
            headers,
        };
        let effects = self.task.handle(&input, &self.state)?;
        self.offset += 1;
        self.log.push(entry.clone());
        self.state.apply(&effects.delta);
        self.closed.extend(effects.facts.iter().filter_map(|fact| match fact {
            Fact::Closed { rule, version, verdict } => Some((rule.clone(), *version, *verdict)),
            _ => None,
        }));
        for (at, output) in effects.outputs.iter().enumerate() {
            if ![ALERTS_TOPIC, REVIEW_TOPIC].contains(&output.topic.as_str()) {
                continue;
            }
            let maker = effects.maker(at).map(|maker| maker.as_bytes());
            assert_eq!(maker, output.key.as_deref(), "whoever it is said of has made it");
            let value = String::from_utf8(output.value.clone()).expect("lines");
            self.said.push((output.topic.to_string(), value, format!("{:?}", output.headers)));
        }
        Ok(effects)
    }

    /// Feeds a record, then `continue` records while there are jobs, as an idle lane would.
    pub(super) fn feed(&mut self, key: Option<&str>, message: HouseholdMessage) {
        self.feed_one(&Entry { key: key.map(str::to_owned), message });
        for _ in 0..10_000 {
            if !self.task.has_job() {
                return;
            }
            self.feed_one(&Entry { key: None, message: HouseholdMessage::Continue });
        }
        panic!("jobs never end");
    }

    pub(super) fn feed_one(&mut self, entry: &Entry) {
        self.handle(entry).expect("not blocked");
    }

    pub(super) fn has_job(&self) -> bool {
        self.task.has_job()
    }

    /// Throws the task away and builds it anew from its state, as after an abort or a restart.
    pub(super) fn restart(&mut self) {
        self.task = self.stage.task(&TopicPartition { topic: HOUSEHOLDS_LOG.into(), partition: 0 });
        self.task.rebuild(&mut self.state.iter());
    }

    /// Handles records that are then given up, as an abort does.
    pub(super) fn abort(&mut self, entries: &[Entry]) {
        let (state, offset) = (self.state.clone(), self.offset);
        let (handled, said) = (self.log.len(), self.said.len());
        let mut written = BTreeMap::new();
        for entry in entries {
            written.extend(self.handle(entry).expect("not blocked").delta);
        }
        (self.state, self.offset) = (state, offset);
        self.log.truncate(handled);
        self.said.truncate(said);
        let undone = written.into_iter().map(|(key, written)| {
            let stored = self.state.get(&key);
            Undone { key, written, stored }
        });
        assert!(self.task.undo(&undone.collect::<Vec<_>>()));
    }

    /// Handles a record that is then given up, as one at which a household failed.
    pub(super) fn give_up(&mut self, entry: &Entry) {
        let (state, offset, said) = (self.state.clone(), self.offset, self.said.len());
        self.handle(entry).expect("not blocked");
        (self.state, self.offset) = (state, offset);
        self.log.pop();
        self.said.truncate(said);
        assert!(self.task.give_up(&self.state));
    }

    /// Parks a household as a lane does: a record fails at it, the mark is set, the record is given up and handed again.
    pub(super) fn park(&mut self, household: &str) {
        let offset = self.offset;
        let nothing = Entry { key: None, message: HouseholdMessage::Continue };
        self.raw(None, Some(&encode(&nothing.message))).expect("not blocked");
        let mark = Arc::new(Record::Parked(Parked { offset, timestamp_ms: 0 }));
        self.state.apply(&[(Parked::key(household), Some(mark))]);
        assert!(self.task.give_up(&self.state));
        self.feed_one(&nothing);
    }

    /// Takes it back as a lane does: the mark goes, then the task is handed the record.
    pub(super) fn take_back(&mut self, household: &str) {
        self.state.apply(&[(Parked::key(household), None)]);
        let headers = [(SmolStr::new_static(UNPARK_HEADER), b"1".to_vec())];
        self.hand(&Entry { key: Some(household.to_owned()), message: HouseholdMessage::Continue }, &headers)
            .expect("not blocked");
    }

    fn tick(&mut self, through: StreamTime, complete: bool) {
        let message = self.tick_message(through, complete);
        self.feed(None, message);
    }

    fn tick_message(&mut self, through: StreamTime, complete: bool) -> HouseholdMessage {
        self.clock = self.clock.max(through);
        let state = |source: &str| SourceState {
            source: source.into(),
            region: None,
            complete_through: self.stale.unwrap_or(through),
            stale: self.stale.is_some(),
        };
        let up = ["KEPCO"].into_iter().filter(|s| complete && !self.down.iter().any(|down| down == s));
        HouseholdMessage::Tick(Tick { through, complete, sources: up.map(state).collect() })
    }

    /// Ticks at each midnight on the way, and at the end.
    pub(super) fn advance(&mut self, to: StreamTime, complete: bool) {
        let mut day = self.clock.day().plus(1);
        while day.start() < to {
            self.tick(day.start(), complete);
            day = day.plus(1);
        }
        if to > self.clock {
            self.tick(to, complete);
        }
    }

    /// Runs one line of a script.
    pub(super) fn line(&mut self, line: &str) {
        let (at, rest) = line.split_once(' ').expect("a time and a command");
        let at = time(at);
        let words: Vec<&str> = rest.split_whitespace().collect();
        let named = |name: &str| words.iter().find_map(|word| word.strip_prefix(&format!("{name}=")));
        let household = named("h").unwrap_or("H1").to_owned();
        match words[0] {
            "incomplete" => return self.advance(at, false),
            // One tick without those in between: the stream was down.
            "jump" => return self.tick(at, true),
            _ => self.advance(at, true),
        }
        let entry = self.message(&words, &household);
        if let Some(message) = entry {
            let is_shared = matches!(message, HouseholdMessage::Area { .. } | HouseholdMessage::Pack { .. });
            self.feed((!is_shared).then_some(household.as_str()), message);
        }
    }

    fn message(&mut self, words: &[&str], household: &str) -> Option<HouseholdMessage> {
        let named = |name: &str| words.iter().find_map(|word| word.strip_prefix(&format!("{name}=")));
        let on = named("on").map_or(self.clock, time);
        let subject = SubjectId::new(named("of").unwrap_or("person:p1"));
        let seq = named("seq").map_or(1, |n| n.parse().expect("a number"));
        let revision = named("rev").map_or(1, |n| n.parse().expect("a number"));
        let origin = Origin { topic: "raw".into(), partition: 0, offset: self.offset };
        Some(match words[0] {
            "tick" => return None,
            "stale" => {
                self.stale = Some(self.clock);
                return None;
            }
            "down" | "up" => {
                self.stale = None;
                self.down.retain(|known| known != words[1]);
                self.down.extend((words[0] == "down").then(|| words[1].into()));
                return None;
            }
            "pack" => {
                HouseholdMessage::Pack { hash: self.packs[words[1].parse::<usize>().expect("a number")] }
            }
            "void" => HouseholdMessage::Remove { origin, subject, seq, key: key(words[1]) },
            "left" => HouseholdMessage::Left { subject, seq },
            "joined" => {
                let events =
                    words.get(1).filter(|w| w.contains(':')).into_iter().flat_map(|list| list.split(','));
                let events = events.map(|one| {
                    let parts: Vec<&str> = one.split(':').collect();
                    self.event(parts[0], key(parts[1]), time(parts[2]), 1, false)
                });
                let (part, parts) = named("part").map_or((0, 1), |part| {
                    let (part, parts) = part.split_once('/').expect("part/parts");
                    (part.parse().expect("a number"), parts.parse().expect("a number"))
                });
                HouseholdMessage::Joined {
                    subject,
                    seq,
                    confidence: Some(90),
                    part,
                    parts,
                    events: events.collect(),
                }
            }
            "fact" | "unfact" => {
                let names = ["h", "key", "rev", "from", "of", "seq", "on"];
                let fields = words[1..].iter().filter_map(|word| word.split_once('='));
                let mut fields: Vec<(SmolStr, Value)> = fields
                    .filter(|(name, _)| !names.contains(name))
                    .map(|(name, value)| {
                        (name.into(), value.parse().map_or_else(|_| Value::text(value), Value::Int))
                    })
                    .collect();
                fields.sort_by(|a, b| a.0.cmp(&b.0));
                let from = named("from").map_or(start().plus(-100), |from| time(from).day());
                let key = key(named("key").unwrap_or("REG/1"));
                let version = FactVersion { key, revision, from, subject: None, fields };
                let removed = words[0] == "unfact";
                HouseholdMessage::Facts {
                    origin,
                    facts: FactsRecord { entity: EntityId::new(household), version, removed },
                }
            }
            "area" => {
                let fields =
                    named("id").map(|id| ("outage_id".into(), Value::text(id))).into_iter().collect();
                let scope = named("dong").map(|d| AreaScope { fact: "dong".into(), value: d.into() });
                let (time, phase) = (EventTime::Instant(on.0), Phase::Open);
                let change = Change::Body { kind: words[1].into(), time, phase, fields };
                let event =
                    AreaEvent { key: key(words[2]), revision, change, scope: scope.into_iter().collect() };
                HouseholdMessage::Area { origin, event }
            }
            "claim" | "unclaim" | "attempt" | "contact" | "close" => {
                let kind = match words[0] {
                    "claim" => ActionKind::Claim,
                    "unclaim" => ActionKind::Unclaim,
                    "attempt" => ActionKind::Attempt,
                    "contact" => ActionKind::Contact,
                    _ => ActionKind::Close,
                };
                let (rule, number) = words[1].split_once('/').expect("rule/number");
                let entity = EntityId::new(household);
                let number = number.parse().expect("a number");
                let action = Action {
                    key: EventKey { source: "CASEWORK".into(), key: named("id").unwrap_or(words[0]).into() },
                    episode: EpisodeId::derive(&format!("crisis.{rule}"), &entity, number),
                    entity,
                    seen_revision: named("seen").map_or(1, |n| n.parse().expect("a number")),
                    kind,
                    event: "casework.action".into(),
                    fields: vec![("action".into(), Value::text(words[0]))],
                    outcome: named("outcome").map(SmolStr::new),
                    actor: named("by").unwrap_or("worker-1").into(),
                    at: EventTime::Instant(self.clock.0),
                };
                HouseholdMessage::Action { origin, action }
            }
            kind => {
                let event = self.event(kind, key(words[1]), on, revision, words.contains(&"late"));
                let number = ["use", "months"].into_iter().find_map(|name| Some((name, named(name)?)));
                let event = match number {
                    Some((name, n)) => Event {
                        fields: vec![(name.into(), Value::Int(n.parse().expect("a number")))],
                        time: EventTime::Day(on.day()),
                        ..event
                    },
                    None => event,
                };
                HouseholdMessage::Put { origin, subject, seq, confidence: None, event }
            }
        })
    }

    fn event(&mut self, kind: &str, key: EventKey, at: StreamTime, revision: i64, late: bool) -> Event {
        let time = EventTime::Instant(at.0);
        let (phase, accepted, fields) = (Phase::Open, self.clock, vec![]);
        let first = *self.known.entry(key.clone()).or_insert(accepted);
        let first = (first < accepted).then_some(first);
        Event { key, revision, kind: kind.into(), time, phase, accepted, first, late, fields }
    }

    /// The lines said so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.said.iter().map(|(_, value, _)| value.lines().next().unwrap_or_default().to_owned()).collect()
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.state.iter().map(|(key, _)| key).collect()
    }
}

fn key(text: &str) -> EventKey {
    let (source, key) = text.split_once('/').expect("source/key");
    EventKey { source: source.into(), key: key.into() }
}

/// `+3d`, `+3d9h`.
pub(super) fn time(text: &str) -> StreamTime {
    let text = text.strip_prefix('+').expect("a time begins with +");
    let (days, hours) = text.split_once('d').expect("days");
    let hours = hours.strip_suffix('h').map_or(0, |hours| hours.parse().expect("hours"));
    start().plus(days.parse().expect("days")).start().plus_ms(hours * MS_PER_HOUR)
}
