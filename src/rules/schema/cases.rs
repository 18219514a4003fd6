//! Tests beside a rule.

use super::{about, any_required, described, list, map, object, pattern, refer, with};
use crate::contracts::{Contracts, EventType};
use crate::rules::keys::{self, CHANGES, WHOM};
use crate::rules::testfile::ChangeWord;
use serde_json::{Map, Value as Json, json};

pub(super) fn root() -> Json {
    let start = pattern("^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}T[0-9]{1,2}:[0-9]{1,2}$");
    map(keys::TEST_FILE, &["rule", "start", "cases"], |key| match key {
        "rule" => refer("rule_id"),
        "start" => described(&start, "Korean time, as 2026-03-02T09:00; all other times count from here"),
        "given" => map(keys::GIVEN, &["household"], |_| refer("household")),
        // A case without events takes those of the case before it, and the first has none before it.
        "cases" => {
            let first = with(refer("case"), "required", json!(["events"]));
            with(list(&refer("case"), 0), "prefixItems", json!([first]))
        }
        _ => Json::Bool(true),
    })
}

pub(super) fn definitions(contracts: &Contracts) -> Map<String, Json> {
    let offset = pattern("^[+-]([0-9]+d([0-9]+h)?|[0-9]+h)$");
    object([
        ("offset", described(&offset, "from the start: +9d, +9d12h, +36h, -30d")),
        // `null` leaves a fact out.
        ("value", json!({"type": ["string", "number", "boolean", "null", "array"]})),
        ("reasons", json!({"anyOf": [refer("text"), list(&refer("text"), 0)]})),
        ("household", household(contracts)),
        ("facts", facts(contracts, &[""])),
        ("change", facts(contracts, &["", "household."])),
        ("case", case()),
        ("event", event(contracts)),
        ("expect", expect()),
        ("never", never()),
        ("expect_not", expect_not()),
    ])
}

/// Facts by name behind each of these prefixes.
fn facts(contracts: &Contracts, prefixes: &[&str]) -> Json {
    let facts = prefixes.iter().flat_map(|prefix| {
        contracts.facts().map(move |fact| {
            let about = about(&fact.field);
            (format!("{prefix}{}", fact.field.name), described(&refer("value"), &about))
        })
    });
    let facts: Map<String, Json> = facts.collect();
    json!({"type": "object", "additionalProperties": false, "properties": facts})
}

fn household(contracts: &Contracts) -> Json {
    let mut household = facts(contracts, &[""]);
    household["properties"]["id"] = refer("text");
    household
}

fn case() -> Json {
    let case = map(keys::CASE, &["name"], |key| match key {
        "name" => refer("text"),
        "change" => refer("change"),
        "events" => list(&refer("event"), 0),
        "source_down" => {
            let span = json!({"type": "array", "items": refer("offset"), "minItems": 2, "maxItems": 2});
            described(&json!({"type": "object", "additionalProperties": span}), "by source: [+3d, +9d]")
        }
        "expect" => list(&refer("expect"), 0),
        "never" => json!({"anyOf": [refer("never"), list(&refer("never"), 0)]}),
        "expect_not" => refer("expect_not"),
        "until" => refer("offset"),
        _ => Json::Bool(true),
    });
    with(case, "anyOf", any_required(["expect", "never", "expect_not"]))
}

/// A line says when, and one thing that happens.
fn event(contracts: &Contracts) -> Json {
    let mut line = map(keys::EVENT_LINE, &["at"], |key| match key {
        "at" | "arrives" | "until" => refer("offset"),
        "every" => refer("duration"),
        "end" | "void" => described(&refer("text"), "the key of an earlier event of this case"),
        "facts" => refer("facts"),
        WHOM => described(&refer("text"), "to whom, if not to the household of the case"),
        _ => Json::Bool(true),
    });
    for event in contracts.events() {
        line["properties"][event.name.as_str()] = reported(event);
    }
    with(
        with(line, "minProperties", json!(2)),
        "dependentRequired",
        json!({"every": ["until"], "until": ["every"]}),
    )
}

fn reported(event: &EventType) -> Json {
    let source = match event.sources.as_slice() {
        [] => refer("text"),
        sources => described(&refer("text"), &sources.join(", ")),
    };
    let mut fields = object([("source", source), ("key", refer("text"))]);
    for field in &event.fields {
        fields.insert(field.name.to_string(), described(&refer("value"), &about(field)));
    }
    json!({"type": "object", "properties": fields, "additionalProperties": refer("value")})
}

fn expect() -> Json {
    let cause = [ChangeWord::Withdrawn, ChangeWord::Closed].map(ChangeWord::as_str);
    let expect = map(keys::EXPECT, &["at"], |key| match key {
        "at" => refer("offset"),
        "reasons" | "held" | "assumed" => refer("reasons"),
        "because" => refer("text"),
        "episode" => json!({"type": "integer", "minimum": 1}),
        "level" => refer("level"),
        key if cause.contains(&key) => described(&refer("text"), "its cause, or true"),
        key if CHANGES.contains(&key) => json!({"anyOf": [refer("level"), {"const": true}]}),
        _ => Json::Bool(true),
    });
    with(expect, "anyOf", any_required(CHANGES))
}

fn never() -> Json {
    map(keys::NEVER, &[], |key| match key {
        "change" => json!({"enum": CHANGES}),
        "level" => refer("level"),
        "before" | "after" => refer("offset"),
        _ => Json::Bool(true),
    })
}

fn expect_not() -> Json {
    map(keys::EXPECT_NOT, &[], |key| match key {
        "failing" | "unknown" => refer("reasons"),
        "nearest" => refer("change"),
        _ => Json::Bool(true),
    })
}
