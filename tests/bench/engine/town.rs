//! The city's mix: what a run of the synthetic city leaves on the raw topics and in each stage's log.

use ieum::contracts::Contracts;
use ieum::engine::layout::{CONTROL_LOG, HOUSEHOLDS_LOG, Layout, SUBJECTS_LOG};
use ieum::engine::state::MemoryState;
use ieum::engine::task::Stage;
use ieum::rules::plan::Pack;
use ieum::sim::city::{City, Driver, Plan, Step};
use ieum::sim::pipeline::{KnownPacks, LogRecord, Pipeline, stages};
use ieum::types::SmolStr;
use std::sync::Arc;

/// A city whose run is over, every log of one partition kept.
pub(crate) struct Town {
    pub(crate) contracts: Arc<Contracts>,
    pub(crate) pack: Arc<Pack>,
    pub(crate) stages: Vec<Arc<dyn Stage>>,
    pub(crate) layout: Layout,
    pub(crate) households: usize,
    pipeline: Pipeline,
}

impl Town {
    pub(crate) fn new(households: u32, days: u32) -> Self {
        let contracts = Arc::new(ieum::contracts::builtin());
        let (pack, mistakes) = ieum::rules::load(ieum::rules::builtin_files(), &contracts);
        let pack = Arc::new(pack.unwrap_or_else(|| panic!("the shipped pack loads: {mistakes:?}")));
        let layout = Layout::new(contracts.topics().map(|topic| (topic.name.clone(), 1)));
        let packs = Arc::new(KnownPacks::new([Arc::clone(&pack)]));
        let stages = stages(&contracts, &layout, packs).expect("the contract of letters fits");
        let mut pipeline = Pipeline::new(stages.clone(), layout.clone()).keeping_logs();
        pipeline.publish(pack.hash);
        let plan = Plan { households, days, ..Plan::default() };
        let mut driver = Driver::new(City::new(plan, Arc::clone(&contracts)).expect("a plan that can be"));
        loop {
            match driver.step().expect("the city keeps its contracts") {
                Step::Records(records) => records.into_iter().for_each(|record| {
                    pipeline.feed(&record.topic, record.key, record.value, record.at);
                }),
                Step::Sample(t) => pipeline.sample(t),
                Step::End => break,
            }
            pipeline.run().expect("no task is stuck");
        }
        Self { contracts, pack, stages, layout, households: households as usize, pipeline }
    }

    /// The records of a topic.
    pub(crate) fn log(&self, topic: &str) -> Vec<LogRecord> {
        self.pipeline.log(topic, 0).cloned().collect()
    }

    /// The records of all raw topics that intake reads.
    pub(crate) fn raw(&self) -> Vec<(SmolStr, Vec<LogRecord>)> {
        let topics = self.stage("intake").inputs();
        topics.into_iter().map(|topic| (topic.clone(), self.log(&topic))).collect()
    }

    pub(crate) fn stage(&self, name: &str) -> &Arc<dyn Stage> {
        self.stages.iter().find(|stage| stage.name() == name).expect("a stage of the spine")
    }

    /// The state of a stage at the end.
    pub(crate) fn state(&self, log: &str) -> &MemoryState {
        self.pipeline.state(log, 0).expect("the stage has one task")
    }

    /// How many records each log holds.
    pub(crate) fn describe(&self) -> String {
        let raw: usize = self.raw().iter().map(|(_, records)| records.len()).sum();
        let count = |log: &str| self.pipeline.log(log, 0).count();
        format!(
            "{raw} raw records, {} in {SUBJECTS_LOG}, {} in {HOUSEHOLDS_LOG}, {} in {CONTROL_LOG}",
            count(SUBJECTS_LOG),
            count(HOUSEHOLDS_LOG),
            count(CONTROL_LOG)
        )
    }
}
