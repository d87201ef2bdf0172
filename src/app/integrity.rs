//! `relgate ledger verify`: whether the records are whole, and their writers'.

use crate::domain::audit;
use crate::domain::ids::ReleaseName;
use crate::domain::outcome::{Integrity, IntegrityFinding};

use super::{Result, World, log};

/// Audits the ledger of `release`: digests, links, order, foreign files, signatures.
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
    let mut ledger = world.ledgers.open(release);
    let aside = log::set_aside(ledger.refresh()?);
    let (lapsed, void): (Vec<_>, Vec<_>) = aside.into_iter().partition(|it| it.lapsed);
    let void = void.into_iter().map(|it| IntegrityFinding {
        what: format!("it does not count: {}", it.what),
        help: Some(format!("git log -p -- '*{}' shows who added it", it.file)),
        file: Some(it.file),
    });
    let lapsed = lapsed.into_iter().map(|it| {
        format!(
            "{} was signed, and does not count any more: {}",
            it.file, it.what
        )
    });
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
            .chain(void)
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
            .chain(lapsed)
            .collect(),
    })
}
