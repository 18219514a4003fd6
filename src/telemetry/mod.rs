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

/// Starts logging to stderr. A second call changes nothing: tests may share a process.
pub fn start_logging(log: &Log) {
    let filter: Targets =
        log.level.parse().unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO));
    let format = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    let started = if log.json {
        registry.with(format.json().flatten_event(true).with_current_span(false)).try_init()
    } else {
        registry.with(format.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))).try_init()
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
