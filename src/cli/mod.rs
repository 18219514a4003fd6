//! The `ieum` command. Data goes to stdout, everything else to stderr; colour respects NO_COLOR and pipes; an exit
//! code means something.

mod args;
mod check;
mod output;

use args::{Args, Command};
use clap::Parser;
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Done.
    Ok = 0,
    /// It ran and found something wrong: a rule that does not load, a test that fails, an action refused.
    Found = 1,
    // 2 is clap's: the command line itself is wrong.
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Parses the command line and runs it.
pub fn main() -> ExitCode {
    let args = Args::parse();
    output::choose_colour(args.color);
    match args.command {
        Command::Check(check) => check::run(&check),
    }
    .into()
}
