//! What happens in a case: event lines, and times from the start.

use super::read::Reader;
use super::{Down, Happening, Offset, Reported, Step};
use crate::contracts::Route;
use crate::rules::codes::{BAD_DURATION, BAD_TEST, MISSING_KEY, UNKNOWN_EVENT, UNKNOWN_KEY};
use crate::rules::keys::{self, TIMES, WHOM};
use crate::rules::mistakes::{Mistakes, literal};
use crate::rules::source::{Entry, Kind, Node};
use crate::types::{MS_PER_DAY, MS_PER_HOUR, SmolStr, Value};

/// Times one line may stand for: the days that history keeps.
const MAX_REPEATS: i64 = 800;

impl Reader<'_> {
    pub(super) fn events(&mut self, node: &Node) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let items = match &node.kind {
            Kind::List(items) => items.as_slice(),
            _ => {
                self.mistakes.shape(node, "a list of events");
                return steps;
            }
        };
        for item in items {
            let more = self.step(item, &steps);
            steps.extend(more);
        }
        steps.sort_by_key(|step| step.arrives.ms);
        steps
    }

    /// One event, or one for each interval from `at` to `until`.
    fn step(&mut self, node: &Node, before: &[Step]) -> Vec<Step> {
        let Some(first) = self.single(node, before) else { return Vec::new() };
        let Some(fields) = Mistakes::new("").map(node, "an event", keys::EVENT_LINE) else {
            return vec![first];
        };
        let every = fields.get("every").and_then(|n| self.mistakes.span_ms(n, "the interval"));
        let until = fields.get("until").and_then(|n| self.offset(n));
        let (Some(every), Some(until)) = (every, until) else {
            if fields.get("every").is_some() != fields.get("until").is_some() {
                let message = "\"every\" and \"until\" need one another";
                self.mistakes.error(MISSING_KEY, &node.span, message, "one of them is missing", None);
            }
            return vec![first];
        };
        let count = (until.ms - first.at.ms) / every + 1;
        if !(1..=MAX_REPEATS).contains(&count) {
            let message = format!("the event comes {count} times");
            self.mistakes.error(
                BAD_TEST,
                &node.span,
                message,
                format!("1 to {MAX_REPEATS} are possible"),
                None,
            );
            return Vec::new();
        }
        (0..count).map(|i| first.again(i, i * every)).collect()
    }

    fn single(&mut self, node: &Node, before: &[Step]) -> Option<Step> {
        let entries = self.mistakes.entries(node, "an event")?;
        let fields = Mistakes::new("").map(node, "an event", keys::EVENT_LINE)?;
        let at = self.mistakes.need(&fields, "at").and_then(|n| self.offset(n));
        let arrives = fields.get("arrives").and_then(|n| self.offset(n));
        let mut what = entries.iter().filter(|e| !TIMES.contains(&e.key.as_str()) && e.key != WHOM);
        let Some(entry) = what.next() else {
            let span = entries.first().map_or(node.span.clone(), |e| e.key_span.clone());
            self.mistakes.error(BAD_TEST, &span, "nothing happens", "no event", None);
            return None;
        };
        if let Some(second) = what.next() {
            self.mistakes.error(
                UNKNOWN_KEY,
                &second.key_span,
                format!("\"{}\" and \"{}\" stand in one event", entry.key, second.key),
                "a second happening",
                Some(String::from("begin another line")),
            );
        }
        let happening = match entry.key.as_str() {
            "end" => Happening::End(self.earlier(&entry.value, before)?),
            "void" => Happening::Void(self.earlier(&entry.value, before)?),
            "facts" => Happening::Facts(self.facts(&entry.value)),
            word @ ("merge" | "split") => {
                let when =
                    if word == "merge" { "the merging of households" } else { "the splitting of households" };
                self.mistakes.later(&entry.key_span, &format!("\"{word}\""), when);
                return None;
            }
            _ => self.reported(entry, before)?,
        };
        let at = at?;
        let arrives = arrives.unwrap_or(at);
        let household = fields.get(WHOM).and_then(|n| self.mistakes.text(n, "a household"));
        Some(Step { at, arrives, household: household.map(SmolStr::new), what: happening })
    }

    pub(super) fn facts(&mut self, node: &Node) -> Vec<(SmolStr, Value)> {
        let mut facts = Vec::new();
        for entry in self.mistakes.entries(node, "facts").unwrap_or_default() {
            self.fact(&entry.key, entry, &mut facts);
        }
        facts
    }

    /// The key of an event that came before.
    fn earlier(&mut self, node: &Node, before: &[Step]) -> Option<SmolStr> {
        let key = self.mistakes.text(node, "the key of an event")?;
        let known: Vec<_> =
            before.iter().filter_map(|step| reported_in(step).map(|r| r.key.as_str())).collect();
        if !known.contains(&key) {
            self.mistakes.unknown(BAD_TEST, &node.span, "event of this case", key, known.iter().copied());
            return None;
        }
        Some(SmolStr::new(key))
    }

    fn reported(&mut self, entry: &Entry, before: &[Step]) -> Option<Happening> {
        let contracts = self.contracts;
        let Some(event) = contracts.event(&entry.key) else {
            let known: Vec<_> =
                contracts.events().map(|ty| ty.name.as_str()).chain(["end", "void", "facts"]).collect();
            self.mistakes.unknown(UNKNOWN_EVENT, &entry.key_span, "event", &entry.key, known.iter().copied());
            return None;
        };
        let mut reported = Reported {
            event: event.name.clone(),
            key: SmolStr::new(format!("e{}", before.len() + 1)),
            revision: 1,
            source: match event.sources.as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            },
            fields: Vec::new(),
        };
        for field in self.mistakes.entries(&entry.value, "an event")? {
            match (field.key.as_str(), literal(&field.value)) {
                ("source", _) => {
                    reported.source = self.mistakes.text(&field.value, "a source").map(SmolStr::new);
                }
                ("key", _) => {
                    reported.key =
                        SmolStr::new(self.mistakes.text(&field.value, "a key").unwrap_or_default());
                }
                (name, Some(value)) => reported.fields.push((SmolStr::new(name), value)),
                (_, None) => self.mistakes.shape(&field.value, "a single value"),
            }
        }
        let revisions = before.iter().filter_map(reported_in).filter(|r| r.key == reported.key).count();
        reported.revision = i64::try_from(revisions).unwrap_or(0) + 1;
        let is_action = contracts.topic(&event.topic).is_some_and(|topic| topic.route == Route::Household);
        Some(match (event.area, is_action) {
            (true, _) => Happening::Area(reported),
            (false, true) => Happening::Action { event: reported.event, fields: reported.fields },
            (false, false) => Happening::Event(reported),
        })
    }

    pub(super) fn source_down(&mut self, node: &Node) -> Vec<Down> {
        let mut downs = Vec::new();
        for entry in self.mistakes.entries(node, "source_down").unwrap_or_default() {
            let span = match &entry.value.kind {
                Kind::List(items) => match items.as_slice() {
                    [from, to] => self.offset(from).zip(self.offset(to)),
                    _ => None,
                },
                _ => None,
            };
            match span {
                Some((from, to)) if from < to => {
                    downs.push(Down { source: SmolStr::new(&entry.key), from, to });
                }
                _ => self.mistakes.shape(&entry.value, "[from, to], as [+3d, +9d]"),
            }
        }
        downs
    }

    /// `+9d`, `+9d12h`, `+36h`, `-30d`.
    pub(super) fn offset(&mut self, node: &Node) -> Option<Offset> {
        let text = self.mistakes.text(node, "a time from the start")?;
        let found = offset(text);
        if found.is_none() {
            self.mistakes.error(
                BAD_DURATION,
                &node.span,
                format!("\"{text}\" is not a time from the start"),
                "not a time",
                Some(String::from("write +9d, +9d12h or +36h; -30d lies before the start")),
            );
        }
        found
    }
}

