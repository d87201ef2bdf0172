//! When a metric passes, when it fails, and when neither is known.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::baseline::{self, Reference};
use super::{Judged, MetricAnswer, MetricExpectation, MetricProbe};
use crate::domain::probe::expect::Assertion;
use crate::domain::probe::kinds::NoData;
use crate::domain::probe::measure::{Measure, Percentage};

/// What the ratio of two numbers must be; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RatioExpectation {
    /// This or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Measure>,
    /// This or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Measure>,
    /// More than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greater: Option<Measure>,
    /// Less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less: Option<Measure>,
}

/// When a number fails: where any part that is given applies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureCondition {
    /// Exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Measure>,
    /// This or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Measure>,
    /// This or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Measure>,
    /// More than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greater: Option<Measure>,
    /// Less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less: Option<Measure>,
    /// More than this share worse than the baseline, or than `control`; `worse` and `floor` of `expect` apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worse_than: Option<Percentage>,
    /// The number divided by that of `control`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<RatioExpectation>,
}

/// The bounds of a number, of a ratio or of a condition.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    /// Exactly this.
    pub equals: Option<Measure>,
    /// This or more.
    pub at_least: Option<Measure>,
    /// This or less.
    pub at_most: Option<Measure>,
    /// More than this.
    pub greater: Option<Measure>,
    /// Less than this.
    pub less: Option<Measure>,
}

type Relation = (&'static str, Option<Measure>, fn(Measure, Measure) -> bool);

impl Bounds {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.relations().iter().all(|(_, limit, _)| limit.is_none())
    }

    fn relations(&self) -> [Relation; 5] {
        [
            ("", self.equals, |a, b| a == b),
            ("at least ", self.at_least, |a, b| a >= b),
            ("at most ", self.at_most, |a, b| a <= b),
            ("greater than ", self.greater, |a, b| a > b),
            ("less than ", self.less, |a, b| a < b),
        ]
    }

    /// Whether `number` satisfies all of them.
    pub fn hold(&self, number: Measure) -> bool {
        let mut all = self.relations().into_iter();
        all.all(|(_, limit, holds)| limit.is_none_or(|limit| holds(number, limit)))
    }

    /// Whether any of them applies to `number`.
    pub fn any_applies(&self, number: Measure) -> bool {
        let mut all = self.relations().into_iter();
        all.any(|(_, limit, holds)| limit.is_some_and(|limit| holds(number, limit)))
    }

    /// Every limit that is given.
    pub fn limits(&self) -> Vec<Measure> {
        self.relations().into_iter().filter_map(|it| it.1).collect()
    }

    /// An assertion for each: that it holds, or, of a condition for failure, that it does not apply.
    fn assertions(&self, about: &str, role: Role, number: Measure, shown: &str) -> Vec<Assertion> {
        let one = |(how, limit, holds): Relation| {
            let limit = limit?;
            Some(Assertion {
                about: format!("{about}{}", role.note()),
                expected: format!("{}{how}{limit}", role.negation()),
                actual: shown.to_owned(),
                holds: holds(number, limit) == (role == Role::Success),
            })
        };
        self.relations().into_iter().filter_map(one).collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Success,
    Failure,
}

impl Role {
    const fn note(self) -> &'static str {
        match self {
            Self::Success => "",
            Self::Failure => " (fail_if)",
        }
    }

    const fn negation(self) -> &'static str {
        match self {
            Self::Success => "",
            Self::Failure => "not ",
        }
    }
}

impl RatioExpectation {
    /// Its bounds.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            equals: None,
            at_least: self.at_least,
            at_most: self.at_most,
            greater: self.greater,
            less: self.less,
        }
    }
}

impl FailureCondition {
    /// The bounds of the number itself.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            equals: self.equals,
            at_least: self.at_least,
            at_most: self.at_most,
            greater: self.greater,
            less: self.less,
        }
    }

    /// Whether it could apply at all.
    pub fn says_something(&self) -> bool {
        let ratio = self.ratio.as_ref();
        !self.bounds().is_empty()
            || self.worse_than.is_some()
            || ratio.is_some_and(|it| !it.bounds().is_empty())
    }
}

