//! Real lanes of one stage over a simulated cluster: processes that die at any call and come back with their disk, an
//! older one or none, stall beyond their session, join and leave. And what one task alone makes of the same logs.

mod solo;
mod store;

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
use crate::engine::lane::{Guarantee, Lane, LaneConfig, LaneFact, LaneStop, Then};
use crate::engine::state::MemoryState;
use crate::engine::task::Stage;
use crate::types::SmolStr;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What a world goes through.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Faults in a thousand broker calls.
    pub faults_per_mille: u64,
    /// Processes.
    pub machines: u64,
    /// In a thousand turns: a machine stalls, leaves in order, the changelog is compacted.
    pub upheavals_per_mille: u64,
}

/// Real lanes of one stage, one per machine, and their cluster.
pub struct World {
    /// The cluster.
    pub cluster: Shared,
    /// The machines' disks.
    pub disks: Disks,
    /// What the lanes told, by label.
    pub facts: BTreeMap<&'static str, u64>,
    stage: Arc<dyn Stage>,
    group: SmolStr,
    config: LaneConfig,
    machines: Vec<Machine>,
    rng: Rng,
    weather: Weather,
    now_ms: u64,
    turns: u64,
}

struct Machine {
    name: SmolStr,
    lane: Option<Lane<SimBroker, SimStore>>,
    /// Does nothing before this time.
    asleep_until_ms: u64,
}

/// A stop that no fault explains.
pub type Unexplained = LaneStop;

impl World {
    /// A world of one stage; `partitions` of its input topics.
    pub fn new(
        seed: u64,
        stage: Arc<dyn Stage>,
        config: LaneConfig,
        partitions: Vec<TopicPartition>,
        faults: Faults,
        weather: Weather,
    ) -> Self {
        let group = SmolStr::new(format!("sim-{}", stage.name()));
        let mut cluster = Cluster::new(seed, faults);
        cluster.add_group(&group, partitions);
        let cluster: Shared = Arc::new(Mutex::new(cluster));
        let mut world = Self {
            cluster,
            disks: Disks::default(),
            facts: BTreeMap::new(),
            stage,
            group,
            config,
            machines: Vec::new(),
            rng: Rng::new(seed).fork_named("world"),
            weather,
            now_ms: 1_000_000_000,
            turns: 0,
        };
        for number in 0..world.weather.machines.max(1) {
            let machine = world.boot(SmolStr::new(format!("machine-{number}")));
            world.machines.push(machine);
        }
        world
    }

    /// The group of the stage.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Appends an input record.
    pub fn append(&mut self, record: &Outgoing<'_>) -> i64 {
        open(&self.cluster).append(record)
    }

    fn boot(&self, name: SmolStr) -> Machine {
        let identity =
            Identity { group: self.group.clone(), member: name.clone(), guarantee: self.config.guarantee };
        let broker = SimBroker::join(&self.cluster, identity);
        let (disks, machine) = (self.disks.clone(), name.clone());
        let open_store = Box::new(move |at: &TopicPartition| disks.open(&machine, at));
        let lane = Lane::new(Arc::clone(&self.stage), broker, open_store, self.config.clone());
        Machine { name, lane: Some(lane), asleep_until_ms: 0 }
    }

    /// One turn: time goes on and one machine makes a step.
    pub fn turn(&mut self) -> Result<(), Unexplained> {
        self.turns += 1;
        self.now_ms += 1 + self.rng.below(8);
        open(&self.cluster).advance(self.now_ms);
        let at = usize::try_from(self.rng.below(self.machines.len() as u64)).unwrap_or(0);
        if self.rng.chance(self.weather.upheavals_per_mille, 1_000) {
            self.upheaval(at)?;
        }
        let Some(machine) = self.machines.get_mut(at) else { return Ok(()) };
        if self.now_ms < machine.asleep_until_ms {
            return Ok(());
        }
        let Some(lane) = &mut machine.lane else {
            let name = machine.name.clone();
            let booted = self.boot(name);
            if let Some(machine) = self.machines.get_mut(at) {
                *machine = booted;
            }
            return Ok(());
        };
        match lane.step(self.now_ms, 0) {
            Ok(progress) => {
                if let Some(until) = progress.wait_until_ms {
                    machine.asleep_until_ms = until;
                }
                for fact in &progress.facts {
                    *self.facts.entry(label(fact)).or_default() += 1;
                }
                Ok(())
            }
            Err(stop) if stop.detail.contains(CRASH) => {
                self.die(at);
                Ok(())
            }
            Err(stop) if stop.then == Then::Restart => {
                *self.facts.entry("restarted").or_default() += 1;
                self.die(at);
                Ok(())
            }
            Err(stop) => Err(stop),
        }
    }

