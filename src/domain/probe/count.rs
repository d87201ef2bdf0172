//! How many: a number of things, or of bytes, and what it must be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::expect::Assertion;

/// How many there must be; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountExpectation {
    /// Exactly so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<u64>,
    /// So many or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
    /// So many or fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
}

impl CountExpectation {
    /// Whether it asks for nothing, and so could never fail.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether no number at all satisfies it.
    pub fn is_impossible(&self) -> bool {
        let least = self.at_least.unwrap_or(0);
        let most = self.at_most.unwrap_or(u64::MAX);
        least > most || self.equals.is_some_and(|it| it < least || it > most)
    }

    /// Holds `found` against it; `unit` follows each number. What is not there satisfies nothing.
    pub fn assertions(&self, about: &str, unit: &str, found: Option<u64>) -> Vec<Assertion> {
        let shown = |count: u64| format!("{count}{unit}");
        let assertion = |how: &str, bound: u64, holds: fn(u64, u64) -> bool| Assertion {
            about: about.to_owned(),
            expected: format!("{how}{}", shown(bound)),
            actual: found.map_or_else(|| "missing".to_owned(), shown),
            holds: found.is_some_and(|found| holds(found, bound)),
        };
        let equals = self.equals.map(|it| assertion("", it, |a, b| a == b));
        let least = self
            .at_least
            .map(|it| assertion("at least ", it, |a, b| a >= b));
        let most = self
            .at_most
            .map(|it| assertion("at most ", it, |a, b| a <= b));
        [equals, least, most].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(expect: &CountExpectation, found: Option<u64>) -> bool {
        let all = expect.assertions("size", " bytes", found);
        assert!(!all.is_empty());
        all.iter().all(|assertion| assertion.holds)
    }

    #[test]
    fn bounds_are_inclusive_and_a_missing_number_satisfies_none() {
        let both = CountExpectation {
            at_least: Some(2),
            at_most: Some(4),
            ..CountExpectation::default()
        };
        let inside: Vec<u64> = (0..7).filter(|it| holds(&both, Some(*it))).collect();
        assert_eq!(inside, [2, 3, 4]);
        let nothing = CountExpectation {
            at_most: Some(4),
            ..CountExpectation::default()
        };
        assert!(!holds(&nothing, None));
        assert!(!both.is_impossible());
        let never = CountExpectation {
            equals: Some(9),
            ..both
        };
        assert!(never.is_impossible() && !never.is_empty());
    }
}
