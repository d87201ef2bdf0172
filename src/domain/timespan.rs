//! Lengths of time as people write them: `5m`, `1h30m`, `2d`.
//!
//! Strict on purpose: a window that is ten times too long because of a unit is a release that stays broken. There is no
//! bare number, no upper case (`5M` is five months to some libraries), no sign, no fraction, no space.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time in whole seconds, written with the units `s m h d w` in descending order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timespan {
    seconds: u64,
}

const UNITS: [(char, u64); 5] = [
    ('w', 604_800),
    ('d', 86_400),
    ('h', 3_600),
    ('m', 60),
    ('s', 1),
];

/// About a century: longer is a mistake, and keeps every sum far from overflow.
const LONGEST: u64 = 100 * 366 * 86_400;

/// Why a text is not a [`Timespan`]; the message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimespanError {
    /// Nothing was written.
    #[error("an empty duration; write a number with a unit, such as 30s, 5m or 1h30m")]
    Empty,
    /// Digits without a unit.
    #[error("the duration \"{0}\" has no unit; write {0}s, {0}m or {0}h")]
    NoUnit(String),
    /// A unit that is not one of `s m h d w`, or not in lower case.
    #[error(
        "the duration \"{text}\" has the unknown unit \"{unit}\"; the units are s, m, h, d and w, in lower case"
    )]
    UnknownUnit {
        /// What was written.
        text: String,
        /// The part that is no unit.
        unit: String,
    },
    /// Units that repeat or grow from left to right.
    #[error(
        "the duration \"{0}\" must go from the largest unit to the smallest, each once, such as 1h30m"
    )]
    Order(String),
    /// Anything else: a sign, a fraction, a space.
    #[error("\"{0}\" is not a duration; write a number with a unit, such as 30s, 5m or 1h30m")]
    Malformed(String),
    /// More than a century.
    #[error("the duration \"{0}\" is longer than a century")]
    TooLong(String),
}

impl Timespan {
    /// No time at all: `0s`.
    pub const ZERO: Self = Self { seconds: 0 };

    /// A span of whole `seconds`.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self { seconds }
    }

    /// A span of whole `minutes`.
    pub const fn from_minutes(minutes: u64) -> Self {
        Self {
            seconds: minutes * 60,
        }
    }

    /// The length in seconds.
    pub const fn seconds(self) -> u64 {
        self.seconds
    }

    /// The length in milliseconds.
    pub const fn milliseconds(self) -> u64 {
        self.seconds.saturating_mul(1_000)
    }

    /// The same length for the standard library.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// The same length for calendar arithmetic; at most a century, so it never overflows.
    pub fn delta(self) -> chrono::TimeDelta {
        chrono::TimeDelta::seconds(self.seconds.min(LONGEST) as i64)
    }

    /// Whether the length is zero.
    pub const fn is_zero(self) -> bool {
        self.seconds == 0
    }
}

impl FromStr for Timespan {
    type Err = TimespanError;

    fn from_str(text: &str) -> Result<Self, TimespanError> {
        if text.is_empty() {
            return Err(TimespanError::Empty);
        }
        let too_long = || TimespanError::TooLong(text.to_owned());
        let mut rest = text;
        let mut total: u64 = 0;
        let mut largest_allowed = 0;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return Err(TimespanError::Malformed(text.to_owned()));
            }
            let (number, tail) = rest.split_at(digits);
            let unit_length = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, tail) = tail.split_at(unit_length);
            if unit.is_empty() {
                return Err(if tail.is_empty() && rest.len() == text.len() {
                    TimespanError::NoUnit(text.to_owned())
                } else {
                    TimespanError::Malformed(text.to_owned())
                });
            }
            let place = UNITS
                .iter()
                .position(|(name, _)| unit.len() == 1 && unit.starts_with(*name));
            let Some(place) = place else {
                return Err(TimespanError::UnknownUnit {
                    text: text.to_owned(),
                    unit: unit.to_owned(),
                });
            };
            if place < largest_allowed {
                return Err(TimespanError::Order(text.to_owned()));
            }
            largest_allowed = place + 1;
            let number: u64 = number.parse().map_err(|_| too_long())?;
            let part = number.checked_mul(UNITS[place].1).ok_or_else(too_long)?;
            total = total
                .checked_add(part)
                .filter(|sum| *sum <= LONGEST)
                .ok_or_else(too_long)?;
            rest = tail;
        }
        Ok(Self { seconds: total })
    }
}

impl fmt::Display for Timespan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.seconds == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.seconds;
        for (unit, size) in UNITS {
            if rest >= size {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

impl Serialize for Timespan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timespan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Timespan {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "duration",
            "pattern": "^(\\d+w)?(\\d+d)?(\\d+h)?(\\d+m)?(\\d+s)?$",
            "minLength": 2,
            "description": "A length of time: a number with a unit (s, m, h, d, w), such as 30s, 5m or 1h30m."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<u64, TimespanError> {
        text.parse::<Timespan>().map(Timespan::seconds)
    }

    #[test]
    fn reads_what_people_write() {
        assert_eq!(parse("5m"), Ok(300));
        assert_eq!(parse("1h30m"), Ok(5_400));
        assert_eq!(parse("0s"), Ok(0));
        assert_eq!(parse("2w1d"), Ok(15 * 86_400));
    }

    #[test]
    fn refuses_everything_ambiguous() {
        assert_eq!(parse(""), Err(TimespanError::Empty));
        assert_eq!(parse("5"), Err(TimespanError::NoUnit("5".into())));
        assert!(matches!(
            parse("5M"),
            Err(TimespanError::UnknownUnit { .. })
        ));
        assert!(matches!(
            parse("5min"),
            Err(TimespanError::UnknownUnit { .. })
        ));
        assert!(matches!(
            parse("5ms"),
            Err(TimespanError::UnknownUnit { .. })
        ));
        assert!(matches!(parse("-1s"), Err(TimespanError::Malformed(_))));
        assert!(matches!(parse("1.5h"), Err(TimespanError::Malformed(_))));
        assert!(matches!(parse("5 m"), Err(TimespanError::Malformed(_))));
        assert!(matches!(parse("1h30"), Err(TimespanError::Malformed(_))));
        assert!(matches!(parse("30m1h"), Err(TimespanError::Order(_))));
        assert!(matches!(parse("1m1m"), Err(TimespanError::Order(_))));
        assert!(matches!(
            parse("99999999999999999999s"),
            Err(TimespanError::TooLong(_))
        ));
        assert!(matches!(
            parse("101w9999999999d"),
            Err(TimespanError::TooLong(_))
        ));
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(seconds in 0..LONGEST) {
            let span = Timespan::from_seconds(seconds);
            prop_assert_eq!(span.to_string().parse::<Timespan>(), Ok(span));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _ = text.parse::<Timespan>();
        }
    }
}
