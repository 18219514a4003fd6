//! `ieum rules check`: every mistake in a pack and its tests at once.

use super::{load, summary};
use crate::cli::diagnostics::{Format, Found};
use crate::cli::exit::{Exit, Outcome};
use crate::cli::files::Folders;
use crate::cli::output;

/// Check rules, params and their tests against the topics; no network.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum rules check\n  ieum rules check --rules my/rules --format json     for an editor\n  \
                        ieum rules check --format github                    in a workflow\n\n\
                        Exit codes: 0 no errors (warnings may remain), 1 errors were found."
)]
pub(super) struct Check {
    #[command(flatten)]
    folders: Folders,
    /// How mistakes are told.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &Check) -> Outcome {
    let mut found = Found::default();
    let loaded = load(&args.folders, &mut found)?;
    found.tell(args.format);
    let pack = loaded.as_ref().and_then(|loaded| loaded.pack.as_ref());
    if args.format == Format::Json {
        output::json(&serde_json::json!({
            "errors": found.errors(),
            "warnings": found.warnings(),
            "diagnostics": found.to_json(),
            "pack": pack.map(|pack| pack.hash.to_string()),
        }));
    } else if let (Some(loaded), Some(pack)) = (&loaded, pack) {
        output::line(format_args!("{}: {}", loaded.files.origin(), summary(pack, &loaded.tests)));
    }
    Ok(if found.errors() > 0 { Exit::Found } else { Exit::Ok })
}
