//! Measured numbers, and how much worse one may be than another.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A finite number, as monitoring systems have them: 64 bits of floating point. Not a number, and the infinite, are no
/// measures.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Measure(f64);

impl Eq for Measure {}

impl Measure {
    /// The measure of a number; `None` where it is not finite.
    pub fn new(number: f64) -> Option<Self> {
        // Zero has no sign here.
        number.is_finite().then_some(Self(number + 0.0))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The middle one of several, or the mean of the two in the middle; `None` where there are none.
    pub fn median(all: &[Self]) -> Option<Self> {
        let mut sorted = all.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let half = sorted.len() / 2;
        match sorted.len() % 2 {
            1 => sorted.get(half).copied(),
            _ => {
                let (low, high) = (sorted.get(half.checked_sub(1)?)?, sorted.get(half)?);
                Self::new(low.0 / 2.0 + high.0 / 2.0)
            }
        }
    }
}

impl FromStr for Measure {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.parse().ok().and_then(Self::new).ok_or(())
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        if size != 0.0 && !(1e-6..1e15).contains(&size) {
            write!(f, "{:e}", self.0)
        } else {
            write!(f, "{}", self.0)
        }
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        Self::new(number).ok_or_else(|| serde::de::Error::custom("the number is not finite"))
    }
}

impl JsonSchema for Measure {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Measure".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number"})
    }
}

/// A share in percent: `50%`, `12.5%`; at most three digits after the point, at most 10000 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentage {
    /// Thousandths of a percent.
    thousandths: u32,
}

/// More than this is no share that anybody means.
const MOST: u32 = 10_000;

impl Percentage {
    /// The share as a factor: 0.5 of `50%`.
    pub fn factor(self) -> f64 {
        f64::from(self.thousandths) / 100_000.0
    }

    /// Whether it is all, or more.
    pub const fn is_whole(self) -> bool {
        self.thousandths >= 100_000
    }
}

/// Why a text is no percentage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a percentage from 0% to {MOST}%; write it such as 50% or 12.5%")]
pub struct PercentageError(String);

impl FromStr for Percentage {
    type Err = PercentageError;

    fn from_str(text: &str) -> Result<Self, PercentageError> {
        let refuse = || PercentageError(text.chars().take(40).collect());
        let number = text.strip_suffix('%').ok_or_else(refuse)?;
        let (whole, part) = match number.split_once('.') {
            None => (number, "0"),
            Some((whole, part)) => (whole, part),
        };
        let is_number = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let padded = whole.len() > 1 && whole.starts_with('0');
        if !is_number(whole, 5) || !is_number(part, 3) || padded {
            return Err(refuse());
        }
        let number = |text: &str| text.parse::<u32>().map_err(|_| refuse());
        let thousandths = number(whole)? * 1_000 + number(&format!("{part:0<3}"))?;
        if thousandths > MOST * 1_000 {
            return Err(refuse());
        }
        Ok(Self { thousandths })
    }
}

impl fmt::Display for Percentage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.thousandths / 1_000, self.thousandths % 1_000);
        if part == 0 {
            return write!(f, "{whole}%");
        }
        let part = format!("{part:03}");
        write!(f, "{whole}.{}%", part.trim_end_matches('0'))
    }
}

impl Serialize for Percentage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percentage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Percentage {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Percentage".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^(0|[1-9][0-9]{0,4})(\.[0-9]{1,3})?%$",
            "x-expected": "a percentage such as 50% or 12.5%",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentages_are_read_strictly() {
        for (text, factor) in [("0%", 0.0), ("50%", 0.5), ("12.5%", 0.125), ("150%", 1.5)] {
            let read: Percentage = text.parse().expect(text);
            assert!((read.factor() - factor).abs() < 1e-12, "{text}");
            assert_eq!(read.to_string(), text);
        }
        assert!("10000%".parse::<Percentage>().is_ok());
        for bad in [
            "",
            "%",
            "50",
            "0.5",
            "50 %",
            " 50%",
            "50%%",
            "+50%",
            "-50%",
            "5e1%",
            ".5%",
            "5.%",
            "050%",
            "1.2345%",
            "10000.001%",
            "99999%",
            "123456%",
            "½%",
            "NaN%",
            "50\u{ff05}",
        ] {
            assert!(bad.parse::<Percentage>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_finite_is_a_measure() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Measure::new(number), None);
        }
        assert_eq!(Measure::new(-0.0), Measure::new(0.0));
        let shown = |number| Measure::new(number).map(|it| it.to_string());
        assert_eq!(shown(0.25).as_deref(), Some("0.25"));
        assert_eq!(shown(1e-9).as_deref(), Some("1e-9"));
        assert_eq!(shown(-0.0).as_deref(), Some("0"));
    }

    fn measures(numbers: &[f64]) -> Vec<Measure> {
        numbers.iter().filter_map(|it| Measure::new(*it)).collect()
    }

    #[test]
    fn the_median_stands_in_the_middle() {
        let median = |numbers: &[f64]| Measure::median(&measures(numbers)).map(Measure::get);
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 900.0]), Some(3.0));
        assert_eq!(median(&[f64::MAX, f64::MAX]), Some(f64::MAX));
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn no_text_panics(text in "\\PC{0,20}") {
            let _ = text.parse::<Percentage>();
        }

        #[test]
        fn what_is_shown_is_read_again(thousandths in 0..=10_000_000_u32) {
            let share = Percentage { thousandths };
            prop_assert_eq!(share.to_string().parse(), Ok(share));
        }

        #[test]
        fn the_median_lies_among_them_in_any_order(mut numbers in prop::collection::vec(-1e9..1e9_f64, 1..30)) {
            let median = Measure::median(&measures(&numbers));
            numbers.reverse();
            prop_assert_eq!(Measure::median(&measures(&numbers)), median);
            let median = median.map_or(f64::NAN, Measure::get);
            let below = numbers.iter().filter(|it| **it <= median).count();
            let above = numbers.iter().filter(|it| **it >= median).count();
            prop_assert!(2 * below >= numbers.len() && 2 * above >= numbers.len());
        }
    }
}
