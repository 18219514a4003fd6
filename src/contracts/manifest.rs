//! `topic.toml` as written: read key by key, all mistakes at once with their places, nothing checked against schemas
//! yet.

use super::codes::NOT_READABLE;
use super::tables::{Reader, Table, Value, Word, mistake};
use super::{Access, Cleanup, Encoding, Precision, Route, Source};
use crate::types::{Diagnostic, SmolStr};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::DeTable;

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
            ("restricted", Form::List, false),
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
            ("verdicts", Form::Table, false),
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
        let limits = self.named(table, "limits", "a table of fields", "a table of min and max");
        let read = limits.into_iter().map(|(field, bounds, _)| {
            self.keys(bounds, &["min", "max"], "a limit");
            let mut bound = |key: &str, default: i64| {
                bounds.get(key).and_then(|value| self.integer(key, value)).unwrap_or(default)
            };
            Limit { field, min: bound("min", i64::MIN), max: bound("max", i64::MAX) }
        });
        read.collect()
    }

    fn ages(&mut self, table: &Table<'_>) -> Vec<Age> {
        let ages = self.named(table, "ages", "a table of ages", "a table of born and label");
        let read = ages.into_iter().map(|(name, age, place)| {
            self.keys(age, &["born", "label"], "an age");
            Age { name, born: self.word(age, "born", &place), label: self.text(age, "label", &place) }
        });
        read.collect()
    }

    fn areas(&mut self, table: &Table<'_>) -> Vec<Area> {
        let areas = self.named(table, "areas", "a table of kinds of areas", "a table of fact and with");
        let read = areas.into_iter().map(|(name, area, place)| {
            self.keys(area, &["fact", "with"], "a kind of area");
            let with = area.get("with").map(|with| self.list("with", with)).unwrap_or_default();
            Area { name, fact: self.word(area, "fact", &place), with }
        });
        read.collect()
    }
}

const ROUTES: &[(&str, Route)] = &[
    ("subject", Route::Subject),
    ("household", Route::Household),
    ("all-households", Route::AllHouseholds),
    ("control", Route::Control),
    ("notices", Route::Notices),
    ("output", Route::Output),
    ("internal", Route::Internal),
];
const CLEANUPS: &[(&str, Cleanup)] = &[("delete", Cleanup::Delete), ("compact", Cleanup::Compact)];
const ENCODINGS: &[(&str, Encoding)] =
    &[("registry", Encoding::Registry), ("single-object", Encoding::SingleObject), ("json", Encoding::Json)];
const PRECISIONS: &[(&str, Precision)] =
    &[("instant", Precision::Instant), ("day", Precision::Day), ("month", Precision::Month)];
