//! The transactional producer of one lane, and the plain one for a broker without transactions.
//!
//! The producer is always drained before it is asked to commit or abort: librdkafka's own flush adds about 100 ms to
//! each commit, and an abort with queued records runs into its full time-out.

mod delivery;
mod plain;

pub use plain::{Plain, Sent};

use crate::config::KafkaConfig;
use crate::engine::lane::io::{Failure, Outgoing, TopicPartition};
use crate::telemetry::kafka::{failure, is_hopeless};
use delivery::Deliveries;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, PurgeConfig};
use rdkafka::topic_partition_list::Offset;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How a publisher delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In transactions under this transactional id.
    Transactions {
        /// `{application}-{stage}-{instance}-{lane}`.
        id: String,
        /// Age at which the broker aborts a transaction by itself.
        timeout_ms: u64,
    },
    /// Plainly; the caller commits offsets after delivery.
    Plain,
}

/// Longest wait for the coordinator, per call.
const CALL: Duration = Duration::from_secs(5);
/// Pause between looks at the queue while it drains, which takes tens of milliseconds where many partitions were written. Asleep,
/// not in a poll: of a poll's last millisecond rdkafka makes a busy loop.
const DRAIN_PAUSE: Duration = Duration::from_millis(1);
/// Pause before a record is offered again to a full queue, and how long the queue may stay full over records in succession
/// before the caller is told.
const FULL: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(1));
/// One wait for delivery reports while a transaction is aborted.
const REPORTS: Duration = Duration::from_millis(2);

/// One lane's producer.
pub struct Publisher {
    config: KafkaConfig,
    mode: Mode,
    producer: BaseProducer<Deliveries>,
    /// Records queued since `begin`.
    queued: u32,
    began: Option<Instant>,
    /// Since when its queue has been full at every record.
    full_since: Option<Instant>,
}

impl Publisher {
    /// Makes the producer and, with transactions, initialises it: an open transaction of a predecessor under the same
    /// id is decided when this returns.
    pub fn open(config: &KafkaConfig, mode: Mode) -> Result<Self, Failure> {
        let producer = producer(config, &mode)?;
        Ok(Self { config: config.clone(), mode, producer, queued: 0, began: None, full_since: None })
    }

    /// Drops the producer and makes one under the same id.
    pub fn reopen(&mut self) -> Result<(), Failure> {
        self.producer = producer(&self.config, &self.mode)?;
        self.queued = 0;
        self.began = None;
        Ok(())
    }

    /// Begins a transaction.
    pub fn begin(&mut self) -> Result<(), Failure> {
        if self.is_transactional() {
            self.producer.begin_transaction().map_err(|error| self.judge(&error))?;
        }
        self.producer.context().start();
        self.queued = 0;
        self.began = Some(Instant::now());
        Ok(())
    }

