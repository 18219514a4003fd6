//! Laws: commit boundaries, shuffles and repeats change nothing.

use super::Town;
use super::packs::*;
use crate::engine::state::{Key, Record};
use crate::rules::plan::{Level, Pack};
use proptest::prelude::*;

fn packs() -> Vec<Pack> {
    let loud = repeat().reason("more", count(&[0], 30, 3), true).points("more", 20).step(
        "call",
        24,
        Some(Level::Critical),
        Some(24),
        3,
    );
    let silent = silent();
    vec![
        pack(1, vec![loud.clone(), silent.clone()], vec![suppression(None, None)]),
        pack(2, vec![loud, silent], vec![]),
    ]
}

fn silent() -> Build {
    rule("crisis.silent")
        .signal("cutoff", &["cutoff.water"])
        .signal("use", &["use"])
        .absent("silent", 1, 0, 5, false)
}

/// What a caseworker is left with: (entity, rule, day, level, reasons).
fn live(town: &Town) -> Vec<String> {
    let one = |key: &Key, record: &Record| match record {
        Record::Episode(e) if e.status.is_live() => {
            let reasons: Vec<_> = e.reasons.iter().map(|r| (&r.id, r.mark)).collect();
            Some(format!("{} {} {} {:?} {reasons:?}", key.entity, e.rule, e.occurred_on, e.shown_level()))
        }
        _ => None,
    };
    town.state.iter().filter_map(|(key, record)| one(&key, &record)).collect()
}

/// A line of a script for one of three households.
fn command() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec!["cutoff.water", "cutoff.gas", "use"]);
    let put = (kind, 0..6_u8, 1..4_u8, 1..3_u8)
        .prop_map(|(kind, key, h, rev)| format!("{kind} KEPCO/{key}h{h} h=H{h} rev={rev}"));
    let fixed = prop::sample::select(vec![
        "tick",
        "void KEPCO/1h1 h=H1",
        "void KEPCO/2h2 h=H2",
        "fact dong=D1 h=H1",
        "fact dong=D2 h=H1 rev=2",
        "area outage.started O/1 id=x dong=D1",
        "area outage.ended O/2 id=x dong=D1",
        "claim repeat/1 h=H1",
        "contact repeat/1 h=H2 id=c2",
        "close repeat/1 h=H1 id=k1 seen=1",
        "pack 1",
        "left h=H3 seq=2",
    ]);
    prop_oneof![3 => put, 2 => fixed.prop_map(str::to_owned)]
}

fn script() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec((0..3_i64, command()), 1..24).prop_map(|steps| {
        let mut day = 0;
        let line = |(days, command): (i64, String)| {
            day += days;
            format!("+{day}d {command}")
        };
        steps.into_iter().map(line).collect()
    })
}

/// What a task built anew from the same state says of its jobs.
fn has_job_after_restart(town: &Town, packs: Vec<Pack>) -> bool {
    let mut fresh = Town::new(packs);
    fresh.state = town.state.clone();
    fresh.restart();
    fresh.has_job()
}

fn final_episodes(town: &Town) -> Vec<String> {
    let one = |record: &Record| match record {
        Record::Episode(e) => {
            let reasons: Vec<_> = e.reasons.iter().map(|r| (&r.id, r.mark)).collect();
            Some(format!("{} {} {} {:?} {reasons:?}", e.rule, e.number, e.occurred_on, e.shown_level()))
        }
        _ => None,
    };
    town.state
        .iter()
        .filter_map(|(key, record)| one(&record).map(|line| format!("{} {line}", key.entity)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Wherever a task is thrown away and built anew, the same log gives the same outputs and the same state.
    #[test]
    fn commit_boundaries_change_no_output(script in script(), restarts in prop::collection::vec(any::<bool>(), 24)) {
        let mut whole = Town::open(packs());
        for line in &script {
            whole.line(line);
        }
        let mut cut = Town::new(packs());
        for (entry, restart) in whole.log.iter().zip(restarts.iter().cycle()) {
            cut.feed_one(entry);
            if *restart {
                cut.restart();
            }
            let fresh = has_job_after_restart(&cut, packs());
            prop_assert_eq!(cut.has_job(), fresh);
        }
        prop_assert_eq!(&whole.said, &cut.said);
        prop_assert_eq!(whole.state.iter().collect::<Vec<_>>(), cut.state.iter().collect::<Vec<_>>());
    }

    /// What is given up leaves no trace: the task goes on as one that never handled it.
    #[test]
    fn an_abort_changes_no_output(script in script(), aborts in prop::collection::vec(0..4_usize, 24)) {
        let mut whole = Town::open(packs());
        for line in &script {
            whole.line(line);
        }
        let mut cut = Town::new(packs());
        for (at, abort) in (0..whole.log.len()).zip(aborts.iter().cycle()) {
            cut.abort(&whole.log[at..whole.log.len().min(at + abort)]);
            cut.feed_one(&whole.log[at]);
            let fresh = has_job_after_restart(&cut, packs());
            prop_assert_eq!(cut.has_job(), fresh);
        }
        prop_assert_eq!(&whole.said, &cut.said);
        prop_assert_eq!(whole.state.iter().collect::<Vec<_>>(), cut.state.iter().collect::<Vec<_>>());
    }

    /// A record that is given up and handed again is handled as if for the first time.
    #[test]
    fn giving_a_record_up_changes_no_output(script in script()) {
        let mut whole = Town::open(packs());
        for line in &script {
            whole.line(line);
        }
        let mut twice = Town::new(packs());
        for entry in &whole.log {
            twice.give_up(entry);
            twice.feed_one(entry);
            let fresh = has_job_after_restart(&twice, packs());
            prop_assert_eq!(twice.has_job(), fresh);
        }
        prop_assert_eq!(&whole.said, &twice.said);
        prop_assert_eq!(whole.state.iter().collect::<Vec<_>>(), twice.state.iter().collect::<Vec<_>>());
    }

    /// A record that comes twice says nothing twice.
    #[test]
    fn duplicates_change_nothing(script in script()) {
        let (mut once, mut twice) = (Town::open(packs()), Town::open(packs()));
        for line in &script {
            once.line(line);
            twice.line(line);
            twice.line(line);
        }
        prop_assert_eq!(final_episodes(&once), final_episodes(&twice));
        prop_assert_eq!(once.lines(), twice.lines());
    }

    /// Events that arrive in another order inside the lateness come to the same decisions.
    #[test]
    fn shuffled_arrival_decides_the_same(
        days in prop::collection::vec((0..20_i64, prop::sample::select(vec!["cutoff.water", "cutoff.gas", "use"])), 1..9),
        order in prop::collection::vec(any::<u16>(), 9),
    ) {
        let rules = || {
            let rule = repeat().reason("more", count(&[0], 10, 3), true).points("more", 20);
            vec![pack(1, vec![rule, silent()], vec![])]
        };
        let event = |n: usize| format!("{} KEPCO/{n} on=+{}d{n}h", days[n].1, days[n].0);
        let mut in_time: Vec<usize> = (0..days.len()).collect();
        in_time.sort_by_key(|n| (days[*n].0, *n));
        let mut town = Town::open(rules());
        for n in &in_time {
            town.line(&format!("+{}d{n}h {}", days[*n].0, event(*n)));
        }
        town.line("+22d tick");
        let mut shuffled: Vec<usize> = (0..days.len()).collect();
        shuffled.sort_by_key(|n| order[*n]);
        let mut other = Town::open(rules());
        for n in &shuffled {
            other.line(&format!("+22d {}", event(*n)));
        }
        prop_assert_eq!(live(&town), live(&other));
    }
}
