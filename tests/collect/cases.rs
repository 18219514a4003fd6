//! Runs over a list that changes between them, and in them.

use crate::desk::{Desk, Version};
use crate::list::{List, key, policy};
use crate::server::{Fault, Server};
use ieum::collect::codes::{NO_RECORD_KEY, TOO_MANY_GONE, UNSTEADY};
use ieum::collect::{Drift, Ended, Files, Scope, Summary};
use ieum::types::SmolStr;
use std::time::Duration;

/// The words of a version.
pub(crate) fn words(desk: &Desk, version: &Version, field: &str) -> Option<String> {
    let path = match &desk.source.record.into.original {
        Some(under) => format!("{under}.{field}"),
        None => field.to_owned(),
    };
    version.tree.text(&path).map(ToString::to_string)
}

fn counts(summary: &Summary) -> [u64; 6] {
    let Summary { new, changed, removed, unchanged, left_out, rejected, .. } = summary;
    [*new, *changed, *removed, *unchanged, *left_out, *rejected]
}

#[test]
fn a_first_run_publishes_all_as_it_came_and_the_next_nothing() {
    let (server, mut desk) = (Server::start(List::of(25)), Desk::new(10));
    let first = desk.run(&server.url).unwrap();
    assert_eq!((counts(&first), &first.ended), ([25, 0, 0, 0, 0, 0], &Ended::ToTheEnd));
    assert_eq!((first.pages, first.requests), (3, 3));
    assert!(first.drift.is_empty(), "{:?}", first.drift);
    let asked = server.asked();
    assert_eq!((asked[1]["pageNum"].as_str(), asked[1]["pageSize"].as_str()), ("2", "10"));
    assert_eq!((asked[0]["pageType"].as_str(), asked[0]["rtnType"].as_str()), ("1", "json"));

    let versions = desk.versions();
    assert_eq!(versions.len(), 25);
    let version = &versions[&key(3)][0];
    assert_eq!(version.tree.text("source").map(SmolStr::as_str), Some("youthcenter"));
    for (field, value) in
        [("plcyNm", "가상시 청년 지원 3"), ("operInstCd", "       "), ("sprtTrgtMinAge", "19")]
    {
        assert_eq!(words(&desk, version, field).as_deref(), Some(value), "{field}");
    }
    let bytes: Vec<u8> = desk.log.records.iter().filter_map(|entry| entry.value.clone()).flatten().collect();
    assert!(!String::from_utf8_lossy(&bytes).contains("담당자가명"), "the name of an official travels");
    assert_eq!(desk.statements().len(), 1);

    let records = desk.log.records.len();
    let second = desk.run(&server.url).unwrap();
    assert_eq!(counts(&second), [0, 0, 0, 25, 0, 0]);
    assert_eq!(desk.versions(), versions);
    assert!(desk.log.records.len() > records, "its marks are written all the same");
    assert_eq!(desk.statements().len(), 2);
}

#[test]
fn a_later_run_publishes_what_is_new_what_changed_and_what_is_gone() {
    let (server, mut desk) = (Server::start(List::of(25)), Desk::new(10));
    desk.run(&server.url).unwrap();
    server.change(|list| {
        list.edit(4, "이사비 50만원", 10);
        list.remove(7);
        list.policies.insert(0, policy(100, 11));
        // A counter of readers is no version.
        list.policies[20]["inqCnt"] = "31".into();
    });
    let second = desk.run(&server.url).unwrap();
    assert_eq!(counts(&second), [1, 1, 1, 23, 0, 0]);
    let versions = desk.versions();
    assert_eq!(
        words(&desk, versions[&key(4)].last().unwrap(), "plcySprtCn").as_deref(),
        Some("이사비 50만원")
    );
    assert!(versions[&key(7)].last().unwrap().removed);
    assert_eq!(second.newest.as_deref(), Some("2026-09-01 00:11:00"));

    server.change(|list| list.policies.push(policy(7, 0)));
    let third = desk.run(&server.url).unwrap();
    assert_eq!(counts(&third), [1, 0, 0, 25, 0, 0], "it is back");
    let back: Vec<bool> = desk.versions()[&key(7)].iter().map(|version| version.removed).collect();
    assert_eq!(back, [false, true, false]);
}

