//! `relgate log`: what happened, a line for each record.

use crate::domain::history::{History, SetAside};
use crate::domain::ids::{ReleaseName, StageName};
use crate::domain::outcome::{Log, LogEntry, SetAsideView};
use crate::domain::record::body::{
    AttemptOutcome, Cause, DecidedAnswer, Replacement, ReplacementProgress, StepOutcome,
};
use crate::domain::record::{Body, Record};

use super::{Result, World};

/// Everything that is recorded of `release`, in order (req: D6, req: E10).
///
/// # Errors
/// A ledger that cannot be read.
pub fn log(world: &World<'_>, release: &ReleaseName) -> Result<Log> {
    let mut ledger = world.ledgers.open(release);
    let history = ledger.refresh()?;
    let entries = history
        .records()
        .iter()
        .map(|record| entry(history, record))
        .collect();
    Ok(Log {
        release: release.clone(),
        entries,
    })
}

fn entry(history: &History, record: &Record) -> LogEntry {
    let aside = aside(history, record);
    LogEntry {
        at: record.at,
        by: record.by.clone(),
        host: record.host.clone(),
        kind: record.kind().to_owned(),
        text: told(history, record),
        signed: history.signer(&record.id).map(|it| it.fingerprint.clone()),
        flaw: aside.map(|it| it.flaw.clone()),
        record: record.id,
        body: record.body.to_json(),
    }
}

fn aside<'a>(history: &'a History, record: &Record) -> Option<&'a SetAside> {
    let mut all = history.set_aside().iter();
    all.find(|it| it.record == record.id)
}

/// What a record says, in one sentence, and whether it has no effect.
pub fn told(history: &History, record: &Record) -> String {
    let mut superseded = history.superseded().iter();
    let superseded = superseded.find(|it| it.record == record.id);
    let text = sentence(&record.body);
    match (superseded, aside(history, record)) {
        (_, Some(aside)) if aside.stands => format!("{text} (in doubt: {})", aside.flaw),
        (_, Some(aside)) => format!("{text} (does not count: {})", aside.flaw),
        (Some(superseded), _) => format!("{text} (without effect: {})", superseded.why),
        (None, None) => text,
    }
}

/// The records that do not count as their writers', in order, as shown.
pub fn set_aside(history: &History) -> Vec<SetAsideView> {
    let view = |aside: &SetAside| {
        let record = history.find(&aside.record)?;
        let (by, text) = (&record.by, sentence(&record.body));
        Some(SetAsideView {
            record: record.id,
            file: record.file_name(),
            what: format!("{by}: {text} — {}", aside.flaw),
            lapsed: aside.lapsed,
        })
    };
    history.set_aside().iter().filter_map(view).collect()
}

