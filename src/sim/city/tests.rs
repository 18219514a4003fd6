use super::*;
use crate::contracts::{Tree, builtin};
use crate::types::{Change, Payload};
use std::collections::{BTreeMap, BTreeSet};

fn plan(households: u32, days: u32) -> Plan {
    Plan { households, days, ..Plan::default() }
}

fn run(plan: Plan) -> (City, Vec<Step>) {
    let mut driver = Driver::new(City::new(plan, Arc::new(builtin())).expect("a plan that can be"));
    let mut steps = Vec::new();
    loop {
        match driver.step().expect("every draft fits its contract") {
            Step::End => return (driver.city, steps),
            step => steps.push(step),
        }
    }
}

fn records(steps: &[Step]) -> impl Iterator<Item = &RawRecord> {
    steps.iter().flat_map(|step| match step {
        Step::Records(records) => records.as_slice(),
        Step::Sample(_) | Step::End => &[],
    })
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let run_of = |seed| run(Plan { seed, ..plan(300, 30) }).1;
    assert!(run_of(3) == run_of(3), "two runs of one plan");
    assert!(run_of(3) != run_of(4), "two seeds");
}

#[test]
fn records_come_in_order_between_samples_and_each_midnight_has_one() {
    let (city, steps) = run(plan(200, 10));
    let (mut now, mut sampled, mut midnights) = (StreamTime(i64::MIN), StreamTime(i64::MIN), 0);
    for step in &steps {
        match step {
            Step::Records(records) => {
                for record in records {
                    assert!(now <= record.at && sampled <= record.at, "{} at {}", record.topic, record.at);
                    now = record.at;
                }
            }
            Step::Sample(at) => {
                assert!(now < *at && *at > sampled);
                midnights += i32::from(at.day().start() == *at);
                sampled = *at;
            }
            Step::End => {}
        }
    }
    assert_eq!(midnights, 10);
    assert_eq!(sampled, city.plan().end().start());
}

#[test]
fn intake_accepts_every_record_and_every_event_name_occurs() {
    let contracts = builtin();
    let (_, steps) = run(plan(20_000, 150));
    let mut names = BTreeSet::new();
    let mut changes = BTreeMap::new();
    for record in records(&steps) {
        let topic = contracts.topic(&record.topic).expect("a topic with a contract");
        let payload = topic.read(record.key.as_deref(), record.value.as_deref());
        let payload = payload.unwrap_or_else(|reject| panic!("{}: {reject:?}", record.topic));
        let change = match &payload {
            Payload::Signal(signal) => &signal.change,
            Payload::Area(area) => &area.change,
            Payload::Reading(reading) => {
                names.insert(reading.kind.clone());
                continue;
            }
            Payload::Link(_) | Payload::Facts(_) | Payload::Action(_) | Payload::Source(_) => continue,
        };
        let word = match change {
            Change::Body { kind, .. } => {
                names.insert(kind.clone());
                "body"
            }
            Change::End(_) => "end",
            Change::Void => "void",
        };
        *changes.entry((record.topic.clone(), word)).or_insert(0) += 1;
    }
    let missing: Vec<_> =
        contracts.events().map(|event| event.name.clone()).filter(|n| !names.contains(n)).collect();
    assert_eq!(missing, ["casework.action"], "what nobody wrote");
    for topic in ["signals.arrears", "signals.cutoff"] {
        for word in ["body", "end", "void"] {
            let found = changes.get(&(SmolStr::new(topic), word)).copied().unwrap_or(0);
            assert!(found > 0, "{topic} {word}: {changes:?}");
        }
    }
}

#[test]
fn strangers_movers_and_repeats_occur() {
    let contracts = builtin();
    let (city, steps) = run(plan(2_000, 120));
    let (mut ends, mut seen, mut twice) = (0, BTreeSet::new(), 0);
    for record in records(&steps) {
        let topic = contracts.topic(&record.topic).expect("a topic with a contract");
        if let Ok(Payload::Link(link)) = topic.read(record.key.as_deref(), record.value.as_deref()) {
            ends += i32::from(link.to.is_some());
        }
        twice +=
            i32::from(record.about.is_some() && !seen.insert((record.topic.clone(), record.value.clone())));
    }
    assert!(ends > 50, "links that end: {ends}");
    assert!(twice > 2, "records sent twice: {twice}");
    assert!(city.strangers.len() > 5, "provisional households: {}", city.strangers.len());
    let (pseudonym, number) = city.strangers.first_key_value().expect("a stranger");
    assert_eq!(city.who(pseudonym), Some(*number));
}

