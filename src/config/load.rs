//! File, environment and options into a [`Config`], with all mistakes at once.

use super::reader::{Place, Reader};
use super::{
    Application, ClockKind, Config, KafkaConfig, Log, OWNED, RegistryAddress, STAGES, Sasl, Schemas,
    Security, State, StoreEngine, codes,
};
use crate::types::{Diagnostic, SmolStr, did_you_mean};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a configuration is made of.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file's name and text.
    pub file: Option<(PathBuf, String)>,
    /// Environment variables; those that begin with `IEUM__` count.
    pub environment: Vec<(String, String)>,
    /// `section.key=value`, as on the command line.
    pub set: Vec<String>,
}

/// The configuration, unless a mistake prevents it, and every mistake.
pub type Loaded = (Option<Config>, Vec<Diagnostic>);

const KNOWN: &[&str] = &[
    "application.id",
    "application.instance",
    "application.clock",
    "application.history_days",
    "kafka.bootstrap",
    "kafka.security",
    "kafka.sasl_mechanism",
    "kafka.username",
    "kafka.password_file",
    "kafka.ca_file",
    "kafka.certificate_file",
    "kafka.key_file",
    "kafka.session_timeout_ms",
    "kafka.transaction_timeout_ms",
    "kafka.librdkafka",
    "schemas.registry",
    "schemas.dir",
    "state.dir",
    "state.engine",
    "memory.mib",
    "lanes.commit_interval_ms",
    "lanes.intake",
    "lanes.identity",
    "lanes.households",
    "lanes.areas",
    "lanes.control",
    "http.listen",
    "log.format",
    "log.level",
];

/// Reads a configuration. Relative paths start at the file's folder.
pub fn load(sources: &Sources) -> Loaded {
    let (name, text) = match &sources.file {
        Some((path, text)) => (path.display().to_string(), text.as_str()),
        None => (String::from("configuration"), ""),
    };
    let mut reader = Reader::parse(&name, text);
    if !reader.found.is_empty() {
        // What a broken file lacks would only be told as further mistakes.
        return (None, reader.found);
    }
    apply_environment(&mut reader, &sources.environment);
    apply_set(&mut reader, &sources.set);
    let base = sources.file.as_ref().and_then(|(path, _)| path.parent()).unwrap_or(Path::new(""));
    let config = read(&mut reader, base);
    let found = reader.finish(KNOWN);
    (found.is_empty().then_some(config), found)
}

/// From what a rule may look back to what a household can be walked through.
const HISTORY: std::ops::RangeInclusive<i64> = 800..=1_200;

/// Prefix of environment variables that are configuration.
const PREFIX: &str = "IEUM__";

fn apply_environment(reader: &mut Reader, environment: &[(String, String)]) {
    for (variable, value) in environment {
        let Some(path) = variable.strip_prefix(PREFIX) else { continue };
        let path = path.to_lowercase();
        let parts: Vec<&str> = path.split("__").collect();
        // librdkafka's keys have dots, which a variable cannot: KAFKA__LIBRDKAFKA__FETCH_WAIT_MAX_MS.
        if let ["kafka", "librdkafka", key] = parts.as_slice() {
            reader.set(&["kafka", "librdkafka", &key.replace('_', ".")], value, variable);
        } else {
            reader.set(&parts, value, variable);
        }
    }
}

fn apply_set(reader: &mut Reader, set: &[String]) {
    for option in set {
        let Some((path, value)) = option.split_once('=') else {
            let place = Place { file: String::from("--set"), span: 0..0 };
            let message = format!("{option:?} has no \"=\"");
            let help = Some(String::from("write --set section.key=value"));
            reader.mistake(codes::OVERRIDE, place, message, "", help);
            continue;
        };
        let origin = format!("--set {path}");
        match path.strip_prefix("kafka.librdkafka.") {
            Some(key) => reader.set(&["kafka", "librdkafka", key], value, &origin),
            None => reader.set(&path.split('.').collect::<Vec<_>>(), value, &origin),
        }
    }
}

fn read(reader: &mut Reader, base: &Path) -> Config {
    let application = application(reader);
    let (memory_mib, lanes) = (number(reader, &["memory", "mib"], 64..=1 << 20, 1024), lanes(reader));
    let mut config = Config {
        kafka: kafka(reader, base, &application),
        application,
        schemas: schemas(reader, base),
        state: State {
            dir: path(reader, &["state", "dir"], base).unwrap_or_else(|| base.join("state")),
            engine: match choice(reader, &["state", "engine"], &["tables", "sled"]) {
                Some(1) => StoreEngine::Sled,
                _ => StoreEngine::Tables,
            },
        },
        memory_bytes: memory_mib.unsigned_abs() << 20,
        lanes,
        commit_interval_ms: number(reader, &["lanes", "commit_interval_ms"], 10..=60_000, 100).unsigned_abs(),
        http: listen(reader),
        log: log(reader),
    };
    config.kafka.producer_bytes = config.producer_bytes_per_lane();
    intervals(reader, &config);
    config
}

