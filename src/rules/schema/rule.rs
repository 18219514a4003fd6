//! Rules of both kinds.

use super::{about, any_required, described, list, map, object, one_or_many, refer, with, words};
use crate::contracts::{Contracts, EventType};
use crate::rules::keys::{self, ALONE, COMPARISONS, GROUPS, Keys, LEAVES, RuleKind};
use serde_json::{Map, Value as Json, json};

/// The kind says which keys there are.
pub(super) fn root() -> Json {
    json!({
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": words(keys::KINDS)},
        "if": {"required": ["kind"], "properties": {"kind": kind(RuleKind::Suppression)}},
        "then": refer("suppression"),
        "else": refer("crisis"),
    })
}

fn kind(of: RuleKind) -> Json {
    let word = keys::KINDS.iter().find(|(_, kind)| *kind == of).map(|(word, _)| *word);
    json!({"const": word})
}

pub(super) fn definitions(contracts: &Contracts) -> Map<String, Json> {
    let mut definitions = object([
        ("crisis", crisis()),
        ("suppression", suppression()),
        ("per", per(contracts)),
        ("signal", signal(contracts)),
        ("operand", operand()),
        ("test", test()),
        (
            "condition",
            with(condition(keys::CONDITION, "condition"), "dependentRequired", json!({"id": ["say"]})),
        ),
        ("since_opening", condition(keys::CLEAR_WHEN, "since_opening")),
        ("field", field(contracts)),
        ("area_event", area_event(contracts)),
        ("step", step()),
    ]);
    definitions.extend(
        LEAVES.iter().filter(|leaf| **leaf != "field").map(|leaf| ((*leaf).to_owned(), asking(leaf))),
    );
    definitions
}

fn header(key: &str, of: RuleKind) -> Json {
    match key {
        "rule" => refer("rule_id"),
        "kind" => kind(of),
        "version" => json!({"type": "integer", "minimum": 1}),
        "status" => {
            described(&words(keys::STATUSES), "draft: checked and tested; shadow: decided and recorded; live")
        }
        "title" => refer("text"),
        "law" => refer("texts"),
        "effective" => map(keys::EFFECTIVE, &["from"], |_| refer("date")),
        "per" if of == RuleKind::Crisis => refer("per"),
        "per" => words(keys::ENTITIES),
        _ => Json::Bool(true),
    }
}

fn crisis() -> Json {
    let needed = ["rule", "kind", "version", "status", "title", "effective", "per", "when", "score", "emit"];
    map(keys::CRISIS, &needed, |key| match key {
        "signals" => json!({"type": "object", "additionalProperties": refer("signal")}),
        "when" => when(),
        "also" => list(&with(refer("condition"), "required", json!(["id"])), 0),
        "score" => score(),
        "emit" => emit(),
        "escalate" => list(&refer("step"), 0),
        key => header(key, RuleKind::Crisis),
    })
}

fn per(contracts: &Contracts) -> Json {
    let areas = contracts.areas().iter().map(|area| area.name.as_str());
    let words: Vec<&str> = keys::ENTITIES.iter().map(|(word, ())| *word).chain(areas).collect();
    json!({"enum": words})
}

fn signal(contracts: &Contracts) -> Json {
    let of_households = || contracts.events().filter(|event| !event.area);
    map(keys::SIGNAL, &["event"], |key| match key {
        "event" => one_or_many(
            &json!({"anyOf": [{"enum": names(of_households())}, {"type": "string", "pattern": "\\*$"}]}),
        ),
        "where" => {
            let fields = of_households().flat_map(|event| &event.fields);
            let tests: Map<String, Json> = fields
                .map(|field| (field.name.to_string(), described(&refer("test"), &about(field))))
                .collect();
            json!({"type": "object", "additionalProperties": false, "properties": tests})
        }
        _ => Json::Bool(true),
    })
}

fn names<'c>(events: impl Iterator<Item = &'c EventType>) -> Vec<&'c str> {
    events.map(|event| event.name.as_str()).collect()
}

/// A literal, or a param by name.
fn operand() -> Json {
    json!({"anyOf": [refer("literal"), map(keys::PARAM_VALUE, &["param"], |_| refer("text"))]})
}

fn test() -> Json {
    let comparison = map(keys::TEST, &[], |key| match key {
        "in" | "any_of" => list(&refer("operand"), 1),
        "between" => {
            let bound = json!({"anyOf": [refer("operand"), {"type": "null"}]});
            json!({"type": "array", "items": bound, "minItems": 2, "maxItems": 2})
        }
        key if COMPARISONS.contains(&key) => refer("operand"),
        _ => Json::Bool(true),
    });
    let alone = ALONE.map(|key| json!({"not": {"required": [key]}}));
    let comparison = with(comparison, "minProperties", json!(1));
    let comparison = with(comparison, "anyOf", json!([{"maxProperties": 1}, {"allOf": alone}]));
    json!({"anyOf": [refer("operand"), comparison]})
}

