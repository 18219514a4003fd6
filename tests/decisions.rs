//! The decisions of the whole spine against those of the reference: a city's raw records through all stages in one thread.

#[path = "decisions/moves.rs"]
mod moves;
mod reference;
mod spine;

use ieum::contracts::{Contracts, builtin};
use ieum::engine::layout::{ALERTS_TOPIC, Layout};
use ieum::rules::plan::Pack;
use ieum::sim::city::{AlertSeen, City, Driver, Plan, Step};
use ieum::sim::pipeline::{KnownPacks, Pipeline, stages};
use reference::Reference;
use spine::decided;
use spine::referenced_pack;
use spine::told::Teller;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Contracts and rules as shipped, on two partitions of each topic.
struct Setup {
    contracts: Arc<Contracts>,
    layout: Layout,
    pack: Arc<Pack>,
}

impl Setup {
    fn new() -> Self {
        let contracts = Arc::new(builtin());
        let partitions = contracts.topics().map(|topic| (topic.name.clone(), topic.partitions.min(2)));
        let layout = Layout::new(partitions);
        let pack = referenced_pack(&contracts);
        Self { contracts, layout, pack }
    }

    /// All stages with the pack in force.
    fn pipeline(&self) -> Pipeline {
        let packs = Arc::new(KnownPacks::new([Arc::clone(&self.pack)]));
        let stages = stages(&self.contracts, &self.layout, packs).expect("whole contracts");
        let mut pipeline = Pipeline::new(stages, self.layout.clone());
        pipeline.publish(self.pack.hash);
        pipeline
    }
}

/// What a run came to.
struct Run {
    /// A line for each episode on which the two sides differ.
    differences: Vec<String>,
    /// How often each `change` was told.
    changes: BTreeMap<String, usize>,
}

/// Runs a city through the stages and the reference.
fn run(plan: Plan) -> Run {
    let setup = Setup::new();
    let (contracts, mut pipeline) = (Arc::clone(&setup.contracts), setup.pipeline());
    let mut driver = Driver::new(City::new(plan, Arc::clone(&contracts)).expect("a plan that can be"));
    let (mut reference, mut teller) = (Reference::default(), Teller::new(&contracts));
    let topic = contracts.topic(ALERTS_TOPIC).expect("alerts have a contract");
    let (mut changes, mut alerts) = (BTreeMap::new(), Vec::new());
    loop {
        match driver.step().expect("every draft fits its contract") {
            Step::Records(records) => {
                for record in records {
                    let told = teller.raw(&record.topic, record.key.as_deref(), record.value.as_deref());
                    pipeline.feed(&record.topic, record.key, record.value, record.at);
                    // Through to its end before the next, so that what arrived first is decided first.
                    pipeline.run().expect("nothing blocks");
                    told.into_iter().for_each(|input| reference.feed(input));
                }
            }
            Step::Sample(at) => {
                pipeline.sample(at);
                pipeline.run().expect("nothing blocks");
                reference.feed(teller.tick(at.0));
                let emitted = pipeline.take_emitted().into_iter().map(|emitted| emitted.output);
                pipeline.take_facts();
                for value in emitted.filter(|out| out.topic == ALERTS_TOPIC).map(|out| out.value) {
                    let alert = topic.decode_tree(&value).expect("an alert");
                    let seen = AlertSeen::of(&alert).expect("an alert");
                    *changes.entry(seen.change.to_string()).or_default() += 1;
                    driver.city.see(&seen, at);
                    alerts.push(value);
                }
            }
            Step::End => break,
        }
    }
    let engine = decided::from_alerts(&contracts, alerts.iter().map(Vec::as_slice), &teller.stand_ins);
    let expected = decided::from_reference(reference.decisions());
    assert!(!expected.is_empty());
    Run { differences: decided::differences(&engine, &expected), changes }
}

/// Both sides decide every episode of these cities alike.
fn check(plans: &[Plan]) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for plan in plans {
        let Run { differences, changes } = run(plan.clone());
        assert!(differences.is_empty(), "{plan:?}: {} differ\n{}", differences.len(), differences.join("\n"));
        changes.into_iter().for_each(|(change, n)| *all.entry(change).or_default() += n);
    }
    all
}

#[test]
fn the_stages_decide_as_the_reference_does() {
    let changes = check(&[Plan { days: 120, ..Plan::default() }]);
    for change in ["opened", "raised", "reopened", "escalated", "amended", "suppressed", "closed", "casework"]
    {
        assert!(changes.contains_key(change), "{change} among {changes:?}");
    }
}

#[test]
fn they_do_in_other_cities_too() {
    check(&[
        Plan { seed: 2, households: 474, days: 164, ..Plan::default() },
        Plan { seed: 4, households: 748, days: 118, feed_faults: false, ..Plan::default() },
        Plan { seed: 5, households: 885, days: 155, outages: false, ..Plan::default() },
    ]);
}
