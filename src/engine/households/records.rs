//! What is stored of a household: facts and subjects, events by year, days of use, episodes; of an area, which has a head and
//! episodes of the same form, its households by kind and month; and area events, which all households of a task share.

use crate::engine::message::Touch;
use crate::rules::plan::Level;
use crate::types::{
    AreaScope, Day, EntityId, EpisodeId, Event, EventKey, EventTime, FactVersion, PackHash, SmolStr,
    StreamTime, SubjectId, Value,
};
use serde::{Deserialize, Serialize};

/// Facts, contributing subjects, and when to look again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HouseholdHead {
    /// Who contributed events. A place in this list is the owner of stored events, so it is never taken away.
    pub subjects: Vec<Contributor>,
    /// Versions of facts by (first day, key).
    pub facts: Vec<FactVersion>,
    /// Calendar years with a page of events, ascending.
    pub years: Vec<i16>,
    /// Calendar years with days of use, ascending; of an area, with days of its households.
    pub daily_years: Vec<i16>,
    /// Episodes that are kept: (rule, number), sorted.
    pub episodes: Vec<(SmolStr, u32)>,
    /// The pack under which all rules were last decided.
    pub decided: Option<PackHash>,
    /// When a rule may change by time alone, by rule; only rules that wait for something.
    pub waits: Vec<RuleWait>,
    /// The household's reporting region when `waits` was written: which completeness counts.
    pub region: Option<SmolStr>,
    /// What was handed to a person for review and still cannot be decided: (rule, digest of what is missing).
    pub reviewed: Vec<(SmolStr, SmolStr)>,
}

/// A subject whose events are kept here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contributor {
    /// Who.
    pub subject: SubjectId,
    /// Its sequence: what is below was overtaken by a change of links.
    pub seq: u64,
    /// Registry confidence of the link, in percent; none for a provisional household.
    pub confidence: Option<u8>,
    /// Chunks of a `joined` that are still to come. Until then the household is not decided.
    pub awaiting: u16,
}

/// What a rule waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleWait {
    /// Which rule.
    pub rule: SmolStr,
    /// The day from which its value may differ.
    pub day: Option<Day>,
    /// Sources whose completeness through a point may change it.
    pub sources: Vec<(SmolStr, StreamTime)>,
}

/// Subjects of one household, those that have left included: all of them lie in its head.
pub(super) const SUBJECTS_OF_A_HOUSEHOLD: usize = 4_096;

/// Owner of events that no subject contributed: casework and the household's own.
pub const HOUSE: u16 = u16::MAX;

/// Events of one calendar year.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HouseholdPage {
    /// Events with the owner's place in [`HouseholdHead::subjects`], in the order of (start, key, owner).
    pub events: Vec<(u16, Event)>,
    /// Events beyond the cap of their kind: how many on which day.
    pub beyond: Vec<(SmolStr, Day, u32)>,
}

/// Days of use in one calendar year.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyUse {
    /// By (kind, source, owner).
    pub meters: Vec<Meter>,
}

/// What one source told of one subject's use in a year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    /// Event name.
    pub kind: SmolStr,
    /// Source.
    pub source: SmolStr,
    /// The owner's place in [`HouseholdHead::subjects`].
    pub owner: u16,
    /// Days with use: bit 0 is 1 January.
    pub used: Vec<u64>,
    /// Days with a reading.
    pub read: Vec<u64>,
    /// Empty. Records written before a day was named by its key hold the newest readings here: hash of the key, day of the
    /// year, used.
    pub recent: Vec<(u64, u16, bool)>,
}

/// Pages of an area's households in one calendar year.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrowdYear {
    /// By (kind, month).
    pub pages: Vec<CrowdPages>,
}

/// The page of one kind and month, or its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrowdPages {
    /// Event name.
    pub kind: SmolStr,
    /// Months since January 1970.
    pub month: i16,
    /// It had too many entries for one page, and is in parts by household.
    pub split: bool,
}

/// An area's households with events of one kind in one month.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrowdPage {
    /// By (day, household).
    pub entries: Vec<CrowdEntry>,
}

/// A household with events of a kind on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrowdEntry {
    /// The day.
    pub day: Day,
    /// The household.
    pub household: EntityId,
    /// What is known of the events.
    pub touch: Touch,
}

/// What an area has been told since it was last decided: it is decided at the next tick, once for all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The first day that changed.
    pub from: Day,
    /// Event names, sorted.
    pub kinds: Vec<SmolStr>,
    /// Stream time when the first of it came.
    pub since: StreamTime,
}

/// Where an episode stands.
///
/// ```text
/// OPEN ─▶ CLAIMED ─▶ CONTACTED ─▶ CLOSED ─▶ REOPENED ─▶ …
///   │◀──────┘ (unclaimed)
///   ├─▶ SUPPRESSED ─▶ OPEN
///   └─▶ WITHDRAWN
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EpisodeStatus {
    /// Waits for somebody.
    Open,
    /// Somebody took it on.
    Claimed,
    /// The household was reached.
    Contacted,
    /// Done, with an outcome.
    Closed,
    /// An area suppression holds it.
    Suppressed,
    /// Its reasons were taken back.
    Withdrawn,
    /// Opened again inside its cooldown.
    Reopened,
}

