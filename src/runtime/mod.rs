//! Runs stages: lanes as threads, each with its own broker and stores, supervised; packs; the sampler; health.
//!
//! ```text
//! start ─▶ supervisor thread: checks (retried while the broker is away) ─▶ lanes, packs, sampler, lag
//! lane thread: broker ─▶ step … step ─▶ stopped: Restart ─▶ back-off, anew; Exit ─▶ the process ends with a code
//! stop  ─▶ every lane commits and leaves its group
//! ```

mod broker;
mod checks;
mod codes;
mod lag;
mod lane;
mod opening;
mod packs;
mod sampler;
mod schemas;
mod status;
pub mod admin;

pub use broker::{KafkaBroker, LaneId};
pub use codes::{
    CLOCK_DIFFERS, CLUSTER_UNKNOWN, LANE_REFUSED, NO_THREAD, RUNTIME_CODES, THREAD_PANICKED, TOPICS_DIFFER,
};
pub use packs::{Chunk, Packs, pack_contents, pack_records};
pub use schemas::schema_source;
pub use status::{Ended, LaneState, LaneStatus, Status};

use crate::config::{ClockKind, Config};
use crate::contracts::Contracts;
use crate::engine::intake;
use crate::engine::lane::Guarantee;
use crate::engine::lane::io::{Failure, TopicPartition};
use crate::engine::letter::Letters;
use crate::engine::task::Stage;
use crate::ingest::Ends;
use crate::telemetry::Metrics;
use crate::types::SmolStr;
use checks::Refusal;
use opening::Registers;
use status::Board;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a start is told beside the configuration.
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// What lanes promise. At-least-once is for the embedded broker alone, and keeps state in memory.
    pub guarantee: Guarantee,
    /// Stages to run; empty for all.
    pub stages: Vec<SmolStr>,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self { guarantee: Guarantee::ExactlyOnce, stages: Vec::new() }
    }
}

/// A running process's stages.
pub struct Runtime {
    shared: Arc<Shared>,
    supervisor: Option<JoinHandle<()>>,
}

/// A look at a runtime that may outlive the borrow of it.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// What all threads of a runtime share.
struct Shared {
    config: Config,
    contracts: Arc<Contracts>,
    options: RuntimeOptions,
    metrics: Metrics,
    packs: Arc<Packs>,
    board: Board,
    stop: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// How often a start that the broker keeps waiting is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl Runtime {
    /// Starts the stages. Returns at once: a broker that is away is waited for, and [`Self::status`] says so.
    pub fn start(config: Config, contracts: Arc<Contracts>, options: RuntimeOptions) -> Self {
        let packs = Arc::new(Packs::new());
        Self::start_with(config, contracts, options, packs)
    }

    /// As [`Self::start`], with packs that are known beforehand.
    pub fn start_with(
        config: Config,
        contracts: Arc<Contracts>,
        options: RuntimeOptions,
        packs: Arc<Packs>,
    ) -> Self {
        let shared = Arc::new(Shared {
            config,
            contracts,
            options,
            metrics: Metrics::new(),
            packs,
            board: Board::default(),
            stop: AtomicBool::new(false),
            threads: Mutex::default(),
        });
        shared.board.starting(Some(String::from("the broker's answer")));
        let supervisor = {
            let shared = Arc::clone(&shared);
            spawn("supervisor", move || shared.supervise())
        };
        if supervisor.is_none() {
            shared.board.end(NO_THREAD, String::from("the supervisor's"));
        }
        Self { shared, supervisor }
    }

    /// What it does now.
    pub fn status(&self) -> Status {
        self.shared.board.status()
    }

