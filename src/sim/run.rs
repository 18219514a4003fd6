//! A city in process from its first day to its last: its people act on the alerts of a pack, and whoever watches is told
//! what happens, in order.

use super::city::{AlertSeen, City, Driver, Plan, RawRecord, Step};
use super::pipeline::{KnownPacks, LogRecord, Pipeline, Stuck, stages};
use crate::contracts::{Contracts, Tree};
use crate::engine::effect::{Fact, Output};
use crate::engine::layout::{ALERT_TOPICS, Layout};
use crate::rules::plan::Pack;
use crate::types::{Day, StreamTime};
use std::sync::Arc;

/// Why a city could not be run through.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The plan or the contracts do not allow it.
    #[error("{0}")]
    City(String),
    /// A task could not go on.
    #[error(transparent)]
    Stuck(#[from] Stuck),
}

/// Something that happens in a run.
#[derive(Debug)]
pub enum Happening<'a> {
    /// A raw record arrives.
    Raw(&'a RawRecord),
    /// A record of the tapped log was handled.
    Handled(i32, &'a LogRecord),
    /// An alert record leaves.
    Alert {
        /// Stream time.
        at: StreamTime,
        /// The record.
        output: &'a Output,
        /// Its content.
        tree: &'a Tree,
    },
    /// A record was rejected.
    Letter,
    /// A day begins.
    Midnight(Day),
}

/// Runs a city through all stages, one partition each, and tells of what happens; with `tapped`, also of what that log holds.
/// Answers the city as it is at the end.
pub fn run(
    plan: Plan,
    contracts: &Arc<Contracts>,
    pack: &Arc<Pack>,
    tapped: Option<&str>,
    watch: &mut dyn FnMut(&Driver, Happening<'_>),
) -> Result<City, RunError> {
    let layout = Layout::new(contracts.topics().map(|topic| (topic.name.clone(), 1)));
    let packs = Arc::new(KnownPacks::new([Arc::clone(pack)]));
    let stages = stages(contracts, &layout, packs).map_err(RunError::City)?;
    let mut pipeline = Pipeline::new(stages, layout);
    if let Some(topic) = tapped {
        pipeline = pipeline.tapping(topic);
    }
    let mut driver = Driver::new(City::new(plan, Arc::clone(contracts)).map_err(RunError::City)?);
    pipeline.publish(pack.hash);
    loop {
        match driver.step().map_err(RunError::City)? {
            Step::Records(records) => {
                for record in records {
                    watch(&driver, Happening::Raw(&record));
                    pipeline.feed(&record.topic, record.key, record.value, record.at);
                }
                pipeline.run()?;
            }
            Step::Sample(t) => {
                pipeline.sample(t);
                pipeline.run()?;
                tell(&mut pipeline, &mut driver, contracts, t, watch);
                if t == t.day().start() {
                    watch(&driver, Happening::Midnight(t.day()));
                }
            }
            Step::End => return Ok(driver.city),
        }
    }
}

/// Tells of what left and what was handled, and gives the alerts to the city's people.
fn tell(
    pipeline: &mut Pipeline,
    driver: &mut Driver,
    contracts: &Contracts,
    at: StreamTime,
    watch: &mut dyn FnMut(&Driver, Happening<'_>),
) {
    for (partition, record) in pipeline.take_drawn() {
        watch(driver, Happening::Handled(partition, &record));
    }
    for emitted in pipeline.take_emitted().iter().filter(|e| ALERT_TOPICS.contains(&e.output.topic.as_str()))
    {
        let topic = contracts.topic(&emitted.output.topic);
        let Some(tree) = topic.and_then(|topic| topic.decode_tree(&emitted.output.value).ok()) else {
            continue;
        };
        watch(driver, Happening::Alert { at, output: &emitted.output, tree: &tree });
        if let Some(alert) = AlertSeen::of(&tree) {
            driver.city.see(&alert, at);
        }
    }
    for fact in pipeline.take_facts() {
        if matches!(fact, Fact::DeadLetter { .. }) {
            watch(driver, Happening::Letter);
        }
    }
}
