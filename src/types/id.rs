//! Identifiers. All are opaque: pseudonyms that a key outside the stream made, or hashes made here.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;
use std::fmt;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub SmolStr);

        impl $name {
            /// Wraps a text.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(SmolStr::new(text))
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// The entity that holds state in a stage after identity: a household today; a notice or profile later.
    /// A household's pseudonym as its registry gives it, `prov-…` for a provisional one, or `area:kind:value`.
    EntityId
}
text_id! {
    /// What a signal names as its owner, with the alias kind as prefix: `person:…`, `service_point:…`, `address:…`.
    SubjectId
}
text_id! {
    /// `H(rule id, entity, n)`, the rule's version excluded: an episode lives through a change of its rule.
    EpisodeId
}

/// How the id of an area begins.
const AREA: &str = "area:";

impl EntityId {
    /// The area of a kind that a value of its fact names.
    pub fn of_area(kind: &str, value: &str) -> Self {
        Self(smol_str::format_smolstr!("{AREA}{kind}:{value}"))
    }

    /// The kind and the value, if it is an area.
    pub fn area(&self) -> Option<(&str, &str)> {
        self.0.strip_prefix(AREA)?.split_once(':')
    }
}

impl EpisodeId {
    /// The id of episode `number` (1, 2, …) of `rule` at `entity`.
    pub fn derive(rule: &str, entity: &EntityId, number: u32) -> Self {
        Self(SmolStr::new(&digest_hex(&["episode", rule, entity.as_str(), &number.to_string()])[..22]))
    }
}

/// SHA-256 of a rule pack: its rules, params, contracts and the version of their meaning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PackHash(pub [u8; 32]);

impl PackHash {
    /// The first twelve hex digits, enough to tell packs apart by eye.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for PackHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PackHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackHash({})", self.short())
    }
}

impl std::str::FromStr for PackHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("pack hash {text:?} is not 64 hex digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut hash = [0; 32];
        for (i, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(hash))
    }
}

/// SHA-256 over length-prefixed parts, in lower-case hex: no two lists of parts collide by concatenation.
pub fn digest_hex(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digits = hasher.finalize().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}
