//! What a group has committed, asked from outside it.

use super::ends::Quiet;
use super::list;
use crate::config::KafkaConfig;
use crate::engine::lane::io::{Failure, TopicPartition};
use crate::telemetry::kafka::failure;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::Offset;
use std::time::Duration;

/// Longest wait for the group coordinator.
const CALL: Duration = Duration::from_secs(3);

/// Asks for a group's committed offsets. Joins nothing: a client that never subscribes is no member.
pub struct Offsets {
    consumer: BaseConsumer<Quiet>,
}

impl Offsets {
    /// Makes the client; it connects when first used.
    pub fn open(config: &KafkaConfig, group: &str) -> Result<Self, Failure> {
        let consumer = config
            .consumer(1 << 20)
            .set("group.id", group)
            .create_with_context(Quiet)
            .map_err(|error| failure(&error))?;
        Ok(Self { consumer })
    }

    /// Stable committed offsets, in the order asked; [`Failure::Retry`] while a transaction on them is open.
    pub fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, Failure> {
        committed(&self.consumer, partitions, CALL)
    }
}

/// Stable committed offsets of a consumer's group, in the order asked.
pub(super) fn committed<C: rdkafka::consumer::ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    wait: Duration,
) -> Result<Vec<Option<i64>>, Failure> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let answer = consumer.committed_offsets(list(partitions), wait).map_err(|error| failure(&error))?;
    partitions
        .iter()
        .map(|at| {
            let element = answer
                .find_partition(&at.topic, at.partition)
                .ok_or_else(|| Failure::Retry(format!("no answer for {} [{}]", at.topic, at.partition)))?;
            element.error().map_err(|error| failure(&error))?;
            Ok(match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            })
        })
        .collect()
}
