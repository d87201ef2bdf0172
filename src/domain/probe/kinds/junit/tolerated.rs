//! Failures of tests that are known, and not counted until a day.

use std::fmt::Write;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::report::{LONGEST_NAME, WHOLE_SUITE};

/// Failures that are named in a note.
const MOST_NAMED: usize = 5;

/// A test whose failure is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToleratedFailure {
    /// The test: its class, a point and its name, as the failure is shown.
    #[schemars(length(min = 1, max = 119))]
    pub test: String,
    /// The last day, in UTC, on which its failure is not counted.
    pub until: NaiveDate,
    /// Why, or the issue about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Failed tests: the tolerated ones, those that once were, and all that count.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) names: Vec<String>,
    expired: Vec<String>,
    pub(super) others: Vec<String>,
}

/// Sorts failed tests. A suite as a whole is no test, and a name that was cut may be that of another one.
pub(super) fn of(
    known: &[ToleratedFailure],
    failed: &[String],
    today: Option<NaiveDate>,
) -> Sorted {
    let mut sorted = Sorted::default();
    for name in failed {
        let is_known = name != WHOLE_SUITE && name.chars().count() < LONGEST_NAME;
        let entries = known.iter().filter(|it| is_known && it.test == *name);
        let latest = entries.map(|it| it.until).max();
        let shown = latest.map(|until| format!("{name} until {until}"));
        match (shown, latest, today) {
            (Some(shown), Some(until), Some(today)) if today <= until => sorted.names.push(shown),
            (Some(shown), ..) => {
                sorted.expired.push(shown);
                sorted.others.push(name.clone());
            }
            _ => sorted.others.push(name.clone()),
        }
    }
    sorted
}

impl Sorted {
    /// What is said of them beside the failures that count.
    pub(super) fn note(&self) -> String {
        let mut note = String::new();
        for (what, names) in [
            ("tolerated", &self.names),
            ("no longer tolerated", &self.expired),
        ] {
            if names.is_empty() {
                continue;
            }
            let more = if names.len() > MOST_NAMED {
                ", …"
            } else {
                ""
            };
            let first = names.iter().take(MOST_NAMED).cloned();
            let first = first.collect::<Vec<_>>().join(", ");
            // Writing to a text does not fail.
            let _ = write!(note, " ({what}: {first}{more})");
        }
        note
    }
}
