//! `.test.yaml` files: what an author expects of a rule, typed. The simulator runs them through the real tasks.

mod expect;
mod read;
mod steps;

use super::plan::Level;
use crate::types::{Diagnostic, MS_PER_DAY, MS_PER_HOUR, SmolStr, StreamTime, Value};
use std::fmt;
use std::ops::Range;

pub use read::read;

/// The tests of one rule.
#[derive(Clone, Debug)]
pub struct TestFile {
    /// File, relative to `rules/`.
    pub file: String,
    /// The rule tested.
    pub rule: SmolStr,
    /// Stream time at `+0d`.
    pub start: StreamTime,
    /// The cases, in the order written.
    pub cases: Vec<Case>,
}

/// One case: what happens and what is expected. A case without `events` takes those of the case before it.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Where it stands in the file.
    pub span: Range<usize>,
    /// The household's pseudonym.
    pub household: SmolStr,
    /// Facts that hold from long before the start (`given` with the case's `change` over it), as a registry would tell
    /// them: an age has become the birth date that gives it through the whole case.
    pub facts: Vec<(SmolStr, Value)>,
    /// What happens, in the order of arrival.
    pub events: Vec<Step>,
    /// Spans in which a source delivers nothing and says nothing; what it would have sent arrives at the end.
    pub source_down: Vec<Down>,
    /// Alert records expected, in order. Others may stand between them.
    pub expect: Vec<Expect>,
    /// Alert records that must not come.
    pub never: Vec<Never>,
    /// The rule does not fire at the end.
    pub expect_not: Option<ExpectNot>,
    /// Stream time at which the case ends: an hour beyond the last time that it names.
    pub until: Offset,
}

/// Time from the start of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offset {
    /// Milliseconds.
    pub ms: i64,
    /// Given in hours: an expectation is met within that hour. Else it is met on that KST day.
    pub exact: bool,
}

impl Offset {
    /// The point that it means.
    pub fn from(self, start: StreamTime) -> StreamTime {
        start.plus_ms(self.ms)
    }

    /// Whether something at `at` is at this time, as far as the test says it exactly.
    pub fn meets(self, start: StreamTime, at: StreamTime) -> bool {
        let meant = self.from(start);
        if self.exact {
            return at >= meant && at < meant.plus_ms(MS_PER_HOUR);
        }
        at.day() == meant.day()
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, hours) = (self.ms / MS_PER_DAY, self.ms % MS_PER_DAY / MS_PER_HOUR);
        match (self.exact, days) {
            (false, _) => write!(f, "+{days}d"),
            (true, 0) => write!(f, "+{hours}h"),
            (true, _) => write!(f, "+{days}d{hours}h"),
        }
    }
}

/// Something that happens in a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Event time.
    pub at: Offset,
    /// Stream time at which it arrives; as `at` unless it is late.
    pub arrives: Offset,
    /// To whom, if not to the household of the case.
    pub household: Option<SmolStr>,
    /// What.
    pub what: Happening,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A source reports an event of the household.
    Event(Reported),
    /// A source reports an event of an area (an outage); its scope is the household's own value of each fact of `scope`.
    Area(Reported),
    /// The bodiless end of an earlier event of this case, by its key.
    End(SmolStr),
    /// The bodiless void of an earlier event of this case, by its key.
    Void(SmolStr),
    /// A caseworker acts on the newest episode of the rule.
    Action {
        /// Event name, as the contract declares it.
        event: SmolStr,
        /// Fields as written.
        fields: Vec<(SmolStr, Value)>,
    },
    /// The registry tells facts that hold from `at` on.
    Facts(Vec<(SmolStr, Value)>),
}

/// A reported event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Event name.
    pub event: SmolStr,
    /// The source's key: as written (`key: d1`), or `e1`, `e2`, … by place. A key used again is a revision.
    pub key: SmolStr,
    /// Rises with each event of the same key in the case.
    pub revision: i64,
    /// The source, as written, or the only one that the contract lists; none if neither.
    pub source: Option<SmolStr>,
    /// Fields of the body as written. The runner fills what the contract requires and the test leaves out: the kind that
    /// gives the event, times from [`Step::at`], the first value that the contract lists.
    pub fields: Vec<(SmolStr, Value)>,
}

/// A span without deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// Which source.
    pub source: SmolStr,
    /// From.
    pub from: Offset,
    /// To.
    pub to: Offset,
}

/// The kinds of alert records that a test can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeWord {
    /// A new episode.
    Opened,
    /// A higher level by evidence.
    Raised,
    /// The same episode again.
    Reopened,
    /// A step of escalation.
    Escalated,
    /// Other reasons.
    Amended,
    /// Held.
    Suppressed,
    /// Taken back.
    Withdrawn,
    /// Done.
    Closed,
}

impl ChangeWord {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Opened,
        Self::Raised,
        Self::Reopened,
        Self::Escalated,
        Self::Amended,
        Self::Suppressed,
        Self::Withdrawn,
        Self::Closed,
    ];

    /// The word in tests and in alert records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Raised => "raised",
            Self::Reopened => "reopened",
            Self::Escalated => "escalated",
            Self::Amended => "amended",
            Self::Suppressed => "suppressed",
            Self::Withdrawn => "withdrawn",
            Self::Closed => "closed",
        }
    }
}

/// An alert record that must come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// When it is emitted.
    pub at: Offset,
    /// Where it stands in the file.
    pub span: Range<usize>,
    /// Which change.
    pub change: ChangeWord,
    /// The level after it.
    pub level: Option<Level>,
    /// Exactly these reasons are true.
    pub reasons: Option<Vec<SmolStr>>,
    /// Exactly these reasons are held by a suppression.
    pub held: Option<Vec<SmolStr>>,
    /// Exactly these reasons are assumed.
    pub assumed: Option<Vec<SmolStr>>,
    /// The escalation step, the code of a withdrawal, the outcome of a closing, the suppression rule.
    pub because: Option<SmolStr>,
    /// The episode's number.
    pub episode: Option<u32>,
}

/// Alert records that must not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Never {
    /// Where it stands in the file.
    pub span: Range<usize>,
    /// Which; none: any.
    pub change: Option<ChangeWord>,
    /// Only those at or above this level.
    pub level: Option<Level>,
    /// Only before.
    pub before: Option<Offset>,
    /// Only at or after.
    pub after: Option<Offset>,
}

/// Why a rule does not fire at the end of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectNot {
    /// Where it stands in the file.
    pub span: Range<usize>,
    /// Exactly these reasons of `when` are false.
    pub failing: Vec<SmolStr>,
    /// Exactly these reasons of `when` are unknown.
    pub unknown: Vec<SmolStr>,
    /// The nearest values at which they would hold, by fact.
    pub nearest: Vec<(SmolStr, Value)>,
}

/// Whether a file of `rules/` is one of tests.
pub fn is_test(file: &str) -> bool {
    file.ends_with(".test.yaml")
}

/// All test files among `files`, with their mistakes.
pub fn read_all<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
    pack: &super::plan::Pack,
    contracts: &crate::contracts::Contracts,
) -> (Vec<TestFile>, Vec<Diagnostic>) {
    let (mut tests, mut found) = (Vec::new(), Vec::new());
    for (name, text) in files.into_iter().filter(|(name, _)| is_test(name)) {
        let (test, mut mistakes) = read(name, text, pack, contracts);
        tests.extend(test);
        found.append(&mut mistakes);
    }
    (tests, found)
}
