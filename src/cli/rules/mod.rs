//! `ieum rules`: what an author does with a pack.

mod backtest;
mod check;
mod diff;
mod explain;
mod history;
mod mutate;
mod publish;
mod report;
mod rollback;
mod schema;
mod switches;
mod test;
mod why_not;

pub(super) use publish::publish;
pub(super) use switches::Signed;

use super::diagnostics::Found;
use super::exit::Outcome;
use super::files::{Files, Folders};
use crate::contracts::Contracts;
use crate::rules::plan::Pack;
use crate::rules::testfile::{self, TestFile};

/// Rules: check, test, compare, question and publish a pack.
#[derive(Debug, clap::Args)]
pub(super) struct Rules {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Check),
    Test(test::Test),
    Diff(diff::DiffArgs),
    WhyNot(why_not::WhyNot),
    Explain(explain::ExplainArgs),
    Backtest(backtest::Backtest),
    Report(report::Report),
    Schema(schema::Schema),
    Publish(publish::Publish),
    History(history::History),
    Rollback(rollback::Rollback),
}

pub(super) fn run(args: &Rules) -> Outcome {
    match &args.command {
        Command::Check(args) => check::run(args),
        Command::Test(args) => test::run(args),
        Command::Diff(args) => diff::run(args),
        Command::WhyNot(args) => why_not::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Backtest(args) => backtest::run(args),
        Command::Report(args) => report::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Publish(args) => publish::run(args),
        Command::History(args) => history::run(args),
        Command::Rollback(args) => rollback::run(args),
    }
}

/// A pack with its contracts and tests, as far as they load.
pub(super) struct Loaded {
    pub(super) files: Files,
    pub(super) contracts: Contracts,
    pub(super) pack: Option<Pack>,
    pub(super) tests: Vec<TestFile>,
}

/// Loads contracts, rules and their tests; none if the contracts have a mistake.
pub(super) fn load(folders: &Folders, found: &mut Found) -> Result<Option<Loaded>, super::exit::Stop> {
    let (topics, files) = (folders.topics()?, folders.rules()?);
    let Some(contracts) = super::check::contracts(&topics, found) else { return Ok(None) };
    let (pack, mistakes) = crate::rules::load(files.iter(), &contracts);
    found.add(&files.folder, &files.texts, mistakes);
    let mut tests = Vec::new();
    if let Some(pack) = &pack {
        let mistakes;
        (tests, mistakes) = testfile::read_all(files.iter(), pack, &contracts);
        found.add(&files.folder, &files.texts, mistakes);
    }
    Ok(Some(Loaded { files, contracts, pack, tests }))
}

/// `6 rules, 1 suppression, 12 cases, pack 1a2b3c4d5e6f`.
pub(super) fn summary(pack: &Pack, tests: &[TestFile]) -> String {
    use super::diagnostics::counted;
    let cases = tests.iter().map(|test| test.cases.len()).sum();
    format!(
        "{}, {}, {}, {}, pack {}",
        counted(pack.crisis.len(), "rule"),
        counted(pack.suppressions.len(), "suppression"),
        counted(pack.params.len(), "param"),
        counted(cases, "test case"),
        pack.hash.short()
    )
}
