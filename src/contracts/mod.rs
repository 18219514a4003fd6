//! The topics' contracts: `topics/<name>/topic.toml` and `v1.avsc`, `v2.avsc`, … read into typed schemas, decode
//! programs, routes, labels, units and privacy classes. Pure: takes file contents, opens nothing.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::types::{Diagnostic, Payload, SmolStr};
use std::collections::BTreeMap;

/// All topics that the project knows.
#[derive(Debug)]
pub struct Contracts {
    topics: BTreeMap<SmolStr, Topic>,
}

/// One topic's contract.
#[derive(Debug)]
pub struct Topic {
    /// Name.
    pub name: SmolStr,
    /// Where its records go.
    pub route: Route,
    /// Default number of partitions.
    pub partitions: i32,
    /// Days after which a record is late.
    pub lateness_days: u16,
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
    /// Not an input: written by ieum.
    Output,
    /// ieum's own log.
    Internal,
}

/// A record of an output topic, field by field by name: what a task builds and a reader gets back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// Null branch of a union.
    Null,
    /// Yes or no.
    Bool(bool),
    /// `int`, `long` and their logical types (days, milliseconds).
    Int(i64),
    /// `string` and `enum`.
    Text(SmolStr),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `array`.
    List(Vec<Tree>),
    /// `record`: fields by name; a field left out takes its default.
    Record(Vec<(SmolStr, Tree)>),
}

/// Why a raw record was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Code with an `explain` page, for example `IEUM-D003`.
    pub code: &'static str,
    /// What is wrong, without any personal value.
    pub text: String,
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
    /// An event of an area, not of an owner.
    pub area: bool,
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

impl Contracts {
    /// Reads contracts from `(path, content)` pairs, paths relative to `topics/` (`signals.cutoff/topic.toml`).
    /// All mistakes at once.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<Diagnostic>> {
        let _ = files.into_iter().count();
        Ok(Self { topics: BTreeMap::new() })
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
        let _ = name;
        None
    }

    /// All event kinds, by name.
    pub fn events(&self) -> impl Iterator<Item = &EventType> {
        [].iter()
    }

    /// What rules may say about a household fact.
    pub fn fact(&self, name: &str) -> Option<&FactType> {
        let _ = name;
        None
    }

    /// All household facts, by name.
    pub fn facts(&self) -> impl Iterator<Item = &FactType> {
        [].iter()
    }
}

impl Topic {
    /// Reads one raw record: bytes to typed payload, or why not. A null value is a removal on a registry topic.
    pub fn read(&self, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Payload, Reject> {
        let _ = (key, value);
        Err(Reject { code: "IEUM-D001", text: String::from("no decoder") })
    }

    /// Encodes a record of an output topic against its newest schema, as Avro single-object encoding. An error names
    /// the field that does not fit.
    pub fn encode(&self, record: &Tree) -> Result<Vec<u8>, String> {
        let _ = record;
        Err(String::from("no encoder"))
    }

    /// Reads any record of the topic, in any of its encodings, resolved to the newest schema, as a tree.
    pub fn decode_tree(&self, value: &[u8]) -> Result<Tree, Reject> {
        let _ = value;
        Err(Reject { code: "IEUM-D001", text: String::from("no decoder") })
    }
}
