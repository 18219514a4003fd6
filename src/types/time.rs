//! The three times: event time (when it happened, as told), stream time (what the log's ticks say, the only
//! clock of the core) and log time (when the broker appended a record; evidence, never a clock).
//! All calendar reasoning is in Korea Standard Time, UTC+9, which has no daylight saving.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Korea Standard Time is UTC+9 all year.
pub const KST_OFFSET_MS: i64 = 9 * MS_PER_HOUR;
/// Milliseconds in an hour.
pub const MS_PER_HOUR: i64 = 3_600_000;
/// Milliseconds in a day.
pub const MS_PER_DAY: i64 = 24 * MS_PER_HOUR;

/// A calendar day in KST, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day(pub i32);

impl Day {
    /// The day of a year, month and day of month; none where the calendar has no such day.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        NaiveDate::from_ymd_opt(year, month, day).map(Self::from_date)
    }

    /// The day of a chrono date.
    pub fn from_date(date: NaiveDate) -> Self {
        Self(date.num_days_from_ce() - EPOCH_FROM_CE)
    }

    /// The chrono date; days beyond chrono's range are pinned to its ends.
    pub fn date(self) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(self.0.saturating_add(EPOCH_FROM_CE)).unwrap_or(if self.0 < 0 {
            NaiveDate::MIN
        } else {
            NaiveDate::MAX
        })
    }

    /// 00:00 KST of this day.
    pub fn start(self) -> StreamTime {
        StreamTime(i64::from(self.0) * MS_PER_DAY - KST_OFFSET_MS)
    }

    /// The day `days` later (earlier if negative).
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Whole days from `earlier` to this day.
    pub fn since(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// 1970-01-01 in days from the common era.
const EPOCH_FROM_CE: i32 = 719_163;

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date())
    }
}

impl std::str::FromStr for Day {
    type Err = String;

    /// Reads `YYYY-MM-DD`.
    fn from_str(text: &str) -> Result<Self, String> {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map(Self::from_date)
            .map_err(|_| format!("{text:?} is not a date like 2026-03-01"))
    }
}

/// A point on the stream's clock, milliseconds since the Unix epoch (UTC). Ticks alone move it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamTime(pub i64);

impl StreamTime {
    /// Before every tick: nothing is due yet.
    pub const ZERO: Self = Self(0);

    /// The KST day in which this point lies.
    pub fn day(self) -> Day {
        Day(i32::try_from((self.0 + KST_OFFSET_MS).div_euclid(MS_PER_DAY)).unwrap_or(i32::MAX))
    }

    /// `ms` milliseconds later.
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl fmt::Display for StreamTime {
    /// `2026-03-01T09:00:00+09:00`, with milliseconds where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_day = (self.0 + KST_OFFSET_MS).rem_euclid(MS_PER_DAY);
        let (s, ms) = (of_day / 1000, of_day % 1000);
        write!(f, "{}T{:02}:{:02}:{:02}", self.day(), s / 3600, s / 60 % 60, s % 60)?;
        if ms != 0 {
            write!(f, ".{ms:03}")?;
        }
        f.write_str("+09:00")
    }
}

impl std::str::FromStr for StreamTime {
    type Err = String;

    /// Reads RFC 3339, of any offset.
    fn from_str(text: &str) -> Result<Self, String> {
        chrono::DateTime::parse_from_rfc3339(text)
            .map(|instant| Self(instant.timestamp_millis()))
            .map_err(|_| format!("{text:?} is not an instant like 2026-03-01T09:00:00+09:00"))
    }
}

/// When something happened, with the precision its source gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventTime {
    /// Milliseconds since the Unix epoch.
    Instant(i64),
    /// A calendar day.
    Day(Day),
    /// A calendar month, named by its last day, at which it counts.
    Month(Day),
}

impl EventTime {
    /// The KST day at which this counts; a month counts at its last day.
    pub fn day(self) -> Day {
        match self {
            Self::Instant(ms) => StreamTime(ms).day(),
            Self::Day(day) | Self::Month(day) => day,
        }
    }

    /// The earliest instant this can mean: the instant itself, or 00:00 of its day.
    pub fn start(self) -> StreamTime {
        match self {
            Self::Instant(ms) => StreamTime(ms),
            Self::Day(day) | Self::Month(day) => day.start(),
        }
    }

    /// Whether only the day is known.
    pub fn has_day_precision(self) -> bool {
        !matches!(self, Self::Instant(_))
    }
}