#[test]
fn a_former_tenants_debts_name_the_person_or_end_with_the_move() {
    let plan = plan(4_000, 365);
    let (names, feeds) = (names::Names::new(&plan), Feeds::of(&plan));
    let mut told = 0;
    for number in (0..plan.households).step_by(2) {
        let spells = truth::spells_of_block(&plan, number / truth::BLOCK);
        let life = Life::of(&plan, &names, &feeds, number, &spells);
        let [first, _] = life.stays.as_slice() else { continue };
        for item in &life.items {
            let What::Signal(signal) = &item.what else { continue };
            let item::Told::Arrears { as_of, .. } = signal.told else { continue };
            let of_first_home = signal
                .owners
                .point
                .is_some_and(|point| matches!(point, names::Alias::Point(_, home) if home == first.home));
            if of_first_home && first.to.is_some_and(|to| to <= as_of) {
                told += 1;
                assert!(signal.owners.person.is_some(), "a debt that would follow the meter");
            }
        }
    }
    assert!(told > 0, "no mover's debt was told after the move");
}

#[test]
fn poison_is_marked_and_rejected_and_all_kinds_occur() {
    let contracts = builtin();
    let (_, steps) = run(Plan { poison_per_10_000: 300, ..plan(500, 20) });
    let mut kinds = BTreeMap::new();
    for record in records(&steps) {
        let topic = contracts.topic(&record.topic).expect("a topic with a contract");
        let read = topic.read(record.key.as_deref(), record.value.as_deref());
        match record.poison {
            Some(kind) => {
                *kinds.entry(kind).or_insert(0) += 1;
                assert!(read.is_err(), "{kind:?} was accepted as {read:?}");
            }
            None => assert!(read.is_ok(), "{}: {read:?}", record.topic),
        }
    }
    assert_eq!(kinds.len(), Poison::ALL.len(), "{kinds:?}");
}

fn alert(city: &City, number: u32, revision: i64, status: &str) -> AlertSeen {
    let text = |text: &str| SmolStr::new(text);
    AlertSeen {
        household: city.writer.names.household(number),
        episode: text("e1"),
        number: 1,
        rule: text("a.rule"),
        revision,
        change: text("opened"),
        status: text(status),
        level: text("high"),
        occurred_on: city.plan.start,
    }
}

#[test]
fn caseworkers_claim_contact_and_close_an_alert_given_to_them() {
    let contracts = builtin();
    let mut city = City::new(plan(100, 60), Arc::new(builtin())).expect("a plan that can be");
    let start = city.plan.start.start();
    let seen = alert(&city, 7, 1, "OPEN");
    city.see(&seen, start);
    city.see(&alert(&city, 7, 4, "CLAIMED"), start);
    let all = city.next(start.plus_ms(60 * MS_PER_DAY), usize::MAX).expect("drafts fit");
    let actions: Vec<(String, Tree)> = all
        .iter()
        .filter(|record| record.topic == "casework.actions")
        .map(|record| {
            let topic = contracts.topic(&record.topic).expect("a topic");
            let tree = topic.decode_tree(record.value.as_deref().expect("a body")).expect("decodes");
            let Tree::Record(fields) = &tree else { panic!("a record") };
            let of = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, t)| t.clone());
            (format!("{:?}", of("action")), of("alert_revision").expect("a revision"))
        })
        .collect();
    assert!(actions.len() >= 3, "{actions:?}");
    assert!(actions[0].0.contains("claimed") && actions.last().expect("some").0.contains("closed"));
    assert!(
        actions.iter().all(|(_, revision)| *revision == Tree::Int(4)),
        "acts on the newest revision seen"
    );
}

#[test]
fn an_alert_taken_back_is_left_alone() {
    let mut city = City::new(plan(100, 20), Arc::new(builtin())).expect("a plan that can be");
    let start = city.plan.start.start();
    city.see(&alert(&city, 7, 1, "OPEN"), start);
    city.see(&alert(&city, 7, 2, "WITHDRAWN"), start);
    let all = city.next(start.plus_ms(20 * MS_PER_DAY), usize::MAX).expect("drafts fit");
    assert!(all.iter().all(|record| record.topic != "casework.actions"));
}

#[test]
fn a_plan_that_cannot_be_is_refused() {
    for wrong in [plan(0, 1), plan(1, 0), Plan { sample_ms: 7_000_001, ..plan(1, 1) }] {
        assert!(City::new(wrong, Arc::new(builtin())).is_err());
    }
}

#[test]
fn a_stopped_source_sends_nothing_and_makes_up_for_it() {
    let from = Plan::default().start.plus(5);
    let stop = Stop { source: SmolStr::new("KEPCO"), from, to: from.plus(3) };
    let contracts = builtin();
    let (_, steps) = run(Plan { stops: vec![stop], feed_faults: false, outages: false, ..plan(3_000, 20) });
    let mut by_day = BTreeMap::new();
    for record in records(&steps).filter(|record| record.topic == "signals.meter") {
        let topic = contracts.topic(&record.topic).expect("a topic");
        assert!(topic.read(None, record.value.as_deref()).is_ok());
        *by_day.entry(record.at.day()).or_insert(0) += 1;
    }
    let on = |day: i32| by_day.get(&from.plus(day)).copied().unwrap_or(0);
    assert_eq!([on(0), on(1), on(2)], [0, 0, 0]);
    assert!(on(3) > 3 * on(4) && on(4) > 10, "{by_day:?}");
}
