//! The state of a release: a fold over its records, one pure function.

mod anchor;
pub mod clock_jump;
mod dispute;
pub mod incident;
mod progress;
mod queries;
pub mod replacement;
pub mod rollback;
pub mod rules;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::ids::{IncidentId, ObligationId, RecordId, StageName};
use super::record::body::{
    Abandoned, Anchor, Baseline, Checked, ChecklistPass, DeployStarted, Drilled, IncidentOpened,
    Obligation, ObligationSettled, Rejection, RollbackStopped, RollbackStuck, RolledBack, SignOff,
    VerificationRun, Waiver,
};
use super::record::{Body, Record};
use super::signature::Flaw;
use clock_jump::ClockJump;
pub use dispute::Dispute;
use incident::Incident;
pub use progress::Progress;
use replacement::{Replaced, Successors};
use rollback::Rollback;
use rules::Goes;

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
    /// What had happened when a gate was signed, where anything had.
    pub progress_at: BTreeMap<RecordId, Progress>,
    /// The rejections, in order.
    pub rejections: Vec<Recorded<Rejection>>,
    /// The waivers, in order.
    pub waivers: Vec<WaiverGiven>,
    /// The last answer to go or no-go before the deployment.
    pub last_check: Option<Recorded<Checked>>,
    /// The checks that said go.
    pub goes: Goes,
    /// What metrics were before the deployment, in order of capture.
    pub baselines: Vec<Recorded<Baseline>>,
    /// The deployments by stage.
    pub deployments: BTreeMap<StageName, Deployment>,
    /// The deployments of other releases over this one that have begun and are not at their end.
    pub successors: Successors,
    /// The incidents by id.
    pub incidents: BTreeMap<IncidentId, Incident>,
    /// The rollback, once it was claimed.
    pub rollback: Option<Rollback>,
    /// The drills of the rollback plan, in order.
    pub drills: Vec<Recorded<Drilled>>,
    /// What is or was owed, by id.
    pub obligations: BTreeMap<ObligationId, Owed>,
    /// Who closed the release, and when.
    pub closed: Option<Origin>,
    /// Who said that the release will not go out, and why.
    pub abandoned: Option<Recorded<Abandoned>>,
    /// The records that claim to be older than what they follow, and who accepted that.
    pub clock_jumps: BTreeMap<RecordId, ClockJump>,
    /// How many records of each kind there are.
    pub counts: BTreeMap<String, u64>,
}

/// A waiver, and whether it was taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct WaiverGiven {
    /// What was recorded.
    pub waiver: Recorded<Waiver>,
    /// Who took it back, and when.
    pub withdrawn: Option<Origin>,
}

/// The deployment of one stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// When it began.
    pub started: Recorded<DeployStarted>,
    /// Its place among the deployments of the release, in order of their beginnings.
    pub order: usize,
    /// What it was signed with, and by which record.
    pub anchor: Option<Recorded<Box<Anchor>>>,
    /// When it was said to be done.
    pub done: Option<Origin>,
    /// When it was said not to have finished. Something of it may run.
    pub failed: Option<Origin>,
    /// Which release took its place.
    pub replaced: Option<Replaced>,
    /// Why it is disputed, until somebody with authority confirms it.
    pub disputed: Option<Dispute>,
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

impl Owed {
    /// Whether `by` may settle it: nobody settled it before, and it is not about what `by` did.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn may_be_settled_by(&self, by: &str) -> Result<(), String> {
        let id = &self.obligation.id;
        if let Some(settled) = &self.settled {
            return Err(format!("{id} was settled by {}", settled.origin.by));
        }
        let about = self.obligation.not_by.as_ref();
        match about.is_some_and(|it| it.as_str() == by) {
            true => Err(format!(
                "{id} is about what {by} did, and is settled by somebody else"
            )),
            false => Ok(()),
        }
    }
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
    /// Whether it breaks a rule of its command and could follow otherwise: then it is without effect, and no damage.
    pub breaks_rule: bool,
}

