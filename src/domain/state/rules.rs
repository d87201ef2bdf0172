//! What a record must bring beside being legal: the go of a deployment, the evidence of a resolution, a check that
//! said so before a closing.
//!
//! The same functions judge what is about to be recorded and what is read, so that a record written by hand has no
//! effect where the command would have refused it. A record that breaks a rule is named and is no damage: it may be
//! older than the rule. What only the moment of writing can say (calendar, a deadline, the time between two passes) is
//! judged by the decisions alone.

use std::collections::BTreeSet;

use super::ReleaseState;
use crate::domain::gate::Phase;
use crate::domain::ids::{RecordId, StageName};
use crate::domain::policy::OnExpiry;
use crate::domain::probe::judge::{Sample, Verdict};
use crate::domain::probe::sampling::Failure;
use crate::domain::readable::is_blank;
use crate::domain::record::Body;
use crate::domain::record::body::{
    Answer, Cause, Checked, ChecklistPass, Checkpoint, DecidedAnswer, DeployDone, DeployRepinned,
    DeployStarted, Drilled, IncidentDecided, IncidentEscalated, IncidentResolved,
    ObligationSettled, PinnedPlan, RollbackClaimed, StepOutcome, VerificationRun,
};
use crate::domain::timespan::Timespan;

/// By how much a record may run ahead of what its clocks say, in milliseconds: two machines whose clocks differ a little may
/// each have recorded some of what is known.
const NO_SOONER_MS: u64 = 1_000;

/// The checks that said go, by what they were about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Goes {
    deployment: BTreeSet<RecordId>,
    repin: BTreeSet<RecordId>,
    closing: BTreeSet<RecordId>,
}

impl Goes {
    /// Takes in a check, if it said go about a deployment or a closing.
    pub(super) fn add(&mut self, check: RecordId, fact: &Checked) {
        let (go, whole) = (fact.go && fact.decided, fact.gate.is_none());
        match fact.phase {
            None if go && whole && fact.repin => self.repin.insert(check),
            None if go && whole => self.deployment.insert(check),
            Some(Phase::Closure) if go && whole => self.closing.insert(check),
            _ => false,
        };
    }
}

impl ReleaseState {
    /// Whether what `by` says in `body` keeps the rules that its command keeps.
    ///
    /// # Errors
    /// The rule that it breaks, for people.
    pub fn keeps_rules(&self, by: &str, body: &Body) -> Result<(), String> {
        if matches!(
            body,
            Body::SignedOff(_)
                | Body::Rejected(_)
                | Body::Waived(_)
                | Body::DeployStarted(_)
                | Body::Closed(_)
        ) {
            self.must_not_be_abandoned()?;
        }
        match body {
            Body::DeployStarted(fact) => self.has_its_go(fact),
            Body::DeployDone(fact) => self.is_not_done_twice(fact),
            Body::DeployRepinned(fact) => self.is_repinned_by_a_go(fact),
            Body::Replacement(fact) => self.is_announced(fact),
            Body::RollbackClaimed(fact) => self
                .takes_back_no_successor(fact)
                .and_then(|()| self.is_due(fact)),
            Body::ChecklistPass(fact) => complete_pass(fact),
            Body::Verified(fact) => self.has_verified_something(fact),
            Body::IncidentEscalated(fact) => self.is_more_urgent(fact),
            Body::IncidentResolved(fact) => self.is_resolved_on_evidence(fact),
            Body::IncidentDecided(fact) => self.decides_what_opened(fact),
            Body::DeployFailed(fact) => has_reason(&fact.reason),
            Body::DeployConfirmed(fact) => {
                has_reason(&fact.reason).and_then(|()| self.may_be_confirmed(fact))
            }
            Body::Abandoned(fact) => has_reason(&fact.reason),
            Body::ClockJumpAccepted(fact) => {
                self.has_open_clock_jump(&fact.record)?;
                has_reason(&fact.reason)
            }
            Body::Checkpoint(fact) => self.says_the_time(fact),
            Body::Drilled(fact) => passed_drill(fact),
            Body::ObligationSettled(fact) => self.is_settled_by_another(by, fact),
            Body::Closed(fact) => match self.goes.closing.contains(&fact.check) {
                true => Ok(()),
                false => Err(names_no_go("closing", &fact.check)),
            },
            _ => Ok(()),
        }
    }

    fn has_its_go(&self, fact: &DeployStarted) -> Result<(), String> {
        if !self.goes.deployment.contains(&fact.go) {
            return Err(names_no_go("deployment", &fact.go));
        }
        match self.deployments.get(&fact.stage) {
            Some(running) if running.done.is_none() && running.failed.is_none() => Err(format!(
                "the deployment of {} was started by {} and is not done",
                fact.stage, running.started.origin.by
            )),
            _ => Ok(()),
        }
    }

    fn is_repinned_by_a_go(&self, fact: &DeployRepinned) -> Result<(), String> {
        match self.goes.repin.contains(&fact.go) {
            true => Ok(()),
            false => Err(names_no_go("repinning", &fact.go)),
        }
    }

