//! The life of a household's alerts.

use super::history::{Accepted, History, Proof};
use super::rules::{Level, RULES, Rule, Verdict, in_effect};
use super::time::{Day, HOUR, Ms, day_of};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// What a caseworker did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Claim,
    Unclaim,
    Attempt,
    Contact,
    Close,
}

/// ```text
/// (suppressed ─▶) open ─▶ claimed ─▶ contacted ─▶ closed ─▶ open again, within the cooldown
///                  └─▶ withdrawn, if what it rested on never happened
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Suppressed,
    Open,
    Claimed,
    Contacted,
    Closed(Ms),
    Withdrawn,
}

/// An episode, as the engine should have decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) household: String,
    pub(crate) rule: &'static str,
    pub(crate) number: u32,
    /// The day whose value opened it.
    pub(crate) day: Day,
    /// The highest level reached or escalated to.
    pub(crate) level: Level,
    /// Every reason that ever held.
    pub(crate) reasons: Vec<&'static str>,
    /// Of these, those that an outage holds now.
    pub(crate) held: Vec<&'static str>,
    pub(crate) status: Status,
}

/// All episodes of a household.
#[derive(Debug, Default)]
pub(crate) struct Episodes {
    all: Vec<Episode>,
}

#[derive(Debug)]
struct Episode {
    rule: &'static str,
    number: u32,
    day: Day,
    opened: Accepted,
    /// Since when people can see it.
    seen: Ms,
    /// The first tick behind that, from which escalation counts.
    visible: Option<Ms>,
    /// It was told of other than as held, since it opened last.
    shown: bool,
    /// Since when escalation waits for the end of an outage.
    paused: Option<Ms>,
    level: Level,
    /// The most points, which make the level.
    points: i64,
    escalated: Option<Level>,
    reasons: BTreeSet<&'static str>,
    /// An outage holds its silence.
    held: bool,
    status: Status,
    /// When it was closed last.
    closed: Accepted,
    /// Closed and opened again.
    reopened: bool,
}

impl Episodes {
    pub(crate) fn decisions(&self, household: &str) -> Vec<Decision> {
        let decision = |episode: &Episode| Decision {
            household: household.to_owned(),
            rule: episode.rule,
            number: episode.number,
            day: episode.day,
            level: episode.escalated.map_or(episode.level, |escalated| escalated.max(episode.level)),
            reasons: episode.reasons.iter().copied().collect(),
            held: if episode.held { vec!["silent"] } else { Vec::new() },
            status: episode.status,
        };
        let mut decisions: Vec<Decision> = self.all.iter().map(decision).collect();
        decisions.sort_by_key(|decision| (decision.rule, decision.number));
        decisions
    }

    pub(crate) fn act(&mut self, rule: &str, number: u32, act: Act, now: Accepted) {
        let mut all = self.all.iter_mut();
        let Some(episode) = all.find(|episode| episode.rule == rule && episode.number == number) else {
            return;
        };
        // What is held is shown as well, and may be taken on.
        let waiting = matches!(episode.status, Status::Open | Status::Suppressed);
        let status = match (episode.status, act) {
            (_, Act::Claim) if waiting => Status::Claimed,
            (Status::Claimed, Act::Unclaim) => Status::Open,
            (_, Act::Contact) if waiting || episode.status == Status::Claimed => Status::Contacted,
            (_, Act::Close) if episode.is_live() => Status::Closed(now.0),
            (status, _) => status,
        };
        if status != episode.status {
            episode.go_on(now.0);
            episode.status = status;
        }
        if is_closed(episode) {
            (episode.closed, episode.held) = (now, false);
        }
    }

    pub(crate) fn any_live(&self) -> bool {
        self.all.iter().any(Episode::is_live)
    }

    /// Decides every rule on days again.
    pub(crate) fn decide(&mut self, history: &History, days: RangeInclusive<Day>, correction: bool) {
        for rule in &RULES {
            self.decide_rule(rule, history, days.clone(), correction);
            self.clear(rule, history);
        }
    }

