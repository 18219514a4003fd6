//! `when` and `also`: groups and conditions into the arena of the plan, with the reasons that name them.

use super::operand::{Operands, Want};
use super::signals::Signals;
use crate::contracts::{Contracts, Type};
use crate::rules::codes::{
    BAD_SHAPE, DECLARED_TWICE, DISTINCT_FIELD, EMPTY_GROUP, MISSING_KEY, NEEDS_REASON, NUMBERLESS_REASON,
    SIGNALS_ONLY, TOO_MANY, UNKNOWN_FIELD, UNKNOWN_REASON, WINDOW_TOO_LONG, WRONG_TYPE,
};
use crate::rules::keys::{self, GROUPS, LEAVES};
use crate::rules::mistakes::Fields;
use crate::rules::plan::{
    Ask, BY_HOUSEHOLD, Cmp, FieldTest, HISTORY_DAYS, MAX_REASONS, Node as PlanNode, NodeId, Operand, Per,
    Pick, Reason, ReasonId, SignalId, Within,
};
use crate::rules::source::{Kind, Node};
use crate::types::{SmolStr, Value};
use std::ops::Range;

/// Builds the conditions of one rule.
pub(super) struct Conditions<'a, 'c> {
    pub(super) contracts: &'c Contracts,
    /// Whom the rule is about.
    pub(super) per: Per,
    pub(super) signals: Signals<'c>,
    pub(super) operands: Operands<'a>,
    pub(super) nodes: Vec<PlanNode>,
    pub(super) reasons: Vec<Reason>,
    /// Whether each reason finds a number; none if its condition is broken, which has been told.
    pub(super) numbers: Vec<Option<bool>>,
}

/// What a condition may be where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Below no reason: it needs one of its own.
    Bare,
    /// Inside a group that has a reason.
    Covered,
    /// Directly under `when`: the groups there need none.
    Root,
    /// In `clear_when`: signals alone, no reasons.
    SignalsOnly,
}

impl Conditions<'_, '_> {
    /// `when:`.
    pub(super) fn when(&mut self, node: &Node) -> Option<NodeId> {
        let root = self.condition(node, Place::Root, false)?;
        if let Some(unknown) = node.entries().and_then(|e| e.iter().find(|e| e.key == "unknown")) {
            for entry in self.operands.mistakes.entries(&unknown.value, "unknown").unwrap_or_default() {
                let word = self.operands.mistakes.word(&entry.value, "answer to unknown", keys::ANSWERS);
                let reason = self.reason(&entry.key, &entry.key_span);
                if let (Some(()), Some(reason)) = (word, reason)
                    && self.numbers[usize::from(reason)].is_some()
                {
                    let node = self.reasons[usize::from(reason)].node;
                    self.nodes[usize::from(node)].unknown_matches = true;
                }
            }
        }
        Some(root)
    }

    /// `also:`.
    pub(super) fn also(&mut self, node: &Node) {
        let Kind::List(items) = &node.kind else {
            self.operands.mistakes.shape(node, "a list of conditions");
            return;
        };
        for item in items {
            self.condition(item, Place::Bare, true);
        }
    }

    /// `clear_when:`.
    pub(super) fn clear_when(&mut self, node: &Node) -> Option<NodeId> {
        self.condition(node, Place::SignalsOnly, false)
    }

    /// `unless: contact`: at least one of these signals.
    pub(super) fn unless(&mut self, node: &Node) -> Option<NodeId> {
        if node.entries().is_some() {
            self.operands.mistakes.error(
                SIGNALS_ONLY,
                &node.span,
                "\"unless\" names signals",
                "a condition",
                Some(String::from("declare a signal and name it here")),
            );
            return None;
        }
        let of = self.signals.take_all(node, self.operands.mistakes);
        self.only_casework(&of, node);
        let test = vec![(Cmp::Gte, Operand::Const(Value::Int(1)))];
        (!of.is_empty()).then(|| self.push(Ask::Count { of, within: None, open_only: false, test }))
    }

