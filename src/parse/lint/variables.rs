//! Are variables in the texts of a probe written as they must be?

use crate::domain::finding::{Finding, Rule};
use crate::domain::ids::CaptureName;
use crate::domain::nearest::nearest;
use crate::domain::probe::capture::CapturedValue;
use crate::domain::variables::{Lookup, NotText, VariableError, expand};
use crate::parse::Site;
use crate::parse::node::{Node, Value, pointer_step};

/// The words that a variable can begin with.
const WORDS: [&str; 7] = [
    "env", "secret", "file", "capture", "release", "previous", "stage",
];

/// A value for every variable that is valid in a host, a port and a path alike.
struct StandIn;

impl StandIn {
    fn value() -> Option<String> {
        Some("1".to_owned())
    }
}

impl Lookup for StandIn {
    fn variable(&self, _: &str) -> Result<Option<String>, NotText> {
        Ok(StandIn::value())
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Ok("1".to_owned())
    }

    fn release(&self) -> Option<String> {
        StandIn::value()
    }

    fn previous(&self) -> Option<String> {
        StandIn::value()
    }

    fn stage(&self) -> Option<String> {
        StandIn::value()
    }

    fn captured(&self, _: &CaptureName) -> Option<CapturedValue> {
        StandIn::value().map(CapturedValue::text)
    }
}

/// A text with each variable replaced by the digit 1.
///
/// # Errors
/// What is wrong with the first malformed variable, and a suggestion.
pub(super) fn replaced(text: &str) -> Result<String, (String, Option<String>)> {
    match expand(text, &StandIn) {
        Ok(expanded) => Ok(expanded.text),
        Err(error) => {
            let message = error.to_string();
            // The type's messages end with what to write.
            let (message, help) = match message.split_once("; ") {
                Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
                None => (message, None),
            };
            let meant = match &error {
                VariableError::Unknown(inner) => meant(inner),
                _ => None,
            };
            Err((message, meant.or(help)))
        }
    }
}

/// What an unknown variable was probably meant to be.
fn meant(inner: &str) -> Option<String> {
    if let Some((source, rest)) = inner.split_once(':') {
        let source = nearest(source, WORDS[..4].iter().copied())?;
        return Some(format!("did you mean ${{{source}:{rest}}}?"));
    }
    let environment = inner.len() > 1
        && inner
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if environment {
        return Some(format!("did you mean ${{env:{inner}}}?"));
    }
    nearest(inner, WORDS[4..].iter().copied()).map(|word| format!("did you mean ${{{word}}}?"))
}

/// Findings for every malformed variable in the texts at and below `path`.
pub(super) fn lint(site: Site<'_>, path: &str, by: &str, findings: &mut Vec<Finding>) {
    if let Some(node) = site.node.at(path).filter(|node| has_variable(node)) {
        walk(site, node, path, by, findings);
    }
}

/// Whether a variable begins anywhere in it: almost no probe has one, and needs no path to each of its texts.
fn has_variable(node: &Node) -> bool {
    match &node.value {
        Value::Str(text) => text.contains("${"),
        Value::Seq(elements) => elements.iter().any(has_variable),
        Value::Map(entries) => entries.iter().any(|entry| has_variable(&entry.value)),
        _ => false,
    }
}

fn walk(site: Site<'_>, node: &Node, path: &str, by: &str, findings: &mut Vec<Finding>) {
    match &node.value {
        Value::Str(text) => {
            if let Err((message, help)) = replaced(text) {
                findings.push(
                    site.error(Rule::VariableSyntax, path, format!("{by}: {message}"))
                        .help_opt(help),
                );
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
            ("${env:HOST", "without its", "write \"$${\""),
            (
                "${HOME}",
                "\"${HOME}\" is no variable",
                "did you mean ${env:HOME}?",
            ),
            (
                "${enf:X}",
                "\"${enf:X}\" is no variable",
                "did you mean ${env:X}?",
            ),
            ("${env:A B}", "cannot be", "use letters"),
            ("${file:}", "names no file", "write ${file:PATH}"),
            ("${realease}", "is no variable", "did you mean ${release}?"),
            ("${}", "is no variable", "write ${env:NAME}"),
        ] {
            let (message, help) = replaced(text).expect_err("it is malformed");
            assert!(message.contains(part), "{text}: {message}");
            assert!(
                help.as_ref().is_some_and(|help| help.contains(suggested)),
                "{text}: {help:?}"
            );
        }
    }
}
