//! Raw records as the reference takes them in: decoded by their contracts, and from there on by nothing of the engine.

use super::fields::{field, int, text};
use crate::reference::episodes::Act;
use crate::reference::history::Facts;
use crate::reference::time::{Day, Ms, When};
use crate::reference::{Body, Change, Input, Signal};
use ieum::contracts::{Contracts, Tree};
use ieum::types::{EntityId, EpisodeId};
use std::collections::BTreeMap;

/// What the reference is told, with what it has to know of ids.
pub(crate) struct Teller<'a> {
    contracts: &'a Contracts,
    /// Episode ids of the rules at households that have been told of.
    episodes: BTreeMap<String, (String, u32)>,
    /// What sources have said since the last tick.
    statements: Vec<(String, Ms)>,
    /// By the engine's name, the reference's name of a household that stands in.
    pub(crate) stand_ins: BTreeMap<String, String>,
}

/// Rules that the reference knows, and episode numbers whose ids are worked out, to read an action's episode.
pub(crate) const RULES: [&str; 5] = [
    "crisis.arrears-ladder",
    "crisis.lone-elder-cutoff",
    "crisis.neighbour-report",
    "crisis.no-usage",
    "crisis.repeated-cutoff",
];
const MOST_EPISODES: u32 = 20;

impl<'a> Teller<'a> {
    pub(crate) fn new(contracts: &'a Contracts) -> Self {
        Self { contracts, episodes: BTreeMap::new(), statements: Vec::new(), stand_ins: BTreeMap::new() }
    }

    /// Stream time; the sources' statements that came before it hold from it on.
    pub(crate) fn tick(&mut self, through: Ms) -> Input {
        let sources = std::mem::take(&mut self.statements);
        let sources = sources.into_iter().map(|(source, complete)| (source, complete.min(through))).collect();
        Input::Tick { through, complete: true, sources }
    }

    /// A tick as a stage's log holds it, with what it says of sources.
    pub(crate) fn tick_of(tick: &ieum::engine::message::Tick) -> Input {
        let said = |state: &ieum::engine::message::SourceState| {
            (place(&state.source, state.region.as_deref()), state.complete_through.0)
        };
        Input::Tick {
            through: tick.through.0,
            complete: tick.complete,
            sources: tick.sources.iter().map(said).collect(),
        }
    }

