//! Real lanes over a simulated cluster: processes that die at any call and come back with their disk, an older one or
//! none, stall beyond their session, join and leave, or go on beside one that took their name. And what one task alone
//! makes of the same logs.

mod solo;
mod store;
pub mod spine;

#[cfg(test)]
mod ledger;
#[cfg(test)]
mod tests;

pub use solo::{Told, solo, told};
pub use store::{Disks, Loss, SimStore};

use super::broker::{CRASH, Cluster, Identity, Shared, SimBroker, open};
use super::faults::Faults;
use super::rng::Rng;
use crate::engine::lane::io::{Outgoing, TopicPartition};
use crate::engine::lane::{DISPLACED, FENCED, Guarantee, Lane, LaneConfig, LaneFact, LaneStop, Then};
use crate::engine::layout::Layout;
use crate::engine::state::MemoryState;
use crate::engine::task::Stage;
use crate::types::SmolStr;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What a lane is told that it may wait; nothing waits here.
const WAIT_MS: u64 = 20;

/// What a world goes through.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Faults in a thousand broker calls.
    pub faults_per_mille: u64,
    /// Processes.
    pub machines: u64,
    /// In a thousand turns: a machine stalls, leaves in order, or is replaced while it lives; changelogs are compacted.
    pub upheavals_per_mille: u64,
}

/// Real lanes, one of each stage per machine, and their cluster.
pub struct World {
    /// The cluster.
    pub cluster: Shared,
    /// The machines' disks.
    pub disks: Disks,
    /// What the lanes told, by label.
    pub facts: BTreeMap<&'static str, u64>,
    stages: Vec<Arc<dyn Stage>>,
    layout: Layout,
    config: LaneConfig,
    machines: Vec<Machine>,
    zombies: Vec<Zombie>,
    rng: Rng,
    weather: Weather,
    now_ms: u64,
    turns: u64,
}

type SimLane = Lane<SimBroker, SimStore>;

struct Machine {
    name: SmolStr,
    /// One seat per stage.
    seats: Vec<Seat>,
    /// Does nothing before this time.
    asleep_until_ms: u64,
    /// Another process has come under its name: either may find itself fenced.
    haunted: bool,
}

#[derive(Default)]
struct Seat {
    lane: Option<SimLane>,
    /// Does nothing before this time.
    wait_until_ms: u64,
}

/// A lane of a process that another has replaced, and that does not know it yet.
struct Zombie {
    lane: SimLane,
    wakes_ms: u64,
}

/// A stop that no fault explains.
pub type Unexplained = LaneStop;

impl World {
    /// A world of these stages over topics with these partition counts.
    pub fn new(
        seed: u64,
        stages: Vec<Arc<dyn Stage>>,
        layout: Layout,
        config: LaneConfig,
        faults: Faults,
        weather: Weather,
    ) -> Self {
        let mut cluster = Cluster::new(seed, faults);
        for stage in &stages {
            cluster.add_group(&group_of(stage.as_ref()), inputs_of(stage.as_ref(), &layout));
        }
        let cluster: Shared = Arc::new(Mutex::new(cluster));
        let mut world = Self {
            cluster,
            disks: Disks::default(),
            facts: BTreeMap::new(),
            stages,
            layout,
            config,
            machines: Vec::new(),
            zombies: Vec::new(),
            rng: Rng::new(seed).fork_named("world"),
            weather,
            now_ms: 1_000_000_000,
            turns: 0,
        };
        for number in 0..world.weather.machines.max(1) {
            let name = SmolStr::new(format!("machine-{number}"));
            let seats = (0..world.stages.len()).map(|stage| world.boot(&name, stage)).collect();
            world.machines.push(Machine { name, seats, asleep_until_ms: 0, haunted: false });
        }
        world
    }

    /// What the lanes are told.
    pub fn config(&self) -> &LaneConfig {
        &self.config
    }

    /// The stages.
    pub fn stages(&self) -> &[Arc<dyn Stage>] {
        &self.stages
    }

    /// The input partitions of a stage.
    pub fn inputs(&self, stage: &dyn Stage) -> Vec<TopicPartition> {
        inputs_of(stage, &self.layout)
    }

    /// Appends an input record.
    pub fn append(&mut self, record: &Outgoing<'_>) -> i64 {
        open(&self.cluster).append(record)
    }

    fn boot(&self, machine: &SmolStr, stage: usize) -> Seat {
        let Some(stage) = self.stages.get(stage) else { return Seat::default() };
        let guarantee = self.config.guarantee;
        let identity = Identity { group: group_of(stage.as_ref()), member: machine.clone(), guarantee };
        let broker = SimBroker::join(&self.cluster, identity);
        let (disks, machine) = (self.disks.clone(), machine.clone());
        let open_store = Box::new(move |at: &TopicPartition| disks.open(&machine, at));
        let lane = Lane::new(Arc::clone(stage), broker, open_store, self.config.clone());
        Seat { lane: Some(lane), wait_until_ms: 0 }
    }

