//! Capturing baselines: before the deployment, or not at all.

use super::Actor;
use crate::domain::history::History;
use crate::domain::policy::{Action, Policy};
use crate::domain::record::body::{Baseline, BaselineCaptured};
use crate::domain::record::{Body, Draft};
use crate::domain::refusal::Refusal;

/// Whether a baseline may be captured by `actor` now (req: E3).
///
/// # Errors
/// Refused for authority, and once a deployment has begun: what is measured from then on is not what was before.
pub fn may_capture(policy: &Policy, history: &History, actor: &Actor) -> Result<(), Refusal> {
    actor.authority(policy, Action::Verify)?;
    let state = history.state();
    let release = history.release();
    if state.closed.is_some() {
        return Err(Refusal::refused(format!("the release {release} is closed")));
    }
    let begun = state.deployments.values().map(|it| &it.started);
    match begun.min_by_key(|started| started.origin.at) {
        None => Ok(()),
        Some(started) => Err(Refusal::refused(format!(
            "the deployment of {} began at {}: what is measured now is no baseline of what was before",
            started.fact.stage,
            started.origin.at.format("%Y-%m-%d %H:%M:%S UTC")
        ))
        .help("capture it before the next deployment: relgate baseline capture")),
    }
}

/// Baselines that were captured.
///
/// # Errors
/// As [`may_capture`].
pub fn captured(
    policy: &Policy,
    history: &History,
    actor: &Actor,
    baselines: Vec<Baseline>,
) -> Result<Draft, Refusal> {
    may_capture(policy, history, actor)?;
    Ok(Draft {
        by: actor.person.to_string(),
        body: Body::BaselineCaptured(BaselineCaptured { baselines }),
    })
}