    /// A reason by its id.
    pub(super) fn reason(&mut self, id: &str, span: &Range<usize>) -> Option<ReasonId> {
        let found = self.reasons.iter().position(|reason| reason.id == id);
        if found.is_none() {
            let known: Vec<_> = self.reasons.iter().map(|reason| reason.id.as_str()).collect();
            self.operands.mistakes.unknown(UNKNOWN_REASON, span, "reason", id, known.iter().copied());
        }
        found.and_then(|index| ReasonId::try_from(index).ok())
    }

    /// Whether a reason finds a number, as far as can be told.
    pub(super) fn has_number(&self, reason: ReasonId) -> bool {
        self.numbers[usize::from(reason)].unwrap_or(true)
    }

    fn push(&mut self, ask: Ask) -> NodeId {
        // A file of more conditions than that is refused for its reasons long before.
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        self.nodes.push(PlanNode { ask, unknown_matches: false });
        id
    }

    fn condition(&mut self, node: &Node, place: Place, also: bool) -> Option<NodeId> {
        let known = match place {
            Place::Root => keys::WHEN,
            Place::Bare | Place::Covered => keys::CONDITION,
            Place::SignalsOnly => keys::CLEAR_WHEN,
        };
        let fields = self.operands.mistakes.map(node, "a condition", known)?;
        let reason = self.begin_reason(&fields, also);
        let asks: Vec<_> = fields
            .entries
            .iter()
            .filter(|e| GROUPS.contains(&e.key.as_str()) || LEAVES.contains(&e.key.as_str()))
            .collect();
        let all_groups = asks.iter().all(|entry| GROUPS.contains(&entry.key.as_str()));
        if asks.is_empty() || (asks.len() > 1 && !all_groups) {
            let span = asks.get(1).map_or_else(|| begin(&fields), |entry| entry.key_span.clone());
            let (message, label) = match asks.is_empty() {
                true => ("the condition asks nothing", "no condition"),
                false => ("the condition asks several things at once", "a second one"),
            };
            let help = "one of field, count, distinct, value, absent, sequence, or groups all, any, none";
            self.operands.mistakes.error(MISSING_KEY, &span, message, label, Some(help.to_owned()));
            return None;
        }
        let needs_reason = match place {
            Place::Bare => true,
            Place::Root => !all_groups,
            Place::Covered | Place::SignalsOnly => false,
        };
        if needs_reason && reason.is_none() && (!all_groups || also) && fields.get("id").is_none() {
            self.operands.mistakes.error(
                NEEDS_REASON,
                &asks[0].key_span,
                "the condition has no id",
                "cannot be shown in an alert",
                Some(String::from("add id and say")),
            );
        }
        let inner = match place {
            Place::SignalsOnly => Place::SignalsOnly,
            _ if reason.is_some() || place == Place::Covered => Place::Covered,
            Place::Bare | Place::Root | Place::Covered => Place::Bare,
        };
        let mut built: Vec<_> = Vec::new();
        for entry in &asks {
            let ask = match GROUPS.contains(&entry.key.as_str()) {
                true => self.group(&entry.key, &entry.value, inner, also),
                false => self.leaf(&entry.key, &entry.value, place),
            };
            built.push(ask.map(|ask| self.push(ask)));
        }
        let ids: Vec<NodeId> = built.iter().flatten().copied().collect();
        if ids.len() != built.len() {
            return None;
        }
        let id = match ids.as_slice() {
            [single] => *single,
            _ => self.push(Ask::All(ids)),
        };
        if let Some(reason) = reason {
            let has_number = has_number(&self.nodes[usize::from(id)].ask);
            self.reasons[reason].node = id;
            self.numbers[reason] = Some(has_number);
            if self.reasons[reason].say.contains("{n}") && !has_number {
                let span = fields.get("say").map_or_else(|| begin(&fields), |n| n.span.clone());
                self.operands.mistakes.error(
                    NUMBERLESS_REASON,
                    &span,
                    "the text shows a number that the condition does not find",
                    "{n} has no value",
                    Some(String::from("count, distinct and value find one")),
                );
            }
        }
        Some(id)
    }

