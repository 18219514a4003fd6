//! The intake stage: stateless; decodes by contract, rejects with cause, re-keys to the log of the stage that owns the
//! entity. Foreign partitioners, partition counts and the interleaving of topics end here.

use super::codes::{BAD_IDENTIFIER, NO_ROUTE};
use super::effect::{Blocked, Effects, Fact, Input, Output};
use super::lane::io::TopicPartition;
use super::layout::{AREAS_LOG, CONTROL_LOG, HOUSEHOLDS_LOG, Layout, SUBJECTS_LOG};
use super::letter::{Letter, Letters};
use super::message::{AreaMessage, ControlMessage, HouseholdMessage, RawPosition, SubjectMessage, encode};
use super::state::{Key, Record, StateRead};
use super::task::{Stage, Task};
use super::trace;
use crate::contracts::{Contracts, Reject};
use crate::types::{Change, DayState, EventKey, Origin, Payload, Reading, SmolStr, StreamTime, SubjectId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sources that one commit tells control of; a record that brings one more sends what has gathered at once.
pub const SOURCES_PER_COMMIT: usize = 64;
/// Event times that one commit tells control of a source: its newest days.
pub const DAYS_PER_COMMIT: usize = 3;
/// Name of the stage.
pub const STAGE: &str = "intake";

/// What intake asks of the contracts.
trait Reader: Send + Sync {
    /// Topics to read.
    fn inputs(&self) -> Vec<SmolStr>;
    /// A raw record, read.
    fn read(&self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Payload, Reject>;
    /// Whether there are areas of a kind.
    fn has_areas(&self, kind: &str) -> bool;
}

impl Reader for Contracts {
    fn inputs(&self) -> Vec<SmolStr> {
        self.topics().filter(|topic| topic.is_input()).map(|topic| topic.name.clone()).collect()
    }

    fn read(&self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Payload, Reject> {
        let no_contract = || Reject { code: NO_ROUTE, text: String::from("topic has no contract") };
        self.topic(topic).ok_or_else(no_contract)?.read(key, value)
    }

    fn has_areas(&self, kind: &str) -> bool {
        self.areas().iter().any(|area| area.name == kind)
    }
}

/// What is read before other partitions may be.
pub trait Opening: Send + Sync {
    /// Why a partition waits, if it does.
    fn waits(&self, at: &TopicPartition) -> Option<String>;
}

/// The stage.
pub struct Intake {
    shared: Arc<Shared>,
}

struct Shared {
    reader: Arc<dyn Reader>,
    /// None where records come in the order in which they are to be read.
    opening: Option<Arc<dyn Opening>>,
    layout: Layout,
    letters: Arc<Letters>,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").field("layout", &self.shared.layout).finish_non_exhaustive()
    }
}

impl Intake {
    /// With contracts, partition counts and a writer of letters.
    pub fn new(contracts: Arc<Contracts>, layout: Layout, letters: Arc<Letters>) -> Self {
        Self { shared: Arc::new(Shared { reader: contracts, opening: None, layout, letters }) }
    }

    /// Holds partitions back while they are to wait.
    #[must_use]
    pub fn opening(self, opening: Arc<dyn Opening>) -> Self {
        let Shared { reader, layout, letters, .. } = &*self.shared;
        let (reader, layout, letters) = (Arc::clone(reader), layout.clone(), Arc::clone(letters));
        Self { shared: Arc::new(Shared { reader, opening: Some(opening), layout, letters }) }
    }
}

impl Stage for Intake {
    fn name(&self) -> &'static str {
        STAGE
    }

    fn inputs(&self) -> Vec<SmolStr> {
        self.shared.reader.inputs()
    }

    fn changelog(&self) -> Option<&'static str> {
        None
    }

    fn task(&self, at: &TopicPartition) -> Box<dyn Task> {
        let shared = Arc::clone(&self.shared);
        Box::new(IntakeTask { shared, at: at.clone(), reported: None, seen: Seen::new(), before: Vec::new() })
    }
}

/// One raw partition.
struct IntakeTask {
    shared: Arc<Shared>,
    at: TopicPartition,
    /// The position that control was last told.
    reported: Option<i64>,
    /// The newest event times by source and region since control was last told, one a day, ascending: should the newest be
    /// a mistake, control still learns of those before it.
    seen: Seen,
    /// What the record handed last changed there: what was known before, none for nothing.
    before: Vec<(SourceRegion, Option<Vec<StreamTime>>)>,
}

type SourceRegion = (SmolStr, Option<SmolStr>);
type Seen = BTreeMap<SourceRegion, Vec<StreamTime>>;