/// Groups and what a condition asks; conditions in groups are `inner`.
fn condition(known: Keys, inner: &str) -> Json {
    let schema = map(known, &[], |key| match key {
        "id" | "say" => refer("text"),
        "field" if inner == "since_opening" => Json::Bool(false),
        key if GROUPS.contains(&key) => list(&refer(inner), 1),
        key if LEAVES.contains(&key) => refer(key),
        "unknown" => json!({"type": "object", "additionalProperties": words(keys::ANSWERS)}),
        _ => Json::Bool(true),
    });
    with(schema, "anyOf", any_required(GROUPS.into_iter().chain(LEAVES)))
}

fn when() -> Json {
    with(condition(keys::WHEN, "condition"), "dependentRequired", json!({"id": ["say"]}))
}

fn field(contracts: &Contracts) -> Json {
    let facts = contracts.facts().map(|fact| {
        let about = about(&fact.field);
        (format!("household.{}", fact.field.name), described(&refer("test"), &about))
    });
    let facts: Map<String, Json> = facts.collect();
    json!({"type": "object", "additionalProperties": false, "minProperties": 1, "properties": facts})
}

/// What a condition of this name asks.
fn asking(leaf: &str) -> Json {
    let aggregate = |known: Keys, needed: &[&str]| {
        let schema = map(known, needed, |key| match key {
            "of" => refer("texts"),
            "by" | "field" => refer("text"),
            "within" => refer("duration"),
            "state" => words(keys::STATES),
            "pick" => words(keys::PICKS),
            key if COMPARISONS.contains(&key) => refer("operand"),
            _ => Json::Bool(true),
        });
        with(schema, "anyOf", any_required(COMPARISONS))
    };
    match leaf {
        "count" => aggregate(keys::COUNT, &["of"]),
        "distinct" => aggregate(keys::DISTINCT, &["of", "by"]),
        "value" => aggregate(keys::VALUE, &["of", "field", "pick"]),
        "absent" => map(keys::ABSENT, &["of", "after", "for"], |key| match key {
            "of" | "after" => refer("texts"),
            "for" | "baseline" => refer("days"),
            _ => Json::Bool(true),
        }),
        "sequence" => map(keys::SEQUENCE, &["steps", "within", "lookback"], |key| match key {
            "steps" => list(&refer("texts"), 2),
            "within" | "lookback" => refer("days"),
            "without" | "same" => refer("texts"),
            _ => Json::Bool(true),
        }),
        _ => Json::Bool(true),
    }
}

fn score() -> Json {
    let steps = json!({
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": "^[+-]?[0-9]+$"},
        "additionalProperties": {"type": "integer"},
    });
    let add = map(keys::ADD, &["if", "points"], |key| match key {
        "if" => refer("text"),
        "points" => json!({"anyOf": [{"type": "integer"}, steps]}),
        _ => Json::Bool(true),
    });
    let levels = json!({
        "type": "object",
        "minProperties": 1,
        "propertyNames": refer("level"),
        "additionalProperties": {"type": "integer"},
    });
    map(keys::SCORE, &["base", "levels"], |key| match key {
        "base" => json!({"type": "integer"}),
        "add" => list(&add, 0),
        "levels" => described(&levels, "least points of each level, rising: watch, high, critical"),
        _ => Json::Bool(true),
    })
}

fn emit() -> Json {
    let emit = map(keys::EMIT, &["cooldown"], |key| match key {
        "cooldown" => refer("days"),
        "clear_when" => refer("since_opening"),
        "clear_say" => refer("text"),
        _ => Json::Bool(true),
    });
    with(emit, "dependentRequired", json!({"clear_say": ["clear_when"]}))
}

fn step() -> Json {
    let step = map(keys::STEP, &["id", "after", "to"], |key| match key {
        "id" | "to" => refer("text"),
        "after" | "repeat" => refer("duration"),
        "unless" => refer("texts"),
        "raise_to" => refer("level"),
        "max" => json!({"type": "integer", "minimum": 1}),
        _ => Json::Bool(true),
    });
    with(step, "dependentRequired", json!({"repeat": ["max"], "max": ["repeat"]}))
}

fn suppression() -> Json {
    let needed =
        ["rule", "kind", "version", "status", "title", "effective", "per", "targets", "while", "record"];
    map(keys::SUPPRESSION, &needed, |key| match key {
        "targets" => map(keys::TARGETS, &["rules"], |key| match key {
            "rules" | "except" | "only_reasons" => refer("texts"),
            "below" => refer("level"),
            _ => Json::Bool(true),
        }),
        "while" => map(keys::WHILE, &keys::WHILE.iter().collect::<Vec<_>>(), |key| match key {
            "since" | "until" => refer("area_event"),
            "at_most" => refer("duration"),
            _ => Json::Bool(true),
        }),
        "after" => map(keys::AFTER, &["grace"], |_| refer("duration")),
        "record" => map(keys::RECORD, &["reason"], |key| match key {
            "reason" => refer("text"),
            "show_in_queue" => json!({"const": true}),
            _ => Json::Bool(true),
        }),
        key => header(key, RuleKind::Suppression),
    })
}

fn area_event(contracts: &Contracts) -> Json {
    map(keys::AREA_EVENT, &["event", "same"], |key| match key {
        "event" => json!({"enum": names(contracts.events().filter(|event| event.area))}),
        "same" => refer("texts"),
        _ => Json::Bool(true),
    })
}
