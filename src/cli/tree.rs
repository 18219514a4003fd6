//! Decoded records as a terminal and a program are shown them.

use crate::contracts::{Contracts, Tree};
use crate::types::SmolStr;
use std::collections::BTreeMap;

/// A text field; empty where there is none.
pub(super) fn text<'t>(tree: &'t Tree, path: &str) -> &'t str {
    tree.text(path).map_or("", SmolStr::as_str)
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
