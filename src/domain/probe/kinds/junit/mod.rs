//! `junit`: the reports of a test run.

mod decode;
mod report;
mod tally;
mod tolerated;

use chrono::NaiveDate;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::file::age;
use super::{Judged, Kind};
use crate::domain::probe::expect::Assertion;
use crate::domain::probe::templated::{self, Settle, Templated};
use crate::domain::timespan::Timespan;

pub use decode::text;
pub use report::{Report, read};
pub use tolerated::ToleratedFailure;

/// Names of failed tests that are shown.
const MOST_NAMES: usize = 5;

/// The reports of a test run: no test failed, and enough were executed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JunitProbe {
    /// A file, or a pattern with `*`, `?` and `**`; from the repository's root, which it does not leave, or absolute.
    #[schemars(length(min = 1))]
    pub path: String,
    /// Failures of tests that are known and not counted, each until a day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerated: Vec<ToleratedFailure>,
    /// What the reports must show besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<JunitExpectation>,
}

/// What the reports must show together; that nothing failed is always asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JunitExpectation {
    /// So many tests or more were executed; default: 1. A skipped test is not executed, and a rerun is no further one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "at_least_one")]
    pub executed: Option<Templated<u64>>,
    /// So many tests or fewer were skipped. Default: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Templated<u64>>,
    /// So many tests or fewer were flaky: they passed after a failure; default: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaky: Option<Templated<u64>>,
    /// Every report was written no longer ago than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_older_than: Option<Timespan>,
}

fn at_least_one(_: &mut SchemaGenerator) -> Schema {
    templated::between(1, None)
}

/// What the reports show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JunitAnswer {
    /// How many reports there are.
    pub files: u64,
    /// All of them together.
    pub report: Report,
    /// Milliseconds since the oldest of them was changed; below zero where one lies in the future.
    pub age_ms: i64,
    /// The day, in UTC, on which they were read; without it no failure is tolerated.
    pub today: Option<NaiveDate>,
}

impl Kind for JunitProbe {
    type Answer = JunitAnswer;

    fn asserts_something(&self) -> bool {
        true
    }

    fn texts_mut(&mut self) -> Vec<&mut String> {
        vec![&mut self.path]
    }

    fn settles_mut(&mut self) -> Vec<&mut dyn Settle> {
        let expect = self.expect.iter_mut();
        let all = expect.flat_map(|it| [&mut it.executed, &mut it.skipped, &mut it.flaky]);
        all.flatten().map(|it| it as &mut dyn Settle).collect()
    }

