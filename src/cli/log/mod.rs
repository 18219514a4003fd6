//! `ieum log`: recorded logs, of which questions can be asked afterwards without a broker.

mod record;
mod show;

pub(super) use record::record;

use super::exit::Outcome;

/// Recorded logs: write what a broker retains into a file, and show what is in one.
#[derive(Debug, clap::Args)]
pub(super) struct Log {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Record(record::Record),
    Show(show::Show),
}

pub(super) fn run(args: &Log) -> Outcome {
    match &args.command {
        Command::Record(args) => record::run(args),
        Command::Show(args) => show::run(args),
    }
}
