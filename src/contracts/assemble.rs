//! `topic.toml` against the newest schema: names become slots, words become kinds, and everything that does not fit
//! becomes a diagnostic.

use super::codes::{CONFLICT, MISSING_KEY, UNKNOWN_FIELD, WRONG_TYPE, WRONG_VALUE};
use super::keys::KeyForm;
use super::manifest::{Manifest, Section, SectionKind};
use super::mapping::{
    ActionMap, At, Bounds, ChangeMap, EventMap, FactsMap, KeyMap, Kinds, LinkMap, Mapping, StatementMap,
};
use super::shape::Shape;
use super::tables::{Word, mistake};
use super::{AreaKind, EventType, FactType, FieldDoc, FieldType, Pii, Type, Verdict};
use crate::types::{ActionKind, Diagnostic, SmolStr, did_you_mean};

const TEXT: &[Type] = &[Type::Text];
const INT: &[Type] = &[Type::Int];
const TIME: &[Type] = &[Type::Day, Type::Instant];
const ANY: &[Type] = &[Type::Bool, Type::Int, Type::Text, Type::Day, Type::Instant, Type::Texts];

/// A topic's names resolved. Each method returns none after it has left a diagnostic.
pub(super) struct Assembler<'a> {
    pub(super) topic: &'a str,
    pub(super) file: &'a str,
    pub(super) manifest: &'a Manifest,
    pub(super) shape: &'a Shape,
    pub(super) docs: &'a [FieldDoc],
    pub(super) found: &'a mut Vec<Diagnostic>,
}