    fn judge(&self, answer: &JunitAnswer, _: u64) -> Judged {
        let expect = self.expect.clone().unwrap_or_default();
        let report = &answer.report;
        let least = expect.executed.unwrap_or(Templated::Value(1));
        // No report without an executed test shows anything.
        let enough = report.executed >= 1 && least.is_known_and(|least| report.executed >= *least);
        let reports = match answer.files {
            1 => " in 1 report".to_owned(),
            files => format!(" in {files} reports"),
        };
        let assertion = |about: &str, expected: String, actual: String, holds| Assertion {
            about: about.to_owned(),
            expected,
            actual,
            holds,
        };
        let flaky = match report.flaky {
            0 => String::new(),
            flaky => format!(", {flaky} of them flaky: passed after a failure"),
        };
        let tolerated = tolerated::of(&self.tolerated, &report.failed, answer.today);
        let bad = report.failures.max(report.stated);
        let bad = bad.saturating_sub(u64::try_from(tolerated.names.len()).unwrap_or(0));
        let others = &tolerated.others;
        let first = others.iter().take(MOST_NAMES).cloned();
        let first = first.collect::<Vec<_>>().join(", ");
        let mut shown = match (bad, first.is_empty()) {
            (0, _) => "none".to_owned(),
            (_, true) => format!("{bad}{reports}"),
            (_, false) if others.len() > MOST_NAMES => format!("{bad}: {first}, …"),
            (_, false) => format!("{bad}: {first}"),
        };
        shown.push_str(&tolerated.note());
        let mut all = vec![
            assertion("failures and errors", "none".to_owned(), shown, bad == 0),
            assertion(
                "executed tests",
                format!("at least {least}"),
                format!("{}{reports}{flaky}", report.executed),
                enough,
            ),
        ];
        if let Some(most) = expect.skipped {
            all.push(assertion(
                "skipped tests",
                format!("at most {most}"),
                report.skipped.to_string(),
                most.is_known_and(|most| report.skipped <= *most),
            ));
        }
        if let Some(most) = expect.flaky {
            all.push(assertion(
                "flaky tests",
                format!("at most {most}"),
                report.flaky.to_string(),
                most.is_known_and(|most| report.flaky <= *most),
            ));
        }
        if let Some(limit) = expect.not_older_than {
            all.push(age(limit, Some(answer.age_ms), String::new));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(expect: serde_json::Value, report: Report) -> bool {
        let value = serde_json::json!({"path": "a.xml", "expect": expect});
        let probe: JunitProbe = serde_json::from_value(value).expect("a probe");
        let answer = JunitAnswer {
            files: 1,
            report,
            age_ms: 61_000,
            today: None,
        };
        let all = probe.judge(&answer, 0).expect("judged");
        all.iter().all(|assertion| assertion.holds)
    }

    fn report(executed: u64, skipped: u64, failures: u64, stated: u64) -> Report {
        Report {
            executed,
            skipped,
            flaky: 0,
            failures,
            stated,
            failed: Vec::new(),
        }
    }

    #[test]
    fn nothing_executed_is_never_a_pass() {
        let none = serde_json::Value::Null;
        assert!(verdict(none.clone(), report(1, 0, 0, 0)));
        assert!(!verdict(none.clone(), report(0, 0, 0, 0)));
        assert!(!verdict(none, report(0, 7, 0, 0)));
        assert!(!verdict(
            serde_json::json!({"executed": 3}),
            report(2, 7, 0, 0)
        ));
        assert!(!verdict(
            serde_json::json!({"executed": 0}),
            report(0, 7, 0, 0)
        ));
    }

    #[test]
    fn a_failure_that_is_only_stated_counts() {
        let none = serde_json::Value::Null;
        assert!(!verdict(none.clone(), report(9, 0, 1, 0)));
        assert!(!verdict(none, report(9, 0, 0, 1)));
    }

    #[test]
    fn skipped_tests_and_age_have_a_limit_where_one_is_given() {
        assert!(!verdict(
            serde_json::json!({"skipped": 1}),
            report(9, 2, 0, 0)
        ));
        assert!(verdict(
            serde_json::json!({"skipped": 2}),
            report(9, 2, 0, 0)
        ));
        let old = |limit: &str| {
            verdict(
                serde_json::json!({"not_older_than": limit}),
                report(9, 0, 0, 0),
            )
        };
        assert!(old("2m") && !old("1m"));
    }

    #[test]
    fn flaky_tests_have_a_limit_where_one_is_given() {
        let flaky = Report {
            flaky: 1,
            ..report(9, 0, 0, 0)
        };
        assert!(verdict(serde_json::Value::Null, flaky.clone()));
        assert!(verdict(serde_json::json!({"flaky": 1}), flaky.clone()));
        assert!(!verdict(serde_json::json!({"flaky": 0}), flaky));
        assert!(verdict(serde_json::json!({"flaky": 0}), report(9, 0, 0, 0)));
    }

    #[test]
    fn a_tolerated_failure_is_not_counted_until_its_day_is_over() {
        let long = "x".repeat(report::LONGEST_NAME);
        let value = serde_json::json!({"path": "a.xml", "tolerated": [
            {"test": "shop.cart", "until": "2026-11-30", "reason": "SHOP-7"},
            {"test": long, "until": "2026-11-30"},
            {"test": report::WHOLE_SUITE, "until": "2026-11-30"},
        ]});
        let probe: JunitProbe = serde_json::from_value(value).expect("a probe");
        let judged = |failed: &[&str], stated: u64, today: Option<&str>| {
            let count = u64::try_from(failed.len()).expect("few");
            let report = Report {
                failed: failed.iter().map(|&name| name.to_owned()).collect(),
                ..report(9, 0, count, stated)
            };
            let answer = JunitAnswer {
                files: 1,
                report,
                age_ms: 0,
                today: today.map(|day| day.parse().expect("a day")),
            };
            let mut all = probe.judge(&answer, 0).expect("judged");
            let first = all.remove(0);
            (first.holds, first.actual)
        };
        let (day, later) = (Some("2026-11-30"), Some("2026-12-01"));
        for (failed, stated, today, holds, said) in [
            (
                vec!["shop.cart"],
                1,
                day,
                true,
                "none (tolerated: shop.cart until 2026-11-30)",
            ),
            (
                vec!["shop.cart"],
                1,
                later,
                false,
                "1: shop.cart (no longer tolerated: shop.cart until 2026-11-30)",
            ),
            (vec!["shop.cart"], 1, None, false, "1: shop.cart"),
            (vec!["shop.cart", "shop.pay"], 2, day, false, "1: shop.pay"),
            // What an attribute states beyond what is shown is nobody's.
            (vec!["shop.cart"], 2, day, false, "1 in 1 report"),
            (vec!["shop.carts"], 1, day, false, "1: shop.carts"),
            (vec![report::WHOLE_SUITE], 0, day, false, "1: a whole suite"),
            // A name that was cut may be another's.
            (vec![long.as_str()], 0, day, false, "1: xxx"),
            (vec![], 0, day, true, "none"),
        ] {
            let (held, actual) = judged(&failed, stated, today);
            assert_eq!(held, holds, "{failed:?}: {actual}");
            assert!(actual.starts_with(said), "{actual}");
        }
    }
}
