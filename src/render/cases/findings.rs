//! What is wrong in a team's files: a case for every finding, at its place.

use super::{Case, Outcome, Place, Report, decision};
use crate::domain::finding::{Finding, Severity};
use crate::render::page::Page;

/// The cases of findings; `page` gives the answer.
pub fn of(findings: &[Finding], page: &Page) -> Report {
    let wrong = |severity| findings.iter().any(|it| it.severity == severity);
    let outcome = match (wrong(Severity::Error), wrong(Severity::Warning)) {
        (true, _) => Outcome::Failed,
        (false, true) => Outcome::Warned,
        (false, false) => Outcome::Passed,
    };
    let mut cases = vec![decision(page, outcome)];
    for finding in findings {
        let outcome = match finding.severity {
            Severity::Error => Outcome::Failed,
            Severity::Warning => Outcome::Warned,
        };
        let name = format!("{}: {}", finding.place(), finding.message);
        let mut case = Case::new("files", name, outcome);
        case.say(finding.message.as_str());
        for (what, said) in [("expected", &finding.label), ("help", &finding.help)] {
            if let Some(said) = said {
                case.say(format!("{what}: {said}"));
            }
        }
        case.say(format!("code: {}", finding.code));
        case.place = finding.at.map(|at| Place {
            file: finding.file.clone(),
            line: at.line,
            column: at.column,
        });
        cases.push(case);
    }
    Report {
        about: "files".to_owned(),
        cases,
    }
}
