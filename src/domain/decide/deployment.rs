//! Recording a deployment, verifying its checklist and its verification plan, closing.

use super::dispute::is_disputed;
use super::obligation::due;
use super::target;
use super::{Actor, refuse_abandoned};
use crate::domain::history::History;
use crate::domain::ids::StageName;
use crate::domain::outcome::Waiting;
use crate::domain::policy::{Action, Policy};
use crate::domain::probe::judge::{Sample, Verdict};
use crate::domain::probe::sampling::Failure;
use crate::domain::readable::is_blank;
use crate::domain::readiness::{Decision, Readiness, command};
use crate::domain::record::body::{
    Anchor, Answer, Answered, ChecklistPass, DeployDone, DeployFailed, DeployRepinned,
    DeployStarted, Obligation, VerificationRun,
};
use crate::domain::record::{Body, Draft, Record, digest_of};
use crate::domain::refusal::{Kind, Refusal, nearest};
use crate::domain::release::ReleaseNotes;
use crate::domain::state::Deployment;
use chrono::{DateTime, Utc};

/// What a stage is wanted for, which says what is meant where none is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageUse {
    /// Beginning a deployment: the first that is not verified.
    Start,
    /// Saying that a deployment is done: the one that was started.
    Done,
    /// Verifying, or opening an incident: the last deployed that still runs the release.
    Deployed,
}

/// The stage that is meant: the one that was named, or the one that `to` is about.
///
/// # Errors
/// Invalid for a stage that the notes do not have.
pub fn stage(
    notes: &ReleaseNotes,
    history: &History,
    named: Option<&str>,
    to: StageUse,
) -> Result<StageName, Refusal> {
    let (stages, state) = (notes.stages(), history.state());
    if let Some(name) = named {
        return stages
            .iter()
            .find(|stage| stage.as_str() == name)
            .cloned()
            .ok_or_else(|| {
                Refusal::invalid(format!(
                    "the release {} has no stage \"{name}\"",
                    notes.release
                ))
                .help(nearest(
                    "stage",
                    name,
                    stages.iter().map(StageName::as_str),
                ))
            });
    }
    let is_done = |stage: &StageName| {
        let deployment = state.deployments.get(stage);
        deployment.is_some_and(|deployment| deployment.done.is_some())
    };
    let is_begun = |stage: &StageName| {
        let deployment = state.deployments.get(stage);
        deployment.is_some_and(|it| it.done.is_none() && it.failed.is_none())
    };
    let running = state.running_stages();
    let meant = match to {
        StageUse::Start => None,
        StageUse::Done => running.iter().find(|stage| is_begun(stage)),
        StageUse::Deployed => running.iter().find(|it| is_done(it)).or(running.first()),
    };
    let is_verified = |stage: &StageName| {
        let deployment = state.deployments.get(stage);
        let run = deployment.and_then(|deployment| deployment.verification.as_ref());
        run.is_some_and(|run| run.fact.verdict == Verdict::Pass)
    };
    meant
        .or_else(|| stages.iter().find(|stage| !is_verified(stage)))
        .or(stages.last())
        .cloned()
        .ok_or_else(|| Refusal::invalid(format!("the release {} has no stage", notes.release)))
}

/// A deployment begins: only after a go, stage by stage, each verified before the next (req: C9, req: E4).
///
/// # Errors
/// No-go where the check said so; refused for authority, for a stage out of order, for a release that went back.
pub fn start(
    policy: &Policy,
    notes: &ReleaseNotes,
    history: &History,
    readiness: &Readiness,
    check: &Record,
    (actor, stage): (&Actor, &StageName),
) -> Result<Draft, Refusal> {
    let (state, release) = (history.state(), &notes.release);
    actor.authority(policy, Action::Deploy)?;
    if state.closed.is_some() {
        return Err(Refusal::refused(format!("the release {release} is closed")));
    }
    if state.rollback.is_some() {
        return Err(
            Refusal::refused(format!("the release {release} was rolled back"))
                .help("make a new release: relgate new VERSION --type patch"),
        );
    }
    refuse_abandoned(state, release)?;
    if let Some(running) = state
        .deployments
        .get(stage)
        .filter(|deployment| deployment.done.is_none() && deployment.failed.is_none())
    {
        return Err(Refusal::refused(format!(
            "the deployment of {stage} was started by {} and is not done",
            running.started.origin.by
        ))
        .help(command(release, &format!("deploy done --stage {stage}"))));
    }
    let stages = notes.stages();
    for before in stages.iter().take_while(|other| *other != stage) {
        let run = state
            .deployments
            .get(before)
            .and_then(|deployment| deployment.verification.as_ref());
        if run.is_none_or(|run| run.fact.verdict != Verdict::Pass) {
            return Err(Refusal::refused(format!(
                "the stage {before} comes before {stage} and is not verified"
            ))
            .help(command(release, &format!("verify --stage {before}"))));
        }
    }
    let mut others = state.disputes().map(|(other, _)| other);
    if let Some(disputed) = others.find(|other| *other != stage) {
        return Err(is_disputed(release, history, disputed));
    }
    must_be_go(
        readiness,
        format!("no-go: the release {release} may not be deployed"),
    )
    .map_err(|refusal| refusal.help(command(release, "check")))?;
    let body = Body::DeployStarted(DeployStarted {
        obligations: owed_by_type(policy, notes, history, check.at),
        stage: stage.clone(),
        go: check.id,
        target: Some(target::target(policy, notes)),
        anchor: None,
    });
    Ok(Draft {
        by: actor.person.to_string(),
        body,
    })
}

