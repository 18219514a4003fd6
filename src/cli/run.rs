//! `ieum run`: the stages, against a real broker, exactly once.

use super::connect::Connect;
use super::exit::{Exit, Outcome, Stop};
use super::files::Folders;
use super::output;
use super::stop::Asked;
use super::topics;
use crate::config::STAGES;
use crate::http;
use crate::runtime::{Runtime, RuntimeOptions, schema_source};
use crate::telemetry::{quiet_panics, start_logging};
use crate::types::SmolStr;
use clap::builder::PossibleValuesParser;
use std::sync::Arc;

/// Run the stages against a real broker, exactly once, until Ctrl-C or SIGTERM.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum run --config deploy/local.toml\n  ieum run --config ieum.toml --stage households --set application.instance=b\n\n\
                        Exit codes: 0 ended when asked, 3 wrong configuration, 5 it must not go on: the code that is printed has a\n\
                        page (\"ieum explain CODE\")."
)]
pub(super) struct Run {
    #[command(flatten)]
    connect: Connect,
    /// Run only this stage; may stand several times.
    #[arg(long, value_name = "STAGE", value_parser = PossibleValuesParser::new(STAGES))]
    stage: Vec<String>,
    /// Read topics from this folder instead of those built in.
    #[arg(long, value_name = "DIR")]
    topics: Option<std::path::PathBuf>,
}

pub(super) fn run(args: &Run) -> Outcome {
    if args.connect.config.is_none() {
        return Err(Stop::new(
            Exit::Config,
            "no configuration: name a file with --config (deploy/ieum.toml lists all keys)",
        ));
    }
    let config = args.connect.config()?;
    let contracts = match &args.topics {
        Some(dir) => topics::load(&Folders { topics: Some(dir.clone()), rules: None })?,
        None => crate::contracts::builtin(),
    };
    let contracts = match schema_source(&config.schemas).map_err(|told| Stop::new(Exit::Config, told))? {
        Some(source) => contracts.with_schemas(source),
        None => contracts,
    };
    let contracts = Arc::new(contracts);
    start_logging(&config.log);
    quiet_panics();
    let asked = Asked::listen()?;
    let stages = args.stage.iter().map(SmolStr::new).collect();
    let unusable = |error: http::Error| Stop::new(Exit::Config, error.to_string());
    let socket = config.http.map(http::Socket::bind).transpose().map_err(unusable)?;
    let runtime = Runtime::start(config, contracts, RuntimeOptions { stages, ..RuntimeOptions::default() });
    let server = socket.map(|socket| http::Server::start(socket, &runtime)).transpose().map_err(unusable)?;
    let ended = runtime.wait(|| asked.to_stop());
    // Whoever watches sees the process end, not vanish: the pages go last.
    runtime.stop();
    drop(server);
    match ended {
        None => Ok(Exit::Ok),
        Some(ended) => {
            output::note(format_args!("\"ieum explain {}\" says what to do", ended.code));
            Err(Stop::new(Exit::Refused, format!("{} {}", ended.code, ended.detail)))
        }
    }
}
