//! People who move: registries that link, end, correct and take back links while signals come, are corrected and voided, and
//! caseworkers take alerts on. Few households and subjects, so that everything meets everything.

use crate::Setup;
use crate::reference::{Reference, stands_in_for};
use crate::spine::decided::{self, Decided, Place};
use crate::spine::fields::{field, int, text};
use crate::spine::told::Teller;
use ieum::contracts::{Contracts, Tree};
use ieum::engine::layout::ALERTS_TOPIC;
use ieum::sim::pipeline::Pipeline;
use ieum::sim::rng::Rng;
use ieum::types::{Day, MS_PER_HOUR, StreamTime};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const DAYS: i32 = 40;
const START: Day = Day(20_514);

/// A live alert.
struct Alert {
    household: String,
    revision: i64,
}

struct Play<'a> {
    contracts: &'a Contracts,
    pipeline: Pipeline,
    reference: Reference,
    teller: Teller<'a>,
    rng: Rng,
    now: StreamTime,
    alerts: Vec<Vec<u8>>,
    live: BTreeMap<String, Alert>,
    /// By topic and key, the revision told last.
    revisions: BTreeMap<String, i64>,
    actions: u32,
    sources: BTreeSet<String>,
    /// Why, what and with what status alerts were told, and whether their basis was void.
    told: BTreeSet<(String, String, String, bool)>,
    said: Vec<String>,
}

