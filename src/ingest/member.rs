//! One consumer in one group: classic protocol, cooperative-sticky, read-committed, static membership.
//!
//! An assignment is answered to librdkafka at once, but paused and at no position of ours, so that a long restore does
//! not hold up the group; [`Member::assign`] seeks to the lane's position and lets records through. A revocation is
//! answered by [`Member::unassign`] alone: the group waits for the lane's commit.

use super::connections::Connections;
use super::rebalance::{Decision, Recorder};
use super::{Ends, list, list_at, offsets, partitions, polled};
use crate::config::KafkaConfig;
use crate::engine::lane::io::{BEGINNING, Event, Failure, TopicPartition};
use crate::telemetry::kafka::failure;
use crate::types::SmolStr;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Who a consumer is to its group, and its share of memory.
#[derive(Clone, Debug)]
pub struct Membership {
    /// `{application}-{stage}`.
    pub group: String,
    /// `{instance}-{lane}`: a restart within the session time-out moves no partition.
    pub member: String,
    /// Topics subscribed.
    pub topics: Vec<SmolStr>,
    /// Bytes that may wait in librdkafka's queue.
    pub queue_bytes: u64,
}

/// Longest wait for the group coordinator, per call.
const CALL: Duration = Duration::from_secs(2);
/// A seek waits this long for its partition to be taken in.
const SEEK: Duration = Duration::from_secs(5);
/// Longest time to leave the group in order.
const LEAVE: Duration = Duration::from_secs(5);
/// Pause between looks for an end that could not be told at once.
const LOOK: Duration = Duration::from_millis(200);

/// A broker answers a fetch that brings less only after the wait for it, which is what a tick may wait anyway: many small
/// answers cost it more than the records in them.
const FETCH_MIN_BYTES: u32 = 16 << 10;

#[derive(Debug)]
struct Place {
    /// Records go through: the lane has assigned it.
    open: bool,
    /// Where the lane set it last.
    start: i64,
    /// Position of the last end told.
    told: Option<i64>,
    /// Position behind the last record handed out: an end there says nothing new.
    delivered: i64,
}

/// A member of the group.
pub struct Member {
    consumer: BaseConsumer<Recorder>,
    ends: Arc<Ends>,
    /// One topic is read, so a partition number says which end was reached.
    one_topic: bool,
    places: BTreeMap<TopicPartition, Place>,
    waiting: VecDeque<Event>,
    /// Revocations that the lane has not answered.
    revoked: BTreeSet<TopicPartition>,
    /// Partition numbers of which some topic reached its end, which one being unknown.
    at_end: BTreeSet<i32>,
    looked: Option<Instant>,
}

impl Member {
    /// Subscribes. The first polls bring the assignment.
    pub fn join(config: &KafkaConfig, membership: &Membership, ends: Arc<Ends>) -> Result<Self, Failure> {
        let mut client = config.consumer(membership.queue_bytes);
        if !config.librdkafka.contains_key("fetch.min.bytes") {
            client.set("fetch.min.bytes", FETCH_MIN_BYTES.to_string());
        }
        client
            .set("group.id", &membership.group)
            .set("group.instance.id", &membership.member)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.partition.eof", "true")
            // A position behind what the topic still holds is lost input: it stops the lane instead of skipping.
            .set("auto.offset.reset", "error");
        let consumer: BaseConsumer<Recorder> =
            client.create_with_context(Recorder::default()).map_err(|error| failure(&error))?;
        let topics: Vec<&str> = membership.topics.iter().map(SmolStr::as_str).collect();
        consumer.subscribe(&topics).map_err(|error| failure(&error))?;
        Ok(Self {
            consumer,
            ends,
            one_topic: topics.len() == 1,
            places: BTreeMap::new(),
            waiting: VecDeque::new(),
            revoked: BTreeSet::new(),
            at_end: BTreeSet::new(),
            looked: None,
        })
    }