impl Task for IntakeTask {
    fn handle(&mut self, input: &Input<'_>, _state: &dyn StateRead) -> Result<Effects, Blocked> {
        self.before.clear();
        if let Some(why) = self.shared.opening.as_ref().and_then(|opening| opening.waits(&self.at)) {
            return Err(Blocked::Early(why));
        }
        let mut effects = Effects::default();
        let read = self.shared.reader.read(input.topic, input.key, input.value).and_then(checked);
        let payload = match read {
            Ok(payload) => payload,
            Err(reject) if reject.is_transient() => return Err(Blocked::SchemaUnavailable(reject.text)),
            Err(Reject { code, text }) => {
                let letter = Letter { stage: STAGE, code, text: &text, input: input.clone() };
                effects.outputs.push(self.shared.letters.write(&letter));
                effects.facts.push(Fact::DeadLetter { code, topic: SmolStr::new(input.topic) });
                return Ok(effects);
            }
        };
        if let Some((source, region, newest)) = heard(&payload) {
            let key = (source, region);
            if self.seen.len() >= SOURCES_PER_COMMIT && !self.seen.contains_key(&key) {
                self.before =
                    self.seen.iter().map(|(key, times)| (key.clone(), Some(times.clone()))).collect();
                effects.outputs.extend(self.tell_sources());
            }
            self.before.push((key.clone(), self.seen.get(&key).cloned()));
            keep_newest(self.seen.entry(key).or_default(), newest);
        }
        effects.facts.push(Fact::Accepted { topic: SmolStr::new(input.topic) });
        effects.outputs.extend(self.route(input, payload));
        Ok(effects)
    }

    fn give_up(&mut self, _state: &dyn StateRead) -> bool {
        for (key, before) in self.before.drain(..).rev() {
            match before {
                Some(times) => self.seen.insert(key, times),
                None => self.seen.remove(&key),
            };
        }
        true
    }

    fn has_job(&self) -> bool {
        false
    }

    fn continue_record(&self) -> Option<(&'static str, Vec<u8>)> {
        None
    }

    fn rebuild(&mut self, _records: &mut dyn Iterator<Item = (Key, Arc<Record>)>) {
        self.reported = None;
        self.seen.clear();
    }

    fn commit_outputs(&mut self, positions: &[(TopicPartition, i64)]) -> Vec<Output> {
        // Sources first: whoever believes the positions has heard of what lies before them.
        let mut outputs = self.tell_sources();
        let own = positions.iter().find(|(at, _)| *at == self.at).map(|(_, offset)| *offset);
        if let Some(offset) = own.filter(|offset| Some(*offset) != self.reported) {
            self.reported = Some(offset);
            let TopicPartition { topic, partition } = self.at.clone();
            let positions = vec![RawPosition { topic, partition, offset }];
            outputs.push(to_control(&ControlMessage::Progress { positions }));
        }
        outputs
    }

    fn reports_positions(&self) -> bool {
        true
    }

    fn stream_time_ms(&self) -> i64 {
        0
    }
}

/// Adds a time to the newest ones: of each day the last, of the days the newest [`DAYS_PER_COMMIT`].
fn keep_newest(times: &mut Vec<StreamTime>, time: StreamTime) {
    match times.binary_search_by_key(&time.day(), |known| known.day()) {
        Ok(at) => times[at] = times[at].max(time),
        Err(at) => {
            times.insert(at, time);
            if times.len() > DAYS_PER_COMMIT {
                times.remove(0);
            }
        }
    }
}

impl IntakeTask {
    fn tell_sources(&mut self) -> Vec<Output> {
        let topic = &self.at.topic;
        let seen = std::mem::take(&mut self.seen).into_iter();
        seen.flat_map(|((source, region), times)| {
            times.into_iter().map(move |newest| {
                let (source, region) = (source.clone(), region.clone());
                to_control(&ControlMessage::Seen { topic: topic.clone(), source, region, newest })
            })
        })
        .collect()
    }

