//! Area events and the spans for which they suppress: by event time, one union per rule, grace added.

use super::household::Household;
use super::records::{AreaBody, AreaEntry};
use crate::engine::message::encode;
use crate::engine::state::{Key, Record, StateRead, Sub};
use crate::rules::eval::SuppressedSpan;
use crate::rules::plan::{Pack, Status, SuppressionRule};
use crate::types::{AreaEvent, AreaScope, Change, EventKey, Phase, SmolStr, StreamTime, Value, digest_hex};
use std::collections::{BTreeMap, BTreeSet};

/// Days for which an area event is kept after its last change: longer than an outage is held
/// (`at_most`, grace) and than an absence that must leave it out looks back.
const KEPT_DAYS: i32 = 120;
/// Old area events that one record takes away: more than one, so that they never gather.
const FORGOTTEN_PER_RECORD: usize = 16;
/// Names of area events among the task's own records.
const PREFIX: &str = "area/";

/// Area events that matter now, each a record of its own, and where to look for them. Every partition has all of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct AreaEvents {
    entries: BTreeMap<EventKey, AreaEntry>,
    /// By (fact, value) of their scope.
    by_area: BTreeMap<(SmolStr, SmolStr), BTreeSet<EventKey>>,
    /// By (field, stored bytes of its value): what ties a beginning and an end.
    by_field: BTreeMap<(SmolStr, Vec<u8>), BTreeSet<EventKey>>,
    by_age: BTreeSet<(StreamTime, EventKey)>,
}

/// What an area event came to.
#[derive(Debug)]
pub(super) struct Applied {
    /// The areas whose suppression may have changed; none if it told nothing new.
    pub(super) concerned: Option<Vec<AreaScope>>,
    /// What is to be written.
    pub(super) written: Vec<(Key, Option<Record>)>,
}

impl AreaEvents {
    /// All that a state holds.
    pub(super) fn read(state: &dyn StateRead) -> Self {
        let mut events = Self::default();
        let mut after = Key::own(PREFIX);
        loop {
            let page = state.scan(Some(&after), 256);
            for (_, record) in page.iter().filter(|(key, _)| is_area_event(key)) {
                if let Record::Area(entry) = &**record {
                    events.put(entry.clone());
                }
            }
            match page.into_iter().last() {
                Some((key, _)) if is_area_event(&key) => after = key,
                _ => return events,
            }
        }
    }

    /// Takes an area event in.
    pub(super) fn apply(&mut self, event: &AreaEvent, now: StreamTime) -> Applied {
        let mut written = self.forget_old(now);
        let concerned = self.take(event, now);
        if concerned.is_some() {
            let entry = self.entries.get(&event.key).cloned();
            written.push((stored_under(&event.key), entry.map(Record::Area)));
        }
        Applied { concerned, written }
    }

    fn take(&mut self, event: &AreaEvent, now: StreamTime) -> Option<Vec<AreaScope>> {
        let mut entry = self.entries.get(&event.key).cloned().unwrap_or_else(|| AreaEntry {
            key: event.key.clone(),
            revision: i64::MIN,
            scope: Vec::new(),
            body: None,
            ended: None,
            changed: now,
        });
        // A bodiless end or void may carry its original's revision: it must only not be below it.
        let is_body = matches!(event.change, Change::Body { .. });
        if event.revision < entry.revision
            || (is_body && event.revision == entry.revision && entry.body.is_some())
        {
            return None;
        }
        let mut scope = entry.scope.clone();
        scope.extend(event.scope.iter().cloned());
        (entry.revision, entry.changed) = (event.revision, now);
        match &event.change {
            Change::Body { kind, time, phase, fields } => {
                let (kind, fields) = (kind.clone(), fields.clone());
                entry.body = Some(AreaBody { kind, time: *time, fields });
                entry.scope.clone_from(&event.scope);
                if let Phase::Ended(at) = phase {
                    entry.ended = Some(*at);
                }
            }
            Change::End(at) => entry.ended = Some(*at),
            Change::Void => (entry.body, entry.ended) = (None, None),
        }
        let body = entry.body.clone();
        self.put(entry);
        // An end may name no area: it concerns those of the events with which it shares a field value.
        if let (true, Some(body)) = (scope.is_empty(), body) {
            let tied = body.fields.iter().flat_map(|(name, value)| self.with_field(name, value));
            scope = tied.flat_map(|entry| entry.scope.iter().cloned()).collect();
        }
        scope.sort_unstable();
        scope.dedup();
        Some(scope)
    }

