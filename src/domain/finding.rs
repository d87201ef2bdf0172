//! What a check of a team's files reports: one finding is one thing that is wrong in one place.
//!
//! Findings are plain data. `parse` makes them, `render` shows them; how a snippet or a colour looks is render's.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

pub mod rule;

pub use rule::Rule;

/// Whether a finding makes the files unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file says something relgate cannot act on: nothing is decided (exit code 3).
    Error,
    /// The file can be acted on, but probably not as its author meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// A position in a text; lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Position {
    /// The first character of a file.
    pub const START: Position = Position { line: 1, column: 1 };

    /// The position of byte `offset` of `text`; past its end, the end's.
    pub fn of_offset(text: &str, offset: usize) -> Position {
        let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
        let line_start = before
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |newline| newline + 1);
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Position {
            line,
            column: characters(&before[line_start..]) - unseen(text, line, offset) + 1,
        }
    }
}

/// How many characters begin in `bytes`, which are a part of a text.
fn characters(bytes: &[u8]) -> usize {
    // Every byte of a character but the first has these two bits.
    bytes.iter().filter(|byte| *byte & 0xc0 != 0x80).count()
}

/// The characters before `offset` of `line` that no editor shows as a column: a byte order mark that begins the text.
fn unseen(text: &str, line: usize, offset: usize) -> usize {
    usize::from(line == 1 && offset > 0 && text.starts_with('\u{feff}'))
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A stretch of a text: where it begins for a reader, and its bytes for a renderer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where it begins.
    pub at: Position,
    /// Its bytes in [`Source::text`].
    pub span: Range<usize>,
}

impl Place {
    /// The place of the bytes `span` of `text`.
    pub fn of_span(text: &str, span: Range<usize>) -> Place {
        Place {
            at: Position::of_offset(text, span.start),
            span,
        }
    }
}

/// Where the lines of a text begin, for one that is asked for many places.
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    /// How many characters begin before every block of the text: all of it may be one line.
    before: Vec<usize>,
}

/// The bytes of a block.
const BLOCK: usize = 256;

impl<'a> Lines<'a> {
    /// The lines of `text`.
    pub fn new(text: &'a str) -> Lines<'a> {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let mut count = 0;
        let blocks = text.as_bytes().chunks(BLOCK).map(|block| {
            count += characters(block);
            count
        });
        Lines {
            text,
            starts: std::iter::once(0)
                .chain(breaks.map(|(at, _)| at + 1))
                .collect(),
            before: std::iter::once(0).chain(blocks).collect(),
        }
    }

    /// The same as [`Place::of_span`], without reading the whole text, or a whole line, for each.
    pub fn place(&self, span: Range<usize>) -> Place {
        let offset = span.start.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1];
        let column = if offset - start < BLOCK {
            characters(&self.text.as_bytes()[start..offset])
        } else {
            self.characters_before(offset) - self.characters_before(start)
        };
        Place {
            at: Position {
                line,
                column: column - unseen(self.text, line, offset) + 1,
            },
            span,
        }
    }

    fn characters_before(&self, offset: usize) -> usize {
        let block = offset / BLOCK;
        self.before[block] + characters(&self.text.as_bytes()[block * BLOCK..offset])
    }
}

/// A file's text under the name that findings give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path as the reader would type it.
    pub file: String,
    /// The whole text; a byte order mark is allowed.
    pub text: String,
}

impl Source {
    /// A source from a display path and its text.
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Source {
        Source {
            file: file.into(),
            text: text.into(),
        }
    }
}

/// One thing that is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Error or warning.
    pub severity: Severity,
    /// The rule that was broken, by its code.
    pub code: Rule,
    /// The file's display path.
    pub file: String,
    /// Where; absent when the finding concerns the file as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Position>,
    /// The bytes of the file's text to underline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Range<usize>>,
    /// What is wrong, naming the thing, what was expected and what was found.
    pub message: String,
    /// What was expected, in a few words, to stand at the caret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// A suggestion or the next command to type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Finding {
    /// Where it is, as editors and terminals take it: `file:line:column`, or the file alone.
    pub fn place(&self) -> String {
        match self.at {
            Some(at) => format!("{}:{at}", self.file),
            None => self.file.clone(),
        }
    }

    /// An error in `file`, without a position yet.
    pub fn error(rule: Rule, file: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Error,
            code: rule,
            file: file.into(),
            at: None,
            span: None,
            message: message.into(),
            label: None,
            help: None,
        }
    }

    /// A warning in `file`, without a position yet.
    pub fn warning(rule: Rule, file: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Warning,
            ..Finding::error(rule, file, message)
        }
    }

    /// The same finding at `place`.
    #[must_use]
    pub fn at(mut self, place: &Place) -> Finding {
        self.at = Some(place.at);
        self.span = Some(place.span.clone());
        self
    }

    /// The same finding at `place`, if there is one.
    #[must_use]
    pub fn at_opt(self, place: Option<&Place>) -> Finding {
        match place {
            Some(place) => self.at(place),
            None => self,
        }
    }

    /// The same finding with a few words for the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Finding {
        self.label = Some(label.into());
        self
    }

    /// The same finding with a suggestion.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }

    /// The same finding with a suggestion, if there is one.
    #[must_use]
    pub fn help_opt(mut self, help: Option<String>) -> Finding {
        self.help = help.or(self.help);
        self
    }

    /// True if this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// By file, then position (the file as a whole first), then errors before warnings, then message.
