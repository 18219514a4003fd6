//! `ieum rules publish`: the pack's content into its topic, then the record that switches to it.

use super::{load, summary};
use crate::cli::connect::Connect;
use crate::cli::control;
use crate::cli::diagnostics::{Format, Found};
use crate::cli::exit::{Exit, Outcome, Stop};
use crate::cli::files::{Files, Folders};
use crate::cli::output;
use crate::config::{ClockKind, KafkaConfig};
use crate::contracts::Contracts;
use crate::engine::lane::io::{Failure, Outgoing};
use crate::engine::layout::{Layout, PACKS_TOPIC};
use crate::engine::message::{Clock, ControlMessage};
use crate::publish::Plain;
use crate::runtime::pack_records;
use crate::types::PackHash;
use std::time::Duration;

/// Publish the pack: all stages switch to it at one place of their logs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum rules publish --config deploy/local.toml\n  ieum rules publish --config ieum.toml --rules my/rules\n\n\
                        Exit codes: 0 published, 1 the pack has mistakes, 4 broker not reachable, 5 the control log is empty and no\n\
                        configuration file says which clock it is to have."
)]
pub(super) struct Publish {
    #[command(flatten)]
    folders: Folders,
    #[command(flatten)]
    connect: Connect,
}

pub(super) fn run(args: &Publish) -> Outcome {
    let config = args.connect.config()?;
    let mut found = Found::default();
    let loaded = load(&args.folders, &mut found)?;
    found.tell(Format::Text);
    let Some(loaded) = loaded.filter(|_| found.errors() == 0) else { return Err(Stop::told(Exit::Found)) };
    let Some(pack) = &loaded.pack else { return Err(Stop::told(Exit::Found)) };
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
    publish(&config.kafka, &loaded.contracts, &loaded.files, pack.hash, first)?;
    output::line(format_args!("{}", pack.hash));
    output::note(format_args!("published {}", summary(pack, &loaded.tests)));
    Ok(Exit::Ok)
}

/// Writes a pack's content and, once it is there, the switch to it; first the clock, where the log is empty.
pub(in crate::cli) fn publish(
    kafka: &KafkaConfig,
    contracts: &Contracts,
    files: &Files,
    hash: PackHash,
    clock: Option<Clock>,
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
    producer.say(&ControlMessage::Pack { hash })?;
    producer.flush(DELIVERY).map(drop)
}
