//! What the facts of an entity are on a day: versions merged, members bounded, ages counted.

use super::super::index::Fact;
use super::super::plan::{Cmp, Extreme, Operand, Test};
use super::compare::{Known, Params};
use crate::types::{Day, FactVersion, Value};
use chrono::{Datelike, NaiveDate};
use std::cell::OnceCell;
use std::cmp::Ordering;

/// The facts that a pack tests, by slot, for one entity and the day last asked for. Each is read when it is first asked
/// for: most rules test few, and most entities are asked for few rules.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    facts: &'a [Fact],
    versions: &'a [FactVersion],
    slots: Vec<OnceCell<SlotValue<'a>>>,
    day: Day,
    date: NaiveDate,
    /// Days on which the same versions hold: from the first until before the second.
    valid: (Day, Day),
}

#[derive(Clone, Debug)]
struct SlotValue<'a> {
    stored: Known<'a>,
    /// Of an age: the birth date, and the whole years on the day.
    born: Option<NaiveDate>,
    years: Value,
}

impl<'a> Facts<'a> {
    pub(super) fn new(facts: &'a [Fact], versions: &'a [FactVersion]) -> Self {
        let slots = std::iter::repeat_with(OnceCell::new).take(facts.len()).collect();
        let day = Day(0);
        Self { facts, versions, slots, day, date: day.date(), valid: (day, day) }
    }

    /// Moves to a day.
    pub(super) fn on(&mut self, day: Day) {
        let (from, to) = self.valid;
        let same_versions = from <= day && day < to;
        if self.day == day && same_versions {
            return;
        }
        (self.day, self.date) = (day, day.date());
        if same_versions {
            for slot in self.slots.iter_mut().filter_map(OnceCell::get_mut) {
                slot.count_years(self.date);
            }
            return;
        }
        let bounds = self.versions.iter().map(|version| version.from);
        let from = bounds.clone().filter(|from| *from <= day).max().unwrap_or(Day(i32::MIN));
        let to = bounds.filter(|from| *from > day).min().unwrap_or(NEVER);
        self.valid = (from, to);
        for slot in &mut self.slots {
            slot.take();
        }
    }

    fn slot(&self, slot: u16) -> Option<&SlotValue<'a>> {
        let at = usize::from(slot);
        let (cell, fact) = (self.slots.get(at)?, self.facts.get(at)?);
        Some(cell.get_or_init(|| {
            let mut value = SlotValue::read(fact, self.day, self.versions);
            value.count_years(self.date);
            value
        }))
    }

    /// What is known of a fact on the day.
    pub(super) fn known(&self, slot: u16) -> Known<'_> {
        let Some(slot) = self.slot(slot) else { return Known::Nothing };
        match (slot.born, slot.stored) {
            (None, stored) => stored,
            (Some(_), Known::Exactly(_)) => Known::Exactly(&slot.years),
            // The least birth date known is the greatest age known, and the reverse.
            (Some(_), Known::AtMost(_)) => Known::AtLeast(&slot.years),
            (Some(_), Known::AtLeast(_)) => Known::AtMost(&slot.years),
            (Some(_), Known::Nothing) => Known::Nothing,
        }
    }

    /// The earliest later day on which a test of the fact may say something else by time alone.
    pub(super) fn wake(&self, slot: u16, test: &Test, params: Params<'_>) -> Day {
        let (_, next_version) = self.valid;
        let slot = self.slot(slot);
        let Some((born, years)) = slot.and_then(|slot| Some((slot.born?, slot.years.as_int()?))) else {
            return next_version;
        };
        let mut wake = next_version;
        let mut cross = |operand: &Operand, past: bool, at: bool| match params.value(operand) {
            Some(Value::Int(bound)) => {
                let ages = [at.then_some(*bound), past.then(|| bound.saturating_add(1))];
                for age in ages.into_iter().flatten().filter(|age| *age > years) {
                    wake = wake.min(birthday(born, age));
                }
            }
            _ => wake = wake.min(birthday(born, years + 1)),
        };
        match test {
            Test::Compare(tests) => {
                for (cmp, operand) in tests {
                    let past = !matches!(cmp, Cmp::Gte | Cmp::Lt);
                    cross(operand, past, !matches!(cmp, Cmp::Gt | Cmp::Lte));
                }
            }
            Test::In(operands) | Test::AnyOf(operands) => {
                operands.iter().for_each(|operand| cross(operand, true, true))
            }
            Test::Between(low, high) => {
                low.iter().for_each(|operand| cross(operand, false, true));
                high.iter().for_each(|operand| cross(operand, true, false));
            }
        }
        wake
    }
}

