//! From decoded slots to a payload: which field is the source, which the time, which are kept. Compiled once from
//! topic.toml and the newest schema; every name is a slot number here.

use super::codes::{
    BAD_TEXT, DATE_RANGE, MISSING_FIELD, NO_OWNER, NUMBER_RANGE, UNKNOWN_KIND, VOID_WITHOUT_DAY,
};
use super::slot::Slot;
use super::{Precision, Reject, Type, Verdict};
use crate::types::{
    Action, ActionKind, AreaEvent, AreaScope, Change, Day, DayState, EntityId, EpisodeId, EventKey,
    EventTime, FactVersion, FactsRecord, LinkRecord, Payload, Phase, Reading, Signal, SmolStr, SourceReport,
    StreamTime, SubjectId, Value,
};
use chrono::Datelike;

/// Ids and codes are no longer than this.
pub const ID_LIMIT_BYTES: usize = 200;
/// A list of texts has no more.
pub const LIST_LIMIT: usize = 64;

/// A field: its slot and, for reject texts, its name.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) slot: usize,
    pub(super) name: SmolStr,
    pub(super) ty: Type,
}

/// What a record becomes.
#[derive(Debug)]
pub(super) enum Mapping {
    Signal(EventMap, Vec<At>),
    Reading(EventMap, Vec<At>, At),
    Area(EventMap, Vec<(SmolStr, At)>),
    Link(LinkMap),
    Facts(FactsMap),
    Action(ActionMap),
    Statement(StatementMap),
}

/// Source, key and revision.
#[derive(Debug)]
pub(super) struct KeyMap {
    pub(super) source: Result<At, SmolStr>,
    pub(super) key: At,
    pub(super) revision: Option<At>,
}

/// The values of the field that says what a record is: body, end or void.
#[derive(Debug)]
pub(super) struct ChangeMap {
    pub(super) at: At,
    pub(super) body: SmolStr,
    pub(super) end: SmolStr,
    pub(super) void: SmolStr,
}

#[derive(Debug)]
pub(super) struct EventMap {
    pub(super) key: KeyMap,
    pub(super) change: Option<ChangeMap>,
    pub(super) region: Option<At>,
    pub(super) kind: At,
    pub(super) events: Kinds,
    pub(super) time: At,
    pub(super) ended: Option<At>,
    pub(super) required: Vec<At>,
    pub(super) kept: Vec<At>,
    pub(super) precision: Precision,
    pub(super) lateness_days: u16,
}

/// Kinds and their events.
#[derive(Debug)]
pub(super) struct Kinds {
    /// By kind, ascending.
    pub(super) named: Vec<(SmolStr, SmolStr)>,
    /// The event of every kind among these (of any kind, if there are none).
    pub(super) every: Option<(SmolStr, Vec<SmolStr>)>,
}

#[derive(Debug)]
pub(super) struct LinkMap {
    pub(super) key: KeyMap,
    pub(super) subject_kind: At,
    pub(super) subject: At,
    pub(super) entity: At,
    pub(super) confidence: Option<At>,
    pub(super) from: At,
    pub(super) to: Option<At>,
}

#[derive(Debug)]
pub(super) struct FactsMap {
    pub(super) key: KeyMap,
    pub(super) entity: At,
    pub(super) from: At,
    /// By name, ascending.
    pub(super) fields: Vec<At>,
}

#[derive(Debug)]
pub(super) struct ActionMap {
    pub(super) key: KeyMap,
    pub(super) entity: At,
    pub(super) episode: At,
    pub(super) seen_revision: At,
    pub(super) kind: At,
    pub(super) steps: Vec<(SmolStr, ActionKind)>,
    pub(super) events: Kinds,
    pub(super) outcome: Option<At>,
    /// What outcomes say of the alert that they close.
    pub(super) verdicts: Vec<(SmolStr, Verdict)>,
    pub(super) actor: At,
    pub(super) time: At,
    pub(super) kept: Vec<At>,
    pub(super) precision: Precision,
}

#[derive(Debug)]
pub(super) struct StatementMap {
    pub(super) source: At,
    pub(super) region: Option<At>,
    pub(super) through: At,
}

/// Bounds of a number field.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub(super) at: At,
    pub(super) min: i64,
    pub(super) max: i64,
}

