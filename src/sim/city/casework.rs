//! Caseworkers: they see alerts, and claim, contact and close after fixed delays of stream time. What they find is the
//! truth; what they do does not end it (see [`super::truth`]).

use crate::contracts::Tree;
use crate::sim::rng::Rng;
use crate::types::{Day, EntityId, MS_PER_DAY, MS_PER_HOUR, SmolStr, StreamTime};
use std::collections::BTreeMap;

/// An alert as caseworkers see it: a revision that left on the alerts' topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertSeen {
    /// Pseudonym; of an alert about an area, its id.
    pub household: SmolStr,
    /// Episode.
    pub episode: SmolStr,
    /// Episode's number at its household and rule.
    pub number: i64,
    /// Rule id.
    pub rule: SmolStr,
    /// Revision.
    pub revision: i64,
    /// What happened (`opened`, `raised`, …).
    pub change: SmolStr,
    /// Status after it.
    pub status: SmolStr,
    /// Level after it.
    pub level: SmolStr,
    /// Day it is about.
    pub occurred_on: Day,
}

impl AlertSeen {
    /// Reads a decoded record; none if it is not one of alerts.
    pub fn of(record: &Tree) -> Option<Self> {
        let text = |name: &str| record.text(name).cloned();
        let int = |name: &str| record.int(name);
        Some(Self {
            household: text("household")?,
            episode: text("episode")?,
            number: int("episode_number")?,
            rule: text("rule")?,
            revision: int("revision")?,
            change: text("change")?,
            status: text("status")?,
            level: text("level")?,
            occurred_on: Day(i32::try_from(int("occurred_on")?).ok()?),
        })
    }

    /// Whether it is about an area: of no one household.
    pub fn is_about_an_area(&self) -> bool {
        EntityId(self.household.clone()).area().is_some()
    }

    /// Whether nobody works on it yet.
    fn waits(&self) -> bool {
        ["OPEN", "REOPENED"].contains(&self.status.as_str())
    }

    fn is_over(&self) -> bool {
        ["CLOSED", "WITHDRAWN", "SUPPRESSED"].contains(&self.status.as_str())
    }
}

/// An action to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Act {
    pub(super) id: SmolStr,
    pub(super) household: SmolStr,
    pub(super) episode: SmolStr,
    pub(super) revision: i64,
    pub(super) action: &'static str,
    pub(super) outcome: Option<&'static str>,
    pub(super) actor: SmolStr,
}

/// What is found on the spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Crisis,
    Vacant,
    NoCrisis,
    /// The alert names a household that no registry knows.
    Nobody,
}

#[derive(Clone, Debug)]
struct Case {
    household: SmolStr,
    revision: i64,
    steps: u32,
}

/// All open cases.
#[derive(Clone, Debug)]
pub(super) struct Casework {
    rng: Rng,
    cases: BTreeMap<SmolStr, Case>,
    due: BTreeMap<(i64, SmolStr), &'static str>,
}

/// In thousandths: alerts that nobody looks at until they escalate, claims given back, contacts that fail at first, and
/// those who are never reached (of targets, 6 to 12 % are not located: sourced).
const OVERLOOKED: u64 = 80;
const GIVEN_BACK: u64 = 30;
const NOT_IN: u64 = 300;
const NEVER_REACHED: u64 = 90;
/// Hours until someone claims, by level. *Assumption*.
const CLAIM_HOURS: [(&str, (i64, i64)); 3] = [("critical", (1, 8)), ("high", (4, 40)), ("watch", (12, 110))];

/// How cases end where someone is in crisis, and where nobody is. *Assumption*; a fifth to a half of targets get support (sourced).
const OUTCOMES_IN_CRISIS: [(u64, &str); 5] = [
    (62, "public_support"),
    (18, "private_support"),
    (10, "referred"),
    (6, "refused"),
    (4, "already_served"),
];
const OUTCOMES_ELSE: [(u64, &str); 5] =
    [(50, "not_eligible"), (30, "self_resolved"), (10, "away"), (6, "refused"), (4, "already_served")];

