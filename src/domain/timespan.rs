//! Lengths of time as people write them: `5m`, `1h30m`, `2d`, `500ms`, `1.5s`.
//!
//! Strict on purpose: a window that is ten times too long because of a unit is a release that stays broken. There is no
//! bare number, no upper case (`5M` is five months to some libraries), no sign, no space, and a fraction of seconds alone.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time in whole milliseconds, written with the units `ms s m h d w` in descending order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timespan {
    milliseconds: u64,
}

const SECOND: u64 = 1_000;

const UNITS: [(&str, u64); 6] = [
    ("w", 604_800 * SECOND),
    ("d", 86_400 * SECOND),
    ("h", 3_600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
    ("ms", 1),
];

/// About a century: longer is a mistake, and keeps every sum far from overflow.
const LONGEST: u64 = 100 * 366 * 86_400 * SECOND;

/// Why a text is not a [`Timespan`]; the message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimespanError {
    /// Nothing was written.
    #[error("an empty duration; write a number with a unit, such as 30s, 5m or 1h30m")]
    Empty,
    /// Digits without a unit.
    #[error("the duration \"{0}\" has no unit; write {0}s, {0}m or {0}h")]
    NoUnit(String),
    /// A unit that is not one of `ms s m h d w`, or not in lower case.
    #[error(
        "the duration \"{text}\" has the unknown unit \"{unit}\"; the units are ms, s, m, h, d and w, in lower case"
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
    /// A fraction that is none of seconds, or is finer than a millisecond.
    #[error(
        "the duration \"{0}\" has a fraction that cannot stand there; only seconds have one, of three digits at most, such as 1.5s"
    )]
    Fraction(String),
    /// Anything else: a sign, a space.
    #[error("\"{0}\" is not a duration; write a number with a unit, such as 30s, 5m or 1h30m")]
    Malformed(String),
    /// More than a century.
    #[error("the duration \"{0}\" is longer than a century")]
    TooLong(String),
}

impl Timespan {
    /// No time at all: `0s`.
    pub const ZERO: Self = Self { milliseconds: 0 };

    /// A span of whole `milliseconds`.
    pub const fn from_milliseconds(milliseconds: u64) -> Self {
        Self { milliseconds }
    }

    /// A span of whole `seconds`.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self {
            milliseconds: seconds.saturating_mul(SECOND),
        }
    }

    /// A span of whole `minutes`.
    pub const fn from_minutes(minutes: u64) -> Self {
        Self::from_seconds(minutes * 60)
    }

    /// The length in seconds as a decimal number, for programs that take one: `10`, `0.5`.
    pub fn decimal_seconds(self) -> String {
        let (whole, rest) = (self.milliseconds / SECOND, self.milliseconds % SECOND);
        if rest == 0 {
            return whole.to_string();
        }
        let rest = format!("{rest:03}");
        format!("{whole}.{}", rest.trim_end_matches('0'))
    }

    /// The length in seconds, what is begun counted whole.
    pub const fn seconds_begun(self) -> u64 {
        self.milliseconds.div_ceil(SECOND)
    }

    /// The length in milliseconds.
    pub const fn milliseconds(self) -> u64 {
        self.milliseconds
    }

    /// The same length for the standard library.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }

    /// The same length for calendar arithmetic; at most a century, so it never overflows.
    pub fn delta(self) -> chrono::TimeDelta {
        chrono::TimeDelta::milliseconds(self.milliseconds.min(LONGEST) as i64)
    }

    /// Whether the length is zero.
    pub const fn is_zero(self) -> bool {
        self.milliseconds == 0
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
            let (fraction, tail) = match tail.strip_prefix('.') {
                Some(rest) => {
                    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                    if digits == 0 {
                        return Err(TimespanError::Malformed(text.to_owned()));
                    }
                    rest.split_at(digits)
                }
                None => ("", tail),
            };
            let unit_length = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, tail) = tail.split_at(unit_length);
            if unit.is_empty() {
                let alone = tail.is_empty() && rest.len() == text.len();
                return Err(if alone && fraction.is_empty() {
                    TimespanError::NoUnit(text.to_owned())
                } else {
                    TimespanError::Malformed(text.to_owned())
                });
            }
            let place = UNITS.iter().position(|(name, _)| unit == *name);
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
            let fraction = match (fraction.len(), unit) {
                (0, _) => 0,
                (1..=3, "s") => format!("{fraction:0<3}").parse().map_err(|_| too_long())?,
                _ => return Err(TimespanError::Fraction(text.to_owned())),
            };
            total = total
                .checked_add(part)
                .and_then(|sum| sum.checked_add(fraction))
                .filter(|sum| *sum <= LONGEST)
                .ok_or_else(too_long)?;
            rest = tail;
        }
        Ok(Self {
            milliseconds: total,
        })
    }
}

