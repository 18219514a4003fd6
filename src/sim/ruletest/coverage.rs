//! Which conditions the cases have seen true, false and unknown. A condition that none has seen false could be left out, one
//! that none has seen true could ask for anything, and no test would notice.

use super::CaseResult;
use crate::rules::eval::Decision;
use crate::rules::plan::{CrisisRule, Pack};
use crate::types::SmolStr;

/// What the conditions of a rule said in the course of a case, as bits by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// True at some time.
    pub yes: u64,
    /// False at some time.
    pub no: u64,
    /// Unknown at some time, assumed or not.
    pub unknown: u64,
}

impl Answers {
    /// Takes in what a decision of the rule traced. What a suppression holds was true before it.
    pub(super) fn take(&mut self, rule: &CrisisRule, decision: &Decision) {
        let all = (0..rule.reasons.len()).fold(0, |bits, id| bits | 1_u64 << id);
        let unknown = decision.unknown | decision.assumed;
        let yes = (decision.met | decision.held) & !unknown;
        self.yes |= yes;
        self.unknown |= unknown;
        self.no |= all & !yes & !unknown;
    }
}

/// What the cases have seen of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCoverage {
    /// Rule.
    pub rule: SmolStr,
    /// Cases that were played.
    pub cases: usize,
    /// Its conditions with an id, in the order of the file.
    pub conditions: Vec<ConditionCoverage>,
}

/// In how many cases a condition was seen so, at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionCoverage {
    /// Condition.
    pub id: SmolStr,
    /// True.
    pub yes: usize,
    /// False.
    pub no: usize,
    /// Unknown, assumed or not.
    pub unknown: usize,
}

/// What the cases have seen of each rule of the pack.
pub fn coverage(pack: &Pack, results: &[CaseResult]) -> Vec<RuleCoverage> {
    pack.crisis.iter().map(|rule| of_rule(rule, results)).collect()
}

fn of_rule(rule: &CrisisRule, results: &[CaseResult]) -> RuleCoverage {
    let seen: Vec<Answers> =
        results.iter().filter(|result| rule.id == result.rule).map(|result| result.answers).collect();
    let conditions = rule.reasons.iter().enumerate().map(|(id, reason)| {
        let cases = |bits: fn(&Answers) -> u64| seen.iter().filter(|seen| bits(seen) >> id & 1 == 1).count();
        ConditionCoverage {
            id: reason.id.clone(),
            yes: cases(|seen| seen.yes),
            no: cases(|seen| seen.no),
            unknown: cases(|seen| seen.unknown),
        }
    });
    RuleCoverage { rule: rule.id.clone(), cases: seen.len(), conditions: conditions.collect() }
}
