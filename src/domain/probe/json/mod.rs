//! What is asserted about values of a JSON document: a path (RFC 9535), and what is found there.
//!
//! A value that is not there is missing, and satisfies nothing but `exists: false`. Types are never coerced: `"1"` is not
//! 1, missing is not 0, `null` is a value. Where a path finds several values, each of them must hold, and `length` counts
//! them: 0, where the part of the path that can find one value alone finds it. A document that cannot be read satisfies nothing at all.

pub mod decimal;
pub mod path;
mod regexes;
pub mod schema;
pub mod tree;
mod work;

use std::cell::Cell;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::conversion::Conversion;
use super::count::CountExpectation;
use super::expect::{Assertion, Held, excerpt};
use super::pattern::{Budget, Pattern, TooMuch};
use super::templated::{Settle, Templated};
use decimal::Decimal;
use path::{Path, Step};
use schema::SchemaSource;
use tree::{Document, Tree};

/// What the value at a path must be; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonExpectation {
    /// A JSONPath (RFC 9535), such as `$.status` or `$.items[*].price`. Each value that it finds must hold.
    #[schemars(length(min = 1))]
    pub path: String,
    /// The value, of the same type, numbers compared exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// A value that it is not, `null` among them; it must be there all the same.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub not: Option<Value>,
    /// The values of which it is one.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub one_of: Option<Vec<Value>>,
    /// The values of which it is none; it must be there all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub not_in: Option<Vec<Value>>,
    /// What it is read as before it is compared: with `number`, a text such as `"5"` is 5, and what is no number
    /// satisfies nothing. Default: what it is.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub conversion: Option<Conversion>,
    /// A number that it is below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less: Option<Templated<Decimal>>,
    /// A number that it does not exceed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Templated<Decimal>>,
    /// A number that it is above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greater: Option<Templated<Decimal>>,
    /// A number that it reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Templated<Decimal>>,
    /// A regular expression that is found in it, a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "regex"))]
    pub matches: Option<String>,
    /// A regular expression that is found nowhere in it, a text; it must be there all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "regex"))]
    pub not_matches: Option<String>,
    /// A part of it, a text, or an element of it, a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<Value>,
    /// How many characters, elements or members it has; where the path can find several values, how many it finds, 0 too where the part of the path before that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<LengthExpectation>,
    /// Whether it is there at all; `null` is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// Its type; `"null"` stands in quotes.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<JsonType>,
}

/// `null` is a value where it is given.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Every text in which a variable may stand of what is asserted about a document.
pub fn texts_mut<'a>(
    values: &'a mut [JsonExpectation],
    schema: &'a mut Option<SchemaSource>,
) -> impl Iterator<Item = &'a mut String> {
    let values = values.iter_mut().flat_map(JsonExpectation::texts_mut);
    values.chain(schema.iter_mut().flat_map(SchemaSource::texts_mut))
}

/// Every place of it where a variable may stand for a number.
pub fn settles_mut(values: &mut [JsonExpectation]) -> impl Iterator<Item = &mut dyn Settle> {
    values.iter_mut().flat_map(|value| {
        let bounds = [
            &mut value.less,
            &mut value.at_most,
            &mut value.greater,
            &mut value.at_least,
        ];
        let bounds = bounds.into_iter().flatten();
        let mut all: Vec<&mut dyn Settle> = bounds.map(|it| it as &mut dyn Settle).collect();
        match &mut value.length {
            Some(LengthExpectation::Exactly(length)) => all.push(length),
            Some(LengthExpectation::Within(bounds)) => all.extend(bounds.settles_mut()),
            None => {}
        }
        all
    })
}