    fn die(&mut self, at: usize) {
        let Some(machine) = self.machines.get_mut(at) else { return };
        machine.lane = None;
        machine.asleep_until_ms = self.now_ms + self.rng.below(400);
        match self.rng.below(6) {
            0 => self.disks.lose(&machine.name, Loss::Wiped),
            1 => self.disks.lose(&machine.name, Loss::Corrupt),
            _ => {}
        }
    }

    fn upheaval(&mut self, at: usize) -> Result<(), Unexplained> {
        let Some(machine) = self.machines.get_mut(at) else { return Ok(()) };
        match self.rng.below(4) {
            // Long enough to lose its session, and sometimes its transaction.
            0 => machine.asleep_until_ms = self.now_ms + self.rng.below(14_000),
            1 | 2 => {
                match machine.lane.take().map(|mut lane| lane.finish(self.now_ms)) {
                    Some(Ok(progress)) if progress.wait_until_ms.is_none() => {
                        open(&self.cluster).leave(&self.group, &machine.name);
                    }
                    Some(Err(stop)) if stop.then == Then::Exit && !stop.detail.contains(CRASH) => {
                        return Err(stop);
                    }
                    _ => {}
                }
                machine.asleep_until_ms = self.now_ms + self.rng.below(3_000);
            }
            _ => {
                let changelog = self.stage.changelog().unwrap_or_default();
                let (lag, deletes) = (self.config.compaction_lag_ms, self.config.delete_retention_ms);
                // Hours pass at once: everybody's session and transaction with them.
                if self.rng.chance(1, 3) {
                    self.now_ms += lag + self.rng.below(2 * deletes);
                }
                let mut cluster = open(&self.cluster);
                cluster.advance(self.now_ms);
                cluster.compact(changelog, lag, deletes);
            }
        }
        Ok(())
    }

    /// Turns until every input is consumed and nothing is under way any more.
    ///
    /// # Errors
    /// A stop that no fault explains, or the limit of turns.
    pub fn settle(&mut self, inputs: &[TopicPartition], most_turns: u64) -> Result<(), String> {
        open(&self.cluster).faults.calm();
        self.weather.upheavals_per_mille = 0;
        let end = self.turns + most_turns;
        let mut quiet = 0;
        while quiet < 200 * self.machines.len() {
            if self.turns >= end {
                return Err(format!("not settled after {most_turns} turns"));
            }
            self.turn().map_err(|stop| stop.to_string())?;
            let cluster = open(&self.cluster);
            let done = cluster.is_quiet() && inputs.iter().all(|at| cluster.is_consumed(&self.group, at));
            quiet = if done { quiet + 1 } else { 0 };
        }
        Ok(())
    }

    /// The state that the committed changelog records lead to.
    pub fn changelog_state(&self, at: &TopicPartition) -> MemoryState {
        let changelog = SmolStr::new(self.stage.changelog().unwrap_or_default());
        solo::changelog_state(
            &open(&self.cluster)
                .committed_records(&TopicPartition { topic: changelog, partition: at.partition }),
        )
    }

    /// Whether lanes promise exactly-once here.
    pub fn is_exactly_once(&self) -> bool {
        self.config.guarantee == Guarantee::ExactlyOnce
    }
}

fn label(fact: &LaneFact) -> &'static str {
    match fact {
        LaneFact::Task { .. } => "task",
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
