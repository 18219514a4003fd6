//! What every rule begins with: id, kind, version, status, title, law, effective, per.

use crate::contracts::Contracts;
use crate::rules::codes::{BAD_SHAPE, DATES_REVERSED, UNKNOWN_WORD};
use crate::rules::keys::{self, RuleKind};
use crate::rules::mistakes::Mistakes;
use crate::rules::plan::{Effective, Per, Status};
use crate::rules::source::Node;
use crate::types::{Day, SmolStr};
use std::ops::Range;

/// The common part of a rule.
pub(super) struct Header {
    pub(super) id: SmolStr,
    pub(super) id_span: Range<usize>,
    pub(super) kind: RuleKind,
    pub(super) version: u32,
    pub(super) status: Status,
    pub(super) title: String,
    pub(super) law: Vec<String>,
    pub(super) effective: Effective,
    pub(super) per: Per,
}

/// Kinds and entities that the language has for later stages.
const KINDS_FOR_LATER: &[(&str, &str)] = &[("eligibility", "the notices and profiles stages")];
const ENTITIES_FOR_LATER: &[(&str, &str)] = &[("person", "rules about single members of a household")];

/// Reads it; none if the rule cannot be told by it.
pub(super) fn read(node: &Node, contracts: &Contracts, mistakes: &mut Mistakes) -> Option<Header> {
    // Unknown keys are told by the reader of the kind, which knows all of them.
    let mut aside = Mistakes::new("");
    let fields = match node.entries() {
        Some(_) => aside.map(node, "the rule", keys::CRISIS)?,
        None => {
            mistakes.shape(node, "a rule as a map");
            return None;
        }
    };
    let id = mistakes.need(&fields, "rule").and_then(|n| {
        let id = mistakes.text(n, "the rule's id")?;
        if !is_id(id) {
            mistakes.error(
                BAD_SHAPE,
                &n.span,
                format!("\"{id}\" is not a rule id"),
                "folder, dot, name",
                Some(String::from("lower-case letters, digits and hyphens: crisis.my-rule")),
            );
            return None;
        }
        Some((SmolStr::new(id), n.span.clone()))
    });
    let kind = mistakes.need(&fields, "kind").and_then(|n| kind(n, mistakes));
    let per = mistakes.need(&fields, "per").and_then(|n| per(n, kind, contracts, mistakes));
    let version = mistakes
        .need(&fields, "version")
        .and_then(|n| mistakes.int(n, "the version", 1..=i64::from(u32::MAX)))
        .and_then(|n| u32::try_from(n).ok());
    let status = mistakes.need(&fields, "status").and_then(|n| mistakes.word(n, "status", keys::STATUSES));
    let title = mistakes.need(&fields, "title").and_then(|n| mistakes.text(n, "a title")).map(str::to_owned);
    let law = fields.get("law").map(|n| mistakes.texts(n, "law")).unwrap_or_default();
    let effective = mistakes.need(&fields, "effective").and_then(|n| effective(n, mistakes));
    let (id, id_span) = id?;
    Some(Header {
        per: per?,
        id,
        id_span,
        kind: kind?,
        version: version.unwrap_or(1),
        status: status.unwrap_or(Status::Draft),
        title: title.unwrap_or_default(),
        law,
        // Which params have a value by then cannot be told.
        effective: effective.unwrap_or(Effective { from: Day(i32::MAX), to: None }),
    })
}

fn is_id(id: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    id.split_once('.').is_some_and(|(folder, name)| plain(folder) && plain(name))
}

fn kind(node: &Node, mistakes: &mut Mistakes) -> Option<RuleKind> {
    if let Some((word, when)) = KINDS_FOR_LATER.iter().find(|(word, _)| node.scalar() == Some(*word)) {
        mistakes.later(&node.span, &format!("kind \"{word}\""), when);
        return None;
    }
    mistakes.word(node, "kind", keys::KINDS)
}

fn per(node: &Node, kind: Option<RuleKind>, contracts: &Contracts, mistakes: &mut Mistakes) -> Option<Per> {
    if let Some((word, when)) = ENTITIES_FOR_LATER.iter().find(|(word, _)| node.scalar() == Some(*word)) {
        mistakes.later(&node.span, &format!("per \"{word}\""), when);
        return None;
    }
    let text = mistakes.text(node, "whom the rule is about")?;
    if keys::ENTITIES.iter().any(|(word, ())| *word == text) {
        return Some(Per::Household);
    }
    // Only households lie in an area that something happens to.
    let areas = if kind == Some(RuleKind::Suppression) { &[] } else { contracts.areas() };
    let found = areas.iter().find(|area| area.name == text);
    if found.is_none() {
        let known: Vec<&str> = keys::ENTITIES.iter().map(|(word, ())| *word).collect();
        let known = known.into_iter().chain(areas.iter().map(|area| area.name.as_str()));
        mistakes.unknown(UNKNOWN_WORD, &node.span, "entity", text, known);
    }
    found.map(|area| Per::Area(area.name.clone()))
}

fn effective(node: &Node, mistakes: &mut Mistakes) -> Option<Effective> {
    let fields = mistakes.map(node, "effective", keys::EFFECTIVE)?;
    let from = mistakes.need(&fields, "from").and_then(|n| mistakes.day(n, "the first day"))?;
    let to = fields.get("to").and_then(|n| Some((n, mistakes.day(n, "the last day")?)));
    if let Some((n, to)) = &to
        && *to < from
    {
        mistakes.error(
            DATES_REVERSED,
            &n.span,
            format!("the rule ends on {to}, before it begins on {from}"),
            "before \"from\"",
            None,
        );
    }
    Some(Effective { from, to: to.map(|(_, day)| day) })
}
