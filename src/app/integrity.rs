//! `relgate ledger verify`: whether the records are whole.

use crate::domain::audit;
use crate::domain::ids::ReleaseName;
use crate::domain::outcome::{Integrity, IntegrityFinding};

use super::{Result, World};

/// Audits the ledger of `release`: digests, links, order, foreign files.
///
/// # Errors
/// A ledger that cannot be read.
pub fn verify(world: &World<'_>, release: &ReleaseName) -> Result<Integrity> {
    let folder = world.ledgers.folder(release);
    let audit = audit::audit(
        release,
        &folder.display().to_string(),
        world.ledgers.files(release)?,
    );
    Ok(Integrity {
        release: release.clone(),
        folder,
        records: audit.records,
        heads: audit.heads.len(),
        findings: audit
            .findings
            .into_iter()
            .map(|it| IntegrityFinding {
                file: it.file,
                what: it.what,
                help: Some(it.help),
            })
            .collect(),
        remarks: audit
            .unknown
            .iter()
            .map(|it| {
                format!(
                    "{} is of a kind or version that this relgate does not know: {}",
                    it.file, it.kind
                )
            })
            .collect(),
    })
}
