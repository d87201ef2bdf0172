//! `relgate deploy`: recording that a deployment began, and that it is done.

use crate::domain::decide::deployment::{self as decisions, StageUse};
use crate::domain::decide::{Actor, dispute};
use crate::domain::ids::{RecordId, StageName};
use crate::domain::outcome::Done;
use crate::domain::policy::Action;
use crate::domain::readiness::{Readiness, Scope, command};

use super::project::Release;
use super::{Result, World, anchor, append, check, target};

/// The stage that is meant: the one that was named, or the one that `to` is about.
///
/// # Errors
/// Invalid for a stage that the notes do not have.
pub fn stage(
    world: &World<'_>,
    release: &Release,
    named: Option<&str>,
    to: StageUse,
) -> Result<StageName> {
    let mut ledger = world.ledgers.open(&release.name);
    let history = ledger.refresh()?;
    Ok(decisions::stage(&release.notes, history, named, to)?)
}

/// Records that the deployment of a stage begins, if the release is go. The check is made here and now, and recorded;
/// its answer is returned beside the result, so that a no-go can be shown.
///
/// # Errors
/// No-go, inconclusive or refused; files and ledger.
pub fn start(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
    stage: &StageName,
) -> Result<((Readiness, RecordId), Result<Done>)> {
    actor.authority(&release.policy, Action::Deploy)?;
    let by = actor.person.as_str();
    // Of one that began and was cut off, the others may not know yet.
    target::announce(world, release, actor)?;
    let warnings = target::must_be_free(world, release)?;
    let anchor = anchor::of_files(world, release);
    let led = check::lead(
        world,
        release,
        (by, &Scope::Start),
        &|history, go, checked| {
            let started = decisions::start(
                &release.policy,
                &release.notes,
                history,
                go,
                checked,
                (actor, stage),
            )?;
            Ok(decisions::anchored(started, anchor.clone()))
        },
    )?;
    let waived = led.readiness.waived().cloned().collect();
    let begun = led.to.and_then(|record| {
        take_target(world, release, (actor, stage))?;
        Ok(record)
    });
    let done = begun.map(|record| Done {
        release: release.name.clone(),
        what: with(format!("the deployment of {stage} begins"), &warnings),
        record: record.id,
        waived,
        next: vec![command(
            &release.name,
            &format!("deploy done --stage {stage}"),
        )],
    });
    Ok(((led.readiness, led.checked), done))
}

/// Records on the target that a deployment has begun, before the command says so. Where a rollback or another deployment
/// began at the same moment, this one did not: nobody deploys yet.
fn take_target(
    world: &World<'_>,
    release: &Release,
    (actor, stage): (&Actor, &StageName),
) -> Result<()> {
    let taken =
        target::announce(world, release, actor).and_then(|_| target::must_be_free(world, release));
    let Err(why) = taken else {
        return Ok(());
    };
    let reason = format!("it did not begin: {why}");
    fail(world, release, (actor, stage), &reason)?;
    Err(why)
}

/// What the other releases on the target learn of what was recorded. A ledger of theirs that cannot be written takes nothing
/// back: it is named, with the command that writes into it again.
fn announced(world: &World<'_>, release: &Release, actor: &Actor, command: &str) -> Vec<String> {
    target::announce(world, release, actor).unwrap_or_else(|error| {
        vec![format!(
            "WARNING: another release on the target does not know of it: {error}; \"{command}\" records it there"
        )]
    })
}

/// What happened, and what came of it on the target.
fn with(what: String, came_of_it: &[String]) -> String {
    let all: Vec<&str> = std::iter::once(what.as_str())
        .chain(came_of_it.iter().map(String::as_str))
        .collect();
    all.join("; ")
}

