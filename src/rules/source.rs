//! YAML as rules use it: a tree in which every key and value knows its place. Strict: no anchors, aliases or merges,
//! one document, scalars as they stand in the text, so that `1.10` and `010` mean what their author sees.

use super::codes::SYNTAX;
use crate::types::{Diagnostic, Severity};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, MergeKeyPolicy, Spanned};
use std::fmt;
use std::ops::Range;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

/// What stands there.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// A plain word or number.
    Plain(String),
    /// A text in quotes or a block.
    Quoted(String),
    /// A list.
    List(Vec<Node>),
    /// A map, repeated keys kept.
    Map(Vec<Entry>),
}

/// One entry of a map.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Node,
}

impl Node {
    /// The kind in an author's words.
    pub(super) fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Plain(_) | Kind::Quoted(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The text of a single value.
    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Plain(text) | Kind::Quoted(text) => Some(text),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// The entries of a map.
    pub(super) fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            Kind::Null | Kind::Plain(_) | Kind::Quoted(_) | Kind::List(_) => None,
        }
    }
}

/// Reads one file.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, Box<Diagnostic>> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        alias_limits: serde_saphyr::alias_limits! { max_alias_expansions_per_anchor: 0 },
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Ok(node(raw, text)),
        Err(error) => Err(Box::new(broken(file, text, &error))),
    }
}

fn broken(file: &str, text: &str, error: &serde_saphyr::Error) -> Diagnostic {
    let error = error.without_snippet();
    let at = error.location().map_or(0, |place| match place.span().byte_offset() {
        Some(at) if at > 0 => at as usize,
        _ => byte_at(text, place.line() as usize, place.column() as usize),
    });
    // The library's Display adds the place, which the diagnostic shows itself.
    let shown = error.to_string();
    let detail = shown.split(" at line ").next().unwrap_or_default().lines().next().unwrap_or_default();
    Diagnostic {
        code: SYNTAX,
        severity: Severity::Error,
        message: format!("this is not YAML that rules can use: {detail}"),
        file: file.to_owned(),
        span: word_at(text, at),
        label: String::from("here"),
        help: Some(String::from(
            "indent with spaces, put texts that hold `: ` or `#` in quotes; anchors, aliases and merges are not used",
        )),
    }
}

/// The byte at a line and a column, both counted from 1 in characters.
fn byte_at(text: &str, line: usize, column: usize) -> usize {
    let lines = text.split_inclusive('\n').take(line.saturating_sub(1));
    let begin: usize = lines.map(str::len).sum();
    let rest = text.get(begin..).unwrap_or_default();
    begin + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}

/// The rest of the word at a place, so that a caret has something to stand under.
fn word_at(text: &str, at: usize) -> Range<usize> {
    let at = (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    let rest = text.get(at..).unwrap_or_default();
    let end = rest.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(rest.len());
    match rest.chars().next() {
        Some(first) => at..at + end.max(first.len_utf8()),
        None => text.char_indices().next_back().map_or(0, |(last, _)| last)..at,
    }
}

/// What the visitor is given; place and style come from the source text.
enum Raw {
    Null,
    Plain,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn range<T>(spanned: &Spanned<T>, text: &str) -> Range<usize> {
    let span = spanned.referenced.span();
    let start = span.byte_offset().unwrap_or(0) as usize;
    let end = start.saturating_add(span.byte_len().unwrap_or(0) as usize).min(text.len());
    let start = start.min(end);
    match text.get(start..end) {
        Some(slice) => start..start + slice.trim_end().len(),
        None => 0..0,
    }
}

fn node(raw: Spanned<Raw>, text: &str) -> Node {
    let span = range(&raw, text);
    let written = text.get(span.clone()).unwrap_or_default();
    let kind = match raw.value {
        Raw::Null => Kind::Null,
        Raw::Plain => Kind::Plain(written.to_owned()),
        Raw::Text(value) if written.starts_with(['"', '\'', '|', '>']) => Kind::Quoted(value),
        Raw::Text(value) => Kind::Plain(value),
        Raw::List(items) => Kind::List(items.into_iter().map(|item| node(item, text)).collect()),
        Raw::Map(pairs) => Kind::Map(
            pairs
                .into_iter()
                .map(|(key, value)| Entry {
                    key_span: range(&key, text),
                    key: key.value,
                    value: node(value, text),
                })
                .collect(),
        ),
    };
    let span = match &kind {
        // The parser marks only where a collection begins: it ends with its last child.
        Kind::List(items) => span.start..items.last().map_or(span.end, |n| n.span.end.max(span.end)),
        Kind::Map(entries) => span.start..entries.last().map_or(span.end, |e| e.value.span.end.max(span.end)),
        Kind::Null | Kind::Plain(_) | Kind::Quoted(_) => span,
    };
    Node { span, kind }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    /// The number is read from the text later, as an exact decimal.
    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Raw::Map(pairs))
    }
}
