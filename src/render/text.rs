//! Text that is safe to show, and how many columns it takes.
//!
//! Much of what is shown was written by others: the output of a command, the body of a response, a title in a file.
//! Nothing of it may move the cursor, colour the screen, or turn the reading order around.

use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

pub use crate::domain::visible::is_unsafe;

/// Where a tab leads in preformatted text.
const TAB: usize = 8;

fn escape_into(c: char, out: &mut String) {
    // Writing to a string does not fail.
    let _ = match c {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        c if u32::from(c) < 0x100 => write!(out, "\\x{:02x}", u32::from(c)),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    };
}

/// `text` in one line, with everything that [`is_unsafe`] written out: `\n`, `\x1b`, `\u{202e}`.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            escape_into(c, &mut out);
        } else {
            out.push(c);
        }
    }
    out
}

/// The lines of `text`, each safe: line breaks of either kind end a line, tabs become spaces, the rest is written out.
pub fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| {
        let mut out = String::with_capacity(line.len());
        let mut column = 0;
        for c in line.chars() {
            let before = out.len();
            match c {
                '\t' => {
                    let spaces = TAB - column % TAB;
                    out.extend(std::iter::repeat_n(' ', spaces));
                }
                c if is_unsafe(c) => escape_into(c, &mut out),
                c => out.push(c),
            }
            column += width(&out[before..]);
        }
        out
    })
}

/// How many columns `c` takes at most: a variation selector can make the character before it wider by one.
pub fn char_width(c: char) -> usize {
    match c {
        '\u{fe0f}' => 1,
        c => c.width().unwrap_or(0),
    }
}

/// How many columns `text` takes at most.
pub fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// The longest beginning of `text` that fits into `columns`, as a length in bytes.
pub fn fitting(text: &str, columns: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += char_width(c);
        if used > columns {
            return at;
        }
    }
    text.len()
}

/// `text` cut to `columns`, its end replaced by `mark` where something was cut.
pub fn cut(text: &str, columns: usize, mark: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(width(mark));
    let mark = &mark[..fitting(mark, columns)];
    format!("{}{mark}", text[..fitting(text, room)].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_acts_on_a_terminal_is_written_out() {
        assert_eq!(
            one_line("a\x1b[2J\r\n\tb\u{9b}c\u{7f}d\u{202e}e"),
            "a\\x1b[2J\\r\\n\\tb\\x9bc\\x7fd\\u{202e}e"
        );
        assert_eq!(one_line("Zoë 日本 👩‍💻"), "Zoë 日本 👩‍💻");
    }

    #[test]
    fn lines_keep_their_columns() {
        let all: Vec<String> = lines("a\tb\r\n日\tc\x07\n").collect();
        assert_eq!(all, ["a       b", "日      c\\x07"]);
    }

    #[test]
    fn cutting_says_that_it_cut() {
        assert_eq!(cut("abcdef", 6, "…"), "abcdef");
        assert_eq!(cut("abcdef", 5, "…"), "abcd…");
        assert_eq!(cut("日本語", 4, "…"), "日…");
        assert_eq!(cut("abcdef", 2, "..."), "..");
        assert_eq!(cut("abcdef", 0, "…"), "");
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn nothing_unsafe_passes_and_no_cut_is_too_long(text in "\\PC*|(.|\\n|\\x1b){0,40}", columns in 0usize..30) {
            let safe = one_line(&text);
            prop_assert!(!safe.chars().any(is_unsafe));
            prop_assert!(lines(&text).all(|line| !line.chars().any(is_unsafe)));
            prop_assert!(width(&cut(&safe, columns, "…")) <= columns);
        }
    }
}