    /// To the log of the stage that owns the entity.
    fn route(&self, input: &Input<'_>, payload: Payload) -> Vec<Output> {
        let layout = &self.shared.layout;
        let headers = trace::carried(input.headers);
        let to = |topic: &str, key: &str, value: Vec<u8>| {
            vec![Output {
                topic: SmolStr::new(topic),
                partition: layout.partition(topic, key),
                key: Some(key.as_bytes().to_vec()),
                value,
                headers: headers.clone(),
            }]
        };
        let origin =
            Origin { topic: SmolStr::new(input.topic), partition: input.partition, offset: input.offset };
        match payload {
            Payload::Signal(signal) => {
                let owner = signal.owners.first().map(|owner| owner.0.clone()).unwrap_or_default();
                let message =
                    SubjectMessage::Signal { origin, trail: 0, accepted: None, first: None, signal };
                to(SUBJECTS_LOG, &owner, encode(&message))
            }
            Payload::Link(link) => {
                let subject = link.subject.clone();
                to(SUBJECTS_LOG, subject.as_str(), encode(&SubjectMessage::Link { origin, link }))
            }
            Payload::Reading(reading) => {
                let owner = reading.owners.first().map(|owner| owner.0.clone()).unwrap_or_default();
                let message = SubjectMessage::Reading { origin, trail: 0, accepted: None, reading };
                to(SUBJECTS_LOG, &owner, encode(&message))
            }
            Payload::Facts(facts) => {
                let household = facts.entity.clone();
                to(HOUSEHOLDS_LOG, household.as_str(), encode(&HouseholdMessage::Facts { origin, facts }))
            }
            Payload::Action(action)
                if action.entity.area().is_some_and(|(kind, _)| self.shared.reader.has_areas(kind)) =>
            {
                let area = action.entity.clone();
                to(AREAS_LOG, area.as_str(), encode(&AreaMessage::Action { origin, action }))
            }
            Payload::Action(action) => {
                let household = action.entity.clone();
                to(HOUSEHOLDS_LOG, household.as_str(), encode(&HouseholdMessage::Action { origin, action }))
            }
            Payload::Area(event) => {
                let value = encode(&HouseholdMessage::Area { origin, event });
                let copy = |partition| Output {
                    topic: SmolStr::new(HOUSEHOLDS_LOG),
                    partition,
                    key: None,
                    value: value.clone(),
                    headers: headers.clone(),
                };
                (0..layout.partitions(HOUSEHOLDS_LOG)).map(copy).collect()
            }
            Payload::Source(report) => vec![to_control(&ControlMessage::Delivered {
                source: report.source,
                region: report.region,
                through: report.delivered_through,
            })],
        }
    }
}

fn to_control(message: &ControlMessage) -> Output {
    Output {
        topic: SmolStr::new(CONTROL_LOG),
        partition: 0,
        key: None,
        value: encode(message),
        headers: Vec::new(),
    }
}

/// The source that a record shows to be alive, and when what it tells of happened.
fn heard(payload: &Payload) -> Option<(SmolStr, Option<SmolStr>, StreamTime)> {
    let of = |change: &Change| match change {
        Change::Body { time, .. } | Change::End(time) => time.start(),
        Change::Void => StreamTime::ZERO,
    };
    let (source, region, newest) = match payload {
        Payload::Signal(signal) => (&signal.key.source, &signal.region, of(&signal.change)),
        Payload::Reading(Reading { source, region, state: DayState::Void, .. }) => {
            (source, region, StreamTime::ZERO)
        }
        Payload::Reading(reading) => (&reading.source, &reading.region, reading.day.start()),
        Payload::Area(event) => (&event.key.source, &None, of(&event.change)),
        Payload::Link(_) | Payload::Facts(_) | Payload::Action(_) | Payload::Source(_) => return None,
    };
    Some((source.clone(), region.clone(), newest))
}

/// What no contract can promise of a key that state is filed under.
fn checked(payload: Payload) -> Result<Payload, Reject> {
    let good = |id: &str| !id.is_empty() && !id.as_bytes().contains(&0);
    let key = |key: &EventKey| good(&key.source) && good(&key.key);
    let all = |owners: &[SubjectId]| !owners.is_empty() && owners.iter().all(|owner| good(owner.as_str()));
    let (kind, sound) = match &payload {
        Payload::Signal(signal) => ("signal", key(&signal.key) && all(&signal.owners)),
        Payload::Reading(reading) => ("reading", good(&reading.source) && all(&reading.owners)),
        Payload::Link(link) => {
            // A removal names no household: its key alone says what it takes back.
            let household = link.removed || good(link.household.as_str());
            ("link", key(&link.key) && good(link.subject.as_str()) && household)
        }
        Payload::Facts(facts) => ("facts", key(&facts.version.key) && good(facts.entity.as_str())),
        Payload::Action(action) => ("action", key(&action.key) && good(action.entity.as_str())),
        Payload::Area(event) => ("area event", key(&event.key)),
        Payload::Source(report) => ("source report", good(&report.source)),
    };
    if !sound {
        let text = format!("{kind} has an identifier that is empty or holds a NUL");
        return Err(Reject { code: BAD_IDENTIFIER, text });
    }
    Ok(payload)
}

#[cfg(test)]
mod tests;
