//! Questions to a recorded city on the command line: the same files, asked in every way, in one folder that goes afterwards.

use ieum::contracts::builtin;
use ieum::replay::Told;
use ieum::replay::form::{Decoder, Frame};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn ieum(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ieum"))
        .args(args)
        .env("NO_COLOR", "1")
        .env_remove("IEUM_CONFIG")
        .stdin(Stdio::null())
        .output()
        .expect("it starts")
}

/// What it printed, if it ended so.
fn told(args: &[&str], code: i32) -> String {
    let ended = ieum(args);
    let notes = String::from_utf8_lossy(&ended.stderr);
    let lines = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status.code(), Some(code), "{args:?}:\n{lines}\n{notes}");
    lines
}

fn json(args: &[&str], code: i32) -> serde_json::Value {
    serde_json::from_str(&told(args, code)).expect("one JSON document")
}

fn alerts(file: &Path) -> Vec<Told> {
    let contracts = builtin();
    let mut decoder = Decoder::default();
    decoder.push(&std::fs::read(file).expect("a file"));
    let mut alerts = Vec::new();
    while let Some(frame) = decoder.next_frame().expect("a whole file") {
        if let Frame::Record { value, headers, .. } = frame {
            alerts.extend(Told::read(&contracts, "alerts.crisis", &value.unwrap_or_default(), &headers));
        }
    }
    alerts
}

/// The shipped rules with one bound moved.
fn stricter(to: &Path) {
    for (name, text) in ieum::rules::builtin_files() {
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        let text = if name == "crisis/arrears-ladder.yaml" {
            text.replace("score:\n  base: 40", "score:\n  base: 60")
        } else {
            text.to_owned()
        };
        std::fs::write(path, text).expect("it is written");
    }
}

#[test]
fn a_recorded_city_answers_why_why_not_and_what_if() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let (city, rules, page) = (at("city"), at("rules"), at("page.html"));
    let (log, alerts_log, truth) = (at("city/households.log"), at("city/alerts.log"), at("city/truth.json"));
    stricter(Path::new(&rules));

    let record = ["simulate", "--record", &city, "--households", "1200", "--days", "45", "--seed", "4"];
    let first = told(&record, 0);
    assert!(first.contains("records of ieum.households"), "{first}");
    let again = ieum(&record);
    assert_eq!(again.status.code(), Some(1), "a recording is never written over");
    let shown = json(&["log", "show", &log, "--json"], 0);
    assert_eq!(shown["packs"].as_array().map(Vec::len), Some(1), "{shown}");
    assert_eq!(shown["parts"][0]["packs"][0], shown["packs"][0]);

    // The pack that decided, by its hash and as recorded.
    let hash = &shown["packs"][0].as_str().expect("a hash")[..10];
    let same =
        json(&["rules", "backtest", "--log", &log, "--new", hash, "--format", "json", "--truth", &truth], 0);
    assert_eq!(same["changes"], serde_json::json!([]));
    assert_eq!(same["measured"]["old"], same["measured"]["new"]);
    assert!(same["all"]["old"].as_u64() > Some(5), "{same}");

    // Another pack: the same question gives the same bytes, and a page.
    let other = ["rules", "backtest", "--log", &log, "--new", &rules, "--format", "json", "--group", "size"];
    let compared = told(&other, 1);
    assert_eq!(compared, told(&other, 1));
    let compared: serde_json::Value = serde_json::from_str(&compared).expect("one JSON document");
    assert!(compared["all"]["graver"].as_u64() > Some(0), "{compared}");
    for change in compared["changes"].as_array().expect("a list") {
        assert_eq!(change["rule"], "crisis.arrears-ladder", "{change}");
    }
    let text = told(&["rules", "backtest", "--log", &log, "--new", &rules, "--html", &page], 1);
    assert!(text.contains("crisis.arrears-ladder") && text.contains("graver"), "{text}");
    let html = std::fs::read_to_string(&page).expect("a page");
    assert!(html.starts_with("<!doctype html>") && html.contains("규칙 비교 결과"));

    // An alert is derived again as it was recorded, and not by other rules.
    let recorded = alerts(Path::new(&alerts_log));
    let alert =
        recorded.iter().rev().find(|told| told.rule == "crisis.arrears-ladder").expect("one of the ladder");
    let explain = ["rules", "explain", &alert.id, "--log", &log, "--alerts", &alerts_log];
    let explained = told(&explain, 0);
    for part in ["판단 근거", "개정 이력", "그때의 조건", "기록된 알림과 같습니다"] {
        assert!(explained.contains(part), "{part} is not in\n{explained}");
    }
    let differs = told(&[&explain[..], &["--rules", &rules]].concat(), 1);
    assert!(differs.contains("기록된 알림과 다릅니다") && differs.contains("level: recorded"), "{differs}");
    let early = (alert.at.day().plus(-60)).to_string();
    assert!(told(&["rules", "explain", &alert.id, "--log", &log, "--at", &early], 1).is_empty());

    // Why not, before it opened and after; a household and a rule that are not there.
    let opened = recorded.iter().find(|told| told.id == alert.id).expect("its opening");
    let ask = |rule: &str, household: &str, at: &str, code| {
        let args = ["rules", "why-not", rule, household, "--log", &log, "--at", at, "--format", "json"];
        if code == 0 { json(&args, 0) } else { told(&args, code).into() }
    };
    let by = opened.at.day().to_string();
    let after = ask(&alert.rule, &alert.household, &by, 0);
    assert_eq!(after["episode"]["id"], alert.id.as_str(), "{after}");
    let before = ask(&alert.rule, &alert.household, &opened.at.day().plus(-1).to_string(), 0);
    assert_eq!(before["episode"], serde_json::Value::Null, "{before}");
    let page = told(&["rules", "why-not", &alert.rule, &alert.household, "--log", &log], 0);
    assert!(page.contains("판단 조건") && page.contains(opened.household.as_str()), "{page}");
    ask(&alert.rule, "hh-nobody", &by, 1);
    ask("crisis.arears-ladder", &alert.household, &by, 1);

    // What became of the alerts of each rule: each alert once, and of those closed what their outcome says.
    let report = json(&["rules", "report", "--alerts", &alerts_log, "--json"], 0);
    let sum = |field: &str| -> u64 {
        report["rules"].as_array().into_iter().flatten().filter_map(|rule| rule[field].as_u64()).sum()
    };
    let ids: std::collections::BTreeSet<&str> = recorded.iter().map(|told| told.id.as_str()).collect();
    assert_eq!(sum("alerts"), ids.len() as u64, "{report}");
    let parts = ["open", "held", "withdrawn", "needed", "not_needed", "unclear"].map(sum);
    assert_eq!(parts.iter().sum::<u64>(), sum("alerts"), "{report}");
    assert!(sum("needed") > 0 && sum("not_needed") > 0, "{report}");
    let early = ["rules", "report", "--alerts", &alerts_log, "--to", "2020-01-01"];
    assert_eq!(told(&early, 0).lines().count(), 1, "the head of the table alone");
    told(&[&early[..], &["--from", "2020-01-02"]].concat(), 2);

    // What was cut off is not asked.
    let bytes = std::fs::read(&log).expect("a log");
    std::fs::write(at("cut.log"), &bytes[..bytes.len() - 9]).expect("it is written");
    let cut = ieum(&["log", "show", &at("cut.log")]);
    assert!(String::from_utf8_lossy(&cut.stderr).contains("cut off"), "{cut:?}");
}
