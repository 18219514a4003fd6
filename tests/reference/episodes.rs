//! The life of a household's alerts.

use super::history::{History, Proof};
use super::rules::{Level, RULES, Rule, Verdict, in_effect};
use super::time::{Day, HOUR, Ms, day_of, midnight};
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
    opened: Ms,
    /// The first tick behind the opening, from which escalation counts.
    visible: Option<Ms>,
    level: Level,
    escalated: Option<Level>,
    reasons: BTreeSet<&'static str>,
    status: Status,
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
            status: episode.status,
        };
        let mut decisions: Vec<Decision> = self.all.iter().map(decision).collect();
        decisions.sort_by_key(|decision| (decision.rule, decision.number));
        decisions
    }

    pub(crate) fn act(&mut self, rule: &str, number: u32, act: Act, now: Ms) {
        let mut all = self.all.iter_mut();
        let Some(episode) = all.find(|episode| episode.rule == rule && episode.number == number) else {
            return;
        };
        episode.status = match (episode.status, act) {
            (Status::Open, Act::Claim) => Status::Claimed,
            (Status::Claimed, Act::Unclaim) => Status::Open,
            (Status::Open | Status::Claimed, Act::Contact) => Status::Contacted,
            (Status::Open | Status::Claimed | Status::Contacted, Act::Close) => Status::Closed(now),
            (status, _) => status,
        };
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
        let last = self.all.iter_mut().rfind(|episode| episode.rule == rule.id);
        if let Some(episode) = last.filter(|episode| episode.is_live()) {
            episode.follow(rule, history, days, correction);
            return;
        }
        let last = self.all.iter_mut().rfind(|episode| episode.rule == rule.id);
        for day in days.filter(|day| in_effect(*day)) {
            let Some((verdict, suppressed)) = verdict(rule, history, day) else { continue };
            let late_only = !verdict.required.is_empty() && verdict.required.iter().all(|proof| proof.late);
            if late_only {
                continue;
            }
            let closed = last.as_ref().and_then(|episode| match episode.status {
                Status::Closed(at) => {
                    Some((at, episode.level.max(episode.escalated.unwrap_or(Level::Watch))))
                }
                _ => None,
            });
            if let Some((at, level)) = closed {
                let newer = |proof: &Proof| proof.accepted > at && !proof.late;
                let news = verdict.required.iter().chain(&verdict.further).any(newer);
                let cooling = history.now < at + Ms::from(rule.cooldown_days) * 24 * HOUR;
                let graver = cooling && verdict.level > level;
                if !news && !graver {
                    continue;
                }
                if cooling && let Some(episode) = last {
                    episode.reopen(&verdict, suppressed, history.now);
                    return;
                }
            }
            let number = u32::try_from(number + 1).expect("few episodes");
            self.all.push(Episode::open(rule, number, day, &verdict, suppressed, history.now));
            return;
        }
    }

    /// A contact since the opening closes what nobody has taken on.
    fn clear(&mut self, rule: &Rule, history: &History) {
        let last = self.all.iter_mut().rfind(|episode| episode.rule == rule.id);
        if let Some(episode) = last.filter(|episode| episode.status == Status::Open)
            && settled(rule, history, episode.opened, Some(rule.clear_days))
        {
            episode.status = Status::Closed(history.now);
        }
    }

    /// Takes the steps that have fallen due.
    pub(crate) fn escalate(&mut self, history: &History) {
        for episode in &mut self.all {
            if !matches!(episode.status, Status::Open | Status::Claimed) {
                continue;
            }
            let rule = RULES.iter().find(|rule| rule.id == episode.rule).expect("a shipped rule");
            let Some(visible) = episode.visible else {
                episode.visible = Some(history.now);
                continue;
            };
            let held = history.outages.iter().any(|(from, to)| *from <= history.now && history.now < *to);
            if held && rule.use_clears || settled(rule, history, episode.opened, None) {
                continue;
            }
            for step in rule.steps.iter().filter(|step| history.now >= visible + step.after_hours * HOUR) {
                episode.escalated = episode.escalated.max(step.raise_to);
            }
        }
    }
}

/// Whether someone was reached, or for some rules a meter ran, since a moment and in the last days.
fn settled(rule: &Rule, history: &History, since: Ms, days: Option<i32>) -> bool {
    let today = day_of(history.now);
    let recent = |day: Day| day <= today && days.is_none_or(|days| day > today - days);
    let contact = history
        .events
        .iter()
        .any(|event| event.name == "contacted" && event.accepted >= since && recent(event.when.day()));
    let used = history
        .readings
        .iter()
        .any(|reading| reading.used && reading.day >= day_of(since) && recent(reading.day));
    contact || rule.use_clears && used
}

/// What a rule says on a day, and whether an outage holds it back.
fn verdict(rule: &Rule, history: &History, day: Day) -> Option<(Verdict, bool)> {
    let verdict = (rule.decide)(history, day, false)?;
    let end = history.now.min(midnight(day + 1) - 1);
    let dark = history.outages.iter().any(|(from, to)| *from <= end && end < *to);
    if !dark || verdict.level >= Level::Critical {
        return Some((verdict, false));
    }
    match (rule.decide)(history, day, true) {
        Some(held) => Some((held, false)),
        None => Some((verdict, true)),
    }
}

impl Episode {
    fn open(rule: &Rule, number: u32, day: Day, verdict: &Verdict, suppressed: bool, now: Ms) -> Self {
        Self {
            rule: rule.id,
            number,
            day,
            opened: now,
            visible: None,
            level: verdict.level,
            escalated: None,
            reasons: verdict.reasons.iter().copied().collect(),
            status: if suppressed { Status::Suppressed } else { Status::Open },
        }
    }

    fn reopen(&mut self, verdict: &Verdict, suppressed: bool, now: Ms) {
        self.status = if suppressed { Status::Suppressed } else { Status::Open };
        self.opened = now;
        self.visible = None;
        self.take(verdict);
    }

    fn is_live(&self) -> bool {
        !matches!(self.status, Status::Closed(_) | Status::Withdrawn)
    }

    fn take(&mut self, verdict: &Verdict) {
        self.level = self.level.max(verdict.level);
        self.reasons.extend(&verdict.reasons);
    }

    /// A live episode takes in what the days say. After a correction it is worked out anew from its own days; if none of
    /// them holds any more, it never should have been.
    fn follow(&mut self, rule: &Rule, history: &History, days: RangeInclusive<Day>, correction: bool) {
        let today = day_of(history.now);
        let from = if correction { self.day.min(*days.start()) } else { *days.start() };
        let verdicts: Vec<(Verdict, bool)> =
            (from..=today).filter_map(|day| verdict(rule, history, day)).collect();
        if correction {
            if verdicts.is_empty() {
                if matches!(self.status, Status::Open | Status::Suppressed) {
                    self.status = Status::Withdrawn;
                }
                return;
            }
            self.level = Level::Watch;
            self.reasons.clear();
        }
        for (verdict, _) in &verdicts {
            self.take(verdict);
        }
        match (self.status, verdicts.last()) {
            (Status::Suppressed, Some((_, false))) => {
                self.status = Status::Open;
                self.opened = history.now;
                self.visible = None;
            }
            (Status::Open, Some((_, true))) => self.status = Status::Suppressed,
            _ => {}
        }
    }
}
