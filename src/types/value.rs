//! Typed values. No binary floats: a decimal is an integer with a scale, so equality and order are exact.

use super::time::{Day, StreamTime};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::cmp::Ordering;
use std::fmt;

/// One typed value of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Not given. A comparison with it is unknown.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// An exact decimal.
    Decimal(Decimal),
    /// A text or a code.
    Text(SmolStr),
    /// A calendar day.
    Day(Day),
    /// An instant.
    Instant(StreamTime),
    /// Several values; empty is known to be empty.
    List(Vec<Value>),
}

impl Value {
    /// Whether nothing was given.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// A text value.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(SmolStr::new(text))
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&SmolStr> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// How two values of one type compare; none for null and for values of different types.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        Some(match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Decimal(a), Self::Decimal(b)) => a.cmp(b),
            (Self::Int(a), Self::Decimal(b)) => Decimal::from(*a).cmp(b),
            (Self::Decimal(a), Self::Int(b)) => a.cmp(&Decimal::from(*b)),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Day(a), Self::Day(b)) => a.cmp(b),
            (Self::Instant(a), Self::Instant(b)) => a.cmp(b),
            (Self::Instant(a), Self::Day(b)) => a.day().cmp(b),
            (Self::Day(a), Self::Instant(b)) => a.cmp(&b.day()),
            _ => return None,
        })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("-"),
            Self::Bool(v) => v.fmt(f),
            Self::Int(v) => v.fmt(f),
            Self::Decimal(v) => v.fmt(f),
            Self::Text(v) => f.write_str(v),
            Self::Day(v) => v.fmt(f),
            Self::Instant(v) => v.fmt(f),
            Self::List(values) => {
                f.write_str("[")?;
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    value.fmt(f)?;
                }
                f.write_str("]")
            }
        }
    }
}

/// `mantissa × 10^-scale`, always in lowest terms, so that equal numbers are equal values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Decimal {
    mantissa: i64,
    scale: u8,
}

impl Decimal {
    /// The largest scale kept; more digits do not occur in rates or money.
    pub const MAX_SCALE: u8 = 12;

    /// `mantissa × 10^-scale` in lowest terms; none beyond [`Self::MAX_SCALE`].
    pub fn new(mantissa: i64, scale: u8) -> Option<Self> {
        if scale > Self::MAX_SCALE {
            return None;
        }
        let (mut mantissa, mut scale) = (mantissa, scale);
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Some(Self { mantissa, scale })
    }

    fn at_scale(self, scale: u8) -> i128 {
        i128::from(self.mantissa) * 10_i128.pow(u32::from(scale - self.scale))
    }
}

impl From<i64> for Decimal {
    fn from(n: i64) -> Self {
        Self { mantissa: n, scale: 0 }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        self.at_scale(scale).cmp(&other.at_scale(scale))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return self.mantissa.fmt(f);
        }
        let power = 10_u64.pow(u32::from(self.scale));
        let (whole, part) = (self.mantissa.unsigned_abs() / power, self.mantissa.unsigned_abs() % power);
        let sign = if self.mantissa < 0 { "-" } else { "" };
        write!(f, "{sign}{whole}.{part:0width$}", width = usize::from(self.scale))
    }
}

impl std::str::FromStr for Decimal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a decimal number with at most {} places", Self::MAX_SCALE);
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        if part.len() > usize::from(Self::MAX_SCALE) || part.starts_with(['+', '-']) || whole.is_empty() {
            return Err(wrong());
        }
        let mantissa: i64 = format!("{whole}{part}").parse().map_err(|_| wrong())?;
        Self::new(mantissa, part.len() as u8).ok_or_else(wrong)
    }
}
