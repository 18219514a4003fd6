//! The same logs, cut into other commits.

use super::Spine;
use super::check::{nothing_left, same_lines};
use crate::engine::lane::LaneConfig;
use crate::engine::lane::io::TopicPartition;
use crate::sim::broker::{diverted, open};
use crate::sim::faults::Faults;
use crate::sim::lanes::{Weather, World};
use crate::sim::rng::Rng;

impl Spine {
    /// Plays each stage's logs as they lie, offsets and times included, once more through lanes that commit elsewhere:
    /// keys, values, headers and states are the same.
    ///
    /// # Errors
    /// What differs.
    pub fn recut(&self, seed: u64) -> Result<(), String> {
        let mut rng = Rng::new(seed).fork_named("recut");
        for stage in self.world.stages() {
            let interval_ms = 1 + rng.below(400);
            let most = if rng.chance(1, 2) { 5 } else { 500 };
            let config = LaneConfig {
                commit_interval_ms: interval_ms,
                linger_ms: 1 + rng.below(interval_ms),
                max_records: 1 + rng.below(most),
                ..self.world.config().clone()
            };
            let weather = Weather {
                faults_per_mille: rng.below(3),
                machines: 1 + rng.below(2),
                upheavals_per_mille: rng.below(4),
            };
            let faults = Faults::seeded(rng.next_u64(), weather.faults_per_mille);
            let stages = vec![std::sync::Arc::clone(stage)];
            let mut world = World::new(seed, stages, self.layout.clone(), config, faults, weather);
            {
                let mut cluster = open(&world.cluster);
                let topics = self.kit.contracts.topics().map(|topic| topic.name.clone());
                cluster.divert = topics.filter(|name| stage.changelog() != Some(name.as_str())).collect();
                for at in self.world.inputs(stage.as_ref()) {
                    open(&self.world.cluster).committed_records(&at).iter().for_each(|r| cluster.lay(r));
                }
            }
            let inputs: usize = self.world.inputs(stage.as_ref()).len();
            for _ in 0..100 * inputs {
                world.turn().map_err(|stop| stop.to_string())?;
            }
            world.settle(super::MOST_TURNS)?;
            let mut expected = self.alone_of(stage.as_ref(), &world)?;
            let partitions = open(&world.cluster).partitions();
            for at in partitions {
                let Some(topic) = self.kit.contracts.topics().find(|topic| diverted(&topic.name) == at.topic)
                else {
                    continue;
                };
                let to = TopicPartition { topic: topic.name.clone(), partition: at.partition };
                let records = open(&world.cluster).committed_records(&at);
                let tasks = expected.remove(&to).unwrap_or_default();
                same_lines(&to, &tasks, records)
                    .map_err(|wrong| format!("{} cut anew: {wrong}", stage.name()))?;
            }
            nothing_left(expected)?;
        }
        Ok(())
    }
}
