//! Where partitions begin and end, asked of the broker. Shared by all lanes of a process: librdkafka clients are safe
//! to share, and each costs threads and connections.

use crate::config::KafkaConfig;
use crate::engine::lane::io::{Bounds, Failure, TopicPartition};
use crate::telemetry::kafka::{self, failure};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use std::time::Duration;

/// A context that only passes librdkafka's lines on.
#[derive(Clone, Debug, Default)]
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        kafka::log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        kafka::error(&error, reason);
    }
}

impl ConsumerContext for Quiet {}

const CALL: Duration = Duration::from_secs(3);

/// Asks for bounds of partitions.
pub struct Ends {
    committed: BaseConsumer<Quiet>,
    uncommitted: BaseConsumer<Quiet>,
}

impl Ends {
    /// Makes the two clients; they connect when first used.
    pub fn open(config: &KafkaConfig) -> Result<Self, Failure> {
        let client = |isolation: &str| {
            config
                .consumer(1 << 20)
                .set("isolation.level", isolation)
                .create_with_context(Quiet)
                .map_err(|error| failure(&error))
        };
        Ok(Self { committed: client("read_committed")?, uncommitted: client("read_uncommitted")? })
    }

    /// Takes away what librdkafka reports of connections: nobody else polls these clients.
    pub fn serve(&self) {
        for client in [&self.committed, &self.uncommitted] {
            while client.poll(Duration::ZERO).is_some() {}
        }
    }

    /// Offsets between a position and the last stable offset. The marker of the last transaction alone is nothing: the
    /// position of a reader never passes it.
    pub fn behind(position: i64, stable: i64) -> i64 {
        if position + 1 >= stable { 0 } else { stable - position }
    }

    /// The first offset and the last stable offset.
    pub fn stable(&self, at: &TopicPartition) -> Result<(i64, i64), Failure> {
        self.committed.fetch_watermarks(&at.topic, at.partition, CALL).map_err(|error| failure(&error))
    }

    /// First offset, last stable offset, high watermark.
    pub fn bounds(&self, at: &TopicPartition) -> Result<Bounds, Failure> {
        // High first: a transaction that ends in between makes `stable` larger, never `high` stale below it.
        let (_, high) = self
            .uncommitted
            .fetch_watermarks(&at.topic, at.partition, CALL)
            .map_err(|error| failure(&error))?;
        let (start, stable) = self.stable(at)?;
        Ok(Bounds { start, stable, high: high.max(stable) })
    }

    /// Partition counts of the topics that exist.
    pub fn partitions(&self) -> Result<Vec<(String, i32)>, Failure> {
        let metadata = self.committed.fetch_metadata(None, CALL).map_err(|error| failure(&error))?;
        Ok(metadata
            .topics()
            .iter()
            .filter(|topic| topic.error().is_none())
            .map(|topic| {
                (topic.name().to_owned(), i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX))
            })
            .collect())
    }

    /// The cluster's id, to tell whose state a store holds.
    pub fn cluster_id(&self) -> Option<String> {
        self.committed.client().fetch_cluster_id(CALL)
    }
}
