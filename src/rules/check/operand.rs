//! Comparisons: a field, a count or an amount with a literal or a param, whose types and units must fit.

use super::Params;
use crate::contracts::{FieldType, Type};
use crate::rules::codes::{
    BAD_SHAPE, PARAM_WITHOUT_VALUE, UNKNOWN_KEY, UNKNOWN_PARAM, UNLISTED_VALUE, WRONG_TYPE, WRONG_UNIT,
};
use crate::rules::keys::{self, ALONE, COMPARISONS};
use crate::rules::mistakes::{Fields, Mistakes, literal};
use crate::rules::plan::{Cmp, Effective, Operand, Test};
use crate::rules::source::{Kind, Node};
use crate::types::{SmolStr, Value, did_you_mean};

/// What something is compared with: its type, unit and the values it can take.
#[derive(Clone, Debug)]
pub(super) struct Want {
    /// In an author's words: `field "months"`.
    pub(super) what: String,
    pub(super) ty: Type,
    pub(super) unit: Option<String>,
    pub(super) values: Vec<SmolStr>,
}

impl Want {
    /// A number of things.
    pub(super) fn number(what: &str, unit: Option<&str>) -> Self {
        Self { what: what.to_owned(), ty: Type::Int, unit: unit.map(str::to_owned), values: Vec::new() }
    }

    /// A field of an event, or a fact.
    pub(super) fn field(field: &FieldType) -> Self {
        Self {
            what: format!("\"{}\"", field.name),
            ty: field.ty,
            unit: field.unit.clone(),
            values: field.values.clone(),
        }
    }

    fn has_order(&self) -> bool {
        matches!(self.ty, Type::Int | Type::Decimal | Type::Day | Type::Instant | Type::Age)
    }
}

/// Where operands are read: the params, and the days on which the rule is in force.
pub(super) struct Operands<'a> {
    pub(super) params: &'a mut Params,
    pub(super) effective: Effective,
    pub(super) mistakes: &'a mut Mistakes,
}

