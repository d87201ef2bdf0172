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
pub struct Path(Form);

#[derive(Clone, Debug)]
enum Form {
    /// Written plainly as names and indexes, as almost every path is: it is simply followed.
    Straight(Vec<Turn>),
    /// Anything else.
    Query {
        path: serde_json_path::JsonPath,
        singular: bool,
    },
}

/// A step of a straight path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// To a member of an object.
    Name(String),
    /// To an element of an array; below zero it counts from the end.
    Index(i64),
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
        if let Some(turns) = straight(text) {
            return Ok(Self(Form::Straight(turns)));
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
        Ok(Self(Form::Query {
            path,
            singular: SINGULAR.as_ref().is_some_and(|form| form.is_match(text)),
        }))
    }

    /// Whether it can find one value at most, by its form (RFC 9535 section 2.3.5.1).
    pub fn is_singular(&self) -> bool {
        match &self.0 {
            Form::Straight(_) => true,
            Form::Query { singular, .. } => *singular,
        }
    }

    /// Its steps, where it is written plainly as names and indexes: whoever has a tree follows them, and needs no
    /// [`Self::query`].
    pub fn straight(&self) -> Option<&[Turn]> {
        match &self.0 {
            Form::Straight(turns) => Some(turns),
            Form::Query { .. } => None,
        }
    }

    /// Where in `value` a path that is not straight finds something, in its order, as steps from the root.
    pub fn query(&self, value: &Value) -> Vec<Vec<Step>> {
        let Form::Query { path, .. } = &self.0 else {
            return Vec::new();
        };
        path.query_located(value)
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

/// The steps of a path in the plainest way of writing one: names after a dot or in quotes without an escape, indexes,
/// no white space. `None` says nothing but that it is written in another way.
fn straight(text: &str) -> Option<Vec<Turn>> {
    let mut rest = text.strip_prefix('$')?;
    let mut turns = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|c| !is_of_name(c)).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
                return None;
            }
            turns.push(Turn::Name(name.to_owned()));
            rest = after;
        } else {
            let (inner, after) = rest.strip_prefix('[')?.split_once(']')?;
            turns.push(quoted(inner).or_else(|| index(inner))?);
            rest = after;
        }
    }
    Some(turns)
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

fn quoted(inner: &str) -> Option<Turn> {
    let quote = inner.chars().next().filter(|c| ['\'', '"'].contains(c))?;
    let name = inner.strip_prefix(quote)?.strip_suffix(quote)?;
    let plain = |c: char| !c.is_control() && !['\'', '"', '\\'].contains(&c);
    name.chars().all(plain).then(|| Turn::Name(name.to_owned()))
}

/// RFC 9535 section 2.3.3.1: no zero before another digit, none with a sign.
fn index(inner: &str) -> Option<Turn> {
    let digits = inner.strip_prefix('-').unwrap_or(inner);
    let plain = match digits.as_bytes() {
        [b'0'] => digits.len() == inner.len(),
        [b'1'..=b'9', more @ ..] => more.len() < 15 && more.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    plain.then(|| inner.parse().ok().map(Turn::Index)).flatten()
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
    fn a_plain_path_is_straight_and_means_the_same() {
        let name = |name: &str| Turn::Name(name.to_owned());
        for (text, turns) in [
            ("$", vec![]),
            ("$.a.b_1", vec![name("a"), name("b_1")]),
            ("$['a b'][\"c\"]", vec![name("a b"), name("c")]),
            ("$['']", vec![name("")]),
            (
                "$.é[0][-12]",
                vec![name("é"), Turn::Index(0), Turn::Index(-12)],
            ),
        ] {
            let path = Path::parse(text).expect(text);
            assert_eq!(path.straight(), Some(turns.as_slice()), "{text}");
            assert!(path.is_singular());
            serde_json_path::JsonPath::parse(text).expect("it is a path for others too");
        }
        for other in [
            "$.*",
            "$..a",
            "$[0,1]",
            "$['a','b']",
            "$[ 0]",
            "$['\\n']",
            "$[?@.a]",
            "$[1:2]",
        ] {
            assert_eq!(Path::parse(other).expect(other).straight(), None, "{other}");
        }
        for none in [
            "$.",
            "$.1a",
            "$[01]",
            "$[-0]",
            "$['a]",
            "$['a\"]",
            "$[\"'\"",
            "$[']']]",
            "$a",
            "$[]",
            "$[9007199254740993]",
        ] {
            assert!(Path::parse(none).is_err(), "{none}");
        }
    }

    #[test]
    fn what_is_found_is_located() {
        let value = json!({"a": [{"b": 1}, {"b": 2}]});
        let found = Path::parse("$.a[*].b").expect("a path").query(&value);
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
                    let found = path.query(&value);
                    prop_assert!(!path.is_singular() || found.len() <= 1, "{}", text);
                    // What is followed plainly is a path for others too.
                    prop_assert!(path.straight().is_none() || serde_json_path::JsonPath::parse(&text).is_ok(), "{}", text);
                }
            }
        }
    }
}
