//! Holds a settled run against each task alone over the same committed logs, and against the raw records.

use super::Spine;
use crate::contracts::Tree;
use crate::engine::lane::io::{Polled, TopicPartition};
use crate::engine::layout::{AREAS_LOG, CONTROL_LOG, HOUSEHOLDS_LOG, LETTERS_TOPIC, SUBJECTS_LOG};
use crate::engine::message::{AreaMessage, ControlMessage, HouseholdMessage, SubjectMessage, decode};
use crate::engine::state::{Key, Record};
use crate::engine::task::Stage;
use crate::sim::broker::open;
use crate::sim::lanes::{World, group_of, solo};
use crate::types::{Origin, SmolStr, StreamTime};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A record as readers see it, its place aside.
type Line = (Option<Vec<u8>>, Vec<u8>, Vec<(SmolStr, Vec<u8>)>);

/// By destination, what each task says there, in order.
type Said = BTreeMap<TopicPartition, Vec<Vec<Line>>>;

/// A destination holds what the tasks alone say.
pub(super) fn same_lines(
    at: &TopicPartition,
    tasks: &[Vec<Line>],
    records: Vec<Polled>,
) -> Result<(), String> {
    let said = records.into_iter().filter(|record| is_said(&at.topic, record));
    let mut found: Vec<Line> =
        said.map(|record| (record.key, record.value.unwrap_or_default(), record.headers)).collect();
    for lines in tasks {
        let mut rest = found.iter();
        if let Some(missing) = lines.iter().find(|line| !rest.any(|other| other == *line)) {
            return Err(format!("{at:?} lacks, or has in another order: {missing:?}"));
        }
    }
    let mut expected = tasks.concat();
    expected.sort();
    found.sort();
    if expected == found { Ok(()) } else { Err(format!("{at:?}: {}", difference(&expected, &found))) }
}

pub(super) fn nothing_left(expected: Said) -> Result<(), String> {
    match expected.into_iter().next() {
        Some((at, lines)) => Err(format!("nothing in {at:?}, expected {lines:?}")),
        None => Ok(()),
    }
}

impl Spine {
    /// Every law that a settled run keeps.
    ///
    /// # Errors
    /// What is broken, and where.
    pub fn check(&self) -> Result<(), String> {
        self.is_as_told_alone(&[])?;
        self.each_raw_record_once()?;
        self.time_has_come()
    }

    /// States and outputs are what each task alone makes of the same logs; topics into which others wrote are left out.
    pub(in crate::sim::lanes) fn is_as_told_alone(&self, except: &[&str]) -> Result<(), String> {
        self.same_outputs(self.alone()?, except)
    }

    /// What each task alone says, by destination; its state is compared on the way.
    fn alone(&self) -> Result<Said, String> {
        let mut expected = Said::new();
        for stage in self.world.stages() {
            for (to, tasks) in self.alone_of(stage.as_ref(), &self.world)? {
                expected.entry(to).or_default().extend(tasks);
            }
        }
        Ok(expected)
    }

    /// What each task of a stage alone says of the logs here; its state is compared with the one in `world`.
    pub(super) fn alone_of(&self, stage: &dyn Stage, world: &World) -> Result<Said, String> {
        let mut expected = Said::new();
        for at in self.world.inputs(stage) {
            let log = open(&self.world.cluster).committed_records(&at);
            let (outputs, state) = solo(stage, self.world.config(), &at, &log)?;
            if stage.changelog().is_some() {
                let state: Vec<(Key, Arc<Record>)> = state.iter().collect();
                let kept: Vec<_> = world.changelog_state(stage, &at).iter().collect();
                if state != kept {
                    return Err(format!("state of {at:?}: {}", difference(&state, &kept)));
                }
            }
            let mut said: BTreeMap<TopicPartition, Vec<Line>> = BTreeMap::new();
            for output in outputs {
                let to = TopicPartition { topic: output.topic.clone(), partition: output.partition };
                said.entry(to).or_default().push((output.key, output.value, output.headers));
            }
            for (to, lines) in said {
                expected.entry(to).or_default().push(lines);
            }
        }
        Ok(expected)
    }

