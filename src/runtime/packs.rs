//! Follows `ieum.packs` and compiles what arrives, so that a task finds the pack that its log names.
//!
//! A pack lies there in chunks: key `<hash>/<number>`, value the stored form of a [`Chunk`]. Content is addressed by its
//! hash, so a chunk never changes, and a pack that does not compile to its own hash is none.

use crate::config::KafkaConfig;
use crate::contracts::Contracts;
use crate::engine::lane::io::Failure;
use crate::engine::layout::PACKS_TOPIC;
use crate::engine::message::{decode, encode};
use crate::engine::task::PackSource;
use crate::ingest::{Tail, TailFrom};
use crate::rules::bundle;
use crate::rules::plan::Pack;
use crate::types::PackHash;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// A part of a pack's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Number from 0.
    pub part: u32,
    /// Number of chunks.
    pub parts: u32,
    /// A slice of the pack's content.
    pub bytes: Vec<u8>,
}

/// A pack's files (names relative to `rules/`) with its contracts as records of `ieum.packs`: keys and values.
pub fn pack_records<'a>(
    hash: &PackHash,
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
    contracts: &Contracts,
) -> Vec<(String, Vec<u8>)> {
    let content = bundle::encode(files, contracts);
    let chunks = bundle::chunks(&content);
    let parts = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
    (0..parts)
        .zip(chunks)
        .map(|(part, bytes)| {
            (format!("{hash}/{part}"), encode(&Chunk { part, parts, bytes: bytes.to_vec() }))
        })
        .collect()
}

/// Packs by hash, filled as their chunks arrive.
#[derive(Default)]
pub struct Packs {
    packs: RwLock<BTreeMap<PackHash, Arc<Pack>>>,
}

impl PackSource for Packs {
    fn pack(&self, hash: &PackHash) -> Option<Arc<Pack>> {
        self.packs.read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }
}

impl Packs {
    /// No pack yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a pack in as it is: for the demonstration and tests, which have no topic.
    pub fn insert(&self, hash: PackHash, pack: Arc<Pack>) {
        self.packs.write().unwrap_or_else(PoisonError::into_inner).insert(hash, pack);
    }

    /// Follows the topic until told to stop; a broker that is away is tried again.
    pub(super) fn follow(&self, config: &KafkaConfig, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            if let Err(failure) = self.read(config, stop) {
                tracing::warn!(%failure, "rule packs cannot be read; trying again");
                super::pause(Duration::from_secs(1), stop);
            }
        }
    }

    fn read(&self, config: &KafkaConfig, stop: &AtomicBool) -> Result<(), Failure> {
        let mut tail = Tail::open(config, &[PACKS_TOPIC], TailFrom::Beginning)?;
        let mut gathered = Gathered::default();
        while !stop.load(Ordering::Acquire) {
            let record = tail.poll(Duration::from_millis(200))?;
            if let Some(record) = &record {
                let key = record.key.as_deref().unwrap_or_default();
                if let Some((hash, content)) = gathered.take(key, record.value.as_deref()) {
                    self.compile(hash, &content);
                }
            }
        }
        Ok(())
    }

    fn compile(&self, named: PackHash, content: &[u8]) {
        if self.pack(&named).is_some() {
            return;
        }
        match bundle::compile(content) {
            Ok(pack) if pack.hash == named => {
                tracing::info!(pack = named.short(), "rule pack loaded");
                self.insert(named, Arc::new(pack));
            }
            Ok(pack) => tracing::error!(
                pack = named.short(),
                compiled = pack.hash.short(),
                "a rule pack compiles to another hash: it was published by another version of ieum"
            ),
            Err(error) => tracing::error!(pack = named.short(), %error, "a rule pack cannot be used"),
        }
    }
}

/// The content of every whole pack on the broker. An error if for so long nothing comes and the end was not reached.
pub fn pack_contents(
    config: &KafkaConfig,
    patience: Duration,
) -> Result<BTreeMap<PackHash, Vec<u8>>, Failure> {
    let mut tail = Tail::open(config, &[PACKS_TOPIC], TailFrom::Beginning)?;
    let (mut gathered, mut contents) = (Gathered::default(), BTreeMap::new());
    while !tail.has_caught_up() {
        let Some(record) = tail.poll(patience)? else {
            return Err(Failure::Retry(format!("{PACKS_TOPIC} cannot be read to its end")));
        };
        contents.extend(gathered.take(record.key.as_deref().unwrap_or_default(), record.value.as_deref()));
    }
    Ok(contents)
}

/// Chunks of packs that are not complete yet.
#[derive(Debug, Default)]
struct Gathered {
    chunks: BTreeMap<PackHash, BTreeMap<u32, Vec<u8>>>,
}

impl Gathered {
    /// Takes a record; returns the pack's content once it is whole.
    fn take(&mut self, key: &[u8], value: Option<&[u8]>) -> Option<(PackHash, Vec<u8>)> {
        let (hash, _) = std::str::from_utf8(key).ok()?.split_once('/')?;
        let hash: PackHash = hash.parse().ok()?;
        // A removed pack: what is loaded stays loaded while this process lives.
        let chunk: Chunk = decode(value?).ok()?;
        let parts = self.chunks.entry(hash).or_default();
        parts.insert(chunk.part, chunk.bytes);
        if parts.len() < usize::try_from(chunk.parts).ok()? {
            return None;
        }
        let content = self.chunks.remove(&hash)?.into_values().flatten().collect();
        Some((hash, content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::builtin;

    #[test]
    fn chunks_come_together_in_any_order_and_only_once() {
        let files = [
            ("crisis/a.yaml", "x".repeat(bundle::CHUNK_BYTES)),
            ("params/b.yaml", "y".repeat(bundle::CHUNK_BYTES)),
        ];
        let hash = PackHash([7; 32]);
        let contracts = builtin();
        let pairs = || files.iter().map(|(name, text)| (*name, text.as_str()));
        let mut records = pack_records(&hash, pairs(), &contracts);
        assert!(records.len() >= 3, "{}", records.len());
        records.reverse();
        let mut gathered = Gathered::default();
        let whole: Vec<_> =
            records.iter().filter_map(|(key, value)| gathered.take(key.as_bytes(), Some(value))).collect();
        assert_eq!(whole, [(hash, bundle::encode(pairs(), &contracts))]);
    }

    #[test]
    fn foreign_records_are_passed_over() {
        let mut gathered = Gathered::default();
        for (key, value) in
            [(&b"x"[..], Some(&b"y"[..])), (b"\xff/0", None), (b"00/0", Some(b"")), (b"", None)]
        {
            assert_eq!(gathered.take(key, value), None);
        }
    }
}
