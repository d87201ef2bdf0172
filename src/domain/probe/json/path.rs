//! JSONPath as RFC 9535 has it, kept within bounds.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::regexes::Regexes;

/// A longer path is refused.
const LONGEST: usize = 1_000;

/// A path that is nested deeper is refused: it is read by recursion, and a stack has an end.
const DEEPEST: usize = 24;

/// Each `..` but the first multiplies the work by the depth of the document; more of them are refused.
const MOST_DESCENTS: usize = 2;

/// More values than these are not looked at: a document is as large and as deep as whoever sends it likes.
const MOST_WORK: usize = 10_000_000;

/// A regular expression is read anew for every value that a filter holds against it: each of its states is as much as so
/// many bytes of a text.
const READING: usize = 8;

/// So many steps through its states take as long as it takes to look at a value.
const STEPS_A_VALUE: usize = 16;

/// What it takes to read a regular expression that stands in the document, where a text in it could count (`{900}`).
const COUNTING: usize = 500_000;

/// What it takes to read a byte of another: a class of letters has hundreds of states.
const STRANGE: usize = 80;

/// A path that was read.
#[derive(Clone, Debug)]
pub struct Path(Form);

#[derive(Clone, Debug)]
enum Form {
    /// Written plainly as names and indexes, as almost every path is: it is simply followed.
    Straight(Vec<Turn>),
    /// Anything else.
    Query(Box<Query>),
}

/// A step of a straight path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// To a member of an object.
    Name(String),
    /// To an element of an array; below zero it counts from the end.
    Index(i64),
}

impl Turn {
    /// The element of an array of so many that is meant.
    pub fn element(&self, of: usize) -> Option<usize> {
        let Self::Index(index) = self else {
            return None;
        };
        let distance = usize::try_from(index.unsigned_abs()).ok()?;
        match index {
            ..0 => of.checked_sub(distance),
            0.. => Some(distance),
        }
    }
}

/// A path that the library follows.
#[derive(Clone, Debug)]
struct Query {
    path: serde_json_path::JsonPath,
    singular: bool,
    /// As much of it as consists of names and indexes.
    prefix: String,
    descents: usize,
    /// How many selectors there are, those of one segment after the other.
    width: usize,
    /// How many queries within it begin at the root again, and find several values.
    again: u32,
    regexes: Regexes,
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
        if let Some(turns) = straight(text) {
            return Ok(Self(Form::Straight(turns)));
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
        Ok(Self(Form::Query(Box::new(Query {
            path,
            singular: singular(text) == Some(text.len()),
            prefix: text[..singular(text).unwrap_or_default()].to_owned(),
            descents,
            width,
            again: again(text),
            regexes: Regexes::of(text)?,
        }))))
    }

    /// Whether it can find one value at most, by its form (RFC 9535 section 2.3.5.1).
    pub fn is_singular(&self) -> bool {
        match &self.0 {
            Form::Straight(_) => true,
            Form::Query(query) => query.singular,
        }
    }

    /// The part of it that finds one value at most, before what can find several: `$.items` of `$.items[*].price`.
    pub fn prefix(&self) -> Self {
        match &self.0 {
            Form::Straight(_) => self.clone(),
            Form::Query(query) => Self::parse(&query.prefix).unwrap_or_else(|_| self.clone()),
        }
    }

    /// Its steps, where it is written plainly as names and indexes: whoever has a tree follows them, and needs no
    /// [`Self::find`].
    pub fn straight(&self) -> Option<&[Turn]> {
        match &self.0 {
            Form::Straight(turns) => Some(turns),
            Form::Query(_) => None,
        }
    }

    /// What it finds in `value`, in its order.
    ///
    /// # Errors
    /// [`PathError::TooLarge`] where looking for it would take longer, or more memory, than is to be had.
    pub fn find<'a>(&self, value: &'a Value) -> Result<Vec<&'a Value>, PathError> {
        match &self.0 {
            Form::Straight(turns) => {
                let mut turns = turns.iter();
                let found = turns.try_fold(value, |here, turn| match (turn, here) {
                    (Turn::Name(name), Value::Object(members)) => members.get(name),
                    (turn, Value::Array(elements)) => elements.get(turn.element(elements.len())?),
                    _ => None,
                });
                Ok(found.into_iter().collect())
            }
            Form::Query(query) => query.find(value),
        }
    }
}

impl Query {
    fn find<'a>(&self, value: &'a Value) -> Result<Vec<&'a Value>, PathError> {
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
        // The text of a value is searched each time that it is come to.
        let times = if self.descents > 1 { size.levels } else { 1 };
        let texts = size.texts.saturating_mul(times);
        let searched = once.saturating_mul(READING).saturating_add(texts);
        let known = searched.saturating_mul(self.regexes.states) / STEPS_A_VALUE;
        let strange = match self.regexes.strange {
            true if size.counts => once.saturating_mul(COUNTING),
            true => once.saturating_mul(size.longest.saturating_mul(STRANGE)),
            false => 0,
        };
        once.saturating_add(known)
            .saturating_add(strange)
            .saturating_mul(again)
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
    /// How many bytes all texts have together.
    texts: usize,
    /// How many the longest has.
    longest: usize,
    /// Whether one has a brace, as a regular expression has that counts.
    counts: bool,
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
                Value::String(text) => {
                    size.texts = size.texts.saturating_add(text.len());
                    size.longest = size.longest.max(text.len());
                    size.counts |= text.contains('{');
                }
                _ => {}
            }
        }
        size
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
            assert_eq!(again(text), times, "{text}");
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

    #[test]
    fn a_regular_expression_costs_what_it_takes_to_read_and_to_look_for_it() {
        let many = Value::from(vec!["abababab"; 10_000]);
        let long = Value::from(vec!["ab".repeat(500_000)]);
        let few = serde_json::json!(["x", "xy", {"a": "x", "b": "x."}]);
        let known = |path: &str, value: &Value| Path::parse(path).expect(path).find(value).is_ok();
        let hard = "$[?match(@, '(a|b)*a(a|b){900}c')]";
        assert!(!known(hard, &many) && !known(hard, &long) && known(hard, &few));
        // The document may bring an expression as hard as any.
        let strange = "$[?match(@.a, @.b)]";
        assert!(!known(strange, &many) && known(strange, &few));
        let counting = serde_json::json!(vec![serde_json::json!({"a": "x", "b": r"\w{9999}"}); 30]);
        assert!(!known(strange, &counting));
        assert!(known("$[?search(@, 'x[0-9]')]", &many));
        assert!(known("$[?match(@, 'x.*')]", &long));
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}", path in "\\$[.\\[\\]?@()'\"a-c0-9*:,!=<> &|-]{0,60}") {
            for text in [text, path] {
                if let Ok(path) = Path::parse(&text) {
                    let value = json!({"a": [1, {"b": "c"}, null], "b": {"a": 2.5}});
                    let found = path.find(&value).map(|found| found.len());
                    prop_assert!(!path.is_singular() || found.is_ok_and(|it| it <= 1), "{}", text);
                    // What is followed plainly is a path for others too.
                    prop_assert!(path.straight().is_none() || serde_json_path::JsonPath::parse(&text).is_ok(), "{}", text);
                }
            }
        }
    }
}
