//! Results as cases that hold or do not: for the programs of continuous integration.
//!
//! The first case is always the decision itself, so that a reader who counts failures never takes a no-go for a pass:
//! not where nothing was checked, and not where all that was checked holds. Every format of cases is a file below.

mod check;
mod findings;
pub mod github;
pub mod junit;
pub mod tap;
#[cfg(test)]
mod tests;
mod verification;

pub use check::of as of_check;
pub use findings::of as of_findings;
pub use verification::{of as of_verification, of_run};

use super::page::{Page, Tone};

/// A result as cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What was decided about: a release, a gate.
    pub about: String,
    /// In the order in which they are shown; the decision first.
    pub cases: Vec<Case>,
}

/// One thing that holds or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What it belongs to: a gate, the kind of a requirement, `probes`.
    pub group: String,
    /// Its own name.
    pub name: String,
    /// Whether it holds.
    pub outcome: Outcome,
    /// Why, and what next; a line each.
    pub why: Vec<String>,
    /// What was tried before the last time, in order.
    pub earlier: Vec<Try>,
    /// How long the last time took, in milliseconds, where it was timed.
    pub took_ms: Option<u64>,
    /// Where it is written.
    pub place: Option<Place>,
}

/// A time before the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// What it came to.
    pub outcome: Outcome,
    /// Why.
    pub why: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// Whether a case holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It holds, with something that a reader should know.
    Warned,
    /// It does not.
    Failed,
    /// It could not be found out.
    Errored,
    /// It does not, or was not asked, and decides nothing.
    Advisory,
}

/// A place in a file, for editors and annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Relative to the repository's root.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
}

impl Case {
    /// A case about which nothing more is said.
    pub fn new(group: impl Into<String>, name: impl Into<String>, outcome: Outcome) -> Self {
        Self {
            group: group.into(),
            name: name.into(),
            outcome,
            why: Vec::new(),
            earlier: Vec::new(),
            took_ms: None,
            place: None,
        }
    }

    /// Says more, unless it is nothing.
    pub fn say(&mut self, line: impl Into<String>) {
        let line = line.into();
        if !line.is_empty() {
            self.why.push(line);
        }
    }
}

/// A result of which only the answer is a case.
pub fn of_page(page: &Page) -> Report {
    let outcome = match page.tone {
        Tone::Good | Tone::Neutral => Outcome::Passed,
        Tone::Warning => Outcome::Errored,
        Tone::Bad => Outcome::Failed,
    };
    Report {
        about: page.about.clone(),
        cases: vec![decision(page, outcome)],
    }
}

/// The answer as the first case.
fn decision(page: &Page, outcome: Outcome) -> Case {
    let mut case = Case::new("relgate", "decision", outcome);
    case.say(format!("{} {}", page.answer, page.about));
    case
}
