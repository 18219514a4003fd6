//! Facts become log lines and metrics, here and nowhere else. No label and no line holds a personal value: facts carry
//! none.

pub mod kafka;
mod facts;
mod metrics;

pub use facts::LaneTelemetry;
pub use metrics::Metrics;

use crate::config::Log;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Tells a panic by its place alone: its text may hold a value of the record that was handled.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        let thread = std::thread::current();
        tracing::error!(place, thread = thread.name().unwrap_or_default(), "a thread panicked");
    }));
}

/// Starts logging to stderr. A second call changes nothing: tests may share a process.
pub fn start_logging(log: &Log) {
    let filter: Targets =
        log.level.parse().unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO));
    let format = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    let started = if log.json {
        registry.with(format.json().flatten_event(true).with_current_span(false)).try_init()
    } else {
        registry.with(format.with_ansi(wants_colour())).try_init()
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}

/// On a terminal, unless its person wants none.
fn wants_colour() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
    std::io::IsTerminal::is_terminal(&std::io::stderr()) && !unwanted
}
