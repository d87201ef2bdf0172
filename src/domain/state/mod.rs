//! The state of a release: a fold over its records, one pure function.

pub mod incident;
pub mod rollback;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::ids::{IncidentId, ObligationId, RecordId, StageName};
use super::record::body::{
    Checked, ChecklistPass, DeployStarted, Obligation, ObligationSettled, Rejection, SignOff,
    VerificationRun,
};
use super::record::{Body, Record};
use incident::Incident;
use rollback::Rollback;

/// Where, when and by whom something was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The record.
    pub record: RecordId,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: String,
}

/// Something recorded, with its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded<T> {
    /// Where it comes from.
    pub origin: Origin,
    /// What was recorded.
    pub fact: T,
}

/// All that a release's records say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReleaseState {
    /// The sign-offs, in order.
    pub sign_offs: Vec<Recorded<SignOff>>,
    /// The rejections, in order.
    pub rejections: Vec<Recorded<Rejection>>,
    /// The last answer to go or no-go before the deployment.
    pub last_check: Option<Recorded<Checked>>,
    /// The deployments by stage.
    pub deployments: BTreeMap<StageName, Deployment>,
    /// The incidents by id.
    pub incidents: BTreeMap<IncidentId, Incident>,
    /// The rollback, once it was claimed.
    pub rollback: Option<Rollback>,
    /// What is or was owed, by id.
    pub obligations: BTreeMap<ObligationId, Owed>,
    /// Who closed the release, and when.
    pub closed: Option<Origin>,
    /// How many records of each kind there are.
    pub counts: BTreeMap<String, u64>,
}

/// The deployment of one stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// When it began.
    pub started: Recorded<DeployStarted>,
    /// When it was said to be done.
    pub done: Option<Origin>,
    /// The passes over the deployment checklist since it was done.
    pub passes: Vec<Recorded<ChecklistPass>>,
    /// The last run of the verification plan since it was done.
    pub verification: Option<Recorded<VerificationRun>>,
}

/// Something owed.
#[derive(Clone, Debug, PartialEq)]
pub struct Owed {
    /// Since when, and because of what.
    pub opened: Origin,
    /// What.
    pub obligation: Obligation,
    /// How it was settled.
    pub settled: Option<Recorded<ObligationSettled>>,
}

/// A record that is illegal in the state that it meets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record {} ({kind}) is illegal here: {why}", record.short())]
pub struct Illegal {
    /// Which record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// Why.
    pub why: String,
}