/// Later than any day that is asked for.
pub(super) const NEVER: Day = Day(i32::MAX);

/// The day from which someone born on `born` is `age`. In a year without 29 February that birthday is 1 March.
fn birthday(born: NaiveDate, age: i64) -> Day {
    let year = i32::try_from(age).ok().and_then(|age| born.year().checked_add(age));
    let day = year.and_then(|year| {
        let same = NaiveDate::from_ymd_opt(year, born.month(), born.day());
        same.or_else(|| NaiveDate::from_ymd_opt(year, 3, 1))
    });
    day.map_or(NEVER, Day::from_date)
}

impl<'a> SlotValue<'a> {
    fn read(fact: &Fact, day: Day, versions: &'a [FactVersion]) -> Self {
        let stored = match fact.over {
            None => newest(fact, day, versions, |_| true).map_or(Known::Nothing, Known::Exactly),
            Some(over) => match newest(fact, day, versions, |version| version.subject.is_none()) {
                Some(value) => Known::Exactly(value),
                None => members(fact, over, day, versions),
            },
        };
        if !fact.age {
            return Self { stored, born: None, years: Value::Null };
        }
        let born = match stored {
            Known::Exactly(value) | Known::AtLeast(value) | Known::AtMost(value) => birth_date(value),
            Known::Nothing => None,
        };
        let stored = if born.is_some() { stored } else { Known::Nothing };
        Self { stored, born, years: Value::Null }
    }

    fn count_years(&mut self, date: NaiveDate) {
        if let Some(born) = self.born {
            self.years = Value::Int(i64::from(date.years_since(born).unwrap_or(0)));
        }
    }
}

fn birth_date(value: &Value) -> Option<NaiveDate> {
    match value {
        Value::Day(day) => Some(day.date()),
        Value::Instant(time) => Some(time.day().date()),
        _ => None,
    }
}

/// The value of a fact in the newest version that has one.
fn newest<'a>(
    fact: &Fact,
    day: Day,
    versions: &'a [FactVersion],
    wanted: impl Fn(&FactVersion) -> bool,
) -> Option<&'a Value> {
    let holding = versions.iter().filter(|version| wanted(version) && holds(version, day, versions));
    let valued = holding.filter_map(|version| Some((version, stored(fact, version)?)));
    valued.max_by_key(|(version, _)| (version.from, &version.key)).map(|(_, value)| value)
}

/// Whether a version holds on a day: it has begun, and no later one of its key has.
fn holds(version: &FactVersion, day: Day, versions: &[FactVersion]) -> bool {
    let replaced = |other: &FactVersion| {
        other.from <= day
            && (other.from, other.revision) > (version.from, version.revision)
            && other.key == version.key
    };
    version.from <= day && !versions.iter().any(replaced)
}

fn stored<'a>(fact: &Fact, version: &'a FactVersion) -> Option<&'a Value> {
    let found = version.fields.iter().find(|(name, _)| *name == fact.stored);
    found.map(|(_, value)| value).filter(|value| !value.is_null())
}

/// What the members known say of a least or greatest: a bound, since others may be unknown.
fn members<'a>(fact: &Fact, over: Extreme, day: Day, versions: &'a [FactVersion]) -> Known<'a> {
    let least = (over == Extreme::Least) != fact.age;
    let mut extreme: Option<&Value> = None;
    for version in versions.iter().filter(|version| version.subject.is_some()) {
        let Some(value) = newest(fact, day, versions, |other| other.subject == version.subject) else {
            continue;
        };
        let wanted = if least { Ordering::Less } else { Ordering::Greater };
        if extreme.is_none_or(|known| value.compare(known) == Some(wanted)) {
            extreme = Some(value);
        }
    }
    match extreme {
        None => Known::Nothing,
        Some(value) if least => Known::AtMost(value),
        Some(value) => Known::AtLeast(value),
    }
}
