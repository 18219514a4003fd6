//! Takes out of an explanation what an alert does not carry: values of fields that name or lay bare a person.

use crate::contracts::{Contracts, Pii};
use crate::rules::eval::explain::{Condition, Counted, Explained, FactKnown, Saw};
use crate::rules::plan::CrisisRule;
use crate::types::SmolStr;

/// Whether a value of this class may be shown: what says something of a person without naming them (an age, a household's size,
/// months of arrears) may, as in an alert.
pub(super) fn may_be_shown(class: Pii) -> bool {
    match class {
        Pii::None | Pii::Indirect => true,
        Pii::Pseudonym | Pii::Sensitive => false,
    }
}

pub(super) fn mask(contracts: &Contracts, rule: &CrisisRule, explained: &mut Explained) {
    let mask = Mask { contracts, rule };
    mask.condition(&mut explained.when);
    explained.also.iter_mut().for_each(|condition| mask.condition(condition));
}

struct Mask<'a> {
    contracts: &'a Contracts,
    rule: &'a CrisisRule,
}

impl Mask<'_> {
    fn condition(&self, condition: &mut Condition) {
        match &mut condition.saw {
            Saw::All(under) | Saw::Any(under) | Saw::None(under) => {
                under.iter_mut().for_each(|condition| self.condition(condition));
            }
            Saw::Facts(facts) => {
                for seen in facts.iter_mut().filter(|seen| !self.fact_may_be_shown(&seen.fact)) {
                    if seen.known != FactKnown::Nothing {
                        seen.known = FactKnown::Masked;
                    }
                    seen.gap = None;
                }
            }
            Saw::Number(seen) => {
                let field = match &seen.what {
                    Counted::Field(field, _) => field,
                    // How many there are says no value.
                    Counted::Events { .. } | Counted::Distinct(_) => return,
                };
                if !self.field_may_be_shown(&seen.of, field) {
                    (seen.number, seen.gap, seen.is_masked) = (None, None, true);
                }
            }
            Saw::Absence(_) | Saw::Sequence(_) => {}
        }
    }

    /// A fact that the contracts do not know is shown to nobody.
    fn fact_may_be_shown(&self, name: &str) -> bool {
        self.contracts.fact(name).is_some_and(|fact| may_be_shown(fact.field.pii))
    }

    fn field_may_be_shown(&self, signals: &[SmolStr], field: &str) -> bool {
        let signals = self.rule.signals.iter().filter(|signal| signals.contains(&signal.name));
        let mut kinds = signals.flat_map(|signal| &signal.kinds);
        kinds.all(|kind| {
            let known = self.contracts.event(kind).and_then(|event| {
                event.fields.iter().find(|known| known.name == field).map(|known| known.pii)
            });
            known.is_some_and(may_be_shown)
        })
    }
}