impl fmt::Display for Timespan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.milliseconds == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.milliseconds;
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
            "pattern": "^(\\d+w)?(\\d+d)?(\\d+h)?(\\d+m)?(\\d+(\\.\\d{1,3})?s)?(\\d+ms)?$",
            "minLength": 2,
            "description": "A length of time: a number with a unit (ms, s, m, h, d, w), such as 500ms, 30s, 5m or 1h30m."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<u64, TimespanError> {
        text.parse::<Timespan>().map(Timespan::milliseconds)
    }

    #[test]
    fn reads_what_people_write() {
        assert_eq!(parse("5m"), Ok(300_000));
        assert_eq!(parse("1h30m"), Ok(5_400_000));
        assert_eq!(parse("0s"), Ok(0));
        assert_eq!(parse("2w1d"), Ok(15 * 86_400_000));
    }

    #[test]
    fn reads_and_shows_parts_of_a_second() {
        for (text, milliseconds, shown, decimal) in [
            ("500ms", 500, "500ms", "0.5"),
            ("0ms", 0, "0s", "0"),
            ("1500ms", 1_500, "1s500ms", "1.5"),
            ("1.5s", 1_500, "1s500ms", "1.5"),
            ("1s500ms", 1_500, "1s500ms", "1.5"),
            ("0.25s", 250, "250ms", "0.25"),
            ("0.005s", 5, "5ms", "0.005"),
            ("2.0s", 2_000, "2s", "2"),
            ("1m0.5s", 60_500, "1m500ms", "60.5"),
            ("5m20ms", 300_020, "5m20ms", "300.02"),
        ] {
            let span: Timespan = text.parse().expect(text);
            assert_eq!(span.milliseconds(), milliseconds, "{text}");
            assert_eq!(span.to_string(), shown, "{text}");
            assert_eq!(span.decimal_seconds(), decimal, "{text}");
            assert_eq!(span.duration(), Duration::from_millis(milliseconds));
            assert_eq!(span.delta().num_milliseconds().unsigned_abs(), milliseconds);
        }
        for text in ["1.5m", "0.5h", "1.5ms", "1.2345s", "0.0001s"] {
            let refused = parse(text);
            assert_eq!(refused, Err(TimespanError::Fraction(text.into())), "{text}");
        }
        for text in ["1.s", ".5s", "1.5", "1.5.5s", "1,5s", "500ms1s", "1ms1ms"] {
            assert!(parse(text).is_err(), "{text}");
        }
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
        for text in ["5MS", "5us", "5msec"] {
            assert!(matches!(
                parse(text),
                Err(TimespanError::UnknownUnit { .. })
            ));
        }
        assert!(matches!(parse("-1s"), Err(TimespanError::Malformed(_))));
        assert!(matches!(parse("1.5h"), Err(TimespanError::Fraction(_))));
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
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn what_is_shown_reads_back(milliseconds in 0..LONGEST) {
            let span = Timespan::from_milliseconds(milliseconds);
            prop_assert_eq!(span.to_string().parse::<Timespan>(), Ok(span));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _ = text.parse::<Timespan>();
        }
    }
}
