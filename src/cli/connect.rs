//! Which broker a command speaks to, and with which configuration.

use super::diagnostics::{Format, Found};
use super::exit::{Exit, Stop};
use crate::config::{self, Config};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where `deploy/local-kafka` listens.
const LOCAL: &str = "127.0.0.1:9092";

/// Which broker, and how to reach it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Connect {
    /// Configuration file; without it and without --brokers: a broker at 127.0.0.1:9092.
    #[arg(long, value_name = "FILE", env = "IEUM_CONFIG", hide_env_values = true)]
    pub(super) config: Option<PathBuf>,
    /// Broker instead of the one in the configuration file.
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) brokers: Option<String>,
    /// Set a key of the configuration; may stand several times.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub(super) set: Vec<String>,
}

impl Connect {
    /// The configuration; its mistakes are told.
    pub(super) fn config(&self) -> Result<Config, Stop> {
        let mut found = Found::default();
        match self.load(&mut found)? {
            Some(config) => Ok(config),
            None => {
                found.tell(Format::Text);
                Err(Stop::told(Exit::Config))
            }
        }
    }

    /// The configuration, unless a mistake prevents it.
    pub(super) fn load(&self, found: &mut Found) -> Result<Option<Config>, Stop> {
        let mut set = Vec::new();
        if self.config.is_none() {
            set.push(String::from("application.instance=command-line"));
            set.push(format!("kafka.bootstrap={}", self.brokers.as_deref().unwrap_or(LOCAL)));
        } else if let Some(brokers) = &self.brokers {
            set.push(format!("kafka.bootstrap={brokers}"));
        }
        set.extend(self.set.iter().cloned());
        let file = match &self.config {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| Stop::new(Exit::Config, format!("{}: {error}", path.display())))?;
                Some((path.clone(), text))
            }
            None => None,
        };
        let texts: BTreeMap<String, String> =
            file.iter().map(|(path, text)| (path.display().to_string(), text.clone())).collect();
        let sources = config::Sources { file, environment: std::env::vars().collect(), set };
        let (config, mistakes) = config::load(&sources);
        found.sources.extend(texts);
        found.diagnostics.extend(mistakes);
        Ok(config)
    }
}
