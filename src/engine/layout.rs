//! Where records go: partition counts of our logs, and our own partitioner.

use crate::types::{SmolStr, digest_hex};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Log of subjects, read by identity.
pub const SUBJECTS_LOG: &str = "ieum.subjects";
/// Log of households, read by households.
pub const HOUSEHOLDS_LOG: &str = "ieum.households";
/// Log of areas, read by areas.
pub const AREAS_LOG: &str = "ieum.areas";
/// Log of control, one partition.
pub const CONTROL_LOG: &str = "ieum.control";
/// Compacted pack contents.
pub const PACKS_TOPIC: &str = "ieum.packs";
/// Alerts for caseworkers.
pub const ALERTS_TOPIC: &str = "alerts.crisis";
/// Alerts that only specially entrusted people may read.
pub const RESTRICTED_TOPIC: &str = "alerts.restricted";
/// The topics of alerts, of one schema.
pub const ALERT_TOPICS: [&str; 2] = [ALERTS_TOPIC, RESTRICTED_TOPIC];
/// Cases that only a missing fact keeps from matching.
pub const REVIEW_TOPIC: &str = "review.unresolved";
/// Health of sources.
pub const HEALTH_TOPIC: &str = "sources.health";
/// Rejected records.
pub const LETTERS_TOPIC: &str = "dead-letters";

/// Partition counts by topic, fixed when the topics were created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    partitions: BTreeMap<SmolStr, i32>,
}

impl Layout {
    /// From partition counts by topic.
    pub fn new(partitions: impl IntoIterator<Item = (SmolStr, i32)>) -> Self {
        Self { partitions: partitions.into_iter().collect() }
    }

    /// Number of partitions of a topic; 1 for a topic not listed.
    pub fn partitions(&self, topic: &str) -> i32 {
        self.partitions.get(topic).copied().unwrap_or(1).max(1)
    }

    /// The partition of a key: the first eight bytes of its SHA-256, modulo the count. Stable for ever.
    pub fn partition(&self, topic: &str, key: &str) -> i32 {
        let hash = Sha256::digest(key.as_bytes());
        let head = u64::from_be_bytes(std::array::from_fn(|i| hash[i]));
        let count = u64::from(self.partitions(topic).unsigned_abs());
        i32::try_from(head % count).unwrap_or(0)
    }
}

/// The household that stands in for a subject that nobody linked yet.
pub fn provisional_household(subject: &str) -> SmolStr {
    SmolStr::new(format!("prov-{}", &digest_hex(&["provisional", subject])[..18]))
}
