//! What the kinds of probes share in judging: texts, lists of values, and an assertion with what was found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::conversion::Conversion;
use super::json::decimal::Decimal;
use super::pattern::{Budget, Pattern};
use super::templated::{Settle, Templated};

/// One assertion, held against what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// What is asserted about: `status`, `body contains`, `header content-type`.
    pub about: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub actual: String,
    /// Whether it held.
    pub holds: bool,
}

/// What came of holding something against what is expected.
#[derive(Debug, Default)]
pub struct Held {
    /// What was found out.
    pub assertions: Vec<Assertion>,
    /// Why something could not be found out, if so: that says nothing of who sent it.
    pub undecided: Option<String>,
}

impl Held {
    /// Adds what came of something else.
    pub fn add(&mut self, other: Self) {
        self.assertions.extend(other.assertions);
        self.undecided = self.undecided.take().or(other.undecided);
    }
}

/// One value, or a list of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// A single value.
    One(T),
    /// A list.
    Many(#[schemars(length(min = 1))] Vec<T>),
}

impl<T> OneOrMany<T> {
    /// The values, in order.
    pub fn values(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self) -> &mut [T] {
        match self {
            Self::One(value) => std::slice::from_mut(value),
            Self::Many(values) => values,
        }
    }
}

/// What a text must be; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextExpectation {
    /// The whole text, surrounding white space apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// A part of it, or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<OneOrMany<String>>,
    /// What it must not contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_contains: Option<OneOrMany<String>>,
    /// A regular expression that is found in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "regex"))]
    pub matches: Option<String>,
    /// A regular expression that is found nowhere in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "regex"))]
    pub not_matches: Option<String>,
    /// The texts of which it is one, surrounding white space apart.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub one_of: Option<Vec<String>>,
    /// The texts of which it is none, surrounding white space apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub not_in: Option<Vec<String>>,
    /// What it is read as: with `number` it can be held to bounds, `equals`, `in` and `not_in` compare numbers, and what
    /// is no number satisfies nothing. Default: a text.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub conversion: Option<Conversion>,
    /// A number that it is below, with `as: number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less: Option<Templated<Decimal>>,
    /// A number that it does not exceed, with `as: number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Templated<Decimal>>,
    /// A number that it is above, with `as: number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greater: Option<Templated<Decimal>>,
    /// A number that it reaches, with `as: number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Templated<Decimal>>,
}

/// What a header must be: `absent`, `present`, or what its text must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderExpectation {
    /// Whether it is there, whatever it says.
    Presence(Presence),
    /// What it says.
    Text(Box<TextExpectation>),
}

/// Whether something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// It is there.
    Present,
    /// It is not there.
    Absent,
}

impl HeaderExpectation {
    /// Whether it asks for nothing, and so could never fail.
    pub fn is_empty(&self) -> bool {
        self.text().is_some_and(TextExpectation::is_empty)
    }

    /// What its text must be, where that is said.
    pub fn text(&self) -> Option<&TextExpectation> {
        match self {
            Self::Presence(_) => None,
            Self::Text(text) => Some(text),
        }
    }

    /// The same, to be changed.
    pub fn text_mut(&mut self) -> Option<&mut TextExpectation> {
        match self {
            Self::Presence(_) => None,
            Self::Text(text) => Some(text),
        }
    }

    /// Holds the text of a header against it; `None` where there is no such header.
    pub fn assertions(&self, about: &str, text: Option<Result<&str, &str>>) -> Held {
        let presence = match self {
            Self::Text(expected) => {
                return expected.assertions(about, text.unwrap_or(Err("missing")), None);
            }
            Self::Presence(presence) => presence,
        };
        let (expected, holds) = match presence {
            Presence::Present => ("present", text.is_some()),
            Presence::Absent => ("absent", text.is_none()),
        };
        let assertion = Assertion {
            about: about.to_owned(),
            expected: expected.to_owned(),
            actual: match text {
                None => "missing".to_owned(),
                Some(Ok(text)) => format!("{:?}", excerpt(text)),
                Some(Err(why)) => why.to_owned(),
            },
            holds,
        };
        Held {
            assertions: vec![assertion],
            undecided: None,
        }
    }
}

impl TextExpectation {
    /// Whether it asks for nothing, and so could never fail.
    pub fn is_empty(&self) -> bool {
        let nothing = Self {
            conversion: self.conversion,
            ..Self::default()
        };
        *self == nothing
    }

    /// Every place of it where a variable may stand for a number.
    pub fn settles_mut(&mut self) -> impl Iterator<Item = &mut dyn Settle> {
        let Self {
            less,
            at_most,
            greater,
            at_least,
            ..
        } = self;
        let all = [less, at_most, greater, at_least].into_iter().flatten();
        all.map(|bound| bound as &mut dyn Settle)
    }

