//! The command line, as `--help` shows it.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// ieum (이음) joins scattered signals of a household in crisis into one explained alert, exactly once.
#[derive(Debug, Parser)]
#[command(name = "ieum", version, styles = STYLES, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 something was found wrong, 2 wrong command line, 3 wrong configuration,\n\
                        4 broker not reachable, 5 refused for safety."
)]
pub(super) struct Args {
    /// When to colour: NO_COLOR is respected.
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
    /// Check configuration, topics and rules; no network.
    Check(Check),
}

#[derive(Debug, clap::Args)]
pub(super) struct Sources {
    /// Read topics from this folder instead of those built in.
    #[arg(long, value_name = "DIR")]
    pub(super) topics: Option<PathBuf>,
    /// Read rules from this folder instead of those built in.
    #[arg(long, value_name = "DIR")]
    pub(super) rules: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// Configuration file to check as well.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) sources: Sources,
}