impl EpisodeStatus {
    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Claimed => "CLAIMED",
            Self::Contacted => "CONTACTED",
            Self::Closed => "CLOSED",
            Self::Suppressed => "SUPPRESSED",
            Self::Withdrawn => "WITHDRAWN",
            Self::Reopened => "REOPENED",
        }
    }

    /// Neither closed nor withdrawn.
    pub fn is_live(self) -> bool {
        !matches!(self, Self::Closed | Self::Withdrawn)
    }

    /// A person works on it: the machine changes its status no longer.
    pub fn is_in_hand(self) -> bool {
        matches!(self, Self::Claimed | Self::Contacted)
    }
}

/// One episode of an alert: a rule that came true for a household, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// Rule.
    pub rule: SmolStr,
    /// 1, 2, … of this rule at this household.
    pub number: u32,
    /// Its rule's version at the last decision.
    pub rule_version: u32,
    /// The pack at the last decision.
    pub pack: PackHash,
    /// Its rule is not in force: recorded, nothing is emitted.
    pub shadow: bool,
    /// Where it stands.
    pub status: EpisodeStatus,
    /// Revisions emitted.
    pub revision: u32,
    /// The revision that last opened, reopened or raised it: who acted on an earlier one had not seen that.
    pub grave_revision: u32,
    /// The highest level reached by the rule.
    pub level: Level,
    /// The level to which escalation raised it.
    pub raised: Option<Level>,
    /// Points at that level.
    pub points: i64,
    /// The first day for which the rule came true in this episode.
    pub occurred_on: Day,
    /// Stream time at opening or reopening.
    pub opened_at: StreamTime,
    /// Reasons in the rule's order.
    pub reasons: Vec<ReasonState>,
    /// Facts that are not known.
    pub missing: Vec<SmolStr>,
    /// Sources that are late.
    pub stale: Vec<SmolStr>,
    /// The episode before this one.
    pub previous: Option<EpisodeId>,
    /// Who took it on.
    pub claimed_by: Option<SmolStr>,
    /// Outcome, or the reason of a withdrawal.
    pub outcome: Option<SmolStr>,
    /// Its reasons were taken back while a person worked it.
    pub basis_void: bool,
    /// When it was closed or withdrawn last, though it be open again.
    pub ended_at: Option<StreamTime>,
    /// It was in a revision that people see.
    pub visible: bool,
    /// Escalation, while there is one.
    pub clock: Option<EscalationClock>,
    /// What holds it or some of its reasons back.
    pub held: Option<Hold>,
    /// Evidence changed alone: a revision is due then.
    pub amend_at: Option<StreamTime>,
}

impl Episode {
    /// No revision of it was emitted: its rule was in shadow.
    pub fn is_untold(&self) -> bool {
        self.revision == 0
    }

    /// The level that people see: reached or escalated.
    pub fn shown_level(&self) -> Level {
        self.raised.map_or(self.level, |raised| raised.max(self.level))
    }

    /// Its id at a household.
    pub fn id(&self, entity: &EntityId) -> EpisodeId {
        EpisodeId::derive(&self.rule, entity, self.number)
    }
}

/// How a reason stands in an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mark {
    /// It holds.
    Met,
    /// Not known, taken as met.
    Assumed,
    /// A suppression holds it back.
    Held,
    /// It held in this episode and no longer does.
    Past,
}

/// One reason of an episode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonState {
    /// Its id in the rule.
    pub id: SmolStr,
    /// How it stands.
    pub mark: Mark,
    /// The number it found.
    pub number: Option<i64>,
    /// Newest evidence.
    pub evidence: Vec<EventKey>,
    /// How much evidence there is.
    pub total: u32,
}

/// The clock of an episode's escalation steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationClock {
    /// The first tick behind the visible opening, moved by suspensions; none until that tick.
    pub from: Option<StreamTime>,
    /// Since when it is suspended; of a clock that has not begun, the moment behind which it begins.
    pub paused_at: Option<StreamTime>,
    /// Steps by id: how often each fired, and when it is next due.
    pub steps: Vec<StepState>,
}

/// One escalation step of an episode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepState {
    /// The step's id in its rule.
    pub id: SmolStr,
    /// How many times it fired.
    pub fired: u32,
    /// Milliseconds after the clock's start at which it is next due; none once it is done.
    pub due_ms: Option<i64>,
}

/// What holds an episode back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The suppression rule.
    pub rule: SmolStr,
    /// What a caseworker reads.
    pub reason: String,
    /// When it is decided again.
    pub until: StreamTime,
}

/// One area event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaEntry {
    /// Source and source key.
    pub key: EventKey,
    /// The source's revision.
    pub revision: i64,
    /// Which areas.
    pub scope: Vec<AreaScope>,
    /// What was told; none while only an end is known, or after a void.
    pub body: Option<AreaBody>,
    /// When its state ended, where its own source said so.
    pub ended: Option<EventTime>,
    /// Stream time at which it was last changed: what grows old is forgotten.
    pub changed: StreamTime,
}

/// What an area event told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaBody {
    /// Event name.
    pub kind: SmolStr,
    /// When.
    pub time: EventTime,
    /// Kept fields.
    pub fields: Vec<(SmolStr, Value)>,
}
