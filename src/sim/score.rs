//! How well rules find crises: a city in process, its people acting on alerts after fixed delays of stream time, measured
//! against its hidden truth.
//!
//! The unit of recall is a crisis spell with at least one accepted signal: hit if an alert opens for its household within
//! 30 days of the first. Spells that left no signal are counted apart: no rule can find them. An alert is right if its
//! household is in crisis when it opens, or was up to 30 days before. Beside the rules stands a plain ranking that names, week
//! by week, as many households as the rules opened alerts: those with the most signals.

use super::city::{About, AlertSeen, City, Plan};
use super::ground::{Days, Ground, Verdict};
use super::run::{Happening, RunError, run};
use crate::contracts::{Contracts, Tree};
use crate::rules::plan::Pack;
use crate::types::{Day, SmolStr};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Days over which the plain ranking counts, and for which it does not name a household again.
const RANKED_DAYS: i32 = 90;
const NAMED_DAYS: i32 = 60;
const WEEK_DAYS: i32 = 7;
/// A round of the national system: two months.
const ROUND_DAYS: i32 = 61;

/// Right and all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Those that count.
    pub right: u64,
    /// All of them.
    pub all: u64,
}

impl Part {
    /// Counts one.
    pub fn add(&mut self, right: bool) {
        self.right += u64::from(right);
        self.all += 1;
    }

