//! Wall time of many runs, told as the median and the least: on a busy machine the least is nearer to what the work costs.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Times of runs.
pub(crate) struct Times {
    pub(crate) median: Duration,
    pub(crate) least: Duration,
}

impl Times {
    /// Runs `work` so often. What is told is the time of one of the `parts` that it consists of.
    pub(crate) fn of<T>(runs: usize, parts: u32, mut work: impl FnMut() -> T) -> Self {
        let mut times: Vec<Duration> = (0..runs)
            .map(|_| {
                let began = Instant::now();
                black_box(work());
                began.elapsed() / parts
            })
            .collect();
        times.sort_unstable();
        Self { median: times[runs / 2], least: times[0] }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |time: Duration| time.as_nanos() as f64 / 1e3;
        write!(f, "{:>10.1} µs {:>10.1} µs", us(self.median), us(self.least))
    }
}
