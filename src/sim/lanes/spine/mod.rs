//! A small city through the lanes of all five real stages, with the shipped contracts and rules, in whatever weather.

mod cast;
mod check;
mod recut;

use super::{Weather, World};
use crate::contracts::{Contracts, Tree};
use crate::engine::lane::io::{Outgoing, TopicPartition};
use crate::engine::lane::{Guarantee, LaneConfig};
use crate::engine::layout::{
    ALERT_TOPICS, ALERTS_TOPIC, AREAS_LOG, CONTROL_LOG, HOUSEHOLDS_LOG, Layout, SUBJECTS_LOG,
};
use crate::engine::letter::{Letters, letter_encoder};
use crate::engine::message::{Clock, ControlMessage, RawPosition, encode};
use crate::engine::task::{PackSource, Stage};
use crate::rules::plan::Pack;
use crate::sim::broker::open;
use crate::sim::city::{AlertSeen, City, Plan, RawRecord};
use crate::sim::faults::Faults;
use crate::sim::pipeline::stages;
use crate::sim::rng::Rng;
use crate::types::{MS_PER_HOUR, PackHash, SmolStr, StreamTime};
use cast::Cast;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What every run shares.
#[derive(Clone, Debug)]
pub struct Kit {
    /// Contracts.
    pub contracts: Arc<Contracts>,
    /// The pack that decides.
    pub pack: Arc<Pack>,
}

/// A run: the city's records, what the lanes made of them.
pub struct Spine {
    /// The lanes.
    pub world: World,
    kit: Kit,
    packs: Arc<LatePacks>,
    layout: Layout,
    rng: Rng,
    unkeyed: BTreeMap<SmolStr, i32>,
    /// Alert records read so far, by partition.
    seen: BTreeMap<TopicPartition, usize>,
    sampled: StreamTime,
}

/// A pack whose content arrives when it likes.
#[derive(Debug)]
struct LatePacks {
    pack: Arc<Pack>,
    here: AtomicBool,
}

impl PackSource for LatePacks {
    fn pack(&self, hash: &PackHash) -> Option<Arc<Pack>> {
        (self.here.load(Ordering::Relaxed) && *hash == self.pack.hash).then(|| Arc::clone(&self.pack))
    }
}

/// Turns in which a run must have settled.
const MOST_TURNS: u64 = 400_000;

#[cfg(test)]
impl Kit {
    /// The partition counts of a run.
    pub(super) fn layout(&self) -> Layout {
        layout_of(&self.contracts)
    }
}

/// One partition each, save where keys and stages must meet several.
fn layout_of(contracts: &Contracts) -> Layout {
    let several = [SUBJECTS_LOG, HOUSEHOLDS_LOG, AREAS_LOG, ALERTS_TOPIC];
    let is_several = |name: &str| several.contains(&name) || name.starts_with("registry.");
    Layout::new(contracts.topics().map(|t| (t.name.clone(), if is_several(&t.name) { 2 } else { 1 })))
}

/// The run of a seed: its city, its faults, its weather, settled and held against every law.
///
/// # Errors
/// What is broken.
pub fn run(kit: &Kit, seed: u64) -> Result<Spine, String> {
    let mut rng = Rng::new(seed).fork_named("run");
    let weather = Weather {
        faults_per_mille: rng.below(6),
        machines: 1 + rng.below(2),
        upheavals_per_mille: rng.below(16),
    };
    let days = u32::try_from(24 + rng.below(16)).unwrap_or(24);
    let plan = Plan { seed, households: 100, days, poison_per_10_000: 60, ..Plan::default() };
    let faults = Faults::seeded(seed, weather.faults_per_mille);
    let mut spine = Spine::new(kit, seed, faults, weather)?;
    spine.play(plan)?;
    spine.check()?;
    Ok(spine)
}

impl Spine {
    /// A run before its first record.
    ///
    /// # Errors
    /// What the contracts lack.
    pub fn new(kit: &Kit, seed: u64, faults: Faults, weather: Weather) -> Result<Self, String> {
        Self::of(kit, seed, faults, weather, |stages, _| stages)
    }

