//! The files that probes name, with the places where they do. Whether they are there is looked at by the caller, who can.

use super::probe::Placed;
use super::{Release, Workspace, checklist, notes};
use crate::domain::finding::Place;
use crate::domain::probe::files::FileUse;

/// A file that a probe names.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedFile {
    /// The file that names it.
    pub file: String,
    /// Where.
    pub place: Place,
    /// The probe as messages name it.
    pub by: String,
    /// Its path, without variables.
    pub path: String,
    /// What it is used as.
    pub used_as: FileUse,
}

/// The files that the probes of every release name. A path with variables is known to the run alone.
pub fn named_files(workspace: &Workspace) -> Vec<NamedFile> {
    let of_release = |release| probes(workspace, release).into_iter().flat_map(named);
    workspace.releases.iter().flat_map(of_release).collect()
}

/// The probes of `release`, and whether they are evidence: asked by the check itself, which says what came of it.
fn probes<'a>(workspace: &'a Workspace, release: &'a Release) -> Vec<(Placed<'a>, bool)> {
    let mut all = Vec::new();
    if let Some(document) = release.checklist.document() {
        all.extend(
            checklist::probes(workspace, document)
                .into_iter()
                .map(|placed| (placed, true)),
        );
    }
    if let Some(document) = release.notes.document() {
        all.extend(
            notes::probes(document)
                .into_iter()
                .map(|placed| (placed, false)),
        );
    }
    all
}

fn named((placed, evidence): (Placed<'_>, bool)) -> Vec<NamedFile> {
    let files = placed.probe.files().into_iter();
    files
        .filter(|file| !file.path.contains("${"))
        .filter(|file| !(evidence && file.used_as == FileUse::Program))
        .map(|file| NamedFile {
            file: placed.site.source.file.clone(),
            place: placed
                .site
                .node
                .nearest_position(&format!("{}{}", placed.path, file.at)),
            by: format!("probe \"{}\"", placed.probe.id),
            path: file.path.to_owned(),
            used_as: file.used_as,
        })
        .collect()
}
