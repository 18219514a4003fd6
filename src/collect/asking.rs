//! Asking for a page until it is answered: attempts, back-off, the rate, the day's quota.

use super::answer::{self, Page};
use super::clock::Clock;
use super::source::Source;
use super::trouble::{Kind, Trouble};
use crate::types::Day;
use std::time::Duration;

/// What came back for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    /// Status of the answer.
    pub status: u16,
    /// What the source says to wait.
    pub retry_after: Option<Duration>,
    /// The body, with the key struck out wherever the source repeats it.
    pub body: Vec<u8>,
}

/// Sends one request.
pub trait Ask {
    /// Asks with these parameters, beside those of every request and the key. No error holds the key.
    fn ask(&mut self, parameters: &[(&str, &str)]) -> Result<Raw, Trouble>;
}

/// First wait before another attempt, doubled each time, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Longest wait that a source may ask for. Beyond it the run ends, and the next one goes on.
const PATIENCE: Duration = Duration::from_secs(300);

/// Asks a source, within its limits.
pub(super) struct Asking<'a> {
    source: &'a Source,
    ask: &'a mut dyn Ask,
    clock: &'a dyn Clock,
    /// Whether answers lie in files: no limits, and none is asked for twice.
    saved: bool,
    /// Requests of this run.
    pub(super) requests: u32,
    /// The day, and requests on it over all runs.
    pub(super) today: (Day, u32),
}

impl<'a> Asking<'a> {
    pub(super) fn new(
        source: &'a Source,
        ask: &'a mut dyn Ask,
        clock: &'a dyn Clock,
        saved: bool,
        today: (Day, u32),
    ) -> Self {
        Self { source, ask, clock, saved, requests: 0, today }
    }

    /// A page of the list.
    pub(super) fn page(&mut self, number: u32) -> Result<Page, Trouble> {
        let paging = &self.source.paging;
        let (page, size) = (number.to_string(), paging.records.to_string());
        if self.saved {
            return self.ask.ask(&[]).and_then(|raw| answer::read(self.source, None, &raw));
        }
        self.answered(number, &[(&paging.number, &page), (&paging.size, &size)])
    }

    /// What the list has under one key.
    pub(super) fn one(&mut self, parameter: &str, key: &str) -> Result<Page, Trouble> {
        let paging = &self.source.paging;
        let size = paging.records.to_string();
        self.answered(1, &[(&paging.number, "1"), (&paging.size, &size), (parameter, key)])
    }

    fn answered(&mut self, number: u32, parameters: &[(&str, &str)]) -> Result<Page, Trouble> {
        let mut attempt = 1;
        loop {
            let answer = self.send(parameters).and_then(|raw| answer::read(self.source, Some(number), &raw));
            let trouble = match answer {
                Ok(page) => return Ok(page),
                Err(trouble) if trouble.may_pass() => trouble,
                Err(trouble) => return Err(trouble),
            };
            if attempt >= self.source.request.attempts {
                let told = format!("{}, at {attempt} attempts", trouble.told);
                return Err(Trouble { told, ..trouble });
            }
            let wait = wait(attempt, &trouble)?;
            tracing::warn!(source = %self.source.name, code = trouble.code(), wait_s = wait.as_secs(), "{trouble}; asking again");
            self.wait(wait)?;
            attempt += 1;
        }
    }

    fn send(&mut self, parameters: &[(&str, &str)]) -> Result<Raw, Trouble> {
        let day = self.clock.now().day();
        if day != self.today.0 {
            self.today = (day, 0);
        }
        let per_day = self.source.request.per_day;
        if self.today.1 >= per_day {
            return Err(Trouble::new(Kind::Quota, format!("{per_day} requests have been sent on {day}")));
        }
        // Even before the first one of a run: another may just have ended.
        self.wait(self.source.request.pause)?;
        self.requests += 1;
        self.today.1 += 1;
        self.ask.ask(parameters)
    }

    fn wait(&self, time: Duration) -> Result<(), Trouble> {
        if self.clock.wait(time) {
            return Ok(());
        }
        Err(Trouble::new(Kind::Interrupted, "someone asked to stop"))
    }
}

/// How long before the next attempt; an error where the source asks for more than a run waits.
fn wait(attempt: u32, trouble: &Trouble) -> Result<Duration, Trouble> {
    let usual = BACK_OFF.0.saturating_mul(1 << (attempt - 1).min(16)).min(BACK_OFF.1);
    match trouble.kind {
        Kind::Busy { retry_after: Some(asked) } if asked > PATIENCE => {
            let told = format!("{}, and asks to wait {} s", trouble.told, asked.as_secs());
            Err(Trouble { told, ..trouble.clone() })
        }
        Kind::Busy { retry_after: Some(asked) } => Ok(asked.max(usual)),
        _ => Ok(usual),
    }
}
