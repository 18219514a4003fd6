//! Under `clock = "append"`: once a second the owner of the control log writes down where the raw partitions end.

use super::status::Board;
use crate::config::KafkaConfig;
use crate::engine::lane::io::{Failure, TopicPartition};
use crate::engine::layout::CONTROL_LOG;
use crate::engine::message::{ControlMessage, RawPosition};
use crate::ingest::Ends;
use crate::publish::Plain;
use crate::types::{SmolStr, StreamTime};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time between samples.
const EVERY: Duration = Duration::from_secs(1);
/// Longest wait for a sample's acknowledgement.
const PATIENCE: Duration = Duration::from_secs(5);

/// Samples while this process owns the control log.
pub(super) fn run(
    kafka: &KafkaConfig,
    raw: &[TopicPartition],
    ends: &Ends,
    board: &Board,
    stop: &AtomicBool,
) {
    let control = TopicPartition { topic: SmolStr::new_static(CONTROL_LOG), partition: 0 };
    let mut producer = None;
    while !stop.load(Ordering::Acquire) {
        if board.runs(&control) {
            if let Err(failure) = sample(kafka, raw, ends, &mut producer) {
                tracing::warn!(%failure, "the raw topics could not be sampled: time stands until they can");
                producer = None;
            }
        } else {
            producer = None;
        }
        super::pause(EVERY, stop);
    }
}

/// The clock is read before the ends: whatever had been appended by then lies before them.
fn sample(
    kafka: &KafkaConfig,
    raw: &[TopicPartition],
    ends: &Ends,
    producer: &mut Option<Plain>,
) -> Result<(), Failure> {
    let t = StreamTime(i64::try_from(super::now_ms()).unwrap_or(i64::MAX));
    let mut positions = Vec::with_capacity(raw.len());
    for at in raw {
        let (_, offset) = ends.stable(at)?;
        positions.push(RawPosition { topic: at.topic.clone(), partition: at.partition, offset });
    }
    let producer = match producer {
        Some(producer) => producer,
        none => none.insert(Plain::open(kafka)?),
    };
    producer.say(&ControlMessage::Sample { t, ends: positions })?;
    producer.flush(PATIENCE).map(drop)
}
