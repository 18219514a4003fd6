//! `ieum log record`: what a broker retains of a topic, with the packs that its records name, as one file.

use crate::cli::connect::Connect;
use crate::cli::exit::{Exit, Outcome, Stop};
use crate::cli::{output, recorded};
use crate::config::KafkaConfig;
use crate::contracts::builtin;
use crate::engine::layout::{ALERTS_TOPIC, HOUSEHOLDS_LOG};
use crate::ingest::{Tail, TailFrom};
use crate::replay::form::{Encoder, Header, contracts_digest};
use crate::runtime::pack_contents;
use crate::sim::pipeline::LogRecord;
use crate::types::SmolStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Record what the broker retains of the log of households.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ieum log record --config deploy/local.toml --to march.log\n  \
                        ieum log record --config deploy/local.toml --topic alerts.crisis --to march-alerts.log\n\n\
                        The file holds what is known of households under their pseudonyms. It is made readable by its owner alone,\n\
                        and belongs where the log itself may be.\n\n\
                        Exit codes: 0 recorded, 1 the file is there already or cannot be written, 4 broker not reachable.")]
pub(super) struct Record {
    #[command(flatten)]
    connect: Connect,
    /// File to write; it must not be there yet.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Which topic.
    #[arg(long, value_name = "NAME", default_value = HOUSEHOLDS_LOG, value_parser = [HOUSEHOLDS_LOG, ALERTS_TOPIC])]
    topic: String,
}

pub(super) fn run(args: &Record) -> Outcome {
    let kafka = args.connect.config()?.kafka;
    let records = record(&kafka, &args.topic, &args.to)?;
    output::line(format_args!("{records} records of {} in {}", args.topic, args.to.display()));
    Ok(Exit::Ok)
}

/// Longest wait for the end of the topic, between two records.
const PATIENCE: Duration = Duration::from_secs(15);

/// Records a topic to where it ends now; answers how many records there are. What was begun and not ended is taken away.
pub(in crate::cli) fn record(kafka: &KafkaConfig, topic: &str, to: &Path) -> Result<u64, Stop> {
    let file = recorded::create(to)?;
    let recorded = copy(kafka, topic, to, file);
    if recorded.is_err() {
        let _left = std::fs::remove_file(to);
    }
    recorded
}

fn copy(kafka: &KafkaConfig, topic: &str, to: &Path, mut file: std::fs::File) -> Result<u64, Stop> {
    let packs = if topic == HOUSEHOLDS_LOG { pack_contents(kafka, PATIENCE)? } else { Default::default() };
    let mut tail = Tail::open(kafka, &[topic], TailFrom::Beginning)?;
    let mut out = Vec::new();
    let contracts = contracts_digest(&builtin());
    let header = Header { topic: SmolStr::new(topic), partitions: tail.partitions(), contracts };
    let mut encoder = Encoder::begin(header, &mut out);
    for (hash, content) in packs {
        encoder.pack(hash, content, &mut out);
    }
    let mut deadline = Instant::now() + PATIENCE;
    while !tail.has_caught_up() {
        let Some(polled) = tail.poll(Duration::from_millis(100))? else {
            if Instant::now() >= deadline {
                return Err(Stop::new(Exit::Broker, format!("{topic} cannot be read to its end")));
            }
            continue;
        };
        deadline = Instant::now() + PATIENCE;
        let record = LogRecord {
            offset: polled.offset,
            timestamp_ms: polled.timestamp_ms,
            key: polled.key,
            value: polled.value,
            headers: polled.headers,
        };
        encoder.record(polled.at.partition, record, &mut out);
        recorded::flush(&mut file, to, &mut out, false)?;
    }
    let records = encoder.records();
    encoder.end(&mut out);
    recorded::flush(&mut file, to, &mut out, true)?;
    Ok(records)
}
