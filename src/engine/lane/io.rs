//! What a lane asks of the world, one method per protocol step. The shell answers with librdkafka and sled, the
//! simulator with its own log and coordinator, which can crash, fence or time out at each of them.

use crate::engine::effect::Input;
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

impl Polled {
    /// The record as a task takes it.
    pub fn input(&self) -> Input<'_> {
        Input {
            topic: &self.at.topic,
            partition: self.at.partition,
            offset: self.offset,
            timestamp_ms: self.timestamp_ms,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &self.headers,
        }
    }
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

/// How a step failed. Each outcome asks for an answer of its own.
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
    /// The group gave this member's name to another consumer: to another process's, or to one made for a request of this
    /// one whose answer was lost with its broker.
    #[error("the group knows another consumer by this name: {0}")]
    Displaced(String),
    /// Another producer took over this transactional id.
    #[error("fenced by another producer: {0}")]
    Fenced(String),
    /// Cannot mend itself (authorisation, a topic missing, a full disk).
    #[error("cannot go on: {0}")]
    Fatal(String),
}

/// Takes one record of a changelog: offset, log time, key, value (none deletes).
pub type EachChange<'a> = dyn FnMut(i64, i64, &[u8], Option<&[u8]>) + 'a;

/// A record to produce, borrowed: to an explicit partition, a null value being a delete of a changelog key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// Key bytes.
    pub key: Option<&'a [u8]>,
    /// Value bytes; none is a null value.
    pub value: Option<&'a [u8]>,
    /// Headers in order.
    pub headers: &'a [(SmolStr, Vec<u8>)],
}

/// Where a changelog partition begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first offset still there.
    pub start: i64,
    /// The last stable offset: where a read-committed reader ends.
    pub stable: i64,
    /// The high watermark: beyond `stable` while some transaction is open on the partition.
    pub high: i64,
}

/// The position that means "from the first record there is", where a group has no offset yet.
pub const BEGINNING: i64 = -2;

