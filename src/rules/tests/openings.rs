//! What the shipped tests say of openings and silences holds for the evaluator alone, day by day, without any stage.

use super::CONTRACTS;
use crate::rules::eval::{DailyDays, EntityView, Sources, Truth, evaluate};
use crate::rules::plan::{CrisisRule, Pack, Per};
use crate::rules::testfile::{self, Case, ChangeWord, Down, Happening, TestFile};
use crate::rules::{builtin_files, load};
use crate::types::{Day, Event, EventKey, EventTime, FactVersion, Phase, SmolStr, StreamTime};
use std::collections::BTreeMap;

#[test]
fn shipped_tests_open_when_they_say() {
    let (pack, _) = load(builtin_files(), &CONTRACTS);
    let pack = pack.expect("a pack");
    let (tests, _) = testfile::read_all(builtin_files(), &pack, &CONTRACTS);
    let mut wrong = Vec::new();
    // A suppression is decided by the stage, not by the evaluator; what an area has is what its households tell it.
    let is_of_households =
        |test: &&TestFile| pack.crisis_rule(&test.rule).is_some_and(|rule| rule.per == Per::Household);
    for test in tests.iter().filter(|test| test.file.starts_with("crisis/")).filter(is_of_households) {
        for case in &test.cases {
            let (said, found) = (said(test, case), found(&pack, test, case));
            if said.iter().any(|line| !found.contains(line)) {
                wrong.push(format!("{} {}\n  says  {said:?}\n  finds {found:?}", test.file, case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a case says of its first opening, or of the end.
fn said(test: &TestFile, case: &Case) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(open) = case.expect.iter().find(|expect| expect.change == ChangeWord::Opened) {
        let day = open.at.from(test.start).day().since(test.start.day());
        said.push(format!("opens +{day}d"));
        said.extend(open.level.map(|level| format!("level {}", level.as_str())));
        said.extend(open.reasons.as_ref().map(|ids| format!("reasons {}", ids.join(" "))));
        said.extend(open.assumed.as_ref().map(|ids| format!("assumed {}", ids.join(" "))));
    }
    let silent = case.expect_not.is_some()
        || case.never.iter().any(|n| n.change == Some(ChangeWord::Opened) && n.after.is_none());
    if silent {
        said.push("opens never".to_owned());
    }
    if let Some(not) = &case.expect_not {
        said.push(format!("failing {}", not.failing.join(" ")));
        said.push(format!("unknown {}", not.unknown.join(" ")));
    }
    said
}

/// What the evaluator says first, asked at each arrival and midnight.
fn found(pack: &Pack, test: &TestFile, case: &Case) -> Vec<String> {
    let rule = pack.crisis_rule(&test.rule).expect("the rule");
    let ids = |bits: u64, only_required: bool| {
        let named =
            rule.reasons.iter().enumerate().filter(|(i, r)| bits >> i & 1 == 1 && !(only_required && r.also));
        named.map(|(_, reason)| reason.id.as_str()).collect::<Vec<_>>().join(" ")
    };
    let mut told = Vec::new();
    let points = points(test, case);
    for now in &points {
        let (known, day) = (Known::by(test, case, rule, *now), now.day());
        let decision = known.evaluate(pack, rule, day);
        if decision.truth == Truth::True {
            told.push(format!("opens +{}d", day.since(test.start.day())));
            told.extend(decision.level.map(|level| format!("level {}", level.as_str())));
            told.push(format!("reasons {}", ids(decision.met, false)));
            told.push(format!("assumed {}", ids(decision.assumed, false)));
            return told;
        }
        if Some(now) == points.last() {
            told.push(format!("failing {}", ids(!decision.met & !decision.unknown, true)));
            told.push(format!("unknown {}", ids(decision.unknown, true)));
        }
    }
    told.push("opens never".to_owned());
    told
}

/// Each arrival and each midnight of a case.
fn points(test: &TestFile, case: &Case) -> Vec<StreamTime> {
    let (first, last) = (test.start.day(), case.until.from(test.start));
    let midnights = (0..=last.day().since(first)).map(|days| first.plus(days).start());
    let arrivals = case.events.iter().map(|step| step.arrives.from(test.start));
    let ends = case.source_down.iter().map(|down| down.to.from(test.start));
    let mut points: Vec<_> = midnights.chain(arrivals).chain(ends).chain([last]).collect();
    points.retain(|point| *point >= first.start() && *point <= last);
    points.sort();
    points.dedup();
    points
}

/// What has arrived by a point in time.
struct Known {
    events: Vec<Event>,
    /// Used and read days by kind and source.
    daily: BTreeMap<(SmolStr, SmolStr), [Vec<u64>; 2]>,
    first: Day,
    facts: Vec<FactVersion>,
    feeds: Feeds,
    now: StreamTime,
}

#[derive(Debug)]
struct Feeds {
    down: Vec<(StreamTime, StreamTime, SmolStr)>,
    now: StreamTime,
}

impl Sources for Feeds {
    fn complete_through(&self, source: &str) -> Option<StreamTime> {
        let down =
            self.down.iter().find(|(from, to, name)| name == source && *from <= self.now && self.now < *to);
        Some(down.map_or(self.now, |(from, ..)| *from))
    }

    fn is_stale(&self, source: &str) -> bool {
        self.complete_through(source) != Some(self.now)
    }
}

impl Known {
    fn by(test: &TestFile, case: &Case, rule: &CrisisRule, now: StreamTime) -> Self {
        let down = |down: &Down| (down.from.from(test.start), down.to.from(test.start), down.source.clone());
        let feeds = Feeds { down: case.source_down.iter().map(down).collect(), now };
        let fields = case.facts.clone();
        let key = EventKey { source: SmolStr::new("REGISTRY"), key: SmolStr::new("h1") };
        let facts = vec![FactVersion { key, revision: 1, from: Day(0), subject: None, fields }];
        let first = test.start.day().plus(-100);
        let mut known = Self { events: Vec::new(), daily: BTreeMap::new(), first, facts, feeds, now };
        for step in &case.events {
            let at = step.at.from(test.start);
            let mut arrives = step.arrives.from(test.start);
            if let Happening::Event(reported) = &step.what {
                let held = known.feeds.down.iter().find(|(from, to, source)| {
                    Some(source) == reported.source.as_ref() && *from <= arrives && arrives < *to
                });
                arrives = held.map_or(arrives, |(_, to, _)| *to);
            }
            if arrives > now {
                continue;
            }
            match &step.what {
                Happening::Event(reported) => {
                    let source = reported.source.clone().unwrap_or_else(|| SmolStr::new("REPORT_APP"));
                    let is_daily =
                        rule.signals.iter().any(|s| s.daily.is_some() && s.kinds.contains(&reported.event));
                    if is_daily {
                        known.read_day(
                            &reported.event,
                            source,
                            at.day(),
                            reported
                                .fields
                                .iter()
                                .any(|(name, value)| name == "use" && value.as_int().is_some_and(|n| n > 0)),
                        );
                        continue;
                    }
                    let key = EventKey { source, key: reported.key.clone() };
                    known.events.retain(|event| event.key != key);
                    known.events.push(Event {
                        key,
                        revision: reported.revision,
                        kind: reported.event.clone(),
                        time: EventTime::Instant(at.0),
                        phase: Phase::Open,
                        accepted: arrives,
                        first: None,
                        late: false,
                        fields: reported.fields.clone(),
                    });
                }
                Happening::End(_)
                | Happening::Void(_)
                | Happening::Area(_)
                | Happening::Action { .. }
                | Happening::Facts(_) => {}
            }
        }
        known.correct(test, case);
        known.events.sort_by(|a, b| (a.time, &a.key).cmp(&(b.time, &b.key)));
        known
    }

    /// Ends and voids wait for their originals.
    fn correct(&mut self, test: &TestFile, case: &Case) {
        let arrived = case.events.iter().filter(|step| step.arrives.from(test.start) <= self.now);
        for step in arrived {
            let ended = Phase::Ended(EventTime::Instant(step.at.from(test.start).0));
            match &step.what {
                Happening::End(key) => {
                    let events = self.events.iter_mut().filter(|event| event.key.key == *key);
                    events.for_each(|event| event.phase = ended);
                }
                Happening::Void(key) => self.events.retain(|event| event.key.key != *key),
                Happening::Event(_) | Happening::Area(_) | Happening::Action { .. } | Happening::Facts(_) => {
                }
            }
        }
    }

    fn read_day(&mut self, kind: &SmolStr, source: SmolStr, day: Day, used: bool) {
        const DAYS: i64 = 1000;
        let words = || vec![0; usize::try_from(DAYS / 64 + 1).expect("a few words")];
        let [used_days, read_days] =
            self.daily.entry((kind.clone(), source)).or_insert_with(|| [words(), words()]);
        let at = usize::try_from(day.since(self.first)).expect("after the first day");
        read_days[at / 64] |= 1 << (at % 64);
        used_days[at / 64] |= u64::from(used) << (at % 64);
    }

    fn evaluate(&self, pack: &Pack, rule: &CrisisRule, day: Day) -> crate::rules::eval::Decision {
        let events: Vec<&Event> = self.events.iter().collect();
        let days = self.daily.iter();
        let daily: Vec<_> = days
            .map(|((kind, source), [used, read])| DailyDays { kind, source, first: self.first, used, read })
            .collect();
        let view = EntityView {
            events: &events,
            daily: &daily,
            facts: &self.facts,
            sources: &self.feeds,
            suppressed: &[],
            now: self.now,
        };
        evaluate(pack, rule, &view, day, 0)
    }
}
