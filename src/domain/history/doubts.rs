//! What of a release's records is acted on with reserve: windows whose opening nobody signed, and deployments that nobody
//! with authority recorded.

use serde::Serialize;

use super::History;
use crate::domain::ids::{RecordId, StageName};
use crate::domain::record::body::Anchor;
use crate::domain::record::{Body, Record, TOOL};
use crate::domain::signature::{Flaw, Standing};
use crate::domain::state::incident::Incident;
use crate::domain::state::{Origin, Recorded};

/// Something that a person has to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// What it is, for people.
    pub what: String,
    /// The next command to type.
    pub help: String,
}

/// What speaks against the record of a deployment.
pub(super) struct Disputed {
    stage: StageName,
    why: String,
    /// What was signed for the stage before, by somebody with authority.
    signed: Option<Recorded<Box<Anchor>>>,
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
        let disputes = self.state.disputes().map(|(stage, dispute)| Doubt {
            what: format!(
                "the deployment of {stage} by {} is disputed: {}; incidents and rollback work, the rest waits for a \
                 confirmation with authority",
                dispute.origin.by, dispute.why
            ),
            help: format!(
                "relgate deploy confirm --stage {stage} --reason TEXT --release {}",
                self.release
            ),
        });
        windows.chain(disputes).collect()
    }

    /// What speaks against `record` as the one of a deployment that stands, and what was signed for its stage before.
    pub(super) fn dispute_of(&self, id: &RecordId, record: &Record) -> Option<Disputed> {
        let stage = match &record.body {
            Body::DeployStarted(fact) => &fact.stage,
            Body::DeployDone(fact) => &fact.stage,
            _ => return None,
        };
        let why = match self.standings.get(id) {
            Some(Standing::Lapsed(_, flaw @ (Flaw::NoAuthority { .. } | Flaw::Revoked { .. }))) => {
                flaw.to_string()
            }
            _ => return None,
        };
        let before = self.state.deployments.get(stage);
        let signed = before.filter(|it| it.disputed.is_none());
        Some(Disputed {
            stage: stage.clone(),
            why,
            signed: signed.and_then(|it| it.anchor.clone()),
        })
    }

    /// Takes in what speaks against `record`, if it has been taken in itself.
    pub(super) fn take_dispute(&mut self, record: &Record, disputed: Disputed) {
        let origin = Origin {
            record: record.id,
            at: record.at,
            by: record.by.clone(),
        };
        let Disputed { stage, why, signed } = disputed;
        self.state.dispute_deployment(&stage, origin, why, signed);
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
