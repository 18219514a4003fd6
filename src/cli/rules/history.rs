//! `ieum rules history`: which pack came into force when, by whom and why.

use super::switches;
use crate::cli::connect::Connect;
use crate::cli::exit::{Exit, Outcome};
use crate::cli::output::{self, Table};
use serde_json::json;

/// List the packs that were put into force, oldest first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum rules history --config deploy/local.toml\n  ieum rules history --json | jq '.[-1]'\n\n\
                        The last one is in force; \"ieum rules rollback\" goes back to the one before it.\n\n\
                        Exit codes: 0 listed, 1 none was ever published, 4 broker not reachable."
)]
pub(super) struct History {
    #[command(flatten)]
    connect: Connect,
    /// Print one JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &History) -> Outcome {
    let switches = switches::read(&args.connect.config()?.kafka)?;
    if args.json {
        let rows = switches.iter().map(|switch| {
            json!({
                "at": switch.at.to_string(),
                "pack": switch.hash.to_string(),
                "author": switch.author,
                "comment": switch.comment,
            })
        });
        output::json(&rows.collect::<Vec<_>>().into());
    } else {
        let mut table = Table::new(["WHEN", "PACK", "AUTHOR", "COMMENT"]);
        for switch in &switches {
            let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| String::from("-"));
            table.row([
                crate::cli::alerts::minutes(switch.at),
                switch.hash.short(),
                or_none(&switch.author),
                or_none(&switch.comment),
            ]);
        }
        table.print();
    }
    Ok(if switches.is_empty() { Exit::Found } else { Exit::Ok })
}
