//! The schema and the parser agree: on what ships, on every mistake of form, on every key.

use super::{FileKind, schema};
use crate::rules::builtin_files;
use crate::rules::keys;
use crate::rules::source::{Entry, Kind, Node, parse};
use crate::rules::testfile::is_test;
use crate::rules::tests::mistakes::CASES;
use crate::rules::tests::{CONTRACTS, base, load, readme};
use crate::types::{Diagnostic, Severity};
use jsonschema::Validator;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

const KINDS: [FileKind; 3] = [FileKind::Rule, FileKind::Tests, FileKind::Params];

static VALIDATORS: LazyLock<Vec<(FileKind, Validator)>> = LazyLock::new(|| {
    let validator = |kind| jsonschema::validator_for(&schema(kind, &CONTRACTS)).expect("a schema");
    KINDS.map(|kind| (kind, validator(kind))).into()
});

fn kind_of(file: &str) -> FileKind {
    match file {
        file if is_test(file) => FileKind::Tests,
        file if file.starts_with("params/") => FileKind::Params,
        _ => FileKind::Rule,
    }
}

/// What the schema of its kind has against a file.
fn refused(file: &str, node: &Node) -> Vec<String> {
    let kind = kind_of(file);
    let (_, validator) = VALIDATORS.iter().find(|(known, _)| *known == kind).expect("each kind");
    validator.iter_errors(&json_of(node)).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

/// As an editor's YAML reads it.
fn json_of(node: &Node) -> Json {
    match &node.kind {
        Kind::Null => Json::Null,
        Kind::Plain(text) => match (text.as_str(), text.parse::<i64>(), text.parse::<f64>()) {
            ("true", ..) => json!(true),
            ("false", ..) => json!(false),
            (_, Ok(number), _) => json!(number),
            (_, _, Ok(number)) => json!(number),
            _ => json!(text),
        },
        Kind::Quoted(text) => json!(text),
        Kind::List(items) => items.iter().map(json_of).collect(),
        Kind::Map(entries) => entries.iter().map(|e| (e.key.clone(), json_of(&e.value))).collect(),
    }
}

/// A tree as text again, in one line.
fn written(node: &Node) -> String {
    let is_bare = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c));
    match &node.kind {
        Kind::Null => "null".to_owned(),
        Kind::Plain(text) if is_bare(text) => text.clone(),
        Kind::Plain(text) | Kind::Quoted(text) => json!(text).to_string(),
        Kind::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Kind::Map(entries) => {
            let entry = |e: &Entry| format!("{}: {}", json!(e.key), written(&e.value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

/// What becomes of the entries of a map, each way with its name.
type Changes<'a> = &'a dyn Fn(&[Entry]) -> Vec<(String, Vec<Entry>)>;

/// Every tree that a change of one map of it gives, with the path of the map.
fn changed(node: &Node, path: &str, change: Changes<'_>) -> Vec<(String, Node)> {
    let mut found = Vec::new();
    let rebuilt = |kind: Kind| Node { span: node.span.clone(), kind };
    match &node.kind {
        Kind::Map(entries) => {
            for (what, entries) in change(entries) {
                found.push((format!("{path} {what}"), rebuilt(Kind::Map(entries))));
            }
            for (at, entry) in entries.iter().enumerate() {
                for (what, value) in changed(&entry.value, &format!("{path}.{}", entry.key), change) {
                    let mut entries = entries.clone();
                    entries[at].value = value;
                    found.push((what, rebuilt(Kind::Map(entries))));
                }
            }
        }
        Kind::List(items) => {
            for (at, item) in items.iter().enumerate() {
                for (what, value) in changed(item, &format!("{path}[{at}]"), change) {
                    let mut items = items.clone();
                    items[at] = value;
                    found.push((what, rebuilt(Kind::List(items))));
                }
            }
        }
        Kind::Null | Kind::Plain(_) | Kind::Quoted(_) => {}
    }
    found
}

/// Each such tree of each file of the base pack, with what the schema and what the parser has against it.
fn judged(change: Changes<'_>, mut judge: impl FnMut(&str, Vec<String>, Vec<Diagnostic>)) {
    let files = base();
    for (file, text) in &files {
        let node = parse(file, text).expect("the base pack is YAML");
        for (what, node) in changed(&node, file, change) {
            let mut files: BTreeMap<String, String> = files.clone();
            files.insert(file.clone(), written(&node));
            let (_, mut found) = load(&files);
            found.retain(|mistake| mistake.file == *file && mistake.severity == Severity::Error);
            judge(&what, refused(file, &node), found);
        }
    }
}

#[test]
fn schemas_are_schemas() {
    for kind in KINDS {
        let schema = schema(kind, &CONTRACTS);
        assert!(jsonschema::meta::validate(&schema).is_ok(), "{kind:?}");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
}

#[test]
fn every_file_that_loads_is_accepted() {
    let shipped = builtin_files().into_iter().map(|(name, text)| (name.to_owned(), text.to_owned()));
    let files: Vec<(String, String)> = shipped
        .chain(base())
        .chain(readme::files())
        .filter(|(name, _)| name.contains('/') && name.ends_with(".yaml"))
        .collect();
    assert!(files.len() > 20, "{}", files.len());
    for (name, text) in &files {
        let node = parse(name, text).unwrap_or_else(|broken| panic!("{name}: {}", broken.message));
        assert_eq!(refused(name, &node), Vec::<String>::new(), "{name}");
    }
}

/// Mistakes of form, as the parser tells them; what needs more than one place to see is the checker's.
#[test]
fn mistakes_of_form_are_refused() {
    let of_form = ["IEUM-R002", "IEUM-R004", "IEUM-R006", "IEUM-R007", "IEUM-R010", "IEUM-R019", "IEUM-R029"];
    let cases: Vec<_> = CASES.iter().filter(|(code, ..)| of_form.contains(code)).collect();
    assert!(cases.len() > 20, "{}", cases.len());
    for (code, file, before, after) in cases {
        let text = base()[*file].replacen(before, after, 1);
        let node = parse(file, &text).expect("still YAML");
        assert!(!refused(file, &node).is_empty(), "{code}: {after:?} is accepted");
    }
}

#[test]
fn a_key_that_is_not_known_is_refused_by_both_or_neither() {
    let add = |entries: &[Entry]| {
        let mut entries = entries.to_vec();
        let value = Node { span: 0..0, kind: Kind::Plain("1".to_owned()) };
        entries.push(Entry { key: "zzz".to_owned(), key_span: 0..0, value });
        vec![("with zzz".to_owned(), entries)]
    };
    let mut judged_maps = 0;
    judged(&add, |what, refused, mistakes| {
        judged_maps += 1;
        assert_eq!(refused.is_empty(), mistakes.is_empty(), "{what}\n{refused:?}\n{mistakes:#?}");
    });
    assert!(judged_maps > 50, "{judged_maps}");
}

#[test]
fn a_key_that_is_needed_is_missed_by_both() {
    let leave_out = |entries: &[Entry]| {
        let without = |at: usize| {
            let mut entries = entries.to_vec();
            let gone = entries.remove(at);
            (format!("without {}", gone.key), entries)
        };
        (0..entries.len()).map(without).collect()
    };
    let mut missed = 0;
    judged(&leave_out, |what, refused, mistakes| {
        let is_missed = mistakes.iter().any(|mistake| ["IEUM-R004", "IEUM-R017"].contains(&mistake.code));
        missed += usize::from(is_missed);
        assert!(!is_missed || !refused.is_empty(), "{what}: only the parser misses it\n{mistakes:#?}");
        assert!(
            refused.is_empty() || !mistakes.is_empty(),
            "{what}: only the schema refuses it\n{refused:?}"
        );
    });
    assert!(missed > 40, "{missed}");
}

/// Properties of every map in a schema.
fn maps(schema: &Json, found: &mut Vec<(BTreeSet<String>, Vec<String>)>) {
    if let Some(properties) = schema.get("properties").and_then(Json::as_object) {
        let open = properties.iter().filter(|(_, value)| **value == json!(true));
        let open = open.map(|(key, _)| key.clone()).collect();
        found.push((properties.keys().cloned().collect(), open));
    }
    match schema {
        Json::Object(entries) => entries.values().for_each(|value| maps(value, found)),
        Json::Array(items) => items.iter().for_each(|item| maps(item, found)),
        _ => {}
    }
}

#[test]
fn every_map_of_the_parser_is_in_a_schema_and_no_key_is_left_open() {
    let mut found = Vec::new();
    KINDS.iter().for_each(|kind| maps(&schema(*kind, &CONTRACTS), &mut found));
    for (keys, open) in &found {
        assert!(open.is_empty(), "nothing is said of {open:?} among {keys:?}");
    }
    for (name, keys) in keys::ALL {
        let keys: BTreeSet<String> = keys.iter().map(str::to_owned).collect();
        // An event line has the names of events beside its own keys.
        let is_there =
            found.iter().any(|(known, _)| *known == keys || *name == "EVENT_LINE" && keys.is_subset(known));
        assert!(is_there, "{name} {keys:?} is in no schema");
    }
}

#[test]
fn patterns_take_what_the_parser_takes() {
    let accepts = |file: &str, before: &str, after: &str| {
        let mut files = base();
        let text = files[file].replacen(before, after, 1);
        assert!(text.contains(after), "{before}");
        let node = parse(file, &text).expect("still YAML");
        files.insert(file.to_owned(), text);
        let errors = load(&files).1.into_iter().filter(|m| m.severity == Severity::Error).count();
        assert_eq!(refused(file, &node).is_empty(), errors == 0, "{after}: {:?}", load(&files).1);
    };
    for duration in ["60d", "24h", "007d", "0d", "-3d", "3w", "d", "3", "3 d"] {
        accepts("crisis/base.yaml", "within: 60d, state", &format!("within: {duration}, state"));
    }
    for days in ["14d", "0d", "14h", "\"14d\""] {
        accepts("crisis/base.yaml", "cooldown: 14d", &format!("cooldown: {days}"));
    }
    for offset in ["+9d", "+9d6h", "+216h", "-30d", "9d", "+9", "+9d6", "+9d 6h"] {
        accepts("crisis/base.test.yaml", "arrives: +9d6h", &format!("arrives: {offset}"));
    }
    for start in ["2026-03-02T09:00", "2026-3-2T9:00", "2026-03-02", "2026-03-02 09:00"] {
        accepts("crisis/base.test.yaml", "start: 2026-03-02T09:00", &format!("start: {start}"));
    }
}
