//! What state keeps: compact events and dated facts. Neither knows a rule.

use super::id::SubjectId;
use super::time::{Day, EventTime, StreamTime};
use super::value::Value;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// What makes two records reports of one thing: the source and the source's own key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventKey {
    /// Who reported it, as coded by its topic.
    pub source: SmolStr,
    /// The source's own key of the thing reported: for an arrears the debt, for a cut-off the order.
    pub key: SmolStr,
}

impl EventKey {
    /// The key of a daily kind's day, `kind@date`, whatever the source called its reading.
    pub fn of_day(source: &SmolStr, kind: &str, day: Day) -> Self {
        Self { source: source.clone(), key: smol_str::format_smolstr!("{kind}@{day}") }
    }

    /// The kind and day that a daily kind's key names; none for any other key.
    pub fn day(&self) -> Option<(&str, Day)> {
        let (kind, day) = self.key.rsplit_once('@')?;
        Some((kind, day.parse().ok()?))
    }
}

impl std::fmt::Display for EventKey {
    /// `source/key`, the form in which evidence is named in an alert.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.source, self.key)
    }
}

/// Whether the state that an event began still lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// It lasts, or it is of a kind that has no end.
    Open,
    /// It ended (restored, paid); it still counts in history windows.
    Ended(EventTime),
}

/// One accepted, unvoided event as state keeps it. A void removes it; a higher revision replaces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Source and source key.
    pub key: EventKey,
    /// The source's revision; the highest wins.
    pub revision: i64,
    /// The event's name in rules, as its topic declares it (for example `cutoff.water`).
    pub kind: SmolStr,
    /// When it happened.
    pub time: EventTime,
    /// Open or ended.
    pub phase: Phase,
    /// Stream time at which it was accepted by identity (or by its own stage on a direct route).
    pub accepted: StreamTime,
    /// Stream time at which its key was accepted first, where that was an earlier revision of it.
    pub first: Option<StreamTime>,
    /// It came later than its topic's lateness: kept and shown, updates facts, opens nothing alone.
    pub late: bool,
    /// The fields marked `keep` in the schema, by name, in the schema's order; nulls are left out.
    pub fields: Vec<(SmolStr, Value)>,
}

impl Event {
    /// The KST day at which it counts.
    pub fn day(&self) -> Day {
        self.time.day()
    }

    /// When the key became known: a thing told again is no news.
    pub fn first_accepted(&self) -> StreamTime {
        self.first.unwrap_or(self.accepted)
    }

    /// The kept field of that name.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }
}

/// Facts of an entity as one record of a registry told them, valid from a day on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactVersion {
    /// Source and source key of the registry record, so that a correction replaces it.
    pub key: EventKey,
    /// The registry's revision; the highest wins.
    pub revision: i64,
    /// First day on which these facts hold.
    pub from: Day,
    /// The contributing subject, where the facts are a person's and not the entity's.
    pub subject: Option<SubjectId>,
    /// Facts by name without the entity prefix (`size`, `dong`, `oldest_born`), sorted by name.
    pub fields: Vec<(SmolStr, Value)>,
}
