//! Days of use as bits.

use super::records::{DailyUse, Meter};
use crate::types::{Day, Decimal, Event, EventKey, Value};
use sha2::{Digest, Sha256};

/// Words of 64 days in a year's bits.
const WORDS: usize = 6;
/// Readings of a meter that can still be corrected: a fortnight and a little, more than daily feeds are ever late.
const RECENT: usize = 16;

/// The day of bit 0 of a year.
pub(super) fn first_day(year: i16) -> Day {
    Day::from_ymd(i32::from(year), 1, 1).unwrap_or(Day(i32::MIN))
}

/// Notes a reading; answers whether the bits changed.
pub(super) fn put(days: &mut DailyUse, year: i16, owner: u16, event: &Event) -> bool {
    let Ok(day) = u16::try_from(event.day().since(first_day(year))) else { return false };
    let hash = hash(&event.key);
    let at = days.meters.partition_point(|meter| {
        (&meter.kind, &meter.source, meter.owner) < (&event.kind, &event.key.source, owner)
    });
    let known = days.meters.get(at).is_some_and(|meter| {
        (&meter.kind, &meter.source, meter.owner) == (&event.kind, &event.key.source, owner)
    });
    if !known {
        let (kind, source) = (event.kind.clone(), event.key.source.clone());
        let (used, read) = (vec![0; WORDS], vec![0; WORDS]);
        days.meters.insert(at, Meter { kind, source, owner, used, read, recent: Vec::new() });
    }
    let meter = &mut days.meters[at];
    let before = (meter.used.clone(), meter.read.clone());
    if let Some(place) = meter.recent.iter().position(|(known, _, _)| *known == hash) {
        let (_, old, _) = meter.recent.remove(place);
        settle(meter, old);
    }
    meter.recent.push((hash, day, is_use(event)));
    if meter.recent.len() > RECENT {
        meter.recent.remove(0);
    }
    set(&mut meter.read, day, true);
    if is_use(event) {
        set(&mut meter.used, day, true);
    }
    before != (meter.used.clone(), meter.read.clone())
}

/// Whether a reading is among those that can be corrected.
pub(super) fn holds(days: &DailyUse, owner: u16, key: &EventKey) -> bool {
    let hash = hash(key);
    let own = |meter: &&Meter| meter.owner == owner && meter.source == key.source;
    days.meters.iter().filter(own).any(|meter| meter.recent.iter().any(|(known, _, _)| *known == hash))
}

/// Takes a reading back; answers its day.
pub(super) fn remove(days: &mut DailyUse, year: i16, owner: u16, key: &EventKey) -> Option<Day> {
    let hash = hash(key);
    let own = days.meters.iter_mut().filter(|meter| meter.owner == owner && meter.source == key.source);
    for meter in own {
        if let Some(place) = meter.recent.iter().position(|(known, _, _)| *known == hash) {
            let (_, day, _) = meter.recent.remove(place);
            settle(meter, day);
            return Some(first_day(year).plus(i32::from(day)));
        }
    }
    None
}

/// Sets a day's bits anew from the readings that are left of it.
fn settle(meter: &mut Meter, day: u16) {
    let mut left = meter.recent.iter().filter(|(_, known, _)| *known == day).peekable();
    let read = left.peek().is_some();
    let used = left.any(|(_, _, used)| *used);
    set(&mut meter.read, day, read);
    set(&mut meter.used, day, used);
}

fn set(bits: &mut [u64], day: u16, value: bool) {
    let (word, bit) = (usize::from(day / 64), day % 64);
    if let Some(word) = bits.get_mut(word) {
        if value { *word |= 1 << bit } else { *word &= !(1 << bit) }
    }
}

/// A reading shows use if the number that its contract keeps is above zero.
fn is_use(event: &Event) -> bool {
    event.fields.iter().any(|(_, value)| match value {
        Value::Int(n) => *n > 0,
        Value::Decimal(n) => *n > Decimal::from(0),
        _ => false,
    })
}

fn hash(key: &EventKey) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(key.source.as_bytes());
    hasher.update([0]);
    hasher.update(key.key.as_bytes());
    let digest = hasher.finalize();
    u64::from_be_bytes(std::array::from_fn(|i| digest[i]))
}
