//! Each mistake that the language knows, made once in the base pack: what an author would read.

use super::{base, load};
use crate::rules::{RULE_CODES, render};
use std::collections::BTreeSet;

const RULE: &str = "crisis/base.yaml";
const SUPPRESSION: &str = "suppress/base.yaml";
const PARAMS: &str = "params/base.yaml";
const TEST: &str = "crisis/base.test.yaml";

/// Code, file, what stands there, what is written instead. An empty text is the whole file.
pub(in crate::rules) const CASES: &[(&str, &str, &str, &str)] = &[
    ("IEUM-R001", RULE, "signals:", "signals: {"),
    ("IEUM-R001", RULE, "title: 시험용 규칙", "title: *all"),
    ("IEUM-R002", RULE, "status: live", "stauts: live\nstatus: live"),
    ("IEUM-R002", RULE, "within: 60d, state", "witin: 60d, state"),
    ("IEUM-R002", PARAMS, "verified: true", "verified: true\n    verfied: true"),
    ("IEUM-R003", RULE, "version: 1", "version: 1\nversion: 2"),
    ("IEUM-R003", RULE, "within: 30d, lookback", "within: 30d, within: 20d, lookback"),
    ("IEUM-R004", RULE, "title: 시험용 규칙\n", ""),
    ("IEUM-R004", RULE, "gte: 2}}\n  - {id: kinds", "}}\n  - {id: kinds"),
    ("IEUM-R004", RULE, "repeat: 24h, max: 5", "repeat: 24h"),
    ("IEUM-R004", RULE, "{gte: {param: elder.age}}", "{gte: {}}"),
    ("IEUM-R005", RULE, "version: 1", "version: one"),
    ("IEUM-R005", RULE, "base: 40", "base: 4000000"),
    ("IEUM-R005", RULE, "also:", "also: {}\nalso_:"),
    ("IEUM-R005", RULE, "say: 신호", "say: \"신호 {name}\""),
    ("IEUM-R006", RULE, "status: live", "status: life"),
    ("IEUM-R006", RULE, "{watch: 40, high: 60", "{watch: 40, hihg: 60"),
    ("IEUM-R007", RULE, "kind: crisis", "kind: eligibility"),
    ("IEUM-R007", RULE, "per: household", "per: person"),
    ("IEUM-R007", RULE, "per: household", "per: household\nfor: 3d"),
    ("IEUM-R007", RULE, "cooldown: 14d", "cooldown: 14bd"),
    ("IEUM-R007", RULE, "[cutoff.electricity, cutoff.water", "[alert.opened, cutoff.water"),
    ("IEUM-R007", TEST, "{at: +11d, void: debt}", "{at: +11d, merge: H2}"),
    ("IEUM-R008", RULE, "rule: crisis.base", "rule: crisis.other"),
    ("IEUM-R009", RULE, "{id: kinds", "{id: repeat"),
    ("IEUM-R009", RULE, "{id: second", "{id: first"),
    ("IEUM-R009", TEST, "name: 열리지 않는다", "name: 열린다"),
    ("IEUM-R010", RULE, "cutoff.electricity", "cutoff.electricty"),
    ("IEUM-R010", SUPPRESSION, "outage.ended", "outage.stopped"),
    ("IEUM-R011", RULE, "household.oldest_age", "household.oldest_agee"),
    ("IEUM-R011", RULE, "where: {months:", "where: {monts:"),
    ("IEUM-R011", SUPPRESSION, "same: [dong]", "same: [dogn]"),
    ("IEUM-R005", RULE, "clear_when: {count: {of: contact, within: 7d, gte: 1}}", "clear_say: 연락이 닿음"),
    ("IEUM-R012", RULE, "household.size: 1", "household.size: one"),
    ("IEUM-R012", RULE, "household.dong: \"1168010100\"", "household.dong: 1168010100"),
    ("IEUM-R012", RULE, "household.dong: \"1168010100\"", "household.dong: {gte: \"1168010100\"}"),
    ("IEUM-R013", RULE, "{action: contacted}", "{action: contatced}"),
    ("IEUM-R014", RULE, "unless: contact, raise_to", "unless: contacts, raise_to"),
    ("IEUM-R014", RULE, "steps: [arrears, cutoff]", "steps: [arrears, cutof]"),
    ("IEUM-R015", RULE, "{param: elder.age}", "{param: elder.agee}"),
    ("IEUM-R016", PARAMS, "values: {2020-01-01: 65}", "values: {2026-03-01: 65}"),
    ("IEUM-R017", PARAMS, "    source: 시험\n", ""),
    ("IEUM-R018", RULE, "{param: elder.age}", "{param: arrears.min_months}"),
    ("IEUM-R019", RULE, "clear_when: {count: {of: contact, within: 7d, gte: 1}}", "clear_when: {any: []}"),
    ("IEUM-R019", RULE, "steps: [arrears, cutoff]", "steps: [arrears]"),
    ("IEUM-R020", RULE, "unknown: {senior: match}", "unknown: {senor: match}"),
    ("IEUM-R020", RULE, "{if: silent", "{if: silnet"),
    ("IEUM-R020", SUPPRESSION, "only_reasons: [silent]", "only_reasons: [quiet]"),
    ("IEUM-R020", TEST, "reasons: [senior, signs", "reasons: [senior, sings"),
    ("IEUM-R021", RULE, "say: 무사용", "say: \"무사용 {n}일\""),
    ("IEUM-R021", RULE, "{if: silent, points: 30}", "{if: silent, points: {1: 30}}"),
    ("IEUM-R023", RULE, "critical: 80", "critical: 91"),
    ("IEUM-R024", RULE, "base: 40", "base: 39"),
    ("IEUM-R024", RULE, "{if: silent, points: 30}", "{if: silent, points: -1}"),
    ("IEUM-R025", RULE, "within: 60d, state", "within: 801d, state"),
    ("IEUM-R025", RULE, "baseline: 60d", "baseline: 790d"),
    ("IEUM-R026", RULE, "distinct: {of: arrears, by: kind", "distinct: {of: [arrears, cutoff], by: kind"),
    ("IEUM-R027", RULE, "unless: contact, to", "unless: {count: {of: contact, gte: 1}}, to"),
    (
        "IEUM-R027",
        RULE,
        "clear_when: {count: {of: contact, within: 7d, gte: 1}}",
        "clear_when: {field: {household.size: 1}}",
    ),
    ("IEUM-R028", RULE, "to: 2026-12-31", "to: 2025-12-31"),
    ("IEUM-R028", PARAMS, "2026-07-01: 2", "2019-07-01: 2"),
    ("IEUM-R029", RULE, "cooldown: 14d", "cooldown: 2w"),
    ("IEUM-R029", RULE, "cooldown: 14d", "cooldown: 36h"),
    ("IEUM-R029", TEST, "at: +9d,", "at: 9d,"),
    ("IEUM-R030", RULE, "{use: {gt: 0}}", "{use: {gt: 5}}"),
    ("IEUM-R030", RULE, "value: {of: arrears, field: months", "value: {of: used, field: use"),
    ("IEUM-R030", RULE, "steps: [arrears, cutoff]", "steps: [used, cutoff]"),
    ("IEUM-R031", RULE, "cutoff.water,", "outage.started,"),
    ("IEUM-R031", SUPPRESSION, "event: outage.started", "event: cutoff.water"),
    ("IEUM-R032", SUPPRESSION, "rules: [\"crisis.*\"]", "rules: [crisis.bsae, \"crisis.*\"]"),
    ("IEUM-R033", RULE, "  contact: {", "  spare: {event: arrears}\n  contact: {"),
    ("IEUM-R034", RULE, "points: {2: 10, 4: 20}", "points: {2: 10, 4: 5}"),
    ("IEUM-R034", RULE, "{watch: 40, high: 60, critical: 80}", "{watch: 40, critical: 80, high: 60}"),
    ("IEUM-R035", RULE, "from: 2026-01-01, to", "from: 2026-02-30, to"),
    ("IEUM-R035", TEST, "start: 2026-03-02T09:00", "start: 2026-03-02"),
    ("IEUM-R036", TEST, "void: debt", "void: dept"),
    (
        "IEUM-R036",
        TEST,
        "    never: {before: +0d}\n  - name: 열리지 않는다\n    change: {household.oldest_age: 64}\n    expect_not: {failing: [senior], nearest: {household.oldest_age: 65}}",
        "  - name: 열리지 않는다",
    ),
    ("IEUM-R037", TEST, "rule: crisis.base", "rule: crisis.bass"),
    ("IEUM-R039", RULE, "per: household", "per: building"),
    ("IEUM-R039", RULE, "by: kind", "by: household"),
    ("IEUM-R040", RULE, "cutoff: {event: [cutoff.electricity,", "cutoff: {event: [welfare.mh_suicide_high,"),
    ("IEUM-R006", RULE, "per: household", "per: bilding"),
    ("IEUM-R006", SUPPRESSION, "per: household", "per: dong"),
    ("IEUM-R038", RULE, "{id: repeat, say: \"{n}건\", count", "{count"),
];

