//! The policy, and the calendar in it.

use relgate::domain::calendar::{Allowed, Calendar};
use relgate::domain::finding::Source;
use relgate::domain::history::History;
use relgate::domain::policy::Policy;
use relgate::parse::lint::{self, Slot};
use relgate::parse::{self, Document};

use super::shared::{hold, yaml};
use super::team::{self, Case};

/// Reads the bytes, and decides by them where they are right.
pub fn target(data: &[u8]) {
    let Ok(source) = parse::source("relgate.yaml", data.to_vec()) else {
        return;
    };
    match parse::policy(&source) {
        Ok(document) => read(document),
        Err(findings) => {
            assert!(!findings.is_empty(), "refused without a finding");
            hold(&findings, &[source]);
        }
    }
}

fn read(document: Document<Policy>) {
    let policy = document.value.clone();
    let again = parse::policy(&Source::new("again.yaml", yaml(&policy))).expect("what was written");
    assert_eq!(again.value, policy);

    let source = document.source.clone();
    let mut workspace = team::workspace();
    workspace.policy = Slot::Read(Box::new(document));
    let findings = lint::lint(&workspace);
    hold(&findings, &[source]);
    policy.priorities();
    if findings.iter().any(|finding| finding.is_error()) {
        return;
    }
    if let Some(calendar) = &policy.calendar {
        days(calendar);
    }
    let notes = &team::NOTES.value;
    let gates = workspace.releases.first();
    let gates = gates.map(|release| lint::gates(&workspace, release));
    Case {
        policy: &policy,
        notes,
        gates: &policy.with_approvals(notes.kind, gates.unwrap_or_default()),
        history: &History::new(team::release()),
    }
    .decide(team::now());
}

/// What is closed until a moment is open then, and a day that is due ends after it was asked for.
fn days(calendar: &Calendar) {
    for at in team::moments() {
        if let Allowed::Closed { by, until } = calendar.allows(at) {
            assert!(!by.is_empty(), "closed by nothing");
            if let Some(until) = until {
                assert!(until > at, "closed at {at} until {until}");
                assert_eq!(calendar.allows(until), Allowed::Open, "at {until}");
            }
        }
        let due = calendar.end_of_next_business_day(at);
        assert!(due > at, "due at {due}, asked for at {at}");
    }
}
