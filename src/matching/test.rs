//! What a clause asks of one known value. Of a known value the answer is yes or no; unknown comes in only where a value is
//! unknown or two readings differ.

use super::profile::FieldValue;
use super::schema::CodeNo;

/// A sorted set of codes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codes(Box<[CodeNo]>);

impl Codes {
    /// The set of the codes given, in any order.
    pub fn new(codes: impl IntoIterator<Item = CodeNo>) -> Self {
        let mut codes: Vec<CodeNo> = codes.into_iter().collect();
        codes.sort_unstable();
        codes.dedup();
        Self(codes.into())
    }

    /// The codes, ascending.
    pub fn as_slice(&self) -> &[CodeNo] {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it has a code.
    pub fn has(&self, code: CodeNo) -> bool {
        self.0.binary_search(&code).is_ok()
    }

    /// Whether all codes are of a dictionary of that many.
    pub(super) fn fit(&self, codes: usize) -> bool {
        self.0.last().is_none_or(|last| (*last as usize) < codes)
    }

    fn meets(&self, other: &Self) -> bool {
        let (few, many) = if self.0.len() < other.0.len() { (self, other) } else { (other, self) };
        few.0.iter().any(|code| many.has(*code))
    }

    fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|code| self.has(*code))
    }
}

/// A test of a known value of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// A number, both bounds inclusive, each absent on its own: one that is absent restricts nothing. With both absent there
    /// is no limit, which [`super::Limit::Absent`] says.
    Between {
        /// The least that passes.
        least: Option<i64>,
        /// The greatest that passes.
        most: Option<i64>,
    },
    /// Yes or no, as told.
    Is(bool),
    /// A single code that is one of these.
    In(Codes),
    /// A set with at least one of these.
    AnyOf(Codes),
    /// A set with every one of these.
    AllOf(Codes),
    /// A set with at least one code of every group.
    EachGroupAny(Vec<Codes>),
    /// A set with every code of at least one group.
    SomeGroupAll(Vec<Codes>),
}

impl Test {
    /// Whether a known value passes; none for one that is unknown or of another kind.
    fn passes(&self, value: &FieldValue) -> Option<bool> {
        Some(match (self, value) {
            (Self::Between { least, most }, FieldValue::Number(n)) => {
                least.is_none_or(|least| *n >= least) && most.is_none_or(|most| *n <= most)
            }
            (Self::Is(wanted), FieldValue::YesNo(yes)) => yes == wanted,
            (Self::In(codes), FieldValue::Code(code)) => codes.has(*code),
            (Self::AnyOf(codes), FieldValue::Codes(has)) => has.meets(codes),
            (Self::AllOf(codes), FieldValue::Codes(has)) => has.covers(codes),
            (Self::EachGroupAny(groups), FieldValue::Codes(has)) => groups.iter().all(|g| has.meets(g)),
            (Self::SomeGroupAll(groups), FieldValue::Codes(has)) => groups.iter().any(|g| has.covers(g)),
            _ => return None,
        })
    }

    /// Every set of codes that it names.
    pub(super) fn groups(&self) -> &[Codes] {
        match self {
            Self::Between { .. } | Self::Is(_) => &[],
            Self::In(codes) | Self::AnyOf(codes) | Self::AllOf(codes) => std::slice::from_ref(codes),
            Self::EachGroupAny(groups) | Self::SomeGroupAll(groups) => groups,
        }
    }
}

/// A test, or its contrary: exclusions are contraries of [`Test::AnyOf`] and [`Test::In`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The test.
    pub test: Test,
    /// Whether what passes the test fails, and the reverse.
    pub not: bool,
}

impl Reading {
    /// What passes `test`.
    pub fn of(test: Test) -> Self {
        Self { test, not: false }
    }

    /// What does not pass `test`.
    pub fn not(test: Test) -> Self {
        Self { test, not: true }
    }

    /// A number between two bounds, both inclusive.
    pub fn between(least: impl Into<Option<i64>>, most: impl Into<Option<i64>>) -> Self {
        Self::of(Test::Between { least: least.into(), most: most.into() })
    }

    /// A number that is `n`.
    pub fn equals(n: i64) -> Self {
        Self::between(n, n)
    }

    /// One of `codes`.
    pub fn any_of(codes: impl IntoIterator<Item = CodeNo>) -> Self {
        Self::of(Test::AnyOf(Codes::new(codes)))
    }

    /// None of `codes`: who has one of them is excluded.
    pub fn none_of(codes: impl IntoIterator<Item = CodeNo>) -> Self {
        Self::not(Test::AnyOf(Codes::new(codes)))
    }

    /// All of `codes`.
    pub fn all_of(codes: impl IntoIterator<Item = CodeNo>) -> Self {
        Self::of(Test::AllOf(Codes::new(codes)))
    }

    /// A single code among `codes`.
    pub fn one_of(codes: impl IntoIterator<Item = CodeNo>) -> Self {
        Self::of(Test::In(Codes::new(codes)))
    }

    /// Whether a known value passes; none for one that is unknown.
    pub(super) fn passes(&self, value: &FieldValue) -> Option<bool> {
        self.test.passes(value).map(|passes| passes != self.not)
    }
}