    fn decide_rule(&mut self, rule: &Rule, history: &History, days: RangeInclusive<Day>, correction: bool) {
        let number = self.all.iter().filter(|episode| episode.rule == rule.id).count();
        let first = !self.all.iter().any(|episode| episode.rule == rule.id && is_closed(episode));
        let last = self.all.iter_mut().rfind(|episode| episode.rule == rule.id);
        if let Some(episode) = last.filter(|episode| episode.is_live()) {
            let earlier = first && !episode.reopened;
            episode.follow(rule, history, days, correction, earlier);
            return;
        }
        let last = self.all.iter_mut().rfind(|episode| episode.rule == rule.id);
        let closed = last.as_ref().filter(|episode| is_closed(episode));
        let cooling = closed
            .is_some_and(|episode| history.now < episode.closed.0 + Ms::from(rule.cooldown_days) * 24 * HOUR);
        let counts = |day: Day, verdict: &Verdict| {
            let late_only = !verdict.required.is_empty() && verdict.required.iter().all(|proof| proof.late);
            let Some(closed) = &closed else { return !late_only };
            let newer = |proof: &Proof| proof.accepted > closed.closed && !proof.late;
            let news = verdict.required.iter().chain(&verdict.further).any(newer);
            // A debt known before has grown over a step, or a silence has become long enough.
            let risen = day >= day_of(closed.closed.0) && verdict.points > closed.points;
            !late_only && (news || risen)
        };
        let mut found: Vec<(Day, Verdict)> = days
            .filter(|day| in_effect(*day))
            .filter_map(|day| (rule.decide)(history, day, false).map(|verdict| (day, verdict)))
            .collect();
        found.retain(|(day, verdict)| counts(*day, verdict));
        let Some((day, _)) = found.first() else { return };
        let (day, now) = (*day, history.now);
        let episode = match last {
            Some(episode) if cooling => episode,
            _ => {
                self.all.push(Episode::new(rule, u32::try_from(number + 1).expect("few episodes")));
                self.all.last_mut().expect("it was pushed")
            }
        };
        episode.begin(day, (now, history.step));
        found.iter().for_each(|(_, verdict)| episode.take(verdict));
        episode.suppress(rule, history);
    }

    /// A contact since the opening closes what nobody has taken on.
    fn clear(&mut self, rule: &Rule, history: &History) {
        let last = self.all.iter_mut().rfind(|episode| episode.rule == rule.id);
        let unclaimed = |episode: &&mut Episode| matches!(episode.status, Status::Open | Status::Suppressed);
        if let Some(episode) = last.filter(unclaimed)
            && settled(rule, history, episode.opened, Some(rule.clear_days))
        {
            episode.status = Status::Closed(history.now);
            (episode.closed, episode.held) = ((history.now, history.step), false);
        }
    }

    /// Takes the steps that have fallen due.
    pub(crate) fn escalate(&mut self, history: &History) {
        for episode in &mut self.all {
            let rule = RULES.iter().find(|rule| rule.id == episode.rule).expect("a shipped rule");
            episode.suppress(rule, history);
            if !matches!(episode.status, Status::Open | Status::Claimed) {
                continue;
            }
            let Some(visible) = episode.visible else {
                episode.visible = (history.now > episode.seen).then_some(history.now);
                continue;
            };
            if settled(rule, history, episode.opened, None) {
                continue;
            }
            for step in rule.steps.iter().filter(|step| history.now >= visible + step.after_hours * HOUR) {
                episode.escalated = episode.escalated.max(step.raise_to);
            }
        }
    }
}

fn is_closed(episode: &Episode) -> bool {
    matches!(episode.status, Status::Closed(_))
}

/// Whether someone was reached, or for some rules a meter ran, since a moment and in the last days.
fn settled(rule: &Rule, history: &History, since: Accepted, days: Option<i32>) -> bool {
    let today = day_of(history.now);
    let recent = |day: Day| day <= today && days.is_none_or(|days| day > today - days);
    let contact = history
        .events
        .iter()
        .any(|event| event.name == "contacted" && event.accepted > since && recent(event.when.day()));
    let used = history
        .readings
        .iter()
        .any(|reading| reading.used && reading.day >= day_of(since.0) && recent(reading.day));
    contact || rule.use_clears && used
}

impl Episode {
    fn new(rule: &Rule, number: u32) -> Self {
        Self {
            rule: rule.id,
            number,
            day: 0,
            opened: (0, 0),
            seen: 0,
            visible: None,
            shown: false,
            paused: None,
            level: Level::Watch,
            points: 0,
            escalated: None,
            reasons: BTreeSet::new(),
            held: false,
            status: Status::Open,
            closed: (0, 0),
            reopened: false,
        }
    }

