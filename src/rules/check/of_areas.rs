//! What a rule per area may ask: distinct households, and what was done with its alert.

use super::conditions::Conditions;
use super::operand::Want;
use crate::rules::codes::AREA_CONDITION;
use crate::rules::keys;
use crate::rules::plan::{Ask, BY_HOUSEHOLD, Per, SignalId, Within};
use crate::rules::source::Node;
use crate::types::SmolStr;
use std::ops::Range;

impl Conditions<'_, '_> {
    /// `distinct` of a rule per area: households with one of the events.
    pub(super) fn households(&mut self, node: &Node) -> Option<Ask> {
        let fields = self.operands.mistakes.map(node, "distinct", keys::DISTINCT)?;
        let of = self.of(&fields);
        let contracts = self.contracts;
        for (name, why) in self.signals.not_told_to_areas(&of, contracts) {
            self.not_of_areas(&node.span, format!("signal \"{name}\" {why}"));
        }
        let by = self.operands.mistakes.need(&fields, "by")?;
        if by.scalar() != Some(BY_HOUSEHOLD) {
            self.not_of_areas(&by.span, String::from("an area counts nothing but its households"));
        }
        let window = self.operands.mistakes.need(&fields, "within")?;
        let within = self.within(&fields);
        if let Some(Within::Hours(_)) = within {
            self.not_of_areas(&window.span, String::from("an area knows events by their day"));
        }
        let test = self.operands.comparisons(&fields, &Want::number("the count", None))?;
        let by = SmolStr::new_static(BY_HOUSEHOLD);
        (!of.is_empty()).then_some(Ask::Distinct { of, by, within: Some(within?), test })
    }

    /// What clears an area's alert or stops its escalation is what was done with it.
    pub(super) fn only_casework(&mut self, of: &[SignalId], node: &Node) {
        let contracts = self.contracts;
        if self.per == Per::Household || self.signals.are_casework(of, contracts) {
            return;
        }
        self.not_of_areas(&node.span, String::from("this counts events of households one by one"));
    }

    pub(super) fn not_of_areas(&mut self, span: &Range<usize>, message: String) {
        let help = match self.per {
            Per::Household => "a rule per area counts households",
            Per::Area(_) => {
                "distinct: {of: …, by: household, within: 30d, gte: 3}; \"ieum explain IEUM-R039\""
            }
        };
        self.operands.mistakes.error(
            AREA_CONDITION,
            span,
            message,
            "cannot be asked here",
            Some(help.to_owned()),
        );
    }
}
