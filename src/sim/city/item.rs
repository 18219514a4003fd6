//! What a life leaves on raw topics, in a compact form: turned into bytes only when its time has come.

use super::names::{Alias, Utility};
use super::truth::Cause;
use crate::types::{Day, StreamTime};

/// One record to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Declared time of its arrival, ms.
    pub(super) arrives: i64,
    /// Whose life it comes from.
    pub(super) household: u32,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Facts(FactsItem),
    Link(LinkItem),
    Signal(SignalItem),
}

/// Facts from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FactsItem {
    pub(super) number: u32,
    pub(super) from: Day,
    pub(super) home: u32,
    pub(super) size: u8,
}

/// A link, or (a higher revision) its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LinkItem {
    pub(super) number: u32,
    pub(super) revision: i64,
    pub(super) alias: Alias,
    pub(super) confidence: i64,
    pub(super) from: Day,
    pub(super) to: Option<Day>,
}

/// A signal about owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignalItem {
    pub(super) source: &'static str,
    pub(super) number: u32,
    pub(super) revision: i64,
    pub(super) owners: Owners,
    /// Sigungu, where the source speaks for each on its own.
    pub(super) region: Option<u32>,
    pub(super) told: Told,
}

/// Owners by alias kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Owners {
    pub(super) person: Option<Alias>,
    pub(super) point: Option<Alias>,
    pub(super) address: Option<Alias>,
}

impl Owners {
    /// The alias under which the signal ends if none is linked.
    pub(super) fn last(self) -> Option<Alias> {
        self.address.or(self.point).or(self.person)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Arrears { kind: &'static str, months: i32, amount: i64, as_of: Day },
    Paid { on: Day },
    Cutoff { utility: Utility, limited: bool, at: StreamTime },
    Restored { at: StreamTime },
    Indicator { name: &'static str, value: Option<i64>, on: Day },
    Report { role: &'static str, about: Cause, household_type: &'static str, anonymous: bool, at: StreamTime },
    Reading { utility: Utility, used: i64, on: Day },
    Void(Topic),
}

/// Topics of signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Arrears,
    Cutoff,
}

impl Told {
    pub(super) fn topic(&self) -> &'static str {
        match self {
            Self::Arrears { .. } | Self::Paid { .. } | Self::Void(Topic::Arrears) => "signals.arrears",
            Self::Cutoff { .. } | Self::Restored { .. } | Self::Void(Topic::Cutoff) => "signals.cutoff",
            Self::Indicator { .. } => "signals.welfare",
            Self::Report { .. } => "reports.neighbour",
            Self::Reading { .. } => "signals.meter",
        }
    }
}
