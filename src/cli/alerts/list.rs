//! `ieum alerts list`: what is open, gravest first.

use super::{Alert, Inbox, LEVELS, Which, minutes};
use crate::cli::exit::{Exit, Outcome};
use crate::cli::output::{self, Table};
use crate::cli::tree;

/// List open alerts, gravest first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum alerts list\n  ieum alerts list --level critical --region 11680\n  \
                        ieum alerts list --all --json | jq length"
)]
pub(super) struct List {
    #[command(flatten)]
    which: Which,
    /// Closed, withdrawn and suppressed ones too.
    #[arg(long)]
    all: bool,
    /// Only this level.
    #[arg(long, value_parser = LEVELS)]
    level: Option<String>,
    /// Only regions whose code begins so.
    #[arg(long, value_name = "CODE")]
    region: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print the records as one JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &List) -> Outcome {
    let inbox = Inbox::read(&args.which)?;
    let mut alerts: Vec<&Alert> = inbox.alerts.values().filter(|alert| matches(args, alert)).collect();
    alerts.sort_by_key(|alert| alert.order());
    let total = alerts.len();
    alerts.truncate(args.limit);
    if args.json {
        output::json(&alerts.iter().map(|alert| tree::json(alert.tree())).collect::<Vec<_>>().into());
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(["알림", "단계", "상태", "기한", "지역", "사유"]);
    for alert in &alerts {
        table.row([
            alert.id().chars().take(10).collect(),
            alert.level(&inbox.labels),
            inbox.labels.of_code("status", alert.text("status")).to_owned(),
            alert.deadline().map_or_else(|| String::from("-"), minutes),
            alert.region().to_owned(),
            alert.why(),
        ]);
    }
    table.print();
    output::note(format_args!("{} of {total} alerts; \"ieum alerts show ID\" says why", alerts.len()));
    Ok(Exit::Ok)
}

fn matches(args: &List, alert: &Alert) -> bool {
    (args.all || alert.is_open())
        && args.level.as_ref().is_none_or(|level| alert.text("level") == level)
        && args.region.as_ref().is_none_or(|region| alert.region().starts_with(region.as_str()))
}
