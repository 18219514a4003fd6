//! The topics' contracts: `topics/<name>/topic.toml` and `v1.avsc`, `v2.avsc`, … read into typed schemas, decode
//! programs, routes, labels, units and privacy classes. Pure: takes file contents, opens nothing.
//!
//! [`Topic::read`] is the hot path: the record's bytes go through a program that was compiled once from its writer's
//! schema and ours into borrowed slots, and from the slots by number into a [`Payload`]. No name is looked up and no
//! tree is built on the way.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod assemble;
mod builtin;
pub mod codes;
mod compose;
mod encode;
mod fields;
mod fingerprint;
mod json;
mod kafka;
mod keys;
mod manifest;
mod mapping;
mod parse;
mod program;
mod registry;
mod shape;
mod slot;
mod tables;
mod topic;
mod tree;

#[cfg(test)]
mod tests;

pub use builtin::{builtin, builtin_files};
pub use codes::{CONTRACT_CODES, DECODE_CODES, SCHEMA_UNAVAILABLE};
pub use kafka::{OWN_MESSAGE_BYTES, RAW_MESSAGE_BYTES};
pub use mapping::{ID_LIMIT_BYTES, LIST_LIMIT};
pub use registry::{FixedSchemas, SchemaSource, SchemaUnavailable};
pub use topic::{RECORD_LIMIT_BYTES, Topic};
pub use tree::Tree;

#[cfg(doc)]
use crate::types::Payload;
use crate::types::{Diagnostic, SmolStr};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All topics that the project knows.
#[derive(Debug)]
pub struct Contracts {
    topics: BTreeMap<SmolStr, Topic>,
    events: BTreeMap<SmolStr, EventType>,
    facts: BTreeMap<SmolStr, FactType>,
    areas: Vec<AreaKind>,
    files: Vec<(String, String)>,
}

/// Where intake sends a topic's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To `ieum.subjects`, by its first owner.
    Subject,
    /// To `ieum.households`, by household.
    Household,
    /// To every partition of `ieum.households`.
    AllHouseholds,
    /// To `ieum.control`.
    Control,
    /// Nowhere yet: notices as connectors read them, original values and all. Their stage is still to come.
    Notices,
    /// Not an input: written by ieum.
    Output,
    /// ieum's own log.
    Internal,
}

/// What the outcome of a case says of the alert that led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Somebody needed help.
    Needed,
    /// Nobody did.
    NotNeeded,
    /// It says neither.
    Unclear,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Needed, Self::NotNeeded, Self::Unclear];

    /// As topic.toml and metrics write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Needed => "needed",
            Self::NotNeeded => "not_needed",
            Self::Unclear => "unclear",
        }
    }
}

/// How a topic's old records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// By age.
    Delete,
    /// All but the newest of each key.
    Compact,
}

/// How a record's bytes are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 0x00, a schema id of four bytes, Avro.
    Registry,
    /// 0xC3 0x01, the fingerprint of a version in `topics/`, Avro: what we write.
    SingleObject,
    /// JSON, checked against the newest schema.
    Json,
}

/// How exactly a topic's times are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// To the millisecond.
    Instant,
    /// To the day.
    Day,
    /// To the month, which counts at its last day.
    Month,
}

/// Who may do what with a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Class: records never leave it.
    pub class: SmolStr,
    /// Roles that read.
    pub read: Vec<SmolStr>,
    /// Roles that write.
    pub write: Vec<SmolStr>,
}

/// A source that feeds a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Code, as records name it.
    pub name: SmolStr,
    /// Korean name.
    pub label: String,
    /// Days between its deliveries.
    pub rhythm_days: u16,
    /// Whether it delivers yet; an unexpected source is never stale.
    pub expected: bool,
    /// Whether an absence waits for it.
    pub deciding: bool,
    /// Whether its completeness is per region.
    pub by_region: bool,
    /// Kinds that it reports; empty for all.
    pub kinds: Vec<SmolStr>,
}

/// What a schema says of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDoc {
    /// Name; of a nested field, names joined by dots.
    pub path: SmolStr,
    /// English, for engineers.
    pub doc: String,
    /// Korean, for caseworkers and rule authors.
    pub label: String,
    /// Unit, if any.
    pub unit: Option<String>,
    /// Privacy class.
    pub pii: Pii,
    /// State keeps it and rules may read it.
    pub keep: bool,
    /// Codes that it takes, with Korean labels; empty where they are not listed.
    pub values: Vec<(SmolStr, String)>,
}

