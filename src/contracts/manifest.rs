//! `topic.toml` as written: read key by key, all mistakes at once with their places, nothing checked against schemas
//! yet.

use super::codes::{MISSING_KEY, NOT_READABLE, UNKNOWN_KEY, WRONG_VALUE};
use super::{Access, Cleanup, Encoding, Precision, Route, Source};
use crate::types::{Diagnostic, Severity, SmolStr, did_you_mean};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A text and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: SmolStr,
    pub(super) span: Range<usize>,
}

/// What a topic's records are, and which fields carry what.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) kind: SectionKind,
    pub(super) span: Range<usize>,
    pub(super) fields: BTreeMap<&'static str, Word>,
    pub(super) lists: BTreeMap<&'static str, Vec<Word>>,
    pub(super) tables: BTreeMap<&'static str, Vec<(Word, Word)>>,
}

/// The tables that say what a topic's records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SectionKind {
    Signal,
    Area,
    Link,
    Facts,
    Action,
    Statement,
}

/// How a key of a section is written, and whether it must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Field,
    List,
    Table,
}

type Keys = &'static [(&'static str, Form, bool)];

const SECTIONS: &[(&str, SectionKind, &[Route], Keys)] = &[
    (
        "signal",
        SectionKind::Signal,
        &[Route::Subject],
        &[
            ("source", Form::Field, true),
            ("key", Form::Field, true),
            ("revision", Form::Field, false),
            ("change", Form::Table, false),
            ("owners", Form::List, true),
            ("region", Form::Field, false),
            ("kind", Form::Field, true),
            ("time", Form::Field, true),
            ("ended", Form::Field, false),
            ("required", Form::List, false),
            ("daily", Form::Field, false),
        ],
    ),
    (
        "area",
        SectionKind::Area,
        &[Route::AllHouseholds],
        &[
            ("source", Form::Field, true),
            ("key", Form::Field, true),
            ("revision", Form::Field, false),
            ("change", Form::Table, false),
            ("region", Form::Field, false),
            ("kind", Form::Field, true),
            ("time", Form::Field, true),
            ("ended", Form::Field, false),
            ("required", Form::List, false),
            ("scope", Form::Table, true),
        ],
    ),
    (
        "link",
        SectionKind::Link,
        &[Route::Subject],
        &[
            ("source", Form::Field, true),
            ("key", Form::Field, true),
            ("revision", Form::Field, false),
            ("subject_kind", Form::Field, true),
            ("subject", Form::Field, true),
            ("entity", Form::Field, true),
            ("confidence", Form::Field, false),
            ("from", Form::Field, true),
            ("to", Form::Field, false),
        ],
    ),
    (
        "facts",
        SectionKind::Facts,
        &[Route::Household],
        &[
            ("source", Form::Field, true),
            ("key", Form::Field, true),
            ("revision", Form::Field, false),
            ("entity", Form::Field, true),
            ("from", Form::Field, true),
            ("fields", Form::List, true),
        ],
    ),
    (
        "action",
        SectionKind::Action,
        &[Route::Household],
        &[
            ("source", Form::Table, true),
            ("key", Form::Field, true),
            ("entity", Form::Field, true),
            ("episode", Form::Field, true),
            ("seen_revision", Form::Field, true),
            ("kind", Form::Field, true),
            ("outcome", Form::Field, false),
            ("actor", Form::Field, true),
            ("time", Form::Field, true),
            ("steps", Form::Table, true),
        ],
    ),
    (
        "statement",
        SectionKind::Statement,
        &[Route::Control],
        &[("source", Form::Field, true), ("region", Form::Field, false), ("through", Form::Field, true)],
    ),
];

impl SectionKind {
    /// Its name in topic.toml.
    pub(super) fn name(self) -> &'static str {
        SECTIONS.iter().find(|s| s.1 == self).map_or("", |s| s.0)
    }

    /// Whether it serves a route.
    pub(super) fn serves(self, route: Route) -> bool {
        SECTIONS.iter().any(|s| s.1 == self && s.2.contains(&route))
    }
}

/// Least and largest value of a number.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    pub(super) field: Word,
    pub(super) min: i64,
    pub(super) max: i64,
}

/// An age that is derived from a date fact.
#[derive(Clone, Debug)]
pub(super) struct Age {
    pub(super) name: Word,
    pub(super) born: Word,
    pub(super) label: String,
}

/// A kind of area that households lie in.
#[derive(Clone, Debug)]
pub(super) struct Area {
    pub(super) name: Word,
    pub(super) fact: Word,
    pub(super) with: Vec<Word>,
}

