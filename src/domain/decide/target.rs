//! One deployment or rollback at a time on a target, and what a successor takes over from the release before it.
//!
//! Each release has a ledger of its own, so that what one release must know of another is written down in its ledger, under
//! its lock: a deployment is recorded where it is about to take over, before its command says so, and a claim meets it
//! there.

use chrono::{DateTime, Utc};

use crate::domain::clock::Reading;
use crate::domain::history::History;
use crate::domain::ids::{ReleaseName, StageName};
use crate::domain::policy::Policy;
use crate::domain::readiness::command;
use crate::domain::record::Body;
use crate::domain::record::body::{Replacement, ReplacementProgress};
use crate::domain::refusal::Refusal;
use crate::domain::release::ReleaseNotes;
use crate::domain::state::rollback::Rollback;
use crate::domain::state::{Deployment, ReleaseState};

/// What a release with these notes is deployed to: what they say, or the policy's product.
pub fn target(policy: &Policy, notes: &ReleaseNotes) -> String {
    let named = notes.target.clone();
    named.unwrap_or_else(|| usual_target(policy, &notes.release))
}

/// What a release is deployed to that does not say so: the product, and of several components of it the one that the name
/// gives before its version, such as `search` in `search-1.4.0`. A name without a version says nothing of what it follows,
/// so that it shares its target with nobody: no window of it may end because of another release.
fn usual_target(policy: &Policy, release: &ReleaseName) -> String {
    let product = policy.product.clone().unwrap_or_default();
    match component(release.as_str()) {
        Some("") => product,
        Some(component) => format!("{product}/{component}"),
        None => format!("{product}/{release}"),
    }
}

/// What stands before the version in a release's name, without what parts them; nothing where there is no version. A version
/// is two numbers or more, parted by dots or dashes, or one number that is the whole name; a `v` may stand before it.
fn component(name: &str) -> Option<&str> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if is_number(name.trim_start_matches('v')) {
        return Some("");
    }
    let begins = |at: &usize| {
        let (before, rest) = name.split_at(*at);
        let before = before.strip_suffix('v').unwrap_or(before);
        let parted = before.is_empty() || before.ends_with(['-', '_', '.', '+']);
        let mut parts = rest.split(['.', '-']);
        parted && parts.next().is_some_and(is_number) && parts.next().is_some_and(begins_with_digit)
    };
    let at = name.char_indices().map(|(at, _)| at).find(begins)?;
    let before = &name[..at];
    let before = before.strip_suffix('v').unwrap_or(before);
    Some(before.trim_end_matches(['-', '_', '.', '+']))
}

fn begins_with_digit(text: &str) -> bool {
    text.starts_with(|it: char| it.is_ascii_digit())
}

/// What the release of `history` was deployed to last; nothing where it was not deployed.
pub fn of(policy: &Policy, history: &History) -> Option<String> {
    let deployments = history.state().deployments.values();
    let last = deployments.max_by_key(|it| it.order)?;
    let target = last.started.fact.target.clone();
    Some(target.unwrap_or_else(|| usual_target(policy, history.release())))
}

/// Whether `other` was deployed to the target `own`.
pub fn shares_target(policy: &Policy, own: &str, other: &History) -> bool {
    of(policy, other).as_deref() == Some(own)
}

/// Whether nothing of `other`, on the same target, stands in the way of a deployment.
///
/// # Errors
/// Refused while another deployment or a rollback runs there.
pub fn must_be_free(other: &History) -> Result<(), Refusal> {
    let (state, name) = (other.state(), other.release());
    if state.rollback.as_ref().is_some_and(Rollback::is_running) {
        return Err(Refusal::refused(format!(
            "the release {name} is being rolled back on the same target: one deployment or rollback at a time"
        ))
        .help(command(name, "watch")));
    }
    let begun = state
        .deployments
        .iter()
        .find(|(stage, it)| it.done.is_none() && it.failed.is_none() && state.runs(stage));
    match begun {
        Some((stage, deployment)) => Err(Refusal::refused(format!(
            "the release {name} is being deployed to the same target, in {stage}, since {} by {}: one deployment or rollback at a time",
            deployment.started.origin.at.format("%H:%M:%S UTC"),
            deployment.started.origin.by
        ))
        .help(command(name, &format!("deploy fail --stage {stage} --reason TEXT")))),
        None => Ok(()),
    }
}

