//! A value taken out of one probe's answer, for the probes that need it: a token, the number of an order.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Probe;
use super::conversion::Conversion;
use super::expect::{Assertion, Held, excerpt};
use super::json::decimal::Decimal;
use super::json::path::Path;
use super::json::tree::{Document, Tree};
use super::kinds::{Answer, Told};
use super::pattern::{Budget, Pattern};
use crate::domain::ids::CaptureName;
use crate::domain::secret_name::names_a_secret;

/// Where a value is taken from: exactly one of `json`, `header`, `cookie`, `regex`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// A JSONPath (RFC 9535) into the answer that finds one text, number or boolean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// A header of an HTTP response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub header: Option<String>,
    /// The name of a cookie that an HTTP response sets, on the way over redirects too: the last counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub cookie: Option<String>,
    /// A regular expression that is found in the answer: its first group, or all of it where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "regex"))]
    pub regex: Option<String>,
    /// What it is read as: with `number`, what is no number is not captured, and where JSON is compared with the
    /// variable alone it is compared as a number. Default: a text.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub conversion: Option<Conversion>,
    /// Whether it is masked wherever it would be shown; default: true for a cookie, and where its name looks like a
    /// secret's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<bool>,
}

/// A value that was captured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapturedValue {
    /// As it is put in.
    pub text: String,
    /// Whether it is a number, and compared as one.
    pub is_number: bool,
}

impl CapturedValue {
    /// One that is a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_number: false,
        }
    }
}

/// What was captured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// By name.
    pub values: BTreeMap<CaptureName, CapturedValue>,
    /// The names of those that are secret.
    pub secret: Vec<CaptureName>,
}

impl Capture {
    /// Whether the value is masked wherever it would be shown.
    pub fn is_secret(&self, name: &CaptureName) -> bool {
        let looks_so = || self.cookie.is_some() || names_a_secret(name.as_str());
        self.secret.unwrap_or_else(looks_so)
    }

    /// The places that it names.
    pub fn sources(&self) -> Vec<&'static str> {
        let json = self.json.as_ref().map(|_| "json");
        let header = self.header.as_ref().map(|_| "header");
        let cookie = self.cookie.as_ref().map(|_| "cookie");
        let regex = self.regex.as_ref().map(|_| "regex");
        [json, header, cookie, regex]
            .into_iter()
            .flatten()
            .collect()
    }

    /// The value, or why there is none.
    fn take(&self, told: &Told<'_>, secret: bool) -> Result<CapturedValue, Missed> {
        let text = || match (told.text, told.cut) {
            (None, _) => Err("missing".to_owned()),
            (Some(_), true) => Err("unknown: the answer was cut at the cap".to_owned()),
            (Some(text), false) => text.read().map_err(str::to_owned),
        };
        let value = match (&self.json, &self.header, &self.cookie, &self.regex) {
            (Some(path), None, None, None) => from_json(path, text()?)?,
            (None, None, Some(cookie), None) => {
                let found = told.cookies.iter().rfind(|(name, _)| name == cookie);
                let value = found.map_or(Err("missing"), |(_, value)| value.read());
                value?.to_owned()
            }
            (None, Some(header), None, None) => {
                let wanted = header.to_ascii_lowercase();
                let found = told.headers.iter().find(|(name, _)| *name == wanted);
                let value = found.map_or(Err("missing"), |(_, value)| value.read());
                value?.to_owned()
            }
            (None, None, None, Some(expression)) => {
                let regex = Pattern::read(expression)?;
                let found = regex.captures(text()?, &Budget::default());
                let found = found.map_err(Missed::unknown)?.ok_or("missing")?;
                let group = found.get(1).or(found.get(0));
                group
                    .map(|group| group.as_str().to_owned())
                    .ok_or("missing")?
            }
            _ => return Err("it does not name exactly one place".into()),
        };
        if value.is_empty() {
            return Err("an empty text".into());
        }
        match self.conversion {
            None => Ok(CapturedValue::text(value)),
            Some(Conversion::Number) => match value.trim() {
                number if number.parse::<Decimal>().is_ok() => Ok(CapturedValue {
                    text: number.to_owned(),
                    is_number: true,
                }),
                _ if secret => Err("a secret that is no number".into()),
                other => Err(format!("{:?}, which is no number", excerpt(other)).into()),
            },
        }
    }
}

/// Why nothing was taken.
enum Missed {
    /// It is not there.
    Absent(String),
    /// It would take too long to find out.
    Unknown(String),
}

impl Missed {
    fn unknown(error: impl std::fmt::Display) -> Self {
        Self::Unknown(error.to_string())
    }
}

impl<T: Into<String>> From<T> for Missed {
    fn from(why: T) -> Self {
        Self::Absent(why.into())
    }
}

fn from_json(path: &str, text: &str) -> Result<String, Missed> {
    let path = Path::parse(path).map_err(|error| error.to_string())?;
    let document = Document::read(text).map_err(|why| format!("no JSON ({why})"))?;
    let places = document.find(&path).map_err(Missed::unknown)?;
    match places.as_slice() {
        [] => Err("missing".into()),
        [Tree::Text(text)] => Ok(text.clone()),
        [one @ (Tree::Number(_) | Tree::Bool(_))] => Ok(one.to_string()),
        [other] => Err(format!("a value of type {}", other.kind()).into()),
        several => Err(format!("{} values", several.len()).into()),
    }
}

