//! `file` probes.

use super::{Check, json};
use crate::domain::finding::{Finding, Rule};
use crate::domain::probe::kinds::{FileExpectation, FileProbe};
use crate::domain::timespan::Timespan;

pub(super) fn lint(check: &Check<'_>, file: &FileProbe, findings: &mut Vec<Finding>) {
    check.path("/file/path", &file.path, findings);
    let expect = &file.expect;
    let absent = FileExpectation {
        exists: Some(false),
        ..FileExpectation::default()
    };
    if expect.exists == Some(false) && *expect != absent {
        findings.push(
            check
                .error(
                    Rule::ProbeNeverPasses,
                    "/file/expect/exists",
                    "what is not there satisfies nothing else, so this can never hold",
                )
                .help("keep `exists: false` alone"),
        );
    }
    if let Some(text) = &expect.contents {
        check.text("/file/expect/contents", text, findings);
    }
    json::lint(
        check,
        "/file/expect",
        &expect.json,
        expect.json_schema.as_ref(),
        findings,
    );
    if let Some(size) = &expect.size {
        check.count("/file/expect/size", size, findings);
    }
    if expect.not_older_than.is_some_and(Timespan::is_zero) {
        findings.push(
            check
                .error(
                    Rule::ZeroDuration,
                    "/file/expect/not_older_than",
                    "no file is of this moment",
                )
                .help("write how old it may be, such as 1h"),
        );
    }
}
