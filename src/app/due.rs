//! `relgate due`: what is owed over all releases, and settling it.

use crate::domain::decide::{Actor, obligation as decisions};
use crate::domain::ids::Digest;
use crate::domain::outcome::{Done, DueReport};
use crate::domain::refusal::Refusal;

use super::project::{self, Release};
use super::{Result, World, append, documents, view};

/// What is owed over all releases, the earliest first; with `settled`, what was too. Names the releases whose files are
/// wrong, so that what they owe is not silently missing.
///
/// # Errors
/// A ledger or file that cannot be read; the findings of the first release whose files are wrong.
pub fn list(
    world: &World<'_>,
    policy_path: &str,
    named: Option<&str>,
    settled: bool,
) -> Result<DueReport> {
    project::require_policy(world, policy_path)?;
    let names = match named {
        Some(_) => vec![project::select(world, named)?],
        None => project::releases(world)?,
    };
    let now = world.clock.now();
    let mut obligations = Vec::new();
    for name in &names {
        let mut ledger = world.ledgers.open(name);
        let state = ledger.refresh()?.state();
        if state.obligations.is_empty() {
            continue;
        }
        let release = project::load(world, policy_path, name)?;
        obligations.extend(
            state
                .obligations
                .values()
                .map(|owed| view::obligation(&release, owed, &now)),
        );
    }
    obligations.retain(|it| settled || it.settled.is_none());
    obligations.sort_by_key(|it| it.due);
    Ok(DueReport { obligations })
}

/// Settles something owed; the document that answers it is bound by its digest.
///
/// # Errors
/// Invalid for an unknown id, refused for somebody who does not owe it; files and ledger.
pub fn settle(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
    id: &str,
    how: &str,
) -> Result<Done> {
    let mut ledger = world.ledgers.open(&release.name);
    let document = {
        let state = ledger.refresh()?.state();
        let owed = state.obligations.get(id);
        owed.and_then(|owed| owed.obligation.document.clone())
    };
    let digest: Option<Digest> = match document {
        Some(document) => {
            let path = view::document_path(release.name.as_str(), &document);
            let bytes = documents::read(world, &path).map_err(|problem| {
                Refusal::refused(format!("{id} is answered by a document: {problem}"))
                    .help(format!("write {path}, then settle it"))
            })?;
            Some(Digest::of(&bytes))
        }
        None => None,
    };
    let record = append(ledger.as_mut(), &mut |history, _| {
        Ok(vec![decisions::settle(
            &release.policy,
            history,
            (actor, id),
            how,
            digest,
        )?])
    })?;
    Ok(Done {
        release: release.name.clone(),
        what: format!("{id} is settled"),
        record: record.id,
        waived: Vec::new(),
        next: vec!["relgate due".to_owned()],
    })
}
