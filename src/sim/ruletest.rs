//! Runs the tests that rule authors write through the real pipeline, from raw records to alerts, and on its own every case
//! again with its arrivals shuffled inside the lateness, with every record sent twice, and with a restart in the middle.
//!
//! A shuffled, doubled or restarted run must come to the same decisions: the same episodes, open on the same days, for the same
//! reasons. When a record is sent may differ where arrival differs.

mod case;
mod coverage;
mod judge;
mod mutation;
mod play;

pub use coverage::{Answers, ConditionCoverage, RuleCoverage, coverage};
pub use judge::Seen;
pub use mutation::notices;

use crate::contracts::Contracts;
use crate::rules::plan::Pack;
use crate::rules::testfile::{Case, TestFile};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// How a case is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// As its author wrote it.
    Written,
    /// With arrivals in another order, inside the lateness.
    Shuffled,
    /// With every record of a source sent twice.
    Doubled,
    /// With all tasks built anew from their state, halfway.
    Restarted,
}

impl Way {
    /// The word in a report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "as written",
            Self::Shuffled => "shuffled",
            Self::Doubled => "doubled",
            Self::Restarted => "restarted",
        }
    }
}

/// Something that was expected and did not come, or came and was not expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How the case was played.
    pub way: Way,
    /// Where the expectation stands in the file; the case itself if it is none of one line.
    pub span: Range<usize>,
    /// What was expected.
    pub expected: String,
    /// What came, in order.
    pub found: Vec<String>,
}

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseResult {
    /// File, relative to `rules/`.
    pub file: String,
    /// Rule.
    pub rule: String,
    /// Name of the case.
    pub name: String,
    /// Where it stands in the file.
    pub span: Range<usize>,
    /// Ways in which it was played.
    pub ways: Vec<Way>,
    /// What went wrong; empty if all is well.
    pub failures: Vec<Failure>,
    /// What the conditions of the rule said in the written run.
    pub answers: Answers,
}

impl CaseResult {
    /// Whether all is well.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl fmt::Display for CaseResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.passed() { "ok" } else { "FAILED" };
        write!(f, "{word:<6} {}: {}", self.rule, self.name)?;
        for failure in &self.failures {
            write!(f, "\n    {} run\n    expected {}", failure.way.as_str(), failure.expected)?;
            match failure.found.as_slice() {
                [] => write!(f, "\n    found    nothing")?,
                [first, rest @ ..] => {
                    write!(f, "\n    found    {first}")?;
                    rest.iter().try_for_each(|line| write!(f, "\n             {line}"))?;
                }
            }
        }
        Ok(())
    }
}

/// Runs test files, in the order given.
pub fn run(files: &[TestFile], contracts: &Arc<Contracts>, pack: &Arc<Pack>) -> Vec<CaseResult> {
    files
        .iter()
        .flat_map(|file| file.cases.iter().map(|case| run_case(file, case, contracts, pack)))
        .collect()
}

/// Runs one case in every way.
pub fn run_case(file: &TestFile, case: &Case, contracts: &Arc<Contracts>, pack: &Arc<Pack>) -> CaseResult {
    let mut result = CaseResult {
        file: file.file.clone(),
        rule: file.rule.to_string(),
        name: case.name.clone(),
        span: case.span.clone(),
        ways: Vec::new(),
        failures: Vec::new(),
        answers: Answers::default(),
    };
    let play = |way| play::play(file, case, way, contracts, pack);
    let broken = |way, error: String| Failure {
        way,
        span: case.span.clone(),
        expected: String::from("a case that can be played"),
        found: vec![error],
    };
    let written = match play(Way::Written) {
        Ok(played) => played,
        Err(error) => {
            result.ways.push(Way::Written);
            result.failures.push(broken(Way::Written, error));
            return result;
        }
    };
    result.ways.push(Way::Written);
    result.answers = written.answers;
    result.failures.extend(judge::judge(file, case, pack, &written));
    for way in [Way::Shuffled, Way::Doubled, Way::Restarted] {
        if way == Way::Shuffled && !play::can_shuffle(case) {
            continue;
        }
        result.ways.push(way);
        match play(way) {
            Ok(played) => result.failures.extend(judge::same(case, way, &written.seen, &played.seen)),
            Err(error) => result.failures.push(broken(way, error)),
        }
    }
    result
}

#[cfg(test)]
mod tests;
