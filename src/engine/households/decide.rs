//! Decides rules for a household: which days, what it means for their episodes, and when to look again.

use super::areas::{self, AreaEvents};
use super::daily;
use super::household::Household;
use super::life::{self, Because, Moment};
use super::records::{Episode, EpisodeStatus, RuleWait};
use super::walk::{Counts, evidence, walk};
use super::{HouseholdsConfig, OPENING_DAYS};
use crate::engine::clock::TaskClock;
use crate::engine::effect::Fact;
use crate::engine::state::StateRead;
use crate::rules::eval::{DailyDays, Decision, EntityView, Prepared, Sources, Truth};
use crate::rules::plan::{CrisisRule, NodeId, Pack, Per, Status, is_restricted};
use crate::types::{Day, Event, EventKey, MS_PER_DAY, SmolStr, StreamTime, digest_hex};
use std::cell::OnceCell;

/// What all decisions of one record look at beside the household.
pub(super) struct Context<'a> {
    pub(super) pack: &'a Pack,
    pub(super) clock: &'a TaskClock,
    pub(super) areas: &'a AreaEvents,
    pub(super) config: &'a HouseholdsConfig,
}

/// Why, for which rules and from which day on to decide again.
#[derive(Clone, Debug)]
pub(super) struct Trigger {
    pub(super) because: Because,
    /// Indexes into the pack's crisis rules; none for all.
    pub(super) rules: Option<Vec<usize>>,
    /// The first day whose value may have changed.
    pub(super) from: Day,
    /// The input is about the past: live episodes are decided again from their beginning.
    pub(super) about_the_past: bool,
}

/// A case that only something unknown keeps from matching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Review {
    pub(super) rule: usize,
    pub(super) conditions: Vec<SmolStr>,
    pub(super) missing: Vec<SmolStr>,
    pub(super) stale: Vec<SmolStr>,
}

/// What deciding one rule came to.
struct Outcome {
    rule: usize,
    /// Its newest episode, changed or new.
    episode: Option<Episode>,
    wait: Option<RuleWait>,
    unresolved: Option<Review>,
}

/// Completeness as it stands for one household's region.
#[derive(Debug)]
pub(super) struct RegionSources<'a> {
    clock: &'a TaskClock,
    region: Option<SmolStr>,
    /// Names of feeds that are late somewhere in the region or everywhere: few, and asked for by every condition.
    late: OnceCell<Vec<&'a SmolStr>>,
}

impl Sources for RegionSources<'_> {
    fn complete_through(&self, source: &str) -> Option<StreamTime> {
        self.clock.source(source, self.region.as_ref()).map(|state| state.complete_through)
    }

    fn is_stale(&self, source: &str) -> bool {
        self.late().iter().any(|late| *late == source)
            && self.clock.source(source, self.region.as_ref()).is_some_and(|state| state.stale)
    }
}

impl<'a> RegionSources<'a> {
    pub(super) fn new(clock: &'a TaskClock, region: Option<SmolStr>) -> Self {
        Self { clock, region, late: OnceCell::new() }
    }

    fn late(&self) -> &[&'a SmolStr] {
        self.late.get_or_init(|| {
            let late = self.clock.sources.iter().filter(|state| state.stale);
            let here = late.filter(|state| state.region.is_none() || state.region == self.region);
            here.map(|state| &state.source).collect()
        })
    }

    /// Whether nothing needs to be waited for any more.
    pub(super) fn has_passed(&self, source: &str, point: StreamTime) -> bool {
        !self.is_stale(source) && self.complete_through(source).is_some_and(|through| through >= point)
    }
}

/// Whether a condition holds over what came behind a point.
pub(super) fn holds_since(
    context: &Context<'_>,
    household: &Household,
    rule: &CrisisRule,
    node: NodeId,
    since: StreamTime,
) -> Truth {
    let region = household.head.get().region.clone();
    with_view(context, household, region, |view, _| {
        crate::rules::eval::holds_since(context.pack, rule, node, view, since)
    })
}

