//! When what happened reaches a raw topic: each source delivers in its rhythm, now and then late, or not at all for days.

use super::Plan;
use super::figures::{DELAYED, TOO_LATE};
use super::truth::days;
use crate::sim::rng::Rng;
use crate::types::{Day, MS_PER_HOUR, SmolStr, StreamTime};

/// A regular delivery of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Feed {
    pub(super) source: &'static str,
    /// Days from one delivery to the next.
    pub(super) rhythm: i32,
    /// Speaks for each sigungu on its own.
    pub(super) by_region: bool,
}

const fn feed(source: &'static str, rhythm: i32, by_region: bool) -> Feed {
    Feed { source, rhythm, by_region }
}

pub(super) const KEPCO: Feed = feed("KEPCO", 1, false);
pub(super) const WATER: Feed = feed("WATER", 1, true);
pub(super) const GAS: Feed = feed("GAS", 1, true);
pub(super) const KEPCO_BILLS: Feed = feed("KEPCO", 31, false);
pub(super) const WATER_BILLS: Feed = feed("WATER", 61, true);
pub(super) const GAS_BILLS: Feed = feed("GAS", 61, true);
pub(super) const NHIS: Feed = feed("NHIS", 61, false);
pub(super) const NPS: Feed = feed("NPS", 61, false);
pub(super) const KCIS: Feed = feed("KCIS", 61, false);
pub(super) const LH: Feed = feed("LH", 61, false);
pub(super) const KAPT: Feed = feed("KAPT", 61, false);
pub(super) const KAIT: Feed = feed("KAIT", 61, false);
pub(super) const BLDG: Feed = feed("BLDG", 92, false);
pub(super) const REPORT_APP: Feed = feed("REPORT_APP", 1, false);
pub(super) const POSTAL: Feed = feed("POSTAL", 31, false);

/// Feeds that make a daily statement, and those that make one after each delivery.
pub(super) const DAILY: [Feed; 4] = [KEPCO, WATER, GAS, REPORT_APP];
pub(super) const SLOW: [Feed; 8] = [NHIS, NPS, KCIS, LH, KAPT, KAIT, BLDG, POSTAL];

/// A snapshot describes the world of so many days before its delivery. *Assumption*.
pub(super) const SNAPSHOT_AGE_DAYS: i32 = 7;
/// Deliveries begin at this hour and take this long, daily ones and others.
const DELIVERY_HOUR: i64 = 5;
const DAILY_SPREAD_MS: i64 = 3 * MS_PER_HOUR;
const SLOW_SPREAD_MS: i64 = 14 * MS_PER_HOUR;
/// The hour at which sources say how far they have delivered.
pub(super) const STATEMENT_HOUR: i64 = 9;

impl Feed {
    /// The first delivery on or after a day; the rhythm's phase is the source's own.
    pub(super) fn delivery(self, plan: &Plan, from: Day) -> Day {
        let rhythm = i64::from(self.rhythm.max(1));
        let phase = i64::from(self.source.bytes().fold(7_u32, |h, b| h.wrapping_mul(31) + u32::from(b)) >> 3);
        let since = i64::from(from.since(plan.start)) + phase;
        from.plus(days((rhythm - since.rem_euclid(rhythm)) % rhythm))
    }

    /// All deliveries of a run from a day on.
    pub(super) fn deliveries(self, plan: &Plan, from: Day) -> impl Iterator<Item = Day> + use<> {
        let first = self.delivery(plan, from.max(plan.start));
        let (end, rhythm) = (plan.end(), self.rhythm.max(1));
        std::iter::successors(Some(first), move |day| Some(day.plus(rhythm)))
            .take_while(move |day| *day < end)
    }
}

/// Days on which a source delivers nothing; what it would have sent comes on the first day after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Which source.
    pub source: SmolStr,
    /// First day without a delivery.
    pub from: Day,
    /// First day with deliveries again.
    pub to: Day,
}

/// All stops of a run.
#[derive(Clone, Debug)]
pub(super) struct Feeds {
    stops: Vec<Stop>,
}

impl Feeds {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut stops = plan.stops.clone();
        if plan.feed_faults {
            for feed in DAILY {
                let mut rng = Rng::new(plan.seed).fork_named("stops").fork_named(feed.source);
                let mut day = plan.start.plus(days(rng.between(15, 90)));
                while day < plan.end() {
                    let to = day.plus(days(rng.between(2, 5)));
                    stops.push(Stop { source: SmolStr::new(feed.source), from: day, to });
                    day = to.plus(days(rng.between(60, 140)));
                }
            }
        }
        Self { stops }
    }

    /// The day on which a delivery due on `day` really comes.
    pub(super) fn delivered(&self, source: &str, day: Day) -> Day {
        let stop = self.stops.iter().filter(|s| s.source == source && s.from <= day && day < s.to);
        stop.map(|s| s.to).max().unwrap_or(day)
    }

    /// When a record of the delivery due on `day` arrives.
    pub(super) fn arrival(&self, plan: &Plan, feed: Feed, day: Day, rng: &mut Rng) -> i64 {
        let mut due = day;
        if plan.feed_faults && feed.rhythm == 1 {
            match rng.below(1000) {
                draw if draw < TOO_LATE => due = due.plus(days(rng.between(8, 14))),
                draw if draw < TOO_LATE + DELAYED => due = due.plus(days(rng.between(1, 5))),
                _ => {}
            }
        }
        let spread = if feed.rhythm == 1 { DAILY_SPREAD_MS } else { SLOW_SPREAD_MS };
        let within = DELIVERY_HOUR * MS_PER_HOUR + rng.between(0, spread);
        self.delivered(feed.source, due).start().plus_ms(within).0
    }

    /// When a record that needs no delivery arrives: at once, unless its source has stopped.
    pub(super) fn at_once(&self, feed: Feed, at: StreamTime, rng: &mut Rng) -> i64 {
        let soon = at.plus_ms(rng.between(30_000, 600_000));
        let delivered = self.delivered(feed.source, soon.day());
        if delivered == soon.day() {
            soon.0
        } else {
            delivered.start().plus_ms(DELIVERY_HOUR * MS_PER_HOUR).0
        }
    }
}
