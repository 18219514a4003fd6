//! What a lane asks of the world, one method per protocol step. The shell answers with librdkafka and sled, the
//! simulator with its own log and coordinator, which can crash, fence or time out at each of them.

use crate::engine::effect::Output;
use crate::engine::state::{Key, Record};
use crate::types::SmolStr;
use std::sync::Arc;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Topic.
    pub topic: SmolStr,
    /// Partition.
    pub partition: i32,
}

/// One polled record, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polled {
    /// Where it lay.
    pub at: TopicPartition,
    /// Its offset.
    pub offset: i64,
    /// Log time in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// Key bytes.
    pub key: Option<Vec<u8>>,
    /// Value bytes.
    pub value: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<(SmolStr, Vec<u8>)>,
}

/// What a poll brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A record.
    Record(Polled),
    /// The end of a partition: everything before this position has been polled (markers and aborted tails included).
    End {
        /// Which.
        at: TopicPartition,
        /// The position at its end.
        position: i64,
    },
    /// The group gave these partitions to this member. The lane answers with [`Broker::assign`] once recovered.
    Assigned(Vec<TopicPartition>),
    /// The group takes these away. The lane commits, then answers with [`Broker::unassign`].
    Revoked {
        /// Which.
        partitions: Vec<TopicPartition>,
        /// The membership is already lost: abort instead of committing.
        lost: bool,
    },
    /// Nothing within the wait.
    Idle,
}

/// How a step failed. The four outcomes ask for four different answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing happened; the same call may be made again (broker away, time-out without effect).
    #[error("broker not reachable: {0}")]
    Retry(String),
    /// The transaction must be aborted and its inputs handled again (rebalance in progress, stale generation).
    #[error("transaction must be aborted: {0}")]
    Abort(String),
    /// Nobody knows whether the transaction committed (its commit timed out, or the broker timed it out).
    #[error("transaction outcome is unknown: {0}")]
    Indefinite(String),
    /// Another producer took over this transactional id.
    #[error("fenced by another producer: {0}")]
    Fenced(String),
    /// Cannot mend itself (authorisation, a topic missing, a full disk).
    #[error("cannot go on: {0}")]
    Fatal(String),
}

/// Takes one record of a changelog: offset, log time, key, value (none deletes).
pub type EachChange<'a> = dyn FnMut(i64, i64, &[u8], Option<&[u8]>) + 'a;

/// The broker, as one lane sees it: one consumer in one group, one transactional producer.
pub trait Broker {
    /// Waits up to `wait_ms` for what comes next. Also serves the group membership.
    fn poll(&mut self, wait_ms: u64) -> Result<Event, Failure>;
    /// Takes assigned partitions in, starting each at its offset.
    fn assign(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), Failure>;
    /// Gives partitions back.
    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure>;
    /// Moves positions, after an abort.
    fn seek(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), Failure>;
    /// The group's stable committed offsets; waits for (or fences) an open transaction of a dead owner.
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, Failure>;
    /// Begins a transaction.
    fn begin(&mut self) -> Result<(), Failure>;
    /// Queues a record of the open transaction.
    fn produce(&mut self, output: Output) -> Result<(), Failure>;
    /// Waits until every queued record is acknowledged; the offset of each, in the order produced.
    fn drain(&mut self) -> Result<Vec<i64>, Failure>;
    /// Adds next input offsets to the transaction, with fresh group metadata.
    fn send_offsets(&mut self, next: &[(TopicPartition, i64)]) -> Result<(), Failure>;
    /// Commits the transaction.
    fn commit(&mut self) -> Result<(), Failure>;
    /// Purges, drains and aborts the transaction.
    fn abort(&mut self) -> Result<(), Failure>;
    /// Drops the producer and makes one with the same transactional id; fences what was open.
    fn reopen_producer(&mut self) -> Result<(), Failure>;
    /// Reads a changelog partition, read-committed, from `from` to its end at the time of the call; returns that
    /// end. `each` gets offset, log time, key and value.
    fn read_changelog(
        &mut self,
        at: &TopicPartition,
        from: i64,
        each: &mut EachChange<'_>,
    ) -> Result<i64, Failure>;
}

/// What a store knows of where it stands: written in the same batch as the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StorePosition {
    /// Changelog offset up to which (exclusive) the store holds everything.
    pub changelog_next: i64,
    /// Next input offset at that commit.
    pub input_next: i64,
    /// Stream time at that commit, ms.
    pub stream_time_ms: i64,
    /// Sequence of the last transaction in it.
    pub sequence: u64,
    /// Changelog offset of its marker; -1 before the first.
    pub marker_offset: i64,
}

/// The local store of one task: a rebuildable cache of the changelog. Never the truth.
pub trait Store {
    /// Where it stands; none when empty or wiped.
    fn position(&self) -> Option<StorePosition>;
    /// Reads a record.
    fn get(&self, key: &Key) -> Option<Arc<Record>>;
    /// Keys behind `after` in byte order, with their records.
    fn scan(&self, after: Option<&Key>, limit: usize) -> Vec<(Key, Arc<Record>)>;
    /// Takes in whole commits; durable when it chooses, always whole batches with their position.
    fn apply(&mut self, delta: &[(Key, Option<Arc<Record>>)], position: StorePosition);
    /// Forgets everything (stale, corrupt or foreign content).
    fn wipe(&mut self);
}
