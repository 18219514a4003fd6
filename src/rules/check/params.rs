//! `params/*.yaml`: dated values with their law and unit. A rule names them, so that a change of law is a change of
//! one line that says from when it holds.

use crate::rules::codes::{
    DATES_REVERSED, DECLARED_TWICE, MISSING_KEY, NO_SOURCE, NOT_A_DATE, UNUSED, WRONG_TYPE,
};
use crate::rules::keys;
use crate::rules::mistakes::{Mistakes, literal};
use crate::rules::plan::Param;
use crate::rules::source::{Entry, Node};
use crate::types::{Day, Diagnostic, SmolStr, Value};
use std::mem::discriminant;

/// All params of a pack, by the index that operands use.
#[derive(Debug, Default)]
pub(in crate::rules) struct Params {
    list: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    param: Param,
    used: bool,
    /// The warning to give if nothing uses it.
    unused: Diagnostic,
}

impl Params {
    /// Reads one file.
    pub(super) fn read(&mut self, node: &Node, mistakes: &mut Mistakes) {
        let Some(fields) = mistakes.map(node, "a param file", keys::PARAM_FILE) else { return };
        let Some(list) = mistakes.need(&fields, "params") else { return };
        for entry in mistakes.entries(list, "params").unwrap_or_default() {
            if self.list.iter().any(|known| known.param.name == entry.key) {
                mistakes.error(
                    DECLARED_TWICE,
                    &entry.key_span,
                    format!("param \"{}\" is declared twice", entry.key),
                    "second time",
                    None,
                );
                continue;
            }
            let Some(param) = param(entry, mistakes) else { continue };
            let mut aside = Mistakes::new(mistakes.file());
            aside.warning(
                UNUSED,
                &entry.key_span,
                format!("no rule uses the param \"{}\"", entry.key),
                "not used",
                None,
            );
            self.list.extend(aside.found.pop().map(|unused| Known { param, used: false, unused }));
        }
    }

    /// A param's index, marked as used.
    pub(super) fn take(&mut self, name: &str) -> Option<usize> {
        let index = self.list.iter().position(|known| known.param.name == name)?;
        self.list[index].used = true;
        Some(index)
    }

    pub(super) fn param(&self, index: usize) -> &Param {
        &self.list[index].param
    }

    /// All names, for "did you mean".
    pub(super) fn names(&self) -> Vec<&str> {
        self.list.iter().map(|known| known.param.name.as_str()).collect()
    }

    /// Warnings for those that nothing uses.
    pub(super) fn unused(&self) -> Vec<Diagnostic> {
        self.list.iter().filter(|known| !known.used).map(|known| known.unused.clone()).collect()
    }

    /// The params by index.
    pub(in crate::rules) fn into_plan(self) -> Vec<Param> {
        self.list.into_iter().map(|known| known.param).collect()
    }
}

fn param(entry: &Entry, mistakes: &mut Mistakes) -> Option<Param> {
    let what = format!("param \"{}\"", entry.key);
    let fields = mistakes.map(&entry.value, &what, keys::PARAM)?;
    let label = mistakes.need(&fields, "label").and_then(|n| mistakes.text(n, "a label")).unwrap_or_default();
    let unit = mistakes.need(&fields, "unit").and_then(|n| mistakes.text(n, "a unit")).unwrap_or_default();
    let mut source = fields.get("law").map(|n| mistakes.texts(n, "law")).unwrap_or_default();
    source.extend(fields.get("source").and_then(|n| mistakes.text(n, "a source")).map(str::to_owned));
    if source.is_empty() {
        mistakes.error(
            NO_SOURCE,
            &entry.key_span,
            format!("{what} names no source"),
            "neither \"law\" nor \"source\"",
            None,
        );
    }
    let verified = mistakes.need(&fields, "verified").and_then(|n| mistakes.yes_no(n, "\"verified\""));
    let values = mistakes.need(&fields, "values").map(|n| values(n, mistakes))?;
    Some(Param {
        name: SmolStr::new(&entry.key),
        label: label.to_owned(),
        unit: unit.to_owned(),
        source: source.join("; "),
        verified: verified.unwrap_or(false),
        values,
    })
}

fn values(node: &Node, mistakes: &mut Mistakes) -> Vec<(Day, Value)> {
    let mut values: Vec<(Day, Value)> = Vec::new();
    let entries = mistakes.entries(node, "values").unwrap_or_default();
    if entries.is_empty() && node.entries().is_some() {
        mistakes.error(MISSING_KEY, &node.span, "the param has no value", "no date", None);
    }
    for entry in entries {
        let Ok(from) = entry.key.parse::<Day>() else {
            mistakes.error(
                NOT_A_DATE,
                &entry.key_span,
                format!("\"{}\" is not a date", entry.key),
                "the first day of the value",
                Some(String::from("write 2026-01-01: 65")),
            );
            continue;
        };
        let Some(value) = literal(&entry.value).filter(|v| !matches!(v, Value::Null | Value::List(_))) else {
            mistakes.shape(&entry.value, "a single value");
            continue;
        };
        if let Some((last, first)) = values.last() {
            if *last >= from {
                mistakes.error(
                    DATES_REVERSED,
                    &entry.key_span,
                    format!("{from} stands behind {last}"),
                    "earlier than the value before",
                    Some(String::from("list values from the earliest to the latest")),
                );
            }
            if discriminant(first) != discriminant(&value) {
                mistakes.error(
                    WRONG_TYPE,
                    &entry.value.span,
                    "the values of the param have different types",
                    format!("\"{first}\" is of another type"),
                    None,
                );
            }
        }
        values.push((from, value));
    }
    values
}
