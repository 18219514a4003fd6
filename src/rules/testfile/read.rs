//! Reads a `.test.yaml`: names are checked against the rule and the contracts, so that a test that can never hold is
//! a mistake and not a failure.

use super::{Case, Offset, TestFile};
use crate::contracts::Contracts;
use crate::rules::codes::{BAD_TEST, DECLARED_TWICE, NO_TEST_RULE, NOT_A_DATE, UNKNOWN_FIELD};
use crate::rules::keys;
use crate::rules::mistakes::{Mistakes, literal};
use crate::rules::plan::{CrisisRule, Pack};
use crate::rules::source::{Entry, Kind, Node, parse};
use crate::types::{Day, Diagnostic, MS_PER_HOUR, Severity, SmolStr, StreamTime, Value};

/// Reads one test file; none if it is broken.
pub fn read(
    file: &str,
    text: &str,
    pack: &Pack,
    contracts: &Contracts,
) -> (Option<TestFile>, Vec<Diagnostic>) {
    let mut mistakes = Mistakes::new(file);
    let node = match parse(file, text) {
        Ok(node) => node,
        Err(broken) => return (None, vec![*broken]),
    };
    let test = test_file(&node, pack, contracts, &mut mistakes);
    let is_whole = mistakes.found.iter().all(|d| d.severity < Severity::Error);
    (test.filter(|_| is_whole), mistakes.found)
}

/// Reads the parts of a file.
pub(super) struct Reader<'a> {
    pub(super) contracts: &'a Contracts,
    /// None if the file names no rule of the pack, which has been told.
    pub(super) rule: Option<&'a CrisisRule>,
    start: StreamTime,
    pub(super) mistakes: &'a mut Mistakes,
}

fn test_file(node: &Node, pack: &Pack, contracts: &Contracts, mistakes: &mut Mistakes) -> Option<TestFile> {
    let fields = mistakes.map(node, "a test file", keys::TEST_FILE)?;
    let start = mistakes.need(&fields, "start").and_then(|n| start(n, mistakes));
    let rule_node = mistakes.need(&fields, "rule")?;
    let id = mistakes.text(rule_node, "a rule id")?;
    let rule = pack.crisis_rule(id);
    if rule.is_none() {
        let known: Vec<_> = pack.crisis.iter().map(|rule| rule.id.as_str()).collect();
        mistakes.unknown(NO_TEST_RULE, &rule_node.span, "crisis rule", id, known.iter().copied());
    }
    let mut reader = Reader { contracts, rule, start: start.unwrap_or_default(), mistakes };
    let given = fields.get("given").map(|n| reader.given(n)).unwrap_or_default();
    let cases_node = reader.mistakes.need(&fields, "cases")?;
    let Kind::List(items) = &cases_node.kind else {
        reader.mistakes.shape(cases_node, "a list of cases");
        return None;
    };
    let mut cases: Vec<Case> = Vec::new();
    for item in items {
        let Some(case) = reader.case(item, &given, cases.last()) else { continue };
        if cases.iter().any(|known| known.name == case.name) {
            let message = format!("case \"{}\" is declared twice", case.name);
            reader.mistakes.error(DECLARED_TWICE, &item.span, message, "second time", None);
        }
        cases.push(case);
    }
    let file = reader.mistakes.file().to_owned();
    Some(TestFile { file, rule: SmolStr::new(id), start: start?, cases })
}

/// `2026-03-01T09:00`, KST.
fn start(node: &Node, mistakes: &mut Mistakes) -> Option<StreamTime> {
    let text = mistakes.text(node, "the start")?;
    let read = || {
        let (day, time) = text.split_once('T')?;
        let (hour, minute) = time.split_once(':')?;
        let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
        let valid = (0..24).contains(&hour) && (0..60).contains(&minute);
        let day: Day = day.parse().ok()?;
        valid.then(|| day.start().plus_ms(hour * MS_PER_HOUR + minute * MS_PER_HOUR / 60))
    };
    let found = read();
    if found.is_none() {
        let help = Some(String::from("write 2026-03-01T09:00"));
        mistakes.error(NOT_A_DATE, &node.span, format!("\"{text}\" is not a time"), "the start", help);
    }
    found
}

/// The household and facts that hold before anything happens.
#[derive(Clone, Debug, Default)]
struct Given {
    household: SmolStr,
    facts: Vec<(SmolStr, Value)>,
}

