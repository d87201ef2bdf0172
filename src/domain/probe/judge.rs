//! What an answer means: a pure function from a probe and what was observed to a verdict with its reasons.

use serde::{Deserialize, Serialize};

use super::{
    CommandExpectation, HttpExpectation, Probe, Question, StatusExpectation, TextExpectation,
};
use crate::domain::ids::ProbeId;

/// What a probe, a sample or a whole run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was asked, and every assertion held.
    Pass,
    /// It could be asked, and gave no data to judge.
    Inconclusive,
    /// It could not be asked.
    Error,
    /// It was asked, and an assertion did not hold.
    Fail,
}

impl Verdict {
    /// The word that is shown.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What asking brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// An HTTP response arrived whole, or up to the cap.
    Http(HttpAnswer),
    /// The connection was accepted; what was received, if anything was expected.
    Tcp {
        /// What was received, as text.
        received: String,
    },
    /// The command ended.
    Command(CommandAnswer),
    /// The target was reached and did not serve: refused, reset, silent, a broken response, an invalid certificate.
    Unserved(String),
    /// It could not be asked: no such host, no such program, no route.
    Unasked(String),
}

/// An HTTP response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body as text, invalid UTF-8 replaced.
    pub body: String,
    /// Whether the body was longer than the cap and cut there.
    pub truncated: bool,
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommandAnswer {
    /// Its exit code, or none when a signal ended it.
    pub exit: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its standard output, capped.
    pub stdout: String,
    /// Its standard error, capped.
    pub stderr: String,
}

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

/// One attempt at a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What it came to.
    pub verdict: Verdict,
    /// Every assertion that was held against the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assertions: Vec<Assertion>,
    /// Why it could not be asked or was not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Attempt {
    /// One line that says why it did not pass, or how it passed.
    pub fn reason(&self) -> String {
        if let Some(trouble) = &self.trouble {
            return trouble.clone();
        }
        let failed: Vec<String> = self
            .assertions
            .iter()
            .filter(|assertion| !assertion.holds)
            .map(|a| format!("{}: expected {}, found {}", a.about, a.expected, a.actual))
            .collect();
        if failed.is_empty() {
            format!(
                "{} of {} assertions hold",
                self.assertions.len(),
                self.assertions.len()
            )
        } else {
            failed.join("; ")
        }
    }
}

/// One sample of a probe: its attempts up to the first pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Which probe.
    pub probe: ProbeId,
    /// What it came to: that of the last attempt.
    pub verdict: Verdict,
    /// Every attempt, in order.
    pub attempts: Vec<Attempt>,
    /// A line that repeats the question by hand, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
}

impl Sample {
    /// One line: why it came to its verdict. A pass after retries says so.
    pub fn reason(&self) -> String {
        let reason = self
            .attempts
            .last()
            .map(Attempt::reason)
            .unwrap_or_default();
        match (self.verdict, self.attempts.len()) {
            (Verdict::Pass, tries) if tries > 1 => {
                format!("{reason} (after {} retries)", tries - 1)
            }
            _ => reason,
        }
    }

    /// Whether it passed only after a retry.
    pub fn passed_after_retries(&self) -> bool {
        self.verdict == Verdict::Pass && self.attempts.len() > 1
    }
}