/// A topic.toml.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) purpose: String,
    pub(super) title: String,
    pub(super) owner: String,
    pub(super) key: Word,
    pub(super) route: Route,
    pub(super) partitions: i32,
    pub(super) retention_days: i32,
    pub(super) cleanup: Cleanup,
    pub(super) encodings: Vec<Encoding>,
    pub(super) lateness_days: u16,
    pub(super) precision: Precision,
    pub(super) access: Access,
    pub(super) max_message_bytes: Option<i32>,
    pub(super) changelog_of: Option<Word>,
    pub(super) full_compatibility: bool,
    pub(super) sections: Vec<Section>,
    pub(super) events: Vec<(Word, Word)>,
    pub(super) sources: Vec<Source>,
    pub(super) limits: Vec<Limit>,
    pub(super) ages: Vec<Age>,
    pub(super) areas: Vec<Area>,
}

/// Reads a topic.toml; what is missing or wrong takes a harmless value and leaves a diagnostic.
pub(super) fn read(file: &str, text: &str, found: &mut Vec<Diagnostic>) -> Option<Manifest> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let broken = !errors.is_empty();
    for error in errors {
        found.push(mistake(NOT_READABLE, file, error.span().unwrap_or(0..0), error.message()));
    }
    if broken {
        return None;
    }
    let mut reader = Reader { file, found };
    let whole = table.span();
    Some(reader.manifest(table.get_ref(), whole))
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

struct Reader<'r> {
    file: &'r str,
    found: &'r mut Vec<Diagnostic>,
}

type Table<'i> = DeTable<'i>;
type Value<'i> = Spanned<DeValue<'i>>;

const KEYS: &[&str] = &[
    "purpose",
    "title",
    "owner",
    "key",
    "route",
    "partitions",
    "retention_days",
    "cleanup",
    "encodings",
    "lateness_days",
    "precision",
    "access",
    "max_message_bytes",
    "changelog_of",
    "compatibility",
    "events",
    "sources",
    "limits",
    "ages",
    "areas",
    "signal",
    "area",
    "link",
    "facts",
    "action",
    "statement",
];

const SOURCE_KEYS: &[&str] = &["name", "label", "rhythm_days", "expected", "deciding", "by_region", "kinds"];

