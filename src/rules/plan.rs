//! The checked, typed plan of a rule: what the evaluator runs. Source text never reaches it; everything here has
//! been resolved against the contracts, so evaluation cannot fail.

use super::index::PackIndex;
use crate::types::{Day, PackHash, SmolStr, Value};
use std::collections::BTreeMap;

pub use super::index::RuleIndex;

/// The version of the meaning in `rules/README.md` that this binary implements; part of every pack hash.
pub const SEMANTICS: u32 = 1;

/// The folder of rules that may read restricted events, and whose alerts only entrusted people may read.
pub const RESTRICTED_FOLDER: &str = "restricted";

/// Whether a rule is restricted. Its id says so, that an alert stays what it was after its rule has left the pack.
pub fn is_restricted(rule: &str) -> bool {
    rule.split_once('.').is_some_and(|(folder, _)| folder == RESTRICTED_FOLDER)
}

/// All rules at one hash. Made by [`Pack::new`], and not edited afterwards: the side tables would not follow.
#[derive(Clone, Debug)]
pub struct Pack {
    /// Hash over rules, params, contracts and [`SEMANTICS`].
    pub hash: PackHash,
    /// Crisis rules, by id.
    pub crisis: Vec<CrisisRule>,
    /// Suppression rules, by id.
    pub suppressions: Vec<SuppressionRule>,
    /// Dated params; [`Operand::Param`] indexes here.
    pub params: Vec<Param>,
    pub(super) index: PackIndex,
}

/// A fact that is more than the value stored under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedFact {
    /// Name as rules use it, without the entity prefix (`oldest_age`).
    pub name: SmolStr,
    /// It is an age: whole years on the day, from the birth date stored under this name.
    pub born: Option<SmolStr>,
    /// It is the least or greatest over members. Where the entity's own registry does not state it, the members known
    /// bound it from one side: one known 78 makes "oldest at least 65" true, and "at most 80" stays unknown.
    pub over: Option<Extreme>,
}

/// Which end of the members' values a fact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extreme {
    /// The smallest.
    Least,
    /// The largest.
    Greatest,
}

/// A dated value with its law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Name as rules use it.
    pub name: SmolStr,
    /// Korean label.
    pub label: String,
    /// Unit (`세`, `개월`, `원`, `건`).
    pub unit: String,
    /// Law or other source.
    pub source: String,
    /// Whether someone checked the value against its source.
    pub verified: bool,
    /// Values by first day, ascending.
    pub values: Vec<(Day, Value)>,
}

impl Param {
    /// The value on a day: the latest that began by then.
    pub fn on(&self, day: Day) -> Option<&Value> {
        self.values.iter().rev().find(|(from, _)| *from <= day).map(|(_, value)| value)
    }
}

/// A literal, or a param read on the day of decision (in `signals.where`: on the event's day).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A literal.
    Const(Value),
    /// Index into [`Pack::params`].
    Param(usize),
}

/// Days on which a rule may open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective {
    /// First day.
    pub from: Day,
    /// Last day, inclusive.
    pub to: Option<Day>,
}

impl Effective {
    /// Whether a day lies inside.
    pub fn contains(&self, day: Day) -> bool {
        self.from <= day && self.to.is_none_or(|to| day <= to)
    }
}

/// Whether a rule speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Checked and tested only.
    Draft,
    /// Evaluated and recorded, emits nothing.
    Shadow,
    /// In force.
    Live,
}

/// How grave: `watch < high < critical`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Keep an eye on it.
    Watch,
    /// Act soon.
    High,
    /// Act now.
    Critical,
}

impl Level {
    /// The word in rules and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Whose state a rule reads, and whom its alerts are about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Per {
    /// A household.
    Household,
    /// An area of a kind that the contracts declare: what its households have, told apart by household.
    Area(SmolStr),
}

impl Per {
    /// The word in rules.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Household => "household",
            Self::Area(kind) => kind,
        }
    }

    /// Whether a rule is about an entity: an area of this kind, or a household if it is none.
    pub fn is(&self, area: Option<&SmolStr>) -> bool {
        match self {
            Self::Household => area.is_none(),
            Self::Area(kind) => area == Some(kind),
        }
    }
}

/// `distinct: {by: household}` of a rule of areas: each event there is a household's, and its source names it.
pub const BY_HOUSEHOLD: &str = "household";

