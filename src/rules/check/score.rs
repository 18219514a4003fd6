//! `score:`: base, points per reason, and the levels that they reach.

use super::conditions::Conditions;
use super::level;
use crate::rules::codes::{
    BASE_TOO_LOW, DECLARED_TWICE, MISSING_KEY, NOT_MONOTONE, NUMBERLESS_REASON, UNREACHABLE_LEVEL,
};
use crate::rules::keys;
use crate::rules::mistakes::Mistakes;
use crate::rules::plan::{Level, Points, ReasonId, Score};
use crate::rules::source::{Kind, Node};
use std::ops::{Range, RangeInclusive};

/// Points are small whole numbers; the bound only keeps sums far from overflow.
const POINTS: RangeInclusive<i64> = -10_000..=10_000;

/// Reads it.
pub(super) fn read(node: &Node, conditions: &mut Conditions<'_, '_>) -> Option<Score> {
    let fields = conditions.operands.mistakes.map(node, "score", keys::SCORE)?;
    let base = conditions.operands.mistakes.need(&fields, "base");
    let base = base.and_then(|n| Some((n, conditions.operands.mistakes.int(n, "the base", POINTS)?)));
    let add = fields.get("add").map(|n| add(n, conditions)).unwrap_or_default();
    let mistakes = &mut *conditions.operands.mistakes;
    let levels = mistakes.need(&fields, "levels").map(|n| levels(n, mistakes)).unwrap_or_default();

    let (base_node, base) = base?;
    let most = base + add.iter().map(|(_, points)| most(points).max(0)).sum::<i64>();
    let least = base + add.iter().map(|(_, points)| least(points).min(0)).sum::<i64>();
    if let Some((lowest, points, _)) = levels.first()
        && least < *points
    {
        mistakes.error(
            BASE_TOO_LOW,
            &base_node.span,
            format!("a match can have {least} points, and {} begins at {points}", lowest.as_str()),
            "below the lowest level",
            None,
        );
    }
    // Points that could not be read may reach any level.
    let all_read = fields.get("add").is_none_or(|n| matches!(&n.kind, Kind::List(l) if l.len() == add.len()));
    for (level, points, span) in levels.iter().filter(|(_, points, _)| all_read && *points > most) {
        mistakes.error(
            UNREACHABLE_LEVEL,
            span,
            format!("{} begins at {points} points, and all together are {most}", level.as_str()),
            "never reached",
            None,
        );
    }
    let levels = levels.into_iter().map(|(level, points, _)| (level, points)).collect();
    Some(Score { base, add, levels })
}

fn most(points: &Points) -> i64 {
    match points {
        Points::Fixed(n) => *n,
        Points::Stepped(steps) => steps.iter().map(|(_, n)| *n).max().unwrap_or(0),
    }
}

fn least(points: &Points) -> i64 {
    match points {
        Points::Fixed(n) => *n,
        Points::Stepped(steps) => steps.iter().map(|(_, n)| *n).min().unwrap_or(0),
    }
}

fn add(node: &Node, conditions: &mut Conditions<'_, '_>) -> Vec<(ReasonId, Points)> {
    let Kind::List(items) = &node.kind else {
        conditions.operands.mistakes.shape(node, "a list of {if, points}");
        return Vec::new();
    };
    let mut found: Vec<(ReasonId, Points)> = Vec::new();
    for item in items {
        let Some(fields) = conditions.operands.mistakes.map(item, "points", keys::ADD) else {
            continue;
        };
        let reason = conditions.operands.mistakes.need(&fields, "if").and_then(|n| {
            let id = conditions.operands.mistakes.text(n, "a reason's id")?;
            let reason = conditions.reason(id, &n.span)?;
            if found.iter().any(|(known, _)| *known == reason) {
                let message = format!("\"{id}\" has points twice");
                conditions.operands.mistakes.error(DECLARED_TWICE, &n.span, message, "second time", None);
            }
            Some(reason)
        });
        let Some(node) = conditions.operands.mistakes.need(&fields, "points") else { continue };
        let points = points(node, conditions.operands.mistakes);
        let (Some(reason), Some(points)) = (reason, points) else { continue };
        if matches!(points, Points::Stepped(_)) && !conditions.has_number(reason) {
            conditions.operands.mistakes.error(
                NUMBERLESS_REASON,
                &node.span,
                "stepped points need a number, and the condition finds none",
                "no number to step by",
                Some(String::from("count, distinct and value find one")),
            );
        }
        found.push((reason, points));
    }
    found
}

fn points(node: &Node, mistakes: &mut Mistakes) -> Option<Points> {
    if node.entries().is_none() {
        return mistakes.int(node, "points", POINTS).map(Points::Fixed);
    }
    let mut steps: Vec<(i64, i64)> = Vec::new();
    for entry in mistakes.entries(node, "points")? {
        let Ok(from) = entry.key.parse::<i64>() else {
            let key = Node { span: entry.key_span.clone(), kind: Kind::Plain(entry.key.clone()) };
            mistakes.shape(&key, "a whole number from which the points count");
            continue;
        };
        let Some(points) = mistakes.int(&entry.value, "points", POINTS) else { continue };
        if let Some((last_from, last)) = steps.last()
            && (from <= *last_from || points < *last)
        {
            mistakes.error(
                NOT_MONOTONE,
                &entry.key_span,
                format!("{from} gives {points} points, {last_from} gives {last}"),
                "falls",
                Some(String::from("list steps upwards; more of a bad sign never counts less")),
            );
        }
        steps.push((from, points));
    }
    if steps.is_empty() {
        mistakes.shape(node, "at least one step");
        return None;
    }
    Some(Points::Stepped(steps))
}

fn levels(node: &Node, mistakes: &mut Mistakes) -> Vec<(Level, i64, Range<usize>)> {
    let mut found: Vec<(Level, i64, Range<usize>)> = Vec::new();
    let entries = mistakes.entries(node, "levels").unwrap_or_default();
    if entries.is_empty() {
        mistakes.error(MISSING_KEY, &node.span, "a rule has at least one level", "no level", None);
    }
    for entry in entries {
        let level = level(&entry.key, &entry.key_span, mistakes);
        let points = mistakes.int(&entry.value, "points", POINTS);
        let (Some(level), Some(points)) = (level, points) else { continue };
        if let Some((last, at, _)) = found.last()
            && (level <= *last || points <= *at)
        {
            mistakes.error(
                NOT_MONOTONE,
                &entry.key_span,
                format!("{} at {points} stands behind {} at {at}", level.as_str(), last.as_str()),
                "not above the one before",
                Some(String::from("list watch, high, critical with rising points")),
            );
        }
        found.push((level, points, entry.key_span.clone()));
    }
    found
}
