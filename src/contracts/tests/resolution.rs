//! Decode programs against apache-avro on random pairs of schemas with random data. Field aliases, which that crate
//! does not resolve, and hostile bytes have tests of their own.

use super::super::program::Program;
use super::super::shape::Shape;
use super::super::slot::Slot;
use super::datum;
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Draws from the bytes that proptest gives; shrinking them shrinks schemas and data.
struct Draw<'b> {
    bytes: &'b [u8],
    names: u32,
}

impl Draw<'_> {
    fn below(&mut self, count: u8) -> u8 {
        match self.bytes.split_first() {
            Some((first, rest)) => {
                self.bytes = rest;
                first % count
            }
            None => 0,
        }
    }

    fn long(&mut self) -> i64 {
        let length = self.below(9);
        (0..length).fold(0_i64, |n, _| (n << 8) | i64::from(self.below(255))) - i64::from(self.below(200))
    }

    fn text(&mut self) -> String {
        (0..self.below(6)).map(|_| ['a', 'z', '\u{e9}', '이', '0', ' '][usize::from(self.below(6))]).collect()
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("n{}", self.names)
    }

    /// A type as a writer has it and as a reader has it.
    fn pair(&mut self, depth: u8) -> (Json, Json) {
        let same = |ty: Json| (ty.clone(), ty);
        let name = |ty: &str| Json::from(ty);
        match self.below(if depth == 0 { 10 } else { 15 }) {
            0 => same(name("boolean")),
            1 => same(name("int")),
            2 => (name("int"), name("long")),
            3 => same(name("long")),
            4 => same(name("string")),
            5 => (name("string"), name("bytes")),
            6 => same(name("bytes")),
            7 => same(json!({"type": "int", "logicalType": "date"})),
            8 => same(json!({"type": "fixed", "name": self.name(), "size": 3})),
            9 => {
                let named = self.name();
                let symbols = json!(["A", "B", "C"]);
                let (kept, default) =
                    if self.below(2) == 0 { (json!(["C", "A", "B", "D"]), "D") } else { (json!(["B"]), "B") };
                (
                    json!({"type": "enum", "name": named, "symbols": symbols}),
                    json!({"type": "enum", "name": named, "symbols": kept, "default": default}),
                )
            }
            10 => {
                let (w, r) = self.pair(depth - 1);
                (json!({"type": "array", "items": w}), json!({"type": "array", "items": r}))
            }
            11 => {
                let (w, r) = self.pair(depth - 1);
                (json!({"type": "map", "values": w}), json!({"type": "map", "values": r}))
            }
            12 => {
                let (w, r) = self.bare(depth - 1);
                (json!(["null", w]), json!(["null", r]))
            }
            13 => {
                let (w, r) = self.bare(depth - 1);
                (w, json!(["null", r]))
            }
            _ => self.record(depth),
        }
    }

    /// A pair that can stand in a union.
    fn bare(&mut self, depth: u8) -> (Json, Json) {
        match self.pair(depth) {
            (w, r) if w.is_array() || r.is_array() => (Json::from("int"), Json::from("int")),
            pair => pair,
        }
    }

    fn record(&mut self, depth: u8) -> (Json, Json) {
        let named = self.name();
        let (mut writer, mut reader) = (Vec::new(), Vec::new());
        for _ in 0..=self.below(5) {
            let field = self.name();
            let (w, r) = self.pair(depth.saturating_sub(1));
            match self.below(5) {
                0 => writer.push(json!({"name": field, "type": w})),
                1 => reader.push(self.defaulted(&field)),
                2 => writer.push(
                    json!({"name": field, "type": if self.below(2) == 0 { "double" } else { "float" }}),
                ),
                _ => {
                    writer.push(json!({"name": field, "type": w}));
                    let at = usize::from(self.below(3)).min(reader.len());
                    reader.insert(at, json!({"name": field, "type": r}));
                }
            }
        }
        (
            json!({"type": "record", "name": named, "fields": writer}),
            json!({"type": "record", "name": named, "fields": reader}),
        )
    }

    /// A field that the writer does not have.
    fn defaulted(&mut self, field: &str) -> Json {
        let (ty, default) = match self.below(6) {
            0 => (json!(["null", "string"]), Json::Null),
            1 => (json!("long"), json!(self.long())),
            2 => (json!("string"), json!(self.text())),
            3 => (json!({"type": "array", "items": "int"}), json!([1, 2])),
            4 => (json!(["string", "null"]), json!("x")),
            _ => (json!("boolean"), json!(true)),
        };
        json!({"name": field, "type": ty, "default": default})
    }

    fn value(&mut self, schema: &Schema) -> Value {
        match schema {
            Schema::Boolean => Value::Boolean(self.below(2) == 1),
            Schema::Int => Value::Int(self.long() as i32),
            Schema::Date => Value::Date(self.long() as i32),
            Schema::Long => Value::Long(self.long()),
            Schema::Float => Value::Float(1.5),
            Schema::Double => Value::Double(-2.25),
            Schema::String => Value::String(self.text()),
            Schema::Bytes => Value::Bytes(self.text().into_bytes()),
            Schema::Fixed(fixed) => Value::Fixed(fixed.size, vec![self.below(255); fixed.size]),
            Schema::Enum(declared) => {
                let index = self.below(3);
                Value::Enum(u32::from(index), declared.symbols[usize::from(index)].clone())
            }
            Schema::Array(array) => {
                Value::Array((0..self.below(4)).map(|_| self.value(&array.items)).collect())
            }
            Schema::Map(map) => {
                Value::Map((0..self.below(4)).map(|i| (format!("k{i}"), self.value(&map.types))).collect())
            }
            Schema::Union(union) => {
                let branch = usize::from(self.below(2));
                Value::Union(branch as u32, Box::new(self.value(&union.variants()[branch])))
            }
            Schema::Record(record) => Value::Record(
                record.fields.iter().map(|field| (field.name.clone(), self.value(&field.schema))).collect(),
            ),
            _ => Value::Null,
        }
    }
}

