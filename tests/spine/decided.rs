//! Alerts read back as decisions, comparable with those of the reference.

use super::fields::{field, int, text};
use crate::reference::episodes::{Decision, Status};
use crate::reference::rules::Level;
use ieum::contracts::{Contracts, Tree};
use std::collections::BTreeMap;

/// What both sides must agree on of an episode, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) day: i32,
    pub(crate) level: String,
    /// Every reason that ever held.
    pub(crate) reasons: Vec<String>,
    /// Of these, those that a suppression holds.
    pub(crate) held: Vec<String>,
    pub(crate) status: String,
}

/// Household, rule, episode.
pub(crate) type Place = (String, String, u32);

/// The last revision of each episode in `alerts.crisis`; households that stand in under the reference's names.
pub(crate) fn from_alerts<'a>(
    contracts: &Contracts,
    alerts: impl IntoIterator<Item = &'a [u8]>,
    stand_ins: &BTreeMap<String, String>,
) -> BTreeMap<Place, Decided> {
    let topic = contracts.topic("alerts.crisis").expect("alerts have a contract");
    let alerts: Vec<Tree> =
        alerts.into_iter().map(|value| topic.decode_tree(value).expect("an alert")).collect();
    from_trees(&alerts, stand_ins)
}

/// The last revision of each episode among decoded alerts.
pub(crate) fn from_trees(alerts: &[Tree], stand_ins: &BTreeMap<String, String>) -> BTreeMap<Place, Decided> {
    let mut newest: BTreeMap<Place, (i64, Decided)> = BTreeMap::new();
    for alert in alerts {
        let household = text(alert, "household").expect("a household");
        let household = stand_ins.get(&household).cloned().unwrap_or(household);
        let number = int(alert, "episode_number").and_then(|n| u32::try_from(n).ok()).expect("a number");
        let place = (household, text(alert, "rule").expect("a rule"), number);
        let revision = int(alert, "revision").expect("a revision");
        if newest.get(&place).is_none_or(|(known, _)| *known < revision) {
            newest.insert(place, (revision, decided(alert)));
        }
    }
    newest.into_iter().map(|(place, (_, decided))| (place, decided)).collect()
}

fn decided(alert: &Tree) -> Decided {
    let Tree::List(reasons) = field(alert, "reasons") else { panic!("reasons") };
    let (mut held, mut ids) = (Vec::new(), Vec::new());
    for reason in reasons {
        let id = text(reason, "id").expect("a reason has an id");
        held.extend(matches!(field(reason, "held"), Tree::Bool(true)).then(|| id.clone()));
        ids.push(id);
    }
    held.sort();
    ids.sort();
    let status = text(alert, "status").expect("a status");
    if ["CLOSED", "WITHDRAWN"].contains(&status.as_str()) {
        held.clear();
    }
    Decided {
        day: int(alert, "occurred_on").and_then(|day| i32::try_from(day).ok()).expect("a day"),
        level: text(alert, "level").expect("a level"),
        reasons: ids,
        held,
        status: if status == "REOPENED" { String::from("OPEN") } else { status },
    }
}

pub(crate) fn from_reference(decisions: Vec<Decision>) -> BTreeMap<Place, Decided> {
    let of = |decision: Decision| {
        let level = match decision.level {
            Level::Watch => "watch",
            Level::High => "high",
            Level::Critical => "critical",
        };
        let status = match decision.status {
            Status::Suppressed => "SUPPRESSED",
            Status::Open => "OPEN",
            Status::Claimed => "CLAIMED",
            Status::Contacted => "CONTACTED",
            Status::Closed(_) => "CLOSED",
            Status::Withdrawn => "WITHDRAWN",
        };
        let decided = Decided {
            day: decision.day,
            level: level.to_owned(),
            reasons: decision.reasons.into_iter().map(str::to_owned).collect(),
            held: decision.held.into_iter().map(str::to_owned).collect(),
            status: status.to_owned(),
        };
        ((decision.household, decision.rule.to_owned(), decision.number), decided)
    };
    decisions.into_iter().map(of).collect()
}

/// What differs, a line each: place, the engine's, the reference's.
pub(crate) fn differences(
    engine: &BTreeMap<Place, Decided>,
    reference: &BTreeMap<Place, Decided>,
) -> Vec<String> {
    let mut places: Vec<&Place> = engine.keys().chain(reference.keys()).collect();
    places.sort();
    places.dedup();
    let differing = places.into_iter().filter(|place| engine.get(*place) != reference.get(*place));
    differing
        .map(|place| {
            format!(
                "{place:?}\n    engine    {:?}\n    reference {:?}",
                engine.get(place),
                reference.get(place)
            )
        })
        .collect()
}