#[test]
fn each_mistake_is_told_with_place_and_help() {
    let mut told = String::new();
    for (code, file, before, after) in CASES {
        let mut files = base();
        let text = files.get_mut(*file).expect("a file of the base pack");
        assert_eq!(text.matches(before).count().min(1), 1, "{code}: {file} holds {before:?}");
        *text = text.replacen(before, after, 1);
        let (_, found) = load(&files);
        assert!(found.iter().any(|d| d.code == *code), "{code} for {after:?}, found {found:#?}");
        for diagnostic in &found {
            let text = files.get(&diagnostic.file).map_or("", String::as_str);
            assert!(text.get(diagnostic.span.clone()).is_some(), "a span inside the file: {diagnostic:?}");
        }
        told.push_str(&format!(
            "── {file}: {}\n\n{}",
            after.replace('\n', "⏎"),
            render::plain(&found, &files)
        ));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn more_than_64_reasons_are_refused() {
    let mut files = base();
    let text = files.get_mut(RULE).expect("the rule");
    let many: String =
        (0..64).map(|i| format!("  - {{id: r{i}, say: 하나, field: {{household.size: 1}}}}\n")).collect();
    *text = text.replacen("also:\n", &format!("also:\n{many}"), 1);
    let (_, found) = load(&files);
    assert!(found.iter().any(|d| d.code == "IEUM-R022"), "{found:#?}");
}

#[test]
fn more_than_64_signals_are_refused() {
    let mut files = base();
    let text = files.get_mut(RULE).expect("the rule");
    let many: String = (0..60).map(|i| format!("  s{i}: {{event: arrears}}\n")).collect();
    *text = text.replacen("signals:\n", &format!("signals:\n{many}"), 1);
    let (_, found) = load(&files);
    assert_eq!(found.iter().filter(|d| d.code == "IEUM-R022").count(), 1, "{found:#?}");
}

#[test]
fn every_code_of_the_table_is_made_by_a_test() {
    let mut made: BTreeSet<_> = CASES.iter().map(|(code, ..)| *code).collect();
    made.insert("IEUM-R022");
    let table: BTreeSet<_> = RULE_CODES.iter().map(|(code, ..)| *code).collect();
    assert_eq!(table, made);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let mut files = base();
    for (_, file, before, after) in
        CASES.iter().filter(|(code, ..)| ["IEUM-R010", "IEUM-R015"].contains(code))
    {
        let text = files.get_mut(*file).expect("a file of the base pack");
        *text = text.replacen(before, after, 1);
    }
    let (pack, found) = load(&files);
    assert!(pack.is_none());
    let codes: Vec<_> = found.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["IEUM-R010", "IEUM-R015", "IEUM-R010"], "{found:#?}");
}

#[test]
fn json_names_places_in_lines_and_characters() {
    let mut files = base();
    let text = files.get_mut(RULE).expect("the rule");
    *text = text.replacen("title: 시험용 규칙", "title: 시험용 규칙\nstauts: live", 1);
    let (_, found) = load(&files);
    let json: serde_json::Value =
        serde_json::from_str(&render::json(&found, &files)).expect("JSON that a program reads");
    assert_eq!(json[0]["code"], "IEUM-R002");
    assert_eq!((json[0]["line"].as_u64(), json[0]["column"].as_u64()), (Some(6), Some(1)));
    assert_eq!(json[0]["help"], "did you mean \"status\"?");
}
