//! Connectors: open APIs read page by page into notice topics, original values and all. What an API looks like (its parameters,
//! envelopes, key, quota) is a file of `deploy/sources`; nothing here knows one by name, and nothing here interprets a notice.
//!
//! [`Collector`] asks through three traits, so that a test can be the network, the clock and the log: [`Ask`] sends one request,
//! [`Journal`] keeps marks and commits them with the data in one transaction, [`Clock`] tells time and waits. What was published is
//! known from the marks alone, which are read back at each start (decision 17).

mod answer;
mod asking;
mod clock;
pub mod codes;
mod files;
mod http;
mod journal;
mod marks;
mod pass;
mod record;
mod source;
mod summary;
#[cfg(test)]
mod tests;
mod trouble;

pub use asking::{Ask, Raw};
pub use clock::{AskedToStop, Clock, WallClock};
pub use codes::COLLECT_CODES;
pub use files::Files;
pub use http::Http;
pub use journal::{Entry, Journal, KafkaJournal, NoJournal, Stored};
pub use marks::MARKS_TOPIC;
pub use pass::{Collector, Scope};
pub use source::{Source, builtin_files, check};
pub use summary::{Drift, Ended, Progress, Summary, What};
pub use trouble::{Kind, Trouble};
