//! Encoding of trees. Defaults are encoded once; a tree whose fields come in the schema's order costs no search.

use super::Tree;
use super::shape::{Field, Node, NodeId, Shape};
use crate::types::did_you_mean;
use std::sync::Arc;

/// Encodes trees of one schema.
#[derive(Debug)]
pub(super) struct Encoder {
    shape: Arc<Shape>,
    /// Encoded defaults, by record node and field.
    defaults: Vec<Vec<Option<Vec<u8>>>>,
}

impl Encoder {
    pub(super) fn new(shape: Arc<Shape>) -> Self {
        let mut encoder = Self { defaults: vec![Vec::new(); shape.nodes.len()], shape };
        let shape = Arc::clone(&encoder.shape);
        let encode = |field: &Field| {
            let mut bytes = Vec::new();
            let tree = field.default.as_ref()?;
            encoder.put(field.node, tree, &mut bytes).ok().map(|()| bytes)
        };
        let defaults = shape.nodes.iter().map(|node| match node {
            Node::Record { fields, .. } => fields.iter().map(encode).collect(),
            _ => Vec::new(),
        });
        encoder.defaults = defaults.collect();
        encoder
    }

    /// Appends the datum of a tree; an error names the field that does not fit, never its value.
    pub(super) fn encode(&self, tree: &Tree, out: &mut Vec<u8>) -> Result<(), String> {
        self.put(self.shape.root, tree, out).map_err(|misfit| {
            let path = misfit.path.join(".");
            if path.is_empty() { misfit.what } else { format!("field \"{path}\" {}", misfit.what) }
        })
    }

    fn put(&self, node: NodeId, tree: &Tree, out: &mut Vec<u8>) -> Result<(), Misfit> {
        match (&self.shape.nodes[node], tree) {
            (Node::Union(branches), tree) => return self.union(branches, tree, out),
            (Node::Null, Tree::Null) => {}
            (Node::Bool, Tree::Bool(v)) => out.push(u8::from(*v)),
            (Node::Int | Node::Day, Tree::Int(v)) => match i32::try_from(*v) {
                Ok(v) => long(i64::from(v), out),
                Err(_) => return Err(Misfit::new("is too large for an int")),
            },
            (Node::Long | Node::Instant, Tree::Int(v)) => long(*v, out),
            (Node::Text, Tree::Text(text)) => sized(text.as_bytes(), out),
            (Node::Bytes, Tree::Bytes(bytes)) => sized(bytes, out),
            (Node::Fixed { size, .. }, Tree::Bytes(bytes)) if bytes.len() == *size => out.extend(bytes),
            (Node::Enum { symbols, .. }, Tree::Text(text)) => {
                match symbols.iter().position(|symbol| symbol == text) {
                    Some(index) => count(index, out),
                    None => return Err(Misfit::new(format!("takes one of {}", symbols.join(", ")))),
                }
            }
            (Node::Array(items), Tree::List(values)) => {
                if !values.is_empty() {
                    count(values.len(), out);
                    for value in values {
                        self.put(*items, value, out)?;
                    }
                }
                out.push(0);
            }
            (Node::Map(values), Tree::Record(entries)) => {
                if !entries.is_empty() {
                    count(entries.len(), out);
                    for (key, value) in entries {
                        sized(key.as_bytes(), out);
                        self.put(*values, value, out).map_err(|m| m.under(key))?;
                    }
                }
                out.push(0);
            }
            (Node::Record { fields, .. }, Tree::Record(entries)) => {
                return self.record(node, fields, entries, out);
            }
            (node, tree) => return Err(Misfit::new(format!("takes {}, not {}", named(node), kind(tree)))),
        }
        Ok(())
    }

    fn union(&self, branches: &[NodeId], tree: &Tree, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let start = out.len();
        let mut failed = Misfit::new(format!("has no branch for {}", kind(tree)));
        for (index, branch) in branches.iter().enumerate() {
            let null = matches!(self.shape.nodes[*branch], Node::Null);
            if null != matches!(tree, Tree::Null) {
                continue;
            }
            count(index, out);
            match self.put(*branch, tree, out) {
                Ok(()) => return Ok(()),
                Err(misfit) => failed = misfit,
            }
            out.truncate(start);
        }
        Err(failed)
    }

    fn record(
        &self,
        node: NodeId,
        fields: &[Field],
        entries: &[(crate::types::SmolStr, Tree)],
        out: &mut Vec<u8>,
    ) -> Result<(), Misfit> {
        let (mut next, mut used) = (0, 0);
        for (index, field) in fields.iter().enumerate() {
            let found = match entries.get(next) {
                Some(entry) if entry.0 == field.name => Some(next),
                _ => entries.iter().position(|(name, _)| *name == field.name),
            };
            if let Some(at) = found {
                self.put(field.node, &entries[at].1, out).map_err(|misfit| misfit.under(&field.name))?;
                next = at + 1;
                used += 1;
                continue;
            }
            match self.defaults.get(node).and_then(|d| d.get(index)) {
                Some(Some(bytes)) => out.extend(bytes),
                _ => match &field.default {
                    Some(tree) => self.put(field.node, tree, out).map_err(|m| m.under(&field.name))?,
                    None => return Err(Misfit::new("is missing and has no default").under(&field.name)),
                },
            }
        }
        if used == entries.len() {
            return Ok(());
        }
        let unknown = entries.iter().find(|(name, _)| !fields.iter().any(|field| field.name == *name));
        Err(match unknown {
            Some((name, _)) => {
                let near = did_you_mean(name, fields.iter().map(|field| field.name.as_str()));
                let hint = near.map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
                Misfit::new(format!("is not in the schema{hint}")).under(name)
            }
            None => Misfit::new("a field is given twice"),
        })
    }
}

/// What does not fit, and the names that lead to it.
struct Misfit {
    path: Vec<String>,
    what: String,
}

impl Misfit {
    fn new(what: impl Into<String>) -> Self {
        Self { path: Vec::new(), what: what.into() }
    }

    fn under(mut self, name: &str) -> Self {
        self.path.insert(0, name.to_owned());
        self
    }
}

fn long(value: i64, out: &mut Vec<u8>) {
    let mut bits = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while bits >= 0x80 {
        out.push((bits & 0x7f) as u8 | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
}

fn count(count: usize, out: &mut Vec<u8>) {
    long(i64::try_from(count).unwrap_or(i64::MAX), out);
}

fn sized(bytes: &[u8], out: &mut Vec<u8>) {
    count(bytes.len(), out);
    out.extend(bytes);
}

fn named(node: &Node) -> &'static str {
    match node {
        Node::Null => "null",
        Node::Bool => "a boolean",
        Node::Int => "an int",
        Node::Long => "a long",
        Node::Day => "a day (days since 1970-01-01)",
        Node::Instant => "an instant (milliseconds since 1970-01-01)",
        Node::Float | Node::Double => "a binary float, which no topic has",
        Node::Bytes => "bytes",
        Node::Text => "a text",
        Node::Fixed { .. } => "bytes of a fixed size",
        Node::Enum { .. } => "one of an enum's texts",
        Node::Array(_) => "a list",
        Node::Map(_) | Node::Record { .. } => "named fields",
        Node::Union(_) => "one of several types",
    }
}

pub(super) fn kind(tree: &Tree) -> &'static str {
    match tree {
        Tree::Null => "null",
        Tree::Bool(_) => "a boolean",
        Tree::Int(_) => "a number",
        Tree::Text(_) => "a text",
        Tree::Bytes(_) => "bytes",
        Tree::List(_) => "a list",
        Tree::Record(_) => "named fields",
    }
}
