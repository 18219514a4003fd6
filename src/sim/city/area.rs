//! What happens to whole dongs, and what sources say of their own deliveries.

use super::Plan;
use super::feeds::{
    DAILY, Feed, Feeds, GAS, GAS_BILLS, KEPCO, KEPCO_BILLS, SLOW, SNAPSHOT_AGE_DAYS, STATEMENT_HOUR, WATER,
    WATER_BILLS,
};
use super::indicators;
use super::names::{Names, Utility};
use super::truth::days;
use crate::sim::rng::Rng;
use crate::types::{Day, MS_PER_DAY, MS_PER_HOUR, StreamTime};

/// An outage of one dong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    pub(super) dong: u32,
    pub(super) number: u32,
    pub(super) utility: Utility,
    pub(super) feed: Feed,
    pub(super) from: StreamTime,
    pub(super) to: StreamTime,
    /// When its start is told; its end is told at once.
    pub(super) told: StreamTime,
}

/// A source's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) source: &'static str,
    pub(super) region: Option<u32>,
    pub(super) through: StreamTime,
}

/// A dong has an outage about so often. *Assumption*, as are its lengths: hours mostly, days after a storm or a burst main.
const OUTAGE_EVERY_DAYS: (i64, i64) = (15, 105);
/// In thousandths: outages of days, and outages whose start is told a day late.
const LONG: u64 = 350;
const TOLD_LATE: u64 = 200;

/// A concentrator of remote meters that fails: some homes of a dong read nothing used, for so long that silence is noticed
/// before the failure is. Then it is told as an outage. *Assumption*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    dong: u32,
    /// Homes whose number leaves this remainder hang on it.
    part: u32,
    from: Day,
    to: Day,
}

/// One home in so many of a dong hangs on one concentrator; one fails somewhere about so often and is mended so long after.
const CONCENTRATORS: u32 = 3;
const FAILURE_EVERY_DAYS: (i64, i64) = (30, 60);
const NOTICED_AFTER_DAYS: i32 = 15;
const MENDED_AFTER_DAYS: i32 = 17;

impl Failure {
    /// Whether a home reads nothing used on a day because of it.
    pub(super) fn silences(&self, names: &Names, home: u32, day: Day) -> bool {
        self.from <= day
            && day < self.to
            && home % CONCENTRATORS == self.part
            && names.dong_of(home) == self.dong
    }

    /// As it is told: on the day on which silence is noticed, for the days since the last round of checks.
    fn outage(&self) -> Outage {
        let hours = |day: Day, hours: i64| day.start().plus_ms(hours * MS_PER_HOUR);
        Outage {
            dong: self.dong,
            number: 0,
            utility: Utility::Electricity,
            feed: KEPCO,
            from: hours(self.from.plus(NOTICED_AFTER_DAYS - 1), 12),
            to: hours(self.to, 10),
            told: hours(self.from.plus(NOTICED_AFTER_DAYS), 17),
        }
    }
}

/// All failures of a run; the first soon after its start.
pub(super) fn failures(plan: &Plan, names: &Names) -> Vec<Failure> {
    let mut rng = Rng::new(plan.seed).fork_named("failures");
    let mut all = Vec::new();
    let mut day = plan.start.plus(days(rng.between(6, 12)));
    while plan.outages && day < plan.end() {
        let dong = u32::try_from(rng.below(u64::from(names.dongs()))).unwrap_or(0);
        let part = u32::try_from(rng.below(u64::from(CONCENTRATORS))).unwrap_or(0);
        all.push(Failure { dong, part, from: day, to: day.plus(MENDED_AFTER_DAYS) });
        day = day.plus(days(rng.between(FAILURE_EVERY_DAYS.0, FAILURE_EVERY_DAYS.1)));
    }
    all
}

/// All outages of a run.
pub(super) fn outages(plan: &Plan, names: &Names) -> Vec<Outage> {
    let mut all: Vec<Outage> = failures(plan, names).iter().map(Failure::outage).collect();
    for (number, outage) in all.iter_mut().enumerate() {
        outage.number = 1_000 + u32::try_from(number).unwrap_or(0);
    }
    for dong in (0..names.dongs()).filter(|_| plan.outages) {
        let mut rng = Rng::new(plan.seed).fork_named("outages").fork(u64::from(dong));
        let mut day = plan.start.plus(days(rng.between(0, OUTAGE_EVERY_DAYS.1)));
        let mut number = 0;
        while day < plan.end() {
            number += 1;
            let (utility, feed) =
                *rng.pick(&[(Utility::Electricity, KEPCO), (Utility::Water, WATER), (Utility::Gas, GAS)]);
            let from = day.start().plus_ms(rng.between(0, MS_PER_DAY - 1));
            let hours = if rng.chance(LONG, 1000) { rng.between(40, 150) } else { rng.between(2, 14) };
            let late = if rng.chance(TOLD_LATE, 1000) { rng.between(6, 30) * MS_PER_HOUR } else { 600_000 };
            let to = from.plus_ms(hours * MS_PER_HOUR);
            all.push(Outage { dong, number, utility, feed, from, to, told: from.plus_ms(late) });
            day = to.day().plus(days(rng.between(OUTAGE_EVERY_DAYS.0, OUTAGE_EVERY_DAYS.1)));
        }
    }
    all
}

/// What sources state on a day, with the time of the statement.
pub(super) fn statements(plan: &Plan, names: &Names, feeds: &Feeds, day: Day) -> Vec<(i64, Statement)> {
    let at = day.start().0 + STATEMENT_HOUR * MS_PER_HOUR;
    let mut all = Vec::new();
    let mut state = |feed: Feed, through: StreamTime| {
        let regions: Vec<Option<u32>> =
            if feed.by_region { (0..names.sigungus()).map(Some).collect() } else { vec![None] };
        for region in regions {
            all.push((at, Statement { source: feed.source, region, through }));
        }
    };
    for feed in DAILY.into_iter().filter(|feed| feeds.delivered(feed.source, day) == day) {
        state(feed, day.start());
    }
    // Slow deliveries fill their day: the statement comes the morning after, for the day of the snapshot.
    let delivered = day.plus(-1);
    let is_told =
        |feed: &Feed| feed.delivery(plan, delivered) == delivered && feeds.delivered(feed.source, day) == day;
    for feed in SLOW.into_iter().filter(is_told) {
        state(feed, delivered.plus(1 - SNAPSHOT_AGE_DAYS).start());
    }
    let mut others: Vec<Feed> = indicators::ALL.iter().map(|(_, feed, _)| *feed).collect();
    others.sort_by_key(|feed| feed.source);
    others.dedup_by_key(|feed| feed.source);
    // Sources that also tell of bills have spoken above.
    let spoken = |feed: &Feed| SLOW.iter().any(|known| known.source == feed.source);
    for feed in others.into_iter().filter(|feed| !spoken(feed) && is_told(feed)) {
        state(feed, delivered.start());
    }
    debug_assert!(
        [KEPCO_BILLS, WATER_BILLS, GAS_BILLS].iter().all(|f| f.rhythm > 1),
        "said by the daily feeds"
    );
    all
}
