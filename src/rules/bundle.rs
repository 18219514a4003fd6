//! A pack as bytes for the compacted topic of packs: its files and those of the contracts that it was checked with, by
//! name behind a format byte, cut into chunks that stay below any broker's limit.
//!
//! The contracts travel along so that a pack stays the pack that its hash names: a binary with a newer word of
//! `topics/` still reads a log whose packs were published before.

use super::plan::Pack;
use crate::contracts::Contracts;
use crate::types::Severity;
use serde::{Deserialize, Serialize};

/// Format of the bytes; a change of [`Files`] raises it.
const FORMAT: u8 = 2;
/// Bytes a chunk may have: a quarter of Kafka's default record limit, so that headers and batches always fit.
pub const CHUNK_BYTES: usize = 256 * 1024;

#[derive(Serialize, Deserialize)]
struct Files {
    rules: Vec<(String, String)>,
    contracts: Vec<(String, String)>,
}

/// Why bytes are no pack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// No byte at all.
    #[error("a pack of no bytes")]
    Empty,
    /// Written by another version.
    #[error("a pack of format {0}, this binary reads {FORMAT}")]
    Format(u8),
    /// Does not decode.
    #[error("a pack that does not decode: {0}")]
    Body(String),
    /// Its contracts or rules have mistakes for this binary, which speaks another version of the languages.
    #[error("a pack with {mistakes} mistakes for this binary, the first {first}")]
    Mistakes {
        /// How many.
        mistakes: usize,
        /// Code and place of the first.
        first: String,
    },
}

/// A pack's files as bytes: rules, params and contracts, sorted by name. Tests and prose stay behind.
pub fn encode<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>, contracts: &Contracts) -> Vec<u8> {
    let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    let files = Files {
        rules: super::pack_files(files).into_iter().map(owned).collect(),
        contracts: contracts.files().map(owned).collect(),
    };
    postcard::to_extend(&files, vec![FORMAT]).expect("names and texts encode into memory")
}

/// The pack again.
pub fn compile(bytes: &[u8]) -> Result<Pack, BundleError> {
    let files: Files = match bytes {
        [] => return Err(BundleError::Empty),
        [FORMAT, body @ ..] => postcard::from_bytes(body).map_err(|e| BundleError::Body(e.to_string()))?,
        [format, ..] => return Err(BundleError::Format(*format)),
    };
    fn pairs(files: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
        files.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }
    let refused = |found: Vec<crate::types::Diagnostic>| {
        let mut errors = found.iter().filter(|mistake| mistake.severity == Severity::Error);
        let first = errors.next().map(|first| format!("{} in {}", first.code, first.file));
        BundleError::Mistakes { mistakes: 1 + errors.count(), first: first.unwrap_or_default() }
    };
    let contracts = Contracts::parse(pairs(&files.contracts)).map_err(refused)?;
    let (pack, found) = super::load(pairs(&files.rules), &contracts);
    pack.ok_or_else(|| refused(found))
}

/// The bytes in pieces of at most [`CHUNK_BYTES`]; joined in order they are the whole again. At least one piece.
pub fn chunks(bytes: &[u8]) -> Vec<&[u8]> {
    match bytes {
        [] => vec![bytes],
        _ => bytes.chunks(CHUNK_BYTES).collect(),
    }
}