impl Play<'_> {
    fn tell(&mut self, topic: &str, key: Option<String>, body: Option<&Value>) {
        let contract = self.contracts.topic(topic).expect("a topic");
        let value = body.map(|body| {
            let tree = contract.from_json(body.to_string().as_bytes()).expect("it fits");
            contract.encode(&tree).expect("it fits")
        });
        self.said.push(format!("{} {topic} {key:?} {}", self.now, body.unwrap_or(&Value::Null)));
        let key = key.map(String::into_bytes);
        let told = self.teller.raw(topic, key.as_deref(), value.as_deref());
        self.pipeline.feed(topic, key, value, self.now);
        self.pipeline.run().expect("nothing blocks");
        self.see();
        told.into_iter().for_each(|input| self.reference.feed(input));
    }

    /// Every source says that it has told all, so that nothing is uncertain.
    fn sources(&mut self, at: StreamTime) {
        let topic = "sources.reports";
        let contract = self.contracts.topic(topic).expect("a topic");
        for source in &self.sources {
            let body = json!({"source": source, "region": null, "delivered_through": at.0});
            let tree = contract.from_json(body.to_string().as_bytes()).expect("it fits");
            let value = Some(contract.encode(&tree).expect("it fits"));
            self.teller.raw(topic, None, value.as_deref());
            self.pipeline.feed(topic, None, value, self.now);
        }
        self.pipeline.run().expect("nothing blocks");
    }

    fn tick(&mut self, at: StreamTime) {
        self.sources(at);
        self.now = at;
        self.pipeline.sample(at);
        self.pipeline.run().expect("nothing blocks");
        self.reference.feed(self.teller.tick(at.0));
        self.see();
    }

    fn see(&mut self) {
        self.pipeline.take_facts();
        let topic = self.contracts.topic(ALERTS_TOPIC).expect("alerts have a contract");
        for output in self.pipeline.take_emitted().into_iter().map(|emitted| emitted.output) {
            if output.topic != ALERTS_TOPIC {
                continue;
            }
            let alert = topic.decode_tree(&output.value).expect("an alert");
            let word = |name: &str| text(&alert, name).expect("a text");
            let (id, household) = (word("episode"), word("household"));
            let revision = int(&alert, "revision").expect("a revision");
            let is_void = matches!(field(&alert, "basis_void"), Tree::Bool(true));
            self.told.insert((word("because"), word("change"), word("status"), is_void));
            match word("status").as_str() {
                "CLOSED" | "WITHDRAWN" => drop(self.live.remove(&id)),
                _ => drop(self.live.insert(id, Alert { household, revision })),
            }
            self.alerts.push(output.value);
        }
    }

    fn next_revision(&mut self, topic: &str, key: &str) -> i64 {
        let known = self.revisions.entry(format!("{topic}/{key}")).or_default();
        *known += 1;
        *known
    }

    fn pick(&mut self, of: u64) -> u64 {
        self.rng.below(of)
    }

    fn few(&mut self, most: i64) -> i32 {
        i32::try_from(self.rng.between(0, most)).expect("few")
    }

    /// A day between so many days ago and today.
    fn lately(&mut self, days: i64) -> Day {
        let ago = self.few(days);
        self.now.day().plus(-ago)
    }

    fn link(&mut self) {
        let (kind, name) = self.subject();
        let link = format!("{name}-{}", self.pick(2));
        let key = Some(format!("{kind}:{name}/MOIS/{link}"));
        if self.rng.chance(1, 6) {
            return self.tell("registry.subjects", key, None);
        }
        let from = self.lately(20);
        let to = self.rng.chance(1, 3).then(|| from.plus(self.few(14)));
        let body = json!({
            "source": "MOIS", "source_key": link, "revision": self.next_revision("link", &link),
            "subject_kind": kind, "subject": name, "household": format!("h{}", self.pick(3)),
            "valid_from": from.0, "valid_to": to.map(|to| to.0),
        });
        self.tell("registry.subjects", key, Some(&body));
    }

    fn subject(&mut self) -> (&'static str, String) {
        let kind = if self.rng.chance(1, 2) { "person" } else { "service_point" };
        (kind, format!("{}{}", &kind[..1], self.pick(2)))
    }

    fn facts(&mut self) {
        let household = format!("h{}", self.pick(3));
        let entry = format!("{household}-{}", self.pick(2));
        let key = Some(format!("{household}/MOIS/{entry}"));
        if self.rng.chance(1, 4) {
            return self.tell("registry.households", key, None);
        }
        let born = *self.rng.pick(&[-20_000, -1_000]);
        let body = json!({
            "source": "MOIS", "source_key": entry, "revision": self.next_revision("facts", &entry),
            "household": household, "valid_from": self.lately(30).0, "size": 1 + self.pick(2),
            "oldest_born": born, "youngest_born": born, "dong": "1168010100", "sigungu": "11680",
        });
        self.tell("registry.households", key, Some(&body));
    }

    fn signal(&mut self) {
        let (kind, name) = self.subject();
        let n = self.pick(3);
        let is_debt = self.rng.chance(1, 3);
        let topic = if is_debt { "signals.arrears" } else { "signals.cutoff" };
        let (source, of) = if is_debt { ("NHIS", "health_insurance") } else { ("KEPCO", "electricity") };
        let id = format!("{name}-{n}");
        let mut body = json!({
            "source": source, "source_key": id, "revision": self.next_revision(topic, &id), kind: name,
        });
        // A supply point where the person is not known. No registry links it: an event that goes home from one household to
        // another is for a moment at both.
        if kind == "person" && n == 2 {
            body["service_point"] = json!("s9");
        }
        let day = self.lately(6);
        match self.pick(8) {
            0 => body["change"] = json!("void"),
            1 if is_debt => {
                (body["change"], body["paid_on"]) = (json!("end"), json!(day.0));
            }
            1 => (body["change"], body["ended_at"]) = (json!("end"), json!(day.start().0)),
            _ if is_debt => {
                (body["kind"], body["as_of"]) = (json!(of), json!(day.0));
                body["months"] = json!(2 + self.pick(12));
            }
            _ => {
                (body["kind"], body["mode"]) = (json!(of), json!("cut"));
                body["occurred_at"] = json!(day.start().0);
            }
        }
        self.tell(topic, None, Some(&body));
    }

    fn act(&mut self) {
        let all: Vec<_> = self.live.iter().collect();
        if all.is_empty() {
            return;
        }
        let (episode, alert) = *self.rng.pick(&all);
        let (episode, household, revision) = (episode.clone(), alert.household.clone(), alert.revision);
        self.actions += 1;
        let actions = ["claimed", "claimed", "unclaimed", "attempted", "contacted", "closed"];
        let action = *self.rng.pick(&actions);
        let body = json!({
            "action_id": format!("a{}", self.actions), "household": household, "episode": episode,
            "alert_revision": revision, "action": action, "actor": "w", "acted_at": self.now.0,
            "outcome": (action == "closed").then_some("referred"),
        });
        self.tell("casework.actions", Some(household), Some(&body));
    }
}

