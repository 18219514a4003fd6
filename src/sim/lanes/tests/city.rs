//! The five real stages: a small city a seed, in whatever weather.

use super::SEED;
use crate::engine::layout::{
    ALERTS_TOPIC, AREAS_LOG, HEALTH_TOPIC, LETTERS_TOPIC, RESTRICTED_TOPIC, REVIEW_TOPIC,
};
use crate::sim::broker::{Cluster, open};
use crate::sim::faults::Fault;
use crate::sim::lanes::spine::{Kit, run};
use crate::types::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// A rule of areas that small towns meet.
const DISTRICT: &str = "\
rule: crisis.test-district
kind: crisis
version: 1
status: live
title: 시험용 동 단위 규칙
effective: {from: 2020-01-01}
per: dong
signals:
  need: {event: [arrears, cutoff.electricity, cutoff.water, cutoff.gas]}
  contact: {event: casework.action, where: {action: contacted}}
when:
  all:
    - id: many
      say: 30일 안에 {n}가구
      distinct: {of: need, by: household, within: 30d, gte: 3}
score: {base: 40, add: [{if: many, points: {8: 20}}], levels: {watch: 40, high: 60}}
emit: {cooldown: 7d, clear_when: {count: {of: contact, within: 7d, gte: 1}}}
escalate:
  - {id: no-contact-72h, after: 72h, unless: contact, raise_to: high, to: 시군구_당직}
";

pub(super) fn kit() -> Kit {
    let contracts = crate::contracts::builtin();
    // Small towns have few buildings with many in need: a district with some is enough here.
    let files = crate::rules::builtin_files().into_iter().chain([("crisis/test-district.yaml", DISTRICT)]);
    let pack = crate::rules::load(files, &contracts).0.expect("the shipped rules load");
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
        holds_nothing_restricted(&cluster).unwrap_or_else(|error| wrong(error));
        for (fact, times) in &run.world.facts {
            *facts.entry(*fact).or_insert(0) += times;
        }
    }
    if !whole {
        return;
    }
    let areas = left.get(AREAS_LOG).copied().unwrap_or(0);
    assert!(areas >= 10_000, "areas were told of little: {areas}");
    // Each stage's process died at each step of the protocol, and each way back was taken.
    for stage in ["intake", "identity", "households", "areas", "control"] {
        let restore: &[&'static str] = if stage == "intake" { &[] } else { &["bounds", "read changelog"] };
        let steps = ["poll", "assign", "committed", "begin", "produce", "drain", "send offsets", "commit"];
        for step in steps.iter().chain(restore) {
            let met = |fault| met.contains(&(SmolStr::new(stage), *step, fault));
            let (before, after) = (met(Fault::CrashBefore), met(Fault::CrashAfter));
            assert!(before && after, "{stage} met at {step} a crash before: {before}, after: {after}");
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
    for (topic, least) in [
        (ALERTS_TOPIC, 300),
        (RESTRICTED_TOPIC, 10),
        (REVIEW_TOPIC, 1),
        (HEALTH_TOPIC, 1_000),
        (LETTERS_TOPIC, 300),
    ] {
        assert!(left.get(topic).is_some_and(|n| *n >= least), "{topic} holds too little: {left:?}");
    }
}

/// No record that people without a special trust read speaks of what is restricted: of its kind, the rule that reads it, its source
/// (of which nothing else comes).
fn holds_nothing_restricted(cluster: &Cluster) -> Result<(), String> {
    for at in cluster.partitions() {
        let words: &[&str] = match at.topic.as_str() {
            ALERTS_TOPIC | REVIEW_TOPIC => &["NMC", "MHC", "selfharm", "suicide", "restricted"],
            // Ticks name all sources.
            AREAS_LOG => &["selfharm", "suicide", "restricted"],
            // Who may read of it reads the reasons, and no more of the rule than that it is restricted.
            RESTRICTED_TOPIC => &["restricted.safety-signal", "자해·자살 위험의 신호"],
            _ => continue,
        };
        for record in cluster.committed_records(&at) {
            let headers = record.headers.iter().map(|(_, value)| value.as_slice());
            let parts = [record.key.as_deref(), record.value.as_deref()].into_iter().flatten().chain(headers);
            for part in parts {
                let text = String::from_utf8_lossy(part);
                if let Some(word) = words.iter().find(|word| text.contains(*word)) {
                    return Err(format!("{} speaks of \"{word}\"", at.topic));
                }
            }
        }
    }
    Ok(())
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
