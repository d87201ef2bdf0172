//! How much worse than its baseline a number may be.

use super::{MetricExpectation, Worse};
use crate::domain::probe::expect::Assertion;
use crate::domain::probe::measure::{Measure, Percentage};

/// The limit that a share of a baseline comes to.
pub(super) struct Limit {
    limit: Measure,
    baseline: Measure,
    share: Percentage,
    worse: Worse,
}

/// The limit for a number whose baseline is `baseline`: the baseline and a share of it more, or less, and never less than
/// the floor.
///
/// # Errors
/// Why there is none: no baseline, or one that no share can be taken of.
pub(super) fn limit(
    expect: &MetricExpectation,
    share: Percentage,
    baseline: Option<Measure>,
) -> Result<Limit, String> {
    let Some(baseline) = baseline else {
        return Err("there is no baseline to compare with; before the deployment, run `relgate baseline capture`".to_owned());
    };
    let number = baseline.get();
    if number < 0.0 {
        return Err(format!(
            "the baseline is {baseline}, and a share of a number below 0 says nothing"
        ));
    }
    if number == 0.0 && expect.floor.is_none() {
        return Err(
            "the baseline is 0, and a share of it is nothing; write the limit for it as `floor`"
                .to_owned(),
        );
    }
    let worse = expect.worse.unwrap_or_default();
    let factor = match worse {
        Worse::Higher => 1.0 + share.factor(),
        Worse::Lower => 1.0 - share.factor(),
    };
    let Some(shared) = Measure::new(number * factor) else {
        return Err(format!(
            "the baseline is {baseline}, and {share} more is beyond all numbers"
        ));
    };
    let limit = match expect.floor {
        Some(floor) if floor > shared => floor,
        _ => shared,
    };
    Ok(Limit {
        limit,
        baseline,
        share,
        worse,
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
            about: "value against the baseline".to_owned(),
            expected: format!(
                "no more than {} worse than {}, so {how} {}",
                self.share, self.baseline, self.limit
            ),
            actual: format!("{value}{change}"),
            holds,
        }
    }
}
