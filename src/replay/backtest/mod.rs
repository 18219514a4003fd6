//! What another pack would have told: the alerts of two replays of one log, laid side by side.
//!
//! An alert here is an episode that people could see. Two of them are the same if they are of one rule and one household and
//! were live at one time: numbers of episodes shift as soon as one replay opens one more.

mod life;

pub use life::{Life, Lives};

use super::truth::Truth;
use crate::sim::ground::{Days, Verdict};
use crate::sim::score::Part;
use crate::types::{Day, SmolStr};
use std::collections::{BTreeMap, BTreeSet};

/// Which openings count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// From this day on; none: from the first.
    pub from: Option<Day>,
    /// To this day, itself included; none: to the last.
    pub to: Option<Day>,
}

impl Span {
    fn contains(&self, life: &Life) -> bool {
        let day = life.opened.day();
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }
}

/// Alerts of one kind (a rule's, a region's, all) under both packs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Alerts of the old pack.
    pub old: u64,
    /// Alerts of the new pack.
    pub new: u64,
    /// Of the new pack alone.
    pub appear: u64,
    /// Of the old pack alone.
    pub vanish: u64,
    /// Of both, and graver under the new one: as it opens, or at its gravest.
    pub graver: u64,
    /// Of both, and milder under the new one.
    pub milder: u64,
    /// Of both, and opened on an earlier day by the new one.
    pub earlier: u64,
    /// Of both, and opened on a later day by the new one.
    pub later: u64,
}

/// An alert that is not the same under both packs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// As the old pack has it.
    pub old: Option<Life>,
    /// As the new pack has it.
    pub new: Option<Life>,
}

impl Change {
    /// Either of the two.
    pub fn life(&self) -> Option<&Life> {
        self.new.as_ref().or(self.old.as_ref())
    }

    /// `appears`, `vanishes`, `graver`, `milder`, `earlier` or `later`.
    pub fn word(&self) -> &'static str {
        match (&self.old, &self.new) {
            (None, _) => "appears",
            (_, None) => "vanishes",
            (Some(old), Some(new)) if new.weight() > old.weight() => "graver",
            (Some(old), Some(new)) if new.weight() < old.weight() => "milder",
            (Some(old), Some(new)) if new.opened < old.opened => "earlier",
            (Some(_), Some(_)) => "later",
        }
    }
}

/// How a pack stands beside a hidden truth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Openings that were right, among all.
    pub precision: Part,
    /// Spells found in time, among those that can be judged.
    pub recall: Part,
    /// Precision by rule.
    pub by_rule: BTreeMap<SmolStr, Part>,
}

/// Two replays side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// All alerts.
    pub all: Tally,
    /// By rule.
    pub rules: BTreeMap<SmolStr, Tally>,
    /// By region, as the alert's queue has it; empty: none is known.
    pub regions: BTreeMap<SmolStr, Tally>,
    /// By group of household; empty where none was asked for.
    pub groups: BTreeMap<SmolStr, Tally>,
    /// Openings by day: of the old pack, of the new one.
    pub days: BTreeMap<Day, (u64, u64)>,
    /// Households with an alert of the old pack alone, of both, of the new pack alone.
    pub households: (u64, u64, u64),
    /// What differs, by day, rule and household.
    pub changes: Vec<Change>,
    /// Beside a hidden truth, if one was given: the old pack, the new one.
    pub measured: Option<(Measured, Measured)>,
}

/// Lays the alerts of two replays side by side.
pub fn compare(old: Vec<Life>, new: Vec<Life>, span: Span, truth: Option<&Truth>) -> Comparison {
    let measured = truth.map(|truth| (measure(&old, span, truth), measure(&new, span, truth)));
    let mut comparison = Comparison { measured, ..Comparison::default() };
    comparison.households = households(&old, &new, span);
    for (which, lives) in [(0, &old), (1, &new)] {
        for life in lives.iter().filter(|life| span.contains(life)) {
            let day = comparison.days.entry(life.opened.day()).or_default();
            if which == 0 { day.0 += 1 } else { day.1 += 1 }
        }
    }
    for change in pairs(old, new) {
        let sides = [&change.old, &change.new];
        if sides.into_iter().flatten().any(|life| span.contains(life)) {
            comparison.take(change);
        }
    }
    comparison.changes.sort_by(|a, b| order(a).cmp(&order(b)));
    comparison
}

