//! Follows topics outside any group, read-committed: the pack loader, the command line, tests.

use super::connections::Connections;
use super::ends::Quiet;
use super::{list_at, polled};
use crate::config::KafkaConfig;
use crate::engine::lane::io::{Failure, Polled, TopicPartition};
use crate::telemetry::kafka::failure;
use crate::types::SmolStr;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailFrom {
    /// At the first record there is.
    Beginning,
    /// Behind what is there now.
    End,
}

const CALL: Duration = Duration::from_secs(15);

/// A reader of whole topics.
pub struct Tail {
    consumer: BaseConsumer<Quiet>,
    /// The last stable offset of each partition when it was opened, until it is passed.
    ahead: BTreeMap<TopicPartition, i64>,
    partitions: i32,
}

impl Tail {
    /// Stands at the chosen place of every partition of these topics.
    pub fn open(config: &KafkaConfig, topics: &[&str], from: TailFrom) -> Result<Self, Failure> {
        let consumer: BaseConsumer<Quiet> = config
            .consumer(16 << 20)
            .set("group.id", "ieum-tail")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .create_with_context(Quiet)
            .map_err(|error| failure(&error))?;
        let mut places = Vec::new();
        let mut ahead = BTreeMap::new();
        for topic in topics {
            let metadata = consumer.fetch_metadata(Some(topic), CALL).map_err(|error| failure(&error))?;
            let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
            if count == 0 {
                let told =
                    format!("topic {topic:?} does not exist: \"ieum topics apply\" creates what is missing");
                return Err(Failure::Fatal(told));
            }
            for partition in 0..i32::try_from(count).unwrap_or(i32::MAX) {
                let at = TopicPartition { topic: SmolStr::new(topic), partition };
                let (low, stable) =
                    consumer.fetch_watermarks(topic, partition, CALL).map_err(|error| failure(&error))?;
                match from {
                    TailFrom::Beginning => {
                        if low < stable {
                            ahead.insert(at.clone(), stable);
                        }
                        places.push((at, low));
                    }
                    TailFrom::End => places.push((at, stable)),
                }
            }
        }
        let list = list_at(places.iter().map(|(at, offset)| (at, Offset::Offset(*offset))))?;
        consumer.assign(&list).map_err(|error| failure(&error))?;
        let partitions = i32::try_from(places.len()).unwrap_or(i32::MAX);
        Ok(Self { consumer, ahead, partitions })
    }

    /// The next committed record, or none within the wait.
    pub fn poll(&mut self, wait: Duration) -> Result<Option<Polled>, Failure> {
        let deadline = Instant::now() + wait;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.consumer.poll(left) {
                Some(Ok(message)) => {
                    let at = TopicPartition {
                        topic: SmolStr::new(message.topic()),
                        partition: message.partition(),
                    };
                    let offset = message.offset();
                    let record = polled(&message, at.clone());
                    drop(message);
                    self.pass(&at, offset + 1);
                    return Ok(Some(record));
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => self.pass_end(partition),
                // Who reads waits until the broker is back: it has asked for a record within so long.
                Some(Err(error)) => Connections::default().take(error).map_err(|error| failure(&error))?,
                None => {}
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    /// How many partitions its topics have together.
    pub fn partitions(&self) -> i32 {
        self.partitions
    }

    /// Whether all that was there when it was opened has been read.
    pub fn has_caught_up(&self) -> bool {
        self.ahead.is_empty()
    }

    fn pass(&mut self, at: &TopicPartition, next: i64) {
        if self.ahead.get(at).is_some_and(|end| next >= *end) {
            self.ahead.remove(at);
        }
    }

    /// Markers and aborted tails have no record that would pass the end; the position counts them.
    fn pass_end(&mut self, partition: i32) {
        let Ok(positions) = self.consumer.position() else { return };
        self.ahead.retain(|at, end| {
            if at.partition != partition {
                return true;
            }
            let offset = positions.find_partition(&at.topic, partition).map(|element| element.offset());
            !matches!(offset, Some(Offset::Offset(offset)) if offset >= *end)
        });
    }
}
