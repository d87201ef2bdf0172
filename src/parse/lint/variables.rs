//! Are variables in the texts of a probe written as they must be?

use crate::domain::finding::Finding;
use crate::parse::Site;
use crate::parse::nearest::suggestion;
use crate::parse::node::{Node, Value, pointer_step};

/// The forms with an argument, and what it is.
const SOURCES: [(&str, &str); 3] = [("env", "NAME"), ("secret", "NAME"), ("file", "PATH")];

/// The fields of a release that a variable can stand for.
const FIELDS: [&str; 3] = ["release", "previous", "stage"];

/// A text with each variable replaced by the digit 1, which is valid in a host, a port and a path alike.
///
/// # Errors
/// What is wrong with the first malformed variable, and a suggestion.
pub(super) fn replaced(text: &str) -> Result<String, (String, Option<String>)> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        plain.push_str(&rest[..dollar]);
        let tail = &rest[dollar + 1..];
        if let Some(tail) = tail.strip_prefix("${") {
            // "$${" is a literal "${".
            plain.push_str("${");
            rest = tail;
            continue;
        }
        let Some(inner) = tail.strip_prefix('{') else {
            plain.push('$');
            rest = tail;
            continue;
        };
        let Some(end) = inner.find('}') else {
            return Err((
                "a variable begins with \"${\" and is never closed".to_owned(),
                Some("close it with \"}\", or write \"$${\" for the two characters".to_owned()),
            ));
        };
        variable(&inner[..end])?;
        plain.push('1');
        rest = &inner[end + 1..];
    }
    plain.push_str(rest);
    Ok(plain)
}

fn variable(inner: &str) -> Result<(), (String, Option<String>)> {
    let forms = || {
        "write ${env:NAME}, ${secret:NAME}, ${file:PATH}, ${release}, ${previous} or ${stage}"
            .to_owned()
    };
    match inner.split_once(':') {
        Some((source, argument)) => {
            if !SOURCES.iter().any(|(name, _)| *name == source) {
                let near = suggestion(source, SOURCES.iter().map(|(name, _)| *name));
                return Err((
                    format!("the variable ${{{inner}}} has the unknown form \"{source}:\""),
                    near.or_else(|| Some(forms())),
                ));
            }
            let name = argument.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && argument
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_');
            let fits = if source == "file" {
                !argument.trim().is_empty()
            } else {
                name
            };
            if fits {
                Ok(())
            } else {
                Err((
                    format!("the variable ${{{inner}}} does not name what it takes"),
                    Some(forms()),
                ))
            }
        }
        None if FIELDS.contains(&inner) => Ok(()),
        None => {
            let environment = inner.len() > 1
                && inner
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
            let help = if environment {
                format!("did you mean ${{env:{inner}}}?")
            } else {
                suggestion(inner, FIELDS)
                    .filter(|help| help.starts_with("did"))
                    .unwrap_or_else(forms)
            };
            Err((
                format!("the variable ${{{inner}}} is not known"),
                Some(help),
            ))
        }
    }
}

/// Findings for every malformed variable in the texts at and below `path`.
pub(super) fn lint(site: Site<'_>, path: &str, by: &str, findings: &mut Vec<Finding>) {
    if let Some(node) = site.node.at(path) {
        walk(site, node, path, by, findings);
    }
}

fn walk(site: Site<'_>, node: &Node, path: &str, by: &str, findings: &mut Vec<Finding>) {
    match &node.value {
        Value::Str(text) => {
            if let Err((message, help)) = replaced(text) {
                findings.push(site.error(path, format!("{by}: {message}")).help_opt(help));
            }
        }
        Value::Seq(elements) => {
            for (index, element) in elements.iter().enumerate() {
                walk(site, element, &format!("{path}/{index}"), by, findings);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                let path = format!("{path}{}", pointer_step(&entry.key));
                walk(site, &entry.value, &path, by, findings);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_variables_pass() {
        for (text, plain) in [
            ("http://${env:HOST}:${env:PORT}/", "http://1:1/"),
            ("${secret:API_TOKEN} ${file:/run/x} ${release}", "1 1 1"),
            ("costs $5 and $${HOME}", "costs $5 and ${HOME}"),
            ("ends with $", "ends with $"),
        ] {
            assert_eq!(replaced(text).as_deref(), Ok(plain), "{text}");
        }
    }

    #[test]
    fn malformed_ones_are_named() {
        for (text, part, suggested) in [
            ("${env:HOST", "never closed", "close it"),
            (
                "${HOME}",
                "${HOME} is not known",
                "did you mean ${env:HOME}?",
            ),
            ("${enf:X}", "unknown form \"enf:\"", "did you mean \"env\"?"),
            ("${env:}", "does not name", "${env:NAME}"),
            ("${env:A B}", "does not name", "${env:NAME}"),
            ("${realease}", "not known", "did you mean \"release\"?"),
            ("${}", "not known", "write ${env:NAME}"),
        ] {
            let (message, help) = replaced(text).expect_err("it is malformed");
            assert!(message.contains(part), "{text}: {message}");
            assert!(help.is_some_and(|help| help.contains(suggested)), "{text}");
        }
    }
}
