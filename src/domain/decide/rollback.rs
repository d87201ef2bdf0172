//! Claiming a rollback, and every step from the claim to rolled back or stuck.

use super::{Actor, incident, obligation};
use crate::domain::clock::Reading;
use crate::domain::history::History;
use crate::domain::ids::{IncidentId, StageName};
use crate::domain::policy::{Action, OnExpiry, Policy};
use crate::domain::probe::judge::Sample;
use crate::domain::probe::sampling::Failure;
use crate::domain::readiness::command;
use crate::domain::record::body::{
    AttemptEnded, AttemptOutcome, Cause, Drilled, ProcessGroup, RollbackClaimed, RollbackStuck,
    RolledBack, WindowExpired,
};
use crate::domain::record::{Body, Draft, TOOL, digest_of};
use crate::domain::refusal::Refusal;
use crate::domain::release::ReleaseNotes;
use crate::domain::state::ReleaseState;
use crate::domain::state::rollback::{Rollback, Standing};

/// Claims the rollback because the window of `id` has expired. Called under the lock: exactly one caller's claim is
/// recorded, everybody else is refused.
///
/// # Errors
/// Refused where the incident was resolved, the rollback was claimed, or the window has not expired on the deciding
/// clock.
pub fn claim_expired(
    history: &History,
    id: &IncidentId,
    pid: Option<u32>,
    now: &Reading,
) -> Result<Draft, Refusal> {
    let state = history.state();
    let release = history.release();
    if state.rollback.is_some() {
        return Err(Refusal::refused(format!(
            "the rollback of {release} was claimed already"
        )));
    }
    let Some(incident) = state
        .incidents
        .get(id)
        .filter(|incident| incident.has_running_window())
    else {
        return Err(Refusal::refused(format!(
            "the incident {id} is not open any more"
        )));
    };
    if !incident.window.has_expired(now) {
        return Err(Refusal::refused(format!(
            "the window of {id} has not expired"
        )));
    }
    if incident.window.on_expiry != OnExpiry::Rollback {
        return Err(Refusal::refused(format!(
            "the window of {id} does not end in a rollback"
        )));
    }
    if incident.is_in_question(now) {
        return Err(Refusal::refused(format!(
            "whether {id} was resolved in time is in question: its resolution does not count"
        ))
        .help(command(release, "ledger verify")));
    }
    let body = Body::RollbackClaimed(RollbackClaimed {
        attempt: 1,
        cause: Cause::Expired {
            incident: id.clone(),
        },
        stage: incident.facts.stage.clone(),
        absorbs: open_ids(state),
        plan: incident.facts.plan.clone(),
        late_ms: Some(incident.window.late_ms(now)),
        pid,
    });
    Ok(Draft {
        by: TOOL.to_owned(),
        body,
    })
}

/// Records that the window of `id` has expired, where its priority does not roll back by itself.
///
/// # Errors
/// Refused where it is not open, not expired, or ends in a rollback.
pub fn expire(history: &History, id: &IncidentId, now: &Reading) -> Result<Draft, Refusal> {
    let incident = history
        .state()
        .incidents
        .get(id)
        .filter(|incident| incident.is_due(now));
    match incident {
        Some(incident) if incident.window.on_expiry != OnExpiry::Rollback => Ok(Draft {
            by: TOOL.to_owned(),
            body: Body::WindowExpired(WindowExpired {
                incident: id.clone(),
            }),
        }),
        _ => Err(Refusal::refused(format!(
            "the window of {id} asks for nothing"
        ))),
    }
}

