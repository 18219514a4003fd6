//! Reads changelogs in bounded chunks with a consumer of its own, outside any group: a restore never moves the
//! positions of the lane's member.

use super::connections::Connections;
use super::ends::Quiet;
use super::{list_at, start};
use crate::config::KafkaConfig;
use crate::engine::lane::io::{EachChange, Failure, TopicPartition};
use crate::telemetry::kafka::failure;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use std::time::{Duration, Instant};

/// Records of a chunk.
const RECORDS: usize = 8_192;
/// Bytes of a chunk.
const BYTES: usize = 8 << 20;
/// Time of a chunk: the lane polls its group in between.
const TIME: Duration = Duration::from_millis(100);

/// The reader.
pub struct ChangelogReader {
    consumer: BaseConsumer<Quiet>,
    /// Where the consumer stands, while it stands anywhere known.
    next: Option<(TopicPartition, i64)>,
}

impl ChangelogReader {
    /// Makes the reader. `name` only labels it: it joins no group.
    pub fn open(config: &KafkaConfig, name: &str) -> Result<Self, Failure> {
        let consumer = config
            .consumer(16 << 20)
            .set("group.id", name)
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .create_with_context(Quiet)
            .map_err(|error| failure(&error))?;
        Ok(Self { consumer, next: None })
    }

    /// Reads one chunk; returns the position to go on from.
    pub fn read(
        &mut self,
        at: &TopicPartition,
        from: i64,
        until: i64,
        each: &mut EachChange<'_>,
    ) -> Result<i64, Failure> {
        if from >= until {
            return Ok(from);
        }
        self.stand_at(at, from)?;
        let (began, mut records, mut bytes, mut next) = (Instant::now(), 0, 0, from);
        let mut connections = Connections::default();
        while records < RECORDS && bytes < BYTES {
            let Some(left) = TIME.checked_sub(began.elapsed()) else { break };
            match self.consumer.poll(left) {
                None if next == from => {
                    connections.told()?;
                    break;
                }
                None => break,
                Some(Ok(message)) if message.offset() >= until => {
                    // Taken out of the consumer and not handed on: it stands nowhere known.
                    self.next = None;
                    return Ok(message.offset());
                }
                Some(Ok(message)) => {
                    connections.is_over();
                    let key = message.key().unwrap_or_default();
                    let time = message.timestamp().to_millis().unwrap_or(0);
                    each(message.offset(), time, key, message.payload());
                    next = message.offset() + 1;
                    records += 1;
                    bytes += key.len() + message.payload_len();
                }
                // The end lies at `until` or behind it, for `until` is not beyond a last stable offset.
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    next = next.max(until);
                    break;
                }
                Some(Err(error)) => {
                    if let Err(error) = connections.take(error) {
                        self.next = None;
                        // What was handed on counts as read: taken again, it would look like a second transaction. An
                        // error that stays comes up in the next chunk.
                        return if next > from { Ok(next) } else { Err(failure(&error)) };
                    }
                }
            }
        }
        self.next = Some((at.clone(), next));
        Ok(next)
    }

    /// Lets go of the partition, and of the memory that holds what was fetched ahead.
    pub fn rest(&mut self) -> Result<(), Failure> {
        self.next = None;
        self.consumer.unassign().map_err(|error| failure(&error))
    }

    fn stand_at(&mut self, at: &TopicPartition, from: i64) -> Result<(), Failure> {
        if self.next.as_ref().is_some_and(|(place, next)| place == at && *next == from) {
            return Ok(());
        }
        self.next = None;
        self.consumer.assign(&list_at([(at, start(from))])?).map_err(|error| failure(&error))
    }
}
