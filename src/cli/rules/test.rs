//! `ieum rules test`: the cases that stand beside the rules, through the same tasks as in production.

use super::{load, mutate};
use crate::cli::diagnostics::{Format, Found, counted};
use crate::cli::exit::{Exit, Outcome, Stop};
use crate::cli::files::Folders;
use crate::cli::output::{self, GREEN, RED, Table};
use crate::contracts::Contracts;
use crate::rules::plan::Pack;
use crate::rules::testfile::{Case, TestFile};
use crate::sim::ruletest::{self, CaseResult, ConditionCoverage, RuleCoverage};
use std::sync::Arc;

/// Run the tests beside the rules; no network.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum rules test\n  ieum rules test ladder         cases whose rule or name holds the word\n  \
                        ieum rules test --coverage     and in how many cases each condition was true, false, unknown\n  \
                        ieum rules test ladder --mutate\n  \
                        ieum rules test --json | jq '.cases[] | select(.passed | not)'\n\n\
                        Each case is played as written and, on its own, again with its arrivals shuffled, every record sent twice,\n\
                        and a restart halfway.\n\nExit codes: 0 all passed, 1 a case failed, the pack has mistakes, or no case matches."
)]
pub(super) struct Test {
    /// Only cases whose rule or name holds this text.
    #[arg(value_name = "PATTERN")]
    pattern: Option<String>,
    #[command(flatten)]
    folders: Folders,
    /// Show in how many cases each condition was seen true, false and unknown.
    #[arg(long)]
    coverage: bool,
    /// Also change the rules in small ways, one at a time, and show which changes no case notices.
    ///
    /// A number or a window one more and one less, at least for more than, any for all, points that count nothing. Takes five
    /// minutes at most. That a change goes unnoticed is no failure.
    #[arg(long)]
    mutate: bool,
    /// Print one JSON document; it holds the coverage.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Test) -> Outcome {
    let mut found = Found::default();
    let loaded = load(&args.folders, &mut found)?;
    found.tell(Format::Text);
    let Some(loaded) = loaded.filter(|_| found.errors() == 0) else { return Err(Stop::told(Exit::Found)) };
    let Some(pack) = loaded.pack else { return Err(Stop::told(Exit::Found)) };
    let (contracts, pack) = (Arc::new(loaded.contracts), Arc::new(pack));
    let wanted = |text: &str| args.pattern.as_ref().is_none_or(|pattern| text.contains(pattern.as_str()));
    let results = play(&loaded.tests, &contracts, &pack, &wanted, |result| {
        if !args.json {
            output::line(format_args!("{}", told(result)));
        }
    });
    let failed = results.iter().filter(|result| !result.passed()).count();
    let coverage = ruletest::coverage(&pack, &results);
    // A case that fails already notices nothing.
    let trial = (args.mutate && failed == 0).then(|| {
        let cases: Vec<_> = chosen(&loaded.tests, &wanted).collect();
        mutate::run(&loaded.files.texts, &cases, &contracts)
    });
    if args.json {
        output::json(&as_json(&results, &coverage, trial.as_ref()));
    }
    if results.is_empty() {
        return Err(Stop::new(Exit::Found, "no case matches"));
    }
    if args.coverage && !args.json {
        table(&coverage).print();
    }
    let all = counted(results.len(), "case");
    output::note(format_args!("{all}, {} passed, {failed} failed", results.len() - failed));
    // Of some of the cases it would say nothing.
    if args.pattern.is_none() {
        unseen(&coverage).iter().for_each(|line| output::note(format_args!("{line}")));
    }
    match &trial {
        Some(trial) if !args.json => trial.tell(&loaded.files.folder),
        None if args.mutate => {
            output::note(format_args!("changes of the rules are tried once all cases pass"))
        }
        Some(_) | None => {}
    }
    Ok(if failed > 0 { Exit::Found } else { Exit::Ok })
}

/// Plays the cases whose rule or name is wanted, in the order of the files, and hands each on as it ends.
pub(super) fn play(
    tests: &[TestFile],
    contracts: &Arc<Contracts>,
    pack: &Arc<Pack>,
    wanted: &impl Fn(&str) -> bool,
    mut each: impl FnMut(&CaseResult),
) -> Vec<CaseResult> {
    let mut results = Vec::new();
    for (file, case) in chosen(tests, wanted) {
        let result = ruletest::run_case(file, case, contracts, pack);
        each(&result);
        results.push(result);
    }
    results
}

