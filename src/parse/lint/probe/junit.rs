//! `junit` probes.

use std::collections::HashSet;

use super::Check;
use crate::domain::finding::{Finding, Rule};
use crate::domain::probe::glob::Glob;
use crate::domain::probe::kinds::JunitProbe;
use crate::parse::lint::variables::replaced;

pub(super) fn lint(check: &Check<'_>, junit: &JunitProbe, findings: &mut Vec<Finding>) {
    check.path("/junit/path", &junit.path, findings);
    if let Ok(path) = replaced(&junit.path)
        && let Err(error) = Glob::parse(&path)
    {
        let what = format!("{:?} is no pattern: {}", junit.path, error);
        findings.push(
            check
                .error(Rule::ProbePath, "/junit/path", &what)
                .help("write it such as reports/**/*.xml"),
        );
    }
    let mut seen = HashSet::new();
    for (index, known) in junit.tolerated.iter().enumerate() {
        let below = format!("/junit/tolerated/{index}/test");
        let test = known.test.as_str();
        if !seen.insert(test) {
            let what = format!("the failure of {test:?} is tolerated twice");
            findings.push(
                check
                    .error(Rule::ListedTwice, &below, &what)
                    .help("keep one of the two"),
            );
        }
        if test.trim() != test {
            let what = format!("{test:?} has blanks around it, so it is the name of no test");
            findings.push(
                check
                    .error(Rule::InvalidName, &below, &what)
                    .help("leave them out"),
            );
        }
    }
}