    /// Takes `id` and `say` before the children are read, so that reasons keep the order of the file.
    fn begin_reason(&mut self, fields: &Fields<'_>, also: bool) -> Option<usize> {
        let entry = fields.entry("id")?;
        let id = self.operands.mistakes.text(&entry.value, "an id")?.to_owned();
        let say = self.operands.mistakes.need(fields, "say");
        let say = say.and_then(|n| self.operands.mistakes.text(n, "a text")).unwrap_or_default().to_owned();
        let odd = say.split('{').skip(1).find(|rest| !rest.starts_with("n}"));
        if let (Some(_), Some(node)) = (odd, fields.get("say")) {
            self.operands.mistakes.error(
                BAD_SHAPE,
                &node.span,
                "the text has a placeholder that nothing fills",
                "only {n} is known",
                None,
            );
        }
        if self.reasons.iter().any(|reason| reason.id == id) {
            let message = format!("condition \"{id}\" is declared twice");
            self.operands.mistakes.error(DECLARED_TWICE, &entry.value.span, message, "second time", None);
        }
        if self.reasons.len() == MAX_REASONS {
            self.operands.mistakes.error(
                TOO_MANY,
                &entry.value.span,
                format!("the rule has more than {MAX_REASONS} reasons"),
                "one too many",
                None,
            );
        }
        self.reasons.push(Reason { id: SmolStr::new(id), say, node: 0, also });
        self.numbers.push(None);
        Some(self.reasons.len() - 1)
    }

    fn group(&mut self, key: &str, node: &Node, inner: Place, also: bool) -> Option<Ask> {
        let Kind::List(items) = &node.kind else {
            self.operands.mistakes.shape(node, "a list of conditions");
            return None;
        };
        if items.is_empty() {
            let message = format!("\"{key}\" has no conditions");
            self.operands.mistakes.error(EMPTY_GROUP, &node.span, message, "empty", None);
            return None;
        }
        let built: Vec<_> = items.iter().map(|item| self.condition(item, inner, also)).collect();
        let ids: Vec<NodeId> = built.iter().flatten().copied().collect();
        if ids.len() != built.len() {
            return None;
        }
        Some(match key {
            "any" => Ask::Any(ids),
            "none" => Ask::None(ids),
            _ => Ask::All(ids),
        })
    }

    fn leaf(&mut self, key: &str, node: &Node, place: Place) -> Option<Ask> {
        let of_areas = if place == Place::SignalsOnly { "count" } else { "distinct" };
        if self.per != Per::Household && key != of_areas {
            self.not_of_areas(&node.span, format!("a rule per {} asks for \"{key}\"", self.per.as_str()));
            return None;
        }
        match key {
            "field" if place == Place::SignalsOnly => {
                self.operands.mistakes.error(
                    SIGNALS_ONLY,
                    &node.span,
                    "\"clear_when\" asks what happened after the alert opened",
                    "a fact is no event",
                    None,
                );
                None
            }
            "field" => self.field(node),
            "count" => self.count(node),
            "distinct" if self.per != Per::Household => self.households(node),
            "distinct" => self.distinct(node),
            "value" => self.value(node),
            "absent" => self.absent(node),
            _ => self.sequence(node),
        }
    }

