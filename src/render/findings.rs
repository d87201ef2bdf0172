//! What is wrong in a team's files: each finding with its place, the line it is on, and what would be right.
//!
//! The first line of a finding begins with `file:line:column: `, which editors and terminals jump to.

use std::collections::BTreeSet;
use std::io::{self, Write};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use super::page::{Cell, Page, Tone, code, faint, plain, strong, toned};
use super::{Shown, Style, cases, ink, json, text, words};
use crate::domain::finding::{Finding, Severity, Source};

/// The findings of a run over a team's files.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    /// In the order in which they are shown.
    pub findings: &'a [Finding],
    /// The files that were looked at, those without a finding too.
    pub sources: &'a [Source],
}

#[derive(Serialize)]
struct ForPrograms<'a> {
    errors: usize,
    warnings: usize,
    files: usize,
    findings: &'a [Finding],
}

impl Findings<'_> {
    fn of(&self, severity: Severity) -> usize {
        let all = self.findings.iter();
        all.filter(|finding| finding.severity == severity).count()
    }

    /// `3 errors, 1 warning in 2 files`.
    fn summary(&self) -> String {
        let (errors, warnings) = (self.of(Severity::Error), self.of(Severity::Warning));
        let files: BTreeSet<&str> = self.findings.iter().map(|one| one.file.as_str()).collect();
        let said: Vec<String> = [(errors, "error"), (warnings, "warning")]
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, thing)| words::count(number, thing))
            .collect();
        if said.is_empty() {
            format!(
                "nothing is wrong in {}",
                words::count(self.sources.len(), "file")
            )
        } else {
            format!(
                "{} in {}",
                said.join(", "),
                words::count(files.len(), "file")
            )
        }
    }

    fn tone(&self) -> Tone {
        match (self.of(Severity::Error), self.findings.len()) {
            (0, 0) => Tone::Good,
            (0, _) => Tone::Warning,
            _ => Tone::Bad,
        }
    }
}

impl Shown for Findings<'_> {
    fn page(&self) -> Page {
        let answer = match self.tone() {
            Tone::Good => "RIGHT",
            Tone::Warning => "RIGHT, WITH WARNINGS",
            Tone::Bad | Tone::Neutral => "WRONG",
        };
        let mut page = Page::new(self.tone(), answer, self.summary());
        let rows = self
            .findings
            .iter()
            .map(|finding| {
                vec![
                    Cell::new(finding.place()),
                    Cell::toned(tone(finding), finding.severity.to_string()),
                    Cell::new(finding.code.code()),
                    Cell::new(match &finding.label {
                        Some(label) => format!("{} ({label})", finding.message),
                        None => finding.message.clone(),
                    }),
                    Cell::new(finding.help.as_deref().unwrap_or_default()),
                ]
            })
            .collect();
        page.table("", &["where", "", "code", "what", "help"], rows);
        page
    }

    fn cases(&self) -> cases::Report {
        cases::of_findings(self.findings, &self.page())
    }

    fn json(&self, command: &str, out: &mut dyn Write) -> io::Result<()> {
        let found = ForPrograms {
            errors: self.of(Severity::Error),
            warnings: self.of(Severity::Warning),
            files: self.sources.len(),
            findings: self.findings,
        };
        // To look for them is what lint does; what any other command says by them is that it came to no result.
        if command == "lint" {
            json::result(command, &found, out)
        } else {
            json::error(command, &found, out)
        }
    }

    fn human(&self, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        for finding in self.findings {
            let head = [
                strong(format!("{}:", finding.place())),
                plain(" "),
                toned(
                    tone(finding),
                    format!("{}[{}]:", finding.severity, finding.code),
                ),
                plain(format!(" {}", finding.message)),
            ];
            writeln!(out, "{}", ink::paint(&head, style.color))?;
            let source = self.sources.iter().find(|one| one.file == finding.file);
            match source.and_then(|source| excerpt(&source.text, finding, style)) {
                Some(excerpt) => writeln!(out, "{}", drawn(&excerpt, finding, style))?,
                None => {
                    for (what, said) in [("expected", &finding.label), ("help", &finding.help)] {
                        if let Some(said) = said {
                            let line = [plain("  = "), faint(format!("{what}: ")), plain(said)];
                            writeln!(out, "{}", ink::paint(&line, style.color))?;
                        }
                    }
                }
            }
            writeln!(out)?;
        }
        let summary = ink::paint(&[toned(self.tone(), self.summary())], style.color);
        writeln!(out, "{summary}")?;
        let first = self.findings.iter().find(|finding| finding.is_error());
        if let Some(first) = first {
            let next = [
                faint("next: "),
                code(format!("relgate explain {}", first.code)),
            ];
            writeln!(out, "{}", ink::paint(&next, style.color))?;
        }
        Ok(())
    }
}

