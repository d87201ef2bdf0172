//! Spans on a terminal: wrapped to its width, and coloured where it wants colours.

use super::page::{Emphasis, Span, Tone, plain};
use super::text;

const RESET: &str = "\x1b[0m";

/// Where a line may be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// Between words only: what is to be copied stays whole, and is left to the terminal when it is too long.
    Words,
    /// Within a word that is longer than a line: no line is ever longer than the width.
    Anywhere,
}

/// What is never torn apart, and the spaces before it.
#[derive(Default)]
struct Unit {
    gap: usize,
    pieces: Vec<Span>,
    width: usize,
}

impl Unit {
    fn push(&mut self, text: &str, emphasis: Emphasis) {
        self.width += text::width(text);
        self.pieces.push(Span {
            text: text.to_owned(),
            emphasis,
        });
    }
}

fn units(spans: &[Span]) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut current = Unit::default();
    for span in spans {
        let safe = text::one_line(&span.text);
        if span.emphasis == Emphasis::Code {
            current.push(&safe, span.emphasis);
            continue;
        }
        for (index, part) in safe.split(' ').enumerate() {
            if index > 0 {
                if !current.pieces.is_empty() {
                    units.push(std::mem::take(&mut current));
                }
                current.gap += 1;
            }
            if !part.is_empty() {
                current.push(part, span.emphasis);
            }
        }
    }
    if !current.pieces.is_empty() {
        units.push(current);
    }
    units
}

/// `spans` in lines of at most `width` columns, safe to show.
pub fn wrap(spans: &[Span], width: usize, breaking: Break) -> Vec<Vec<Span>> {
    let width = width.max(1);
    let mut lines = vec![Vec::new()];
    let mut used = 0;
    for mut unit in units(spans) {
        let gap = if used == 0 && lines.len() > 1 {
            0
        } else {
            unit.gap
        };
        if used > 0 && used + gap + unit.width > width {
            lines.push(Vec::new());
            used = 0;
        } else if gap > 0 && used + gap < width {
            push(&mut lines, plain(" ".repeat(gap)));
            used += gap;
        }
        if breaking == Break::Anywhere && used + unit.width > width {
            for piece in unit.pieces.drain(..) {
                used = break_up(&mut lines, &piece, width, used);
            }
            continue;
        }
        used += unit.width;
        for piece in unit.pieces {
            push(&mut lines, piece);
        }
    }
    lines
}

fn push(lines: &mut [Vec<Span>], span: Span) {
    if let Some(line) = lines.last_mut() {
        line.push(span);
    }
}

/// Lays `piece` over as many lines as it needs; returns the columns used in the last.
fn break_up(lines: &mut Vec<Vec<Span>>, piece: &Span, width: usize, mut used: usize) -> usize {
    let mut rest = piece.text.as_str();
    while !rest.is_empty() {
        let mut end = text::fitting(rest, width - used.min(width));
        if end == 0 && used == 0 {
            // A character wider than the line: replaced, so that no line is too long.
            end = rest.chars().next().map_or(rest.len(), char::len_utf8);
            rest = &rest[end..];
            push(lines, plain("?"));
            used = 1;
            continue;
        }
        if end == 0 {
            lines.push(Vec::new());
            used = 0;
            continue;
        }
        used += text::width(&rest[..end]);
        push(
            lines,
            Span {
                text: rest[..end].to_owned(),
                emphasis: piece.emphasis,
            },
        );
        rest = &rest[end..];
    }
    used
}

/// `spans` cut to `columns`, in one line and safe to show.
pub fn cut(spans: &[Span], columns: usize, mark: &str) -> Vec<Span> {
    let safe: Vec<Span> = spans
        .iter()
        .map(|span| Span {
            text: text::one_line(&span.text),
            emphasis: span.emphasis,
        })
        .collect();
    if width(&safe) <= columns {
        return safe;
    }
    let mut room = columns.saturating_sub(text::width(mark));
    let mut out = Vec::new();
    for span in safe {
        let end = text::fitting(&span.text, room);
        room -= text::width(&span.text[..end]);
        let whole = end == span.text.len();
        out.push(Span {
            text: span.text[..end].to_owned(),
            emphasis: span.emphasis,
        });
        if !whole {
            break;
        }
    }
    out.push(plain(&mark[..text::fitting(mark, columns)]));
    out
}

/// How many columns `spans` take at most.
pub fn width(spans: &[Span]) -> usize {
    spans.iter().map(|span| text::width(&span.text)).sum()
}

/// `spans` as they are sent to a terminal: safe, and coloured where `color` says so.
pub fn paint(spans: &[Span], color: bool) -> String {
    let mut out = String::new();
    for span in spans {
        let safe = text::one_line(&span.text);
        let set = sgr(span.emphasis);
        if color && !set.is_empty() && !safe.is_empty() {
            out.push_str(set);
            out.push_str(&safe);
            out.push_str(RESET);
        } else {
            out.push_str(&safe);
        }
    }
    out
}

const fn sgr(emphasis: Emphasis) -> &'static str {
    match emphasis {
        Emphasis::Plain | Emphasis::Toned(Tone::Neutral) => "",
        Emphasis::Strong => "\x1b[1m",
        Emphasis::Faint => "\x1b[2m",
        Emphasis::Code => "\x1b[36m",
        Emphasis::Toned(Tone::Good) => "\x1b[1;32m",
        Emphasis::Toned(Tone::Bad) => "\x1b[1;31m",
        Emphasis::Toned(Tone::Warning) => "\x1b[1;33m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::{code, strong};
    use proptest::prelude::*;

    fn shown(spans: &[Span], width: usize, breaking: Break) -> Vec<String> {
        wrap(spans, width, breaking)
            .iter()
            .map(|line| paint(line, false))
            .collect()
    }

    #[test]
    fn words_are_kept_whole_and_commands_too() {
        let spans = [
            plain("type "),
            code("relgate check --release 2.4.0"),
            plain(" ("),
            strong("now"),
            plain(") or later"),
        ];
        assert_eq!(
            shown(&spans, 16, Break::Words),
            ["type", "relgate check --release 2.4.0", "(now) or later"]
        );
        assert_eq!(shown(&spans, 100, Break::Words).len(), 1);
    }

    #[test]
    fn spaces_within_a_line_are_kept() {
        assert_eq!(
            shown(&[strong("NO-GO"), plain("  2.4.0: no")], 80, Break::Words),
            ["NO-GO  2.4.0: no"]
        );
    }

    #[test]
    fn colours_enclose_text_that_cannot_end_them() {
        assert_eq!(
            paint(&[strong("a\x1b[0mb"), plain(" c")], true),
            "\x1b[1ma\\x1b[0mb\x1b[0m c"
        );
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn no_line_is_longer_than_the_width(text in "(\\PC|.){0,60}", width in 1usize..30) {
            for line in shown(&[plain(text.clone()), code(text)], width, Break::Anywhere) {
                prop_assert!(text::width(&line) <= width, "{line:?}");
            }
        }

        #[test]
        fn a_cut_line_fits(text in "(\\PC|.){0,60}", width in 0usize..30) {
            let line = paint(&cut(&[plain(text.clone()), code(text)], width, "…"), false);
            prop_assert!(text::width(&line) <= width, "{line:?}");
        }
    }
}
