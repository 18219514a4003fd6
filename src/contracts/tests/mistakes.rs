use super::super::codes::*;
use super::super::*;
use crate::types::Diagnostic;

const TOML: &str = r#"purpose = "p"
title = "t"
owner = "o"
key = "null is fine"
route = "subject"
partitions = 1
retention_days = 1
cleanup = "delete"
encodings = ["json"]
access = { class = "c", read = [], write = [] }

[signal]
source = "source"
key = "id"
owners = ["who"]
kind = "kind"
time = "at"

[events]
"*" = "bell"
"#;

const AVSC: &str = r#"{"type": "record", "name": "Bell", "fields": [
  {"name": "source", "type": "string", "doc": "d", "label": "l", "pii": "none"},
  {"name": "id", "type": "string", "doc": "d", "label": "l", "pii": "none"},
  {"name": "who", "type": ["null", "string"], "default": null, "doc": "d", "label": "l", "pii": "pseudonym"},
  {"name": "kind", "type": "string", "doc": "d", "label": "l", "pii": "none", "values": {"a": "가", "b": "나"}},
  {"name": "at", "type": {"type": "int", "logicalType": "date"}, "doc": "d", "label": "l", "pii": "none"},
  {"name": "n", "type": "int", "default": 0, "doc": "d", "label": "l", "pii": "none", "keep": true}
]}"#;

fn parse(toml: &str, versions: &[&str]) -> Vec<Diagnostic> {
    let names: Vec<String> = (1..=versions.len()).map(|v| format!("bells/v{v}.avsc")).collect();
    let schemas = names.iter().map(String::as_str).zip(versions.iter().copied());
    Contracts::parse([("bells/topic.toml", toml)].into_iter().chain(schemas)).err().unwrap_or_default()
}

/// One change to good files gives one diagnostic: its code, the text under its caret, its message.
fn check(toml: (&str, &str), avsc: (&str, &str), want: (&str, &str, &str)) {
    let (toml, avsc) = (TOML.replacen(toml.0, toml.1, 1), AVSC.replacen(avsc.0, avsc.1, 1));
    let found = parse(&toml, &[&avsc]);
    let [only] = found.as_slice() else { panic!("not one mistake: {found:#?}") };
    let text = if only.file.ends_with("toml") { &toml } else { &avsc };
    assert_eq!(
        (only.code, &text[only.span.clone()], only.to_string().contains(want.2)),
        (want.0, want.1, true),
        "{only}"
    );
}

const AS_IT_IS: (&str, &str) = ("", "");

#[test]
fn the_good_files_are_good() {
    assert_eq!(parse(TOML, &[AVSC]), []);
}

#[test]
fn each_mistake_has_its_code_place_and_help() {
    check(("purpose = \"p\"", "purpose = "), AS_IT_IS, (NOT_READABLE, "", ""));
    check(("lateness", "lateness"), ("\"name\": \"Bell\",", "\"name\": \"Bell\",,"), (NOT_READABLE, "", ""));
    check(("owner", "ownr = \"x\"\nowner"), AS_IT_IS, (UNKNOWN_KEY, "ownr", "did you mean \"owner\"?"));
    check(AS_IT_IS, ("\"keep\"", "\"kep\""), (UNKNOWN_KEY, "\"n\"", "did you mean \"keep\"?"));
    check(("title = \"t\"\n", ""), AS_IT_IS, (MISSING_KEY, "", "\"title\""));
    check(("time = \"at\"\n", ""), AS_IT_IS, (MISSING_KEY, "", "\"time\""));
    check(("partitions = 1", "partitions = 0"), AS_IT_IS, (WRONG_VALUE, "0", "from 1 to 4096"));
    check(("\"delete\"", "\"delet\""), AS_IT_IS, (WRONG_VALUE, "\"delet\"", "did you mean \"delete\"?"));
    check(("\"*\" =", "\"c\" ="), AS_IT_IS, (WRONG_VALUE, "\"c\"", "does not list the value \"c\""));
    let restricted = ("time = \"at\"", "time = \"at\"\nrestricted = [\"x\"]");
    check(restricted, AS_IT_IS, (WRONG_VALUE, "\"x\"", "does not name the kind \"x\""));
    check(("[\"who\"]", "[\"whom\"]"), AS_IT_IS, (UNKNOWN_FIELD, "\"whom\"", "did you mean \"who\"?"));
    check(AS_IT_IS, (", \"pii\": \"pseudonym\"", ""), (NO_CLASS, "\"who\"", "has no privacy class"));
    check(AS_IT_IS, ("\"label\": \"l\", ", ""), (NO_LABEL, "\"source\"", "has no label"));
    check(AS_IT_IS, ("\"string\"", "\"strin\""), (NO_SCHEMA, "", "strin"));
    check(("time = \"at\"", "time = \"n\""), AS_IT_IS, (WRONG_TYPE, "\"n\"", "takes day or instant"));
    let daily = ("time = \"at\"", "time = \"at\"\nended = \"at\"\ndaily = \"n\"");
    check(daily, AS_IT_IS, (CONFLICT, "\"at\"", "exclude each other"));
    check(("\"subject\"", "\"control\""), AS_IT_IS, (WRONG_ROUTE, "[signal]", "does not serve"));
    check(("\"subject\"", "\"output\""), AS_IT_IS, (WRONG_ROUTE, "[signal]", "not read by intake"));
}