/// What `probe` captures from an answer, and an assertion for each that says whether it was there.
pub fn take(probe: &Probe, answer: &Answer) -> (Captured, Held) {
    let mut captured = Captured::default();
    let mut held = Held::default();
    let told = answer.told();
    for (name, capture) in &probe.capture {
        let secret = capture.is_secret(name);
        let value = match capture.take(&told, secret) {
            Ok(value) => Ok(value),
            Err(Missed::Absent(why)) => Err(why),
            Err(Missed::Unknown(why)) => {
                held.undecided = Some(format!("capture {name}: {why}"));
                continue;
            }
        };
        held.assertions.push(Assertion {
            about: format!("capture {name}"),
            expected: match capture.conversion {
                None => "a value",
                Some(Conversion::Number) => "a number",
            }
            .to_owned(),
            actual: match &value {
                Ok(_) if secret => "a secret".to_owned(),
                Ok(value) => format!("{:?}", excerpt(&value.text)),
                Err(why) => why.clone(),
            },
            holds: value.is_ok(),
        });
        if let Ok(value) = value {
            if secret {
                captured.secret.push(name.clone());
            }
            captured.values.insert(name.clone(), value);
        }
    }
    (captured, held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::probe::kinds::{CommandAnswer, HttpAnswer};
    use serde_json::json;

    fn probe(capture: serde_json::Value) -> Probe {
        serde_json::from_value(json!({
            "id": "p", "capture": capture, "http": {"url": "http://x/", "expect": {"status": 200}}
        }))
        .expect("a valid probe")
    }

    fn answer(body: &str) -> Answer {
        Answer::Http(HttpAnswer {
            status: 200,
            headers: vec![("x-order".to_owned(), "A17".into())],
            cookies: vec![
                ("SID".to_owned(), "old".into()),
                ("SID".to_owned(), "c00kie".into()),
                ("gone".to_owned(), "".into()),
            ],
            body: body.into(),
            ..HttpAnswer::default()
        })
    }

    fn taken(capture: serde_json::Value, answer: &Answer) -> Result<String, String> {
        let (mut captured, held) = take(&probe(json!({"it": capture})), answer);
        let assertions = held.assertions;
        assert_eq!(assertions.len(), 1);
        let value = captured.values.remove("it");
        assert_eq!(assertions[0].holds, value.is_some());
        value
            .map(|value| value.text)
            .ok_or_else(|| assertions[0].actual.clone())
    }

    #[test]
    fn a_value_is_taken_from_json_a_header_or_the_text() {
        let body = answer(r#"{"token": "t0k", "order": {"id": 9007199254740993}, "ok": true}"#);
        for (capture, value) in [
            (json!({"json": "$.token"}), "t0k"),
            (json!({"json": "$.order.id"}), "9007199254740993"),
            (json!({"json": "$.ok"}), "true"),
            (json!({"header": "X-Order"}), "A17"),
            (json!({"cookie": "SID"}), "c00kie"),
            (json!({"regex": "\"token\": \"(\\w+)\""}), "t0k"),
            (json!({"regex": "t0."}), "t0k"),
            (
                json!({"json": "$.order.id", "as": "number"}),
                "9007199254740993",
            ),
            (
                json!({"header": "X-Order", "regex": null, "as": null}),
                "A17",
            ),
        ] {
            assert_eq!(
                taken(capture.clone(), &body).as_deref(),
                Ok(value),
                "{capture}"
            );
        }
        let printed = Answer::Command(CommandAnswer {
            stdout: "order 17\n".into(),
            ..CommandAnswer::default()
        });
        assert_eq!(
            taken(json!({"regex": "order (\\d+)"}), &printed).as_deref(),
            Ok("17")
        );
    }

    #[test]
    fn what_is_not_one_value_is_not_captured() {
        let body = answer(r#"{"token": "", "none": null, "list": [1, 2]}"#);
        for (capture, why) in [
            (json!({"json": "$.nowhere"}), "missing"),
            (json!({"json": "$.none"}), "a value of type null"),
            (json!({"json": "$.list"}), "a value of type array"),
            (json!({"json": "$.list[*]"}), "2 values"),
            (json!({"json": "$.token"}), "an empty text"),
            (json!({"header": "X-Nowhere"}), "missing"),
            (json!({"cookie": "sid"}), "missing"),
            (json!({"cookie": "gone"}), "an empty text"),
            (json!({"cookie": "SID", "header": "b"}), "exactly one place"),
            (
                json!({"header": "X-Order", "as": "number"}),
                "\"A17\", which is no number",
            ),
            (
                json!({"header": "X-Order", "as": "number", "secret": true}),
                "a secret that is no number",
            ),
            (json!({"regex": "nowhere"}), "missing"),
            (json!({"regex": "to(k)?xen"}), "missing"),
            (json!({"json": "$.a", "header": "b"}), "exactly one place"),
            (json!({}), "exactly one place"),
        ] {
            let found = taken(capture.clone(), &body).expect_err("nothing");
            assert!(found.contains(why), "{capture}: {found}");
        }
        assert!(taken(json!({"json": "$.a"}), &answer("<html>")).is_err());
        let silent = Answer::Unserved("refused".to_owned());
        assert_eq!(
            taken(json!({"regex": "."}), &silent),
            Err("missing".to_owned())
        );
    }

    #[test]
    fn a_secret_is_known_by_its_name_or_by_what_is_said() {
        let given = json!({
            "token": {"regex": "t0k"},
            "order": {"regex": "t0k"},
            "shown_token": {"regex": "t0k", "secret": false},
            "session": {"regex": "t0k", "secret": true},
        });
        let (captured, held) = take(&probe(given), &answer("t0k"));
        let secret: Vec<&str> = captured.secret.iter().map(CaptureName::as_str).collect();
        assert_eq!(secret, ["session", "token"]);
        for assertion in held.assertions {
            let shown = assertion.actual.contains("t0k");
            assert_eq!(
                shown,
                assertion.about.ends_with("order") || assertion.about.ends_with("shown_token")
            );
        }
    }
}