    /// Each partition holds what the tasks alone say, nothing else, and what one task says in its order.
    fn same_outputs(&self, mut expected: Said, except: &[&str]) -> Result<(), String> {
        expected.retain(|at, _| !except.contains(&at.topic.as_str()));
        for at in self.written().into_iter().filter(|at| !except.contains(&at.topic.as_str())) {
            let records = open(&self.world.cluster).committed_records(&at);
            same_lines(&at, &expected.remove(&at).unwrap_or_default(), records)?;
        }
        nothing_left(expected)
    }

    /// Partitions that tasks write, changelogs aside.
    fn written(&self) -> Vec<TopicPartition> {
        let (raw, stages) = (self.raw(), self.world.stages());
        let changelogs: Vec<&str> = stages.iter().filter_map(|stage| stage.changelog()).collect();
        let written = |at: &TopicPartition| !raw.contains(at) && !changelogs.contains(&at.topic.as_str());
        open(&self.world.cluster).partitions().into_iter().filter(written).collect()
    }

    /// Each raw record is found once in a stage log or a letter.
    fn each_raw_record_once(&self) -> Result<(), String> {
        let mut found: BTreeMap<Origin, u64> = BTreeMap::new();
        let mut statements = 0_usize;
        let copies = u64::from(self.layout.partitions(HOUSEHOLDS_LOG).unsigned_abs());
        for at in self.written() {
            let records = open(&self.world.cluster).committed_records(&at);
            for value in records.iter().filter_map(|record| record.value.as_deref()) {
                match at.topic.as_str() {
                    SUBJECTS_LOG => match decode(value) {
                        Ok(SubjectMessage::Signal { origin, trail: 0, .. })
                        | Ok(SubjectMessage::Reading { origin, trail: 0, .. })
                        | Ok(SubjectMessage::Link { origin, .. }) => {
                            *found.entry(origin).or_default() += copies
                        }
                        _ => {}
                    },
                    HOUSEHOLDS_LOG => match decode(value) {
                        Ok(HouseholdMessage::Facts { origin, .. })
                        | Ok(HouseholdMessage::Action { origin, .. }) => {
                            *found.entry(origin).or_default() += copies;
                        }
                        Ok(HouseholdMessage::Area { origin, .. }) => *found.entry(origin).or_default() += 1,
                        _ => {}
                    },
                    AREAS_LOG => {
                        if let Ok(AreaMessage::Action { origin, .. }) = decode(value) {
                            *found.entry(origin).or_default() += copies;
                        }
                    }
                    CONTROL_LOG => {
                        statements +=
                            usize::from(matches!(decode(value), Ok(ControlMessage::Delivered { .. })));
                    }
                    LETTERS_TOPIC => {
                        if let Some(origin) = self.rejected(value) {
                            *found.entry(origin).or_default() += copies;
                        }
                    }
                    _ => {}
                }
            }
        }
        let mut untold = 0;
        for at in self.raw() {
            for record in open(&self.world.cluster).committed_records(&at) {
                let (topic, partition) = (at.topic.clone(), at.partition);
                match found.remove(&Origin { topic, partition, offset: record.offset }) {
                    Some(times) if times == copies => {}
                    None => untold += 1,
                    Some(times) => {
                        return Err(format!("{at:?} {}: found {times} times of {copies}", record.offset));
                    }
                }
            }
        }
        // A statement's record in the log of control does not say whence it came: their number must do.
        if untold != statements || !found.is_empty() {
            return Err(format!("{untold} raw records lost, {statements} statements, strangers {found:?}"));
        }
        Ok(())
    }

