//! What the control log says: its clock, the time declared last, how far the stages are.

use super::exit::{Exit, Stop};
use crate::config::KafkaConfig;
use crate::engine::lane::io::Polled;
use crate::engine::layout::CONTROL_LOG;
use crate::engine::message::{Clock, ControlMessage, decode};
use crate::ingest::{Tail, TailFrom};
use crate::types::StreamTime;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What the whole log says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// None for an empty log.
    pub(super) clock: Option<Clock>,
    /// The newest sample; none before the first.
    pub(super) sampled: Option<StreamTime>,
    /// It has records.
    pub(super) begun: bool,
}

const PATIENCE: Duration = Duration::from_secs(15);

/// Reads the log to its end: what it says as a whole.
pub(super) fn read(kafka: &KafkaConfig) -> Result<Said, Stop> {
    let mut said = Said::default();
    each(kafka, |record| {
        said.begun = true;
        match decode(record.value.as_deref().unwrap_or_default()) {
            Ok(ControlMessage::Clock(clock)) => said.clock = said.clock.or(Some(clock)),
            Ok(ControlMessage::Sample { t, .. }) => said.sampled = said.sampled.max(Some(t)),
            _ => {}
        }
    })?;
    Ok(said)
}

/// Hands on each record of the log, to its end.
pub(super) fn each(kafka: &KafkaConfig, mut take: impl FnMut(&Polled)) -> Result<(), Stop> {
    let mut tail = Tail::open(kafka, &[CONTROL_LOG], TailFrom::Beginning)?;
    let mut deadline = Instant::now() + PATIENCE;
    while !tail.has_caught_up() {
        let Some(record) = tail.poll(Duration::from_millis(100))? else {
            if Instant::now() >= deadline {
                return Err(Stop::new(Exit::Broker, format!("{CONTROL_LOG} cannot be read to its end")));
            }
            continue;
        };
        deadline = Instant::now() + PATIENCE;
        take(&record);
    }
    Ok(())
}

/// The time for whoever acts now: the declared one where time is declared, else this machine's.
pub(super) fn now(kafka: &KafkaConfig) -> Result<StreamTime, Stop> {
    let said = read(kafka)?;
    match (said.clock, said.sampled) {
        (Some(Clock::Declared), Some(sampled)) => Ok(sampled),
        _ => Ok(wall_clock()),
    }
}

fn wall_clock() -> StreamTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    StreamTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