impl Operands<'_> {
    /// `65`, `{gte: 65}`, `{in: [a, b]}`, `{between: [1, 5]}`, `{any_of: [a]}`, `{param: name}`.
    pub(super) fn test(&mut self, node: &Node, want: &Want) -> Option<Test> {
        let Some(entries) = node.entries().filter(|e| e.iter().all(|e| e.key != "param")) else {
            if want.ty == Type::Texts {
                return self.wrong_operator(node, want, "any_of");
            }
            if matches!(node.kind, Kind::List(_)) {
                self.mistakes.error(
                    BAD_SHAPE,
                    &node.span,
                    format!("{} is compared with a list", want.what),
                    "a list",
                    Some(String::from("write {in: [...]}")),
                );
                return None;
            }
            return Some(Test::Compare(vec![(Cmp::Eq, self.operand(node, want)?)]));
        };
        let fields = self.mistakes.map(node, "a comparison", keys::TEST)?;
        let Some(first) = entries.first() else {
            self.mistakes.shape(node, "a comparison");
            return None;
        };
        let alone = entries.iter().find(|e| ALONE.contains(&e.key.as_str()));
        if let Some(entry) = alone.filter(|_| entries.len() > 1) {
            self.mistakes.error(
                UNKNOWN_KEY,
                &entry.key_span,
                format!("\"{}\" stands alone in a comparison", entry.key),
                "takes no companion",
                None,
            );
            return None;
        }
        match first.key.as_str() {
            "any_of" if want.ty == Type::Texts => self.operands(&first.value, want).map(Test::AnyOf),
            "any_of" => self.wrong_operator(node, want, "in"),
            _ if want.ty == Type::Texts => self.wrong_operator(node, want, "any_of"),
            "in" => self.operands(&first.value, want).map(Test::In),
            "between" => self.between(&first.value, want),
            _ => Some(Test::Compare(self.comparisons(&fields, want)?)),
        }
    }

    /// The comparisons among a map's keys; none of them is a mistake.
    pub(super) fn comparisons(&mut self, fields: &Fields<'_>, want: &Want) -> Option<Vec<(Cmp, Operand)>> {
        let mut found = Vec::new();
        for entry in fields.entries {
            let cmp = match entry.key.as_str() {
                "eq" => Cmp::Eq,
                "ne" => Cmp::Ne,
                "lt" => Cmp::Lt,
                "lte" => Cmp::Lte,
                "gt" => Cmp::Gt,
                "gte" => Cmp::Gte,
                _ => continue,
            };
            if !matches!(cmp, Cmp::Eq | Cmp::Ne) && !want.has_order() {
                self.mistakes.error(
                    WRONG_TYPE,
                    &entry.key_span,
                    format!("{} has no order", want.what),
                    format!("is {}", type_name(want.ty)),
                    Some(String::from("only eq, ne and in can be asked of it")),
                );
                continue;
            }
            found.extend(self.operand(&entry.value, want).map(|operand| (cmp, operand)));
        }
        if found.is_empty() && !fields.entries.iter().any(|e| COMPARISONS.contains(&e.key.as_str())) {
            let span = fields.entries.first().map_or(fields.span.clone(), |e| e.key_span.clone());
            self.mistakes.error(
                crate::rules::codes::MISSING_KEY,
                &span,
                format!("nothing is required of {}", want.what),
                "a comparison is missing",
                Some(String::from("add gte, lte, eq, ...")),
            );
        }
        (!found.is_empty()).then_some(found)
    }

    fn between(&mut self, node: &Node, want: &Want) -> Option<Test> {
        let Kind::List(bounds) = &node.kind else {
            self.mistakes.shape(node, "a list of two bounds");
            return None;
        };
        let [low, high] = bounds.as_slice() else {
            self.mistakes.shape(node, "a list of two bounds");
            return None;
        };
        if !want.has_order() {
            return self.wrong_operator(node, want, "in");
        }
        let mut bound = |n: &Node| match n.kind {
            Kind::Null => Some(None),
            _ => self.operand(n, want).map(Some),
        };
        let (low, high) = (bound(low), bound(high));
        let (low, high) = (low?, high?);
        if let (Some(Operand::Const(a)), Some(Operand::Const(b))) = (&low, &high)
            && a.compare(b).is_some_and(std::cmp::Ordering::is_gt)
        {
            self.mistakes.error(
                BAD_SHAPE,
                &node.span,
                format!("nothing lies between {a} and {b}"),
                "the lower bound goes first",
                None,
            );
        }
        Some(Test::Between(low, high))
    }

    fn operands(&mut self, node: &Node, want: &Want) -> Option<Vec<Operand>> {
        let Kind::List(items) = &node.kind else {
            self.mistakes.shape(node, "a list of values");
            return None;
        };
        if items.is_empty() {
            self.mistakes.shape(node, "at least one value");
            return None;
        }
        let operands: Vec<_> = items.iter().filter_map(|item| self.operand(item, want)).collect();
        (operands.len() == items.len()).then_some(operands)
    }

    fn wrong_operator(&mut self, node: &Node, want: &Want, better: &str) -> Option<Test> {
        self.mistakes.error(
            WRONG_TYPE,
            &node.span,
            format!("{} is {} and cannot be compared so", want.what, type_name(want.ty)),
            "does not fit",
            Some(format!("write {{{better}: [...]}}")),
        );
        None
    }

    /// A literal or `{param: name}`.
    pub(super) fn operand(&mut self, node: &Node, want: &Want) -> Option<Operand> {
        if node.entries().is_some() {
            let fields = self.mistakes.map(node, "a value", keys::PARAM_VALUE)?;
            let name = self.mistakes.need(&fields, "param")?;
            return self.param(name, want);
        }
        let value = literal(node).filter(|v| !matches!(v, Value::Null | Value::List(_)));
        let Some(value) = value else {
            self.mistakes.shape(node, "a single value, or {param: name}");
            return None;
        };
        if !fits(&value, want.ty) {
            let quoted =
                (want.ty == Type::Text).then(|| format!("quote it to make a text of it: \"{value}\""));
            self.mistakes.error(
                WRONG_TYPE,
                &node.span,
                format!("{} is {}, and \"{value}\" is {}", want.what, type_name(want.ty), value_type(&value)),
                "does not fit",
                quoted,
            );
            return None;
        }
        self.listed(&value, node, want);
        Some(Operand::Const(value))
    }

    fn listed(&mut self, value: &Value, node: &Node, want: &Want) {
        let Some(text) = value.as_text() else { return };
        if want.values.is_empty() || want.values.contains(text) {
            return;
        }
        let help = did_you_mean(text, want.values.iter().map(SmolStr::as_str))
            .map(|near| format!("did you mean \"{near}\"?"))
            .unwrap_or_else(|| format!("it is one of {}", want.values.join(", ")));
        self.mistakes.error(
            UNLISTED_VALUE,
            &node.span,
            format!("{} is never \"{text}\"", want.what),
            "not a value of it",
            Some(help),
        );
    }

    fn param(&mut self, node: &Node, want: &Want) -> Option<Operand> {
        let name = self.mistakes.text(node, "the name of a param")?;
        let Some(index) = self.params.take(name) else {
            let known = self.params.names();
            self.mistakes.unknown(UNKNOWN_PARAM, &node.span, "param", name, known.iter().copied());
            return None;
        };
        let param = self.params.param(index);
        let Some((from, value)) = param.values.first() else { return Some(Operand::Param(index)) };
        if *from > self.effective.from {
            self.mistakes.error(
                PARAM_WITHOUT_VALUE,
                &node.span,
                format!("\"{name}\" has no value before {from}"),
                format!("the rule is in force from {}", self.effective.from),
                Some(String::from("give the param an earlier value, or let the rule begin later")),
            );
        }
        if !fits(value, want.ty) {
            self.mistakes.error(
                WRONG_TYPE,
                &node.span,
                format!("{} is {}, and \"{name}\" is {}", want.what, type_name(want.ty), value_type(value)),
                "does not fit",
                None,
            );
        }
        if let Some(unit) = want.unit.as_deref()
            && unit != param.unit
        {
            self.mistakes.error(
                WRONG_UNIT,
                &node.span,
                format!("{} is counted in {unit}, \"{name}\" in {}", want.what, param.unit),
                "another unit",
                None,
            );
        }
        for (_, value) in &param.values {
            let known =
                want.values.is_empty() || value.as_text().is_none_or(|text| want.values.contains(text));
            if !known {
                self.mistakes.error(
                    UNLISTED_VALUE,
                    &node.span,
                    format!("{} is never \"{value}\"", want.what),
                    format!("a value of \"{name}\""),
                    None,
                );
            }
        }
        Some(Operand::Param(index))
    }
}

fn fits(value: &Value, ty: Type) -> bool {
    match ty {
        Type::Bool => matches!(value, Value::Bool(_)),
        Type::Int | Type::Age => matches!(value, Value::Int(_)),
        Type::Decimal => matches!(value, Value::Int(_) | Value::Decimal(_)),
        Type::Text | Type::Texts => matches!(value, Value::Text(_)),
        Type::Day | Type::Instant => matches!(value, Value::Day(_)),
    }
}

fn type_name(ty: Type) -> &'static str {
    match ty {
        Type::Bool => "yes or no",
        Type::Int => "a whole number",
        Type::Age => "an age in years",
        Type::Decimal => "a number",
        Type::Text => "a text",
        Type::Texts => "a list of texts",
        Type::Day => "a date",
        Type::Instant => "a time",
    }
}

fn value_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "yes or no",
        Value::Int(_) => "a whole number",
        Value::Decimal(_) => "a decimal number",
        Value::Text(_) => "a text",
        Value::Day(_) => "a date",
        Value::Instant(_) => "a time",
        Value::List(_) => "a list",
    }
}
