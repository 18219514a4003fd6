//! Decoded values that borrow: a text is a piece of the record's bytes. What the hot path builds instead of trees.

use super::Tree;
use super::shape::{Node, NodeId, Shape};
use crate::types::SmolStr;

/// One decoded value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Slot<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
    List(Vec<Slot<'a>>),
    Map(Vec<(&'a str, Slot<'a>)>),
    /// Values in the order of the reader's fields; the reader's node has their names.
    Record(NodeId, Vec<Slot<'a>>),
}

impl<'a> Slot<'a> {
    /// A view of a whole tree that was built along the shape, its records in the order of the schema.
    pub(super) fn of(shape: &Shape, node: NodeId, tree: &'a Tree) -> Self {
        match tree {
            Tree::Null => Self::Null,
            Tree::Bool(v) => Self::Bool(*v),
            Tree::Int(v) => Self::Int(*v),
            Tree::Text(text) => Self::Text(text),
            Tree::Bytes(bytes) => Self::Bytes(bytes),
            Tree::List(items) => {
                let inner = match &shape.nodes[shape.branch_of(node, tree)] {
                    Node::Array(items) => *items,
                    _ => node,
                };
                Self::List(items.iter().map(|item| Self::of(shape, inner, item)).collect())
            }
            Tree::Record(entries) => {
                let branch = shape.branch_of(node, tree);
                match &shape.nodes[branch] {
                    Node::Record { fields, .. } => {
                        let slots = fields.iter().zip(entries).map(|(f, (_, v))| Self::of(shape, f.node, v));
                        Self::Record(branch, slots.collect())
                    }
                    Node::Map(values) => Self::Map(
                        entries.iter().map(|(k, v)| (k.as_str(), Self::of(shape, *values, v))).collect(),
                    ),
                    _ => Self::Null,
                }
            }
        }
    }

    /// The value as a tree of its own.
    pub(super) fn tree(&self, shape: &Shape) -> Tree {
        match self {
            Self::Null => Tree::Null,
            Self::Bool(v) => Tree::Bool(*v),
            Self::Int(v) => Tree::Int(*v),
            Self::Text(text) => Tree::Text(SmolStr::new(text)),
            Self::Bytes(bytes) => Tree::Bytes(bytes.to_vec()),
            Self::List(items) => Tree::List(items.iter().map(|item| item.tree(shape)).collect()),
            Self::Map(entries) => {
                Tree::Record(entries.iter().map(|(k, v)| (SmolStr::new(k), v.tree(shape))).collect())
            }
            Self::Record(node, slots) => match &shape.nodes[*node] {
                Node::Record { fields, .. } => Tree::Record(
                    fields.iter().zip(slots).map(|(f, v)| (f.name.clone(), v.tree(shape))).collect(),
                ),
                _ => Tree::Null,
            },
        }
    }
}

impl Shape {
    /// The branch of a union that a tree belongs to; the node itself where it is no union.
    pub(super) fn branch_of(&self, node: NodeId, tree: &Tree) -> NodeId {
        match &self.nodes[node] {
            Node::Union(branches) => branches.iter().copied().find(|b| self.fits(*b, tree)).unwrap_or(node),
            _ => node,
        }
    }

    /// Whether a tree can be a value of a type, looking one level deep and at the names of a record's fields.
    fn fits(&self, node: NodeId, tree: &Tree) -> bool {
        match (&self.nodes[node], tree) {
            (Node::Null, Tree::Null)
            | (Node::Bool, Tree::Bool(_))
            | (Node::Long | Node::Instant, Tree::Int(_))
            | (Node::Bytes, Tree::Bytes(_))
            | (Node::Text, Tree::Text(_))
            | (Node::Array(_), Tree::List(_))
            | (Node::Map(_), Tree::Record(_)) => true,
            (Node::Int | Node::Day, Tree::Int(v)) => i32::try_from(*v).is_ok(),
            (Node::Fixed { size, .. }, Tree::Bytes(bytes)) => bytes.len() == *size,
            (Node::Enum { symbols, .. }, Tree::Text(text)) => symbols.contains(text),
            (Node::Record { fields, .. }, Tree::Record(entries)) => {
                entries.iter().all(|(name, _)| fields.iter().any(|field| field.name == *name))
                    && fields.iter().all(|f| f.default.is_some() || entries.iter().any(|(n, _)| *n == f.name))
            }
            (Node::Union(branches), tree) => branches.iter().any(|branch| self.fits(*branch, tree)),
            _ => false,
        }
    }
}
