//! Records that no stage can take: asked for by a plan, each marked so that a test can find it again.

use super::record::Draft;
use crate::contracts::Tree;
use crate::sim::rng::Rng;

/// What is wrong with a poisoned record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Poison {
    /// Bytes of no encoding.
    Undecodable,
    /// A schema id that no registry gave out.
    UnknownSchemaId,
    /// A required field is missing.
    MissingField,
    /// A day in the year 2424.
    FarDate,
    /// A negative amount.
    NegativeAmount,
    /// A kind that no contract lists.
    UnknownKind,
    /// Nobody is named.
    NoOwner,
    /// No value at all, on a topic of signals.
    NullValue,
}

impl Poison {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Undecodable,
        Self::UnknownSchemaId,
        Self::MissingField,
        Self::FarDate,
        Self::NegativeAmount,
        Self::UnknownKind,
        Self::NoOwner,
        Self::NullValue,
    ];
}

/// 2424-03-27 in days: opening dates of real notices have it.
const FAR_DAY: i64 = 165_910;

/// A poisoned record of the topic of arrears: a draft to encode, or the bytes themselves (none: a null value).
pub(super) enum Dose {
    Draft(Draft),
    Bytes(Option<Vec<u8>>),
}

pub(super) const TOPIC: &str = "signals.arrears";

pub(super) fn dose(poison: Poison, rng: &mut Rng) -> Dose {
    let number = rng.next_u64();
    match poison {
        Poison::NullValue => Dose::Bytes(None),
        Poison::Undecodable => {
            let mut bytes = vec![0xfe; 24];
            bytes.extend(number.to_be_bytes());
            Dose::Bytes(Some(bytes))
        }
        Poison::UnknownSchemaId => {
            let mut bytes = vec![0, 0x7f, 0xff, 0xff, 0xff];
            bytes.extend(number.to_be_bytes());
            Dose::Bytes(Some(bytes))
        }
        // Written as JSON, since no encoder would leave a required field out.
        Poison::MissingField => {
            let body =
                format!(r#"{{"source_key":"poison-{number:016x}","person":"p-00000000","kind":"telecom"}}"#);
            Dose::Bytes(Some(body.into_bytes()))
        }
        Poison::FarDate => Dose::Draft(draft(number, |field, tree| match field {
            "as_of" => Tree::Int(FAR_DAY),
            _ => tree,
        })),
        Poison::NegativeAmount => Dose::Draft(draft(number, |field, tree| match field {
            "amount_krw" => Tree::Int(-300_000),
            _ => tree,
        })),
        Poison::UnknownKind => Dose::Draft(draft(number, |field, tree| match field {
            "source" => Tree::Text("UNKNOWN_SOURCE".into()),
            "kind" => Tree::Text("moonlight".into()),
            _ => tree,
        })),
        Poison::NoOwner => Dose::Draft(draft(number, |field, tree| match field {
            "person" => Tree::Null,
            _ => tree,
        })),
    }
}

fn draft(number: u64, change: impl Fn(&str, Tree) -> Tree) -> Draft {
    let key = format!("poison-{number:016x}");
    let fields = [
        ("source", Tree::Text("KAIT".into())),
        ("source_key", Tree::Text(key.as_str().into())),
        ("change", Tree::Text("report".into())),
        ("person", Tree::Text("p-00000000".into())),
        ("kind", Tree::Text("telecom".into())),
        ("months", Tree::Int(4)),
        ("amount_krw", Tree::Int(200_000)),
        ("as_of", Tree::Int(20_500)),
    ];
    let fields = fields.into_iter().map(|(name, tree)| (name.into(), change(name, tree))).collect();
    Draft { topic: TOPIC, key: None, fields }
}
