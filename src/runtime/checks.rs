//! What must hold before anything is consumed: topics are there with the partitions that the contracts say, and the
//! control log's clock is the one configured.

use super::admin::{Admin, TIME_STAMPS};
use super::codes::{CLOCK_DIFFERS, CLUSTER_UNKNOWN, TOPICS_DIFFER};
use super::status::Ended;
use crate::config::{ClockKind, KafkaConfig};
use crate::contracts::Contracts;
use crate::engine::lane::io::Failure;
use crate::engine::layout::CONTROL_LOG;
use crate::engine::message::{Clock, ControlMessage, decode};
use crate::ingest::{Ends, Tail, TailFrom};
use crate::publish::Plain;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A check did not pass: for now, or for good.
pub(super) enum Refusal {
    /// Tried again.
    Wait(String),
    /// A person must act.
    End(Ended),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Fatal(told) => Self::End(Ended { code: CLUSTER_UNKNOWN, detail: told }),
            other => Self::Wait(other.to_string()),
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(10);

/// Topics of the contracts, as the cluster has them.
pub(super) fn topics(ends: &Ends, contracts: &Contracts) -> Result<(), Refusal> {
    let there: BTreeMap<String, i32> = ends.partitions()?.into_iter().collect();
    let (mut missing, mut wrong) = (Vec::new(), Vec::new());
    for topic in contracts.topics() {
        match there.get(topic.name.as_str()) {
            None => missing.push(topic.name.as_str()),
            Some(count) if *count != topic.partitions => wrong.push(format!(
                "{} has {count} partitions, its contract says {}; \"ieum topics plan\" shows what differs",
                topic.name, topic.partitions
            )),
            Some(_) => {}
        }
    }
    if !missing.is_empty() {
        let names = missing.join(", ");
        wrong.insert(0, format!("missing topics: {names}; \"ieum topics apply\" creates what is missing"));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Refusal::End(Ended { code: TOPICS_DIFFER, detail: wrong.join("; ") }))
}

/// Under the append clock the broker's time stamps are the time: a topic that takes its writers' would let any of them
/// move it.
pub(super) fn time_stamps(kafka: &KafkaConfig, contracts: &Contracts) -> Result<(), Refusal> {
    let wrong: Vec<String> = Admin::open(kafka)?
        .time_stamps(contracts)?
        .into_iter()
        .map(|(topic, found)| format!("{topic} has {TIME_STAMPS}={found}"))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "{}; the append clock needs LogAppendTime, and \"ieum topics apply\" sets it",
        wrong.join(", ")
    );
    Err(Refusal::End(Ended { code: TOPICS_DIFFER, detail }))
}

/// The control log's clock; fixes it where the log is empty.
pub(super) fn clock(kafka: &KafkaConfig, configured: ClockKind) -> Result<(), Refusal> {
    let ours = match configured {
        ClockKind::Append => Clock::Append,
        ClockKind::Declared => Clock::Declared,
    };
    let Some(first) = first_control_record(kafka)? else {
        let mut producer = Plain::open(kafka)?;
        producer.say(&ControlMessage::Clock(ours))?;
        producer.flush(PATIENCE)?;
        // Another process may have been first, with another clock: what lies there counts.
        return match first_control_record(kafka)? {
            Some(first) => agree(&first, ours),
            None => Err(Refusal::Wait(String::from("the control log has no clock yet"))),
        };
    };
    agree(&first, ours)
}

fn agree(first: &[u8], ours: Clock) -> Result<(), Refusal> {
    match decode(first) {
        Ok(ControlMessage::Clock(clock)) if clock == ours => Ok(()),
        Ok(ControlMessage::Clock(clock)) => Err(Refusal::End(Ended {
            code: CLOCK_DIFFERS,
            detail: format!(
                "the control log runs on clock {clock:?}, this process is configured for {ours:?}"
            ),
        })),
        // The log is older than its retention: the clock was fixed long ago, and control knows it from its state.
        Ok(_) => Ok(()),
        Err(error) => {
            Err(Refusal::End(Ended { code: CLOCK_DIFFERS, detail: format!("{CONTROL_LOG}: {error}") }))
        }
    }
}

fn first_control_record(kafka: &KafkaConfig) -> Result<Option<Vec<u8>>, Refusal> {
    let mut tail = Tail::open(kafka, &[CONTROL_LOG], TailFrom::Beginning)?;
    let deadline = Instant::now() + PATIENCE;
    while !tail.has_caught_up() {
        if let Some(record) = tail.poll(Duration::from_millis(200))? {
            return Ok(Some(record.value.unwrap_or_default()));
        }
        if Instant::now() >= deadline {
            return Err(Refusal::Wait(format!("{CONTROL_LOG} cannot be read")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::message::encode;

    #[test]
    fn a_log_of_another_clock_ends_the_process_and_an_old_log_does_not() {
        let ends = |message: &[u8], ours| match agree(message, ours) {
            Ok(()) => None,
            Err(Refusal::End(ended)) => Some(ended.code),
            Err(Refusal::Wait(_)) => Some("wait"),
        };
        assert_eq!(ends(&encode(&ControlMessage::Clock(Clock::Append)), Clock::Append), None);
        assert_eq!(
            ends(&encode(&ControlMessage::Clock(Clock::Declared)), Clock::Append),
            Some(CLOCK_DIFFERS)
        );
        assert_eq!(ends(&encode(&ControlMessage::Continue), Clock::Append), None);
        assert_eq!(ends(&[9, 9], Clock::Append), Some(CLOCK_DIFFERS));
    }
}
