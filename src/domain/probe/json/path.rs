//! JSONPath as RFC 9535 has it, kept within bounds.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// A longer path is refused.
const LONGEST: usize = 1_000;

/// A path that is nested deeper is refused: it is read by recursion, and a stack has an end.
const DEEPEST: usize = 24;

/// Each `..` but the first multiplies the work by the depth of the document; more of them are refused.
const MOST_DESCENTS: usize = 2;

/// More values than these are not looked at: a document is as large and as deep as whoever sends it likes.
const MOST_WORK: usize = 10_000_000;

/// A regular expression is read anew for every value that a filter holds against it, which is as much as so many values.
const REGEX_WORK: usize = 64;

/// A path that was read.
#[derive(Clone, Debug)]
pub struct Path {
    path: serde_json_path::JsonPath,
    singular: bool,
    descents: usize,
    /// How many selectors there are, those of one segment after the other.
    width: usize,
    /// How many queries within it begin at the root again, and find several values.
    again: u32,
    regexes: bool,
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
    /// More work than is done for a document of this size.
    #[error(
        "the JSONPath is too much for a document of {values} values, up to {levels} levels deep"
    )]
    TooLarge {
        /// How many values the document has.
        values: usize,
        /// How deep it is.
        levels: usize,
    },
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
        let width = width(text)?;
        let descents = text.matches("..").count();
        if descents > MOST_DESCENTS {
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
            singular: singular(text) == Some(text.len()),
            descents,
            width,
            again: again(text),
            regexes: ["match", "search"].iter().any(|it| text.contains(it)),
        })
    }

    /// Whether it can find one value at most, by its form (RFC 9535 section 2.3.5.1).
    pub fn is_singular(&self) -> bool {
        self.singular
    }

    /// What it finds in `value`, in its order.
    ///
    /// # Errors
    /// [`PathError::TooLarge`] where looking for it would take longer, or more memory, than is to be had.
    pub fn find<'a>(&self, value: &'a Value) -> Result<Vec<&'a Value>, PathError> {
        let size = Size::of(value);
        if !self.singular && self.work(&size) > MOST_WORK {
            return Err(PathError::TooLarge {
                values: size.values,
                levels: size.levels,
            });
        }
        Ok(self.path.query(value).all())
    }

    /// How many values are looked at in a document of a size, about and at most.
    fn work(&self, size: &Size) -> usize {
        let once = match self.descents {
            0 | 1 => size.values,
            // Every value is come to from each of those that it lies in.
            _ => size.ways,
        };
        let again = size.values.saturating_pow(self.again);
        let each = if self.regexes { REGEX_WORK } else { 1 };
        once.saturating_mul(again)
            .saturating_mul(each)
            .saturating_mul(self.width)
    }
}

/// How large a document is.
#[derive(Default)]
struct Size {
    /// How many values it has.
    values: usize,
    /// On how many levels they are.
    levels: usize,
    /// The levels of all values together.
    ways: usize,
}