    /// Every text of it in which a variable may stand.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        let Self {
            equals,
            contains,
            not_contains,
            matches,
            not_matches,
            one_of,
            not_in,
            ..
        } = self;
        let single = [equals, matches, not_matches];
        let mut texts: Vec<&mut String> = single.into_iter().flatten().collect();
        texts.extend([one_of, not_in].into_iter().flatten().flatten());
        let parts = [contains, not_contains].into_iter().flatten();
        texts.extend(parts.flat_map(OneOrMany::values_mut));
        texts
    }

    /// Holds `text`, or the reason why there is none, against it. What is missing or is no text satisfies nothing, not
    /// even `not_contains`. `cut` says why the text is only the beginning of one: what lies beyond was never seen, so
    /// nothing may be concluded from its absence.
    pub fn assertions(&self, about: &str, text: Result<&str, &str>, cut: Option<&str>) -> Held {
        let mut all = Vec::new();
        let mut assert = |how: &str, expected: String, test: &dyn Fn(&str) -> bool| {
            let found = text.map_or_else(str::to_owned, |text| format!("{:?}", excerpt(text)));
            all.push(Assertion {
                about: format!("{about} {how}"),
                expected,
                actual: match cut {
                    Some(cut) => format!("{found} ({cut})"),
                    None => found,
                },
                holds: text.is_ok_and(test),
            });
        };
        let as_number = self.conversion == Some(Conversion::Number);
        let number = |text: &str| text.trim().parse::<Decimal>().ok();
        let same = |text: &str, wanted: &str| match as_number {
            true => number(text).is_some() && number(text) == number(wanted),
            false => text.trim() == wanted.trim(),
        };
        // Of what is to be a number and is none, nothing is said.
        let comparable = |text: &str| cut.is_none() && (!as_number || number(text).is_some());
        if let Some(whole) = &self.equals {
            assert("equals", format!("{whole:?}"), &|text| {
                comparable(text) && same(text, whole)
            });
        }
        if let Some(texts) = &self.one_of {
            assert("in", format!("one of {}", listed(texts)), &|text| {
                comparable(text) && texts.iter().any(|it| same(text, it))
            });
        }
        if let Some(texts) = &self.not_in {
            assert("not in", format!("none of {}", listed(texts)), &|text| {
                comparable(text) && !texts.iter().any(|it| same(text, it))
            });
        }
        let mut bound = |how: &str,
                         bound: &Option<Templated<Decimal>>,
                         holds: fn(&Decimal, &Decimal) -> bool| {
            if let Some(bound) = bound {
                assert(how, format!("{how} {bound}"), &|text| {
                    let number = number(text).filter(|_| as_number && cut.is_none());
                    number.is_some_and(|it| bound.is_known_and(|bound| holds(&it, bound)))
                });
            }
        };
        bound("less than", &self.less, |it, bound| it < bound);
        bound("at most", &self.at_most, |it, bound| it <= bound);
        bound("greater than", &self.greater, |it, bound| it > bound);
        bound("at least", &self.at_least, |it, bound| it >= bound);
        for part in self.contains.iter().flat_map(|parts| parts.values()) {
            assert("contains", format!("{part:?}"), &|text| {
                text.contains(part.as_str())
            });
        }
        for part in self.not_contains.iter().flat_map(|parts| parts.values()) {
            assert("not contains", format!("no {part:?}"), &|text| {
                cut.is_none() && !text.contains(part.as_str())
            });
        }
        let mut undecided = None;
        let patterns = [
            ("matches", "", &self.matches, true),
            ("not matches", "no ", &self.not_matches, false),
        ];
        for (how, negation, pattern, wanted) in patterns {
            let Some(pattern) = pattern else {
                continue;
            };
            let regex = Pattern::read(pattern);
            let found = match (&regex, text) {
                // What was cut away may hold what must not be there.
                (Ok(_), Ok(_)) if cut.is_some() && !wanted => Ok(None),
                (Ok(regex), Ok(text)) => regex
                    .is_in(text, cut.is_some(), &Budget::default())
                    .map(Some),
                _ => Ok(None),
            };
            match found {
                Ok(found) => assert(how, format!("{negation}/{pattern}/"), &|_| {
                    found == Some(wanted)
                }),
                Err(error) => undecided = Some(format!("{about} {how}: {error}")),
            }
        }
        Held {
            assertions: all,
            undecided,
        }
    }
}

fn listed(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    excerpt(&texts.join(", "))
}

