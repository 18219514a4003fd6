//! TOML read key by key with places: unknown keys, missing ones and values of another kind are told all at once, and take a harmless
//! value.

use crate::collect::codes::{MISSING_KEY, NOT_READABLE, UNKNOWN_KEY, WRONG_VALUE};
use crate::types::{Diagnostic, Severity, did_you_mean};
use std::ops::{Range, RangeInclusive};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

type Value<'t> = Spanned<DeValue<'t>>;

/// A text and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// Takes mistakes of one file.
pub(super) struct Mistakes<'m> {
    pub(super) file: &'m str,
    pub(super) found: &'m mut Vec<Diagnostic>,
}

impl Mistakes<'_> {
    pub(super) fn tell(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        self.found.push(Diagnostic {
            code,
            severity: Severity::Error,
            message,
            file: self.file.to_owned(),
            span,
            label: String::new(),
            help,
        });
    }
}

/// Reads a whole file; none if it is no TOML.
pub(super) fn parse<'t>(text: &'t str, mistakes: &mut Mistakes<'_>) -> Option<Spanned<DeTable<'t>>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        mistakes.tell(NOT_READABLE, error.span().unwrap_or_default(), error.message().to_lowercase(), None);
    }
    errors.is_empty().then_some(table)
}

/// A table of the file, with its name for messages.
#[derive(Clone, Copy)]
pub(super) struct Section<'s, 't> {
    table: &'s DeTable<'t>,
    name: &'s str,
    at: usize,
}

impl<'s, 't> Section<'s, 't> {
    /// The file's own table. `known` are all its keys.
    pub(super) fn root(table: &'s Spanned<DeTable<'t>>, known: &[&str], mistakes: &mut Mistakes<'_>) -> Self {
        Self::new(table.get_ref(), "the file", 0, known, mistakes)
    }

    fn new(
        table: &'s DeTable<'t>,
        name: &'s str,
        at: usize,
        known: &[&str],
        mistakes: &mut Mistakes<'_>,
    ) -> Self {
        for key in table.keys() {
            let word = key.get_ref().as_ref();
            if !known.contains(&word) {
                let help =
                    did_you_mean(word, known.iter().copied()).map(|near| format!("did you mean \"{near}\"?"));
                mistakes.tell(UNKNOWN_KEY, key.span(), format!("{name} has no key \"{word}\""), help);
            }
        }
        Self { table, name, at }
    }

    /// A table in it; none, and told, if it is missing.
    pub(super) fn section(self, key: &'s str, known: &[&str], mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let value = self.value(key, mistakes)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Self::new(table, key, value.span().start, known, mistakes)),
            _ => {
                self.wrong(key, value, "a section", mistakes);
                None
            }
        }
    }

    /// The tables of a list; none of them is needed.
    pub(super) fn sections(self, key: &'s str, known: &[&str], mistakes: &mut Mistakes<'_>) -> Vec<Self> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(key, value, "a list of sections", mistakes);
            return Vec::new();
        };
        let mut found = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::Table(table) => {
                    found.push(Self::new(table, key, item.span().start, known, mistakes))
                }
                _ => self.wrong(key, item, "sections", mistakes),
            }
        }
        found
    }

    /// A text that must be there and not be empty.
    pub(super) fn word(self, key: &str, mistakes: &mut Mistakes<'_>) -> Word {
        match self.value(key, mistakes) {
            Some(value) => self.as_word(key, value, mistakes),
            None => Word::default(),
        }
    }

    /// A text that may be left out.
    pub(super) fn word_if_any(self, key: &str, mistakes: &mut Mistakes<'_>) -> Option<Word> {
        self.table.get(key).map(|value| self.as_word(key, value, mistakes))
    }

    /// A list of texts; empty where it is left out.
    pub(super) fn words(self, key: &str, mistakes: &mut Mistakes<'_>) -> Vec<Word> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        match value.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| self.as_word(key, item, mistakes)).collect(),
            _ => {
                self.wrong(key, value, "a list of texts", mistakes);
                Vec::new()
            }
        }
    }

    /// Any keys with a text each, in the file's order of names; empty where it is left out.
    pub(super) fn pairs(self, key: &str, mistakes: &mut Mistakes<'_>) -> Vec<(String, Word)> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        match value.get_ref() {
            DeValue::Table(table) => table
                .iter()
                .map(|(name, value)| {
                    let name = name.get_ref().to_string();
                    let word = self.as_word(&name, value, mistakes);
                    (name, word)
                })
                .collect(),
            _ => {
                self.wrong(key, value, "a section", mistakes);
                Vec::new()
            }
        }
    }

    /// A whole number within a range; the default where it is left out.
    pub(super) fn number(
        self,
        key: &str,
        allowed: RangeInclusive<u32>,
        default: u32,
        mistakes: &mut Mistakes<'_>,
    ) -> u32 {
        let Some(value) = self.table.get(key) else { return default };
        let number = match value.get_ref() {
            DeValue::Integer(n) => u32::from_str_radix(&n.as_str().replace('_', ""), n.radix()).ok(),
            _ => None,
        };
        if let Some(number) = number.filter(|number| allowed.contains(number)) {
            return number;
        }
        let takes = format!("a whole number from {} to {}", allowed.start(), allowed.end());
        self.wrong(key, value, &takes, mistakes);
        default
    }

    fn value(self, key: &str, mistakes: &mut Mistakes<'_>) -> Option<&'s Value<'t>> {
        let value = self.table.get(key);
        if value.is_none() {
            let message = format!("{} lacks the key \"{key}\"", self.name);
            mistakes.tell(MISSING_KEY, self.at..self.at, message, None);
        }
        value
    }

    fn as_word(self, key: &str, value: &Value<'t>, mistakes: &mut Mistakes<'_>) -> Word {
        match value.get_ref().as_str().filter(|text| !text.trim().is_empty()) {
            Some(text) => Word { text: text.to_owned(), span: value.span() },
            None => {
                self.wrong(key, value, "a text", mistakes);
                Word { text: String::new(), span: value.span() }
            }
        }
    }

    fn wrong(self, key: &str, value: &Value<'t>, takes: &str, mistakes: &mut Mistakes<'_>) {
        mistakes.tell(WRONG_VALUE, value.span(), format!("\"{key}\" takes {takes}"), None);
    }
}