    /// The raw record that a letter of intake holds.
    fn rejected(&self, value: &[u8]) -> Option<Origin> {
        let Tree::Record(fields) = self.kit.contracts.topic(LETTERS_TOPIC)?.decode_tree(value).ok()? else {
            return None;
        };
        let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, tree)| tree);
        let (Some(Tree::Text(topic)), Some(Tree::Int(partition)), Some(Tree::Int(offset))) =
            (field("topic"), field("partition"), field("offset"))
        else {
            return None;
        };
        let origin =
            Origin { topic: topic.clone(), partition: i32::try_from(*partition).ok()?, offset: *offset };
        let is_raw = self.raw().iter().any(|at| at.topic == origin.topic);
        is_raw.then_some(origin)
    }

    /// What intake reported is what it committed, and the last sample's tick has reached every household.
    fn time_has_come(&self) -> Result<(), String> {
        let cluster = open(&self.world.cluster);
        let mut reported: BTreeMap<(SmolStr, i32), i64> = BTreeMap::new();
        let control = TopicPartition { topic: SmolStr::new_static(CONTROL_LOG), partition: 0 };
        for record in cluster.committed_records(&control) {
            if let Ok(ControlMessage::Progress { positions }) =
                decode(record.value.as_deref().unwrap_or_default())
            {
                for at in positions {
                    let known = reported.entry((at.topic, at.partition)).or_insert(0);
                    *known = (*known).max(at.offset);
                }
            }
        }
        let Some(intake) = self.world.stages().first() else { return Ok(()) };
        for at in self.world.inputs(intake.as_ref()) {
            let committed = cluster.offset(&group_of(intake.as_ref()), &at);
            let told = reported.get(&(at.topic.clone(), at.partition)).copied();
            if committed != told {
                return Err(format!("intake committed {committed:?} of {at:?} and reported {told:?}"));
            }
        }
        for log in [HOUSEHOLDS_LOG, AREAS_LOG] {
            for partition in 0..self.layout.partitions(log) {
                let at = TopicPartition { topic: SmolStr::new_static(log), partition };
                let records = cluster.committed_records(&at).into_iter();
                let last = records.filter_map(|record| tick(log, &record)).max();
                if last != Some(self.sampled) {
                    return Err(format!("time of {at:?} stands at {last:?}, declared was {}", self.sampled));
                }
            }
        }
        Ok(())
    }
}

/// The time that a record of a log tells, if it is a tick.
fn tick(log: &str, record: &Polled) -> Option<StreamTime> {
    let value = record.value.as_deref().unwrap_or_default();
    match log {
        HOUSEHOLDS_LOG => match decode(value) {
            Ok(HouseholdMessage::Tick(tick)) => Some(tick.through),
            _ => None,
        },
        _ => match decode(value) {
            Ok(AreaMessage::Tick(tick)) => Some(tick.through),
            _ => None,
        },
    }
}

/// Whether a task said a record because of a record of its log: a lane's own `continue`, intake's reports at a commit
/// and what the driver wrote are not of that kind.
fn is_said(topic: &str, record: &Polled) -> bool {
    let value = record.value.as_deref().unwrap_or_default();
    match topic {
        SUBJECTS_LOG => !matches!(decode(value), Ok(SubjectMessage::Continue)),
        HOUSEHOLDS_LOG => !matches!(decode(value), Ok(HouseholdMessage::Continue)),
        AREAS_LOG => !matches!(decode(value), Ok(AreaMessage::Continue)),
        CONTROL_LOG => {
            matches!(decode(value), Ok(ControlMessage::Reached { .. } | ControlMessage::Delivered { .. }))
        }
        _ => true,
    }
}

fn difference<T: std::fmt::Debug + PartialEq>(expected: &[T], found: &[T]) -> String {
    let place = expected.iter().zip(found).position(|(a, b)| a != b);
    let at = place.unwrap_or_else(|| expected.len().min(found.len()));
    format!("at {at}: expected {:?}, found {:?}", expected.get(at), found.get(at))
}
