//! One topic: what its records are, how they are read and written.

use super::codes::{
    BAD_JSON, NO_INPUT, NULL_VALUE, SCHEMA_UNAVAILABLE, TOO_LARGE, UNDECODABLE, UNKNOWN_SCHEMA,
    WRONG_ENCODING,
};
use super::encode::Encoder;
use super::fingerprint::fingerprint;
use super::json;
use super::keys::KeyForm;
use super::mapping::{Bounds, Mapping, Row, subject};
use super::program::Program;
use super::registry::SchemaSource;
use super::shape::Shape;
use super::slot::Slot;
use super::{Access, Cleanup, Encoding, FieldDoc, Precision, Reject, Route, Source, Tree, Verdict};
use crate::types::{Day, EntityId, EventKey, FactVersion, FactsRecord, LinkRecord, Payload, SmolStr};
use apache_avro::Schema;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// A larger record is rejected before it is read. Records of these topics have hundreds of bytes; what a record of this
/// size leads to still fits stage log and changelog, and its letter keeps it whole.
pub const RECORD_LIMIT_BYTES: usize = 1 << 20;

/// First bytes of Avro single-object encoding.
const SINGLE_OBJECT: [u8; 2] = [0xC3, 0x01];
/// First byte of Avro with a registry id.
const REGISTRY: u8 = 0;

/// One topic's contract.
#[derive(Debug)]
pub struct Topic {
    /// Name.
    pub name: SmolStr,
    /// What it is for.
    pub purpose: String,
    /// Korean title.
    pub title: String,
    /// Who answers for its content.
    pub owner: String,
    /// What the Kafka key is: fields in braces, or a description.
    pub key: SmolStr,
    /// Where its records go.
    pub route: Route,
    /// Default number of partitions.
    pub partitions: i32,
    /// Days for which records are kept; none: for ever.
    pub retention_days: Option<u16>,
    /// Deleted by age, or compacted by key.
    pub cleanup: Cleanup,
    /// Encodings that a reader takes; none for our own format.
    pub encodings: Vec<Encoding>,
    /// Days after which a record is late.
    pub lateness_days: u16,
    /// Precision of its times.
    pub precision: Precision,
    /// Who may read and write it.
    pub access: Access,
    /// Largest record that the broker takes.
    pub max_message_bytes: i32,
    /// For a changelog: the log whose partitions it mirrors.
    pub changelog_of: Option<SmolStr>,
    /// Kinds and their events; `*` is every kind.
    pub kinds: Vec<(SmolStr, SmolStr)>,
    /// Sources that feed it.
    pub sources: Vec<Source>,
    /// Fields of the newest schema, nested ones by path.
    pub fields: Vec<FieldDoc>,
    pub(super) key_form: Option<KeyForm>,
    /// None for our own format.
    pub(super) codec: Option<Codec>,
    pub(super) mapping: Option<Mapping>,
    pub(super) bounds: Vec<Bounds>,
    pub(super) schemas: Option<Arc<dyn SchemaSource>>,
}

/// Schemas of a topic and what is compiled from them.
#[derive(Debug)]
pub(super) struct Codec {
    /// The newest version, which readers see.
    reader: Arc<Shape>,
    /// Slots that the mapping reads.
    wanted: Vec<bool>,
    encoder: Encoder,
    /// Leading bytes of what we write: marker and fingerprint of the newest version.
    header: [u8; 10],
    /// By fingerprint.
    versions: BTreeMap<[u8; 8], Arc<Programs>>,
    /// By registry id, as they come.
    by_id: RwLock<BTreeMap<u32, Arc<Programs>>>,
}

/// How to read one writer's records: only what the mapping needs, and all.
#[derive(Debug)]
struct Programs {
    payload: Program,
    whole: Program,
}

impl Codec {
    /// From all versions, oldest first, and the slots that the mapping reads.
    pub(super) fn new(versions: &[(Schema, Arc<Shape>)], wanted: Vec<bool>) -> Result<Self, String> {
        let (newest, reader) = versions.last().ok_or("there is no version")?;
        let mut header = [0; 10];
        header[..2].copy_from_slice(&SINGLE_OBJECT);
        header[2..].copy_from_slice(&fingerprint(newest));
        let mut codec = Self {
            reader: Arc::clone(reader),
            wanted,
            encoder: Encoder::new(Arc::clone(reader)),
            header,
            versions: BTreeMap::new(),
            by_id: RwLock::new(BTreeMap::new()),
        };
        for (schema, shape) in versions {
            let programs = codec.programs(shape)?;
            codec.versions.insert(fingerprint(schema), Arc::new(programs));
        }
        Ok(codec)
    }

