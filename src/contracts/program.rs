//! Decode programs: a (writer, reader) pair of schemas compiled once into the steps that read the writer's bytes into
//! the reader's slots. Avro's resolution rules are all in [`Program::compile`]; reading decides nothing.

use super::Tree;
use super::shape::{Field, Node, NodeId, Shape};
use super::slot::Slot;
use crate::types::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Index into [`Program::ops`].
type OpId = usize;

/// How to read one writer's records.
#[derive(Debug)]
pub(super) struct Program {
    ops: Vec<Op>,
    root: OpId,
    /// The reader, whose defaults the slots borrow.
    reader: Arc<Shape>,
}

#[derive(Debug)]
enum Op {
    Null,
    Bool,
    /// A variable-length number that must fit 32 bits.
    Int,
    Long,
    /// Skipped only: no contract has a binary float.
    Wide(usize),
    Bytes,
    Text,
    Fixed(usize),
    /// The reader's symbol for each of the writer's.
    Enum(Vec<Option<SmolStr>>),
    Array(OpId),
    Map(OpId),
    Union(Vec<OpId>),
    Record(RecordOp),
    /// The writer's branch has no place in the reader.
    Never,
}

#[derive(Debug)]
struct RecordOp {
    node: NodeId,
    width: usize,
    /// The writer's fields in order: how to read each, and into which slot; none: skip it.
    fields: Vec<(OpId, Option<usize>)>,
    /// Slots of fields that the writer does not have.
    defaults: Vec<usize>,
}

/// Data nests no deeper, so that no record can exhaust the stack.
const MAX_DEPTH: usize = 64;
/// Items in one record's arrays and maps: an item may have no bytes, so the record's size does not bound them.
const MAX_ITEMS: usize = 1 << 20;

/// Why bytes are no record of their schema. Says nothing of their content.
pub(super) type Broken = &'static str;

impl Program {
    /// Compiles a pair. Of the reader's root record only the `wanted` fields are read, or all. An error names the path
    /// that cannot be resolved.
    pub(super) fn compile(
        writer: &Shape,
        reader: &Arc<Shape>,
        wanted: Option<&[bool]>,
    ) -> Result<Self, String> {
        let mut compiler = Compiler { writer, reader, wanted, ops: Vec::new(), done: BTreeMap::new() };
        let root = compiler.resolve(writer.root, reader.root).map_err(|path| {
            let path = path.trim_start_matches('.');
            let at = if path.is_empty() { String::new() } else { format!(" at \"{path}\"") };
            format!("the two schemas do not fit{at}")
        })?;
        Ok(Self { ops: compiler.ops, root, reader: Arc::clone(reader) })
    }

    /// Reads one record, which must end where the bytes do.
    pub(super) fn read<'a>(&'a self, bytes: &'a [u8]) -> Result<Slot<'a>, Broken> {
        let mut cursor = Cursor { bytes, items_left: MAX_ITEMS };
        let slot = self.run(self.root, &mut cursor, 0)?;
        if cursor.bytes.is_empty() { Ok(slot) } else { Err("bytes follow its end") }
    }

    fn run<'a>(&'a self, op: OpId, cursor: &mut Cursor<'a>, depth: usize) -> Result<Slot<'a>, Broken> {
        if depth > MAX_DEPTH {
            return Err("it nests too deep");
        }
        Ok(match &self.ops[op] {
            Op::Null => Slot::Null,
            Op::Bool => Slot::Bool(cursor.bool()?),
            Op::Int => Slot::Int(cursor.int()?),
            Op::Long => Slot::Int(cursor.long()?),
            Op::Bytes => Slot::Bytes(cursor.sized()?),
            Op::Text => Slot::Text(cursor.text()?),
            Op::Fixed(size) => Slot::Bytes(cursor.take(*size)?),
            Op::Enum(symbols) => {
                let symbol = cursor.index(symbols.len())?;
                Slot::Text(symbols[symbol].as_ref().ok_or("an enum's symbol has no place in the schema")?)
            }
            Op::Array(item) => {
                let mut items = Vec::new();
                while let Some(count) = cursor.block()? {
                    for _ in 0..count {
                        items.push(self.run(*item, cursor, depth + 1)?);
                    }
                }
                Slot::List(items)
            }
            Op::Map(value) => {
                let mut entries = Vec::new();
                while let Some(count) = cursor.block()? {
                    for _ in 0..count {
                        entries.push((cursor.text()?, self.run(*value, cursor, depth + 1)?));
                    }
                }
                Slot::Map(entries)
            }
            Op::Union(branches) => {
                let branch = cursor.index(branches.len())?;
                self.run(branches[branch], cursor, depth + 1)?
            }
            Op::Record(record) => self.record(record, cursor, depth)?,
            Op::Wide(_) | Op::Never => return Err("a union's branch has no place in the schema"),
        })
    }