/// What a record says, in one sentence.
pub fn sentence(body: &Body) -> String {
    match body {
        Body::SignedOff(fact) => format!("signed {} as {}", fact.gate, fact.role),
        Body::Rejected(fact) => format!("rejected {} as {}: {}", fact.gate, fact.role, fact.reason),
        Body::Waived(fact) => format!(
            "waived {} as {} until {}: {}",
            fact.requirement,
            fact.role,
            fact.until.format("%Y-%m-%d %H:%M UTC"),
            fact.reason
        ),
        Body::WaiverWithdrawn(fact) => format!("took the waiver of {} back", fact.requirement),
        Body::Checked(fact) => {
            let about = match (&fact.gate, fact.phase) {
                (Some(gate), _) => format!(" for the gate {gate}"),
                (None, Some(phase)) => format!(" for the phase {}", phase.word()),
                (None, None) => String::new(),
            };
            match (fact.go, fact.decided) {
                (true, _) if !fact.waived.is_empty() => {
                    format!("go{about}, {} waived", fact.waived.len())
                }
                (true, _) => format!("go{about}"),
                (false, true) => format!("no-go{about}: {} unmet", fact.unmet.len()),
                (false, false) => format!("inconclusive{about}: {} unmet", fact.unmet.len()),
            }
        }
        Body::DeployStarted(fact) => format!("the deployment of {} began", fact.stage),
        Body::DeployRepinned(fact) => format!(
            "{} is verified, watched and rolled back as the files said then, after a new go",
            fact.stage
        ),
        Body::DeployDone(fact) => format!("the deployment of {} is done", fact.stage),
        Body::Replacement(fact) => replacement(fact),
        Body::DeployConfirmed(fact) => format!(
            "the deployment of {} is confirmed, as {}: {}",
            fact.stage, fact.role, fact.reason
        ),
        Body::DeployFailed(fact) => format!(
            "the deployment of {} did not finish, as {}: {}",
            fact.stage, fact.role, fact.reason
        ),
        Body::ChecklistPass(fact) if fact.complete => {
            format!(
                "the deployment checklist of {} holds: a complete pass",
                fact.stage
            )
        }
        Body::ChecklistPass(fact) => {
            let failed: Vec<&str> = fact.failed.iter().map(|it| it.reason.as_str()).collect();
            format!(
                "the deployment of {} is incomplete: {}",
                fact.stage,
                failed.join("; ")
            )
        }
        Body::Verified(fact) => {
            let failed: Vec<&str> = fact.failures.iter().map(|it| it.probe.as_str()).collect();
            let failed = if failed.is_empty() {
                String::new()
            } else {
                format!(": {}", failed.join(", "))
            };
            format!(
                "the verification of {} came to {}{failed}",
                fact.stage,
                fact.verdict.word()
            )
        }
        Body::IncidentOpened(fact) => format!(
            "the incident {} ({}) opened, window {}, then {}: {}",
            fact.incident,
            fact.priority,
            fact.window,
            fact.on_expiry.word(),
            fact.title
        ),
        Body::IncidentEscalated(fact) => {
            format!("the incident {} is {} now", fact.incident, fact.priority)
        }
        Body::IncidentResolved(fact) => match (&fact.overridden, &fact.how) {
            (Some(reason), _) => format!(
                "the incident {} was resolved by override: {reason}",
                fact.incident
            ),
            (None, Some(how)) => format!("the incident {} was resolved: {how}", fact.incident),
            (None, None) => format!("the incident {} was resolved on evidence", fact.incident),
        },
        Body::IncidentDecided(fact) => match &fact.answer {
            DecidedAnswer::Keep => format!(
                "decided as {} to keep the release with {}: {}",
                fact.role, fact.incident, fact.reason
            ),
            DecidedAnswer::FixWithin(limit) => format!(
                "decided as {} to fix {} within {limit}: {}",
                fact.role, fact.incident, fact.reason
            ),
        },
        Body::WindowExpired(fact) => format!(
            "the window of {} expired: somebody must decide",
            fact.incident
        ),
        Body::Checkpoint(fact) => match fact.divergence_ms {
            Some(divergence) => format!("checkpoint; the wall clock jumped by {divergence} ms"),
            None => "checkpoint".to_owned(),
        },
        Body::RollbackClaimed(fact) => {
            let why = match &fact.cause {
                Cause::Expired { incident } => {
                    let late = fact.late_ms.unwrap_or(0);
                    format!("the window of {incident} expired ({late} ms ago)")
                }
                Cause::Person { role, reason } => format!("{role} said so: {reason}"),
                Cause::Retry => "the attempt before did not succeed".to_owned(),
                Cause::NextStage => "it is the next stage".to_owned(),
            };
            let what = match fact.covers.as_deref() {
                None | Some([_]) => "the rollback".to_owned(),
                Some(_) => format!("the rollback of {}", fact.stage),
            };
            format!(
                "{what} to {} was claimed, attempt {}: {why}",
                fact.plan.previous, fact.attempt
            )
        }
        Body::AttemptStarted(fact) => {
            format!("attempt {} began (process {})", fact.attempt, fact.pid)
        }
        Body::StepStarted(fact) => match &fact.edited {
            Some(path) => format!(
                "the step {} began; {path} is not what was signed for the deployment",
                fact.step
            ),
            None => format!("the step {} began", fact.step),
        },
        Body::StepEnded(fact) => {
            format!(
                "the step {}: {} after {} ms",
                fact.step,
                outcome(&fact.end.outcome),
                fact.end.took_ms
            )
        }
        Body::AttemptEnded(fact) => match &fact.outcome {
            AttemptOutcome::Completed => format!("attempt {}: every step succeeded", fact.attempt),
            AttemptOutcome::Stopped => format!("attempt {} was stopped", fact.attempt),
            AttemptOutcome::Failed { step } => {
                format!("attempt {} failed at the step {step}", fact.attempt)
            }
            AttemptOutcome::Lost => format!(
                "attempt {}: its process died without a result",
                fact.attempt
            ),
            AttemptOutcome::NotVerified { failures } => {
                let failed: Vec<&str> = failures.iter().map(|it| it.probe.as_str()).collect();
                format!(
                    "attempt {}: the checks after it do not pass: {}",
                    fact.attempt,
                    failed.join(", ")
                )
            }
        },
        Body::RolledBack(fact) => format!(
            "rolled back by attempt {}: the checks after it pass",
            fact.attempt
        ),
        Body::StageRolledBack(fact) => {
            format!("{} is rolled back, by attempt {}", fact.stage, fact.attempt)
        }
        Body::RollbackStopped(fact) => {
            format!("stopped the rollback as {}: {}", fact.role, fact.reason)
        }
        Body::RollbackStuck(fact) => {
            let stage = fact.stage.as_ref();
            let of = stage.map_or_else(String::new, |stage| format!(" of {stage}"));
            format!(
                "the rollback{of} is STUCK after {} attempts: {}",
                fact.attempts, fact.reason
            )
        }
        Body::BaselineCaptured(fact) => {
            let each: Vec<String> = fact
                .baselines
                .iter()
                .map(|one| match &one.stage {
                    Some(stage) => format!("{} in {stage} is {}", one.probe, one.value),
                    None => format!("{} is {}", one.probe, one.value),
                })
                .collect();
            format!("captured the baseline: {}", each.join(", "))
        }
        Body::Drilled(fact) => {
            let how = if fact.passed { "passed" } else { "failed" };
            format!(
                "the drill of the rollback plan {how} after {} ms",
                fact.took_ms
            )
        }
        Body::ObligationSettled(fact) => format!("{} was settled: {}", fact.obligation, fact.how),
        Body::Closed(_) => "the release was closed".to_owned(),
        Body::Abandoned(fact) => format!(
            "the release will not go out, as {}: {}",
            fact.role, fact.reason
        ),
        Body::ClockJumpAccepted(fact) => format!(
            "accepted that the clock went back at {}, as {}: {}",
            fact.record.short(),
            fact.role,
            fact.reason
        ),
        Body::Noted(fact) => format!("note: {}", fact.text),
        Body::Unknown { kind, .. } => format!("a record of the unknown kind \"{kind}\""),
    }
}

/// How a step of the rollback plan ended, in a few words.
pub fn outcome(outcome: &StepOutcome) -> String {
    match outcome {
        StepOutcome::Exited { code: 0 } => "done".to_owned(),
        StepOutcome::Exited { code } => format!("failed with exit code {code}"),
        StepOutcome::Signalled { signal } => format!("killed by signal {signal}"),
        StepOutcome::TimedOut => "ended at its timeout".to_owned(),
        StepOutcome::NotStarted { why } => format!("not started: {why}"),
    }
}

fn replacement(fact: &Replacement) -> String {
    let successor = &fact.successor;
    let stages: Vec<&str> = fact.stages.iter().map(StageName::as_str).collect();
    let stages = stages.join(", ");
    match &fact.progress {
        ReplacementProgress::Started { limit, .. } => {
            format!(
                "the deployment of {successor} over it began: a rollback waits for its end, {limit} at most"
            )
        }
        ReplacementProgress::Failed => {
            format!("the deployment of {successor} over it did not finish")
        }
        ReplacementProgress::Done if stages.is_empty() => format!("{successor} is deployed"),
        ReplacementProgress::Done => format!("{successor} took its place in {stages}"),
    }
}
