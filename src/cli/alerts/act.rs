//! `ieum alerts act`: an action goes through the topic of actions and comes back as a revision.

use super::{Alert, Inbox, Which};
use crate::cli::control;
use crate::cli::exit::{Exit, Outcome, Stop};
use crate::cli::output;
use crate::contracts::Tree;
use crate::engine::lane::io::Outgoing;
use crate::engine::layout::Layout;
use crate::ingest::{Tail, TailFrom};
use crate::publish::Plain;
use crate::types::{SmolStr, StreamTime};
use std::time::{Duration, Instant};

const ACTIONS_TOPIC: &str = "casework.actions";

/// Act on an alert and wait for the revision that answers.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ieum alerts act 1f3a9c claimed --actor w-017\n  \
                        ieum alerts act 1f3a9c closed --outcome public_support --actor w-017\n\n\
                        Exit codes: 0 taken, 1 refused (the reason is printed), 4 no answer in time: the action is sent and counts once.")]
pub(super) struct Act {
    /// The alert's id, or the beginning of it.
    #[arg(value_name = "ID")]
    id: String,
    /// What was done.
    #[arg(value_parser = ["claimed", "unclaimed", "attempted", "contacted", "closed"])]
    action: String,
    /// How it ended, on closing.
    #[arg(long, value_name = "CODE", required_if_eq("action", "closed"))]
    outcome: Option<String>,
    /// Pseudonym of the person who acted.
    #[arg(long, value_name = "PSEUDONYM", env = "IEUM_ACTOR")]
    actor: String,
    /// The revision that the person had before them, if not the newest.
    #[arg(long, value_name = "N")]
    revision: Option<i64>,
    /// Longest wait for the answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    wait: u64,
    #[command(flatten)]
    which: Which,
}

pub(super) fn run(args: &Act) -> Outcome {
    let inbox = Inbox::read(&args.which)?;
    let alert = inbox.find(&args.id)?;
    let now = control::now(&inbox.kafka)?;
    let id = format!("cli-{}", uuid::Uuid::new_v4().simple());
    let record = record(args, alert, &id, now);
    let topic = inbox.contracts.topic(ACTIONS_TOPIC).ok_or_else(|| no_topic(ACTIONS_TOPIC))?;
    let value = topic.encode(&record).map_err(|told| Stop::new(Exit::Found, told))?;
    // What will not be read is not sent.
    topic.read(None, Some(&value)).map_err(|reject| Stop::new(Exit::Found, reject.text))?;
    let household = alert.text("household");
    let partition = Layout::new(inbox.contracts.layout()).partition(ACTIONS_TOPIC, household);
    let mut answers = Tail::open(&inbox.kafka, &[inbox.topic], TailFrom::End)?;
    let mut producer = Plain::open(&inbox.kafka)?;
    producer.send(&Outgoing {
        topic: ACTIONS_TOPIC,
        partition,
        key: Some(household.as_bytes()),
        value: Some(&value),
        headers: &[],
    })?;
    producer.flush(Duration::from_secs(10))?;
    let deadline = Instant::now() + Duration::from_secs(args.wait);
    while Instant::now() < deadline {
        let Some(polled) = answers.poll(Duration::from_millis(100))? else { continue };
        let answer = inbox.decode(polled.value.as_deref());
        if let Some(answer) = answer.filter(|answer| answer.text("answers_action") == id) {
            return told(&inbox, &answer);
        }
    }
    let told =
        format!("sent as {id}, but no answer within {} s; \"ieum status\" shows what holds it", args.wait);
    Err(Stop::new(Exit::Broker, told))
}

fn record(args: &Act, alert: &Alert, id: &str, now: StreamTime) -> Tree {
    let text = |text: &str| Tree::Text(SmolStr::new(text));
    let fields = [
        ("action_id", text(id)),
        ("household", text(alert.text("household"))),
        ("episode", text(alert.text("episode"))),
        ("alert_revision", Tree::Int(args.revision.unwrap_or_else(|| alert.revision()))),
        ("action", text(&args.action)),
        ("outcome", args.outcome.as_deref().map_or(Tree::Null, text)),
        ("actor", text(&args.actor)),
        ("acted_at", Tree::Int(now.0)),
    ];
    Tree::Record(fields.map(|(name, value)| (SmolStr::new_static(name), value)).into())
}

fn told(inbox: &Inbox, answer: &Alert) -> Outcome {
    let refused = answer.text("action_refused");
    if !refused.is_empty() {
        let why = inbox.labels.of_code("action_refused", refused);
        return Err(Stop::new(Exit::Found, format!("refused ({refused}): {why}")));
    }
    let status = inbox.labels.of_code("status", answer.text("status"));
    output::line(format_args!("{} 개정 {}: {status}", answer.id(), answer.revision()));
    Ok(Exit::Ok)
}

fn no_topic(name: &str) -> Stop {
    Stop::new(Exit::Config, format!("the contracts have no topic {name:?}"))
}
