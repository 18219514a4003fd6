//! One lane's thread: makes the lane, steps it, and makes it anew when it stops and a fresh start can mend it.

use super::opening::Registers;
use super::status::LaneState;
use super::{KafkaBroker, LANE_REFUSED, LaneId, Packs, Shared, THREAD_PANICKED, is_passing, now_ms, pause};
use crate::config::Config;
use crate::contracts::Contracts;
use crate::engine::areas;
use crate::engine::control::{Control, ControlConfig};
use crate::engine::households::{Households, HouseholdsConfig};
use crate::engine::identity::{Identity, IdentityConfig};
use crate::engine::intake::{Intake, Opening};
use crate::engine::lane::io::{Store, TopicPartition};
use crate::engine::lane::memory::MemoryStore;
use crate::engine::lane::{FENCED, Guarantee, Lane, LaneConfig, LaneFact, LaneStop, OpenStore, Then};
use crate::engine::layout::Layout;
use crate::engine::letter::{Letters, letter_encoder};
use crate::engine::task::{PackSource, Stage};
use crate::ingest::Ends;
use crate::store::{LocalStore, Owner, StoreOptions};
use crate::telemetry::LaneTelemetry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// One wait for a record.
const WAIT_MS: u64 = 20;
/// How often a lane's tasks are written to the board.
const REPORT: Duration = Duration::from_millis(250);
/// First and largest pause before a lane is made anew.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// Longest time that a stop waits for the last commit.
const LEAVE: Duration = Duration::from_secs(15);
/// A lane that lived so long begins its pauses from the first again.
const SETTLED: Duration = Duration::from_secs(60);

/// Runs a lane until the runtime stops or must end.
pub(super) fn run(
    shared: &Shared,
    stage: &Arc<dyn Stage>,
    number: usize,
    ends: &Arc<Ends>,
    letters: &Arc<Letters>,
) {
    let telemetry = LaneTelemetry::new(&shared.metrics, stage.name(), number);
    let board = |state| shared.board.lane(stage.name(), number, state, Vec::new());
    let mut backoff = BACKOFF.0;
    while !shared.stop.load(Ordering::Acquire) {
        let born = Instant::now();
        board(LaneState::Starting);
        let place = Place { stage, number, ends, letters, telemetry: &telemetry };
        let life = AssertUnwindSafe(|| match shared.options.guarantee {
            Guarantee::ExactlyOnce => live(shared, &place, local_stores(shared, stage, ends)),
            Guarantee::AtLeastOnce => {
                live(shared, &place, Box::new(|_: &TopicPartition| MemoryStore::default()))
            }
        });
        // A defect outside any record's handling: the lane is made anew, and is not ready meanwhile.
        let stop = catch_unwind(life).unwrap_or_else(|_| {
            let detail = String::from("outside the handling of a record");
            Err(LaneStop { code: THREAD_PANICKED, then: Then::Restart, detail })
        });
        let Err(stop) = stop else { break };
        telemetry.stopped(&stop);
        if stop.then == Then::Exit {
            shared.board.end(stop.code, stop.detail.clone());
        }
        board(LaneState::Troubled(stop.to_string()));
        if stop.then == Then::Exit {
            return;
        }
        if born.elapsed() >= SETTLED {
            backoff = BACKOFF.0;
        }
        pause(backoff, &shared.stop);
        backoff = (backoff * 2).min(BACKOFF.1);
    }
    board(LaneState::Stopped);
}

/// Which lane, and what it is made of.
struct Place<'a> {
    stage: &'a Arc<dyn Stage>,
    number: usize,
    ends: &'a Arc<Ends>,
    letters: &'a Arc<Letters>,
    telemetry: &'a LaneTelemetry,
}

/// One life of a lane: from joining its group to leaving it.
fn live<S: Store + 'static>(shared: &Shared, place: &Place<'_>, open: OpenStore<S>) -> Result<(), LaneStop> {
    let Place { stage, number, ends, letters, telemetry } = *place;
    let config = &shared.config;
    let guarantee = shared.options.guarantee;
    let id = LaneId {
        application: config.application.id.clone(),
        stage: stage.name().into(),
        instance: config.application.instance.clone(),
        lane: number,
    };
    let queue = config.queue_bytes_per_lane();
    let broker = KafkaBroker::open(&config.kafka, id, stage.inputs(), queue, guarantee, Arc::clone(ends))
        .map_err(|failure| LaneStop {
            code: if matches!(failure, crate::engine::lane::io::Failure::Fenced(_)) {
                FENCED
            } else {
                LANE_REFUSED
            },
            then: if is_passing(&failure) { Then::Restart } else { Then::Exit },
            detail: failure.to_string(),
        })?;
    let mut lane = Lane::new(Arc::clone(stage), broker, open, lane_config(config, letters, guarantee));
    let mut trouble = None;
    let mut reported: Option<Instant> = None;
    while !shared.stop.load(Ordering::Acquire) {
        let progress = lane.step(now_ms(), WAIT_MS)?;
        telemetry.facts(&progress.facts);
        let was = trouble.take();
        if let Some(until) = progress.wait_until_ms {
            trouble = Some(again(&progress.facts));
            pause(Duration::from_millis(until.saturating_sub(now_ms())), &shared.stop);
        }
        let changed = was.is_some() != trouble.is_some() || !progress.facts.is_empty();
        if changed && reported.is_none_or(|at| at.elapsed() >= REPORT)
            || reported.is_none_or(|at| at.elapsed() >= 4 * REPORT)
        {
            reported = Some(Instant::now());
            let tasks = lane.tasks();
            telemetry.tasks(&tasks);
            let state = trouble.clone().map_or(LaneState::Running, LaneState::Troubled);
            shared.board.lane(stage.name(), number, state, tasks);
        }
    }
    // A broker that is away cannot hold up the end: what was not committed is handled again.
    let deadline = Instant::now() + LEAVE;
    loop {
        let progress = lane.finish(now_ms())?;
        telemetry.facts(&progress.facts);
        match progress.wait_until_ms {
            Some(until) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(until.saturating_sub(now_ms()).min(500)));
            }
            _ => return Ok(()),
        }
    }
}

