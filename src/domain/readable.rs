//! Whether a text says anything: a reason that nobody can see is none.

/// Whether nothing of `text` can be seen.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(is_invisible)
}

/// Whether `c` leaves no mark: white space, control characters, and what Unicode lists as ignorable by default
/// (`Default_Ignorable_Code_Point`: joiners, direction marks, variation selectors, Hangul fillers, tags), the annotation
/// marks, the blank of Braille and the null note head of music.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_blank() {
        for text in [
            "",
            " \t\r\n",
            "\u{a0}\u{3000}",
            "\u{200b}\u{200d}\u{2060}\u{feff}",
            "\u{202e}\u{2066}\u{61c}",
            "\u{3164}\u{ffa0}\u{115f}",
            "\u{2800}\u{fe0f}\u{e0041}\0\x1b",
        ] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["x", "\u{200b}é", "日本", "👩\u{200d}💻", "\u{202e}no", "."] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