/// Whether a slot is the value, unions left out of account.
fn agree(slot: &Slot<'_>, value: &Value) -> bool {
    match (slot, value) {
        (slot, Value::Union(_, inner)) => agree(slot, inner),
        (Slot::Null, Value::Null) => true,
        (Slot::Bool(a), Value::Boolean(b)) => a == b,
        (Slot::Int(a), Value::Int(b) | Value::Date(b)) => *a == i64::from(*b),
        (Slot::Int(a), Value::Long(b)) => a == b,
        (Slot::Text(a), Value::String(b) | Value::Enum(_, b)) => a == b,
        (Slot::Bytes(a), Value::Bytes(b) | Value::Fixed(_, b)) => a == b,
        (Slot::List(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agree(a, b)),
        (Slot::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(*key).is_some_and(|b| agree(a, b)))
        }
        (Slot::Record(_, a), Value::Record(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, (_, b))| agree(a, b))
        }
        _ => false,
    }
}

fn shape(schema: &Schema) -> Arc<Shape> {
    Arc::new(Shape::of(schema).expect("a shape"))
}

fn schema(json: &Json) -> Schema {
    Schema::parse_str(&json.to_string()).unwrap_or_else(|e| panic!("{json}: {e}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn programs_read_what_apache_avro_reads(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut draw = Draw { bytes: &bytes, names: 0 };
        let (writer, reader) = draw.record(3);
        let (writer, reader) = (schema(&writer), schema(&reader));
        let value = draw.value(&writer);
        let datum = datum(&writer, value);
        let program = Program::compile(&shape(&writer), &shape(&reader), None);
        let reference = GenericDatumReader::builder(&writer).reader_schema(&reader).build();
        match reference.and_then(|reference| reference.read_value(&mut datum.as_slice())) {
            Ok(expected) => {
                let program = program.expect("the pair resolves");
                let slot = program.read(&datum).expect("it reads");
                prop_assert!(agree(&slot, &expected), "{slot:?} is not {expected:?}");
            }
            Err(_) => prop_assert!(program.is_err() || program.is_ok_and(|p| p.read(&datum).is_err())),
        }
    }

    #[test]
    fn no_bytes_make_a_program_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        noise in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut draw = Draw { bytes: &bytes, names: 0 };
        let (writer, reader) = draw.record(3);
        if let Ok(program) = Program::compile(&shape(&schema(&writer)), &shape(&schema(&reader)), None) {
            drop(program.read(&noise));
        }
    }
}

