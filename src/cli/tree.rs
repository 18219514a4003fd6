//! Reading a decoded record by the names of its fields.

use crate::contracts::{Contracts, Tree};
use crate::types::SmolStr;
use std::collections::BTreeMap;

/// A field by name, or by names joined with dots.
pub(super) fn field<'t>(tree: &'t Tree, path: &str) -> Option<&'t Tree> {
    path.split('.').try_fold(tree, |tree, name| match tree {
        Tree::Record(fields) => fields.iter().find(|(field, _)| field == name).map(|(_, value)| value),
        _ => None,
    })
}

/// A text field; empty where there is none.
pub(super) fn text<'t>(tree: &'t Tree, path: &str) -> &'t str {
    match field(tree, path) {
        Some(Tree::Text(text)) => text,
        _ => "",
    }
}

/// A whole number, day or instant.
pub(super) fn int(tree: &Tree, path: &str) -> Option<i64> {
    match field(tree, path) {
        Some(Tree::Int(number)) => Some(*number),
        _ => None,
    }
}

/// Yes or no; no where it is not said.
pub(super) fn flag(tree: &Tree, path: &str) -> bool {
    matches!(field(tree, path), Some(Tree::Bool(true)))
}

/// The items of a list.
pub(super) fn list<'t>(tree: &'t Tree, path: &str) -> &'t [Tree] {
    match field(tree, path) {
        Some(Tree::List(items)) => items,
        _ => &[],
    }
}

/// The texts of a list.
pub(super) fn texts<'t>(tree: &'t Tree, path: &str) -> Vec<&'t str> {
    let text = |item: &'t Tree| match item {
        Tree::Text(text) => Some(text.as_str()),
        _ => None,
    };
    list(tree, path).iter().filter_map(text).collect()
}

/// A record as JSON, field by field.
pub(super) fn json(tree: &Tree) -> serde_json::Value {
    match tree {
        Tree::Null => serde_json::Value::Null,
        Tree::Bool(yes) => (*yes).into(),
        Tree::Int(number) => (*number).into(),
        Tree::Text(text) => text.as_str().into(),
        Tree::Bytes(bytes) => String::from_utf8_lossy(bytes).into(),
        Tree::List(items) => items.iter().map(json).collect::<Vec<_>>().into(),
        Tree::Record(fields) => fields
            .iter()
            .map(|(name, value)| (name.to_string(), json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

/// Korean labels of the codes that a topic's contract lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels(BTreeMap<SmolStr, BTreeMap<SmolStr, String>>);

impl Labels {
    pub(super) fn of(contracts: &Contracts, topic: &str) -> Self {
        let fields = contracts.topic(topic).map_or(&[][..], |topic| topic.fields.as_slice());
        Self(
            fields.iter().map(|field| (field.path.clone(), field.values.iter().cloned().collect())).collect(),
        )
    }

    /// The label of a code of a field; the code itself where the contract has none.
    pub(super) fn of_code<'a>(&'a self, field: &str, code: &'a str) -> &'a str {
        self.0.get(field).and_then(|labels| labels.get(code)).map_or(code, String::as_str)
    }
}