fn reject(code: &'static str, at: &At, what: &str) -> Reject {
    Reject { code, text: format!("field \"{}\" {what}", at.name) }
}

/// A record's slots.
pub(super) struct Row<'r, 'a>(pub(super) &'r [Slot<'a>]);

impl<'a> Row<'_, 'a> {
    fn slot(&self, at: &At) -> &Slot<'a> {
        self.0.get(at.slot).unwrap_or(&Slot::Null)
    }

    fn int(&self, at: &At) -> Option<i64> {
        match self.slot(at) {
            Slot::Int(v) => Some(*v),
            _ => None,
        }
    }

    /// An id or code; none where it is null.
    fn text(&self, at: &At) -> Result<Option<&'a str>, Reject> {
        match self.slot(at) {
            Slot::Text(text) => id(text).map(Some).map_err(|what| reject(BAD_TEXT, at, what)),
            _ => Ok(None),
        }
    }

    fn id(&self, at: &At) -> Result<&'a str, Reject> {
        self.text(at)?.ok_or_else(|| reject(MISSING_FIELD, at, "is missing"))
    }

    fn day(&self, at: &At, range: &[Day; 2]) -> Result<Option<Day>, Reject> {
        let Some(number) = self.int(at) else { return Ok(None) };
        let day = match at.ty {
            Type::Instant => StreamTime(number).day(),
            _ => Day(i32::try_from(number).unwrap_or(i32::MAX)),
        };
        match range[0] <= day && day <= range[1] {
            true => Ok(Some(day)),
            false => Err(reject(DATE_RANGE, at, "has a date out of range")),
        }
    }

    /// When it happened, at the topic's precision.
    fn time(&self, at: &At, precision: Precision) -> Result<EventTime, Reject> {
        let day = self.day(at, &EVENT_DAYS)?.ok_or_else(|| reject(MISSING_FIELD, at, "is missing"))?;
        Ok(match (precision, at.ty, self.int(at)) {
            (Precision::Instant, Type::Instant, Some(ms)) => EventTime::Instant(ms),
            (Precision::Month, _, _) => EventTime::Month(last_of_month(day)),
            _ => EventTime::Day(day),
        })
    }

    fn value(&self, at: &At) -> Result<Option<Value>, Reject> {
        Ok(Some(match (self.slot(at), at.ty) {
            (Slot::Null, _) => return Ok(None),
            (Slot::Bool(v), _) => Value::Bool(*v),
            (Slot::Int(_), Type::Day) => return Ok(self.day(at, &KNOWN_DAYS)?.map(Value::Day)),
            (Slot::Int(ms), Type::Instant) => {
                self.day(at, &KNOWN_DAYS)?;
                Value::Instant(StreamTime(*ms))
            }
            (Slot::Int(v), _) => Value::Int(*v),
            (Slot::List(items), _) => {
                if items.len() > LIST_LIMIT {
                    return Err(reject(BAD_TEXT, at, "has too many items"));
                }
                let texts = items.iter().map(|item| match item {
                    Slot::Text(text) => id(text).map(Value::text).map_err(|what| reject(BAD_TEXT, at, what)),
                    _ => Ok(Value::Null),
                });
                Value::List(texts.collect::<Result<_, _>>()?)
            }
            _ => match self.text(at)? {
                Some(text) => Value::text(text),
                None => return Ok(None),
            },
        }))
    }

    fn values(&self, kept: &[At]) -> Result<Vec<(SmolStr, Value)>, Reject> {
        let mut values = Vec::with_capacity(kept.len());
        for at in kept {
            if let Some(value) = self.value(at)? {
                values.push((at.name.clone(), value));
            }
        }
        Ok(values)
    }

    fn source(&self, map: &KeyMap) -> Result<SmolStr, Reject> {
        match &map.source {
            Ok(at) => Ok(SmolStr::new(self.id(at)?)),
            Err(name) => Ok(name.clone()),
        }
    }

    fn revision(&self, map: &KeyMap) -> i64 {
        map.revision.as_ref().and_then(|at| self.int(at)).unwrap_or(1)
    }

    fn key(&self, map: &KeyMap) -> Result<(EventKey, i64), Reject> {
        let key = SmolStr::new(self.id(&map.key)?);
        Ok((EventKey { source: self.source(map)?, key }, self.revision(map)))
    }

    fn owners(&self, owners: &[At]) -> Result<Vec<SubjectId>, Reject> {
        let mut named = Vec::with_capacity(owners.len());
        for at in owners {
            if let Some(id) = self.text(at)? {
                named.push(subject(&at.name, id));
            }
        }
        if named.is_empty() {
            return Err(Reject { code: NO_OWNER, text: String::from("no owner is named") });
        }
        Ok(named)
    }

    fn is_given(&self, at: &At) -> bool {
        match self.slot(at) {
            Slot::Null => false,
            Slot::List(items) => !items.is_empty(),
            _ => true,
        }
    }
}

