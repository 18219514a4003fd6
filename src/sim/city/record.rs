//! Items as records of their topics: trees of named fields, encoded by the topics' own contracts.

use super::Plan;
use super::area::{Outage, Statement};
use super::casework::Act;
use super::item::{FactsItem, Item, LinkItem, SignalItem, Told, What};
use super::names::{Alias, Names};
use super::people::Household;
use super::truth::Cause;
use crate::contracts::{Contracts, Tree};
use crate::types::{Day, SmolStr, StreamTime};
use std::sync::Arc;

/// What the city writes, before it is encoded.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) topic: &'static str,
    pub(super) key: Option<String>,
    pub(super) fields: Vec<(SmolStr, Tree)>,
}

/// Turns items into drafts and drafts into bytes.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    pub(super) names: Names,
    contracts: Arc<Contracts>,
}

const REGISTRY: &str = "MOIS";

impl Writer {
    pub(super) fn new(plan: &Plan, contracts: Arc<Contracts>) -> Self {
        Self { names: Names::new(plan), contracts }
    }

    /// The bytes of a draft.
    pub(super) fn encode(&self, draft: &Draft) -> Result<Vec<u8>, String> {
        let Some(topic) = self.contracts.topic(draft.topic) else {
            return Err(format!("topic \"{}\" has no contract", draft.topic));
        };
        topic.encode(&Tree::Record(draft.fields.clone())).map_err(|error| format!("{}: {error}", draft.topic))
    }

    pub(super) fn item(&self, plan: &Plan, item: &Item) -> Draft {
        match &item.what {
            What::Facts(facts) => self.facts(&Household::of(plan, item.household), facts),
            What::Link(link) => self.link(item.household, link),
            What::Signal(signal) => self.signal(item.household, signal),
        }
    }

    fn facts(&self, household: &Household, facts: &FactsItem) -> Draft {
        let (names, known) = (&self.names, !household.facts_unknown);
        let dong = names.dong_of(facts.home);
        let pseudonym = names.household(household.number);
        let source_key = names.source_key(household.number, facts.number);
        let maybe = |known: bool, tree: Tree| if known { tree } else { Tree::Null };
        Draft {
            topic: "registry.households",
            key: Some(format!("{pseudonym}/{REGISTRY}/{source_key}")),
            fields: record([
                ("source", text(REGISTRY)),
                ("source_key", text(&source_key)),
                ("revision", Tree::Int(1)),
                ("household", text(&pseudonym)),
                ("valid_from", day(facts.from)),
                ("size", maybe(known, Tree::Int(i64::from(facts.size)))),
                ("oldest_born", maybe(known, day(household.oldest_born))),
                ("youngest_born", maybe(known, day(household.youngest_born))),
                ("building", text(&names.building(facts.home))),
                ("dong", text(&names.dong_code(dong))),
                ("admin_dong", text(&names.admin_dong_code(dong))),
                ("sigungu", text(&names.sigungu_code(names.sigungu_of(dong)))),
                ("income_pct_median", maybe(!household.income_unknown, Tree::Int(household.income_pct))),
                ("has_disability", Tree::Bool(household.disability)),
                ("single_parent", Tree::Bool(household.single_parent)),
            ]),
        }
    }

    fn link(&self, household: u32, link: &LinkItem) -> Draft {
        let source_key = self.names.source_key(household, link.number);
        let subject = self.names.alias(link.alias);
        Draft {
            topic: "registry.subjects",
            key: Some(format!("{}:{subject}/{REGISTRY}/{source_key}", link.alias.kind())),
            fields: record([
                ("source", text(REGISTRY)),
                ("source_key", text(&source_key)),
                ("revision", Tree::Int(link.revision)),
                ("subject_kind", text(link.alias.kind())),
                ("subject", text(&subject)),
                ("household", text(&self.names.household(household))),
                ("confidence", Tree::Int(link.confidence)),
                ("valid_from", day(link.from)),
                ("valid_to", link.to.map_or(Tree::Null, day)),
            ]),
        }
    }

    fn signal(&self, household: u32, signal: &SignalItem) -> Draft {
        let alias = |alias: Option<Alias>| alias.map_or(Tree::Null, |a| text(&self.names.alias(a)));
        let owners = [signal.owners.person, signal.owners.point, signal.owners.address];
        let key =
            owners.into_iter().flatten().next().map(|a| format!("{}:{}", a.kind(), self.names.alias(a)));
        let change = match signal.told {
            Told::Paid { .. } | Told::Restored { .. } => "end",
            Told::Void(_) => "void",
            Told::Arrears { .. }
            | Told::Cutoff { .. }
            | Told::Indicator { .. }
            | Told::Report { .. }
            | Told::Reading { .. } => "report",
        };
        let mut fields = record([
            ("source", text(signal.source)),
            ("source_key", text(&self.names.source_key(household, signal.number))),
            ("revision", Tree::Int(signal.revision)),
            ("change", text(change)),
            ("person", alias(signal.owners.person)),
            ("service_point", alias(signal.owners.point)),
            ("address", alias(signal.owners.address)),
            ("region", signal.region.map_or(Tree::Null, |r| text(&self.names.sigungu_code(r)))),
        ]);
        fields.extend(self.body(household, signal));
        Draft { topic: signal.told.topic(), key, fields }
    }

