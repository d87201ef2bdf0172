//! Do the files of a team agree with each other, and do they mean anything? Every finding, each with its place.
//!
//! Pure: the caller reads the files and hands over what was read. A file that is missing or malformed was reported when
//! it was read; what depends on it is left unchecked here, so that one mistake is told once. Whether a release may go
//! out, and what is still to be filled in, is not lint's matter but `check`'s.

mod calendar;
mod checklist;
mod circles;
mod machines;
mod named;
mod notes;
mod policy;
mod probe;
mod requirements;
mod signers;
mod types;
mod variables;

use std::collections::BTreeMap;

use super::{Document, Site};
use crate::domain::finding::{Finding, Rule, Source};
use crate::domain::gate::{Checklist, Gate};
use crate::domain::ids::RoleName;
use crate::domain::nearest::suggestion;
use crate::domain::policy::Policy;
use crate::domain::probe::suite::ProbeSuite;
use crate::domain::release::ReleaseNotes;
use crate::domain::signature::allowed_signers::AllowedSigners;

pub use named::{NamedFile, named_files};

/// A file as it was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Slot<T> {
    /// There is no such file.
    #[default]
    Absent,
    /// It was not read; the findings that say why are the caller's.
    Broken,
    /// It was read.
    Read(Box<Document<T>>),
}

impl<T> Slot<T> {
    /// What became of reading a file; findings are moved to `findings`.
    pub fn of(result: Result<Document<T>, Vec<Finding>>, findings: &mut Vec<Finding>) -> Slot<T> {
        match result {
            Ok(document) => Slot::Read(Box::new(document)),
            Err(found) => {
                findings.extend(found);
                Slot::Broken
            }
        }
    }

    /// The document, if it was read.
    pub fn document(&self) -> Option<&Document<T>> {
        match self {
            Slot::Read(document) => Some(document),
            Slot::Absent | Slot::Broken => None,
        }
    }
}

/// The files of one release.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Release {
    /// The name of its folder.
    pub folder: String,
    /// The release notes.
    pub notes: Slot<ReleaseNotes>,
    /// The checklist.
    pub checklist: Slot<Checklist>,
}

/// All that was read: of one release, or of all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Workspace {
    /// The policy.
    pub policy: Slot<Policy>,
    /// The checklists that others extend, by name.
    pub bases: BTreeMap<String, Slot<Checklist>>,
    /// The releases.
    pub releases: Vec<Release>,
    /// Who signs with which key.
    pub signers: Signers,
}

/// `allowed_signers` as it was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Signers {
    /// Nobody looked for it.
    #[default]
    Unread,
    /// There is no such file.
    Absent,
    /// It has errors; the findings that say so are the caller's.
    Broken,
    /// It was read.
    Read(AllowedSigners, Source),
}

/// The gates of a release, those of the checklists that it extends first; none where its checklist was not read.
pub fn gates(workspace: &Workspace, release: &Release) -> Vec<Gate> {
    let document = release.checklist.document();
    document
        .map(|document| checklist::gates(workspace, document))
        .unwrap_or_default()
}

/// Checks all that was read; findings are sorted by file and position.
pub fn lint(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(document) = workspace.policy.document() {
        policy::lint(workspace, document, &mut findings);
        calendar::lint(document, &mut findings);
        types::lint(document, &mut findings);
        signers::lint(workspace, document, &mut findings);
        machines::lint(workspace, document, &mut findings);
    }
    for (name, base) in &workspace.bases {
        if let Some(document) = base.document() {
            checklist::lint(workspace, document, Some(name), &mut findings);
            requirements::of_checklist(workspace, document, &mut findings);
        }
    }
    for release in &workspace.releases {
        let mut probes = Vec::new();
        if let Some(document) = release.checklist.document() {
            checklist::lint(workspace, document, None, &mut findings);
            requirements::of_checklist(workspace, document, &mut findings);
            probes.extend(checklist::probes(workspace, document));
            checklist::required_base(workspace, release, document, &mut findings);
        }
        if let Some(document) = release.notes.document() {
            notes::lint(workspace, release, document, &mut findings);
            requirements::of_notes(document, &mut findings);
            probes.extend(notes::probes(document));
        }
        probe::unique(&probes, &mut findings);
        if let Some(document) = workspace.policy.document() {
            types::of_release(workspace, release, document, &mut findings);
        }
    }
    // A base is looked at through every release that extends it.
    findings.sort();
    findings.dedup();
    findings
}

/// Checks a file of probes alone; findings are sorted by position.
pub fn probes(document: &Document<ProbeSuite>) -> Vec<Finding> {
    let mut findings = Vec::new();
    notes::lint_suite_file(document, &mut findings);
    findings.sort();
    findings.dedup();
    findings
}

/// What a word refers to, and the valid words.
struct Reference<'a, T> {
    /// `role`, `gate`, `priority`.
    kind: &'a str,
    word: &'a str,
    /// Who refers to it: `gate "qa"`.
    by: &'a str,
    /// Where it would be declared: `the policy`, `the checklist`.
    home: &'a str,
    valid: T,
}

/// A finding if a word refers to nothing.
fn dangling<'a, T>(site: Site<'_>, path: &str, reference: Reference<'a, T>) -> Option<Finding>
where
    T: IntoIterator<Item = &'a str> + Clone,
{
    let Reference {
        kind,
        word,
        by,
        home,
        valid,
    } = reference;
    if valid.clone().into_iter().any(|known| known == word) {
        return None;
    }
    let help = suggestion(word, valid).unwrap_or_else(|| match kind {
        "checklist" => format!("write {home}/{word}.yaml first"),
        _ => format!("declare the {kind} in {home} first"),
    });
    Some(
        site.error(
            Rule::Undeclared,
            path,
            format!("{by}: the {kind} \"{word}\" is not declared in {home}"),
        )
        .label(format!("no such {kind}"))
        .help(help),
    )
}

/// A finding if a role is not declared, or if nobody holds it.
fn role(
    policy: Option<&Document<Policy>>,
    site: Site<'_>,
    path: &str,
    role: &RoleName,
    by: &str,
) -> Option<Finding> {
    let document = policy?;
    let policy = &document.value;
    let reference = Reference {
        kind: "role",
        word: role.as_str(),
        by,
        home: "the policy",
        valid: policy.roles.keys().map(RoleName::as_str),
    };
    if let Some(finding) = dangling(site, path, reference) {
        return Some(finding);
    }
    policy.holders(role).is_empty().then(|| {
        site.error(
            Rule::Unheld,
            path,
            format!("{by}: nobody holds the role \"{role}\""),
        )
        .label("held by nobody")
        .help(format!(
            "add it to the roles of somebody in {}",
            document.source.file
        ))
    })
}

/// A finding if a path would leave the folder it is relative to.
fn inside(site: Site<'_>, path: &str, by: &str, file: &str) -> Option<Finding> {
    let leaves = std::path::Path::new(file).components().any(|part| {
        matches!(
            part,
            std::path::Component::ParentDir
                | std::path::Component::RootDir
                | std::path::Component::Prefix(_)
        )
    });
    let why = if file.trim().is_empty() {
        "is empty"
    } else if file.chars().any(char::is_control) {
        "contains control characters"
    } else if leaves {
        "leaves its folder"
    } else {
        return None;
    };
    Some(
        site.error(
            Rule::PathOutside,
            path,
            format!("{by}: the path {file:?} {why}"),
        )
        .help("write a path relative to the folder, without \"..\""),
    )
}

#[cfg(test)]
mod tests;
