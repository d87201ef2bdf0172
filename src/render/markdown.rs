//! Pages as GitHub Flavored Markdown: for pull requests, step summaries and chats.
//!
//! One heading, for the answer; what is inside is bold, so that a page can be put into another document.

use std::io::{self, Write};

use super::page::{Block, Cell, Detail, Emphasis, Item, Page, Span, Table, Tone};
use super::text;
use crate::domain::markdown;

/// Writes `page` to `out`.
///
/// # Errors
/// What `out` reports.
pub fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let about = escaped(&page.about);
    let gap = if about.is_empty() { "" } else { " " };
    writeln!(out, "## {}{gap}{about}", escaped(&page.answer))?;
    let mut previous: Option<&Block> = None;
    for block in &page.blocks {
        let joined = matches!(previous, Some(Block::Line(_)))
            && matches!(block, Block::Line(_) | Block::Paragraph(_));
        // A line that another one follows ends with a hard break instead of a paragraph.
        out.write_all(if joined { b"\\\n" } else { b"\n" })?;
        if matches!(previous, Some(Block::Line(_))) && !joined {
            writeln!(out)?;
        }
        write_block(block, out)?;
        previous = Some(block);
    }
    if matches!(previous, Some(Block::Line(_))) {
        writeln!(out)?;
    }
    Ok(())
}

fn write_block(block: &Block, out: &mut dyn Write) -> io::Result<()> {
    match block {
        Block::Section { answer, about, .. } => {
            writeln!(out, "### {} {}", escaped(answer), escaped(about))
        }
        Block::Heading(text) => writeln!(out, "**{}**", escaped(text)),
        Block::Line(spans) => write!(out, "{}", beginning(&line(spans))),
        Block::Paragraph(spans) => writeln!(out, "{}", beginning(&line(spans))),
        Block::Alert {
            tone,
            text,
            command,
        } => {
            let kind = match tone {
                Tone::Bad => "CAUTION",
                Tone::Warning => "WARNING",
                Tone::Good | Tone::Neutral => "NOTE",
            };
            writeln!(out, "> [!{kind}]\n> **{}**", escaped(text))?;
            match command {
                Some(command) => writeln!(out, ">\n> {}", code_span(command)),
                None => Ok(()),
            }
        }
        Block::Table(table) => write_table(table, out),
        Block::List(items) => items.iter().try_for_each(|item| write_item(item, out)),
        Block::Preformatted(text) => fenced(text, "", out),
        Block::Next(commands) => commands
            .iter()
            .try_for_each(|command| writeln!(out, "- next: {}", code_span(command))),
    }
}

fn write_item(item: &Item, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "- {} ", item.mark.sign(true))?;
    if !item.lead.is_empty() {
        write!(out, "**{}** ", escaped(&item.lead))?;
    }
    writeln!(out, "{}", line(&item.text))?;
    for detail in &item.details {
        match detail {
            Detail::Line(spans) => writeln!(out, "  - {}", beginning(&line(spans)))?,
            Detail::Output(text) => fenced(text, "    ", out)?,
        }
    }
    Ok(())
}

fn write_table(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let headers: Vec<String> = table.headers.iter().map(|name| escaped(name)).collect();
    writeln!(out, "{}", row(headers))?;
    let rules = table.headers.iter().map(|_| "---".to_owned()).collect();
    writeln!(out, "{}", row(rules))?;
    table
        .rows
        .iter()
        .try_for_each(|cells| writeln!(out, "{}", row(cells.iter().map(cell).collect())))
}

fn cell(cell: &Cell) -> String {
    match (cell.text.is_empty(), cell.tone) {
        (true, _) => String::new(),
        (_, Tone::Bad | Tone::Warning) => format!("**{}**", escaped(&cell.text)),
        _ => escaped(&cell.text),
    }
}

