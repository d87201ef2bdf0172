//! Variables in the texts of a probe, and the secrets that came out of them.
//!
//! | written | stands for | masked |
//! | --- | --- | --- |
//! | `${env:NAME}` | an environment variable | where its name looks like a secret's |
//! | `${secret:NAME}` | an environment variable | always |
//! | `${file:PATH}` | the text of a file | always |
//! | `${release}`, `${previous}`, `${stage}` | what is being released | never |
//! | `${capture:NAME}` | what a probe that is needed has captured | where it is marked, or its name looks like a secret's |
//! | `$${` | a literal `${` | |
//!
//! Anything unset is an error that names it, never an empty text: an address without its host would ask somebody else.
//! A value is put in as it is and not expanded again. Where values come from is the business of the [`Lookup`].

mod decoded;
mod known;
mod ready;
mod secrets;
mod stream;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Number, Value};

use super::ids::CaptureName;
use super::probe::Probe;
use super::probe::capture::CapturedValue;
use super::probe::json::decimal::Decimal;
use super::probe::json::{self, schema::SchemaSource};
use super::probe::judge::{Assertion, Attempt, Sample};
use super::secret_name::names_a_secret;

pub use known::secrets_in;
pub use ready::{CapturedValues, Ready, captures_used};
pub use secrets::Secrets;
pub use stream::Masking;

/// What a secret is replaced with.
pub const MASK: &str = "***";

/// What a variable refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// `${env:NAME}`
    Variable(String),
    /// `${secret:NAME}`
    Secret(String),
    /// `${file:PATH}`
    File(String),
    /// `${release}`
    Release,
    /// `${previous}`
    Previous,
    /// `${stage}`
    Stage,
    /// `${capture:NAME}`
    Capture(CaptureName),
}

impl Reference {
    /// Whether its value is masked wherever it would be shown.
    pub fn is_secret(&self) -> bool {
        match self {
            Self::Secret(_) | Self::File(_) => true,
            Self::Variable(name) => names_a_secret(name),
            // Whether a captured value is secret is known to the probe that captures it.
            Self::Release | Self::Previous | Self::Stage | Self::Capture(_) => false,
        }
    }

    fn parse(inner: &str) -> Result<Self, VariableError> {
        let name = |name: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty()
                || !name.chars().all(plain)
                || name.starts_with(|c: char| c.is_ascii_digit())
            {
                Err(VariableError::Name(name.to_owned()))
            } else {
                Ok(name.to_owned())
            }
        };
        match inner.split_once(':') {
            Some(("env", rest)) => Ok(Self::Variable(name(rest)?)),
            Some(("secret", rest)) => Ok(Self::Secret(name(rest)?)),
            Some(("file", "")) => Err(VariableError::NoPath),
            Some(("file", path)) => Ok(Self::File(path.to_owned())),
            Some(("capture", name)) => CaptureName::new(name)
                .map(Self::Capture)
                .map_err(|error| VariableError::CaptureName(error.to_string())),
            None if inner == "release" => Ok(Self::Release),
            None if inner == "previous" => Ok(Self::Previous),
            None if inner == "stage" => Ok(Self::Stage),
            _ => Err(VariableError::Unknown(inner.to_owned())),
        }
    }
}

/// Why a text with variables cannot be used; the message names the variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// `${` without `}`.
    #[error("\"${{\" without its \"}}\"; write \"$${{\" for a literal \"${{\"")]
    Unclosed,
    /// Another word in the braces.
    #[error(
        "\"${{{0}}}\" is no variable; write ${{env:NAME}}, ${{secret:NAME}}, ${{file:PATH}}, ${{capture:NAME}}, ${{release}}, ${{previous}} or ${{stage}}, and \"$${{\" for a literal \"${{\""
    )]
    Unknown(String),
    /// A name that no environment variable has.
    #[error("{0:?} cannot be an environment variable's name; use letters, digits and \"_\"")]
    Name(String),
    /// A name that no captured value has.
    #[error("{0}")]
    CaptureName(String),
    /// `${capture:NAME}` where nothing was captured under that name.
    #[error(
        "nothing was captured as \"{0}\"; the probe that captures it must be among those that this one needs"
    )]
    Uncaptured(CaptureName),
    /// `${file:}`
    #[error("\"${{file:}}\" names no file; write ${{file:PATH}}")]
    NoPath,
    /// An environment variable that is unset or empty.
    #[error("the environment variable {0} is not set; run `export {0}=…`")]
    Unset(String),
    /// An environment variable whose bytes are not UTF-8.
    #[error(
        "the environment variable {0} is set, and its value is not UTF-8 text; run `export {0}=…` with one that is"
    )]
    NotText(String),
    /// A file that cannot be read.
    #[error("{0}")]
    File(String),
    /// A file with nothing in it.
    #[error("the file {0} is empty")]
    EmptyFile(String),
    /// A file that holds no JSON Schema.
    #[error("the file {0} holds no JSON Schema that can be used: {1}")]
    Schema(String, String),
    /// A text that is to become a number or the like, and does not. The value itself may be a secret.
    #[error("the value of {0:?} is not {1}")]
    NotSettled(String, &'static str),
    /// `${previous}` or `${stage}` where there is none.
    #[error("\"${{{0}}}\" has no value here; {1}")]
    Nothing(&'static str, &'static str),
}