    fn programs(&self, writer: &Shape) -> Result<Programs, String> {
        Ok(Programs {
            payload: Program::compile(writer, &self.reader, Some(&self.wanted))?,
            whole: Program::compile(writer, &self.reader, None)?,
        })
    }
}

impl Topic {
    /// Reads one raw record: bytes to typed payload, or why not. A null value is a removal on a registry topic.
    pub fn read(&self, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Payload, Reject> {
        let mapping = self.mapping.as_ref().ok_or_else(|| self.no_input())?;
        let Some(value) = value else { return self.removal(mapping, key) };
        self.with_slots(value, true, |_, slots| mapping.payload(&Row(slots), &self.bounds))
    }

    /// Encodes a record against the newest schema, as Avro single-object encoding; fields left out take their defaults.
    /// Of outputs and of inputs alike. An error names the field that does not fit.
    pub fn encode(&self, record: &Tree) -> Result<Vec<u8>, String> {
        let mut out = Vec::with_capacity(512);
        self.encode_into(record, &mut out)?;
        Ok(out)
    }

    /// As [`Self::encode`], appending to a buffer. After an error the buffer's new bytes mean nothing.
    pub fn encode_into(&self, record: &Tree, out: &mut Vec<u8>) -> Result<(), String> {
        let codec = self.codec.as_ref().ok_or_else(|| format!("topic \"{}\" has no schema", self.name))?;
        out.extend(codec.header);
        codec.encoder.encode(record, out).map_err(|what| format!("record of topic \"{}\": {what}", self.name))
    }

    /// Reads any record of the topic, in any of its encodings, resolved to the newest schema, as a tree.
    pub fn decode_tree(&self, value: &[u8]) -> Result<Tree, Reject> {
        self.with_slots(value, false, |codec, slots| {
            Ok(Slot::Record(codec.reader.root, slots.to_vec()).tree(&codec.reader))
        })
    }

    /// A tree as JSON for people and programs: days and instants as ISO 8601.
    pub fn to_json(&self, record: &Tree) -> serde_json::Value {
        self.codec
            .as_ref()
            .map_or(serde_json::Value::Null, |codec| json::render(&codec.reader, codec.reader.root, record))
    }

    /// JSON as a whole tree, checked against the newest schema.
    pub fn from_json(&self, text: &[u8]) -> Result<Tree, Reject> {
        let codec = self.codec.as_ref().ok_or_else(|| self.no_input())?;
        let wrong = |text: String| Reject { code: BAD_JSON, text };
        let value = serde_json::from_slice(text)
            .map_err(|e| wrong(format!("it is not JSON at line {} column {}", e.line(), e.column())))?;
        json::read(&codec.reader, codec.reader.root, &value).map_err(|what| {
            wrong(format!("it does not fit the schema: {}", what.trim_start_matches(['.', ' '])))
        })
    }

    /// What an outcome says, if this topic names it.
    pub(super) fn verdict(&self, outcome: &str) -> Option<Verdict> {
        let Some(Mapping::Action(map)) = &self.mapping else { return None };
        map.verdicts.iter().find(|(code, _)| code == outcome).map(|(_, verdict)| *verdict)
    }

    fn no_input(&self) -> Reject {
        Reject { code: NO_INPUT, text: format!("topic \"{}\" is no input", self.name) }
    }

    /// Decodes a value and hands its slots on.
    fn with_slots<T>(
        &self,
        value: &[u8],
        payload: bool,
        then: impl Fn(&Codec, &[Slot<'_>]) -> Result<T, Reject>,
    ) -> Result<T, Reject> {
        let codec = self.codec.as_ref().ok_or_else(|| self.no_input())?;
        // A letter is larger than the largest record that it keeps whole.
        if self.is_input() && value.len() > RECORD_LIMIT_BYTES {
            let text = format!("{} bytes are more than {RECORD_LIMIT_BYTES}", value.len());
            return Err(Reject { code: TOO_LARGE, text });
        }
        let encoding = encoding_of(value).filter(|e| self.encodings.contains(e)).ok_or_else(|| Reject {
            code: WRONG_ENCODING,
            text: String::from("it has none of the encodings that the topic allows"),
        })?;
        let (programs, datum) = match encoding {
            Encoding::SingleObject => self.by_fingerprint(codec, value)?,
            Encoding::Registry => self.by_id(codec, value)?,
            Encoding::Json => {
                let tree = self.from_json(value)?;
                let Slot::Record(_, slots) = Slot::of(&codec.reader, codec.reader.root, &tree) else {
                    return Err(undecodable("it is no record"));
                };
                return then(codec, &slots);
            }
        };
        let program = if payload { &programs.payload } else { &programs.whole };
        match program.read(datum).map_err(undecodable)? {
            Slot::Record(_, slots) => then(codec, &slots),
            _ => Err(undecodable("it is no record")),
        }
    }

    fn by_fingerprint<'v>(
        &self,
        codec: &Codec,
        value: &'v [u8],
    ) -> Result<(Arc<Programs>, &'v [u8]), Reject> {
        let (mark, datum) =
            value[2..].split_first_chunk::<8>().ok_or_else(|| undecodable("it ends too early"))?;
        let programs = codec.versions.get(mark).ok_or_else(|| Reject {
            code: UNKNOWN_SCHEMA,
            text: format!(
                "no version of topic \"{}\" has fingerprint {:016x}",
                self.name,
                u64::from_le_bytes(*mark)
            ),
        })?;
        Ok((Arc::clone(programs), datum))
    }

    fn by_id<'v>(&self, codec: &Codec, value: &'v [u8]) -> Result<(Arc<Programs>, &'v [u8]), Reject> {
        let (id, datum) =
            value[1..].split_first_chunk::<4>().ok_or_else(|| undecodable("it ends too early"))?;
        let id = u32::from_be_bytes(*id);
        let known = codec.by_id.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(programs) = known {
            return Ok((programs, datum));
        }
        let unknown = |why: String| Reject { code: UNKNOWN_SCHEMA, text: format!("schema id {id} {why}") };
        let source = self
            .schemas
            .as_ref()
            .ok_or_else(|| unknown(String::from("cannot be asked: no registry is set")))?;
        let text = source
            .schema(&self.name, id)
            .map_err(|e| Reject { code: SCHEMA_UNAVAILABLE, text: format!("schema id {id}: {e}") })?
            .ok_or_else(|| unknown(String::from("is not in the registry")))?;
        let unusable =
            |why: &dyn std::fmt::Display| unknown(format!("cannot be read as the newest version: {why}"));
        let schema = Schema::parse_str(&text).map_err(|_| unusable(&"it is no Avro schema"))?;
        let shape = Shape::of(&schema).map_err(|e| unusable(&e))?;
        let programs = Arc::new(codec.programs(&shape).map_err(|e| unusable(&e))?);
        codec.by_id.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&programs));
        Ok((programs, datum))
    }

    /// A null value: on a registry topic the entry that the key names is taken back. Nothing comes after: its revision
    /// is the highest, and its days and household are empty.
    fn removal(&self, mapping: &Mapping, key: Option<&[u8]>) -> Result<Payload, Reject> {
        let null = |text: &str| Reject { code: NULL_VALUE, text: text.to_owned() };
        let form = match (mapping, &self.key_form) {
            (Mapping::Link(_) | Mapping::Facts(_), Some(form)) => form,
            _ => return Err(null("a null value means nothing on this topic")),
        };
        let parts = form.read(key.ok_or_else(|| null("a null value without key names nothing"))?)?;
        let part = |name: &SmolStr| parts.iter().find(|(n, _)| *n == name).map_or("", |(_, text)| *text);
        let source = |map: &super::mapping::KeyMap| EventKey {
            source: map.source.as_ref().map_or_else(SmolStr::clone, |at| SmolStr::new(part(&at.name))),
            key: SmolStr::new(part(&map.key.name)),
        };
        match mapping {
            Mapping::Link(map) => Ok(Payload::Link(LinkRecord {
                key: source(&map.key),
                revision: i64::MAX,
                subject: subject(part(&map.subject_kind.name), part(&map.subject.name)),
                household: EntityId::new(""),
                confidence: 0,
                from: Day(0),
                to: None,
                removed: true,
            })),
            Mapping::Facts(map) => Ok(Payload::Facts(FactsRecord {
                entity: EntityId::new(part(&map.entity.name)),
                version: FactVersion {
                    key: source(&map.key),
                    revision: i64::MAX,
                    from: Day(0),
                    subject: None,
                    fields: Vec::new(),
                },
                removed: true,
            })),
            _ => Err(self.no_input()),
        }
    }
}

fn undecodable(why: &'static str) -> Reject {
    Reject { code: UNDECODABLE, text: format!("the bytes are no record of their schema: {why}") }
}

/// The encoding that the first bytes tell.
fn encoding_of(value: &[u8]) -> Option<Encoding> {
    match value {
        [a, b, ..] if [*a, *b] == SINGLE_OBJECT => Some(Encoding::SingleObject),
        [REGISTRY, ..] => Some(Encoding::Registry),
        _ => (value.trim_ascii_start().first() == Some(&b'{')).then_some(Encoding::Json),
    }
}
