//! Comparisons with what is known of a value: all of it, one side of it, or nothing.

use super::super::plan::{Cmp, Operand, Param, Test};
use super::Truth;
use crate::types::{Day, Value};
use std::cmp::Ordering;

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known<'v> {
    /// This is it.
    Exactly(&'v Value),
    /// It is this or more.
    AtLeast(&'v Value),
    /// It is this or less.
    AtMost(&'v Value),
    /// Nothing.
    Nothing,
}

/// Where params are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Params<'a> {
    pub(super) params: &'a [Param],
    pub(super) day: Day,
}

impl<'a> Params<'a> {
    /// The value of an operand; none where a param has none on the day.
    pub(super) fn value(self, operand: &'a Operand) -> Option<&'a Value> {
        match operand {
            Operand::Const(value) => Some(value),
            Operand::Param(at) => self.params.get(*at).and_then(|param| param.on(self.day)),
        }
    }
}

impl Test {
    /// Whether a value passes.
    pub(super) fn of(&self, known: Known<'_>, params: Params<'_>) -> Truth {
        match self {
            Self::Compare(tests) => compare_all(tests, known, params),
            Self::In(operands) | Self::AnyOf(operands) => {
                any(operands.iter().map(|operand| compare(Cmp::Eq, known, params.value(operand))))
            }
            Self::Between(low, high) => {
                let above = low.as_ref().map(|low| compare(Cmp::Gte, known, params.value(low)));
                let below = high.as_ref().map(|high| compare(Cmp::Lte, known, params.value(high)));
                all([above, below].into_iter().flatten())
            }
        }
    }
}

/// Every comparison given must hold.
pub(super) fn compare_all(tests: &[(Cmp, Operand)], known: Known<'_>, params: Params<'_>) -> Truth {
    all(tests.iter().map(|(cmp, operand)| compare(*cmp, known, params.value(operand))))
}

/// Of several values, one that passes suffices ("is one of them 3?"); "not equal" asks that none is equal.
fn compare(cmp: Cmp, known: Known<'_>, bound: Option<&Value>) -> Truth {
    let Some(bound) = bound else { return Truth::Unknown };
    if let Known::Exactly(Value::List(values)) = known {
        let each = |cmp| any(values.iter().map(|value| compare(cmp, Known::Exactly(value), Some(bound))));
        return if cmp == Cmp::Ne { negate(each(Cmp::Eq)) } else { each(cmp) };
    }
    let (value, open) = match known {
        Known::Exactly(value) => (value, 0),
        Known::AtLeast(value) => (value, GREATER),
        Known::AtMost(value) => (value, LESS),
        Known::Nothing => return Truth::Unknown,
    };
    let Some(order) = value.compare(bound) else { return Truth::Unknown };
    let possible = match (order, open) {
        (Ordering::Less, GREATER) | (Ordering::Greater, LESS) => LESS | EQUAL | GREATER,
        (Ordering::Less, _) => LESS,
        (Ordering::Equal, _) => EQUAL | open,
        (Ordering::Greater, _) => GREATER,
    };
    match possible & accepted(cmp) {
        0 => Truth::False,
        both if both == possible => Truth::True,
        _ => Truth::Unknown,
    }
}

/// Sets of orders of a value to a bound, as bits.
const LESS: u8 = 1;
const EQUAL: u8 = 2;
const GREATER: u8 = 4;

fn accepted(cmp: Cmp) -> u8 {
    match cmp {
        Cmp::Eq => EQUAL,
        Cmp::Ne => LESS | GREATER,
        Cmp::Lt => LESS,
        Cmp::Lte => LESS | EQUAL,
        Cmp::Gt => GREATER,
        Cmp::Gte => GREATER | EQUAL,
    }
}

/// False if any is false, else unknown if any is unknown.
pub(super) fn all(truths: impl IntoIterator<Item = Truth>) -> Truth {
    let mut result = Truth::True;
    for truth in truths {
        match truth {
            Truth::False => return Truth::False,
            Truth::Unknown => result = Truth::Unknown,
            Truth::True => {}
        }
    }
    result
}

/// True if any is true, else unknown if any is unknown.
pub(super) fn any(truths: impl IntoIterator<Item = Truth>) -> Truth {
    negate(all(truths.into_iter().map(negate)))
}

/// True for false, and the reverse.
pub(super) fn negate(truth: Truth) -> Truth {
    match truth {
        Truth::True => Truth::False,
        Truth::False => Truth::True,
        Truth::Unknown => Truth::Unknown,
    }
}
