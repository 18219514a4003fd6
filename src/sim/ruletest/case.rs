//! What a case says of its steps: whom they are about, under which keys, and as what they are told.

use super::play::SOURCE;
use crate::contracts::{Contracts, Precision, Topic};
use crate::rules::testfile::{Case, Happening, Reported, Step};
use crate::types::{AreaScope, Change, EventTime, Phase, SmolStr, StreamTime, Value};
use std::collections::{BTreeMap, BTreeSet};

/// To whom a step happens.
pub(super) fn whom(case: &Case, step: &Step) -> SmolStr {
    step.household.as_ref().unwrap_or(&case.household).clone()
}

/// The households of a case.
pub(super) fn households(case: &Case) -> BTreeSet<SmolStr> {
    let named = case.events.iter().map(|step| whom(case, step));
    named.chain([case.household.clone()]).collect()
}

/// Event name, source and household of each key of a case.
pub(super) fn kinds(case: &Case) -> BTreeMap<SmolStr, (SmolStr, SmolStr, SmolStr)> {
    let reported = case.events.iter().filter_map(|step| match &step.what {
        Happening::Event(reported) | Happening::Area(reported) => Some((step, reported)),
        Happening::End(_) | Happening::Void(_) | Happening::Action { .. } | Happening::Facts(_) => None,
    });
    let source = |reported: &Reported| reported.source.clone().unwrap_or(SmolStr::new_static(SOURCE));
    reported
        .map(|(step, told)| (told.key.clone(), (told.event.clone(), source(told), whom(case, step))))
        .collect()
}

/// The key of the event that a step tells of.
pub(super) fn key_of(step: &Step) -> Option<&SmolStr> {
    match &step.what {
        Happening::Event(reported) | Happening::Area(reported) => Some(&reported.key),
        Happening::End(key) | Happening::Void(key) => Some(key),
        Happening::Action { .. } | Happening::Facts(_) => None,
    }
}

pub(super) fn body(
    reported: &Reported,
    topic: &Topic,
    at: StreamTime,
    fields: Vec<(SmolStr, Value)>,
) -> Change {
    Change::Body { kind: reported.event.clone(), time: moment(topic, at), phase: Phase::Open, fields }
}

pub(super) fn topic_of<'c>(contracts: &'c Contracts, event: &str) -> Result<&'c Topic, String> {
    let ty = contracts.event(event).ok_or_else(|| format!("no topic declares \"{event}\""))?;
    contracts.topic(&ty.topic).ok_or_else(|| format!("topic \"{}\" has no contract", ty.topic))
}

pub(super) fn moment(topic: &Topic, at: StreamTime) -> EventTime {
    match topic.precision {
        Precision::Instant => EventTime::Instant(at.0),
        Precision::Day => EventTime::Day(at.day()),
        Precision::Month => EventTime::Month(at.day()),
    }
}

pub(super) fn scope(name: &SmolStr, value: &Value) -> Option<AreaScope> {
    value.as_text().map(|text| AreaScope { fact: name.clone(), value: text.clone() })
}