/// Holds a text that should be JSON, or the reason why there is none, against values and a schema. `incomplete` says why
/// its end is not known, if so.
pub fn hold(
    values: &[JsonExpectation],
    schema: Option<&SchemaSource>,
    text: Result<&str, &str>,
    incomplete: Option<&str>,
) -> Held {
    let mut held = Held::default();
    if values.is_empty() && schema.is_none() {
        return held;
    }
    let document = match (incomplete, text) {
        (Some(why), _) | (None, Err(why)) => Err(why.to_owned()),
        (None, Ok(text)) => Document::read(text).map_err(|why| match text.trim() {
            "" => "it is empty".to_owned(),
            text => format!("{why}; it begins with {:?}", start(text)),
        }),
    };
    let document = document.as_ref().map_err(String::as_str);
    for value in values {
        held.add(value.assertions(document));
    }
    match (schema, document) {
        (Some(schema), Ok(document)) if !schema::is_bounded(schema, document) => {
            held.undecided = Some(schema::TOO_MUCH.to_owned());
        }
        (schema, document) => {
            let schema = schema.map(|schema| schema::assertion(schema, document));
            held.assertions.extend(schema);
        }
    }
    held
}

/// Enough of a text to tell what it is.
fn start(text: &str) -> String {
    let mut start: String = excerpt(text).chars().take(40).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

/// A length, or bounds of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LengthExpectation {
    /// Exactly so much.
    Exactly(Templated<u64>),
    /// Between bounds.
    Within(CountExpectation),
}

/// The type of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JsonType {
    /// A text.
    String,
    /// Any number.
    Number,
    /// A number without a fraction.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list.
    Array,
    /// A mapping.
    Object,
    /// `null`.
    Null,
}

impl JsonType {
    const fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Object => "object",
            Self::Null => "null",
        }
    }

    fn is_of(self, tree: &Tree) -> bool {
        match self {
            Self::Integer => tree.number().is_some_and(|number| number.is_integer()),
            other => tree.kind() == other.word(),
        }
    }
}

impl LengthExpectation {
    fn bounds(&self) -> CountExpectation {
        match self {
            Self::Exactly(wanted) => CountExpectation {
                equals: Some(wanted.clone()),
                ..CountExpectation::default()
            },
            Self::Within(bounds) => bounds.clone(),
        }
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.bounds().is_empty()
    }

    /// Whether no length at all satisfies it.
    pub fn is_impossible(&self) -> bool {
        self.bounds().is_impossible()
    }
}

/// Where a path led.
enum Found<'a> {
    Places(&'a Document, Vec<&'a Tree>),
    /// Nothing is known, and why.
    Unknown(String),
}

impl JsonExpectation {
    /// Whether it asks for nothing, and so could never fail.
    pub fn is_empty(&self) -> bool {
        let nothing = Self {
            path: self.path.clone(),
            conversion: self.conversion,
            ..Self::default()
        };
        *self == nothing
            || self
                .length
                .as_ref()
                .is_some_and(LengthExpectation::is_empty)
    }

