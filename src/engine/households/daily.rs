//! Days of use as bits. An event's key names its day ([`EventKey::of_day`]), so that a correction or a void finds the bits of
//! any day, however long ago it was.

use super::records::{DailyUse, Meter};
use crate::types::{Day, Decimal, Event, EventKey, Value};

/// Words of 64 days in a year's bits.
const WORDS: usize = 6;

/// The day of bit 0 of a year.
pub(super) fn first_day(year: i16) -> Day {
    Day::from_ymd(i32::from(year), 1, 1).unwrap_or(Day(i32::MIN))
}

/// Notes what is known of a day; answers whether the bits changed.
pub(super) fn put(days: &mut DailyUse, year: i16, owner: u16, event: &Event) -> bool {
    let Ok(day) = u16::try_from(event.day().since(first_day(year))) else { return false };
    let wanted = (&event.kind, &event.key.source, owner);
    let place = |meter: &Meter| (&meter.kind, &meter.source, meter.owner) < wanted;
    let at = days.meters.partition_point(place);
    if days.meters.get(at).is_none_or(|meter| (&meter.kind, &meter.source, meter.owner) != wanted) {
        let (kind, source) = (event.kind.clone(), event.key.source.clone());
        let (used, read) = (vec![0; WORDS], vec![0; WORDS]);
        days.meters.insert(at, Meter { kind, source, owner, used, read, recent: Vec::new() });
    }
    let meter = &mut days.meters[at];
    meter.recent.clear();
    let read = set(&mut meter.read, day, true);
    set(&mut meter.used, day, is_use(event)) | read
}

/// Takes a day back; answers whether it was known.
pub(super) fn remove(days: &mut DailyUse, year: i16, owner: u16, key: &EventKey) -> bool {
    let Some((kind, day)) = key.day() else { return false };
    let Ok(day) = u16::try_from(day.since(first_day(year))) else { return false };
    let is_own = |meter: &&mut Meter| {
        meter.owner == owner && meter.source == key.source && meter.kind == kind && is_set(&meter.read, day)
    };
    let Some(meter) = days.meters.iter_mut().find(is_own) else { return false };
    meter.recent.clear();
    set(&mut meter.read, day, false);
    set(&mut meter.used, day, false);
    true
}

fn is_set(bits: &[u64], day: u16) -> bool {
    bits.get(usize::from(day / 64)).is_some_and(|word| word >> (day % 64) & 1 == 1)
}

/// Sets a day's bit; answers whether it was another.
fn set(bits: &mut [u64], day: u16, value: bool) -> bool {
    let Some(word) = bits.get_mut(usize::from(day / 64)) else { return false };
    let (before, bit) = (*word, 1 << (day % 64));
    if value {
        *word |= bit
    } else {
        *word &= !bit
    }
    *word != before
}

/// A reading shows use if the number that its contract keeps is above zero.
fn is_use(event: &Event) -> bool {
    event.fields.iter().any(|(_, value)| match value {
        Value::Int(n) => *n > 0,
        Value::Decimal(n) => *n > Decimal::from(0),
        _ => false,
    })
}