/// The value of an environment variable is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotText;

/// Where values come from.
pub trait Lookup {
    /// The value of an environment variable; `None` where it is unset or empty.
    ///
    /// # Errors
    /// It is set, and is not UTF-8.
    fn variable(&self, name: &str) -> Result<Option<String>, NotText>;

    /// The text of a file.
    ///
    /// # Errors
    /// A text that names the path and the cause.
    fn file(&self, path: &str) -> Result<String, String>;

    /// The release's name.
    fn release(&self) -> Option<String>;

    /// The last known good release's name.
    fn previous(&self) -> Option<String>;

    /// The stage's name.
    fn stage(&self) -> Option<String>;

    /// What a probe that was asked before has captured.
    fn captured(&self, _: &CaptureName) -> Option<CapturedValue> {
        None
    }
}

/// A text with its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The text.
    pub text: String,
    /// The values in it that are secret.
    pub secrets: Vec<String>,
}

enum Piece<'a> {
    Text(&'a str),
    Reference(Reference),
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, VariableError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            pieces.extend([Piece::Text(before), Piece::Text("${")]);
            rest = &from[2..];
            continue;
        }
        let end = from.find('}').ok_or(VariableError::Unclosed)?;
        pieces.push(Piece::Text(before));
        pieces.push(Piece::Reference(Reference::parse(&from[2..end])?));
        rest = &from[end + 1..];
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// The variables of `text`, in order, without their values.
///
/// # Errors
/// A [`VariableError`] about the form; what is unset is not looked at.
pub fn syntax(text: &str) -> Result<Vec<Reference>, VariableError> {
    let references = pieces(text)?.into_iter().filter_map(|piece| match piece {
        Piece::Text(_) => None,
        Piece::Reference(reference) => Some(reference),
    });
    Ok(references.collect())
}

/// `text` with the values of its variables.
///
/// # Errors
/// A [`VariableError`] about the form, or about a variable that has no value.
pub fn expand(text: &str, lookup: &dyn Lookup) -> Result<Expanded, VariableError> {
    let mut expanded = Expanded::default();
    for piece in pieces(text)? {
        match piece {
            Piece::Text(text) => expanded.text.push_str(text),
            Piece::Reference(reference) => {
                let value = value(&reference, lookup)?;
                expanded.text.push_str(&value);
                if reference.is_secret() {
                    expanded.secrets.push(value);
                }
            }
        }
    }
    Ok(expanded)
}

fn value(reference: &Reference, lookup: &dyn Lookup) -> Result<String, VariableError> {
    let given = |value: Option<String>, name, hint| {
        value
            .filter(|value| !value.is_empty())
            .ok_or(VariableError::Nothing(name, hint))
    };
    match reference {
        Reference::Variable(name) | Reference::Secret(name) => lookup
            .variable(name)
            .map_err(|NotText| VariableError::NotText(name.clone()))?
            .filter(|value| !value.is_empty())
            .ok_or_else(|| VariableError::Unset(name.clone())),
        Reference::File(path) => match lookup.file(path) {
            Ok(text) if text.is_empty() => Err(VariableError::EmptyFile(path.clone())),
            Ok(text) => Ok(text),
            Err(cause) => Err(VariableError::File(cause)),
        },
        Reference::Capture(name) => lookup
            .captured(name)
            .map(|value| value.text)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| VariableError::Uncaptured(name.clone())),
        Reference::Release => given(lookup.release(), "release", "name one with --release"),
        Reference::Previous => given(
            lookup.previous(),
            "previous",
            "write `previous` in the release notes",
        ),
        Reference::Stage => given(lookup.stage(), "stage", "name one with --stage"),
    }
}

/// `probe` with the values of its variables, and the secrets among them.
///
/// # Errors
/// The first [`VariableError`] of its texts.
pub fn fill(probe: &Probe, lookup: &dyn Lookup) -> Result<(Probe, Secrets), VariableError> {
    fill_own(probe.clone(), lookup)
}

