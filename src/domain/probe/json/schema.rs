//! A whole JSON document held to a JSON Schema (draft 4 to 2020-12).
//!
//! Nothing is fetched: a `$ref` leads into the schema itself or nowhere. Patterns are run by an engine whose time is
//! linear in the text, and are limited in size.

use jsonschema::{PatternOptions, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::tree::Document;
use super::{value_texts_mut, work};
use crate::domain::probe::expect::{Assertion, excerpt};
use crate::domain::probe::pattern::LARGEST;

/// Where the schema stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SchemaSource {
    /// In a file of JSON, relative to the repository's root.
    File(#[schemars(length(min = 1))] String),
    /// Here.
    Inline(Map<String, Value>),
}

impl SchemaSource {
    /// Every text of it in which a variable may stand.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        let mut texts = Vec::new();
        match self {
            Self::File(path) => texts.push(path),
            Self::Inline(schema) => schema
                .values_mut()
                .for_each(|value| value_texts_mut(value, &mut texts)),
        }
        texts
    }
}

/// How many of the findings are told.
const MOST_TOLD: usize = 3;

/// Reads a schema.
///
/// # Errors
/// What is wrong with it.
pub fn compile(schema: &Map<String, Value>) -> Result<Validator, String> {
    let whole = Value::Object(schema.clone());
    if !work::is_bounded(&whole, &Value::Null) {
        return Err("it refers to itself without end".to_owned());
    }
    let patterns = PatternOptions::regex().size_limit(LARGEST);
    jsonschema::options()
        .with_pattern_options(patterns)
        .should_validate_formats(true)
        .build(&whole)
        .map_err(|error| {
            let at = error.instance_path().to_string();
            let place = if at.is_empty() {
                String::new()
            } else {
                format!("{at}: ")
            };
            format!("{place}{}", excerpt(&error.to_string()))
        })
}

/// Why a schema is not held against a document.
pub const TOO_MUCH: &str =
    "the JSON Schema is too much for the document: it would take too long to find out";

/// Whether a document can be held against a schema within bounds.
pub fn is_bounded(source: &SchemaSource, document: &Document) -> bool {
    match source {
        SchemaSource::File(_) => true,
        SchemaSource::Inline(schema) => {
            work::is_bounded(&Value::Object(schema.clone()), document.value())
        }
    }
}

/// Holds a document, or the reason why there is none, against a schema.
pub fn assertion(source: &SchemaSource, document: Result<&Document, &str>) -> Assertion {
    let found = match (source, document) {
        (SchemaSource::File(path), _) => Err(format!("the schema {path} was not read")),
        (_, Err(why)) => Err(why.to_owned()),
        (SchemaSource::Inline(schema), Ok(document)) => match compile(schema) {
            Ok(validator) => findings(&validator, document.value()),
            Err(error) => Err(format!("the schema cannot be used: {error}")),
        },
    };
    Assertion {
        about: "json schema".to_owned(),
        expected: "valid".to_owned(),
        holds: found.is_ok(),
        actual: found.err().unwrap_or_else(|| "valid".to_owned()),
    }
}

fn findings(validator: &Validator, value: &Value) -> Result<(), String> {
    let mut told = Vec::new();
    let mut left = 0_usize;
    for error in validator.iter_errors(value) {
        if told.len() < MOST_TOLD {
            let at = error.instance_path().to_string();
            let at = if at.is_empty() { "the document" } else { &at };
            told.push(format!("{at}: {}", excerpt(&error.to_string())));
        } else {
            left += 1;
        }
    }
    if told.is_empty() {
        return Ok(());
    }
    if left > 0 {
        told.push(format!("and {left} more"));
    }
    Err(told.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema(value: Value) -> SchemaSource {
        serde_json::from_value(value).expect("a schema")
    }

    fn held(source: Value, text: &str) -> Assertion {
        let document = Document::read(text);
        assertion(&schema(source), document.as_ref().map_err(String::as_str))
    }

    #[test]
    fn a_document_is_held_to_its_schema() {
        let order = json!({
            "type": "object", "required": ["id"], "additionalProperties": false,
            "properties": {"id": {"type": "integer", "minimum": 9_007_199_254_740_993_u64}}
        });
        assert!(held(order.clone(), r#"{"id": 9007199254740993}"#).holds);
        // A 64-bit float could not tell these two apart.
        assert!(!held(order.clone(), r#"{"id": 9007199254740992}"#).holds);
        let wrong = held(order.clone(), r#"{"id": "7", "x": 1}"#);
        assert!(wrong.actual.contains("/id: "), "{}", wrong.actual);
        let many = held(json!({"items": {"type": "string"}}), "[1,2,3,4,5]");
        assert!(many.actual.ends_with("and 2 more"), "{}", many.actual);
        let none = held(order, "");
        assert!(
            !none.holds && none.actual.contains("EOF"),
            "{}",
            none.actual
        );
    }

    #[test]
    fn a_schema_that_cannot_be_used_never_holds() {
        for (source, why) in [
            (json!({"type": "strin"}), "strin"),
            (
                json!({"$ref": "https://example.com/schema.json"}),
                "example.com",
            ),
            (json!({"$ref": "file:///etc/passwd"}), "passwd"),
            (json!({"$ref": "#/$defs/nowhere"}), "nowhere"),
            (json!({"pattern": "("}), "("),
            (json!("schema.json"), "was not read"),
        ] {
            let held = held(source, "\"a\"");
            assert!(!held.holds, "{why}");
            assert!(held.actual.contains(why), "{why}: {}", held.actual);
        }
    }

    #[test]
    fn a_hostile_pattern_or_reference_ends() {
        let slow = json!({"type": "string", "pattern": "^(a+)+$"});
        let text = format!("\"{}b\"", "a".repeat(5_000));
        assert!(!held(slow, &text).holds);
        let large = json!({"pattern": "((a{1000}){1000}){1000}"});
        assert!(!held(large, "\"a\"").holds);
        let circle = json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"});
        held(circle, "1");
    }
}