/// A transaction that is not committed long before the broker aborts it would never get through.
fn intervals(reader: &mut Reader, config: &Config) {
    let most = config.kafka.transaction_timeout_ms / 3;
    if config.commit_interval_ms > most {
        let place = reader.place(&["lanes", "commit_interval_ms"], &["kafka", "transaction_timeout_ms"]);
        let message = format!("\"lanes.commit_interval_ms\" is {}", config.commit_interval_ms);
        let help = format!("at most a third of \"kafka.transaction_timeout_ms\": {most}");
        reader.mistake(codes::VALUE, place, message, "the broker would abort the transaction", Some(help));
    }
}

fn application(reader: &mut Reader) -> Application {
    let id = name(reader, &["application", "id"]).unwrap_or_else(|| SmolStr::new("ieum"));
    let instance = name(reader, &["application", "instance"]);
    if instance.is_none() && !reader.has(&["application", "instance"]) {
        let help =
            "a name for this process, unique among those of one installation, the same after a restart";
        reader.missing(&["application", "instance"], help);
    }
    let clock = choice(reader, &["application", "clock"], &["append", "declared"]);
    Application {
        id,
        instance: instance.unwrap_or_default(),
        clock: if clock == Some(1) { ClockKind::Declared } else { ClockKind::Append },
        history_days: u16::try_from(number(reader, &["application", "history_days"], HISTORY, 800))
            .unwrap_or(u16::MAX),
    }
}

/// A text that becomes a part of topic, group and transactional ids.
fn name(reader: &mut Reader, path: &[&str]) -> Option<SmolStr> {
    let (text, place) = reader.text(path)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.is_empty() && text.len() <= 100 && text.chars().all(allowed) {
        return Some(SmolStr::new(text));
    }
    let message = format!("{:?} is {text:?}", path.join("."));
    let help = Some(String::from("1 to 100 letters, digits, \"-\", \"_\" or \".\""));
    reader.mistake(codes::VALUE, place, message, "becomes a part of Kafka's ids", help);
    None
}

fn kafka(reader: &mut Reader, base: &Path, application: &Application) -> KafkaConfig {
    let bootstrap = reader.text(&["kafka", "bootstrap"]);
    if bootstrap.is_none() && !reader.has(&["kafka", "bootstrap"]) {
        reader.missing(&["kafka", "bootstrap"], "the broker's address, like \"127.0.0.1:9092\"");
    }
    KafkaConfig {
        bootstrap: bootstrap.map(|(text, _)| text).unwrap_or_default(),
        client_id: format!("{}-{}", application.id, application.instance),
        security: security(reader, base),
        session_timeout_ms: number(reader, &["kafka", "session_timeout_ms"], 1_000..=600_000, 30_000)
            .unsigned_abs(),
        transaction_timeout_ms: number(reader, &["kafka", "transaction_timeout_ms"], 1_000..=900_000, 10_000)
            .unsigned_abs(),
        producer_bytes: 0,
        librdkafka: passed_through(reader),
    }
}

fn security(reader: &mut Reader, base: &Path) -> Security {
    let protocols = ["plaintext", "tls", "sasl", "sasl_tls"];
    let chosen = choice(reader, &["kafka", "security"], &protocols).unwrap_or(0);
    let (uses_sasl, tls) = (chosen >= 2, chosen % 2 == 1);
    let ca_file = path(reader, &["kafka", "ca_file"], base);
    let certificate = path(reader, &["kafka", "certificate_file"], base);
    let key = path(reader, &["kafka", "key_file"], base);
    if certificate.is_some() != key.is_some() {
        let lacking = if key.is_none() { "key_file" } else { "certificate_file" };
        reader.missing(&["kafka", lacking], "a certificate and its key go together");
    }
    let mechanisms = ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"];
    let mechanism = choice(reader, &["kafka", "sasl_mechanism"], &mechanisms).unwrap_or(0);
    let username = reader.text(&["kafka", "username"]).map(|(text, _)| text);
    let password = secret(reader, &["kafka", "password_file"], base);
    if uses_sasl {
        if username.is_none() && !reader.has(&["kafka", "username"]) {
            reader.missing(&["kafka", "username"], "the name to log in with");
        }
        if password.is_none() && !reader.has(&["kafka", "password_file"]) {
            reader.missing(&["kafka", "password_file"], "a file that holds the password");
        }
    }
    let sasl = uses_sasl.then(|| Sasl {
        mechanism: mechanisms.get(mechanism).copied().unwrap_or_default().to_owned(),
        username: username.unwrap_or_default(),
        password: password.unwrap_or_default(),
    });
    Security { tls, ca_file, certificate: certificate.zip(key), sasl }
}

