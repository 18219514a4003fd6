//! What would have to be otherwise for a rule to hold: the smallest sets of conditions, each of which suffices.

use crate::rules::eval::Truth;
use crate::rules::eval::explain::{Condition, Saw};
use crate::rules::plan::CrisisRule;
use crate::types::SmolStr;

/// Sets that are worked out: more nobody reads.
const MOST: usize = 16;

/// The sets, in the order of the rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// Each set alone suffices, and no smaller part of it does.
    pub sets: Vec<Vec<Leaf>>,
    /// There are more than are told.
    pub is_cut: bool,
}

/// A condition without others under it that does not say what is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The reason that shows it, or under which it lies; none in a `when` without ids.
    pub reason: Option<SmolStr>,
    /// It must not hold (it lies under a `none`).
    pub must_fail: bool,
    /// The condition.
    pub condition: Condition,
}

/// What `when` lacks; no set where it holds.
pub fn ways(when: &Condition, rule: &CrisisRule) -> Ways {
    let mut is_cut = false;
    let sets = Finder { rule, is_cut: &mut is_cut }.sets(when, true, None);
    let sets = if when.truth == Truth::True { Vec::new() } else { sets };
    Ways { sets, is_cut }
}

struct Finder<'a> {
    rule: &'a CrisisRule,
    is_cut: &'a mut bool,
}

