//! `ieum alerts show`: why, by when, and what would clear it.

use super::{Inbox, Which};
use crate::cli::exit::{Exit, Outcome};
use crate::cli::{output, tree};

/// Show one alert: its reasons, what is not certain, what would clear it, by when.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum alerts show 1f3a9c\n  ieum alerts show 1f3a9c --json | jq .reasons"
)]
pub(super) struct Show {
    /// Its id, or the beginning of it.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    which: Which,
    /// Print the record as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Show) -> Outcome {
    let inbox = Inbox::read(&args.which)?;
    let alert = inbox.find(&args.id)?;
    if args.json {
        output::json(&tree::json(alert.tree()));
    } else {
        output::line(format_args!("{}", alert.page(&inbox.labels).trim_end()));
    }
    Ok(Exit::Ok)
}
