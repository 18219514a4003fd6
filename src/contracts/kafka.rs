//! Kafka's view of the topics: partitions and configurations for `topics plan` and `topics apply`.

use super::mapping::Mapping;
use super::{Cleanup, Contracts, Route, Topic};
use crate::types::SmolStr;

/// Largest record of a raw topic: far above what is accepted, so that an oversized record becomes a dead letter with a
/// cause instead of an error at its producer alone.
pub const RAW_MESSAGE_BYTES: i32 = 11 << 20;
/// Largest record of other topics where `topic.toml` says nothing: the largest that a lane writes, with room for Kafka's
/// framing. A topic that took less would stop the lane at one record for ever.
pub const OWN_MESSAGE_BYTES: i32 = (2 << 20) + (64 << 10);
const MS_PER_DAY: i64 = 86_400_000;
const MS_PER_HOUR: i64 = 3_600_000;

impl Contracts {
    /// Partitions of every topic by name, for a layout.
    pub fn layout(&self) -> impl Iterator<Item = (SmolStr, i32)> + '_ {
        self.topics().map(|topic| (topic.name.clone(), topic.partitions))
    }
}

impl Topic {
    /// Whether outside producers write it and intake reads it.
    pub fn is_input(&self) -> bool {
        !matches!(self.route, Route::Notices | Route::Output | Route::Internal)
    }

    /// Whether its records say who belongs to whom and what is known of them. Signals mean little before it is read.
    pub fn is_register(&self) -> bool {
        matches!(self.mapping, Some(Mapping::Link(_) | Mapping::Facts(_)))
    }

    /// The configuration to create it with. Every topic stamps records at their append: time order in the log is then
    /// the broker's, and an old event time cannot make retention delete a record that has just come.
    pub fn configs(&self) -> Vec<(&'static str, String)> {
        let retention = self.retention_days.map_or(-1, |days| i64::from(days) * MS_PER_DAY);
        let mut configs = vec![
            ("message.timestamp.type", String::from("LogAppendTime")),
            ("max.message.bytes", self.max_message_bytes.to_string()),
        ];
        match self.cleanup {
            Cleanup::Delete => {
                configs.push(("cleanup.policy", String::from("delete")));
                configs.push(("retention.ms", retention.to_string()));
            }
            Cleanup::Compact => {
                configs.push(("cleanup.policy", String::from("compact")));
                // Recovery checks what is younger than this for gaps, so compaction must leave it alone.
                configs.push(("min.compaction.lag.ms", MS_PER_HOUR.to_string()));
                // An erasure is a fact within two days: one for the segment to roll, one for the cleaner.
                configs.push(("max.compaction.lag.ms", MS_PER_DAY.to_string()));
                configs.push(("segment.ms", MS_PER_DAY.to_string()));
                // A store that was away for less has missed no deletion.
                configs.push(("delete.retention.ms", MS_PER_DAY.to_string()));
            }
        }
        configs.sort_unstable();
        configs
    }
}