    fn forget_old(&mut self, now: StreamTime) -> Vec<(Key, Option<Record>)> {
        let old = |(changed, _): &&(StreamTime, EventKey)| now.day().since(changed.day()) > KEPT_DAYS;
        let keys = self.by_age.iter().take(FORGOTTEN_PER_RECORD).take_while(old);
        let keys: Vec<EventKey> = keys.map(|(_, key)| key.clone()).collect();
        let forgotten = keys.into_iter().map(|key| {
            self.remove(&key);
            (stored_under(&key), None)
        });
        forgotten.collect()
    }

    /// Puts an area event in, over the one of its key.
    pub(super) fn put(&mut self, entry: AreaEntry) {
        self.remove(&entry.key);
        let key = &entry.key;
        for area in areas_of(&entry) {
            self.by_area.entry(area).or_default().insert(key.clone());
        }
        for field in fields_of(&entry) {
            self.by_field.entry(field).or_default().insert(key.clone());
        }
        self.by_age.insert((entry.changed, key.clone()));
        self.entries.insert(key.clone(), entry);
    }

    /// Takes an area event away.
    pub(super) fn remove(&mut self, key: &EventKey) {
        let Some(entry) = self.entries.remove(key) else { return };
        areas_of(&entry).for_each(|area| take_from(&mut self.by_area, area, key));
        fields_of(&entry).for_each(|field| take_from(&mut self.by_field, field, key));
        self.by_age.remove(&(entry.changed, key.clone()));
    }

    /// Those that may touch a household by this fact, whatever the day from which it holds.
    fn near<'a>(&'a self, household: &Household, fact: Option<&SmolStr>) -> Vec<&'a AreaEntry> {
        let Some(fact) = fact else { return self.entries.values().collect() };
        let fields = household.head.get().facts.iter().flat_map(|version| version.fields.iter());
        let values = fields.filter(|(name, _)| name == fact).filter_map(|(_, value)| value.as_text());
        let keys: BTreeSet<&EventKey> =
            values.filter_map(|value| self.by_area.get(&(fact.clone(), value.clone()))).flatten().collect();
        keys.into_iter().filter_map(|key| self.entries.get(key)).collect()
    }

    fn with_field<'a>(
        &'a self,
        name: &SmolStr,
        value: &Value,
    ) -> impl Iterator<Item = &'a AreaEntry> + use<'a> {
        let keys = self.by_field.get(&(name.clone(), encode(value)));
        keys.into_iter().flatten().filter_map(|key| self.entries.get(key))
    }
}

fn areas_of(entry: &AreaEntry) -> impl Iterator<Item = (SmolStr, SmolStr)> + '_ {
    entry.scope.iter().map(|area| (area.fact.clone(), area.value.clone()))
}

fn fields_of(entry: &AreaEntry) -> impl Iterator<Item = (SmolStr, Vec<u8>)> + '_ {
    let fields = entry.body.iter().flat_map(|body| body.fields.iter());
    fields.map(|(name, value)| (name.clone(), encode(value)))
}

fn take_from<K: Ord>(index: &mut BTreeMap<K, BTreeSet<EventKey>>, place: K, key: &EventKey) {
    if let Some(keys) = index.get_mut(&place) {
        keys.remove(key);
        if keys.is_empty() {
            index.remove(&place);
        }
    }
}

/// Of a bounded length, whatever its source calls it.
fn stored_under(key: &EventKey) -> Key {
    Key::own(&format!("{PREFIX}{}", &digest_hex(&[&key.source, &key.key])[..32]))
}

/// Whether a record of the task's own is an area event.
pub(super) fn is_area_event(key: &Key) -> bool {
    key.entity.is_empty() && matches!(&key.sub, Sub::Own(name) if name.starts_with(PREFIX))
}

/// The spans for which suppression rules in force touch a household, by (rule, beginning), overlaps joined.
pub(super) fn spans(pack: &Pack, events: &AreaEvents, household: &Household) -> Vec<SuppressedSpan> {
    let mut spans: Vec<SuppressedSpan> = Vec::new();
    if events.entries.is_empty() {
        return spans;
    }
    for rule in pack.suppressions.iter().filter(|rule| rule.status == Status::Live) {
        let mut own: Vec<_> = events
            .near(household, rule.same.first())
            .into_iter()
            .filter_map(|entry| Some((entry, entry.body.as_ref()?)))
            .filter(|(entry, body)| {
                body.kind == rule.since_event
                    && rule.effective.contains(body.time.day())
                    && touches(rule, &entry.scope, household, body)
            })
            .map(|(entry, body)| {
                let from = body.time.start();
                let latest = from.plus_ms(rule.at_most_ms);
                let end = until(rule, events, entry, body).map_or(latest, |at| at.min(latest)).max(from);
                (from, end.plus_ms(rule.grace_ms))
            })
            .collect();
        own.sort_unstable();
        for (from, to) in own {
            match spans.last_mut().filter(|last| last.rule == rule.id && from <= last.to) {
                Some(last) => last.to = last.to.max(to),
                None => spans.push(SuppressedSpan { rule: rule.id.clone(), from, to }),
            }
        }
    }
    spans
}