    /// Every text of it in which a variable may stand.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        let mut texts = vec![&mut self.path];
        texts.extend(
            [&mut self.matches, &mut self.not_matches]
                .into_iter()
                .flatten(),
        );
        let Self {
            equals,
            not,
            contains,
            one_of,
            not_in,
            ..
        } = self;
        let single = [equals, not, contains].into_iter().flatten();
        let listed = [one_of, not_in].into_iter().flatten().flatten();
        for value in single.chain(listed) {
            value_texts_mut(value, &mut texts);
        }
        texts
    }

    /// The values that it is compared with.
    pub fn operands_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        let Self {
            equals,
            not,
            contains,
            one_of,
            not_in,
            ..
        } = self;
        let single = [equals, not, contains].into_iter().flatten();
        single.chain([one_of, not_in].into_iter().flatten().flatten())
    }

    /// Whether a value is `wanted`.
    fn same(&self, it: &Tree, wanted: &Value) -> bool {
        match self.conversion {
            None => it.is(wanted),
            Some(Conversion::Number) => {
                let wanted = match wanted {
                    Value::String(text) => text.trim().parse().ok(),
                    Value::Number(number) => number.to_string().parse().ok(),
                    _ => None,
                };
                wanted.is_some() && self.number(it) == wanted
            }
        }
    }

    /// The number that a value is, or is read as.
    fn number(&self, it: &Tree) -> Option<Decimal> {
        match (it, self.conversion) {
            (Tree::Text(text), Some(Conversion::Number)) => text.trim().parse().ok(),
            _ => it.number(),
        }
    }

    /// Whether a value can be compared at all.
    fn is_comparable(&self, it: &Tree) -> bool {
        self.conversion.is_none() || self.number(it).is_some()
    }

    /// Holds a document, or the reason why there is none, against it.
    pub fn assertions(&self, document: Result<&Document, &str>) -> Held {
        let path = Path::parse(&self.path).map_err(|error| error.to_string());
        let several = path.as_ref().is_ok_and(|path| !path.is_singular());
        let mut counted = false;
        let found = match (&path, document) {
            (Err(error), _) => Found::Unknown(error.clone()),
            (_, Err(why)) => Found::Unknown(format!("no JSON ({why})")),
            (Ok(path), Ok(document)) => match document.find(path) {
                Ok(places) => {
                    counted = several && document.has(&path.prefix());
                    Found::Places(document, places)
                }
                Err(error) => {
                    return Held {
                        undecided: Some(error.to_string()),
                        ..Held::default()
                    };
                }
            },
        };
        let budget = Budget::default();
        let undecided: Cell<Option<TooMuch>> = Cell::default();
        let mut all = Vec::new();
        let mut each = |how: &str, expected: String, test: &dyn Fn(&Tree) -> bool| {
            let (actual, holds) = found.each(several, test);
            all.push(Assertion {
                about: format!("json {} {how}", self.path),
                expected,
                actual,
                holds,
            });
        };
        let written = |value: &Value| excerpt(&value.to_string());
        if let Some(wanted) = &self.equals {
            each("equals", written(wanted), &|it| self.same(it, wanted));
        }
        if let Some(other) = &self.not {
            each("is not", format!("not {}", written(other)), &|it| {
                self.is_comparable(it) && !self.same(it, other)
            });
        }
        let all_of = |values: &[Value]| {
            let values: Vec<String> = values.iter().map(Value::to_string).collect();
            excerpt(&values.join(", "))
        };
        if let Some(values) = &self.one_of {
            each("in", format!("one of {}", all_of(values)), &|it| {
                values.iter().any(|value| self.same(it, value))
            });
        }
        if let Some(values) = &self.not_in {
            each("not in", format!("none of {}", all_of(values)), &|it| {
                self.is_comparable(it) && !values.iter().any(|value| self.same(it, value))
            });
        }
        let mut bound =
            |how, bound: &Option<Templated<Decimal>>, test: &dyn Fn(&Decimal, &Decimal) -> bool| {
                if let Some(bound) = bound {
                    each(how, format!("{how} {bound}"), &|it| {
                        let number = self.number(it);
                        number.is_some_and(|number| bound.is_known_and(|it| test(&number, it)))
                    });
                }
            };
        bound("less than", &self.less, &|it, bound| it < bound);
        bound("at most", &self.at_most, &|it, bound| it <= bound);
        bound("greater than", &self.greater, &|it, bound| it > bound);
        bound("at least", &self.at_least, &|it, bound| it >= bound);
        let searched = [
            ("matches", "", &self.matches, true),
            ("not matches", "not ", &self.not_matches, false),
        ];
        for (how, negation, text, wanted) in searched {
            let Some(text) = text else { continue };
            let regex = Pattern::read(text);
            each(
                how,
                format!("{negation}/{text}/"),
                &|it| match (it, &regex) {
                    (Tree::Text(it), Ok(regex)) => match regex.is_in(it, false, &budget) {
                        Ok(found) => found == wanted,
                        Err(error) => {
                            undecided.set(Some(error));
                            true
                        }
                    },
                    _ => false,
                },
            );
        }
        if let Some(part) = &self.contains {
            each("contains", written(part), &|it| match (it, part) {
                (Tree::Text(it), Value::String(part)) => it.contains(part.as_str()),
                (Tree::Array(elements), part) => elements.iter().any(|it| it.is(part)),
                _ => false,
            });
        }
        if let Some(kind) = self.kind {
            each("type", kind.word().to_owned(), &|it| kind.is_of(it));
        }
        if let Some(length) = &self.length {
            let about = format!("json {} length", self.path);
            let of = found.length(several, counted);
            let held = length.bounds().assertions(&about, "", of);
            all.extend(held.into_iter().map(|one| match of {
                Some(_) => one,
                None => Assertion {
                    actual: found.shown(several),
                    ..one
                },
            }));
        }
        if let Some(exists) = self.exists {
            let (actual, holds) = match &found {
                Found::Unknown(why) => (why.clone(), false),
                Found::Places(_, places) => (found.shown(several), places.is_empty() != exists),
            };
            all.push(Assertion {
                about: format!("json {} exists", self.path),
                expected: if exists { "there" } else { "missing" }.to_owned(),
                actual,
                holds,
            });
        }
        Held {
            assertions: all,
            undecided: undecided
                .get()
                .map(|error| format!("json {} matches: {error}", self.path)),
        }
    }
}

