//! How the program ends.

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
    // 4: the broker cannot be reached; 5: refused for safety.
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

/// What a command comes to.
pub(super) type Outcome = Result<Exit, Stop>;
