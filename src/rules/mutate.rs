//! Small changes of a rule that its tests should notice: a number one more or less, a window a day longer or shorter, at least
//! instead of more than, any instead of all, points that count nothing. A change that no test notices shows what is not tested.
//!
//! They are changes of the text, so that each has a line that an author finds, and the checker judges what it makes of it.

use super::diff::params_in;
use super::source::{Entry, Kind, Node, parse};
use std::collections::BTreeSet;
use std::ops::Range;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// File, relative to `rules/`.
    pub file: String,
    /// Line in it, from 1.
    pub line: usize,
    /// Keys on the way, items of lists by their ids.
    pub key: String,
    /// What stands there.
    pub was: String,
    /// What is put there.
    pub now: String,
    at: Range<usize>,
}

impl Mutant {
    /// Its file with the change.
    pub fn applied(&self, text: &str) -> String {
        let mut text = text.to_owned();
        text.replace_range(self.at.clone(), &self.now);
        text
    }
}

/// The changes of a rule's file and of the values of params that it reads, in the order of the files.
pub fn mutants<'a>(rule: &str, files: impl IntoIterator<Item = (&'a str, &'a str)> + Clone) -> Vec<Mutant> {
    let file = format!("{}.yaml", rule.replacen('.', "/", 1));
    let Some((name, text)) = files.clone().into_iter().find(|(name, _)| *name == file) else {
        return Vec::new();
    };
    let Ok(node) = parse(name, text) else { return Vec::new() };
    let mut found = Found { file: name, text, mutants: Vec::new() };
    for entry in entries(&node).iter().filter(|entry| MEANING.contains(&entry.key.as_str())) {
        found.walk(&entry.value, &entry.key, &entry.key);
    }
    let mut mutants = found.mutants;
    let params = params_in(&node);
    for (name, text) in files.into_iter().filter(|(name, _)| name.starts_with("params/")) {
        mutants.extend(of_params(name, text, &params));
    }
    mutants
}

/// The parts of a rule that say what it does; the others are for people, or for the calendar.
const MEANING: [&str; 8] = ["signals", "when", "also", "score", "emit", "escalate", "while", "after"];

/// What is put for a key.
const SWAPS: &[(&str, &str)] = &[
    ("gte", "gt"),
    ("gt", "gte"),
    ("lte", "lt"),
    ("lt", "lte"),
    ("eq", "ne"),
    ("ne", "eq"),
    ("all", "any"),
    ("any", "all"),
];

fn of_params(name: &str, text: &str, read: &BTreeSet<String>) -> Vec<Mutant> {
    let Ok(node) = parse(name, text) else { return Vec::new() };
    let mut found = Found { file: name, text, mutants: Vec::new() };
    let params = entries(&node).iter().flat_map(|entry| entries(&entry.value));
    for param in params.filter(|param| read.contains(&param.key)) {
        for entry in entries(&param.value).iter().filter(|entry| entry.key == "values") {
            found.walk(&entry.value, &param.key, "values");
        }
    }
    found.mutants
}

struct Found<'t> {
    file: &'t str,
    text: &'t str,
    mutants: Vec<Mutant>,
}

