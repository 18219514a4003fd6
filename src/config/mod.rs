//! Configuration: one TOML file, `IEUM__SECTION__KEY` over it, `--set section.key=value` over that. All mistakes at
//! once, each with its place and what to do.

mod client;
mod codes;
mod load;
mod reader;

pub use client::OWNED;
pub use codes::CONFIG_CODES;
pub use load::{Loaded, Sources, load};

use crate::types::SmolStr;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Everything a process is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Names and time.
    pub application: Application,
    /// The broker.
    pub kafka: KafkaConfig,
    /// Schemas of registry ids.
    pub schemas: Schemas,
    /// Local stores.
    pub state: State,
    /// Bytes that the process may take for caches and queues.
    pub memory_bytes: u64,
    /// Lanes of each stage in this process, by stage name.
    pub lanes: BTreeMap<SmolStr, usize>,
    /// Age at which a lane commits, ms.
    pub commit_interval_ms: u64,
    /// Where health and metrics listen; none for nowhere.
    pub http: Option<SocketAddr>,
    /// Logging.
    pub log: Log,
}

/// Names and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Prefix of group and transactional ids: the same for all processes of one installation.
    pub id: SmolStr,
    /// This process among them: unique, and the same after a restart.
    pub instance: SmolStr,
    /// Who says what time it is.
    pub clock: ClockKind,
    /// Days that events are kept.
    pub history_days: u16,
}

/// Who says what time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockKind {
    /// The process that owns the control log samples the raw topics once a second.
    Append,
    /// Whoever writes the input writes the time too.
    Declared,
}

/// How the broker is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaConfig {
    /// `host:port`, several with commas.
    pub bootstrap: String,
    /// Shown in the broker's logs and metrics.
    pub client_id: String,
    /// Encryption and identity.
    pub security: Security,
    /// A member that says nothing for so long loses its partitions.
    pub session_timeout_ms: u64,
    /// Age at which the broker aborts a transaction.
    pub transaction_timeout_ms: u64,
    /// Bytes that may wait in one producer.
    pub producer_bytes: u64,
    /// Passed through to librdkafka as they are.
    pub librdkafka: BTreeMap<String, String>,
}

/// Encryption and identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// TLS to the broker.
    pub tls: bool,
    /// The broker's certificate authority.
    pub ca_file: Option<PathBuf>,
    /// This process's own certificate and key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// SASL.
    pub sasl: Option<Sasl>,
}

/// A SASL identity.
#[derive(Clone, PartialEq, Eq)]
pub struct Sasl {
    /// `SCRAM-SHA-512`, `SCRAM-SHA-256` or `PLAIN`.
    pub mechanism: String,
    /// Who.
    pub username: String,
    /// From `kafka.password_file`; never shown.
    pub password: String,
}

impl std::fmt::Debug for Sasl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sasl").field("mechanism", &self.mechanism).field("username", &self.username).finish()
    }
}

/// Where the schemas of registry ids come from: one of the two, or neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schemas {
    /// A schema registry.
    pub registry: Option<RegistryAddress>,
    /// A folder of exported schemas, `<id>.avsc` each.
    pub dir: Option<PathBuf>,
}

/// `http://HOST:PORT/PATH` of a schema registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryAddress {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// What stands before `/schemas/ids/ID`; empty, or begins with a slash.
    pub path: String,
}

/// Local stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Directory below which each task has its own.
    pub dir: PathBuf,
    /// What keeps the records there.
    pub engine: StoreEngine,
}

/// What keeps the records of a task on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreEngine {
    /// Sorted files of ieum's own (decision 16).
    #[default]
    Tables,
    /// A sled database.
    Sled,
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// One JSON object a line instead of text.
    pub json: bool,
    /// `info`, or a filter like `info,ieum::kafka=debug`.
    pub level: String,
}

/// The stages of the spine, in the order of the flow.
pub const STAGES: &[&str] = &["intake", "identity", "households", "areas", "control"];

/// The stages whose state grows with what they are told of. Control's is small, intake has none.
const KEEPING: &[&str] = &["identity", "households", "areas"];

impl Config {
    /// Lanes of a stage.
    pub fn lanes(&self, stage: &str) -> usize {
        self.lanes.get(stage).copied().unwrap_or(1)
    }

    /// Bytes that the stores of one lane may take: half of the budget, shared by the lanes that keep much.
    pub fn store_bytes_per_lane(&self) -> usize {
        let lanes = KEEPING.iter().map(|stage| self.lanes(stage) as u64).sum::<u64>().max(1);
        usize::try_from(self.memory_bytes / 2 / lanes).unwrap_or(usize::MAX)
    }

    /// Bytes that may wait in one lane's consumer: a quarter of the budget, shared.
    pub fn queue_bytes_per_lane(&self) -> u64 {
        (self.memory_bytes / 4 / self.lane_count()).max(1 << 20)
    }

    /// Bytes that may wait in one lane's producer: an eighth of the budget, shared. The rest is for everything else.
    pub fn producer_bytes_per_lane(&self) -> u64 {
        (self.memory_bytes / 8 / self.lane_count()).max(4 << 20)
    }

    fn lane_count(&self) -> u64 {
        STAGES.iter().map(|stage| self.lanes(stage) as u64).sum::<u64>().max(1)
    }
}
