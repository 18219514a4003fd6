//! Areas alone, told what households would tell them.

use super::*;
use crate::contracts::{Contracts, Tree, builtin};
use crate::engine::effect::{Input, Output};
use crate::engine::households::decision_today;
use crate::engine::lane::io::TopicPartition;
use crate::engine::layout::{ALERTS_TOPIC, AREAS_LOG};
use crate::engine::message::{AreaMessage, Tick, Touch, TouchedDay, encode};
use crate::engine::state::{Key, MemoryState, Record, StateRead, Sub};
use crate::engine::task::{Stage, Task};
use crate::rules::plan::Pack;
use crate::types::{
    Action, ActionKind, Day, EntityId, EpisodeId, EventKey, EventTime, MS_PER_HOUR, Origin, PackHash,
    SmolStr, StreamTime, Value,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

const RULE: &str = "\
rule: crisis.many
kind: crisis
version: 1
status: live
title: 여러 가구
effective: {from: 2020-01-01}
per: building
signals:
  cutoff: {event: [cutoff.electricity, cutoff.water]}
  contact: {event: casework.action, where: {action: contacted}}
when:
  all:
    - {id: many, say: \"{n}가구\", distinct: {of: cutoff, by: household, within: 10d, gte: 3}}
score: {base: 40, add: [{if: many, points: {5: 20}}], levels: {watch: 40, high: 60}}
emit: {cooldown: 5d, clear_when: {count: {of: contact, within: 7d, gte: 1}}}
escalate:
  - {id: late, after: 48h, unless: contact, raise_to: high, to: 팀장}
";

static CONTRACTS: LazyLock<Arc<Contracts>> = LazyLock::new(|| Arc::new(builtin()));
static PACK: LazyLock<Arc<Pack>> = LazyLock::new(|| {
    let (pack, found) = crate::rules::load([("crisis/many.yaml", RULE)], &CONTRACTS);
    Arc::new(pack.unwrap_or_else(|| panic!("{found:#?}")))
});

struct Known;

impl PackSource for Known {
    fn pack(&self, hash: &PackHash) -> Option<Arc<Pack>> {
        (*hash == PACK.hash).then(|| Arc::clone(&PACK))
    }
}

fn stage() -> Households {
    let letters = Letters::new(Layout::new([]), Box::new(|body| body.id.clone().into_bytes()));
    let layout = Layout::new([]);
    let (contracts, config) = (Arc::clone(&CONTRACTS), HouseholdsConfig::default());
    super::stage(contracts, layout, Arc::new(Known), config, Arc::new(letters))
}

fn at() -> TopicPartition {
    TopicPartition { topic: SmolStr::new_static(AREAS_LOG), partition: 0 }
}

/// One partition of areas.
struct Town {
    task: Box<dyn Task>,
    state: MemoryState,
    offset: i64,
    outputs: Vec<Output>,
    /// Records that the last message wrote.
    written: Vec<(Key, Option<Arc<Record>>)>,
}

const HOUSE: &str = "area:building:B";
const START: Day = Day(20_500);

fn day(n: i32) -> Day {
    START.plus(n)
}

impl Town {
    fn new() -> Self {
        let mut task = stage().task(&at());
        task.rebuild(&mut std::iter::empty());
        let state = MemoryState::default();
        let mut town = Self { task, state, offset: 0, outputs: Vec::new(), written: Vec::new() };
        town.tell(None, &AreaMessage::Pack { hash: PACK.hash });
        town
    }

    fn tell(&mut self, key: Option<&str>, message: &AreaMessage) {
        let value = encode(message);
        let input = Input {
            topic: AREAS_LOG,
            partition: 0,
            offset: self.offset,
            timestamp_ms: 7,
            key: key.map(str::as_bytes),
            value: Some(&value),
            headers: &[],
        };
        self.offset += 1;
        let effects = self.task.handle(&input, &self.state).expect("handled");
        self.state.apply(&effects.delta);
        self.written = effects.delta;
        self.outputs.extend(effects.outputs);
    }

    /// A household has, or no longer has, an event on a day.
    fn touch(&mut self, household: &str, kind: &str, on: Day, accepted: Option<StreamTime>) {
        let known = accepted.map(|accepted| Touch { accepted, late: false });
        self.touch_as(household, TouchedDay { kind: kind.into(), day: on, known });
    }

    fn touch_as(&mut self, household: &str, touched: TouchedDay) {
        self.touch_from("9901051000", household, touched);
    }

    /// The same by a household of another district.
    fn touch_from(&mut self, district: &str, household: &str, touched: TouchedDay) {
        let place = [("building", "B"), ("admin_dong", district), ("sigungu", "99010")];
        let message = AreaMessage::Touch {
            origin: Origin { topic: "raw".into(), partition: 0, offset: 1 },
            household: EntityId::new(household),
            place: place.map(|(name, value)| (name.into(), value.into())).to_vec(),
            days: vec![touched],
        };
        self.tell(Some(HOUSE), &message);
    }

    fn tick(&mut self, through: StreamTime) {
        self.tell(None, &AreaMessage::Tick(Tick { through, complete: true, sources: Vec::new() }));
        while self.task.has_job() {
            self.tell(None, &AreaMessage::Continue);
        }
    }

    fn noon(&mut self, n: i32) {
        self.tick(day(n).start().plus_ms(12 * MS_PER_HOUR));
    }

    fn restart(&mut self) {
        let stored: Vec<(Key, Arc<Record>)> = self.state.iter().collect();
        let reread = |(key, record): &(Key, Arc<Record>)| {
            let key = Key::from_bytes(&key.to_bytes()).expect("a key reads again");
            (key, Arc::new(Record::from_bytes(&record.to_bytes()).expect("a record reads again")))
        };
        let reread: Vec<_> = stored.iter().map(reread).collect();
        assert_eq!(reread, stored);
        self.task = stage().task(&at());
        self.task.rebuild(&mut reread.into_iter());
    }

    /// `opened watch`, … of each alert, in order.
    fn alerts(&self) -> Vec<String> {
        let alerts = self.outputs.iter().filter(|output| output.topic == ALERTS_TOPIC);
        alerts.map(|output| format!("{} {}", text(output, "change"), text(output, "level"))).collect()
    }

    /// How many households the rule finds today, where they are enough.
    fn found(&self) -> i64 {
        let config = HouseholdsConfig::default();
        let decision = decision_today(&self.state, &PACK, &PACK.crisis[0], HOUSE, &config);
        decision.and_then(|d| d.numbers.first().map(|(_, n)| *n)).unwrap_or(0)
    }
}

fn tree(output: &Output) -> Tree {
    CONTRACTS.topic(ALERTS_TOPIC).expect("a topic").decode_tree(&output.value).expect("decodes")
}

fn text(output: &Output, name: &str) -> String {
    tree(output).text(name).expect("a text").to_string()
}

fn now(n: i32) -> Option<StreamTime> {
    Some(day(n).start())
}

#[test]
fn an_area_opens_with_its_third_household_and_says_whose_queue_it_is() {
    let mut town = Town::new();
    town.noon(0);
    for (n, household) in ["h1", "h1", "h2"].into_iter().enumerate() {
        town.touch(household, ["cutoff.electricity", "cutoff.water"][n % 2], day(0), now(0));
    }
    town.touch("h4", "arrears", day(0), now(0));
    town.noon(1);
    assert_eq!(town.alerts(), Vec::<String>::new(), "two households, and one of another kind");
    town.touch("h3", "cutoff.water", day(1), now(1));
    assert!(town.alerts().is_empty(), "decided at the tick behind it");
    town.noon(2);
    assert_eq!(town.alerts(), ["opened watch"]);
    let alert = town.outputs.iter().find(|output| output.topic == ALERTS_TOPIC).expect("an alert");
    assert_eq!((text(alert, "per"), text(alert, "household")), ("building".into(), HOUSE.into()));
    assert_eq!(alert.key.as_deref(), Some(HOUSE.as_bytes()));
    let alert = tree(alert);
    assert_eq!(alert.text("audience.admin_dong"), Some(&"9901051000".into()));
    let reason = &alert.list("reasons")[0];
    assert_eq!(reason.int("number"), Some(3));
    let evidence = reason.texts("evidence");
    assert!(evidence.contains(&"h3/cutoff.water@2026-02-17"), "{evidence:?}");
}

#[test]
fn what_never_was_takes_the_alert_back_and_copies_change_nothing() {
    let mut town = Town::new();
    town.noon(0);
    for household in ["h1", "h2", "h3", "h3"] {
        town.touch(household, "cutoff.water", day(0), now(0));
    }
    town.noon(1);
    town.touch("h2", "cutoff.water", day(0), now(0));
    assert!(town.written.is_empty(), "a copy writes nothing: {:?}", town.written);
    town.noon(2);
    assert_eq!(town.alerts(), ["opened watch"]);
    town.touch("h2", "cutoff.water", day(0), None);
    town.touch("h2", "cutoff.water", day(0), None);
    town.noon(3);
    assert_eq!(town.alerts(), ["opened watch", "withdrawn watch"]);
}

#[test]
fn an_alert_escalates_until_somebody_comes_and_is_closed() {
    let mut town = Town::new();
    town.noon(0);
    for household in ["h1", "h2", "h3"] {
        town.touch(household, "cutoff.water", day(0), now(0));
    }
    town.noon(1);
    town.noon(2);
    town.noon(4);
    assert_eq!(town.alerts(), ["opened watch", "escalated high"]);
    let mut act = |key: &str, kind: ActionKind, what: &str| {
        let action = Action {
            key: EventKey { source: "CASEWORK".into(), key: key.into() },
            entity: EntityId::new(HOUSE),
            episode: EpisodeId::derive("crisis.many", &EntityId::new(HOUSE), 1),
            seen_revision: 2,
            kind,
            event: "casework.action".into(),
            fields: vec![("action".into(), Value::text(what))],
            outcome: None,
            actor: "w".into(),
            at: EventTime::Instant(day(4).start().0),
        };
        let origin = Origin { topic: "casework.actions".into(), partition: 0, offset: 0 };
        town.tell(Some(HOUSE), &AreaMessage::Action { origin, action });
    };
    act("1", ActionKind::Contact, "contacted");
    act("2", ActionKind::Close, "closed");
    let done = ["opened watch", "escalated high", "casework high", "closed high"];
    assert_eq!(town.alerts(), done);
    town.noon(6);
    assert_eq!(town.alerts(), done, "what was known is no news");
    for household in ["h4", "h5"] {
        town.touch(household, "cutoff.electricity", day(6), now(6));
    }
    town.noon(7);
    assert_eq!(town.alerts().last().map(String::as_str), Some("reopened high"));
}

#[test]
fn a_district_of_twenty_thousand_costs_a_touch_what_a_building_does() {
    let mut town = Town::new();
    town.noon(0);
    let households: Vec<String> = (0..20_000).map(|n| format!("h-{n:05}")).collect();
    let mut most = 0;
    for household in &households {
        town.touch(household, "cutoff.water", day(0), now(0));
        let entries = |record: &Record| match record {
            Record::Crowd(page) => page.entries.len(),
            _ => 0,
        };
        let written = town.written.iter().filter_map(|(_, record)| record.as_deref()).map(entries);
        most = most.max(written.sum());
    }
    assert!(most < 600, "one touch wrote {most} entries");
    town.noon(1);
    assert_eq!(town.alerts(), ["opened high"]);
    assert_eq!(town.found(), 20_000);
    for household in &households[..19_998] {
        town.touch(household, "cutoff.water", day(0), None);
    }
    town.noon(2);
    assert_eq!(town.alerts(), ["opened high", "withdrawn high"]);
}

#[test]
fn households_that_disagree_where_a_building_is_leave_it_in_one_place() {
    let districts = ["9901052000", "9901051000", "9901053000"];
    let queue = |order: [usize; 3]| {
        let mut town = Town::new();
        town.noon(0);
        for n in order {
            let known = now(0).map(|accepted| Touch { accepted, late: false });
            let touched = TouchedDay { kind: "cutoff.water".into(), day: day(0), known };
            town.touch_from(districts[n], &format!("h{n}"), touched);
        }
        town.noon(1);
        let alert =
            town.outputs.iter().find(|output| output.topic == ALERTS_TOPIC).map(tree).expect("an alert");
        alert.text("audience.admin_dong").cloned()
    };
    assert_eq!(queue([0, 1, 2]), Some("9901051000".into()));
    assert_eq!(queue([2, 1, 0]), queue([1, 0, 2]));
}

#[test]
fn what_is_older_than_the_history_goes() {
    let mut town = Town::new();
    town.noon(0);
    for n in 0..300 {
        town.touch(&format!("h{n}"), "cutoff.water", day(0), now(0));
    }
    town.touch("h1", "arrears", day(0), now(0));
    let crowd = |town: &Town| {
        let is_crowd = |key: &Key| matches!(key.sub, Sub::Crowd(..) | Sub::Daily(_));
        town.state.iter().filter(|(key, _)| is_crowd(key)).count()
    };
    assert!(crowd(&town) > 20, "split, and a year's list");
    town.noon(400);
    assert!(crowd(&town) > 20);
    town.noon(1_100);
    assert!(crowd(&town) > 20, "its year has days that are kept");
    town.noon(1_500);
    assert_eq!(crowd(&town), 0);
    town.touch("h1", "cutoff.water", day(0), now(1_500));
    assert_eq!(crowd(&town), 0, "too old to be kept");
    assert!(town.state.get(&Key::new(HOUSE, Sub::Head)).is_some());
}

/// What a household tells: who, kind, day, whether it has it.
type Step = (u8, u8, u8, bool);
const KINDS: [&str; 3] = ["cutoff.electricity", "cutoff.water", "arrears"];

fn household(n: u8) -> String {
    format!("h{n}")
}

/// Plays what is told between ticks, each as often as `copies` says; restarts where asked.
fn play(told: &[Vec<Step>], copies: usize, restart: bool) -> Town {
    let mut town = Town::new();
    town.noon(0);
    for (n, steps) in (1..).zip(told) {
        for (who, kind, on, has) in steps {
            for _ in 0..copies {
                let accepted = if *has { now(i32::from(*on)) } else { None };
                let on = day(i32::from(*on).min(n));
                town.touch(&household(*who), KINDS[usize::from(*kind)], on, accepted);
            }
        }
        if restart {
            town.restart();
        }
        town.noon(n);
    }
    town
}

fn said(town: &Town) -> Vec<(Vec<u8>, Vec<u8>)> {
    let alerts = town.outputs.iter().filter(|output| output.topic == ALERTS_TOPIC);
    alerts.map(|output| (output.key.clone().unwrap_or_default(), output.value.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// The number is that of a naive count of different households over ten days, at each tick, and an alert is open as soon
    /// as it has once been three.
    #[test]
    fn the_number_is_that_of_a_naive_count(
        told in prop::collection::vec(prop::collection::vec((0..6_u8, 0..3_u8, 0..24_u8, prop::bool::weighted(0.8)), 0..5), 1..24)
    ) {
        let mut town = Town::new();
        town.noon(0);
        let mut has: BTreeMap<(u8, Day, u8), ()> = BTreeMap::new();
        for (n, steps) in (1..).zip(&told) {
            for (who, kind, on, is) in steps {
                let on = day(i32::from(*on).min(n));
                town.touch(&household(*who), KINDS[usize::from(*kind)], on, is.then(|| on.start()));
                if *is {
                    has.insert((*who, on, *kind), ());
                } else {
                    has.remove(&(*who, on, *kind));
                }
            }
            town.noon(n);
            let counts = |today: Day| {
                let inside = has.keys().filter(|(_, on, kind)| *kind < 2 && *on > today.plus(-10) && *on <= today);
                inside.map(|(who, ..)| who).collect::<BTreeSet<_>>().len()
            };
            let count = counts(day(n));
            prop_assert_eq!(town.found(), if count >= 3 { i64::try_from(count).unwrap() } else { 0 });
            let holds = (0..=n).any(|past| counts(day(past)) >= 3);
            let is_open = town.alerts().iter().rev().find_map(|alert| match alert.split(' ').next() {
                Some("opened" | "reopened") => Some(true),
                Some("withdrawn" | "closed") => Some(false),
                _ => None,
            });
            prop_assert_eq!(is_open.unwrap_or(false), holds, "on day {}: {:?}", n, town.alerts());
        }
    }

    /// Copies, restarts and another order between two ticks change no byte of any alert.
    #[test]
    fn copies_restarts_and_order_between_ticks_change_nothing(
        told in prop::collection::vec(prop::collection::vec((0..6_u8, 0..3_u8, 0..24_u8, Just(true)), 0..6), 1..16)
    ) {
        let written = said(&play(&told, 1, false));
        prop_assert_eq!(&said(&play(&told, 2, false)), &written);
        prop_assert_eq!(&said(&play(&told, 1, true)), &written);
        let turned: Vec<Vec<Step>> = told.iter().map(|steps| steps.iter().rev().copied().collect()).collect();
        prop_assert_eq!(&said(&play(&turned, 1, false)), &written);
    }
}
