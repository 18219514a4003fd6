//! Trees as JSON and back. Days and instants are ISO 8601 texts (or the numbers that Avro has), unions are plain
//! values, bytes one character a byte as in Avro. For people and for producers without Avro; not a hot path.

use super::Tree;
use super::shape::{Node, NodeId, Shape, bytes_of};
use crate::types::{Day, SmolStr, StreamTime};
use serde_json::Value as Json;

/// A tree as JSON, along its shape.
pub(super) fn render(shape: &Shape, node: NodeId, tree: &Tree) -> Json {
    let branch = shape.branch_of(node, tree);
    match (&shape.nodes[branch], tree) {
        (Node::Day, Tree::Int(v)) => Json::String(Day(i32::try_from(*v).unwrap_or(i32::MAX)).to_string()),
        (Node::Instant, Tree::Int(v)) => Json::String(StreamTime(*v).to_string()),
        (_, Tree::Null) => Json::Null,
        (_, Tree::Bool(v)) => Json::Bool(*v),
        (_, Tree::Int(v)) => Json::from(*v),
        (_, Tree::Text(text)) => Json::String(text.to_string()),
        (_, Tree::Bytes(bytes)) => Json::String(bytes.iter().map(|b| char::from(*b)).collect()),
        (node, Tree::List(items)) => {
            let inner = if let Node::Array(inner) = node { *inner } else { branch };
            Json::Array(items.iter().map(|item| render(shape, inner, item)).collect())
        }
        (node, Tree::Record(entries)) => Json::Object(
            entries
                .iter()
                .map(|(name, value)| {
                    let inner = match node {
                        Node::Record { fields, .. } => {
                            fields.iter().find(|f| f.name == *name).map(|f| f.node)
                        }
                        Node::Map(values) => Some(*values),
                        _ => None,
                    };
                    (name.to_string(), render(shape, inner.unwrap_or(branch), value))
                })
                .collect(),
        ),
    }
}

/// JSON as a whole tree, checked against the shape; fields left out take their defaults. An error names the field
/// that does not fit, never its value, and no name that the schema does not have.
pub(super) fn read(shape: &Shape, node: NodeId, json: &Json) -> Result<Tree, String> {
    let wrong = |what: &str| Err(format!(" takes {what}"));
    match (&shape.nodes[node], json) {
        (Node::Union(branches), json) => {
            let mut failed = String::from(" has no branch for null");
            for branch in branches {
                if matches!(shape.nodes[*branch], Node::Null) != json.is_null() {
                    continue;
                }
                match read(shape, *branch, json) {
                    Ok(tree) => return Ok(tree),
                    Err(error) => failed = error,
                }
            }
            Err(failed)
        }
        (Node::Null, Json::Null) => Ok(Tree::Null),
        (Node::Bool, Json::Bool(v)) => Ok(Tree::Bool(*v)),
        (Node::Int | Node::Day, Json::Number(n)) => match n.as_i64().and_then(|n| i32::try_from(n).ok()) {
            Some(n) => Ok(Tree::Int(i64::from(n))),
            None => wrong("a whole number of 32 bits"),
        },
        (Node::Long | Node::Instant, Json::Number(n)) => match n.as_i64() {
            Some(n) => Ok(Tree::Int(n)),
            None => wrong("a whole number"),
        },
        (Node::Day, Json::String(text)) => match text.parse::<Day>() {
            Ok(day) => Ok(Tree::Int(i64::from(day.0))),
            Err(_) => wrong("a date like 2026-03-01"),
        },
        (Node::Instant, Json::String(text)) => match text.parse::<StreamTime>() {
            Ok(instant) => Ok(Tree::Int(instant.0)),
            Err(_) => wrong("an instant like 2026-03-01T09:00:00+09:00"),
        },
        (Node::Text, Json::String(text)) => Ok(Tree::Text(SmolStr::new(text))),
        (Node::Bytes, Json::String(text)) => match bytes_of(text) {
            Some(bytes) => Ok(Tree::Bytes(bytes)),
            None => wrong("bytes, one character each"),
        },
        (Node::Fixed { size, .. }, Json::String(text)) => match bytes_of(text) {
            Some(bytes) if bytes.len() == *size => Ok(Tree::Bytes(bytes)),
            _ => wrong(&format!("{size} bytes, one character each")),
        },
        (Node::Enum { symbols, .. }, Json::String(text)) => match symbols.iter().find(|s| *s == text) {
            Some(symbol) => Ok(Tree::Text(symbol.clone())),
            None => wrong(&format!("one of {}", symbols.join(", "))),
        },
        (Node::Array(items), Json::Array(values)) => {
            let read = |(i, value)| read(shape, *items, value).map_err(|e| format!("[{i}]{e}"));
            Ok(Tree::List(values.iter().enumerate().map(read).collect::<Result<_, _>>()?))
        }
        (Node::Map(values), Json::Object(entries)) => Ok(Tree::Record(
            entries
                .iter()
                .map(|(key, value)| Ok((SmolStr::new(key), read(shape, *values, value)?)))
                .collect::<Result<_, String>>()?,
        )),
        (Node::Record { fields, .. }, Json::Object(entries)) => {
            let known = |name: &String| fields.iter().any(|field| field.name == *name);
            let unknown = entries.keys().filter(|name| !known(name)).count();
            if unknown > 0 {
                return Err(format!(" has {unknown} field(s) that the schema does not have"));
            }
            let mut tree = Vec::with_capacity(fields.len());
            for field in fields {
                let value = match (entries.get(field.name.as_str()), &field.default) {
                    (Some(json), _) => {
                        read(shape, field.node, json).map_err(|error| format!(".{}{error}", field.name))?
                    }
                    (None, Some(default)) => default.clone(),
                    (None, None) => return Err(format!(".{} is missing", field.name)),
                };
                tree.push((field.name.clone(), value));
            }
            Ok(Tree::Record(tree))
        }
        (Node::Bool, _) => wrong("true or false"),
        (Node::Int | Node::Long | Node::Day | Node::Instant, _) => wrong("a number"),
        (Node::Text | Node::Bytes | Node::Fixed { .. } | Node::Enum { .. }, _) => wrong("a text"),
        (Node::Array(_), _) => wrong("a list"),
        (Node::Map(_) | Node::Record { .. }, _) => wrong("named fields"),
        (Node::Null, _) => wrong("null"),
        (Node::Float | Node::Double, _) => wrong("a binary float, which no topic has"),
    }
}
