//! Whom an offer is for: conjunctions of clauses, each over one field of a profile.

use super::profile::FieldValue;
use super::schema::{Field, FieldId, FieldKind, Schema};
use super::test::{Reading, Test};
use crate::rules::eval::Truth;
use crate::types::SmolStr;
use std::collections::BTreeSet;

/// Conjunctions of one predicate. A rule's `any` groups multiply: seven of two branches each pass this, and nobody reads such a
/// rule. Each conjunction is a row of the notices' index and a pass over the profiles.
pub const MAX_CONJUNCTIONS: usize = 64;
/// Clauses of one conjunction, as many as a decision of a rule has reasons: a clause is a line that a person reads.
pub const MAX_CLAUSES: usize = 64;
/// The most that a rule can allow to be unknown in what is still possible: each is a question to a person, and the indexes
/// count in two bits.
pub const MAX_UNKNOWN: u8 = 3;

/// What a limit means that the notice does not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfAbsent {
    /// It restricts nothing.
    Any,
    /// Whether it exists is not known.
    Unknown,
    /// Nobody passes.
    Fail,
}

/// What a clause asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// One reading.
    Set(Reading),
    /// Two readings of the same text: their value where it is the same, else unknown.
    Agree(Reading, Reading),
    /// The notice sets none.
    Absent(IfAbsent),
    /// The notice says something that could not be read: unknown, which is not "no limit".
    Unparsed,
}

/// One clause. A profile's unknown value makes it unknown, never false: missing data excludes nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The rule's name of it, once in a formula.
    pub id: SmolStr,
    /// The field it reads.
    pub field: FieldId,
    /// What it asks.
    pub limit: Limit,
}

impl Clause {
    /// A clause of one reading.
    pub fn new(id: impl AsRef<str>, field: FieldId, reading: Reading) -> Self {
        Self { id: SmolStr::new(id), field, limit: Limit::Set(reading) }
    }

    /// Its value over what is known of its field.
    pub fn truth(&self, value: &FieldValue) -> Truth {
        let passes = match &self.limit {
            Limit::Absent(IfAbsent::Any) => Some(true),
            Limit::Absent(IfAbsent::Fail) => Some(false),
            Limit::Absent(IfAbsent::Unknown) | Limit::Unparsed => None,
            Limit::Set(reading) => reading.passes(value),
            Limit::Agree(one, other) => {
                one.passes(value).filter(|passes| other.passes(value) == Some(*passes))
            }
        };
        passes.map_or(Truth::Unknown, |passes| if passes { Truth::True } else { Truth::False })
    }

    /// The readings it has.
    pub(super) fn readings(&self) -> impl Iterator<Item = &Reading> {
        let (one, other) = match &self.limit {
            Limit::Set(one) => (Some(one), None),
            Limit::Agree(one, other) => (Some(one), Some(other)),
            Limit::Absent(_) | Limit::Unparsed => (None, None),
        };
        one.into_iter().chain(other)
    }
}

/// Clauses joined as a rule joins them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Formula {
    /// One clause.
    Clause(Clause),
    /// Each of them.
    All(Vec<Formula>),
    /// The best of them.
    Any(Vec<Formula>),
}

/// A checked predicate: conjunctions of clauses, of which the best one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predicate {
    conjunctions: Vec<Vec<Clause>>,
    unknown_at_most: u8,
}

impl Predicate {
    /// Checks a formula against the schema and expands it. `unknown_at_most` clauses (1 to [`MAX_UNKNOWN`]; 0 leaves no tier
    /// below a match but near misses with nothing unknown) may be unknown. All mistakes at once.
    pub fn new(
        schema: &Schema,
        formula: &Formula,
        unknown_at_most: u8,
    ) -> Result<Self, Vec<PredicateMistake>> {
        let mut mistakes = Vec::new();
        if unknown_at_most > MAX_UNKNOWN {
            mistakes.push(PredicateMistake::Unknown { found: unknown_at_most });
        }
        check(schema, formula, &mut BTreeSet::new(), &mut mistakes);
        let found = branches(formula);
        if found > MAX_CONJUNCTIONS {
            mistakes.push(PredicateMistake::TooManyConjunctions { found });
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let conjunctions = expand(formula);
        let longest = conjunctions.iter().map(Vec::len).max().unwrap_or(0);
        if longest > MAX_CLAUSES {
            return Err(vec![PredicateMistake::TooManyClauses { found: longest }]);
        }
        Ok(Self { conjunctions, unknown_at_most })
    }

    /// Its conjunctions, 1 to [`MAX_CONJUNCTIONS`].
    pub fn conjunctions(&self) -> &[Vec<Clause>] {
        &self.conjunctions
    }

    /// How many clauses may be unknown in what is possible or a near miss.
    pub fn unknown_at_most(&self) -> u8 {
        self.unknown_at_most
    }
}

/// How many conjunctions a formula comes to, without making them.
fn branches(formula: &Formula) -> usize {
    match formula {
        Formula::Clause(_) => 1,
        Formula::All(parts) => parts.iter().map(branches).fold(1, usize::saturating_mul),
        Formula::Any(parts) => parts.iter().map(branches).fold(0, usize::saturating_add),
    }
}

fn expand(formula: &Formula) -> Vec<Vec<Clause>> {
    match formula {
        Formula::Clause(clause) => vec![vec![clause.clone()]],
        Formula::Any(parts) => parts.iter().flat_map(expand).collect(),
        Formula::All(parts) => parts.iter().fold(vec![Vec::new()], |so_far, part| {
            let more = expand(part);
            let joined = so_far.iter().flat_map(|head| more.iter().map(move |tail| (head, tail)));
            joined.map(|(head, tail)| head.iter().chain(tail).cloned().collect()).collect()
        }),
    }
}

fn check<'f>(
    schema: &Schema,
    formula: &'f Formula,
    seen: &mut BTreeSet<&'f str>,
    mistakes: &mut Vec<PredicateMistake>,
) {
    match formula {
        Formula::Any(parts) if parts.is_empty() => mistakes.push(PredicateMistake::EmptyAny),
        Formula::All(parts) | Formula::Any(parts) => {
            parts.iter().for_each(|part| check(schema, part, seen, mistakes));
        }
        Formula::Clause(clause) => {
            let id = || clause.id.clone();
            if !seen.insert(clause.id.as_str()) {
                mistakes.push(PredicateMistake::RepeatedClause { clause: id() });
            }
            let Some(field) = schema.fields().get(usize::from(clause.field.0)) else {
                return mistakes.push(PredicateMistake::NoField { clause: id(), field: clause.field });
            };
            for reading in clause.readings() {
                mistakes.extend(unfit(id(), field, &reading.test));
            }
        }
    }
}