fn offset(text: &str) -> Option<Offset> {
    let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (None, Some(rest)) => (-1, rest),
        (None, None) => return None,
    };
    let (days, hours) = match rest.split_once('d') {
        Some((days, "")) => (days, None),
        Some((days, hours)) => (days, Some(hours.strip_suffix('h')?)),
        None => ("0", Some(rest.strip_suffix('h')?)),
    };
    // Ten thousand days are more than any history; the bound keeps sums far from overflow.
    let number = |text: &str| text.parse::<i64>().ok().filter(|n| (0..10_000).contains(n));
    let ms = number(days)? * MS_PER_DAY + number(hours.unwrap_or("0"))? * MS_PER_HOUR;
    Some(Offset { ms: sign * ms, exact: hours.is_some() })
}

impl Step {
    /// The `i`-th repetition, `later_ms` behind the first, under a key of its own.
    fn again(&self, i: i64, later_ms: i64) -> Self {
        let later = |offset: Offset| Offset { ms: offset.ms + later_ms, ..offset };
        let mut step = Self { at: later(self.at), arrives: later(self.arrives), ..self.clone() };
        if let Happening::Event(reported) | Happening::Area(reported) = &mut step.what {
            reported.key = SmolStr::new(format!("{}-{}", reported.key, i + 1));
        }
        step
    }
}

fn reported_in(step: &Step) -> Option<&Reported> {
    match &step.what {
        Happening::Event(reported) | Happening::Area(reported) => Some(reported),
        Happening::End(_) | Happening::Void(_) | Happening::Action { .. } | Happening::Facts(_) => None,
    }
}
