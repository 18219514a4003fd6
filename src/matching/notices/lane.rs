//! One clause of each row over one field: which rows fail at which value.
//!
//! A lane sorts values into classes: a code, an answer, an interval between two bounds. Per class it has the rows whose test
//! passes there; a row fails where its bit in `base` (set unless the reading is a contrary) differs from none of its classes'
//! bits. What does not come down to classes is checked row by row.

use super::super::predicate::{Clause, Limit};
use super::super::profile::FieldValue;
use super::super::schema::{Field, FieldKind};
use super::super::test::{Codes, Reading, Test};
use super::rows::{Bits, Rows};
use crate::rules::eval::Truth;

/// Intervals of a number's values. The bounds of ages and percentages are fewer; amounts have as many as notices, and each interval may
/// take a bit of every row. A bound that comes when all are taken is checked row by row inside the interval it falls into.
const MAX_INTERVALS: usize = 256;

/// A clause to be asked itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Check {
    pub(super) row: u32,
    /// Position in its conjunction.
    pub(super) clause: u8,
}

/// One lane.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// Rows that have a clause here.
    pub(super) has: Bits,
    /// How many.
    pub(super) len: usize,
    /// Rows that fail unless the value is in one of their classes.
    pub(super) base: Bits,
    classes: Classes,
    /// Rows that pass, by class.
    rows: Vec<Rows>,
    /// Rows to be checked at a value of the class.
    checks: Vec<Vec<Check>>,
    /// Rows to be checked at every known value.
    always: Vec<Check>,
}

/// How values fall into classes.
#[derive(Clone, Debug)]
enum Classes {
    /// Class n holds the numbers from cut n−1 up to below cut n.
    Cuts { cuts: Vec<i64>, least: i64, most: i64 },
    /// A class a code or answer.
    Codes,
}

impl Lane {
    pub(super) fn new(field: &Field, words: usize) -> Self {
        let (classes, count) = match &field.kind {
            FieldKind::Number { bounds, .. } => {
                (Classes::Cuts { cuts: Vec::new(), least: *bounds.start(), most: *bounds.end() }, 1)
            }
            FieldKind::YesNo => (Classes::Codes, 2),
            FieldKind::Code(dictionary) | FieldKind::Codes(dictionary) => (Classes::Codes, dictionary.len()),
        };
        Self {
            has: Bits(vec![0; words]),
            len: 0,
            base: Bits(vec![0; words]),
            classes,
            rows: vec![Rows::NONE; count],
            checks: vec![Vec::new(); count],
            always: Vec::new(),
        }
    }

    pub(super) fn grow(&mut self, words: usize) {
        self.has.grow(words);
        self.base.grow(words);
        self.rows.iter_mut().for_each(|rows| rows.grow(words));
    }

    /// The classes of a known value.
    pub(super) fn classes(&self, value: &FieldValue) -> impl Iterator<Item = usize> {
        let one = match (value, &self.classes) {
            (FieldValue::Number(n), Classes::Cuts { cuts, .. }) => Some(cuts.partition_point(|cut| cut <= n)),
            (FieldValue::Code(code), _) => Some(*code as usize),
            (FieldValue::YesNo(yes), _) => Some(usize::from(*yes)),
            _ => None,
        };
        let codes = match value {
            FieldValue::Codes(codes) => codes.as_slice(),
            _ => &[],
        };
        one.into_iter().chain(codes.iter().map(|code| *code as usize))
    }

    pub(super) fn rows(&self, class: usize) -> &Rows {
        &self.rows[class]
    }

    /// Rows to be checked at a value of these classes; some more than once.
    pub(super) fn checks(&self, classes: impl Iterator<Item = usize>) -> impl Iterator<Item = &Check> {
        self.always.iter().chain(classes.flat_map(|class| &self.checks[class]))
    }

    /// Adds a row's clause; its limit is set.
    pub(super) fn insert(&mut self, check: Check, clause: &Clause) {
        let words = self.has.0.len();
        self.has.put(check.row, true);
        self.len += 1;
        let mut base = true;
        match &clause.limit {
            Limit::Set(reading) => match &reading.test {
                Test::Between { least, most } => {
                    base = !reading.not;
                    self.insert_number(check, *least, *most);
                }
                Test::Is(_) | Test::In(_) | Test::AnyOf(_) => {
                    base = !reading.not;
                    codes(reading).for_each(|class| self.rows[class].insert(check.row, words));
                }
                Test::AllOf(_) | Test::EachGroupAny(_) | Test::SomeGroupAll(_) => {
                    base = self.insert_checked(check, clause);
                }
            },
            Limit::Agree(..) => base = self.insert_checked(check, clause),
            Limit::Absent(_) | Limit::Unparsed => {}
        }
        self.base.put(check.row, base);
    }

