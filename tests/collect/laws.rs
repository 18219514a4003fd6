//! Whatever goes wrong, in whatever order: who reads the topic has what the source lists, each version once.

use crate::desk::{Commit, Desk, Version};
use crate::list::{KEY, List, policy};
use ieum::collect::{Ask, Raw, Scope, Trouble};
use ieum::collect::{Ended, Kind};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Between two runs.
#[derive(Clone, Debug)]
enum Edit {
    Add(u32),
    Change(u32),
    Remove(u32),
}

/// Of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    Nothing,
    Status(u16),
    Html,
    Half,
    KeyRefused,
}

#[derive(Clone, Debug)]
struct Run {
    edits: Vec<Edit>,
    wrong: Vec<Wrong>,
    commits: Vec<Commit>,
    hours: u64,
}

fn edit() -> impl Strategy<Value = Edit> {
    let number = 0..30_u32;
    prop_oneof![
        number.clone().prop_map(Edit::Add),
        number.clone().prop_map(Edit::Change),
        number.prop_map(Edit::Remove)
    ]
}

fn wrong() -> impl Strategy<Value = Wrong> {
    prop_oneof![
        6 => Just(Wrong::Nothing),
        1 => prop_oneof![Just(429), Just(500), Just(404)].prop_map(Wrong::Status),
        1 => Just(Wrong::Html),
        1 => Just(Wrong::Half),
        1 => Just(Wrong::KeyRefused),
    ]
}

fn commit() -> impl Strategy<Value = Commit> {
    prop_oneof![
        6 => Just(Commit::Done),
        1 => Just(Commit::Unheard),
        1 => Just(Commit::Lost),
        1 => Just(Commit::DiesBefore),
        1 => Just(Commit::DiesBehind),
    ]
}

fn run() -> impl Strategy<Value = Run> {
    use proptest::collection::vec;
    (vec(edit(), 0..6), vec(wrong(), 0..10), vec(commit(), 0..8), 0..50_u64)
        .prop_map(|(edits, wrong, commits, hours)| Run { edits, wrong, commits, hours })
}

/// The list without a network.
struct Here<'l> {
    list: &'l List,
    wrong: std::vec::IntoIter<Wrong>,
}

impl Ask for Here<'_> {
    fn ask(&mut self, parameters: &[(&str, &str)]) -> Result<Raw, Trouble> {
        let mut asked: BTreeMap<String, String> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        asked.insert("apiKeyNm".into(), KEY.into());
        let mut raw = Raw { status: 200, retry_after: None, body: self.list.answer(&asked).into_bytes() };
        match self.wrong.next().unwrap_or(Wrong::Nothing) {
            Wrong::Nothing => {}
            Wrong::Status(status) => raw.status = status,
            Wrong::Html => raw.body = b"<html></html>".to_vec(),
            Wrong::Half => raw.body.truncate(raw.body.len() / 2),
            Wrong::KeyRefused => return Err(Trouble::new(Kind::KeyRefused, "refused")),
        }
        Ok(raw)
    }
}

fn change(list: &mut List, edit: &Edit, minute: u32) {
    match edit {
        Edit::Add(number) => {
            let new = policy(*number, minute);
            if list.policies.iter().all(|policy| policy["plcyNo"] != new["plcyNo"]) {
                list.policies.insert(list.policies.len() / 2, new);
            }
        }
        Edit::Change(number) => list.edit(*number, &format!("내용 {minute}"), minute),
        Edit::Remove(number) => list.remove(*number),
    }
}

/// Keys and words of what is there, for the one who reads.
fn there(desk: &Desk, versions: &BTreeMap<String, Vec<Version>>) -> BTreeMap<String, String> {
    versions
        .iter()
        .filter_map(|(key, versions)| {
            let last = versions.last().filter(|version| !version.removed)?;
            Some((key.clone(), crate::cases::words(desk, last, "plcySprtCn").unwrap()))
        })
        .collect()
}

fn listed(list: &List) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    list.policies.iter().map(|policy| (text(&policy["plcyNo"]), text(&policy["plcySprtCn"]))).collect()
}

fn none_is_doubled(versions: &BTreeMap<String, Vec<Version>>, desk: &Desk) {
    for (key, versions) in versions {
        for pair in versions.windows(2) {
            let [before, after] = pair else { continue };
            let said = |version: &Version, field: &str| crate::cases::words(desk, version, field);
            let content = |version: &Version| {
                (version.removed, ["plcySprtCn", "lastMdfcnDt"].map(|field| said(version, field)))
            };
            assert_ne!(content(before), content(after), "{key} has a version twice");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reader_has_what_the_source_lists(runs in proptest::collection::vec(run(), 1..8)) {
        let mut list = List::of(12);
        let mut desk = Desk::new(4);
        desk.source.request.per_day = 20;
        let mut minute = 1;
        for run in runs {
            for edit in &run.edits {
                minute += 1;
                change(&mut list, edit, minute);
            }
            desk.log.next = run.commits.iter().copied().collect();
            let stated = desk.statements().len();
            let mut here = Here { list: &list, wrong: run.wrong.clone().into_iter() };
            // However it ends: the next run begins with what is in the log.
            let ended = desk.run_with(&mut here, Scope::Whole, |collector| collector.allow_removals = true);
            let versions = desk.versions();
            none_is_doubled(&versions, &desk);
            if desk.statements().len() > stated {
                prop_assert_eq!(there(&desk, &versions), listed(&list), "stated, and not so: {:?}", ended);
            }
            desk.clock.pass(std::time::Duration::from_hours(run.hours));
        }
        // Two runs in which nothing goes wrong: the first may have gone on with an older pass.
        desk.log.next.clear();
        for _ in 0..2 {
            desk.clock.pass(std::time::Duration::from_hours(24));
            let mut here = Here { list: &list, wrong: Vec::new().into_iter() };
            let run = desk.run_with(&mut here, Scope::Whole, |collector| collector.allow_removals = true).unwrap();
            prop_assert_eq!(run.ended, Ended::ToTheEnd);
        }
        let versions = desk.versions();
        none_is_doubled(&versions, &desk);
        prop_assert_eq!(there(&desk, &versions), listed(&list));
        prop_assert!(!desk.statements().is_empty());
    }
}
