//! What a schema says of its fields beside their types: doc, label, unit, privacy class, codes, and whether state
//! keeps them.

use super::codes::{NO_CLASS, NO_LABEL, UNKNOWN_KEY, WRONG_TYPE, WRONG_VALUE};
use super::shape::{Node, NodeId, Shape};
use super::tables::mistake;
use super::{FieldDoc, Pii, Type};
use crate::types::{Diagnostic, SmolStr, did_you_mean};
use apache_avro::Schema;
use apache_avro::schema::RecordField;
use std::ops::Range;

/// Attributes of a field that are not Avro's own.
const ATTRIBUTES: &[&str] = &["label", "unit", "pii", "keep", "values", "order"];
const CLASSES: &[(&str, Pii)] = &[
    ("none", Pii::None),
    ("pseudonym", Pii::Pseudonym),
    ("indirect", Pii::Indirect),
    ("sensitive", Pii::Sensitive),
];

/// Reads the fields of a schema, nested ones by path, and checks what every field must have.
pub(super) fn read(file: &str, text: &str, schema: &Schema, found: &mut Vec<Diagnostic>) -> Vec<FieldDoc> {
    let mut reader = Reader { file, text, at: 0, found, docs: Vec::new() };
    reader.schema(schema, "");
    reader.docs
}

struct Reader<'r> {
    file: &'r str,
    text: &'r str,
    /// Where the last field was found; fields are met in the file's order.
    at: usize,
    found: &'r mut Vec<Diagnostic>,
    docs: Vec<FieldDoc>,
}

impl Reader<'_> {
    fn schema(&mut self, schema: &Schema, path: &str) {
        match schema {
            Schema::Record(record) => {
                for field in &record.fields {
                    self.field(field, path);
                }
            }
            Schema::Array(array) => self.schema(&array.items, path),
            Schema::Map(map) => self.schema(&map.types, path),
            Schema::Union(union) => union.variants().iter().for_each(|branch| self.schema(branch, path)),
            _ => {}
        }
    }

    fn field(&mut self, field: &RecordField, path: &str) {
        let span = self.place(&field.name);
        let name = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
        let mut report = |code, message: String, help: Option<String>| {
            self.found.push(Diagnostic { help, ..mistake(code, self.file, span.clone(), message) });
        };
        for key in field.custom_attributes.keys().filter(|key| !ATTRIBUTES.contains(&key.as_str())) {
            let near =
                did_you_mean(key, ATTRIBUTES.iter().copied()).map(|n| format!("did you mean \"{n}\"?"));
            report(UNKNOWN_KEY, format!("field \"{name}\" has an unknown attribute \"{key}\""), near);
        }
        let attribute = |key: &str| field.custom_attributes.get(key);
        let text =
            |key: &str| attribute(key).and_then(|v| v.as_str()).map(str::to_owned).filter(|t| !t.is_empty());
        let class = attribute("pii").and_then(|v| v.as_str());
        let pii = CLASSES.iter().find(|(word, _)| Some(*word) == class).map(|(_, pii)| *pii);
        if pii.is_none() {
            let takes = Some(String::from("pii is \"none\", \"pseudonym\", \"indirect\" or \"sensitive\""));
            report(NO_CLASS, format!("field \"{name}\" has no privacy class"), takes);
        }
        let (doc, label) = (field.doc.clone().filter(|d| !d.is_empty()), text("label"));
        for (what, missing) in [("doc", doc.is_none()), ("label", label.is_none())] {
            if missing {
                report(NO_LABEL, format!("field \"{name}\" has no {what}"), None);
            }
        }
        if matches!(field.schema, Schema::Float | Schema::Double) {
            let help = Some(String::from("use a whole number in a smaller unit"));
            report(WRONG_TYPE, format!("field \"{name}\" is a binary float"), help);
        }
        let keep = attribute("keep").is_some_and(|v| v.as_bool() == Some(true));
        if attribute("keep").is_some_and(|v| !v.is_boolean()) {
            report(WRONG_VALUE, format!("\"keep\" of field \"{name}\" takes true or false"), None);
        }
        let mut values = Vec::new();
        if let Some(declared) = attribute("values") {
            let pairs = declared.as_object().map(|codes| {
                codes
                    .iter()
                    .filter_map(|(code, label)| Some((SmolStr::new(code), label.as_str()?.to_owned())))
            });
            match pairs {
                Some(pairs) => values.extend(pairs),
                None => report(
                    WRONG_VALUE,
                    format!("\"values\" of field \"{name}\" takes codes and labels"),
                    None,
                ),
            }
        }
        self.docs.push(FieldDoc {
            path: SmolStr::new(&name),
            doc: doc.unwrap_or_default(),
            label: label.unwrap_or_default(),
            unit: text("unit"),
            pii: pii.unwrap_or(Pii::Sensitive),
            keep,
            values,
        });
        self.schema(&field.schema, &name);
    }

    /// The field's name in the file: the next `"name": "…"` behind the last one.
    fn place(&mut self, name: &str) -> Range<usize> {
        let quoted = format!("\"{name}\"");
        let next = |from: usize| {
            let text = self.text.get(from..)?;
            text.match_indices(&quoted).map(|(at, _)| from + at).find(|at| {
                self.text[..*at]
                    .trim_end()
                    .strip_suffix(':')
                    .is_some_and(|t| t.trim_end().ends_with("\"name\""))
            })
        };
        let Some(at) = next(self.at).or_else(|| next(0)) else { return 0..0 };
        self.at = at + quoted.len();
        at..self.at
    }
}

impl Shape {
    /// The type that rules see; none where they cannot read it.
    pub(super) fn type_of(&self, node: NodeId) -> Option<Type> {
        match &self.nodes[self.bare(node)] {
            Node::Bool => Some(Type::Bool),
            Node::Int | Node::Long => Some(Type::Int),
            Node::Day => Some(Type::Day),
            Node::Instant => Some(Type::Instant),
            Node::Text | Node::Enum { .. } => Some(Type::Text),
            Node::Array(items) => (self.type_of(*items) == Some(Type::Text)).then_some(Type::Texts),
            _ => None,
        }
    }
}