    /// Takes a row's clause away.
    pub(super) fn remove(&mut self, check: Check, clause: &Clause) {
        self.has.put(check.row, false);
        self.base.put(check.row, false);
        self.len -= 1;
        let one_by_one = matches!(&clause.limit, Limit::Set(reading)
            if matches!(reading.test, Test::Is(_) | Test::In(_) | Test::AnyOf(_)));
        if one_by_one {
            let classes = clause.readings().flat_map(codes);
            classes.for_each(|class| self.rows[class].remove(check.row));
            return;
        }
        take(&mut self.always, check);
        match self.classes {
            Classes::Cuts { .. } => {
                self.rows.iter_mut().for_each(|rows| rows.remove(check.row));
                self.checks.iter_mut().for_each(|checks| take(checks, check));
            }
            Classes::Codes => {
                clause.readings().flat_map(codes).for_each(|class| take(&mut self.checks[class], check));
            }
        }
    }

    /// A clause that classes do not decide. What it says of a value that meets none of its codes is its bit in `base`, which is
    /// returned; a value that meets one is checked.
    fn insert_checked(&mut self, check: Check, clause: &Clause) -> bool {
        let elsewhere = clause.truth(&FieldValue::Codes(Codes::default()));
        if elsewhere == Truth::Unknown {
            // Also where the field holds no set, which this does not try.
            put(&mut self.always, check);
        } else {
            clause.readings().flat_map(codes).for_each(|class| put(&mut self.checks[class], check));
        }
        elsewhere == Truth::False
    }

    fn insert_number(&mut self, check: Check, from: Option<i64>, to: Option<i64>) {
        let Classes::Cuts { least, most, .. } = self.classes else { return };
        let above = to.and_then(|to| to.checked_add(1));
        let own = [from, above].into_iter().flatten().filter(|cut| *cut > least && *cut <= most);
        own.for_each(|cut| self.cut(cut));
        let words = self.has.0.len();
        let Classes::Cuts { cuts, .. } = &self.classes else { return };
        for class in 0..self.rows.len() {
            let first = class.checked_sub(1).map_or(least, |before| cuts[before]);
            let last = cuts.get(class).map_or(most, |next| next - 1);
            let cut_inside = |cut: Option<i64>| cut.is_some_and(|cut| first < cut && cut <= last);
            if cut_inside(from) || cut_inside(above) {
                put(&mut self.checks[class], check);
            } else if from.is_none_or(|from| first >= from) && to.is_none_or(|to| first <= to) {
                self.rows[class].insert(check.row, words);
            }
        }
    }

    /// Cuts the interval in which `cut` lies, unless it begins there or there are enough.
    fn cut(&mut self, cut: i64) {
        let Classes::Cuts { cuts, .. } = &mut self.classes else { return };
        if let Err(class) = cuts.binary_search(&cut)
            && self.rows.len() < MAX_INTERVALS
        {
            cuts.insert(class, cut);
            self.rows.insert(class, self.rows[class].clone());
            // Checks stand in an interval only where none is left to cut.
            self.checks.insert(class, self.checks[class].clone());
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let bits = (self.has.0.capacity() + self.base.0.capacity()) * size_of::<u64>();
        let checks = self.checks.iter().chain([&self.always]);
        let checks =
            checks.map(|c| size_of::<Vec<Check>>() + c.capacity() * size_of::<Check>()).sum::<usize>();
        bits + checks + self.rows.iter().map(Rows::bytes).sum::<usize>()
    }
}

/// The classes that a reading of codes or an answer names.
fn codes(reading: &Reading) -> impl Iterator<Item = usize> {
    let answer = match reading.test {
        Test::Is(yes) => Some(usize::from(yes)),
        _ => None,
    };
    let codes = reading.test.groups().iter().flat_map(|group| group.as_slice());
    answer.into_iter().chain(codes.map(|code| *code as usize))
}

fn put(checks: &mut Vec<Check>, check: Check) {
    if let Err(at) = checks.binary_search(&check) {
        checks.insert(at, check);
    }
}

fn take(checks: &mut Vec<Check>, check: Check) {
    if let Ok(at) = checks.binary_search(&check) {
        checks.remove(at);
    }
}
