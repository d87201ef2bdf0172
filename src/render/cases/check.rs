//! A check: a case for every requirement.

use super::{Case, Outcome, Report, decision};
use crate::domain::outcome::Check;
use crate::domain::readiness::{Decision, Requirement, Status};
use crate::render::check::{group, page};

/// The cases of a check.
pub fn of(check: &Check) -> Report {
    let outcome = match check.readiness.decision {
        Decision::Go => Outcome::Passed,
        Decision::NoGo => Outcome::Failed,
        Decision::Inconclusive => Outcome::Errored,
    };
    let requirements = check.readiness.requirements.iter().map(case);
    let page = page(check);
    Report {
        about: check.release.to_string(),
        cases: std::iter::once(decision(&page, outcome))
            .chain(requirements)
            .collect(),
    }
}

fn case(requirement: &Requirement) -> Case {
    let outcome = match requirement.status {
        Status::Met => Outcome::Passed,
        Status::Waived => Outcome::Warned,
        Status::Unknown => Outcome::Errored,
        Status::Missing
        | Status::Stale
        | Status::Expired
        | Status::Rejected
        | Status::Pending
        | Status::Failed => Outcome::Failed,
    };
    let name = format!("{} ({})", requirement.title, requirement.id);
    let mut case = Case::new(group(requirement), name, outcome);
    match (requirement.status, requirement.why.as_str()) {
        (Status::Met, why) => case.say(why),
        (status, "") => case.say(status.word()),
        (status, why) => case.say(format!("{}: {why}", status.word())),
    }
    if !requirement.who.is_empty() && requirement.status != Status::Met {
        case.say(format!("who: {}", requirement.who.join(", ")));
    }
    if let Some(command) = &requirement.command {
        case.say(format!("next: {command}"));
    }
    case
}