    /// Waits up to `wait_ms` for what comes next.
    pub fn poll(&mut self, wait_ms: u64) -> Result<Event, Failure> {
        let deadline = Instant::now() + Duration::from_millis(wait_ms);
        let mut connections = Connections::default();
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(event);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.consumer.poll(whole_ms(left)) {
                Some(Ok(message)) => {
                    let at = TopicPartition {
                        topic: SmolStr::new(message.topic()),
                        partition: message.partition(),
                    };
                    if let Some(place) = self.places.get_mut(&at).filter(|place| place.open) {
                        place.delivered = message.offset() + 1;
                        return Ok(Event::Record(polled(&message, at)));
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.at_end.insert(partition);
                    // Under load every fetch ends so; asking the broker each time would be all that a lane does.
                    if self.one_topic || self.is_time_to_look() {
                        self.tell_ends();
                    }
                }
                Some(Err(error)) => {
                    if let Some(failure) = self.fatal() {
                        return Err(failure);
                    }
                    match connections.take(error) {
                        Ok(()) => {}
                        // The rebalance that follows says more.
                        Err(error) if error.rdkafka_error_code() == Some(Code::PollExceeded) => {
                            tracing::warn!(%error, "membership lapsed: the lane did not poll in time");
                        }
                        Err(error) => return Err(failure(&error)),
                    }
                }
                None => {
                    connections.told()?;
                    self.take_decisions()?;
                    if !self.at_end.is_empty() && self.is_time_to_look() {
                        self.tell_ends();
                    }
                    if self.waiting.is_empty() && Instant::now() >= deadline {
                        return Ok(Event::Idle);
                    }
                }
            }
        }
    }

    /// Lets assigned partitions deliver, from these positions.
    pub fn assign(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        let mine: Vec<_> = positions.iter().filter(|(at, _)| self.places.contains_key(at)).cloned().collect();
        self.move_to(&mine)?;
        let resumed = list(mine.iter().map(|(at, _)| at));
        self.consumer.resume(&resumed).map_err(|error| failure(&error))?;
        for (at, _) in &mine {
            if let Some(place) = self.places.get_mut(at) {
                place.open = true;
            }
        }
        Ok(())
    }