    /// In tenths of a percent, if there is any.
    pub fn permille(self) -> Option<u64> {
        (self.right * 1000).checked_div(self.all)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.permille() {
            Some(n) => write!(f, "{:>3}.{} % ({} of {})", n / 10, n % 10, self.right, self.all),
            None => f.write_str("    - (none)"),
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Households.
    pub households: u64,
    /// Days.
    pub days: u64,
    /// Raw records handed in.
    pub records: u64,
    /// Most households in crisis on one day.
    pub most_in_crisis: u64,
    /// Households with a signal in the last two months, among all, summed over the weeks from the third month on.
    pub signalled: Part,
    /// Spells with a signal early enough to be judged: those hit among all.
    pub recall: Part,
    /// The same by severity, from 1 to 3.
    pub by_severity: BTreeMap<u8, Part>,
    /// The same by hidden cause.
    pub by_cause: BTreeMap<&'static str, Part>,
    /// Spells without any signal: those for which an alert opened even so, among all.
    pub unsignalled: Part,
    /// Spells whose first signal came too late in the run to be judged.
    pub too_late: u64,
    /// Alerts opened: those that were right, among all.
    pub precision: Part,
    /// The same by rule.
    pub by_rule: BTreeMap<SmolStr, Part>,
    /// The plain ranking: its recall and its precision.
    pub ranking: (Part, Part),
    /// Alert records by change.
    pub changes: BTreeMap<SmolStr, u64>,
    /// Rejected records.
    pub letters: u64,
}

/// Runs a city through the stages and measures what a pack finds.
pub fn score(
    plan: Plan,
    contracts: &Arc<Contracts>,
    pack: &Arc<Pack>,
    progress: impl FnMut(i64),
) -> Result<Score, RunError> {
    watched(plan, contracts, pack, progress, |_| {})
}

/// The same; `seen` is shown each alert.
fn watched(
    plan: Plan,
    contracts: &Arc<Contracts>,
    pack: &Arc<Pack>,
    mut progress: impl FnMut(i64),
    mut seen: impl FnMut(&Tree),
) -> Result<Score, RunError> {
    let city = City::new(plan.clone(), Arc::clone(contracts)).map_err(RunError::City)?;
    let mut watch = Watch::new(&city);
    let city = run(plan, contracts, pack, None, &mut |driver, happening| match happening {
        Happening::Raw(record) => watch.record(record.at.day(), record.about),
        Happening::Alert { at, tree, .. } => {
            seen(tree);
            // The truth is of households: what an area's alert is worth cannot be told from it.
            if let Some(alert) = AlertSeen::of(tree).filter(|alert| !alert.is_about_an_area()) {
                watch.alert(at.day(), &alert, driver.city.who(&alert.household));
            }
        }
        Happening::Letter => watch.score.letters += 1,
        Happening::Midnight(day) => {
            watch.midnight(day);
            progress(driver.progress());
        }
        Happening::Handled(..) => {}
    })?;
    Ok(watch.finish(city.plan().end()))
}

/// What is written down on the way.
struct Watch {
    score: Score,
    ground: Ground,
    /// Alerts opened.
    opened: Days,
    /// Things told of, by household, with the day on which each was heard of last.
    told: BTreeMap<u32, Vec<(Day, u32)>>,
    /// Households named by the ranking, with the days.
    named: Days,
    opened_this_week: usize,
    last_week: Day,
    start: Day,
}

impl Watch {
    fn new(city: &City) -> Self {
        let ground = city.ground();
        let plan = city.plan();
        let in_crisis =
            |day: Day| ground.spells().iter().filter(|(spell, _)| spell.holds(day)).count() as u64;
        let days = (0..plan.end().since(plan.start)).map(|n| plan.start.plus(n));
        let score = Score {
            households: u64::from(plan.households),
            days: u64::from(plan.days),
            most_in_crisis: days.map(in_crisis).max().unwrap_or(0),
            ..Score::default()
        };
        Self {
            last_week: plan.start,
            start: plan.start,
            score,
            ground,
            opened: Days::new(),
            told: BTreeMap::new(),
            named: Days::new(),
            opened_this_week: 0,
        }
    }

    fn record(&mut self, day: Day, about: Option<About>) {
        self.score.records += 1;
        let Some(About { household, thing }) = about else { return };
        let things = self.told.entry(household).or_default();
        // Told again, a thing is as new as when it was told last.
        things.retain(|(_, known)| *known != thing);
        things.push((day, thing));
        self.ground.heard(household, day);
    }

    fn alert(&mut self, day: Day, alert: &AlertSeen, household: Option<u32>) {
        *self.score.changes.entry(alert.change.clone()).or_insert(0) += 1;
        if alert.change != "opened" {
            return;
        }
        let right = household.is_some_and(|household| self.ground.is_right(household, day));
        self.score.precision.add(right);
        self.score.by_rule.entry(alert.rule.clone()).or_default().add(right);
        self.opened_this_week += 1;
        if let Some(household) = household {
            self.opened.entry(household).or_default().push(day);
        }
    }

    fn midnight(&mut self, day: Day) {
        if day.since(self.last_week) < WEEK_DAYS {
            return;
        }
        self.last_week = day;
        if day.since(self.start) >= ROUND_DAYS {
            let is_new = |(heard, _): &(Day, u32)| day.since(*heard) <= ROUND_DAYS;
            let signalled = self.told.values().filter(|things| things.iter().any(is_new)).count() as u64;
            self.score.signalled.right += signalled;
            self.score.signalled.all += self.score.households;
        }
        self.rank(day);
    }

    /// The ranking names as many households as alerts were opened since it did last.
    fn rank(&mut self, day: Day) {
        let named = &self.named;
        let rested = |household: &u32| {
            named.get(household).and_then(|d| d.last()).is_none_or(|d| day.since(*d) > NAMED_DAYS)
        };
        let recent =
            |things: &[(Day, u32)]| things.iter().filter(|(d, _)| day.since(*d) <= RANKED_DAYS).count();
        let mut ranked: Vec<(usize, Day, u32)> = self
            .told
            .iter()
            .filter(|(household, _)| rested(household))
            .filter_map(|(household, things)| Some((recent(things), things.last()?.0, *household)))
            .filter(|(count, ..)| *count > 0)
            .collect();
        ranked.sort_by(|a, b| b.cmp(a));
        let many = std::mem::take(&mut self.opened_this_week);
        for (_, _, household) in ranked.into_iter().take(many) {
            let right = self.ground.is_right(household, day);
            self.score.ranking.1.add(right);
            self.named.entry(household).or_default().push(day);
        }
    }

    fn finish(mut self, end: Day) -> Score {
        self.rank(end);
        let named = self.ground.verdicts(&self.named);
        for ((spell, verdict), (_, named)) in self.ground.verdicts(&self.opened).zip(named) {
            match verdict {
                Verdict::Unsignalled(found) => self.score.unsignalled.add(found),
                Verdict::TooLate => self.score.too_late += 1,
                Verdict::Found(hit) => {
                    self.score.recall.add(hit);
                    self.score.by_severity.entry(spell.severity).or_default().add(hit);
                    self.score.by_cause.entry(spell.cause.as_str()).or_default().add(hit);
                    self.score.ranking.0.add(named == Verdict::Found(true));
                }
            }
        }
        self.score
    }
}

impl Score {
    /// Alerts opened for each 1,000 households and month of 30 days, in hundredths.
    pub fn alerts_per_thousand_month(&self, alerts: u64) -> u64 {
        (alerts * 1000 * 30 * 100).checked_div(self.households * self.days).unwrap_or(0)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.most_in_crisis * 1000).checked_div(self.households).unwrap_or(0);
        writeln!(f, "{} households, {} days, {} records", self.households, self.days, self.records)?;
        writeln!(f, "at most {}.{} % of households in crisis on a day", tenths / 10, tenths % 10)?;
        if let Some(n) = self.signalled.permille() {
            writeln!(f, "{}.{} % of households with a signal in two months, on average", n / 10, n % 10)?;
        }
        writeln!(f)?;
        writeln!(f, "{:<34} {:<24} {:<24}", "", "rules", "most signals first")?;
        writeln!(
            f,
            "{:<34} {:<24} {:<24}",
            "precision",
            self.precision.to_string(),
            self.ranking.1.to_string()
        )?;
        writeln!(f, "{:<34} {:<24} {:<24}", "recall", self.recall.to_string(), self.ranking.0.to_string())?;
        for (severity, part) in &self.by_severity {
            writeln!(f, "{:<34} {part}", format!("  severity {severity}"))?;
        }
        for (cause, part) in &self.by_cause {
            writeln!(f, "{:<34} {part}", format!("  {cause}"))?;
        }
        writeln!(f)?;
        writeln!(f, "{:<34} {:<24} opened per 1,000 households and month", "precision by rule", "")?;
        for (rule, part) in &self.by_rule {
            let rate = self.alerts_per_thousand_month(part.all);
            writeln!(
                f,
                "{:<34} {:<24} {:>4}.{:02}",
                format!("  {rule}"),
                part.to_string(),
                rate / 100,
                rate % 100
            )?;
        }
        let rate = self.alerts_per_thousand_month(self.precision.all);
        writeln!(
            f,
            "{:<34} {:<24} {:>4}.{:02}",
            "  all",
            self.precision.to_string(),
            rate / 100,
            rate % 100
        )?;
        writeln!(f)?;
        writeln!(
            f,
            "spells without any signal: {}, of which an alert opened for {}",
            self.unsignalled.all, self.unsignalled.right
        )?;
        writeln!(f, "spells whose first signal came too late in the run to be judged: {}", self.too_late)?;
        let changes: Vec<String> = self.changes.iter().map(|(change, n)| format!("{change} {n}")).collect();
        write!(f, "alert records: {}; rejected records: {}", changes.join(", "), self.letters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::builtin;
    use crate::engine::layout::ALERTS_TOPIC;
    use std::collections::BTreeSet;

    fn said(record: &Tree, name: &str) -> String {
        let Tree::Record(fields) = record else { return String::new() };
        let found = fields.iter().find(|(known, _)| known == name);
        found.map_or_else(String::new, |(_, value)| {
            if let Tree::Text(text) = value { text.to_string() } else { format!("{value:?}") }
        })
    }

    /// What somebody who writes message templates relies on: which fields are there, the words that choose a template and its
    /// variables, the marks of each reason.
    fn form(alert: &Tree) -> Vec<String> {
        let Tree::Record(fields) = alert else { return Vec::new() };
        let mut lines: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name} {}", if *value == Tree::Null { "null" } else { "given" }))
            .collect();
        for name in ["notify", "status", "level", "urgency", "template_key", "because", "reason_code"] {
            lines.push(format!("{name} {}", said(alert, name)));
        }
        let list = |name: &str| {
            let found = fields.iter().find(|(known, _)| known == name);
            found.and_then(|(_, list)| if let Tree::List(list) = list { Some(list.clone()) } else { None })
        };
        lines.extend(list("vars").unwrap_or_default().iter().map(|var| format!("var {}", said(var, "name"))));
        for reason in list("reasons").unwrap_or_default() {
            let marks = ["also", "met", "assumed", "held", "unknown", "past"];
            lines.push(format!("reason {}", marks.map(|mark| said(&reason, mark)).join(" ")));
        }
        let action = fields
            .iter()
            .find(|(name, _)| name == "suggested_action")
            .map(|(_, action)| said(action, "action"));
        lines.push(format!("action {}", action.unwrap_or_default()));
        lines
    }

    #[test]
    fn a_year_of_two_thousand_households_is_scored_and_meets_every_change_of_an_alert() {
        let contracts = Arc::new(builtin());
        let (pack, found) = crate::rules::load(crate::rules::builtin_files(), &contracts);
        let pack = Arc::new(pack.unwrap_or_else(|| panic!("{found:?}")));
        let plan = Plan { households: 2_000, days: 365, ..Plan::default() };
        let mut forms: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
        let seen = |alert: &Tree| {
            let form = form(alert);
            let change = said(alert, "change");
            forms.entry(change).or_default().insert(form);
        };
        let score = watched(plan, &contracts, &pack, |_| {}, seen).expect("a year runs through");
        let topic = contracts.topic(ALERTS_TOPIC).expect("alerts are a topic");
        // What a notification service is shown as an example is a form of alert that is really written.
        for (change, forms) in &forms {
            let path = format!("alerts.crisis/examples/{change}.json");
            let files = crate::contracts::builtin_files();
            let (_, json) = files.iter().find(|(name, _)| *name == path).expect("an example");
            let example = topic.from_json(json.as_bytes()).expect("an alert");
            assert!(
                forms.contains(&form(&example)),
                "no alert has the form of {path}: {:#?}",
                form(&example)
            );
        }
        let changes: Vec<&str> = score.changes.keys().map(SmolStr::as_str).collect();
        let all = [
            "amended",
            "casework",
            "closed",
            "escalated",
            "opened",
            "raised",
            "reopened",
            "suppressed",
            "withdrawn",
        ];
        assert_eq!(changes, all, "{score}");
        assert!(score.most_in_crisis <= 60, "{score}");
        assert!(score.recall.all > 50 && score.recall.right > 5, "{score}");
        assert!(score.precision.permille() > Some(200), "{score}");
        assert!(
            score.ranking.1.all == score.precision.all,
            "the ranking names as many as the rules: {score}"
        );
        let rate = score.signalled.permille().unwrap_or(0);
        assert!((70..=135).contains(&rate), "about one in ten carries a signal: {score}");
    }
}