fn line(spans: &[Span]) -> String {
    let mut out = String::new();
    for span in spans {
        // Emphasis must enclose no space at its ends.
        let text = text::one_line(&span.text);
        let inner = text.trim();
        let strong = matches!(
            span.emphasis,
            Emphasis::Strong | Emphasis::Toned(Tone::Bad | Tone::Warning)
        );
        if inner.is_empty() || span.emphasis == Emphasis::Code || !strong {
            out.push_str(&match span.emphasis {
                Emphasis::Code if !inner.is_empty() => code_span(&text),
                _ => escaped(&text),
            });
            continue;
        }
        let start = text.len() - text.trim_start().len();
        out.push_str(&text[..start]);
        out.push_str(&format!("**{}**", escaped(inner)));
        out.push_str(&text[start + inner.len()..]);
    }
    out
}

/// `text` in one line, meaning nothing but itself.
fn escaped(text: &str) -> String {
    markdown::escaped(&text::one_line(text))
}

/// Escaped text for the beginning of a line, where it must not begin a list or a rule.
fn beginning(escaped: &str) -> String {
    let text = escaped.trim_start();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let at = match text[digits..].chars().next() {
        Some('-' | '+' | '=') if digits == 0 => 0,
        Some('.' | ')') if digits > 0 => digits,
        _ => return text.to_owned(),
    };
    format!("{}\\{}", &text[..at], &text[at..])
}

/// `text` between backticks, more of them than it has in a row.
fn code_span(text: &str) -> String {
    let safe = text::one_line(text);
    let ticks = "`".repeat(longest_run(&safe) + 1);
    let pad = if safe.starts_with('`') || safe.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{ticks}{pad}{safe}{pad}{ticks}")
}

fn fenced(text: &str, indent: &str, out: &mut dyn Write) -> io::Result<()> {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    writeln!(out, "{indent}{fence}text")?;
    for line in text::lines(text) {
        writeln!(out, "{indent}{line}")?;
    }
    writeln!(out, "{indent}{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::{Mark, plain, strong};

    fn shown(page: &Page) -> String {
        let mut out = Vec::new();
        write(page, &mut out).expect("a vector takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(
            escaped("<b>`a|b` *x* [y](z) _u_ #1 ~~s~~ & \\\n"),
            "&lt;b&gt;\\`a\\|b\\` \\*x\\* \\[y\\](z) \\_u\\_ \\#1 \\~\\~s\\~\\~ &amp; \\\\\\\\n"
        );
        assert_eq!(beginning("1. x"), "1\\. x");
        assert_eq!(beginning(" - x"), "\\- x");
        assert_eq!(beginning("10 x"), "10 x");
        assert_eq!(code_span("a``b|c"), "```a``b|c```");
        assert_eq!(code_span("`a"), "`` `a ``");
    }

    #[test]
    fn a_page_has_one_heading() {
        let mut page = Page::new(Tone::Bad, "NO-GO", "2.4.0: no");
        page.line(vec![plain("one")]);
        page.line(vec![strong("two "), plain("more")]);
        let mut item = Item::new(Mark::Bad, vec![plain("it")]).lead("missing");
        item.output("```\nfence");
        item.command(Some("relgate check"));
        page.list("what", vec![item]);
        page.table(
            "",
            &["a", "b"],
            vec![vec![Cell::new("x|y\nz"), Cell::toned(Tone::Bad, "no")]],
        );
        page.alert(Tone::Bad, "STUCK", Some("relgate rollback".to_owned()));
        page.next(&["relgate status".to_owned()]);
        assert_eq!(
            shown(&page),
            "\
## NO-GO 2.4.0: no

one\\
**two** more

**what**

- ✗ **missing** it
    ````text
    ```
    fence
    ````
  - `relgate check`

| a | b |
| --- | --- |
| x\\|y\\\\nz | **no** |

> [!CAUTION]
> **STUCK**
>
> `relgate rollback`

- next: `relgate status`
"
        );
    }
}
