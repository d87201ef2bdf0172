//! Text -> domain, with positions.
//!
//! A file passes through three steps, each of which reports everything it finds: text becomes a tree whose every key
//! and value has its place ([`yaml`], [`notes_markdown`]), the tree is held against the schema of its type
//! ([`structure`]), and what was read from all files is held against each other ([`lint`]). Finding, opening and
//! listing files is left to the callers.

mod decode;
pub mod lint;
pub mod node;
pub mod notes_markdown;
pub mod schema;
pub mod structure;
pub mod yaml;

use serde::de::DeserializeOwned;

use crate::domain::finding::{Finding, Place, Position, Rule, Source};
use crate::domain::gate::Checklist;
use crate::domain::policy::Policy;
use crate::domain::probe::suite::ProbeSuite;
use crate::domain::release::ReleaseNotes;
use node::Node;
use schema::Kind;

/// A file that was read: what it says, and where it says it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<T> {
    /// What the file says.
    pub value: T,
    /// The same with the place of every key and value.
    pub node: Node,
    /// The text it was read from.
    pub source: Source,
}

impl<T> Document<T> {
    /// The places of this file's values.
    pub fn site(&self) -> Site<'_> {
        Site {
            source: &self.source,
            node: &self.node,
        }
    }
}

/// A file's tree with its text: what a finding about the file needs, whatever the file is.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The text and its name.
    pub source: &'a Source,
    /// The tree.
    pub node: &'a Node,
}

impl Site<'_> {
    /// An error at the value that stands at `path` (a JSON Pointer), or at the nearest thing above it.
    pub fn error(self, rule: Rule, path: &str, message: impl Into<String>) -> Finding {
        Finding::error(rule, &self.source.file, message).at(&self.node.nearest_position(path))
    }

    /// A warning at the value that stands at `path`, or at the nearest thing above it.
    pub fn warning(self, rule: Rule, path: &str, message: impl Into<String>) -> Finding {
        Finding::warning(rule, &self.source.file, message).at(&self.node.nearest_position(path))
    }

    /// An error at the key that leads to `path`, or at the nearest thing above it.
    pub fn error_at_key(self, rule: Rule, path: &str, message: impl Into<String>) -> Finding {
        Finding::error(rule, &self.source.file, message).at(&self.key_place(path))
    }

    /// A warning at the key that leads to `path`, or at the nearest thing above it.
    pub fn warning_at_key(self, rule: Rule, path: &str, message: impl Into<String>) -> Finding {
        Finding::warning(rule, &self.source.file, message).at(&self.key_place(path))
    }

    fn key_place(self, path: &str) -> Place {
        self.node
            .key_position(path)
            .unwrap_or_else(|| self.node.nearest_position(path))
    }
}

/// Takes in the bytes of a file; `file` is the path as the reader would type it.
///
/// # Errors
/// A finding at the first byte that is not UTF-8.
pub fn source(file: impl Into<String>, bytes: Vec<u8>) -> Result<Source, Vec<Finding>> {
    let file = file.into();
    String::from_utf8(bytes)
        .map(|text| Source {
            file: file.clone(),
            text,
        })
        .map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default());
            // The text cannot be shown, so there is a position and no span.
            let finding = Finding::error(Rule::FileEncoding, file, "the file is not UTF-8 text");
            vec![Finding {
                at: Some(Position::of_offset(&before, before.len())),
                ..finding.help("save it as UTF-8")
            }]
        })
}

/// Reads a policy: `relgate.yaml`.
///
/// # Errors
/// Every finding of the file.
pub fn policy(source: &Source) -> Result<Document<Policy>, Vec<Finding>> {
    document(source, yaml::parse(source)?, Kind::Policy)
}

/// Reads release notes: Markdown with front matter where the file's name ends in `.md`, otherwise YAML.
///
/// # Errors
/// Every finding of the file.
pub fn notes(source: &Source) -> Result<Document<ReleaseNotes>, Vec<Finding>> {
    let node = if is_markdown(source) {
        notes_markdown::parse(source)?
    } else {
        yaml::parse(source)?
    };
    document(source, node, Kind::Notes)
}

/// Whether a file is Markdown by its name.
fn is_markdown(source: &Source) -> bool {
    let extension = source.file.rsplit('.').next().unwrap_or_default();
    ["md", "markdown"]
        .iter()
        .any(|md| extension.eq_ignore_ascii_case(md))
}

/// Reads a checklist: a release's `checklist.yaml`, or a base that others extend.
///
/// # Errors
/// Every finding of the file.
pub fn checklist(source: &Source) -> Result<Document<Checklist>, Vec<Finding>> {
    document(source, yaml::parse(source)?, Kind::Checklist)
}

/// Reads a file of probes alone.
///
/// # Errors
/// Every finding of the file.
pub fn probes(source: &Source) -> Result<Document<ProbeSuite>, Vec<Finding>> {
    document(source, yaml::parse(source)?, Kind::Probes)
}

/// Holds a tree against the schema of its kind, and reads the value out of it.
fn document<T: DeserializeOwned>(
    source: &Source,
    node: Node,
    kind: Kind,
) -> Result<Document<T>, Vec<Finding>> {
    if node.is_null() {
        return Err(vec![
            Finding::error(
                Rule::FileEmpty,
                &source.file,
                format!("{} is empty", kind.thing()),
            )
            .at(&Place::of_span(&source.text, 0..0))
            .help(format!(
                "\"relgate schema {}\" prints what belongs there",
                kind.word()
            )),
        ]);
    }
    // A file that has its shape is most of them; what is wrong with one that has not is said with what belongs there.
    if !structure::check(source, &node, schema::bare_shape(kind), kind.thing()).is_empty() {
        let findings = structure::check(source, &node, schema::shape(kind), kind.thing());
        if !findings.is_empty() {
            return Err(findings);
        }
    }
    match decode::decode(&node) {
        Ok(value) => Ok(Document {
            value,
            node,
            source: source.clone(),
        }),
        Err(refusal) => Err(vec![
            Finding::error(Rule::InvalidValue, &source.file, refusal.message)
                .at_opt(refusal.place.as_ref())
                .help_opt(refusal.help),
        ]),
    }
}

#[cfg(test)]
mod tests;
