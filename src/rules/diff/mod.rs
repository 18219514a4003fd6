//! What differs between two packs, by the ids that their authors gave: which rules, and in each which conditions, signals,
//! points, levels and steps. Read from what they wrote, so that a key that the language gets is compared from its first day;
//! comments, order of keys and the form of YAML make no difference.

mod parts;
#[cfg(test)]
mod tests;

pub(super) use parts::params_in;

use super::source::{Node, parse};
use super::testfile::is_test;
use parts::{Item, parts_of_param, parts_of_rule};
use std::collections::{BTreeMap, BTreeSet};

/// What is other in the new pack than in the old one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Rules that only the new pack has.
    pub added: Vec<String>,
    /// Rules that only the old pack has.
    pub removed: Vec<String>,
    /// Rules of both that say other things, or read params that do.
    pub changed: Vec<RuleDiff>,
    /// Params that are other.
    pub params: Vec<Change>,
}

impl Diff {
    /// Whether both packs say the same.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is other in one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleDiff {
    /// Its id.
    pub rule: String,
    /// What its own file says otherwise.
    pub changes: Vec<Change>,
    /// Params that it reads and that have changed, by name.
    pub params: Vec<String>,
}

/// One thing that is other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it belongs to.
    pub part: Part,
    /// Its id; empty for the rule itself.
    pub id: String,
    /// The key, keys inside it joined by dots; empty where the whole part is new or gone.
    pub key: String,
    /// What stood there.
    pub old: Option<String>,
    /// What stands there now.
    pub new: Option<String>,
}

/// The parts of a pack that have ids of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What belongs to no smaller part: title, status, cooldown.
    Rule,
    /// By its name.
    Signal,
    /// By its id.
    Condition,
    /// By the condition that they are given for.
    Points,
    /// By its name.
    Level,
    /// By its id.
    Escalation,
    /// By its name.
    Param,
}

impl Part {
    /// The word in a report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Signal => "signal",
            Self::Condition => "condition",
            Self::Points => "points",
            Self::Level => "level",
            Self::Escalation => "escalation",
            Self::Param => "param",
        }
    }
}

/// Compares two packs that load, each as `(path, content)` pairs with paths relative to `rules/`.
pub fn diff<'a>(
    old: impl IntoIterator<Item = (&'a str, &'a str)>,
    new: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Diff {
    let (old, new) = (Pack::read(old), Pack::read(new));
    let params = compare(&old.params, &new.params);
    let other_params: BTreeSet<&str> = params.iter().map(|change| change.id.as_str()).collect();
    let mut diff = Diff::default();
    for (rule, now) in &new.rules {
        let Some(before) = old.rules.get(rule) else {
            diff.added.push(rule.clone());
            continue;
        };
        let changes = compare(&before.items, &now.items);
        let read =
            before.params.iter().chain(&now.params).filter(|name| other_params.contains(name.as_str()));
        let read: BTreeSet<String> = read.cloned().collect();
        if !changes.is_empty() || !read.is_empty() {
            diff.changed.push(RuleDiff { rule: rule.clone(), changes, params: read.into_iter().collect() });
        }
    }
    diff.removed = old.rules.into_keys().filter(|rule| !new.rules.contains_key(rule)).collect();
    diff.params = params;
    diff
}

#[derive(Default)]
struct Pack {
    rules: BTreeMap<String, Rule>,
    params: Vec<Item>,
}

struct Rule {
    items: Vec<Item>,
    /// Names of the params that it reads.
    params: BTreeSet<String>,
}

impl Pack {
    fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut pack = Self::default();
        for (name, text) in files {
            if !name.ends_with(".yaml") || is_test(name) {
                continue;
            }
            let Ok(node) = parse(name, text) else { continue };
            pack.take(&node);
        }
        pack
    }

    /// A file is one of params or a rule; it tells by its keys.
    fn take(&mut self, node: &Node) {
        let entry = |key: &str| node.entries().into_iter().flatten().find(|entry| entry.key == key);
        if let Some(params) = entry("params") {
            self.params.extend(params.value.entries().into_iter().flatten().map(parts_of_param));
        } else if let Some(id) = entry("rule").and_then(|entry| entry.value.scalar()) {
            let rule = Rule { items: parts_of_rule(node), params: params_in(node) };
            self.rules.insert(id.to_owned(), rule);
        }
    }
}

/// Parts of the new in their order, then those that are gone.
fn compare(old: &[Item], new: &[Item]) -> Vec<Change> {
    let mut changes = Vec::new();
    let in_old = |item: &Item| old.iter().find(|known| known.is_same_part(item));
    for item in new {
        match in_old(item) {
            Some(before) => before.compare(item, &mut changes),
            None => changes.push(item.change("", None, Some(item.in_one_line()))),
        }
    }
    for item in old.iter().filter(|item| !new.iter().any(|known| known.is_same_part(item))) {
        changes.push(item.change("", Some(item.in_one_line()), None));
    }
    changes
}
