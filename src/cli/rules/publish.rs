//! `ieum rules publish`: the pack's tests, then its content into its topic, then the record that switches to it.

use super::switches::{self, Signed};
use super::{load, summary, test};
use crate::cli::connect::Connect;
use crate::cli::control;
use crate::cli::diagnostics::{Format, Found, counted};
use crate::cli::exit::{Exit, Outcome, Stop};
use crate::cli::files::{Files, Folders};
use crate::cli::output;
use crate::config::{ClockKind, KafkaConfig};
use crate::contracts::Contracts;
use crate::engine::lane::io::{Failure, Outgoing};
use crate::engine::layout::{Layout, PACKS_TOPIC};
use crate::engine::message::{Clock, ControlMessage};
use crate::publish::Plain;
use crate::rules::plan::Pack;
use crate::rules::testfile::TestFile;
use crate::runtime::pack_records;
use crate::types::PackHash;
use std::sync::Arc;
use std::time::Duration;

/// Publish the pack once its tests pass: all stages switch to it at one place of their logs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum rules publish --config deploy/local.toml\n  ieum rules publish --config ieum.toml --rules my/rules --comment \"stricter from March\"\n\n\
                        The hash of what was published goes to stdout, all else to stderr.\n\n\
                        Exit codes: 0 published, 1 the pack has mistakes or a test case fails, 4 broker not reachable, 5 the control\n\
                        log is empty and no configuration file says which clock it is to have."
)]
pub(super) struct Publish {
    #[command(flatten)]
    folders: Folders,
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    signed: Signed,
    /// Publish without running the tests beside the rules.
    #[arg(long)]
    skip_tests: bool,
}

pub(super) fn run(args: &Publish) -> Outcome {
    let config = args.connect.config()?;
    let mut found = Found::default();
    let loaded = load(&args.folders, &mut found)?;
    found.tell(Format::Text);
    let Some(loaded) = loaded.filter(|_| found.errors() == 0) else { return Err(Stop::told(Exit::Found)) };
    let Some(pack) = loaded.pack else { return Err(Stop::told(Exit::Found)) };
    let (contracts, pack) = (Arc::new(loaded.contracts), Arc::new(pack));
    // Before the broker is asked for anything: a pack that fails its own tests is nobody else's business.
    let tested = if args.skip_tests { Tested::Skipped } else { tested(&loaded.tests, &contracts, &pack)? };
    let clock = match config.application.clock {
        ClockKind::Append => Clock::Append,
        ClockKind::Declared => Clock::Declared,
    };
    let said = control::read(&config.kafka)?;
    if !said.begun && args.connect.config.is_none() {
        let told = "the control log is empty, and its first record fixes the clock: name the installation's configuration \
                    with --config, or start \"ieum run\" first";
        return Err(Stop::new(Exit::Refused, told));
    }
    let first = (!said.begun).then_some(clock);
    publish(&config.kafka, &contracts, &loaded.files, pack.hash, first, &args.signed)?;
    output::line(format_args!("{}", pack.hash));
    output::note(format_args!("published {}; {}", summary(&pack, &loaded.tests), tested.told()));
    Ok(Exit::Ok)
}

/// What the tests had to say before a pack was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tested {
    /// So many cases, all of which passed.
    Passed(usize),
    /// The user did not want them run.
    Skipped,
}

impl Tested {
    fn told(self) -> String {
        match self {
            Self::Passed(0) => String::from("no case tests it"),
            Self::Passed(cases) => format!("{} passed", counted(cases, "case")),
            Self::Skipped => String::from("its tests were NOT run (--skip-tests)"),
        }
    }
}

/// Plays every case; those that fail are told, and one is enough to stop.
fn tested(tests: &[TestFile], contracts: &Arc<Contracts>, pack: &Arc<Pack>) -> Result<Tested, Stop> {
    let results = test::play(tests, contracts, pack, &|_| true, |result| {
        if !result.passed() {
            output::note(format_args!("{}", test::told(result)));
        }
    });
    match results.iter().filter(|result| !result.passed()).count() {
        0 => Ok(Tested::Passed(results.len())),
        failed => {
            let told = format!(
                "{failed} of {} failed, so nothing was published; \"ieum rules test\" shows all, --skip-tests publishes \
                 without them",
                counted(results.len(), "case")
            );
            Err(Stop::new(Exit::Found, told))
        }
    }
}

/// Writes a pack's content and, once it is there, the switch to it; first the clock, where the log is empty.
pub(in crate::cli) fn publish(
    kafka: &KafkaConfig,
    contracts: &Contracts,
    files: &Files,
    hash: PackHash,
    clock: Option<Clock>,
    signed: &Signed,
) -> Result<(), Failure> {
    const DELIVERY: Duration = Duration::from_secs(30);
    let layout = Layout::new(contracts.layout());
    let mut producer = Plain::open(kafka)?;
    if let Some(clock) = clock {
        producer.say(&ControlMessage::Clock(clock))?;
    }
    for (key, value) in pack_records(&hash, files.iter(), contracts) {
        producer.send(&Outgoing {
            topic: PACKS_TOPIC,
            partition: layout.partition(PACKS_TOPIC, &key),
            key: Some(key.as_bytes()),
            value: Some(&value),
            headers: &[],
        })?;
    }
    producer.flush(DELIVERY)?;
    switches::say(&mut producer, hash, signed)?;
    producer.flush(DELIVERY).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_the_tests_tells_run_from_not_run() {
        assert_eq!(Tested::Passed(1).told(), "1 case passed");
        assert_eq!(Tested::Passed(12).told(), "12 cases passed");
        assert_eq!(Tested::Passed(0).told(), "no case tests it");
        assert!(Tested::Skipped.told().contains("NOT run"));
    }
}
