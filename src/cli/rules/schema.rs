//! `ieum rules schema`: what an editor needs to complete and underline rules while they are written.

use crate::cli::check::contracts;
use crate::cli::diagnostics::{Format, Found};
use crate::cli::exit::{Exit, Outcome, Stop};
use crate::cli::files::Folders;
use crate::cli::output;
use crate::rules::schema::{FileKind, schema};
use std::path::PathBuf;

/// Print the JSON Schema of rule files, for editors; no network.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum rules schema > rules/rule.schema.json\n  ieum rules schema --tests > rules/tests.schema.json\n  \
                        ieum rules schema --params > rules/params.schema.json\n\n\
                        Then the first line of a file in rules/crisis, for an editor that speaks to yaml-language-server:\n  \
                        # yaml-language-server: $schema=../rule.schema.json\n\n\
                        Events, fields and facts are those of the topics: print it anew when they change. \"ieum rules check\" has the\n\
                        last word.\n\nExit codes: 0 printed, 1 the topics have mistakes."
)]
pub(super) struct Schema {
    /// Of tests (*.test.yaml).
    #[arg(long, conflicts_with = "params")]
    tests: bool,
    /// Of params (params/*.yaml).
    #[arg(long)]
    params: bool,
    /// Read topics from this folder.
    ///
    /// Without it: `topics` in the current directory if there is one, else those built into the program.
    #[arg(long, value_name = "DIR")]
    topics: Option<PathBuf>,
}

pub(super) fn run(args: &Schema) -> Outcome {
    let mut found = Found::default();
    let topics = Folders { topics: args.topics.clone(), rules: None }.topics()?;
    let Some(contracts) = contracts(&topics, &mut found) else {
        found.tell(Format::Text);
        return Err(Stop::told(Exit::Found));
    };
    let of = match (args.tests, args.params) {
        (true, _) => FileKind::Tests,
        (false, true) => FileKind::Params,
        (false, false) => FileKind::Rule,
    };
    output::json(&schema(of, &contracts));
    Ok(Exit::Ok)
}