    /// One turn: time goes on and one lane of one machine makes a step.
    pub fn turn(&mut self) -> Result<(), Unexplained> {
        self.turns += 1;
        self.now_ms += 1 + self.rng.below(8);
        open(&self.cluster).advance(self.now_ms);
        let machine = self.below(self.machines.len());
        let stage = self.below(self.stages.len());
        if self.rng.chance(self.weather.upheavals_per_mille, 1_000) {
            self.upheaval(machine)?;
        }
        self.haunt();
        self.step(machine, stage)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.rng.below(n as u64)).unwrap_or(0)
    }

    fn step(&mut self, at: usize, stage: usize) -> Result<(), Unexplained> {
        let now_ms = self.now_ms;
        let Some(machine) = self.machines.get(at) else { return Ok(()) };
        let asleep = now_ms < machine.asleep_until_ms;
        let Some(seat) = machine.seats.get(stage) else { return Ok(()) };
        if asleep || now_ms < seat.wait_until_ms {
            return Ok(());
        }
        if seat.lane.is_none() {
            let seat = self.boot(&machine.name, stage);
            if let Some(place) = self.seat(at, stage) {
                *place = seat;
            }
            return Ok(());
        }
        let Some(seat) = self.seat(at, stage) else { return Ok(()) };
        let Some(lane) = &mut seat.lane else { return Ok(()) };
        match lane.step(now_ms, WAIT_MS) {
            Ok(progress) => {
                seat.wait_until_ms = progress.wait_until_ms.unwrap_or(0);
                for fact in &progress.facts {
                    *self.facts.entry(label(fact)).or_default() += 1;
                }
                Ok(())
            }
            Err(stop) => self.stopped(at, stage, stop),
        }
    }

    fn seat(&mut self, machine: usize, stage: usize) -> Option<&mut Seat> {
        self.machines.get_mut(machine)?.seats.get_mut(stage)
    }

    fn stopped(&mut self, at: usize, stage: usize, stop: LaneStop) -> Result<(), Unexplained> {
        let haunted = self.machines.get(at).is_some_and(|machine| machine.haunted);
        if stop.detail.contains(CRASH) {
            self.die(at);
        } else if stop.code == FENCED && haunted {
            *self.facts.entry("fenced").or_default() += 1;
            self.die(at);
        } else if stop.then == Then::Restart {
            let label = if stop.code == DISPLACED { "displaced" } else { "restarted" };
            *self.facts.entry(label).or_default() += 1;
            let wait_until_ms = self.now_ms + self.rng.below(400);
            if let Some(seat) = self.seat(at, stage) {
                *seat = Seat { lane: None, wait_until_ms };
            }
        } else {
            return Err(stop);
        }
        Ok(())
    }

    /// The process ends, with all its lanes.
    fn die(&mut self, at: usize) {
        let Some(machine) = self.machines.get_mut(at) else { return };
        machine.seats.iter_mut().for_each(|seat| *seat = Seat::default());
        machine.asleep_until_ms = self.now_ms + self.rng.below(400);
        match self.rng.below(6) {
            0 => self.disks.lose(&machine.name, Loss::Wiped),
            1 => self.disks.lose(&machine.name, Loss::Corrupt),
            _ => {}
        }
    }

    fn upheaval(&mut self, at: usize) -> Result<(), Unexplained> {
        let now_ms = self.now_ms;
        let kind = self.rng.below(6);
        let nap_ms = self.rng.below(if kind == 0 { 14_000 } else { 3_000 });
        let Some(machine) = self.machines.get_mut(at) else { return Ok(()) };
        match kind {
            // Long enough to lose its session, and sometimes its transaction.
            0 => machine.asleep_until_ms = now_ms + nap_ms,
            1 | 2 => {
                machine.asleep_until_ms = now_ms + nap_ms;
                return self.leave(at);
            }
            3 => {
                let lanes: Vec<SimLane> =
                    machine.seats.iter_mut().filter_map(|seat| seat.lane.take()).collect();
                machine.haunted = true;
                for lane in lanes {
                    let wakes_ms = now_ms + self.rng.below(14_000);
                    self.zombies.push(Zombie { lane, wakes_ms });
                }
            }
            4 => {
                let name = machine.name.clone();
                for stage in &self.stages {
                    open(&self.cluster).displace(&group_of(stage.as_ref()), &name);
                }
            }
            _ => self.hours_pass(),
        }
        Ok(())
    }

    /// All lanes of a machine end in order.
    fn leave(&mut self, at: usize) -> Result<(), Unexplained> {
        for stage in 0..self.stages.len() {
            let now_ms = self.now_ms;
            let Some(lane) = self.seat(at, stage).and_then(|seat| std::mem::take(seat).lane) else {
                continue;
            };
            let mut lane = lane;
            let mut ended = lane.finish(now_ms);
            while ended.as_ref().is_ok_and(|progress| progress.wait_until_ms == Some(now_ms)) {
                ended = lane.finish(now_ms);
            }
            match ended {
                Ok(progress) if progress.wait_until_ms.is_none() => {
                    let group = self.stages.get(stage).map(|stage| group_of(stage.as_ref()));
                    let name = self.machines.get(at).map(|machine| machine.name.clone());
                    let haunted = self.machines.get(at).is_some_and(|machine| machine.haunted);
                    // A name that two bear is left to the session's end.
                    if let (Some(group), Some(name), false) = (group, name, haunted) {
                        open(&self.cluster).leave(&group, &name);
                    }
                }
                Ok(_) => {}
                Err(stop) => {
                    let asleep = self.machines.get(at).map_or(0, |machine| machine.asleep_until_ms);
                    self.stopped(at, stage, stop)?;
                    if let Some(machine) = self.machines.get_mut(at) {
                        machine.asleep_until_ms = machine.asleep_until_ms.max(asleep);
                    }
                }
            }
        }
        Ok(())
    }

    /// The changelogs are compacted; now and then hours have passed, and everybody's session and transaction with them.
    fn hours_pass(&mut self) {
        let (lag, deletes) = (self.config.compaction_lag_ms, self.config.delete_retention_ms);
        if self.rng.chance(1, 3) {
            self.now_ms += lag + self.rng.below(2 * deletes);
        }
        let mut cluster = open(&self.cluster);
        cluster.advance(self.now_ms);
        for changelog in self.stages.iter().filter_map(|stage| stage.changelog()) {
            cluster.compact(changelog, lag, deletes);
        }
    }

    /// A replaced process that wakes goes on where it stood, until it learns that it is fenced.
    fn haunt(&mut self) {
        let now_ms = self.now_ms;
        let Some(at) = self.zombies.iter().position(|zombie| zombie.wakes_ms <= now_ms) else { return };
        let Some(zombie) = self.zombies.get_mut(at) else { return };
        match zombie.lane.step(now_ms, WAIT_MS) {
            Ok(progress) => {
                zombie.wakes_ms = progress.wait_until_ms.unwrap_or(0).max(now_ms + self.rng.below(20));
            }
            Err(stop) => {
                let label = if stop.code == FENCED { "zombie fenced" } else { "zombie stopped" };
                *self.facts.entry(label).or_default() += 1;
                self.zombies.remove(at);
            }
        }
    }

    /// Turns until every input is consumed and nothing is under way any more.
    ///
    /// # Errors
    /// A stop that no fault explains, or the limit of turns.
    pub fn settle(&mut self, most_turns: u64) -> Result<(), String> {
        open(&self.cluster).faults.calm();
        self.weather.upheavals_per_mille = 0;
        let end = self.turns + most_turns;
        // Long enough for every lane to have found out what it would.
        let enough = 100 * self.machines.len() * self.stages.len();
        let mut quiet = 0;
        while quiet < enough {
            if self.turns >= end {
                return Err(format!("not settled after {most_turns} turns"));
            }
            self.turn().map_err(|stop| stop.to_string())?;
            quiet = if self.is_done() { quiet + 1 } else { 0 };
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let cluster = open(&self.cluster);
        let consumed = |stage: &Arc<dyn Stage>| {
            let group = group_of(stage.as_ref());
            self.inputs(stage.as_ref()).iter().all(|at| cluster.is_consumed(&group, at))
        };
        self.zombies.is_empty() && cluster.is_quiet() && self.stages.iter().all(consumed)
    }

    /// The state that the committed changelog records of a stage's task lead to.
    pub fn changelog_state(&self, stage: &dyn Stage, at: &TopicPartition) -> MemoryState {
        let topic = SmolStr::new(stage.changelog().unwrap_or_default());
        let changelog = TopicPartition { topic, partition: at.partition };
        solo::changelog_state(&open(&self.cluster).committed_records(&changelog))
    }

    /// Whether lanes promise exactly-once here.
    pub fn is_exactly_once(&self) -> bool {
        self.config.guarantee == Guarantee::ExactlyOnce
    }
}

