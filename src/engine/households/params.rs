//! Which params a rule reads, for the record of an alert.

use crate::rules::plan::{Ask, Cmp, CrisisRule, FieldTest, Operand, Test};

/// Indexes into the pack's params, in no order, perhaps repeated.
pub(super) fn read_by(rule: &CrisisRule) -> Vec<usize> {
    let mut read = Vec::new();
    let fields = rule.signals.iter().flat_map(|signal| signal.filter.iter());
    fields.for_each(|test| of_field(test, &mut read));
    for node in &rule.nodes {
        match &node.ask {
            Ask::Field(tests) => tests.iter().for_each(|test| of_field(test, &mut read)),
            Ask::Count { test, .. } | Ask::Distinct { test, .. } | Ask::Value { test, .. } => {
                of_comparisons(test, &mut read);
            }
            Ask::All(_) | Ask::Any(_) | Ask::None(_) | Ask::Absent { .. } | Ask::Sequence { .. } => {}
        }
    }
    read
}

fn of_field(test: &FieldTest, read: &mut Vec<usize>) {
    match &test.test {
        Test::Compare(comparisons) => of_comparisons(comparisons, read),
        Test::In(operands) | Test::AnyOf(operands) => {
            operands.iter().for_each(|operand| of_operand(operand, read))
        }
        Test::Between(low, high) => low.iter().chain(high).for_each(|operand| of_operand(operand, read)),
    }
}

fn of_comparisons(comparisons: &[(Cmp, Operand)], read: &mut Vec<usize>) {
    comparisons.iter().for_each(|(_, operand)| of_operand(operand, read));
}

fn of_operand(operand: &Operand, read: &mut Vec<usize>) {
    if let Operand::Param(at) = operand {
        read.push(*at);
    }
}