/// Claims the rollback by hand, with authority: the first attempt, or a new one after the rollback got stuck.
///
/// # Errors
/// Refused for authority, where nothing is deployed, where it is rolled back or where an attempt runs.
pub fn claim_by_hand(
    policy: &Policy,
    notes: &ReleaseNotes,
    history: &History,
    (actor, stage): (&Actor, &StageName),
    reason: &str,
) -> Result<Draft, Refusal> {
    if reason.trim().is_empty() {
        return Err(Refusal::usage("a rollback by hand needs a reason").help("add --reason TEXT"));
    }
    let role = actor.authority(policy, Action::Rollback)?;
    let (state, release) = (history.state(), history.release());
    if state.closed.is_some() {
        return Err(Refusal::refused(format!("the release {release} is closed")));
    }
    if state.deployments.is_empty() {
        return Err(Refusal::refused(format!(
            "the release {release} was not deployed: there is nothing to roll back"
        ))
        .help(command(release, "status")));
    }
    let (attempt, plan, stage) = match &state.rollback {
        None => {
            // What was pinned when the trouble began is what runs, whatever was edited since.
            let first = state.open_incidents().next();
            let plan = match first {
                Some(incident) => incident.facts.plan.clone(),
                None => incident::pinned(notes)?,
            };
            (
                1,
                plan,
                first.map_or_else(|| stage.clone(), |incident| incident.facts.stage.clone()),
            )
        }
        Some(rollback) if rollback.is_rolled_back() => {
            return Err(
                Refusal::refused(format!("the release {release} is rolled back already"))
                    .help(command(release, "log")),
            );
        }
        Some(rollback) if !rollback.is_stuck() => {
            return Err(
                Refusal::refused(format!("the rollback of {release} runs already"))
                    .help(command(release, "watch")),
            );
        }
        Some(rollback) => {
            let next = rollback.last().map_or(1, |last| last.number + 1);
            (next, rollback.plan.clone(), rollback.stage.clone())
        }
    };
    let body = Body::RollbackClaimed(RollbackClaimed {
        attempt,
        cause: Cause::Person {
            role,
            reason: reason.trim().to_owned(),
        },
        stage,
        absorbs: open_ids(state),
        plan,
        late_ms: None,
        pid: None,
    });
    Ok(Draft {
        by: actor.person.to_string(),
        body,
    })
}

/// Claims the next attempt after one that did not succeed.
///
/// # Errors
/// Refused where somebody else claimed it, or none is left.
pub fn claim_retry(history: &History, after: u32, pid: Option<u32>) -> Result<Draft, Refusal> {
    let gone = || {
        Refusal::refused(format!(
            "attempt {} was claimed by somebody else",
            after + 1
        ))
    };
    let rollback = history.state().rollback.as_ref().ok_or_else(gone)?;
    let ready = rollback.is_running()
        && rollback.attempts_left() > 0
        && rollback
            .last()
            .is_some_and(|last| last.number == after && last.ended.is_some());
    if !ready {
        return Err(gone());
    }
    let body = Body::RollbackClaimed(RollbackClaimed {
        attempt: after + 1,
        cause: Cause::Retry,
        stage: rollback.stage.clone(),
        absorbs: open_ids(history.state()),
        plan: rollback.plan.clone(),
        late_ms: None,
        pid,
    });
    Ok(Draft {
        by: TOOL.to_owned(),
        body,
    })
}

/// Ends an attempt.
pub fn end_attempt(attempt: u32, outcome: AttemptOutcome) -> Draft {
    Draft {
        by: TOOL.to_owned(),
        body: Body::AttemptEnded(AttemptEnded { attempt, outcome }),
    }
}

/// The checks after the rollback passed: it is rolled back, and the follow-up is owed.
///
/// # Errors
/// Refused where there is no rollback to verify.
pub fn rolled_back(
    policy: &Policy,
    history: &History,
    evidence: Vec<Sample>,
    now: &Reading,
) -> Result<Draft, Refusal> {
    let state = history.state();
    let last = state
        .rollback
        .as_ref()
        .filter(|rollback| !rollback.is_rolled_back())
        .and_then(Rollback::last);
    let Some(last) = last else {
        return Err(Refusal::refused("no rollback waits for its checks"));
    };
    let body = Body::RolledBack(RolledBack {
        attempt: last.number,
        evidence,
        obligations: obligation::after_rollback(policy, state, now.wall),
    });
    Ok(Draft {
        by: TOOL.to_owned(),
        body,
    })
}

