//! TAP, version 14: a line for every case, and what is to be said about it as YAML below.

use std::io::{self, Write};

use serde::Serialize;

use super::{Case, Outcome, Report};
use crate::render::{json, text};

/// What stands below a case. The keys are those that readers of TAP know.
#[derive(Serialize)]
struct Diagnostic<'a> {
    message: String,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    details: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

/// Writes `report` to `out`.
///
/// # Errors
/// What `out` reports.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "TAP version 14\n1..{}", report.cases.len())?;
    for (index, case) in report.cases.iter().enumerate() {
        write_case(index + 1, case, out)?;
    }
    Ok(())
}

fn write_case(number: usize, case: &Case, out: &mut dyn Write) -> io::Result<()> {
    let (ok, directive) = match case.outcome {
        Outcome::Passed | Outcome::Warned => ("ok", ""),
        Outcome::Failed | Outcome::Errored => ("not ok", ""),
        // What does not hold and decides nothing.
        Outcome::Advisory => ("not ok", " # TODO advisory"),
    };
    let name = escaped(&format!("{}: {}", case.group, case.name));
    writeln!(out, "{ok} {number} - {name}{directive}")?;
    let Some((message, details)) = case.why.split_first() else {
        return Ok(());
    };
    let diagnostic = Diagnostic {
        message: message.clone(),
        severity: match case.outcome {
            Outcome::Passed => "comment",
            Outcome::Warned | Outcome::Advisory => "warning",
            Outcome::Failed => "fail",
            Outcome::Errored => "error",
        },
        duration_ms: case.took_ms,
        details,
        earlier: case.earlier.iter().map(|it| it.why.clone()).collect(),
        at: case
            .place
            .as_ref()
            .map(|it| format!("{}:{}:{}", it.file, it.line, it.column)),
    };
    writeln!(out, "  ---")?;
    let value = serde_json::to_value(&diagnostic)?;
    for (key, value) in value.as_object().into_iter().flatten() {
        // JSON is YAML.
        writeln!(out, "  {key}: {}", json::line(value)?)?;
    }
    writeln!(out, "  ...")
}

/// A description in one line; `#` would begin a directive.
fn escaped(name: &str) -> String {
    text::one_line(name)
        .replace('\\', "\\\\")
        .replace('#', "\\#")
}
