//! Deployments that nobody with authority recorded, and standing for them.

use super::Actor;
use crate::domain::history::History;
use crate::domain::ids::{ReleaseName, StageName};
use crate::domain::policy::{Action, Policy};
use crate::domain::readable::is_blank;
use crate::domain::readiness::command;
use crate::domain::record::body::DeployConfirmed;
use crate::domain::record::{Body, Draft};
use crate::domain::refusal::Refusal;

/// The refusal of what waits for the confirmation of a disputed deployment.
pub(super) fn is_disputed(release: &ReleaseName, history: &History, stage: &StageName) -> Refusal {
    let dispute = history.state().dispute(stage);
    let why = dispute.map_or_else(String::new, |it| format!(": {}", it.why));
    Refusal::refused(format!("the deployment of {stage} is disputed{why}")).help(command(
        release,
        &format!("deploy confirm --stage {stage} --reason TEXT"),
    ))
}

/// Somebody with authority stands for a disputed deployment.
///
/// # Errors
/// Refused for authority, or where nothing is disputed; usage without a reason.
pub fn confirm(
    policy: &Policy,
    history: &History,
    (actor, stage): (&Actor, &StageName),
    reason: &str,
) -> Result<Draft, Refusal> {
    if is_blank(reason) {
        return Err(Refusal::usage("a confirmation needs a reason").help("add --reason TEXT"));
    }
    let role = actor.authority(policy, Action::Deploy)?;
    let (state, release) = (history.state(), history.release());
    let Some(dispute) = state.dispute(stage) else {
        return Err(Refusal::refused(format!(
            "nobody disputes the deployment of {stage}: there is nothing to confirm"
        ))
        .help(command(release, "status")));
    };
    Ok(Draft {
        by: actor.person.to_string(),
        body: Body::DeployConfirmed(DeployConfirmed {
            stage: stage.clone(),
            record: dispute.origin.record,
            role,
            reason: reason.trim().to_owned(),
        }),
    })
}
