//! The consuming side of a lane: its group membership ([`Member`]), and a second consumer outside the group that reads
//! changelogs and looks up where partitions end ([`ChangelogReader`], [`Ends`]).

mod changelog;
mod connections;
mod ends;
mod member;
mod offsets;
mod rebalance;
mod tail;

pub use changelog::ChangelogReader;
pub use ends::Ends;
pub use member::{Member, Membership};
pub use offsets::Offsets;
pub use tail::{Tail, TailFrom};

use crate::engine::lane::io::{BEGINNING, Failure, Polled, TopicPartition};
use crate::telemetry::kafka::failure;
use crate::types::SmolStr;
use rdkafka::TopicPartitionList;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::Offset;

fn list<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for at in partitions {
        list.add_partition(&at.topic, at.partition);
    }
    list
}

fn list_at<'a>(
    positions: impl IntoIterator<Item = (&'a TopicPartition, Offset)>,
) -> Result<TopicPartitionList, Failure> {
    let mut list = TopicPartitionList::new();
    for (at, offset) in positions {
        list.add_partition_offset(&at.topic, at.partition, offset).map_err(|error| failure(&error))?;
    }
    Ok(list)
}

fn start(offset: i64) -> Offset {
    if offset == BEGINNING { Offset::Beginning } else { Offset::Offset(offset) }
}

fn partitions(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements()
        .iter()
        .map(|element| TopicPartition {
            topic: SmolStr::new(element.topic()),
            partition: element.partition(),
        })
        .collect()
}

fn polled(message: &BorrowedMessage<'_>, at: TopicPartition) -> Polled {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers
            .iter()
            .map(|header| (SmolStr::new(header.key), header.value.unwrap_or_default().to_vec()))
            .collect()
    });
    Polled {
        at,
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or(0),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers,
    }
}
