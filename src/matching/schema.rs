//! The declared fields of a profile: what a predicate may ask, and what an index keeps a column for.

use crate::types::{SmolStr, did_you_mean};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Fields of one schema. Every field costs a bit for each profile at least, and a mistake in a generator should be heard.
pub const MAX_FIELDS: usize = 1_024;
/// Codes of one dictionary: 20 bits of a column. The longest known has 1,465; a list of persons is no dictionary.
pub const MOST_OF_A_DICTIONARY: usize = 1 << 20;

/// Position of a field in its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldId(pub u16);

/// Position of a code in its dictionary.
pub type CodeNo = u32;

/// The codes that a field may hold, in their declared order. Codes that limits often name together (the districts of
/// a province) should stand together: neighbours cost less than scattered ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dictionary {
    name: SmolStr,
    codes: Vec<SmolStr>,
    numbers: BTreeMap<SmolStr, CodeNo>,
}

impl Dictionary {
    /// A dictionary of at least one code, each once.
    pub fn new(
        name: impl AsRef<str>,
        codes: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, SchemaMistake> {
        let name = SmolStr::new(name);
        let codes: Vec<SmolStr> = codes.into_iter().map(SmolStr::new).collect();
        if codes.is_empty() || codes.len() > MOST_OF_A_DICTIONARY {
            return Err(SchemaMistake::Codes { dictionary: name, found: codes.len() });
        }
        let mut numbers = BTreeMap::new();
        for (number, code) in (0..).zip(&codes) {
            if numbers.insert(code.clone(), number).is_some() {
                return Err(SchemaMistake::RepeatedCode { dictionary: name, code: code.clone() });
            }
        }
        Ok(Self { name, codes, numbers })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many codes it has.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Never: a dictionary has a code.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The number of a code; none for one that it does not have.
    pub fn number(&self, code: &str) -> Option<CodeNo> {
        self.numbers.get(code).copied()
    }

    /// The code of a number.
    pub fn code(&self, number: CodeNo) -> Option<&SmolStr> {
        self.codes.get(number as usize)
    }
}

/// What a field holds where it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A whole number inside bounds.
    Number {
        /// The least and the greatest that a profile can have.
        bounds: RangeInclusive<i64>,
        /// Its unit, for whoever shows it.
        unit: SmolStr,
    },
    /// One code.
    Code(Arc<Dictionary>),
    /// Any number of codes; none is known to be none.
    Codes(Arc<Dictionary>),
    /// Yes or no.
    YesNo,
}

/// One field of a profile. Each may be unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, the caller's.
    pub name: SmolStr,
    /// What it holds.
    pub kind: FieldKind,
}

impl Field {
    /// A whole number inside `bounds`.
    pub fn number(name: impl AsRef<str>, bounds: RangeInclusive<i64>, unit: impl AsRef<str>) -> Self {
        Self { name: SmolStr::new(name), kind: FieldKind::Number { bounds, unit: SmolStr::new(unit) } }
    }

    /// One code of a dictionary.
    pub fn code(name: impl AsRef<str>, dictionary: &Arc<Dictionary>) -> Self {
        Self { name: SmolStr::new(name), kind: FieldKind::Code(Arc::clone(dictionary)) }
    }

    /// A set of codes of a dictionary.
    pub fn codes(name: impl AsRef<str>, dictionary: &Arc<Dictionary>) -> Self {
        Self { name: SmolStr::new(name), kind: FieldKind::Codes(Arc::clone(dictionary)) }
    }

    /// Yes or no.
    pub fn yes_no(name: impl AsRef<str>) -> Self {
        Self { name: SmolStr::new(name), kind: FieldKind::YesNo }
    }

    /// The dictionary of a field of codes.
    pub fn dictionary(&self) -> Option<&Dictionary> {
        match &self.kind {
            FieldKind::Code(dictionary) | FieldKind::Codes(dictionary) => Some(dictionary),
            FieldKind::Number { .. } | FieldKind::YesNo => None,
        }
    }
}

/// The fields of a profile, in their declared order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    fields: Vec<Field>,
    ids: BTreeMap<SmolStr, FieldId>,
}

impl Schema {
    /// Fields of distinct names. All mistakes at once.
    pub fn new(fields: impl IntoIterator<Item = Field>) -> Result<Self, Vec<SchemaMistake>> {
        let fields: Vec<Field> = fields.into_iter().collect();
        let mut mistakes = Vec::new();
        if fields.len() > MAX_FIELDS {
            return Err(vec![SchemaMistake::TooManyFields { found: fields.len() }]);
        }
        let mut ids = BTreeMap::new();
        for (id, field) in (0..).map(FieldId).zip(&fields) {
            if ids.insert(field.name.clone(), id).is_some() {
                mistakes.push(SchemaMistake::RepeatedField { field: field.name.clone() });
            }
            if let FieldKind::Number { bounds, .. } = &field.kind
                && bounds.is_empty()
            {
                mistakes.push(SchemaMistake::NoNumber { field: field.name.clone(), bounds: bounds.clone() });
            }
        }
        if mistakes.is_empty() { Ok(Self { fields, ids }) } else { Err(mistakes) }
    }

    /// The fields, by [`FieldId`].
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// One of its fields.
    pub(super) fn field(&self, id: FieldId) -> &Field {
        &self.fields[usize::from(id.0)]
    }

    /// The id of a field, or the mistake with the nearest name.
    pub fn id(&self, name: &str) -> Result<FieldId, SchemaMistake> {
        self.ids.get(name).copied().ok_or_else(|| SchemaMistake::UnknownField {
            field: SmolStr::new(name),
            near: did_you_mean(name, self.ids.keys().map(SmolStr::as_str)).map(SmolStr::new),
        })
    }
}

/// Why a schema is refused, or a name in it not found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaMistake {
    /// More fields than [`MAX_FIELDS`].
    #[error("a schema of {found} fields\nat most {MAX_FIELDS} are taken")]
    TooManyFields {
        /// How many.
        found: usize,
    },
    /// Two fields of one name.
    #[error("field \"{field}\" is declared twice")]
    RepeatedField {
        /// The name.
        field: SmolStr,
    },
    /// Bounds with nothing between them.
    #[error("field \"{field}\" has no number from {} to {}", bounds.start(), bounds.end())]
    NoNumber {
        /// The field.
        field: SmolStr,
        /// Its bounds.
        bounds: RangeInclusive<i64>,
    },
    /// A dictionary without a code, or with more than [`MOST_OF_A_DICTIONARY`].
    #[error("dictionary \"{dictionary}\" has {found} codes\nit takes 1 to {MOST_OF_A_DICTIONARY}")]
    Codes {
        /// The dictionary.
        dictionary: SmolStr,
        /// How many.
        found: usize,
    },
    /// A code twice in one dictionary.
    #[error("dictionary \"{dictionary}\" has code \"{code}\" twice")]
    RepeatedCode {
        /// The dictionary.
        dictionary: SmolStr,
        /// The code.
        code: SmolStr,
    },
    /// A name that the schema does not have.
    #[error("profiles have no field \"{field}\"{}", near.as_ref().map(|n| format!("\ndid you mean \"{n}\"?")).unwrap_or_default())]
    UnknownField {
        /// The name asked for.
        field: SmolStr,
        /// The nearest name.
        near: Option<SmolStr>,
    },
}
