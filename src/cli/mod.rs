//! The `ieum` command. Data goes to stdout, everything else to stderr; colour respects NO_COLOR and pipes; an exit
//! code means something.

mod alerts;
mod args;
mod check;
mod collect;
mod connect;
mod control;
mod demo;
mod diagnostics;
mod exit;
mod explain;
mod files;
mod inspect;
mod log;
mod manual;
mod output;
mod pages;
mod recorded;
mod rules;
mod run;
mod simulate;
mod status;
mod stop;
mod topics;
mod tree;
mod unpark;
mod writer;

use args::{Args, Command};
use clap::Parser;
use std::process::ExitCode;

/// Parses the command line and runs it.
pub fn main() -> ExitCode {
    let args = Args::parse();
    output::choose_colour(args.color);
    let outcome = match &args.command {
        Command::Check(args) => check::run(args),
        Command::Collect(args) => collect::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Rules(args) => rules::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Run(args) => run::run(args),
        Command::Alerts(args) => alerts::run(args),
        Command::Simulate(args) => simulate::run(args),
        Command::Log(args) => log::run(args),
        Command::Status(args) => status::run(args),
        Command::State(args) => inspect::run(args),
        Command::Topics(args) => topics::run(args),
        Command::Completions(args) => manual::completions(args),
        Command::Man(args) => manual::man(args),
    };
    let exit = outcome.unwrap_or_else(|stop| {
        if !stop.told.is_empty() {
            output::error(&stop.told);
        }
        stop.exit
    });
    exit.into()
}
