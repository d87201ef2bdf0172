//! Numbers as they are written, compared without rounding: `9007199254740993` is not `9007199254740992`.
//!
//! A 64-bit float, which most libraries read a number into, tells neither these two nor `0.1` and
//! `0.10000000000000001` apart. A gate that rounds could say go by mistake.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// More digits than this are no number that anybody compares.
const LONGEST: usize = 1_000;

/// From here on a float stands for several whole numbers.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A decimal number of any size, exactly.
///
/// Read from a number, or from a text in quotes where a number would lose digits on its way (beyond 64 bits).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    /// Without zeros at either end; empty for zero.
    digits: String,
    /// The place of the decimal point: the value is `0.digits × 10^point`.
    point: i64,
}

/// Why a text is no number.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecimalError {
    /// It is not written as JSON writes numbers.
    #[error("{0:?} is not a number; write it as JSON does, such as -1.5 or 12")]
    Malformed(String),
    /// It has too many digits.
    #[error("a number of more than {LONGEST} characters")]
    TooLong,
    /// It was rounded before it came here.
    #[error("{0} is too large to be read exactly; write it in quotes, with all its digits")]
    Rounded(f64),
}

impl Decimal {
    /// Whether it has no fraction.
    pub fn is_integer(&self) -> bool {
        i64::try_from(self.digits.len()).is_ok_and(|length| length <= self.point)
            || self.digits.is_empty()
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Reads a number as RFC 8259 section 6 writes it.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        if text.len() > LONGEST {
            return Err(DecimalError::TooLong);
        }
        let malformed = || DecimalError::Malformed(text.to_owned());
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (rest, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(malformed()),
            None => (mantissa, ""),
        };
        let digits_alone = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || leading_zero || !digits_alone(whole) || !digits_alone(fraction) {
            return Err(malformed());
        }
        let exponent: i64 = match exponent {
            None => 0,
            Some(exponent) => {
                let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if unsigned.is_empty() || !digits_alone(unsigned) {
                    return Err(malformed());
                }
                // Beyond this nothing is compared but its being very large or very small.
                let size = unsigned.parse().unwrap_or(i64::MAX).min(i64::MAX / 4);
                if exponent.starts_with('-') {
                    -size
                } else {
                    size
                }
            }
        };
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let zeros = i64::try_from(all.len() - significant.len()).unwrap_or(0);
        let digits = significant.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Ok(Self {
                negative: false,
                digits,
                point: 0,
            });
        }
        let whole = i64::try_from(whole.len()).unwrap_or(0);
        Ok(Self {
            negative,
            digits,
            point: whole - zeros + exponent,
        })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |it: &Self| match (it.digits.is_empty(), it.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let size = self
            .point
            .cmp(&other.point)
            // Without zeros at the end, the order of the digits is the order of the alphabet.
            .then_with(|| self.digits.cmp(&other.digits));
        sign(self)
            .cmp(&sign(other))
            .then(if self.negative { size.reverse() } else { size })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Written out where that is short, in scientific notation where not.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let digits = &self.digits;
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        if digits.is_empty() {
            f.write_str("0")
        } else if self.point > 40 || self.point < -20 {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            write!(f, "{sign}{first}{dot}{rest}e{}", self.point - 1)
        } else if self.point <= 0 {
            write!(f, "{sign}0.{}{digits}", zeros(-self.point))
        } else if self.point >= length {
            write!(f, "{sign}{digits}{}", zeros(self.point - length))
        } else {
            let (whole, fraction) = digits.split_at(usize::try_from(self.point).unwrap_or(0));
            write!(f, "{sign}{whole}.{fraction}")
        }
    }
}

/// As text: a record is written in a form in which a number is a 64-bit float.
impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Decimal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Decimal, E> {
                value.to_string().parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Decimal, E> {
                value.to_string().parse().map_err(E::custom)
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Decimal, E> {
                if !value.is_finite() || value.abs() >= EXACT {
                    return Err(E::custom(DecimalError::Rounded(value)));
                }
                // The shortest text that reads as this float is what was written, up to 15 digits.
                value.to_string().parse().map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Number)
    }
}

impl JsonSchema for Decimal {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["number", "string"],
            "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Decimal {
        text.parse().expect(text)
    }

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        for (one, other) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("0.1", "1E-1"),
            ("-0", "0.000"),
            ("1200e-2", "12"),
            ("0e99999999999999999999", "0"),
        ] {
            assert_eq!(number(one), number(other), "{one} {other}");
        }
    }

    #[test]
    fn unequal_numbers_are_not_rounded_together() {
        for (less, greater) in [
            ("9007199254740992", "9007199254740993"),
            ("18446744073709551616", "18446744073709551617"),
            ("0.1", "0.10000000000000001"),
            ("-2", "-1"),
            ("-1", "0"),
            ("0", "1e-400"),
            ("1e400", "1e401"),
            ("9", "10"),
            ("0.09", "0.1"),
            ("-1e99999999999999999999", "1e-99999999999999999999"),
        ] {
            assert!(number(less) < number(greater), "{less} {greater}");
            assert!(number(greater) > number(less), "{less} {greater}");
        }
    }

    #[test]
    fn what_json_does_not_write_is_no_number() {
        for text in [
            "", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", "1 ", "٣", "NaN", "--1", "1e1.5",
        ] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
        assert_eq!(
            "9".repeat(LONGEST + 1).parse::<Decimal>(),
            Err(DecimalError::TooLong)
        );
    }

    #[test]
    fn whole_numbers_are_told_from_fractions() {
        for (text, whole) in [
            ("0", true),
            ("1.0", true),
            ("15e-1", false),
            ("0.5", false),
            ("1e3", true),
        ] {
            assert_eq!(number(text).is_integer(), whole, "{text}");
        }
    }

    #[test]
    fn numbers_and_texts_are_read_and_records_lose_nothing() {
        let read = |value: serde_json::Value| serde_json::from_value::<Decimal>(value);
        let large = read(serde_json::json!(9_007_199_254_740_993_u64)).expect("a number");
        let kept = serde_json::to_value(&large).expect("a text");
        assert_eq!(kept, serde_json::json!("9007199254740993"));
        assert_eq!(read(kept).expect("a number"), large);
        assert_eq!(
            read(serde_json::json!(0.1)).expect("a number"),
            number("0.1")
        );
        let rounded = read(serde_json::json!(18_446_744_073_709_551_616.0)).expect_err("rounded");
        assert!(rounded.to_string().contains("in quotes"), "{rounded}");
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn whole_numbers_order_as_they_do_elsewhere(one: i128, other: i128) {
            prop_assert_eq!(
                number(&one.to_string()).cmp(&number(&other.to_string())),
                one.cmp(&other)
            );
        }

        #[test]
        fn a_written_number_reads_as_the_same(text in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?(e[+-]?[0-9]{1,4})?") {
            let read = number(&text);
            prop_assert_eq!(number(&read.to_string()), read);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = text.parse::<Decimal>();
        }
    }
}