/// Decides again what a trigger touches; answers what a person has to look at.
pub(super) fn decide(
    context: &Context<'_>,
    household: &mut Household,
    trigger: &Trigger,
    facts: &mut Vec<Fact>,
) -> Vec<Review> {
    let (pack, today) = (context.pack, context.clock.today());
    if household.is_joining() {
        household.head.edit().waits.clear();
        return Vec::new();
    }
    let is_behind = household.head.get().decided != Some(pack.hash);
    let mut rules: Vec<usize> = match &trigger.rules {
        Some(rules) if !is_behind => rules.clone(),
        _ => (0..pack.crisis.len()).collect(),
    };
    let is_own = |rule: &CrisisRule| rule.status != Status::Draft && rule.per.is(household.area());
    rules.retain(|at| is_own(&pack.crisis[*at]));
    if is_behind {
        // What a rule recorded in shadow was told to nobody: in force, it opens as a new one does.
        let live = rules.iter().map(|at| &pack.crisis[*at]).filter(|rule| rule.status == Status::Live);
        live.for_each(|rule| household.forget_untold(&rule.id));
    }
    if rules.is_empty() && !is_behind {
        return Vec::new();
    }
    let region = household.fact_on(&context.config.region_fact, today).and_then(|v| v.as_text().cloned());
    let outcomes = outcomes(context, household, trigger, &rules, region.clone(), facts);
    apply(context, household, outcomes, is_behind, region, trigger.because)
}

/// Reads what rules ask of an area's households into it, for the days that a decision may be about. A household has its own
/// events at hand.
pub(super) fn look(
    pack: &Pack,
    clock: &TaskClock,
    config: &HouseholdsConfig,
    household: &mut Household,
    state: &dyn StateRead,
) {
    let Some(kind) = household.area().cloned() else { return };
    let today = clock.today();
    let live = household.episodes.iter().map(|part| &part.now).filter(|episode| episode.status.is_live());
    let began = live.map(|episode| episode.occurred_on).min().unwrap_or(today);
    let (days, kinds) = pack.asked_of_areas(&kind);
    let first = began.min(today.plus(-OPENING_DAYS)).plus(days.saturating_neg());
    let first = first.max(today.plus(config.history_days.saturating_neg()));
    household
        .crowd(state)
        .look(first, &|kind| kinds.binary_search_by(|known| known.as_str().cmp(kind)).is_ok());
}

fn outcomes(
    context: &Context<'_>,
    household: &Household,
    trigger: &Trigger,
    rules: &[usize],
    region: Option<SmolStr>,
    facts: &mut Vec<Fact>,
) -> Vec<Outcome> {
    with_view(context, household, region, |view, sources| {
        let unsuppressed = EntityView { suppressed: &[], ..*view };
        let mut prepared = Prepared::new(context.pack, view);
        let mut decided = Vec::with_capacity(rules.len());
        for at in rules {
            let rule = &context.pack.crisis[*at];
            let case = Case { context, trigger, at: *at, rule, household, view, unsuppressed: &unsuppressed };
            let (episode, truth, last, unresolved) = case.decide(&mut prepared);
            facts.push(Fact::Evaluated { rule: rule.id.clone(), truth: truth.as_str() });
            let wait = last.as_ref().and_then(|last| case.wait(last, sources));
            decided.push(Outcome { rule: *at, episode, wait, unresolved });
        }
        decided
    })
}

/// The household as evaluation sees it.
pub(super) fn with_view<T>(
    context: &Context<'_>,
    household: &Household,
    region: Option<SmolStr>,
    ask: impl FnOnce(&EntityView<'_>, &RegionSources<'_>) -> T,
) -> T {
    let first = first_day(context);
    let spans = areas::spans(context.pack, context.areas, household);
    let events = household.events(first);
    let days: Vec<DailyDays<'_>> = household
        .daily()
        .flat_map(|(year, days)| days.meters.iter().map(move |meter| (year, meter)))
        .map(|(year, meter)| DailyDays {
            kind: &meter.kind,
            source: &meter.source,
            first: daily::first_day(year),
            used: &meter.used,
            read: &meter.read,
        })
        .collect();
    let sources = RegionSources::new(context.clock, region);
    let view = EntityView {
        events: &events,
        daily: &days,
        facts: &household.head.get().facts,
        sources: &sources,
        suppressed: &spans,
        now: context.clock.through,
    };
    ask(&view, &sources)
}