/// Event days: a date beyond is a typing or unit error.
const EVENT_DAYS: [Day; 2] = [Day(7305), Day(47_846)]; // 1990-01-01, 2100-12-31
/// Other days, birth dates among them.
const KNOWN_DAYS: [Day; 2] = [Day(-32_872), Day(47_846)]; // 1880-01-01

pub(super) fn last_of_month(day: Day) -> Day {
    let date = day.date();
    let (year, month) =
        if date.month() == 12 { (date.year() + 1, 1) } else { (date.year(), date.month() + 1) };
    Day::from_ymd(year, month, 1).map_or(day, |first| first.plus(-1))
}

/// What an id or code may be.
pub(super) fn id(text: &str) -> Result<&str, &'static str> {
    match text {
        "" => Err("is empty"),
        text if text.len() > ID_LIMIT_BYTES => Err("is too long"),
        text if text.as_bytes().contains(&0) => Err("holds a NUL"),
        text => Ok(text),
    }
}

impl Kinds {
    fn event(&self, kind: &str) -> Option<&SmolStr> {
        if let Ok(found) = self.named.binary_search_by(|(name, _)| name.as_str().cmp(kind)) {
            return Some(&self.named[found].1);
        }
        let (event, kinds) = self.every.as_ref()?;
        (kinds.is_empty() || kinds.iter().any(|k| k == kind)).then_some(event)
    }
}

/// What a record says that it is.
enum Said<'m> {
    Body,
    End(&'m At),
    Void,
}

impl EventMap {
    fn said(&self, row: &Row<'_, '_>) -> Result<Said<'_>, Reject> {
        let Some(change) = &self.change else { return Ok(Said::Body) };
        let wrong = |what| reject(UNKNOWN_KIND, &change.at, what);
        match row.id(&change.at)? {
            said if said == change.body => Ok(Said::Body),
            said if said == change.void => Ok(Said::Void),
            said if said == change.end => {
                self.ended.as_ref().map(Said::End).ok_or_else(|| wrong("ends what has no end"))
            }
            _ => Err(wrong("is none of the changes that the topic declares")),
        }
    }

    fn kind(&self, row: &Row<'_, '_>) -> Result<SmolStr, Reject> {
        let event = self.events.event(row.id(&self.kind)?);
        event.cloned().ok_or_else(|| reject(UNKNOWN_KIND, &self.kind, "is none that the topic declares"))
    }

    fn all_required(&self, row: &Row<'_, '_>) -> Result<(), Reject> {
        let missing = self.required.iter().find(|at| !row.is_given(at));
        missing.map_or(Ok(()), |at| Err(reject(MISSING_FIELD, at, "is missing")))
    }

    fn change(&self, row: &Row<'_, '_>) -> Result<Change, Reject> {
        match self.said(row)? {
            Said::Void => return Ok(Change::Void),
            Said::End(at) => return Ok(Change::End(row.time(at, self.precision)?)),
            Said::Body => {}
        }
        let kind = self.kind(row)?;
        let time = row.time(&self.time, self.precision)?;
        let phase = match &self.ended {
            Some(at) if row.is_given(at) => Phase::Ended(row.time(at, self.precision)?),
            _ => Phase::Open,
        };
        self.all_required(row)?;
        Ok(Change::Body { kind, time, phase, fields: row.values(&self.kept)? })
    }
}

impl KeyMap {
    fn fields(&self) -> impl Iterator<Item = &At> {
        self.source.as_ref().ok().into_iter().chain([&self.key]).chain(&self.revision)
    }
}