impl Assembler<'_> {
    fn wrong(&mut self, code: &'static str, word: &Word, message: String, help: Option<String>) {
        self.found.push(Diagnostic { help, ..mistake(code, self.file, word.span.clone(), message) });
    }

    /// A field of the schema, of one of these types.
    pub(super) fn at(&mut self, word: &Word, types: &[Type]) -> Option<At> {
        let shape = self.shape;
        let Some(slot) = shape.position(&word.text) else {
            let near = did_you_mean(&word.text, shape.fields().iter().map(|field| field.name.as_str()));
            let help = near.map(|near| format!("did you mean \"{near}\"?"));
            let message = format!("topic \"{}\" has no field \"{}\"", self.topic, word.text);
            self.wrong(UNKNOWN_FIELD, word, message, help);
            return None;
        };
        let ty = shape.type_of(shape.fields()[slot].node).filter(|ty| types.contains(ty));
        let Some(ty) = ty else {
            let message = format!("field \"{}\" has a type that does not serve here", word.text);
            let names: Vec<String> = types.iter().map(|ty| format!("{ty:?}").to_lowercase()).collect();
            self.wrong(WRONG_TYPE, word, message, Some(format!("takes {}", names.join(" or "))));
            return None;
        };
        Some(At { slot, name: word.text.clone(), ty })
    }

    fn field(&mut self, section: &Section, key: &str, types: &[Type]) -> Option<At> {
        section.fields.get(key).and_then(|word| self.at(word, types))
    }

    fn list(&mut self, section: &Section, key: &str, types: &[Type]) -> Vec<At> {
        section.lists.get(key).into_iter().flatten().filter_map(|word| self.at(word, types)).collect()
    }

    fn key(&mut self, section: &Section) -> Option<KeyMap> {
        let source = match section.tables.get("source") {
            Some(table) => Err(self.entry(section, table, "source", "name")?.text),
            None => Ok(self.field(section, "source", TEXT)?),
        };
        Some(KeyMap {
            source,
            key: self.field(section, "key", TEXT)?,
            revision: self.field(section, "revision", INT),
        })
    }

    /// A text of an inner table.
    fn entry(&mut self, section: &Section, table: &[(Word, Word)], name: &str, key: &str) -> Option<Word> {
        let found = table.iter().find(|(word, _)| word.text == key).map(|(_, value)| value.clone());
        if found.is_none() {
            let word = Word { text: SmolStr::default(), span: section.span.clone() };
            self.wrong(MISSING_KEY, &word, format!("\"{name}\" lacks the key \"{key}\""), None);
        }
        found
    }

    fn change(&mut self, section: &Section) -> Option<ChangeMap> {
        let table = section.tables.get("change")?;
        let field = self.entry(section, table, "change", "field")?;
        let at = self.at(&field, TEXT);
        let body = self.entry(section, table, "change", "body");
        let end = self.entry(section, table, "change", "end");
        let void = self.entry(section, table, "change", "void");
        Some(ChangeMap { at: at?, body: body?.text, end: end?.text, void: void?.text })
    }

    /// Kinds and events; every kind must be a code that the kind's field lists, where it lists any.
    fn kinds(&mut self, kind: &At) -> Kinds {
        let manifest = self.manifest;
        let codes: Vec<SmolStr> = self
            .doc(&kind.name)
            .map_or_else(Vec::new, |doc| doc.values.iter().map(|(code, _)| code.clone()).collect());
        let mut kinds = Kinds { named: Vec::new(), every: None };
        for (word, event) in &manifest.events {
            if word.text == "*" {
                kinds.every = Some((event.text.clone(), codes.clone()));
                continue;
            }
            if !codes.is_empty() && !codes.contains(&word.text) {
                let near = did_you_mean(&word.text, codes.iter().map(SmolStr::as_str));
                let help = near.map(|near| format!("did you mean \"{near}\"?"));
                let message = format!("field \"{}\" does not list the value \"{}\"", kind.name, word.text);
                self.wrong(WRONG_VALUE, word, message, help);
            }
            kinds.named.push((word.text.clone(), event.text.clone()));
        }
        kinds.named.sort_unstable();
        if manifest.events.is_empty() {
            let word = Word { text: SmolStr::default(), span: 0..0 };
            self.wrong(
                MISSING_KEY,
                &word,
                String::from("[events] is missing: the topic has kinds and no events"),
                None,
            );
        }
        kinds
    }

    fn doc(&self, name: &str) -> Option<&FieldDoc> {
        self.docs.iter().find(|doc| doc.path == name)
    }

    /// Fields that state keeps, in the schema's order.
    fn kept(&mut self) -> Vec<At> {
        let names: Vec<SmolStr> =
            self.docs.iter().filter(|doc| doc.keep).map(|doc| doc.path.clone()).collect();
        names.into_iter().filter_map(|text| self.at(&Word { text, span: 0..0 }, ANY)).collect()
    }

    fn events(&mut self, section: &Section) -> Option<EventMap> {
        let kind = self.field(section, "kind", TEXT);
        let time = self.field(section, "time", TIME);
        let key = self.key(section);
        let events = kind.as_ref().map(|kind| self.kinds(kind));
        Some(EventMap {
            change: self.change(section),
            region: self.field(section, "region", TEXT),
            ended: self.field(section, "ended", TIME),
            required: self.list(section, "required", ANY),
            kept: self.kept(),
            precision: self.manifest.precision,
            lateness_days: self.manifest.lateness_days,
            key: key?,
            kind: kind?,
            events: events?,
            time: time?,
        })
    }

    /// The mapping of a section; none if a required name did not resolve.
    pub(super) fn mapping(&mut self, section: &Section) -> Option<Mapping> {
        Some(match section.kind {
            SectionKind::Signal => {
                let owners = self.list(section, "owners", TEXT);
                let daily = self.field(section, "daily", INT);
                if let (Some(_), Some(ended)) = (&daily, section.fields.get("ended")) {
                    let help = Some(String::from("leave \"ended\" out: a day of a daily kind has no end"));
                    self.wrong(
                        CONFLICT,
                        ended,
                        String::from("\"daily\" and \"ended\" exclude each other"),
                        help,
                    );
                }
                let events = self.events(section)?;
                match daily {
                    Some(used) => Mapping::Reading(events, owners, used),
                    None => Mapping::Signal(events, owners),
                }
            }
            SectionKind::Area => {
                let scope = section.tables.get("scope").cloned().unwrap_or_default();
                let scope = scope.into_iter().filter_map(|(fact, field)| {
                    Some((fact.text, self.at(&field, &[Type::Text, Type::Texts])?))
                });
                let scope = scope.collect();
                Mapping::Area(self.events(section)?, scope)
            }
            SectionKind::Link => {
                self.key_form(section, &["subject_kind", "subject", "source", "key"]);
                Mapping::Link(LinkMap {
                    key: self.key(section)?,
                    subject_kind: self.field(section, "subject_kind", TEXT)?,
                    subject: self.field(section, "subject", TEXT)?,
                    entity: self.field(section, "entity", TEXT)?,
                    confidence: self.field(section, "confidence", INT),
                    from: self.field(section, "from", TIME)?,
                    to: self.field(section, "to", TIME),
                })
            }
            SectionKind::Facts => {
                self.key_form(section, &["entity", "source", "key"]);
                let mut fields = self.list(section, "fields", ANY);
                fields.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                Mapping::Facts(FactsMap {
                    key: self.key(section)?,
                    entity: self.field(section, "entity", TEXT)?,
                    from: self.field(section, "from", TIME)?,
                    fields,
                })
            }
            SectionKind::Action => self.action(section)?,
            SectionKind::Statement => Mapping::Statement(StatementMap {
                source: self.field(section, "source", TEXT)?,
                region: self.field(section, "region", TEXT),
                through: self.field(section, "through", &[Type::Instant])?,
            }),
        })
    }

    fn action(&mut self, section: &Section) -> Option<Mapping> {
        let mut steps = Vec::new();
        for (word, step) in section.tables.get("steps").into_iter().flatten() {
            match STEPS.iter().find(|(name, _)| *name == step.text) {
                Some((_, kind)) => steps.push((word.text.clone(), *kind)),
                None => {
                    let takes = STEPS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                    let message = format!("\"{}\" is no step of an alert", step.text);
                    self.wrong(WRONG_VALUE, step, message, Some(format!("takes one of {takes}")));
                }
            }
        }
        let kind = self.field(section, "kind", TEXT)?;
        let outcome = self.field(section, "outcome", TEXT);
        let verdicts = self.verdicts(section, outcome.as_ref());
        Some(Mapping::Action(ActionMap {
            key: self.key(section)?,
            entity: self.field(section, "entity", TEXT)?,
            episode: self.field(section, "episode", TEXT)?,
            seen_revision: self.field(section, "seen_revision", INT)?,
            events: self.kinds(&kind),
            kind,
            steps,
            outcome,
            verdicts,
            actor: self.field(section, "actor", TEXT)?,
            time: self.field(section, "time", TIME)?,
            kept: self.kept(),
            precision: self.manifest.precision,
        }))
    }

    /// What outcomes say; each must be one that the field lists.
    fn verdicts(&mut self, section: &Section, outcome: Option<&At>) -> Vec<(SmolStr, Verdict)> {
        let listed: Vec<SmolStr> = outcome
            .and_then(|outcome| self.doc(&outcome.name))
            .map_or_else(Vec::new, |doc| doc.values.iter().map(|(code, _)| code.clone()).collect());
        let mut verdicts = Vec::new();
        for (code, said) in section.tables.get("verdicts").into_iter().flatten() {
            if !listed.contains(&code.text) {
                let near = did_you_mean(&code.text, listed.iter().map(SmolStr::as_str));
                let help = near.map(|near| format!("did you mean \"{near}\"?"));
                let message = format!("the field of outcomes does not list the value \"{}\"", code.text);
                self.wrong(WRONG_VALUE, code, message, help);
            }
            match Verdict::ALL.iter().find(|verdict| verdict.as_str() == said.text) {
                Some(verdict) => verdicts.push((code.text.clone(), *verdict)),
                None => {
                    let takes = Verdict::ALL.map(Verdict::as_str).join(", ");
                    let message = format!("\"{}\" is no verdict on an alert", said.text);
                    self.wrong(WRONG_VALUE, said, message, Some(format!("takes one of {takes}")));
                }
            }
        }
        verdicts
    }

    /// A removal has no value, so the key must name what it removes.
    fn key_form(&mut self, section: &Section, needed: &[&str]) {
        let manifest = self.manifest;
        let form = KeyForm::parse(&manifest.key.text);
        for key in needed {
            let Some(word) = section.fields.get(key) else { continue };
            if !form.as_ref().is_some_and(|form| form.fields().any(|field| *field == word.text)) {
                let message = format!("the key does not name the field \"{}\"", word.text);
                let help =
                    Some(String::from("a null value is a removal: all that says of what lies in the key"));
                self.wrong(WRONG_VALUE, &manifest.key, message, help);
            }
        }
    }

    /// The key of a topic of notices is made of text fields: connectors fill it in.
    pub(super) fn notice_key(&mut self) {
        let key = &self.manifest.key;
        let Some(form) = KeyForm::parse(&key.text) else {
            let message = String::from("the key of a topic of notices is made of fields");
            return self.wrong(WRONG_VALUE, key, message, Some(String::from("as in {source}/{source_key}")));
        };
        for field in form.fields() {
            self.at(&Word { text: field.clone(), span: key.span.clone() }, TEXT);
        }
    }

    /// Limits of number fields.
    pub(super) fn bounds(&mut self) -> Vec<Bounds> {
        let manifest = self.manifest;
        let limits = manifest.limits.iter().filter_map(|limit| {
            Some(Bounds { at: self.at(&limit.field, INT)?, min: limit.min, max: limit.max })
        });
        limits.collect()
    }

    /// What rules may say about the topic's events.
    pub(super) fn event_types(&mut self, section: &Section, mapping: &Mapping) -> Vec<EventType> {
        let kept = match mapping {
            Mapping::Signal(map, _) | Mapping::Reading(map, ..) | Mapping::Area(map, _) => &map.kept,
            Mapping::Action(map) => &map.kept,
            _ => return Vec::new(),
        };
        let fields: Vec<FieldType> = kept.iter().map(|at| self.field_type(at)).collect();
        let daily = section.fields.get("daily").map(|word| word.text.clone());
        let restricted = self.restricted(section);
        let mut types: Vec<EventType> = Vec::new();
        for (kind, event) in &self.manifest.events {
            // Of an event of several kinds nobody can tell which it was.
            let is_restricted = restricted.contains(&kind.text);
            let of_kind =
                |kinds: &[SmolStr]| kinds.is_empty() || kind.text == "*" || kinds.contains(&kind.text);
            let sources = self.manifest.sources.iter().filter(|source| of_kind(&source.kinds));
            let sources = sources.map(|source| source.name.clone());
            match types.iter_mut().find(|known| known.name == event.text) {
                Some(known) => {
                    known.restricted |= is_restricted;
                    known.sources.extend(sources);
                    known.sources.sort_unstable();
                    known.sources.dedup();
                }
                None => types.push(EventType {
                    name: event.text.clone(),
                    topic: SmolStr::new(self.topic),
                    fields: fields.clone(),
                    sources: sources.collect(),
                    daily: daily.is_some(),
                    daily_field: daily.clone(),
                    area: section.kind == SectionKind::Area,
                    restricted: is_restricted,
                }),
            }
        }
        types
    }

    /// Kinds that only restricted rules may read; each must be one that [events] names.
    fn restricted(&mut self, section: &Section) -> Vec<SmolStr> {
        let manifest = self.manifest;
        let named = section.lists.get("restricted").map(Vec::as_slice).unwrap_or_default();
        for word in named {
            if manifest.events.iter().any(|(kind, _)| kind.text == word.text) {
                continue;
            }
            let near = did_you_mean(&word.text, manifest.events.iter().map(|(kind, _)| kind.text.as_str()));
            let help = near.map(|near| format!("did you mean \"{near}\"?"));
            let message = format!("[events] does not name the kind \"{}\"", word.text);
            self.wrong(WRONG_VALUE, word, message, help);
        }
        named.iter().map(|word| word.text.clone()).collect()
    }

    /// What rules may say about households.
    pub(super) fn fact_types(&mut self, mapping: &Mapping) -> Vec<FactType> {
        let Mapping::Facts(map) = mapping else { return Vec::new() };
        let mut facts: Vec<FactType> =
            map.fields.iter().map(|at| FactType { field: self.field_type(at), born: None }).collect();
        let manifest = self.manifest;
        for age in &manifest.ages {
            let Some(born) = self.at(&age.born, &[Type::Day]) else { continue };
            let pii = self.doc(&born.name).map_or(Pii::Indirect, |doc| doc.pii);
            facts.push(FactType {
                field: FieldType {
                    name: age.name.text.clone(),
                    ty: Type::Age,
                    label: age.label.clone(),
                    unit: Some(String::from("세")),
                    pii,
                    values: Vec::new(),
                },
                born: Some(born.name),
            });
        }
        facts
    }

    /// The kinds of areas that households lie in by a fact.
    pub(super) fn area_kinds(&mut self, mapping: &Mapping) -> Vec<AreaKind> {
        let manifest = self.manifest;
        let mut kinds = Vec::new();
        for area in &manifest.areas {
            let Mapping::Facts(map) = mapping else {
                let message = format!("topic \"{}\" has areas and tells no facts", self.topic);
                self.wrong(CONFLICT, &area.name, message, None);
                return kinds;
            };
            if !is_plain(&area.name.text) {
                let help = Some(String::from("lower-case letters, digits and underscores"));
                let message = format!("\"{}\" is no name for a kind of area", area.name.text);
                self.wrong(WRONG_VALUE, &area.name, message, help);
                continue;
            }
            let facts = std::iter::once(&area.fact).chain(&area.with);
            let facts: Vec<SmolStr> = facts.filter_map(|word| self.place(map, word)).collect();
            if let Some((fact, with)) = facts.split_first() {
                kinds.push(AreaKind {
                    name: area.name.text.clone(),
                    fact: fact.clone(),
                    with: with.to_vec(),
                });
            }
        }
        kinds
    }

    /// A fact that names a place: a text, and nothing that must not stand in the name of an area.
    fn place(&mut self, map: &FactsMap, word: &Word) -> Option<SmolStr> {
        let Some(at) = map.fields.iter().find(|at| at.name == word.text) else {
            let near = did_you_mean(&word.text, map.fields.iter().map(|at| at.name.as_str()));
            let help = near.map(|near| format!("did you mean \"{near}\"?"));
            let message = format!("\"{}\" is none of the facts of topic \"{}\"", word.text, self.topic);
            self.wrong(UNKNOWN_FIELD, word, message, help);
            return None;
        };
        if at.ty != Type::Text {
            let message = format!("fact \"{}\" is no text", word.text);
            self.wrong(WRONG_TYPE, word, message, Some(String::from("an area is named by a code")));
            return None;
        }
        if self.doc(&at.name).is_none_or(|doc| doc.pii > Pii::Indirect) {
            let message = format!("fact \"{}\" is sensitive and cannot name an area", word.text);
            let help = Some(String::from("an area's name is the key of its alerts"));
            self.wrong(CONFLICT, word, message, help);
            return None;
        }
        Some(at.name.clone())
    }

    fn field_type(&self, at: &At) -> FieldType {
        let doc = self.doc(&at.name);
        FieldType {
            name: at.name.clone(),
            ty: at.ty,
            label: doc.map_or_else(String::new, |doc| doc.label.clone()),
            unit: doc.and_then(|doc| doc.unit.clone()),
            pii: doc.map_or(Pii::Sensitive, |doc| doc.pii),
            values: doc
                .map_or_else(Vec::new, |doc| doc.values.iter().map(|(code, _)| code.clone()).collect()),
        }
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !name.is_empty() && name.chars().all(plain)
}

const STEPS: &[(&str, ActionKind)] = &[
    ("claim", ActionKind::Claim),
    ("unclaim", ActionKind::Unclaim),
    ("attempt", ActionKind::Attempt),
    ("contact", ActionKind::Contact),
    ("close", ActionKind::Close),
];