    /// Queues a record, waiting for a moment while the queue is full.
    pub fn produce(&mut self, record: &Outgoing<'_>) -> Result<(), Failure> {
        let mut was_full = false;
        loop {
            let opaque = self.producer.context().opaque(self.queued);
            match self.producer.send(message(record, opaque)) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(Code::QueueFull), _)) => {
                    was_full = true;
                    self.producer.poll(Duration::ZERO);
                    if self.full_since.get_or_insert_with(Instant::now).elapsed() >= FULL.1 {
                        self.full_since = None;
                        return Err(Failure::Retry(String::from("producer queue is full")));
                    }
                    std::thread::sleep(FULL.0);
                }
                Err((error, _)) => return Err(self.judge_send(&error)),
            }
        }
        if !was_full {
            self.full_since = None;
        }
        self.queued += 1;
        // Delivery reports are taken along the way, so that a drain finds few of them.
        if self.queued.is_multiple_of(256) {
            self.producer.poll(Duration::ZERO);
        }
        Ok(())
    }

    /// Waits so long until everything queued is acknowledged; offsets in the order produced, none where some are not yet.
    pub fn drain(&mut self, wait: Duration) -> Result<Option<Vec<i64>>, Failure> {
        let deadline = Instant::now() + wait;
        loop {
            self.producer.poll(Duration::ZERO);
            if let Some((code, told)) = self.producer.context().failed() {
                return Err(self.judge_delivery(code, told));
            }
            if let Some(offsets) = self.producer.context().offsets(self.queued) {
                return Ok(Some(offsets));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            std::thread::sleep(DRAIN_PAUSE);
        }
    }

    /// Adds next input offsets to the transaction.
    pub fn send_offsets(
        &mut self,
        next: &[(TopicPartition, i64)],
        group: &ConsumerGroupMetadata,
    ) -> Result<(), Failure> {
        let offsets = offsets(next)?;
        self.producer.send_offsets_to_transaction(&offsets, group, CALL).map_err(|error| self.judge(&error))
    }

    /// Commits the transaction. What the broker did not answer in time is indefinite.
    pub fn commit(&mut self) -> Result<(), Failure> {
        match self.producer.commit_transaction(CALL) {
            Ok(()) => {
                self.began = None;
                Ok(())
            }
            Err(error) => Err(match self.judge(&error) {
                // The request may have reached the coordinator.
                Failure::Retry(told) => Failure::Indefinite(told),
                other => other,
            }),
        }
    }

    /// Purges, drains and aborts.
    ///
    /// The purge is librdkafka's own: one from outside leaves a gap in the idempotent producer's numbers, which comes up
    /// as an error of the next transaction. It waits for reports to be taken, so they are taken meanwhile.
    pub fn abort(&mut self) -> Result<(), Failure> {
        self.producer.context().start();
        self.queued = 0;
        if self.is_transactional() {
            let (producer, over) = (&self.producer, AtomicBool::new(false));
            let aborted = std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !over.load(Ordering::Acquire) {
                        producer.poll(REPORTS);
                    }
                });
                let aborted = producer.abort_transaction(CALL);
                over.store(true, Ordering::Release);
                aborted
            });
            aborted.map_err(|error| self.judge(&error))?;
        } else {
            self.producer.purge(PurgeConfig::default().queue().inflight());
            self.producer.poll(Duration::ZERO);
        }
        self.began = None;
        Ok(())
    }

    fn is_transactional(&self) -> bool {
        matches!(self.mode, Mode::Transactions { .. })
    }

    /// The broker fences a producer whose transaction it timed out just as it fences a stranger's; age tells them apart.
    fn judge(&self, error: &KafkaError) -> Failure {
        match failure(error) {
            Failure::Fenced(told) if self.is_overdue() => Failure::Indefinite(told),
            other => other,
        }
    }

    fn is_overdue(&self) -> bool {
        let Mode::Transactions { timeout_ms, .. } = &self.mode else { return false };
        self.began.is_some_and(|began| began.elapsed() >= Duration::from_millis(*timeout_ms))
    }

    /// A refused send: the transaction has failed before, by a delivery that says more.
    fn judge_send(&self, error: &KafkaError) -> Failure {
        if let Some((code, told)) = self.producer.context().failed() {
            return self.judge_delivery(code, told);
        }
        if let Some((code, told)) = self.producer.client().fatal_error() {
            return self.judge(&KafkaError::MessageProduction(code)).with(&told);
        }
        match self.judge(error) {
            Failure::Retry(told) => Failure::Abort(told),
            other => other,
        }
    }

    fn judge_delivery(&self, code: Code, told: String) -> Failure {
        if let Some((code, told)) = self.producer.client().fatal_error() {
            return self.judge(&KafkaError::MessageProduction(code)).with(&told);
        }
        let hopeless = is_hopeless(code)
            || matches!(code, Code::UnknownTopicOrPartition | Code::UnknownPartition | Code::UnknownTopic);
        if hopeless { Failure::Fatal(told) } else { Failure::Abort(told) }
    }
}

/// More words for a failure.
trait With {
    fn with(self, more: &str) -> Self;
}

impl With for Failure {
    fn with(self, more: &str) -> Self {
        let join = |told: String| format!("{told}: {more}");
        match self {
            // A producer with a fatal error never works again: a fresh one finds out what became of its transaction.
            Self::Retry(told) | Self::Abort(told) | Self::Indefinite(told) => Self::Indefinite(join(told)),
            Self::Fatal(told) => Self::Fatal(join(told)),
            Self::Displaced(told) => Self::Displaced(join(told)),
            Self::Fenced(told) => Self::Fenced(join(told)),
        }
    }
}

fn producer(config: &KafkaConfig, mode: &Mode) -> Result<BaseProducer<Deliveries>, Failure> {
    let mut client = config.producer();
    if let Mode::Transactions { id, timeout_ms } = mode {
        client.set("transactional.id", id).set("transaction.timeout.ms", timeout_ms.to_string());
    }
    let producer: BaseProducer<Deliveries> =
        client.create_with_context(Deliveries::default()).map_err(|error| failure(&error))?;
    if let Mode::Transactions { timeout_ms, .. } = mode {
        // A predecessor's open transaction is aborted first, which takes its time-out at most.
        let wait = CALL + Duration::from_millis(*timeout_ms);
        producer.init_transactions(wait).map_err(|error| match failure(&error) {
            Failure::Abort(told) => Failure::Retry(told),
            other => other,
        })?;
    }
    Ok(producer)
}

/// A record as librdkafka takes it; a negative partition leaves the choice to it.
fn message<'a>(record: &Outgoing<'a>, opaque: usize) -> BaseRecord<'a, [u8], [u8], usize> {
    let mut message = BaseRecord::with_opaque_to(record.topic, opaque).partition(record.partition);
    message.key = record.key;
    message.payload = record.value;
    if !record.headers.is_empty() {
        message.headers = Some(headers(record));
    }
    message
}

fn headers(record: &Outgoing<'_>) -> OwnedHeaders {
    record
        .headers
        .iter()
        .fold(OwnedHeaders::new_with_capacity(record.headers.len()), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        })
}

/// Next offsets as librdkafka's list.
pub fn offsets(next: &[(TopicPartition, i64)]) -> Result<TopicPartitionList, Failure> {
    let mut list = TopicPartitionList::with_capacity(next.len());
    for (at, offset) in next {
        list.add_partition_offset(&at.topic, at.partition, Offset::Offset(*offset))
            .map_err(|error| failure(&error))?;
    }
    Ok(list)
}