    fn body(&self, household: u32, signal: &SignalItem) -> Vec<(SmolStr, Tree)> {
        match &signal.told {
            Told::Arrears { kind, months, amount, as_of } => record([
                ("kind", text(kind)),
                ("months", Tree::Int(i64::from(*months))),
                ("amount_krw", Tree::Int(*amount)),
                ("as_of", day(*as_of)),
            ]),
            Told::Paid { on } => record([("paid_on", day(*on))]),
            Told::Cutoff { utility, limited, at } => record([
                ("kind", text(utility.as_str())),
                ("mode", text(if *limited { "current_limit" } else { "cut" })),
                ("occurred_at", instant(*at)),
            ]),
            Told::Restored { at } => record([("ended_at", instant(*at))]),
            Told::Indicator { name, value, on } => record([
                ("indicator", text(name)),
                ("value", value.map_or(Tree::Null, Tree::Int)),
                ("occurred_on", day(*on)),
            ]),
            Told::Report { role, about, household_type, anonymous, at } => record([
                ("reporter_role", text(role)),
                ("crisis_types", Tree::List(crisis_types(*about).iter().map(|t| text(t)).collect())),
                ("household_type", text(household_type)),
                ("age_band", Tree::Null),
                ("anonymous", Tree::Bool(*anonymous)),
                ("text_ref", text(&format!("text-{}", self.names.source_key(household, signal.number)))),
                ("reported_at", instant(*at)),
            ]),
            Told::Reading { utility, used, on } => {
                record([("kind", text(utility.as_str())), ("use", Tree::Int(*used)), ("read_on", day(*on))])
            }
            Told::Void(_) => Vec::new(),
        }
    }

    pub(super) fn outage(&self, outage: &Outage, ended: bool) -> Draft {
        let (word, at) = if ended { ("ended", outage.to) } else { ("started", outage.from) };
        let id = format!("out-{}-{}", self.names.dong_code(outage.dong), outage.number);
        let region = self.names.sigungu_code(self.names.sigungu_of(outage.dong));
        Draft {
            topic: "signals.outage",
            key: None,
            fields: record([
                ("source", text(outage.feed.source)),
                ("source_key", text(&format!("{id}-{word}"))),
                ("region", if outage.feed.by_region { text(&region) } else { Tree::Null }),
                ("kind", text(word)),
                ("outage_id", text(&id)),
                ("utility", text(outage.utility.as_str())),
                ("dong", Tree::List(vec![text(&self.names.dong_code(outage.dong))])),
                ("occurred_at", instant(at)),
            ]),
        }
    }

    pub(super) fn statement(&self, statement: &Statement) -> Draft {
        Draft {
            topic: "sources.reports",
            key: None,
            fields: record([
                ("source", text(statement.source)),
                ("region", statement.region.map_or(Tree::Null, |r| text(&self.names.sigungu_code(r)))),
                ("delivered_through", instant(statement.through)),
            ]),
        }
    }

    pub(super) fn act(&self, act: &Act, at: StreamTime) -> Draft {
        Draft {
            topic: "casework.actions",
            key: Some(act.household.to_string()),
            fields: record([
                ("action_id", text(&act.id)),
                ("household", text(&act.household)),
                ("episode", text(&act.episode)),
                ("alert_revision", Tree::Int(act.revision)),
                ("action", text(act.action)),
                ("outcome", act.outcome.map_or(Tree::Null, text)),
                ("actor", text(&act.actor)),
                ("acted_at", instant(at)),
            ]),
        }
    }
}

fn crisis_types(cause: Cause) -> &'static [&'static str] {
    match cause {
        Cause::JobLoss => &["livelihood", "work"],
        Cause::Illness => &["health", "care"],
        Cause::Death => &["livelihood", "care"],
        Cause::Debt => &["livelihood", "housing"],
        Cause::Isolation => &["isolation", "health"],
    }
}

fn record<const N: usize>(fields: [(&'static str, Tree); N]) -> Vec<(SmolStr, Tree)> {
    fields.into_iter().map(|(name, tree)| (SmolStr::new_static(name), tree)).collect()
}

fn text(text: &str) -> Tree {
    Tree::Text(SmolStr::new(text))
}

fn day(day: Day) -> Tree {
    Tree::Int(i64::from(day.0))
}

fn instant(at: StreamTime) -> Tree {
    Tree::Int(at.0)
}
