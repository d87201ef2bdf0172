//! The end of a release: it is complete, or it will not go out.

use super::{Actor, refuse_abandoned};
use crate::domain::history::History;
use crate::domain::policy::{Action, Policy};
use crate::domain::readable::is_blank;
use crate::domain::readiness::{Decision, Readiness, command};
use crate::domain::record::body::{Abandoned, Closed};
use crate::domain::record::{Body, Draft, Record};
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::release::ReleaseNotes;

/// The release is complete.
///
/// # Errors
/// No-go where something is unmet; refused for authority or where it is closed already.
pub fn close(
    policy: &Policy,
    notes: &ReleaseNotes,
    history: &History,
    actor: &Actor,
    (readiness, check): (&Readiness, &Record),
) -> Result<Draft, Refusal> {
    actor.authority(policy, Action::Close)?;
    let release = &notes.release;
    if history.state().closed.is_some() {
        return Err(Refusal::refused(format!(
            "the release {release} is closed already"
        )));
    }
    refuse_abandoned(history.state(), release)?;
    if let Some(rollback) = &history.state().rollback
        && (rollback.is_running()
            || rollback.is_stuck() && history.state().replaced_everywhere().is_none())
    {
        return Err(
            Refusal::refused(format!("the rollback of {release} is not at its end"))
                .help(command(release, "status")),
        );
    }
    if readiness.decision != Decision::Go {
        let kind = if readiness.decision == Decision::NoGo {
            Kind::NoGo
        } else {
            Kind::Inconclusive
        };
        return Err(
            Refusal::new(kind, format!("the release {release} is not complete"))
                .help(command(release, "check --phase closure")),
        );
    }
    Ok(Draft {
        by: actor.person.to_string(),
        body: Body::Closed(Closed { check: check.id }),
    })
}

/// The release will not go out.
///
/// # Errors
/// Refused for authority, where the release is deployed, a window or a rollback runs, or it is over already; usage without
/// a reason.
pub fn abandon(
    policy: &Policy,
    history: &History,
    actor: &Actor,
    reason: &str,
) -> Result<Draft, Refusal> {
    if is_blank(reason) {
        return Err(Refusal::usage("an abandoned release needs a reason").help("add --reason TEXT"));
    }
    let role = actor.authority(policy, Action::Close)?;
    let release = history.release();
    let body = Body::Abandoned(Abandoned {
        role,
        reason: reason.trim().to_owned(),
    });
    if let Err(why) = history.state().check(&body) {
        let state = history.state();
        let next = match state.running_stages().is_empty() || state.rollback.is_some() {
            true => "status",
            false => "rollback --reason TEXT",
        };
        let refusal = Refusal::refused(format!("the release {release} cannot be abandoned: {why}"));
        return Err(refusal.help(command(release, next)));
    }
    Ok(Draft {
        by: actor.person.to_string(),
        body,
    })
}
