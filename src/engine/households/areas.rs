//! Area events and the spans for which they suppress: by event time, one union per rule, grace added.

use super::household::Household;
use super::records::{AreaBoard, AreaBody, AreaEntry};
use crate::rules::eval::SuppressedSpan;
use crate::rules::plan::{Pack, Status, SuppressionRule};
use crate::types::{AreaEvent, AreaScope, Change, Phase, SmolStr, StreamTime, Value};
use std::collections::BTreeMap;

/// Days for which an area event stays on the board after its last change: longer than an outage is held
/// (`at_most`, grace) and than an absence that must leave it out looks back.
const BOARD_DAYS: i32 = 120;

/// The board as it is stored, and which of its entries concern an area.
#[derive(Debug, Default)]
pub(super) struct Board {
    stored: AreaBoard,
    /// By (fact, value): places in `stored`. Derived, never logged.
    by_area: BTreeMap<(SmolStr, SmolStr), Vec<usize>>,
}

impl Board {
    pub(super) fn new(stored: AreaBoard) -> Self {
        let mut by_area: BTreeMap<(SmolStr, SmolStr), Vec<usize>> = BTreeMap::new();
        for (at, entry) in stored.entries.iter().enumerate() {
            for area in &entry.scope {
                by_area.entry((area.fact.clone(), area.value.clone())).or_default().push(at);
            }
        }
        Self { stored, by_area }
    }

    pub(super) fn stored(&self) -> &AreaBoard {
        &self.stored
    }

    /// Takes an area event in, as [`apply`] does.
    pub(super) fn apply(&mut self, event: &AreaEvent, now: StreamTime) -> Option<Vec<AreaScope>> {
        let mut stored = std::mem::take(&mut self.stored);
        let concerned = apply(&mut stored, event, now);
        *self = Self::new(stored);
        concerned
    }

    /// Entries that may touch a household by this fact, whatever the day from which it holds.
    fn of<'a>(&'a self, household: &Household, fact: Option<&SmolStr>) -> Vec<&'a AreaEntry> {
        let Some(fact) = fact else { return self.stored.entries.iter().collect() };
        let fields = household.head.get().facts.iter().flat_map(|version| version.fields.iter());
        let values = fields.filter(|(name, _)| name == fact).filter_map(|(_, value)| value.as_text());
        let places = values.filter_map(|value| self.by_area.get(&(fact.clone(), value.clone())));
        let mut places: Vec<usize> = places.flatten().copied().collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(|at| &self.stored.entries[at]).collect()
    }
}

/// Takes an area event in; answers the areas whose suppression may have changed, or none if it told nothing new.
fn apply(board: &mut AreaBoard, event: &AreaEvent, now: StreamTime) -> Option<Vec<AreaScope>> {
    board.entries.retain(|entry| now.day().since(entry.changed.day()) <= BOARD_DAYS);
    let at = match board.entries.binary_search_by(|entry| entry.key.cmp(&event.key)) {
        Ok(at) => at,
        Err(at) => {
            let (key, changed) = (event.key.clone(), now);
            let fresh =
                AreaEntry { key, revision: i64::MIN, scope: Vec::new(), body: None, ended: None, changed };
            board.entries.insert(at, fresh);
            at
        }
    };
    let entry = &mut board.entries[at];
    // A bodiless end or void may carry its original's revision: it must only not be below it.
    let is_body = matches!(event.change, Change::Body { .. });
    if event.revision < entry.revision
        || (is_body && event.revision == entry.revision && entry.body.is_some())
    {
        return None;
    }
    let mut scope = entry.scope.clone();
    scope.extend(event.scope.iter().cloned());
    scope.sort_unstable();
    scope.dedup();
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
    Some(board.concerned(scope, at))
}

impl AreaBoard {
    /// An end may name no area: it concerns those of the events with which it shares a field value.
    fn concerned(&self, mut scope: Vec<AreaScope>, at: usize) -> Vec<AreaScope> {
        if let Some(body) = &self.entries[at].body {
            let shares = |other: &AreaBody| body.fields.iter().any(|field| other.fields.contains(field));
            let tied = self.entries.iter().filter(|entry| entry.body.as_ref().is_some_and(shares));
            if scope.is_empty() {
                scope.extend(tied.flat_map(|entry| entry.scope.iter().cloned()));
            }
        }
        scope.sort_unstable();
        scope.dedup();
        scope
    }
}

/// The spans for which suppression rules in force touch a household, by (rule, beginning), overlaps joined.
pub(super) fn spans(pack: &Pack, board: &Board, household: &Household) -> Vec<SuppressedSpan> {
    let mut spans: Vec<SuppressedSpan> = Vec::new();
    if board.stored.entries.is_empty() {
        return spans;
    }
    for rule in pack.suppressions.iter().filter(|rule| rule.status == Status::Live) {
        let mut own: Vec<_> = board
            .of(household, rule.same.first())
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
                let end =
                    until(rule, &board.stored, entry, body).map_or(latest, |at| at.min(latest)).max(from);
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
    board: &AreaBoard,
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
    let told = board.entries.iter().filter_map(|entry| entry.body.as_ref());
    let ends = told.filter(|other| other.kind == rule.until_event && other.time.start() >= body.time.start());
    let tied = ends.filter(|other| ties(other)).map(|other| other.time.start());
    tied.chain(since.ended.map(|at| at.start())).min()
}
