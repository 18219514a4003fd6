//! From a notice to profiles.

use super::clock::Times;
use super::shapes::Shape;
use ieum::matching::{Found, Predicate, Profile, Profiles, Reach, Tier, tier};
use std::sync::Arc;
use std::time::{Duration, Instant};

const RUNS: usize = 101;
/// Profiles that are in memory as such at a time: ten million would take gigabytes that the index does without.
const AT_ONCE: u32 = 4_096;

const REACHES: [(Reach, &str); 3] =
    [(Reach::Matches, "matches"), (Reach::Possible, "and possible"), (Reach::NearMisses, "and near misses")];

pub(crate) fn run(shape: &Shape, count: u32) {
    let mut index = Profiles::new(Arc::clone(&shape.schema));
    let mut expected: Vec<Found> = shape.searches.iter().map(|_| Found::default()).collect();
    let (mut naive, mut inserting) = (vec![Duration::ZERO; shape.searches.len()], Duration::ZERO);
    for start in (0..count).step_by(AT_ONCE as usize) {
        let profiles: Vec<Profile> =
            (start..count.min(start + AT_ONCE)).map(|no| shape.profile(no)).collect();
        let began = Instant::now();
        (start..).zip(&profiles).for_each(|(no, profile)| index.insert(no, profile));
        inserting += began.elapsed();
        for ((search, found), spent) in shape.searches.iter().zip(&mut expected).zip(&mut naive) {
            let began = Instant::now();
            scan(&search.predicate, start, &profiles, found);
            *spent += began.elapsed();
        }
    }
    report(&index, inserting);
    println!("{:<30} {:<16} {:>10} {:>13} {:>13}", "notice → profiles", "", "found", "median", "least");
    for ((search, expected), naive) in shape.searches.iter().zip(&expected).zip(naive) {
        for (reach, name) in REACHES {
            let found = index.find(&search.predicate, reach);
            assert_eq!(found, cut(expected, reach), "{} as the evaluator says", search.name);
            let times = Times::of(RUNS, 1, || index.find(&search.predicate, reach));
            let count = found.matches.len() + found.possible.len() + found.near.len();
            println!("{:<30} {name:<16} {count:>10} {times}", search.name);
        }
        let share = 100.0 * expected.matches.len() as f64 / f64::from(count);
        println!("{:<30} {:<16} {share:>9.3}% {:>10.0} µs", "", "plain evaluator", naive.as_secs_f64() * 1e6);
    }
}

fn scan(predicate: &Predicate, start: u32, profiles: &[Profile], found: &mut Found) {
    for (no, profile) in (start..).zip(profiles) {
        match tier(predicate, profile) {
            Tier::Match => found.matches.push(no),
            Tier::Possible => found.possible.push(no),
            Tier::NearMiss => found.near.push(no),
            Tier::Beyond => {}
        }
    }
}

fn cut(all: &Found, reach: Reach) -> Found {
    let mut cut = all.clone();
    if reach < Reach::NearMisses {
        cut.near.clear();
    }
    if reach < Reach::Possible {
        cut.possible.clear();
    }
    cut
}

fn report(index: &Profiles, inserting: Duration) {
    let report = index.report();
    let each = |bytes: usize| bytes as f64 / report.profiles as f64;
    println!(
        "{} profiles, {:.1} bytes each (slices {:.1}, lists {:.1}), inserted in {:.2} µs each",
        report.profiles,
        each(report.bytes()),
        each(report.column_bytes),
        each(report.list_bytes),
        inserting.as_secs_f64() * 1e6 / report.profiles as f64,
    );
}
