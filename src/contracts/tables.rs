//! TOML read with places: keys that are not known, values that are missing or of another kind, all told at once.

use super::codes::{MISSING_KEY, UNKNOWN_KEY, WRONG_VALUE};
use crate::types::{Diagnostic, Severity, SmolStr, did_you_mean};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A text and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: SmolStr,
    pub(super) span: Range<usize>,
}

/// An error at a place.
pub(super) fn mistake(
    code: &'static str,
    file: &str,
    span: Range<usize>,
    message: impl Into<String>,
) -> Diagnostic {
    Diagnostic {
        code,
        severity: Severity::Error,
        message: message.into(),
        file: file.to_owned(),
        span,
        label: String::new(),
        help: None,
    }
}

/// Reads tables key by key; what is missing or wrong takes a harmless value and leaves a diagnostic.
pub(super) struct Reader<'r> {
    pub(super) file: &'r str,
    pub(super) found: &'r mut Vec<Diagnostic>,
}

pub(super) type Table<'i> = DeTable<'i>;
pub(super) type Value<'i> = Spanned<DeValue<'i>>;

impl Reader<'_> {
    pub(super) fn report_at(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.found.push(Diagnostic { help, ..mistake(code, self.file, span, message) });
    }

    pub(super) fn keys(&mut self, table: &Table<'_>, known: &[&str], place: &str) {
        for (key, _) in table.iter() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let help =
                    did_you_mean(name, known.iter().copied()).map(|near| format!("did you mean \"{near}\"?"));
                self.report_at(UNKNOWN_KEY, key.span(), format!("{place} has no key \"{name}\""), help);
            }
        }
    }

    pub(super) fn find<'t, 'i>(
        &mut self,
        table: &'t Table<'i>,
        key: &str,
        place: &Range<usize>,
    ) -> Option<&'t Value<'i>> {
        let value = table.get(key);
        if value.is_none() {
            self.report_at(MISSING_KEY, place.start..place.start, format!("key \"{key}\" is missing"), None);
        }
        value
    }

    pub(super) fn wrong(&mut self, key: &str, span: Range<usize>, takes: &str) {
        self.report_at(WRONG_VALUE, span, format!("\"{key}\" takes {takes}"), None);
    }

    pub(super) fn word(&mut self, table: &Table<'_>, key: &str, place: &Range<usize>) -> Word {
        let Some(value) = self.find(table, key, place) else {
            return Word { text: SmolStr::default(), span: 0..0 };
        };
        self.as_word(key, value)
    }

    pub(super) fn as_word(&mut self, key: &str, value: &Value<'_>) -> Word {
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => Word { text: SmolStr::new(text), span: value.span() },
            _ => {
                self.wrong(key, value.span(), "a text");
                Word { text: SmolStr::default(), span: value.span() }
            }
        }
    }

    pub(super) fn text(&mut self, table: &Table<'_>, key: &str, place: &Range<usize>) -> String {
        self.word(table, key, place).text.to_string()
    }

    pub(super) fn flag(&mut self, table: &Table<'_>, key: &str, default: bool) -> bool {
        let Some(value) = table.get(key) else { return default };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong(key, value.span(), "true or false");
            default
        })
    }

    pub(super) fn integer(&mut self, key: &str, value: &Value<'_>) -> Option<i64> {
        let number = match value.get_ref() {
            DeValue::Integer(n) => i64::from_str_radix(&n.as_str().replace('_', ""), n.radix()).ok(),
            _ => None,
        };
        if number.is_none() {
            self.wrong(key, value.span(), "a whole number");
        }
        number
    }

    pub(super) fn number(
        &mut self,
        table: &Table<'_>,
        key: &str,
        place: &Range<usize>,
        min: i32,
        max: i32,
        default: Option<i32>,
    ) -> i32 {
        if let (None, Some(default)) = (table.get(key), default) {
            return default;
        }
        let Some(value) = self.find(table, key, place) else { return min };
        let Some(number) = self.integer(key, value) else { return min };
        i32::try_from(number).ok().filter(|n| (min..=max).contains(n)).unwrap_or_else(|| {
            self.wrong(key, value.span(), &format!("a number from {min} to {max}"));
            min
        })
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        table: &Table<'_>,
        key: &str,
        place: &Range<usize>,
        words: &[(&str, T)],
    ) -> Option<T> {
        let value = self.find(table, key, place)?;
        let text = value.get_ref().as_str().unwrap_or_default();
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let takes = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            let near = did_you_mean(text, words.iter().map(|(word, _)| *word));
            let help = near.map(|near| format!("did you mean \"{near}\"?"));
            self.report_at(WRONG_VALUE, value.span(), format!("\"{key}\" takes one of {takes}"), help);
        }
        found.map(|(_, choice)| *choice)
    }

    pub(super) fn list(&mut self, key: &str, value: &Value<'_>) -> Vec<Word> {
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(key, value.span(), "a list of texts");
            return Vec::new();
        };
        items.iter().map(|item| self.as_word(key, item)).collect()
    }

    /// A table of texts.
    pub(super) fn words(&mut self, value: &Value<'_>) -> Vec<(Word, Word)> {
        let Some(table) = value.get_ref().as_table() else {
            self.wrong("this key", value.span(), "a table of texts");
            return Vec::new();
        };
        let pair = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Value<'_>)| {
            let name = Word { text: SmolStr::new(key.get_ref()), span: key.span() };
            let word = self.as_word(&name.text, value);
            (name, word)
        };
        table.iter().map(pair).collect()
    }

    /// The tables of a table, each with its name and place.
    pub(super) fn named<'t, 'i>(
        &mut self,
        table: &'t Table<'i>,
        key: &str,
        takes: &str,
        each_takes: &str,
    ) -> Vec<(Word, &'t Table<'i>, Range<usize>)> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let Some(tables) = value.get_ref().as_table() else {
            self.wrong(key, value.span(), takes);
            return Vec::new();
        };
        let mut read = Vec::new();
        for (key, value) in tables.iter() {
            let Some(table) = value.get_ref().as_table() else {
                self.wrong(key.get_ref(), value.span(), each_takes);
                continue;
            };
            let name = Word { text: SmolStr::new(key.get_ref()), span: key.span() };
            read.push((name, table, value.span()));
        }
        read
    }
}
