//! The other releases on the target of a deployment: whether it is free, and what their ledgers must know.

use crate::domain::decide::{Actor, target as decisions};
use crate::domain::history::History;
use crate::domain::ids::ReleaseName;
use crate::domain::record::{Body, Draft};
use crate::ports::AppendError;

use super::ledger::Ledger;
use super::project::{self, Release};
use super::{Result, World};

/// Another release that was deployed to the same target, with its ledger as it was read.
struct Neighbour<'w> {
    name: ReleaseName,
    ledger: Box<dyn Ledger + Send + 'w>,
}

/// The other open releases on the target of `release`.
///
/// # Errors
/// A ledger that cannot be read: something of it may run on the target.
fn neighbours<'w>(world: &World<'w>, release: &Release) -> Result<Vec<Neighbour<'w>>> {
    let target = decisions::target(&release.policy, &release.notes);
    let mut neighbours = Vec::new();
    for name in project::releases(world)? {
        if name == release.name || world.ledgers.has_ended(&name) {
            continue;
        }
        let mut ledger = world.ledgers.open(&name);
        let other = ledger.refresh()?;
        if decisions::shares_target(&release.policy, &target, other) {
            neighbours.push(Neighbour { name, ledger });
        }
    }
    Ok(neighbours)
}

/// Whether a deployment of `release` may begin on its target. Returns what people should know before.
///
/// # Errors
/// Refused while another deployment or a rollback runs there; a ledger that cannot be read.
pub fn must_be_free(world: &World<'_>, release: &Release) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for neighbour in neighbours(world, release)? {
        let history = neighbour.ledger.history();
        decisions::must_be_free(history)?;
        warnings.extend(decisions::warning(&release.notes, history));
    }
    Ok(warnings)
}

/// Writes into the ledgers of the other releases on the target what they do not know yet of the deployments of `release`:
/// that one began, failed, or took their place. Returns what came of it, for people.
///
/// # Errors
/// Refused where a rollback was claimed there meanwhile; a ledger that cannot be read or written.
pub fn announce(world: &World<'_>, release: &Release, actor: &Actor) -> Result<Vec<String>> {
    let mut own = world.ledgers.open(&release.name);
    let own: History = own.refresh()?.clone();
    let mut came_of_it = Vec::new();
    for mut neighbour in neighbours(world, release)? {
        let written = neighbour.ledger.append(&mut |other, now| {
            let (policy, notes) = (&release.policy, &release.notes);
            let news = decisions::news(policy, (notes, &own), other, now);
            let drafts = news.into_iter().map(|body| Draft {
                by: actor.person.to_string(),
                body,
            });
            Ok(drafts.collect())
        });
        let written = written.map_err(|error| match error {
            AppendError::Refused(refusal) => AppendError::Refused(
                refusal.help(crate::domain::readiness::command(&neighbour.name, "status")),
            ),
            other => other,
        })?;
        let kinds = written.iter().filter_map(|record| match &record.body {
            Body::Replacement(fact) => {
                decisions::told(&neighbour.name, fact, neighbour.ledger.history())
            }
            _ => None,
        });
        came_of_it.extend(kinds);
    }
    Ok(came_of_it)
}