    /// The same with other stages in place of the five: made of them and the source of packs.
    pub(super) fn of(
        kit: &Kit,
        seed: u64,
        faults: Faults,
        weather: Weather,
        change: impl FnOnce(Vec<Arc<dyn Stage>>, Arc<dyn PackSource>) -> Vec<Arc<dyn Stage>>,
    ) -> Result<Self, String> {
        let mut rng = Rng::new(seed).fork_named("spine");
        let layout = layout_of(&kit.contracts);
        let letters = Arc::new(Letters::new(layout.clone(), letter_encoder(&kit.contracts)?));
        let packs = Arc::new(LatePacks { pack: Arc::clone(&kit.pack), here: AtomicBool::new(false) });
        let source: Arc<dyn PackSource> = Arc::clone(&packs) as Arc<dyn PackSource>;
        let config = LaneConfig {
            commit_interval_ms: 20 + rng.below(100),
            linger_ms: 2 + rng.below(8),
            max_records: 1 + rng.below(60),
            revoke_deadline_ms: 300,
            backoff_ms: (4, 60),
            ..LaneConfig::new(Guarantee::ExactlyOnce, letters)
        };
        let stages = change(stages(&kit.contracts, &layout, Arc::clone(&source))?, source);
        let world = World::new(seed, stages, layout.clone(), config, faults, weather);
        Ok(Self {
            world,
            kit: kit.clone(),
            packs,
            layout,
            rng,
            unkeyed: BTreeMap::new(),
            seen: BTreeMap::new(),
            sampled: StreamTime::ZERO,
        })
    }

    /// Lets a city's records arrive while the lanes run and its people act on what the lanes say, then lets
    /// everything settle.
    ///
    /// # Errors
    /// A stop that no fault explains, or a mistake of the city.
    pub fn play(&mut self, plan: Plan) -> Result<(), String> {
        let (mut now, end) = (plan.start.start(), plan.end().start());
        let mut cast = Cast::of(&plan, &self.kit.contracts)?;
        let mut city = City::new(plan, Arc::clone(&self.kit.contracts))?;
        self.control(&ControlMessage::Clock(Clock::Declared));
        let pack = now.plus_ms(self.rng.between(0, 3 * 24) * MS_PER_HOUR);
        let mut published = false;
        while now < end {
            let midnight = now.day().plus(1).start();
            now = midnight.min(now.plus_ms(self.rng.between(4, 30) * MS_PER_HOUR));
            if !published && now >= pack {
                published = true;
                self.control(&ControlMessage::Pack { hash: self.kit.pack.hash });
            }
            for record in city.next(now, usize::MAX)? {
                if !cast.takes(&record, &city, &self.kit.contracts) {
                    continue;
                }
                self.feed(&record);
                self.turns(3)?;
            }
            self.sample(now);
            self.turns(24)?;
            for alert in self.new_alerts() {
                city.see(&alert, now);
            }
        }
        self.settle()
    }

    pub(super) fn settle(&mut self) -> Result<(), String> {
        self.packs.here.store(true, Ordering::Relaxed);
        self.world.settle(MOST_TURNS)
    }

    fn turns(&mut self, below: u64) -> Result<(), String> {
        for _ in 0..self.rng.below(below) {
            self.world.turn().map_err(|stop| stop.to_string())?;
        }
        // Content comes behind the switch that names it, within a few turns or many.
        if self.rng.chance(1, 400) {
            self.packs.here.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn feed(&mut self, record: &RawRecord) {
        let partition = match &record.key {
            Some(key) => self.layout.partition(&record.topic, &String::from_utf8_lossy(key)),
            None => {
                let turn = self.unkeyed.entry(record.topic.clone()).or_insert(-1);
                *turn = (*turn + 1) % self.layout.partitions(&record.topic);
                *turn
            }
        };
        self.world.append(&Outgoing {
            topic: &record.topic,
            partition,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &[],
        });
    }

    /// Declares a time: the raw partitions end where they end now.
    fn sample(&mut self, t: StreamTime) {
        let mut ends = Vec::new();
        for at in self.raw() {
            let offset = open(&self.world.cluster).end(&at);
            ends.push(RawPosition { topic: at.topic, partition: at.partition, offset });
        }
        self.sampled = t;
        self.control(&ControlMessage::Sample { t, ends });
    }

    fn control(&mut self, message: &ControlMessage) {
        let value = encode(message);
        let value = Some(value.as_slice());
        self.world.append(&Outgoing { topic: CONTROL_LOG, partition: 0, key: None, value, headers: &[] });
    }

    /// The raw partitions: those of the first stage.
    fn raw(&self) -> Vec<TopicPartition> {
        self.world.stages().first().map(|intake| self.world.inputs(intake.as_ref())).unwrap_or_default()
    }

    fn new_alerts(&mut self) -> Vec<AlertSeen> {
        let mut alerts = Vec::new();
        for name in ALERT_TOPICS {
            let topic = self.kit.contracts.topic(name);
            for partition in 0..self.layout.partitions(name) {
                let at = TopicPartition { topic: SmolStr::new_static(name), partition };
                let records = open(&self.world.cluster).committed_records(&at);
                let seen = self.seen.entry(at).or_default();
                for record in records.iter().skip(*seen) {
                    let value = record.value.as_deref().unwrap_or_default();
                    let tree: Option<Tree> = topic.and_then(|topic| topic.decode_tree(value).ok());
                    alerts.extend(tree.as_ref().and_then(AlertSeen::of));
                }
                *seen = records.len();
            }
        }
        alerts
    }
}