impl Ord for Finding {
    fn cmp(&self, other: &Finding) -> Ordering {
        fn key(finding: &Finding) -> (&str, Option<Position>, Severity, &str) {
            (
                &finding.file,
                finding.at,
                finding.severity,
                &finding.message,
            )
        }
        key(self).cmp(&key(other)).then_with(|| {
            let rest = |f: &Finding| {
                (
                    f.span.as_ref().map(|s| (s.start, s.end)),
                    f.label.clone(),
                    f.help.clone(),
                )
            };
            rest(self).cmp(&rest(other))
        })
    }
}

impl PartialOrd for Finding {
    fn partial_cmp(&self, other: &Finding) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One line: `file:line:column: message; help`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(at) = self.at {
            write!(f, "{at}:")?;
        }
        if self.severity == Severity::Warning {
            f.write_str(" warning:")?;
        }
        write!(f, " {}", self.message)?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_as_one_line() {
        let text = "a: 1\nprobes:\n  - tiemout: 5s\n";
        let start = text.find("tiemout").unwrap_or_default();
        let finding = Finding::error(Rule::UnknownKey, "notes.md", "unknown key \"tiemout\"")
            .at(&Place::of_span(text, start..start + 7))
            .help("did you mean \"timeout\"?");
        assert_eq!(
            finding.to_string(),
            "notes.md:3:5: unknown key \"tiemout\"; did you mean \"timeout\"?"
        );
        assert_eq!(
            Finding::warning(Rule::UnknownKey, "a", "odd").to_string(),
            "a: warning: odd"
        );
    }

    #[test]
    fn findings_sort_by_file_then_position() {
        let at = |file: &str, line| {
            Finding::error(Rule::UnknownKey, file, "m").at(&Place {
                at: Position { line, column: 1 },
                span: 0..0,
            })
        };
        let mut all = [
            at("b", 1),
            at("a", 10),
            at("a", 2),
            Finding::error(Rule::UnknownKey, "a", "z"),
        ];
        all.sort();
        let order: Vec<_> = all
            .iter()
            .map(|f| (f.file.as_str(), f.at.map(|p| p.line)))
            .collect();
        assert_eq!(
            order,
            [("a", None), ("a", Some(2)), ("a", Some(10)), ("b", Some(1))]
        );
    }

    #[test]
    fn columns_count_characters() {
        let text = "é: ü\nßx";
        assert_eq!(
            Position::of_offset(text, text.len()),
            Position { line: 2, column: 3 }
        );
        for offset in (0..=text.len()).filter(|&offset| text.is_char_boundary(offset)) {
            assert_eq!(
                Lines::new(text).place(offset..offset).at,
                Position::of_offset(text, offset)
            );
        }
        assert_eq!(
            Position::of_offset("ab", 99),
            Position { line: 1, column: 3 }
        );
    }

    #[test]
    fn a_place_far_into_a_long_line_is_counted_as_any_other() {
        let text = format!("{}\n{}x\n", "é".repeat(700), "aß".repeat(2_000));
        let boundaries = (0..=text.len() + 1).filter(|offset| text.is_char_boundary(*offset));
        let lines = Lines::new(&text);
        for offset in boundaries {
            let at = lines.place(offset..offset).at;
            assert_eq!(at, Position::of_offset(&text, offset), "{offset}");
        }
        assert_eq!(
            lines.place(text.len()..text.len()).at,
            Position { line: 3, column: 1 }
        );
    }

    #[test]
    fn a_byte_order_mark_takes_no_column() {
        let text = "\u{feff}ab\nc";
        for (offset, line, column) in [(0, 1, 1), (3, 1, 1), (4, 1, 2), (6, 2, 1), (7, 2, 2)] {
            assert_eq!(Position::of_offset(text, offset), Position { line, column });
            let lines = Lines::new(text);
            assert_eq!(lines.place(offset..offset).at, Position { line, column });
        }
    }
}