    /// Gives revoked partitions back.
    pub fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        let mine: Vec<_> = partitions.iter().filter(|at| self.places.contains_key(at)).collect();
        self.consumer.incremental_unassign(&list(mine.iter().copied())).map_err(|error| failure(&error))?;
        for at in partitions {
            self.places.remove(at);
            self.revoked.remove(at);
        }
        Ok(())
    }

    /// Stops delivering a partition.
    pub fn pause(&mut self, partition: &TopicPartition) -> Result<(), Failure> {
        self.consumer.pause(&list([partition])).map_err(|error| failure(&error))
    }

    /// Goes on delivering it.
    pub fn resume(&mut self, partition: &TopicPartition) -> Result<(), Failure> {
        self.consumer.resume(&list([partition])).map_err(|error| failure(&error))
    }

    /// Moves positions.
    pub fn seek(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        let mine: Vec<_> = positions.iter().filter(|(at, _)| self.places.contains_key(at)).cloned().collect();
        self.move_to(&mine)
    }

    /// Stable committed offsets of the group.
    pub fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, Failure> {
        offsets::committed(&self.consumer, partitions, CALL)
    }

    /// Commits offsets outside any transaction (at-least-once).
    pub fn commit(&mut self, next: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        let offsets = list_at(next.iter().map(|(at, offset)| (at, Offset::Offset(*offset))))?;
        self.consumer.commit(&offsets, CommitMode::Sync).map_err(|error| match error.rdkafka_error_code() {
            Some(
                Code::RebalanceInProgress | Code::IllegalGeneration | Code::UnknownMemberId | Code::NoOffset,
            ) => Failure::Abort(error.to_string()),
            _ => failure(&error),
        })
    }

    /// The membership as of now, for a transaction.
    pub fn group_metadata(&self) -> Result<ConsumerGroupMetadata, Failure> {
        self.consumer
            .group_metadata()
            .ok_or_else(|| Failure::Abort(String::from("this consumer is in no group")))
    }

    fn move_to(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        if positions.is_empty() {
            return Ok(());
        }
        // librdkafka would look a logical offset up by itself, and forgets the lookup when the partition is resumed
        // meanwhile.
        let explicit: Result<Vec<_>, Failure> = positions
            .iter()
            .map(|(at, offset)| match *offset {
                BEGINNING => Ok((at.clone(), self.ends.stable(at)?.0)),
                offset => Ok((at.clone(), offset)),
            })
            .collect();
        let positions = explicit?;
        let positions = positions.as_slice();
        let deadline = Instant::now() + SEEK;
        let mut left: Vec<&(TopicPartition, i64)> = positions.iter().collect();
        while !left.is_empty() {
            let wanted = list_at(left.iter().map(|(at, offset)| (at, Offset::Offset(*offset))))?;
            let answer = self.consumer.seek_partitions(wanted, SEEK).map_err(|error| failure(&error))?;
            let refused = |at: &TopicPartition| {
                answer.find_partition(&at.topic, at.partition).and_then(|element| element.error().err())
            };
            let still: Vec<_> = left.iter().copied().filter(|(at, _)| refused(at).is_some()).collect();
            if let Some(error) = still.first().and_then(|(at, _)| refused(at))
                && Instant::now() >= deadline
            {
                return Err(failure(&error));
            }
            if !still.is_empty() {
                // Taken in a moment ago: librdkafka has not started it yet.
                std::thread::sleep(Duration::from_millis(2));
            }
            left = still;
        }
        for (at, offset) in positions {
            if let Some(place) = self.places.get_mut(at) {
                (place.start, place.told, place.delivered) = (*offset, None, BEGINNING);
            }
        }
        self.waiting.retain(
            |event| !matches!(event, Event::End { at, .. } if positions.iter().any(|(moved, _)| moved == at)),
        );
        Ok(())
    }

    fn take_decisions(&mut self) -> Result<(), Failure> {
        while let Some(decision) = self.consumer.context().next() {
            match decision {
                Decision::Assign(partitions) => {
                    let held = match self.held_at(&partitions) {
                        Ok(held) => held,
                        Err(failure) => {
                            self.consumer.context().put_back(Decision::Assign(partitions));
                            return Err(failure);
                        }
                    };
                    if let Err(error) = self.consumer.incremental_assign(&held) {
                        self.consumer.context().put_back(Decision::Assign(partitions));
                        return Err(failure(&error));
                    }
                    if partitions.is_empty() {
                        continue;
                    }
                    self.consumer.pause(&held).map_err(|error| failure(&error))?;
                    for at in &partitions {
                        self.places.insert(
                            at.clone(),
                            Place { open: false, start: BEGINNING, told: None, delivered: BEGINNING },
                        );
                    }
                    self.waiting.push_back(Event::Assigned(partitions));
                }
                Decision::Revoke { partitions, .. } if partitions.is_empty() => {
                    self.consumer.incremental_unassign(&list([])).map_err(|error| failure(&error))?;
                }
                Decision::Revoke { partitions, lost } => {
                    self.revoked.extend(partitions.iter().cloned());
                    self.waiting.push_back(Event::Revoked { partitions, lost });
                }
            }
        }
        Ok(())
    }

    /// Where partitions stand until the lane sets them: at their ends, where there is nothing to fetch. As numbers, for a
    /// logical end is looked up, and an answer that a seek has overtaken makes librdkafka look up anew and skip to the
    /// end, past all that lies before it.
    fn held_at(&self, partitions: &[TopicPartition]) -> Result<TopicPartitionList, Failure> {
        let at_end = |at| Ok((at, Offset::Offset(self.ends.stable(at)?.1)));
        let held: Vec<_> = partitions.iter().map(at_end).collect::<Result<_, Failure>>()?;
        list_at(held)
    }

    fn is_time_to_look(&self) -> bool {
        self.looked.is_none_or(|looked| looked.elapsed() >= LOOK)
    }

    /// An end comes with a partition number and no topic. Where several topics are read, the broker is asked about
    /// those whose position moved since their last end, by more than records: a marker or an aborted tail lies there.
    fn tell_ends(&mut self) {
        self.looked = Some(Instant::now());
        let Ok(positions) = self.consumer.position() else { return };
        let reached = |at: &TopicPartition| match positions
            .find_partition(&at.topic, at.partition)
            .map(|element| element.offset())
        {
            Some(Offset::Offset(offset)) => Some(offset),
            _ => None,
        };
        let mut unresolved = BTreeSet::new();
        for partition in std::mem::take(&mut self.at_end) {
            let moved: Vec<(TopicPartition, i64)> = self
                .places
                .iter()
                .filter(|(at, place)| at.partition == partition && place.open)
                .map(|(at, place)| {
                    let reached = reached(at).unwrap_or(place.start);
                    (at, reached, place)
                })
                .filter(|(_, reached, place)| place.told != Some(*reached))
                .filter(|(_, reached, place)| self.one_topic || *reached != place.delivered)
                .map(|(at, reached, _)| (at.clone(), reached))
                .collect();
            for (at, reached) in moved {
                let end = if self.one_topic {
                    Some(reached)
                } else {
                    match self.ends.stable(&at) {
                        Ok((_, stable)) => (reached >= stable).then_some(reached),
                        Err(_) => {
                            unresolved.insert(partition);
                            None
                        }
                    }
                };
                if let (Some(position), Some(place)) = (end, self.places.get_mut(&at)) {
                    place.told = Some(position);
                    self.waiting.push_back(Event::End { at, position });
                }
            }
        }
        self.at_end = unresolved;
    }

    /// What ends this consumer, whatever it said at last.
    fn fatal(&self) -> Option<Failure> {
        let (code, told) = self.consumer.client().fatal_error()?;
        Some(match failure(&KafkaError::MessageConsumptionFatal(code)) {
            Failure::Displaced(_) => Failure::Displaced(told),
            _ => Failure::Fatal(told),
        })
    }
}

