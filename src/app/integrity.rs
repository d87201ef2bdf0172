//! `relgate ledger verify`: whether the records are whole, and their writers'.

use crate::domain::audit;
use crate::domain::history::History;
use crate::domain::ids::{RecordId, ReleaseName};
use crate::domain::outcome::{Integrity, IntegrityFinding};
use crate::domain::quote;
use crate::domain::readiness::{self, Scope};
use crate::domain::record::{Body, Record, digest_of};

use super::project::{self, Release};
use super::{Result, World, log};

/// Audits the ledger of `release`: digests, links, order, foreign files, signatures, and whether the sign-offs bear out
/// the go of each deployment.
///
/// # Errors
/// A ledger that cannot be read.
pub fn verify(world: &World<'_>, policy_path: &str, release: &ReleaseName) -> Result<Integrity> {
    let folder = world.ledgers.folder(release);
    let audit = audit::audit(
        release,
        &folder.display().to_string(),
        world.ledgers.files(release)?,
    );
    let mut ledger = world.ledgers.open(release);
    let history = ledger.refresh()?;
    let (unsupported, repeated) = match project::load(world, policy_path, release) {
        Ok(files) => goes(&files, history),
        Err(error) => {
            let why = project::first(&error);
            let text = format!("whether the sign-offs bear out each go was not looked at: {why}");
            (Vec::new(), vec![text])
        }
    };
    let without_effect: Vec<String> = history
        .superseded()
        .iter()
        .filter_map(|it| Some((history.find(&it.record)?.file_name(), &it.why)))
        .map(|(file, why)| format!("{file} is without effect: {why}"))
        .collect();
    let doubts = history.doubts().into_iter();
    let doubts = doubts.map(|it| format!("{}; {}", it.what, it.help));
    let aside = log::set_aside(history);
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
            .chain(unsupported)
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
            .chain(doubts)
            .chain(without_effect)
            .chain(repeated)
            .collect(),
    })
}

/// The deployments whose go the records do not bear out, and what could not be looked at.
fn goes(release: &Release, history: &History) -> (Vec<IntegrityFinding>, Vec<String>) {
    let (mut findings, mut remarks) = (Vec::new(), Vec::new());
    for deployment in history.state().deployments.values() {
        let started = &deployment.started;
        let Some((check, fact)) = check(history, &started.fact.go) else {
            continue;
        };
        let stage = &started.fact.stage;
        if fact.notes != digest_of(&release.notes) || fact.policy != digest_of(&release.policy) {
            remarks.push(format!(
                "whether the sign-offs bear out the go of {stage} was not looked at: the release notes or the policy \
                 were edited since"
            ));
            continue;
        }
        for unmet in readiness::unsupported(&release.inquiry(
            &history.view_of(check),
            &readiness::as_signed(history),
            &Scope::Start,
            check.at,
        )) {
            findings.push(IntegrityFinding {
                file: Some(check.file_name()),
                what: format!(
                    "it says go for the deployment of {stage}, and {} was {}: {}",
                    unmet.id,
                    unmet.status.word(),
                    unmet.why
                ),
                help: Some(readiness::command(
                    &release.name,
                    &format!("check --explain {}", quote::word(&unmet.id)),
                )),
            });
        }
    }
    (findings, remarks)
}

fn check<'a>(
    history: &'a History,
    id: &RecordId,
) -> Option<(&'a Record, &'a crate::domain::record::body::Checked)> {
    let record = history.find(id)?;
    match &record.body {
        Body::Checked(fact) => Some((record, fact)),
        _ => None,
    }
}
