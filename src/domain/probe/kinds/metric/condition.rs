//! When a metric passes, when it fails, and when neither is known.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::baseline::{self, Reference};
use super::{Judged, MetricAnswer, MetricExpectation, MetricProbe};
use crate::domain::probe::expect::Assertion;
use crate::domain::probe::kinds::NoData;
use crate::domain::probe::measure::{Measure, Percentage};
use crate::domain::probe::templated::{Settle, Templated};

/// What the ratio of two numbers must be; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RatioExpectation {
    /// This or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Templated<Measure>>,
    /// This or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Templated<Measure>>,
    /// More than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greater: Option<Templated<Measure>>,
    /// Less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less: Option<Templated<Measure>>,
}

/// When a number fails: where any part that is given applies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureCondition {
    /// Exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Templated<Measure>>,
    /// This or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Templated<Measure>>,
    /// This or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Templated<Measure>>,
    /// More than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greater: Option<Templated<Measure>>,
    /// Less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less: Option<Templated<Measure>>,
    /// More than this share worse than the baseline, or than `control`; `worse` and `floor` of `expect` apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worse_than: Option<Percentage>,
    /// The number divided by that of `control`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<RatioExpectation>,
}

/// The bounds of a number, of a ratio or of a condition.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// Exactly this.
    pub equals: Option<Templated<Measure>>,
    /// This or more.
    pub at_least: Option<Templated<Measure>>,
    /// This or less.
    pub at_most: Option<Templated<Measure>>,
    /// More than this.
    pub greater: Option<Templated<Measure>>,
    /// Less than this.
    pub less: Option<Templated<Measure>>,
}

type Relation<'a> = (
    &'static str,
    Option<&'a Templated<Measure>>,
    fn(Measure, Measure) -> bool,
);

impl Bounds {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.relations().iter().all(|(_, limit, _)| limit.is_none())
    }

    fn relations(&self) -> [Relation<'_>; 5] {
        [
            ("", self.equals.as_ref(), |a, b| a == b),
            ("at least ", self.at_least.as_ref(), |a, b| a >= b),
            ("at most ", self.at_most.as_ref(), |a, b| a <= b),
            ("greater than ", self.greater.as_ref(), |a, b| a > b),
            ("less than ", self.less.as_ref(), |a, b| a < b),
        ]
    }

    /// Whether `number` satisfies all of them; one that is not known is not satisfied.
    pub fn hold(&self, number: Measure) -> bool {
        let mut all = self.relations().into_iter();
        all.all(|(_, limit, holds)| {
            limit.is_none_or(|limit| limit.is_known_and(|limit| holds(number, *limit)))
        })
    }

    /// Whether any of them applies to `number`.
    pub fn any_applies(&self, number: Measure) -> bool {
        let mut all = self.relations().into_iter();
        all.any(|(_, limit, holds)| {
            limit.is_some_and(|limit| limit.is_known_and(|limit| holds(number, *limit)))
        })
    }

    /// Every limit that is given and known.
    pub fn limits(&self) -> Vec<Measure> {
        let given = self.relations().into_iter().filter_map(|it| it.1);
        given.filter_map(|limit| limit.known().copied()).collect()
    }

    /// Whether no number satisfies all of them, as far as they are known.
    pub fn is_impossible(&self) -> bool {
        let known = |bound: &Option<Templated<Measure>>| {
            bound
                .as_ref()
                .and_then(|it| it.known().copied())
                .map(Measure::get)
        };
        let low = [known(&self.at_least), known(&self.greater)]
            .into_iter()
            .flatten();
        let low = low.fold(f64::NEG_INFINITY, f64::max);
        let high = [known(&self.at_most), known(&self.less)]
            .into_iter()
            .flatten();
        let high = high.fold(f64::INFINITY, f64::min);
        low > high || known(&self.equals).is_some_and(|it| it < low || it > high)
    }

    /// An assertion for each: that it holds, or, of a condition for failure, that it does not apply. A limit that is not
    /// known satisfies neither.
    fn assertions(&self, about: &str, role: Role, number: Measure, shown: &str) -> Vec<Assertion> {
        let one = |(how, limit, holds): Relation<'_>| {
            let limit = limit?;
            Some(Assertion {
                about: format!("{about}{}", role.note()),
                expected: format!("{}{how}{limit}", role.negation()),
                actual: shown.to_owned(),
                holds: limit.is_known_and(|limit| holds(number, *limit) == (role == Role::Success)),
            })
        };
        self.relations().into_iter().filter_map(one).collect()
    }
}

/// The numbers in which a variable may stand.
pub(super) fn settles_mut(metric: &mut MetricProbe) -> impl Iterator<Item = &mut dyn Settle> {
    let MetricExpectation {
        equals,
        at_least,
        at_most,
        greater,
        less,
        ratio,
        floor,
        ..
    } = &mut metric.expect;
    let mut all = vec![equals, at_least, at_most, greater, less, floor];
    let mut ratios = vec![ratio];
    if let Some(condition) = &mut metric.fail_if {
        let FailureCondition {
            equals,
            at_least,
            at_most,
            greater,
            less,
            worse_than: _,
            ratio,
        } = condition;
        all.extend([equals, at_least, at_most, greater, less]);
        ratios.push(ratio);
    }
    for ratio in ratios.into_iter().flatten() {
        let RatioExpectation {
            at_least,
            at_most,
            greater,
            less,
        } = ratio;
        all.extend([at_least, at_most, greater, less]);
    }
    let samples = metric.samples.iter_mut().map(|it| &mut it.at_least);
    let all = all.into_iter().flatten().chain(samples);
    all.map(|bound| bound as &mut dyn Settle)
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
            at_least: self.at_least.clone(),
            at_most: self.at_most.clone(),
            greater: self.greater.clone(),
            less: self.less.clone(),
        }
    }
}

impl FailureCondition {
    /// The bounds of the number itself.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            equals: self.equals.clone(),
            at_least: self.at_least.clone(),
            at_most: self.at_most.clone(),
            greater: self.greater.clone(),
            less: self.less.clone(),
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
            equals: self.equals.clone(),
            at_least: self.at_least.clone(),
            at_most: self.at_most.clone(),
            greater: self.greater.clone(),
            less: self.less.clone(),
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
