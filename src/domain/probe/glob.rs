//! Patterns for the names of files: `*`, `?` and `[…]` within a name, `**` for any folders between.
//!
//! A name is bytes: one that is no UTF-8 is matched as any other. It is matched in time linear in the pattern and the name.
//! What begins with a dot is found only where the pattern writes the dot.

use regex::bytes::{Regex, RegexBuilder};

/// A pattern that was read.
#[derive(Clone, Debug)]
pub struct Glob {
    /// Whether it begins at the root of the file system.
    pub absolute: bool,
    /// What stands between its slashes.
    pub parts: Vec<Part>,
}

/// A part of a pattern.
#[derive(Clone, Debug)]
pub enum Part {
    /// A name as it is written.
    Name(String),
    /// Names that match.
    Names(Names),
    /// Any folders, or none.
    Folders,
}

/// Names that match a part.
#[derive(Clone, Debug)]
pub struct Names {
    regex: Regex,
    /// Whether it may begin with a dot.
    dotted: bool,
}

impl Names {
    /// Whether a name is among them.
    pub fn has(&self, name: &[u8]) -> bool {
        (self.dotted || !is_hidden(name)) && self.regex.is_match(name)
    }
}

/// Whether a name is found only where its dot is written.
pub fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".")
}

/// Whether a text is more than the name of one file.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let names = text.split('/').filter(|part| !part.is_empty());
        let parts: Result<Vec<Part>, String> = names.map(part).collect();
        Ok(Self {
            absolute: text.starts_with('/'),
            parts: parts?,
        })
    }
}

fn part(text: &str) -> Result<Part, String> {
    if text == "**" {
        return Ok(Part::Folders);
    }
    if text.contains("**") {
        return Err(format!("in {text:?}, ** stands beside something else"));
    }
    if !is_pattern(text) {
        return Ok(Part::Name(text.to_owned()));
    }
    // A character of a name, or a byte of one that is no text.
    let any = r"(?:.|(?-u:.))";
    let mut regex = String::from("^");
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        match first {
            '*' => regex.push_str(&format!("{any}*")),
            '?' => regex.push_str(any),
            '[' => {
                let (class, after) = class(rest)
                    .ok_or_else(|| format!("in {text:?}, a [ has no ] that closes it"))?;
                regex.push_str(&class);
                rest = after;
            }
            other => regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    let regex = RegexBuilder::new(&regex)
        .dot_matches_new_line(true)
        .build()
        .map_err(|_| format!("{text:?} cannot be read"))?;
    Ok(Part::Names(Names {
        regex,
        dotted: text.starts_with('.'),
    }))
}

/// The characters up to `]`, as a regular expression, and what follows; a `]` at the beginning is one of them.
fn class(text: &str) -> Option<(String, &str)> {
    let (not, inner) = match text.strip_prefix('!') {
        Some(inner) => ("^", inner),
        None => ("", text),
    };
    let from = inner.chars().next()?.len_utf8();
    let end = from + inner[from..].find(']')?;
    let mut class = format!("[{not}");
    let characters: Vec<char> = inner[..end].chars().collect();
    let mut at = 0;
    while let Some(first) = characters.get(at) {
        let escaped = |one: &char| regex::escape(one.encode_utf8(&mut [0; 4]));
        match (characters.get(at + 1), characters.get(at + 2)) {
            (Some('-'), Some(last)) if first <= last => {
                class.push_str(&format!("{}-{}", escaped(first), escaped(last)));
                at += 3;
            }
            // A range that is none has nothing in it.
            (Some('-'), Some(_)) => at += 3,
            _ => {
                class.push_str(&escaped(first));
                at += 1;
            }
        }
    }
    class.push(']');
    Some((class, &inner[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_matches_as_a_shell_has_it() {
        for (pattern, name, found) in [
            ("*.xml", b"a.xml".as_slice(), true),
            ("*.xml", b"a\xff.xml", true),
            ("?.xml", b"\xff.xml", true),
            ("?.xml", "é.xml".as_bytes(), true),
            ("*.xml", b"a.xmlx", false),
            ("*.xml", b".a.xml", false),
            (".*.xml", b".a.xml", true),
            ("a[0-9]b", b"a7b", true),
            ("a[!0-9]b", b"a7b", false),
            ("a[!0-9]b", "aéb".as_bytes(), true),
            ("a[]b", b"a", false),
            ("a[]]b", b"a]b", true),
            ("a[-.]*", b"a-b", true),
            ("a.?", b"axb", false),
            ("a+(b)*", b"a+(b)c\nd", true),
            ("[[]a", b"[a", true),
            ("a[^0]", b"a^", true),
        ] {
            let matches = match part(pattern) {
                Ok(Part::Names(names)) => names.has(name),
                _ => false,
            };
            assert_eq!(matches, found, "{pattern} {name:?}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_so() {
        assert!(Glob::parse("reports/a[").is_err());
        assert!(Glob::parse("reports/a**").is_err());
        let glob = Glob::parse("/reports/**/*.xml").expect("a pattern");
        assert!(glob.absolute && glob.parts.len() == 3);
        assert!(matches!(glob.parts[1], Part::Folders));
    }
}
