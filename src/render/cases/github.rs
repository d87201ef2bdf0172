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

/// Lines that stand beside a result, kept from being obeyed: a command of the runner begins a line with `::`, or stands
/// after `##[` anywhere in one.
pub fn shield(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive(['\n', '\r']) {
        let begin = line.len() - line.trim_start().len();
        let (before, rest) = line.split_at(begin);
        out.push_str(before);
        match rest.strip_prefix("::") {
            Some(rest) => out.push_str(&format!(": :{}", rest.replace("##[", "## ["))),
            None => out.push_str(&rest.replace("##[", "## [")),
        }
    }
    out
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

#[cfg(test)]
mod tests {
    use super::shield;

    #[test]
    fn no_line_is_a_command_any_more() {
        for (text, safe) in [
            (
                "::set-output name=go::true\n",
                ": :set-output name=go::true\n",
            ),
            ("a\n  ::add-mask::x", "a\n  : :add-mask::x"),
            ("a\r::x\n", "a\r: :x\n"),
            ("12:00 ###[command]x", "12:00 ### [command]x"),
            ("::##[group]\n", ": :## [group]\n"),
            ("a::b\n", "a::b\n"),
        ] {
            assert_eq!(shield(text), safe);
        }
    }
}
