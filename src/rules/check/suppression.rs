//! A rule of kind `suppression`: which alerts are held, from which area event to which.

use super::Target;
use super::header::Header;
use crate::contracts::{Contracts, EventType};
use crate::rules::codes::{
    AREA_EVENT, NO_TARGET, UNKNOWN_EVENT, UNKNOWN_FIELD, UNKNOWN_REASON, WINDOW_TOO_LONG,
};
use crate::rules::keys;
use crate::rules::mistakes::{Fields, Mistakes};
use crate::rules::plan::{HISTORY_DAYS, SuppressionRule};
use crate::rules::source::Node;
use crate::types::{MS_PER_DAY, SmolStr};

/// Reads it; `crisis` are the rules that it can hold.
pub(super) fn read(
    node: &Node,
    header: Header,
    contracts: &Contracts,
    crisis: &[Target],
    mistakes: &mut Mistakes,
) -> Option<SuppressionRule> {
    let fields = mistakes.map(node, "a suppression rule", keys::SUPPRESSION)?;
    let mut rule = SuppressionRule {
        id: header.id,
        version: header.version,
        status: header.status,
        title: header.title,
        effective: header.effective,
        rules: Vec::new(),
        except: Vec::new(),
        only_reasons: None,
        below: None,
        since_event: SmolStr::default(),
        same: Vec::new(),
        until_event: SmolStr::default(),
        until_same: Vec::new(),
        at_most_ms: 0,
        grace_ms: 0,
        reason: String::new(),
    };
    let targets = mistakes.need(&fields, "targets").and_then(|n| targets(n, crisis, &mut rule, mistakes));
    let span = mistakes.need(&fields, "while").and_then(|n| interval(n, contracts, &mut rule, mistakes));
    if let Some(after) = fields.get("after").and_then(|n| mistakes.map(n, "after", keys::AFTER)) {
        let grace = mistakes.need(&after, "grace").and_then(|n| mistakes.span_ms(n, "the grace"));
        rule.grace_ms = grace.unwrap_or(0);
    }
    let record = mistakes.need(&fields, "record").and_then(|n| record(n, &mut rule, mistakes));
    targets.and(span).and(record).map(|()| rule)
}

fn targets(
    node: &Node,
    crisis: &[Target],
    rule: &mut SuppressionRule,
    mistakes: &mut Mistakes,
) -> Option<()> {
    let fields = mistakes.map(node, "targets", keys::TARGETS)?;
    let rules = mistakes.need(&fields, "rules")?;
    rule.rules = patterns(rules, crisis, mistakes);
    rule.except = fields.get("except").map(|n| patterns_unchecked(n, mistakes)).unwrap_or_default();
    rule.below = fields.get("below").and_then(|n| mistakes.word(n, "level", keys::LEVELS));
    if let Some(node) = fields.get("only_reasons") {
        let held: Vec<_> = crisis.iter().filter(|target| rule.targets(&target.id)).collect();
        let known: Option<Vec<_>> = held.iter().map(|target| target.reasons.as_deref()).collect();
        let known: Option<Vec<_>> =
            known.map(|lists| lists.into_iter().flatten().map(SmolStr::as_str).collect());
        let mut reasons = Vec::new();
        for n in mistakes.one_or_many(node, "reason") {
            let Some(id) = mistakes.text(n, "a reason's id") else { continue };
            if let Some(known) = known.as_ref().filter(|known| !known.contains(&id)) {
                mistakes.unknown(
                    UNKNOWN_REASON,
                    &n.span,
                    "reason of the rules held",
                    id,
                    known.iter().copied(),
                );
            }
            reasons.push(SmolStr::new(id));
        }
        rule.only_reasons = Some(reasons);
    }
    Some(())
}

/// Rule ids or `prefix*`; each must mean a rule of the pack.
fn patterns(node: &Node, crisis: &[Target], mistakes: &mut Mistakes) -> Vec<SmolStr> {
    let mut found = Vec::new();
    for n in mistakes.one_or_many(node, "rule") {
        let Some(pattern) = mistakes.text(n, "a rule id") else { continue };
        let means = |id: &str| match pattern.strip_suffix('*') {
            Some(prefix) => id.starts_with(prefix),
            None => id == pattern,
        };
        if !crisis.iter().any(|rule| means(&rule.id)) {
            mistakes.unknown(NO_TARGET, &n.span, "rule", pattern, crisis.iter().map(|rule| rule.id.as_str()));
        }
        found.push(SmolStr::new(pattern));
    }
    found
}

