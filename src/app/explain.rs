//! `relgate check --explain`: the whole reasoning behind one requirement. Nothing is decided, and nothing recorded.

use crate::domain::outcome::Explanation;
use crate::domain::readiness::{self, Scope};

use super::project::Release;
use super::{Result, World, place, waive};

/// Why the requirement `id` stands as it does.
///
/// # Errors
/// Invalid for an unknown requirement; files and ledger.
pub fn explain(
    world: &World<'_>,
    policy_path: &str,
    release: &Release,
    id: &str,
) -> Result<Explanation> {
    let facts = waive::gather(world, release, std::slice::from_ref(&id.to_owned()))?;
    let mut ledger = world.ledgers.open(&release.name);
    let history = ledger.refresh()?;
    let inquiry = release.inquiry(history, &facts, &Scope::Deployment, world.clock.now().wall);
    let requirement = readiness::stands(&inquiry, id)?;
    let reasoning = readiness::reasoning(&inquiry, &requirement);
    Ok(Explanation {
        release: release.name.clone(),
        written: place::of(world, policy_path, release, &requirement)?,
        requirement,
        reasoning,
    })
}