/// What the ledger of `other`, on the same target, does not know yet of the deployments of `own`.
pub fn news(
    policy: &Policy,
    (notes, own): (&ReleaseNotes, &History),
    other: &History,
    now: &Reading,
) -> Vec<Body> {
    let state = own.state();
    let mut news = Vec::new();
    for (stage, deployment) in &state.deployments {
        let said = other.state().successors.get(own.release());
        let is_known = said.is_some_and(|it| it.deployment == deployment.started.origin.record);
        let is_gone = deployment.failed.is_some() || !state.runs(stage);
        let stages = taken_over(
            notes,
            state,
            stage,
            other.state(),
            deployment.started.origin.at,
        );
        let say = |progress| {
            Body::Replacement(Replacement {
                successor: own.release().clone(),
                deployment: deployment.started.origin.record,
                stages: stages.clone(),
                progress,
            })
        };
        let started = ReplacementProgress::Started {
            limit: policy.deploy_within(),
            started: now.clone(),
        };
        match (&deployment.done, is_known) {
            (_, true) if is_gone => news.push(say(ReplacementProgress::Failed)),
            (_, false) if is_gone => {}
            (Some(_), true) => news.push(say(ReplacementProgress::Done)),
            (None, true) => {}
            // A deployment in one stage keeps a rollback in any other waiting too.
            (None, false) if runs_before(other.state(), deployment) => news.push(say(started)),
            (Some(_), false) if !stages.is_empty() => {
                news.extend([say(started), say(ReplacementProgress::Done)]);
            }
            (_, false) => {}
        }
    }
    news
}

/// Whether anything of `other` runs that was there before `deployment` began.
fn runs_before(other: &ReleaseState, deployment: &Deployment) -> bool {
    let began = deployment.started.origin.at;
    let running = other.running_stages();
    running.iter().any(|stage| was_there(other, stage, began))
}

fn was_there(other: &ReleaseState, stage: &StageName, began: DateTime<Utc>) -> bool {
    let deployment = other.deployments.get(stage);
    deployment.is_some_and(|it| it.started.origin.at <= began)
}

/// The stages of `other` that a deployment of `stage` takes over: the one of its name, and with the last stage all that are
/// left, since stages may be named anew.
fn taken_over(
    notes: &ReleaseNotes,
    own: &ReleaseState,
    stage: &StageName,
    other: &ReleaseState,
    began: DateTime<Utc>,
) -> Vec<StageName> {
    let is_deployed = |it: &StageName| {
        let deployment = own.deployments.get(it);
        it == stage || deployment.is_some_and(|it| it.done.is_some()) && own.runs(it)
    };
    let is_last = notes.stages().iter().all(is_deployed);
    let mut stages = other.running_stages();
    stages.retain(|it| (is_last || it == stage) && was_there(other, it, began));
    stages
}

/// What came of a replacement for the release `name`, for people; nothing where it changed nothing that they see.
pub fn told(name: &ReleaseName, fact: &Replacement, after: &History) -> Option<String> {
    if fact.progress != ReplacementProgress::Done || fact.stages.is_empty() {
        return None;
    }
    let stages: Vec<&str> = fact.stages.iter().map(StageName::as_str).collect();
    let incidents = after.state().incidents.values();
    let retired = incidents.filter(|it| it.is_retired_by(&fact.successor));
    let retired: Vec<&str> = retired.map(|it| it.id().as_str()).collect();
    let ended = match retired.as_slice() {
        [] => String::new(),
        ids => format!("; its windows end: {}", ids.join(", ")),
    };
    Some(format!(
        "{} takes the place of {name} in {}{ended}",
        fact.successor,
        stages.join(", ")
    ))
}

/// What people should know of `other` when `own` takes its place: a release that goes back to one that is broken.
pub fn warning(notes: &ReleaseNotes, other: &History) -> Option<String> {
    let name: &ReleaseName = other.release();
    let incident = other.state().blocking_incidents().next()?;
    let goes_back = notes.previous.as_deref() == Some(name.as_str());
    goes_back.then(|| {
        format!(
            "a rollback of {} would go back to {name}, which has the open incident {}",
            notes.release,
            incident.id()
        )
    })
}
