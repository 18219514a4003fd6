//! `ieum topics`: what the contracts ask of a cluster, what differs there, and making it so.

use super::connect::Connect;
use super::diagnostics::{Format, Found, counted};
use super::exit::{Exit, Outcome, Stop};
use super::files::Folders;
use super::output::{self, Table, YELLOW};
use crate::contracts::{Cleanup, Contracts, Route, Topic};
use crate::runtime::admin::{Admin, Difference};

/// Topics as the contracts declare them.
#[derive(Debug, clap::Args)]
pub(super) struct Topics {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Plan(Plan),
    Apply(Apply),
}

/// Show every topic with partitions, cleanup and retention; with a broker, what differs there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ieum topics plan                              no network\n  \
                        ieum topics plan --config ieum.toml           what \"apply\" would do\n  \
                        ieum topics plan --json | jq '.topics[] | select(.route == \"internal\")'\n\n\
                        Exit codes: 0 nothing differs (or no broker was named), 1 something differs, 4 broker not reachable.")]
struct Plan {
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    folders: Folders,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Create what is missing and set what differs. A number of partitions is never changed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum topics apply\n  ieum topics apply --config ieum.toml --replication 3\n\n\
                        Exit codes: 0 the cluster is as the contracts say, 4 broker not reachable or it refused, 5 a topic has another\n\
                        number of partitions: where its records lie depends on it."
)]
struct Apply {
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    folders: Folders,
    /// Copies of each new topic; without it the broker's default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=100))]
    replication: Option<i32>,
}

pub(super) fn run(args: &Topics) -> Outcome {
    match &args.command {
        Command::Plan(args) => plan(args),
        Command::Apply(args) => apply(args),
    }
}

fn plan(args: &Plan) -> Outcome {
    let contracts = load(&args.folders)?;
    if args.connect.config.is_some() || args.connect.brokers.is_some() {
        return differences(args, &contracts);
    }
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
                .map_or_else(|| String::from("for ever"), |days| counted(usize::from(days), "day")),
            route(topic).to_owned(),
            topic.purpose.clone(),
        ]);
    }
    table.print();
    let partitions: i32 = contracts.topics().map(|topic| topic.partitions).sum();
    output::note(format_args!("{}, {partitions} partitions", counted(contracts.topics().count(), "topic")));
    Ok(Exit::Ok)
}

fn differences(args: &Plan, contracts: &Contracts) -> Outcome {
    let found = Admin::open(&args.connect.config()?.kafka)?.plan(contracts)?;
    if args.json {
        let found: Vec<_> = found.iter().map(difference_json).collect();
        output::json(&serde_json::json!({"differences": found}));
    } else {
        found.iter().for_each(tell);
        let count = counted(found.len(), "difference");
        output::note(format_args!("{count} between the cluster and the contracts"));
    }
    Ok(if found.is_empty() { Exit::Ok } else { Exit::Found })
}

fn apply(args: &Apply) -> Outcome {
    let contracts = load(&args.folders)?;
    let admin = Admin::open(&args.connect.config()?.kafka)?;
    let found = admin.plan(&contracts)?;
    let (mended, left): (Vec<_>, Vec<_>) = found.into_iter().partition(Difference::is_applicable);
    admin.apply(&mended, args.replication.unwrap_or(0))?;
    mended.iter().for_each(tell);
    output::note(format_args!("{} applied", counted(mended.len(), "change")));
    if left.is_empty() {
        return Ok(Exit::Ok);
    }
    left.iter().for_each(tell);
    let told =
        "the number of partitions of a topic that has records is not changed: their place depends on it";
    Err(Stop::new(Exit::Refused, told))
}

fn tell(difference: &Difference) {
    match difference {
        Difference::Missing { topic, partitions, .. } => {
            output::line(format_args!("create {topic} with {partitions} partitions"));
        }
        Difference::Setting { topic, name, found, wanted } => {
            let found = found.as_deref().unwrap_or("nothing");
            output::line(format_args!("set    {topic} {name} = {wanted} (is {found})"));
        }
        Difference::Partitions { topic, found, wanted } => {
            output::line(format_args!(
                "{YELLOW}leave{YELLOW:#}  {topic} has {found} partitions, its contract says {wanted}"
            ));
        }
    }
}

fn difference_json(difference: &Difference) -> serde_json::Value {
    match difference {
        Difference::Missing { topic, partitions, settings } => serde_json::json!({
            "what": "missing", "topic": topic.as_str(), "partitions": partitions, "settings": settings,
        }),
        Difference::Setting { topic, name, found, wanted } => serde_json::json!({
            "what": "setting", "topic": topic.as_str(), "name": name, "found": found, "wanted": wanted,
        }),
        Difference::Partitions { topic, found, wanted } => serde_json::json!({
            "what": "partitions", "topic": topic.as_str(), "found": found, "wanted": wanted,
        }),
    }
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
        Route::Notices => "notices",
        Route::Output => "output",
        Route::Internal => "internal",
    }
}
