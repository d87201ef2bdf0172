//! A number, or a text with variables that becomes one: `status: ${env:CODE}`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::json::decimal::Decimal;
use super::measure::Measure;
use crate::domain::latency::Latency;

/// A value that is known, or a text with variables that is to become it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Templated<T> {
    /// The value.
    Value(T),
    /// A text with a variable in it; once it is filled, it is read as the value.
    Text(String),
}

/// What can come out of a text with variables.
pub trait FromText: FromStr {
    /// What it must be, as a noun phrase.
    const NOUN: &str;
}

impl FromText for u64 {
    const NOUN: &str = "a whole number, 0 or more";
}

impl FromText for i32 {
    const NOUN: &str = "a whole number";
}

impl FromText for Decimal {
    const NOUN: &str = "a number";
}

impl FromText for Measure {
    const NOUN: &str = "a number";
}

impl FromText for Latency {
    const NOUN: &str = "a duration such as 500ms";
}

/// A place in a probe whose text, once its variables are filled, is to be read as something else.
pub trait Settle {
    /// The text, while there is one.
    fn text_mut(&mut self) -> Option<&mut String>;

    /// Reads the text, whose variables are filled.
    ///
    /// # Errors
    /// What it must be, as a noun phrase; the text itself may be a secret.
    fn settle(&mut self) -> Result<(), &'static str>;
}

impl<T: FromText> Settle for Templated<T> {
    fn text_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Value(_) => None,
            Self::Text(text) => Some(text),
        }
    }

    fn settle(&mut self) -> Result<(), &'static str> {
        if let Self::Text(text) = self {
            // A file ends with a line break.
            *self = Self::Value(text.trim().parse().map_err(|_| T::NOUN)?);
        }
        Ok(())
    }
}

impl<T> Templated<T> {
    /// The value, where it is known.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Text(_) => None,
        }
    }

    /// Whether the value satisfies `test`; one that is not known does not.
    pub fn is_known_and(&self, test: impl FnOnce(&T) -> bool) -> bool {
        self.known().is_some_and(test)
    }
}

impl<T> From<T> for Templated<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

impl<T: fmt::Display> fmt::Display for Templated<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl<T: Serialize> Serialize for Templated<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Templated<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) if text.contains("${") => Ok(Self::Text(text)),
            value => T::deserialize(value)
                .map(Self::Value)
                .map_err(serde::de::Error::custom),
        }
    }
}

/// The schema of a whole number between bounds, or a variable.
pub fn between(least: i32, most: Option<i32>) -> Schema {
    let mut known = json_schema!({"type": "integer", "minimum": least});
    if let Some(most) = most {
        known.insert("maximum".to_owned(), most.into());
    }
    or_variable(known)
}

fn or_variable(known: Schema) -> Schema {
    let variable = "a variable such as ${env:NAME}";
    let expected = match known.get("type").and_then(|it| it.as_str()) {
        Some("integer") => format!("a whole number or {variable}"),
        Some("number") => format!("a number or {variable}"),
        _ => variable.to_owned(),
    };
    json_schema!({
        "anyOf": [known, {
            "type": "string",
            "format": "variable",
            "pattern": r"\$\{",
            "x-expected": expected,
        }],
    })
}

impl<T: JsonSchema> JsonSchema for Templated<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}OrVariable", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        or_variable(generator.subschema_for::<T>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled<T: FromText + DeserializeOwned + fmt::Debug>(text: &str) -> Result<T, &'static str> {
        let mut one: Templated<T> =
            serde_json::from_value("${env:N}".into()).expect("a text with a variable");
        *one.text_mut().expect("a text") = text.to_owned();
        one.settle()?;
        match one {
            Templated::Value(value) => Ok(value),
            Templated::Text(text) => panic!("{text} is left"),
        }
    }

    #[test]
    fn a_text_becomes_the_value_and_nothing_near_it() {
        assert_eq!(settled::<u64>("200\n"), Ok(200));
        assert_eq!(settled::<i32>("-1"), Ok(-1));
        assert_eq!(
            settled::<Latency>("1.5s").map(Latency::milliseconds),
            Ok(1_500)
        );
        assert!(settled::<Decimal>("9007199254740993").is_ok());
        assert_eq!(settled::<Measure>("0.5").map(Measure::get), Ok(0.5));
        for text in [
            "",
            "-1",
            "1.0",
            "0x10",
            "1 0",
            "two",
            "18446744073709551616",
        ] {
            assert_eq!(settled::<u64>(text), Err(u64::NOUN), "{text}");
        }
        for text in ["NaN", "inf", "1,5", "${env:N}"] {
            assert_eq!(settled::<Measure>(text), Err("a number"), "{text}");
            assert_eq!(settled::<Decimal>(text), Err("a number"), "{text}");
        }
        assert!(settled::<Latency>("5").is_err());
    }

    #[test]
    fn what_is_no_variable_is_read_at_once_and_kept_as_it_was() {
        let read = |value: serde_json::Value| serde_json::from_value::<Templated<u64>>(value);
        for value in [serde_json::json!(5), serde_json::json!("a ${env:N}")] {
            let one = read(value.clone()).expect("read");
            assert_eq!(serde_json::to_value(&one).expect("written"), value);
        }
        assert!(read("5".into()).is_err());
        assert!(read(serde_json::json!(-5)).is_err());
        assert!(!Templated::<u64>::Text("${env:N}".to_owned()).is_known_and(|_| true));
    }
}