/// Events go home from an alias one by one: how its alert stood before the last one went is nobody's.
fn forget_the_way((household, ..): &Place, decided: &mut Decided) {
    if stands_in_for(household) == Some("service_point:s9") {
        *decided = Decided { day: 0, level: String::new(), reasons: Vec::new(), ..decided.clone() };
    }
}

/// What a play came to.
struct Played {
    /// What both sides differ in.
    differences: Vec<String>,
    told: BTreeSet<(String, String, String, bool)>,
    said: Vec<String>,
}

fn play(setup: &Setup, seed: u64) -> Played {
    let mut play = Play {
        contracts: &setup.contracts,
        pipeline: setup.pipeline(),
        reference: Reference::default(),
        teller: Teller::new(&setup.contracts),
        rng: Rng::new(seed),
        now: START.start(),
        alerts: Vec::new(),
        live: BTreeMap::new(),
        revisions: BTreeMap::new(),
        actions: 0,
        sources: setup
            .pack
            .crisis
            .iter()
            .flat_map(|rule| &rule.signals)
            .flat_map(|signal| &signal.sources)
            .map(ToString::to_string)
            .collect(),
        told: BTreeSet::new(),
        said: Vec::new(),
    };
    play.tick(START.start());
    for day in 0..DAYS {
        // Caseworkers act at an hour of their own: what comes in the very moment of a closing is news to the engine, which keeps
        // no order within a moment.
        for hour in [0, 9, 17] {
            let at = START.plus(day).start().plus_ms(hour * MS_PER_HOUR);
            if at > play.now {
                play.tick(at);
            }
            for _ in 0..play.pick(3) {
                match play.pick(6) {
                    _ if hour == 17 => play.act(),
                    0 | 1 => play.link(),
                    2 => play.facts(),
                    _ => play.signal(),
                }
            }
        }
    }
    play.tick(START.plus(DAYS).start());
    let alerts = play.alerts.iter().map(Vec::as_slice);
    let mut engine = decided::from_alerts(&setup.contracts, alerts, &play.teller.stand_ins);
    let mut expected = decided::from_reference(play.reference.decisions());
    engine.iter_mut().chain(&mut expected).for_each(|(place, decided)| forget_the_way(place, decided));
    let differences = decided::differences(&engine, &expected);
    Played { differences, told: play.told, said: play.said }
}

#[test]
fn who_moves_takes_along_what_happened_since() {
    let setup = Setup::new();
    let mut all = BTreeSet::new();
    for seed in 0..60 {
        let Played { differences, told, said } = play(&setup, seed);
        assert!(differences.is_empty(), "seed {seed}\n{}\n{}", said.join("\n"), differences.join("\n"));
        all.extend(told);
    }
    // A move opens, withdraws, and takes the basis of what somebody has in hand; handed back, it is withdrawn.
    for (because, change, status, is_void) in [
        ("link", "opened", "OPEN", false),
        ("link", "withdrawn", "WITHDRAWN", false),
        ("link", "amended", "CLAIMED", true),
        ("action", "withdrawn", "WITHDRAWN", true),
    ] {
        let wanted = (because.to_owned(), change.to_owned(), status.to_owned(), is_void);
        assert!(all.contains(&wanted), "{wanted:?} among {all:?}");
    }
}
