//! `ieum topics`: what the contracts ask of a cluster.

use super::diagnostics::{Format, Found, counted};
use super::exit::{Exit, Outcome, Stop};
use super::files::Folders;
use super::output::{self, Table};
use crate::contracts::{Cleanup, Contracts, Route, Topic};

/// Topics as the contracts declare them.
#[derive(Debug, clap::Args)]
pub(super) struct Topics {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Plan(Plan),
}

/// Show every topic with partitions, cleanup and retention; no network.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum topics plan\n  ieum topics plan --json | jq '.topics[] | select(.route == \"internal\")'"
)]
struct Plan {
    #[command(flatten)]
    folders: Folders,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Topics) -> Outcome {
    match &args.command {
        Command::Plan(args) => plan(args),
    }
}

fn plan(args: &Plan) -> Outcome {
    let contracts = load(&args.folders)?;
    if args.json {
        let topics: Vec<_> = contracts.topics().map(as_json).collect();
        output::json(&serde_json::json!({"topics": topics}));
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(["TOPIC", "PARTITIONS", "CLEANUP", "RETENTION", "ROUTE", "PURPOSE"]);
    for topic in contracts.topics() {
        table.row([
            topic.name.to_string(),
            topic.partitions.to_string(),
            cleanup(topic).to_owned(),
            topic
                .retention_days
                .map_or_else(|| String::from("for ever"), |days| counted(days as usize, "day")),
            route(topic).to_owned(),
            topic.purpose.clone(),
        ]);
    }
    table.print();
    let partitions: i32 = contracts.topics().map(|topic| topic.partitions).sum();
    output::note(format_args!("{}, {partitions} partitions", counted(contracts.topics().count(), "topic")));
    Ok(Exit::Ok)
}

/// Contracts without a mistake; else the mistakes are told.
pub(super) fn load(folders: &Folders) -> Result<Contracts, Stop> {
    let mut found = Found::default();
    super::check::contracts(&folders.topics()?, &mut found).ok_or_else(|| {
        found.tell(Format::Text);
        Stop::told(Exit::Found)
    })
}

fn as_json(topic: &Topic) -> serde_json::Value {
    let configs: serde_json::Map<String, serde_json::Value> =
        topic.configs().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    serde_json::json!({
        "name": topic.name.as_str(),
        "partitions": topic.partitions,
        "route": route(topic),
        "purpose": topic.purpose,
        "configs": configs,
    })
}

fn cleanup(topic: &Topic) -> &'static str {
    match topic.cleanup {
        Cleanup::Delete => "delete",
        Cleanup::Compact => "compact",
    }
}

fn route(topic: &Topic) -> &'static str {
    match topic.route {
        Route::Subject => "subject",
        Route::Household => "household",
        Route::AllHouseholds => "all-households",
        Route::Control => "control",
        Route::Output => "output",
        Route::Internal => "internal",
    }
}