/// The cases whose rule or name is wanted.
fn chosen<'t>(
    tests: &'t [TestFile],
    wanted: &impl Fn(&str) -> bool,
) -> impl Iterator<Item = (&'t TestFile, &'t Case)> {
    let cases = tests.iter().flat_map(|file| file.cases.iter().map(move |case| (file, case)));
    cases.filter(|(file, case)| wanted(&case.name) || wanted(&file.rule))
}

/// A case and what went wrong in it, for a person.
pub(super) fn told(result: &CaseResult) -> String {
    let text = result.to_string();
    let style = if result.passed() { GREEN } else { RED };
    // The word that says how it went stands first.
    let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
    format!("{style}{word}{style:#} {rest}")
}

fn table(coverage: &[RuleCoverage]) -> Table {
    let mut table = Table::new(["RULE", "CONDITION", "TRUE", "FALSE", "UNKNOWN"]);
    for rule in coverage.iter().filter(|rule| rule.cases > 0) {
        for condition in &rule.conditions {
            let ConditionCoverage { id, yes, no, unknown } = condition;
            let marked = |cases: usize| match cases {
                0 => format!("{RED}0{RED:#}"),
                cases => cases.to_string(),
            };
            table.row([
                rule.rule.to_string(),
                id.to_string(),
                marked(*yes),
                marked(*no),
                unknown.to_string(),
            ]);
        }
    }
    table
}

/// What no case has seen, a line each; nothing where all was seen.
fn unseen(coverage: &[RuleCoverage]) -> Vec<String> {
    let of = |is_unseen: fn(&ConditionCoverage) -> bool| {
        let in_rule = |rule: &RuleCoverage| {
            let ids = rule.conditions.iter().filter(|condition| is_unseen(condition));
            let ids: Vec<&str> = ids.map(|condition| condition.id.as_str()).collect();
            (!ids.is_empty()).then(|| format!("{}: {}", rule.rule, ids.join(", ")))
        };
        coverage.iter().filter(|rule| rule.cases > 0).filter_map(in_rule).collect::<Vec<_>>().join("; ")
    };
    let without: Vec<&str> =
        coverage.iter().filter(|rule| rule.cases == 0).map(|rule| rule.rule.as_str()).collect();
    [
        ("without a case", without.join(", ")),
        ("never seen true", of(|condition| condition.yes == 0)),
        ("never seen false", of(|condition| condition.no == 0)),
    ]
    .into_iter()
    .filter(|(_, names)| !names.is_empty())
    .map(|(what, names)| format!("{what}: {names}"))
    .collect()
}

fn as_json(
    results: &[CaseResult],
    coverage: &[RuleCoverage],
    trial: Option<&mutate::Trial>,
) -> serde_json::Value {
    let cases: Vec<_> = results
        .iter()
        .map(|result| {
            let failures: Vec<_> = result
                .failures
                .iter()
                .map(|failure| {
                    serde_json::json!({
                        "run": failure.way.as_str(),
                        "expected": failure.expected,
                        "found": failure.found,
                    })
                })
                .collect();
            serde_json::json!({
                "file": result.file,
                "rule": result.rule,
                "name": result.name,
                "passed": result.passed(),
                "runs": result.ways.iter().map(|way| way.as_str()).collect::<Vec<_>>(),
                "failures": failures,
            })
        })
        .collect();
    let conditions = |rule: &RuleCoverage| -> serde_json::Value {
        let condition = |seen: &ConditionCoverage| serde_json::json!({"id": seen.id, "true": seen.yes, "false": seen.no, "unknown": seen.unknown});
        rule.conditions.iter().map(condition).collect()
    };
    let coverage: Vec<_> = coverage
        .iter()
        .map(|rule| serde_json::json!({"rule": rule.rule, "cases": rule.cases, "conditions": conditions(rule)}))
        .collect();
    // Null where none was made.
    let changes = trial.map(mutate::Trial::to_json);
    serde_json::json!({"cases": cases, "coverage": coverage, "changes": changes})
}