/// The beginning of a text on one line, for a message.
pub fn excerpt(text: &str) -> String {
    const MOST: usize = 160;
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MOST + 1)
        .collect();
    if line.chars().count() > MOST {
        let cut: String = line.chars().take(MOST).collect();
        format!("{cut}…")
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_must_not_match_has_to_be_a_text_all_the_same() {
        let expect = TextExpectation {
            not_matches: Some("err(or)?s: [1-9]".to_owned()),
            ..TextExpectation::default()
        };
        assert!(!expect.is_empty());
        for (text, holds) in [
            (Ok("errors: 0"), true),
            (Ok("errors: 3"), false),
            (Err("missing"), false),
            (Err("no text"), false),
        ] {
            let held = expect.assertions("body", text, None);
            let found: Vec<bool> = held.assertions.iter().map(|it| it.holds).collect();
            assert_eq!(found, [holds], "{text:?}");
        }
    }

    #[test]
    fn a_text_is_one_of_several_or_a_number_where_the_probe_says_so() {
        for (expect, text, expected) in [
            (json!({"in": ["up", "ready"]}), Ok(" ready\n"), true),
            (json!({"in": ["up", "ready"]}), Ok("read"), false),
            (json!({"not_in": ["down", "starting"]}), Ok("up"), true),
            (json!({"not_in": ["down", "starting"]}), Ok("down\n"), false),
            (json!({"not_in": ["down"]}), Err("missing"), false),
            (json!({"as": "number", "equals": "5"}), Ok(" 5.0\n"), true),
            (json!({"equals": "5"}), Ok("5.0"), false),
            (
                json!({"as": "number", "at_least": 5, "less": 6}),
                Ok("5.5"),
                true,
            ),
            (
                json!({"as": "number", "at_least": 5, "less": 6}),
                Ok("6"),
                false,
            ),
            (json!({"as": "number", "greater": 5}), Ok("5"), false),
            (json!({"as": "number", "at_most": 5}), Ok("05"), false),
            (json!({"as": "number", "at_most": 5}), Ok("five"), false),
            (json!({"as": "number", "at_most": 5}), Ok("4 ms"), false),
            (json!({"as": "number", "at_most": 5}), Err("missing"), false),
            (json!({"as": "number", "not_in": ["1", "2"]}), Ok("3"), true),
            (
                json!({"as": "number", "not_in": ["1", "2"]}),
                Ok("2.0"),
                false,
            ),
            // What is no number is not one of others either.
            (
                json!({"as": "number", "not_in": ["1", "2"]}),
                Ok("x"),
                false,
            ),
            (json!({"as": "number", "in": ["1", "2"]}), Ok("2"), true),
            // A bound without `as` holds for no text.
            (json!({"at_most": 5}), Ok("4"), false),
            // Nor one whose variable has no value.
            (
                json!({"as": "number", "at_most": "${env:N}"}),
                Ok("4"),
                false,
            ),
        ] {
            let read: TextExpectation = serde_json::from_value(expect.clone()).expect("read");
            let written = serde_json::to_value(&read).expect("written");
            let again: TextExpectation = serde_json::from_value(written).expect("read");
            assert_eq!(again, read);
            let held = read.assertions("body", text, None).assertions;
            assert!(!held.is_empty());
            let holds = held.iter().all(|it| it.holds);
            assert_eq!(holds, expected, "{expect} {text:?}: {held:?}");
            // Of the beginning of a text nothing of this can be said.
            let held = read.assertions("body", text, Some("cut")).assertions;
            assert!(held.iter().any(|it| !it.holds), "{expect}");
        }
        let nothing: TextExpectation =
            serde_json::from_value(json!({"as": "number"})).expect("read");
        assert!(nothing.is_empty());
    }

    #[test]
    fn a_header_is_present_or_absent_or_says_something() {
        let read = |value: serde_json::Value| -> HeaderExpectation {
            serde_json::from_value(value).expect("an expectation")
        };
        let holds = |value: serde_json::Value, text| {
            let all = read(value).assertions("header x", text).assertions;
            assert_eq!(all.len(), 1);
            all[0].holds
        };
        let broken = Some(Err("no text in UTF-8"));
        for (text, present) in [
            (None, false),
            (Some(Ok("")), true),
            (Some(Ok("a")), true),
            (broken, true),
        ] {
            assert_eq!(holds(json!("present"), text), present, "{text:?}");
            assert_eq!(holds(json!("absent"), text), !present, "{text:?}");
        }
        assert!(!holds(json!({"not_contains": "a"}), None));
        assert!(holds(json!({"not_contains": "a"}), Some(Ok("b"))));
        assert!(read(json!({})).is_empty() && !read(json!("absent")).is_empty());
        for bad in [json!("gone"), json!(true), json!({"exists": false})] {
            assert!(serde_json::from_value::<HeaderExpectation>(bad).is_err());
        }
    }

    #[test]
    fn nothing_is_concluded_from_what_was_not_seen() {
        let holds = |value: &serde_json::Value, cut| {
            let expect: TextExpectation =
                serde_json::from_value(value.clone()).expect("an expectation");
            let all = expect.assertions("body", Ok("all is well"), cut);
            all.assertions.iter().all(|assertion| assertion.holds)
        };
        for (value, seen) in [
            (serde_json::json!({"contains": "well"}), true),
            (serde_json::json!({"matches": "^all"}), true),
            (serde_json::json!({"matches": "well$"}), false),
            (serde_json::json!({"matches": "^[^E]*$"}), false),
            (serde_json::json!({"not_contains": "ERROR"}), false),
            (serde_json::json!({"not_matches": "(?i)error"}), false),
            (serde_json::json!({"equals": "all is well"}), false),
        ] {
            assert!(holds(&value, None), "{value}");
            assert_eq!(holds(&value, Some("cut at the cap")), seen, "{value}");
        }
    }
}
