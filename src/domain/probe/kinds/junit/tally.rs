//! How many tests of a suite were executed and skipped: what its elements show, held against what its attributes and
//! properties state.
//!
//! What is stated can only lower what is shown: a test is executed where an element shows it and no count denies it.

use std::collections::HashSet;

/// Numbers of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub executed: u64,
    pub skipped: u64,
    /// Those of the executed that failed before they passed.
    pub flaky: u64,
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            executed: self.executed.saturating_add(other.executed),
            skipped: self.skipped.saturating_add(other.skipped),
            flaky: self.flaky.saturating_add(other.flaky),
        }
    }
}

/// What a suite states of its tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stated {
    pub tests: Option<u64>,
    pub skipped: u64,
    pub failures: u64,
    pub flaky: u64,
    /// `skipped="true"`: none of its tests ran.
    pub all_skipped: bool,
}

/// The tests of one suite.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub stated: Stated,
    /// The test cases of its own.
    own: Counts,
    /// Those of the suites in it.
    nested: Counts,
    /// Its test cases that failed. One of the same name that follows is a rerun.
    failed: HashSet<String>,
}

/// What a test case came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    /// It passed after it had failed.
    Flaky,
    Failed,
    Skipped,
}

impl Tally {
    pub(super) fn new(stated: Stated) -> Self {
        Self {
            stated,
            ..Self::default()
        }
    }

    /// Counts a test case. A rerun of one that failed is no further test.
    pub(super) fn case(&mut self, name: &str, outcome: Outcome) {
        let one = |executed, skipped, flaky| Counts {
            executed,
            skipped,
            flaky,
        };
        let rerun = self.failed.contains(name);
        if outcome == Outcome::Failed && !rerun {
            self.failed.insert(name.to_owned());
        }
        let counted = match outcome {
            _ if rerun => Counts::default(),
            Outcome::Passed | Outcome::Failed => one(1, 0, 0),
            Outcome::Flaky => one(1, 0, 1),
            Outcome::Skipped => one(0, 1, 0),
        };
        self.own = self.own.plus(counted);
    }

    /// Counts the tests of a suite in it.
    pub(super) fn suite(&mut self, counts: Counts) {
        self.nested = self.nested.plus(counts);
    }

    /// All tests of the suite, those of the suites in it included.
    pub(super) fn counts(&self) -> Counts {
        let nested = self.nested.executed.saturating_add(self.nested.skipped);
        // Some tools state the tests of nested suites in the outer one too, others do not.
        let outer_states_all = self.stated.tests.is_none_or(|tests| tests >= nested);
        if outer_states_all {
            self.held(self.own.plus(self.nested))
        } else {
            self.held(self.own).plus(self.nested)
        }
    }

    /// What is left of `shown` where the suite states other numbers.
    fn held(&self, shown: Counts) -> Counts {
        let Stated {
            tests,
            skipped,
            failures: _,
            flaky,
            all_skipped,
        } = self.stated;
        let all = shown.executed.saturating_add(shown.skipped);
        let flaky = shown.flaky.max(flaky);
        if all_skipped {
            return Counts {
                executed: 0,
                skipped: all.max(skipped).max(1),
                flaky,
            };
        }
        let skipped = shown.skipped.max(skipped);
        let most = match tests {
            // Where as many cases stand as both numbers together, `tests` leaves the skipped ones out.
            Some(tests) if all == tests.saturating_add(skipped) => tests,
            Some(tests) => tests.saturating_sub(skipped),
            None => all.saturating_sub(skipped),
        };
        Counts {
            executed: shown.executed.min(most),
            skipped,
            flaky,
        }
    }

    /// The failures that it states beyond the tests that passed in the end.
    pub(super) fn stated_failures(&self) -> u64 {
        self.stated.failures.saturating_sub(self.counts().flaky)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(tests: Option<u64>, skipped: u64, cases: [u64; 2]) -> (u64, u64) {
        let mut tally = Tally::new(Stated {
            tests,
            skipped,
            ..Stated::default()
        });
        for (outcome, count) in [Outcome::Passed, Outcome::Skipped].into_iter().zip(cases) {
            (0..count).for_each(|_| tally.case("a", outcome));
        }
        let counts = tally.counts();
        (counts.executed, counts.skipped)
    }

    #[test]
    fn what_is_stated_lowers_what_is_shown() {
        for (tests, skipped, shown, expected) in [
            (None, 0, [3, 1], (3, 1)),
            (None, 2, [3, 0], (1, 2)),
            (Some(5), 2, [3, 0], (3, 2)),
            (Some(3), 2, [3, 0], (1, 2)),
            (Some(3), 3, [3, 0], (0, 3)),
            (Some(2), 0, [3, 0], (2, 0)),
            (Some(9), 0, [3, 1], (3, 1)),
            // `tests` without the skipped ones.
            (Some(3), 1, [3, 1], (3, 1)),
            (Some(3), 0, [3, 1], (3, 1)),
        ] {
            assert_eq!(
                counts(tests, skipped, shown),
                expected,
                "{tests:?} {skipped} {shown:?}"
            );
        }
    }

    #[test]
    fn an_outer_suite_may_or_may_not_count_the_inner_ones() {
        let outer = |tests| {
            let mut inner = Tally::new(Stated::default());
            (0..5).for_each(|_| inner.case("a", Outcome::Passed));
            let mut outer = Tally::new(Stated {
                tests: Some(tests),
                ..Stated::default()
            });
            outer.case("b", Outcome::Passed);
            outer.suite(inner.counts());
            outer.counts().executed
        };
        assert_eq!([0, 1, 2, 5, 6, 9].map(outer), [5, 6, 6, 5, 6, 6]);
    }

    #[test]
    fn a_rerun_is_no_further_test() {
        let mut tally = Tally::default();
        for (name, outcome) in [
            ("a", Outcome::Failed),
            ("a", Outcome::Failed),
            ("a", Outcome::Passed),
            ("b", Outcome::Passed),
            ("b", Outcome::Passed),
        ] {
            tally.case(name, outcome);
        }
        assert_eq!(tally.counts().executed, 3);
    }
}
