//! Compares what came with what was expected.

use super::play::Played;
use super::{Failure, Way};
use crate::contracts::Tree;
use crate::rules::eval::Decision;
use crate::rules::plan::{Ask, Cmp, CrisisRule, FieldTest, Operand, Pack, Reason, Test};
use crate::rules::testfile::{Case, Expect, ExpectNot, Never, TestFile};
use crate::types::{Day, EntityId, EpisodeId, SmolStr, StreamTime, Value};
use std::fmt;

/// An alert record of the rule under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When it was emitted.
    pub at: StreamTime,
    /// Household or area that it is about.
    pub about: SmolStr,
    /// Episode.
    pub episode: SmolStr,
    /// Its number.
    pub number: i64,
    /// Revision.
    pub revision: u32,
    /// What happened.
    pub change: SmolStr,
    /// Status after it.
    pub status: SmolStr,
    /// Level after it.
    pub level: SmolStr,
    /// The day it is about.
    pub day: Day,
    /// Reasons that hold.
    pub met: Vec<SmolStr>,
    /// Reasons held by a suppression.
    pub held: Vec<SmolStr>,
    /// Reasons assumed.
    pub assumed: Vec<SmolStr>,
    /// Step, code, outcome or suppression that it names.
    pub because: Vec<SmolStr>,
}

impl Seen {
    /// Reads a decoded alert; none if it is of another rule.
    pub(super) fn of(tree: &Tree, at: StreamTime, rule: &str) -> Option<Self> {
        let household = tree.text("household")?.clone();
        let number = tree.int("episode_number")?;
        // A restricted alert does not name its rule; the id of the episode does, to whoever knows it.
        let of_rule = EpisodeId::derive(rule, &EntityId(household), u32::try_from(number).ok()?);
        if *tree.text("id")? != of_rule.0 {
            return None;
        }
        let with = |flag: &str| {
            let reasons = tree.list("reasons").iter().filter(|reason| reason.flag(flag));
            let mut ids: Vec<SmolStr> = reasons.filter_map(|reason| reason.text("id").cloned()).collect();
            ids.sort();
            ids
        };
        let because = ["escalation.step", "reason_code", "outcome", "suppression.rule"]
            .map(|path| tree.text(path).cloned());
        Some(Self {
            at,
            about: tree.text("household")?.clone(),
            episode: tree.text("episode")?.clone(),
            number: tree.int("episode_number")?,
            revision: u32::try_from(tree.int("revision")?).ok()?,
            change: tree.text("change")?.clone(),
            status: tree.text("status")?.clone(),
            level: tree.text("level")?.clone(),
            day: Day(i32::try_from(tree.int("occurred_on")?).ok()?),
            met: with("met"),
            held: with("held"),
            assumed: with("assumed"),
            because: because.into_iter().flatten().collect(),
        })
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}, reasons [{}]", self.at, self.change, self.level, self.met.join(", "))?;
        for (word, ids) in [("held", &self.held), ("assumed", &self.assumed), ("because", &self.because)] {
            if !ids.is_empty() {
                write!(f, ", {word} [{}]", ids.join(", "))?;
            }
        }
        Ok(())
    }
}

