//! Files of `topics/` to contracts: one topic after the other, then what holds between them. All mistakes at once.

use super::assemble::Assembler;
use super::codes::{CONFLICT, INCOMPATIBLE, NO_SCHEMA, NOT_READABLE, UNKNOWN_KEY, WRONG_FILES, WRONG_ROUTE};
use super::fields;
use super::kafka::{OWN_MESSAGE_BYTES, RAW_MESSAGE_BYTES};
use super::keys::KeyForm;
use super::manifest::{self, Manifest};
use super::mapping::Mapping;
use super::shape::Shape;
use super::tables::mistake;
use super::topic::Codec;
use super::{AreaKind, Contracts, EventType, FactType, FieldDoc, Route, Topic};
use crate::types::{Diagnostic, SmolStr, did_you_mean};
use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One topic's files.
#[derive(Default)]
struct Files<'a> {
    manifest: Option<&'a str>,
    /// By version.
    schemas: BTreeMap<u32, &'a str>,
}

pub(super) fn parse<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Contracts, Vec<Diagnostic>> {
    let mut found = Vec::new();
    let mut parts: Vec<(&str, &str)> = Vec::new();
    let mut topics: BTreeMap<&str, Files<'_>> = BTreeMap::new();
    for (path, text) in files {
        let Some((name, file)) = path.split_once('/') else { continue };
        if file.starts_with("examples/") {
            continue;
        }
        let version =
            file.strip_prefix('v').and_then(|f| f.strip_suffix(".avsc")).and_then(|v| v.parse().ok());
        let entry = topics.entry(name).or_default();
        match (file, version) {
            ("topic.toml", _) => entry.manifest = Some(text),
            (_, Some(version)) => drop(entry.schemas.insert(version, text)),
            _ => {
                let message = format!("\"{file}\" is neither topic.toml nor a schema like v1.avsc");
                found.push(mistake(WRONG_FILES, path, 0..0, message));
                continue;
            }
        }
        parts.push((path, text));
    }
    parts.sort_unstable();

    let mut whole = Whole::default();
    for (name, files) in &topics {
        whole.topic(name, files, &mut found);
    }
    whole.check_between(&mut found);
    if !found.is_empty() {
        found.sort_by(|a, b| (&a.file, a.span.start).cmp(&(&b.file, b.span.start)));
        return Err(found);
    }
    Ok(Contracts {
        topics: whole.topics,
        events: whole.events,
        facts: whole.facts,
        areas: whole.areas,
        files: parts.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect(),
    })
}

/// What the topics make together.
#[derive(Default)]
struct Whole {
    topics: BTreeMap<SmolStr, Topic>,
    events: BTreeMap<SmolStr, EventType>,
    facts: BTreeMap<SmolStr, FactType>,
    areas: Vec<AreaKind>,
}

impl Whole {
    fn topic(&mut self, name: &str, files: &Files<'_>, found: &mut Vec<Diagnostic>) {
        let file = format!("{name}/topic.toml");
        let Some(text) = files.manifest else {
            found.push(mistake(WRONG_FILES, &file, 0..0, format!("topic \"{name}\" has no topic.toml")));
            return;
        };
        let Some(manifest) = manifest::read(&file, text, found) else { return };
        let Some((versions, docs)) = schemas(name, &manifest, files, found) else { return };
        let Some((_, shape)) = versions.last() else {
            self.add(name, manifest, None, Vec::new(), Vec::new(), None, found, &file);
            return;
        };
        let mut assembler =
            Assembler { topic: name, file: &file, manifest: &manifest, shape, docs: &docs, found };
        let bounds = assembler.bounds();
        if manifest.route == Route::Notices {
            assembler.notice_key();
        }
        let mut mapping = None;
        if let [section] = manifest.sections.as_slice()
            && section.kind.serves(manifest.route)
        {
            mapping = assembler.mapping(section);
            if let Some(mapping) = &mapping {
                let events = assembler.event_types(section, mapping);
                let facts = assembler.fact_types(mapping);
                let areas = assembler.area_kinds(mapping);
                self.add_names(events, facts, &file, found);
                self.add_areas(areas, &file, found);
            }
        }
        let wanted = vec![true; shape.fields().len()];
        let wanted = mapping.as_ref().map_or(wanted.clone(), |mapping| {
            let mut used = vec![false; wanted.len()];
            mapping.slots(&mut |at| used[at.slot] = true);
            bounds.iter().for_each(|bound| used[bound.at.slot] = true);
            used
        });
        let codec = match Codec::new(&versions, wanted) {
            Ok(codec) => Some(codec),
            Err(what) => {
                found.push(mistake(INCOMPATIBLE, &file, 0..0, what));
                None
            }
        };
        self.add(name, manifest, codec, docs, bounds, mapping, found, &file);
    }

