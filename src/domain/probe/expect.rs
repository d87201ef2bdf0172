//! What the kinds of probes share in judging: texts, lists of values, and an assertion with what was found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pattern::{Budget, Pattern};

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
}

impl TextExpectation {
    /// Whether it asks for nothing, and so could never fail.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Every text of it in which a variable may stand.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        let Self {
            equals,
            contains,
            not_contains,
            matches,
            not_matches,
        } = self;
        let single = [equals, matches, not_matches];
        let mut texts: Vec<&mut String> = single.into_iter().flatten().collect();
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
        if let Some(whole) = &self.equals {
            assert("equals", format!("{whole:?}"), &|text| {
                cut.is_none() && text.trim() == whole.trim()
            });
        }
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