impl Reader<'_> {
    fn given(&mut self, node: &Node) -> Given {
        let mut given = Given { household: SmolStr::new_static("H1"), facts: Vec::new() };
        let Some(fields) = self.mistakes.map(node, "given", keys::GIVEN) else { return given };
        let Some(node) = self.mistakes.need(&fields, "household") else { return given };
        for entry in self.mistakes.entries(node, "the household").unwrap_or_default() {
            match entry.key.as_str() {
                "id" => {
                    let id = self.mistakes.text(&entry.value, "an id").unwrap_or_default();
                    given.household = SmolStr::new(id);
                }
                name => self.fact(name, entry, &mut given.facts),
            }
        }
        given
    }

    /// A fact as the registry tells it; an age becomes a birth date half a year from any birthday at the start.
    pub(super) fn fact(&mut self, name: &str, entry: &Entry, facts: &mut Vec<(SmolStr, Value)>) {
        let Some(fact) = self.contracts.fact(name) else {
            let known: Vec<_> = self.contracts.facts().map(|fact| fact.field.name.as_str()).collect();
            self.mistakes.unknown(UNKNOWN_FIELD, &entry.key_span, "fact", name, known.iter().copied());
            return;
        };
        let Some(value) = literal(&entry.value) else {
            self.mistakes.shape(&entry.value, "a single value");
            return;
        };
        let stored = fact.born.as_ref().unwrap_or(&fact.field.name);
        facts.retain(|(known, _)| known != stored);
        let (name, value) = match (&fact.born, value) {
            (_, Value::Null) => return,
            (Some(born), Value::Int(age)) => (born.clone(), Value::Day(self.born(age))),
            (Some(born), value) => (born.clone(), value),
            (None, value) => (fact.field.name.clone(), value),
        };
        facts.push((name, value));
    }

    fn born(&self, age: i64) -> Day {
        /// Days of a year, less its leap days: half of it keeps birthdays far from the start.
        const HALF_A_YEAR: i32 = 182;
        let back = self.start.day().plus(-HALF_A_YEAR);
        let months = u32::try_from(age.clamp(0, 200)).unwrap_or(0) * 12;
        let date = back.date();
        Day::from_date(date.checked_sub_months(chrono::Months::new(months)).unwrap_or(date))
    }

    fn case(&mut self, node: &Node, given: &Given, before: Option<&Case>) -> Option<Case> {
        let fields = self.mistakes.map(node, "a case", keys::CASE)?;
        let name = self.mistakes.need(&fields, "name").and_then(|n| self.mistakes.text(n, "a name"));
        let mut facts = given.facts.clone();
        for entry in fields.get("change").and_then(|n| self.mistakes.entries(n, "change")).unwrap_or_default()
        {
            let name = entry.key.strip_prefix("household.").unwrap_or(&entry.key);
            self.fact(name, entry, &mut facts);
        }
        let events = match (fields.get("events"), before) {
            (Some(events), _) => self.events(events),
            (None, Some(before)) => before.events.clone(),
            (None, None) => {
                self.mistakes.need(&fields, "events");
                Vec::new()
            }
        };
        let source_down = fields.get("source_down").map(|n| self.source_down(n)).unwrap_or_default();
        let expect = self.each(fields.get("expect"), "expectations", Self::expect);
        let never = match fields.get("never") {
            Some(n) if n.entries().is_some() => self.never(n).into_iter().collect(),
            other => self.each(other, "records that must not come", Self::never),
        };
        let expect_not = fields.get("expect_not").and_then(|n| self.expect_not(n));
        if expect.is_empty() && never.is_empty() && expect_not.is_none() {
            let span = fields.entries.first().map_or(node.span.clone(), |e| e.key_span.clone());
            let message = "the case expects nothing";
            let help = Some(String::from("add expect, never or expect_not"));
            self.mistakes.error(BAD_TEST, &span, message, "no expectation", help);
        }
        let until = fields.get("until").and_then(|n| self.offset(n));
        let last = events
            .iter()
            .map(|step| step.arrives)
            .chain(source_down.iter().map(|down| down.to))
            .chain(expect.iter().map(|expect| expect.at))
            .chain(never.iter().filter_map(|never| never.before.max(never.after)))
            .chain(until)
            .map(|offset| offset.ms)
            .max();
        Some(Case {
            name: name?.to_owned(),
            span: node.span.clone(),
            household: given.household.clone(),
            facts,
            events,
            source_down,
            expect,
            never,
            expect_not,
            until: Offset { ms: last.unwrap_or(0) + MS_PER_HOUR, exact: true },
        })
    }

    fn each<T>(
        &mut self,
        node: Option<&Node>,
        what: &str,
        mut read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Vec<T> {
        match node.map(|n| (&n.kind, n)) {
            None => Vec::new(),
            Some((Kind::List(items), _)) => items.iter().filter_map(|item| read(self, item)).collect(),
            Some((_, node)) => {
                self.mistakes.shape(node, &format!("a list of {what}"));
                Vec::new()
            }
        }
    }
}
