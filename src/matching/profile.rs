//! A profile as predicates read it: one value a field, bound to the schema's numbers.

use super::schema::{CodeNo, Field, FieldId, FieldKind, Schema, SchemaMistake};
use super::test::Codes;
use crate::types::{SmolStr, Value};

/// What is known of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FieldValue {
    /// Nothing.
    #[default]
    Unknown,
    /// A whole number.
    Number(i64),
    /// One code.
    Code(CodeNo),
    /// A set of codes; empty is known to be empty.
    Codes(Codes),
    /// Yes or no.
    YesNo(bool),
}

/// The values of all fields of a schema, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    values: Box<[FieldValue]>,
}

impl Profile {
    /// A profile of which nothing is known.
    pub fn unknown(schema: &Schema) -> Self {
        Self { values: vec![FieldValue::Unknown; schema.fields().len()].into() }
    }

    pub(super) fn of(values: Box<[FieldValue]>) -> Self {
        Self { values }
    }

    /// Binds named values; fields not named are unknown, and so is [`Value::Null`]. A value that its field does not take is
    /// a mistake and its field unknown: the profile is whole either way, and whoever binds counts the mistakes.
    pub fn bind<'v>(
        schema: &Schema,
        values: impl IntoIterator<Item = (&'v str, &'v Value)>,
    ) -> (Self, Vec<ProfileMistake>) {
        let mut profile = Self::unknown(schema);
        let mut mistakes = Vec::new();
        for (name, value) in values {
            match schema.id(name) {
                Err(mistake) => mistakes.push(ProfileMistake::Field(mistake)),
                Ok(id) => match read(schema.field(id), value) {
                    Ok(value) => profile.values[usize::from(id.0)] = value,
                    Err(mistake) => mistakes.push(mistake),
                },
            }
        }
        (profile, mistakes)
    }

    /// Sets one value. It must be of the field's kind and inside its bounds.
    pub fn set(&mut self, schema: &Schema, id: FieldId, value: FieldValue) -> Result<(), ProfileMistake> {
        let field = schema.field(id);
        if !takes(field, &value) {
            return Err(ProfileMistake::Kind { field: field.name.clone(), wants: wants(field) });
        }
        self.values[usize::from(id.0)] = value;
        Ok(())
    }

    /// The value of a field.
    pub fn value(&self, id: FieldId) -> &FieldValue {
        &self.values[usize::from(id.0)]
    }

    /// The values, by [`FieldId`].
    pub fn values(&self) -> &[FieldValue] {
        &self.values
    }
}

fn takes(field: &Field, value: &FieldValue) -> bool {
    match (&field.kind, value) {
        (_, FieldValue::Unknown) | (FieldKind::YesNo, FieldValue::YesNo(_)) => true,
        (FieldKind::Number { bounds, .. }, FieldValue::Number(n)) => bounds.contains(n),
        (FieldKind::Code(dictionary), FieldValue::Code(code)) => dictionary.code(*code).is_some(),
        (FieldKind::Codes(dictionary), FieldValue::Codes(codes)) => codes.fit(dictionary.len()),
        _ => false,
    }
}

fn read(field: &Field, value: &Value) -> Result<FieldValue, ProfileMistake> {
    let kind = || ProfileMistake::Kind { field: field.name.clone(), wants: wants(field) };
    let code = |value: &Value| {
        let (text, dictionary) = value.as_text().zip(field.dictionary()).ok_or_else(kind)?;
        dictionary.number(text).ok_or_else(|| ProfileMistake::Code { field: field.name.clone() })
    };
    match (&field.kind, value) {
        (_, Value::Null) => Ok(FieldValue::Unknown),
        (FieldKind::YesNo, Value::Bool(yes)) => Ok(FieldValue::YesNo(*yes)),
        (FieldKind::Number { bounds, .. }, Value::Int(n)) if bounds.contains(n) => Ok(FieldValue::Number(*n)),
        (FieldKind::Code(_), value) => code(value).map(FieldValue::Code),
        (FieldKind::Codes(_), Value::List(values)) => {
            let codes = values.iter().map(code).collect::<Result<Vec<CodeNo>, _>>()?;
            Ok(FieldValue::Codes(Codes::new(codes)))
        }
        _ => Err(kind()),
    }
}

fn wants(field: &Field) -> SmolStr {
    match &field.kind {
        FieldKind::Number { bounds, unit } => {
            SmolStr::new(format!("a whole number from {} to {} ({unit})", bounds.start(), bounds.end()))
        }
        FieldKind::Code(dictionary) => SmolStr::new(format!("a code of \"{}\"", dictionary.name())),
        FieldKind::Codes(dictionary) => SmolStr::new(format!("a list of codes of \"{}\"", dictionary.name())),
        FieldKind::YesNo => SmolStr::new("yes or no"),
    }
}

/// A value of a profile that its field does not take. No mistake quotes the value: it is a person's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileMistake {
    /// No such field.
    #[error(transparent)]
    Field(SchemaMistake),
    /// Another kind, or outside the bounds.
    #[error("a value of field \"{field}\" does not fit\nit takes {wants}")]
    Kind {
        /// The field.
        field: SmolStr,
        /// What it takes.
        wants: SmolStr,
    },
    /// A code that the dictionary does not have.
    #[error("field \"{field}\" has a code that its dictionary does not have\nadd the code to the dictionary")]
    Code {
        /// The field.
        field: SmolStr,
    },
}