/// A rule of kind `crisis`, per household or per area.
#[derive(Clone, Debug)]
pub struct CrisisRule {
    /// Id, for example `crisis.repeated-cutoff`.
    pub id: SmolStr,
    /// Version as written.
    pub version: u32,
    /// Draft, shadow or live.
    pub status: Status,
    /// Korean title.
    pub title: String,
    /// Legal basis.
    pub law: Vec<String>,
    /// Days on which it may open.
    pub effective: Effective,
    /// Whose state it reads.
    pub per: Per,
    /// Named signals; [`SignalId`] indexes here.
    pub signals: Vec<SignalDef>,
    /// Arena of conditions; [`NodeId`] indexes here. Children come before parents.
    pub nodes: Vec<Node>,
    /// The root of `when`.
    pub when: NodeId,
    /// Conditions with an id, in the order written: first those of `when`, then `also`.
    pub reasons: Vec<Reason>,
    /// Points and levels.
    pub score: Score,
    /// `emit.cooldown` in days.
    pub cooldown_days: i32,
    /// Root of `emit.clear_when`.
    pub clear_when: Option<NodeId>,
    /// `emit.clear_say`: what `clear_when` asks, in words.
    pub clear_say: Option<SmolStr>,
    /// Escalation steps.
    pub escalate: Vec<EscalationStep>,
    /// Side tables for evaluation; [`Pack::new`] fills them, until then they are the default.
    pub index: RuleIndex,
}

/// Index into [`CrisisRule::nodes`].
pub type NodeId = u16;
/// Index into [`CrisisRule::signals`].
pub type SignalId = u16;
/// Index into [`CrisisRule::reasons`]. At most 64 reasons a rule, so that a trace fits in two words.
pub type ReasonId = u8;
/// The most reasons a rule may have.
pub const MAX_REASONS: usize = 64;
/// Days of history that state keeps unless configured otherwise: a rule that looks back further does not load.
pub const HISTORY_DAYS: i32 = 800;
/// The most named signals a rule may have, so that the signals that an event matches fit in one word.
pub const MAX_SIGNALS: usize = 64;

/// A named signal: which events it means.
#[derive(Clone, Debug)]
pub struct SignalDef {
    /// Its name in the rule.
    pub name: SmolStr,
    /// Event names it takes.
    pub kinds: Vec<SmolStr>,
    /// Field tests, all of which must hold; a missing field does not hold.
    pub filter: Vec<FieldTest>,
    /// The sources that can report these kinds; whose completeness an absence waits for when the entity has no
    /// event of it to tell.
    pub sources: Vec<SmolStr>,
    /// These kinds are stored as days of use, not as events (`store = "daily"`): which of those days are meant. None
    /// for kinds that are stored as events. A signal never mixes the two. [`Self::filter`] is not read of such a signal; it
    /// may be counted, be what is absent, or anchor an absence; it is no step of a sequence and has no field but its source.
    pub daily: Option<DailyTest>,
}

/// Which days of a daily kind a signal means. Whether it was used is all that is known of a day with a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DailyTest {
    /// Days with a reading, whatever it says.
    Read,
    /// Days with use (`where: {use: {gt: 0}}`).
    Used,
    /// Days with a reading that shows no use (`where: {use: 0}`).
    Unused,
}

/// A comparison of a field with bounds; every bound given must hold.
#[derive(Clone, Debug)]
pub struct FieldTest {
    /// Field (of the event, or of the entity: `size`, `oldest_age`).
    pub field: SmolStr,
    /// What is required of it.
    pub test: Test,
}

/// What is required of one value.
#[derive(Clone, Debug)]
pub enum Test {
    /// Every comparison given must hold.
    Compare(Vec<(Cmp, Operand)>),
    /// Equal to one of these.
    In(Vec<Operand>),
    /// Inclusive; each bound on its own.
    Between(Option<Operand>, Option<Operand>),
    /// For a field of several texts: one of them is one of these. A known empty list holds none; it is not unknown.
    AnyOf(Vec<Operand>),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cmp {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// At most.
    Lte,
    /// More.
    Gt,
    /// At least.
    Gte,
}

/// How far back a condition looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// The days D−N+1…D.
    Days(i32),
    /// An exact duration back from the end of D or, today, from stream time. What is known by its day alone is inside
    /// while any moment of that day is.
    Hours(i32),
}

/// A condition.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it asks.
    pub ask: Ask,
    /// `unknown: {id: match}` was said of it: unknown is resolved in favour of firing (true; under a `none`, false), and
    /// its reason is marked assumed.
    pub unknown_matches: bool,
}

/// What a condition asks.
#[derive(Clone, Debug)]
pub enum Ask {
    /// False if any is false, else unknown if any is unknown.
    All(Vec<NodeId>),
    /// True if any is true, else unknown if any is unknown.
    Any(Vec<NodeId>),
    /// True if every one is false; unknown if any is unknown and none true.
    None(Vec<NodeId>),
    /// Facts of the entity, their `all`.
    Field(Vec<FieldTest>),
    /// Number of distinct events (one that matches two signals counts once).
    Count {
        /// Which.
        of: Vec<SignalId>,
        /// How far back; none: all kept history.
        within: Option<Within>,
        /// Only those whose state lasts (`state: open`).
        open_only: bool,
        /// What is required of the number.
        test: Vec<(Cmp, Operand)>,
    },
    /// Number of distinct values of a field, nulls ignored.
    Distinct {
        /// Which.
        of: Vec<SignalId>,
        /// `source`, a kept field, or [`BY_HOUSEHOLD`].
        by: SmolStr,
        /// How far back.
        within: Option<Within>,
        /// What is required of the number.
        test: Vec<(Cmp, Operand)>,
    },
    /// An amount or a run read from events.
    Value {
        /// Which.
        of: Vec<SignalId>,
        /// The field.
        field: SmolStr,
        /// What is taken of it.
        pick: Pick,
        /// How far back.
        within: Option<Within>,
        /// What is required of it.
        test: Vec<(Cmp, Operand)>,
    },
    /// No `of` from the anchor through the deadline.
    Absent {
        /// Which must not come.
        of: Vec<SignalId>,
        /// The anchor: the earliest unvoided of these later than the latest `of`.
        after: Vec<SignalId>,
        /// Days; falls due at 00:00 of anchor day + days + 1.
        for_days: i32,
        /// Days before the anchor in which the entity must have had an `of`, else unknown.
        baseline_days: Option<i32>,
    },
    /// Distinct e1…en in time order.
    Sequence {
        /// The steps.
        steps: Vec<Vec<SignalId>>,
        /// Largest day difference from first to last.
        within_days: i32,
        /// The last step lies in the days D−N+1…D.
        lookback_days: i32,
        /// One of these strictly between breaks it.
        without: Vec<SignalId>,
        /// Fields that must be equal in all steps.
        same: Vec<SmolStr>,
    },
}