const fn tone(finding: &Finding) -> Tone {
    match finding.severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warning,
    }
}

/// A line of a file, safe to show, cut around what is underlined.
#[derive(Debug, PartialEq)]
struct Excerpt {
    line: usize,
    text: String,
    span: std::ops::Range<usize>,
}

/// The fewest columns of a line that are shown, on however narrow a terminal.
const LEAST: usize = 30;

/// The line that `finding` is on. Nothing beyond the columns that are shown is read, however long the line is.
fn excerpt(source: &str, finding: &Finding, style: &Style) -> Option<Excerpt> {
    let at = finding.at?;
    let span = finding.span.clone()?;
    let start = floor(source, span.start);
    let end = floor(source, span.end.max(span.start));
    let gutter = at.line.to_string().len() + 3;
    let room = style.width().saturating_sub(gutter).max(LEAST);

    let mut before: Vec<String> = Vec::new();
    let mut used = 0;
    let mut cut_left = false;
    for c in source[..start].chars().rev().take_while(|c| *c != '\n') {
        let shown = seen(c);
        let columns = text::width(&shown);
        if used + columns > room / 2 {
            cut_left = true;
            break;
        }
        used += columns;
        before.push(shown);
    }
    let mut line = String::new();
    if cut_left {
        line.push_str(style.ellipsis());
    }
    line.extend(before.into_iter().rev());
    let from = line.len();
    let mut to = from;
    for (index, c) in source[start..].char_indices() {
        let rest = &source[start + index..];
        if c == '\n' || rest.starts_with("\r\n") {
            break;
        }
        let shown = seen(c);
        used += text::width(&shown);
        if used > room.saturating_sub(2 * text::width(style.ellipsis())) {
            line.push_str(style.ellipsis());
            break;
        }
        line.push_str(&shown);
        if start + index < end {
            to = line.len();
        }
    }
    Some(Excerpt {
        line: at.line,
        text: line,
        span: from..to,
    })
}

