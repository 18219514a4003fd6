//! An Avro schema as an arena of nodes: what decode programs, the encoder and JSON walk. Read from a parsed
//! `apache_avro` schema, which has checked names, defaults and references.

use super::Tree;
use crate::types::SmolStr;
use apache_avro::Schema;
use apache_avro::schema::{InnerDecimalSchema, Name, UuidSchema};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Index into [`Shape::nodes`].
pub(super) type NodeId = usize;

/// A schema. Recursive types are cycles of indexes.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
}

/// One type. Logical types other than days and milliseconds are their base types.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Null,
    Bool,
    Int,
    Long,
    /// `int` of logical type `date`.
    Day,
    /// `long` of logical type `timestamp-millis`.
    Instant,
    Float,
    Double,
    Bytes,
    Text,
    Fixed {
        name: SmolStr,
        size: usize,
    },
    Enum {
        name: SmolStr,
        symbols: Vec<SmolStr>,
        default: Option<usize>,
    },
    Array(NodeId),
    Map(NodeId),
    Union(Vec<NodeId>),
    Record {
        name: SmolStr,
        fields: Vec<Field>,
    },
}

/// A field of a record.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: SmolStr,
    pub(super) aliases: Vec<SmolStr>,
    pub(super) node: NodeId,
    /// Whole: fields that a record's default leaves out are filled in.
    pub(super) default: Option<Tree>,
}

impl Shape {
    /// The shape of a schema; an error names the default that does not fit its type.
    pub(super) fn of(schema: &Schema) -> Result<Self, String> {
        let mut builder = Builder { nodes: Vec::new(), named: BTreeMap::new(), defaults: Vec::new() };
        let root = builder.add(schema)?;
        let Builder { nodes, defaults, .. } = builder;
        let mut shape = Self { nodes, root };
        for (record, index, json) in &defaults {
            let Node::Record { fields, .. } = &shape.nodes[*record] else { continue };
            let field = &fields[*index];
            let tree = shape
                .default_tree(field.node, json, &defaults, 0)
                .ok_or_else(|| format!("the default of field \"{}\" does not fit its type", field.name))?;
            if let Node::Record { fields, .. } = &mut shape.nodes[*record] {
                fields[*index].default = Some(tree);
            }
        }
        Ok(shape)
    }

    /// Fields of the root record; none for a root of another type.
    pub(super) fn fields(&self) -> &[Field] {
        match &self.nodes[self.root] {
            Node::Record { fields, .. } => fields,
            _ => &[],
        }
    }

    /// Position of a field of the root record.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.fields().iter().position(|field| field.name == name)
    }

    /// The type without its null branch, where that leaves one type.
    pub(super) fn bare(&self, node: NodeId) -> NodeId {
        match &self.nodes[node] {
            Node::Union(branches) => {
                let mut rest = branches.iter().filter(|b| !matches!(self.nodes[**b], Node::Null));
                match (rest.next(), rest.next()) {
                    (Some(only), None) => *only,
                    _ => node,
                }
            }
            _ => node,
        }
    }

    fn default_tree(
        &self,
        node: NodeId,
        json: &Json,
        defaults: &[(NodeId, usize, Json)],
        depth: usize,
    ) -> Option<Tree> {
        if depth > MAX_DEFAULT_DEPTH {
            return None;
        }
        let again = |node: NodeId, json: &Json| self.default_tree(node, json, defaults, depth + 1);
        Some(match (&self.nodes[node], json) {
            (Node::Null, Json::Null) => Tree::Null,
            (Node::Bool, Json::Bool(v)) => Tree::Bool(*v),
            (Node::Int | Node::Day, Json::Number(n)) => {
                Tree::Int(i64::from(i32::try_from(n.as_i64()?).ok()?))
            }
            (Node::Long | Node::Instant, Json::Number(n)) => Tree::Int(n.as_i64()?),
            (Node::Text, Json::String(text)) => Tree::Text(SmolStr::new(text)),
            (Node::Bytes, Json::String(text)) => Tree::Bytes(bytes_of(text)?),
            (Node::Fixed { size, .. }, Json::String(text)) => {
                Tree::Bytes(bytes_of(text).filter(|bytes| bytes.len() == *size)?)
            }
            (Node::Enum { symbols, .. }, Json::String(text)) => {
                Tree::Text(symbols.iter().find(|symbol| *symbol == text)?.clone())
            }
            (Node::Array(items), Json::Array(values)) => {
                Tree::List(values.iter().map(|value| again(*items, value)).collect::<Option<_>>()?)
            }
            (Node::Map(values), Json::Object(entries)) => Tree::Record(
                entries
                    .iter()
                    .map(|(key, value)| Some((SmolStr::new(key), again(*values, value)?)))
                    .collect::<Option<_>>()?,
            ),
            (Node::Union(branches), json) => branches.iter().find_map(|branch| again(*branch, json))?,
            (Node::Record { fields, .. }, Json::Object(entries)) => Tree::Record(
                fields
                    .iter()
                    .enumerate()
                    .map(|(index, field)| {
                        let own =
                            || defaults.iter().find(|(n, i, _)| *n == node && *i == index).map(|d| &d.2);
                        let json = entries.get(field.name.as_str()).or_else(own)?;
                        Some((field.name.clone(), again(field.node, json)?))
                    })
                    .collect::<Option<_>>()?,
            ),
            // No contract has a binary float; a foreign writer's default of one is never read.
            (Node::Float | Node::Double, Json::Number(_)) => Tree::Null,
            _ => return None,
        })
    }
}