/// What is wrong with the written run.
pub(super) fn judge(file: &TestFile, case: &Case, pack: &Pack, played: &Played) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut fail = |span: &std::ops::Range<usize>, expected: String, found: Vec<String>| {
        failures.push(Failure { way: Way::Written, span: span.clone(), expected, found });
    };
    let lines = |seen: &[Seen]| seen.iter().map(Seen::to_string).collect::<Vec<_>>();
    let mut from = 0;
    for expect in &case.expect {
        let rest = played.seen.get(from..).unwrap_or_default();
        match rest.iter().position(|seen| meets(expect, file.start, seen)) {
            Some(at) => from += at + 1,
            None => fail(&expect.span, describe(expect), lines(rest)),
        }
    }
    for never in &case.never {
        let wrong: Vec<&Seen> = played.seen.iter().filter(|seen| forbids(never, file.start, seen)).collect();
        if !wrong.is_empty() {
            fail(&never.span, describe_never(never), wrong.iter().map(|seen| seen.to_string()).collect());
        }
    }
    if let (Some(not), Some(rule)) = (&case.expect_not, pack.crisis_rule(&file.rule)) {
        match &played.decision {
            Some(decision) => {
                for (expected, found) in differences(not, pack, rule, decision, played.ends.day()) {
                    fail(&not.span, expected, vec![found]);
                }
            }
            None => fail(&not.span, String::from("a household that the rule knows"), Vec::new()),
        }
    }
    failures
}

fn meets(expect: &Expect, start: StreamTime, seen: &Seen) -> bool {
    let exactly = |wanted: &Option<Vec<SmolStr>>, found: &[SmolStr]| {
        wanted.as_ref().is_none_or(|wanted| {
            let mut wanted = wanted.clone();
            wanted.sort();
            wanted == found
        })
    };
    seen.change == expect.change.as_str()
        && expect.at.meets(start, seen.at)
        && expect.level.is_none_or(|level| seen.level == level.as_str())
        && expect.because.as_ref().is_none_or(|because| seen.because.contains(because))
        && expect.episode.is_none_or(|number| seen.number == i64::from(number))
        && exactly(&expect.reasons, &seen.met)
        && exactly(&expect.held, &seen.held)
        && exactly(&expect.assumed, &seen.assumed)
}

fn forbids(never: &Never, start: StreamTime, seen: &Seen) -> bool {
    let levels = ["watch", "high", "critical"];
    let rank = |level: &str| levels.iter().position(|known| *known == level);
    never.change.is_none_or(|change| seen.change == change.as_str())
        && never.level.is_none_or(|level| rank(&seen.level) >= rank(level.as_str()))
        && never.before.is_none_or(|before| {
            let before = before.from(start);
            // A day is meant whole: what comes on it is not before it.
            seen.at < before && seen.at.day() < before.day() || seen.at < before.day().start()
        })
        && never.after.is_none_or(|after| seen.at >= after.from(start))
}

fn describe(expect: &Expect) -> String {
    let mut text = format!("{} {}", expect.at, expect.change.as_str());
    if let Some(level) = expect.level {
        text.push_str(&format!(": {}", level.as_str()));
    }
    let lists = [("reasons", &expect.reasons), ("held", &expect.held), ("assumed", &expect.assumed)];
    for (word, ids) in lists {
        if let Some(ids) = ids {
            text.push_str(&format!(", {word} [{}]", ids.join(", ")));
        }
    }
    if let Some(because) = &expect.because {
        text.push_str(&format!(", because [{because}]"));
    }
    text
}

fn describe_never(never: &Never) -> String {
    let mut text = format!("never {}", never.change.map_or("any record", |change| change.as_str()));
    if let Some(level) = never.level {
        text.push_str(&format!(" at {} or above", level.as_str()));
    }
    if let Some(before) = never.before {
        text.push_str(&format!(" before {before}"));
    }
    if let Some(after) = never.after {
        text.push_str(&format!(" from {after} on"));
    }
    text
}

