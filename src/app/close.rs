//! `relgate close` and `relgate abandon`: the release is complete, or will not go out.

use crate::domain::decide::{Actor, closing as decisions};
use crate::domain::ids::RecordId;
use crate::domain::outcome::Done;
use crate::domain::policy::Action;
use crate::domain::readiness::{Readiness, Scope};

use super::project::Release;
use super::{Result, World, append, check};

/// Closes the release if everything that is required is met. The check is made here and now, and recorded; its answer
/// is returned beside the result, so that what is unmet can be shown.
///
/// # Errors
/// No-go, inconclusive or refused; files and ledger.
pub fn close(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
) -> Result<((Readiness, RecordId), Result<Done>)> {
    actor.authority(&release.policy, Action::Close)?;
    let by = actor.person.as_str();
    let led = check::lead(
        world,
        release,
        (by, &Scope::Closing),
        &|history, go, checked| {
            decisions::close(
                &release.policy,
                &release.notes,
                history,
                actor,
                (go, checked),
            )
        },
    )?;
    let done = led.to.map(|record| Done {
        release: release.name.clone(),
        what: "the release is closed".to_owned(),
        record: record.id,
        waived: led.readiness.waived().cloned().collect(),
        next: vec![],
    });
    Ok(((led.readiness, led.checked), done))
}

/// Ends a release that will not go out.
///
/// # Errors
/// Refused for authority, where it is deployed, a window or a rollback runs, or it is over already.
pub fn abandon(world: &World<'_>, release: &Release, actor: &Actor, reason: &str) -> Result<Done> {
    let mut ledger = world.ledgers.open(&release.name);
    let record = append(ledger.as_mut(), &mut |history, _| {
        let policy = &release.policy;
        Ok(vec![decisions::abandon(policy, history, actor, reason)?])
    })?;
    Ok(Done {
        release: release.name.clone(),
        what: "the release is abandoned".to_owned(),
        record: record.id,
        waived: Vec::new(),
        next: Vec::new(),
    })
}
