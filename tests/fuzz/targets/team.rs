//! A team whose files are right: what a file that may be wrong is held against.

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use relgate::domain::finding::Source;
use relgate::domain::gate::{Checklist, Gate};
use relgate::domain::history::History;
use relgate::domain::ids::{RecordId, ReleaseName};
use relgate::domain::outcome::Check;
use relgate::domain::policy::Policy;
use relgate::domain::readiness::{Decision, Facts, Inquiry, Readiness, Scope, readiness};
use relgate::domain::release::ReleaseNotes;
use relgate::parse::lint::{Release, Slot, Workspace};
use relgate::parse::{self, Document};

use super::shared::shown;

pub static POLICY: LazyLock<Document<Policy>> = LazyLock::new(|| {
    let text = include_str!("../../cli/team/relgate.yaml");
    parse::policy(&Source::new("relgate.yaml", text)).expect("the policy is right")
});

pub static NOTES: LazyLock<Document<ReleaseNotes>> = LazyLock::new(|| {
    let text = include_str!("../../cli/team/release-notes.md")
        .replace("DEPLOY_AT", "2026-11-20T10:00:00Z");
    parse::notes(&Source::new("releases/2.0.0/release-notes.md", text)).expect("notes are right")
});

pub static CHECKLIST: LazyLock<Document<Checklist>> = LazyLock::new(|| {
    let text = include_str!("../../cli/team/standard.yaml");
    let file = ".relgate/checklists/standard.yaml";
    parse::checklist(&Source::new(file, text)).expect("the checklist is right")
});

/// The day of the release.
pub fn now() -> DateTime<Utc> {
    "2026-11-20T09:00:00Z".parse().expect("a time")
}

/// A time of the release itself, of the past and of the future.
pub fn moments() -> [DateTime<Utc>; 4] {
    let of = |text: &str| text.parse().expect("a time");
    [
        now(),
        now() + TimeDelta::days(40),
        of("1999-12-31T23:59:59Z"),
        of("2096-02-29T00:00:00Z"),
    ]
}

fn slot<T: Clone>(document: &Document<T>) -> Slot<T> {
    Slot::Read(Box::new(document.clone()))
}

/// All of the team's files.
pub fn workspace() -> Workspace {
    let checklist = Source::new("releases/2.0.0/checklist.yaml", "extends: standard\n");
    Workspace {
        policy: slot(&POLICY),
        bases: [("standard".to_owned(), slot(&CHECKLIST))].into(),
        releases: vec![Release {
            folder: "2.0.0".to_owned(),
            notes: slot(&NOTES),
            checklist: slot(&parse::checklist(&checklist).expect("a checklist")),
        }],
        ..Workspace::default()
    }
}

/// What go or no-go is decided from.
pub struct Case<'a> {
    pub policy: &'a Policy,
    pub notes: &'a ReleaseNotes,
    pub gates: &'a [Gate],
    pub history: &'a History,
}

impl Case<'_> {
    /// The answer for every scope, the first one shown. A history that something is wrong with is never a go.
    pub fn decide(&self, now: DateTime<Utc>) {
        let gate = self.gates.first().map(|gate| Scope::Gate(gate.id.clone()));
        let scopes = [Scope::Deployment, Scope::Start, Scope::Closing];
        for scope in scopes.into_iter().chain(gate) {
            let readiness = readiness(&Inquiry {
                policy: self.policy,
                notes: self.notes,
                gates: self.gates,
                history: self.history,
                facts: &Facts::default(),
                scope: &scope,
                now,
            });
            let wrong = self.history.anomalies();
            assert!(
                wrong.is_empty() || readiness.decision != Decision::Go,
                "a go in spite of {wrong:?}"
            );
            if scope == Scope::Deployment {
                show(readiness);
            }
        }
    }
}

fn show(readiness: Readiness) {
    let check = Check {
        release: release(),
        gate: None,
        phase: None,
        readiness,
        asked_at: None,
        record: RecordId::of(b"a record"),
        unknown_records: 0,
    };
    shown(&check, "check");
}

pub fn release() -> ReleaseName {
    ReleaseName::new("2.0.0").expect("a name")
}
