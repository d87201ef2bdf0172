//! What of a release's records is acted on with reserve: windows whose opening nobody signed, and deployments that nobody
//! with authority recorded.

use serde::Serialize;

use super::History;
use crate::domain::record::{Body, TOOL};
use crate::domain::state::incident::Incident;

/// Something that a person has to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// What it is, for people.
    pub what: String,
    /// The next command to type.
    pub help: String,
}

impl History {
    /// What a person has to look at.
    pub fn doubts(&self) -> Vec<Doubt> {
        let windows = self.unsigned_openings().map(|incident| Doubt {
            what: format!(
                "nobody signed the opening of {}: its window asks for a decision, and no rollback runs by itself",
                incident.id()
            ),
            help: format!(
                "relgate incident decide {} --keep --reason TEXT --release {}",
                incident.id(),
                self.release
            ),
        });
        windows.collect()
    }

    /// The open incidents that would end in a rollback if what opened them were attested.
    fn unsigned_openings(&self) -> impl Iterator<Item = &Incident> {
        let open = self.state.open_incidents();
        open.filter(|incident| {
            let record = self.find(&incident.opened.record);
            incident.opened.by == TOOL
                && record.is_some_and(|record| match &record.body {
                    Body::IncidentOpened(said) => said.on_expiry != incident.facts.on_expiry,
                    _ => false,
                })
        })
    }
}
