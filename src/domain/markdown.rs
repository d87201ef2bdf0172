//! Text in a Markdown document that means nothing but itself.

/// `text` with everything escaped that is Markdown or HTML; what is unsafe to show is the caller's.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_is_markup() {
        assert_eq!(
            escaped("<img src=x> ![a](b) `c` _d_ | & \\"),
            "&lt;img src=x&gt; !\\[a\\](b) \\`c\\` \\_d\\_ \\| &amp; \\\\"
        );
    }
}
