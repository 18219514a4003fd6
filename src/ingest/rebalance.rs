//! What the group says, recorded for the lane. The callback decides nothing: it runs inside a poll, where a commit or
//! a restore would hold up everything else.

use super::partitions;
use crate::engine::lane::io::TopicPartition;
use crate::telemetry::kafka;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Statistics, TopicPartitionList};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// What the group decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Assign(Vec<TopicPartition>),
    Revoke { partitions: Vec<TopicPartition>, lost: bool },
}

/// Records decisions until the member asks for them; answers by itself only while the consumer closes, when nobody
/// polls any more and librdkafka would wait for ever.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    decisions: Mutex<VecDeque<Decision>>,
    closing: AtomicBool,
}

impl Recorder {
    pub(super) fn next(&self) -> Option<Decision> {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Keeps a decision that could not be answered now.
    pub(super) fn put_back(&self, decision: Decision) {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner).push_front(decision);
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }
}

impl ClientContext for Recorder {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        kafka::log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        kafka::error(&error, reason);
    }

    fn stats(&self, _statistics: Statistics) {}
}

impl ConsumerContext for Recorder {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, err: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let assigning = err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            if consumer.closed() {
                return;
            }
            let answer = if assigning {
                consumer.incremental_assign(list)
            } else {
                consumer.incremental_unassign(list)
            };
            if let Err(error) = answer {
                kafka::error(&error, "while leaving the group");
            }
            return;
        }
        let partitions = partitions(list);
        let decision = if assigning {
            Decision::Assign(partitions)
        } else {
            Decision::Revoke { partitions, lost: consumer.assignment_lost() }
        };
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner).push_back(decision);
    }
}