    fn record<'a>(
        &'a self,
        record: &'a RecordOp,
        cursor: &mut Cursor<'a>,
        depth: usize,
    ) -> Result<Slot<'a>, Broken> {
        let mut slots = vec![Slot::Null; record.width];
        for (op, slot) in &record.fields {
            match slot {
                Some(slot) => slots[*slot] = self.run(*op, cursor, depth + 1)?,
                None => self.skip(*op, cursor, depth + 1)?,
            }
        }
        for slot in &record.defaults {
            let field = self.reader_field(record.node, *slot);
            if let Some((field, default)) = field.and_then(|f| Some((f, f.default.as_ref()?))) {
                slots[*slot] = Slot::of(&self.reader, field.node, default);
            }
        }
        Ok(Slot::Record(record.node, slots))
    }

    fn reader_field(&self, node: NodeId, index: usize) -> Option<&Field> {
        match &self.reader.nodes[node] {
            Node::Record { fields, .. } => fields.get(index),
            _ => None,
        }
    }

    fn skip(&self, op: OpId, cursor: &mut Cursor<'_>, depth: usize) -> Result<(), Broken> {
        if depth > MAX_DEPTH {
            return Err("it nests too deep");
        }
        match &self.ops[op] {
            Op::Null => {}
            Op::Bool => {
                cursor.bool()?;
            }
            Op::Int | Op::Long => {
                cursor.long()?;
            }
            Op::Wide(size) | Op::Fixed(size) => {
                cursor.take(*size)?;
            }
            Op::Bytes | Op::Text => {
                cursor.sized()?;
            }
            Op::Enum(symbols) => {
                cursor.index(symbols.len())?;
            }
            Op::Array(item) => {
                while let Some(count) = cursor.block()? {
                    for _ in 0..count {
                        self.skip(*item, cursor, depth + 1)?;
                    }
                }
            }
            Op::Map(value) => {
                while let Some(count) = cursor.block()? {
                    for _ in 0..count {
                        cursor.sized()?;
                        self.skip(*value, cursor, depth + 1)?;
                    }
                }
            }
            Op::Union(branches) => {
                let branch = cursor.index(branches.len())?;
                self.skip(branches[branch], cursor, depth + 1)?;
            }
            Op::Record(record) => {
                for (op, _) in &record.fields {
                    self.skip(*op, cursor, depth + 1)?;
                }
            }
            Op::Never => return Err("a union's branch has no place in the schema"),
        }
        Ok(())
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    items_left: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Broken> {
        let (head, rest) = self.bytes.split_at_checked(count).ok_or("it ends too early")?;
        self.bytes = rest;
        Ok(head)
    }

    fn bool(&mut self) -> Result<bool, Broken> {
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err("a boolean is neither 0 nor 1"),
        }
    }

    fn long(&mut self) -> Result<i64, Broken> {
        let mut bits = 0_u64;
        for (i, byte) in self.bytes.iter().enumerate().take(10) {
            bits |= u64::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                if i == 9 && *byte > 1 {
                    break;
                }
                self.bytes = &self.bytes[i + 1..];
                return Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed());
            }
        }
        Err("a number does not end")
    }

    fn int(&mut self) -> Result<i64, Broken> {
        let number = self.long()?;
        i32::try_from(number).map(i64::from).map_err(|_| "a number is too large for its type")
    }

    fn sized(&mut self) -> Result<&'a [u8], Broken> {
        let size = usize::try_from(self.long()?).map_err(|_| "a length is negative")?;
        self.take(size)
    }

    fn text(&mut self) -> Result<&'a str, Broken> {
        std::str::from_utf8(self.sized()?).map_err(|_| "a text is not UTF-8")
    }

    fn index(&mut self, count: usize) -> Result<usize, Broken> {
        usize::try_from(self.long()?).ok().filter(|i| *i < count).ok_or("a branch or symbol does not exist")
    }

    /// Items in the next block; none at the end.
    fn block(&mut self) -> Result<Option<usize>, Broken> {
        let mut count = self.long()?;
        if count < 0 {
            // A negative count is followed by the block's size, for readers that skip.
            self.long()?;
            count = count.checked_neg().ok_or("a count has no positive form")?;
        }
        let count = usize::try_from(count).map_err(|_| "a count is too large")?;
        self.items_left = self.items_left.checked_sub(count).ok_or("it has too many items")?;
        Ok((count > 0).then_some(count))
    }
}