/// Replaces what was signed for a stage by what the files say now, if the release is go with them; open incidents keep the
/// plan that they were opened with.
///
/// # Errors
/// As [`start`].
pub fn repin(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
    stage: &StageName,
) -> Result<((Readiness, RecordId), Result<Done>)> {
    actor.authority(&release.policy, Action::Deploy)?;
    let by = actor.person.as_str();
    let anchor = anchor::of_files(world, release);
    let led = check::lead(
        world,
        release,
        (by, &Scope::Repin),
        &|history, go, checked| {
            decisions::repin(
                &release.policy,
                history,
                (go, checked),
                (actor, stage),
                anchor.clone(),
            )
        },
    )?;
    let done = led.to.map(|record| Done {
        release: release.name.clone(),
        what: format!("{stage} is verified, watched and rolled back as the files say now"),
        record: record.id,
        waived: led.readiness.waived().cloned().collect(),
        next: vec![command(&release.name, &format!("verify --stage {stage}"))],
    });
    Ok(((led.readiness, led.checked), done))
}

/// Records that somebody with authority stands for a disputed deployment: of `stage`, or of the one that is disputed.
///
/// # Errors
/// Refused where none is disputed; files and ledger.
pub fn confirm(
    world: &World<'_>,
    release: &Release,
    (actor, stage): (&Actor, Option<&str>),
    reason: &str,
) -> Result<Done> {
    let mut ledger = world.ledgers.open(&release.name);
    let history = ledger.refresh()?;
    let disputed = history.state().disputes().next().map(|(it, _)| it.clone());
    let stage = match (stage, disputed) {
        (None, Some(disputed)) => disputed,
        _ => decisions::stage(&release.notes, history, stage, StageUse::Deployed)?,
    };
    let record = append(ledger.as_mut(), &mut |history, _| {
        Ok(vec![dispute::confirm(
            &release.policy,
            history,
            (actor, &stage),
            reason,
        )?])
    })?;
    Ok(Done {
        release: release.name.clone(),
        what: format!("the deployment of {stage} is confirmed"),
        record: record.id,
        waived: Vec::new(),
        next: vec![command(&release.name, &format!("verify --stage {stage}"))],
    })
}

/// Records that the deployment of a stage did not finish.
///
/// # Errors
/// Refused where none runs; files and ledger.
pub fn fail(
    world: &World<'_>,
    release: &Release,
    (actor, stage): (&Actor, &StageName),
    reason: &str,
) -> Result<Done> {
    let mut ledger = world.ledgers.open(&release.name);
    let record = append(ledger.as_mut(), &mut |history, _| {
        Ok(vec![decisions::fail(
            &release.policy,
            &release.notes,
            history,
            (actor, stage),
            reason,
        )?])
    });
    let again = command(
        &release.name,
        &format!("deploy fail --stage {stage} --reason TEXT"),
    );
    let came_of_it = announced(world, release, actor, &again);
    let record = record?;
    let what = format!("the deployment of {stage} did not finish; something of it may run");
    Ok(Done {
        release: release.name.clone(),
        what: with(what, &came_of_it),
        record: record.id,
        waived: Vec::new(),
        next: vec![
            command(&release.name, &format!("deploy start --stage {stage}")),
            command(&release.name, "rollback --reason TEXT"),
        ],
    })
}

/// Records that the deployment of a stage is done.
///
/// # Errors
/// Refused where none was started; files and ledger.
pub fn done(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
    stage: &StageName,
) -> Result<Done> {
    let mut ledger = world.ledgers.open(&release.name);
    let record = append(ledger.as_mut(), &mut |history, _| {
        Ok(vec![decisions::done(
            &release.policy,
            &release.notes,
            history,
            actor,
            stage,
        )?])
    });
    // What was recorded before, and cut off, is recorded in the others' ledgers too.
    let again = command(&release.name, &format!("deploy done --stage {stage}"));
    let came_of_it = announced(world, release, actor, &again);
    let record = record?;
    Ok(Done {
        release: release.name.clone(),
        what: with(format!("the deployment of {stage} is done"), &came_of_it),
        record: record.id,
        waived: Vec::new(),
        next: vec![command(&release.name, &format!("verify --stage {stage}"))],
    })
}
