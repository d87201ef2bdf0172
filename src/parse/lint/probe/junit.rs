//! `junit` probes.

use super::Check;
use crate::domain::finding::Finding;
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
                .error("/junit/path", &what)
                .help("write it such as reports/**/*.xml"),
        );
    }
}
