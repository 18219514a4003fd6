//! The order in which raw records came to bear on households, as the stages' logs hold it: for each partition of
//! `ieum.households`, raw records and ticks as the reference takes them in.
//!
//! What a household is told by identity has a cause in `ieum.subjects`. A raw record comes no later than the first message that
//! it led to, behind all earlier ones of its subject; what led to none comes before the first tick behind it. So a record
//! that is lost on the way still reaches the reference.

use super::world::World;
use ieum::engine::lane::io::{Polled, TopicPartition};
use ieum::engine::layout::{HOUSEHOLDS_LOG, SUBJECTS_LOG};
use ieum::engine::message::{HouseholdMessage, SubjectMessage, Tick, decode};
use ieum::engine::state::MemoryState;
use ieum::engine::task::Stage;
use ieum::sim::pipeline::{KnownPacks, stages};
use ieum::types::{Origin, StreamTime, SubjectId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What comes next in a partition of households.
#[derive(Debug)]
pub(super) enum Next {
    /// A raw record; of one that came through identity, the stream time at which it was taken in there.
    Raw(Origin, Option<StreamTime>),
    /// Stream time.
    Tick(Tick),
}

/// A record of `ieum.subjects` that a raw record led to.
struct Cause {
    subject: Vec<u8>,
    origin: Origin,
    offset: i64,
    /// Stream time of its log when it came.
    at: StreamTime,
}

/// A partition of `ieum.subjects`: what of it led to what.
#[derive(Default)]
struct Subjects {
    causes: Vec<Cause>,
    /// By partition of households, in order: a message and the offset of its cause.
    told: BTreeMap<i32, VecDeque<(Vec<u8>, i64)>>,
}

/// By partition of households, what comes to it in order.
pub(super) fn order(world: &World, logs: &BTreeMap<TopicPartition, Vec<Polled>>) -> BTreeMap<i32, Vec<Next>> {
    let packs = Arc::new(KnownPacks::new([Arc::clone(&world.pack)]));
    let stages = stages(&world.contracts, &world.layout, packs).unwrap();
    let identity = stages.iter().find(|stage| stage.name() == "identity").unwrap();
    let of = |topic: &'static str| logs.iter().filter(move |(at, _)| at.topic == topic);
    let subjects: BTreeMap<i32, Subjects> =
        of(SUBJECTS_LOG).map(|(at, log)| (at.partition, Subjects::of(&**identity, at, log))).collect();
    let order = |(at, log): (&TopicPartition, &Vec<Polled>)| {
        (at.partition, Order::new(&subjects, at.partition).follow(world, log))
    };
    of(HOUSEHOLDS_LOG).map(order).collect()
}

impl Subjects {
    /// Runs identity over its log once more.
    fn of(identity: &dyn Stage, at: &TopicPartition, log: &[Polled]) -> Self {
        let mut found = Self::default();
        let (mut task, mut state) = (identity.task(at), MemoryState::default());
        task.rebuild(&mut std::iter::empty());
        let mut now = StreamTime::ZERO;
        for record in log {
            let value = record.value.as_deref().unwrap();
            match decode(value).unwrap() {
                SubjectMessage::Tick(tick) => now = now.max(tick.through),
                SubjectMessage::Continue => {}
                SubjectMessage::Signal { origin, .. }
                | SubjectMessage::Reading { origin, .. }
                | SubjectMessage::Link { origin, .. }
                | SubjectMessage::Forget { origin, .. }
                | SubjectMessage::Readings { origin, .. }
                | SubjectMessage::ForgetReadings { origin, .. } => {
                    let subject = record.key.clone().unwrap();
                    found.causes.push(Cause { subject, origin, offset: record.offset, at: now });
                }
            }
            let effects = task.handle(&record.input(), &state).unwrap();
            state.apply(&effects.delta);
            for output in effects.outputs.into_iter().filter(|output| output.topic == HOUSEHOLDS_LOG) {
                found.told.entry(output.partition).or_default().push_back((output.value, record.offset));
            }
        }
        found
    }
}

/// A partition of households being followed.
struct Order<'a> {
    /// What identity has still to say here, by partition of subjects.
    told: BTreeMap<i32, VecDeque<&'a (Vec<u8>, i64)>>,
    /// By partition and subject, the causes that have not come.
    by_subject: BTreeMap<(i32, Vec<u8>), VecDeque<&'a Cause>>,
    /// Where each raw record is first taken in, and where it is heard of last.
    first: BTreeMap<&'a Origin, StreamTime>,
    last: BTreeMap<&'a Origin, StreamTime>,
    /// By the stream time at which they are heard of last, those that have not come.
    waiting: VecDeque<(StreamTime, &'a Origin)>,
    came: BTreeSet<Origin>,
    order: Vec<Next>,
}

impl<'a> Order<'a> {
    fn new(subjects: &'a BTreeMap<i32, Subjects>, households: i32) -> Self {
        let mut order = Self {
            told: BTreeMap::new(),
            by_subject: BTreeMap::new(),
            first: BTreeMap::new(),
            last: BTreeMap::new(),
            waiting: VecDeque::new(),
            came: BTreeSet::new(),
            order: Vec::new(),
        };
        for (partition, of) in subjects {
            order.told.insert(*partition, of.told.get(&households).into_iter().flatten().collect());
            for cause in &of.causes {
                order.by_subject.entry((*partition, cause.subject.clone())).or_default().push_back(cause);
                let first = order.first.entry(&cause.origin).or_insert(cause.at);
                *first = cause.at.min(*first);
                let last = order.last.entry(&cause.origin).or_insert(cause.at);
                *last = cause.at.max(*last);
            }
        }
        // Those of one time in the order of their logs.
        let mut waiting: Vec<(StreamTime, &Origin)> = Vec::new();
        let mut seen = BTreeSet::new();
        for cause in subjects.values().flat_map(|of| &of.causes) {
            if seen.insert(&cause.origin) {
                waiting.push((order.last[&cause.origin], &cause.origin));
            }
        }
        waiting.sort_by_key(|(at, _)| *at);
        order.waiting = waiting.into();
        order
    }

    fn follow(mut self, world: &World, log: &[Polled]) -> Vec<Next> {
        for record in log {
            let value = record.value.as_deref().unwrap();
            match decode(value).unwrap() {
                HouseholdMessage::Put { subject, .. }
                | HouseholdMessage::Remove { subject, .. }
                | HouseholdMessage::Joined { subject, .. }
                | HouseholdMessage::Left { subject, .. } => {
                    let partition = world.layout.partition(SUBJECTS_LOG, subject.as_str());
                    self.told(partition, &subject, value);
                }
                HouseholdMessage::Facts { origin, .. }
                | HouseholdMessage::Action { origin, .. }
                | HouseholdMessage::Area { origin, .. } => self.come(&origin),
                HouseholdMessage::Tick(tick) => {
                    while let Some((at, origin)) = self.waiting.front().copied()
                        && at < tick.through
                    {
                        self.waiting.pop_front();
                        self.come(origin);
                    }
                    self.order.push(Next::Tick(tick));
                }
                HouseholdMessage::Pack { .. } | HouseholdMessage::Continue => {}
                HouseholdMessage::AreaFact { .. }
                | HouseholdMessage::Merged { .. }
                | HouseholdMessage::Split { .. } => panic!("a reserved message"),
            }
        }
        assert!(self.told.values().all(VecDeque::is_empty), "identity said more than the log holds");
        self.order
    }

    /// A message of identity: what its subject was told up to the message's cause has come.
    fn told(&mut self, partition: i32, subject: &SubjectId, value: &[u8]) {
        let (said, cause) = self.told.get_mut(&partition).and_then(VecDeque::pop_front).unwrap();
        assert_eq!(said, value, "the log holds another message than identity says");
        let place = (partition, subject.as_str().as_bytes().to_vec());
        while let Some(causes) = self.by_subject.get_mut(&place)
            && let Some(next) = causes.front().copied().filter(|next| next.offset <= *cause)
        {
            causes.pop_front();
            self.come(&next.origin);
        }
    }

    fn come(&mut self, origin: &Origin) {
        if self.came.insert(origin.clone()) {
            self.order.push(Next::Raw(origin.clone(), self.first.get(origin).copied()));
        }
    }
}