/// A deployment that begins is bound to what was signed: `anchor`.
pub fn anchored(mut draft: Draft, anchor: Anchor) -> Draft {
    if let Body::DeployStarted(fact) = &mut draft.body {
        fact.anchor = Some(Box::new(anchor));
    }
    draft
}

/// What was signed for a deployment that has begun is replaced by what the files say now: `anchor`.
///
/// # Errors
/// No-go where the check said so; refused for authority, for a stage that was not deployed, for a release that went back.
pub fn repin(
    policy: &Policy,
    history: &History,
    (readiness, check): (&Readiness, &Record),
    (actor, stage): (&Actor, &StageName),
    anchor: Anchor,
) -> Result<Draft, Refusal> {
    actor.authority(policy, Action::Deploy)?;
    let (state, release) = (history.state(), history.release());
    if !state.deployments.contains_key(stage) {
        return Err(Refusal::refused(format!(
            "no deployment of {stage} was started: what is signed for it is what the files say then"
        ))
        .help(command(release, &format!("deploy start --stage {stage}"))));
    }
    let body = Body::DeployRepinned(DeployRepinned {
        stage: stage.clone(),
        go: check.id,
        anchor: Box::new(anchor),
    });
    let legal = state.check(&body);
    legal.map_err(|why| Refusal::refused(why).help(command(release, "status")))?;
    must_be_go(readiness, format!("no-go: {stage} stays as it was signed"))
        .map_err(|refusal| refusal.help(command(release, "check")))?;
    Ok(Draft {
        by: actor.person.to_string(),
        body,
    })
}

fn must_be_go(readiness: &Readiness, no_go: String) -> Result<(), Refusal> {
    match readiness.decision {
        Decision::Go => Ok(()),
        Decision::NoGo => Err(Refusal::new(Kind::NoGo, no_go)),
        Decision::Inconclusive => Err(Refusal::new(
            Kind::Inconclusive,
            "it could not be decided whether the release may go out",
        )),
    }
}

/// What the type of the release owes once its deployment has begun (req: C8).
fn owed_by_type(
    policy: &Policy,
    notes: &ReleaseNotes,
    history: &History,
    at: DateTime<Utc>,
) -> Vec<Obligation> {
    let rule = policy.type_rule(notes.kind);
    let review = rule.and_then(|rule| rule.review.as_ref());
    // It is owed once, however many stages there are.
    if !history.state().deployments.is_empty() {
        return Vec::new();
    }
    let calendar = policy.calendar.clone().unwrap_or_default();
    review
        .and_then(|review| {
            let title = format!("Review the {} release", notes.kind.word());
            Some(Obligation {
                id: history.state().next_obligation(0)?,
                title: review.title.clone().unwrap_or(title),
                role: review.role.clone(),
                due: due(&review.due, &calendar, at),
                document: review.document.clone(),
                not_by: None,
            })
        })
        .into_iter()
        .collect()
}

/// A deployment is done: what verification refers to.
///
/// # Errors
/// Refused where none was started, or where the release went back.
pub fn done(
    policy: &Policy,
    notes: &ReleaseNotes,
    history: &History,
    actor: &Actor,
    stage: &StageName,
) -> Result<Draft, Refusal> {
    actor.authority(policy, Action::Deploy)?;
    let (state, release) = (history.state(), &notes.release);
    if state.is_taken_back(stage) {
        return Err(
            Refusal::refused(format!("the release {release} was rolled back in {stage}"))
                .help(command(release, "status")),
        );
    }
    match state.deployments.get(stage) {
        None => Err(
            Refusal::refused(format!("no deployment of {stage} was started"))
                .help(command(release, &format!("deploy start --stage {stage}"))),
        ),
        Some(deployment) if deployment.failed.is_some() => Err(Refusal::refused(format!(
            "the deployment of {stage} did not finish, as was recorded"
        ))
        .help(command(release, &format!("deploy start --stage {stage}")))),
        Some(deployment) if deployment.done.is_some() => Err(Refusal::refused(format!(
            "the deployment of {stage} is done already"
        ))
        .help(command(release, &format!("verify --stage {stage}")))),
        Some(_) => Ok(Draft {
            by: actor.person.to_string(),
            body: Body::DeployDone(DeployDone {
                stage: stage.clone(),
            }),
        }),
    }
}

