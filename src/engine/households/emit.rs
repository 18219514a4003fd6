//! Alert revisions and review cases as records of their topics: whole, explained, the same bytes from the same log.

use super::Contract;
use super::conclude::Revision;
use super::decide::Review;
use super::household::Household;
use super::life::Change;
use super::records::{Episode, EpisodeStatus, Mark};
use crate::contracts::Tree;
use crate::engine::clock::TaskClock;
use crate::engine::effect::Output;
use crate::engine::layout::{ALERTS_TOPIC, Layout, RESTRICTED_TOPIC, REVIEW_TOPIC};
use crate::rules::plan::{CrisisRule, Level, Pack, RESTRICTED_FOLDER, is_restricted};
use crate::types::{Day, EntityId, MS_PER_DAY, MS_PER_HOUR, Origin, SmolStr, StreamTime, Value, digest_hex};

/// Days for which an alert is kept: five years, as the law on welfare records says.
const RETENTION_DAYS: i32 = 1826;
/// Nobody is told between these hours of the day, save of what is critical.
const QUIET_FROM_HOUR: i64 = 21;
const QUIET_TO_HOUR: i64 = 8;
/// Longest text of a template variable, in characters: what fits a message of the notification service.
const VAR_CHARS: usize = 60;

/// The record that leads to an output.
#[derive(Clone, Debug)]
pub(super) struct Cause {
    /// Its log time.
    pub(super) at_ms: i64,
    /// Where it came from.
    pub(super) origin: Origin,
}

/// What every output of a task needs.
pub(super) struct Emitter<'a> {
    pub(super) contract: &'a dyn Contract,
    /// The stage that says it.
    pub(super) stage: &'static str,
    pub(super) layout: &'a Layout,
    pub(super) clock: &'a TaskClock,
    pub(super) cause: &'a Cause,
    pub(super) pack: Option<&'a Pack>,
}

/// Under which name and to whom an alert goes out. Whoever sees a restricted one only in passing, in a list, on a phone, in the
/// count of an interface, learns nothing from it but that somebody entrusted has to look.
struct Guise<'a> {
    topic: &'static str,
    rule: &'a str,
    title: &'a str,
    role: &'static str,
    template: &'static str,
}

impl<'a> Guise<'a> {
    fn of(episode: &'a Episode, rule: Option<&'a CrisisRule>) -> Self {
        if is_restricted(&episode.rule) {
            return Self {
                topic: RESTRICTED_TOPIC,
                rule: RESTRICTED_FOLDER,
                title: "확인이 필요한 가구",
                role: "안전확인_담당",
                template: "restricted",
            };
        }
        Self {
            topic: ALERTS_TOPIC,
            rule: &episode.rule,
            title: rule.map_or("", |rule| rule.title.as_str()),
            role: "읍면동_담당",
            template: "crisis",
        }
    }

    fn is_open(&self) -> bool {
        self.topic == ALERTS_TOPIC
    }
}

type Fields = Vec<(SmolStr, Tree)>;

