//! A plain producer: for the command line, the city and the sampler, which write outside any lane.

use super::delivery::Deliveries;
use super::message;
use crate::config::KafkaConfig;
use crate::engine::lane::io::{Failure, Outgoing};
use crate::engine::layout::CONTROL_LOG;
use crate::engine::message::{ControlMessage, encode};
use crate::telemetry::kafka::failure;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, Producer};
use std::time::{Duration, Instant};

/// An idempotent producer without transactions.
pub struct Plain {
    producer: BaseProducer<Deliveries>,
    queued: u32,
}

/// Records that were acknowledged together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The offset of each, in the order sent.
    pub offsets: Vec<i64>,
}

impl Plain {
    /// Makes the producer; connects when first used.
    pub fn open(config: &KafkaConfig) -> Result<Self, Failure> {
        let producer: BaseProducer<Deliveries> =
            config.producer().create_with_context(Deliveries::default()).map_err(|error| failure(&error))?;
        producer.context().start();
        Ok(Self { producer, queued: 0 })
    }

    /// Queues a record, waiting while the queue is full. A negative partition leaves the choice to librdkafka.
    pub fn send(&mut self, record: &Outgoing<'_>) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let opaque = self.producer.context().opaque(self.queued);
            match self.producer.send(message(record, opaque)) {
                Ok(()) => {
                    self.queued += 1;
                    self.producer.poll(Duration::ZERO);
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(Code::QueueFull), _)) if Instant::now() < deadline => {
                    self.producer.poll(Duration::from_millis(5));
                }
                Err((error, _)) => return Err(failure(&error)),
            }
        }
    }

    /// Queues a message of the control log.
    pub fn say(&mut self, message: &ControlMessage) -> Result<(), Failure> {
        let value = encode(message);
        let value = Some(value.as_slice());
        self.send(&Outgoing { topic: CONTROL_LOG, partition: 0, key: None, value, headers: &[] })
    }

    /// Waits until everything sent since the last call is acknowledged.
    pub fn flush(&mut self, wait: Duration) -> Result<Sent, Failure> {
        let deadline = Instant::now() + wait;
        loop {
            self.producer.poll(Duration::ZERO);
            if let Some((code, told)) = self.producer.context().failed() {
                self.restart();
                return Err(match failure(&KafkaError::MessageProduction(code)) {
                    Failure::Fatal(_) => Failure::Fatal(told),
                    _ => Failure::Retry(told),
                });
            }
            if let Some(offsets) = self.producer.context().offsets(self.queued) {
                self.restart();
                return Ok(Sent { offsets });
            }
            if Instant::now() >= deadline {
                let left = self.producer.in_flight_count();
                return Err(Failure::Retry(format!("{left} records are not acknowledged")));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn restart(&mut self) {
        self.producer.context().start();
        self.queued = 0;
    }
}
