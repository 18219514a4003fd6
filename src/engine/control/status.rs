//! What an operator wants to know of time: where it stands and what holds it.

use super::super::layout::{AREAS_LOG, HOUSEHOLDS_LOG, Layout, SUBJECTS_LOG};
use super::super::message::{Clock, SourceState};
use super::records::ControlState;
use super::task::{AREAS, HOUSEHOLDS, IDENTITY};
use crate::types::{PackHash, SmolStr, StreamTime};

/// A summary of control's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlStatus {
    /// The clock in use; none before the first record.
    pub clock: Option<Clock>,
    /// The pack in force.
    pub pack: Option<PackHash>,
    /// The newest sample.
    pub sampled: StreamTime,
    /// What intake has handed on: the last tick to identity.
    pub intake: StreamTime,
    /// What all identity partitions have handled.
    pub identity: StreamTime,
    /// What all households partitions have handled.
    pub households: StreamTime,
    /// What all areas partitions have handled.
    pub areas: StreamTime,
    /// Samples that wait for intake.
    pub pending: usize,
    /// What holds time back: all that is behind the oldest sample or tick that waits.
    pub held_by: Vec<Hold>,
    /// Sources that are later than their rhythm allows.
    pub stale: Vec<SourceState>,
}

/// Something that time waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Intake has not handed a raw partition on far enough.
    Raw {
        /// Topic.
        topic: SmolStr,
        /// Partition.
        partition: i32,
        /// Intake's next offset.
        position: i64,
        /// The offset at which the oldest waiting sample ended.
        end: i64,
    },
    /// A partition of a stage has not handled a tick.
    Stage {
        /// Stage.
        stage: &'static str,
        /// Partition of its log.
        partition: i32,
        /// The last tick that it handled.
        reached: StreamTime,
        /// The oldest tick that it has not.
        waiting: StreamTime,
    },
}

impl Hold {
    /// Whether an earlier look found it at this very place: if not, it moves.
    pub fn is_where_it_was(&self, before: &[Self]) -> bool {
        before.iter().any(|before| match (self, before) {
            (
                Self::Raw { topic, partition, position, .. },
                Self::Raw { topic: t, partition: p, position: o, .. },
            ) => (topic, partition, position) == (t, p, o),
            (
                Self::Stage { stage, partition, reached, .. },
                Self::Stage { stage: s, partition: p, reached: r, .. },
            ) => (stage, partition, reached) == (s, p, r),
            _ => false,
        })
    }
}

impl ControlState {
    /// The summary.
    pub fn status(&self, layout: &Layout) -> ControlStatus {
        let mut held_by = Vec::new();
        if let Some(first) = self.pending.first() {
            let behind = first.ends.iter().filter(|(raw, end)| self.offset(*raw) < *end);
            held_by.extend(behind.filter_map(|(raw, end)| {
                let position = self.raw.get(usize::from(*raw))?;
                Some(Hold::Raw {
                    topic: position.topic.clone(),
                    partition: position.partition,
                    position: position.offset,
                    end: *end,
                })
            }));
        }
        let oldest_flight = self.flights.first().map(|flight| flight.t);
        held_by.extend(self.behind(layout, IDENTITY, SUBJECTS_LOG, oldest_flight));
        let delivered = (self.delivered > StreamTime::ZERO).then_some(self.delivered);
        held_by.extend(self.behind(layout, HOUSEHOLDS, HOUSEHOLDS_LOG, delivered));
        ControlStatus {
            clock: self.clock,
            pack: self.pack,
            sampled: self.sampled,
            intake: self.ticked,
            identity: self.reached_by_all(IDENTITY, layout.partitions(SUBJECTS_LOG)),
            households: self.reached_by_all(HOUSEHOLDS, layout.partitions(HOUSEHOLDS_LOG)),
            areas: self.reached_by_all(AREAS, layout.partitions(AREAS_LOG)),
            pending: self.pending.len(),
            held_by,
            stale: self.told.iter().filter(|told| told.stale).cloned().collect(),
        }
    }

    fn behind(&self, layout: &Layout, stage: &'static str, log: &str, tick: Option<StreamTime>) -> Vec<Hold> {
        let Some(waiting) = tick else { return Vec::new() };
        let known = self.reached.iter().find(|(known, _)| known == stage).map(|(_, reached)| reached);
        (0..layout.partitions(log))
            .filter_map(|partition| {
                let at = usize::try_from(partition).ok()?;
                let reached = known.and_then(|known| known.get(at)).copied().unwrap_or(StreamTime::ZERO);
                (reached < waiting).then_some(Hold::Stage { stage, partition, reached, waiting })
            })
            .collect()
    }
}
