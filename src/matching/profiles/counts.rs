//! How many profiles have which value: what the planner orders clauses by. It decides speed, never an answer.

use super::super::profile::FieldValue;
use super::super::test::{Codes, Reading, Test};
use super::columns::{Column, Form, sliced};

/// Parts into which the bounds of a number are cut: of a narrower limit the estimate is a part too high.
const PARTS: u64 = 256;

/// The counts of one field.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    /// Profiles whose value is known.
    pub(super) known: u64,
    /// By code, answer or part of a number's bounds.
    by: Vec<u32>,
    /// Values in a part.
    width: u64,
    least: i64,
    span: u64,
}

impl Counts {
    pub(super) fn new(column: &Column, codes: usize) -> Self {
        let (least, span, parts) = match column.form {
            Form::Sliced { least, span, .. } if codes == 0 => {
                (least, span, span.saturating_add(1).min(PARTS))
            }
            Form::Sliced { .. } | Form::Dense { .. } | Form::Listed => (0, 0, codes as u64),
        };
        let width = if codes == 0 { span / parts + 1 } else { 1 };
        Self { known: 0, by: vec![0; parts as usize], width, least, span }
    }

    pub(super) fn insert(&mut self, value: &FieldValue) {
        self.known += u64::from(*value != FieldValue::Unknown);
        self.each(value, |count| *count += 1);
    }

    pub(super) fn remove(&mut self, value: &FieldValue) {
        self.known -= u64::from(*value != FieldValue::Unknown);
        self.each(value, |count| *count -= 1);
    }

    fn each(&mut self, value: &FieldValue, mut change: impl FnMut(&mut u32)) {
        match value {
            FieldValue::Unknown => {}
            FieldValue::Codes(codes) => {
                codes.as_slice().iter().for_each(|code| change(&mut self.by[*code as usize]));
            }
            FieldValue::Number(_) | FieldValue::Code(_) | FieldValue::YesNo(_) => {
                change(&mut self.by[(sliced(value, self.least) / self.width) as usize]);
            }
        }
    }

    /// About how many known values pass.
    pub(super) fn passing(&self, reading: &Reading) -> u64 {
        let passing = match &reading.test {
            Test::Between { least, most } => interval(*least, *most, self.least, self.span)
                .map_or(0, |(from, to)| self.sum((from / self.width)..=(to / self.width))),
            Test::Is(yes) => self.sum(u64::from(*yes)..=u64::from(*yes)),
            Test::In(codes) | Test::AnyOf(codes) => self.any(codes),
            Test::AllOf(codes) => self.all(codes),
            Test::EachGroupAny(groups) => groups.iter().map(|group| self.any(group)).min().unwrap_or(0),
            Test::SomeGroupAll(groups) => groups.iter().map(|group| self.all(group)).sum(),
        };
        let passing = passing.min(self.known);
        if reading.not { self.known - passing } else { passing }
    }

    fn sum(&self, parts: impl Iterator<Item = u64>) -> u64 {
        parts.map(|part| self.by.get(part as usize).copied().map_or(0, u64::from)).sum()
    }

    fn any(&self, codes: &Codes) -> u64 {
        self.sum(codes.as_slice().iter().map(|code| u64::from(*code))).min(self.known)
    }

    fn all(&self, codes: &Codes) -> u64 {
        codes.as_slice().iter().map(|code| u64::from(self.by[*code as usize])).min().unwrap_or(0)
    }

    pub(super) fn bytes(&self) -> usize {
        self.by.len() * size_of::<u32>()
    }
}

/// The part of a field's bounds that lies between two limits, less the least bound; none where nothing does.
pub(super) fn interval(least: Option<i64>, most: Option<i64>, bound: i64, span: u64) -> Option<(u64, u64)> {
    let last = bound.wrapping_add_unsigned(span);
    let (from, to) = (least.unwrap_or(bound).max(bound), most.unwrap_or(last).min(last));
    (from <= to).then(|| (from.wrapping_sub(bound).cast_unsigned(), to.wrapping_sub(bound).cast_unsigned()))
}