    /// A raw record; none if it says nothing to the reference, or is not readable.
    pub(crate) fn raw(&mut self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> Option<Input> {
        let contract = self.contracts.topic(topic)?;
        // Whether a record is acceptable at all is the contracts' to judge; their tests say how.
        contract.read(key, value).ok()?;
        if value.is_none() {
            return taken_back(topic, std::str::from_utf8(key?).ok()?);
        }
        let record = contract.decode_tree(value?).ok()?;
        match topic {
            "registry.subjects" => Some(link(&record)),
            "registry.households" => Some(self.facts(&record)),
            "casework.actions" => self.action(&record),
            "signals.outage" => outage(&record),
            "sources.reports" => {
                let place = place(&text(&record, "source")?, text(&record, "region").as_deref());
                self.statements.push((place, int(&record, "delivered_through")?));
                None
            }
            _ => self.signal(topic, &record),
        }
    }

    fn signal(&mut self, topic: &str, record: &Tree) -> Option<Input> {
        let owner = |kind: &str| text(record, kind).map(|subject| format!("{kind}:{subject}"));
        let owners: Vec<String> =
            ["person", "service_point", "address"].into_iter().filter_map(owner).collect();
        for owner in &owners {
            let engines = ieum::engine::layout::provisional_household(owner);
            self.stand_ins.insert(engines.to_string(), crate::reference::stand_in(owner));
        }
        let lateness_days = match topic {
            "signals.arrears" | "signals.welfare" => 62,
            _ => 7,
        };
        Some(Input::Signal(Signal {
            source: text(record, "source")?,
            key: text(record, "source_key")?,
            revision: int(record, "revision").unwrap_or(1),
            owners,
            lateness_days,
            accepted: None,
            change: change(topic, record)?,
        }))
    }

    fn facts(&mut self, record: &Tree) -> Input {
        let household = text(record, "household").unwrap_or_default();
        Input::Facts {
            key: format!(
                "{}/{}",
                text(record, "source").unwrap_or_default(),
                text(record, "source_key").unwrap_or_default()
            ),
            revision: int(record, "revision").unwrap_or(1),
            facts: Facts {
                from: day(record, "valid_from").unwrap_or_default(),
                size: int(record, "size"),
                oldest_born: day(record, "oldest_born"),
                youngest_born: day(record, "youngest_born"),
                dong: text(record, "dong"),
                region: text(record, "sigungu"),
            },
            household,
            removed: false,
        }
    }

    fn action(&mut self, record: &Tree) -> Option<Input> {
        let household = text(record, "household")?;
        let id = text(record, "episode")?;
        if !self.episodes.contains_key(&id) {
            for (rule, number) in RULES.iter().flat_map(|rule| (1..=MOST_EPISODES).map(move |n| (*rule, n))) {
                let id = EpisodeId::derive(rule, &EntityId::new(&household), number);
                self.episodes.insert(id.to_string(), (rule.to_string(), number));
            }
        }
        let (rule, number) = self.episodes.get(&id)?.clone();
        let act = match text(record, "action")?.as_str() {
            "claimed" => Act::Claim,
            "unclaimed" => Act::Unclaim,
            "attempted" => Act::Attempt,
            "contacted" => Act::Contact,
            "closed" => Act::Close,
            other => panic!("no such action: {other}"),
        };
        let household = self.stand_ins.get(&household).cloned().unwrap_or(household);
        let (key, at) = (text(record, "action_id")?, int(record, "acted_at")?);
        Some(Input::Action { key, household, rule, number, act, at })
    }
}

/// A registry's entry that is taken back: its key names it.
fn taken_back(topic: &str, key: &str) -> Option<Input> {
    let (whose, entry) = key.split_once('/')?;
    match topic {
        "registry.subjects" => Some(Input::Link {
            key: entry.to_owned(),
            revision: 0,
            subject: whose.to_owned(),
            household: String::new(),
            from: 0,
            to: None,
            removed: true,
        }),
        "registry.households" => Some(Input::Facts {
            household: whose.to_owned(),
            key: entry.to_owned(),
            revision: 0,
            facts: Facts::default(),
            removed: true,
        }),
        _ => None,
    }
}

/// The engine's name of one of the reference's households.
pub(crate) fn engines_name(household: &str) -> String {
    let engines = |subject| ieum::engine::layout::provisional_household(subject).to_string();
    crate::reference::stands_in_for(household).map_or_else(|| household.to_owned(), engines)
}

/// A source, or its region where it speaks for each on its own.
pub(crate) fn place(source: &str, region: Option<&str>) -> String {
    region.map_or_else(|| source.to_owned(), |region| format!("{source}/{region}"))
}

fn day(record: &Tree, name: &str) -> Option<Day> {
    int(record, name).map(|day| Day::try_from(day).expect("a day of this era"))
}

fn link(record: &Tree) -> Input {
    let word = |name: &str| text(record, name).unwrap_or_default();
    Input::Link {
        key: format!("{}/{}", word("source"), word("source_key")),
        revision: int(record, "revision").unwrap_or(1),
        subject: format!("{}:{}", word("subject_kind"), word("subject")),
        household: word("household"),
        from: day(record, "valid_from").unwrap_or_default(),
        to: day(record, "valid_to"),
        removed: false,
    }
}

fn outage(record: &Tree) -> Option<Input> {
    let (id, at) = (text(record, "outage_id")?, int(record, "occurred_at")?);
    let Tree::List(dongs) = field(record, "dong") else { return None };
    let name = |dong: &Tree| match dong {
        Tree::Text(dong) => dong.to_string(),
        other => panic!("a dong is a text, not {other:?}"),
    };
    match text(record, "kind")?.as_str() {
        "started" => Some(Input::OutageStarted { id, dongs: dongs.iter().map(name).collect(), at }),
        _ => Some(Input::OutageEnded { id, at }),
    }
}

/// When, and until when: the fields of each topic.
fn times(topic: &str) -> (&'static str, Option<&'static str>, bool) {
    match topic {
        "signals.cutoff" => ("occurred_at", Some("ended_at"), true),
        "signals.arrears" => ("as_of", Some("paid_on"), false),
        "signals.meter" => ("read_on", None, false),
        "signals.welfare" => ("occurred_on", None, false),
        "reports.neighbour" => ("reported_at", None, true),
        other => panic!("{other} is no topic of signals"),
    }
}

fn change(topic: &str, record: &Tree) -> Option<Change> {
    let (at, ended, instant) = times(topic);
    let when = |name: &str| match instant {
        true => int(record, name).map(When::Instant),
        false => day(record, name).map(When::Day),
    };
    let ended = ended.and_then(when);
    Some(match text(record, "change").as_deref() {
        Some("void") => Change::Void,
        Some("end") => Change::End(ended?),
        _ => Change::Body(Body {
            name: name(topic, record)?,
            when: when(at)?,
            ended,
            kind: text(record, "kind"),
            months: int(record, "months"),
            amount_krw: int(record, "amount_krw"),
            used: int(record, "use").is_some_and(|used| used > 0),
        }),
    })
}

fn name(topic: &str, record: &Tree) -> Option<String> {
    Some(match topic {
        "signals.cutoff" => format!("cutoff.{}", text(record, "kind")?),
        "signals.arrears" => String::from("arrears"),
        "signals.meter" => String::from("meter_reading"),
        "signals.welfare" => format!("welfare.{}", text(record, "indicator")?.to_lowercase()),
        _ => String::from(match text(record, "reporter_role")?.as_str() {
            "self" => "report.self",
            "family" | "neighbour" => "report.neighbour",
            _ => "report.official",
        }),
    })
}
