//! `ieum alerts`: a caseworker's terminal.

mod act;
mod list;
mod show;
mod view;

pub(super) use view::{Alert, LEVELS, minutes};

use super::connect::Connect;
use super::exit::{Exit, Outcome, Stop};
use super::tree::Labels;
use crate::config::KafkaConfig;
use crate::contracts::{Contracts, builtin};
use crate::engine::layout::{ALERTS_TOPIC, RESTRICTED_TOPIC};
use crate::ingest::{Tail, TailFrom};
use crate::types::SmolStr;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Alerts: what is open, why, and an action that comes back.
#[derive(Debug, clap::Args)]
pub(super) struct Alerts {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(list::List),
    Show(show::Show),
    Act(act::Act),
}

pub(super) fn run(args: &Alerts) -> Outcome {
    match &args.command {
        Command::List(args) => list::run(args),
        Command::Show(args) => show::run(args),
        Command::Act(args) => act::run(args),
    }
}

/// Which alerts, of which broker.
#[derive(Clone, Debug, clap::Args)]
struct Which {
    #[command(flatten)]
    connect: Connect,
    /// Those of alerts.restricted, which only entrusted people may read.
    #[arg(long)]
    restricted: bool,
}

/// The alerts of a broker, read once.
struct Inbox {
    kafka: KafkaConfig,
    topic: &'static str,
    contracts: Contracts,
    labels: Labels,
    /// The newest revision of each.
    alerts: BTreeMap<SmolStr, Alert>,
    /// Records that are no alert of this contract.
    unreadable: usize,
}

/// Longest wait for the end of the topic, between two records.
const PATIENCE: Duration = Duration::from_secs(15);

impl Inbox {
    fn read(which: &Which) -> Result<Self, Stop> {
        let topic = if which.restricted { RESTRICTED_TOPIC } else { ALERTS_TOPIC };
        Self::of(which.connect.config()?.kafka, topic)
    }

    /// Reads the topic to its end.
    fn of(kafka: KafkaConfig, topic: &'static str) -> Result<Self, Stop> {
        let contracts = builtin();
        let labels = Labels::of(&contracts, topic);
        let mut inbox = Self { kafka, topic, contracts, labels, alerts: BTreeMap::new(), unreadable: 0 };
        let mut tail = Tail::open(&inbox.kafka, &[topic], TailFrom::Beginning)?;
        let mut deadline = Instant::now() + PATIENCE;
        while !tail.has_caught_up() {
            if let Some(record) = tail.poll(Duration::from_millis(100))? {
                inbox.take(record.value.as_deref());
                deadline = Instant::now() + PATIENCE;
            } else if Instant::now() >= deadline {
                return Err(Stop::new(Exit::Broker, format!("{topic} cannot be read to its end")));
            }
        }
        if inbox.unreadable > 0 {
            let count = inbox.unreadable;
            super::output::note(format_args!(
                "{count} records of {topic} are of another schema and left out"
            ));
        }
        Ok(inbox)
    }

    fn take(&mut self, value: Option<&[u8]>) {
        match self.decode(value) {
            Some(alert) => {
                let known = self.alerts.get(&alert.id()).map_or(0, Alert::revision);
                if alert.revision() >= known {
                    self.alerts.insert(alert.id(), alert);
                }
            }
            None => self.unreadable += 1,
        }
    }

    fn decode(&self, value: Option<&[u8]>) -> Option<Alert> {
        decode(&self.contracts, self.topic, value)
    }

    /// The one alert whose id begins so.
    fn find(&self, id: &str) -> Result<&Alert, Stop> {
        let mut near = self.alerts.range(SmolStr::new(id)..).take_while(|(known, _)| known.starts_with(id));
        match (near.next(), near.next()) {
            (Some((_, alert)), None) => Ok(alert),
            (Some(_), Some(_)) => {
                Err(Stop::new(Exit::Found, format!("several alerts begin with {id:?}; write more of the id")))
            }
            _ => {
                Err(Stop::new(Exit::Found, format!("no alert {id:?}; \"ieum alerts list --all\" lists them")))
            }
        }
    }
}

/// The newest revision of every alert of `alerts.crisis`.
pub(super) fn newest(kafka: KafkaConfig) -> Result<Vec<Alert>, Stop> {
    Ok(Inbox::of(kafka, ALERTS_TOPIC)?.alerts.into_values().collect())
}

/// Reads one record of a topic of alerts.
pub(super) fn decode(contracts: &Contracts, topic: &str, value: Option<&[u8]>) -> Option<Alert> {
    contracts.topic(topic)?.decode_tree(value?).ok().map(Alert::new)
}