#[test]
fn an_outage_in_the_middle_loses_nothing_and_the_next_run_goes_on() {
    let (server, mut desk) = (Server::start(List::of(50)), Desk::new(10));
    for nth in 3..3 + 5 {
        server.fault(nth, Fault::Gone);
    }
    let first = desk.run(&server.url).unwrap();
    let Ended::Part(trouble) = &first.ended else { panic!("{first:?}") };
    assert_eq!((trouble.code(), counts(&first)), ("IEUM-K011", [20, 0, 0, 0, 0, 0]));
    assert!(desk.statements().is_empty());

    let asked = server.asked().len();
    let second = desk.run(&server.url).unwrap();
    assert!(second.resumed);
    assert_eq!(counts(&second), [30, 0, 0, 0, 0, 0]);
    assert_eq!(server.asked()[asked]["pageNum"], "3");
    assert!(desk.versions().values().all(|versions| versions.len() == 1), "none is doubled");
    assert_eq!((desk.versions().len(), desk.statements().len()), (50, 0), "it was read in two runs");
    desk.run(&server.url).unwrap();
    assert_eq!(desk.statements().len(), 1);
}

#[test]
fn a_pass_that_began_long_ago_is_begun_anew() {
    let (server, mut desk) = (Server::start(List::of(30)), Desk::new(10));
    server.fault(2, Fault::Status(404, ""));
    assert!(matches!(desk.run(&server.url).unwrap().ended, Ended::Part(_)));
    desk.clock.pass(Duration::from_hours(40));
    let second = desk.run(&server.url).unwrap();
    assert!(!second.resumed);
    assert_eq!((counts(&second), second.delivered_through.is_some()), ([20, 0, 0, 10, 0, 0], true));
}

#[test]
fn the_days_quota_ends_a_run_and_the_next_day_goes_on() {
    let (server, mut desk) = (Server::start(List::of(50)), Desk::new(10));
    desk.source.request.per_day = 3;
    let first = desk.run(&server.url).unwrap();
    let Ended::Part(trouble) = &first.ended else { panic!("{first:?}") };
    assert_eq!((trouble.code(), first.requests_today, counts(&first)[0]), ("IEUM-K013", 3, 30));
    let again = desk.run(&server.url).unwrap();
    assert_eq!((again.requests, again.requests_today, counts(&again)[0]), (0, 3, 0), "the same day");
    desk.clock.pass(Duration::from_hours(20));
    let next = desk.run(&server.url).unwrap();
    assert_eq!(
        (next.requests, next.requests_today, counts(&next)[0], &next.ended),
        (2, 2, 20, &Ended::ToTheEnd)
    );
    assert_eq!(server.asked().len(), 5);
}

#[test]
fn fields_that_change_are_carried_counted_and_told() {
    let (server, mut desk) = (Server::start(List::of(3)), Desk::new(10));
    desk.run(&server.url).unwrap();
    server.change(|list| {
        list.policies[0]["earnMaxAmt"] = 0.into();
        list.policies[1]["earnMaxAmt"] = 5000.into();
        list.policies[1]["zipCd"] = serde_json::json!(["99010", "99020"]);
        list.policies[2].as_object_mut().unwrap().remove("jobCd");
        list.policies[2]["brandNewCd"] = "1".into();
    });
    let second = desk.run(&server.url).unwrap();
    assert_eq!(counts(&second), [0, 2, 0, 1, 0, 0], "a text that became the same number is the same content");
    let expected = [
        (("brandNewCd", Drift::New), 1),
        (("earnMaxAmt", Drift::Number), 2),
        (("jobCd", Drift::Missing), 1),
        (("zipCd", Drift::Nested), 1),
    ];
    let drift: Vec<_> =
        second.drift.iter().map(|((name, how), count)| ((name.as_str(), *how), *count)).collect();
    assert_eq!(drift, expected);
    assert!(second.has_findings());
    let version = desk.versions()[&key(1)].last().unwrap().clone();
    assert_eq!(words(&desk, &version, "earnMaxAmt").as_deref(), Some("5000"));
    assert_eq!(words(&desk, &version, "zipCd").as_deref(), Some("[\"99010\",\"99020\"]"));
    assert_eq!(version.drift.split(',').count(), 2, "{}", version.drift);
}