fn unfit(clause: SmolStr, field: &Field, test: &Test) -> Option<PredicateMistake> {
    let fits = matches!(
        (test, &field.kind),
        (Test::Between { .. }, FieldKind::Number { .. })
            | (Test::Is(_), FieldKind::YesNo)
            | (Test::In(_), FieldKind::Code(_))
            | (
                Test::AnyOf(_) | Test::AllOf(_) | Test::EachGroupAny(_) | Test::SomeGroupAll(_),
                FieldKind::Codes(_)
            )
    );
    if !fits {
        return Some(PredicateMistake::Kind { clause, field: field.name.clone() });
    }
    let (empty, strange) = match test {
        Test::Is(_) => (false, false),
        Test::Between { least, most } => (least.or(*most).is_none(), false),
        _ => {
            let groups = test.groups();
            let codes = field.dictionary().map_or(0, super::Dictionary::len);
            let empty = groups.is_empty() || groups.iter().any(super::Codes::is_empty);
            (empty, groups.iter().any(|group| !group.fit(codes)))
        }
    };
    if empty {
        Some(PredicateMistake::Empty { clause })
    } else if strange {
        Some(PredicateMistake::StrangeCode { clause, field: field.name.clone() })
    } else {
        None
    }
}

/// Why a predicate is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PredicateMistake {
    /// More conjunctions than [`MAX_CONJUNCTIONS`].
    #[error(
        "the rule comes to {found} conjunctions\nat most {MAX_CONJUNCTIONS} are taken; its `any` groups multiply: \
         split the rule or join branches into one set"
    )]
    TooManyConjunctions {
        /// How many.
        found: usize,
    },
    /// More clauses in one conjunction than [`MAX_CLAUSES`].
    #[error("a conjunction has {found} clauses\nat most {MAX_CLAUSES} are taken")]
    TooManyClauses {
        /// How many.
        found: usize,
    },
    /// More unknown clauses allowed than [`MAX_UNKNOWN`].
    #[error(
        "{found} unknown clauses are allowed\nat most {MAX_UNKNOWN} can be: each is a question to a person"
    )]
    Unknown {
        /// How many.
        found: u8,
    },
    /// `any` of nothing.
    #[error("an `any` has no branch\ngive it one, or leave it out")]
    EmptyAny,
    /// One id twice.
    #[error("clause \"{clause}\" occurs twice\na reason must be told by its id")]
    RepeatedClause {
        /// The id.
        clause: SmolStr,
    },
    /// A field that the schema does not have.
    #[error("clause \"{clause}\" reads field {}, which the schema does not have", field.0)]
    NoField {
        /// The clause.
        clause: SmolStr,
        /// The field.
        field: FieldId,
    },
    /// A test of another kind of field.
    #[error("clause \"{clause}\" asks what field \"{field}\" cannot answer\nits kind is another")]
    Kind {
        /// The clause.
        clause: SmolStr,
        /// The field.
        field: SmolStr,
    },
    /// A limit that names no value.
    #[error("clause \"{clause}\" names no value\na notice that sets no limit says so: the limit is absent")]
    Empty {
        /// The clause.
        clause: SmolStr,
    },
    /// A code that the field's dictionary does not have.
    #[error(
        "clause \"{clause}\" names a code that the dictionary of \"{field}\" does not have\nsuch a limit is unparsed"
    )]
    StrangeCode {
        /// The clause.
        clause: SmolStr,
        /// The field.
        field: SmolStr,
    },
}
