//! Pages for people at a terminal.

use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Color, ContentArrangement};

use super::Style;
use super::ink::{self, Break};
use super::page::{Block, Detail, Item, Mark, Page, Span, Table, Tone, code, faint, plain, toned};
use super::text;

/// Below so many columns a table does not stay readable.
const NARROW: usize = 60;
/// Columns before the details of an entry.
const DETAIL: usize = 6;

/// Writes `page` to `out`. Lines are broken between words; what is to be copied stays whole.
///
/// # Errors
/// What `out` reports.
pub fn write(page: &Page, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    answer(page.tone, &page.answer, &page.about, style, out)?;
    let mut previous: Option<&Block> = None;
    for block in &page.blocks {
        let text = matches!(block, Block::Line(_) | Block::Paragraph(_) | Block::Next(_));
        let apart = match previous {
            Some(Block::Heading(_)) => false,
            None | Some(Block::Line(_) | Block::Section { .. }) => !text,
            Some(_) => true,
        };
        if apart {
            writeln!(out)?;
        }
        write_block(block, style, out)?;
        previous = Some(block);
    }
    Ok(())
}

fn answer(
    tone: Tone,
    answer: &str,
    about: &str,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = vec![toned(tone, answer)];
    if !about.is_empty() {
        line.push(plain(format!("  {about}")));
    }
    lines(&line, ("", ""), style, out)
}

fn write_block(block: &Block, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    match block {
        Block::Section {
            answer: word,
            about,
            tone,
        } => {
            writeln!(out)?;
            answer(*tone, word, about, style, out)
        }
        Block::Heading(text) => lines(&[super::page::strong(text)], ("", ""), style, out),
        Block::Line(spans) | Block::Paragraph(spans) => lines(spans, ("", ""), style, out),
        Block::Alert {
            tone,
            text,
            command,
        } => {
            lines(&[toned(*tone, format!("! {text}"))], ("", "  "), style, out)?;
            match command {
                Some(command) => lines(&[code(command)], ("  ", "  "), style, out),
                None => Ok(()),
            }
        }
        Block::Table(table) if style.width() < NARROW => write_rows(table, style, out),
        Block::Table(table) => write_table(table, style, out),
        Block::List(items) => write_list(items, style, out),
        Block::Preformatted(text) => kept(text, "  ", out),
        Block::Next(commands) => commands.iter().try_for_each(|command| {
            let line = [faint("next: "), code(command)];
            writeln!(out, "{}", ink::paint(&line, style.color))
        }),
    }
}

/// Writes `spans` wrapped; the first line after `indents.0`, the others after `indents.1`.
fn lines(
    spans: &[Span],
    indents: (&str, &str),
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let room = style.width().saturating_sub(text::width(indents.1));
    for (index, line) in ink::wrap(spans, room, Break::Words).iter().enumerate() {
        let indent = if index == 0 { indents.0 } else { indents.1 };
        writeln!(out, "{indent}{}", ink::paint(line, style.color).trim_end())?;
    }
    Ok(())
}

fn kept(text: &str, indent: &str, out: &mut dyn Write) -> io::Result<()> {
    text::lines(text).try_for_each(|line| writeln!(out, "{}", format!("{indent}{line}").trim_end()))
}

fn write_list(items: &[Item], style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let lead_width = items
        .iter()
        .map(|item| text::width(&text::one_line(&item.lead)))
        .max()
        .unwrap_or(0);
    for item in items {
        let tone = item.mark.tone();
        let mut first = vec![plain("  "), mark(item.mark, style), plain(" ")];
        if lead_width > 0 {
            let lead = text::one_line(&item.lead);
            let gap = " ".repeat(lead_width - text::width(&lead) + 2);
            first.extend([toned(tone, lead), plain(gap)]);
        }
        // Where the sign and the word leave no room beside them, the text goes on below them.
        let before = ink::width(&first);
        let beside = before * 2 <= style.width();
        let indent = if beside { before } else { DETAIL };
        let room = style.width().saturating_sub(indent);
        let wrapped = if beside {
            let mut wrapped = ink::wrap(&item.text, room, Break::Words);
            if let Some(line) = wrapped.first_mut() {
                line.splice(..0, first);
            }
            wrapped
        } else {
            first.extend(item.text.iter().cloned());
            ink::wrap(&first, room, Break::Words)
        };
        for (index, line) in wrapped.iter().enumerate() {
            let before = " ".repeat(if index == 0 { 0 } else { indent });
            let line = ink::paint(line, style.color);
            writeln!(out, "{}", format!("{before}{line}").trim_end())?;
        }
        for detail in &item.details {
            let (indent, hanging) = (" ".repeat(DETAIL), " ".repeat(DETAIL + 2));
            match detail {
                Detail::Line(spans) => lines(spans, (&indent, &hanging), style, out)?,
                Detail::Output(text) => kept(text, &format!("{indent}{} ", bar(style)), out)?,
            }
        }
    }
    Ok(())
}

/// The sign before an entry, in its colour.
pub(super) fn mark(mark: Mark, style: &Style) -> Span {
    toned(mark.tone(), mark.sign(style.unicode))
}