    /// A claim names an open window that ends in a rollback, or goes on with a rollback that has begun, or is a person's.
    pub(super) fn has_its_cause(&self, fact: &RollbackClaimed) -> Result<(), String> {
        match &fact.cause {
            Cause::Expired { incident: id } => {
                let Some(incident) = self.incidents.get(id) else {
                    return Err(format!("there is no incident {id}"));
                };
                incident.must_be_open()?;
                match incident.window.on_expiry {
                    OnExpiry::Rollback => Ok(()),
                    other => Err(format!(
                        "the window of {id} does not end in a rollback: {}",
                        other.word()
                    )),
                }
            }
            Cause::Retry | Cause::NextStage => match &self.rollback {
                Some(_) => Ok(()),
                None => Err("no rollback was claimed".to_owned()),
            },
            Cause::Person { .. } => Ok(()),
        }
    }

    /// What a claim runs is what its window was opened with, or the rollback that it goes on with, whatever it says.
    pub(super) fn with_its_plan(&self, fact: &RollbackClaimed) -> RollbackClaimed {
        let known = match &fact.cause {
            Cause::Expired { incident } => self.incidents.get(incident).map(|it| &it.facts.plan),
            Cause::Retry | Cause::NextStage => self.rollback.as_ref().map(|it| &it.plan),
            Cause::Person { .. } => None,
        };
        let plan = known.unwrap_or(&fact.plan);
        RollbackClaimed {
            plan: PinnedPlan::new(plan.rollback.clone(), plan.previous.clone()),
            ..fact.clone()
        }
    }

    /// A second `done` would take back the passes and the verification that came after the first.
    fn is_not_done_twice(&self, fact: &DeployDone) -> Result<(), String> {
        let deployment = self.deployments.get(&fact.stage);
        if let Some(failed) = deployment.and_then(|deployment| deployment.failed.as_ref()) {
            return Err(format!(
                "that the deployment of {} failed was recorded by {}",
                fact.stage, failed.by
            ));
        }
        match deployment.and_then(|deployment| deployment.done.as_ref()) {
            Some(done) => Err(format!(
                "the deployment of {} was done already, by {}",
                fact.stage, done.by
            )),
            None => Ok(()),
        }
    }

    fn has_verified_something(&self, fact: &VerificationRun) -> Result<(), String> {
        if fact.verdict != Verdict::Pass {
            return Ok(());
        }
        let unknown = fact
            .accepted
            .iter()
            .find(|it| !self.is_accepted(&fact.stage, it));
        if let Some(failure) = unknown {
            return Err(format!(
                "it says that the failure of {} is accepted, and nobody did",
                failure.probe
            ));
        }
        if !fact.last.iter().any(passes) && fact.accepted.is_empty() {
            return Err("it says that the verification passed, and no probe did".to_owned());
        }
        if let Some(failure) = fact.failures.first() {
            return Err(format!(
                "it says that the verification passed, and the probe {} failed",
                failure.probe
            ));
        }
        match self.complete_passes(&fact.stage).is_empty() {
            true => Err(format!(
                "the deployment checklist of {} was not verified before",
                fact.stage
            )),
            false => Ok(()),
        }
    }

    /// A decision is about the failures of its incident, and about no others.
    fn decides_what_opened(&self, fact: &IncidentDecided) -> Result<(), String> {
        has_reason(&fact.reason)?;
        if let DecidedAnswer::FixWithin(limit) = &fact.answer {
            allowed_limit(*limit)?;
        }
        let Some(incident) = self.incidents.get(&fact.incident) else {
            return Ok(());
        };
        let mut decided = fact.failures.iter();
        match decided.find(|it| !incident.facts.failures.contains(it)) {
            Some(other) => Err(format!(
                "it is about a failure of {} with which {} was not opened",
                other.probe, fact.incident
            )),
            None => Ok(()),
        }
    }

    /// Whether `failure` is one that an incident of `stage` says, in the same way, which is open without a countdown or
    /// was kept.
    pub fn is_accepted(&self, stage: &StageName, failure: &Failure) -> bool {
        let mut tolerated = self.tolerated_incidents();
        tolerated.any(|incident| {
            incident.facts.stage == *stage
                && incident.failures().iter().any(|it| it.is_same(failure))
        })
    }

    /// req: A16
    fn is_more_urgent(&self, fact: &IncidentEscalated) -> Result<(), String> {
        let Some(incident) = self.incidents.get(&fact.incident) else {
            return Ok(());
        };
        let mut after = incident.window.clone();
        after.escalate(fact.window, fact.on_expiry, fact.escalated.clone());
        let sooner = after.deadline_ms() < incident.window.deadline_ms();
        match sooner || after.on_expiry != incident.window.on_expiry {
            true => Ok(()),
            false => Err(format!(
                "the window of {} would not get shorter, and {} is not more urgent",
                fact.incident, fact.priority
            )),
        }
    }