impl Found<'_> {
    /// Whether each value holds, and which does not.
    fn each(&self, several: bool, test: &dyn Fn(&Tree) -> bool) -> (String, bool) {
        let Self::Places(document, places) = self else {
            return (self.shown(several), false);
        };
        let wrong: Vec<&&Tree> = places.iter().filter(|it| !test(it)).collect();
        let Some(first) = wrong.first() else {
            return (self.shown(several), !places.is_empty());
        };
        let mut actual = excerpt(&first.to_string());
        if several {
            let of = match places.len() {
                1 => String::new(),
                all => format!(", {} of {all} do not hold", wrong.len()),
            };
            actual = format!("{actual} at {}{of}", located(&document.place(first)));
        }
        (actual, false)
    }

    /// How long the one value is, or how many values there are: none, where what they would stand in is there (`counted`).
    fn length(&self, several: bool, counted: bool) -> Option<u64> {
        let length = match self {
            Self::Places(_, places) if counted => Some(places.len()),
            Self::Places(..) if several => None,
            Self::Places(_, places) => places.first().and_then(|it| match it {
                Tree::Text(text) => Some(text.chars().count()),
                Tree::Array(elements) => Some(elements.len()),
                Tree::Object(members) => Some(members.len()),
                _ => None,
            }),
            Self::Unknown(_) => None,
        };
        length.and_then(|length| u64::try_from(length).ok())
    }

    /// What was found, in a few words.
    fn shown(&self, several: bool) -> String {
        match self {
            Self::Unknown(why) => why.clone(),
            Self::Places(_, places) => match places.as_slice() {
                [] => "missing".to_owned(),
                [only] => excerpt(&only.to_string()),
                [first, ..] if several => {
                    format!(
                        "{} values, the first {}",
                        places.len(),
                        excerpt(&first.to_string())
                    )
                }
                [first, ..] => excerpt(&first.to_string()),
            },
        }
    }
}

/// A normalized path (RFC 9535 section 2.7), for a message.
fn located(steps: &[Step]) -> String {
    let mut text = "$".to_owned();
    for step in steps {
        match step {
            Step::Name(name) => text.push_str(&format!("['{name}']")),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    excerpt(&text)
}

/// The texts in a value, not the names of its members.
pub fn value_texts_mut<'a>(value: &'a mut Value, texts: &mut Vec<&'a mut String>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(elements) => elements
            .iter_mut()
            .for_each(|element| value_texts_mut(element, texts)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|member| value_texts_mut(member, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests;
