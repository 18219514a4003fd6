//! Delivery reports: which offset each queued record got, or what failed first.

use crate::telemetry::kafka;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use rdkafka::{ClientContext, Statistics};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Reports since the last [`Deliveries::start`]; those of a transaction before it are told apart by their generation.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    generation: u32,
    offsets: Vec<i64>,
    acknowledged: u32,
    failed: Option<(RDKafkaErrorCode, String)>,
}

/// Not yet reported.
const UNKNOWN: i64 = -1;

impl Deliveries {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was reported and ignores what will still be reported of it.
    pub(super) fn start(&self) {
        let mut state = self.state();
        *state = State { generation: state.generation.wrapping_add(1), ..State::default() };
    }

    /// The token of the record with this number.
    pub(super) fn opaque(&self, number: u32) -> usize {
        ((self.state().generation as usize) << 32) | number as usize
    }

    /// Offsets in order, once all `count` have been reported.
    pub(super) fn offsets(&self, count: u32) -> Option<Vec<i64>> {
        let state = self.state();
        (state.acknowledged == count).then(|| state.offsets.clone())
    }

    /// The first failed delivery.
    pub(super) fn failed(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.state().failed.clone()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        kafka::log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        kafka::error(&error, reason);
    }

    fn stats(&self, _statistics: Statistics) {}
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        let (generation, number) = ((opaque >> 32) as u32, opaque & 0xffff_ffff);
        let mut state = self.state();
        if generation != state.generation {
            return;
        }
        match result {
            Ok(message) => {
                if state.offsets.len() <= number {
                    state.offsets.resize(number + 1, UNKNOWN);
                }
                state.offsets[number] = message.offset();
                state.acknowledged += 1;
            }
            Err((error, message)) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                let told = format!("record for {} [{}]: {error}", message.topic(), message.partition());
                state.failed.get_or_insert((code, told));
            }
        }
    }
}
