//! From a profile to notices.

use super::clock::Times;
use super::shapes::Shape;
use ieum::matching::{Found, Notices, Predicate, Profile, Reach, Scratch, Tier, tier};
use std::sync::Arc;
use std::time::Instant;

/// Profiles asked for, each in every run.
const PROFILES: u32 = 200;
const RUNS: usize = 51;

const REACHES: [(Reach, &str); 3] =
    [(Reach::Matches, "matches"), (Reach::Possible, "and possible"), (Reach::NearMisses, "and near misses")];

pub(crate) fn run(shape: &Shape, count: u32) {
    let predicates: Vec<Arc<Predicate>> = (0..count).map(|no| Arc::new(shape.offer(no))).collect();
    let profiles: Vec<Profile> = (0..PROFILES).map(|no| shape.profile(no)).collect();
    let mut index = Notices::new(Arc::clone(&shape.schema));
    let began = Instant::now();
    (0..).zip(&predicates).for_each(|(no, predicate)| index.insert(no, Arc::clone(predicate)));
    let each = began.elapsed().as_secs_f64() * 1e6 / f64::from(count);
    println!(
        "{count} notices, {:.0} bytes each, inserted in {each:.1} µs each",
        index.bytes() as f64 / f64::from(count)
    );
    println!("{:<30} {:<16} {:>10} {:>13} {:>13}", "profile → notices", "", "found", "median", "least");
    let mut scratch = Scratch::default();
    let began = Instant::now();
    let expected: Vec<Found> = profiles.iter().map(|profile| naive(&predicates, profile)).collect();
    let naive = began.elapsed().as_secs_f64() * 1e6 / f64::from(PROFILES);
    for (reach, name) in REACHES {
        let mut total = 0;
        for (profile, expected) in profiles.iter().zip(&expected) {
            let found = index.find(profile, reach, &mut scratch);
            assert_eq!(found.matches, expected.matches, "as the evaluator says");
            assert!(reach < Reach::Possible || found.possible == expected.possible, "as the evaluator says");
            assert!(reach < Reach::NearMisses || found.near == expected.near, "as the evaluator says");
            total += found.matches.len() + found.possible.len() + found.near.len();
        }
        let times = Times::of(RUNS, PROFILES, || {
            profiles
                .iter()
                .map(|profile| index.find(profile, reach, &mut scratch).matches.len())
                .sum::<usize>()
        });
        println!("{count:<30} {name:<16} {:>10} {times}", total / PROFILES as usize);
    }
    println!("{:<30} {:<16} {:>10} {naive:>10.1} µs", "", "plain evaluator", "");
}

fn naive(predicates: &[Arc<Predicate>], profile: &Profile) -> Found {
    let mut found = Found::default();
    for (no, predicate) in (0..).zip(predicates) {
        match tier(predicate, profile) {
            Tier::Match => found.matches.push(no),
            Tier::Possible => found.possible.push(no),
            Tier::NearMiss => found.near.push(no),
            Tier::Beyond => {}
        }
    }
    found
}
