//! Which names are those of secrets: environment variables and captured values are masked by them.

/// Parts of a name that make its value a secret.
const PARTS: [&str; 9] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASSCODE",
    "KEY",
    "CRED",
    "AUTH",
];

/// Words that do so as a whole, or as the end of another one (`DBPASS`).
const WORDS: [&str; 2] = ["PASS", "PWD"];

/// Words that end so and mean something else: the shell's folders, and what one goes round.
const OTHERS: [&str; 7] = [
    "PWD",
    "OLDPWD",
    "BYPASS",
    "COMPASS",
    "OVERPASS",
    "UNDERPASS",
    "SURPASS",
];

/// Whether a name is one that secrets have.
pub fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    if PARTS.iter().any(|part| name.contains(part)) {
        return true;
    }
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let ends = |word: &str| WORDS.iter().any(|end| word.ends_with(end));
    words
        .into_iter()
        .any(|word| ends(word) && (!OTHERS.contains(&word) || word == "PWD" && name != word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        assert!(names_a_secret("API_TOKEN") && names_a_secret("basic-auth"));
        for name in [
            "PASS",
            "DB_PASS",
            "DBPASS",
            "pass-1",
            "PGPASSWORD",
            "GPG_PASSPHRASE",
            "DB_PWD",
            "MYSQL_PWD",
            "AWS_CREDS",
        ] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in [
            "HOST",
            "order",
            "PWD",
            "OLDPWD",
            "BYPASS",
            "PROXY_BYPASS",
            "PASSENGERS",
            "compass",
        ] {
            assert!(!names_a_secret(name), "{name}");
        }
    }
}