/// Holds `answer` against what `probe` expects. `took_ms` is how long asking took.
///
/// A probe without a question or an assertion is an error, never a pass.
pub fn judge(probe: &Probe, answer: &Answer, took_ms: u64) -> Attempt {
    let trouble = |verdict, text: &str| Attempt {
        verdict,
        assertions: Vec::new(),
        trouble: Some(text.to_owned()),
        took_ms,
    };
    let questions = probe.questions();
    let [question] = questions.as_slice() else {
        return trouble(
            Verdict::Error,
            "the probe does not have exactly one question",
        );
    };
    let assertions = match (question, answer) {
        (_, Answer::Unserved(text)) => return trouble(Verdict::Fail, text),
        (_, Answer::Unasked(text)) => return trouble(Verdict::Error, text),
        (Question::Http(http), Answer::Http(answer)) => {
            http_assertions(&http.expect, answer, took_ms)
        }
        (Question::Tcp(tcp), Answer::Tcp { received }) => {
            let mut all = vec![Assertion {
                about: "connection".to_owned(),
                expected: "accepted".to_owned(),
                actual: "accepted".to_owned(),
                holds: true,
            }];
            if let Some(expect) = &tcp.expect {
                text_assertions("answer", expect, Some(received), &mut all);
            }
            all
        }
        (Question::Command(command), Answer::Command(answer)) => {
            command_assertions(&command.expect, answer)
        }
        _ => {
            return trouble(
                Verdict::Error,
                "the answer is of another kind than the question",
            );
        }
    };
    if assertions.is_empty() {
        return trouble(Verdict::Error, "the probe asserts nothing");
    }
    let verdict = if assertions.iter().all(|assertion| assertion.holds) {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    Attempt {
        verdict,
        assertions,
        trouble: None,
        took_ms,
    }
}

fn http_assertions(expect: &HttpExpectation, answer: &HttpAnswer, took_ms: u64) -> Vec<Assertion> {
    let mut all = Vec::new();
    if let Some(status) = &expect.status {
        let allowed = status.values();
        let holds = allowed.iter().any(|one| status_matches(one, answer.status));
        let expected: Vec<String> = allowed
            .iter()
            .map(|one| match one {
                StatusExpectation::Code(code) => code.to_string(),
                StatusExpectation::Class(class) => class.clone(),
            })
            .collect();
        let location = answer.headers.iter().find(|(name, _)| name == "location");
        let actual = match location {
            Some((_, to)) if !holds => format!("{} (redirects to {})", answer.status, excerpt(to)),
            _ => answer.status.to_string(),
        };
        all.push(Assertion {
            about: "status".to_owned(),
            expected: expected.join(" or "),
            actual,
            holds,
        });
    }
    for (name, expectation) in &expect.headers {
        let wanted = name.to_ascii_lowercase();
        let values: Vec<&str> = answer
            .headers
            .iter()
            .filter(|(name, _)| *name == wanted)
            .map(|(_, value)| value.as_str())
            .collect();
        let joined = (!values.is_empty()).then(|| values.join(", "));
        text_assertions(
            &format!("header {wanted}"),
            expectation,
            joined.as_deref(),
            &mut all,
        );
    }
    if let Some(expectation) = &expect.body {
        let from = all.len();
        text_assertions("body", expectation, Some(&answer.body), &mut all);
        if answer.truncated {
            for assertion in &mut all[from..] {
                // What lies beyond the cap was never seen, so nothing may be concluded from its absence.
                assertion.actual.push_str(" (the body was cut at the cap)");
                if assertion.about.ends_with("not contains") || assertion.about.ends_with("equals")
                {
                    assertion.holds = false;
                }
            }
        }
    }
    if let Some(limit) = expect.duration {
        all.push(Assertion {
            about: "duration".to_owned(),
            expected: format!("at most {limit}"),
            actual: format!("{took_ms} ms"),
            holds: took_ms <= limit.milliseconds(),
        });
    }
    all
}

fn status_matches(expected: &StatusExpectation, status: u16) -> bool {
    match expected {
        StatusExpectation::Code(code) => *code == status,
        StatusExpectation::Class(class) => {
            let digit = class
                .bytes()
                .next()
                .map(|byte| u16::from(byte.wrapping_sub(b'0')));
            class.len() == 3 && class.ends_with("xx") && digit == Some(status / 100)
        }
    }
}

fn command_assertions(expect: &CommandExpectation, answer: &CommandAnswer) -> Vec<Assertion> {
    let mut all = Vec::new();
    if let Some(exit) = expect.exit {
        let actual = match (answer.exit, answer.signal) {
            (Some(code), _) => code.to_string(),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => "no exit code".to_owned(),
        };
        let holds = answer.exit == Some(exit);
        let actual = if holds || answer.stderr.trim().is_empty() {
            actual
        } else {
            format!("{actual} ({})", excerpt(answer.stderr.trim()))
        };
        all.push(Assertion {
            about: "exit code".to_owned(),
            expected: exit.to_string(),
            actual,
            holds,
        });
    }
    for (name, expectation, text) in [
        ("stdout", &expect.stdout, &answer.stdout),
        ("stderr", &expect.stderr, &answer.stderr),
    ] {
        if let Some(expectation) = expectation {
            text_assertions(name, expectation, Some(text), &mut all);
        }
    }
    all
}

/// A text that is not there satisfies nothing, not even `not_contains`.
fn text_assertions(
    about: &str,
    expect: &TextExpectation,
    text: Option<&str>,
    all: &mut Vec<Assertion>,
) {
    let mut assert = |how: &str, expected: String, test: &dyn Fn(&str) -> bool| {
        all.push(Assertion {
            about: format!("{about} {how}"),
            expected,
            actual: text.map_or_else(
                || "missing".to_owned(),
                |text| format!("{:?}", excerpt(text)),
            ),
            holds: text.is_some_and(test),
        });
    };
    if let Some(whole) = &expect.equals {
        assert("equals", format!("{whole:?}"), &|text| {
            text.trim() == whole.trim()
        });
    }
    for part in expect.contains.iter().flat_map(|parts| parts.values()) {
        assert("contains", format!("{part:?}"), &|text| {
            text.contains(part.as_str())
        });
    }
    for part in expect.not_contains.iter().flat_map(|parts| parts.values()) {
        assert("not contains", format!("no {part:?}"), &|text| {
            !text.contains(part.as_str())
        });
    }
    if let Some(pattern) = &expect.matches {
        let regex = regex::Regex::new(pattern);
        assert("matches", format!("/{pattern}/"), &|text| {
            regex.as_ref().is_ok_and(|regex| regex.is_match(text))
        });
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

    fn probe(json: serde_json::Value) -> Probe {
        serde_json::from_value(json).expect("a valid probe")
    }

    fn http(expect: serde_json::Value) -> Probe {
        probe(serde_json::json!({"id": "p", "http": {"url": "http://x/", "expect": expect}}))
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer::Http(HttpAnswer {
            status,
            body: body.to_owned(),
            ..HttpAnswer::default()
        })
    }

    fn verdict(probe: &Probe, answer: &Answer) -> Verdict {
        judge(probe, answer, 5).verdict
    }

    #[test]
    fn status_takes_values_classes_and_lists() {
        let list = http(serde_json::json!({"status": [204, "3xx"]}));
        assert_eq!(verdict(&list, &answer(204, "")), Verdict::Pass);
        assert_eq!(verdict(&list, &answer(302, "")), Verdict::Pass);
        assert_eq!(verdict(&list, &answer(200, "")), Verdict::Fail);
        let one = http(serde_json::json!({"status": 200}));
        let failed = judge(&one, &answer(500, ""), 5);
        assert_eq!(failed.reason(), "status: expected 200, found 500");
    }

    #[test]
    fn nothing_asserted_is_never_a_pass() {
        let empty = http(serde_json::json!({}));
        assert!(!empty.asserts_something());
        assert_eq!(verdict(&empty, &answer(200, "")), Verdict::Error);
        let hollow = http(serde_json::json!({"body": {}}));
        assert!(!hollow.asserts_something());
        assert_eq!(verdict(&hollow, &answer(200, "")), Verdict::Error);
    }

    #[test]
    fn a_missing_header_satisfies_nothing() {
        let absent = http(serde_json::json!({"headers": {"X-Debug": {"not_contains": "on"}}}));
        let attempt = judge(&absent, &answer(200, ""), 5);
        assert_eq!(attempt.verdict, Verdict::Fail);
        assert_eq!(attempt.assertions[0].actual, "missing");
    }

    #[test]
    fn what_was_cut_away_proves_no_absence() {
        let clean = http(serde_json::json!({"body": {"not_contains": "error"}}));
        let cut = Answer::Http(HttpAnswer {
            status: 200,
            truncated: true,
            ..HttpAnswer::default()
        });
        assert_eq!(verdict(&clean, &cut), Verdict::Fail);
    }

    #[test]
    fn a_refused_connection_fails_and_an_unknown_host_is_an_error() {
        let one = http(serde_json::json!({"status": 200}));
        assert_eq!(
            verdict(&one, &Answer::Unserved("connection refused".into())),
            Verdict::Fail
        );
        assert_eq!(
            verdict(&one, &Answer::Unasked("no such host".into())),
            Verdict::Error
        );
    }

    #[test]
    fn an_answer_of_another_kind_is_an_error() {
        let one = http(serde_json::json!({"status": 200}));
        assert_eq!(
            verdict(
                &one,
                &Answer::Tcp {
                    received: String::new()
                }
            ),
            Verdict::Error
        );
        let both = probe(serde_json::json!({
            "id": "p",
            "http": {"url": "http://x/", "expect": {"status": 200}},
            "tcp": {"address": "x:1"}
        }));
        assert_eq!(verdict(&both, &answer(200, "")), Verdict::Error);
    }

    #[test]
    fn a_command_is_held_to_exit_code_and_output() {
        let ls = probe(serde_json::json!({
            "id": "p", "command": {"argv": ["x"], "expect": {"exit": 0, "stdout": {"matches": "^v\\d+"}}}
        }));
        let ended = |exit, stdout: &str| {
            Answer::Command(CommandAnswer {
                exit,
                stdout: stdout.to_owned(),
                ..CommandAnswer::default()
            })
        };
        assert_eq!(verdict(&ls, &ended(Some(0), "v12")), Verdict::Pass);
        assert_eq!(verdict(&ls, &ended(Some(0), "12")), Verdict::Fail);
        assert_eq!(verdict(&ls, &ended(None, "v12")), Verdict::Fail);
    }
}
