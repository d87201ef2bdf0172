//! The regular expressions in a JSONPath: the second argument of `match` and `search` (RFC 9535, sections 2.4.6 and 2.4.7).

use super::path::PathError;
use crate::domain::probe::pattern::Pattern;

/// What the regular expressions of a path take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Regexes {
    /// The states of those that are written in the path.
    pub(super) states: usize,
    /// Whether one is taken from the document.
    pub(super) strange: bool,
}

impl Regexes {
    /// Those of a path.
    ///
    /// # Errors
    /// [`PathError::TooMuch`] where one is too large to be read for every value.
    pub(super) fn of(path: &str) -> Result<Self, PathError> {
        let mut all = Self::default();
        for expression in expressions(path) {
            match expression.and_then(literal) {
                None => all.strange = true,
                Some(text) => {
                    let known = Pattern::read(&text);
                    let states = match known.as_ref().map(Pattern::states) {
                        Ok(states) => usize::try_from(states).unwrap_or(usize::MAX),
                        Err(why) if why.contains("size limit") => {
                            return Err(PathError::TooMuch(
                                "has a regular expression that is too large",
                            ));
                        }
                        // It matches nothing.
                        Err(_) => 1,
                    };
                    all.states = all.states.saturating_add(states);
                }
            }
        }
        Ok(all)
    }
}

/// The second argument of each function that takes a regular expression; none where it was not found.
fn expressions(path: &str) -> Vec<Option<&str>> {
    let mut found = Vec::new();
    for name in ["match(", "search("] {
        for (at, _) in path.match_indices(name) {
            let arguments = &path[at + name.len()..];
            found.push(second(arguments));
        }
    }
    found
}

/// What stands between the first comma and the closing bracket, neither of them in brackets or quotes.
fn second(arguments: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut begin = None;
    let mut characters = arguments.char_indices();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') => {
                characters.next();
            }
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '(' | '[') => depth += 1,
            (None, ')') if depth == 0 => return arguments.get(begin?..at).map(str::trim),
            (None, ')' | ']') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => begin = Some(at + 1),
            (None, _) => {}
        }
    }
    None
}

/// The text of a literal (RFC 9535, section 2.3.1.1); `None` where it is something else.
fn literal(argument: &str) -> Option<String> {
    let quote = argument
        .chars()
        .next()
        .filter(|it| matches!(it, '"' | '\''))?;
    let inner = argument.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut text = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                'b' => text.push('\u{8}'),
                'f' => text.push('\u{c}'),
                'u' => {
                    let digits: String = characters.by_ref().take(4).collect();
                    let code = u32::from_str_radix(&digits, 16).ok()?;
                    // Half of a pair counts as what may be any character.
                    text.push(char::from_u32(code).unwrap_or('.'));
                }
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> (bool, bool) {
        let regexes = Regexes::of(path).expect("not too large");
        (regexes.states > 0, regexes.strange)
    }

    #[test]
    fn an_expression_is_known_where_it_is_written() {
        assert_eq!(of("$..[?@.a > 1]"), (false, false));
        assert_eq!(of("$[?match(@.a, 'b.*')]"), (true, false));
        assert_eq!(of(r#"$[?search(@['a,)'], "b\"),(.*")]"#), (true, false));
        assert_eq!(of("$[?match(value(@..a), 'b')]"), (true, false));
        assert_eq!(of("$[?match(@.a, $.b)]"), (false, true));
        assert_eq!(of("$[?match(@.a, 'b') || search(@.c, @.d)]"), (true, true));
        assert_eq!(of("$[?match(@.a, '(')]"), (true, false));
        let large = Regexes::of(r"$[?match(@, '\\w{9999}')]");
        assert!(matches!(large, Err(PathError::TooMuch(_))), "{large:?}");
    }
}
