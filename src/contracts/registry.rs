//! Where the schema of a registry id comes from. The shell fills it: a schema registry, or a directory of exported
//! schemas.

use std::collections::BTreeMap;
use std::fmt;

/// Answers registry ids.
pub trait SchemaSource: fmt::Debug + Send + Sync {
    /// The schema of an id as JSON; none if the registry does not have it. May block; remembers what it has seen,
    /// ids that do not exist included.
    fn schema(&self, topic: &str, id: u32) -> Result<Option<String>, SchemaUnavailable>;
}

/// The registry did not answer: the record must be tried again, not rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema registry does not answer: {0}")]
pub struct SchemaUnavailable(pub String);

/// Schemas by id, all known beforehand.
#[derive(Clone, Debug, Default)]
pub struct FixedSchemas(pub BTreeMap<u32, String>);

impl SchemaSource for FixedSchemas {
    fn schema(&self, _topic: &str, id: u32) -> Result<Option<String>, SchemaUnavailable> {
        Ok(self.0.get(&id).cloned())
    }
}
