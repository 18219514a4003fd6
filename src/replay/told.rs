//! Alert revisions as a replay or a recorded topic has them, with what a comparison reads of them.

use crate::contracts::{Contracts, Tree};
use crate::engine::effect::Output;
use crate::engine::layout::ALERTS_TOPIC;
use crate::types::{Day, SmolStr, StreamTime};

/// One revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The decoded record.
    pub tree: Tree,
    /// Episode.
    pub id: SmolStr,
    /// Revision.
    pub revision: i64,
    /// Household, by its pseudonym.
    pub household: SmolStr,
    /// Rule.
    pub rule: SmolStr,
    /// What happened (`opened`, `raised`, …).
    pub change: SmolStr,
    /// Level after it.
    pub level: SmolStr,
    /// Status after it.
    pub status: SmolStr,
    /// Stream time at which it was told.
    pub at: StreamTime,
    /// The region in whose queue it is; empty if none is known.
    pub region: SmolStr,
    /// Its reasons.
    pub reasons: Vec<Said>,
}

/// A reason as a revision tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its id in the rule.
    pub id: SmolStr,
    /// What the caseworker reads.
    pub say: SmolStr,
    /// `met`, `assumed`, `held` or `past`.
    pub mark: &'static str,
    /// The number it found.
    pub number: Option<i64>,
    /// Evidence, newest last.
    pub evidence: Vec<SmolStr>,
}

impl Told {
    /// Reads what a task said; none if it is no alert.
    pub fn of(contracts: &Contracts, output: &Output) -> Option<Self> {
        if output.topic != ALERTS_TOPIC {
            return None;
        }
        Self::read(contracts, &output.value, &output.headers)
    }

    /// Reads a record of the alerts' topic.
    pub fn read(contracts: &Contracts, value: &[u8], headers: &[(SmolStr, Vec<u8>)]) -> Option<Self> {
        let tree = contracts.topic(ALERTS_TOPIC)?.decode_tree(value).ok()?;
        let audience = field(&tree, "audience");
        let place = |name: &str| audience.and_then(|audience| text(audience, name));
        Some(Self {
            id: text(&tree, "id")?,
            revision: int(&tree, "revision")?,
            household: text(&tree, "household")?,
            rule: text(&tree, "rule")?,
            change: text(&tree, "change")?,
            level: text(&tree, "level")?,
            status: text(&tree, "status")?,
            at: stream_time(headers)?,
            region: place("sigungu").or_else(|| place("admin_dong")).unwrap_or_default(),
            reasons: list(&tree, "reasons").iter().filter_map(Said::of).collect(),
            tree,
        })
    }

    /// Whether it opens the episode for those who see it.
    pub fn opens(&self) -> bool {
        self.change == "opened" || self.change == "reopened"
    }

    /// Whether the episode is over with it.
    pub fn ends(&self) -> bool {
        self.status == "CLOSED" || self.status == "WITHDRAWN"
    }
}

impl Said {
    fn of(tree: &Tree) -> Option<Self> {
        let is = |name: &str| field(tree, name) == Some(&Tree::Bool(true));
        let mark = match () {
            () if is("held") => "held",
            () if is("past") => "past",
            () if is("assumed") => "assumed",
            () => "met",
        };
        let evidence = list(tree, "evidence").iter().filter_map(|key| match key {
            Tree::Text(key) => Some(key.clone()),
            _ => None,
        });
        Some(Self {
            id: text(tree, "id")?,
            say: text(tree, "say")?,
            mark,
            number: int(tree, "number"),
            evidence: evidence.collect(),
        })
    }
}

/// Stream time as the header says it: `2026-03-08T10:00:00+09:00`.
fn stream_time(headers: &[(SmolStr, Vec<u8>)]) -> Option<StreamTime> {
    let (_, time) = headers.iter().find(|(name, _)| name == "ce_time")?;
    let time = std::str::from_utf8(time).ok()?;
    let (day, clock) = time.strip_suffix("+09:00")?.split_once('T')?;
    let day: Day = day.parse().ok()?;
    let (clock, ms) = clock.split_once('.').unwrap_or((clock, "0"));
    let parts: Vec<i64> = clock.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [hours, minutes, seconds] = parts[..] else { return None };
    let ms: i64 = ms.parse().ok()?;
    Some(day.start().plus_ms(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms))
}

fn field<'t>(tree: &'t Tree, name: &str) -> Option<&'t Tree> {
    match tree {
        Tree::Record(fields) => fields.iter().find(|(n, _)| n == name).map(|(_, tree)| tree),
        _ => None,
    }
}

fn text(tree: &Tree, name: &str) -> Option<SmolStr> {
    match field(tree, name) {
        Some(Tree::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

fn int(tree: &Tree, name: &str) -> Option<i64> {
    match field(tree, name) {
        Some(Tree::Int(n)) => Some(*n),
        _ => None,
    }
}

fn list<'t>(tree: &'t Tree, name: &str) -> &'t [Tree] {
    match field(tree, name) {
        Some(Tree::List(items)) => items,
        _ => &[],
    }
}