impl MetricExpectation {
    /// The bounds of the number itself.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            equals: self.equals,
            at_least: self.at_least,
            at_most: self.at_most,
            greater: self.greater,
            less: self.less,
        }
    }

    pub(super) fn asserts_something(&self) -> bool {
        let ratio = self.ratio.as_ref();
        !self.bounds().is_empty()
            || self.no_worse_than.is_some()
            || ratio.is_some_and(|it| !it.bounds().is_empty())
    }
}

/// What is asked of the number in one of the two roles.
struct Asked<'a> {
    role: Role,
    bounds: Bounds,
    share: Option<Percentage>,
    ratio: Option<&'a RatioExpectation>,
}

/// What came of it: the assertions, and those comparisons that could not be made.
struct Weighed {
    assertions: Vec<Assertion>,
    incomparable: Vec<Assertion>,
}

impl Weighed {
    fn holds(&self) -> bool {
        self.assertions.iter().all(|assertion| assertion.holds)
    }

    fn obstacle(&self) -> Option<NoData> {
        let first = self.incomparable.first()?;
        Some(NoData(first.actual.clone()))
    }
}

fn weigh(metric: &MetricProbe, answer: &MetricAnswer, asked: &Asked<'_>) -> Weighed {
    let (value, role) = (answer.value, asked.role);
    let mut weighed = Weighed {
        assertions: asked
            .bounds
            .assertions("value", role, value, &value.to_string()),
        incomparable: Vec::new(),
    };
    let mut incomparable = |about: &str, expected: String, why: String| {
        weighed.incomparable.push(Assertion {
            about: format!("{about}{}", role.note()),
            expected,
            actual: why,
            holds: false,
        });
    };
    let reference = Reference::of(metric, answer);
    if let Some(share) = asked.share {
        match baseline::limit(&metric.expect, share, reference) {
            Ok(limit) => {
                let mut held = limit.held_by(value);
                held.about.push_str(role.note());
                weighed.assertions.push(held);
            }
            Err(why) => incomparable(
                &format!("value against the {}", reference.name()),
                format!("no more than {share} worse"),
                why,
            ),
        }
    }
    if let Some(expected) = asked.ratio.filter(|it| !it.bounds().is_empty()) {
        match ratio(answer) {
            Ok((ratio, control)) => weighed.assertions.extend(expected.bounds().assertions(
                "ratio to the control",
                role,
                ratio,
                &format!("{ratio} ({value} / {control})"),
            )),
            Err(why) => incomparable("ratio to the control", "a ratio".to_owned(), why),
        }
    }
    weighed
}

/// The ratio of the number to that of the control group, and the latter.
fn ratio(answer: &MetricAnswer) -> Result<(Measure, Measure), String> {
    let Some(control) = answer.control else {
        return Err("there is no `control` to compare with".to_owned());
    };
    if control.get() == 0.0 {
        return Err("the control is 0, and nothing can be divided by it".to_owned());
    }
    Measure::new(answer.value.get() / control.get())
        .map(|ratio| (ratio, control))
        .ok_or_else(|| format!("{} / {control} is beyond all numbers", answer.value))
}

/// Holds a number against what is expected of it, and against what makes it fail.
pub(super) fn judge(metric: &MetricProbe, answer: &MetricAnswer) -> Judged {
    let success = weigh(
        metric,
        answer,
        &Asked {
            role: Role::Success,
            bounds: metric.expect.bounds(),
            share: metric.expect.no_worse_than,
            ratio: metric.expect.ratio.as_ref(),
        },
    );
    let Some(condition) = &metric.fail_if else {
        // What fails already has failed; but nothing passes by what could not be compared.
        if let Some(obstacle) = success.obstacle().filter(|_| success.holds()) {
            return Err(obstacle);
        }
        let mut all = success.assertions;
        all.extend(success.incomparable);
        return Ok(all);
    };
    let failure = weigh(
        metric,
        answer,
        &Asked {
            role: Role::Failure,
            bounds: condition.bounds(),
            share: condition.worse_than,
            ratio: condition.ratio.as_ref(),
        },
    );
    if failure.holds() {
        if let Some(obstacle) = success.obstacle().or_else(|| failure.obstacle()) {
            return Err(obstacle);
        }
        if let Some(unmet) = success.assertions.iter().find(|it| !it.holds) {
            return Err(NoData(format!(
                "it neither passes nor fails: {}: expected {}, found {}, and no part of `fail_if` applies",
                unmet.about, unmet.expected, unmet.actual
            )));
        }
    }
    let mut all = success.assertions;
    all.extend(failure.assertions);
    Ok(all)
}