/// An exception may name rules that a city has not: they are left alone all the same.
fn patterns_unchecked(node: &Node, mistakes: &mut Mistakes) -> Vec<SmolStr> {
    mistakes.texts(node, "rule").into_iter().map(SmolStr::new).collect()
}

fn interval(
    node: &Node,
    contracts: &Contracts,
    rule: &mut SuppressionRule,
    mistakes: &mut Mistakes,
) -> Option<()> {
    let fields = mistakes.map(node, "while", keys::WHILE)?;
    let since = mistakes.need(&fields, "since").and_then(|n| area_event(n, contracts, mistakes));
    let until = mistakes.need(&fields, "until").and_then(|n| area_event(n, contracts, mistakes));
    let at_most =
        mistakes.need(&fields, "at_most").and_then(|n| Some((n, mistakes.span_ms(n, "\"at_most\"")?)));
    let (since, since_fields) = since?;
    for n in same(&since_fields, mistakes) {
        let Some(name) = mistakes.text(n, "a fact") else { continue };
        if contracts.fact(name).is_none() {
            let known: Vec<_> = contracts.facts().map(|fact| fact.field.name.as_str()).collect();
            mistakes.unknown(UNKNOWN_FIELD, &n.span, "fact of a household", name, known.iter().copied());
        }
        rule.same.push(SmolStr::new(name));
    }
    let (until, until_fields) = until?;
    for n in same(&until_fields, mistakes) {
        let Some(name) = mistakes.text(n, "a field") else { continue };
        for event in [since, until] {
            if event.fields.iter().all(|field| field.name != name) {
                let known: Vec<_> = event.fields.iter().map(|field| field.name.as_str()).collect();
                let what = format!("field of {}", event.name);
                mistakes.unknown(UNKNOWN_FIELD, &n.span, &what, name, known.iter().copied());
                break;
            }
        }
        rule.until_same.push(SmolStr::new(name));
    }
    rule.since_event = since.name.clone();
    rule.until_event = until.name.clone();
    let (at_most_node, at_most_ms) = at_most?;
    if at_most_ms > i64::from(HISTORY_DAYS) * MS_PER_DAY {
        let message = format!("\"at_most\" is longer than the {HISTORY_DAYS} days that are kept");
        mistakes.error(WINDOW_TOO_LONG, &at_most_node.span, message, "too long", None);
    }
    rule.at_most_ms = at_most_ms;
    Some(())
}

fn same<'n>(fields: &Fields<'n>, mistakes: &mut Mistakes) -> Vec<&'n Node> {
    mistakes.need(fields, "same").map(|n| mistakes.one_or_many(n, "name")).unwrap_or_default()
}

fn area_event<'c, 'n>(
    node: &'n Node,
    contracts: &'c Contracts,
    mistakes: &mut Mistakes,
) -> Option<(&'c EventType, Fields<'n>)> {
    let fields = mistakes.map(node, "an area event", keys::AREA_EVENT)?;
    let node = mistakes.need(&fields, "event")?;
    let name = mistakes.text(node, "the name of an event")?;
    let Some(event) = contracts.event(name) else {
        let known: Vec<_> = contracts.events().filter(|ty| ty.area).map(|ty| ty.name.as_str()).collect();
        mistakes.unknown(UNKNOWN_EVENT, &node.span, "area event", name, known.iter().copied());
        return None;
    };
    if !event.area {
        mistakes.error(
            AREA_EVENT,
            &node.span,
            format!("\"{name}\" happens to a household"),
            "an area event is needed",
            None,
        );
        return None;
    }
    Some((event, fields))
}

fn record(node: &Node, rule: &mut SuppressionRule, mistakes: &mut Mistakes) -> Option<()> {
    let fields = mistakes.map(node, "record", keys::RECORD)?;
    let reason = mistakes.need(&fields, "reason").and_then(|n| mistakes.text(n, "a reason"))?;
    rule.reason = reason.to_owned();
    if let Some(n) = fields.get("show_in_queue")
        && mistakes.yes_no(n, "\"show_in_queue\"") == Some(false)
    {
        mistakes.later(&n.span, "hiding what is held from the queue", "the caseworker's inbox");
    }
    Some(())
}