impl Drop for Member {
    /// Gives everything back before the consumer closes: an answer to a rebalance that arrives while it closes may never
    /// return.
    fn drop(&mut self) {
        let unanswered = list(&std::mem::take(&mut self.revoked));
        if unanswered.count() > 0 {
            self.give_back(&partitions(&unanswered));
        }
        self.consumer.unsubscribe();
        let deadline = Instant::now() + LEAVE;
        let mut quiet = 0;
        while quiet < 2 && Instant::now() < deadline {
            drop(self.consumer.poll(LEAVE / 100));
            let mut answered = false;
            while let Some(decision) = self.consumer.context().next() {
                answered = true;
                match decision {
                    Decision::Assign(partitions) => {
                        told(self.consumer.incremental_assign(&list(&partitions)))
                    }
                    Decision::Revoke { partitions, .. } => self.give_back(&partitions),
                }
            }
            let empty = self.consumer.assignment().is_ok_and(|assignment| assignment.count() == 0);
            quiet = if empty && !answered { quiet + 1 } else { 0 };
        }
        self.consumer.context().close();
    }
}

impl Member {
    /// Answers a revocation with those that are still taken in: a lane that has finished has given its partitions back
    /// before the group asks, and librdkafka refuses an answer that names one of them and goes on waiting.
    fn give_back(&self, revoked: &[TopicPartition]) {
        let held = self.consumer.assignment().map(|held| partitions(&held)).unwrap_or_default();
        told(self.consumer.incremental_unassign(&list(revoked.iter().filter(|at| held.contains(at)))));
    }
}

/// A wait as rdkafka takes it: it cuts the part of a millisecond off, and then asks again and again until that has passed.
fn whole_ms(wait: Duration) -> Duration {
    Duration::from_millis(u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX))
}

fn told(answer: rdkafka::error::KafkaResult<()>) {
    if let Err(error) = answer {
        tracing::debug!(%error, "while leaving the group");
    }
}
