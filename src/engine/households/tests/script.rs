//! Scripts: what is told to a town, and what is expected of it.

use super::town::{Town, start};
use crate::rules::plan::Pack;
use crate::types::Day;

/// Runs a script against packs and compares what was said, each line with the day on which it was.
pub(crate) fn check(packs: Vec<Pack>, script: &str) {
    let (commands, expected) = script.split_once("----").expect("a line of dashes");
    let mut town = Town::open(packs);
    let mut said: Vec<String> = Vec::new();
    for line in commands.lines().map(str::trim).filter(|line| !line.is_empty()) {
        town.line(line);
    }
    for (_, value, headers) in &town.said {
        let at = headers_time(headers);
        said.push(format!("{at} {}", value.lines().next().unwrap_or_default()));
    }
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(said, expected, "\nsaid:\n{}\n", said.join("\n"));
}

/// The stream time of an output, as a script writes it.
fn headers_time(headers: &str) -> String {
    let at = headers.find("ce_time").expect("a time");
    let digits = &headers[at..headers[at..].find(']').map_or(headers.len(), |end| at + end)];
    let bytes: Vec<u8> = digits.split(['[', ',']).filter_map(|n| n.trim().parse().ok()).collect();
    let text = String::from_utf8(bytes).expect("text");
    let day: Day = text[..10].parse().expect("a date");
    let hours: i64 = text[11..13].parse().expect("hours");
    let days = day.since(start());
    if hours == 0 { format!("+{days}d") } else { format!("+{days}d{hours}h") }
}
