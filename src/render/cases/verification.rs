//! A verification: a case for every probe, with every attempt at it.

use super::{Case, Outcome, Report, Try, decision};
use crate::domain::outcome::{Conclusion, Verification};
use crate::domain::probe::judge::{Attempt, Sample, Verdict};
use crate::render::verification::page;

/// The cases of a verification.
pub fn of(verification: &Verification) -> Report {
    let outcome = match verification.conclusion {
        Conclusion::Verified => Outcome::Passed,
        Conclusion::Inconclusive => Outcome::Errored,
        Conclusion::DeploymentIncomplete
        | Conclusion::AwaitingPass
        | Conclusion::Failed
        | Conclusion::RolledBack
        | Conclusion::Stuck => Outcome::Failed,
    };
    let mut cases = vec![decision(&page(verification), outcome)];
    for failure in &verification.checklist_failures {
        let mut case = Case::new(
            "deployment checklist",
            failure.probe.as_str(),
            Outcome::Failed,
        );
        case.say(failure.reason.as_str());
        cases.push(case);
    }
    let counts = |sample: &Sample| {
        let mut failures = verification.failures.iter();
        failures.any(|failure| failure.probe == sample.probe)
    };
    for sample in &verification.samples {
        cases.push(case(sample, counts(sample), verification));
    }
    // What counts as failed by an earlier sample alone.
    for failure in &verification.failures {
        let mut samples = verification.samples.iter();
        if samples.all(|sample| sample.probe != failure.probe) {
            let mut case = Case::new("probes", failure.probe.as_str(), Outcome::Failed);
            case.say(failure.reason.as_str());
            cases.push(case);
        }
    }
    for probe in &verification.skipped {
        // A run that left out something required never verified anything.
        let outcome = match verification.conclusion {
            Conclusion::Verified => Outcome::Advisory,
            _ => Outcome::Errored,
        };
        let mut case = Case::new("probes", probe.as_str(), outcome);
        case.say("left out (--only, --skip): nothing is known about it");
        cases.push(case);
    }
    Report {
        about: format!("{} {}", verification.release, verification.stage),
        cases,
    }
}

fn case(sample: &Sample, counts: bool, verification: &Verification) -> Case {
    let outcome = match (counts, sample.verdict) {
        (true, _) => Outcome::Failed,
        (false, Verdict::Pass) => Outcome::Passed,
        // It decided nothing, or the run would not have come to this.
        (false, _) if verification.conclusion == Conclusion::Verified => Outcome::Advisory,
        (false, Verdict::Fail) => Outcome::Advisory,
        (false, Verdict::Error | Verdict::Inconclusive) => Outcome::Errored,
    };
    let mut case = Case::new("probes", sample.probe.as_str(), outcome);
    case.say(sample.reason());
    if let Some(failure) = verification
        .failures
        .iter()
        .find(|it| it.probe == sample.probe)
        && sample.verdict == Verdict::Pass
    {
        case.say(format!("an earlier sample: {}", failure.reason));
    }
    if let Some((last, earlier)) = sample.attempts.split_last() {
        case.took_ms = Some(last.took_ms);
        case.earlier = earlier.iter().map(earlier_try).collect();
        for assertion in last.assertions.iter().filter(|it| !it.holds) {
            case.say(format!(
                "{}: expected {}, found {}",
                assertion.about, assertion.expected, assertion.actual
            ));
        }
    }
    if let Some(repeat) = sample
        .repeat
        .as_ref()
        .filter(|_| outcome != Outcome::Passed)
    {
        case.say(format!("repeat: {repeat}"));
    }
    case
}

fn earlier_try(attempt: &Attempt) -> Try {
    Try {
        outcome: match attempt.verdict {
            Verdict::Pass => Outcome::Passed,
            Verdict::Fail => Outcome::Failed,
            Verdict::Error | Verdict::Inconclusive => Outcome::Errored,
        },
        why: attempt.reason(),
        took_ms: attempt.took_ms,
    }
}