impl Emitter<'_> {
    /// One revision of an episode.
    pub(super) fn alert(
        &self,
        household: &Household,
        episode: &Episode,
        notes: &super::life::Notes,
        revision: Revision,
    ) -> Result<Output, String> {
        let id = episode.id(household.id());
        let rule = self.pack.and_then(|pack| pack.crisis_rule(&episode.rule));
        let now = self.clock.through;
        let level = episode.shown_level();
        let notify = is_told(revision);
        let queue = Queue::of(household, self.clock.today());
        let step = notes.steps.last();
        let guise = Guise::of(episode, rule);
        let role = step.map_or(guise.role, |step| step.to.as_str());
        let (severity, urgency, action, hours) = table(level);
        let first_reason = episode.reasons.iter().find(|reason| reason.mark != Mark::Past);
        let say = |id: &SmolStr| rule.and_then(|rule| rule.reasons.iter().find(|r| r.id == *id));
        let why = first_reason.and_then(|reason| say(&reason.id).map(|r| fill(&r.say, reason.number)));
        let mut fields: Fields = Vec::with_capacity(53);
        let mut add = |name: &'static str, value: Tree| fields.push((SmolStr::new_static(name), value));
        add("id", text(&id.0));
        add("revision", int(episode.revision));
        add("supersedes", optional((episode.revision > 1).then(|| int(episode.revision - 1))));
        add("case_id", text(&digest_hex(&["case", &episode.rule, household.entity()])[..22]));
        add("episode", text(&id.0));
        add("episode_number", int(episode.number));
        add("previous", optional(episode.previous.as_ref().map(|id| text(&id.0))));
        add("merged_into", Tree::Null);
        add("change", text(revision.change.as_str()));
        add("notify", text(if notify { "yes" } else { "silent" }));
        add("status", text(episode.status.as_str()));
        add("level", text(level.as_str()));
        add("severity", text(severity));
        add("urgency", text(urgency));
        add("score", Tree::Int(episode.points));
        let is_over = !episode.status.is_live();
        add("reason_code", optional(episode.outcome.as_ref().filter(|_| is_over).map(text)));
        add("because", text(revision.because.as_str()));
        add("basis_void", Tree::Bool(episode.basis_void));
        add("answers_action", optional(notes.answers.as_ref().map(text)));
        add("action_refused", optional(notes.refused.map(text)));
        add("claimed_by", optional(episode.claimed_by.as_ref().map(text)));
        let is_closed = episode.status == EpisodeStatus::Closed;
        add("outcome", optional(episode.outcome.as_ref().filter(|_| is_closed).map(text)));
        add("audience", queue.audience(role));
        add("per", text(household.area().map_or("household", SmolStr::as_str)));
        add("household", text(household.entity()));
        add("legal_basis", texts(rule.map_or(&[], |rule| rule.law.as_slice())));
        add("retention_until", Tree::Int(i64::from(self.clock.today().plus(RETENTION_DAYS).0)));
        add("rule", text(guise.rule));
        add("rule_version", int(episode.rule_version));
        add("rule_title", text(guise.title));
        add("pack", text(episode.pack.to_string()));
        add("reasons", self.reasons(episode, rule));
        add("missing_facts", texts(&episode.missing));
        add("stale_sources", texts(&episode.stale));
        add("match_confidence", optional(confidence(household).map(|percent| Tree::Int(i64::from(percent)))));
        add("params_on", Tree::Int(i64::from(episode.occurred_on.0)));
        add("params", self.params(rule, episode.occurred_on));
        add("clears_when", optional(rule.and_then(|rule| rule.clear_say.as_ref()).map(text)));
        add(
            "suppression",
            optional(episode.held.as_ref().map(|hold| {
                record([
                    ("rule", text(&hold.rule)),
                    ("reason", text(&hold.reason)),
                    ("until", Tree::Int(hold.until.0)),
                ])
            })),
        );
        add(
            "escalation",
            optional(step.map(|step| {
                record([("step", text(&step.id)), ("to", text(&step.to)), ("count", int(step.count))])
            })),
        );
        add("occurred_on", Tree::Int(i64::from(episode.occurred_on.0)));
        add("detected_at", Tree::Int(self.cause.at_ms));
        add("data_as_of", optional(data_as_of(self.clock, rule, household).map(|at| Tree::Int(at.0))));
        let not_before = notify.then(|| not_before(now, level));
        add("not_before", optional(not_before.map(|at| Tree::Int(at.0))));
        add("expires_at", optional(notify.then(|| Tree::Int(now.plus_ms(14 * MS_PER_DAY).0))));
        add("bypass_quiet_hours", Tree::Bool(notify && level == Level::Critical));
        let digest = (notify && level == Level::Watch).then(|| queue.digest_key(self.clock.today()));
        add("digest_key", optional(digest.map(text)));
        let (kind, change) = (guise.template, revision.change.as_str());
        add("template_key", text(format!("{kind}.{change}.{}", level.as_str())));
        let mut vars = vec![var("title", guise.title), var("level", korean(level))];
        vars.extend(why.as_deref().filter(|_| guise.is_open()).map(|why| var("why", why)));
        add("vars", Tree::List(vars));
        let due = episode.opened_at.plus_ms(hours * MS_PER_HOUR);
        let suggested = (!is_over).then(|| record([("action", text(action)), ("by", Tree::Int(due.0))]));
        add("suggested_action", optional(suggested));
        let ce_type = format!("kr.ieum.alert.{}", revision.change.as_str());
        let ce_id = format!("{}/{}", id.0, episode.revision);
        self.output(guise.topic, household.id(), fields, ce_id, ce_type)
    }

    /// A case that only something unknown keeps from matching.
    pub(super) fn review(&self, household: &Household, review: &Review) -> Result<Output, String> {
        let pack = self.pack.ok_or("no pack is in force")?;
        let rule = &pack.crisis[review.rule];
        let today = self.clock.today();
        let mut parts = vec!["review", rule.id.as_str(), household.entity().as_str()];
        let day = today.to_string();
        parts.push(&day);
        parts.extend(
            review.conditions.iter().chain(&review.missing).chain(&review.stale).map(SmolStr::as_str),
        );
        let id = digest_hex(&parts)[..22].to_owned();
        let queue = Queue::of(household, today);
        let fields: Fields = [
            ("id", text(&id)),
            ("household", text(household.entity())),
            ("rule", text(&rule.id)),
            ("rule_version", int(rule.version)),
            ("rule_title", text(&rule.title)),
            ("pack", text(pack.hash.to_string())),
            ("day", Tree::Int(i64::from(today.0))),
            ("conditions", texts(&review.conditions)),
            ("missing_facts", texts(&review.missing)),
            ("stale_sources", texts(&review.stale)),
            ("admin_dong", optional(queue.admin_dong.as_ref().map(text))),
            ("sigungu", optional(queue.sigungu.as_ref().map(text))),
            ("detected_at", Tree::Int(self.cause.at_ms)),
        ]
        .map(|(name, value)| (SmolStr::new_static(name), value))
        .into();
        self.output(REVIEW_TOPIC, household.id(), fields, id, "kr.ieum.review".to_owned())
    }

    fn output(
        &self,
        topic: &'static str,
        entity: &EntityId,
        fields: Fields,
        ce_id: String,
        ce_type: String,
    ) -> Result<Output, String> {
        let header = |name: &'static str, value: String| (SmolStr::new_static(name), value.into_bytes());
        Ok(Output {
            topic: SmolStr::new_static(topic),
            partition: self.layout.partition(topic, entity.as_str()),
            key: Some(entity.as_str().as_bytes().to_vec()),
            value: self.contract.encode(topic, &Tree::Record(fields))?,
            headers: vec![
                header("ce_specversion", "1.0".to_owned()),
                header("ce_id", ce_id),
                header("ce_source", format!("ieum/{}", self.stage)),
                header("ce_type", ce_type),
                header("ce_subject", entity.to_string()),
                header("ce_time", self.clock.through.to_string()),
                header("traceparent", traceparent(&self.cause.origin)),
            ],
        })
    }

    fn reasons(&self, episode: &Episode, rule: Option<&CrisisRule>) -> Tree {
        let one = |state: &super::records::ReasonState| {
            let reason = rule.and_then(|rule| rule.reasons.iter().find(|r| r.id == state.id));
            let say = reason.map_or_else(|| state.id.to_string(), |r| fill(&r.say, state.number));
            record([
                ("id", text(&state.id)),
                ("say", text(say)),
                ("number", optional(state.number.map(Tree::Int))),
                ("evidence", Tree::List(state.evidence.iter().map(|key| text(key.to_string())).collect())),
                ("evidence_total", int(state.total)),
                ("also", Tree::Bool(reason.is_some_and(|r| r.also))),
                ("met", Tree::Bool(matches!(state.mark, Mark::Met | Mark::Assumed))),
                ("assumed", Tree::Bool(state.mark == Mark::Assumed)),
                ("held", Tree::Bool(state.mark == Mark::Held)),
                // What is not known and not taken as met is no reason: it stands among the missing facts.
                ("unknown", Tree::Bool(false)),
                ("past", Tree::Bool(state.mark == Mark::Past)),
            ])
        };
        Tree::List(episode.reasons.iter().map(one).collect())
    }

    fn params(&self, rule: Option<&CrisisRule>, day: Day) -> Tree {
        let Some((pack, rule)) = self.pack.zip(rule) else { return Tree::List(Vec::new()) };
        let mut read = super::params::read_by(rule);
        read.sort_unstable();
        read.dedup();
        let params = read.iter().filter_map(|at| pack.params.get(*at));
        let one = |param: &crate::rules::plan::Param| {
            let value = param.on(day)?.to_string();
            Some(record([
                ("name", text(&param.name)),
                ("value", text(value)),
                ("source", text(&param.source)),
            ]))
        };
        Tree::List(params.filter_map(one).collect())
    }
}

