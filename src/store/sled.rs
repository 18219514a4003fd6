//! A sled database as a [`Database`].

use super::database::{Batch, Database, Failure, Page};
use std::io::ErrorKind;
use std::path::Path;

pub(super) struct SledDatabase(::sled::Db);

impl SledDatabase {
    pub(super) fn open(dir: &Path, page_cache_bytes: u64) -> Result<Self, Failure> {
        let config = ::sled::Config::new()
            .path(dir)
            .cache_capacity(page_cache_bytes)
            .flush_every_ms(None)
            .mode(::sled::Mode::HighThroughput);
        Ok(Self(config.open()?))
    }
}

impl Database for SledDatabase {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.0.get(key)?.map(|value| value.to_vec()))
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Page, Failure> {
        let entries = self.0.range(from..end).take(limit);
        Ok(entries
            .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())))
            .collect::<Result<_, _>>()?)
    }

    fn write(&self, batch: Batch) -> Result<(), Failure> {
        let mut writes = ::sled::Batch::default();
        for (key, value) in batch {
            match value {
                Some(value) => writes.insert(key, value),
                None => writes.remove(key),
            }
        }
        self.0.apply_batch(writes)?;
        self.0.flush()?;
        Ok(())
    }

    fn bytes(&self) -> Result<u64, Failure> {
        Ok(self.0.size_on_disk()?)
    }

    fn tidy(&self) -> Result<bool, Failure> {
        Ok(false)
    }
}

impl From<::sled::Error> for Failure {
    fn from(error: ::sled::Error) -> Self {
        match error {
            ::sled::Error::Io(inner) if inner.to_string().contains("acquire lock") => Self::Locked,
            ::sled::Error::Io(inner) => match inner.kind() {
                ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Self::Damaged(inner.to_string()),
                _ => Self::Io(inner),
            },
            other => Self::Damaged(other.to_string()),
        }
    }
}