    fn add_names(
        &mut self,
        events: Vec<EventType>,
        facts: Vec<FactType>,
        file: &str,
        found: &mut Vec<Diagnostic>,
    ) {
        for event in events {
            if let Some(other) = self.events.get(&event.name) {
                let message =
                    format!("event \"{}\" is declared by topic \"{}\" too", event.name, other.topic);
                found.push(mistake(CONFLICT, file, 0..0, message));
            }
            self.events.insert(event.name.clone(), event);
        }
        for fact in facts {
            let name = fact.field.name.clone();
            if self.facts.insert(name.clone(), fact).is_some() {
                found.push(mistake(CONFLICT, file, 0..0, format!("fact \"{name}\" is declared twice")));
            }
        }
    }

    fn add_areas(&mut self, areas: Vec<AreaKind>, file: &str, found: &mut Vec<Diagnostic>) {
        for area in areas {
            match self.areas.binary_search_by(|known| known.name.cmp(&area.name)) {
                Ok(_) => {
                    let message = format!("area \"{}\" is declared twice", area.name);
                    found.push(mistake(CONFLICT, file, 0..0, message));
                }
                Err(at) => self.areas.insert(at, area),
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the one place where a topic's parts come together")]
    fn add(
        &mut self,
        name: &str,
        manifest: Manifest,
        codec: Option<Codec>,
        fields: Vec<FieldDoc>,
        bounds: Vec<super::mapping::Bounds>,
        mapping: Option<Mapping>,
        found: &mut Vec<Diagnostic>,
        file: &str,
    ) {
        check_route(name, &manifest, codec.is_some(), file, found);
        let own = matches!(manifest.route, Route::Output | Route::Internal);
        let default_bytes = if own { OWN_MESSAGE_BYTES } else { RAW_MESSAGE_BYTES };
        let topic = Topic {
            name: SmolStr::new(name),
            purpose: manifest.purpose,
            title: manifest.title,
            owner: manifest.owner,
            key_form: KeyForm::parse(&manifest.key.text),
            key: manifest.key.text,
            route: manifest.route,
            partitions: manifest.partitions,
            retention_days: u16::try_from(manifest.retention_days).ok(),
            cleanup: manifest.cleanup,
            encodings: manifest.encodings,
            lateness_days: manifest.lateness_days,
            precision: manifest.precision,
            access: manifest.access,
            max_message_bytes: manifest.max_message_bytes.unwrap_or(default_bytes),
            changelog_of: manifest.changelog_of.map(|word| word.text),
            kinds: manifest.events.into_iter().map(|(kind, event)| (kind.text, event.text)).collect(),
            sources: manifest.sources,
            fields,
            codec,
            mapping,
            bounds,
            schemas: None,
        };
        self.topics.insert(topic.name.clone(), topic);
    }

    /// What holds between topics: a changelog has as many partitions as its log.
    fn check_between(&self, found: &mut Vec<Diagnostic>) {
        for topic in self.topics.values() {
            let Some(log) = &topic.changelog_of else { continue };
            let file = format!("{}/topic.toml", topic.name);
            match self.topics.get(log) {
                Some(of) if of.partitions == topic.partitions => {}
                Some(of) => {
                    let message = format!(
                        "topic \"{log}\" has {} partitions, its changelog {}",
                        of.partitions, topic.partitions
                    );
                    found.push(mistake(CONFLICT, &file, 0..0, message));
                }
                None => {
                    let near = did_you_mean(log, self.topics.keys().map(SmolStr::as_str));
                    let help = near.map(|near| format!("did you mean \"{near}\"?"));
                    let message = format!("there is no topic \"{log}\"");
                    found.push(Diagnostic { help, ..mistake(UNKNOWN_KEY, &file, 0..0, message) });
                }
            }
        }
    }
}

fn check_route(name: &str, manifest: &Manifest, has_schema: bool, file: &str, found: &mut Vec<Diagnostic>) {
    let sections: Vec<&str> = manifest.sections.iter().map(|section| section.kind.name()).collect();
    let input = !matches!(manifest.route, Route::Notices | Route::Output | Route::Internal);
    let message = match (input, manifest.sections.as_slice()) {
        (false, []) => None,
        (false, _) => {
            Some(format!("topic \"{name}\" is not read by intake, yet has [{}]", sections.join("], [")))
        }
        (true, [section]) if section.kind.serves(manifest.route) => None,
        (true, [section]) => {
            Some(format!("[{}] does not serve the route of topic \"{name}\"", section.kind.name()))
        }
        (true, []) => Some(format!("topic \"{name}\" is an input, yet no table says what its records are")),
        (true, _) => Some(format!("topic \"{name}\" has several of [{}]", sections.join("], ["))),
    };
    let span = manifest.sections.first().map_or(0..0, |section| section.span.clone());
    found.extend(message.map(|message| mistake(WRONG_ROUTE, file, span, message)));
    if manifest.route == Route::Internal && has_schema {
        found.push(mistake(
            WRONG_FILES,
            file,
            0..0,
            format!("topic \"{name}\" is internal, yet has a schema"),
        ));
    }
}

type Schemas = (Vec<(Schema, Arc<Shape>)>, Vec<FieldDoc>);

/// All versions and the newest one's fields; none if one of them does not read.
fn schemas(
    name: &str,
    manifest: &Manifest,
    files: &Files<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<Schemas> {
    if files.schemas.is_empty() && manifest.route != Route::Internal {
        let file = format!("{name}/v1.avsc");
        found.push(mistake(WRONG_FILES, &file, 0..0, format!("topic \"{name}\" has no schema v1.avsc")));
        return None;
    }
    let mut versions = Vec::new();
    let mut docs = Vec::new();
    let before = found.len();
    for (expected, (version, text)) in (1..).zip(&files.schemas) {
        let file = format!("{name}/v{version}.avsc");
        if *version != expected {
            let message = format!("topic \"{name}\" has a v{version} and no v{expected}");
            found.push(mistake(WRONG_FILES, &file, 0..0, message));
        }
        if let Some((schema, shape)) = schema(&file, text, found) {
            docs = fields::read(&file, text, &schema, found);
            versions.push((schema, Arc::new(shape)));
        }
    }
    check_versions(name, manifest.full_compatibility, &versions, found);
    (found.len() == before).then_some((versions, docs))
}

fn schema(file: &str, text: &str, found: &mut Vec<Diagnostic>) -> Option<(Schema, Shape)> {
    if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        let line_start =
            text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
        let at = (line_start + error.column().saturating_sub(1)).min(text.len());
        found.push(mistake(NOT_READABLE, file, at..at, error.to_string()));
        return None;
    }
    let read = Schema::parse_str(text).map_err(|error| error.to_string());
    let read = read.and_then(|schema| match &schema {
        Schema::Record(_) => Shape::of(&schema).map(|shape| (schema, shape)),
        _ => Err(String::from("the schema is no record")),
    });
    read.map_err(|message| found.push(mistake(NO_SCHEMA, file, 0..0, message))).ok()
}

/// Every newer version reads every older one; where readers may be older than writers, every one every other.
fn check_versions(name: &str, full: bool, versions: &[(Schema, Arc<Shape>)], found: &mut Vec<Diagnostic>) {
    let reads = |writer: &Schema, reader: &Schema| match SchemaCompatibility::can_read(writer, reader) {
        Ok(Compatibility::Full) => None,
        Ok(Compatibility::Partial) => {
            Some(String::from("some values of the older have no place in the newer"))
        }
        Err(error) => Some(error.to_string()),
    };
    for (newer, (new, _)) in versions.iter().enumerate() {
        for (older, (old, _)) in versions.iter().take(newer).enumerate() {
            let (newer, older) = (newer + 1, older + 1);
            let file = format!("{name}/v{newer}.avsc");
            let mut report = |who: String, why: Option<String>| {
                found.extend(why.map(|why| mistake(INCOMPATIBLE, &file, 0..0, format!("{who}: {why}"))));
            };
            report(format!("v{newer} does not read v{older}"), reads(old, new));
            if full {
                report(format!("v{older} does not read v{newer}"), reads(new, old));
            }
        }
    }
}
