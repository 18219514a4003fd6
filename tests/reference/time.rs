//! Days and instants, in Korea Standard Time.

/// Milliseconds since the Unix epoch.
pub(crate) type Ms = i64;
/// Days since 1970-01-01 in KST.
pub(crate) type Day = i32;

pub(crate) const HOUR: Ms = 3_600_000;
pub(crate) const DAY: Ms = 24 * HOUR;

/// The KST day of an instant.
pub(crate) fn day_of(at: Ms) -> Day {
    i32::try_from((at + 9 * HOUR).div_euclid(DAY)).expect("an instant of this era")
}

/// 00:00 KST of a day.
pub(crate) fn midnight(day: Day) -> Ms {
    Ms::from(day) * DAY - 9 * HOUR
}

/// When something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// The instant is known.
    Instant(Ms),
    /// Only the day is; of a month, its last day.
    Day(Day),
}

impl When {
    pub(crate) fn day(self) -> Day {
        match self {
            Self::Instant(at) => day_of(at),
            Self::Day(day) => day,
        }
    }

    pub(crate) fn start(self) -> Ms {
        match self {
            Self::Instant(at) => at,
            Self::Day(day) => midnight(day),
        }
    }

    /// Whether this surely came before that: where only a day is known, on an earlier day.
    pub(crate) fn surely_before(self, that: Self) -> bool {
        match (self, that) {
            (Self::Instant(this), Self::Instant(that)) => this < that,
            _ => self.day() < that.day(),
        }
    }

    /// Whether this may have come before that: where only a day is known, equal days suffice.
    pub(crate) fn may_precede(self, that: Self) -> bool {
        match (self, that) {
            (Self::Instant(this), Self::Instant(that)) => this < that,
            _ => self.day() <= that.day(),
        }
    }
}

/// Whole years on a day of someone born on another; the birthday counts from 00:00.
pub(crate) fn years(born: Day, day: Day) -> i32 {
    let ((by, bm, bd), (y, m, d)) = (civil(born), civil(day));
    (y - by - i32::from((m, d) < (bm, bd))).max(0)
}

/// Year, month and day of month, counted forward from the epoch's own cycle of 400 years.
fn civil(day: Day) -> (i32, i32, i32) {
    let mut year = 1970 + day.div_euclid(146_097) * 400;
    let mut left = day.rem_euclid(146_097);
    while left >= year_days(year) {
        left -= year_days(year);
        year += 1;
    }
    let mut month = 1;
    while left >= month_days(year, month) {
        left -= month_days(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

/// The day of a date.
pub(crate) fn date(year: i32, month: i32, day: i32) -> Day {
    let years: i32 = (1970..year).map(year_days).sum::<i32>() - (year..1970).map(year_days).sum::<i32>();
    years + (1..month).map(|month| month_days(year, month)).sum::<i32>() + day - 1
}

fn leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn year_days(year: i32) -> i32 {
    365 + i32::from(leap(year))
}

fn month_days(year: i32, month: i32) -> i32 {
    match month {
        2 => 28 + i32::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
