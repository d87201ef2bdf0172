//! Which characters are seen in a text, and which act on whoever shows it.

/// Whether `c` acts on a terminal or hides in a text instead of being seen: control characters (C0, DEL, C1), line and
/// paragraph separators, direction marks and overrides (UAX #9), and characters without any width that join nothing.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
