//! `ieum status`: where time stands and what holds it, how far each stage is behind, the pack, sources that are late.

use super::connect::Connect;
use super::exit::{Exit, Outcome, Stop};
use super::output::{self, BOLD, RED, Table};
use crate::config::{Config, STAGES};
use crate::contracts::{Contracts, builtin};
use crate::engine::control::{CONTROL_CHANGELOG, ControlState, ControlStatus, Hold};
use crate::engine::lane::Entry;
use crate::engine::lane::io::TopicPartition;
use crate::engine::layout::{AREAS_LOG, CONTROL_LOG, HOUSEHOLDS_LOG, Layout, SUBJECTS_LOG};
use crate::engine::message::Clock;
use crate::engine::state::Record;
use crate::ingest::{Ends, Tail, TailFrom};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// Show where time stands and what holds it, lag, the pack in force, sources that are late.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum status --config deploy/local.toml\n  ieum status --json | jq .lag\n\n\
                        Exit codes: 0 time moves or has nothing to wait for, 1 something holds it or no pack is in force, 4 broker not\n\
                        reachable."
)]
pub(super) struct Status {
    #[command(flatten)]
    connect: Connect,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// A stage's lag.
struct StageLag {
    stage: &'static str,
    records: i64,
    /// The sum of its positions.
    handled: i64,
    /// Partitions in which the group has a position.
    begun: usize,
    partitions: usize,
}

const CALL: Duration = Duration::from_secs(10);
/// What has not moved for so long holds time; what has is on its way.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

pub(super) fn run(args: &Status) -> Outcome {
    let config = args.connect.config()?;
    let contracts = builtin();
    let layout = Layout::new(contracts.layout());
    let look = || -> Result<(Option<ControlStatus>, Vec<StageLag>), Stop> {
        let lags = STAGES.iter().map(|stage| lag(&config, &contracts, stage)).collect::<Result<_, _>>()?;
        Ok((control_state(&config)?.map(|state| state.status(&layout)), lags))
    };
    let (time, lags) = look_twice(look)?;
    if args.json {
        output::json(&as_json(time.as_ref(), &lags));
    } else {
        print(time.as_ref(), &lags);
    }
    let moves = time.as_ref().is_some_and(|time| time.held_by.is_empty() && time.pack.is_some());
    Ok(if moves { Exit::Ok } else { Exit::Found })
}

/// Something waits at most moments of a running system. It holds time if a second look finds it where the first did, and
/// its stage has handled nothing in between.
fn look_twice(
    mut look: impl FnMut() -> Result<(Option<ControlStatus>, Vec<StageLag>), Stop>,
) -> Result<(Option<ControlStatus>, Vec<StageLag>), Stop> {
    let (first, before) = look()?;
    let Some(held) = first.as_ref().map(|first| first.held_by.clone()).filter(|held| !held.is_empty()) else {
        return Ok((first, before));
    };
    std::thread::sleep(LOOK_AGAIN);
    let (mut second, lags) = look()?;
    if let Some(second) = &mut second {
        let handled = |lags: &[StageLag], stage: &str| {
            lags.iter().find(|lag| lag.stage == stage).map(|lag| lag.handled)
        };
        second.held_by.retain(|hold| {
            let stands = match hold {
                Hold::Raw { .. } => true,
                Hold::Stage { stage, .. } => handled(&lags, stage) == handled(&before, stage),
            };
            stands && hold.is_where_it_was(&held)
        });
    }
    Ok((second, lags))
}

/// Control's state, from its changelog; none before its first commit.
fn control_state(config: &Config) -> Result<Option<ControlState>, Stop> {
    let mut tail = Tail::open(&config.kafka, &[CONTROL_CHANGELOG], TailFrom::Beginning)?;
    let mut state = None;
    let mut deadline = Instant::now() + CALL;
    while !tail.has_caught_up() {
        let Some(record) = tail.poll(Duration::from_millis(100))? else {
            if Instant::now() >= deadline {
                return Err(Stop::new(
                    Exit::Broker,
                    format!("{CONTROL_CHANGELOG} cannot be read to its end"),
                ));
            }
            continue;
        };
        deadline = Instant::now() + CALL;
        let entry = Entry::read(record.key.as_deref().unwrap_or_default(), record.value.as_deref());
        if let Ok(Entry::Data(_, Some(record))) = entry
            && let Record::Control(control) = &*record
        {
            state = Some(control.clone());
        }
    }
    Ok(state)
}

/// What a stage's group has not handled, of what is committed in its inputs.
fn lag(config: &Config, contracts: &Contracts, stage: &'static str) -> Result<StageLag, Stop> {
    let failed = |error: rdkafka::error::KafkaError| Stop::new(Exit::Broker, error.to_string());
    let inputs: Vec<TopicPartition> = contracts
        .topics()
        .filter(|topic| match stage {
            "identity" => topic.name == SUBJECTS_LOG,
            "households" => topic.name == HOUSEHOLDS_LOG,
            "areas" => topic.name == AREAS_LOG,
            "control" => topic.name == CONTROL_LOG,
            _ => topic.is_input(),
        })
        .flat_map(|topic| {
            (0..topic.partitions).map(|partition| TopicPartition { topic: topic.name.clone(), partition })
        })
        .collect();
    let group = format!("{}-{stage}", config.application.id);
    let consumer: BaseConsumer =
        config.kafka.consumer(1 << 20).set("group.id", &group).create().map_err(failed)?;
    let mut asked = TopicPartitionList::new();
    for at in &inputs {
        asked.add_partition(&at.topic, at.partition);
    }
    let committed = consumer.committed_offsets(asked, CALL).map_err(failed)?;
    let ends = Ends::open(&config.kafka)?;
    let (mut records, mut handled, mut begun) = (0, 0, 0);
    for at in &inputs {
        let (start, end) = ends.stable(at)?;
        let element = committed.find_partition(&at.topic, at.partition);
        let position = match element.map(|element| element.offset()) {
            Some(Offset::Offset(offset)) => {
                begun += 1;
                handled += offset;
                offset
            }
            _ => start,
        };
        records += Ends::behind(position.max(start), end);
    }
    Ok(StageLag { stage, records, handled, begun, partitions: inputs.len() })
}

fn print(time: Option<&ControlStatus>, lags: &[StageLag]) {
    match time {
        None => output::line(format_args!("{BOLD}time{BOLD:#}     not begun: control has committed nothing")),
        Some(time) => {
            let clock = clock_name(time);
            output::line(format_args!("{BOLD}time{BOLD:#}     {} ({clock} clock)", time.households));
            output::line(format_args!(
                "         sampled {}, intake {}, identity {}, households {}, areas {}",
                time.sampled, time.intake, time.identity, time.households, time.areas
            ));
            for hold in &time.held_by {
                output::line(format_args!("{RED}held by{RED:#}  {}", held(hold)));
            }
            let pack = time.pack.map_or_else(
                || String::from("none: nothing is decided; \"ieum rules publish\" publishes one"),
                |pack| pack.short(),
            );
            output::line(format_args!("{BOLD}pack{BOLD:#}     {pack}"));
            for source in &time.stale {
                let region =
                    source.region.as_deref().map_or_else(String::new, |region| format!(" in {region}"));
                output::line(format_args!(
                    "{BOLD}late{BOLD:#}     {}{region}: complete through {}",
                    source.source, source.complete_through
                ));
            }
        }
    }
    let mut table = Table::new(["STAGE", "LAG RECORDS", "PARTITIONS BEGUN"]);
    for lag in lags {
        table.row([
            lag.stage.to_owned(),
            lag.records.to_string(),
            format!("{} of {}", lag.begun, lag.partitions),
        ]);
    }
    output::line(format_args!(""));
    table.print();
}

fn held(hold: &Hold) -> String {
    match hold {
        Hold::Raw { topic, partition, position, end } => {
            format!("intake: {topic}/{partition} is at {position}, the oldest waiting sample ends at {end}")
        }
        Hold::Stage { stage, partition, reached, waiting } => {
            format!("{stage}: partition {partition} has handled {reached}, and {waiting} waits")
        }
    }
}

fn clock_name(time: &ControlStatus) -> &'static str {
    match time.clock {
        Some(Clock::Append) => "append",
        Some(Clock::Declared) => "declared",
        None => "no",
    }
}

fn as_json(time: Option<&ControlStatus>, lags: &[StageLag]) -> serde_json::Value {
    let lag: serde_json::Map<String, serde_json::Value> =
        lags.iter().map(|lag| (lag.stage.to_owned(), lag.records.into())).collect();
    let time = time.map(|time| {
        serde_json::json!({
            "clock": clock_name(time),
            "sampled": time.sampled.to_string(),
            "intake": time.intake.to_string(),
            "identity": time.identity.to_string(),
            "households": time.households.to_string(),
            "areas": time.areas.to_string(),
            "pending_samples": time.pending,
            "held_by": time.held_by.iter().map(held).collect::<Vec<_>>(),
            "pack": time.pack.map(|pack| pack.to_string()),
            "late_sources": time.stale.iter().map(|source| serde_json::json!({
                "source": source.source.as_str(),
                "region": source.region.as_deref(),
                "complete_through": source.complete_through.to_string(),
            })).collect::<Vec<_>>(),
        })
    });
    serde_json::json!({"time": time, "lag": lag})
}
