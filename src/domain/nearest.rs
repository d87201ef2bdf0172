//! The nearest valid word to one that is not: for every message that ends with what was probably meant.

/// Of so many words that could have been meant the nearest is looked for: it is looked for once for every wrong word, of
/// which there may be as many.
const MOST: usize = 500;

/// The candidate that `word` was most probably meant to be, if one is near: at most a third of its letters differ, or
/// only case, `-`, `_` and spaces do.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| -> String {
        text.chars()
            .filter(|c| !matches!(c, '-' | '_' | ' ' | '.'))
            .flat_map(char::to_lowercase)
            .collect()
    };
    // A pasted page is no typing error, and the distance is quadratic.
    if word.is_empty() || word.len() > 200 {
        return None;
    }
    let wanted = plain(word);
    let wanted_length = wanted.chars().count();
    candidates
        .into_iter()
        .filter(|candidate| !candidate.is_empty())
        .filter_map(|candidate| {
            let plain_candidate = plain(candidate);
            let length = plain_candidate.chars().count();
            let longest = wanted_length.max(length);
            let allowed = match longest {
                0..=2 => 0,
                3..=5 => 1,
                longest => longest / 3,
            };
            // One begins the other: an abbreviation (env, environment).
            let begins = wanted.len() >= 3
                && (plain_candidate.starts_with(&wanted) || wanted.starts_with(&plain_candidate))
                && plain_candidate.len() >= 3;
            // So many letters differ at least.
            let near = wanted_length.abs_diff(length) <= allowed;
            (near || begins).then_some((candidate, plain_candidate, allowed, begins))
        })
        .take(MOST)
        .filter_map(|(candidate, plain_candidate, allowed, begins)| {
            let distance = strsim::damerau_levenshtein(&wanted, &plain_candidate);
            (distance <= allowed || begins).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What to say about a word that is not one of `candidates`: the nearest, else all of them.
pub fn suggestion<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(near) = nearest(word, candidates.clone()) {
        return Some(format!("did you mean \"{near}\"?"));
    }
    let all: Vec<&str> = candidates.into_iter().collect();
    (!all.is_empty()).then(|| format!("valid: {}", listed(&all)))
}

/// Words in a row, the long tail of a long list left out.
pub fn listed(words: &[&str]) -> String {
    const MOST: usize = 20;
    let mut text = words[..words.len().min(MOST)].join(", ");
    if words.len() > MOST {
        text.push_str(&format!(" and {} more", words.len() - MOST));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 6] = [
        "timeout",
        "retries",
        "on_expiry",
        "id",
        "expect",
        "environment",
    ];

    #[test]
    fn finds_what_was_meant() {
        for (word, meant) in [
            ("tiemout", "timeout"),
            ("Timeout", "timeout"),
            ("on-expiry", "on_expiry"),
            ("onExpiry", "on_expiry"),
            ("retires", "retries"),
            ("env", "environment"),
            ("ID", "id"),
        ] {
            assert_eq!(nearest(word, KEYS), Some(meant), "{word}");
        }
    }

    #[test]
    fn does_not_guess_wildly() {
        for word in ["url", "x", "", "ix", "production"] {
            assert_eq!(nearest(word, KEYS), None, "{word}");
        }
        assert_eq!(
            suggestion("zzzz", ["a", "b"]),
            Some("valid: a, b".to_owned())
        );
        assert_eq!(suggestion("zzzz", []), None);
    }
}