/// Defaults nest no deeper; a recursive default would have no end.
const MAX_DEFAULT_DEPTH: usize = 16;

/// Avro writes bytes in JSON as one character a byte.
pub(super) fn bytes_of(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

struct Builder {
    nodes: Vec<Node>,
    named: BTreeMap<String, NodeId>,
    /// Record, field, default as written.
    defaults: Vec<(NodeId, usize, Json)>,
}

impl Builder {
    fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn name(&mut self, name: &Name, node: NodeId) -> SmolStr {
        self.named.insert(name.fullname(None), node);
        SmolStr::new(name.name())
    }

    fn add(&mut self, schema: &Schema) -> Result<NodeId, String> {
        let node = match schema {
            Schema::Null => Node::Null,
            Schema::Boolean => Node::Bool,
            Schema::Int | Schema::TimeMillis => Node::Int,
            Schema::Date => Node::Day,
            Schema::TimestampMillis => Node::Instant,
            Schema::Long
            | Schema::TimeMicros
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => Node::Long,
            Schema::Float => Node::Float,
            Schema::Double => Node::Double,
            Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => Node::Bytes,
            Schema::String | Schema::Uuid(UuidSchema::String) => Node::Text,
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => Node::Bytes,
                InnerDecimalSchema::Fixed(fixed) => return Ok(self.fixed(&fixed.name, fixed.size)),
            },
            Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
                return Ok(self.fixed(&fixed.name, fixed.size));
            }
            Schema::Enum(declared) => {
                let symbols: Vec<SmolStr> = declared.symbols.iter().map(SmolStr::new).collect();
                let default = declared.default.as_ref().and_then(|d| symbols.iter().position(|s| s == d));
                let node = self.push(Node::Null);
                let name = self.name(&declared.name, node);
                self.nodes[node] = Node::Enum { name, symbols, default };
                return Ok(node);
            }
            Schema::Array(array) => Node::Array(self.add(&array.items)?),
            Schema::Map(map) => Node::Map(self.add(&map.types)?),
            Schema::Union(union) => {
                Node::Union(union.variants().iter().map(|branch| self.add(branch)).collect::<Result<_, _>>()?)
            }
            Schema::Record(record) => {
                let node = self.push(Node::Null);
                let name = self.name(&record.name, node);
                let mut fields = Vec::with_capacity(record.fields.len());
                for (index, field) in record.fields.iter().enumerate() {
                    fields.push(Field {
                        name: SmolStr::new(&field.name),
                        aliases: field.aliases.iter().map(SmolStr::new).collect(),
                        node: self.add(&field.schema)?,
                        default: None,
                    });
                    self.defaults.extend(field.default.clone().map(|json| (node, index, json)));
                }
                self.nodes[node] = Node::Record { name, fields };
                return Ok(node);
            }
            Schema::Ref { name } => {
                let found = self.named.get(&name.fullname(None)).copied();
                return found.ok_or_else(|| format!("type \"{}\" is not declared", name.fullname(None)));
            }
        };
        Ok(self.push(node))
    }

    fn fixed(&mut self, name: &Name, size: usize) -> NodeId {
        let node = self.push(Node::Null);
        let name = self.name(name, node);
        self.nodes[node] = Node::Fixed { name, size };
        node
    }
}