impl Found<'_> {
    fn push(&mut self, key: &str, at: &Range<usize>, now: impl ToString) {
        let before = self.text.get(..at.start).unwrap_or_default();
        let was = self.text.get(at.clone()).unwrap_or_default();
        let mutant = Mutant {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            key: key.to_owned(),
            was: was.to_owned(),
            now: now.to_string(),
            at: at.clone(),
        };
        // Points that count nothing already.
        self.mutants.extend((mutant.was != mutant.now).then_some(mutant));
    }

    /// `under` is the key under which the node stands, lists passed over.
    fn walk(&mut self, node: &Node, path: &str, under: &str) {
        match &node.kind {
            Kind::Map(entries) => entries.iter().for_each(|entry| self.entry(entry, path, under)),
            Kind::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    let named = |entry: &&Entry| entry.key == "id" || entry.key == "if";
                    let name = entries(item).iter().find(named).and_then(|entry| entry.value.scalar());
                    let path = match name {
                        Some(name) => format!("{path}.{name}"),
                        None => format!("{path}[{}]", at + 1),
                    };
                    self.walk(item, &path, under);
                }
            }
            Kind::Plain(text) => self.value(text, &node.span, path, under),
            Kind::Null | Kind::Quoted(_) => {}
        }
    }

    fn entry(&mut self, entry: &Entry, path: &str, under: &str) {
        let inner = format!("{path}.{}", entry.key);
        match (under, entry.key.parse::<i64>()) {
            // Steps of points: from where on they count.
            ("points", Ok(from)) => self.push(path, &entry.key_span, from + 1),
            ("values", _) => self.walk(&entry.value, &inner, "value of a param"),
            ("levels", _) => self.walk(&entry.value, &inner, "level"),
            _ => {
                let is_alone = matches!(&entry.value.kind, Kind::List(items) if items.len() == 1);
                if let Some((_, now)) = SWAPS.iter().find(|(key, _)| *key == entry.key).filter(|_| !is_alone)
                {
                    self.push(path, &entry.key_span, now);
                }
                self.walk(&entry.value, &inner, &entry.key);
            }
        }
    }

    fn value(&mut self, text: &str, at: &Range<usize>, path: &str, under: &str) {
        if let Some((number, unit)) = duration(text) {
            self.push(path, at, format!("{}{unit}", number + 1));
            self.push(path, at, format!("{}{unit}", number - 1));
            return;
        }
        // A leading zero is a code.
        let is_code = text.len() > 1 && text.starts_with('0');
        let Some(number) = text.parse::<i64>().ok().filter(|_| !is_code) else { return };
        match under {
            // Sums of points lie wide apart: what matters is whether they count, and whether a level is reached exactly.
            "points" => self.push(path, at, 0),
            "level" => self.push(path, at, number + 1),
            "base" => {}
            _ => {
                self.push(path, at, number + 1);
                self.push(path, at, number - 1);
            }
        }
    }
}

/// `60d`, `24h`.
fn duration(text: &str) -> Option<(i64, char)> {
    let unit = text.chars().next_back().filter(|unit| ['d', 'h'].contains(unit))?;
    Some((text.strip_suffix(unit)?.parse().ok()?, unit))
}

fn entries(node: &Node) -> &[Entry] {
    node.entries().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::{base, load};

    #[test]
    fn each_kind_of_change_is_made_where_its_author_finds_it() {
        let files = base();
        let pairs: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let found = mutants("crisis.base", pairs);
        let told: Vec<String> = found.iter().map(|m| format!("{}: {} → {}", m.key, m.was, m.now)).collect();
        for wanted in [
            "when: all → any",
            "when.all.senior.field.household.oldest_age: gte → gt",
            "when.all.senior.field.household.size: 1 → 2",
            "when.all.senior.field.household.size: 1 → 0",
            "when.all.signs: any → all",
            "when.all.signs.any[1].count.within: 60d → 59d",
            "also.repeat.count.within: 60d → 61d",
            "also.kinds.distinct.within: 24h → 25h",
            "score.add.silent.points: 30 → 0",
            "score.add.repeat.points: 2 → 3",
            "score.levels.high: 60 → 61",
            "emit.cooldown: 14d → 13d",
            "escalate.second.max: 5 → 6",
            "arrears.min_months.2026-07-01: 2 → 3",
        ] {
            assert!(told.iter().any(|told| told == wanted), "{wanted}\n{told:#?}");
        }
        // What is for people, a group of one, a text in quotes, the base.
        for unwanted in ["version", "when: none", "household.dong", "score.base", "effective"] {
            assert!(
                !told.iter().any(|told| told.starts_with(unwanted) || told.contains("dong")),
                "{unwanted}"
            );
        }
        for mutant in &found {
            let text = &files[&mutant.file];
            assert!(
                text.lines().nth(mutant.line - 1).is_some_and(|line| line.contains(&mutant.was)),
                "{mutant:?}"
            );
            assert_ne!(mutant.applied(text), *text, "{mutant:?}");
        }
    }

    /// The rest the checker refuses, as it should: a level that is never reached, points that fall.
    #[test]
    fn most_changes_load() {
        let files = base();
        let pairs: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let found = mutants("crisis.base", pairs);
        let loads = |mutant: &&Mutant| {
            let mut files = files.clone();
            files.insert(mutant.file.clone(), mutant.applied(&files[&mutant.file]));
            load(&files).0.is_some()
        };
        let loading = found.iter().filter(loads).count();
        assert!(found.len() > 50 && loading * 5 > found.len() * 4, "{loading} of {}", found.len());
    }
}
