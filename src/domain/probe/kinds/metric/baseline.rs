//! How much worse than its baseline a number may be.

use super::{MetricAnswer, MetricExpectation, MetricProbe, Worse};
use crate::domain::probe::expect::Assertion;
use crate::domain::probe::measure::{Measure, Percentage};

/// The number that another is compared with.
#[derive(Clone, Copy)]
pub(super) enum Reference {
    /// What it was before the deployment, where that was captured.
    Baseline(Option<Measure>),
    /// What it is in the control group.
    Control(Option<Measure>),
}

impl Reference {
    pub(super) fn of(metric: &MetricProbe, answer: &MetricAnswer) -> Self {
        match &metric.control {
            None => Self::Baseline(metric.baseline),
            Some(_) => Self::Control(answer.control),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Baseline(_) => "baseline",
            Self::Control(_) => "control",
        }
    }
}

/// The limit that a share of a baseline comes to.
pub(super) struct Limit {
    limit: Measure,
    baseline: Measure,
    share: Percentage,
    worse: Worse,
    name: &'static str,
}

/// The limit for a number whose baseline is `baseline`: the baseline and a share of it more, or less, and never less than
/// the floor.
///
/// # Errors
/// Why there is none: no baseline, or one that no share can be taken of.
pub(super) fn limit(
    expect: &MetricExpectation,
    share: Percentage,
    reference: Reference,
) -> Result<Limit, String> {
    let name = reference.name();
    let baseline = match reference {
        Reference::Baseline(Some(number)) | Reference::Control(Some(number)) => number,
        Reference::Baseline(None) => {
            return Err("there is no baseline to compare with; before the deployment, run `relgate baseline capture`".to_owned());
        }
        Reference::Control(None) => {
            return Err("there is no number of the control to compare with".to_owned());
        }
    };
    let number = baseline.get();
    if number < 0.0 {
        return Err(format!(
            "the {name} is {baseline}, and a share of a number below 0 says nothing"
        ));
    }
    if number == 0.0 && expect.floor.is_none() {
        return Err(format!(
            "the {name} is 0, and a share of it is nothing; write the limit for it as `floor`"
        ));
    }
    let worse = expect.worse.unwrap_or_default();
    let factor = match worse {
        Worse::Higher => 1.0 + share.factor(),
        Worse::Lower => 1.0 - share.factor(),
    };
    let Some(shared) = Measure::new(number * factor) else {
        return Err(format!(
            "the {name} is {baseline}, and {share} more is beyond all numbers"
        ));
    };
    let limit = match expect.floor.as_ref().and_then(|it| it.known().copied()) {
        Some(floor) if floor > shared => floor,
        _ => shared,
    };
    Ok(Limit {
        limit,
        baseline,
        share,
        worse,
        name,
    })
}

impl Limit {
    /// Holds a number against it.
    pub(super) fn held_by(&self, value: Measure) -> Assertion {
        let (how, holds) = match self.worse {
            Worse::Higher => ("at most", value <= self.limit),
            Worse::Lower => ("at least", value >= self.limit),
        };
        let base = self.baseline.get();
        let change = if base > 0.0 {
            format!(" ({:+.1}%)", (value.get() - base) / base * 100.0)
        } else {
            String::new()
        };
        Assertion {
            about: format!("value against the {}", self.name),
            expected: format!(
                "no more than {} worse than {}, so {how} {}",
                self.share, self.baseline, self.limit
            ),
            actual: format!("{value}{change}"),
            holds,
        }
    }
}
