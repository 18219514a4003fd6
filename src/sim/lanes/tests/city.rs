//! The four real stages: a small city a seed, in whatever weather.

use super::SEED;
use crate::engine::layout::{ALERTS_TOPIC, HEALTH_TOPIC, LETTERS_TOPIC, REVIEW_TOPIC};
use crate::sim::broker::open;
use crate::sim::faults::Fault;
use crate::sim::lanes::spine::{Kit, run};
use crate::types::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

pub(super) fn kit() -> Kit {
    let contracts = crate::contracts::builtin();
    let pack =
        crate::rules::load(crate::rules::builtin_files(), &contracts).0.expect("the shipped rules load");
    Kit { contracts: Arc::new(contracts), pack: Arc::new(pack) }
}

/// Every so many seeds the run's logs are cut anew.
pub(super) const CUT_EVERY: u64 = 8;

fn seeds(seeds: Range<u64>) {
    let one = SEED.and_then(|seed| seed.parse().ok());
    let whole = one.is_none();
    let seeds = one.map_or(seeds, |seed| seed..seed + 1);
    let kit = kit();
    let (mut met, mut facts) = (BTreeSet::new(), BTreeMap::new());
    let mut left: BTreeMap<SmolStr, usize> = BTreeMap::new();
    for seed in seeds {
        let wrong = |wrong: String| -> ! {
            panic!(
                "seed {seed}: {wrong}\nreplay: IEUM_SEED={seed} cargo test --no-default-features --lib \
                 sim::lanes::tests::city::one"
            )
        };
        let run = run(&kit, seed).unwrap_or_else(|error| wrong(error));
        if !whole || seed % CUT_EVERY == 0 {
            run.recut(seed).unwrap_or_else(|error| wrong(error));
        }
        let cluster = open(&run.world.cluster);
        met.extend(cluster.faults.tally().keys().cloned());
        for at in cluster.partitions() {
            *left.entry(at.topic.clone()).or_default() += cluster.committed_records(&at).len();
        }
        for (fact, times) in &run.world.facts {
            *facts.entry(*fact).or_insert(0) += times;
        }
    }
    if !whole {
        return;
    }
    // Each stage's process died at each step of the protocol, and each way back was taken.
    for stage in ["intake", "identity", "households", "control"] {
        let restore: &[&'static str] = if stage == "intake" { &[] } else { &["bounds", "read changelog"] };
        let steps = ["poll", "assign", "committed", "begin", "produce", "drain", "send offsets", "commit"];
        for step in steps.iter().chain(restore) {
            for fault in [Fault::CrashBefore, Fault::CrashAfter] {
                assert!(
                    met.contains(&(SmolStr::new(stage), *step, fault)),
                    "{stage} never met {fault:?} at {step}"
                );
            }
        }
    }
    for fact in [
        "aborted",
        "resolved: committed",
        "resolved: not committed",
        "blocked",
        "released: lost",
        "displaced",
        "zombie fenced",
        "corrupt",
        "stale",
    ] {
        assert!(facts.contains_key(fact), "never {fact}: {facts:?}");
    }
    for (topic, least) in
        [(ALERTS_TOPIC, 300), (REVIEW_TOPIC, 1), (HEALTH_TOPIC, 1_000), (LETTERS_TOPIC, 300)]
    {
        assert!(left.get(topic).is_some_and(|n| *n >= least), "{topic} holds too little: {left:?}");
    }
}

// Two halves, for two cores.

#[test]
fn one_half_of_a_thousand_cities_comes_through_any_weather() {
    seeds(0..500);
}

#[test]
fn other_half_of_a_thousand_cities_comes_through_any_weather() {
    if SEED.is_none() {
        seeds(500..1_000);
    }
}