/// What failed and is made again.
fn again(facts: &[LaneFact]) -> String {
    let failed = facts.iter().rev().find_map(|fact| match fact {
        LaneFact::Retrying { step, detail } => Some(format!("{step} failed and is made again: {detail}")),
        _ => None,
    });
    failed.unwrap_or_else(|| String::from("a step failed and is made again"))
}

/// Where this application's stores lie: a directory a stage, in it one a partition.
pub(super) fn state_dir(config: &Config) -> PathBuf {
    config.state.dir.join(config.application.id.as_str())
}

fn local_stores(shared: &Shared, stage: &Arc<dyn Stage>, ends: &Arc<Ends>) -> OpenStore<LocalStore> {
    let application = &shared.config.application;
    let dir = state_dir(&shared.config).join(stage.name());
    let cluster = ends.cluster_id().unwrap_or_default();
    let owner = format!("{}/{cluster}/{}", application.id, stage.name());
    let partitions: i32 =
        stage.inputs().iter().map(|topic| layout(&shared.contracts).partitions(topic)).sum();
    let lanes = i32::try_from(shared.config.lanes(stage.name())).unwrap_or(1).max(1);
    // A lane alone may hold all partitions; its budget is what a fair share of them would be.
    let share = usize::try_from((partitions + lanes - 1) / lanes).unwrap_or(1).max(1);
    let options =
        StoreOptions::within(shared.config.state.engine, shared.config.store_bytes_per_lane() / share);
    Box::new(move |at: &TopicPartition| {
        let place: PathBuf = dir.join(at.partition.to_string());
        LocalStore::open(place, &Owner(format!("{owner}/{}", at.partition)), options.clone())
    })
}

/// The stages of the spine, in the order of the flow.
pub(super) fn stages(
    config: &Config,
    contracts: &Arc<Contracts>,
    packs: &Arc<Packs>,
    letters: &Arc<Letters>,
    registers: &Arc<Registers>,
) -> Vec<Arc<dyn Stage>> {
    let layout = layout(contracts);
    let history_days = config.application.history_days;
    let source: Arc<dyn PackSource> = Arc::clone(packs) as Arc<dyn PackSource>;
    let identity = IdentityConfig { history_days };
    let households =
        HouseholdsConfig { history_days: i32::from(history_days), ..HouseholdsConfig::default() };
    let opening: Arc<dyn Opening> = Arc::clone(registers) as Arc<dyn Opening>;
    let intake = Intake::new(Arc::clone(contracts), layout.clone(), Arc::clone(letters)).opening(opening);
    vec![
        Arc::new(intake),
        Arc::new(Identity::new(identity, layout.clone(), Arc::clone(letters))),
        Arc::new(Households::new(
            Arc::clone(contracts),
            layout.clone(),
            Arc::clone(&source),
            households.clone(),
            Arc::clone(letters),
        )),
        Arc::new(areas::stage(
            Arc::clone(contracts),
            layout.clone(),
            source,
            households,
            Arc::clone(letters),
        )),
        Arc::new(Control::new(Arc::clone(contracts), ControlConfig::default(), layout)),
    ]
}

fn lane_config(config: &Config, letters: &Arc<Letters>, guarantee: Guarantee) -> LaneConfig {
    LaneConfig {
        commit_interval_ms: config.commit_interval_ms,
        transaction_timeout_ms: config.kafka.transaction_timeout_ms,
        max_bytes: (config.producer_bytes_per_lane() / 2).clamp(1 << 20, 16 << 20),
        ..LaneConfig::new(guarantee, Arc::clone(letters))
    }
}

/// Letters in the form that their topic's contract declares.
pub(super) fn letters(contracts: &Arc<Contracts>) -> Result<Arc<Letters>, String> {
    Ok(Arc::new(Letters::new(layout(contracts), letter_encoder(contracts)?)))
}

/// Partition counts as the contracts say; the start has checked that the cluster agrees.
fn layout(contracts: &Contracts) -> Layout {
    Layout::new(contracts.layout())
}