impl EventMap {
    fn fields(&self) -> impl Iterator<Item = &At> {
        let change = self.change.as_ref().map(|change| &change.at);
        let singles =
            change.into_iter().chain(&self.region).chain([&self.kind, &self.time]).chain(&self.ended);
        self.key.fields().chain(singles).chain(&self.required).chain(&self.kept)
    }
}

impl Mapping {
    /// Every field that it reads.
    pub(super) fn slots(&self, each: &mut dyn FnMut(&At)) {
        match self {
            Self::Signal(map, owners) => map.fields().chain(owners).for_each(each),
            Self::Reading(map, owners, used) => map.fields().chain(owners).chain([used]).for_each(each),
            Self::Area(map, scope) => map.fields().chain(scope.iter().map(|(_, at)| at)).for_each(each),
            Self::Link(map) => {
                let rest = [&map.subject_kind, &map.subject, &map.entity, &map.from];
                map.key.fields().chain(rest).chain(&map.confidence).chain(&map.to).for_each(each);
            }
            Self::Facts(map) => {
                map.key.fields().chain([&map.entity, &map.from]).chain(&map.fields).for_each(each);
            }
            Self::Action(map) => {
                let rest = [&map.entity, &map.episode, &map.seen_revision, &map.kind, &map.actor, &map.time];
                map.key.fields().chain(rest).chain(&map.outcome).chain(&map.kept).for_each(each);
            }
            Self::Statement(map) => [&map.source, &map.through].into_iter().chain(&map.region).for_each(each),
        }
    }

    /// The payload of a record.
    pub(super) fn payload(&self, row: &Row<'_, '_>, bounds: &[Bounds]) -> Result<Payload, Reject> {
        for Bounds { at, min, max } in bounds {
            if row.int(at).is_some_and(|n| n < *min || n > *max) {
                return Err(reject(NUMBER_RANGE, at, "is out of range"));
            }
        }
        Ok(match self {
            Self::Signal(map, owners) => Payload::Signal(signal(map, owners, row)?),
            Self::Reading(map, owners, used) => Payload::Reading(reading(map, owners, used, row)?),
            Self::Area(map, scope) => Payload::Area(area(map, scope, row)?),
            Self::Link(map) => Payload::Link(link(map, row)?),
            Self::Facts(map) => Payload::Facts(facts(map, row)?),
            Self::Action(map) => Payload::Action(action(map, row)?),
            Self::Statement(map) => Payload::Source(SourceReport {
                source: SmolStr::new(row.id(&map.source)?),
                region: optional(map.region.as_ref(), row)?,
                delivered_through: {
                    row.time(&map.through, Precision::Instant)?;
                    StreamTime(row.int(&map.through).unwrap_or_default())
                },
            }),
        })
    }
}

fn optional(at: Option<&At>, row: &Row<'_, '_>) -> Result<Option<SmolStr>, Reject> {
    at.map_or(Ok(None), |at| Ok(row.text(at)?.map(SmolStr::new)))
}

/// `person:…`
pub(super) fn subject(kind: &str, id: &str) -> SubjectId {
    // Every record names a few, most of them short: put together on the stack, at a fraction of what formatting costs.
    let mut short = [0; 64];
    let (colon, end) = (kind.len(), kind.len() + 1 + id.len());
    let whole = short.get_mut(..end).and_then(|text| {
        text[..colon].copy_from_slice(kind.as_bytes());
        text[colon] = b':';
        text[colon + 1..].copy_from_slice(id.as_bytes());
        std::str::from_utf8(text).ok().map(SmolStr::new)
    });
    SubjectId(whole.unwrap_or_else(|| SmolStr::from([kind, ":", id].concat())))
}

fn signal(map: &EventMap, owners: &[At], row: &Row<'_, '_>) -> Result<Signal, Reject> {
    let (key, revision) = row.key(&map.key)?;
    Ok(Signal {
        key,
        revision,
        change: map.change(row)?,
        owners: row.owners(owners)?,
        region: optional(map.region.as_ref(), row)?,
        lateness_days: map.lateness_days,
    })
}