    /// A look at it from elsewhere.
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }

    /// Its metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Packs it knows.
    pub fn packs(&self) -> &Arc<Packs> {
        &self.shared.packs
    }

    /// Waits until it must end or `until` says so; why it must end, if it must.
    pub fn wait(&self, mut until: impl FnMut() -> bool) -> Option<Ended> {
        loop {
            if let Some(ended) = self.shared.board.ended() {
                return Some(ended);
            }
            if until() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it: every lane commits what it has handled and leaves its group.
    pub fn stop(mut self) -> Status {
        self.halt();
        self.status()
    }

    fn halt(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        let threads =
            || std::mem::take(&mut *self.shared.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in self.supervisor.take().into_iter().chain(threads()).chain(threads()) {
            if thread.join().is_err() {
                tracing::error!("a thread of the runtime panicked");
            }
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.halt();
    }
}

impl Handle {
    /// What the runtime does now.
    pub fn status(&self) -> Status {
        self.shared.board.status()
    }

    /// Asks it to stop, without waiting: for a signal handler.
    pub fn ask_to_stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
    }
}

impl Shared {
    fn supervise(self: &Arc<Self>) {
        let Some(ends) = self.connect() else { return };
        let letters = match lane::letters(&self.contracts) {
            Ok(letters) => letters,
            Err(error) => return self.board.end(TOPICS_DIFFER, error),
        };
        let Some(registers) = self.registers(&ends) else { return };
        self.board.starting(None);
        for stage in self.stages(&letters, &registers) {
            for lane in 0..self.config.lanes(stage.name()) {
                let (shared, stage) = (Arc::clone(self), Arc::clone(&stage));
                let (ends, letters) = (Arc::clone(&ends), Arc::clone(&letters));
                self.run(&format!("{}-{lane}", stage.name()), move || {
                    lane::run(&shared, &stage, lane, &ends, &letters);
                });
            }
        }
        if self.runs_stage(intake::STAGE) {
            let shared = Arc::clone(self);
            self.run("registers", move || registers.watch(&shared.config, &shared.stop));
        }
        let shared = Arc::clone(self);
        self.run("packs", move || shared.packs.follow(&shared.config.kafka, &shared.stop));
        let (shared, seen) = (Arc::clone(self), Arc::clone(&ends));
        self.run("lag", move || {
            let state_dir = lane::state_dir(&shared.config);
            lag::run(&shared.board, &shared.metrics, &seen, &state_dir, &shared.stop);
        });
        if self.config.application.clock == ClockKind::Append && self.runs_stage("control") {
            let shared = Arc::clone(self);
            self.run("sampler", move || {
                let raw = shared.raw_partitions();
                sampler::run(&shared.config.kafka, &raw, &ends, &shared.board, &shared.stop);
            });
        }
    }

    /// Repeats the checks until they pass; none when they never will, or the runtime stops.
    fn connect(&self) -> Option<Arc<Ends>> {
        self.until_answered(|| self.check().map(Arc::new))
    }

    /// What is to be read first, asked until the broker tells; nothing where this process does not read.
    fn registers(&self, ends: &Ends) -> Option<Arc<Registers>> {
        if !self.runs_stage(intake::STAGE) {
            return Some(Arc::default());
        }
        self.until_answered(|| Ok(Arc::new(Registers::find(&self.config, &self.contracts, ends)?)))
    }

    fn until_answered<T>(&self, ask: impl Fn() -> Result<T, Refusal>) -> Option<T> {
        let mut told = None;
        while !self.stop.load(Ordering::Acquire) {
            match ask() {
                Ok(answer) => return Some(answer),
                Err(Refusal::End(ended)) => {
                    tracing::error!(code = ended.code, detail = ended.detail, "cannot start");
                    self.board.end(ended.code, ended.detail);
                    return None;
                }
                Err(Refusal::Wait(why)) => {
                    if told.as_ref() != Some(&why) {
                        tracing::warn!(why, "waiting for the broker");
                        told = Some(why.clone());
                    }
                    self.board.starting(Some(why));
                }
            }
            pause(RETRY, &self.stop);
        }
        None
    }

    fn check(&self) -> Result<Ends, Refusal> {
        let kafka = &self.config.kafka;
        let ends = Ends::open(kafka)?;
        checks::topics(&ends, &self.contracts)?;
        if self.config.application.clock == ClockKind::Append {
            checks::time_stamps(kafka, &self.contracts)?;
        }
        checks::clock(kafka, self.config.application.clock)?;
        Ok(ends)
    }

    fn runs_stage(&self, name: &str) -> bool {
        self.options.stages.is_empty() || self.options.stages.iter().any(|stage| stage == name)
    }

    fn stages(&self, letters: &Arc<Letters>, registers: &Arc<Registers>) -> Vec<Arc<dyn Stage>> {
        lane::stages(&self.config, &self.contracts, &self.packs, letters, registers)
            .into_iter()
            .filter(|stage| self.runs_stage(stage.name()))
            .collect()
    }

    fn raw_partitions(&self) -> Vec<TopicPartition> {
        self.contracts
            .topics()
            .filter(|topic| topic.is_input())
            .flat_map(|topic| {
                (0..topic.partitions).map(|partition| TopicPartition { topic: topic.name.clone(), partition })
            })
            .collect()
    }

    /// A thread that the process cannot do without: one that panics ends it, rather than be missing unseen.
    fn run(self: &Arc<Self>, name: &str, work: impl FnOnce() + Send + 'static) {
        let (shared, called) = (Arc::clone(self), name.to_owned());
        let fenced = move || {
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                shared.board.end(THREAD_PANICKED, called);
            }
        };
        match spawn(name, fenced) {
            Some(thread) => self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread),
            None => self.board.end(NO_THREAD, name.to_owned()),
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).ok()
}

/// Sleeps, in slices, so that a stop is not waited for.
fn pause(time: Duration, stop: &AtomicBool) {
    let until = Instant::now() + time;
    while !stop.load(Ordering::Acquire) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A failure before a lane lives.
fn is_passing(failure: &Failure) -> bool {
    matches!(failure, Failure::Retry(_) | Failure::Abort(_) | Failure::Indefinite(_) | Failure::Displaced(_))
}