impl Size {
    fn of(value: &Value) -> Self {
        let mut size = Self::default();
        let mut left = vec![(value, 1)];
        while let Some((value, level)) = left.pop() {
            size.values += 1;
            size.ways += level;
            size.levels = size.levels.max(level);
            match value {
                Value::Array(elements) => left.extend(elements.iter().map(|it| (it, level + 1))),
                Value::Object(members) => left.extend(members.values().map(|it| (it, level + 1))),
                _ => {}
            }
        }
        size
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

/// How many times each value can be found because of selectors that stand side by side: `$['a','b'][0,0]` has 4.
///
/// # Errors
/// [`PathError::TooMuch`] where it is nested too deep to be read.
fn width(text: &str) -> Result<usize, PathError> {
    let mut open: Vec<usize> = Vec::new();
    let mut width = 1_usize;
    for byte in text.bytes() {
        match (byte, open.last_mut()) {
            (b'[' | b'(', _) => open.push(1),
            // The commas within a name, or between arguments, are counted too: it is an estimate.
            (b',', Some(selectors)) => *selectors += 1,
            (b']' | b')', _) => width = width.saturating_mul(open.pop().unwrap_or(1)),
            _ => {}
        }
        if open.len() > DEEPEST {
            return Err(PathError::TooMuch("is nested more than 24 levels deep"));
        }
    }
    Ok(width)
}

/// How long the query is that `text` begins with, as far as it consists of names and indexes alone.
fn singular(text: &str) -> Option<usize> {
    let form = SINGULAR.as_ref()?;
    form.find(text).map(|found| found.end())
}

/// How many queries begin at the root behind the beginning of `text`, and have more than names and indexes.
fn again(text: &str) -> u32 {
    let roots = text.match_indices('$').skip(1);
    let wide = roots.filter(|(at, _)| {
        let query = &text[*at..];
        let rest = &query[singular(query).unwrap_or_default()..];
        rest.trim_start().starts_with(['.', '['])
    });
    u32::try_from(wide.count()).unwrap_or(u32::MAX)
}

/// Names and indexes alone.
static SINGULAR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let name = r"[A-Za-z_\x{80}-\x{10ffff}][0-9A-Za-z_\x{80}-\x{10ffff}]*";
    let quoted = r#""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"#;
    let space = r"[ \t\r\n]*";
    Regex::new(&format!(
        r"^\$(?:{space}(?:\.{name}|\[{space}(?:{quoted}|-?[0-9]+){space}\]))*"
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
    fn what_is_found_is_in_order() {
        let value = json!({"a": [{"b": 1}, {"b": 2}]});
        let found = Path::parse("$.a[*].b").expect("a path").find(&value);
        assert_eq!(found, Ok(vec![&json!(1), &json!(2)]));
    }

    #[test]
    fn a_query_that_begins_again_and_is_no_single_place_is_counted() {
        for (text, times) in [
            ("$.a[?@.b == $.c['d'][0]]", 0),
            ("$['$ref']['$']", 0),
            ("$[?count($..*) > 3]", 1),
            ("$[?$.a[*] && $['b'] [?@.c]]", 2),
            ("$[?@[?$.*]]", 1),
        ] {
            assert_eq!(Path::parse(text).expect(text).again, times, "{text}");
        }
    }

    #[test]
    fn what_would_take_too_long_or_too_much_memory_is_refused_by_the_document() {
        let wide = Value::Array(vec![json!(1); 200_000]);
        let mut deep = Value::Array(vec![json!({"a": 1}); 60_000]);
        for _ in 0..90 {
            deep = json!({"a": deep});
        }
        let refused = |path: &str, value: &Value| {
            let path = Path::parse(path).expect(path);
            matches!(path.find(value), Err(PathError::TooLarge { .. }))
        };
        assert!(refused("$[?count($..*) > 3]", &wide));
        assert!(refused("$..a..a", &deep));
        assert!(refused(&format!("$[{}0]", "0:,".repeat(100)), &wide));
        for path in ["$..a", "$.*", "$.a.a.a", "$[?@.a == $.a]"] {
            assert!(!refused(path, &wide) && !refused(path, &deep), "{path}");
        }
        assert!(!refused("$[?count($..*) > 3]", &json!([[1, 2], [3]])));
        assert!(!refused("$..a..a", &json!({"a": {"a": [{"a": 1}]}})));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}", path in "\\$[.\\[\\]?@()'\"a-c0-9*:,!=<> &|-]{0,60}") {
            for text in [text, path] {
                if let Ok(path) = Path::parse(&text) {
                    let value = json!({"a": [1, {"b": "c"}, null], "b": {"a": 2.5}});
                    let found = path.find(&value).map(|found| found.len());
                    prop_assert!(!path.is_singular() || found.is_ok_and(|it| it <= 1), "{}", text);
                }
            }
        }
    }
}
