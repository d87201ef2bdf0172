//! Checklists: a release's own, and one that others extend.

use relgate::domain::history::History;
use relgate::parse;
use relgate::parse::lint::{self, Slot};

use super::shared::hold;
use super::team::{self, Case};

/// Reads the bytes as both at once, so that a checklist that extends `standard` extends itself.
pub fn target(data: &[u8]) {
    let own = parse::source("releases/2.0.0/checklist.yaml", data.to_vec());
    let base = parse::source(".relgate/checklists/standard.yaml", data.to_vec());
    let (Ok(own), Ok(base)) = (own, base) else {
        return;
    };
    let read = match parse::checklist(&own) {
        Ok(read) => read,
        Err(findings) => {
            assert!(!findings.is_empty(), "refused without a finding");
            return hold(&findings, &[own]);
        }
    };
    let mut workspace = team::workspace();
    for with_base in [false, true] {
        if let Some(release) = workspace.releases.first_mut() {
            release.checklist = Slot::Read(Box::new(read.clone()));
        }
        if with_base && let Ok(read) = parse::checklist(&base) {
            let slot = Slot::Read(Box::new(read));
            workspace.bases.insert("standard".to_owned(), slot);
        }
        let findings = lint::lint(&workspace);
        hold(&findings, &[own.clone(), base.clone()]);
        let Some(release) = workspace.releases.first() else {
            continue;
        };
        let gates = lint::gates(&workspace, release);
        if findings.iter().any(|finding| finding.is_error()) {
            continue;
        }
        let (policy, notes) = (&team::POLICY.value, &team::NOTES.value);
        let history = History::new(team::release());
        let case = Case {
            policy,
            notes,
            gates: &policy.with_approvals(notes.kind, gates),
            history: &history,
        };
        case.decide(team::now());
    }
}
