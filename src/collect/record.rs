//! A record of a source into a record of its topic: original values as texts, nothing interpreted.

use super::codes::{NO_RECORD_KEY, UNFIT};
use super::source::Source;
use super::summary::Drift;
use crate::contracts::{ID_LIMIT_BYTES, RECORD_LIMIT_BYTES, Topic, Tree};
use crate::types::{SmolStr, StreamTime, digest_hex};
use serde_json::{Map, Value};

/// A record as it is carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// The source's own key.
    pub(super) key: SmolStr,
    /// When the source modified it, in its own words.
    pub(super) modified: Option<SmolStr>,
    /// Hash of the content that makes a version.
    pub(super) hash: SmolStr,
    /// Original values by the topic's fields.
    pub(super) original: Vec<(SmolStr, Tree)>,
    /// Fields that differ from the topic's contract.
    pub(super) drift: Vec<(SmolStr, Drift)>,
}

/// A record that cannot be carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: &'static str,
    /// What is wrong, without any value.
    pub(super) text: String,
    /// Names its content.
    pub(super) hash: SmolStr,
    /// The content, without the fields that are never carried.
    pub(super) bytes: Vec<u8>,
}

/// Longest name of a field that is told of.
const NAME_CHARS: usize = 40;

/// Makes records of a source's topic.
#[derive(Debug)]
pub(super) struct Form<'a> {
    source: &'a Source,
    topic: &'a Topic,
    /// Fields of the source's own, as the schema has them.
    originals: Vec<SmolStr>,
}

impl<'a> Form<'a> {
    pub(super) fn new(source: &'a Source, topic: &'a Topic) -> Self {
        let into = &source.record.into;
        let own = [&Some(into.source.clone()), &Some(into.key.clone()), &Some(into.removed.clone())];
        let own: Vec<&SmolStr> =
            own.into_iter().chain([&into.revision, &into.hash, &into.collected]).flatten().collect();
        let originals = topic.fields.iter().filter_map(|field| match &into.original {
            Some(under) => field.path.strip_prefix(under.as_str())?.strip_prefix('.').map(SmolStr::new),
            None => (!own.contains(&&field.path)).then(|| field.path.clone()),
        });
        Self { source, topic, originals: originals.collect() }
    }

