//! Collects an author's mistakes in one file while its tree is read, and the small readers that make them: each
//! takes a node, says what is wrong with it, and gives a value or nothing.

use super::codes::{
    BAD_DURATION, BAD_SHAPE, LATER, MISSING_KEY, NOT_A_DATE, REPEATED_KEY, UNKNOWN_KEY, UNKNOWN_WORD,
};
use super::keys::Keys;
use super::plan::Within;
use super::source::{Entry, Kind, Node};
use crate::types::{Day, Decimal, Diagnostic, MS_PER_DAY, MS_PER_HOUR, Severity, Value, did_you_mean};
use std::ops::Range;

/// The mistakes of one file.
#[derive(Debug)]
pub(super) struct Mistakes {
    file: String,
    pub(super) found: Vec<Diagnostic>,
}

/// Keys that the language knows and this version does not build.
const KEYS_FOR_LATER: &[(&str, &str)] = &[
    ("for", "conditions that last and the notices stage"),
    ("as_of", "the notices stage"),
    ("tiers", "the notices stage"),
    ("rank", "the notices stage"),
    ("notice_field_absent", "the notices stage"),
    ("profile_field_absent", "the notices stage"),
    ("active", "registers and snapshots"),
    ("any_member", "members of a household"),
    ("agree", "the notices stage"),
    ("keep", "conditions that last"),
    ("merge", "the merging of households"),
    ("split", "the splitting of households"),
];

impl Mistakes {
    pub(super) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), found: Vec::new() }
    }

    /// The file that they are in.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Notes an error; the label repeats nothing that the message says.
    pub(super) fn error(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        self.push(Severity::Error, code, span, message.into(), label.into(), help);
    }

    /// Notes what loads and yet deserves a look.
    pub(super) fn warning(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        self.push(Severity::Warning, code, span, message.into(), label.into(), help);
    }

    fn push(
        &mut self,
        severity: Severity,
        code: &'static str,
        span: &Range<usize>,
        message: String,
        label: String,
        help: Option<String>,
    ) {
        let (file, span) = (self.file.clone(), span.clone());
        self.found.push(Diagnostic { code, severity, message, file, span, label, help });
    }

    /// A name that nothing bears, with the nearest that something does.
    pub(super) fn unknown<'a>(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str> + Clone,
    ) {
        self.error(code, span, format!("unknown {what} \"{name}\""), "not known", near(name, known));
    }

    /// Something has no part of that name, with the nearest that it has.
    pub(super) fn lacking<'a>(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        owner: &str,
        part: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str> + Clone,
    ) {
        self.error(code, span, format!("{owner} has no {part} \"{name}\""), "not known", near(name, known));
    }

    /// A construct that the language has and this version does not build.
    pub(super) fn later(&mut self, span: &Range<usize>, what: &str, when: &str) {
        self.error(
            LATER,
            span,
            format!("{what} comes with {when}"),
            "not built yet",
            Some(String::from("take it out, or keep the rule outside the pack until then")),
        );
    }

    /// A node of another kind than is wanted.
    pub(super) fn shape(&mut self, node: &Node, wanted: &str) {
        self.error(
            BAD_SHAPE,
            &node.span,
            format!("expected {wanted}, found {}", node.what()),
            format!("{wanted} goes here"),
            None,
        );
    }

    /// A map whose keys are all among `known`, each once.
    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &str, known: Keys) -> Option<Fields<'n>> {
        let entries = self.entries(node, what)?;
        for entry in entries {
            if known.contains(&entry.key) {
                continue;
            }
            match KEYS_FOR_LATER.iter().find(|(key, _)| *key == entry.key) {
                Some((key, when)) => self.later(&entry.key_span, &format!("\"{key}\""), when),
                None => self.lacking(UNKNOWN_KEY, &entry.key_span, what, "key", &entry.key, known.iter()),
            }
        }
        Some(Fields { what: what.to_owned(), span: node.span.clone(), entries })
    }

    /// A map with free keys, each once.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        let Some(entries) = node.entries() else {
            self.shape(node, &format!("{what} as a map"));
            return None;
        };
        for (i, entry) in entries.iter().enumerate() {
            if entries[..i].iter().any(|earlier| earlier.key == entry.key) {
                self.error(
                    REPEATED_KEY,
                    &entry.key_span,
                    format!("\"{}\" stands twice in {what}", entry.key),
                    "second time",
                    Some(String::from("only one of the two could count; keep one")),
                );
            }
        }
        Some(entries)
    }

    /// A key that must be there.
    pub(super) fn need<'n>(&mut self, fields: &Fields<'n>, key: &str) -> Option<&'n Node> {
        let found = fields.get(key);
        if found.is_none() {
            let span = first_line_of(&fields.span, fields.entries);
            self.error(
                MISSING_KEY,
                &span,
                format!("{} has no \"{key}\"", fields.what),
                format!("\"{key}\" is missing"),
                None,
            );
        }
        found
    }

    /// A text.
    pub(super) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = node.scalar();
        if text.is_none() {
            self.shape(node, what);
        }
        text
    }

    /// A whole number in a range.
    pub(super) fn int(
        &mut self,
        node: &Node,
        what: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let number = match &node.kind {
            Kind::Plain(text) => text.parse::<i64>().ok(),
            Kind::Null | Kind::Quoted(_) | Kind::List(_) | Kind::Map(_) => None,
        };
        match number {
            Some(n) if range.contains(&n) => Some(n),
            Some(n) => {
                let (low, high) = (range.start(), range.end());
                self.error(
                    BAD_SHAPE,
                    &node.span,
                    format!("{what} is {n}"),
                    format!("from {low} to {high}"),
                    None,
                );
                None
            }
            None => {
                self.shape(node, &format!("{what} as a whole number"));
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn yes_no(&mut self, node: &Node, what: &str) -> Option<bool> {
        match &node.kind {
            Kind::Plain(text) if text == "true" => Some(true),
            Kind::Plain(text) if text == "false" => Some(false),
            _ => {
                self.shape(node, &format!("{what} as true or false"));
                None
            }
        }
    }

    /// One of a closed list of words.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, what)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            self.unknown(UNKNOWN_WORD, &node.span, what, text, words.iter().map(|(word, _)| *word));
        }
        found
    }

    /// A calendar day.
    pub(super) fn day(&mut self, node: &Node, what: &str) -> Option<Day> {
        let text = self.text(node, what)?;
        match text.parse() {
            Ok(day) => Some(day),
            Err(detail) => {
                self.error(NOT_A_DATE, &node.span, detail, format!("{what} is a date"), None);
                None
            }
        }
    }

    /// A duration: `60d` or `24h`, at least one.
    pub(super) fn duration(&mut self, node: &Node, what: &str) -> Option<Within> {
        let text = self.text(node, what)?;
        if text.strip_suffix("bd").is_some_and(|n| n.parse::<u32>().is_ok()) {
            self.later(&node.span, "a duration in working days", "the calendar of holidays");
            return None;
        }
        let number =
            |unit: char| text.strip_suffix(unit).and_then(|n| n.parse::<i32>().ok()).filter(|n| *n > 0);
        let found = number('d').map(Within::Days).or_else(|| number('h').map(Within::Hours));
        if found.is_none() {
            self.error(
                BAD_DURATION,
                &node.span,
                format!("{what} is \"{text}\""),
                "not a duration",
                Some(String::from("write days as 60d, hours as 24h")),
            );
        }
        found
    }

    /// A duration in days.
    pub(super) fn days(&mut self, node: &Node, what: &str) -> Option<i32> {
        match self.duration(node, what)? {
            Within::Days(days) => Some(days),
            Within::Hours(hours) => {
                self.error(
                    BAD_DURATION,
                    &node.span,
                    format!("{what} is given in hours"),
                    "days are needed here",
                    Some(format!("write {}d", (hours / 24).max(1))),
                );
                None
            }
        }
    }

    /// A duration in milliseconds.
    pub(super) fn span_ms(&mut self, node: &Node, what: &str) -> Option<i64> {
        Some(match self.duration(node, what)? {
            Within::Days(days) => i64::from(days) * MS_PER_DAY,
            Within::Hours(hours) => i64::from(hours) * MS_PER_HOUR,
        })
    }

    /// One value, or a list of them; an empty list is a mistake.
    pub(super) fn one_or_many<'n>(&mut self, node: &'n Node, what: &str) -> Vec<&'n Node> {
        match &node.kind {
            Kind::List(items) if items.is_empty() => {
                self.shape(node, &format!("at least one {what}"));
                Vec::new()
            }
            Kind::List(items) => items.iter().collect(),
            Kind::Plain(_) | Kind::Quoted(_) => vec![node],
            Kind::Null | Kind::Map(_) => {
                self.shape(node, &format!("{what}, or a list of them"));
                Vec::new()
            }
        }
    }

    /// A list of texts; one alone may stand without brackets.
    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        let nodes = self.one_or_many(node, what);
        nodes.into_iter().filter_map(|n| self.text(n, what).map(str::to_owned)).collect()
    }
}