impl ReleaseState {
    /// Folds one record onto the state.
    ///
    /// # Errors
    /// [`Illegal`] where the record cannot follow what was recorded before; the state is then unchanged.
    pub fn apply(&mut self, record: &Record) -> Result<(), Illegal> {
        let illegal = |breaks_rule| {
            move |why| Illegal {
                record: record.id,
                kind: record.kind().to_owned(),
                why,
                breaks_rule,
            }
        };
        self.check(&record.body).map_err(illegal(false))?;
        self.keeps_rules(&record.by, &record.body)
            .map_err(illegal(true))?;
        self.change(&record.body, origin(record));
        match self.counts.get_mut(record.kind()) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(record.kind().to_owned(), 1);
            }
        }
        Ok(())
    }

    /// Whether a record that says `body` may follow what was recorded.
    ///
    /// # Errors
    /// Why it may not, for people.
    pub fn check(&self, body: &Body) -> Result<(), String> {
        if let Some(closed) = &self.closed
            && !matches!(
                body,
                Body::Noted(_) | Body::ObligationSettled(_) | Body::ClockJumpAccepted(_)
            )
        {
            return Err(format!("the release was closed by {}", closed.by));
        }
        match body {
            Body::DeployStarted(_) if self.rollback.is_some() => {
                Err("a rollback was started".to_owned())
            }
            Body::BaselineCaptured(_) if !self.deployments.is_empty() => {
                Err("a deployment had begun, so it is no baseline".to_owned())
            }
            Body::DeployDone(fact) => self.deployment(&fact.stage).map(|_| ()),
            Body::DeployRepinned(_) if self.rollback.is_some() => {
                Err("a rollback was started".to_owned())
            }
            Body::DeployRepinned(fact) => self.deployment(&fact.stage).map(|_| ()),
            Body::DeployFailed(fact) => self.must_be_unfinished(&fact.stage),
            Body::DeployConfirmed(fact) => self.deployment(&fact.stage).map(|_| ()),
            Body::Replacement(fact) => self.may_be_replaced(fact),
            Body::ChecklistPass(fact) => self.must_be_done(&fact.stage),
            Body::Verified(fact) => self.must_be_done(&fact.stage),
            Body::IncidentOpened(fact) => match self.incidents.get(&fact.incident) {
                Some(known) => Err(format!(
                    "the incident {} was opened by {} already",
                    fact.incident, known.opened.by
                )),
                None => Ok(()),
            },
            Body::IncidentEscalated(fact) => self.incident(&fact.incident)?.must_be_open(),
            Body::IncidentDecided(fact) => self.incident(&fact.incident)?.may_be_decided(),
            Body::IncidentResolved(fact) => self.incident(&fact.incident)?.must_be_open(),
            Body::WindowExpired(fact) => self.incident(&fact.incident)?.may_expire(),
            Body::RollbackClaimed(fact) => {
                self.has_its_cause(fact)?;
                match &self.rollback {
                    None => Rollback::may_begin(fact),
                    Some(rollback) => rollback.may_claim(fact),
                }
            }
            Body::AttemptStarted(fact) => self.claimed()?.may_start(fact),
            Body::StepStarted(fact) => self.claimed()?.may_start_step(fact),
            Body::StepEnded(fact) => self.claimed()?.may_end_step(fact),
            Body::AttemptEnded(fact) => self.claimed()?.may_end(fact),
            Body::StageRolledBack(fact) => self.claimed()?.may_be_rolled_back_in(fact),
            Body::RolledBack(fact) => self.claimed()?.may_be_verified(fact),
            Body::RollbackStuck(fact) => self.claimed()?.may_be_stuck(fact),
            Body::RollbackStopped(_) => self.claimed()?.may_be_stopped(),
            Body::ObligationSettled(fact) if !self.obligations.contains_key(&fact.obligation) => {
                Err(format!("nothing named {} is owed", fact.obligation))
            }
            Body::WaiverWithdrawn(fact) => {
                let in_force = |given: &WaiverGiven| {
                    given.withdrawn.is_none() && given.waiver.fact.requirement == fact.requirement
                };
                match self.waivers.iter().any(in_force) {
                    true => Ok(()),
                    false => Err(format!("{} is not waived", fact.requirement)),
                }
            }
            Body::Closed(_) => self.may_close(),
            Body::Abandoned(_) => self.may_be_abandoned(),
            Body::SignedOff(_)
            | Body::Rejected(_)
            | Body::Waived(_)
            | Body::Checked(_)
            | Body::BaselineCaptured(_)
            | Body::DeployStarted(_)
            | Body::Checkpoint(_)
            | Body::Drilled(_)
            | Body::ObligationSettled(_)
            | Body::ClockJumpAccepted(_)
            | Body::Noted(_)
            | Body::Unknown { .. } => Ok(()),
        }
    }

    /// Takes note of a record that does not count: of what it says, nothing; that it says so, where a window must not
    /// forget it.
    pub(super) fn set_aside(&mut self, record: &Record, flaw: &Flaw) {
        if let Body::IncidentResolved(fact) = &record.body
            && let Some(incident) = self.incidents.get_mut(&fact.incident)
        {
            incident.dispute(origin(record), flaw);
        }
    }

    /// Takes in what was checked to be legal.
    fn change(&mut self, body: &Body, origin: Origin) {
        match body {
            Body::SignedOff(fact) => {
                if !self.deployments.is_empty() {
                    self.progress_at.insert(origin.record, self.progress());
                }
                self.sign_offs.push(recorded(fact, origin));
            }
            Body::Rejected(fact) => self.rejections.push(recorded(fact, origin)),
            Body::Waived(fact) => {
                self.owe(&fact.obligations, &origin);
                self.waivers.push(WaiverGiven {
                    waiver: recorded(fact, origin),
                    withdrawn: None,
                });
            }
            Body::WaiverWithdrawn(fact) => {
                let all = self.waivers.iter_mut();
                for given in all.filter(|it| it.waiver.fact.requirement == fact.requirement) {
                    given.withdrawn.get_or_insert_with(|| origin.clone());
                }
            }
            Body::Checked(fact) => {
                self.goes.add(origin.record, fact);
                if fact.gate.is_none() && fact.phase.is_none() && !fact.repin {
                    self.last_check = Some(recorded(fact, origin));
                }
            }
            Body::BaselineCaptured(fact) => {
                let each = fact.baselines.iter();
                self.baselines
                    .extend(each.map(|one| recorded(one, origin.clone())));
            }
            Body::DeployStarted(fact) => {
                self.owe(&fact.obligations, &origin);
                let orders = self.deployments.values().map(|it| it.order + 1);
                let anchor = fact.anchor.as_ref();
                let deployment = Deployment {
                    order: orders.max().unwrap_or(0),
                    anchor: anchor.map(|it| recorded(it, origin.clone())),
                    started: recorded(fact, origin),
                    done: None,
                    failed: None,
                    disputed: None,
                    replaced: None,
                    passes: Vec::new(),
                    verification: None,
                };
                self.deployments.insert(fact.stage.clone(), deployment);
            }
            Body::DeployDone(fact) => {
                if let Some(deployment) = self.deployments.get_mut(&fact.stage) {
                    deployment.done = Some(origin);
                    deployment.passes.clear();
                    deployment.verification = None;
                }
            }
            Body::DeployRepinned(fact) => {
                if let Some(deployment) = self.deployments.get_mut(&fact.stage) {
                    deployment.anchor = Some(recorded(&fact.anchor, origin));
                }
            }
            Body::DeployConfirmed(fact) => {
                if let Some(deployment) = self.deployments.get_mut(&fact.stage) {
                    deployment.disputed = None;
                }
            }
            Body::DeployFailed(fact) => {
                if let Some(deployment) = self.deployments.get_mut(&fact.stage) {
                    deployment.failed = Some(origin);
                }
            }
            Body::Replacement(fact) => self.replace(fact, origin),
            Body::ChecklistPass(fact) => {
                if let Some(deployment) = self.deployments.get_mut(&fact.stage) {
                    deployment.passes.push(recorded(fact, origin));
                }
            }
            Body::Verified(fact) => {
                if let Some(deployment) = self.deployments.get_mut(&fact.stage) {
                    deployment.verification = Some(recorded(fact, origin));
                }
            }
            Body::IncidentOpened(fact) => self.open(fact, origin),
            Body::IncidentEscalated(fact) => {
                if let Some(incident) = self.incidents.get_mut(&fact.incident) {
                    incident.escalate(fact);
                }
            }
            Body::IncidentResolved(fact) => {
                self.owe(&fact.obligations, &origin);
                if let Some(incident) = self.incidents.get_mut(&fact.incident) {
                    incident.resolve(fact, origin);
                }
            }
            Body::IncidentDecided(fact) => {
                if let Some(incident) = self.incidents.get_mut(&fact.incident) {
                    incident.decide(fact, origin);
                }
            }
            Body::WindowExpired(fact) => {
                if let Some(incident) = self.incidents.get_mut(&fact.incident) {
                    incident.expire(origin);
                }
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
                let fact = &self.with_its_plan(fact);
                let taken_over = |stage: &StageName| {
                    let covers = fact.covers.as_ref();
                    covers.is_none_or(|covers| covers.contains(stage))
                };
                for incident in self.incidents.values_mut() {
                    if taken_over(&incident.facts.stage) {
                        incident.absorb(origin.clone());
                    }
                }
                match &mut self.rollback {
                    None => self.rollback = Some(Rollback::begin(fact, origin)),
                    Some(rollback) => rollback.claim(fact, origin),
                }
            }
            Body::ObligationSettled(fact) => {
                if let Some(owed) = self.obligations.get_mut(&fact.obligation) {
                    owed.settled = Some(recorded(fact, origin));
                }
            }
            Body::Closed(_) => self.closed = Some(origin),
            Body::Abandoned(fact) => self.abandoned = Some(recorded(fact, origin)),
            Body::ClockJumpAccepted(fact) => {
                if let Some(jump) = self.clock_jumps.get_mut(&fact.record) {
                    jump.accepted = Some(recorded(fact, origin));
                }
            }
            Body::AttemptStarted(_)
            | Body::StepStarted(_)
            | Body::StepEnded(_)
            | Body::AttemptEnded(_)
            | Body::StageRolledBack(_)
            | Body::RolledBack(_)
            | Body::RollbackStuck(_)
            | Body::RollbackStopped(_) => self.go_on(body, origin),
            Body::Drilled(fact) => self.drills.push(recorded(fact, origin)),
            Body::Noted(_) | Body::Unknown { .. } => {}
        }
    }

    /// Takes in a step of the claimed rollback.
    fn go_on(&mut self, body: &Body, origin: Origin) {
        if let Body::RolledBack(RolledBack { obligations, .. })
        | Body::RollbackStuck(RollbackStuck { obligations, .. })
        | Body::RollbackStopped(RollbackStopped { obligations, .. }) = body
        {
            self.owe(obligations, &origin);
        }
        let Some(rollback) = &mut self.rollback else {
            return;
        };
        match body {
            Body::AttemptStarted(fact) => rollback.start(recorded(fact, origin)),
            Body::StepStarted(fact) => rollback.start_step(recorded(fact, origin)),
            Body::StepEnded(fact) => rollback.end_step(fact),
            Body::AttemptEnded(fact) => rollback.end(recorded(fact, origin)),
            Body::StageRolledBack(fact) => rollback.rolled_back_in(recorded(fact, origin)),
            Body::RolledBack(fact) => {
                let last = rollback.attempt(fact.attempt).map(|it| it.stage.clone());
                // Where another release runs by now there is nothing left to take back.
                let mut others = self
                    .deployments
                    .iter()
                    .filter(|(stage, it)| Some(*stage) != last.as_ref() && it.replaced.is_none());
                let is_everywhere = others.all(|(stage, _)| rollback.is_back(stage));
                rollback.verified(recorded(fact, origin), is_everywhere);
            }
            Body::RollbackStuck(fact) => rollback.stuck(&recorded(fact, origin)),
            Body::RollbackStopped(fact) => rollback.stop(&recorded(fact, origin)),
            _ => {}
        }
    }

    /// Opens an incident. One that was opened while a rollback had been claimed elsewhere, of which its writer could not
    /// know, is taken over by it like the others.
    fn open(&mut self, fact: &IncidentOpened, origin: Origin) {
        let mut incident = Incident::open(fact.clone(), origin);
        let rollback = self.rollback.as_ref();
        let covering = rollback.filter(|it| it.is_rolled_back() || it.covers(&fact.stage));
        if let Some(claim) = covering.and_then(Rollback::last) {
            incident.absorb(claim.claimed.clone());
        }
        if let Some(by) = self.replaced(&fact.stage).cloned() {
            incident.retire(&by.successor, by.origin);
        }
        self.incidents.insert(fact.incident.clone(), incident);
    }

    fn deployment(&self, stage: &StageName) -> Result<&Deployment, String> {
        self.deployments
            .get(stage)
            .ok_or_else(|| format!("no deployment of the stage {stage} was started"))
    }

    fn must_be_done(&self, stage: &StageName) -> Result<(), String> {
        match self.deployment(stage)?.done {
            Some(_) => Ok(()),
            None => Err(format!("the deployment of the stage {stage} is not done")),
        }
    }

    fn must_be_unfinished(&self, stage: &StageName) -> Result<(), String> {
        let deployment = self.deployment(stage)?;
        match (&deployment.done, &deployment.failed) {
            (Some(done), _) => Err(format!(
                "the deployment of the stage {stage} was done, by {}",
                done.by
            )),
            (None, Some(failed)) => Err(format!(
                "that the deployment of the stage {stage} failed was recorded by {}",
                failed.by
            )),
            (None, None) => Ok(()),
        }
    }

    /// Nothing runs the release, and nobody has ended it.
    fn may_be_abandoned(&self) -> Result<(), String> {
        self.must_not_be_abandoned()?;
        if let Some(incident) = self.open_incidents().next() {
            return Err(format!("the incident {} is open", incident.id()));
        }
        if self
            .rollback
            .as_ref()
            .is_some_and(|it| it.is_running() || it.is_stuck())
        {
            return Err("the rollback is not at its end".to_owned());
        }
        if self.rollback.as_ref().is_some_and(Rollback::is_rolled_back) {
            return Err("it was rolled back: it is closed".to_owned());
        }
        match self.running_stages().first() {
            Some(stage) => Err(format!("it is deployed in {stage}")),
            None => Ok(()),
        }
    }

    fn incident(&self, id: &IncidentId) -> Result<&Incident, String> {
        self.incidents
            .get(id)
            .ok_or_else(|| format!("there is no incident {id}"))
    }

    fn claimed(&self) -> Result<&Rollback, String> {
        self.rollback
            .as_ref()
            .ok_or_else(|| "no rollback was claimed".to_owned())
    }

    fn may_close(&self) -> Result<(), String> {
        if let Some(incident) = self.blocking_incidents().next() {
            return Err(format!("the incident {} is open", incident.id()));
        }
        match &self.rollback {
            Some(rollback) if rollback.is_running() => {
                Err("the rollback is not at its end".to_owned())
            }
            Some(rollback) if rollback.is_stuck() && self.replaced_everywhere().is_none() => {
                Err("the rollback is not at its end".to_owned())
            }
            _ => Ok(()),
        }
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

fn origin(record: &Record) -> Origin {
    Origin {
        record: record.id,
        at: record.at,
        by: record.by.clone(),
    }
}

fn recorded<T: Clone>(fact: &T, origin: Origin) -> Recorded<T> {
    Recorded {
        origin,
        fact: fact.clone(),
    }
}
