//! A verification: a case for every probe, with every attempt at it.

use super::{Case, Outcome, Report, Try, decision};
use crate::domain::outcome::{Conclusion, ProbeRun, Verification};
use crate::domain::probe::judge::{Attempt, Sample, Verdict};
use crate::domain::probe::sampling::Failure;
use crate::render::probes;
use crate::render::verification::page;

/// The cases of a verification.
pub fn of(verification: &Verification) -> Report {
    let outcome = match verification.conclusion {
        Conclusion::Verified => Outcome::Passed,
        Conclusion::Inconclusive | Conclusion::AwaitingPass => Outcome::Errored,
        Conclusion::DeploymentIncomplete
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
    for sample in &verification.samples {
        let verified = verification.conclusion == Conclusion::Verified;
        cases.push(case(sample, verified, &verification.failures));
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

/// The cases of a run over probes.
pub fn of_run(run: &ProbeRun) -> Report {
    let outcome = match run.verdict {
        Verdict::Pass => Outcome::Passed,
        Verdict::Fail => Outcome::Failed,
        Verdict::Error | Verdict::Inconclusive => Outcome::Errored,
    };
    let mut cases = vec![decision(&probes::run(run), outcome)];
    let passed = run.verdict == Verdict::Pass;
    let samples = run.samples.iter();
    cases.extend(samples.map(|sample| case(sample, passed, &run.failures)));
    Report {
        about: run.file.clone(),
        cases,
    }
}

fn case(sample: &Sample, verified: bool, failures: &[Failure]) -> Case {
    let failure = failures.iter().find(|it| it.probe == sample.probe);
    let outcome = match (failure.is_some(), sample.verdict) {
        (true, _) => Outcome::Failed,
        (false, Verdict::Pass) => Outcome::Passed,
        // It decided nothing, or the run would not have come to this.
        (false, _) if verified => Outcome::Advisory,
        (false, Verdict::Fail) => Outcome::Advisory,
        (false, Verdict::Error | Verdict::Inconclusive) => Outcome::Errored,
    };
    let mut case = Case::new("probes", sample.probe.as_str(), outcome);
    case.say(sample.reason());
    if let Some(failure) = failure
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
