//! How far behind the stages are, partition by partition: on the embedded broker a reader that falls too far behind loses
//! records.

use crate::config::KafkaConfig;
use crate::engine::lane::io::Failure;
use crate::ingest::Ends;
use crate::runtime::Status;

/// A partition that lags by so many records holds the city back.
const MOST_RECORDS: i64 = 40_000;
/// Or by so many bytes, of the 5 MiB that the broker keeps.
const MOST_BYTES: i64 = 2 << 20;
/// Bytes of a record with what the protocol adds, as an upper bound: raw records and those of stage logs have 100 to 400.
const RECORD_BYTES: i64 = 512;

/// The lag of all stages at the last look.
pub(super) struct Lag {
    ends: Ends,
    /// Of all partitions together, in records.
    pub(super) records: i64,
    /// Of the partition that is furthest behind.
    longest: i64,
}

impl Lag {
    pub(super) fn open(kafka: &KafkaConfig) -> Result<Self, Failure> {
        Ok(Self { ends: Ends::open(kafka)?, records: 0, longest: 0 })
    }

    /// Looks at every partition that some task reads.
    pub(super) fn look(&mut self, status: &Status) {
        let lags = status.lanes.iter().flat_map(|lane| &lane.tasks).filter_map(|task| {
            let (start, end) = self.ends.stable(&task.at).ok()?;
            Some((end - task.committed.max(start)).max(0))
        });
        let (records, longest) = lags.fold((0, 0), |(sum, longest), lag| (sum + lag, lag.max(longest)));
        (self.records, self.longest) = (records, longest);
    }

    /// Whether the city has to wait.
    pub(super) fn is_long(&self) -> bool {
        self.longest >= MOST_RECORDS || self.longest * RECORD_BYTES >= MOST_BYTES
    }
}
