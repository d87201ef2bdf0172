//! Release notes, as Markdown and as YAML.

use std::str;

use relgate::domain::completeness;
use relgate::domain::finding::Source;
use relgate::domain::history::History;
use relgate::domain::record::digest_of;
use relgate::domain::release::ReleaseNotes;
use relgate::parse::lint::{self, Slot};
use relgate::parse::{self, Document};

use super::shared::{hold, yaml};
use super::team::{self, Case};

/// From so many bytes on, prose may hold more than YAML is read of.
const LARGE: usize = 64 * 1024;

/// Reads the bytes as both, and what is read is written and read back to the same.
pub fn target(data: &[u8]) {
    for name in ["release-notes.md", "release-notes.yaml"] {
        let file = format!("releases/2.0.0/{name}");
        let source = match parse::source(file.as_str(), data.to_vec()) {
            Ok(source) => source,
            Err(findings) => {
                assert!(str::from_utf8(data).is_err());
                return hold(&findings, &[]);
            }
        };
        match parse::notes(&source) {
            Ok(document) => read(&document),
            Err(findings) => {
                assert!(!findings.is_empty(), "refused without a finding");
                hold(&findings, &[source]);
            }
        }
    }
}

fn read(document: &Document<ReleaseNotes>) {
    let notes = &document.value;
    // Prose has no such bounds as YAML has.
    if document.source.text.len() < LARGE {
        let again =
            parse::notes(&Source::new("again.yaml", yaml(notes))).expect("what was written");
        assert_eq!(again.value, *notes);
        assert_eq!(digest_of(&again.value), digest_of(notes));
    }

    let mut workspace = team::workspace();
    if let Some(release) = workspace.releases.first_mut() {
        release.notes = Slot::Read(Box::new(document.clone()));
    }
    let findings = lint::lint(&workspace);
    hold(&findings, std::slice::from_ref(&document.source));
    completeness::gaps(notes);
    if findings.iter().any(|finding| finding.is_error()) {
        return;
    }
    let gates = workspace.releases.first();
    let gates = gates.map(|release| lint::gates(&workspace, release));
    Case {
        policy: &team::POLICY.value,
        notes,
        gates: &gates.unwrap_or_default(),
        history: &History::new(notes.release.clone()),
    }
    .decide(team::now());
}
