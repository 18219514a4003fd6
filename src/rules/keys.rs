//! Every map of the language with its keys, and every closed list of words. The parser refuses a key that is not here and the
//! schema for editors is made from here: neither knows a key that the other does not.

use super::plan::{Level, Pick, Status};
use super::testfile::ChangeWord;

/// The keys that a map may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    parts: &'static [&'static [&'static str]],
}

impl Keys {
    pub(super) fn iter(self) -> impl Iterator<Item = &'static str> + Clone {
        self.parts.iter().flat_map(|part| part.iter().copied())
    }

    pub(super) fn contains(self, key: &str) -> bool {
        self.parts.iter().any(|part| part.contains(&key))
    }
}

/// What every rule begins with.
const HEADER: [&str; 8] = ["rule", "kind", "version", "status", "title", "law", "effective", "per"];
/// Conditions made of conditions.
pub(super) const GROUPS: [&str; 3] = ["all", "any", "none"];
/// Conditions that ask something themselves.
pub(super) const LEAVES: [&str; 6] = ["field", "count", "distinct", "value", "absent", "sequence"];
/// Comparisons, as they stand in a test or beside `of` and `within`.
pub(super) const COMPARISONS: [&str; 6] = ["eq", "ne", "lt", "lte", "gt", "gte"];
/// Comparisons that take no other beside them.
pub(super) const ALONE: [&str; 3] = ["in", "between", "any_of"];
/// Changes of an alert that a test can expect.
pub(super) const CHANGES: [&str; ChangeWord::ALL.len()] = {
    let mut words = [""; ChangeWord::ALL.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = ChangeWord::ALL[at].as_str();
        at += 1;
    }
    words
};
/// Keys of an event line in a test beside what happens.
pub(super) const TIMES: [&str; 4] = ["at", "arrives", "every", "until"];

/// To whom it happens, where that is not the household of the case.
pub(super) const WHOM: &str = "household";

macro_rules! keys {
    ($($name:ident = $($part:expr),+;)*) => {
        $(pub(super) const $name: Keys = Keys { parts: &[$(&$part),+] };)*

        /// All of them by name.
        #[cfg(test)]
        pub(super) const ALL: &[(&str, Keys)] = &[$((stringify!($name), $name)),*];
    };
}

keys! {
    CRISIS = HEADER, ["signals", "when", "also", "score", "emit", "escalate"];
    SUPPRESSION = HEADER, ["targets", "while", "after", "record"];
    EFFECTIVE = ["from", "to"];
    SIGNAL = ["event", "where"];
    WHEN = GROUPS, LEAVES, ["id", "say", "unknown"];
    CONDITION = GROUPS, LEAVES, ["id", "say"];
    CLEAR_WHEN = GROUPS, LEAVES;
    TEST = COMPARISONS, ALONE;
    PARAM_VALUE = ["param"];
    COUNT = ["of", "within", "state"], COMPARISONS;
    DISTINCT = ["of", "by", "within"], COMPARISONS;
    VALUE = ["of", "field", "pick", "within"], COMPARISONS;
    ABSENT = ["of", "after", "for", "baseline"];
    SEQUENCE = ["steps", "within", "lookback", "without", "same"];
    SCORE = ["base", "add", "levels"];
    ADD = ["if", "points"];
    EMIT = ["cooldown", "clear_when", "clear_say"];
    STEP = ["id", "after", "unless", "raise_to", "to", "repeat", "max"];
    TARGETS = ["rules", "except", "only_reasons", "below"];
    WHILE = ["since", "until", "at_most"];
    AREA_EVENT = ["event", "same"];
    AFTER = ["grace"];
    RECORD = ["reason", "show_in_queue"];
    PARAM_FILE = ["params"];
    PARAM = ["label", "unit", "law", "source", "verified", "values"];
    TEST_FILE = ["rule", "start", "given", "cases"];
    GIVEN = ["household"];
    CASE = ["name", "change", "events", "source_down", "expect", "never", "expect_not", "until"];
    EVENT_LINE = TIMES, [WHOM, "end", "void", "facts"];
    EXPECT = CHANGES, ["at", "reasons", "held", "assumed", "because", "episode", "level"];
    NEVER = ["change", "level", "before", "after"];
    EXPECT_NOT = ["failing", "unknown", "nearest"];
}

/// Kinds of rules that are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RuleKind {
    Crisis,
    Suppression,
}

pub(super) const KINDS: &[(&str, RuleKind)] =
    &[("crisis", RuleKind::Crisis), ("suppression", RuleKind::Suppression)];
pub(super) const STATUSES: &[(&str, Status)] =
    &[("draft", Status::Draft), ("shadow", Status::Shadow), ("live", Status::Live)];
/// Whose state a rule reads.
pub(super) const ENTITIES: &[(&str, ())] = &[("household", ())];
pub(super) const LEVELS: &[(&str, Level)] =
    &[("watch", Level::Watch), ("high", Level::High), ("critical", Level::Critical)];
pub(super) const PICKS: &[(&str, Pick)] =
    &[("latest", Pick::Latest), ("max", Pick::Max), ("sum", Pick::Sum), ("consecutive", Pick::Consecutive)];
/// What `count: {state: …}` may ask: only what lasts.
pub(super) const STATES: &[(&str, bool)] = &[("open", true)];
/// What `unknown: {id: …}` may answer.
pub(super) const ANSWERS: &[(&str, ())] = &[("match", ())];