impl Comparison {
    fn take(&mut self, pair: Change) {
        let Some(life) = pair.life() else { return };
        let mut one = Tally {
            old: u64::from(pair.old.is_some()),
            new: u64::from(pair.new.is_some()),
            ..Tally::default()
        };
        let mut differs = true;
        match (&pair.old, &pair.new) {
            (Some(old), Some(new)) => {
                one.graver = u64::from(new.weight() > old.weight());
                one.milder = u64::from(new.weight() < old.weight());
                one.earlier = u64::from(new.opened.day() < old.opened.day());
                one.later = u64::from(new.opened.day() > old.opened.day());
                differs = one.graver + one.milder + one.earlier + one.later > 0;
            }
            (None, _) => one.appear = 1,
            (_, None) => one.vanish = 1,
        }
        self.all.add(&one);
        self.rules.entry(life.rule.clone()).or_default().add(&one);
        self.regions.entry(life.region.clone()).or_default().add(&one);
        if let Some(group) = &life.group {
            self.groups.entry(group.clone()).or_default().add(&one);
        }
        if differs {
            self.changes.push(pair);
        }
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.old += other.old;
        self.new += other.new;
        self.appear += other.appear;
        self.vanish += other.vanish;
        self.graver += other.graver;
        self.milder += other.milder;
        self.earlier += other.earlier;
        self.later += other.later;
    }
}

type Order<'a> = Option<(Day, &'a SmolStr, &'a SmolStr, crate::types::StreamTime)>;

fn order(change: &Change) -> Order<'_> {
    change.life().map(|life| (life.opened.day(), &life.rule, &life.household, life.opened))
}

/// Each alert of either replay once, beside its like of the other.
fn pairs(old: Vec<Life>, new: Vec<Life>) -> Vec<Change> {
    let mut by_place: BTreeMap<(SmolStr, SmolStr), (Vec<Life>, Vec<Life>)> = BTreeMap::new();
    for life in old {
        by_place.entry((life.household.clone(), life.rule.clone())).or_default().0.push(life);
    }
    for life in new {
        by_place.entry((life.household.clone(), life.rule.clone())).or_default().1.push(life);
    }
    let mut pairs = Vec::new();
    for (mut old, mut new) in by_place.into_values() {
        old.sort_by_key(|life| life.opened);
        new.sort_by_key(|life| life.opened);
        let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
        while let Some(change) = match (old.peek(), new.peek()) {
            (Some(a), Some(b)) if a.overlaps(b) => Some((true, true)),
            (Some(a), Some(b)) => Some((a.opened < b.opened, a.opened >= b.opened)),
            (Some(_), None) => Some((true, false)),
            (None, Some(_)) => Some((false, true)),
            (None, None) => None,
        } {
            let old = if change.0 { old.next() } else { None };
            let new = if change.1 { new.next() } else { None };
            pairs.push(Change { old, new });
        }
    }
    pairs
}

fn households(old: &[Life], new: &[Life], span: Span) -> (u64, u64, u64) {
    let named = |lives: &[Life]| -> BTreeSet<SmolStr> {
        lives.iter().filter(|life| span.contains(life)).map(|life| life.household.clone()).collect()
    };
    let (old, new) = (named(old), named(new));
    let both = old.intersection(&new).count() as u64;
    (old.len() as u64 - both, both, new.len() as u64 - both)
}

/// Precision and recall as `ieum simulate --score` defines them: each first opening counts for precision, and spells whose first
/// signal lies in the span for recall.
fn measure(lives: &[Life], span: Span, truth: &Truth) -> Measured {
    let mut measured = Measured::default();
    let mut opened = Days::new();
    for life in lives {
        let household = truth.names.get(&life.household).copied();
        if let Some(household) = household {
            opened.entry(household).or_default().push(life.opened.day());
        }
        if span.contains(life) {
            let right = household.is_some_and(|number| truth.ground.is_right(number, life.opened.day()));
            measured.precision.add(right);
            measured.by_rule.entry(life.rule.clone()).or_default().add(right);
        }
    }
    let firsts = truth.ground.spells().iter().map(|(_, first)| *first);
    for ((_, verdict), first) in truth.ground.verdicts(&opened).zip(firsts) {
        let is_inside = first.is_some_and(|first| {
            span.from.is_none_or(|from| from <= first) && span.to.is_none_or(|to| first <= to)
        });
        if let (Verdict::Found(hit), true) = (verdict, is_inside) {
            measured.recall.add(hit);
        }
    }
    measured
}