    /// Reads a record of the source.
    pub(super) fn take(&self, record: Value) -> Result<Taken, Refused> {
        let Value::Object(mut fields) = record else {
            return Err(refused(NO_RECORD_KEY, "it is no object", &record));
        };
        for name in &self.source.record.left_out {
            fields.remove(name);
        }
        let key = match fields.get(&self.source.record.key) {
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        if key.is_empty() {
            let text = format!("field \"{}\" is missing, blank or no text", self.source.record.key);
            return Err(refused(NO_RECORD_KEY, &text, &Value::Object(fields)));
        }
        if key.len() > ID_LIMIT_BYTES || key.contains('\0') {
            let text = format!("field \"{}\" is no id: too long, or it holds a NUL", self.source.record.key);
            return Err(refused(UNFIT, &text, &Value::Object(fields)));
        }
        let modified = self.source.record.modified.as_ref().and_then(|name| fields.get(name));
        let modified = modified.and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
        Ok(Taken {
            modified: modified.map(SmolStr::new),
            hash: self.hash(&fields),
            drift: self.drift(&fields),
            original: self
                .originals
                .iter()
                .map(|name| (name.clone(), original(fields.get(name.as_str()))))
                .collect(),
            key: SmolStr::new(key),
        })
    }

    /// Of what is carried and counts, by name and text: a number that was a text before is the same content.
    fn hash(&self, fields: &Map<String, Value>) -> SmolStr {
        let mut parts = Vec::new();
        for name in
            self.originals.iter().filter(|name| !self.source.record.uncounted.iter().any(|n| n == *name))
        {
            if let Tree::Text(text) = original(fields.get(name.as_str())) {
                parts.push(name.clone());
                parts.push(text);
            }
        }
        let parts: Vec<&str> = parts.iter().map(SmolStr::as_str).collect();
        SmolStr::new(digest_hex(&parts))
    }

    fn drift(&self, fields: &Map<String, Value>) -> Vec<(SmolStr, Drift)> {
        let known = |name: &str| {
            let form = &self.source.record;
            self.originals.iter().any(|known| known == name)
                || name == form.key
                || form.modified.as_deref() == Some(name)
        };
        let mut drift: Vec<_> = self
            .originals
            .iter()
            .filter_map(|name| {
                let how = match fields.get(name.as_str()) {
                    None => Drift::Missing,
                    Some(Value::Number(_)) => Drift::Number,
                    Some(Value::Bool(_)) => Drift::Bool,
                    Some(Value::Array(_) | Value::Object(_)) => Drift::Nested,
                    Some(Value::Null | Value::String(_)) => return None,
                };
                Some((name.clone(), how))
            })
            .collect();
        let new = fields.keys().filter(|name| !known(name));
        drift.extend(new.map(|name| (name.chars().take(NAME_CHARS).collect(), Drift::New)));
        drift
    }

    /// The topic's record of a version.
    pub(super) fn version(&self, taken: &Taken, revision: u64, now: StreamTime) -> Result<Record, Refused> {
        let mut tree = self.envelope(&taken.key, revision, now, false);
        if let Some(field) = &self.source.record.into.hash {
            tree.push((field.clone(), Tree::Text(taken.hash.clone())));
        }
        match &self.source.record.into.original {
            Some(field) => tree.push((field.clone(), Tree::Record(taken.original.clone()))),
            None => tree.extend(taken.original.iter().cloned()),
        }
        let unfit = |text: String| {
            let fields = taken.original.iter().map(|(name, value)| {
                let text =
                    if let Tree::Text(text) = value { Value::from(text.as_str()) } else { Value::Null };
                (name.to_string(), text)
            });
            refused(UNFIT, &text, &Value::Object(fields.collect()))
        };
        self.encode(&Tree::Record(tree)).map_err(unfit)
    }

    /// The topic's record of an end.
    pub(super) fn removal(&self, key: &SmolStr, revision: u64, now: StreamTime) -> Result<Record, String> {
        self.encode(&Tree::Record(self.envelope(key, revision, now, true)))
    }

    fn envelope(&self, key: &SmolStr, revision: u64, now: StreamTime, removed: bool) -> Vec<(SmolStr, Tree)> {
        let into = &self.source.record.into;
        let mut tree = vec![
            (into.source.clone(), Tree::Text(self.source.code.clone())),
            (into.key.clone(), Tree::Text(key.clone())),
            (into.removed.clone(), Tree::Bool(removed)),
        ];
        if let Some(field) = &into.revision {
            tree.push((field.clone(), Tree::Int(i64::try_from(revision).unwrap_or(i64::MAX))));
        }
        if let Some(field) = &into.collected {
            tree.push((field.clone(), Tree::Int(now.0)));
        }
        tree
    }

    fn encode(&self, tree: &Tree) -> Result<Record, String> {
        let value = self.topic.encode(tree)?;
        if value.len() > RECORD_LIMIT_BYTES {
            return Err(format!("{} bytes are more than {RECORD_LIMIT_BYTES}", value.len()));
        }
        let key = self.topic.record_key(tree).ok_or("the topic's key is made of a field that is missing")?;
        Ok(Record { key, value })
    }
}

/// A record of the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: String,
    pub(super) value: Vec<u8>,
}

/// A value as text; null, or nothing at all, is none.
fn original(value: Option<&Value>) -> Tree {
    match value {
        None | Some(Value::Null) => Tree::Null,
        Some(Value::String(text)) => Tree::Text(SmolStr::new(text)),
        Some(other) => Tree::Text(SmolStr::new(other.to_string())),
    }
}

fn refused(code: &'static str, text: &str, record: &Value) -> Refused {
    let bytes = record.to_string().into_bytes();
    let hash = SmolStr::new(digest_hex(&[code, &String::from_utf8_lossy(&bytes)]));
    Refused { code, text: text.to_owned(), hash, bytes }
}
