//! What the processes decided, beside what the reference decides of the same raw records.
//!
//! What is not independent here: ticks with their completeness, the moments at which records were accepted, and which closings
//! were refused are told to the reference as the logs hold them, for they depend on when processes were killed and came back.
//! `tests/decisions.rs` lets it find its own, in one process.

use super::fields::text;
use super::order::{Next, order};
use super::shared::decided::{self, Decided, Place};
use super::shared::told::{Teller, engines_name};
use super::verify::Outcome;
use super::world::World;
use crate::reference::{Input, Reference};
use ieum::contracts::{Contracts, Tree};
use ieum::engine::layout::{HOUSEHOLDS_LOG, Layout};
use ieum::sim::city::RawRecord;
use ieum::types::Origin;
use std::collections::{BTreeMap, BTreeSet};

impl World {
    /// Every episode is the reference's: entity, rule, episode, level, reasons, day, status.
    pub(super) fn check_decisions(&self, outcome: &Outcome) {
        let raw: BTreeMap<&Origin, &RawRecord> = self.raw.iter().map(|(origin, raw)| (origin, raw)).collect();
        let outdated = outdated(&outcome.alerts);
        let (mut stand_ins, mut expected) = (BTreeMap::new(), BTreeMap::new());
        let order = order(self, &outcome.logs);
        let of_partitions: Vec<_> = std::thread::scope(|threads| {
            let known = (&*self.contracts, &self.layout);
            let decide = |(partition, order)| {
                let (raw, outdated) = (&raw, &outdated);
                threads.spawn(move || decide(known, partition, order, raw, outdated))
            };
            let threads: Vec<_> = order.into_iter().map(decide).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (names, decisions) in of_partitions {
            stand_ins.extend(names);
            expected.extend(decisions);
        }
        let engine = decided::from_trees(&outcome.alerts, &stand_ins);
        let differences = decided::differences(&engine, &expected);
        println!(
            "{} episodes, {} of the reference, {} closings refused",
            engine.len(),
            expected.len(),
            outdated.len()
        );
        assert!(differences.is_empty(), "{} differ\n{}", differences.len(), differences.join("\n"));
    }
}

/// The reference's decisions on the households of a partition, with its names of those that stand in.
fn decide(
    (contracts, layout): (&Contracts, &Layout),
    partition: i32,
    order: Vec<Next>,
    raw: &BTreeMap<&Origin, &RawRecord>,
    outdated: &BTreeSet<String>,
) -> (BTreeMap<String, String>, BTreeMap<Place, Decided>) {
    let mut teller = Teller::new(contracts);
    let layout = layout.clone();
    let mut reference = Reference::of(Box::new(move |household: &str| {
        layout.partition(HOUSEHOLDS_LOG, &engines_name(household)) == partition
    }));
    for next in order {
        match next {
            Next::Raw(origin, accepted) => {
                let record = raw[&origin];
                let told = teller.raw(&record.topic, record.key.as_deref(), record.value.as_deref());
                match told {
                    Some(Input::Action { key, .. }) if outdated.contains(&key) => {}
                    Some(Input::Signal(signal)) => {
                        let accepted = accepted.map(|at| at.0);
                        reference.feed(Input::Signal(crate::reference::Signal { accepted, ..signal }));
                    }
                    told => told.into_iter().for_each(|input| reference.feed(input)),
                }
            }
            Next::Tick(tick) => reference.feed(Teller::tick_of(&tick)),
        }
    }
    let decisions = decided::from_reference(reference.decisions());
    (teller.stand_ins, decisions)
}

/// Closings of what had become graver meanwhile: the reference knows of no revisions, so it cannot refuse them itself. Other
/// refused actions are of no effect in it either.
fn outdated(alerts: &[Tree]) -> BTreeSet<String> {
    let is_outdated = |alert: &&Tree| text(alert, "action_refused").as_deref() == Some("outdated");
    alerts.iter().filter(is_outdated).filter_map(|alert| text(alert, "answers_action")).collect()
}
