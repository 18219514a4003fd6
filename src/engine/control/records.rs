//! All that control keeps.

use super::super::message::{Clock, RawPosition, SourceState};
use crate::types::{PackHash, SmolStr, StreamTime};
use serde::{Deserialize, Serialize};

/// Samples, positions, source completeness: the whole of control's state, one small record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlState {
    /// The clock that the first record fixed.
    pub clock: Option<Clock>,
    /// The pack in force.
    pub pack: Option<PackHash>,
    /// Raw partitions with intake's next offset, in the order in which they became known.
    pub raw: Vec<RawPosition>,
    /// The newest sample's time.
    pub sampled: StreamTime,
    /// Its log time: control's own clock.
    pub sampled_at_ms: i64,
    /// Samples that intake has not passed, ascending.
    pub pending: Vec<Pending>,
    /// Ticks that identity has and households have not, ascending.
    pub flights: Vec<Flight>,
    /// The last tick to identity.
    pub ticked: StreamTime,
    /// The last tick to households.
    pub delivered: StreamTime,
    /// What the partitions of each stage have handled, by stage and partition.
    pub reached: Vec<(SmolStr, Vec<StreamTime>)>,
    /// What was heard of each feed, sorted by source, region, topic.
    pub feeds: Vec<Feed>,
    /// What sources said of themselves, sorted by source and region.
    pub statements: Vec<Statement>,
    /// What the ticks to identity have said of sources, sorted by source and region.
    pub told: Vec<SourceState>,
    /// What of it households have not been told, since their ticks were not complete; sorted by source and region.
    pub withheld: Vec<SourceState>,
}

/// A sample that waits for intake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Its time.
    pub t: StreamTime,
    /// Log time of the sample.
    pub at_ms: i64,
    /// Ends that were not passed when it came: index into [`ControlState::raw`] and offset.
    pub ends: Vec<(u16, i64)>,
}

/// A tick on its way through identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flight {
    /// Its time.
    pub t: StreamTime,
    /// Log time of the newest sample when it was written.
    pub at_ms: i64,
    /// Whether intake had passed it.
    pub complete: bool,
    /// Sources that changed with it.
    pub sources: Vec<SourceState>,
}

/// One source in one topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// Source.
    pub source: SmolStr,
    /// Region, where the source reports by region.
    pub region: Option<SmolStr>,
    /// Raw topic.
    pub topic: SmolStr,
    /// Newest event time.
    pub newest: StreamTime,
    /// Time of the newest sample when it was last heard of.
    pub heard: StreamTime,
}

/// A source's own statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Source.
    pub source: SmolStr,
    /// Region, where the source reports by region.
    pub region: Option<SmolStr>,
    /// Everything before this has been delivered.
    pub through: StreamTime,
    /// Time of the newest sample when it was made.
    pub heard: StreamTime,
}

/// What control keeps of time beyond households, a record of its own: areas come after them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaTime {
    /// Ticks that households have and areas have not, ascending.
    pub flights: Vec<Flight>,
    /// The last tick to areas.
    pub delivered: StreamTime,
    /// The pack that they were told of last.
    pub pack: Option<PackHash>,
    /// What they have not been told of sources, since their ticks were not complete; sorted by source and region.
    pub withheld: Vec<SourceState>,
}
