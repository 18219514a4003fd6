//! Time as a connector needs it: what day it is for the quota, and waiting that ends when someone asks to stop.

use crate::types::StreamTime;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells time and waits.
pub trait Clock {
    /// Now.
    fn now(&self) -> StreamTime;
    /// Waits; false if someone asked to stop meanwhile or before.
    fn wait(&self, time: Duration) -> bool;
}

/// Whether someone asked to stop.
pub type AskedToStop = Arc<dyn Fn() -> bool + Send + Sync>;

/// The machine's clock.
pub struct WallClock {
    asked: AskedToStop,
}

/// One look at whether to stop.
const LOOK: Duration = Duration::from_millis(100);

impl WallClock {
    /// One that asks this whether to stop.
    pub fn new(asked: AskedToStop) -> Self {
        Self { asked }
    }
}

impl Clock for WallClock {
    fn now(&self) -> StreamTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        StreamTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn wait(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            if (self.asked)() {
                return false;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(LOOK));
        }
    }
}