/// Whether a person is to be told, or only the record kept.
fn is_told(revision: Revision) -> bool {
    match revision.change {
        Change::Opened | Change::Raised | Change::Reopened | Change::Escalated => true,
        // Who was told of it is told that it is gone.
        Change::Withdrawn => revision.was_visible,
        Change::Amended | Change::Casework | Change::Suppressed | Change::Closed => false,
    }
}

/// Severity, urgency, what to do and within how many hours.
fn table(level: Level) -> (&'static str, &'static str, &'static str, i64) {
    match level {
        Level::Watch => ("minor", "future", "review", 14 * 24),
        Level::High => ("moderate", "expected", "call", 72),
        Level::Critical => ("severe", "immediate", "visit", 24),
    }
}

fn korean(level: Level) -> &'static str {
    match level {
        Level::Watch => "관심",
        Level::High => "주의",
        Level::Critical => "긴급",
    }
}

/// Now, or the end of the quiet hours.
fn not_before(now: StreamTime, level: Level) -> StreamTime {
    let midnight = now.day().start();
    let hour = now.0.saturating_sub(midnight.0) / MS_PER_HOUR;
    match level {
        Level::Critical => now,
        Level::Watch | Level::High if hour < QUIET_TO_HOUR => midnight.plus_ms(QUIET_TO_HOUR * MS_PER_HOUR),
        Level::Watch | Level::High if hour >= QUIET_FROM_HOUR => {
            now.day().plus(1).start().plus_ms(QUIET_TO_HOUR * MS_PER_HOUR)
        }
        Level::Watch | Level::High => now,
    }
}

