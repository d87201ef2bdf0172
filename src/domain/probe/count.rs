//! How many: a number of things, or of bytes, and what it must be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::expect::Assertion;
use super::templated::{Settle, Templated};

/// How many there must be; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountExpectation {
    /// Exactly so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Templated<u64>>,
    /// So many or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Templated<u64>>,
    /// So many or fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Templated<u64>>,
}

impl CountExpectation {
    /// Whether it asks for nothing, and so could never fail.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether no number at all satisfies it, as far as the bounds are known.
    pub fn is_impossible(&self) -> bool {
        let known =
            |bound: &Option<Templated<u64>>| bound.as_ref().and_then(|it| it.known().copied());
        let least = known(&self.at_least).unwrap_or(0);
        let most = known(&self.at_most).unwrap_or(u64::MAX);
        least > most || known(&self.equals).is_some_and(|it| it < least || it > most)
    }

    /// The numbers in which a variable may stand.
    pub fn settles_mut(&mut self) -> impl Iterator<Item = &mut dyn Settle> {
        let Self {
            equals,
            at_least,
            at_most,
        } = self;
        let all = [equals, at_least, at_most].into_iter().flatten();
        all.map(|bound| bound as &mut dyn Settle)
    }

    /// Holds `found` against it; `unit` follows each number. What is not there satisfies nothing.
    pub fn assertions(&self, about: &str, unit: &str, found: Option<u64>) -> Vec<Assertion> {
        let assertion =
            |how: &str, bound: &Templated<u64>, holds: fn(u64, u64) -> bool| Assertion {
                about: about.to_owned(),
                expected: format!("{how}{bound}{unit}"),
                actual: found.map_or_else(|| "missing".to_owned(), |it| format!("{it}{unit}")),
                holds: found.is_some_and(|found| bound.is_known_and(|bound| holds(found, *bound))),
            };
        let bound = |how, bound: &Option<Templated<u64>>, holds| {
            bound.as_ref().map(|it| assertion(how, it, holds))
        };
        let equals = bound("", &self.equals, |a, b| a == b);
        let least = bound("at least ", &self.at_least, |a, b| a >= b);
        let most = bound("at most ", &self.at_most, |a, b| a <= b);
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
            at_least: Some(2.into()),
            at_most: Some(4.into()),
            ..CountExpectation::default()
        };
        let inside: Vec<u64> = (0..7).filter(|it| holds(&both, Some(*it))).collect();
        assert_eq!(inside, [2, 3, 4]);
        let nothing = CountExpectation {
            at_most: Some(4.into()),
            ..CountExpectation::default()
        };
        assert!(!holds(&nothing, None));
        assert!(!both.is_impossible());
        let never = CountExpectation {
            equals: Some(9.into()),
            ..both
        };
        assert!(never.is_impossible() && !never.is_empty());
    }
}
