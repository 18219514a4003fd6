use super::*;
use crate::engine::effect::{Effects, Fact, Input};
use crate::engine::layout::{CONTROL_LOG, HOUSEHOLDS_LOG, LETTERS_TOPIC, provisional_household};
use crate::engine::message::{ControlMessage, HouseholdMessage, SubjectMessage, Tick, decode, encode};
use crate::engine::state::MemoryState;
use crate::types::{
    Change, Day, DayState, EntityId, Event, EventKey, EventTime, LinkRecord, Origin, Phase, Reading, Signal,
    StreamTime, SubjectId, Value,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

mod parked;

const PARTITIONS: i32 = 3;
const TODAY: i32 = 20_100;

/// What households know, if they do nothing but what identity tells them.
type Households = BTreeMap<EntityId, BTreeMap<SubjectId, (u64, BTreeMap<EventKey, Event>)>>;

/// All partitions of identity, and naive households behind them.
struct World {
    stage: Identity,
    layout: Layout,
    parts: Vec<(Box<dyn Task>, MemoryState, i64)>,
    /// Records that identity appended to its own log.
    hops: VecDeque<(i32, Vec<u8>)>,
    households: Households,
    letters: Vec<String>,
    control: Vec<ControlMessage>,
    facts: Vec<Fact>,
    sent: Vec<HouseholdMessage>,
    /// Each record is handled, given up and handed again.
    twice: bool,
}

fn world() -> World {
    let layout = Layout::new([(SmolStr::new(SUBJECTS_LOG), PARTITIONS)]);
    let encode = |body: &crate::engine::letter::LetterBody<'_>| body.code.as_bytes().to_vec();
    let letters = Arc::new(Letters::new(layout.clone(), Box::new(encode)));
    let stage = Identity::new(IdentityConfig::default(), layout.clone(), letters);
    let task = |partition| {
        let at = TopicPartition { topic: SmolStr::new(SUBJECTS_LOG), partition };
        (stage.task(&at), MemoryState::default(), 0)
    };
    let parts = (0..PARTITIONS).map(task).collect();
    World {
        stage,
        layout,
        parts,
        hops: VecDeque::new(),
        households: Households::new(),
        letters: Vec::new(),
        control: Vec::new(),
        facts: Vec::new(),
        sent: Vec::new(),
        twice: false,
    }
}

impl World {
    fn send(&mut self, message: &SubjectMessage) {
        let value = encode(message);
        let subject = match message {
            SubjectMessage::Signal { signal, trail, .. } => &signal.owners[usize::from(*trail)],
            SubjectMessage::Link { link, .. } => &link.subject,
            SubjectMessage::Reading { reading, trail, .. } => &reading.owners[usize::from(*trail)],
            SubjectMessage::Forget { owners, trail, .. }
            | SubjectMessage::Readings { owners, trail, .. }
            | SubjectMessage::ForgetReadings { owners, trail, .. } => &owners[usize::from(*trail)],
            SubjectMessage::Tick(_) | SubjectMessage::Continue => {
                return (0..PARTITIONS).for_each(|partition| self.append(partition, &value));
            }
        };
        self.append(self.layout.partition(SUBJECTS_LOG, subject.as_str()), &value);
    }

    /// Handles what identity appended to its own log.
    fn settle(&mut self) {
        while let Some((partition, value)) = self.hops.pop_front() {
            self.append(partition, &value);
        }
    }

    fn append(&mut self, partition: i32, value: &[u8]) {
        self.hand(partition, None, value, &[]);
    }

    fn hand(&mut self, partition: i32, key: Option<&[u8]>, value: &[u8], headers: &[(SmolStr, Vec<u8>)]) {
        let (task, state, offset) = &mut self.parts[usize::try_from(partition).unwrap()];
        let input = Input {
            topic: SUBJECTS_LOG,
            partition,
            offset: *offset,
            timestamp_ms: 0,
            key,
            value: Some(value),
            headers,
        };
        *offset += 1;
        if self.twice {
            task.handle(&input, &*state).expect("readable");
            assert!(task.give_up(&*state));
        }
        let Effects { outputs, delta, facts, .. } = task.handle(&input, &*state).expect("readable");
        state.apply(&delta);
        self.facts.extend(facts);
        for output in outputs {
            match output.topic.as_str() {
                SUBJECTS_LOG => self.hops.push_back((output.partition, output.value)),
                HOUSEHOLDS_LOG => {
                    let key = String::from_utf8(output.key.unwrap()).unwrap();
                    let message: HouseholdMessage = decode(&output.value).unwrap();
                    self.sent.push(message.clone());
                    tell(self.households.entry(EntityId::new(key)).or_default(), message);
                }
                CONTROL_LOG => self.control.push(decode(&output.value).unwrap()),
                LETTERS_TOPIC => self.letters.push(String::from_utf8(output.value).unwrap()),
                other => panic!("identity does not write to {other}"),
            }
        }
    }

    /// Every task made anew from its state.
    fn restart(&mut self) {
        for (partition, part) in (0..).zip(&mut self.parts) {
            part.0 = self.stage.task(&TopicPartition { topic: SmolStr::new(SUBJECTS_LOG), partition });
            part.0.rebuild(&mut part.1.iter());
        }
    }

    fn tick(&mut self, day: i32) {
        self.send(&SubjectMessage::Tick(Tick { through: Day(day).start(), complete: true, sources: vec![] }));
    }

    /// `household: subject key, …` for every household that has something.
    fn shows(&self) -> String {
        let mut lines = Vec::new();
        for (household, events) in holdings(&self.households) {
            let events = events.iter().map(|((subject, key), event)| {
                format!(
                    "{subject} {}{}",
                    key.key,
                    if matches!(event.phase, Phase::Ended(_)) { " ended" } else { "" }
                )
            });
            lines.push(format!("{household}: {}", events.collect::<Vec<_>>().join(", ")));
        }
        lines.join("; ")
    }
}

/// Takes a message in as the contract between the stages says.
fn tell(known: &mut BTreeMap<SubjectId, (u64, BTreeMap<EventKey, Event>)>, message: HouseholdMessage) {
    match message {
        HouseholdMessage::Put { subject, seq, event, .. } => {
            let (last, events) = known.entry(subject).or_default();
            if seq >= *last {
                *last = seq;
                events.insert(event.key.clone(), event);
            }
        }
        HouseholdMessage::Remove { subject, seq, key, .. } => {
            let (last, events) = known.entry(subject).or_default();
            if seq >= *last {
                *last = seq;
                assert!(events.remove(&key).is_some(), "only what was put is removed: {key}");
            }
        }
        HouseholdMessage::Joined { subject, seq, part, events: joined, .. } => {
            let (last, events) = known.entry(subject).or_default();
            if seq >= *last {
                *last = seq;
                if part == 0 {
                    events.clear();
                }
                events.extend(joined.into_iter().map(|event| (event.key.clone(), event)));
            }
        }
        HouseholdMessage::Left { subject, seq } => {
            let (last, events) = known.entry(subject).or_default();
            if seq >= *last {
                *last = seq;
                events.clear();
            }
        }
        other => panic!("identity does not send {other:?}"),
    }
}

type Holdings = BTreeMap<EntityId, BTreeMap<(SubjectId, EventKey), Event>>;

fn holdings(households: &Households) -> Holdings {
    let mut holdings = Holdings::new();
    for (household, subjects) in households {
        for (subject, (_, events)) in subjects {
            for (key, event) in events {
                let held = holdings.entry(household.clone()).or_default();
                held.insert((subject.clone(), key.clone()), event.clone());
            }
        }
    }
    holdings
}

fn origin() -> Origin {
    Origin { topic: SmolStr::new("raw"), partition: 0, offset: 0 }
}

fn event_key(key: &str) -> EventKey {
    EventKey { source: SmolStr::new("S"), key: SmolStr::new(key) }
}

fn body(kind: &str, day: i32) -> Change {
    let (time, phase) = (EventTime::Day(Day(day)), Phase::Open);
    Change::Body { kind: SmolStr::new(kind), time, phase, fields: vec![] }
}

fn signal(owners: &[&str], key: &str, revision: i64, change: Change) -> SubjectMessage {
    SubjectMessage::Signal {
        origin: origin(),
        trail: 0,
        accepted: None,
        first: None,
        signal: Signal {
            key: event_key(key),
            revision,
            change,
            owners: owners.iter().map(SubjectId::new).collect(),
            region: None,
            lateness_days: 7,
        },
    }
}

fn reading(owners: &[&str], source: &str, day: i32, revision: i64, state: DayState) -> SubjectMessage {
    SubjectMessage::Reading {
        origin: origin(),
        trail: 0,
        accepted: None,
        reading: Reading {
            source: SmolStr::new(source),
            kind: SmolStr::new("reading"),
            day: Day(day),
            revision,
            state,
            owners: owners.iter().map(SubjectId::new).collect(),
            region: None,
            lateness_days: 7,
        },
    }
}

fn link(
    key: &str,
    revision: i64,
    subject: &str,
    household: &str,
    days: (i32, Option<i32>),
) -> SubjectMessage {
    SubjectMessage::Link {
        origin: origin(),
        link: LinkRecord {
            key: event_key(key),
            revision,
            subject: SubjectId::new(subject),
            household: EntityId::new(household),
            confidence: 90,
            from: Day(days.0),
            to: days.1.map(Day),
            removed: false,
        },
    }
}

fn removal(key: &str, revision: i64, subject: &str) -> SubjectMessage {
    let SubjectMessage::Link { origin, link } = link(key, revision, subject, "", (0, None)) else {
        unreachable!("a link")
    };
    SubjectMessage::Link { origin, link: LinkRecord { removed: true, ..link } }
}

fn prov(subject: &str) -> SmolStr {
    provisional_household(subject)
}

#[test]
fn a_signal_without_a_link_waits_at_its_last_owner_and_goes_home_with_the_first_link() {
    let mut world = world();
    world.send(&signal(&["p:1", "a:1"], "k", 1, body("debt", TODAY)));
    world.settle();
    assert_eq!(world.shows(), format!("{}: a:1 k", prov("a:1")));
    world.send(&link("l", 1, "a:1", "H1", (0, None)));
    assert_eq!(world.shows(), "H1: a:1 k");
    world.send(&link("m", 1, "p:1", "H2", (0, None)));
    world.settle();
    assert_eq!(world.shows(), "H2: p:1 k");
    world.send(&removal("m", i64::MAX, "p:1"));
    world.settle();
    assert_eq!(world.shows(), "H1: a:1 k");
}

#[test]
fn one_meter_serves_several_households_and_a_move_splits_by_day() {
    let mut world = world();
    world.send(&link("l1", 1, "m", "H1", (0, Some(TODAY))));
    world.send(&link("l2", 1, "m", "H2", (0, None)));
    world.send(&signal(&["m"], "old", 1, body("cut", TODAY - 1)));
    world.send(&signal(&["m"], "new", 1, body("cut", TODAY)));
    assert_eq!(world.shows(), "H1: m old; H2: m new, m old");
    world.send(&signal(&["m"], "old", 2, body("cut", TODAY + 1)));
    assert_eq!(world.shows(), "H2: m new, m old");
}

#[test]
fn a_day_that_no_link_covers_belongs_to_the_stand_in() {
    let mut world = world();
    world.send(&signal(&["p"], "k", 1, body("debt", TODAY - 10)));
    world.send(&link("l", 1, "p", "H1", (TODAY, None)));
    assert_eq!(world.shows(), format!("{}: p k", prov("p")));
    world.send(&link("l", 2, "p", "H1", (TODAY - 10, None)));
    assert_eq!(world.shows(), "H1: p k");
}

#[test]
fn bodiless_changes_wait_for_their_report_then_become_a_letter() {
    let mut world = world();
    world.tick(TODAY);
    world.send(&signal(&["p"], "ended", 1, Change::End(EventTime::Day(Day(TODAY)))));
    world.send(&signal(&["p"], "void", 1, Change::Void));
    world.send(&signal(&["p"], "lost", 1, Change::Void));
    world.send(&signal(&["p"], "ended", 1, body("debt", TODAY - 2)));
    world.send(&signal(&["p"], "void", 1, body("debt", TODAY - 2)));
    world.send(&signal(&["p"], "void", 1, body("debt", TODAY - 2)));
    let expected = format!("{}: p ended ended", prov("p"));
    assert_eq!(world.shows(), expected);
    world.restart();
    world.tick(TODAY + 7);
    assert_eq!(world.letters, [""; 0]);
    world.tick(TODAY + 8);
    assert_eq!(world.letters, ["IEUM-S001"]);
    world.tick(TODAY + 9);
    assert_eq!((world.letters.len(), world.shows()), (1, expected));
}

#[test]
fn an_end_outlives_the_void_of_an_earlier_report() {
    let ended = Change::End(EventTime::Day(Day(TODAY)));
    let parts = [(1, body("debt", TODAY - 2)), (2, Change::Void), (4, ended), (3, body("debt", TODAY - 1))];
    for order in [[0, 1, 2, 3], [0, 2, 1, 3], [2, 1, 0, 3], [3, 2, 1, 0], [1, 2, 0, 3]] {
        let mut world = world();
        for (revision, change) in order.map(|at: usize| parts[at].clone()) {
            world.send(&signal(&["p"], "k", revision, change));
        }
        assert_eq!(world.shows(), format!("{}: p k ended", prov("p")), "{order:?}");
    }
}

#[test]
fn what_waits_from_before_the_first_tick_waits_its_whole_lateness() {
    let mut world = world();
    world.send(&signal(&["p"], "k", 1, Change::Void));
    world.tick(TODAY);
    world.tick(TODAY + 7);
    assert!(world.letters.is_empty());
    world.tick(TODAY + 8);
    assert_eq!(world.letters, ["IEUM-S001"]);
}

#[test]
fn each_partition_reports_the_tick_that_it_has_handled() {
    let mut world = world();
    world.tick(TODAY);
    world.tick(TODAY);
    let reached = |partition| ControlMessage::Reached {
        stage: SmolStr::new("identity"),
        partition,
        through: Day(TODAY).start(),
    };
    assert_eq!(world.control, [reached(0), reached(1), reached(2)]);
}

#[test]
fn late_is_judged_by_the_first_owner_and_kept_along_the_trail() {
    let late = |world: &World| {
        let held = holdings(&world.households);
        held.values().flat_map(BTreeMap::values).map(|event| (event.late, event.accepted)).collect::<Vec<_>>()
    };
    for (day, expected) in [(TODAY - 7, false), (TODAY - 8, true)] {
        let mut world = world();
        world.tick(TODAY);
        world.send(&signal(&["p", "a"], "k", 1, body("debt", day)));
        world.tick(TODAY + 30);
        world.settle();
        assert_eq!(late(&world), [(expected, Day(TODAY).start())]);
        world.send(&link("l", 1, "p", "H1", (0, None)));
        world.settle();
        assert_eq!(late(&world), [(expected, Day(TODAY).start())]);
    }
}

#[test]
fn an_event_older_than_the_history_is_a_letter() {
    let mut world = world();
    world.tick(TODAY);
    world.send(&signal(&["p"], "k", 1, body("debt", TODAY - 801)));
    assert_eq!((world.letters.as_slice(), world.shows()), (&[String::from("IEUM-S002")][..], String::new()));
    world.send(&signal(&["p"], "k", 1, body("debt", TODAY - 800)));
    assert_eq!(world.shows(), format!("{}: p k", prov("p")));
}

#[test]
fn a_correction_that_moves_an_event_before_the_history_takes_it_away() {
    let mut world = world();
    world.tick(TODAY);
    world.send(&signal(&["p"], "k", 1, body("debt", TODAY - 10)));
    world.send(&signal(&["p"], "k", 2, body("debt", TODAY - 801)));
    assert_eq!((world.letters.as_slice(), world.shows()), (&[][..], String::new()));
    world.send(&signal(&["p"], "k", 1, body("debt", TODAY - 10)));
    assert_eq!(world.shows(), String::new(), "a repeat of what was corrected says nothing");
    world.send(&signal(&["p"], "k", 3, body("debt", TODAY - 9)));
    assert_eq!(world.shows(), format!("{}: p k", prov("p")));
}

#[test]
fn many_events_join_in_chunks() {
    let mut world = world();
    for n in 0..600 {
        world.send(&reading(&["p"], "S", TODAY - n, 1, DayState::Idle));
    }
    world.sent.clear();
    world.send(&link("l", 1, "p", "H1", (0, None)));
    let parts: Vec<(u16, u16, usize)> = world
        .sent
        .iter()
        .filter_map(|message| match message {
            HouseholdMessage::Joined { part, parts, events, .. } => Some((*part, *parts, events.len())),
            _ => None,
        })
        .collect();
    assert_eq!(parts, [(0, 3, 256), (1, 3, 256), (2, 3, 88)]);
    assert_eq!(holdings(&world.households).get(&EntityId::new("H1")).map(BTreeMap::len), Some(600));
}

#[test]
fn of_too_many_events_of_a_kind_the_newest_are_kept() {
    let mut world = world();
    let first = Day::from_ymd(2025, 1, 1).unwrap().0;
    for n in 0..300 {
        world.send(&signal(&["p"], &format!("k{n:03}"), 1, body("debt", first + n)));
    }
    world.sent.clear();
    world.send(&link("l", 1, "p", "H1", (0, None)));
    let held = holdings(&world.households);
    let kept = held.get(&EntityId::new("H1")).unwrap();
    assert_eq!(kept.len(), EVENTS_OF_A_KIND);
    assert_eq!(kept.values().map(|event| event.day().0).min(), Some(first + 44));
}

#[test]
fn pages_older_than_the_history_go_by_and_by() {
    let mut world = world();
    world.tick(TODAY);
    for n in 0..40 {
        world.send(&reading(&[format!("p{n}").as_str()], "S", TODAY - 700, 1, DayState::Used));
        world.send(&signal(&[format!("p{n}").as_str()], "k2", 1, body("debt", TODAY)));
    }
    let pages = |world: &World| {
        let keys = world.parts.iter().flat_map(|(_, state, _)| state.iter().map(|(key, _)| key.sub));
        keys.filter(|sub| matches!(sub, crate::engine::state::Sub::Daily(_))).count()
    };
    assert_eq!(pages(&world), 40);
    world.tick(TODAY + 140);
    assert!(pages(&world) > 0, "trimming is bounded work");
    for _ in 0..40 {
        world.restart();
        if world.parts.iter().any(|(task, ..)| task.has_job()) {
            world.send(&SubjectMessage::Continue);
        }
    }
    assert_eq!(pages(&world), 0);
    assert!(world.parts.iter().all(|(task, ..)| !task.has_job()));
    assert_eq!(world.shows().matches("k2").count(), 40);
}

#[test]
fn bytes_that_are_no_message_become_a_letter_and_a_newer_format_stops_the_task() {
    let mut world = world();
    world.append(0, &[1, 0, 250, 3]);
    world.append(0, &[]);
    assert_eq!(world.letters, ["IEUM-S003", "IEUM-S003"]);
    let (task, state, _) = &mut world.parts[0];
    let input = Input {
        topic: SUBJECTS_LOG,
        partition: 0,
        offset: 2,
        timestamp_ms: 0,
        key: None,
        value: Some(&[9, 0, 1]),
        headers: &[],
    };
    assert!(task.handle(&input, &*state).is_err());
}

#[test]
fn a_day_is_what_its_highest_revision_says_and_a_void_takes_it_back() {
    let check = |records: &[(i64, DayState)], expected: &str| {
        let mut world = world();
        for (revision, state) in records {
            world.send(&reading(&["p"], "S", TODAY, *revision, *state));
        }
        let held = holdings(&world.households).into_values().flatten().collect::<Vec<_>>();
        let shown = held.iter().map(|((_, key), event)| {
            format!("{} {} {:?}", key.key, event.revision, event.field("used").unwrap())
        });
        assert_eq!(shown.collect::<Vec<_>>().join(", "), expected, "{records:?}");
    };
    use DayState::{Idle, Used, Void};
    check(&[(1, Idle)], "reading@2025-01-12 1 Int(0)");
    check(&[(1, Used), (2, Idle)], "reading@2025-01-12 2 Int(0)");
    check(&[(2, Idle), (1, Used)], "reading@2025-01-12 2 Int(0)");
    check(&[(1, Idle), (1, Used), (1, Idle)], "reading@2025-01-12 1 Int(1)");
    check(&[(1, Used), (1, Void)], "");
    check(&[(3, Void), (1, Used)], "");
    check(&[(1, Used), (2, Void), (3, Used)], "reading@2025-01-12 3 Int(1)");
}

#[test]
fn a_year_of_readings_takes_few_bytes_a_month() {
    let mut world = world();
    world.send(&link("l", 1, "service_point:0123456789abcdef", "H1", (0, None)));
    for n in 0..365 {
        world.send(&reading(
            &["service_point:0123456789abcdef", "address:a"],
            "KEPCO",
            TODAY - n,
            1,
            DayState::Used,
        ));
    }
    let records = world.parts.iter().flat_map(|(_, state, _)| state.iter());
    let days = records.filter(|(key, _)| matches!(key.sub, crate::engine::state::Sub::Daily(_)));
    let sizes: Vec<usize> = days.map(|(_, record)| record.to_bytes().len()).collect();
    assert!(sizes.len() == 13 && sizes.iter().all(|bytes| *bytes <= 16), "{sizes:?}");
}

#[test]
fn readings_of_two_meters_of_a_person_go_by_their_own_ways() {
    let mut world = world();
    world.send(&reading(&["p", "s:1"], "S", TODAY, 1, DayState::Idle));
    world.send(&reading(&["p", "s:2"], "S", TODAY, 1, DayState::Used));
    world.settle();
    let day = "reading@2025-01-12";
    let own = |subject: &str| (prov(subject), format!("{}: {subject} {day}", prov(subject)));
    let mut apart = [own("s:1"), own("s:2")];
    apart.sort();
    let apart = apart.map(|(_, shown)| shown).join("; ");
    assert_eq!(world.shows(), apart);
    world.send(&link("l", 1, "p", "H1", (0, None)));
    world.settle();
    assert_eq!(world.shows(), format!("H1: p {day}"));
    world.send(&removal("l", i64::MAX, "p"));
    world.settle();
    assert_eq!(world.shows(), apart);
}

#[test]
fn a_subject_that_too_many_meters_name_hands_their_readings_on_or_back() {
    let mut world = world();
    for n in 0..SERIES_OF_A_SUBJECT {
        world.send(&reading(&["p", &format!("s:{n}")], "S", TODAY, 1, DayState::Used));
    }
    world.settle();
    assert_eq!(world.sent.len(), SERIES_OF_A_SUBJECT);
    world.send(&link("l", 1, "p", "H1", (0, None)));
    world.settle();
    world.sent.clear();
    world.send(&reading(&["p", "s:x"], "S", TODAY, 1, DayState::Used));
    world.settle();
    let [HouseholdMessage::Put { subject, .. }] = &world.sent[..] else { panic!("{:?}", world.sent) };
    assert_eq!(subject.as_str(), "s:x");
    world.send(&reading(&["p"], "S", TODAY, 1, DayState::Used));
    assert_eq!(world.letters, ["IEUM-S006"]);
}

#[test]
fn a_subject_of_too_many_links_keeps_those_it_has_and_the_next_is_a_letter() {
    let mut world = world();
    for n in 0..LINKS_OF_A_SUBJECT {
        world.send(&link(&format!("l{n}"), 1, "p", &format!("H{n}"), (0, None)));
    }
    world.send(&removal("unknown", i64::MAX, "p"));
    world.sent.clear();
    assert_eq!(world.letters, Vec::<String>::new());

    world.send(&link("one more", 1, "p", "H", (0, None)));
    world.send(&removal("another", 7, "p"));
    assert_eq!(world.letters, ["IEUM-S007", "IEUM-S007"]);
    assert_eq!(world.sent, []);

    world.send(&removal("l0", 2, "p"));
    let [HouseholdMessage::Left { .. }] = &world.sent[..] else { panic!("{:?}", world.sent) };
}

/// What anyone may send: signals of five things, readings that came by as many ways, and links of four keys. The revision
/// of signals and links is the place in the list, so it is unique and what wins does not depend on who came first; that
/// of readings need not be.
fn histories() -> impl Strategy<Value = Vec<SubjectMessage>> {
    let owners: [&[&str]; 5] = [&["p:1", "s:1", "a:1"], &["p:1", "a:1"], &["s:1"], &["p:2", "s:1"], &["a:1"]];
    let report = (0..5usize, 0..4u8, 0..400i32).prop_map(move |(thing, what, day)| {
        let day = TODAY - day;
        let change = match what {
            0 => Change::Void,
            1 => Change::End(EventTime::Day(Day(day))),
            _ => body("debt", day),
        };
        signal(owners[thing], &format!("k{thing}"), 0, change)
    });
    let registry = (0..4usize, 0..3u8, 0..400i32, proptest::option::of(1..300i32), 0..5u8).prop_map(
        |(key, household, from, days, removed)| {
            let subject = ["p:1", "p:1", "s:1", "a:1"][key];
            if removed == 0 {
                return removal(&format!("l{key}"), 0, subject);
            }
            let from = TODAY - from;
            let days = (from, days.map(|days| from + days));
            link(&format!("l{key}"), 0, subject, &format!("H{household}"), days)
        },
    );
    let states = [DayState::Idle, DayState::Used, DayState::Void];
    let meter =
        (0..5usize, 0..3usize, 0..40i32, 1..4i64, 0..4u8).prop_map(move |(way, state, day, rev, other)| {
            let source = if other == 0 { "T" } else { "S" };
            // Few days, so that records meet; some of them in another month.
            reading(owners[way], source, TODAY - if day < 30 { day % 3 } else { day }, rev, states[state])
        });
    proptest::collection::vec(prop_oneof![2 => report, 2 => meter, 1 => registry], 1..32).prop_map(
        |mut all| {
            for (n, message) in (1..).zip(&mut all) {
                match message {
                    SubjectMessage::Signal { signal, .. } => signal.revision = n,
                    SubjectMessage::Link { link, .. } => link.revision = n,
                    _ => {}
                }
            }
            all
        },
    )
}

/// The same from the whole set at once, without order or state: what each key and link finally says, and who holds it.
fn naive(messages: &[SubjectMessage]) -> Holdings {
    let mut links = Links::new();
    let mut signals: BTreeMap<&EventKey, Vec<&Signal>> = BTreeMap::new();
    let mut said: BTreeMap<(&[SubjectId], &SmolStr, Day), (i64, DayState)> = BTreeMap::new();
    for message in messages {
        match message {
            SubjectMessage::Link { link, .. } => {
                let best = links.entry(&link.key).or_insert(link);
                if link.revision > best.revision {
                    *best = link;
                }
            }
            SubjectMessage::Signal { signal, .. } => signals.entry(&signal.key).or_default().push(signal),
            SubjectMessage::Reading { reading, .. } => {
                let Reading { owners, source, day, revision, state, .. } = reading;
                let best = said.entry((owners.as_slice(), source, *day)).or_insert((*revision, *state));
                *best = (*best).max((*revision, *state));
            }
            _ => {}
        }
    }
    links.retain(|_, link| !link.removed);
    let mut holdings = Holdings::new();
    for (key, reports) in signals {
        let best = |is: fn(&Change) -> bool| {
            reports.iter().filter(|signal| is(&signal.change)).max_by_key(|signal| signal.revision)
        };
        let Some(report) = best(|change| matches!(change, Change::Body { .. })) else { continue };
        let Change::Body { kind, time, phase, .. } = &report.change else { continue };
        if best(|change| matches!(change, Change::Void)).is_some_and(|void| void.revision > report.revision) {
            continue;
        }
        let mut event = Event {
            key: key.clone(),
            revision: report.revision,
            kind: kind.clone(),
            time: *time,
            phase: *phase,
            accepted: StreamTime::ZERO,
            first: None,
            late: false,
            fields: vec![],
        };
        if let Some(end) = best(|change| matches!(change, Change::End(_)))
            && let (Change::End(time), true) = (&end.change, end.revision > report.revision)
        {
            (event.phase, event.revision) = (Phase::Ended(*time), end.revision);
        }
        let owner = counts_at(&links, &report.owners);
        for home in homes(&links, owner, event.day()) {
            holdings.entry(home).or_default().insert((owner.clone(), key.clone()), event.clone());
        }
    }
    for (reading, (revision, state)) in said {
        let owner = counts_at(&links, reading.0);
        let used = match state {
            DayState::Void => continue,
            DayState::Idle => false,
            DayState::Used => true,
        };
        let event = days::day_event(reading.1, &SmolStr::new("reading"), reading.2, revision, used);
        for home in homes(&links, owner, event.day()) {
            let held = holdings.entry(home).or_default();
            let known = held.entry((owner.clone(), event.key.clone())).or_insert(event.clone());
            if (revision, used) > (known.revision, known.field("used") == Some(&Value::Int(1))) {
                *known = event.clone();
            }
        }
    }
    holdings
}

type Links<'m> = BTreeMap<&'m EventKey, &'m LinkRecord>;

/// The first owner that has a link, else the last.
fn counts_at<'m>(links: &Links<'_>, owners: &'m [SubjectId]) -> &'m SubjectId {
    let linked = |owner: &&SubjectId| links.values().any(|link| link.subject == **owner);
    owners.iter().find(linked).or(owners.last()).unwrap()
}

fn homes(links: &Links<'_>, owner: &SubjectId, day: Day) -> Vec<EntityId> {
    let holds =
        |link: &&&LinkRecord| link.subject == *owner && link.from <= day && link.to.is_none_or(|to| day < to);
    let mut homes: Vec<EntityId> = links.values().filter(holds).map(|link| link.household.clone()).collect();
    if homes.is_empty() {
        homes.push(EntityId(prov(owner.as_str())));
    }
    homes
}

fn replay(messages: &[SubjectMessage], settle: &[bool]) -> World {
    let mut world = world();
    for (message, settle) in messages.iter().zip(settle.iter().cycle()) {
        world.send(message);
        if *settle {
            world.settle();
        }
    }
    world.settle();
    world
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the order of links and signals, however long hops take, every event that stands is at exactly the
    /// households that held its owner on its day, as a model without order or state says.
    #[test]
    fn where_an_event_belongs_does_not_depend_on_the_order_of_arrival(
        messages in histories().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        settle in proptest::collection::vec(any::<bool>(), 1..8),
    ) {
        let (ordered, shuffled) = messages;
        let expected = naive(&ordered);
        prop_assert_eq!(&holdings(&replay(&ordered, &settle).households), &expected);
        prop_assert_eq!(&holdings(&replay(&shuffled, &settle).households), &expected);
    }

    /// Saying everything twice says nothing new, and a task made anew from its state goes on as if nothing had been.
    #[test]
    fn a_second_copy_changes_nothing(all in histories(), restart in any::<bool>()) {
        let mut world = replay(&all, &[true]);
        if restart {
            world.restart();
        }
        let before = holdings(&world.households);
        world.sent.clear();
        for message in &all {
            world.send(message);
            world.settle();
        }
        prop_assert_eq!(holdings(&world.households), before);
        prop_assert!(world.sent.is_empty(), "{:?}", world.sent);
    }
}