/// Whose queue an alert belongs to.
struct Queue {
    admin_dong: Option<SmolStr>,
    sigungu: Option<SmolStr>,
}

impl Queue {
    fn of(household: &Household, today: Day) -> Self {
        let fact = |name: &str| household.fact_on(name, today).and_then(Value::as_text).cloned();
        Self { admin_dong: fact("admin_dong"), sigungu: fact("sigungu") }
    }

    fn audience(&self, role: &str) -> Tree {
        record([
            ("role", text(role)),
            ("admin_dong", optional(self.admin_dong.as_ref().map(text))),
            ("sigungu", optional(self.sigungu.as_ref().map(text))),
            ("team", Tree::Null),
        ])
    }

    fn digest_key(&self, day: Day) -> String {
        let place = self.admin_dong.as_ref().or(self.sigungu.as_ref()).map_or("-", SmolStr::as_str);
        format!("{place}/{day}")
    }
}

/// Least confidence of the links that contribute; none while one of them is provisional.
fn confidence(household: &Household) -> Option<u8> {
    let confidences = household.head.get().subjects.iter().map(|subject| subject.confidence);
    confidences.min().flatten()
}

/// The earliest completeness among the sources that the rule's signals name.
fn data_as_of(clock: &TaskClock, rule: Option<&CrisisRule>, household: &Household) -> Option<StreamTime> {
    let region = household.head.get().region.as_ref();
    let sources = rule?.signals.iter().flat_map(|signal| signal.sources.iter());
    sources.filter_map(|source| clock.source(source, region)).map(|state| state.complete_through).min()
}

/// A trace id of the raw record, so that every hop and consumer names the same trace.
fn traceparent(origin: &Origin) -> String {
    let place = format!("{}/{}/{}", origin.topic, origin.partition, origin.offset);
    let digest = digest_hex(&["trace", &place]);
    format!("00-{}-{}-01", &digest[..32], &digest[32..48])
}

fn fill(say: &str, number: Option<i64>) -> String {
    number.map_or_else(|| say.to_owned(), |n| say.replace("{n}", &n.to_string()))
}

fn var(name: &str, value: &str) -> Tree {
    let value: String = value.chars().take(VAR_CHARS).collect();
    record([("name", text(name)), ("value", text(value))])
}

fn record<const N: usize>(fields: [(&'static str, Tree); N]) -> Tree {
    Tree::Record(fields.into_iter().map(|(name, value)| (SmolStr::new_static(name), value)).collect())
}

fn text(text: impl AsRef<str>) -> Tree {
    Tree::Text(SmolStr::new(text))
}

fn texts<T: AsRef<str>>(texts: &[T]) -> Tree {
    Tree::List(texts.iter().map(text).collect())
}

fn int(n: u32) -> Tree {
    Tree::Int(i64::from(n))
}

fn optional(tree: Option<Tree>) -> Tree {
    tree.unwrap_or(Tree::Null)
}
