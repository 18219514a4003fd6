//! `ieum log show`: what a recorded log holds, without what it says of anybody.

use crate::cli::exit::{Exit, Outcome};
use crate::cli::output::{self, Table};
use crate::cli::recorded::Recording;
use crate::contracts::builtin;
use crate::engine::layout::HOUSEHOLDS_LOG;
use crate::engine::message::{HouseholdMessage, decode};
use crate::types::{PackHash, StreamTime};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Show what a recorded log holds: partitions, times, packs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum log show march.log\n  ieum log show march.log --json | jq .packs\n\n\
                        It reads the whole file, and so also checks that it is whole.\n\n\
                        Exit codes: 0 shown, 1 the file is no recorded log, or damaged."
)]
pub(super) struct Show {
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// What there is of a partition.
#[derive(Default)]
struct Part {
    records: u64,
    first: i64,
    last: i64,
    ticks: Option<(StreamTime, StreamTime)>,
    switches: Vec<PackHash>,
}

pub(super) fn run(args: &Show) -> Outcome {
    let mut recording = Recording::open_any(&args.file)?;
    recording.caution(&builtin());
    let mut parts: BTreeMap<i32, Part> = BTreeMap::new();
    while let Some((partition, record)) = recording.next()? {
        let part = parts.entry(partition).or_default();
        if part.records == 0 {
            part.first = record.offset;
        }
        part.records += 1;
        part.last = record.offset;
        if recording.header.topic != HOUSEHOLDS_LOG || record.key.is_some() {
            continue;
        }
        match decode(record.value.as_deref().unwrap_or_default()) {
            Ok(HouseholdMessage::Tick(tick)) => {
                let (from, to) = part.ticks.unwrap_or((tick.through, tick.through));
                part.ticks = Some((from.min(tick.through), to.max(tick.through)));
            }
            Ok(HouseholdMessage::Pack { hash }) => part.switches.push(hash),
            _ => {}
        }
    }
    if args.json {
        output::json(&as_json(&recording, &parts));
        return Ok(Exit::Ok);
    }
    let records: u64 = parts.values().map(|part| part.records).sum();
    output::line(format_args!("{}: {records} records", recording.header.topic));
    let mut table = Table::new(["PARTITION", "RECORDS", "OFFSETS", "FROM", "TO", "PACKS"]);
    for (partition, part) in &parts {
        let (from, to) = part.ticks.unzip();
        let time = |at: Option<StreamTime>| at.map_or_else(|| String::from("-"), |at| at.to_string());
        let packs: Vec<String> = part.switches.iter().map(PackHash::short).collect();
        table.row([
            partition.to_string(),
            part.records.to_string(),
            format!("{}–{}", part.first, part.last),
            time(from),
            time(to),
            packs.join(" → "),
        ]);
    }
    table.print();
    for (hash, content) in &recording.packs {
        output::line(format_args!("pack {hash}: {} bytes", content.len()));
    }
    Ok(Exit::Ok)
}

fn as_json(recording: &Recording, parts: &BTreeMap<i32, Part>) -> serde_json::Value {
    let part = |(partition, part): (&i32, &Part)| {
        let (from, to) = part.ticks.unzip();
        serde_json::json!({
            "partition": partition,
            "records": part.records,
            "first_offset": part.first,
            "last_offset": part.last,
            "from": from.map(|at| at.to_string()),
            "to": to.map(|at| at.to_string()),
            "packs": part.switches.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    serde_json::json!({
        "topic": recording.header.topic,
        "partitions": recording.header.partitions,
        "contracts": recording.header.contracts,
        "packs": recording.packs.keys().map(ToString::to_string).collect::<Vec<_>>(),
        "parts": parts.iter().map(part).collect::<Vec<_>>(),
    })
}
