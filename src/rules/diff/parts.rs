//! A rule taken apart into what has an id of its own, each with its keys and values as lines of text.

use super::{Change, Part};
use crate::rules::keys::GROUPS;
use crate::rules::mistakes::literal;
use crate::rules::source::{Entry, Kind, Node};
use crate::types::Value;
use std::collections::BTreeSet;

/// A part with its keys, in the order written.
#[derive(Clone, Debug)]
pub(super) struct Item {
    part: Part,
    id: String,
    keys: Vec<(String, String)>,
}

impl Item {
    fn new(part: Part, id: &str) -> Self {
        Self { part, id: id.to_owned(), keys: Vec::new() }
    }

    pub(super) fn is_same_part(&self, other: &Self) -> bool {
        (self.part, &self.id) == (other.part, &other.id)
    }

    fn value(&self, key: &str) -> Option<&String> {
        self.keys.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// What `new`, the same part, says otherwise.
    pub(super) fn compare(&self, new: &Self, changes: &mut Vec<Change>) {
        for (key, value) in &new.keys {
            let before = self.value(key);
            if before != Some(value) {
                changes.push(new.change(key, before.cloned(), Some(value.clone())));
            }
        }
        for (key, value) in self.keys.iter().filter(|(key, _)| new.value(key).is_none()) {
            changes.push(new.change(key, Some(value.clone()), None));
        }
    }

    pub(super) fn change(&self, key: &str, old: Option<String>, new: Option<String>) -> Change {
        Change { part: self.part, id: self.id.clone(), key: key.to_owned(), old, new }
    }

    pub(super) fn in_one_line(&self) -> String {
        let line = |(key, value): &(String, String)| match key.is_empty() {
            true => value.clone(),
            false => format!("{key}: {value}"),
        };
        self.keys.iter().map(line).collect::<Vec<_>>().join(", ")
    }
}

/// A param.
pub(super) fn parts_of_param(entry: &Entry) -> Item {
    let mut item = Item::new(Part::Param, &entry.key);
    flatten(&entry.value, "", &mut item.keys);
    item
}

/// All parts of a rule; the first is the rule itself.
pub(super) fn parts_of_rule(node: &Node) -> Vec<Item> {
    let mut items = vec![Item::new(Part::Rule, "")];
    for entry in entries(node) {
        let value = &entry.value;
        match entry.key.as_str() {
            "rule" => {}
            "signals" => {
                for signal in entries(value) {
                    let mut item = Item::new(Part::Signal, &signal.key);
                    flatten(&signal.value, "", &mut item.keys);
                    items.push(item);
                }
            }
            "when" => condition(value, OWNED_BY_RULE, "when", "when", &mut items),
            "also" => conditions(value, OWNED_BY_RULE, "also", "also", &mut items),
            "score" => score(value, &mut items),
            "escalate" => named(value, Part::Escalation, "id", "escalate", &mut items),
            key => flatten(value, key, &mut items[OWNED_BY_RULE].keys),
        }
    }
    // An answer to unknown belongs to the condition that it is given for, which has been read by now.
    let answers =
        entries(node).iter().find(|entry| entry.key == "when").and_then(|when| get(&when.value, "unknown"));
    for answer in answers.into_iter().flat_map(entries) {
        let of = |item: &&mut Item| item.part == Part::Condition && item.id == answer.key;
        if let Some(item) = items.iter_mut().find(of) {
            flatten(&answer.value, "unknown", &mut item.keys);
        }
    }
    items
}

/// Where the rule itself stands among its parts.
const OWNED_BY_RULE: usize = 0;

/// A condition's own keys go to `owner`, behind `path`; conditions in it that have an id become parts, which say where they
/// stand.
fn condition(node: &Node, owner: usize, path: &str, place: &str, items: &mut Vec<Item>) {
    for entry in entries(node) {
        match entry.key.as_str() {
            "id" | "unknown" => {}
            key if GROUPS.contains(&key) => {
                conditions(&entry.value, owner, &joined(path, key), &joined(place, key), items);
            }
            key => flatten(&entry.value, &joined(path, key), &mut items[owner].keys),
        }
    }
}

fn conditions(node: &Node, owner: usize, path: &str, place: &str, items: &mut Vec<Item>) {
    let mut nameless = 0;
    for child in list(node) {
        match get(child, "id").and_then(Node::scalar) {
            Some(id) => {
                let mut item = Item::new(Part::Condition, id);
                item.keys.push(("in".to_owned(), place.to_owned()));
                items.push(item);
                condition(child, items.len() - 1, "", id, items);
            }
            None => {
                nameless += 1;
                condition(child, owner, &format!("{path}[{nameless}]"), place, items);
            }
        }
    }
}

fn score(node: &Node, items: &mut Vec<Item>) {
    for entry in entries(node) {
        match entry.key.as_str() {
            "add" => named(&entry.value, Part::Points, "if", "score.add", items),
            "levels" => {
                for level in entries(&entry.value) {
                    let mut item = Item::new(Part::Level, &level.key);
                    flatten(&level.value, "", &mut item.keys);
                    items.push(item);
                }
            }
            key => flatten(&entry.value, &joined("score", key), &mut items[OWNED_BY_RULE].keys),
        }
    }
}

/// The items of a list, each a part named by one of its keys.
fn named(node: &Node, part: Part, by: &str, path: &str, items: &mut Vec<Item>) {
    for (at, child) in list(node).iter().enumerate() {
        let Some(id) = get(child, by).and_then(Node::scalar) else {
            flatten(child, &format!("{path}[{}]", at + 1), &mut items[OWNED_BY_RULE].keys);
            continue;
        };
        let mut item = Item::new(part, id);
        for entry in entries(child).iter().filter(|entry| entry.key != by) {
            flatten(&entry.value, &entry.key, &mut item.keys);
        }
        items.push(item);
    }
}

/// Values by path. What may be written in two ways is written in one: `{eq: 3}` is 3, a list of one is that one.
fn flatten(node: &Node, path: &str, into: &mut Vec<(String, String)>) {
    match &node.kind {
        Kind::Map(entries) => match entries.as_slice() {
            [only] if only.key == "eq" => flatten(&only.value, path, into),
            [only] if only.key == "param" => {
                into.push((path.to_owned(), format!("param {}", line(&only.value))))
            }
            entries => {
                entries.iter().for_each(|entry| flatten(&entry.value, &joined(path, &entry.key), into))
            }
        },
        Kind::List(items) if items.iter().any(|item| item.entries().is_some()) => {
            for (at, item) in items.iter().enumerate() {
                flatten(item, &format!("{path}[{}]", at + 1), into);
            }
        }
        Kind::Null | Kind::Plain(_) | Kind::Quoted(_) | Kind::List(_) => {
            into.push((path.to_owned(), line(node)))
        }
    }
}

fn line(node: &Node) -> String {
    match &node.kind {
        Kind::Null => "null".to_owned(),
        Kind::Plain(text) => text.clone(),
        Kind::Quoted(text) => {
            // Quotes that make a text of a number make a difference.
            let bare = Node { span: node.span.clone(), kind: Kind::Plain(text.clone()) };
            if matches!(literal(&bare), Some(Value::Text(_))) { text.clone() } else { format!("\"{text}\"") }
        }
        Kind::List(items) => match items.as_slice() {
            [only] => line(only),
            items => format!("[{}]", items.iter().map(line).collect::<Vec<_>>().join(", ")),
        },
        Kind::Map(entries) => {
            let entry = |entry: &Entry| format!("{}: {}", entry.key, line(&entry.value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Names of the params that stand anywhere in a tree.
pub(in crate::rules) fn params_in(node: &Node) -> BTreeSet<String> {
    match &node.kind {
        Kind::Map(entries) => match entries.as_slice() {
            [only] if only.key == "param" => only.value.scalar().map(str::to_owned).into_iter().collect(),
            entries => entries.iter().flat_map(|entry| params_in(&entry.value)).collect(),
        },
        Kind::List(items) => items.iter().flat_map(params_in).collect(),
        Kind::Null | Kind::Plain(_) | Kind::Quoted(_) => BTreeSet::new(),
    }
}

fn entries(node: &Node) -> &[Entry] {
    node.entries().unwrap_or_default()
}

fn list(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::List(items) => items,
        Kind::Null | Kind::Plain(_) | Kind::Quoted(_) | Kind::Map(_) => &[],
    }
}

fn get<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    entries(node).iter().find(|entry| entry.key == key).map(|entry| &entry.value)
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
