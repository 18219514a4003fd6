//! The command line as a person meets it: each file of `tests/cmd` is a session with its expected output. With
//! `TRYCMD=overwrite` they are written anew, to be reviewed.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn sessions_on_the_command_line() {
    // No colour and no width of whoever runs the tests; nothing of their configuration.
    trycmd::TestCases::new().env("NO_COLOR", "1").env("COLUMNS", "100").case("tests/cmd/*.md");
}

/// Reads records, one line of hexadecimal digits each, as `deploy/read_alerts.py` does.
const READER: &str = r#"
import json, runpy, sys
reader = runpy.run_path(sys.argv[1])
schemas = [json.loads(path.read_text()) for path in sorted(reader["TOPIC"].glob("v*.avsc"))]
known = {reader["fingerprint"](schema): schema for schema in schemas}
for line in sys.stdin:
    value = bytes.fromhex(line)
    schema = known[value[2:10]]
    print(reader["told"](reader["Reader"](value[10:]).read(schema), schema))
"#;

/// Python's fingerprint is computed from the specification and not by the library that wrote the record.
#[test]
fn the_reader_in_python_reads_an_alert_of_every_change() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let contracts = ieum::contracts::builtin();
    let topic = contracts.topic("alerts.crisis").expect("alerts are a topic");
    let mut lines = String::new();
    let mut titles = Vec::new();
    for example in std::fs::read_dir(root.join("topics/alerts.crisis/examples")).expect("examples") {
        let text = std::fs::read(example.expect("an example").path()).expect("a file");
        let alert = topic.from_json(&text).expect("an alert");
        let json = topic.to_json(&alert);
        titles.push(json["rule_title"].as_str().expect("a title").to_owned());
        let bytes = topic.encode(&alert).expect("it encodes");
        lines.extend(bytes.iter().map(|byte| format!("{byte:02x}")));
        lines.push('\n');
    }
    let mut python = Command::new("python3")
        .args(["-c", READER])
        .arg(root.join("deploy/read_alerts.py"))
        .env("PYTHONIOENCODING", "utf-8")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 is here");
    python.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("it reads");
    let read = python.wait_with_output().expect("it ends");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let told = String::from_utf8_lossy(&read.stdout);
    let heads: Vec<&str> = told.lines().filter(|line| line.starts_with('[')).collect();
    assert_eq!(heads.len(), titles.len(), "{told}");
    for (head, title) in heads.iter().zip(&titles) {
        assert!(head.contains(title.as_str()), "{head} is not about {title}");
    }
}

/// What the README promises of its first command, without a terminal.
#[test]
fn the_demo_ends_by_itself_with_alerts_an_escalation_a_withdrawal_and_a_suppression() {
    let ended = Command::new(env!("CARGO_BIN_EXE_ieum"))
        .args(["demo", "--for", "60s"])
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    let (lines, notes) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{}: {notes}", ended.status);
    // Each with the rule's title and its reasons behind a colon.
    for change in ["발생", "단계 상승", "철회", "보류"] {
        let told = lines.lines().any(|line| line.contains(&format!("  {change}  ")) && line.contains(": "));
        assert!(told, "nothing was told of {change}:\n{lines}\n{notes}");
    }
    assert!(!lines.contains('\u{1b}'), "colour into a pipe");
    assert!(notes.contains("at-least-once"), "{notes}");
}
