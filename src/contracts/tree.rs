//! A decoded record, and reading it by the names of its fields.

use crate::types::SmolStr;

/// A record, field by field by name: what a task or producer builds and a reader gets back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// Null branch of a union.
    Null,
    /// Yes or no.
    Bool(bool),
    /// `int`, `long` and their logical types (days, milliseconds).
    Int(i64),
    /// `string` and `enum`.
    Text(SmolStr),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `array`.
    List(Vec<Tree>),
    /// `record`, or the entries of a `map`: values by name; a field left out takes its default.
    Record(Vec<(SmolStr, Tree)>),
}

/// Fields are named by one name, or by names joined with dots. What is not there, or of another kind, is none of it.
impl Tree {
    /// A field.
    pub fn field(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |tree, name| match tree {
            Self::Record(fields) => fields.iter().find(|(field, _)| field == name).map(|(_, value)| value),
            _ => None,
        })
    }

    /// A text.
    pub fn text(&self, path: &str) -> Option<&SmolStr> {
        self.field(path)?.as_text()
    }

    /// A whole number, day or instant.
    pub fn int(&self, path: &str) -> Option<i64> {
        match self.field(path) {
            Some(Self::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// Whether a field says yes.
    pub fn flag(&self, path: &str) -> bool {
        matches!(self.field(path), Some(Self::Bool(true)))
    }

    /// The items of a list.
    pub fn list(&self, path: &str) -> &[Self] {
        match self.field(path) {
            Some(Self::List(items)) => items,
            _ => &[],
        }
    }

    /// The texts of a list.
    pub fn texts(&self, path: &str) -> Vec<&str> {
        self.list(path).iter().filter_map(Self::as_text).map(SmolStr::as_str).collect()
    }

    fn as_text(&self) -> Option<&SmolStr> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}
