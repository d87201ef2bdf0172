//! `relgate close`: the release is complete.

use crate::domain::decide::{Actor, deployment as decisions};
use crate::domain::ids::RecordId;
use crate::domain::outcome::Done;
use crate::domain::policy::Action;
use crate::domain::readiness::{Readiness, Scope};

use super::project::Release;
use super::{Result, World, append, check, facts};

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
    let facts = facts::gather(world, release, &Scope::Closing)?;
    let mut ledger = world.ledgers.open(&release.name);
    let by = actor.person.as_str();
    let (readiness, checked) = check::record(
        world,
        ledger.as_mut(),
        release,
        by,
        (&Scope::Closing, &facts),
    )?;
    let closed = append(ledger.as_mut(), world.clock, &mut |history, now| {
        let readiness = check::decide(release, history, &facts, &Scope::Closing, now.wall);
        let close = decisions::close(
            &release.policy,
            &release.notes,
            history,
            actor,
            (&readiness, &checked),
        )?;
        Ok(vec![close])
    });
    let done = closed.map(|record| Done {
        release: release.name.clone(),
        what: "the release is closed".to_owned(),
        record: record.id,
        waived: readiness.waived().cloned().collect(),
        next: vec![],
    });
    Ok(((readiness, checked.id), done))
}
