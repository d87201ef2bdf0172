//! JUnit XML, as Surefire writes it: what the attempts before the last one came to stands with each case.

use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::{Case, Outcome, Report, Try};
use crate::render::text;

/// Writes `report` to `out`.
///
/// # Errors
/// What `out` reports.
pub fn write(report: &Report, command: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut suites: Vec<TestSuite> = Vec::new();
    for case in &report.cases {
        let name = format!(
            "{} {}",
            text::one_line(&report.about),
            text::one_line(&case.group)
        );
        let at = suites.iter().position(|suite| suite.name.as_str() == name);
        let at = at.unwrap_or_else(|| {
            suites.push(TestSuite::new(name));
            suites.len() - 1
        });
        suites[at].add_test_case(test_case(case));
    }
    let mut whole = quick_junit::Report::new(format!("relgate {command}"));
    whole.add_test_suites(suites);
    let mut xml = Vec::new();
    whole.serialize(&mut xml).map_err(io::Error::other)?;
    out.write_all(&xml)
}

fn test_case(case: &Case) -> TestCase {
    let mut status = match kind(case.outcome) {
        Kind::Success => TestCaseStatus::success(),
        Kind::Skipped => TestCaseStatus::skipped(),
        Kind::NonSuccess(kind) => TestCaseStatus::non_success(kind),
    };
    let why: Vec<String> = case.why.iter().map(|line| text::one_line(line)).collect();
    if let Some(first) = why.first() {
        status.set_message(first);
    }
    if !matches!(kind(case.outcome), Kind::Success) {
        status.set_description(why.join("\n"));
    }
    // A pass among the attempts before the last one is no failure to show.
    let earlier = case.earlier.iter().filter_map(rerun);
    status.add_reruns(earlier);
    let mut shown = TestCase::new(text::one_line(&case.name), status);
    shown.set_classname(format!("relgate.{}", text::one_line(&case.group)));
    if let Some(took) = case.took_ms {
        shown.set_time(Duration::from_millis(took));
    }
    if matches!(kind(case.outcome), Kind::Success) && !why.is_empty() {
        shown.set_system_out(why.join("\n"));
    }
    shown
}

enum Kind {
    Success,
    Skipped,
    NonSuccess(NonSuccessKind),
}

fn kind(outcome: Outcome) -> Kind {
    match outcome {
        Outcome::Passed | Outcome::Warned => Kind::Success,
        Outcome::Advisory => Kind::Skipped,
        Outcome::Failed => Kind::NonSuccess(NonSuccessKind::Failure),
        Outcome::Errored => Kind::NonSuccess(NonSuccessKind::Error),
    }
}

fn rerun(earlier: &Try) -> Option<TestRerun> {
    let Kind::NonSuccess(kind) = kind(earlier.outcome) else {
        return None;
    };
    let mut rerun = TestRerun::new(kind);
    rerun.set_message(text::one_line(&earlier.why));
    rerun.set_time(Duration::from_millis(earlier.took_ms));
    Some(rerun)
}
