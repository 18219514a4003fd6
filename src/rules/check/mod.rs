//! From trees to the plan: every name, type, unit, value and window is checked against the contracts, and all
//! mistakes are collected.

mod conditions;
mod crisis;
mod header;
mod of_areas;
mod operand;
mod params;
mod score;
mod signals;
mod suppression;

pub(super) use params::Params;

use super::codes::{DECLARED_TWICE, UNKNOWN_WORD, WRONG_PLACE};
use super::keys::{LEVELS, RuleKind};
use super::mistakes::Mistakes;
use super::plan::{CrisisRule, SuppressionRule};
use super::source::{Node, parse};
use crate::contracts::Contracts;
use crate::types::{Diagnostic, Severity, SmolStr};
use header::Header;
use std::collections::BTreeMap;

/// What the files of a pack say, as far as they can be understood.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) crisis: Vec<CrisisRule>,
    pub(super) suppressions: Vec<SuppressionRule>,
    pub(super) params: Params,
    pub(super) found: Vec<Diagnostic>,
    targets: Vec<Target>,
}

/// A crisis rule as suppressions see it.
struct Target {
    id: SmolStr,
    /// The ids of its reasons; none if the rule is broken, which has been told.
    reasons: Option<Vec<SmolStr>>,
}

impl Target {
    /// The rule that would be in a file.
    fn broken(file: &str) -> Self {
        let name = file.strip_suffix(".yaml").unwrap_or(file);
        Self { id: SmolStr::new(name.replacen('/', ".", 1)), reasons: None }
    }
}

/// Checks rules and params; `files` are sorted by name.
pub(super) fn check(files: &BTreeMap<&str, &str>, contracts: &Contracts) -> Checked {
    let mut checked = Checked::default();
    let (params, rules): (Vec<_>, Vec<_>) = files.iter().partition(|(name, _)| name.starts_with("params/"));
    for (name, text) in params {
        checked.read(name, text, |checked, node, mistakes| checked.params.read(node, mistakes));
    }
    // Suppressions name reasons of crisis rules, so they are read after them.
    let mut later = Vec::new();
    let mut ids = BTreeMap::new();
    for (name, text) in rules {
        checked.read(name, text, |checked, node, mistakes| {
            let Some(header) = header::read(node, contracts, mistakes) else {
                checked.targets.push(Target::broken(name));
                return;
            };
            in_its_place(name, &header, mistakes);
            if let Some(other) = ids.insert(header.id.clone(), (*name).to_owned()) {
                let message = format!("rule \"{}\" is declared twice", header.id);
                mistakes.error(
                    DECLARED_TWICE,
                    &header.id_span,
                    message,
                    "second time",
                    Some(format!("the other is in {other}")),
                );
                return;
            }
            match header.kind {
                RuleKind::Crisis => {
                    let id = header.id.clone();
                    let rule = crisis::read(node, header, contracts, &mut checked.params, mistakes);
                    let ids = |rule: &CrisisRule| rule.reasons.iter().map(|r| r.id.clone()).collect();
                    checked.targets.push(Target { id, reasons: rule.as_ref().map(ids) });
                    checked.crisis.extend(rule);
                }
                RuleKind::Suppression => later.push((*name, *text)),
            }
        });
    }
    for (name, text) in later {
        checked.read(name, text, |checked, node, mistakes| {
            // The same file was read above: its header's mistakes are known.
            let mut known = Mistakes::new(name);
            let Some(header) = header::read(node, contracts, &mut known) else { return };
            let rule = suppression::read(node, header, contracts, &checked.targets, mistakes);
            checked.suppressions.extend(rule);
        });
    }
    // A broken rule names nothing: what only it used is not unused.
    if checked.found.iter().all(|d| d.severity < Severity::Error) {
        let unused = checked.params.unused();
        checked.found.extend(unused);
    }
    checked.found.sort_by(|a, b| (&a.file, a.span.start, a.code).cmp(&(&b.file, b.span.start, b.code)));
    checked.found.dedup();
    checked
}

impl Checked {
    fn read(&mut self, name: &str, text: &str, work: impl FnOnce(&mut Self, &Node, &mut Mistakes)) {
        let mut mistakes = Mistakes::new(name);
        match parse(name, text) {
            Ok(node) => work(self, &node, &mut mistakes),
            Err(broken) => {
                mistakes.found.push(*broken);
                self.targets.push(Target::broken(name));
            }
        }
        self.found.append(&mut mistakes.found);
    }
}

/// `crisis.repeated-cutoff` lives in `crisis/repeated-cutoff.yaml`.
fn in_its_place(file: &str, header: &Header, mistakes: &mut Mistakes) {
    let place = format!("{}.yaml", header.id.replacen('.', "/", 1));
    if file != place {
        mistakes.error(
            WRONG_PLACE,
            &header.id_span,
            format!("rule \"{}\" is in {file}", header.id),
            "has another name than its file",
            Some(format!("put it in {place}")),
        );
    }
}

/// A level's key in a map.
fn level(word: &str, span: &std::ops::Range<usize>, mistakes: &mut Mistakes) -> Option<super::plan::Level> {
    let found = LEVELS.iter().find(|(name, _)| *name == word).map(|(_, level)| *level);
    if found.is_none() {
        mistakes.unknown(UNKNOWN_WORD, span, "level", word, LEVELS.iter().map(|(name, _)| *name));
    }
    found
}