#[test]
fn a_record_without_key_is_a_letter_once_and_keeps_the_list_from_being_whole() {
    let (server, mut desk) = (Server::start(List::of(5)), Desk::new(10));
    desk.run(&server.url).unwrap();
    server.change(|list| {
        list.policies[1]["plcyNo"] = "   ".into();
        list.policies[2] = serde_json::json!("a word");
    });
    for rejected in [2, 0] {
        let run = desk.run(&server.url).unwrap();
        assert_eq!((run.rejected, run.removed, run.delivered_through), (rejected, 0, None));
        assert_eq!(run.held_back[0].0, UNSTEADY);
    }
    let letters = desk.letters();
    assert_eq!(letters.len(), 2);
    assert!(letters.iter().all(|(code, bytes)| code == NO_RECORD_KEY && !bytes.contains("담당자가명")));
    server.change(|list| *list = List::of(5));
    let mended = desk.run(&server.url).unwrap();
    assert_eq!((counts(&mended), mended.delivered_through.is_some()), ([0, 0, 0, 5, 0, 0], true));
    server.change(|list| list.policies[2] = serde_json::json!("a word"));
    assert_eq!(desk.run(&server.url).unwrap().rejected, 1, "it came again after it had been mended");
}

#[test]
fn half_of_the_list_gone_at_once_is_not_believed_unless_someone_says_so() {
    let (server, mut desk) = (Server::start(List::of(40)), Desk::new(10));
    desk.run(&server.url).unwrap();
    server.change(|list| list.policies.truncate(20));
    let second = desk.run(&server.url).unwrap();
    assert_eq!((second.removed, second.held_back[0].0, second.delivered_through), (0, TOO_MANY_GONE, None));
    server.change(|list| list.policies.clear());
    let empty = desk.run(&server.url).unwrap();
    assert_eq!((empty.removed, empty.held_back[0].0), (0, TOO_MANY_GONE));
    server.change(|list| *list = List::of(20));
    let mut http =
        ieum::collect::Http::new(&desk.source, Some(crate::list::KEY.into()), Some(&server.url), None)
            .unwrap();
    let allowed =
        desk.run_with(&mut http, Scope::Whole, |collector| collector.allow_removals = true).unwrap();
    assert_eq!((allowed.removed, allowed.delivered_through.is_some()), (20, true));
}

#[test]
fn what_slips_from_page_to_page_is_not_said_to_be_gone() {
    let (server, mut desk) = (Server::start(List::of(30)), Desk::new(10));
    desk.run(&server.url).unwrap();
    // While the second page is asked for, one of the first page goes and another comes behind: the tenth slips to the first page.
    server.at_each(|number, list| {
        if number == 2 {
            list.remove(0);
            list.policies.push(policy(200, 5));
        }
    });
    let second = desk.run(&server.url).unwrap();
    assert_eq!(counts(&second), [1, 0, 0, 29, 0, 0]);
    assert_eq!((second.held_back[0].0, second.delivered_through), (UNSTEADY, None));
    assert!(!desk.versions()[&key(10)].last().unwrap().removed);
    server.at_each(|_, _| {});
    let third = desk.run(&server.url).unwrap();
    assert_eq!((counts(&third), third.delivered_through.is_some()), ([0, 0, 1, 30, 0, 0], true));
}

#[test]
fn a_list_that_grows_while_it_is_read_is_read_to_its_end_and_not_judged() {
    let (server, mut desk) = (Server::start(List::of(30)), Desk::new(10));
    server.at_each(|number, list| {
        if number == 2 {
            list.policies.insert(0, policy(200, 5));
        }
    });
    let run = desk.run(&server.url).unwrap();
    // The tenth is listed twice, the new one not at all.
    assert_eq!((counts(&run), run.held_back[0].0), ([30, 0, 0, 0, 1, 0], UNSTEADY));
    assert!(run.delivered_through.is_none());
}