impl Casework {
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed).fork_named("casework"), cases: BTreeMap::new(), due: BTreeMap::new() }
    }

    /// Takes an alert in: its first visible revision starts a case, later ones are read before the next step.
    pub(super) fn see(&mut self, alert: &AlertSeen, now: StreamTime) {
        if alert.is_over() {
            self.cases.remove(&alert.episode);
            return;
        }
        if let Some(case) = self.cases.get_mut(&alert.episode) {
            case.revision = case.revision.max(alert.revision);
            return;
        }
        if !alert.waits() {
            return;
        }
        let case = Case { household: alert.household.clone(), revision: alert.revision, steps: 0 };
        self.cases.insert(alert.episode.clone(), case);
        let mut rng = self.rng_of(&alert.episode, 0);
        let hours =
            CLAIM_HOURS.iter().find(|(level, _)| *level == alert.level).map_or((12, 110), |(_, h)| *h);
        let mut wait = rng.between(hours.0, hours.1) * MS_PER_HOUR;
        if rng.chance(OVERLOOKED, 1000) {
            wait += rng.between(4, 20) * MS_PER_DAY;
        }
        self.plan(now.plus_ms(wait), &alert.episode, "claimed");
    }

    /// The time of the next action.
    pub(super) fn next_due(&self) -> Option<i64> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next action, if its case is still open, and plans the one after it.
    pub(super) fn act(&mut self, found: impl FnOnce(&str) -> Found) -> Option<(StreamTime, Act)> {
        let ((at, episode), action) = self.due.pop_first()?;
        let now = StreamTime(at);
        let case = self.cases.get_mut(&episode)?;
        case.steps += 1;
        let case = case.clone();
        let mut rng = self.rng_of(&episode, case.steps);
        let mut later = |rng: &mut Rng, from: i64, to: i64, action| {
            self.plan(now.plus_ms(rng.between(from, to) * MS_PER_HOUR), &episode, action);
        };
        let mut outcome = None;
        match action {
            "claimed" if rng.chance(GIVEN_BACK, 1000) => later(&mut rng, 2, 30, "unclaimed"),
            "claimed" if rng.chance(NOT_IN, 1000) => later(&mut rng, 2, 40, "attempted"),
            "claimed" => later(&mut rng, 2, 48, "contacted"),
            "unclaimed" => later(&mut rng, 4, 48, "claimed"),
            "attempted" if rng.chance(NEVER_REACHED * 1000 / NOT_IN, 1000) => {
                later(&mut rng, 60, 240, "closed")
            }
            "attempted" => later(&mut rng, 12, 72, "contacted"),
            "contacted" => later(&mut rng, 48, 336, "closed"),
            _ => outcome = Some(self.close(&episode, found(&case.household), case.steps, &mut rng)),
        }
        let actor = SmolStr::new(format!("w-{:03}", rng.below(200)));
        let Case { household, revision, steps } = case;
        // A case that is opened again counts its steps anew; its revisions go on.
        let id = SmolStr::new(format!("act-{episode}-{revision}-{steps}"));
        Some((now, Act { id, household, episode, revision, action, outcome, actor }))
    }

    fn close(&mut self, episode: &SmolStr, found: Found, steps: u32, rng: &mut Rng) -> &'static str {
        self.cases.remove(episode);
        // Claimed, attempted, closed: nobody was reached.
        match found {
            Found::Vacant => "vacant",
            Found::Nobody => "unreachable",
            Found::Crisis | Found::NoCrisis if steps <= 3 && rng.chance(600, 1000) => "unreachable",
            Found::Crisis => rng.weighted::<&str>(&OUTCOMES_IN_CRISIS),
            Found::NoCrisis => rng.weighted::<&str>(&OUTCOMES_ELSE),
        }
    }

    fn plan(&mut self, at: StreamTime, episode: &SmolStr, action: &'static str) {
        self.due.insert((at.0, episode.clone()), action);
    }

    fn rng_of(&self, episode: &str, step: u32) -> Rng {
        self.rng.fork_named(episode).fork(u64::from(step))
    }
}
