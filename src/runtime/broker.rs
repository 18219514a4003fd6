//! [`KafkaBroker`]: consumer and producer of one lane as the one broker that the lane speaks to.

use crate::config::KafkaConfig;
use crate::engine::lane::Guarantee;
use crate::engine::lane::io::{Bounds, Broker, EachChange, Event, Failure, Outgoing, TopicPartition};
use crate::ingest::{ChangelogReader, Ends, Member, Membership};
use crate::publish::{Mode, Publisher};
use crate::types::SmolStr;
use std::sync::Arc;
use std::time::Duration;

/// Which lane of which installation.
#[derive(Clone, Debug)]
pub struct LaneId {
    /// `application.id`.
    pub application: SmolStr,
    /// Stage.
    pub stage: SmolStr,
    /// `application.instance`.
    pub instance: SmolStr,
    /// Number of the lane in this process.
    pub lane: usize,
}

impl LaneId {
    /// The consumer group: all lanes of a stage.
    pub fn group(&self) -> String {
        group(&self.application, &self.stage)
    }

    /// This lane among all lanes.
    pub fn transactional_id(&self) -> String {
        format!("{}-{}-{}-{}", self.application, self.stage, self.instance, self.lane)
    }

    /// This lane among those of its group.
    pub fn member(&self) -> String {
        format!("{}-{}", self.instance, self.lane)
    }
}

/// The consumer group of a stage.
pub(super) fn group(application: &str, stage: &str) -> String {
    format!("{application}-{stage}")
}

/// A lane's broker on librdkafka.
pub struct KafkaBroker {
    // Dropped first: leaving the group must not wait for the producer's last flush.
    member: Member,
    publisher: Publisher,
    reader: Option<ChangelogReader>,
    config: KafkaConfig,
    id: LaneId,
    ends: Arc<Ends>,
    guarantee: Guarantee,
    /// At-least-once: what `commit` will commit.
    pending: Vec<(TopicPartition, i64)>,
}

impl KafkaBroker {
    /// Joins the group of the lane's stage. With transactions, whatever a predecessor left open is decided first.
    pub fn open(
        config: &KafkaConfig,
        id: LaneId,
        topics: Vec<SmolStr>,
        queue_bytes: u64,
        guarantee: Guarantee,
        ends: Arc<Ends>,
    ) -> Result<Self, Failure> {
        let mode = match guarantee {
            Guarantee::ExactlyOnce => {
                Mode::Transactions { id: id.transactional_id(), timeout_ms: config.transaction_timeout_ms }
            }
            Guarantee::AtLeastOnce => Mode::Plain,
        };
        let publisher = Publisher::open(config, mode)?;
        let membership = Membership { group: id.group(), member: id.member(), topics, queue_bytes };
        let member = Member::join(config, &membership, Arc::clone(&ends))?;
        Ok(Self {
            member,
            publisher,
            reader: None,
            config: config.clone(),
            id,
            ends,
            guarantee,
            pending: Vec::new(),
        })
    }
}

impl Broker for KafkaBroker {
    fn poll(&mut self, wait_ms: u64) -> Result<Event, Failure> {
        self.member.poll(wait_ms)
    }

    fn assign(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        // What a restore fetched ahead is given free once its partitions run.
        if let Some(reader) = &mut self.reader {
            reader.rest()?;
        }
        self.member.assign(positions)
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        self.member.unassign(partitions)
    }

    fn pause(&mut self, partition: &TopicPartition) -> Result<(), Failure> {
        self.member.pause(partition)
    }

    fn resume(&mut self, partition: &TopicPartition) -> Result<(), Failure> {
        self.member.resume(partition)
    }

    fn seek(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        self.member.seek(positions)
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, Failure> {
        self.member.committed(partitions)
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.pending.clear();
        self.publisher.begin()
    }

    fn produce(&mut self, record: &Outgoing<'_>) -> Result<(), Failure> {
        self.publisher.produce(record)
    }

    fn drain(&mut self, wait_ms: u64) -> Result<Option<Vec<i64>>, Failure> {
        self.publisher.drain(Duration::from_millis(wait_ms))
    }

    fn send_offsets(&mut self, next: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        match self.guarantee {
            Guarantee::ExactlyOnce => self.publisher.send_offsets(next, &self.member.group_metadata()?),
            Guarantee::AtLeastOnce => {
                self.pending = next.to_vec();
                Ok(())
            }
        }
    }

    fn commit(&mut self) -> Result<(), Failure> {
        match self.guarantee {
            Guarantee::ExactlyOnce => self.publisher.commit(),
            Guarantee::AtLeastOnce if self.pending.is_empty() => Ok(()),
            Guarantee::AtLeastOnce => {
                self.member.commit(&self.pending)?;
                self.pending.clear();
                Ok(())
            }
        }
    }

    fn abort(&mut self) -> Result<(), Failure> {
        self.pending.clear();
        self.publisher.abort()
    }

    fn reopen_producer(&mut self) -> Result<(), Failure> {
        self.publisher.reopen()
    }

    fn changelog_bounds(&mut self, at: &TopicPartition) -> Result<Bounds, Failure> {
        self.ends.bounds(at)
    }

    fn read_changelog(
        &mut self,
        at: &TopicPartition,
        from: i64,
        until: i64,
        each: &mut EachChange<'_>,
    ) -> Result<i64, Failure> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            slot => {
                let name = format!("{}-restore-{}", self.id.group(), self.id.member());
                slot.insert(ChangelogReader::open(&self.config, &name)?)
            }
        };
        reader.read(at, from, until, each)
    }
}
