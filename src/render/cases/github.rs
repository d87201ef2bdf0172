//! GitHub Actions: an annotation for everything that does not hold, then the result as people read it.
//!
//! The result is written between commands that keep the runner from obeying it: what a server answered or a person wrote
//! may look like a command.

use std::io::{self, Write};

use super::{Case, Outcome, Report};
use crate::domain::ids::Digest;
use crate::render::{Shown, Style, text};

/// Writes `shown` to `out`.
///
/// # Errors
/// What `out` reports.
pub fn write(shown: &dyn Shown, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    annotations(&shown.cases(), out)?;
    let mut human = Vec::new();
    shown.human(style, &mut human)?;
    // Nobody can put the digest of a text into the text.
    let token = Digest::of(&human);
    writeln!(out, "::stop-commands::{token}")?;
    out.write_all(&human)?;
    writeln!(out, "::{token}::")
}

fn annotations(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for case in &report.cases {
        let command = match case.outcome {
            Outcome::Passed => continue,
            Outcome::Failed | Outcome::Errored => "error",
            Outcome::Warned | Outcome::Advisory => "warning",
        };
        writeln!(
            out,
            "::{command} {}::{}",
            properties(report, case),
            message(case)
        )?;
    }
    Ok(())
}

fn properties(report: &Report, case: &Case) -> String {
    let title = format!("{} {}: {}", report.about, case.group, case.name);
    let mut all = vec![format!("title={}", property(&text::one_line(&title)))];
    if let Some(place) = &case.place {
        all.push(format!("file={}", property(&place.file)));
        all.push(format!("line={}", place.line));
        all.push(format!("col={}", place.column));
    }
    all.join(",")
}

fn message(case: &Case) -> String {
    let lines: Vec<String> = case
        .why
        .iter()
        .map(|line| data(&text::one_line(line)))
        .collect();
    lines.join("%0A")
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
