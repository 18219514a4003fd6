//! The hidden truth of a run beside what was found of it: which alerts were right, which spells were found in time.
//!
//! A spell counts as found if an alert opens for its household within [`HIT_DAYS`] of its first signal; one that left no
//! signal no rule can find, and one whose first signal came too late in the run cannot be judged. An alert is right if its
//! household is in crisis when it opens, or was up to [`HIT_DAYS`] before.

use super::city::Spell;
use crate::types::Day;
use std::collections::BTreeMap;

/// Days from a spell's first signal within which an alert must open; and days after a spell for which one is still right.
pub const HIT_DAYS: i32 = 30;

/// Days on which something was opened or named, by household.
pub type Days = BTreeMap<u32, Vec<Day>>;

/// Spells with the day on which each was first heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// By household.
    spells: Vec<(Spell, Option<Day>)>,
    end: Day,
}

/// What became of a spell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It left no signal; whether an alert opened while it lasted even so.
    Unsignalled(bool),
    /// Its first signal came too late in the run to be judged.
    TooLate,
    /// Whether an alert opened in time.
    Found(bool),
}

impl Ground {
    /// The truth of a run that ends before `end`.
    pub fn new(spells: impl IntoIterator<Item = (Spell, Option<Day>)>, end: Day) -> Self {
        let mut spells: Vec<_> = spells.into_iter().collect();
        spells.sort_by_key(|(spell, _)| (spell.household, spell.from));
        Self { spells, end }
    }

    /// All spells, by household and beginning, with the day of the first signal.
    pub fn spells(&self) -> &[(Spell, Option<Day>)] {
        &self.spells
    }

    /// The first day after the run.
    pub fn end(&self) -> Day {
        self.end
    }

    /// A signal of a household was accepted: the first of the spell to which it belongs, perhaps.
    pub fn heard(&mut self, household: u32, day: Day) {
        let range = self.of(household);
        let spells = &mut self.spells[range];
        if let Some((_, first)) = spells.iter_mut().find(|(spell, _)| concerns(spell, day)) {
            first.get_or_insert(day);
        }
    }

    /// Whether an alert that opens on a day is right.
    pub fn is_right(&self, household: u32, day: Day) -> bool {
        self.spells[self.of(household)].iter().any(|(spell, _)| concerns(spell, day))
    }

    /// What became of each spell, given the days on which alerts opened.
    pub fn verdicts<'a>(&'a self, opened: &'a Days) -> impl Iterator<Item = (&'a Spell, Verdict)> {
        self.spells.iter().map(|(spell, first)| {
            let verdict = match first {
                None => Verdict::Unsignalled(in_time(opened, spell, spell.to)),
                Some(first) if first.plus(HIT_DAYS) >= self.end => Verdict::TooLate,
                Some(first) => Verdict::Found(in_time(opened, spell, first.plus(HIT_DAYS))),
            };
            (spell, verdict)
        })
    }

    /// Places of a household's own.
    fn of(&self, household: u32) -> std::ops::Range<usize> {
        let from = self.spells.partition_point(|(spell, _)| spell.household < household);
        from..self.spells.partition_point(|(spell, _)| spell.household <= household)
    }
}

fn concerns(spell: &Spell, day: Day) -> bool {
    spell.from <= day && day <= spell.to.plus(HIT_DAYS)
}

fn in_time(opened: &Days, spell: &Spell, until: Day) -> bool {
    let days = opened.get(&spell.household);
    days.is_some_and(|days| days.iter().any(|day| spell.from <= *day && *day <= until))
}