/// What stands before each line of a command's output.
pub(super) const fn bar(style: &Style) -> &'static str {
    if style.unicode { "│" } else { "|" }
}

/// A table where there is no room for its columns: one row below the other.
fn write_rows(table: &Table, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let items: Vec<Item> = table
        .rows
        .iter()
        .map(|row| {
            let mut cells = table.headers.iter().zip(row);
            let (mark, first) = match cells.next() {
                Some((_, cell)) => (Mark::of(cell.tone), cell.text.as_str()),
                None => (Mark::Neutral, ""),
            };
            let mut item = Item::new(mark, vec![plain(first)]);
            for (header, cell) in cells.filter(|(_, cell)| !cell.text.is_empty()) {
                item.detail(vec![
                    faint(format!("{header}: ")),
                    plain(cell.text.as_str()),
                ]);
            }
            item
        })
        .collect();
    write_list(&items, style, out)
}

fn write_table(table: &Table, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut shown = comfy_table::Table::new();
    shown
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(style.width().saturating_sub(2)).unwrap_or(u16::MAX));
    if style.color {
        shown.enforce_styling();
    } else {
        shown.force_no_tty();
    }
    shown.set_header(
        table
            .headers
            .iter()
            .map(|header| comfy_table::Cell::new(header).add_attribute(Attribute::Dim)),
    );
    for row in &table.rows {
        shown.add_row(row.iter().map(|cell| {
            let shown = comfy_table::Cell::new_owned(text::one_line(&cell.text));
            match color(cell.tone) {
                Some(color) => shown.fg(color).add_attribute(Attribute::Bold),
                None => shown,
            }
        }));
    }
    for column in shown.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in shown.lines() {
        writeln!(out, "  {}", line.trim_end())?;
    }
    Ok(())
}

const fn color(tone: Tone) -> Option<Color> {
    match tone {
        Tone::Good => Some(Color::Green),
        Tone::Bad => Some(Color::Red),
        Tone::Warning => Some(Color::Yellow),
        Tone::Neutral => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::{Cell, strong};

    fn shown(page: &Page, style: Style) -> String {
        let mut out = Vec::new();
        write(page, &style, &mut out).expect("a vector takes everything");
        String::from_utf8(out).expect("text")
    }

    fn style(color: bool, width: usize, unicode: bool) -> Style {
        Style::new(color, width, unicode)
    }

    fn page() -> Page {
        let mut page = Page::new(Tone::Bad, "NO-GO", "2.4.0: one of two is not met");
        let mut item =
            Item::new(Mark::Bad, vec![plain("the code "), strong("is reviewed")]).lead("missing");
        item.say("why", "nobody has signed");
        item.command(Some("relgate sign development --as developer"));
        item.output("one\ttab\n\x1b[31mred");
        page.list(
            "development",
            vec![
                item,
                Item::new(Mark::Good, vec![plain("all is merged")]).lead("met"),
            ],
        );
        page.alert(
            Tone::Bad,
            "NOBODY WATCHES",
            Some("relgate watch".to_owned()),
        );
        page.table(
            "",
            &["name", "why"],
            vec![vec![
                Cell::new("ci"),
                Cell::toned(Tone::Bad, "it\nfailed \x07"),
            ]],
        );
        page.next(&["relgate status".to_owned()]);
        page
    }

    #[test]
    fn a_page_reads_from_the_answer_on() {
        assert_eq!(
            shown(&page(), style(false, 80, false)),
            "\
NO-GO  2.4.0: one of two is not met

development
  x missing  the code is reviewed
      why: nobody has signed
      relgate sign development --as developer
      | one     tab
      | \\x1b[31mred
  + met      all is merged

! NOBODY WATCHES
  relgate watch

  name  why
  ci    it\\nfailed \\x07

next: relgate status
"
        );
    }

    #[test]
    fn a_table_without_room_becomes_a_list() {
        let mut page = Page::new(Tone::Neutral, "LOG", "");
        let row = vec![
            Cell::toned(Tone::Bad, "late"),
            Cell::new("ada"),
            Cell::new(""),
        ];
        page.table("", &["when", "who", "what"], vec![row]);
        assert_eq!(
            shown(&page, style(false, 30, false)),
            "LOG\n\n  x late\n      who: ada\n"
        );
    }

    #[test]
    fn colours_come_only_when_asked_for_and_never_from_the_text() {
        assert!(!shown(&page(), style(false, 80, true)).contains('\x1b'));
        let colored = shown(&page(), style(true, 80, true));
        assert!(colored.starts_with("\x1b[1;31mNO-GO\x1b[0m  2.4.0"));
        assert!(!colored.contains("\x1b[31mred"));
        assert!(colored.contains("✗"));
    }

    #[test]
    fn a_narrow_terminal_wraps_between_words_and_leaves_commands_whole() {
        let narrow = shown(&page(), style(false, 24, false));
        assert!(narrow.contains("      relgate sign development --as developer\n"));
        assert!(
            narrow.starts_with("NO-GO  2.4.0: one of two\nis not met\n"),
            "{narrow}"
        );
    }
}