    /// req: A4
    fn is_resolved_on_evidence(&self, fact: &IncidentResolved) -> Result<(), String> {
        let Some(incident) = self.incidents.get(&fact.incident) else {
            return Ok(());
        };
        if let Some(reason) = &fact.overridden {
            return match is_blank(reason) {
                true => Err(format!("{} is overridden without a reason", fact.incident)),
                false => Ok(()),
            };
        }
        for probe in &incident.facts.probes {
            let mut evidence = fact.evidence.iter();
            if !evidence.any(|sample| sample.probe == probe.id && passes(sample)) {
                return Err(format!(
                    "{} was opened by the probe {}, which does not pass in it",
                    fact.incident, probe.id
                ));
            }
        }
        let says_how = fact.how.as_ref().is_some_and(|how| !is_blank(how));
        match incident.facts.probes.is_empty() && !says_how {
            true => Err(format!("it does not say how {} was fixed", fact.incident)),
            false => Ok(()),
        }
    }

    /// What is owed is settled once, with a word on how, and never by the one whom it is about.
    fn is_settled_by_another(&self, by: &str, fact: &ObligationSettled) -> Result<(), String> {
        let Some(owed) = self.obligations.get(&fact.obligation) else {
            return Ok(());
        };
        owed.may_be_settled_by(by)?;
        match is_blank(&fact.how) {
            true => Err(format!("it does not say how {} was done", fact.obligation)),
            false => Ok(()),
        }
    }

    /// A claim because a window expired comes at its deadline, by the clocks at the claim, and not before.
    fn is_due(&self, fact: &RollbackClaimed) -> Result<(), String> {
        let (Cause::Expired { incident: id }, Some(claimed)) = (&fact.cause, &fact.claimed) else {
            return Ok(());
        };
        let Some(incident) = self.incidents.get(id) else {
            return Ok(());
        };
        match incident.window.left_ms(claimed) {
            left if left > NO_SOONER_MS => Err(format!(
                "it claims the rollback {left} ms before the window of {id} expires"
            )),
            _ => Ok(()),
        }
    }

    /// A checkpoint says as much time as its clocks say has passed, no less and no more.
    fn says_the_time(&self, fact: &Checkpoint) -> Result<(), String> {
        for (id, elapsed_ms) in &fact.elapsed_ms {
            let Some(incident) = self.incidents.get(id) else {
                continue;
            };
            let known = incident.window.elapsed(&fact.reading).ms;
            let longest = known.saturating_add(NO_SOONER_MS);
            if *elapsed_ms < known || *elapsed_ms > longest {
                return Err(format!(
                    "it says that {elapsed_ms} ms of the window of {id} had passed, and {known} ms had"
                ));
            }
        }
        Ok(())
    }
}

/// The longest time that a decision gives to fix something: whoever needs more decides again.
pub const LONGEST_FIX: Timespan = Timespan::from_minutes(7 * 24 * 60);

/// Whether a decision may give this much time.
///
/// # Errors
/// Why not.
pub fn allowed_limit(limit: Timespan) -> Result<(), String> {
    match limit == Timespan::ZERO || limit > LONGEST_FIX {
        true => Err(format!(
            "the time to fix it is {limit}: expected more than 0s, and {LONGEST_FIX} at most"
        )),
        false => Ok(()),
    }
}

fn has_reason(reason: &str) -> Result<(), String> {
    match is_blank(reason) {
        true => Err("it gives no reason".to_owned()),
        false => Ok(()),
    }
}

fn names_no_go(what: &str, check: &RecordId) -> String {
    format!(
        "the check {} that it names did not say go for the {what}",
        check.short()
    )
}

/// req: A7
fn complete_pass(fact: &ChecklistPass) -> Result<(), String> {
    if !fact.complete {
        return Ok(());
    }
    let refused = fact.answers.iter().find(|it| it.answer == Answer::No);
    if let Some(answered) = refused {
        return Err(format!(
            "it says that the pass was complete, and {} was answered with no",
            answered.item
        ));
    }
    let failed = fact.evidence.iter().find(|sample| !passes(sample));
    match (failed, fact.answers.is_empty() && fact.evidence.is_empty()) {
        (Some(sample), _) => Err(format!(
            "it says that the pass was complete, and the probe {} did not pass",
            sample.probe
        )),
        (None, true) => Err("it says that the pass was complete, and holds no answer".to_owned()),
        (None, false) if !fact.failed.is_empty() => {
            Err("it says that the pass was complete, and names what failed".to_owned())
        }
        (None, false) => Ok(()),
    }
}

/// req: D9
fn passed_drill(fact: &Drilled) -> Result<(), String> {
    let succeeded = |outcome: &StepOutcome| *outcome == StepOutcome::Exited { code: 0 };
    let proved = !fact.ended.is_empty()
        && fact.ended.iter().all(|step| succeeded(&step.end.outcome))
        && (fact.evidence.is_empty() || fact.evidence.iter().any(passes));
    match fact.passed && !proved {
        true => {
            Err("it says that the drill passed, and a step or a check of it did not".to_owned())
        }
        false => Ok(()),
    }
}

fn passes(sample: &Sample) -> bool {
    sample.verdict == Verdict::Pass
}
