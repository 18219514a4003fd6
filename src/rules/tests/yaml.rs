//! Places and spellings that the YAML reader must keep.

use crate::rules::source::{Kind, Node, parse};

fn check(text: &str, expected: &str) {
    fn show(node: &Node, text: &str) -> String {
        match &node.kind {
            Kind::Null => "null".to_owned(),
            Kind::Plain(value) => format!("{value}@{:?}", &text[node.span.clone()]),
            Kind::Quoted(value) => format!("'{value}'@{:?}", &text[node.span.clone()]),
            Kind::List(items) => {
                format!("[{}]", items.iter().map(|n| show(n, text)).collect::<Vec<_>>().join(", "))
            }
            Kind::Map(entries) => {
                let entry = |e: &crate::rules::source::Entry| {
                    assert_eq!(&text[e.key_span.clone()].trim_matches('"'), &e.key);
                    format!("{}: {}", e.key, show(&e.value, text))
                };
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        }
    }
    match parse("x.yaml", text) {
        Ok(node) => assert_eq!(show(&node, text), expected, "{text}"),
        Err(broken) => assert_eq!(format!("! {}", broken.message), expected, "{text}"),
    }
}

#[test]
fn scalars_stand_as_they_are_written() {
    check("a: 1.10", r#"{a: 1.10@"1.10"}"#);
    check("a: 010", r#"{a: 010@"010"}"#);
    check("a: \"010\"", r#"{a: '010'@"\"010\""}"#);
    check("a: 2026-01-01", r#"{a: 2026-01-01@"2026-01-01"}"#);
    check("a: yes", r#"{a: yes@"yes"}"#);
    check("a: true", r#"{a: true@"true"}"#);
    check("a:", "{a: null}");
    check("a: null", "{a: null}");
    check(
        "a: 99999999999999999999999999999999999999999999",
        r#"{a: 99999999999999999999999999999999999999999999@"99999999999999999999999999999999999999999999"}"#,
    );
}

#[test]
fn places_are_bytes_behind_hangul_too() {
    check("제목: 단전 가구 # 말\nb: [가, 나]", r#"{제목: 단전 가구@"단전 가구", b: [가@"가", 나@"나"]}"#);
    check("{a: {b: 1}, \"c\": x y}", r#"{a: {b: 1@"1"}, c: x y@"x y"}"#);
    check("2026-01-01: 3", r#"{2026-01-01: 3@"3"}"#);
    check("3: 10\n12: 30", r#"{3: 10@"10", 12: 30@"30"}"#);
}

#[test]
fn repeated_keys_are_kept_for_the_checker() {
    check("a: 1\na: 2", r#"{a: 1@"1", a: 2@"2"}"#);
}

#[test]
fn hostile_text_is_refused_and_never_panics() {
    for text in [
        "",
        "\u{0}",
        "&a [*a]",
        "a: &x 1\nb: *x",
        "<<: {a: 1}",
        "[[[[",
        "a: !!binary x",
        "- a\nb: 1",
        "\u{feff}a: 1",
    ] {
        // Read or refused; only a panic would be wrong.
        let _read = parse("x.yaml", text).map(|_| ()).map_err(|broken| broken.span);
    }
    let deep = "[".repeat(100_000);
    assert!(parse("x.yaml", &deep).is_err());
}