fn read(writer: &Json, reader: &Json, value: Value) -> Result<Slot<'static>, &'static str> {
    let (writer, reader) = (schema(writer), schema(reader));
    let datum: &'static [u8] = datum(&writer, value).leak();
    let program = Program::compile(&shape(&writer), &shape(&reader), None).expect("the pair resolves");
    Box::leak(Box::new(program)).read(datum)
}

fn one(field: Json) -> Json {
    json!({"type": "record", "name": "R", "fields": [field]})
}

#[test]
fn a_renamed_field_is_found_by_its_alias() {
    let writer = one(json!({"name": "old", "type": "int"}));
    let reader = one(json!({"name": "new", "type": "long", "aliases": ["old"]}));
    let value = Value::Record(vec![("old".into(), Value::Int(7))]);
    assert_eq!(read(&writer, &reader, value), Ok(Slot::Record(0, vec![Slot::Int(7)])));
}

#[test]
fn a_field_s_name_goes_before_its_alias() {
    let writer = json!({"type": "record", "name": "R", "fields": [
        {"name": "old", "type": "int"}, {"name": "new", "type": "int"}]});
    let reader = one(json!({"name": "new", "type": "int", "aliases": ["old"]}));
    let value = Value::Record(vec![("old".into(), Value::Int(1)), ("new".into(), Value::Int(2))]);
    assert_eq!(read(&writer, &reader, value), Ok(Slot::Record(0, vec![Slot::Int(2)])));
}

#[test]
fn a_branch_that_the_reader_lacks_fails_when_it_comes() {
    let writer = one(json!({"name": "f", "type": ["null", "int"]}));
    let reader = one(json!({"name": "f", "type": "int"}));
    let value = |branch, inner| Value::Record(vec![("f".into(), Value::Union(branch, Box::new(inner)))]);
    assert_eq!(read(&writer, &reader, value(1, Value::Int(5))), Ok(Slot::Record(0, vec![Slot::Int(5)])));
    assert!(read(&writer, &reader, value(0, Value::Null)).is_err());
}

#[test]
fn what_cannot_be_resolved_names_its_path() {
    let pair = |writer: Json, reader: Json| {
        Program::compile(&shape(&schema(&writer)), &shape(&schema(&reader)), None)
            .expect_err("they do not fit")
    };
    let error = pair(one(json!({"name": "f", "type": "long"})), one(json!({"name": "f", "type": "int"})));
    assert_eq!(error, "the two schemas do not fit at \"f\"");
    let error = pair(one(json!({"name": "g", "type": "long"})), one(json!({"name": "f", "type": "int"})));
    assert_eq!(error, "the two schemas do not fit at \"f\"");
}

#[test]
fn recursive_types_are_read_to_a_bounded_depth() {
    let list =
        json!({"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]});
    let schema = schema(&list);
    let program = Program::compile(&shape(&schema), &shape(&schema), None).expect("it resolves with itself");
    assert!(program.read(&[&[2_u8; 10][..], &[0]].concat()).is_ok());
    assert!(program.read(&[&[2_u8; 100_000][..], &[0]].concat()).is_err());
}

#[test]
fn items_without_bytes_are_bounded() {
    let nulls = one(json!({"name": "f", "type": {"type": "array", "items": "null"}}));
    let schema = schema(&nulls);
    let program = Program::compile(&shape(&schema), &shape(&schema), None).expect("it resolves with itself");
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x00];
    assert!(program.read(&huge).is_err());
}
