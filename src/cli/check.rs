//! `ieum check`: configuration, topics, rules and sources, without a network. All mistakes at once.

use super::connect::Connect;
use super::diagnostics::{Format, Found, counted};
use super::exit::{Exit, Outcome};
use super::files::{Files, Folders, Sources};
use super::{collect, output, rules};
use crate::contracts::Contracts;
use std::path::PathBuf;

/// Check configuration, topics, rules and source files; no network.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum check                              topics and rules, in ./topics and ./rules or built in\n  \
                        ieum check --config deploy/local.toml\n  ieum check --topics my/topics --json    for an editor\n\n\
                        Exit codes: 0 no errors (warnings may remain), 1 errors were found."
)]
pub(super) struct Check {
    /// Check this configuration file as well.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    folders: Folders,
    #[command(flatten)]
    sources: Sources,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Check) -> Outcome {
    let mut found = Found::default();
    if args.config.is_some() {
        Connect { config: args.config.clone(), ..Connect::default() }.load(&mut found)?;
    }
    let loaded = rules::load(&args.folders, &mut found)?;
    let texts = args.sources.files()?;
    let sources = loaded.as_ref().and_then(|loaded| collect::sources(&texts, &loaded.contracts, &mut found));
    let pack = loaded.as_ref().and_then(|loaded| loaded.pack.as_ref());
    if args.json {
        output::json(&serde_json::json!({
            "errors": found.errors(),
            "warnings": found.warnings(),
            "diagnostics": found.to_json(),
            "topics": loaded.as_ref().map(|loaded| loaded.contracts.topics().count()),
            "sources": sources.as_ref().map(Vec::len),
            "pack": pack.map(|pack| pack.hash.to_string()),
        }));
    } else {
        found.tell(Format::Text);
        if let Some(file) = args.config.as_ref().filter(|_| found.errors() == 0) {
            output::line(format_args!("config  {}", file.display()));
        }
        if let Some(loaded) = &loaded {
            let (topics, contracts) = (args.folders.topics()?.origin(), &loaded.contracts);
            let inputs = contracts.topics().filter(|topic| topic.is_input()).count();
            output::line(format_args!(
                "topics  {topics}: {}, {inputs} of them inputs, {}",
                counted(contracts.topics().count(), "topic"),
                counted(contracts.events().count(), "event kind"),
            ));
        }
        if let (Some(loaded), Some(pack)) = (&loaded, pack) {
            let summary = rules::summary(pack, &loaded.tests);
            output::line(format_args!("rules   {}: {summary}", loaded.files.origin()));
        }
        if let Some(sources) = &sources {
            output::line(format_args!("sources {}: {}", texts.origin(), counted(sources.len(), "source")));
        }
    }
    Ok(if found.errors() > 0 { Exit::Found } else { Exit::Ok })
}

/// Reads the topics' contracts; none if they have a mistake.
pub(super) fn contracts(files: &Files, found: &mut Found) -> Option<Contracts> {
    match Contracts::parse(files.iter()) {
        Ok(contracts) => Some(contracts),
        Err(mistakes) => {
            found.add(&files.folder, &files.texts, mistakes);
            None
        }
    }
}
