//! The command line, as `--help` shows it. Each command's own arguments stand beside what it does.

use super::{
    alerts, check, collect, demo, explain, inspect, log, manual, rules, run, simulate, status, topics,
};
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand, ValueEnum};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = "\
Data goes to stdout, everything else to stderr. Colour follows NO_COLOR and is left out of pipes.

Exit codes:
  0  done
  1  it ran and found something wrong: a mistake in a file, a test that fails, an action refused
  2  the command line is wrong
  3  the configuration is wrong
  4  the broker cannot be reached or does not answer in time
  5  refused, because going on could do harm
  6  a source could not be read to its end: what came is written, and the next run goes on";

/// ieum (이음) joins scattered signals of a household in crisis into one explained alert, exactly once.
#[derive(Debug, Parser)]
#[command(name = "ieum", version, styles = STYLES, max_term_width = 100, after_help = AFTER_HELP)]
pub(super) struct Args {
    /// When to colour.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub(super) color: Colour,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Demo(demo::Demo),
    Run(run::Run),
    Check(check::Check),
    Status(status::Status),
    Alerts(alerts::Alerts),
    Rules(rules::Rules),
    Collect(collect::Collect),
    Topics(topics::Topics),
    Simulate(simulate::Simulate),
    Log(log::Log),
    State(inspect::State),
    Explain(explain::Explain),
    Completions(manual::Completions),
    Man(manual::Man),
}
