//! What intake makes of a raw record once its topic's contract has read it: one of seven payloads, free of field
//! names.

use super::event::Phase;
use super::event::{EventKey, FactVersion};
use super::id::{EntityId, EpisodeId, SubjectId};
use super::time::{Day, EventTime, StreamTime};
use super::value::Value;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Where a raw record lay. Carried along so that a letter, a test or an operator can find it again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// Raw topic.
    pub topic: SmolStr,
    /// Raw partition.
    pub partition: i32,
    /// Raw offset.
    pub offset: i64,
}

/// A raw record after its contract has read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload {
    /// Route `subject`: something happened to an owner.
    Signal(Signal),
    /// Route `subject`, registry: an owner belongs to a household from a day on.
    Link(LinkRecord),
    /// Route `household`, registry: facts of a household from a day on.
    Facts(FactsRecord),
    /// Route `household`: a caseworker acted on an alert.
    Action(Action),
    /// Route `all-households`: something happened to an area.
    Area(AreaEvent),
    /// Route `control`: a source says how far it has delivered.
    Source(SourceReport),
    /// Route `subject`, of a daily kind: what is known of an owner's day.
    Reading(Reading),
}

/// A signal about one owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Source and source key.
    pub key: EventKey,
    /// The source's revision; 1 where the topic has none.
    pub revision: i64,
    /// What it says of the thing that its key names.
    pub change: Change,
    /// Owners by which a household can be found, in the order to try them; never empty.
    pub owners: Vec<SubjectId>,
    /// The region for which the source reports, where its completeness is per region.
    pub region: Option<SmolStr>,
    /// Days after which the topic calls a record late.
    pub lateness_days: u16,
}

/// What a record says of the thing that its key names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// The whole body: replaces what a lower revision said.
    Body {
        /// Event name in rules.
        kind: SmolStr,
        /// When it happened.
        time: EventTime,
        /// Open, or ended in the same record.
        phase: Phase,
        /// Kept fields by name, nulls left out.
        fields: Vec<(SmolStr, Value)>,
    },
    /// Bodiless: the state ended at that time (restored, paid). Waits for its original.
    End(EventTime),
    /// Bodiless: it never happened. Waits for its original.
    Void,
}

/// A record of a daily kind (a meter). There are so many that only bits of them are kept, and no key of the source's
/// own: source, kind, owners and day name the thing; a reading of another day is another thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Who read.
    pub source: SmolStr,
    /// Event name in rules.
    pub kind: SmolStr,
    /// The day it tells of.
    pub day: Day,
    /// The source's revision of that day; 1 where the topic has none.
    pub revision: i64,
    /// What it says of the day.
    pub state: DayState,
    /// Owners by which a household can be found, in the order to try them; never empty.
    pub owners: Vec<SubjectId>,
    /// The region for which the source reports, where its completeness is per region.
    pub region: Option<SmolStr>,
    /// Days after which the topic calls a record late.
    pub lateness_days: u16,
}

/// What a reading says of its day. The highest revision holds, of equal ones the greater state: whichever came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DayState {
    /// Read, and nothing was used.
    Idle,
    /// Read, and something was used.
    Used,
    /// It was never read.
    Void,
}

/// A valid-time link of an owner to a household.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    /// Source and source key: a higher revision replaces the link of the same key.
    pub key: EventKey,
    /// The registry's revision.
    pub revision: i64,
    /// The owner that is linked.
    pub subject: SubjectId,
    /// The household it belongs to.
    pub household: EntityId,
    /// How sure the registry is of the match, in percent.
    pub confidence: u8,
    /// First day of the link.
    pub from: Day,
    /// First day on which it no longer holds.
    pub to: Option<Day>,
    /// The registry took the link back: it never held.
    pub removed: bool,
}

/// Facts of a household.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactsRecord {
    /// Whose facts.
    pub entity: EntityId,
    /// The facts and the day from which they hold.
    pub version: FactVersion,
    /// The registry took them back.
    pub removed: bool,
}

/// What a caseworker did with an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The action's own key: done once, however often it is sent.
    pub key: EventKey,
    /// The household of the alert.
    pub entity: EntityId,
    /// The episode acted on.
    pub episode: EpisodeId,
    /// The alert revision that the person had before them.
    pub seen_revision: u32,
    /// What was done.
    pub kind: ActionKind,
    /// Event name in rules (as the topic declares it) and kept fields: an action is also evidence.
    pub event: SmolStr,
    /// Kept fields by name.
    pub fields: Vec<(SmolStr, Value)>,
    /// Outcome code, on closing.
    pub outcome: Option<SmolStr>,
    /// Who acted: a pseudonym.
    pub actor: SmolStr,
    /// When.
    pub at: EventTime,
}

/// The steps of casework that move an alert's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActionKind {
    /// Someone took it on.
    Claim,
    /// The claim was given back.
    Unclaim,
    /// An attempt that reached nobody: noted, stops nothing.
    Attempt,
    /// The household was reached.
    Contact,
    /// Closed with an outcome.
    Close,
}

/// Something that happened to an area, copied to every households partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaEvent {
    /// Source and source key.
    pub key: EventKey,
    /// The source's revision.
    pub revision: i64,
    /// What it says.
    pub change: Change,
    /// Which areas.
    pub scope: Vec<AreaScope>,
}

/// One area, as a fact that households have: `dong = 1168010100`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AreaScope {
    /// The household fact that must be equal.
    pub fact: SmolStr,
    /// Its value.
    pub value: SmolStr,
}

/// A source's own statement of how far it has delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReport {
    /// Who.
    pub source: SmolStr,
    /// For which region, if it reports per region.
    pub region: Option<SmolStr>,
    /// Everything that happened before this point has been delivered.
    pub delivered_through: StreamTime,
}
