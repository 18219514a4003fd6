//! The form of a topic's Kafka key where it is made of fields, `{household}/{source}/{source_key}`: written for a
//! record, and read back for a removal, whose value is null.

use super::Tree;
use super::codes::BAD_KEY;
use super::mapping::id;
use super::{Reject, Topic};
use crate::types::SmolStr;

/// Fields and the text before each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyForm {
    /// `("", "household"), ("/", "source"), …`
    parts: Vec<(SmolStr, SmolStr)>,
}

impl KeyForm {
    /// Reads a form; none if it names no field.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}')?;
            parts.push((SmolStr::new(before), SmolStr::new(name)));
            rest = behind;
        }
        (!parts.is_empty() && rest.is_empty()).then_some(Self { parts })
    }

    /// Names of the fields.
    pub(super) fn fields(&self) -> impl Iterator<Item = &SmolStr> {
        self.parts.iter().map(|(_, field)| field)
    }

    /// The parts of a key by field. Only the last may hold what separates the others.
    pub(super) fn read<'k>(&self, key: &'k [u8]) -> Result<Vec<(&SmolStr, &'k str)>, Reject> {
        let wrong = || Reject {
            code: BAD_KEY,
            text: String::from("the key of a removal has another form than the topic's"),
        };
        let mut rest = std::str::from_utf8(key).map_err(|_| wrong())?;
        let mut read = Vec::with_capacity(self.parts.len());
        for (i, (before, field)) in self.parts.iter().enumerate() {
            rest = rest.strip_prefix(before.as_str()).ok_or_else(wrong)?;
            let end = match self.parts.get(i + 1) {
                Some((next, _)) => rest.find(next.as_str()).ok_or_else(wrong)?,
                None => rest.len(),
            };
            read.push((field, id(&rest[..end]).map_err(|_| wrong())?));
            rest = &rest[end..];
        }
        Ok(read)
    }

    /// The key of a record, if it has all the fields.
    pub(super) fn write(&self, record: &Tree) -> Option<String> {
        let Tree::Record(entries) = record else { return None };
        let mut key = String::new();
        for (before, field) in &self.parts {
            key.push_str(before);
            match &entries.iter().find(|(name, _)| name == field)?.1 {
                Tree::Text(text) => key.push_str(text),
                _ => return None,
            }
        }
        Some(key)
    }
}

impl Topic {
    /// The Kafka key of a record where the topic's `key` is made of fields; none elsewhere.
    pub fn record_key(&self, record: &Tree) -> Option<String> {
        self.key_form.as_ref()?.write(record)
    }
}
