//! Markdown on a terminal: wrapped to its width, coloured where it wants colours.

use std::io::{self, Write};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::render::Style;
use crate::render::ink::{self, Break};
use crate::render::page::{Emphasis, Span, code, plain, strong};

/// How far lists, tables and code stand in.
const STEP: usize = 2;

/// A block of a page, with what stands before its first line and before its others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block {
    /// Columns before the first line.
    pub first: String,
    /// Columns before every other line.
    pub rest: usize,
    pub spans: Vec<Span>,
    /// Whether an empty line stands before it.
    pub apart: bool,
    pub kind: Kind,
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Heading,
    Text,
    /// Lines that are not wrapped.
    Code,
    /// The first cell of a row.
    Term,
    /// The other cells of a row, below their first.
    Definition,
}

/// Takes a page apart.
#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    spans: Vec<Span>,
    strong: usize,
    depth: usize,
    item: Option<String>,
    numbers: Vec<Option<u64>>,
    cell: usize,
    in_head: bool,
    in_code: bool,
    after_row: bool,
}

impl Reader {
    fn flush(&mut self, kind: Kind) {
        let spans = std::mem::take(&mut self.spans);
        if spans.iter().all(|span| span.text.trim().is_empty()) {
            return;
        }
        let indent = self.depth.saturating_sub(1) * STEP;
        let (first, rest, apart) = match (&kind, self.item.take()) {
            (Kind::Text, Some(mark)) => {
                let first = format!("{}{mark} ", " ".repeat(indent));
                let rest = first.chars().count();
                (first, rest, false)
            }
            (Kind::Term, _) => (" ".repeat(STEP), STEP, !self.after_row),
            (Kind::Definition, _) => (" ".repeat(3 * STEP), 3 * STEP, false),
            (Kind::Code, _) => (" ".repeat(2 * STEP), 2 * STEP, true),
            _ if self.depth > 0 => (" ".repeat(indent + STEP), indent + STEP, true),
            _ => (String::new(), 0, true),
        };
        self.after_row = matches!(kind, Kind::Term | Kind::Definition);
        self.blocks.push(Block {
            first,
            rest,
            spans,
            apart,
            kind,
        });
    }

    fn text(&mut self, text: &str) {
        self.spans.push(match self.strong {
            0 => plain(text),
            _ => strong(text),
        });
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Heading { .. } | Tag::Strong => self.strong += 1,
            Tag::List(number) => {
                self.flush(Kind::Text);
                self.numbers.push(*number);
                self.depth += 1;
            }
            Tag::Item => {
                let mark = match self.numbers.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}.", *number - 1)
                    }
                    _ => "-".to_owned(),
                };
                self.item = Some(mark);
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => {
                self.flush(Kind::Text);
                self.in_code = true;
            }
            Tag::TableHead => self.in_head = true,
            Tag::TableRow => self.cell = 0,
            _ => {}
        }
    }

    fn end(&mut self, tag: &TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.flush(Kind::Heading);
                self.strong = self.strong.saturating_sub(1);
            }
            TagEnd::Strong => self.strong = self.strong.saturating_sub(1),
            TagEnd::Paragraph | TagEnd::Item => self.flush(Kind::Text),
            TagEnd::List(_) => {
                self.numbers.pop();
                self.depth = self.depth.saturating_sub(1);
            }
            TagEnd::CodeBlock => {
                self.flush(Kind::Code);
                self.in_code = false;
            }
            TagEnd::TableHead => {
                self.in_head = false;
                self.spans.clear();
            }
            TagEnd::TableCell if !self.in_head => {
                match self.cell {
                    0 => self.flush(Kind::Term),
                    _ => self.flush(Kind::Definition),
                }
                self.cell += 1;
            }
            _ => {}
        }
    }
}

/// The blocks of a page, in their order.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut reader = Reader::default();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(tag) => reader.start(&tag),
            Event::End(tag) => reader.end(&tag),
            Event::Text(text) if reader.in_code => reader.spans.push(plain(text.as_ref())),
            Event::Text(text) => reader.text(&text),
            Event::Code(text) => reader.spans.push(code(text.as_ref())),
            Event::SoftBreak | Event::HardBreak => reader.text(" "),
            _ => {}
        }
    }
    reader.flush(Kind::Text);
    reader.blocks
}

/// Writes a page.
///
/// # Errors
/// What `out` reports.
pub(super) fn write(text: &str, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    for (index, block) in blocks(text).iter().enumerate() {
        if index > 0 && block.apart {
            writeln!(out)?;
        }
        if block.kind == Kind::Code {
            let all: String = block.spans.iter().map(|it| it.text.as_str()).collect();
            for line in all.trim_end().lines() {
                let line = [plain(block.first.as_str()), code(line)];
                writeln!(out, "{}", ink::paint(&line, style.color).trim_end())?;
            }
            continue;
        }
        let room = style.width().saturating_sub(block.rest).max(20);
        for (number, line) in lines(block, room).iter().enumerate() {
            let before = match number {
                0 => block.first.clone(),
                _ => " ".repeat(block.rest),
            };
            writeln!(out, "{before}{}", ink::paint(line, style.color).trim_end())?;
        }
    }
    Ok(())
}

fn lines(block: &Block, width: usize) -> Vec<Vec<Span>> {
    // A space at the end of a word that is code would not be broken at.
    let spans: Vec<Span> = block
        .spans
        .iter()
        .flat_map(|span| match span.emphasis {
            Emphasis::Code => words(&span.text),
            _ => vec![span.clone()],
        })
        .collect();
    ink::wrap(&spans, width, Break::Words)
}

/// Code in a line of text, which may be broken between its words.
fn words(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            spans.push(plain(" "));
        }
        if !word.is_empty() {
            spans.push(code(word));
        }
    }
    spans
}

/// A page without any emphasis, a line for each block.
pub(super) fn plain_lines(text: &str) -> Vec<String> {
    let said = |block: &Block| -> String {
        let all = block.spans.iter().map(|span| span.text.as_str());
        format!("{}{}", block.first, all.collect::<String>().trim_end())
    };
    blocks(text).iter().map(said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, columns: usize, color: bool) -> String {
        let mut out = Vec::new();
        let style = Style::new(color, columns, true);
        write(text, &style, &mut out).expect("a vector takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_page_is_wrapped_and_keeps_its_code_and_tables() {
        let text = "# Title\n\nOne `two` three\nfour five six seven.\n\n- first\n- second\n\n1. a\n\n```sh\nrelgate check   # x\n```\n\n| key | |\n| --- | --- |\n| `a` | text |\n| `b` | more |\n<!-- gone -->\n";
        assert_eq!(
            shown(text, 22, false),
            "Title\n\nOne two three four\nfive six seven.\n- first\n- second\n1. a\n\n    relgate check   # x\n\n  a\n      text\n  b\n      more\n"
        );
    }

    #[test]
    fn colours_are_left_out_where_nobody_wants_them() {
        assert!(!shown("# A\n\n`b`", 80, false).contains('\x1b'));
        assert!(shown("# A\n\n`b`", 80, true).contains('\x1b'));
    }
}