/// How the rule's answer at the end differs from what a test expects of its silence.
fn differences(
    not: &ExpectNot,
    pack: &Pack,
    rule: &CrisisRule,
    decision: &Decision,
    today: Day,
) -> Vec<(String, String)> {
    let of_when = |wanted: &dyn Fn(u64) -> bool| {
        let reasons = rule.reasons.iter().enumerate().filter(|(at, reason)| !reason.also && wanted(1 << at));
        let mut ids: Vec<SmolStr> = reasons.map(|(_, reason)| reason.id.clone()).collect();
        ids.sort();
        ids
    };
    let sorted = |ids: &[SmolStr]| {
        let mut ids = ids.to_vec();
        ids.sort();
        ids
    };
    let mut wrong = Vec::new();
    let mut compare = |word: &str, wanted: &[SmolStr], found: Vec<SmolStr>| {
        let wanted = sorted(wanted);
        if wanted != found {
            wrong.push((
                format!("{word} [{}] at the end", wanted.join(", ")),
                format!("{word} [{}]", found.join(", ")),
            ));
        }
    };
    let known = decision.met | decision.unknown | decision.held;
    compare("failing", &not.failing, of_when(&|bit| known & bit == 0));
    compare("unknown", &not.unknown, of_when(&|bit| decision.unknown & bit != 0));
    for (fact, value) in &not.nearest {
        let failing = rule.reasons.iter().filter(|reason| not.failing.contains(&reason.id));
        let found = failing.filter_map(|reason| nearest(pack, rule, reason, fact, today)).next();
        if found.as_ref() != Some(value) {
            let found = found.map_or(String::from("none"), |value| value.to_string());
            wrong.push((format!("nearest {fact}: {value}"), format!("nearest {fact}: {found}")));
        }
    }
    wrong
}

/// The value of a fact at which a condition on it begins to hold.
fn nearest(pack: &Pack, rule: &CrisisRule, reason: &Reason, fact: &str, today: Day) -> Option<Value> {
    let Ask::Field(tests) = &rule.nodes.get(usize::from(reason.node))?.ask else { return None };
    let FieldTest { test, .. } = tests.iter().find(|test| test.field == fact)?;
    let value = |operand: &Operand| match operand {
        Operand::Const(value) => Some(value.clone()),
        Operand::Param(at) => pack.params.get(*at)?.on(today).cloned(),
    };
    match test {
        Test::Compare(all) => all.iter().find_map(|(cmp, operand)| match (cmp, value(operand)?) {
            (Cmp::Gt, Value::Int(n)) => Some(Value::Int(n + 1)),
            (Cmp::Lt, Value::Int(n)) => Some(Value::Int(n - 1)),
            (Cmp::Ne, _) => None,
            (_, value) => Some(value),
        }),
        Test::In(all) => all.first().and_then(value),
        Test::Between(low, high) => low.as_ref().or(high.as_ref()).and_then(value),
        _ => None,
    }
}

/// What a run decided: each episode's opening day and the last that was said of it.
fn decisions(seen: &[Seen]) -> Vec<String> {
    let mut episodes: Vec<(&SmolStr, &Seen, &Seen)> = Vec::new();
    for record in seen {
        match episodes.iter_mut().find(|(episode, ..)| *episode == &record.episode) {
            Some((_, _, last)) => *last = record,
            None => episodes.push((&record.episode, record, record)),
        }
    }
    let mut lines: Vec<String> = episodes
        .into_iter()
        .map(|(_, first, last)| {
            let reasons = last.met.join(", ");
            format!(
                "episode {} about {}: {} {}, reasons [{reasons}]",
                first.number, first.day, last.status, last.level
            )
        })
        .collect();
    lines.sort();
    lines
}

/// What differs between the written run and another.
pub(super) fn same(case: &Case, way: Way, written: &[Seen], other: &[Seen]) -> Option<Failure> {
    let agrees = match way {
        // The same records at the same times: nothing may differ.
        Way::Doubled | Way::Restarted | Way::Written => written == other,
        Way::Shuffled => decisions(written) == decisions(other),
    };
    let lines = |seen: &[Seen]| match way {
        Way::Shuffled => decisions(seen),
        Way::Doubled | Way::Restarted | Way::Written => seen.iter().map(Seen::to_string).collect(),
    };
    (!agrees).then(|| Failure {
        way,
        span: case.span.clone(),
        expected: format!("as written: {}", lines(written).join("; ")),
        found: lines(other),
    })
}
