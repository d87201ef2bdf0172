//! When a probe is asked again within one sample, and after which pause.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Probe;
use super::expect::OneOrMany;
use super::judge::{Answer, Verdict};
use super::kinds::{StatusExpectation, status_matches};
use crate::domain::timespan::Timespan;

/// The pause before a retry where nothing is said.
const PAUSE: Timespan = Timespan::from_seconds(1);

/// An exponential backoff grows to this where nothing is said.
const LONGEST: Timespan = Timespan::from_minutes(1);

/// A `Retry-After` asks for no more than this.
const MOST_PATIENT: Duration = Duration::from_secs(60);

/// The pause before a retry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Backoff {
    /// Always the same.
    Constant(Timespan),
    /// Longer each time.
    Exponential(ExponentialBackoff),
}

/// A pause that grows from retry to retry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExponentialBackoff {
    /// The first pause. Default: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Timespan>,
    /// How much longer each pause is than the one before. Default: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 10))]
    pub factor: Option<u32>,
    /// No pause is longer. Default: 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Timespan>,
}

impl Backoff {
    /// The pause before the retry with this number, from 1.
    pub fn pause(&self, retry: u32) -> Duration {
        match self {
            Self::Constant(pause) => pause.duration(),
            Self::Exponential(ExponentialBackoff {
                initial,
                factor,
                max,
            }) => {
                let first = initial.unwrap_or(PAUSE).milliseconds();
                let factor = u64::from(factor.unwrap_or(2));
                let grown = first.saturating_mul(factor.saturating_pow(retry.saturating_sub(1)));
                Duration::from_millis(grown.min(max.unwrap_or(LONGEST).milliseconds()))
            }
        }
    }
}

/// What an attempt came to that is worth another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RetryCondition {
    /// A kind of outcome.
    Outcome(RetryOutcome),
    /// The status of an HTTP answer: `503`.
    Code(#[schemars(range(min = 100, max = 599))] u16),
    /// A class of them: `5xx`.
    Class(#[schemars(regex(pattern = "^[1-5]xx$"))] String),
}

/// A kind of outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RetryOutcome {
    /// It could not be asked.
    Error,
    /// It was asked, and something did not hold, or it was not served.
    Fail,
    /// It was asked, and gave no data.
    Inconclusive,
    /// There was no answer within `timeout`.
    Timeout,
    /// It was reached and did not serve: refused, reset, silent, a broken answer.
    Unserved,
}

/// An attempt, as far as retrying goes.
#[derive(Clone, Copy, Debug)]
pub struct Tried<'a> {
    /// What asking brought.
    pub answer: &'a Answer,
    /// What it comes to, whatever `on_error` and `on_no_data` make of it.
    pub verdict: Verdict,
    /// Whether its time ran out.
    pub timed_out: bool,
}

impl RetryCondition {
    fn applies(&self, tried: Tried<'_>) -> bool {
        let status = |expected| match tried.answer {
            Answer::Http(answer) => status_matches(&expected, answer.status),
            _ => false,
        };
        match self {
            Self::Outcome(RetryOutcome::Error) => tried.verdict == Verdict::Error,
            Self::Outcome(RetryOutcome::Fail) => tried.verdict == Verdict::Fail,
            Self::Outcome(RetryOutcome::Inconclusive) => tried.verdict == Verdict::Inconclusive,
            Self::Outcome(RetryOutcome::Timeout) => tried.timed_out,
            Self::Outcome(RetryOutcome::Unserved) => matches!(tried.answer, Answer::Unserved(_)),
            Self::Code(code) => status(StatusExpectation::Code(*code)),
            Self::Class(class) => status(StatusExpectation::Class(class.clone())),
        }
    }
}

impl Probe {
    /// The pause before the retry with this number, from 1. An HTTP answer of 429 or 503 that asks for a longer one, in
    /// seconds and up to a minute, gets it (RFC 9110 section 10.2.3).
    pub fn pause(&self, retry: u32, last: Option<Duration>) -> Duration {
        let own = self
            .backoff
            .as_ref()
            .map_or(PAUSE.duration(), |backoff| backoff.pause(retry));
        own.max(last.unwrap_or_default().min(MOST_PATIENT))
    }

    /// Whether what was tried is worth a retry: by `retry_if`, else whatever is not a pass. A pass never is.
    pub fn is_retried(&self, tried: Tried<'_>) -> bool {
        tried.verdict != Verdict::Pass
            && self
                .retry_if
                .as_ref()
                .map(OneOrMany::values)
                .is_none_or(|conditions| conditions.iter().any(|one| one.applies(tried)))
    }
}