/// A record of a daily kind. A void has no key but its day, so it must name that and its kind.
fn reading(map: &EventMap, owners: &[At], used: &At, row: &Row<'_, '_>) -> Result<Reading, Reject> {
    let missing = |at| reject(MISSING_FIELD, at, "is missing");
    let state = match map.said(row)? {
        Said::Void => {
            if let Some(at) = [&map.kind, &map.time].into_iter().find(|at| !row.is_given(at)) {
                return Err(reject(VOID_WITHOUT_DAY, at, "is missing, and a void takes back what it names"));
            }
            DayState::Void
        }
        Said::End(at) => return Err(reject(UNKNOWN_KIND, at, "ends what has no end")),
        Said::Body => {
            map.all_required(row)?;
            if row.int(used).ok_or_else(|| missing(used))? > 0 { DayState::Used } else { DayState::Idle }
        }
    };
    Ok(Reading {
        source: row.source(&map.key)?,
        kind: map.kind(row)?,
        day: row.day(&map.time, &EVENT_DAYS)?.ok_or_else(|| missing(&map.time))?,
        revision: row.revision(&map.key),
        state,
        owners: row.owners(owners)?,
        region: optional(map.region.as_ref(), row)?,
        lateness_days: map.lateness_days,
    })
}

fn area(map: &EventMap, scope: &[(SmolStr, At)], row: &Row<'_, '_>) -> Result<AreaEvent, Reject> {
    let (key, revision) = row.key(&map.key)?;
    let mut areas = Vec::new();
    for (fact, at) in scope {
        let items = match row.slot(at) {
            Slot::List(items) => items.as_slice(),
            Slot::Null => &[],
            one => std::slice::from_ref(one),
        };
        for item in items {
            let Slot::Text(text) = item else { continue };
            let value = SmolStr::new(id(text).map_err(|what| reject(BAD_TEXT, at, what))?);
            areas.push(AreaScope { fact: fact.clone(), value });
        }
    }
    Ok(AreaEvent { key, revision, change: map.change(row)?, scope: areas })
}

fn link(map: &LinkMap, row: &Row<'_, '_>) -> Result<LinkRecord, Reject> {
    let (key, revision) = row.key(&map.key)?;
    let confidence = map.confidence.as_ref().and_then(|at| row.int(at)).unwrap_or(100);
    let from =
        row.day(&map.from, &KNOWN_DAYS)?.ok_or_else(|| reject(MISSING_FIELD, &map.from, "is missing"))?;
    Ok(LinkRecord {
        key,
        revision,
        subject: subject(row.id(&map.subject_kind)?, row.id(&map.subject)?),
        household: EntityId::new(row.id(&map.entity)?),
        confidence: u8::try_from(confidence.clamp(0, 100)).unwrap_or(100),
        from,
        to: map.to.as_ref().map_or(Ok(None), |at| row.day(at, &KNOWN_DAYS))?,
        removed: false,
    })
}

fn facts(map: &FactsMap, row: &Row<'_, '_>) -> Result<FactsRecord, Reject> {
    let (key, revision) = row.key(&map.key)?;
    let from =
        row.day(&map.from, &KNOWN_DAYS)?.ok_or_else(|| reject(MISSING_FIELD, &map.from, "is missing"))?;
    Ok(FactsRecord {
        entity: EntityId::new(row.id(&map.entity)?),
        version: FactVersion { key, revision, from, subject: None, fields: row.values(&map.fields)? },
        removed: false,
    })
}

fn action(map: &ActionMap, row: &Row<'_, '_>) -> Result<Action, Reject> {
    let (key, _) = row.key(&map.key)?;
    let said = row.id(&map.kind)?;
    let unknown = || reject(UNKNOWN_KIND, &map.kind, "is none that the topic declares");
    let (_, kind) = map.steps.iter().find(|(name, _)| name == said).ok_or_else(unknown)?;
    let seen = row.int(&map.seen_revision).and_then(|n| u32::try_from(n).ok());
    Ok(Action {
        key,
        entity: EntityId::new(row.id(&map.entity)?),
        episode: EpisodeId::new(row.id(&map.episode)?),
        seen_revision: seen.ok_or_else(|| reject(NUMBER_RANGE, &map.seen_revision, "is out of range"))?,
        kind: *kind,
        event: map.events.event(said).ok_or_else(unknown)?.clone(),
        fields: row.values(&map.kept)?,
        outcome: optional(map.outcome.as_ref(), row)?,
        actor: SmolStr::new(row.id(&map.actor)?),
        at: row.time(&map.time, map.precision)?,
    })
}
