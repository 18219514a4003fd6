//! Control's machine.

use super::super::effect::{Blocked, Effects, Fact, Input, Output};
use super::super::layout::{AREAS_LOG, HOUSEHOLDS_LOG, Layout, SUBJECTS_LOG};
use super::super::message::{
    AreaMessage, ControlMessage, HouseholdMessage, MessageError, SourceState, SubjectMessage, Tick, decode,
    encode,
};
use super::super::state::{Key, Record, StateRead};
use super::super::task::Task;
use super::ControlConfig;
use super::health::Health;
use super::records::{AreaTime, ControlState, Flight, Pending};
use super::sources::{DeclaredFeed, release};
use super::time::hand_over;
use crate::types::{SmolStr, StreamTime};
use std::sync::Arc;

/// Name of the stage.
pub(super) const STAGE: &str = "control";
/// The stages that report what they reached.
pub(super) const IDENTITY: &str = "identity";
pub(super) const HOUSEHOLDS: &str = "households";
pub(super) const AREAS: &str = "areas";
/// Where the state lies.
const STATE: &str = "control";
const AREA_TIME: &str = "control/areas";

/// What the task is made with.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) feeds: Vec<DeclaredFeed>,
    pub(super) health: Health,
    pub(super) config: ControlConfig,
    pub(super) layout: Layout,
}

/// The one partition.
pub(super) struct ControlTask {
    shared: Arc<Shared>,
    state: ControlState,
    areas: AreaTime,
    /// Since its start it has told which sources are silent.
    has_told: bool,
}

impl ControlTask {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, state: ControlState::default(), areas: AreaTime::default(), has_told: false }
    }
}

impl Task for ControlTask {
    fn handle(&mut self, input: &Input<'_>, _state: &dyn StateRead) -> Result<Effects, Blocked> {
        let mut effects = Effects::default();
        let before = (self.state.clone(), self.areas.clone());
        match decode::<ControlMessage>(input.value.unwrap_or_default()) {
            Ok(message) => self.take_in(&mut effects, message, input.timestamp_ms),
            Err(error @ (MessageError::Format(_) | MessageError::Key(_))) => {
                return Err(Blocked::Unreadable(error.to_string()));
            }
            Err(MessageError::Short(_) | MessageError::Body(_)) => ignore(&mut effects, "unreadable record"),
        }
        if !std::mem::replace(&mut self.has_told, true) {
            effects.facts.extend(self.state.told.iter().filter(|told| told.stale).map(health));
        }
        self.tick_identity(&mut effects);
        self.tick_households(&mut effects);
        self.tell_areas_the_pack(&mut effects);
        self.tick_areas(&mut effects);
        if self.areas != before.1 {
            effects.delta.push((Key::own(AREA_TIME), Some(Arc::new(Record::AreaTime(self.areas.clone())))));
        }
        if self.state != before.0 {
            effects.delta.push((Key::own(STATE), Some(Arc::new(Record::Control(self.state.clone())))));
        }
        Ok(effects)
    }

    fn has_job(&self) -> bool {
        false
    }

    fn continue_record(&self) -> Option<(&'static str, Vec<u8>)> {
        None
    }

    fn rebuild(&mut self, records: &mut dyn Iterator<Item = (Key, Arc<Record>)>) {
        (self.state, self.areas) = (ControlState::default(), AreaTime::default());
        for (_, record) in records {
            match &*record {
                Record::Control(state) => self.state = state.clone(),
                Record::AreaTime(areas) => self.areas = areas.clone(),
                _ => {}
            }
        }
    }

    fn stream_time_ms(&self) -> i64 {
        self.state.delivered.0
    }
}

impl ControlTask {
    fn take_in(&mut self, effects: &mut Effects, message: ControlMessage, at_ms: i64) {
        let (feeds, layout) = (&self.shared.feeds, &self.shared.layout);
        match message {
            ControlMessage::Clock(clock) => match self.state.clock {
                None => self.state.clock = Some(clock),
                Some(fixed) if fixed == clock => {}
                Some(_) => ignore(effects, "another clock"),
            },
            ControlMessage::Sample { t, ends } => {
                let first = self.state.sampled == StreamTime::ZERO;
                if !self.state.sample(t, &ends, at_ms) {
                    ignore(effects, "sample without a clock or not after the last");
                } else if first {
                    self.state.expect_feeds(feeds);
                }
            }
            ControlMessage::Progress { positions } => self.state.progress(&positions),
            ControlMessage::Reached { stage, partition, through } => {
                let partitions = match stage.as_str() {
                    IDENTITY => layout.partitions(SUBJECTS_LOG),
                    HOUSEHOLDS => layout.partitions(HOUSEHOLDS_LOG),
                    AREAS => layout.partitions(AREAS_LOG),
                    _ => 0,
                };
                if !self.state.reach(&stage, partitions, partition, through) {
                    ignore(effects, "progress of an unknown partition");
                }
            }
            ControlMessage::Seen { topic, source, region, newest } => {
                if !self.state.seen(feeds, (&source, region.as_ref(), &topic), newest) {
                    ignore(effects, "source that no contract declares or time far ahead");
                }
            }
            ControlMessage::Delivered { source, region, through } => {
                if !self.state.stated(feeds, &source, region.as_ref(), through) {
                    ignore(effects, "statement of a source that no contract declares or time far ahead");
                }
            }
            ControlMessage::Pack { hash } => {
                if self.state.pack != Some(hash) {
                    self.state.pack = Some(hash);
                    effects.facts.push(Fact::PackSwitched { hash });
                    let value = encode(&HouseholdMessage::Pack { hash });
                    effects.outputs.extend(to_all(layout, HOUSEHOLDS_LOG, &value));
                }
            }
            ControlMessage::Continue => {}
        }
    }