/// The first day whose history is whole.
pub(super) fn first_day(context: &Context<'_>) -> Day {
    context.clock.today().plus(context.config.history_days.saturating_neg())
}

/// One rule at one household.
pub(super) struct Case<'a> {
    pub(super) context: &'a Context<'a>,
    trigger: &'a Trigger,
    at: usize,
    pub(super) rule: &'a CrisisRule,
    household: &'a Household,
    pub(super) view: &'a EntityView<'a>,
    pub(super) unsuppressed: &'a EntityView<'a>,
}

type Decided = (Option<Episode>, Truth, Option<Decision>, Option<Review>);

impl<'a> Case<'a> {
    fn decide(&self, prepared: &mut Prepared<'a>) -> Decided {
        let newest = self.household.newest(&self.rule.id).map(|at| &self.household.episodes[at].now);
        match newest {
            Some(episode) if episode.status.is_live() => self.go_on(prepared, episode.clone()),
            newest => self.look(prepared, newest),
        }
    }

    fn moment(&self) -> Moment<'a> {
        Moment { rule: self.rule, pack: self.context.pack.hash, now: self.context.clock.through }
    }

    pub(super) fn today(&self) -> Day {
        self.context.clock.today()
    }

    /// A live episode.
    fn go_on(&self, prepared: &mut Prepared<'a>, mut episode: Episode) -> Decided {
        let moment = self.moment();
        let began = episode.occurred_on;
        // It can turn out to have begun earlier, but not in the time of one that was closed.
        let is_first = episode.ended_at.is_none() && !self.has_closed_before(&episode);
        let from = match (self.trigger.about_the_past, is_first) {
            (true, true) => began.min(self.opening_from()),
            (true, false) => began,
            (false, _) => self.trigger.from.max(began),
        };
        let walked =
            walk(prepared, self.rule, from.max(first_day(self.context)), self.today(), 0, &Counts::All);
        let is_whole = self.trigger.about_the_past && began >= first_day(self.context);
        if is_whole && !walked.holds && !walked.unknown && self.holds_but_for_suppression(from) {
            life::merge(&moment, &mut episode, &walked);
        } else if is_whole {
            life::recompute(&moment, &mut episode, &walked);
        } else {
            life::merge(&moment, &mut episode, &walked);
        }
        if episode.status.is_live() {
            self.clear(prepared, &mut episode);
        }
        if episode.status.is_live() {
            self.suppress(prepared, &mut episode);
        }
        let truth = walked.last.as_ref().map_or(Truth::Unknown, |last| last.truth);
        (Some(episode), truth, walked.last, None)
    }

    /// Suppressed time does not count towards an absence: that alone takes no basis away.
    fn holds_but_for_suppression(&self, from: Day) -> bool {
        if self.view.suppressed.is_empty() {
            return false;
        }
        let mut prepared = Prepared::new(self.context.pack, self.unsuppressed);
        walk(&mut prepared, self.rule, from.max(first_day(self.context)), self.today(), 0, &Counts::All).holds
    }

    fn has_closed_before(&self, episode: &Episode) -> bool {
        let others = self.household.episodes.iter().map(|part| &part.now);
        let mut earlier = others.filter(|e| e.rule == episode.rule && e.number < episode.number);
        earlier.any(|e| e.status == EpisodeStatus::Closed)
    }

    fn opening_from(&self) -> Day {
        self.trigger.from.max(self.today().plus(-OPENING_DAYS)).max(first_day(self.context)).min(self.today())
    }

    /// No live episode: does one begin?
    fn look(&self, prepared: &mut Prepared<'a>, newest: Option<&Episode>) -> Decided {
        let (moment, now, from) = (self.moment(), self.context.clock.through, self.opening_from());
        let closed = newest.filter(|e| e.status == EpisodeStatus::Closed);
        let in_cooldown = closed.and_then(|e| e.ended_at).is_some_and(|at| {
            now < at.plus_ms(i64::from(self.rule.cooldown_days).saturating_mul(MS_PER_DAY))
        });
        // A rule in shadow tells nothing, and so reopens nothing that was told.
        let in_shadow = self.rule.status != Status::Live;
        let reopens = |e: &Episode| in_cooldown && (e.is_untold() || !in_shadow);
        let is_fresh = |day: Day, decision: &Decision| {
            closed.is_none_or(|e| self.has_new_evidence(decision, e) || has_risen(day, decision, e))
        };
        let counts = match closed {
            // What stood higher from the closing's day on is news, what stood so before is none: that day is looked at.
            Some(e) => Counts::Fresh { since: e.ended_at.map(StreamTime::day), is_fresh: &is_fresh },
            None => Counts::Opening,
        };
        let walked = walk(prepared, self.rule, from, self.today(), 0, &counts);
        let truth = walked.last.as_ref().map_or(Truth::Unknown, |last| last.truth);
        let Some(day) = walked.first else {
            let review = self.review(walked.last.as_ref());
            return (None, truth, walked.last, review);
        };
        let mut episode = match newest {
            Some(known) if reopens(known) => {
                let mut episode = known.clone();
                life::reopen(&moment, &mut episode, &walked);
                episode
            }
            newest => {
                let number = newest.map_or(1, |e| e.number.saturating_add(1));
                let previous = newest.map(|e| e.id(self.household.id()));
                life::open(&moment, number, previous, day, &walked)
            }
        };
        self.open_behind(prepared, &mut episode);
        self.suppress(prepared, &mut episode);
        (Some(episode), truth, walked.last, None)
    }

    /// `clear_when` and `unless` count what came behind the opening: what came before it in the same moment lies before.
    fn open_behind(&self, prepared: &mut Prepared<'a>, episode: &mut Episode) {
        let unless = self.rule.escalate.iter().filter_map(|step| step.unless);
        let mut nodes = self.rule.clear_when.into_iter().chain(unless);
        if nodes.any(|node| prepared.holds_since(self.rule, node, episode.opened_at) == Truth::True) {
            episode.opened_at = episode.opened_at.plus_ms(1);
        }
    }

    /// Evidence that became known behind the close; or in its very moment, if the closed episode did not rest on it. Late
    /// evidence is none, and neither is what was known and is told again.
    fn has_new_evidence(&self, decision: &Decision, closed: &Episode) -> bool {
        let Some(since) = closed.ended_at else { return true };
        let is_behind = decision.newest.as_ref().is_some_and(|newest| newest.accepted > since);
        let came_then = |event: &&&Event| !event.late && event.first_accepted() == since;
        let is_new = |key: &EventKey| {
            !evidence(&closed.reasons).any(|known| known == key)
                && self.view.events.iter().filter(came_then).any(|event| event.key == *key)
        };
        is_behind || decision.evidence.iter().flat_map(|e| e.keys.iter()).any(is_new)
    }

    /// `clear_when` counts only what came behind the opening.
    fn clear(&self, prepared: &mut Prepared<'a>, episode: &mut Episode) {
        let Some(node) = self.rule.clear_when else { return };
        if prepared.holds_since(self.rule, node, episode.opened_at) != Truth::True {
            return;
        }
        if episode.status.is_in_hand() {
            episode.clock = None;
        } else {
            let cleared = Some(SmolStr::new_static("cleared"));
            life::end(episode, EpisodeStatus::Closed, cleared, self.context.clock.through);
        }
    }

    fn review(&self, last: Option<&Decision>) -> Option<Review> {
        // Nobody can be asked what a building lacks: a source that is late is waited for.
        if self.rule.per != Per::Household {
            return None;
        }
        // Who may be asked about a restricted case does not read the topic of reviews.
        if is_restricted(&self.rule.id) {
            return None;
        }
        let last = last.filter(|last| last.truth == Truth::Unknown && last.in_effect)?;
        if self.rule.status != Status::Live || (last.missing.is_empty() && last.stale.is_empty()) {
            return None;
        }
        let unknown = self.rule.reasons.iter().enumerate().filter(|(at, _)| last.unknown >> at & 1 == 1);
        let conditions = unknown.map(|(_, reason)| reason.id.clone()).collect();
        Some(Review { rule: self.at, conditions, missing: last.missing.clone(), stale: last.stale.clone() })
    }

    /// What the rule waits for behind today's decision. What has passed already is not waited for.
    fn wait(&self, last: &Decision, sources: &RegionSources<'_>) -> Option<RuleWait> {
        let day = last.wake.day.filter(|day| *day > self.today());
        let mut waits: Vec<(SmolStr, StreamTime)> = last.wake.sources.clone();
        waits.extend(last.stale.iter().map(|source| (source.clone(), StreamTime::ZERO)));
        waits.retain(|(source, point)| !sources.has_passed(source, *point));
        waits.sort_unstable();
        waits.dedup();
        let waits_for_something = day.is_some() || !waits.is_empty();
        waits_for_something.then(|| RuleWait { rule: self.rule.id.clone(), day, sources: waits })
    }
}