impl Finder<'_> {
    /// The sets that make a condition say `wanted`; the empty set where it does.
    fn sets(&mut self, condition: &Condition, wanted: bool, under: Option<&SmolStr>) -> Vec<Vec<Leaf>> {
        if condition.truth == if wanted { Truth::True } else { Truth::False } {
            return vec![Vec::new()];
        }
        let rule = self.rule;
        let own = condition.reason.and_then(|at| rule.reasons.get(usize::from(at))).map(|reason| &reason.id);
        let reason = own.or(under);
        match &condition.saw {
            Saw::All(children) if wanted => self.every(children, true, reason),
            Saw::All(children) => self.one(children, false, reason),
            Saw::Any(children) if wanted => self.one(children, true, reason),
            Saw::Any(children) => self.every(children, false, reason),
            Saw::None(children) if wanted => self.every(children, false, reason),
            Saw::None(children) => self.one(children, true, reason),
            Saw::Facts(_) | Saw::Number(_) | Saw::Absence(_) | Saw::Sequence(_) => {
                let leaf = Leaf { reason: reason.cloned(), must_fail: !wanted, condition: condition.clone() };
                vec![vec![leaf]]
            }
        }
    }

    fn one(&mut self, children: &[Condition], wanted: bool, under: Option<&SmolStr>) -> Vec<Vec<Leaf>> {
        let sets: Vec<_> = children.iter().flat_map(|child| self.sets(child, wanted, under)).collect();
        self.cut(sets)
    }

    fn every(&mut self, children: &[Condition], wanted: bool, under: Option<&SmolStr>) -> Vec<Vec<Leaf>> {
        let mut sets = vec![Vec::new()];
        for child in children {
            let of_child = self.sets(child, wanted, under);
            let both = |set: &Vec<Leaf>| {
                let with = |more: &Vec<Leaf>| [set.as_slice(), more.as_slice()].concat();
                of_child.iter().map(with).collect::<Vec<_>>()
            };
            let product = sets.iter().flat_map(both).collect();
            sets = self.cut(product);
        }
        sets
    }

    fn cut(&mut self, mut sets: Vec<Vec<Leaf>>) -> Vec<Vec<Leaf>> {
        *self.is_cut |= sets.len() > MOST;
        sets.truncate(MOST);
        sets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::eval::explain::SequenceSeen;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// A leaf that can be told from the others by its lookback.
    fn leaf(name: i32, truth: Truth) -> Condition {
        let saw = Saw::Sequence(SequenceSeen {
            steps: Vec::new(),
            within_days: 0,
            lookback_days: name,
            stale: Vec::new(),
        });
        Condition { reason: None, truth, found: truth, wake: None, saw }
    }

    fn decided(saw: &Saw) -> Option<Truth> {
        let truths = |children: &[Condition]| children.iter().map(|child| child.truth).collect::<Vec<_>>();
        let all = |truths: Vec<Truth>| match truths {
            truths if truths.contains(&Truth::False) => Truth::False,
            truths if truths.contains(&Truth::Unknown) => Truth::Unknown,
            _ => Truth::True,
        };
        let turned = |truth| match truth {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
        };
        match saw {
            Saw::All(children) => Some(all(truths(children))),
            Saw::None(children) => Some(all(truths(children).into_iter().map(turned).collect())),
            Saw::Any(children) => Some(turned(all(truths(children).into_iter().map(turned).collect()))),
            _ => None,
        }
    }

    /// The tree with these leaves turned to what is needed of them.
    fn turned(condition: &Condition, flips: &BTreeSet<i32>, wanted: bool) -> Condition {
        let under = |children: &[Condition], wanted| {
            children.iter().map(|child| turned(child, flips, wanted)).collect::<Vec<_>>()
        };
        let saw = match &condition.saw {
            Saw::All(children) => Saw::All(under(children, wanted)),
            Saw::Any(children) => Saw::Any(under(children, wanted)),
            Saw::None(children) => Saw::None(under(children, !wanted)),
            Saw::Sequence(seen) if flips.contains(&seen.lookback_days) => {
                return leaf(seen.lookback_days, if wanted { Truth::True } else { Truth::False });
            }
            other => other.clone(),
        };
        let truth = decided(&saw).unwrap_or(condition.truth);
        Condition { truth, saw, ..condition.clone() }
    }

    fn tree() -> impl Strategy<Value = Condition> {
        let truth = prop_oneof![Just(Truth::True), Just(Truth::False), Just(Truth::Unknown)];
        let leaf = truth.prop_map(|truth| leaf(0, truth));
        leaf.prop_recursive(3, 10, 3, |inner| {
            (0..3_u8, prop::collection::vec(inner, 1..4)).prop_map(|(kind, children)| {
                let saw = match kind {
                    0 => Saw::All(children),
                    1 => Saw::Any(children),
                    _ => Saw::None(children),
                };
                let truth = decided(&saw).unwrap_or_default();
                Condition { reason: None, truth, found: truth, wake: None, saw }
            })
        })
    }

    fn named(condition: &mut Condition, next: &mut i32) {
        match &mut condition.saw {
            Saw::All(under) | Saw::Any(under) | Saw::None(under) => {
                under.iter_mut().for_each(|child| named(child, next));
            }
            Saw::Sequence(seen) => {
                seen.lookback_days = *next;
                *next += 1;
            }
            _ => {}
        }
    }

    fn rule() -> CrisisRule {
        let contracts = crate::contracts::builtin();
        let (pack, _) = crate::rules::load(crate::rules::builtin_files(), &contracts);
        pack.and_then(|pack| pack.crisis.into_iter().next()).expect("a rule")
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

        /// Each set makes the whole true, none of its conditions can be spared, and where any set exists one is told.
        #[test]
        fn a_set_suffices_and_no_part_of_it_does(tree in tree()) {
            let (mut tree, rule) = (tree, RULE.with(Clone::clone));
            named(&mut tree, &mut 0);
            let found = ways(&tree, &rule);
            prop_assert_eq!(found.sets.is_empty(), tree.truth == Truth::True);
            for set in &found.sets {
                let names: BTreeSet<i32> = set.iter().filter_map(|leaf| match &leaf.condition.saw {
                    Saw::Sequence(seen) => Some(seen.lookback_days),
                    _ => None,
                }).collect();
                prop_assert_eq!(names.len(), set.len());
                prop_assert_eq!(turned(&tree, &names, true).truth, Truth::True);
                for name in &names {
                    let mut fewer = names.clone();
                    fewer.remove(name);
                    prop_assert_ne!(turned(&tree, &fewer, true).truth, Truth::True, "{} can be spared", name);
                }
            }
        }
    }

    thread_local! {
        static RULE: CrisisRule = rule();
    }
}