impl ReleaseState {
    /// Folds one record onto the state.
    ///
    /// # Errors
    /// [`Illegal`] where the record cannot follow what was recorded before; the state is then unchanged.
    pub fn apply(&mut self, record: &Record) -> Result<(), Illegal> {
        let illegal = |why: String| Illegal {
            record: record.id,
            kind: record.kind().to_owned(),
            why,
        };
        let origin = || Origin {
            record: record.id,
            at: record.at,
            by: record.by.clone(),
        };
        if self.closed.is_some()
            && !matches!(record.body, Body::Noted(_) | Body::ObligationSettled(_))
        {
            return Err(illegal("the release is closed".to_owned()));
        }
        match &record.body {
            Body::SignedOff(fact) => self.sign_offs.push(Recorded {
                origin: origin(),
                fact: fact.clone(),
            }),
            Body::Rejected(fact) => self.rejections.push(Recorded {
                origin: origin(),
                fact: fact.clone(),
            }),
            Body::Checked(fact) => {
                if fact.gate.is_none() && fact.phase.is_none() {
                    self.last_check = Some(Recorded {
                        origin: origin(),
                        fact: fact.clone(),
                    });
                }
            }
            Body::DeployStarted(fact) => self.start_deployment(fact, origin()).map_err(illegal)?,
            Body::DeployDone(fact) => {
                let deployment = self.deployment_mut(&fact.stage).map_err(illegal)?;
                deployment.done = Some(origin());
                deployment.passes.clear();
                deployment.verification = None;
            }
            Body::ChecklistPass(fact) => {
                let deployment = self.done_deployment_mut(&fact.stage).map_err(illegal)?;
                deployment.passes.push(Recorded {
                    origin: origin(),
                    fact: fact.clone(),
                });
            }
            Body::Verified(fact) => {
                let deployment = self.done_deployment_mut(&fact.stage).map_err(illegal)?;
                deployment.verification = Some(Recorded {
                    origin: origin(),
                    fact: fact.clone(),
                });
            }
            Body::IncidentOpened(fact) => {
                if self.incidents.contains_key(&fact.incident) {
                    return Err(illegal(format!(
                        "the incident {} is open already",
                        fact.incident
                    )));
                }
                self.incidents.insert(
                    fact.incident.clone(),
                    Incident::open(fact.clone(), origin()),
                );
            }
            Body::IncidentEscalated(fact) => {
                self.incident_mut(&fact.incident)
                    .and_then(|it| it.escalate(fact, origin()))
                    .map_err(illegal)?;
            }
            Body::IncidentResolved(fact) => {
                self.incident_mut(&fact.incident)
                    .and_then(|it| it.resolve(fact, origin()))
                    .map_err(illegal)?;
                self.owe(&fact.obligations, &origin());
            }
            Body::WindowExpired(fact) => {
                self.incident_mut(&fact.incident)
                    .and_then(|it| it.expire(origin()))
                    .map_err(illegal)?;
            }
            Body::Checkpoint(fact) => {
                for (incident, elapsed_ms) in &fact.elapsed_ms {
                    if let Some(incident) = self.incidents.get_mut(incident) {
                        incident
                            .window
                            .checkpoint(fact.reading.clone(), *elapsed_ms);
                    }
                }
            }
            Body::RollbackClaimed(fact) => {
                let rollback = match &self.rollback {
                    None => Rollback::claim(fact, origin()),
                    Some(rollback) => rollback.clone().claim_again(fact, origin()),
                }
                .map_err(illegal)?;
                for incident in &fact.absorbs {
                    if let Some(incident) = self.incidents.get_mut(incident) {
                        incident.absorb(origin());
                    }
                }
                self.rollback = Some(rollback);
            }
            Body::AttemptStarted(fact) => {
                self.rollback_mut()
                    .and_then(|it| it.start(fact, origin()))
                    .map_err(illegal)?;
            }
            Body::StepStarted(fact) => {
                self.rollback_mut()
                    .and_then(|it| it.start_step(fact, origin()))
                    .map_err(illegal)?;
            }
            Body::StepEnded(fact) => {
                self.rollback_mut()
                    .and_then(|it| it.end_step(fact))
                    .map_err(illegal)?;
            }
            Body::AttemptEnded(fact) => {
                self.rollback_mut()
                    .and_then(|it| it.end(fact, origin()))
                    .map_err(illegal)?;
            }
            Body::RolledBack(fact) => {
                self.rollback_mut()
                    .and_then(|it| it.verified(fact, origin()))
                    .map_err(illegal)?;
                self.owe(&fact.obligations, &origin());
            }
            Body::RollbackStuck(fact) => {
                self.rollback_mut()
                    .and_then(|it| it.stuck(fact, origin()))
                    .map_err(illegal)?;
                self.owe(&fact.obligations, &origin());
            }
            Body::ObligationSettled(fact) => {
                let Some(owed) = self.obligations.get_mut(&fact.obligation) else {
                    return Err(illegal(format!(
                        "nothing named {} is owed",
                        fact.obligation
                    )));
                };
                owed.settled = Some(Recorded {
                    origin: origin(),
                    fact: fact.clone(),
                });
            }
            Body::Closed(_) => {
                if let Some(incident) = self.open_incidents().next() {
                    return Err(illegal(format!("the incident {} is open", incident.id())));
                }
                self.closed = Some(origin());
            }
            Body::Noted(_) | Body::Unknown { .. } => {}
        }
        match self.counts.get_mut(record.kind()) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(record.kind().to_owned(), 1);
            }
        }
        Ok(())
    }

    /// The incidents that are neither resolved nor absorbed in a rollback, in order of opening.
    pub fn open_incidents(&self) -> impl Iterator<Item = &Incident> {
        let mut open: Vec<&Incident> = self
            .incidents
            .values()
            .filter(|incident| incident.is_open())
            .collect();
        open.sort_by_key(|incident| incident.opened.at);
        open.into_iter()
    }

    /// The id of the next incident: `I1`, `I2`, …
    pub fn next_incident(&self) -> Option<IncidentId> {
        let taken = |number: usize| self.incidents.contains_key(format!("I{number}").as_str());
        let number = (self.incidents.len() + 1..).find(|number| !taken(*number))?;
        IncidentId::new(format!("I{number}")).ok()
    }

    /// The id of the `place`-th next obligation, from 0: `O1`, `O2`, …
    pub fn next_obligation(&self, place: usize) -> Option<ObligationId> {
        ObligationId::new(format!("O{}", self.obligations.len() + 1 + place)).ok()
    }

    /// Whether any stage was deployed, and nothing says that it went back.
    pub fn is_deployed(&self) -> bool {
        !self.deployments.is_empty()
            && !self.rollback.as_ref().is_some_and(Rollback::is_rolled_back)
    }

    /// Whether the release needs nothing any more: closed, or rolled back.
    pub fn is_over(&self) -> bool {
        self.closed.is_some() || self.rollback.as_ref().is_some_and(Rollback::is_rolled_back)
    }

    /// The last passes over the deployment checklist of `stage` that are complete, without an incomplete one after
    /// them.
    pub fn complete_passes(&self, stage: &StageName) -> Vec<&Recorded<ChecklistPass>> {
        let passes = self
            .deployments
            .get(stage)
            .map(|deployment| deployment.passes.as_slice())
            .unwrap_or_default();
        let from = passes
            .iter()
            .rposition(|pass| !pass.fact.complete)
            .map_or(0, |last| last + 1);
        passes[from..].iter().collect()
    }

    fn start_deployment(&mut self, fact: &DeployStarted, origin: Origin) -> Result<(), String> {
        if self.rollback.is_some() {
            return Err("a rollback was started".to_owned());
        }
        let started = Recorded {
            origin,
            fact: fact.clone(),
        };
        self.deployments.insert(
            fact.stage.clone(),
            Deployment {
                started,
                done: None,
                passes: Vec::new(),
                verification: None,
            },
        );
        Ok(())
    }

    fn deployment_mut(&mut self, stage: &StageName) -> Result<&mut Deployment, String> {
        self.deployments
            .get_mut(stage)
            .ok_or_else(|| format!("no deployment of the stage {stage} was started"))
    }

    fn done_deployment_mut(&mut self, stage: &StageName) -> Result<&mut Deployment, String> {
        let deployment = self.deployment_mut(stage)?;
        if deployment.done.is_none() {
            return Err(format!("the deployment of the stage {stage} is not done"));
        }
        Ok(deployment)
    }

    fn incident_mut(&mut self, id: &IncidentId) -> Result<&mut Incident, String> {
        self.incidents
            .get_mut(id)
            .ok_or_else(|| format!("there is no incident {id}"))
    }

    fn rollback_mut(&mut self) -> Result<&mut Rollback, String> {
        self.rollback
            .as_mut()
            .ok_or_else(|| "no rollback was claimed".to_owned())
    }

    fn owe(&mut self, obligations: &[Obligation], origin: &Origin) {
        for obligation in obligations {
            self.obligations
                .entry(obligation.id.clone())
                .or_insert_with(|| Owed {
                    opened: origin.clone(),
                    obligation: obligation.clone(),
                    settled: None,
                });
        }
    }
}
