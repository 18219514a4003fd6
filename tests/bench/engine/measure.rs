//! Two clocks. Short work is timed by the wall and told as the median of many batches, which a busy machine hardly
//! moves; long work is told in seconds of CPU, which waiting does not cost.

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

const BATCHES: usize = 301;
const BATCH: Duration = Duration::from_micros(200);

/// Median nanoseconds of one call.
pub(crate) fn median_ns<T>(mut call: impl FnMut() -> T) -> f64 {
    let mut calls = 1_u32;
    loop {
        let spent = batch(calls, &mut call);
        if spent >= BATCH || calls >= 1 << 24 {
            break;
        }
        calls = calls.saturating_mul(2);
    }
    let mut batches: Vec<f64> =
        (0..BATCHES).map(|_| batch(calls, &mut call).as_nanos() as f64 / f64::from(calls)).collect();
    batches.sort_by(f64::total_cmp);
    batches[BATCHES / 2]
}

fn batch<T>(calls: u32, call: &mut impl FnMut() -> T) -> Duration {
    let began = Instant::now();
    for _ in 0..calls {
        black_box(call());
    }
    began.elapsed()
}

/// Seconds of CPU that this thread has had.
pub(crate) fn thread_cpu() -> f64 {
    seconds("/proc/thread-self/schedstat")
}

/// Seconds of CPU that all living threads of this process have had.
pub(crate) fn process_cpu() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks.map(|task| seconds(&task.path().join("schedstat").to_string_lossy())).sum()
}

fn seconds(schedstat: &str) -> f64 {
    let text = fs::read_to_string(schedstat).unwrap_or_default();
    text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

/// Megabytes of resident memory, now.
pub(crate) fn resident_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.split_whitespace().next()).and_then(|kb| kb.parse::<f64>().ok());
    kb.unwrap_or(0.0) / 1024.0
}