#[test]
fn of_two_versions_of_a_notice_in_one_list_the_newer_stays() {
    let mut list = List::of(4);
    let mut newer = policy(2, 30);
    newer["plcySprtCn"] = "새 내용".into();
    list.policies.insert(0, newer);
    let (server, mut desk) = (Server::start(list), Desk::new(2));
    let first = desk.run(&server.url).unwrap();
    assert_eq!((counts(&first), first.held_back[0].0), ([4, 0, 0, 0, 1, 0], UNSTEADY));
    let second = desk.run(&server.url).unwrap();
    assert_eq!(counts(&second), [0, 0, 0, 4, 1, 0], "it does not swing between the two");
    assert_eq!(desk.versions()[&key(2)].len(), 1);
}

#[test]
fn since_a_day_takes_only_what_was_modified_then_and_judges_nothing() {
    let mut list = List::of(6);
    list.edit(1, "달라짐", 1440 * 4);
    list.policies[3]["lastMdfcnDt"] = "어제".into();
    let (server, mut desk) = (Server::start(list), Desk::new(4));
    let run = desk.run_scoped(&server.url, Scope::Since("2026-09-05".parse().unwrap())).unwrap();
    assert_eq!(counts(&run), [2, 0, 0, 0, 4, 0], "what does not tell its day is not left out");
    assert!(desk.statements().is_empty() && run.held_back.is_empty());
    assert_eq!(counts(&desk.run(&server.url).unwrap()), [4, 0, 0, 2, 0, 0]);
}

#[test]
fn saved_answers_are_read_like_pages_and_nothing_is_said_to_be_gone() {
    let dir = tempfile::tempdir().unwrap();
    let list = List::of(5);
    let page = |number: &str| {
        let asked = [("apiKeyNm", crate::list::KEY), ("pageNum", number), ("pageSize", "3")];
        list.answer(&asked.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    };
    std::fs::write(dir.path().join("b.json"), page("2")).unwrap();
    let server = Server::start(List::of(8));
    let mut desk = Desk::new(10);
    desk.run(&server.url).unwrap();
    desk.log.records.clear();
    let run = |desk: &mut Desk| {
        let mut files = Files::new(&[dir.path().to_owned()]).unwrap();
        let scope = Scope::Files(u32::try_from(files.count()).unwrap());
        desk.run_with(&mut files, scope, |_| {}).unwrap()
    };
    assert_eq!((counts(&run(&mut desk)), desk.statements().len()), ([2, 0, 0, 0, 0, 0], 0));
    std::fs::write(dir.path().join("a.json"), page("1")).unwrap();
    assert_eq!(counts(&run(&mut desk)), [3, 0, 0, 2, 0, 0]);
    std::fs::write(dir.path().join("c.json"), "{\"resultCode\":200,").unwrap();
    let half = run(&mut desk);
    let Ended::Part(trouble) = &half.ended else { panic!("{half:?}") };
    assert_eq!((trouble.code(), half.pages), ("IEUM-K014", 2));
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let (server, mut desk) = (Server::start(List::of(5)), Desk::new(10));
    desk.run(&server.url).unwrap();
    let records = desk.log.records.clone();
    server.change(|list| {
        list.remove(1);
        list.edit(2, "달라짐", 9);
    });
    let mut http =
        ieum::collect::Http::new(&desk.source, Some(crate::list::KEY.into()), Some(&server.url), None)
            .unwrap();
    let dry = desk.run_with(&mut http, Scope::Whole, |collector| collector.dry_run = true).unwrap();
    assert_eq!(counts(&dry), [0, 1, 1, 3, 0, 0]);
    assert_eq!(desk.log.records, records);
    assert_eq!(counts(&desk.run(&server.url).unwrap()), [0, 1, 1, 3, 0, 0]);
}

#[test]
fn whoever_asks_to_stop_is_heard_between_pages() {
    let (server, mut desk) = (Server::start(List::of(50)), Desk::new(10));
    desk.clock.stops_after.set(2);
    let first = desk.run(&server.url).unwrap();
    let Ended::Part(trouble) = &first.ended else { panic!("{first:?}") };
    assert_eq!((trouble.code(), counts(&first)[0]), ("IEUM-K024", 20));
    desk.clock.stops_after.set(usize::MAX);
    assert_eq!(counts(&desk.run(&server.url).unwrap())[0], 30);
}
