//! What a store asks of the library or files that keep its bytes.

use super::sled::SledDatabase;
use super::tables::Tables;
use crate::config::StoreEngine;
use std::path::Path;
use std::sync::Arc;

/// Stored bytes by stored key; none is a delete. Keys are sorted and unique.
pub(super) type Batch = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Keys with their values, in key order.
pub(super) type Page = Vec<(Vec<u8>, Vec<u8>)>;

/// Bytes by key, in key order.
pub(super) trait Database: Send + Sync {
    /// The value under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Failure>;
    /// Up to `limit` entries from `from` on, before `end`.
    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Page, Failure>;
    /// Takes in all of a batch or, whatever happens meanwhile, nothing of it.
    fn write(&self, batch: Batch) -> Result<(), Failure>;
    /// Bytes of its files.
    fn bytes(&self) -> Result<u64, Failure>;
    /// One step of its housekeeping, some milliseconds at most; whether more is to do.
    fn tidy(&self) -> Result<bool, Failure>;
}

/// Why a database did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Another handle has it open.
    #[error("it is open elsewhere")]
    Locked,
    /// Its content cannot be trusted.
    #[error("{0}")]
    Damaged(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Opens a database in a directory of its own, or makes it.
pub(super) fn open(
    engine: StoreEngine,
    dir: &Path,
    page_cache_bytes: u64,
) -> Result<Arc<dyn Database>, Failure> {
    Ok(match engine {
        StoreEngine::Tables => Arc::new(Tables::open(dir)?),
        StoreEngine::Sled => Arc::new(SledDatabase::open(dir, page_cache_bytes)?),
    })
}