/// The broker, as one lane sees it: one consumer in one group, one transactional producer.
///
/// A method that returns [`Failure::Retry`] had no effect and may be called again with the same arguments. After
/// [`Failure::Fenced`] and [`Failure::Fatal`] the lane calls nothing more and drops the broker; after [`Failure::Displaced`]
/// it asks its producer whose name it is, and then drops the broker.
///
/// An at-least-once implementation answers `begin` with nothing, and `commit` with a plain commit of the offsets
/// that `send_offsets` gave; its `abort` forgets them.
pub trait Broker {
    /// Waits up to `wait_ms` for what comes next. Also serves the group membership.
    fn poll(&mut self, wait_ms: u64) -> Result<Event, Failure>;
    /// Takes assigned partitions in, starting each at its offset ([`BEGINNING`] for the first there is). Until this
    /// call an assigned partition delivers nothing; it may be long after [`Event::Assigned`], with polls between.
    fn assign(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), Failure>;
    /// Gives revoked partitions back, whether or not [`Self::assign`] was called for them.
    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure>;
    /// Stops delivering a partition; its position stays. What was already fetched may still arrive.
    fn pause(&mut self, partition: &TopicPartition) -> Result<(), Failure>;
    /// Goes on delivering a paused partition.
    fn resume(&mut self, partition: &TopicPartition) -> Result<(), Failure>;
    /// Moves positions, after an abort. Nothing fetched before the call is delivered after it.
    fn seek(&mut self, positions: &[(TopicPartition, i64)]) -> Result<(), Failure>;
    /// The group's stable committed offsets, in the order asked; waits for (or fences) an open transaction of a dead
    /// owner, or answers [`Failure::Retry`] while one is open.
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, Failure>;
    /// Begins a transaction.
    fn begin(&mut self) -> Result<(), Failure>;
    /// Queues a record of the open transaction. [`Failure::Retry`] when the queue is full.
    fn produce(&mut self, record: &Outgoing<'_>) -> Result<(), Failure>;
    /// Waits up to `wait_ms` until every record queued since [`Self::begin`] is acknowledged; the offset of each, in the
    /// order produced, or none where some are not yet.
    fn drain(&mut self, wait_ms: u64) -> Result<Option<Vec<i64>>, Failure>;
    /// Adds next input offsets to the transaction, with fresh group metadata.
    fn send_offsets(&mut self, next: &[(TopicPartition, i64)]) -> Result<(), Failure>;
    /// Commits the transaction.
    fn commit(&mut self) -> Result<(), Failure>;
    /// Purges, drains and aborts the transaction.
    fn abort(&mut self) -> Result<(), Failure>;
    /// Drops the producer and makes one with the same transactional id, with `init_transactions`: whatever was open
    /// is decided when this returns.
    fn reopen_producer(&mut self) -> Result<(), Failure>;
    /// Where a changelog partition begins and ends now. `high` comes from a read-uncommitted look.
    fn changelog_bounds(&mut self, at: &TopicPartition) -> Result<Bounds, Failure>;
    /// Reads one bounded chunk of a changelog partition, read-committed, from `from` and not beyond `until`; returns
    /// the position to go on from (`until` or more when done; it jumps over markers and aborted records). `each`
    /// gets offset, log time, key and value. Bounded so that the lane keeps polling in between: it answers `from` where
    /// nothing has come yet, above all at the first chunk behind another place. A failure has handed nothing on.
    fn read_changelog(
        &mut self,
        at: &TopicPartition,
        from: i64,
        until: i64,
        each: &mut EachChange<'_>,
    ) -> Result<i64, Failure>;
}

/// What a store knows of where it stands: written in the same batch as the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StorePosition {
    /// Changelog offset up to which (exclusive) the store holds everything.
    pub changelog_next: i64,
    /// Next input offset at that commit; [`BEGINNING`] before the first marker.
    pub input_next: i64,
    /// Stream time at that commit, ms.
    pub stream_time_ms: i64,
    /// Sequence of the last transaction in it; 0 before the first.
    pub sequence: u64,
    /// Changelog offset of its marker; -1 before the first.
    pub marker_offset: i64,
    /// The lane's clock at that commit, ms: a store older than the changelog keeps deletes is not trusted.
    pub committed_at_ms: i64,
}

/// What is wrong with a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreFault {
    /// Its content cannot be trusted: it is wiped and restored from the changelog.
    #[error("local store is corrupt: {0}")]
    Corrupt(String),
    /// It cannot be written or opened, and restoring would not help (disk full, permission).
    #[error("local store cannot be used: {0}")]
    Unusable(String),
    /// Told at its opening alone: another lane of this process has not let go of it yet. It passes.
    #[error("local store is still open: {0}")]
    Held(String),
}

/// The local store of one task: a rebuildable cache of the changelog. Never the truth.
pub trait Store {
    /// Where it stands; none when empty or wiped.
    fn position(&self) -> Option<StorePosition>;
    /// Reads a record. A store that cannot answer says nothing and reports it in [`Self::fault`], which the lane
    /// asks before it believes an answer.
    fn get(&self, key: &Key) -> Option<Arc<Record>>;
    /// Up to `limit` keys behind `after` in byte order, with their records.
    fn scan(&self, after: Option<&Key>, limit: usize) -> Vec<(Key, Arc<Record>)>;
    /// Takes in whole commits (while restoring: whole chunks); durable when it chooses, always whole batches with
    /// their position. Later reads see it at once. Keys are sorted and unique.
    fn apply(&mut self, delta: &[(Key, Option<Arc<Record>>)], position: StorePosition);
    /// Forgets everything (stale, corrupt or foreign content), and any fault of its content with it.
    fn wipe(&mut self);
    /// What went wrong since it was opened or wiped, if anything.
    fn fault(&self) -> Option<StoreFault> {
        None
    }
}