struct Compiler<'s> {
    writer: &'s Shape,
    reader: &'s Shape,
    wanted: Option<&'s [bool]>,
    ops: Vec<Op>,
    /// Pairs done or under way; a pair without reader is for skipping.
    done: BTreeMap<(NodeId, Option<NodeId>), OpId>,
}

impl Compiler<'_> {
    fn push(&mut self, op: Op) -> OpId {
        self.ops.push(op);
        self.ops.len() - 1
    }

    /// The step that reads writer type `w` as reader type `r`; an error is the path that does not fit.
    fn resolve(&mut self, w: NodeId, r: NodeId) -> Result<OpId, String> {
        if let Some(op) = self.done.get(&(w, Some(r))) {
            return Ok(*op);
        }
        let (writer, reader) = (self.writer, self.reader);
        if let (node, Node::Union(branches)) = (&writer.nodes[w], &reader.nodes[r])
            && !matches!(node, Node::Union(_))
        {
            // The reader's union leaves no trace in the slots: its branch is the type itself, the exact one first.
            let exact = branches.iter().filter(|b| same_type(node, &reader.nodes[**b]));
            let found = exact.chain(branches).find_map(|branch| self.resolve(w, *branch).ok());
            return found.ok_or_else(String::new);
        }
        let id = self.push(Op::Never);
        self.done.insert((w, Some(r)), id);
        match self.op(w, r) {
            Ok(op) => {
                self.ops[id] = op;
                Ok(id)
            }
            Err(path) => {
                self.done.remove(&(w, Some(r)));
                Err(path)
            }
        }
    }

    fn op(&mut self, w: NodeId, r: NodeId) -> Result<Op, String> {
        let (writer, reader) = (self.writer, self.reader);
        let misfit = Err(String::new());
        match (&writer.nodes[w], &reader.nodes[r]) {
            (Node::Union(branches), _) => {
                let mut ops = Vec::with_capacity(branches.len());
                let mut failed = None;
                for branch in branches {
                    ops.push(match self.resolve(*branch, r) {
                        Ok(op) => op,
                        Err(path) => {
                            failed = Some(path);
                            self.push(Op::Never)
                        }
                    });
                }
                match failed {
                    Some(path) if ops.iter().all(|op| matches!(self.ops[*op], Op::Never)) => Err(path),
                    _ => Ok(Op::Union(ops)),
                }
            }
            (Node::Null, Node::Null) => Ok(Op::Null),
            (Node::Bool, Node::Bool) => Ok(Op::Bool),
            (Node::Int | Node::Day, Node::Int | Node::Day | Node::Long | Node::Instant) => Ok(Op::Int),
            (Node::Long | Node::Instant, Node::Long | Node::Instant) => Ok(Op::Long),
            (Node::Text, Node::Text) | (Node::Bytes, Node::Text) => Ok(Op::Text),
            (Node::Bytes | Node::Text, Node::Bytes) => Ok(Op::Bytes),
            (Node::Fixed { size: a, .. }, Node::Fixed { size: b, .. }) if a == b => Ok(Op::Fixed(*a)),
            (Node::Enum { symbols: from, .. }, Node::Enum { symbols: to, default, .. }) => {
                let default = default.and_then(|index| to.get(index));
                Ok(Op::Enum(from.iter().map(|s| to.iter().find(|t| *t == s).or(default).cloned()).collect()))
            }
            (Node::Array(from), Node::Array(to)) => Ok(Op::Array(self.resolve(*from, *to)?)),
            (Node::Map(from), Node::Map(to)) => Ok(Op::Map(self.resolve(*from, *to)?)),
            (Node::Record { fields: from, .. }, Node::Record { fields: to, .. }) => self.record(from, r, to),
            _ => misfit,
        }
    }

    fn record(&mut self, from: &[Field], r: NodeId, to: &[Field]) -> Result<Op, String> {
        let wanted = self.wanted.filter(|_| r == self.reader.root);
        // A field's own name goes before its aliases.
        let mut slots: Vec<Option<usize>> =
            from.iter().map(|f| to.iter().position(|t| t.name == f.name)).collect();
        for (slot, field) in to.iter().enumerate().filter(|(_, field)| !field.aliases.is_empty()) {
            let aliased = |f: &Field| field.aliases.contains(&f.name);
            if !slots.contains(&Some(slot))
                && let Some(index) = (0..from.len()).find(|i| slots[*i].is_none() && aliased(&from[*i]))
            {
                slots[index] = Some(slot);
            }
        }
        let mut fields = Vec::with_capacity(from.len());
        for (field, slot) in from.iter().zip(&slots) {
            let read = slot.is_some_and(|slot| wanted.is_none_or(|w| w.get(slot).copied().unwrap_or(true)));
            let resolved = slot.map(|slot| {
                self.resolve(field.node, to[slot].node).map_err(|path| format!(".{}{path}", to[slot].name))
            });
            fields.push(match resolved.transpose()? {
                Some(op) if read => (op, *slot),
                _ => (self.skipper(field.node), None),
            });
        }
        let mut defaults = Vec::new();
        for (slot, field) in to.iter().enumerate() {
            match &field.default {
                _ if slots.contains(&Some(slot)) => {}
                // Slots are null until they are read.
                Some(Tree::Null) => {}
                Some(_) => defaults.push(slot),
                None => return Err(format!(".{}", field.name)),
            }
        }
        Ok(Op::Record(RecordOp { node: r, width: to.len(), fields, defaults }))
    }

    /// The step that passes over a writer's type.
    fn skipper(&mut self, w: NodeId) -> OpId {
        if let Some(op) = self.done.get(&(w, None)) {
            return *op;
        }
        let id = self.push(Op::Never);
        self.done.insert((w, None), id);
        let writer = self.writer;
        let op = match &writer.nodes[w] {
            Node::Null => Op::Null,
            Node::Bool => Op::Bool,
            Node::Int | Node::Long | Node::Day | Node::Instant => Op::Long,
            Node::Float => Op::Wide(4),
            Node::Double => Op::Wide(8),
            Node::Bytes | Node::Text => Op::Bytes,
            Node::Fixed { size, .. } => Op::Fixed(*size),
            Node::Enum { symbols, .. } => Op::Enum(vec![None; symbols.len()]),
            Node::Array(items) => Op::Array(self.skipper(*items)),
            Node::Map(values) => Op::Map(self.skipper(*values)),
            Node::Union(branches) => Op::Union(branches.iter().map(|b| self.skipper(*b)).collect()),
            Node::Record { fields, .. } => Op::Record(RecordOp {
                node: 0,
                width: 0,
                fields: fields.iter().map(|field| (self.skipper(field.node), None)).collect(),
                defaults: Vec::new(),
            }),
        };
        self.ops[id] = op;
        id
    }
}

/// Whether two types are one without promotion; named types must have the same name.
fn same_type(a: &Node, b: &Node) -> bool {
    match (a, b) {
        (Node::Record { name: a, .. }, Node::Record { name: b, .. })
        | (Node::Enum { name: a, .. }, Node::Enum { name: b, .. })
        | (Node::Fixed { name: a, .. }, Node::Fixed { name: b, .. }) => a == b,
        (Node::Int | Node::Day, Node::Int | Node::Day)
        | (Node::Long | Node::Instant, Node::Long | Node::Instant) => true,
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}