/// The rule stands higher, on a day not before the closing, than the closed episode had reached: a known debt that has
/// grown over a step, a silence that has lasted long enough.
fn has_risen(day: Day, decision: &Decision, closed: &Episode) -> bool {
    closed.ended_at.is_some_and(|at| day >= at.day())
        && (decision.level, decision.points) > (Some(closed.level), closed.points)
}

/// Writes outcomes into the household.
fn apply(
    context: &Context<'_>,
    household: &mut Household,
    outcomes: Vec<Outcome>,
    is_behind: bool,
    region: Option<SmolStr>,
    because: Because,
) -> Vec<Review> {
    let pack = context.pack;
    let mut waits = household.head.get().waits.clone();
    let mut reviewed = household.head.get().reviewed.clone();
    let mut reviews = Vec::new();
    waits.retain(|wait| {
        pack.crisis_rule(&wait.rule).is_some()
            && !outcomes.iter().any(|outcome| pack.crisis[outcome.rule].id == wait.rule)
    });
    for outcome in outcomes {
        let rule = &pack.crisis[outcome.rule];
        if let Some(episode) = outcome.episode {
            let place = household
                .episodes
                .iter()
                .position(|part| part.now.rule == episode.rule && part.now.number == episode.number);
            let at = match place {
                Some(at) => {
                    household.episodes[at].now = episode;
                    at
                }
                None => household.add_episode(episode),
            };
            let because = household.episodes[at].notes.because.or(Some(because));
            household.episodes[at].notes.because = because;
        }
        waits.extend(outcome.wait);
        let digest = outcome.unresolved.as_ref().map(Review::digest);
        let is_known = reviewed.iter().any(|(id, known)| *id == rule.id && Some(known) == digest.as_ref());
        if !is_known {
            reviewed.retain(|(id, _)| *id != rule.id);
            if let (Some(digest), Some(review)) = (digest, outcome.unresolved) {
                reviewed.push((rule.id.clone(), digest));
                reviews.push(review);
            }
        }
    }
    waits.sort_by(|a, b| a.rule.cmp(&b.rule));
    reviewed.sort_unstable();
    let head = household.head.get();
    if is_behind || head.waits != waits || head.reviewed != reviewed || head.region != region {
        let head = household.head.edit();
        (head.waits, head.reviewed, head.region) = (waits, reviewed, region);
        if is_behind {
            head.decided = Some(pack.hash);
        }
    }
    reviews
}

impl Review {
    fn digest(&self) -> SmolStr {
        let parts: Vec<&str> =
            self.conditions.iter().chain(&self.missing).chain(&self.stale).map(SmolStr::as_str).collect();
        SmolStr::new(&digest_hex(&parts)[..16])
    }
}
