//! What must come, what must not, and why a rule is silent.

use super::read::Reader;
use super::{ChangeWord, Expect, ExpectNot, Never};
use crate::rules::codes::{BAD_TEST, MISSING_KEY, UNKNOWN_FIELD, UNKNOWN_REASON};
use crate::rules::keys::{self, CHANGES, LEVELS};
use crate::rules::mistakes::{Fields, literal};
use crate::rules::plan::Level;
use crate::rules::source::{Kind, Node};
use crate::types::SmolStr;
use std::ops::Range;

impl Reader<'_> {
    pub(super) fn expect(&mut self, node: &Node) -> Option<Expect> {
        let fields = self.mistakes.map(node, "an expectation", keys::EXPECT)?;
        let at = self.mistakes.need(&fields, "at").and_then(|n| self.offset(n));
        let Some(change) = ChangeWord::ALL.into_iter().find(|word| fields.get(word.as_str()).is_some())
        else {
            self.mistakes.error(
                MISSING_KEY,
                &fields.entries.first().map_or(node.span.clone(), |e| e.key_span.clone()),
                "the expectation names no change",
                "which record is meant?",
                Some(format!("one of {}", CHANGES.join(", "))),
            );
            return None;
        };
        let value = fields.get(change.as_str())?;
        let mut expect = Expect {
            at: at?,
            span: node.span.clone(),
            change,
            level: fields.get("level").and_then(|n| self.level(n)),
            reasons: self.reasons(&fields, "reasons"),
            held: self.reasons(&fields, "held"),
            assumed: self.reasons(&fields, "assumed"),
            because: fields.get("because").and_then(|n| self.mistakes.text(n, "a cause")).map(SmolStr::new),
            episode: fields
                .get("episode")
                .and_then(|n| self.mistakes.int(n, "the episode", 1..=10_000))
                .and_then(|n| u32::try_from(n).ok()),
        };
        // The value of the change is its level, or, where there is none, its cause; `true` asks for neither.
        match change {
            _ if value.scalar() == Some("true") => {}
            ChangeWord::Withdrawn | ChangeWord::Closed => {
                expect.because = self.mistakes.text(value, "a cause").map(SmolStr::new);
            }
            ChangeWord::Opened
            | ChangeWord::Raised
            | ChangeWord::Reopened
            | ChangeWord::Escalated
            | ChangeWord::Amended
            | ChangeWord::Suppressed => expect.level = self.level(value),
        }
        if let (Some(because), ChangeWord::Escalated, Some(rule)) = (&expect.because, change, self.rule)
            && !rule.escalate.iter().any(|step| step.id == *because)
        {
            let known: Vec<_> = rule.escalate.iter().map(|step| step.id.as_str()).collect();
            let span = fields.get("because").map_or(node.span.clone(), |n| n.span.clone());
            self.mistakes.unknown(BAD_TEST, &span, "escalation step", because, known.iter().copied());
        }
        Some(expect)
    }

    fn level(&mut self, node: &Node) -> Option<Level> {
        self.mistakes.word(node, "level", LEVELS)
    }

    fn reasons(&mut self, fields: &Fields<'_>, key: &str) -> Option<Vec<SmolStr>> {
        let node = fields.get(key)?;
        if matches!(&node.kind, Kind::List(items) if items.is_empty()) {
            return Some(Vec::new());
        }
        let nodes = self.mistakes.one_or_many(node, "reason");
        let mut found = Vec::new();
        for node in nodes {
            let Some(id) = self.mistakes.text(node, "a reason's id") else { continue };
            self.reason(id, &node.span);
            found.push(SmolStr::new(id));
        }
        Some(found)
    }

    fn reason(&mut self, id: &str, span: &Range<usize>) {
        let Some(rule) = self.rule else { return };
        let known: Vec<_> = rule.reasons.iter().map(|reason| reason.id.as_str()).collect();
        if !known.contains(&id) {
            self.mistakes.unknown(UNKNOWN_REASON, span, "reason", id, known.iter().copied());
        }
    }

    pub(super) fn never(&mut self, node: &Node) -> Option<Never> {
        let fields = self.mistakes.map(node, "never", keys::NEVER)?;
        let words = ChangeWord::ALL.map(|word| (word.as_str(), word));
        Some(Never {
            span: node.span.clone(),
            change: match fields.get("change") {
                Some(n) => Some(self.mistakes.word(n, "change", &words)?),
                None => None,
            },
            level: fields.get("level").and_then(|n| self.level(n)),
            before: fields.get("before").and_then(|n| self.offset(n)),
            after: fields.get("after").and_then(|n| self.offset(n)),
        })
    }

    pub(super) fn expect_not(&mut self, node: &Node) -> Option<ExpectNot> {
        let fields = self.mistakes.map(node, "expect_not", keys::EXPECT_NOT)?;
        let failing = self.reasons(&fields, "failing").unwrap_or_default();
        let unknown = self.reasons(&fields, "unknown").unwrap_or_default();
        let mut nearest = Vec::new();
        for entry in
            fields.get("nearest").and_then(|n| self.mistakes.entries(n, "nearest")).unwrap_or_default()
        {
            let name = entry.key.strip_prefix("household.").unwrap_or(&entry.key);
            if self.contracts.fact(name).is_none() {
                let known: Vec<_> =
                    self.contracts.facts().map(|fact| format!("household.{}", fact.field.name)).collect();
                let known = known.iter().map(String::as_str);
                self.mistakes.unknown(UNKNOWN_FIELD, &entry.key_span, "fact", &entry.key, known);
            } else if let Some(value) = literal(&entry.value) {
                nearest.push((SmolStr::new(name), value));
            }
        }
        if failing.is_empty() && unknown.is_empty() {
            let message = "\"expect_not\" names no reason";
            let help = Some(String::from("say which are failing, or unknown"));
            self.mistakes.error(BAD_TEST, &node.span, message, "why does it not fire?", help);
        }
        Some(ExpectNot { span: node.span.clone(), failing, unknown, nearest })
    }
}
