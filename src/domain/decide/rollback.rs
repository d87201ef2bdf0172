//! Claiming a rollback, and every step from the claim to rolled back or stuck.

use super::{Actor, incident, obligation};
use crate::domain::clock::Reading;
use crate::domain::history::History;
use crate::domain::ids::{IncidentId, StageName};
use crate::domain::policy::{Action, OnExpiry, Policy};
use crate::domain::probe::judge::Sample;
use crate::domain::probe::sampling::Failure;
use crate::domain::readable::is_blank;
use crate::domain::readiness::command;
use crate::domain::record::body::{
    AttemptEnded, AttemptOutcome, Cause, Drilled, PinnedPlan, ProcessGroup, RollbackClaimed,
    RollbackStopped, RollbackStuck, RolledBack, StageRolledBack, StepStarted, WindowExpired,
};
use crate::domain::record::{Body, Draft, TOOL, digest_of};
use crate::domain::refusal::Refusal;
use crate::domain::release::{ReleaseNotes, RollbackScope};
use crate::domain::state::rollback::{Rollback, StageRollback, StageStanding};
use crate::domain::state::{Recorded, ReleaseState};

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
    let of = state.incidents.get(id).map(|it| &it.facts.stage);
    if of.is_none_or(|stage| state.is_taken_back(stage)) && state.rollback.is_some() {
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
    if let Some((successor, _)) = state.waits_for(now) {
        return Err(Refusal::refused(format!(
            "{successor} is being deployed: the rollback of {release} waits for its end"
        ))
        .help(command(successor, "status")));
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
    let own = &incident.facts.stage;
    let plan = incident.facts.plan.clone();
    let mut covers = match plan.rollback.scope.unwrap_or_default() {
        RollbackScope::Release => not_taken_back(state),
        RollbackScope::Stage => vec![own.clone()],
    };
    // Whatever the records say of deployments: where the trouble is, the release is taken back.
    if !covers.contains(own) {
        covers.push(own.clone());
    }
    let body = Body::RollbackClaimed(RollbackClaimed {
        attempt: next_attempt(state),
        cause: Cause::Expired {
            incident: id.clone(),
        },
        stage: covers.first().unwrap_or(own).clone(),
        absorbs: open_ids(state, &covers),
        covers: Some(covers),
        plan,
        late_ms: Some(incident.window.late_ms(now)),
        claimed: Some(now.clone()),
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

/// Claims the rollback by hand, with authority: of `stage`, or of every stage that runs the release; the first attempt,
/// or a new one after the rollback got stuck.
///
/// # Errors
/// Refused for authority, where the release does not run there, or where it is taken back already.
pub fn claim_by_hand(
    policy: &Policy,
    notes: &ReleaseNotes,
    history: &History,
    (actor, stage): (&Actor, Option<&StageName>),
    (reason, now): (&str, &Reading),
) -> Result<Draft, Refusal> {
    if is_blank(reason) {
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
    let rollback = state.rollback.as_ref();
    if rollback.is_some_and(Rollback::is_rolled_back) {
        return Err(
            Refusal::refused(format!("the release {release} is rolled back already"))
                .help(command(release, "log")),
        );
    }
    if let Some((successor, _)) = state.waits_for(now) {
        return Err(Refusal::refused(format!(
            "{successor} is being deployed over {release}: one deployment or rollback at a time"
        ))
        .help(command(successor, "deploy fail --reason TEXT")));
    }
    let replaced = match stage {
        Some(stage) => state.replaced(stage),
        None => state.replaced_everywhere(),
    };
    if let Some(by) = replaced {
        return Err(Refusal::refused(format!(
            "{} took the place of {release}: a rollback never runs over a newer release",
            by.successor
        ))
        .help(command(&by.successor, "rollback --reason TEXT")));
    }
    if let Some(stage) = stage.filter(|stage| !state.runs(stage)) {
        let how = match state.deployments.contains_key(stage) {
            true => "was rolled back already",
            false => "was not deployed",
        };
        return Err(
            Refusal::refused(format!("the stage {stage} {how}")).help(command(release, "status"))
        );
    }
    let is_stuck = |stage: &StageName| {
        let known = rollback.and_then(|it| it.stage(stage));
        known.is_some_and(StageRollback::is_stuck)
    };
    let whole = rollback.filter(|it| it.is_whole());
    let covers: Vec<StageName> = match (whole, stage) {
        // The stage of a rollback that was claimed without saying what it covers stands for all.
        (Some(whole), _) => whole.stuck_stages().map(|it| it.stage.clone()).collect(),
        (None, Some(stage)) => vec![stage.clone()],
        (None, None) => state.running_stages(),
    };
    let covers: Vec<StageName> = covers
        .into_iter()
        .filter(|stage| is_stuck(stage) || !state.is_taken_back(stage))
        .collect();
    let Some(first) = covers.first().cloned() else {
        return Err(
            Refusal::refused(format!("the rollback of {release} runs already"))
                .help(command(release, "watch")),
        );
    };
    // What was pinned when the trouble began is what runs, whatever was edited since.
    let known = rollback.and_then(|it| it.stage(&first));
    let incident = state
        .open_incidents()
        .find(|it| covers.contains(&it.facts.stage))
        .or_else(|| state.open_incidents().next());
    let plan = match (known, incident) {
        (Some(known), _) => known.plan.clone(),
        (None, Some(incident)) if !incident.facts.plan.steps().is_empty() => {
            incident.facts.plan.clone()
        }
        (None, _) => incident::pinned(notes)?,
    };
    let body = Body::RollbackClaimed(RollbackClaimed {
        attempt: next_attempt(state),
        cause: Cause::Person {
            role,
            reason: reason.trim().to_owned(),
        },
        stage: first,
        absorbs: open_ids(state, &covers),
        covers: whole.is_none().then_some(covers),
        plan,
        late_ms: None,
        claimed: None,
        pid: None,
    });
    Ok(Draft {
        by: actor.person.to_string(),
        body,
    })
}

/// Claims the next attempt for the stage of the attempt `after`, which did not succeed.
///
/// # Errors
/// Refused where somebody else claimed it, or none is left.
pub fn claim_retry(history: &History, after: u32, pid: Option<u32>) -> Result<Draft, Refusal> {
    let gone = || Refusal::refused(format!("attempt {after} was followed by another already"));
    let rollback = history.state().rollback.as_ref().ok_or_else(gone)?;
    let attempt = rollback.attempt(after).ok_or_else(gone)?;
    let stage = rollback.stage(&attempt.stage).ok_or_else(gone)?;
    let ready = stage.is_running()
        && rollback.attempts_left(&stage.stage) > 0
        && attempt.ended.is_some()
        && rollback
            .last_of(&stage.stage)
            .is_some_and(|last| last.number == after);
    if !ready {
        return Err(gone());
    }
    Ok(go_on(history.state(), rollback, stage, (Cause::Retry, pid)))
}

/// Claims the first attempt of a stage that waits for it.
///
/// # Errors
/// Refused where somebody else claimed it, or the rollback was stopped.
pub fn claim_next_stage(
    history: &History,
    stage: &StageName,
    pid: Option<u32>,
) -> Result<Draft, Refusal> {
    let gone = || Refusal::refused(format!("the stage {stage} does not wait for its rollback"));
    let rollback = history.state().rollback.as_ref().ok_or_else(gone)?;
    let waiting = rollback
        .stage(stage)
        .filter(|it| matches!(it.standing, StageStanding::Waiting))
        .ok_or_else(gone)?;
    let cause = (Cause::NextStage, pid);
    Ok(go_on(history.state(), rollback, waiting, cause))
}

fn go_on(
    state: &ReleaseState,
    rollback: &Rollback,
    stage: &StageRollback,
    (cause, pid): (Cause, Option<u32>),
) -> Draft {
    let all = rollback.stages.iter();
    let covers: Vec<StageName> = all.map(|it| it.stage.clone()).collect();
    let body = Body::RollbackClaimed(RollbackClaimed {
        attempt: rollback.next_attempt(),
        cause,
        stage: stage.stage.clone(),
        absorbs: open_ids(state, &covers),
        covers: (!rollback.is_whole()).then_some(covers),
        plan: stage.plan.clone(),
        late_ms: None,
        claimed: None,
        pid,
    });
    Draft {
        by: TOOL.to_owned(),
        body,
    }
}

/// Stops the rollback, with authority: what runs is ended by whoever called, and no attempt follows by itself.
///
/// # Errors
/// Refused for authority, or where no rollback runs.
pub fn stop(
    policy: &Policy,
    history: &History,
    actor: &Actor,
    reason: &str,
    now: &Reading,
) -> Result<Draft, Refusal> {
    if reason.trim().is_empty() {
        return Err(Refusal::usage("stopping a rollback needs a reason").help("add --reason TEXT"));
    }
    let role = actor.authority(policy, Action::Rollback)?;
    let (state, release) = (history.state(), history.release());
    let how = match &state.rollback {
        Some(rollback) if rollback.is_running() => None,
        Some(rollback) if rollback.is_stuck() => Some("is stuck: nothing of it runs by itself"),
        Some(_) => Some("is at its end"),
        None => Some("was not claimed"),
    };
    if let Some(how) = how {
        return Err(Refusal::refused(format!("the rollback of {release} {how}"))
            .help(command(release, "status")));
    }
    Ok(Draft {
        by: actor.person.to_string(),
        body: Body::RollbackStopped(RollbackStopped {
            role,
            reason: reason.trim().to_owned(),
            obligations: obligation::after_rollback(policy, state, now.wall),
        }),
    })
}

/// Ends an attempt.
pub fn end_attempt(state: &ReleaseState, attempt: u32, outcome: AttemptOutcome) -> Draft {
    Draft {
        by: TOOL.to_owned(),
        body: Body::AttemptEnded(AttemptEnded {
            attempt,
            stage: stage_of(state, attempt),
            outcome,
        }),
    }
}

/// The stage that an attempt takes back.
pub fn stage_of(state: &ReleaseState, attempt: u32) -> Option<StageName> {
    let rollback = state.rollback.as_ref()?;
    rollback.attempt(attempt).map(|it| it.stage.clone())
}

/// The checks after the rollback passed in the stage of `attempt`: with the last stage it is rolled back, and the
/// follow-up is owed.
///
/// # Errors
/// Refused where there is no rollback to verify.
pub fn rolled_back(
    policy: &Policy,
    history: &History,
    (attempt, evidence): (u32, Vec<Sample>),
    now: &Reading,
) -> Result<Draft, Refusal> {
    let state = history.state();
    let rollback = state.rollback.as_ref();
    let found = rollback.and_then(|rollback| {
        let stage = &rollback.attempt(attempt)?.stage;
        let stage = rollback.stage(stage)?;
        let waits = !stage.is_rolled_back() && !matches!(stage.standing, StageStanding::Stopped(_));
        waits.then_some((rollback, stage))
    });
    let Some((rollback, stage)) = found else {
        return Err(Refusal::refused("no rollback waits for its checks"));
    };
    let body = match rollback.others_are_back(&stage.stage) {
        true => Body::RolledBack(RolledBack {
            attempt,
            stages: match rollback.is_whole() {
                true => Vec::new(),
                false => rollback.stages.iter().map(|it| it.stage.clone()).collect(),
            },
            still_running: match rollback.is_whole() {
                true => Vec::new(),
                false => not_taken_back(state),
            },
            evidence,
            obligations: obligation::after_rollback(policy, state, now.wall),
        }),
        false => Body::StageRolledBack(StageRolledBack {
            stage: stage.stage.clone(),
            attempt,
            evidence,
        }),
    };
    Ok(Draft {
        by: TOOL.to_owned(),
        body,
    })
}

/// The attempts of a stage are used up.
///
/// # Errors
/// Refused where attempts are left or the rollback does not run.
pub fn stuck(
    policy: &Policy,
    history: &History,
    stage: &StageName,
    now: &Reading,
) -> Result<Draft, Refusal> {
    let state = history.state();
    let found = state.rollback.as_ref().and_then(|rollback| {
        let known = rollback.stage(stage).filter(|it| it.is_running())?;
        let is_over = rollback.attempts_left(stage) == 0;
        Some((
            rollback,
            rollback.last_of(&known.stage).filter(|_| is_over)?,
        ))
    });
    let Some((rollback, last)) = found else {
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
        Some(AttemptOutcome::Completed | AttemptOutcome::Stopped) | None => {
            return Err(Refusal::refused("the rollback is not at its end"));
        }
    };
    let made = rollback.attempts_of(stage).count();
    let body = Body::RollbackStuck(RollbackStuck {
        stage: (!rollback.is_whole()).then(|| stage.clone()),
        attempts: u32::try_from(made).unwrap_or(u32::MAX),
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
    /// A stage waits for its first attempt: claim it.
    NextStage(StageName),
    /// Every step succeeded: ask the checks after the rollback.
    Verify(u32),
    /// It did not succeed: ask whether the target is live all the same; if not, claim the next attempt.
    AskTarget(u32),
    /// The checks did not pass: claim the next attempt.
    Retry(u32),
    /// No attempt is left for this stage.
    Stuck(StageName),
    /// It is rolled back, or stuck.
    Ended,
}

/// What the only living driver of the rollback does next.
///
/// The plan is run in every stage before one is tried again, so that a stage that fails holds up no other. The checks
/// come last: what runs once for the release runs with the last stage, and the others may need it.
pub fn next(state: &ReleaseState) -> Next {
    let Some(rollback) = &state.rollback else {
        return Next::Nothing;
    };
    if !rollback.is_running() {
        return Next::Ended;
    }
    if let Some(open) = rollback.open_attempt() {
        let group = |step: &Recorded<StepStarted>| step.fact.group.clone();
        return match &open.started {
            None => Next::Run(open.number),
            Some(_) => Next::Recover(open.number, open.running.as_ref().map(group)),
        };
    }
    let waits = |it: &&StageRollback| matches!(it.standing, StageStanding::Waiting);
    if let Some(stage) = rollback.stages.iter().find(waits) {
        return Next::NextStage(stage.stage.clone());
    }
    let running = rollback.stages.iter().filter(|it| it.is_running());
    let running = running.filter_map(|it| Some((it, rollback.last_of(&it.stage)?)));
    // The one that was tried least first, so that they take turns.
    let not_gone = running.clone().filter(|(_, last)| !last.is_completed());
    let first = not_gone
        .min_by_key(|(stage, _)| rollback.made(stage))
        .or_else(|| running.clone().next());
    let Some((stage, last)) = first else {
        return Next::Nothing;
    };
    let left = rollback.attempts_left(&stage.stage);
    match last.ended.as_ref().map(|ended| &ended.fact.outcome) {
        None => Next::Nothing,
        Some(AttemptOutcome::Completed) => Next::Verify(last.number),
        Some(AttemptOutcome::NotVerified { .. }) if left > 0 => Next::Retry(last.number),
        Some(AttemptOutcome::NotVerified { .. }) => Next::Stuck(stage.stage.clone()),
        Some(AttemptOutcome::Failed { .. } | AttemptOutcome::Lost | AttemptOutcome::Stopped) => {
            Next::AskTarget(last.number)
        }
    }
}

/// The probes that must pass after the rollback.
pub fn checks(plan: &PinnedPlan) -> Vec<crate::domain::probe::Probe> {
    plan.rollback.verify.clone().unwrap_or_default()
}

/// The outcome of checks that did not pass.
pub fn not_verified(failures: Vec<Failure>) -> AttemptOutcome {
    AttemptOutcome::NotVerified { failures }
}

/// The open incidents of these stages.
fn open_ids(state: &ReleaseState, stages: &[StageName]) -> Vec<IncidentId> {
    state
        .open_incidents()
        .filter(|incident| stages.contains(&incident.facts.stage))
        .map(|incident| incident.id().clone())
        .collect()
}

/// The stages that run the release and that no rollback takes back, the newest deployed first.
fn not_taken_back(state: &ReleaseState) -> Vec<StageName> {
    let running = state.running_stages().into_iter();
    running.filter(|it| !state.is_taken_back(it)).collect()
}

fn next_attempt(state: &ReleaseState) -> u32 {
    let rollback = state.rollback.as_ref();
    rollback.map_or(1, Rollback::next_attempt)
}
