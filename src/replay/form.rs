//! The form of a recorded log: a header, the content of the packs that its records name, its records, an end.
//!
//! ```text
//! "ieum-log" | format 1 | frame, frame, …        frame = length (4 bytes, little endian) | postcard of a `Frame`
//! ```
//!
//! The last frame counts the records and holds a SHA-256 of all bytes before it: what was cut off or damaged is noticed.
//! Records of one partition stand in the order of their offsets; partitions may alternate.

use crate::contracts::Contracts;
use crate::sim::pipeline::LogRecord;
use crate::types::{PackHash, SmolStr, digest_hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a recorded log begins with.
const MAGIC: &[u8; 8] = b"ieum-log";
/// Format of all that follows; a change of [`Frame`] raises it.
const FORMAT: u8 = 1;
/// The longest frame: a record is far below it, a pack with its contracts as well.
const FRAME_BYTES: usize = 64 << 20;

/// What a recorded log is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Topic that was recorded.
    pub topic: SmolStr,
    /// Number of its partitions.
    pub partitions: i32,
    /// Digest of the contracts at hand when it was recorded, [`contracts_digest`].
    pub contracts: String,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// The first.
    Header(Header),
    /// The content of a pack, as `rules::bundle` writes it.
    Pack {
        /// Which.
        hash: PackHash,
        /// Its bytes.
        content: Vec<u8>,
    },
    /// A record of the log.
    Record {
        /// Its partition.
        partition: i32,
        /// Its offset.
        offset: i64,
        /// Its log time, milliseconds since the Unix epoch.
        timestamp_ms: i64,
        /// Key bytes.
        key: Option<Vec<u8>>,
        /// Value bytes.
        value: Option<Vec<u8>>,
        /// Headers in order.
        headers: Vec<(SmolStr, Vec<u8>)>,
    },
    /// The last.
    End {
        /// How many records there are.
        records: u64,
        /// SHA-256 of all bytes before this frame.
        digest: [u8; 32],
    },
}

/// Why bytes are no recorded log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// It does not begin like one.
    #[error("this is no recorded log: \"ieum log record\" and \"ieum simulate --record\" write one")]
    Foreign,
    /// Written by another version.
    #[error("a recorded log of format {0}, this binary reads {FORMAT}: record it anew")]
    Format(u8),
    /// A frame does not decode or stands where none may.
    #[error("a recorded log that is damaged at byte {0}: record it anew, or copy it again")]
    Damaged(u64),
    /// It ends without its last frame.
    #[error("a recorded log that was cut off behind {0} records: record it anew, or copy it again")]
    CutOff(u64),
    /// Its bytes are not those that were written.
    #[error("a recorded log whose bytes have changed since it was written: copy it again")]
    Changed,
}

/// A digest of contracts: two recordings of one digest were written by the same word of `topics/`.
pub fn contracts_digest(contracts: &Contracts) -> String {
    let files: Vec<&str> = contracts.files().flat_map(|(name, text)| [name, text]).collect();
    digest_hex(&files)
}

/// Writes a recorded log, frame by frame, into buffers of whoever owns the file.
#[derive(Clone, Debug)]
pub struct Encoder {
    hasher: Sha256,
    records: u64,
}

impl Encoder {
    /// Begins a log.
    pub fn begin(header: Header, out: &mut Vec<u8>) -> Self {
        let mut encoder = Self { hasher: Sha256::new(), records: 0 };
        let from = out.len();
        out.extend_from_slice(MAGIC);
        out.push(FORMAT);
        encoder.hasher.update(&out[from..]);
        encoder.frame(&Frame::Header(header), out);
        encoder
    }

    /// Adds the content of a pack; before the records that name it.
    pub fn pack(&mut self, hash: PackHash, content: Vec<u8>, out: &mut Vec<u8>) {
        self.frame(&Frame::Pack { hash, content }, out);
    }

    /// Adds a record.
    pub fn record(&mut self, partition: i32, record: LogRecord, out: &mut Vec<u8>) {
        let LogRecord { offset, timestamp_ms, key, value, headers } = record;
        self.records += 1;
        self.frame(&Frame::Record { partition, offset, timestamp_ms, key, value, headers }, out);
    }

    /// How many records there are so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Ends the log.
    pub fn end(mut self, out: &mut Vec<u8>) {
        let digest = self.hasher.clone().finalize().into();
        let records = self.records;
        self.frame(&Frame::End { records, digest }, out);
    }

    fn frame(&mut self, frame: &Frame, out: &mut Vec<u8>) {
        let body = postcard::to_stdvec(frame).expect("a frame without maps or floats encodes into memory");
        let length = u32::try_from(body.len()).expect("a frame is below its limit").to_le_bytes();
        self.hasher.update(length);
        self.hasher.update(&body);
        out.extend_from_slice(&length);
        out.extend_from_slice(&body);
    }
}

/// Reads a recorded log from bytes as they come.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// Of `bytes`, so many are done with.
    done: usize,
    /// Of the file, so many are done with.
    position: u64,
    hasher: Sha256,
    records: u64,
    stands: Stands,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stands {
    #[default]
    AtBeginning,
    AtHeader,
    Inside,
    AtEnd,
}

impl Decoder {
    /// Takes more bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.done);
        self.done = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame; none while bytes are missing. The last one was checked against all before it.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FormError> {
        if self.stands == Stands::AtBeginning {
            let Some(begin) = self.bytes.get(..=MAGIC.len()) else { return Ok(None) };
            match begin.split_at(MAGIC.len()) {
                (magic, [FORMAT]) if magic == MAGIC => {}
                (magic, [format]) if magic == MAGIC => return Err(FormError::Format(*format)),
                _ => return Err(FormError::Foreign),
            }
            self.hasher.update(begin);
            self.pass(MAGIC.len() + 1);
            self.stands = Stands::AtHeader;
        }
        let damaged = FormError::Damaged(self.position);
        let rest = &self.bytes[self.done..];
        if self.stands == Stands::AtEnd {
            return if rest.is_empty() { Ok(None) } else { Err(damaged) };
        }
        let Some((length, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > FRAME_BYTES {
            return Err(damaged);
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let frame: Frame = postcard::from_bytes(body).map_err(|_| damaged.clone())?;
        self.stands = match (&frame, self.stands) {
            (Frame::Header(_), Stands::AtHeader) => Stands::Inside,
            (Frame::Pack { .. } | Frame::Record { .. }, Stands::Inside) => Stands::Inside,
            (Frame::End { .. }, Stands::Inside) => Stands::AtEnd,
            _ => return Err(damaged),
        };
        if let Frame::End { records, digest } = &frame
            && (*records != self.records || digest[..] != self.hasher.clone().finalize()[..])
        {
            return Err(FormError::Changed);
        }
        self.records += u64::from(matches!(frame, Frame::Record { .. }));
        self.hasher.update(&self.bytes[self.done..self.done + 4 + length]);
        self.pass(4 + length);
        Ok(Some(frame))
    }

    /// The file is over: whether it was whole.
    pub fn finish(&self) -> Result<(), FormError> {
        match self.stands {
            Stands::AtEnd => Ok(()),
            Stands::AtBeginning => Err(FormError::Foreign),
            Stands::AtHeader | Stands::Inside => Err(FormError::CutOff(self.records)),
        }
    }

    fn pass(&mut self, bytes: usize) {
        self.done += bytes;
        self.position += bytes as u64;
    }
}
