//! The changelog's records: sub-keys under `k`, one marker per task and transaction under `m`.

use crate::engine::message::{MessageError, decode, encode};
use crate::engine::state::{Key, Record};
use crate::types::PackHash;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Marker keys repeat after so many transactions, so compaction bounds their number.
pub const MARKER_RING: u64 = 4096;

/// What one transaction did to a task, written behind its changelog records. Recovery holds it against the group's
/// offset and against its neighbours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Number of the task's transaction, from 1.
    pub sequence: u64,
    /// Changelog records of the task in this transaction, this marker not counted.
    pub records: u64,
    /// Next input offset.
    pub input_next: i64,
    /// Stream time, ms.
    pub stream_time_ms: i64,
    /// Pack in force.
    pub pack: Option<PackHash>,
    /// Changelog offset of the marker before; -1 for the first.
    pub previous: i64,
}

const DATA: u8 = b'k';
const MARKER: u8 = b'm';

/// The changelog key of a state key.
pub fn data_key(key: &Key) -> Vec<u8> {
    let mut bytes = key.to_bytes();
    bytes.insert(0, DATA);
    bytes
}

impl Marker {
    /// Its changelog key: `m|` and the sequence modulo [`MARKER_RING`].
    pub fn key(&self) -> Vec<u8> {
        let mut bytes = vec![MARKER, b'|'];
        bytes.extend_from_slice(&((self.sequence % MARKER_RING) as u16).to_be_bytes());
        bytes
    }

    /// Its stored bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }
}

/// One record of a changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A sub-key's new value, or its delete.
    Data(Key, Option<Arc<Record>>),
    /// A marker.
    Marker(Marker),
}

/// Why a changelog record cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The key is none of ours.
    #[error("key {0:02x?} is not a changelog key")]
    Key(Vec<u8>),
    /// A marker without a value.
    #[error("marker has no value")]
    NoMarker,
    /// The value does not decode.
    #[error(transparent)]
    Value(#[from] MessageError),
}

impl Entry {
    /// Reads a changelog record.
    pub fn read(key: &[u8], value: Option<&[u8]>) -> Result<Self, EntryError> {
        let foreign = || EntryError::Key(key.iter().copied().take(32).collect());
        match key.split_first() {
            Some((&DATA, rest)) => {
                let key = Key::from_bytes(rest).ok_or_else(foreign)?;
                Ok(Self::Data(key, value.map(Record::from_bytes).transpose()?.map(Arc::new)))
            }
            Some((&MARKER, _)) => Ok(Self::Marker(decode(value.ok_or(EntryError::NoMarker)?)?)),
            _ => Err(foreign()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_entity_can_take_the_key_of_a_marker() {
        let marker =
            Marker { sequence: 7, records: 0, input_next: 1, stream_time_ms: 0, pack: None, previous: -1 };
        for entity in ["m", "m|", "", "k"] {
            let key = data_key(&Key::new(entity, crate::engine::state::Sub::Head));
            assert_ne!(key.first(), marker.key().first());
            assert_eq!(
                Entry::read(&key, None),
                Ok(Entry::Data(Key::new(entity, crate::engine::state::Sub::Head), None))
            );
        }
    }

    #[test]
    fn the_marker_key_repeats_after_the_ring() {
        let marker = |sequence| Marker {
            sequence,
            records: 2,
            input_next: 1,
            stream_time_ms: 0,
            pack: None,
            previous: 4,
        };
        assert_eq!(marker(5).key(), marker(5 + MARKER_RING).key());
        assert_ne!(marker(5).key(), marker(6).key());
        assert_eq!(marker(5).key().len(), 4);
    }

    #[test]
    fn the_first_marker_format_is_read_for_ever() {
        let marker =
            Marker { sequence: 300, records: 2, input_next: 41, stream_time_ms: 9, pack: None, previous: 7 };
        let bytes = [1, 0, 0xac, 0x02, 2, 82, 18, 0, 14];
        assert_eq!(marker.to_bytes(), bytes);
        assert_eq!(Entry::read(&marker.key(), Some(&bytes)), Ok(Entry::Marker(marker)));
        assert!(matches!(
            Entry::read(b"m|ab", Some(&[2, 0, 1])),
            Err(EntryError::Value(MessageError::Format(2)))
        ));
        assert!(matches!(Entry::read(b"x", None), Err(EntryError::Key(_))));
    }
}