    fn field(&mut self, node: &Node) -> Option<Ask> {
        let entries = self.operands.mistakes.entries(node, "field")?;
        if entries.is_empty() {
            self.operands.mistakes.error(EMPTY_GROUP, &node.span, "\"field\" names no field", "empty", None);
        }
        let mut tests = Vec::new();
        for entry in entries {
            let name = entry.key.strip_prefix("household.");
            let Some(fact) = name.and_then(|name| self.contracts.fact(name)) else {
                let known: Vec<_> =
                    self.contracts.facts().map(|fact| format!("household.{}", fact.field.name)).collect();
                let known = known.iter().map(String::as_str);
                self.operands.mistakes.unknown(UNKNOWN_FIELD, &entry.key_span, "fact", &entry.key, known);
                continue;
            };
            let mut want = Want::field(&fact.field);
            want.what = format!("\"{}\"", entry.key);
            let test = self.operands.test(&entry.value, &want);
            tests.extend(test.map(|test| FieldTest { field: fact.field.name.clone(), test }));
        }
        (tests.len() == entries.len() && !tests.is_empty()).then_some(Ask::Field(tests))
    }

    fn count(&mut self, node: &Node) -> Option<Ask> {
        let fields = self.operands.mistakes.map(node, "count", keys::COUNT)?;
        let of = self.of(&fields);
        self.only_casework(&of, node);
        let within = self.within(&fields);
        let open = fields
            .get("state")
            .and_then(|n| self.operands.mistakes.word(n, "state", keys::STATES))
            .unwrap_or(false);
        if let (true, Some(state)) = (open, fields.get("state")) {
            self.signals.refuse_daily(&of, state, "whether it lasts", self.operands.mistakes);
        }
        let test = self.operands.comparisons(&fields, &Want::number("the count", Some("건")))?;
        (!of.is_empty()).then_some(Ask::Count { of, within, open_only: open, test })
    }

    fn distinct(&mut self, node: &Node) -> Option<Ask> {
        let fields = self.operands.mistakes.map(node, "distinct", keys::DISTINCT)?;
        let of = self.of(&fields);
        let within = self.within(&fields);
        self.signals.refuse_daily(&of, node, "distinct", self.operands.mistakes);
        let by = self.operands.mistakes.need(&fields, "by").and_then(|n| match n.scalar() {
            Some("source") => Some(SmolStr::new_static("source")),
            Some(BY_HOUSEHOLD) => {
                self.not_of_areas(&n.span, String::from("a household has no other households"));
                None
            }
            _ => self.signals.field(&of, n, DISTINCT_FIELD, self.operands.mistakes).map(|f| f.name),
        });
        let test = self.operands.comparisons(&fields, &Want::number("the count", None))?;
        (!of.is_empty()).then_some(Ask::Distinct { of, by: by?, within, test })
    }

    fn value(&mut self, node: &Node) -> Option<Ask> {
        let fields = self.operands.mistakes.map(node, "value", keys::VALUE)?;
        let of = self.of(&fields);
        let within = self.within(&fields);
        self.signals.refuse_daily(&of, node, "a value", self.operands.mistakes);
        let pick = self.operands.mistakes.need(&fields, "pick");
        let pick = pick.and_then(|n| self.operands.mistakes.word(n, "pick", keys::PICKS));
        let field = self.operands.mistakes.need(&fields, "field").and_then(|n| {
            let field = self.signals.field(&of, n, UNKNOWN_FIELD, self.operands.mistakes)?;
            if !matches!(field.ty, Type::Int | Type::Decimal) {
                let message = format!("\"{}\" is no number", field.name);
                self.operands.mistakes.error(WRONG_TYPE, &n.span, message, "a number is needed", None);
                return None;
            }
            Some(field)
        });
        let field = field?;
        let mut want = Want::field(&field);
        if pick == Some(Pick::Consecutive) {
            want.unit = None;
        }
        let test = self.operands.comparisons(&fields, &want)?;
        (!of.is_empty()).then_some(Ask::Value { of, field: field.name, pick: pick?, within, test })
    }