/// The greatest place in `source` up to `at` that is between two characters.
fn floor(source: &str, at: usize) -> usize {
    let mut at = at.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn seen(c: char) -> String {
    match c {
        '\t' => "    ".to_owned(),
        '\u{feff}' => String::new(),
        c => text::one_line(c.encode_utf8(&mut [0; 4])),
    }
}

fn drawn(excerpt: &Excerpt, finding: &Finding, style: &Style) -> String {
    let label = finding.label.as_deref().map(text::one_line);
    let help = finding.help.as_deref().map(text::one_line);
    let mut annotation = AnnotationKind::Primary.span(excerpt.span.clone());
    if let Some(label) = &label {
        annotation = annotation.label(label);
    }
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_level(level).element(
        Snippet::source(&excerpt.text)
            .line_start(excerpt.line)
            .annotation(annotation),
    );
    if let Some(help) = &help {
        group = group.element(Level::HELP.message(help));
    }
    // The line is cut already: let nothing be cut anew.
    let renderer = match style.color {
        true => Renderer::styled().hyperlink(false),
        false => Renderer::plain(),
    };
    renderer.term_width(usize::from(u16::MAX)).render(&[group])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::{Place, Rule};

    fn human(findings: &[Finding], sources: &[Source], style: &Style) -> String {
        let mut out = Vec::new();
        Findings { findings, sources }
            .human(style, &mut out)
            .expect("a vector takes everything");
        String::from_utf8(out).expect("text")
    }

    fn finding(source: &Source, word: &str) -> Finding {
        let start = source.text.find(word).expect("it is there");
        Finding::error(
            Rule::UnknownKey,
            &source.file,
            format!("unknown key \"{}\"", &word[..3]),
        )
        .at(&Place::of_span(&source.text, start..start + word.len()))
    }

    const PLAIN: Style = Style::new(false, 80, false);

    #[test]
    fn a_finding_shows_its_line_and_what_would_be_right() {
        let source = Source::new("notes.md", "---\nprobes:\n  - tiemout: 5s\r\n    id: a\n");
        let all = [
            finding(&source, "tiemout")
                .label("expected a key of a probe")
                .help("did you mean \"timeout\"?"),
            Finding::warning(Rule::EmptyValue, "relgate.yaml", "no holidays").help("list them"),
        ];
        assert_eq!(
            human(&all, &[source], &PLAIN),
            "\
notes.md:3:5: error[unknown-key]: unknown key \"tie\"
  |
3 |   - tiemout: 5s
  |     ^^^^^^^ expected a key of a probe
  |
  = help: did you mean \"timeout\"?

relgate.yaml: warning[empty-value]: no holidays
  = help: list them

1 error, 1 warning in 2 files
next: relgate explain unknown-key
"
        );
    }

    #[test]
    fn files_without_findings_are_said_to_be_right() {
        assert_eq!(
            human(&[], &[Source::new("a", ""), Source::new("b", "")], &PLAIN),
            "nothing is wrong in 2 files\n"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let long = "x".repeat(5_000_000);
        let source = Source::new("a.yaml", format!("{long}WRONG{long}"));
        let shown = human(
            std::slice::from_ref(&finding(&source, "WRONG")),
            &[source],
            &PLAIN,
        );
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.iter().all(|line| text::width(line) <= 80), "{shown}");
        let (text, caret) = (lines[2], lines[3]);
        assert_eq!(text.find("WRONG"), caret.find("^^^^^"), "{shown}");
        assert!(text.contains("...xxx") && text.ends_with("xxx..."));
    }

    #[test]
    fn a_caret_stands_under_its_word_after_tabs_wide_and_control_characters() {
        let source = Source::new("a.yaml", "\u{feff}\t日本\x1b[2J\u{202e}: WRONG\r\n");
        let shown = human(
            std::slice::from_ref(&finding(&source, "WRONG")),
            &[source],
            &PLAIN,
        );
        assert_eq!(
            shown,
            "\
a.yaml:1:11: error[unknown-key]: unknown key \"WRO\"
  |
1 |     日本\\x1b[2J\\u{202e}: WRONG
  |                          ^^^^^

1 error in 1 file
next: relgate explain unknown-key
"
        );
    }

    #[test]
    fn no_span_panics_and_every_finding_is_shown() {
        let text = "é\n\n日本: [\n\tb\r\n";
        for start in 0..text.len() + 3 {
            for end in [0, start, start + 1, start + 2, text.len() + 9] {
                let mut one = Finding::error(Rule::EmptyValue, "f", "message");
                one.at = Some(Place::of_span("", 0..0).at);
                one.span = Some(std::ops::Range { start, end });
                for style in [PLAIN, Style::new(true, 1, true)] {
                    let shown = human(
                        std::slice::from_ref(&one),
                        &[Source::new("f", text)],
                        &style,
                    );
                    assert!(shown.contains("message") && shown.contains('^'), "{shown}");
                }
            }
        }
    }

    #[test]
    fn programs_get_every_field() {
        let source = Source::new("a.yaml", "WRONG: 1");
        let all = [finding(&source, "WRONG")];
        let mut out = Vec::new();
        Findings {
            findings: &all,
            sources: &[source],
        }
        .json("lint", &mut out)
        .expect("a vector takes everything");
        let back: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(
            back["result"],
            serde_json::json!({
                "errors": 1, "warnings": 0, "files": 1,
                "findings": [{
                    "severity": "error", "code": "unknown-key", "file": "a.yaml", "at": {"line": 1, "column": 1},
                    "span": {"start": 0, "end": 5}, "message": "unknown key \"WRO\""
                }]
            })
        );

        out = Vec::new();
        let findings = Findings {
            findings: &all,
            sources: &[],
        };
        findings
            .json("check", &mut out)
            .expect("a vector takes everything");
        let back: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(back["result"], serde_json::Value::Null);
        assert_eq!(back["error"]["errors"], 1);
    }
}
