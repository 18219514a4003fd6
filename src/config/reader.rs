//! A configuration tree whose values know where they come from, read key by key. What nobody asked for is unknown.

use super::codes;
use crate::types::{Diagnostic, Severity, did_you_mean};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Where something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// File, variable or option.
    pub(super) file: String,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Table(BTreeMap<String, Entry>),
    Text(String),
    Int(i64),
    Bool(bool),
    /// Something no key wants, with the name of its kind.
    Other(&'static str),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) node: Node,
    /// Of the value.
    pub(super) place: Place,
    /// Of the key.
    pub(super) key: Place,
    asked: bool,
}

impl Node {
    fn kind(&self) -> &'static str {
        match self {
            Self::Table(_) => "a section",
            Self::Text(_) => "a text",
            Self::Int(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Other(kind) => kind,
        }
    }
}

/// The tree and the mistakes found so far.
pub(super) struct Reader {
    root: BTreeMap<String, Entry>,
    file: String,
    pub(super) found: Vec<Diagnostic>,
}

impl Reader {
    /// Parses a file. Syntax mistakes are collected; what could be read is kept.
    pub(super) fn parse(file: &str, text: &str) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        let found = errors
            .iter()
            .map(|error| Diagnostic {
                code: codes::SYNTAX,
                severity: Severity::Error,
                message: error.message().to_lowercase(),
                file: file.to_owned(),
                span: error.span().unwrap_or_default(),
                label: String::from("here"),
                help: None,
            })
            .collect();
        Self { root: entries(file, table.get_ref()), file: file.to_owned(), found }
    }

    /// Puts a text at `section.key`, over what the file says. It is read as whatever the key wants.
    pub(super) fn set(&mut self, path: &[&str], value: &str, origin: &str) {
        let place = Place { file: origin.to_owned(), span: 0..0 };
        let Some((last, sections)) = path.split_last() else { return };
        let mut table = &mut self.root;
        for section in sections {
            let entry = table.entry((*section).to_owned()).or_insert_with(|| Entry {
                node: Node::Table(BTreeMap::new()),
                place: place.clone(),
                key: place.clone(),
                asked: false,
            });
            if !matches!(entry.node, Node::Table(_)) {
                entry.node = Node::Table(BTreeMap::new());
            }
            let Node::Table(inner) = &mut entry.node else { return };
            table = inner;
        }
        let node = Node::Text(value.to_owned());
        let entry = Entry { node, place: place.clone(), key: place, asked: false };
        table.insert((*last).to_owned(), entry);
    }

    pub(super) fn text(&mut self, path: &[&str]) -> Option<(String, Place)> {
        let entry = self.take(path)?;
        match entry.node {
            Node::Text(text) => Some((text, entry.place)),
            _ => self.wrong_kind(path, &entry, "a text in quotes"),
        }
    }

    pub(super) fn number(&mut self, path: &[&str], allowed: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let entry = self.take(path)?;
        let number = match &entry.node {
            Node::Int(number) => Some(*number),
            Node::Text(text) if entry.place.span.is_empty() => text.parse().ok(),
            _ => None,
        };
        let Some(number) = number else { return self.wrong_kind(path, &entry, "a whole number") };
        if allowed.contains(&number) {
            return Some(number);
        }
        let message = format!("{:?} is {number}", path.join("."));
        let help = format!("allowed are {} to {}", allowed.start(), allowed.end());
        self.mistake(codes::VALUE, entry.place, message, "out of range", Some(help));
        None
    }

    /// All keys of a section, whatever they are, as texts.
    pub(super) fn free(&mut self, path: &[&str]) -> Vec<(String, String, Place)> {
        let Some(entry) = self.take(path) else { return Vec::new() };
        let Node::Table(table) = entry.node else {
            self.wrong_kind::<()>(path, &entry, "a section");
            return Vec::new();
        };
        let mut found = Vec::new();
        for (key, inner) in table {
            let value = match &inner.node {
                Node::Text(text) => text.clone(),
                Node::Int(number) => number.to_string(),
                Node::Bool(yes) => yes.to_string(),
                _ => {
                    let path: Vec<&str> = path.iter().copied().chain([key.as_str()]).collect();
                    self.wrong_kind::<()>(&path, &inner, "a text, a number, true or false");
                    continue;
                }
            };
            found.push((key, value, inner.key));
        }
        found
    }

    pub(super) fn has(&self, path: &[&str]) -> bool {
        find(&self.root, path).is_some()
    }

    /// Where the first of two keys is set, or else the other.
    pub(super) fn place(&self, path: &[&str], other: &[&str]) -> Place {
        let entry = find(&self.root, path).or_else(|| find(&self.root, other));
        entry.map_or_else(Place::default, |entry| entry.place.clone())
    }

    pub(super) fn mistake(
        &mut self,
        code: &'static str,
        place: Place,
        message: String,
        label: &str,
        help: Option<String>,
    ) {
        self.found.push(Diagnostic {
            code,
            severity: Severity::Error,
            message,
            file: place.file,
            span: place.span,
            label: label.to_owned(),
            help,
        });
    }

    pub(super) fn missing(&mut self, path: &[&str], help: &str) {
        let place = Place { file: self.file.clone(), span: 0..0 };
        let variable = path.iter().map(|part| part.to_uppercase()).collect::<Vec<_>>().join("__");
        let help = format!("{help}; or set IEUM__{variable}");
        self.mistake(codes::MISSING, place, format!("{:?} is missing", path.join(".")), "", Some(help));
    }

    /// Reports every key that nobody asked for. `known` lists all keys, for the suggestion.
    pub(super) fn finish(mut self, known: &[&str]) -> Vec<Diagnostic> {
        let mut unknown = Vec::new();
        not_asked(&self.root, &mut Vec::new(), &mut unknown);
        for (path, place, is_empty) in unknown {
            // A section of ours with every key left out or commented out.
            let is_ours =
                |key: &&str| key.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('.'));
            if is_empty && known.iter().any(is_ours) {
                continue;
            }
            let inside = known.iter().copied().filter(|k| depth(k) == depth(&path));
            let help = did_you_mean(&path, inside).map(|near| format!("did you mean {near:?}?"));
            self.mistake(codes::UNKNOWN, place, format!("unknown key {path:?}"), "not a key of ieum", help);
        }
        self.found.sort_by(|a, b| (&a.file, a.span.start).cmp(&(&b.file, b.span.start)));
        self.found
    }

    fn take(&mut self, path: &[&str]) -> Option<Entry> {
        let entry = find_mut(&mut self.root, path)?;
        entry.asked = true;
        Some(entry.clone())
    }

    fn wrong_kind<T>(&mut self, path: &[&str], entry: &Entry, wanted: &str) -> Option<T> {
        let message = format!("{:?} is {}", path.join("."), entry.node.kind());
        self.mistake(codes::KIND, entry.place.clone(), message, &format!("must be {wanted}"), None);
        None
    }
}