/// The consumer group of a stage.
pub fn group_of(stage: &dyn Stage) -> SmolStr {
    SmolStr::new(stage.name())
}

fn inputs_of(stage: &dyn Stage, layout: &Layout) -> Vec<TopicPartition> {
    let partitions = |topic: SmolStr| {
        (0..layout.partitions(&topic))
            .map(move |partition| TopicPartition { topic: topic.clone(), partition })
    };
    stage.inputs().into_iter().flat_map(partitions).collect()
}

fn label(fact: &LaneFact) -> &'static str {
    match fact {
        LaneFact::Task { .. } | LaneFact::Counted { .. } => "task",
        LaneFact::Committed { .. } => "committed",
        LaneFact::Aborted { .. } => "aborted",
        LaneFact::Resolved { committed: true } => "resolved: committed",
        LaneFact::Resolved { committed: false } => "resolved: not committed",
        LaneFact::Retrying { .. } => "retrying",
        LaneFact::StoreWiped { reason, .. } => reason,
        LaneFact::Restoring { .. } => "restoring",
        LaneFact::Restored { .. } => "restored",
        LaneFact::Blocked { .. } => "blocked",
        LaneFact::Unblocked { .. } => "unblocked",
        LaneFact::Released { lost: true, .. } => "released: lost",
        LaneFact::Released { lost: false, .. } => "released",
    }
}
