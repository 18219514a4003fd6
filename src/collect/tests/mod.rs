//! What a source file may say.

use super::source::{builtin_files, check};
use crate::contracts::builtin;

/// A change of the shipped file, and what is told of it.
fn told(change: impl Fn(&str) -> String) -> Vec<(&'static str, String, String)> {
    let (name, text) = *builtin_files().first().unwrap();
    let changed = change(text);
    assert_ne!(changed, text, "the change changes nothing");
    let (source, mistakes) = check(name, &changed, &builtin());
    assert!(source.is_none());
    mistakes
        .into_iter()
        .map(|mistake| (mistake.code, changed[mistake.span].to_owned(), mistake.help.unwrap_or_default()))
        .collect()
}

#[test]
fn the_shipped_files_have_no_mistake() {
    for (name, text) in builtin_files() {
        let (source, mistakes) = check(name, text, &builtin());
        assert!(source.is_some_and(|source| name == format!("{}.toml", source.name)), "{mistakes:#?}");
    }
}

#[test]
fn each_mistake_is_told_with_its_place() {
    let one = |from: &'static str, to: &'static str| {
        let mut found = told(|text| text.replacen(from, to, 1));
        assert_eq!(found.len(), 1, "{from}: {found:?}");
        found.remove(0)
    };
    let none = String::new;
    for (from, to, code, at, help) in [
        ("attempts = 5", "attemps = 5", "IEUM-K002", "attemps", "did you mean \"attempts\"?".to_owned()),
        ("attempts = 5", "attempts = 0", "IEUM-K004", "0", none()),
        ("attempts = 5", "attempts = \"five\"", "IEUM-K004", "\"five\"", none()),
        ("size = \"pageSize\"\n", "", "IEUM-K003", "", none()),
        ("form = \"json\"", "form = \"jsn\"", "IEUM-K004", "\"jsn\"", "did you mean \"json\"?".to_owned()),
        ("401 = \"key\"", "401 = \"kee\"", "IEUM-K004", "\"kee\"", "did you mean \"key\"?".to_owned()),
        (
            "topic = \"notices.policy\"",
            "topic = \"notices.polcy\"",
            "IEUM-K005",
            "\"notices.polcy\"",
            "did you mean \"notices.policy\"?".to_owned(),
        ),
        (
            "removed = \"removed\"",
            "removed = \"remvoed\"",
            "IEUM-K005",
            "\"remvoed\"",
            "did you mean \"removed\"?".to_owned(),
        ),
        ("key_parameter = \"apiKeyNm\"\n", "", "IEUM-K004", "\"/run/secrets/ieum-youthcenter-key\"", none()),
    ] {
        assert_eq!(one(from, to), (code, at.to_owned(), help), "{from} → {to}");
    }
    let (code, at, _) = one("https://www", "http://www");
    assert!(code == "IEUM-K004" && at.starts_with("\"http://www"), "{at}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let codes: Vec<_> = told(|text| {
        text.replacen("attempts = 5", "attempts = 0", 1)
            .replacen("number = \"pageNum\"\n", "", 1)
            .replacen("means =", "meens =", 1)
            .replacen("source = \"source\"", "source = 3", 1)
    })
    .into_iter()
    .map(|(code, ..)| code)
    .collect();
    assert_eq!(codes, ["IEUM-K004", "IEUM-K003", "IEUM-K002", "IEUM-K004"]);
    assert_eq!(told(|text| format!("{text}\n[request")).first().map(|told| told.0), Some("IEUM-K001"));
    assert!(told(|_| String::new()).iter().all(|told| told.0 == "IEUM-K003"));
}