fn fill_own(mut filled: Probe, lookup: &dyn Lookup) -> Result<(Probe, Secrets), VariableError> {
    let mut secrets = Secrets::default();
    mark_secret_headers(&mut filled);
    let written = filled.to_be_settled();
    put_numbers(&mut filled, lookup);
    filled.each_text(|text| {
        if text.contains("${") {
            let expanded = expand(text, lookup)?;
            *text = expanded.text;
            for secret in &expanded.secrets {
                secrets.add(secret);
            }
        }
        Ok::<(), VariableError>(())
    })?;
    filled.settle().map_err(|(index, noun)| {
        let text = written.into_iter().nth(index).flatten();
        let text = text.unwrap_or_default();
        VariableError::NotSettled(text, noun)
    })?;
    for schema in filled.schemas_mut() {
        if let SchemaSource::File(path) = schema {
            *schema = SchemaSource::Inline(read_schema(path, lookup)?);
        }
    }
    for secret in filled.secrets() {
        secrets.add(&secret);
    }
    Ok((filled, secrets))
}

/// Puts a captured number in place of the text that is its variable alone, where JSON is compared with it.
fn put_numbers(probe: &mut Probe, lookup: &dyn Lookup) {
    fn put(value: &mut Value, lookup: &dyn Lookup) {
        match value {
            Value::String(text) => {
                if let Some(number) = captured_number(text, lookup) {
                    *value = Value::Number(number);
                }
            }
            Value::Array(elements) => elements.iter_mut().for_each(|it| put(it, lookup)),
            Value::Object(members) => members.values_mut().for_each(|it| put(it, lookup)),
            _ => {}
        }
    }
    for expectation in probe.json_mut() {
        for value in expectation.operands_mut() {
            put(value, lookup);
        }
    }
}

fn captured_number(text: &str, lookup: &dyn Lookup) -> Option<Number> {
    let inner = text.strip_prefix("${capture:")?.strip_suffix('}')?;
    let name = CaptureName::new(inner).ok()?;
    let value = lookup.captured(&name).filter(|value| value.is_number)?;
    let number: Number = serde_json::from_str(&value.text).ok()?;
    // One that would be rounded stays a text, which no number is equal to.
    let exact = |text: &str| text.parse::<Decimal>().ok();
    (exact(&number.to_string()) == exact(&value.text)).then_some(number)
}

/// Notes which request headers will hold a secret; whether a captured value is one is not known here.
fn mark_secret_headers(probe: &mut Probe) {
    let secret = |text: &String| {
        let references = syntax(text).unwrap_or_default();
        let captured = |it: &Reference| matches!(it, Reference::Capture(_));
        references.iter().any(|it| it.is_secret() || captured(it))
    };
    let names = |headers: &BTreeMap<String, String>| -> BTreeSet<String> {
        let secret = headers.iter().filter(|(_, text)| secret(text));
        secret.map(|(name, _)| name.clone()).collect()
    };
    if let Some(http) = &mut probe.http {
        http.secret_headers = names(&http.headers);
    }
    if let Some(metric) = &mut probe.metric {
        metric.secret_headers = names(&metric.headers);
    }
}

fn read_schema(path: &str, lookup: &dyn Lookup) -> Result<Map<String, Value>, VariableError> {
    let text = lookup.file(path).map_err(VariableError::File)?;
    schema_in(path, &text)
}

/// The JSON Schema in the text of the file `path`.
///
/// # Errors
/// [`VariableError::Schema`] where it holds none that can be used.
pub fn schema_in(path: &str, text: &str) -> Result<Map<String, Value>, VariableError> {
    let schema = serde_json::from_str(text).map_err(|error| error.to_string());
    let usable = schema.and_then(|schema| json::schema::compile(&schema).map(|_| schema));
    usable.map_err(|why| VariableError::Schema(path.to_owned(), why))
}

/// `sample` without the secrets, for everything that is shown or kept.
pub fn mask_sample(sample: &Sample, secrets: &Secrets) -> Sample {
    let attempt = |attempt: &Attempt| Attempt {
        verdict: attempt.verdict,
        assertions: attempt
            .assertions
            .iter()
            .map(|assertion| Assertion {
                about: secrets.mask(&assertion.about),
                expected: secrets.mask(&assertion.expected),
                actual: secrets.mask(&assertion.actual),
                holds: assertion.holds,
            })
            .collect(),
        trouble: attempt.trouble.as_deref().map(|text| secrets.mask(text)),
        took_ms: attempt.took_ms,
        phases: attempt.phases,
        measured: attempt.measured,
    };
    Sample {
        probe: sample.probe.clone(),
        verdict: sample.verdict,
        attempts: sample.attempts.iter().map(attempt).collect(),
        repeat: sample.repeat.as_deref().map(|text| secrets.mask(text)),
    }
}

#[cfg(test)]
mod tests;