#[test]
fn a_topic_of_notices_has_a_key_of_text_fields_and_no_mapping() {
    let (head, _) = TOML.split_once("[signal]").unwrap();
    let notices = head.replace("\"subject\"", "\"notices\"");
    let keyed = |key: &str| parse(&notices.replace("null is fine", key), &[AVSC]);
    assert_eq!(keyed("{source}/{id}"), []);
    for (key, code) in [("null is fine", WRONG_VALUE), ("{source}/{idd}", UNKNOWN_FIELD), ("{n}", WRONG_TYPE)]
    {
        let found = keyed(key);
        assert_eq!(found.iter().map(|found| found.code).collect::<Vec<_>>(), [code], "{found:#?}");
    }
}

#[test]
fn all_mistakes_come_at_once() {
    let toml = TOML.replace("\"at\"", "\"att\"").replace("\"id\"", "\"idd\"").replace("title", "titel");
    let codes: Vec<&str> = parse(&toml, &[AVSC]).iter().map(|found| found.code).collect();
    assert_eq!(codes, [MISSING_KEY, UNKNOWN_KEY, UNKNOWN_FIELD, UNKNOWN_FIELD]);
}

#[test]
fn versions_must_read_each_other() {
    let added = "\"keep\": true},\n  {\"name\": \"m\", \"type\": \"int\", \"doc\": \"d\", \"label\": \"l\", \"pii\": \"none\"}";
    let without_default = AVSC.replace("\"keep\": true}", added);
    let codes = |toml: &str, versions: &[&str]| -> Vec<&'static str> {
        parse(toml, versions).iter().map(|found| found.code).collect()
    };
    assert_eq!(codes(TOML, &[AVSC, &without_default]), [INCOMPATIBLE]);
    let with_default = without_default
        .replace("\"name\": \"m\", \"type\": \"int\"", "\"name\": \"m\", \"type\": \"int\", \"default\": 1");
    assert_eq!(codes(TOML, &[AVSC, &with_default]), [] as [&str; 0]);

    // An output's older readers meet newer records: what a new version leaves out must have had a default.
    let output = TOML.replace("\"subject\"", "\"output\"");
    let output = &output[..output.find("[signal]").expect("a section")];
    let id =
        "  {\"name\": \"id\", \"type\": \"string\", \"doc\": \"d\", \"label\": \"l\", \"pii\": \"none\"},\n";
    let removed = AVSC.replace(id, "");
    assert_eq!(codes(output, &[AVSC, &removed]), [INCOMPATIBLE]);
}

#[test]
fn a_gap_between_versions_and_an_odd_file_are_mistakes() {
    let files =
        [("bells/topic.toml", TOML), ("bells/v2.avsc", AVSC), ("bells/notes.txt", ""), ("README.md", "")];
    let found = Contracts::parse(files).expect_err("mistakes");
    let names: Vec<(&str, &str)> = found.iter().map(|found| (found.code, found.file.as_str())).collect();
    assert_eq!(names, [(WRONG_FILES, "bells/notes.txt"), (WRONG_FILES, "bells/v2.avsc")]);
}

#[test]
fn a_changelog_has_its_log_s_partitions() {
    let internal = |partitions: u8, extra: &str| {
        let whole = TOML
            .replace("\"subject\"", "\"internal\"")
            .replace("partitions = 1", &format!("partitions = {partitions}"));
        let end = whole.find("[signal]").expect("a section");
        whole[..end].replace("encodings = [\"json\"]\n", "") + extra
    };
    let (log, changelog) = (internal(2, ""), internal(3, "changelog_of = \"log\"\n"));
    let found =
        Contracts::parse([("log/topic.toml", log.as_str()), ("log.changelog/topic.toml", &changelog)]);
    assert_eq!(found.expect_err("partitions differ")[0].code, CONFLICT);
}