    /// Begins, for the first time or again: a person has closed what it was, so it stands for what is true now.
    fn begin(&mut self, day: Day, now: Accepted) {
        self.reopened = is_closed(self);
        self.status = Status::Open;
        (self.day, self.opened, self.seen, self.visible) = (day, now, now.0, None);
        (self.paused, self.held, self.shown) = (None, false, false);
        (self.level, self.points, self.escalated) = (Level::Watch, 0, None);
        self.reasons.clear();
    }

    fn is_live(&self) -> bool {
        !matches!(self.status, Status::Closed(_) | Status::Withdrawn)
    }

    fn take(&mut self, verdict: &Verdict) {
        self.level = self.level.max(verdict.level);
        self.points = self.points.max(verdict.points);
        self.reasons.extend(&verdict.reasons);
    }

    /// A live episode takes in what the days say. After a correction it is worked out anew from its own days; if none of
    /// them holds any more, it never should have been. It may turn out to have begun earlier, save in the time of one closed.
    fn follow(
        &mut self,
        rule: &Rule,
        history: &History,
        days: RangeInclusive<Day>,
        correction: bool,
        earlier: bool,
    ) {
        let today = day_of(history.now);
        let from = match (correction, earlier) {
            (true, true) => self.day.min(*days.start()),
            (true, false) => self.day,
            (false, _) => *days.start(),
        };
        let days_true = |history: &History| -> Vec<(Day, Verdict)> {
            let decide = |day| (rule.decide)(history, day, false).map(|verdict| (day, verdict));
            (from..=today).filter_map(decide).collect()
        };
        let verdicts = days_true(history);
        if correction && verdicts.is_empty() {
            // An outage that was told late puts a silence off; that takes nothing back.
            let bright = History { outages: Vec::new(), ..history.clone() };
            let only_waits = !history.outages.is_empty() && !days_true(&bright).is_empty();
            if !only_waits && matches!(self.status, Status::Open | Status::Suppressed) {
                (self.status, self.held) = (Status::Withdrawn, false);
            }
        } else if correction {
            self.day = verdicts[0].0;
            (self.level, self.points) = (Level::Watch, 0);
            self.reasons.clear();
        }
        for (_, verdict) in &verdicts {
            self.take(verdict);
        }
        self.suppress(rule, history);
    }

    /// While there is an outage, silence is no reason. What stands without it goes out; what does not is held, and its
    /// escalation waits.
    fn suppress(&mut self, rule: &Rule, history: &History) {
        if !self.is_live() {
            return;
        }
        let today = day_of(history.now);
        let dark = history.outages.iter().any(|(from, to)| *from <= history.now && history.now < *to);
        // Silence as it would be without any outage: the time that is left out may have put it off.
        let bright = History { outages: Vec::new(), ..history.clone() };
        let silent = || (rule.silent)(&bright, today);
        self.held = dark && self.level < Level::Critical && self.reasons.contains("silent") && silent();
        let concerned = self.held;
        let stands = || -> Vec<Verdict> {
            (self.day..=today).filter_map(|day| (rule.decide)(history, day, true)).collect()
        };
        let without = if concerned { stands() } else { Vec::new() };
        match self.status {
            Status::Open if concerned && without.is_empty() => {
                self.status = Status::Suppressed;
                self.paused = Some(history.now);
            }
            Status::Suppressed if !concerned || !without.is_empty() => {
                self.status = Status::Open;
                self.go_on(history.now);
            }
            _ => {}
        }
        if !without.is_empty() && !self.shown {
            self.level = without.iter().map(|verdict| verdict.level).max().unwrap_or(self.level);
            self.points = without.iter().map(|verdict| verdict.points).max().unwrap_or(self.points);
        }
        self.shown |= self.status != Status::Suppressed;
    }

    /// Its escalation no longer waits; the time it waited does not count. One that had not begun begins behind now.
    fn go_on(&mut self, now: Ms) {
        let Some(paused) = self.paused.take() else { return };
        match self.visible {
            Some(visible) => self.visible = Some(visible + now - paused),
            None => self.seen = now,
        }
    }
}