fn depth(path: &str) -> usize {
    path.split('.').count()
}

fn find<'a>(table: &'a BTreeMap<String, Entry>, path: &[&str]) -> Option<&'a Entry> {
    let (first, rest) = path.split_first()?;
    let entry = table.get(*first)?;
    match &entry.node {
        _ if rest.is_empty() => Some(entry),
        Node::Table(inner) => find(inner, rest),
        _ => None,
    }
}

fn find_mut<'a>(table: &'a mut BTreeMap<String, Entry>, path: &[&str]) -> Option<&'a mut Entry> {
    let (first, rest) = path.split_first()?;
    let entry = table.get_mut(*first)?;
    if rest.is_empty() {
        return Some(entry);
    }
    match &mut entry.node {
        Node::Table(inner) => find_mut(inner, rest),
        _ => None,
    }
}

fn not_asked<'a>(
    table: &'a BTreeMap<String, Entry>,
    path: &mut Vec<&'a str>,
    unknown: &mut Vec<(String, Place, bool)>,
) {
    for (key, entry) in table {
        path.push(key);
        match &entry.node {
            _ if entry.asked => {}
            Node::Table(inner) if !inner.is_empty() => not_asked(inner, path, unknown),
            node => {
                unknown.push((path.join("."), entry.key.clone(), matches!(node, Node::Table(_))));
            }
        }
        path.pop();
    }
}

fn entries(file: &str, table: &DeTable<'_>) -> BTreeMap<String, Entry> {
    let place = |span: Range<usize>| Place { file: file.to_owned(), span };
    table
        .iter()
        .map(|(key, value)| {
            let entry = Entry {
                node: node(file, value.get_ref()),
                place: place(value.span()),
                key: place(key.span()),
                asked: false,
            };
            (key.get_ref().to_string(), entry)
        })
        .collect()
}

fn node(file: &str, value: &DeValue<'_>) -> Node {
    match value {
        DeValue::Table(table) => Node::Table(entries(file, table)),
        DeValue::String(text) => Node::Text(text.to_string()),
        DeValue::Boolean(yes) => Node::Bool(*yes),
        DeValue::Integer(number) => i64::from_str_radix(&number.as_str().replace('_', ""), number.radix())
            .map_or(Node::Other("a number too large"), Node::Int),
        DeValue::Array(_) => Node::Other("a list"),
        DeValue::Float(_) => Node::Other("a fraction"),
        DeValue::Datetime(_) => Node::Other("a time"),
    }
}
