//! Dead letters: what becomes of a record that cannot be handled. One builder for intake (contract rejects) and the
//! lane (panics, parked entities), so that every letter looks the same.

use super::effect::{Input, Output};
use super::layout::{LETTERS_TOPIC, Layout};
use crate::contracts::{Contracts, Tree};
use crate::types::{SmolStr, digest_hex};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A payload up to this size is kept whole in its letter; of a larger one the first [`LETTER_HEAD_BYTES`].
pub const LETTER_WHOLE_BYTES: usize = 1 << 20;
/// Bytes kept of a payload that is too large for a letter; its SHA-256 and place tell the rest.
pub const LETTER_HEAD_BYTES: usize = 64 << 10;

/// A record's way out: what is said of it beside its own bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter<'a> {
    /// Stage that rejects it.
    pub stage: &'a str,
    /// Code with an `explain` page.
    pub code: &'static str,
    /// What is wrong, without any personal value.
    pub text: &'a str,
    /// The record.
    pub input: Input<'a>,
}

/// Encodes the body of a letter as the contract of `dead-letters` declares it.
pub type LetterEncoder = dyn Fn(&LetterBody<'_>) -> Vec<u8> + Send + Sync;

/// The fields of a letter's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterBody<'a> {
    /// Deterministic id: of the record's place and the stage.
    pub id: String,
    /// Stage that rejected it.
    pub stage: &'a str,
    /// Code.
    pub code: &'static str,
    /// What is wrong.
    pub text: &'a str,
    /// Topic of the record.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its log time, ms.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its bytes, or the first [`LETTER_HEAD_BYTES`] of them; none for a null value.
    pub value: Option<&'a [u8]>,
    /// Whether `value` was cut.
    pub truncated: bool,
    /// Size of the whole value.
    pub value_bytes: i64,
    /// SHA-256 of the whole value, lower-case hex; empty for a null value.
    pub value_sha256: String,
}

/// The encoder of the contract of `dead-letters`; an error if these contracts have no such topic or another form of it.
pub fn letter_encoder(contracts: &Arc<Contracts>) -> Result<Box<LetterEncoder>, String> {
    let encode = |contracts: &Contracts, body: &LetterBody<'_>| {
        let topic =
            contracts.topic(LETTERS_TOPIC).ok_or_else(|| format!("there is no topic \"{LETTERS_TOPIC}\""))?;
        topic.encode(&letter_tree(body))
    };
    // Whether a letter fits does not depend on its content, so that one without content tells for all.
    let blank = LetterBody {
        id: String::new(),
        stage: "",
        code: "",
        text: "",
        topic: "",
        partition: 0,
        offset: 0,
        timestamp_ms: 0,
        key: Some(&[]),
        value: Some(&[]),
        truncated: false,
        value_bytes: 0,
        value_sha256: String::new(),
    };
    encode(contracts, &blank)?;
    let contracts = Arc::clone(contracts);
    Ok(Box::new(move |body| encode(&contracts, body).expect("a blank letter fitted the contract")))
}

fn letter_tree(body: &LetterBody<'_>) -> Tree {
    let text = |text: &str| Tree::Text(SmolStr::new(text));
    let bytes = |bytes: Option<&[u8]>| bytes.map_or(Tree::Null, |bytes| Tree::Bytes(bytes.to_vec()));
    let fields = [
        ("id", text(&body.id)),
        ("stage", text(body.stage)),
        ("code", text(body.code)),
        ("text", text(body.text)),
        ("topic", text(body.topic)),
        ("partition", Tree::Int(i64::from(body.partition))),
        ("offset", Tree::Int(body.offset)),
        ("timestamp_ms", Tree::Int(body.timestamp_ms)),
        ("key", bytes(body.key)),
        ("value", bytes(body.value)),
        ("truncated", Tree::Bool(body.truncated)),
        ("value_bytes", Tree::Int(body.value_bytes)),
        ("value_sha256", text(&body.value_sha256)),
    ];
    Tree::Record(fields.map(|(name, value)| (SmolStr::new(name), value)).into())
}

/// Writes letters.
pub struct Letters {
    layout: Layout,
    encode: Box<LetterEncoder>,
}