/// Why a raw record was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Code with an `explain` page, for example `IEUM-D003`.
    pub code: &'static str,
    /// What is wrong, without any personal value.
    pub text: String,
}

impl Reject {
    /// Whether the record is not to be rejected but tried again: its schema could not be had now.
    pub fn is_transient(&self) -> bool {
        self.code == SCHEMA_UNAVAILABLE
    }
}

/// A name that rules may use: an event kind, with what can be asked of it.
#[derive(Clone, Debug)]
pub struct EventType {
    /// Event name (`cutoff.water`).
    pub name: SmolStr,
    /// Topic that declares it.
    pub topic: SmolStr,
    /// Kept fields.
    pub fields: Vec<FieldType>,
    /// Sources that can report it; empty if any can.
    pub sources: Vec<SmolStr>,
    /// Stored as days of use.
    pub daily: bool,
    /// Of a daily kind, the kept field that tells the use: above zero is used, zero is read and not used.
    pub daily_field: Option<SmolStr>,
    /// An event of an area, not of an owner.
    pub area: bool,
    /// So sensitive that only a restricted rule may read it ([`crate::rules::plan::is_restricted`]).
    pub restricted: bool,
}

/// A typed field, of an event or a fact.
#[derive(Clone, Debug)]
pub struct FieldType {
    /// Name as rules use it.
    pub name: SmolStr,
    /// Its type.
    pub ty: Type,
    /// Korean label.
    pub label: String,
    /// Unit, if any.
    pub unit: Option<String>,
    /// Privacy class.
    pub pii: Pii,
    /// Values it can take, where the contract lists them.
    pub values: Vec<SmolStr>,
}

/// Types of values in rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Yes or no.
    Bool,
    /// Whole number.
    Int,
    /// Exact decimal.
    Decimal,
    /// Text or code.
    Text,
    /// Calendar day.
    Day,
    /// Instant.
    Instant,
    /// Several texts.
    Texts,
    /// Whole years, derived on a day from a birth date fact named in [`FactType::born`].
    Age,
}

/// Privacy class of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pii {
    /// Says nothing of a person.
    None,
    /// Replaces an identity; a key outside the stream made it.
    Pseudonym,
    /// Says something of a person without naming them.
    Indirect,
    /// Health, violence, and the like.
    Sensitive,
}

/// A fact of an entity that rules may use, under `household.`.
#[derive(Clone, Debug)]
pub struct FactType {
    /// Name, type, label, unit, class.
    pub field: FieldType,
    /// For an age: the date fact it is derived from.
    pub born: Option<SmolStr>,
}

/// A kind of area: the households of one value of a fact. Rules may count them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AreaKind {
    /// Name as rules use it (`per: building`).
    pub name: SmolStr,
    /// The household fact that names a household's area.
    pub fact: SmolStr,
    /// Household facts that all households of an area have alike: what is known of the area itself.
    pub with: Vec<SmolStr>,
}

impl Contracts {
    /// Reads contracts from `(path, content)` pairs, paths relative to `topics/` (`signals.cutoff/topic.toml`).
    /// All mistakes at once.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<Diagnostic>> {
        parse::parse(files)
    }

    /// The same contracts, asking this source for the schemas of registry ids.
    pub fn with_schemas(mut self, source: Arc<dyn SchemaSource>) -> Self {
        for topic in self.topics.values_mut() {
            topic.schemas = Some(Arc::clone(&source));
        }
        self
    }

    /// The files that they were read from, sorted by path relative to `topics/`, without examples. A pack takes them
    /// along: it is compiled against the contracts that it was checked with, whatever a binary was built with.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// A topic by name.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    /// All topics by name.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.values()
    }

    /// What rules may say about an event kind.
    pub fn event(&self, name: &str) -> Option<&EventType> {
        self.events.get(name)
    }

    /// All event kinds, by name.
    pub fn events(&self) -> impl Iterator<Item = &EventType> {
        self.events.values()
    }

    /// What rules may say about a household fact, named without its prefix (`size`).
    pub fn fact(&self, name: &str) -> Option<&FactType> {
        self.facts.get(name)
    }

    /// The kinds of areas, by name.
    pub fn areas(&self) -> &[AreaKind] {
        &self.areas
    }

    /// What an outcome of casework says of the alert that it closes; unclear where no topic says.
    pub fn verdict(&self, outcome: &str) -> Verdict {
        let said = self.topics().find_map(|topic| topic.verdict(outcome));
        said.unwrap_or(Verdict::Unclear)
    }

    /// All household facts, by name.
    pub fn facts(&self) -> impl Iterator<Item = &FactType> {
        self.facts.values()
    }
}