/// The pause that an HTTP answer asks for.
pub fn asked_pause(answer: &Answer) -> Option<Duration> {
    match answer {
        Answer::Http(answer) if matches!(answer.status, 429 | 503) => answer
            .headers
            .iter()
            .find(|(name, _)| name == "retry-after")
            .and_then(|(_, seconds)| seconds.read().ok()?.trim().parse().ok())
            .map(Duration::from_secs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::probe::kinds::HttpAnswer;
    use serde_json::json;

    fn probe(extra: serde_json::Value) -> Probe {
        let mut value = json!({"id": "p", "tcp": {"address": "x:1"}});
        for (key, given) in extra.as_object().expect("an object") {
            value[key] = given.clone();
        }
        serde_json::from_value(value).expect("a valid probe")
    }

    fn http(status: u16, headers: &[(&str, &str)]) -> Answer {
        Answer::Http(HttpAnswer {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).into()))
                .collect(),
            ..HttpAnswer::default()
        })
    }

    #[test]
    fn a_pause_is_constant_or_grows_to_its_limit() {
        let seconds = |probe: &Probe| -> Vec<u64> {
            (1..=5)
                .map(|retry| probe.pause(retry, None).as_secs())
                .collect()
        };
        assert_eq!(seconds(&probe(json!({}))), [1; 5]);
        assert_eq!(seconds(&probe(json!({"backoff": "3s"}))), [3; 5]);
        assert_eq!(seconds(&probe(json!({"backoff": {}}))), [1, 2, 4, 8, 16]);
        let steep = probe(json!({"backoff": {"initial": "2s", "factor": 3, "max": "20s"}}));
        assert_eq!(seconds(&steep), [2, 6, 18, 20, 20]);
        assert_eq!(steep.pause(u32::MAX, None).as_secs(), 20);
    }

    #[test]
    fn a_server_that_asks_for_patience_gets_it_up_to_a_minute() {
        let asked = |status, value| asked_pause(&http(status, &[("retry-after", value)]));
        assert_eq!(asked(503, "7"), Some(Duration::from_secs(7)));
        assert_eq!(asked(429, " 7 "), Some(Duration::from_secs(7)));
        assert_eq!(asked(500, "7"), None);
        assert_eq!(asked(503, "Wed, 21 Oct 2015 07:28:00 GMT"), None);
        assert_eq!(asked(503, "-1"), None);
        let quick = probe(json!({"backoff": "2s"}));
        assert_eq!(quick.pause(1, asked(503, "7")).as_secs(), 7);
        assert_eq!(quick.pause(1, asked(503, "1")).as_secs(), 2);
        assert_eq!(quick.pause(1, asked(503, "99999999999999")).as_secs(), 60);
    }

    #[test]
    fn what_is_retried_can_be_chosen() {
        let unserved = Answer::Unserved("refused".to_owned());
        let unasked = Answer::Unasked("no such host".to_owned());
        let no_data = Answer::NoData("no samples".to_owned());
        let tried = |answer, verdict| Tried {
            answer,
            verdict,
            timed_out: false,
        };
        let (ok, busy) = (http(200, &[]), http(503, &[]));
        let all = [
            tried(&unserved, Verdict::Fail),
            tried(&unasked, Verdict::Error),
            tried(&no_data, Verdict::Inconclusive),
            tried(&ok, Verdict::Fail),
            tried(&busy, Verdict::Fail),
            Tried {
                answer: &unserved,
                verdict: Verdict::Fail,
                timed_out: true,
            },
        ];
        for (given, wanted) in [
            (json!({}), [true; 6]),
            (
                json!({"retry_if": "error"}),
                [false, true, false, false, false, false],
            ),
            (
                json!({"retry_if": ["inconclusive"]}),
                [false, false, true, false, false, false],
            ),
            (
                json!({"retry_if": "fail"}),
                [true, false, false, true, true, true],
            ),
            (
                json!({"retry_if": ["timeout"]}),
                [false, false, false, false, false, true],
            ),
            (
                json!({"retry_if": ["unserved"]}),
                [true, false, false, false, false, true],
            ),
            (
                json!({"retry_if": ["5xx"]}),
                [false, false, false, false, true, false],
            ),
            (
                json!({"retry_if": [503, "error"]}),
                [false, true, false, false, true, false],
            ),
        ] {
            let probe = probe(given.clone());
            assert_eq!(all.map(|one| probe.is_retried(one)), wanted, "{given}");
            assert!(!probe.is_retried(tried(&ok, Verdict::Pass)), "{given}");
        }
    }
}