/// What `value` takes of its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Of the latest event.
    Latest,
    /// The largest.
    Max,
    /// The sum.
    Sum,
    /// The run of consecutive calendar months, each with an event that has the field, up to the latest such month.
    Consecutive,
}

/// A condition with an id: what an alert shows.
#[derive(Clone, Debug)]
pub struct Reason {
    /// Its id.
    pub id: SmolStr,
    /// Korean text; `{n}` is the number found.
    pub say: String,
    /// Which condition.
    pub node: NodeId,
    /// From `also`: scored, never required.
    pub also: bool,
}

/// Points and levels.
#[derive(Clone, Debug)]
pub struct Score {
    /// Points of a match.
    pub base: i64,
    /// Points added where a reason is true, plain or stepped by its number (`{3: 10, 12: 30}`).
    pub add: Vec<(ReasonId, Points)>,
    /// Least points per level, ascending.
    pub levels: Vec<(Level, i64)>,
}

/// Points of a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Points {
    /// Fixed.
    Fixed(i64),
    /// The points of the highest step that the reason's number reaches; none below the first.
    Stepped(Vec<(i64, i64)>),
}

/// One step of escalation.
#[derive(Clone, Debug)]
pub struct EscalationStep {
    /// Its id.
    pub id: SmolStr,
    /// From the first tick behind the visible opening.
    pub after_ms: i64,
    /// Met by events after the opening: the step does not fire.
    pub unless: Option<NodeId>,
    /// Raises the level to at least this.
    pub raise_to: Option<Level>,
    /// Whom to tell.
    pub to: SmolStr,
    /// Again every so often.
    pub repeat_ms: Option<i64>,
    /// At most so many times in all.
    pub max: u32,
}

/// A rule of kind `suppression`.
#[derive(Clone, Debug)]
pub struct SuppressionRule {
    /// Id.
    pub id: SmolStr,
    /// Version as written.
    pub version: u32,
    /// Draft, shadow or live.
    pub status: Status,
    /// Korean title.
    pub title: String,
    /// Days on which it may suppress.
    pub effective: Effective,
    /// Rule id patterns it holds (`crisis.*`).
    pub rules: Vec<SmolStr>,
    /// Rule id patterns it leaves alone.
    pub except: Vec<SmolStr>,
    /// Reason ids it holds; none: the whole alert.
    pub only_reasons: Option<Vec<SmolStr>>,
    /// Alerts at or above this level (unsuppressed) are left alone.
    pub below: Option<Level>,
    /// Area event that begins it.
    pub since_event: SmolStr,
    /// Facts of the household that must equal the area event's scope.
    pub same: Vec<SmolStr>,
    /// Area event that ends it.
    pub until_event: SmolStr,
    /// Fields that tie an end to its beginning.
    pub until_same: Vec<SmolStr>,
    /// Longest time after each beginning.
    pub at_most_ms: i64,
    /// Time after the end for which it still holds.
    pub grace_ms: i64,
    /// Korean reason that the alert shows.
    pub reason: String,
}

impl SuppressionRule {
    /// Whether a rule is among its targets.
    pub fn targets(&self, rule: &str) -> bool {
        let matches = |pattern: &SmolStr| match pattern.strip_suffix('*') {
            Some(prefix) => rule.starts_with(prefix),
            None => pattern == rule,
        };
        self.rules.iter().any(matches) && !self.except.iter().any(matches)
    }
}

impl Pack {
    /// A crisis rule by id.
    pub fn crisis_rule(&self, id: &str) -> Option<&CrisisRule> {
        self.crisis.iter().find(|rule| rule.id == id)
    }

    /// The date of each param's value in force on a day, for an alert's record.
    pub fn params_on(&self, day: Day) -> BTreeMap<SmolStr, Value> {
        self.params.iter().filter_map(|p| p.on(day).map(|v| (p.name.clone(), v.clone()))).collect()
    }
}
