//! Fields of decoded output records.

use ieum::contracts::Tree;

/// A field of a decoded record; null where there is none.
pub(crate) fn field<'a>(record: &'a Tree, name: &str) -> &'a Tree {
    let Tree::Record(fields) = record else { return &Tree::Null };
    fields.iter().find(|(known, _)| known == name).map_or(&Tree::Null, |(_, value)| value)
}

pub(crate) fn text(record: &Tree, name: &str) -> Option<String> {
    match field(record, name) {
        Tree::Text(text) => Some(text.to_string()),
        _ => None,
    }
}

pub(crate) fn int(record: &Tree, name: &str) -> Option<i64> {
    match field(record, name) {
        Tree::Int(n) => Some(*n),
        _ => None,
    }
}