/// The household lies in the areas, by each fact that the rule ties them with.
fn touches(rule: &SuppressionRule, scope: &[AreaScope], household: &Household, body: &AreaBody) -> bool {
    rule.same.iter().all(|fact| {
        let own = household.fact_on(fact, body.time.day()).and_then(Value::as_text);
        own.is_some_and(|own| scope.iter().any(|area| area.fact == *fact && area.value == *own))
    })
}

/// When a beginning ended: by its own source's word, or by the first end tied to it.
fn until(
    rule: &SuppressionRule,
    events: &AreaEvents,
    since: &AreaEntry,
    body: &AreaBody,
) -> Option<StreamTime> {
    let field = |body: &AreaBody, name: &SmolStr| {
        body.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    let ties = |other: &AreaBody| {
        rule.until_same.iter().all(|name| {
            let value = field(body, name);
            value.is_some() && value == field(other, name)
        })
    };
    let tied: Vec<&AreaEntry> = match rule.until_same.first() {
        None => events.entries.values().collect(),
        Some(name) => {
            field(body, name).map_or_else(Vec::new, |value| events.with_field(name, &value).collect())
        }
    };
    let told = tied.into_iter().filter_map(|entry| entry.body.as_ref());
    let ends = told.filter(|other| other.kind == rule.until_event && other.time.start() >= body.time.start());
    let tied = ends.filter(|other| ties(other)).map(|other| other.time.start());
    tied.chain(since.ended.map(|at| at.start())).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::state::MemoryState;
    use crate::types::{Day, EventTime};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn event(number: u8, revision: i64, change: u8, area: u8) -> AreaEvent {
        let time = EventTime::Day(Day(20_000));
        let change = match change {
            0 => Change::End(time),
            1 => Change::Void,
            _ => Change::Body {
                kind: "began".into(),
                time,
                phase: Phase::Open,
                fields: vec![("tie".into(), Value::Int(i64::from(number / 2)))],
            },
        };
        let scope = AreaScope { fact: "place".into(), value: SmolStr::new(area.to_string()) };
        let scope = if area == 0 { Vec::new() } else { vec![scope] };
        AreaEvent { key: key(number), revision, scope, change }
    }

    fn key(number: u8) -> EventKey {
        EventKey { source: "A".into(), key: SmolStr::new(number.to_string()) }
    }

    fn on(day: i32) -> StreamTime {
        Day(20_000 + day).start()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What a task knows of area events is what it finds again in what it wrote.
        #[test]
        fn what_is_written_is_what_is_known(
            told in prop::collection::vec((0..6_u8, 0..4_i64, 0..5_u8, 0..3_u8, 0..90_i32), 0..40),
        ) {
            let (mut events, mut state, mut day) = (AreaEvents::default(), MemoryState::default(), 0);
            for (number, revision, change, area, later) in told {
                day += later;
                let applied = events.apply(&event(number, revision, change, area), on(day));
                prop_assert!(applied.written.len() <= 1 + FORGOTTEN_PER_RECORD);
                let delta = applied.written.into_iter().map(|(key, record)| (key, record.map(Arc::new)));
                state.apply(&delta.collect::<Vec<_>>());
                prop_assert_eq!(&AreaEvents::read(&state), &events);
            }
        }
    }

    #[test]
    fn one_more_area_event_writes_itself_alone_and_old_ones_go() {
        let mut events = AreaEvents::default();
        for number in 0..200 {
            assert_eq!(events.apply(&event(number, 1, 2, 1), on(0)).written.len(), 1);
        }
        let told = events.apply(&event(7, 2, 0, 0), on(1));
        assert_eq!(told.written.len(), 1);
        assert_eq!(told.concerned.map(|scope| scope.len()), Some(1), "its own area");
        let told = events.apply(&event(201, 1, 2, 0), on(1));
        assert_eq!(told.concerned.map(|scope| scope.len()), Some(0), "nothing is tied to it");
        let told = events.apply(&event(8, 1, 2, 1), on(1));
        assert!(told.concerned.is_none() && told.written.is_empty(), "known");
        let told = events.apply(&event(200, 1, 2, 1), on(KEPT_DAYS + 1));
        assert_eq!(told.written.len(), FORGOTTEN_PER_RECORD + 1);
        assert_eq!(events.entries.len(), 201 - FORGOTTEN_PER_RECORD + 1);
    }
}
