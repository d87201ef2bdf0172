//! Quotes words for a POSIX shell.

/// `word` so that a shell reads it as one word, the same.
pub fn word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+:,./-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// `words`, each quoted, with spaces between.
pub fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        let words = [
            "", "plain", "a b", "it's", "$HOME", "`id`", "a\nb", "-x", "*", "~", "a=b", "\"", "é",
            "#",
        ];
        let script = format!("printf '%s\\0' {}", line(words));
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .expect("a shell");
        let read = String::from_utf8(output.stdout).expect("text");
        assert_eq!(read.strip_suffix('\0'), Some(words.join("\0").as_str()));
    }
}
