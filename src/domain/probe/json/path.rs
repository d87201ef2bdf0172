//! JSONPath as RFC 9535 has it, kept within bounds.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// A longer path is refused.
const LONGEST: usize = 1_000;

/// A path that is nested deeper is refused: it is read by recursion, and a stack has an end.
const DEEPEST: usize = 24;

/// Each `..` multiplies the work by the depth of the document; more of them are refused.
const MOST_DESCENTS: usize = 2;

/// A path that was read.
#[derive(Clone, Debug)]
pub struct Path {
    path: serde_json_path::JsonPath,
    singular: bool,
}

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not what RFC 9535 has.
    #[error("{text:?} is not a JSONPath: {why}; write it such as $.status or $.items[*].price")]
    Malformed {
        /// What was written.
        text: String,
        /// What the reader says.
        why: String,
    },
    /// Longer, deeper or wider than any that is needed.
    #[error("the JSONPath {0}")]
    TooMuch(&'static str),
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// A [`PathError`] that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > LONGEST {
            return Err(PathError::TooMuch("is longer than 1000 characters"));
        }
        let mut depth = 0_usize;
        for byte in text.bytes() {
            match byte {
                b'[' | b'(' => depth += 1,
                b']' | b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEEPEST {
                return Err(PathError::TooMuch("is nested more than 24 levels deep"));
            }
        }
        if text.matches("..").count() > MOST_DESCENTS {
            return Err(PathError::TooMuch("has more than two \"..\""));
        }
        let path = serde_json_path::JsonPath::parse(text).map_err(|error| {
            let why = match error.position() {
                _ if !text.starts_with('$') => "it does not begin with $".to_owned(),
                0 => error.message().to_owned(),
                at => format!("{} at its character {}", error.message(), at + 1),
            };
            PathError::Malformed {
                text: text.to_owned(),
                why,
            }
        })?;
        Ok(Self {
            path,
            singular: SINGULAR.as_ref().is_some_and(|form| form.is_match(text)),
        })
    }

    /// Whether it can find one value at most, by its form (RFC 9535 section 2.3.5.1).
    pub fn is_singular(&self) -> bool {
        self.singular
    }

    /// Where in `value` it finds something, in its order, as steps from the root.
    pub fn find(&self, value: &Value) -> Vec<Vec<Step>> {
        self.path
            .query_located(value)
            .locations()
            .map(|location| {
                location
                    .iter()
                    .map(|step| match (step.as_name(), step.as_index()) {
                        (Some(name), _) => Step::Name(name.to_owned()),
                        (None, index) => Step::Index(index.unwrap_or_default()),
                    })
                    .collect()
            })
            .collect()
    }
}

/// A step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To a member of an object.
    Name(String),
    /// To an element of an array.
    Index(usize),
}

/// Names and indexes alone.
static SINGULAR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let name = r"[A-Za-z_\x{80}-\x{10ffff}][0-9A-Za-z_\x{80}-\x{10ffff}]*";
    let quoted = r#""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"#;
    let space = r"[ \t\r\n]*";
    Regex::new(&format!(
        r"^\$(?:{space}(?:\.{name}|\[{space}(?:{quoted}|-?[0-9]+){space}\]))*$"
    ))
    .ok()
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_path_knows_whether_it_finds_one_at_most() {
        for (text, singular) in [
            ("$", true),
            ("$.a.b_1", true),
            ("$['a']['b c'][0][-1]", true),
            ("$[ \"it's\" ]", true),
            ("$.é", true),
            ("$.*", false),
            ("$..a", false),
            ("$.a[0,1]", false),
            ("$.a[0:2]", false),
            ("$[?@.a]", false),
            ("$['a','b']", false),
            ("$['a'][*]", false),
        ] {
            let path = Path::parse(text).expect(text);
            assert_eq!(path.is_singular(), singular, "{text}");
        }
    }

    #[test]
    fn a_path_that_could_end_the_program_is_refused() {
        let deep = |open: &str, close: &str, times| {
            format!("$[?{}@.a{}]", open.repeat(times), close.repeat(times))
        };
        for text in [
            deep("(", ")", 300),
            deep("@[?", "]", 100),
            "$".to_owned() + &"[?@".repeat(300),
            "(".repeat(900),
            "$..a..b..c".to_owned(),
            format!("$.{}", "a".repeat(2000)),
        ] {
            assert!(
                matches!(Path::parse(&text), Err(PathError::TooMuch(_))),
                "{text}"
            );
        }
        Path::parse(&deep("(", ")", 20)).expect("20 levels are allowed");
    }

    #[test]
    fn a_malformed_path_says_where() {
        let error = Path::parse("$.items[").expect_err("malformed").to_string();
        assert!(error.contains("character"), "{error}");
        assert!(Path::parse("status").is_err());
        assert!(Path::parse("").is_err());
    }

    #[test]
    fn what_is_found_is_located() {
        let value = json!({"a": [{"b": 1}, {"b": 2}]});
        let found = Path::parse("$.a[*].b").expect("a path").find(&value);
        let at = |index| {
            vec![
                Step::Name("a".to_owned()),
                Step::Index(index),
                Step::Name("b".to_owned()),
            ]
        };
        assert_eq!(found, [at(0), at(1)]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}", path in "\\$[.\\[\\]?@()'\"a-c0-9*:,!=<> &|-]{0,60}") {
            for text in [text, path] {
                if let Ok(path) = Path::parse(&text) {
                    let value = json!({"a": [1, {"b": "c"}, null], "b": {"a": 2.5}});
                    let found = path.find(&value);
                    prop_assert!(!path.is_singular() || found.len() <= 1, "{}", text);
                }
            }
        }
    }
}
