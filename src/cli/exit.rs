//! How the program ends.

use crate::engine::lane::io::Failure;
use std::process::ExitCode;

/// Exit codes, as `--help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done.
    Ok = 0,
    /// It ran and found something wrong: a rule that does not load, a test that fails, an action refused.
    Found = 1,
    // 2 is clap's: the command line itself is wrong.
    /// The configuration is wrong.
    Config = 3,
    /// The broker cannot be reached, or does not answer in time.
    Broker = 4,
    /// Refused, because going on could do harm.
    Refused = 5,
    /// A source could not be read to its end. What came is written.
    Source = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that cannot go on: how it ends and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) exit: Exit,
    /// What happened; empty if it has been told already.
    pub(super) told: String,
}

impl Stop {
    pub(super) fn new(exit: Exit, told: impl Into<String>) -> Self {
        Self { exit, told: told.into() }
    }

    /// What was found has been told already.
    pub(super) fn told(exit: Exit) -> Self {
        Self { exit, told: String::new() }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::new(Exit::Broker, failure.to_string())
    }
}

/// What a command comes to.
pub(super) type Outcome = Result<Exit, Stop>;