impl std::fmt::Debug for Letters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letters").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl Letters {
    /// A writer for a layout, with the encoder of the topic's contract.
    pub fn new(layout: Layout, encode: Box<LetterEncoder>) -> Self {
        Self { layout, encode }
    }

    /// The letter of a record, as an output. The same record gives the same letter, byte for byte.
    pub fn write(&self, letter: &Letter<'_>) -> Output {
        let id = ["letter", letter.stage, &place_of(&letter.input)];
        self.with_id(letter, digest_hex(&id))
    }

    /// The letter of an entity that failed while another's record was handled: one record may bring several, each with an
    /// id of its own. The record's bytes are not in it.
    pub fn write_of(&self, entity: &str, letter: &Letter<'_>) -> Output {
        let id = ["letter", letter.stage, &place_of(&letter.input), entity];
        let input = Input { key: Some(entity.as_bytes()), value: None, headers: &[], ..letter.input.clone() };
        self.with_id(&Letter { input, ..letter.clone() }, digest_hex(&id))
    }

    fn with_id(&self, letter: &Letter<'_>, id: String) -> Output {
        let Letter { stage, code, text, input } = letter;
        let place = place_of(input);
        let value_bytes = input.value.map_or(0, <[u8]>::len);
        let truncated = value_bytes > LETTER_WHOLE_BYTES;
        let kept = if truncated { LETTER_HEAD_BYTES } else { value_bytes };
        let body = LetterBody {
            id: id[..22].to_owned(),
            stage,
            code,
            text,
            topic: input.topic,
            partition: input.partition,
            offset: input.offset,
            timestamp_ms: input.timestamp_ms,
            key: input.key.map(|key| &key[..key.len().min(LETTER_HEAD_BYTES)]),
            value: input.value.and_then(|value| value.get(..kept)),
            truncated,
            value_bytes: i64::try_from(value_bytes).unwrap_or(i64::MAX),
            value_sha256: input.value.map_or_else(String::new, sha256_hex),
        };
        let header = |name: &str, value: String| (SmolStr::new(name), value.into_bytes());
        Output {
            topic: SmolStr::new(LETTERS_TOPIC),
            partition: self.layout.partition(LETTERS_TOPIC, &place),
            key: Some(place.into_bytes()),
            value: (self.encode)(&body),
            headers: vec![
                header("letter_topic", input.topic.to_owned()),
                header("letter_partition", input.partition.to_string()),
                header("letter_offset", input.offset.to_string()),
                header("letter_stage", (*stage).to_owned()),
                header("letter_code", (*code).to_owned()),
                header("letter_text", (*text).to_owned()),
            ],
        }
    }
}

/// Where a record lies.
fn place_of(input: &Input<'_>) -> String {
    format!("{}/{}/{}", input.topic, input.partition, input.offset)
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters() -> Letters {
        Letters::new(Layout::new([]), Box::new(|body| format!("{body:?}").into_bytes()))
    }

    fn input(value: Option<&[u8]>) -> Input<'_> {
        Input { topic: "raw", partition: 3, offset: 41, timestamp_ms: 5, key: None, value, headers: &[] }
    }

    #[test]
    fn a_letter_names_its_record_and_cause_in_headers() {
        let letter =
            Letter { stage: "intake", code: "IEUM-D003", text: "no owner", input: input(Some(b"{}")) };
        let output = letters().write(&letter);
        let header = |name: &str| {
            let found = output.headers.iter().find(|(n, _)| n == name);
            String::from_utf8(found.expect("header is there").1.clone()).expect("text")
        };
        assert_eq!(
            (output.topic.as_str(), output.key.as_deref()),
            (LETTERS_TOPIC, Some(b"raw/3/41".as_slice()))
        );
        assert_eq!(header("letter_code"), "IEUM-D003");
        assert_eq!(header("letter_offset"), "41");
        assert_eq!(output, letters().write(&letter));
    }

    #[test]
    fn a_letter_is_a_record_of_its_topic() {
        let contracts = Arc::new(crate::contracts::builtin());
        let letters = Letters::new(Layout::new([]), letter_encoder(&contracts).expect("the contract fits"));
        let letter =
            Letter { stage: "intake", code: "IEUM-D003", text: "no owner", input: input(Some(b"\xff{}")) };
        let output = letters.write(&letter);
        let topic = contracts.topic(LETTERS_TOPIC).expect("a topic");
        let Ok(Tree::Record(fields)) = topic.decode_tree(&output.value) else { panic!("a record") };
        let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        assert_eq!(field("value"), Some(Tree::Bytes(b"\xff{}".to_vec())));
        assert_eq!(field("key"), Some(Tree::Null));
        assert_eq!(field("offset"), Some(Tree::Int(41)));
    }

    #[test]
    fn the_largest_letter_can_be_read() {
        let contracts = Arc::new(crate::contracts::builtin());
        let letters = Letters::new(Layout::new([]), letter_encoder(&contracts).expect("the contract fits"));
        let value = vec![7; LETTER_WHOLE_BYTES];
        let letter = Letter { stage: "intake", code: "IEUM-D001", text: "", input: input(Some(&value)) };
        let topic = contracts.topic(LETTERS_TOPIC).expect("a topic");
        assert!(topic.decode_tree(&letters.write(&letter).value).is_ok());
    }

    #[test]
    fn a_payload_beyond_the_limit_is_cut_and_named_by_its_hash() {
        let size = std::cell::Cell::new(0);
        let check = |value: Option<&[u8]>, kept: usize, truncated: bool| {
            let letters = Letters::new(
                Layout::new([]),
                Box::new(move |body| {
                    assert_eq!((body.value.map_or(0, <[u8]>::len), body.truncated), (kept, truncated));
                    assert_eq!(body.value_sha256.is_empty(), body.value.is_none());
                    Vec::new()
                }),
            );
            letters.write(&Letter { stage: "s", code: "IEUM-D001", text: "", input: input(value) });
            size.set(size.get() + 1);
        };
        check(None, 0, false);
        check(Some(&[7; 100]), 100, false);
        check(Some(&vec![7; LETTER_WHOLE_BYTES]), LETTER_WHOLE_BYTES, false);
        check(Some(&vec![7; LETTER_WHOLE_BYTES + 1]), LETTER_HEAD_BYTES, true);
        assert_eq!(size.get(), 4);
    }
}