    /// Writes the ticks of samples that intake has passed, or that were held back for too long.
    fn tick_identity(&mut self, effects: &mut Effects) {
        let shared = Arc::clone(&self.shared);
        while let Some((Pending { t, .. }, complete)) = self.state.next_sample(shared.config.hold_ms) {
            let verdicts = self.state.verdicts(&shared.feeds, t);
            let mut sources: Vec<SourceState> = Vec::new();
            for (before, verdict) in self.state.tell(&verdicts) {
                effects.outputs.extend(shared.health.record(&shared.layout, before.as_ref(), &verdict, t));
                if before.as_ref().is_some_and(|b| b.stale) != verdict.state.stale {
                    effects.facts.push(health(&verdict.state));
                }
                sources.push(verdict.state);
            }
            let tick = Tick { through: t, complete, sources: Vec::new() };
            effects.outputs.extend(to_all(
                &shared.layout,
                SUBJECTS_LOG,
                &encode(&SubjectMessage::Tick(tick)),
            ));
            self.state.ticked = t;
            let at_ms = self.state.sampled_at_ms;
            self.state.flights.push(Flight { t, at_ms, complete, sources });
        }
    }

    /// Writes the ticks that identity has reached, or whose wait for it was too long.
    fn tick_households(&mut self, effects: &mut Effects) {
        let shared = Arc::clone(&self.shared);
        let reached = self.state.reached_by_all(IDENTITY, shared.layout.partitions(SUBJECTS_LOG));
        while let Some(first) = self.state.flights.first() {
            let passed = first.t <= reached;
            if !passed && !self.state.held_too_long(first.at_ms, shared.config.hold_ms) {
                return;
            }
            let Flight { t, complete, sources, .. } = self.state.flights.remove(0);
            let complete = complete && passed;
            let sources = release(&mut self.state.withheld, sources, complete);
            let tick = Tick { through: t, complete, sources: sources.clone() };
            let value = encode(&HouseholdMessage::Tick(tick));
            effects.outputs.extend(to_all(&shared.layout, HOUSEHOLDS_LOG, &value));
            effects.facts.push(Fact::StreamTime { through: t, complete });
            self.state.delivered = t;
            hand_over(
                &mut self.areas.flights,
                Flight { t, at_ms: self.state.sampled_at_ms, complete, sources },
            );
        }
    }

    /// Areas are told of the pack in force, also where they came to a log that had one.
    fn tell_areas_the_pack(&mut self, effects: &mut Effects) {
        if let Some(hash) = self.state.pack.filter(|hash| self.areas.pack != Some(*hash)) {
            self.areas.pack = Some(hash);
            let value = encode(&AreaMessage::Pack { hash });
            effects.outputs.extend(to_all(&self.shared.layout, AREAS_LOG, &value));
        }
    }

    /// Writes the ticks that households have reached, or whose wait for them was too long.
    fn tick_areas(&mut self, effects: &mut Effects) {
        let shared = Arc::clone(&self.shared);
        let reached = self.state.reached_by_all(HOUSEHOLDS, shared.layout.partitions(HOUSEHOLDS_LOG));
        while let Some(first) = self.areas.flights.first() {
            let passed = first.t <= reached;
            if !passed && !self.state.held_too_long(first.at_ms, shared.config.hold_ms) {
                return;
            }
            let Flight { t, complete, sources, .. } = self.areas.flights.remove(0);
            let complete = complete && passed;
            if self.areas.delivered == StreamTime::ZERO {
                // They came to a log that has been told of sources for long.
                release(&mut self.areas.withheld, self.state.told.clone(), false);
            }
            let sources = release(&mut self.areas.withheld, sources, complete);
            let value = encode(&AreaMessage::Tick(Tick { through: t, complete, sources }));
            effects.outputs.extend(to_all(&shared.layout, AREAS_LOG, &value));
            self.areas.delivered = t;
        }
    }
}

fn health(state: &SourceState) -> Fact {
    Fact::SourceHealth { source: state.source.clone(), region: state.region.clone(), stale: state.stale }
}

fn ignore(effects: &mut Effects, what: &'static str) {
    effects.facts.push(Fact::Ignored { stage: STAGE, what });
}

/// One record into every partition of a stage log.
fn to_all(layout: &Layout, topic: &'static str, value: &[u8]) -> Vec<Output> {
    let copy = |partition| Output {
        topic: SmolStr::new(topic),
        partition,
        key: None,
        value: value.to_vec(),
        headers: Vec::new(),
    };
    (0..layout.partitions(topic)).map(copy).collect()
}
