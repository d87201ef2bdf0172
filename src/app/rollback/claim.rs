//! Claiming a rollback by hand.

use crate::app::project::Release;
use crate::app::{Result, World, append};
use crate::domain::decide::{Actor, rollback as decisions};
use crate::domain::ids::StageName;

/// Claims the rollback by hand: of `stage`, or of every stage that runs the release.
///
/// # Errors
/// Refused for authority, where nothing is deployed, or where it runs or has run already.
pub fn claim(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
    stage: Option<&StageName>,
    reason: &str,
) -> Result<()> {
    let mut ledger = world.ledgers.open(&release.name);
    append(ledger.as_mut(), &mut |history, now| {
        let (policy, notes) = (&release.policy, &release.notes);
        Ok(vec![decisions::claim_by_hand(
            policy,
            notes,
            history,
            (actor, stage),
            (reason, now),
        )?])
    })?;
    Ok(())
}
