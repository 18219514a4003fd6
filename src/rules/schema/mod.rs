//! JSON Schemas of the files under `rules/`, so that an editor completes and underlines while an author writes. Keys and
//! words are the parser's own (`rules::keys`), names of events, fields and facts those of the contracts.
//!
//! A schema refuses nothing that `ieum rules check` accepts. It is looser where one place depends on another: units,
//! reasons, signals and windows are the checker's.

mod cases;
mod rule;
#[cfg(test)]
mod tests;

use super::keys::{self, Keys};
use crate::contracts::{Contracts, FieldType};
use serde_json::{Map, Value as Json, json};

/// The kinds of files that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `crisis/*.yaml`, `suppress/*.yaml`.
    Rule,
    /// `*.test.yaml`.
    Tests,
    /// `params/*.yaml`.
    Params,
}

/// The schema of a kind of files (JSON Schema, draft 2020-12), with the names that these contracts declare.
pub fn schema(of: FileKind, contracts: &Contracts) -> Json {
    let (title, root, more) = match of {
        FileKind::Rule => ("a rule of ieum", rule::root(), rule::definitions(contracts)),
        FileKind::Tests => ("tests of a rule of ieum", cases::root(), cases::definitions(contracts)),
        FileKind::Params => ("params of ieum", params(), Map::new()),
    };
    let mut definitions = common();
    definitions.extend(more);
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!(title));
    schema.insert("$defs".to_owned(), Json::Object(definitions));
    if let Json::Object(root) = root {
        schema.extend(root);
    }
    Json::Object(schema)
}

/// What all kinds of files have in it.
fn common() -> Map<String, Json> {
    let number = "\\+?0*[1-9][0-9]*";
    object([
        ("text", json!({"type": ["string", "number", "boolean"]})),
        ("texts", one_or_many(&refer("text"))),
        ("date", json!({"type": "string", "pattern": "^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}$"})),
        ("days", described(&pattern(&format!("^{number}d$")), "days, as 60d")),
        ("duration", described(&pattern(&format!("^{number}[dh]$")), "days as 60d, hours as 24h")),
        ("level", words(keys::LEVELS)),
        ("rule_id", described(&pattern("^[a-z0-9-]+\\.[a-z0-9-]+$"), "folder, dot, name: crisis.my-rule")),
        ("literal", json!({"type": ["string", "number", "boolean"]})),
    ])
}

fn params() -> Json {
    let value = map(keys::PARAM, &["label", "unit", "verified", "values"], |key| match key {
        "label" | "unit" | "source" => refer("text"),
        "law" => refer("texts"),
        "verified" => json!({"type": "boolean", "description": "someone compared the value with its source"}),
        "values" => json!({
            "type": "object",
            "description": "the value from each day on, from the earliest to the latest",
            "minProperties": 1,
            "propertyNames": refer("date"),
            "additionalProperties": refer("literal"),
        }),
        _ => Json::Bool(true),
    });
    let value = with(value, "anyOf", json!([{"required": ["law"]}, {"required": ["source"]}]));
    map(keys::PARAM_FILE, &["params"], |_| json!({"type": "object", "additionalProperties": value}))
}

/// A map that has these keys alone. A key of which `of` knows nothing may be anything; a test finds it.
fn map(keys: Keys, needed: &[&str], of: impl Fn(&str) -> Json) -> Json {
    let properties: Map<String, Json> = keys.iter().map(|key| (key.to_owned(), of(key))).collect();
    json!({"type": "object", "additionalProperties": false, "required": needed, "properties": properties})
}

fn object<const N: usize>(entries: [(&str, Json); N]) -> Map<String, Json> {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A schema with one more keyword.
fn with(mut schema: Json, keyword: &str, value: Json) -> Json {
    if let Json::Object(entries) = &mut schema {
        entries.insert(keyword.to_owned(), value);
    }
    schema
}

fn described(schema: &Json, text: &str) -> Json {
    with(schema.clone(), "description", json!(text))
}

fn refer(definition: &str) -> Json {
    json!({"$ref": format!("#/$defs/{definition}")})
}

fn pattern(text: &str) -> Json {
    json!({"type": "string", "pattern": text})
}

fn list(item: &Json, at_least: usize) -> Json {
    json!({"type": "array", "items": item, "minItems": at_least})
}

/// One alone may stand without brackets.
fn one_or_many(item: &Json) -> Json {
    json!({"anyOf": [item, list(item, 1)]})
}

fn words<T>(words: &[(&str, T)]) -> Json {
    json!({"enum": words.iter().map(|(word, _)| *word).collect::<Vec<_>>()})
}

/// One key at least of several.
fn any_required<'a>(keys: impl IntoIterator<Item = &'a str>) -> Json {
    keys.into_iter().map(|key| json!({"required": [key]})).collect::<Vec<_>>().into()
}

/// What an author reads of a field beside its name.
fn about(field: &FieldType) -> String {
    let unit = field.unit.as_ref().map_or_else(String::new, |unit| format!(" ({unit})"));
    let values = match field.values.as_slice() {
        [] => String::new(),
        values => format!(": {}", values.join(", ")),
    };
    format!("{}{unit}{values}", field.label)
}
