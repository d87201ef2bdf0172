//! How long an answer may take: `200ms`, or any other [`Timespan`] such as `2s`; shown as times that were measured are.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::timespan::{Timespan, TimespanError};

/// A length of time in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Latency {
    milliseconds: u64,
}

impl Latency {
    /// The length in milliseconds.
    pub const fn milliseconds(self) -> u64 {
        self.milliseconds
    }

    /// Whether the length is zero.
    pub const fn is_zero(self) -> bool {
        self.milliseconds == 0
    }
}

impl FromStr for Latency {
    type Err = TimespanError;

    fn from_str(text: &str) -> Result<Self, TimespanError> {
        text.parse().map(|span: Timespan| Self {
            milliseconds: span.milliseconds(),
        })
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.milliseconds > 0 && self.milliseconds.is_multiple_of(1_000) {
            Timespan::from_milliseconds(self.milliseconds).fmt(f)
        } else {
            write!(f, "{}ms", self.milliseconds)
        }
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Latency {
    fn schema_name() -> Cow<'static, str> {
        "Latency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "latency",
            "description": "A length of time, such as 200ms or 2s."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn milliseconds_and_durations_are_read() {
        for (text, milliseconds) in [("200ms", 200), ("0ms", 0), ("2s", 2_000), ("1m30s", 90_000)] {
            let read: Latency = text.parse().expect(text);
            assert_eq!(read.milliseconds(), milliseconds);
            assert_eq!(read.to_string(), text);
        }
        for (text, milliseconds) in [("1.5s", 1_500), ("1s200ms", 1_200), ("1500ms", 1_500)] {
            let read: Latency = text.parse().expect(text);
            assert_eq!(read.to_string(), format!("{milliseconds}ms"));
        }
        for text in [
            "", "ms", "1.5ms", "-1ms", "200", "200 ms", "200MS", "200ms1s",
        ] {
            assert!(text.parse::<Latency>().is_err(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn what_is_written_reads_the_same(milliseconds in 0_u64..=86_400_000) {
            let read: Latency = format!("{milliseconds}ms").parse().expect("a time");
            prop_assert_eq!(read.milliseconds(), milliseconds);
            prop_assert_eq!(read.to_string().parse::<Latency>().expect("a time"), read);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,12}") {
            let _ = text.parse::<Latency>();
        }
    }
}