    fn absent(&mut self, node: &Node) -> Option<Ask> {
        let fields = self.operands.mistakes.map(node, "absent", keys::ABSENT)?;
        let of = self.of(&fields);
        let after = self.operands.mistakes.need(&fields, "after");
        let after = after.map(|n| self.signals.take_all(n, self.operands.mistakes)).unwrap_or_default();
        let for_days = self.days(&fields, "for", true);
        let baseline_days = self.days(&fields, "baseline", false);
        let ok = !of.is_empty() && !after.is_empty();
        let for_days = for_days?;
        self.keep_within(for_days.saturating_add(baseline_days.unwrap_or(0)), node);
        ok.then_some(Ask::Absent { of, after, for_days, baseline_days })
    }

    fn sequence(&mut self, node: &Node) -> Option<Ask> {
        let fields = self.operands.mistakes.map(node, "sequence", keys::SEQUENCE)?;
        let steps = self.operands.mistakes.need(&fields, "steps").map(|n| self.steps(n)).unwrap_or_default();
        let within_days = self.days(&fields, "within", true);
        let lookback_days = self.days(&fields, "lookback", true);
        let without = fields
            .get("without")
            .map(|n| self.signals.take_all(n, self.operands.mistakes))
            .unwrap_or_default();
        let of: Vec<SignalId> = steps.iter().flatten().copied().collect();
        let all = [&of[..], &without[..]].concat();
        self.signals.refuse_daily(&all, node, "a sequence", self.operands.mistakes);
        let mut same = Vec::new();
        if let Some(node) = fields.get("same") {
            for n in self.operands.mistakes.one_or_many(node, "field") {
                match n.scalar() {
                    Some("source") => same.push(SmolStr::new_static("source")),
                    _ => same.extend(
                        self.signals.field(&of, n, UNKNOWN_FIELD, self.operands.mistakes).map(|f| f.name),
                    ),
                }
            }
        }
        let (within_days, lookback_days) = (within_days?, lookback_days?);
        self.keep_within(within_days.saturating_add(lookback_days), node);
        (steps.len() > 1).then_some(Ask::Sequence { steps, within_days, lookback_days, without, same })
    }

    fn steps(&mut self, node: &Node) -> Vec<Vec<SignalId>> {
        let Kind::List(items) = &node.kind else {
            self.operands.mistakes.shape(node, "a list of signals");
            return Vec::new();
        };
        if items.len() < 2 {
            self.operands.mistakes.error(
                EMPTY_GROUP,
                &node.span,
                "a sequence has at least two steps",
                "too short",
                None,
            );
        }
        items.iter().map(|item| self.signals.take_all(item, self.operands.mistakes)).collect()
    }

    pub(super) fn of(&mut self, fields: &Fields<'_>) -> Vec<SignalId> {
        let node = self.operands.mistakes.need(fields, "of");
        node.map(|n| self.signals.take_all(n, self.operands.mistakes)).unwrap_or_default()
    }

    pub(super) fn within(&mut self, fields: &Fields<'_>) -> Option<Within> {
        let node = fields.get("within")?;
        let within = self.operands.mistakes.duration(node, "\"within\"")?;
        let days = match within {
            Within::Days(days) => days,
            Within::Hours(hours) => hours / 24,
        };
        self.keep_within(days, node);
        Some(within)
    }

    fn days(&mut self, fields: &Fields<'_>, key: &str, needed: bool) -> Option<i32> {
        let node = match needed {
            true => self.operands.mistakes.need(fields, key)?,
            false => fields.get(key)?,
        };
        self.operands.mistakes.days(node, &format!("\"{key}\""))
    }

    fn keep_within(&mut self, days: i32, node: &Node) {
        if days > HISTORY_DAYS {
            self.operands.mistakes.error(
                WINDOW_TOO_LONG,
                &node.span,
                format!("this looks back {days} days, and {HISTORY_DAYS} are kept"),
                "too long",
                None,
            );
        }
    }
}

fn has_number(ask: &Ask) -> bool {
    matches!(ask, Ask::Count { .. } | Ask::Distinct { .. } | Ask::Value { .. })
}

fn begin(fields: &Fields<'_>) -> Range<usize> {
    fields.entries.first().map_or_else(|| fields.span.clone(), |entry| entry.key_span.clone())
}