/// A deployment that began did not finish: it can begin again, after a go. Something of it may run, so that a rollback
/// takes it back as any other.
///
/// # Errors
/// Refused for authority, where none was started, or where it is done or failed already; usage without a reason.
pub fn fail(
    policy: &Policy,
    notes: &ReleaseNotes,
    history: &History,
    (actor, stage): (&Actor, &StageName),
    reason: &str,
) -> Result<Draft, Refusal> {
    if is_blank(reason) {
        return Err(Refusal::usage("a failed deployment needs a reason").help("add --reason TEXT"));
    }
    let role = actor.authority(policy, Action::Deploy)?;
    let (state, release) = (history.state(), &notes.release);
    if state.closed.is_some() {
        return Err(Refusal::refused(format!("the release {release} is closed")));
    }
    if state.is_taken_back(stage) {
        return Err(
            Refusal::refused(format!("the release {release} was rolled back in {stage}"))
                .help(command(release, "status")),
        );
    }
    let (why, next) = match state.deployments.get(stage) {
        None => (
            format!("no deployment of {stage} was started"),
            "status".to_owned(),
        ),
        Some(Deployment {
            done: Some(done), ..
        }) => (
            format!("the deployment of {stage} was done, by {}", done.by),
            format!("verify --stage {stage}"),
        ),
        Some(Deployment {
            failed: Some(failed),
            ..
        }) => (
            format!(
                "that the deployment of {stage} did not finish was recorded by {}",
                failed.by
            ),
            format!("deploy start --stage {stage}"),
        ),
        Some(_) => {
            let body = DeployFailed {
                stage: stage.clone(),
                role,
                reason: reason.trim().to_owned(),
            };
            return Ok(Draft {
                by: actor.person.to_string(),
                body: Body::DeployFailed(body),
            });
        }
    };
    Err(Refusal::refused(why).help(command(release, &next)))
}

/// Whether the deployment of `stage` can be verified.
///
/// # Errors
/// Refused where it is not done, or where the release went back.
pub fn may_verify(
    notes: &ReleaseNotes,
    history: &History,
    stage: &StageName,
) -> Result<(), Refusal> {
    let (state, release) = (history.state(), &notes.release);
    if state.closed.is_some() {
        return Err(Refusal::refused(format!("the release {release} is closed")));
    }
    if let Some(rollback) = state
        .rollback
        .as_ref()
        .filter(|_| state.is_taken_back(stage))
    {
        let how = if rollback.is_back(stage) || rollback.is_rolled_back() {
            "was rolled back"
        } else {
            "is being rolled back"
        };
        return Err(Refusal::refused(format!("the release {release} {how}"))
            .help(command(release, "status")));
    }
    if let Some(by) = state.replaced(stage) {
        return Err(Refusal::refused(format!(
            "{} took the place of {release} in {stage}",
            by.successor
        ))
        .help(command(&by.successor, "verify")));
    }
    if state.dispute(stage).is_some() {
        return Err(is_disputed(release, history, stage));
    }
    match state.deployments.get(stage) {
        Some(deployment) if deployment.done.is_some() => Ok(()),
        Some(deployment) if deployment.failed.is_some() => Err(Refusal::refused(format!(
            "the deployment of {stage} did not finish"
        ))
        .help(command(release, &format!("deploy start --stage {stage}")))),
        Some(_) => Err(
            Refusal::refused(format!("the deployment of {stage} is not done"))
                .help(command(release, &format!("deploy done --stage {stage}"))),
        ),
        None => Err(Refusal::refused(format!("{stage} was not deployed"))
            .help(command(release, &format!("deploy start --stage {stage}")))),
    }
}

/// How the deployment checklist of a stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    /// Enough complete passes in a row, over the checklist as it is now.
    Complete,
    /// The next pass to make, from 1.
    Next(u32),
}

