//! Which names are those of secrets: environment variables and captured values are masked by them.

/// Parts of a name that make its value a secret.
const PARTS: [&str; 7] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "KEY",
    "CREDENTIAL",
    "AUTH",
];

/// Whether a name is one that secrets have.
pub fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        assert!(names_a_secret("API_TOKEN") && names_a_secret("basic-auth"));
        assert!(!names_a_secret("HOST") && !names_a_secret("order"));
    }
}