/// The attempts are used up.
///
/// # Errors
/// Refused where attempts are left or the rollback does not run.
pub fn stuck(policy: &Policy, history: &History, now: &Reading) -> Result<Draft, Refusal> {
    let state = history.state();
    let rollback = state
        .rollback
        .as_ref()
        .filter(|rollback| rollback.is_running() && rollback.attempts_left() == 0);
    let Some((rollback, last)) = rollback.and_then(|rollback| Some((rollback, rollback.last()?)))
    else {
        return Err(Refusal::refused("the rollback is not at its end"));
    };
    let reason = match last.ended.as_ref().map(|ended| &ended.fact.outcome) {
        Some(AttemptOutcome::Failed { step }) => format!("the step {step} did not succeed"),
        Some(AttemptOutcome::Lost) => "the attempt's process died without a result".to_owned(),
        Some(AttemptOutcome::NotVerified { failures }) => {
            let names: Vec<&str> = failures
                .iter()
                .map(|failure| failure.probe.as_str())
                .collect();
            format!("the checks after it do not pass: {}", names.join(", "))
        }
        Some(AttemptOutcome::Completed) | None => {
            return Err(Refusal::refused("the rollback is not at its end"));
        }
    };
    let body = Body::RollbackStuck(RollbackStuck {
        attempts: rollback.last().map_or(0, |last| last.number),
        reason,
        obligations: obligation::after_rollback(policy, state, now.wall),
    });
    Ok(Draft {
        by: TOOL.to_owned(),
        body,
    })
}

/// Records a drill of the plan.
///
/// # Errors
/// Refused for authority, or where the plan was changed while it was tried.
pub fn drilled(
    policy: &Policy,
    notes: &ReleaseNotes,
    history: &History,
    actor: &Actor,
    drill: Drilled,
) -> Result<Draft, Refusal> {
    actor.authority(policy, Action::Rollback)?;
    let release = history.release();
    if drill.steps != digest_of(&notes.steps()) {
        return Err(Refusal::refused(format!(
            "the rollback plan of {release} was changed during the drill"
        ))
        .help(command(release, "rollback --drill")));
    }
    Ok(Draft {
        by: actor.person.to_string(),
        body: Body::Drilled(drill),
    })
}

/// What the process that drives a rollback does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// There is nothing to drive.
    Nothing,
    /// Run the plan as this attempt, which is claimed and not started.
    Run(u32),
    /// The attempt was started and has no result, and this process is the only one alive: end what it left behind,
    /// and record it as lost.
    Recover(u32, Option<ProcessGroup>),
    /// Every step succeeded: ask the checks after the rollback.
    Verify(u32),
    /// It did not succeed: ask whether the target is live all the same; if not, claim the next attempt.
    AskTarget(u32),
    /// The checks did not pass: claim the next attempt.
    Retry(u32),
    /// No attempt is left.
    Stuck,
    /// It is rolled back, or stuck.
    Ended,
}

/// What the only living driver of the rollback does next.
pub fn next(state: &ReleaseState) -> Next {
    let Some(rollback) = &state.rollback else {
        return Next::Nothing;
    };
    if !matches!(rollback.standing, Standing::Running) {
        return Next::Ended;
    }
    let Some(last) = rollback.last() else {
        return Next::Nothing;
    };
    let number = last.number;
    match (
        &last.started,
        last.ended.as_ref().map(|ended| &ended.fact.outcome),
    ) {
        (None, None) => Next::Run(number),
        (Some(_), None) => Next::Recover(
            number,
            last.running.as_ref().map(|step| step.fact.group.clone()),
        ),
        (_, Some(AttemptOutcome::Completed)) => Next::Verify(number),
        (_, Some(AttemptOutcome::NotVerified { .. })) if rollback.attempts_left() > 0 => {
            Next::Retry(number)
        }
        (_, Some(AttemptOutcome::NotVerified { .. })) => Next::Stuck,
        (_, Some(AttemptOutcome::Failed { .. } | AttemptOutcome::Lost)) => Next::AskTarget(number),
    }
}

/// The probes that must pass after the rollback.
pub fn checks(rollback: &Rollback) -> Vec<crate::domain::probe::Probe> {
    rollback.plan.rollback.verify.clone().unwrap_or_default()
}

/// The outcome of checks that did not pass.
pub fn not_verified(failures: Vec<Failure>) -> AttemptOutcome {
    AttemptOutcome::NotVerified { failures }
}

fn open_ids(state: &ReleaseState) -> Vec<IncidentId> {
    state
        .open_incidents()
        .map(|incident| incident.id().clone())
        .collect()
}