impl Reader<'_> {
    fn manifest(&mut self, table: &Table<'_>, whole: Range<usize>) -> Manifest {
        self.keys(table, KEYS, "topic.toml");
        let key = self.word(table, "key", &whole);
        let route = self.choice(table, "route", &whole, ROUTES).unwrap_or(Route::Internal);
        let cleanup = self.choice(table, "cleanup", &whole, CLEANUPS).unwrap_or(Cleanup::Delete);
        let sections = SECTIONS.iter().filter_map(|(name, kind, _, keys)| {
            let value = table.get(*name)?;
            Some(self.section(*kind, value, keys))
        });
        let sections = sections.collect();
        Manifest {
            purpose: self.text(table, "purpose", &whole),
            title: self.text(table, "title", &whole),
            owner: self.text(table, "owner", &whole),
            key,
            route,
            partitions: self.number(table, "partitions", &whole, 1, 4096, None),
            retention_days: self.number(table, "retention_days", &whole, -1, 36_525, None),
            cleanup,
            encodings: self.encodings(table),
            lateness_days: u16::try_from(self.number(table, "lateness_days", &whole, 0, 3650, Some(0)))
                .unwrap_or(0),
            precision: match table.get("precision") {
                Some(_) => self.choice(table, "precision", &whole, PRECISIONS).unwrap_or(Precision::Instant),
                None => Precision::Instant,
            },
            access: self.access(table, &whole),
            max_message_bytes: table
                .get("max_message_bytes")
                .map(|_| self.number(table, "max_message_bytes", &whole, 1024, 64 << 20, None)),
            changelog_of: table.get("changelog_of").map(|_| self.word(table, "changelog_of", &whole)),
            full_compatibility: match table.get("compatibility") {
                Some(_) => {
                    self.choice(table, "compatibility", &whole, &[("full", true), ("backward", false)])
                        == Some(true)
                }
                None => route == Route::Output,
            },
            sections,
            events: table.get("events").map(|value| self.words(value)).unwrap_or_default(),
            sources: self.sources(table),
            limits: self.limits(table),
            ages: self.ages(table),
            areas: self.areas(table),
        }
    }

    fn report_at(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.found.push(Diagnostic { help, ..mistake(code, self.file, span, message) });
    }

    fn keys(&mut self, table: &Table<'_>, known: &[&str], place: &str) {
        for (key, _) in table.iter() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let help =
                    did_you_mean(name, known.iter().copied()).map(|near| format!("did you mean \"{near}\"?"));
                self.report_at(UNKNOWN_KEY, key.span(), format!("{place} has no key \"{name}\""), help);
            }
        }
    }

    fn find<'t, 'i>(
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

    fn wrong(&mut self, key: &str, span: Range<usize>, takes: &str) {
        self.report_at(WRONG_VALUE, span, format!("\"{key}\" takes {takes}"), None);
    }

    fn word(&mut self, table: &Table<'_>, key: &str, place: &Range<usize>) -> Word {
        let Some(value) = self.find(table, key, place) else {
            return Word { text: SmolStr::default(), span: 0..0 };
        };
        self.as_word(key, value)
    }

    fn as_word(&mut self, key: &str, value: &Value<'_>) -> Word {
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => Word { text: SmolStr::new(text), span: value.span() },
            _ => {
                self.wrong(key, value.span(), "a text");
                Word { text: SmolStr::default(), span: value.span() }
            }
        }
    }

    fn text(&mut self, table: &Table<'_>, key: &str, place: &Range<usize>) -> String {
        self.word(table, key, place).text.to_string()
    }

    fn flag(&mut self, table: &Table<'_>, key: &str, default: bool) -> bool {
        let Some(value) = table.get(key) else { return default };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong(key, value.span(), "true or false");
            default
        })
    }

    fn integer(&mut self, key: &str, value: &Value<'_>) -> Option<i64> {
        let number = match value.get_ref() {
            DeValue::Integer(n) => i64::from_str_radix(&n.as_str().replace('_', ""), n.radix()).ok(),
            _ => None,
        };
        if number.is_none() {
            self.wrong(key, value.span(), "a whole number");
        }
        number
    }

    fn number(
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

    fn choice<T: Copy>(
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

    fn list(&mut self, key: &str, value: &Value<'_>) -> Vec<Word> {
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(key, value.span(), "a list of texts");
            return Vec::new();
        };
        items.iter().map(|item| self.as_word(key, item)).collect()
    }

    /// A table of texts.
    fn words(&mut self, value: &Value<'_>) -> Vec<(Word, Word)> {
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

    fn section(&mut self, kind: SectionKind, value: &Value<'_>, keys: Keys) -> Section {
        let mut section = Section {
            kind,
            span: value.span(),
            fields: BTreeMap::new(),
            lists: BTreeMap::new(),
            tables: BTreeMap::new(),
        };
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(kind.name(), value.span(), "a table");
            return section;
        };
        let known: Vec<&str> = keys.iter().map(|(key, _, _)| *key).collect();
        self.keys(table, &known, &format!("[{}]", kind.name()));
        for (key, form, required) in keys {
            let Some(value) = table.get(*key) else {
                if *required {
                    self.find(table, key, &value.span());
                }
                continue;
            };
            match form {
                Form::Field => drop(section.fields.insert(key, self.as_word(key, value))),
                Form::List => drop(section.lists.insert(key, self.list(key, value))),
                Form::Table => drop(section.tables.insert(key, self.words(value))),
            }
        }
        section
    }

    fn encodings(&mut self, table: &Table<'_>) -> Vec<Encoding> {
        let Some(value) = table.get("encodings") else { return Vec::new() };
        let mut encodings = Vec::new();
        for word in self.list("encodings", value) {
            match ENCODINGS.iter().find(|(name, _)| *name == word.text) {
                Some((_, encoding)) => encodings.push(*encoding),
                None => self.wrong("encodings", word.span, "\"registry\", \"single-object\" and \"json\""),
            }
        }
        encodings
    }

    fn access(&mut self, table: &Table<'_>, place: &Range<usize>) -> Access {
        let mut access = Access { class: SmolStr::default(), read: Vec::new(), write: Vec::new() };
        let Some(value) = self.find(table, "access", place) else { return access };
        let Some(inner) = value.get_ref().as_table() else {
            self.wrong("access", value.span(), "a table of class, read and write");
            return access;
        };
        self.keys(inner, &["class", "read", "write"], "access");
        access.class = self.word(inner, "class", &value.span()).text;
        for (key, into) in [("read", &mut access.read), ("write", &mut access.write)] {
            if let Some(list) = self.find(inner, key, &value.span()) {
                *into = self.list(key, list).into_iter().map(|word| word.text).collect();
            }
        }
        access
    }

    fn sources(&mut self, table: &Table<'_>) -> Vec<Source> {
        let Some(value) = table.get("sources") else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong("sources", value.span(), "tables, each headed [[sources]]");
            return Vec::new();
        };
        let mut sources: Vec<Source> = Vec::new();
        for item in items.iter() {
            let Some(table) = item.get_ref().as_table() else {
                self.wrong("sources", item.span(), "tables, each headed [[sources]]");
                continue;
            };
            self.keys(table, SOURCE_KEYS, "a source");
            let place = item.span();
            let days = self.number(table, "rhythm_days", &place, 1, 400, None);
            sources.push(Source {
                name: self.word(table, "name", &place).text,
                label: self.text(table, "label", &place),
                rhythm_days: u16::try_from(days).unwrap_or(1),
                expected: self.flag(table, "expected", true),
                deciding: self.flag(table, "deciding", true),
                by_region: self.flag(table, "by_region", false),
                kinds: table
                    .get("kinds")
                    .map(|kinds| self.list("kinds", kinds).into_iter().map(|word| word.text).collect())
                    .unwrap_or_default(),
            });
        }
        sources
    }

    fn limits(&mut self, table: &Table<'_>) -> Vec<Limit> {
        let Some(value) = table.get("limits") else { return Vec::new() };
        let Some(fields) = value.get_ref().as_table() else {
            self.wrong("limits", value.span(), "a table of fields");
            return Vec::new();
        };
        let mut limits = Vec::new();
        for (key, value) in fields.iter() {
            let field = Word { text: SmolStr::new(key.get_ref()), span: key.span() };
            let Some(bounds) = value.get_ref().as_table() else {
                self.wrong(&field.text, value.span(), "a table of min and max");
                continue;
            };
            self.keys(bounds, &["min", "max"], "a limit");
            let mut bound = |key: &str, default: i64| {
                bounds.get(key).and_then(|value| self.integer(key, value)).unwrap_or(default)
            };
            limits.push(Limit { field, min: bound("min", i64::MIN), max: bound("max", i64::MAX) });
        }
        limits
    }

    fn ages(&mut self, table: &Table<'_>) -> Vec<Age> {
        let Some(value) = table.get("ages") else { return Vec::new() };
        let Some(ages) = value.get_ref().as_table() else {
            self.wrong("ages", value.span(), "a table of ages");
            return Vec::new();
        };
        let mut read = Vec::new();
        for (key, value) in ages.iter() {
            let Some(age) = value.get_ref().as_table() else {
                self.wrong(key.get_ref(), value.span(), "a table of born and label");
                continue;
            };
            self.keys(age, &["born", "label"], "an age");
            read.push(Age {
                name: Word { text: SmolStr::new(key.get_ref()), span: key.span() },
                born: self.word(age, "born", &value.span()),
                label: self.text(age, "label", &value.span()),
            });
        }
        read
    }

    fn areas(&mut self, table: &Table<'_>) -> Vec<Area> {
        let Some(value) = table.get("areas") else { return Vec::new() };
        let Some(areas) = value.get_ref().as_table() else {
            self.wrong("areas", value.span(), "a table of kinds of areas");
            return Vec::new();
        };
        let mut read = Vec::new();
        for (key, value) in areas.iter() {
            let Some(area) = value.get_ref().as_table() else {
                self.wrong(key.get_ref(), value.span(), "a table of fact and with");
                continue;
            };
            self.keys(area, &["fact", "with"], "a kind of area");
            read.push(Area {
                name: Word { text: SmolStr::new(key.get_ref()), span: key.span() },
                fact: self.word(area, "fact", &value.span()),
                with: area.get("with").map(|with| self.list("with", with)).unwrap_or_default(),
            });
        }
        read
    }
}

const ROUTES: &[(&str, Route)] = &[
    ("subject", Route::Subject),
    ("household", Route::Household),
    ("all-households", Route::AllHouseholds),
    ("control", Route::Control),
    ("output", Route::Output),
    ("internal", Route::Internal),
];
const CLEANUPS: &[(&str, Cleanup)] = &[("delete", Cleanup::Delete), ("compact", Cleanup::Compact)];
const ENCODINGS: &[(&str, Encoding)] =
    &[("registry", Encoding::Registry), ("single-object", Encoding::SingleObject), ("json", Encoding::Json)];
const PRECISIONS: &[(&str, Precision)] =
    &[("instant", Precision::Instant), ("day", Precision::Day), ("month", Precision::Month)];
