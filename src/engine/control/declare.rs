//! The declared clock: whoever plays the world (the city, a test, a backfill) says what time it is.

use super::super::message::{Clock, ControlMessage, RawPosition};
use crate::types::{MS_PER_HOUR, StreamTime};

/// Makes the records of `ieum.control` that declare time: the clock first, then samples at most an hour apart and one at
/// each midnight in Korea.
#[derive(Clone, Debug, Default)]
pub struct Declarer {
    last: Option<StreamTime>,
}

impl Declarer {
    /// For a fresh control log.
    pub fn new() -> Self {
        Self::default()
    }

    /// For a control log that has been declared up to a point.
    pub fn resume(last: StreamTime) -> Self {
        Self { last: Some(last) }
    }

    /// The time declared last.
    pub fn declared(&self) -> Option<StreamTime> {
        self.last
    }

    /// Declares that it is `now` and that the raw partitions end at `ends`; nothing if time would not move on. Every
    /// sample on the way has the same ends: whoever wants finer ones declares more often.
    pub fn advance(&mut self, now: StreamTime, ends: &[RawPosition]) -> Vec<ControlMessage> {
        let mut messages = Vec::new();
        let mut at = match self.last {
            None => {
                messages.push(ControlMessage::Clock(Clock::Declared));
                messages.push(ControlMessage::Sample { t: now, ends: ends.to_vec() });
                now
            }
            Some(last) => last,
        };
        while at < now {
            let midnight = at.day().plus(1).start();
            at = now.min(midnight).min(at.plus_ms(MS_PER_HOUR));
            messages.push(ControlMessage::Sample { t: at, ends: ends.to_vec() });
        }
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        messages
    }
}
