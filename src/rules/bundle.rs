//! A pack as bytes for the compacted topic of packs: files by name behind a format byte, cut into chunks that stay
//! below any broker's limit.

use serde::{Deserialize, Serialize};

/// Format of the bytes; a change of [`Files`] raises it.
const FORMAT: u8 = 1;
/// Bytes a chunk may have: a quarter of Kafka's default record limit, so that headers and batches always fit.
pub const CHUNK_BYTES: usize = 256 * 1024;

#[derive(Serialize, Deserialize)]
struct Files {
    files: Vec<(String, String)>,
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
}

/// The files of a pack as bytes: rules and params, sorted by name. Tests and prose stay behind.
pub fn encode<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let files: Vec<_> =
        super::pack_files(files).into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    postcard::to_extend(&Files { files }, vec![FORMAT]).expect("names and texts encode into memory")
}

/// The files again.
pub fn decode(bytes: &[u8]) -> Result<Vec<(String, String)>, BundleError> {
    match bytes {
        [] => Err(BundleError::Empty),
        [FORMAT, body @ ..] => {
            let files: Files = postcard::from_bytes(body).map_err(|e| BundleError::Body(e.to_string()))?;
            Ok(files.files)
        }
        [format, ..] => Err(BundleError::Format(*format)),
    }
}

/// The bytes in pieces of at most [`CHUNK_BYTES`]; joined in order they are the whole again. At least one piece.
pub fn chunks(bytes: &[u8]) -> Vec<&[u8]> {
    match bytes {
        [] => vec![bytes],
        _ => bytes.chunks(CHUNK_BYTES).collect(),
    }
}