/// A single value as it stands: `true`, `3`, `0.75`, `2026-01-01` or a text; quotes make a text of anything.
pub(super) fn literal(node: &Node) -> Option<Value> {
    match &node.kind {
        Kind::Null => Some(Value::Null),
        Kind::Quoted(text) => Some(Value::text(text)),
        Kind::Plain(text) => Some(plain(text)),
        Kind::List(items) => items.iter().map(literal).collect::<Option<_>>().map(Value::List),
        Kind::Map(_) => None,
    }
}

fn plain(text: &str) -> Value {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit());
    // A leading zero is a code (a region, an account), never a number.
    let is_code = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if is_number && !is_code => text
            .parse()
            .map(Value::Int)
            .or_else(|_| text.parse::<Decimal>().map(Value::Decimal))
            .or_else(|_| text.parse::<Day>().map(Value::Day))
            .unwrap_or_else(|_| Value::text(text)),
        _ => Value::text(text),
    }
}

/// A map that was read: its keys are known.
#[derive(Debug)]
pub(super) struct Fields<'n> {
    what: String,
    pub(super) span: Range<usize>,
    pub(super) entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of a key.
    pub(super) fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// Where to point when something is missing: at the first key, not over the whole map.
fn first_line_of(span: &Range<usize>, entries: &[Entry]) -> Range<usize> {
    entries.first().map_or_else(|| span.clone(), |entry| entry.key_span.clone())
}

fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    match did_you_mean(name, known.clone()) {
        Some(near) => Some(format!("did you mean \"{near}\"?")),
        None => list_of(known).map(|names| format!("there is {names}")),
    }
}

/// At most a dozen names, quoted; none if there is none.
fn list_of<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const SHOWN: usize = 12;
    let names: Vec<_> = names.into_iter().map(|name| format!("\"{name}\"")).collect();
    let more = names.len().saturating_sub(SHOWN);
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match (names.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(shown),
        (false, more) => Some(format!("{shown} and {more} more")),
    }
}