fn passed_through(reader: &mut Reader) -> BTreeMap<String, String> {
    let mut passed = BTreeMap::new();
    for (key, value, place) in reader.free(&["kafka", "librdkafka"]) {
        match OWNED.iter().find(|(owned, _)| *owned == key) {
            Some((_, why)) => {
                let message = format!("librdkafka key {key:?} is set by ieum");
                reader.mistake(codes::OWNED_KEY, place, message, "remove it", Some((*why).to_owned()));
            }
            None => {
                passed.insert(key, value);
            }
        }
    }
    passed
}

fn lanes(reader: &mut Reader) -> BTreeMap<SmolStr, usize> {
    STAGES
        .iter()
        .map(|stage| {
            let lanes = number(reader, &["lanes", stage], 1..=64, 1);
            (SmolStr::new(stage), usize::try_from(lanes).unwrap_or(1))
        })
        .collect()
}

fn schemas(reader: &mut Reader, base: &Path) -> Schemas {
    let dir = path(reader, &["schemas", "dir"], base);
    let Some((text, place)) = reader.text(&["schemas", "registry"]) else {
        return Schemas { registry: None, dir };
    };
    let registry = registry(&text);
    let (label, help) = match (&registry, &dir) {
        (None, _) => ("not an address", "write http://HOST:PORT; for TLS put a proxy beside this process"),
        (Some(_), Some(_)) => ("\"schemas.dir\" is set too", "set one of the two"),
        (Some(_), None) => return Schemas { registry, dir },
    };
    reader.mistake(
        codes::VALUE,
        place,
        format!("\"schemas.registry\" is {text:?}"),
        label,
        Some(help.to_owned()),
    );
    Schemas::default()
}

fn registry(text: &str) -> Option<RegistryAddress> {
    let rest = text.strip_prefix("http://")?;
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (host, port) = host.rsplit_once(':')?;
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let port = port.parse().ok()?;
    (!host.is_empty() && is_plain(host) && is_plain(path)).then(|| RegistryAddress {
        host: host.trim_matches(['[', ']']).to_owned(),
        port,
        path: path.trim_end_matches('/').to_owned(),
    })
}

fn listen(reader: &mut Reader) -> Option<std::net::SocketAddr> {
    let (text, place) = reader.text(&["http", "listen"])?;
    if text.is_empty() {
        return None;
    }
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let help = Some(String::from("write address and port, like \"127.0.0.1:9464\""));
            let message = format!("\"http.listen\" is {text:?}");
            reader.mistake(codes::VALUE, place, message, "not an address with a port", help);
            None
        }
    }
}

fn log(reader: &mut Reader) -> Log {
    let json = choice(reader, &["log", "format"], &["text", "json"]) == Some(1);
    let mut level = String::from("info");
    if let Some((text, place)) = reader.text(&["log", "level"]) {
        if text.parse::<tracing_subscriber::filter::Targets>().is_ok() {
            level = text;
        } else {
            let message = format!("\"log.level\" is {text:?}");
            let help =
                Some(String::from("write error, warn, info, debug or trace, or \"info,ieum::kafka=debug\""));
            reader.mistake(codes::VALUE, place, message, "not a filter", help);
        }
    }
    Log { json, level }
}

fn number(reader: &mut Reader, path: &[&str], allowed: std::ops::RangeInclusive<i64>, default: i64) -> i64 {
    reader.number(path, allowed).unwrap_or(default)
}

fn choice(reader: &mut Reader, path: &[&str], choices: &[&str]) -> Option<usize> {
    let (text, place) = reader.text(path)?;
    let chosen = choices.iter().position(|choice| *choice == text);
    if chosen.is_none() {
        let help = match did_you_mean(&text, choices.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("one of {}", choices.join(", ")),
        };
        let message = format!("{:?} is {text:?}", path.join("."));
        reader.mistake(codes::VALUE, place, message, "not one of the choices", Some(help));
    }
    chosen
}

fn path(reader: &mut Reader, key: &[&str], base: &Path) -> Option<PathBuf> {
    reader.text(key).map(|(text, _)| base.join(text))
}

fn secret(reader: &mut Reader, key: &[&str], base: &Path) -> Option<String> {
    let (text, place) = reader.text(key)?;
    match std::fs::read_to_string(base.join(&text)) {
        Ok(secret) => Some(secret.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => {
            let message = format!("{:?} names {text:?}: {error}", key.join("."));
            let help = Some(String::from("a relative path starts at the folder of the configuration file"));
            reader.mistake(codes::FILE, place, message, "cannot be read", help);
            None
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