/// How many passes over the deployment checklist are still to be made (req: A7). Where each must be another person's, it
/// must be made with another key too.
pub fn passes(
    policy: &Policy,
    notes: &ReleaseNotes,
    history: &History,
    stage: &StageName,
) -> Passes {
    let checklist = digest_of(&notes.deployment_checklist());
    let mut keys = std::collections::BTreeSet::new();
    let made = history
        .state()
        .complete_passes(stage)
        .iter()
        .rev()
        .take_while(|it| it.fact.checklist == checklist)
        .filter(|it| {
            let signer = history.signer(&it.origin.record);
            !policy.distinct_checklist_people()
                || signer.is_none_or(|signer| keys.insert(&signer.fingerprint))
        })
        .count();
    let made = u32::try_from(made).unwrap_or(u32::MAX);
    if made >= policy.checklist_passes() {
        Passes::Complete
    } else {
        Passes::Next(made + 1)
    }
}

/// Whether `actor` may make the next pass at `now`.
///
/// # Errors
/// No-go where another person or a later time is needed; refused without authority.
pub fn may_pass(
    policy: &Policy,
    notes: &ReleaseNotes,
    history: &History,
    (actor, stage): (&Actor, &StageName),
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    actor.authority(policy, Action::Verify)?;
    let made = history.state().complete_passes(stage);
    let release = &notes.release;
    if policy.distinct_checklist_people()
        && made
            .iter()
            .any(|pass| pass.origin.by == actor.person.as_str())
    {
        return Err(Refusal::new(
            Kind::NoGo,
            format!(
                "{} made a pass over the deployment checklist; the next one is another person's",
                actor.person
            ),
        )
        .help(command(
            release,
            &format!("verify --stage {stage} --by SOMEBODY"),
        )));
    }
    if let Some(last) = made.last() {
        let from = last.origin.at + policy.checklist_apart().delta();
        if now < from {
            return Err(Refusal::new(
                Kind::NoGo,
                format!(
                    "the next pass over the deployment checklist is due from {} on",
                    from.format("%H:%M:%S UTC")
                ),
            )
            .help(command(release, &format!("verify --stage {stage}"))));
        }
    }
    Ok(())
}

/// What the next pass waits for: a time, and who may not make it.
pub fn waiting(
    policy: &Policy,
    history: &History,
    stage: &StageName,
    now: DateTime<Utc>,
) -> Waiting {
    let made = history.state().complete_passes(stage);
    let from = made
        .last()
        .map(|last| last.origin.at + policy.checklist_apart().delta())
        .filter(|from| *from > now);
    let mut not_by: Vec<String> = match policy.distinct_checklist_people() {
        true => made.iter().map(|pass| pass.origin.by.clone()).collect(),
        false => Vec::new(),
    };
    not_by.sort();
    not_by.dedup();
    Waiting { from, not_by }
}

/// A pass over the deployment checklist becomes a record, complete or not.
pub fn pass(
    notes: &ReleaseNotes,
    actor: &Actor,
    stage: &StageName,
    answers: Vec<Answered>,
    evidence: Vec<Sample>,
) -> (Draft, Vec<Failure>) {
    let mut failed = Vec::new();
    for item in notes.deployment_checklist() {
        let name = || crate::domain::ids::ProbeId::new(item.id.as_str());
        let mut fail = |reason: String| {
            if let Ok(probe) = name() {
                failed.push(Failure { probe, reason });
            }
        };
        match &item.probe {
            Some(probe) => match evidence.iter().find(|sample| sample.probe == probe.id) {
                Some(sample) if sample.verdict == Verdict::Pass => {}
                Some(sample) => fail(format!("{}: {}", item.title, sample.reason())),
                None => fail(format!("{}: its probe was not asked", item.title)),
            },
            None => {
                let answered = answers.iter().find(|answered| answered.item == item.id);
                match answered.map(|answered| answered.answer) {
                    Some(Answer::Yes) => {}
                    Some(Answer::NotApplicable) if item.is_optional() => {}
                    Some(_) => fail(format!("{}: answered with no", item.title)),
                    None => fail(format!("{}: not answered", item.title)),
                }
            }
        }
    }
    let body = ChecklistPass {
        stage: stage.clone(),
        answers,
        evidence,
        complete: failed.is_empty(),
        failed: failed.clone(),
        checklist: digest_of(&notes.deployment_checklist()),
    };
    (
        Draft {
            by: actor.person.to_string(),
            body: Body::ChecklistPass(body),
        },
        failed,
    )
}

/// The verification plan was run: its result becomes a record.
///
/// # Errors
/// Refused where the release went back meanwhile.
pub fn verified(
    notes: &ReleaseNotes,
    history: &History,
    actor: &Actor,
    run: VerificationRun,
) -> Result<Draft, Refusal> {
    may_verify(notes, history, &run.stage)?;
    Ok(Draft {
        by: actor.person.to_string(),
        body: Body::Verified(run),
    })
}
