//! Times as people write them in a calendar: hours of a day, a day of the year, a day or a moment. Strict: what could
//! be read in two ways is refused.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not what it should be; the message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not of the form of hours.
    #[error("\"{0}\" is no hours of a day; write them from and to, such as 09:00-17:00")]
    Hours(String),
    /// Hours that end before they begin.
    #[error("the hours {0} end before they begin; what passes midnight belongs to two days")]
    Backwards(String),
    /// Not a day of the year.
    #[error("\"{0}\" is no day of the year; write month and day, such as 12-24")]
    MonthDay(String),
    /// Neither a day nor a moment.
    #[error(
        "\"{0}\" is neither a day nor a time; write 2026-12-24, 2026-12-24T18:00 or 2026-12-24T18:00:00+01:00"
    )]
    Bound(String),
}

/// Hours of a day: `09:00-17:00`, without the end; `24:00` ends with the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// In minutes from midnight.
    from: u16,
    /// In minutes from midnight, at most a day.
    to: u16,
}

impl Hours {
    /// The local times of `day` at which they begin and end.
    pub fn on(self, day: NaiveDate) -> (NaiveDateTime, NaiveDateTime) {
        let at = |minutes: u16| {
            let time = NaiveTime::from_hms_opt(u32::from(minutes / 60), u32::from(minutes % 60), 0);
            match time {
                Some(time) => day.and_time(time),
                None => {
                    let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
                    next.and_time(NaiveTime::MIN)
                }
            }
        };
        (at(self.from), at(self.to))
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(
            f,
            "{:02}:{:02}-{:02}:{:02}",
            from / 60,
            from % 60,
            to / 60,
            to % 60
        )
    }
}

impl FromStr for Hours {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let refuse = || TimeError::Hours(text.chars().take(80).collect());
        let minutes = |time: &str| {
            let (hour, minute) = time.split_once(':')?;
            let (hour, minute) = (two_digits(hour)?, two_digits(minute)?);
            let minutes = hour * 60 + minute;
            (minute < 60 && minutes <= 24 * 60).then_some(minutes)
        };
        let (from, to) = text.split_once('-').ok_or_else(refuse)?;
        let from = minutes(from).ok_or_else(refuse)?;
        let to = minutes(to).ok_or_else(refuse)?;
        if to <= from {
            return Err(TimeError::Backwards(text.to_owned()));
        }
        Ok(Self { from, to })
    }
}

fn two_digits(text: &str) -> Option<u16> {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// A day of every year: `12-24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonthDay {
    month: u16,
    day: u16,
}

impl MonthDay {
    /// The day in `year`; where February has no 29th, the day after it.
    pub fn first_in(self, year: i32) -> Option<NaiveDate> {
        self.in_year(year)
            .or_else(|| NaiveDate::from_ymd_opt(year, u32::from(self.month) + 1, 1))
    }

    /// The day in `year`; where February has no 29th, the day before it.
    pub fn last_in(self, year: i32) -> Option<NaiveDate> {
        self.in_year(year)
            .or_else(|| NaiveDate::from_ymd_opt(year, u32::from(self.month), 28))
    }

    fn in_year(self, year: i32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(year, u32::from(self.month), u32::from(self.day))
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

impl FromStr for MonthDay {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        const LEAP_YEAR: i32 = 2024;
        text.split_once('-')
            .and_then(|(month, day)| {
                Some(Self {
                    month: two_digits(month)?,
                    day: two_digits(day)?,
                })
            })
            .filter(|it| it.in_year(LEAP_YEAR).is_some())
            .ok_or_else(|| TimeError::MonthDay(text.chars().take(80).collect()))
    }
}

/// Where a freeze begins or ends: a day, a time of the calendar's zone, or a time with its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A whole day: `2026-12-24`.
    Day(NaiveDate),
    /// A time in the calendar's zone: `2026-12-24T18:00`.
    Local(NaiveDateTime),
    /// A time with its offset: `2026-12-24T18:00:00+01:00`.
    Instant(DateTime<FixedOffset>),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Local(time) => write!(f, "{}", time.format("%Y-%m-%dT%H:%M")),
            Self::Instant(at) => f.write_str(&at.to_rfc3339()),
        }
    }
}

impl FromStr for Bound {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let year = |year: i32| (1970..=9000).contains(&year);
        let day = || {
            let day: NaiveDate = text.parse().ok()?;
            (text.len() == 10 && year(day.year())).then_some(Self::Day(day))
        };
        let local = || {
            let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").ok()?;
            (text.len() == 16 && year(time.year())).then_some(Self::Local(time))
        };
        let instant = || {
            let at = DateTime::parse_from_rfc3339(text).ok()?;
            year(at.year()).then_some(Self::Instant(at))
        };
        day()
            .or_else(local)
            .or_else(instant)
            .ok_or_else(|| TimeError::Bound(text.chars().take(80).collect()))
    }
}

macro_rules! as_text {
    ($($name:ident: $schema:literal, $pattern:literal, $expected:literal;)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $schema.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "x-expected": $expected,
                    "description": concat!("Such as ", $expected, "."),
                })
            }
        }
    )*};
}

as_text! {
    Hours: "Hours", r"^\d\d:\d\d-\d\d:\d\d$", "hours of a day such as 09:00-17:00";
    MonthDay: "MonthDay", r"^\d\d-\d\d$", "a day of the year such as 12-24";
    Bound: "DayOrTime", r"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?$",
        "a day or a time such as 2026-12-24, 2026-12-24T18:00 or 2026-12-24T18:00:00+01:00";
}
