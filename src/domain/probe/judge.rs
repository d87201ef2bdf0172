//! What an answer means: a pure function from a probe and what was observed to a verdict with its reasons.

use serde::{Deserialize, Serialize};

use super::kinds::NoData;
use super::measure::Measure;
use super::phases::Phases;
use super::{OnTrouble, Probe, capture};
use crate::domain::ids::ProbeId;

pub use super::expect::Assertion;
pub use super::kinds::Answer;

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
    /// Where that time went, where it was asked over the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phases: Option<Phases>,
    /// The number that was found, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measure>,
}

impl Attempt {
    /// An attempt without an answer to judge: why.
    pub fn troubled(verdict: Verdict, trouble: impl Into<String>, took_ms: u64) -> Self {
        Self {
            verdict,
            assertions: Vec::new(),
            trouble: Some(trouble.into()),
            took_ms,
            phases: None,
            measured: None,
        }
    }

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

/// Holds `answer` against what `probe` expects, and lets it say what trouble counts as. `took_ms` is how long asking
/// took.
///
/// A probe without a question or an assertion is an error, never a pass.
pub fn judge(probe: &Probe, answer: &Answer, took_ms: u64) -> Attempt {
    settle(probe, answer, hold(probe, answer, took_ms))
}

/// What `on_error` and `on_no_data` make of an attempt: a failure or nothing known, and never a pass.
pub fn settle(probe: &Probe, answer: &Answer, held: Attempt) -> Attempt {
    let (key, rule) = match (held.verdict, answer) {
        (Verdict::Error, Answer::Unasked(_)) => ("on_error", probe.on_error),
        (Verdict::Inconclusive, _) => ("on_no_data", probe.on_no_data),
        _ => return held,
    };
    let verdict = match rule {
        None => return held,
        Some(OnTrouble::Fail) => Verdict::Fail,
        Some(OnTrouble::Inconclusive) => Verdict::Inconclusive,
    };
    let told = |text: String| match verdict == held.verdict {
        true => text,
        false => format!("{text} ({key}: {})", verdict.word()),
    };
    Attempt {
        verdict,
        trouble: held.trouble.map(told),
        ..held
    }
}

/// As [`judge`], whatever the probe says that trouble counts as.
pub fn hold(probe: &Probe, answer: &Answer, took_ms: u64) -> Attempt {
    let measured = answer.measured();
    let trouble = |verdict, text: &str| Attempt {
        measured,
        ..Attempt::troubled(verdict, text, took_ms)
    };
    let questions = probe.questions();
    let [question] = questions.as_slice() else {
        return trouble(
            Verdict::Error,
            "the probe does not have exactly one question",
        );
    };
    let mut assertions = match answer {
        Answer::Unserved(text) => return trouble(Verdict::Fail, text),
        Answer::Unasked(text) => return trouble(Verdict::Error, text),
        Answer::NoData(text) => return trouble(Verdict::Inconclusive, text),
        answer => match question.judge(answer, took_ms) {
            Some(Ok(assertions)) => assertions,
            Some(Err(NoData(text))) => return trouble(Verdict::Inconclusive, &text),
            None => {
                return trouble(
                    Verdict::Error,
                    "the answer is of another kind than the question",
                );
            }
        },
    };
    if assertions.is_empty() {
        return trouble(Verdict::Error, "the probe asserts nothing");
    }
    let captured = capture::take(probe, answer).1;
    assertions.extend(captured.assertions);
    if let Some(why) = captured.undecided
        && assertions.iter().all(|assertion| assertion.holds)
    {
        return trouble(Verdict::Inconclusive, &why);
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
        phases: None,
        measured,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::probe::kinds::{CommandAnswer, HttpAnswer, TcpAnswer};

    fn probe(json: serde_json::Value) -> Probe {
        serde_json::from_value(json).expect("a valid probe")
    }

    fn http(expect: serde_json::Value) -> Probe {
        probe(serde_json::json!({"id": "p", "http": {"url": "http://x/", "expect": expect}}))
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer::Http(HttpAnswer {
            status,
            body: body.into(),
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
    fn a_probe_says_what_trouble_counts_as() {
        let with = |key: &str, word: &str| {
            let mut value = serde_json::json!({"id": "p", "tcp": {"address": "x:1"}});
            value[key] = word.into();
            probe(value)
        };
        let unasked = Answer::Unasked("no such host".into());
        let silent = Answer::Unserved("refused".into());
        let no_data = Answer::NoData("no samples".into());
        for (probe, expected) in [
            (with("title", "x"), [Verdict::Error, Verdict::Inconclusive]),
            (
                with("on_error", "fail"),
                [Verdict::Fail, Verdict::Inconclusive],
            ),
            (with("on_error", "inconclusive"), [Verdict::Inconclusive; 2]),
            (with("on_no_data", "fail"), [Verdict::Error, Verdict::Fail]),
            (
                with("on_no_data", "inconclusive"),
                [Verdict::Error, Verdict::Inconclusive],
            ),
        ] {
            let found = [&unasked, &no_data].map(|answer| verdict(&probe, answer));
            assert_eq!(found, expected, "{probe:?}");
            assert_eq!(verdict(&probe, &silent), Verdict::Fail);
        }
        let told = judge(&with("on_error", "fail"), &unasked, 5).reason();
        assert_eq!(told, "no such host (on_error: fail)");
        for key in ["on_error", "on_no_data"] {
            let value = serde_json::json!({"id": "p", key: "pass", "tcp": {"address": "x:1"}});
            serde_json::from_value::<Probe>(value).expect_err("nothing lets trouble pass");
        }
    }

    #[test]
    fn what_is_to_be_captured_must_be_there() {
        let login = probe(serde_json::json!({
            "id": "p", "capture": {"token": {"json": "$.token"}},
            "http": {"url": "http://x/", "expect": {"status": 200}}
        }));
        assert_eq!(
            verdict(&login, &answer(200, "{\"token\": \"t\"}")),
            Verdict::Pass
        );
        let without = judge(&login, &answer(200, "{}"), 5);
        assert_eq!(without.verdict, Verdict::Fail);
        assert_eq!(
            without.reason(),
            "capture token: expected a value, found missing"
        );
    }

    #[test]
    fn an_answer_of_another_kind_is_an_error() {
        let one = http(serde_json::json!({"status": 200}));
        assert_eq!(
            verdict(&one, &Answer::Tcp(TcpAnswer::default())),
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
                stdout: stdout.into(),
                ..CommandAnswer::default()
            })
        };
        assert_eq!(verdict(&ls, &ended(Some(0), "v12")), Verdict::Pass);
        assert_eq!(verdict(&ls, &ended(Some(0), "12")), Verdict::Fail);
        assert_eq!(verdict(&ls, &ended(None, "v12")), Verdict::Fail);
    }
}
