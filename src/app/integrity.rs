//! `relgate ledger verify`: whether the records are whole, and their writers'.

use crate::domain::anomaly::{Anomaly, Damage};
use crate::domain::audit;
use crate::domain::decide::{Actor, clock};
use crate::domain::history::History;
use crate::domain::ids::{RecordId, ReleaseName};
use crate::domain::outcome::{Done, Integrity, IntegrityFinding};
use crate::domain::quote;
use crate::domain::readiness::{self, Scope};
use crate::domain::record::body::ClockJumpAccepted;
use crate::domain::record::{Body, Record, digest_of};
use crate::domain::state::Recorded;

use super::project::{self, Release};
use super::{Result, World, append, log};

/// Audits the ledger of `release`: digests, links, order, foreign files, signatures, and whether the sign-offs bear out
/// the go of each deployment.
///
/// # Errors
/// A ledger that cannot be read.
pub fn verify(world: &World<'_>, policy_path: &str, release: &ReleaseName) -> Result<Integrity> {
    let records = world.ledgers.records();
    let audit = audit::audit(release, &records.place(release), records.stored(release)?);
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
    let (jumps, findings): (Vec<_>, Vec<_>) = audit
        .findings
        .into_iter()
        .partition(|it| accepted(history, it).is_some());
    let jumps: Vec<String> = jumps
        .iter()
        .filter_map(|it| Some((it, accepted(history, it)?)))
        .map(|(it, accepted)| {
            let (by, reason) = (&accepted.origin.by, &accepted.fact.reason);
            format!("{}; accepted by {by}: {reason}", it.what)
        })
        .collect();
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
        folder: records.place(release),
        records: audit.records,
        heads: audit.heads.len(),
        findings: findings
            .into_iter()
            .map(|it| IntegrityFinding {
                help: Some(match (it.damage, it.record) {
                    (Damage::TimeOrder, Some(id)) => {
                        let accept = format!("ledger accept {} --reason TEXT", id.short());
                        readiness::command(release, &accept)
                    }
                    _ => it.help,
                }),
                file: it.file,
                what: it.what,
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
            .chain(jumps)
            .chain(lapsed)
            .chain(doubts)
            .chain(without_effect)
            .chain(repeated)
            .collect(),
    })
}

/// Who accepted that the clock went back, where that is all that is wrong.
fn accepted<'a>(history: &'a History, found: &Anomaly) -> Option<&'a Recorded<ClockJumpAccepted>> {
    let record = found.record.filter(|_| found.damage == Damage::TimeOrder)?;
    let jump = history.state().clock_jumps.get(&record)?;
    jump.accepted.as_ref()
}

/// Records that somebody looked into a clock that went back.
///
/// # Errors
/// What the decision refused, or why the ledger failed.
pub fn accept(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
    (record, reason): (&str, &str),
) -> Result<Done> {
    let mut ledger = world.ledgers.open(&release.name);
    let appended = append(ledger.as_mut(), &mut |history, _| {
        let named = (record, reason);
        Ok(vec![clock::accept_jump(
            &release.policy,
            history,
            actor,
            named,
        )?])
    })?;
    Ok(Done {
        release: release.name.clone(),
        what: "that the clock went back is accepted".to_owned(),
        record: appended.id,
        waived: Vec::new(),
        next: vec![readiness::command(&release.name, "ledger verify")],
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
