//! `relgate check`: go or no-go, recorded.

use crate::domain::gate::Phase;
use crate::domain::history::History;
use crate::domain::ids::{GateId, RecordId};
use crate::domain::outcome::Check;
use crate::domain::readiness::{self, Decision, Facts, Readiness, Scope};
use crate::domain::record::body::Checked;
use crate::domain::record::{Body, Draft, Record, digest_of};
use crate::domain::refusal::Refusal;
use chrono::{DateTime, Utc};

use super::ledger::Ledger;
use super::project::Release;
use super::{Result, World, append, facts};

/// Asks whether `release` meets everything in `scope`, and records the answer.
///
/// # Errors
/// Files that are wrong, or a ledger that cannot be read or written: a gate that cannot record its answer gives none.
pub fn check(world: &World<'_>, release: &Release, by: &str, scope: &Scope) -> Result<Check> {
    let facts = facts::gather(world, release, scope)?;
    let mut ledger = world.ledgers.open(&release.name);
    let (readiness, record) = record(ledger.as_mut(), release, by, (scope, &facts))?;
    let (gate, phase) = parts(scope);
    let unknown_records = ledger.refresh()?.unknown().len();
    Ok(Check {
        release: release.name.clone(),
        gate,
        phase,
        readiness,
        asked_at: facts.asked_at,
        record: record.id,
        unknown_records,
    })
}

/// Decides under the lock, with facts that were gathered before, and records the answer.
fn record(
    ledger: &mut dyn Ledger,
    release: &Release,
    by: &str,
    (scope, facts): (&Scope, &Facts),
) -> Result<(Readiness, Record)> {
    let mut answer = None;
    let record = append(ledger, &mut |history, now| {
        let readiness = decide(release, history, facts, scope, now.wall);
        let draft = Draft {
            by: by.to_owned(),
            body: Body::Checked(checked(release, scope, &readiness, facts)),
        };
        answer = Some(readiness);
        Ok(vec![draft])
    })?;
    let readiness = answer.unwrap_or(Readiness {
        decision: Decision::NoGo,
        requirements: Vec::new(),
        hand_off: Vec::new(),
    });
    Ok((readiness, record))
}

/// The answer, without recording it.
pub(super) fn decide(
    release: &Release,
    history: &History,
    facts: &Facts,
    scope: &Scope,
    now: DateTime<Utc>,
) -> Readiness {
    readiness::readiness(&release.inquiry(history, facts, scope, now))
}

/// An answer with the record of it, and the record that was to follow it or why it does not.
pub(super) struct Led {
    pub(super) readiness: Readiness,
    pub(super) checked: RecordId,
    pub(super) to: Result<Record>,
}

/// Checks `scope` here and now, records the answer, and appends what `draft` makes of it. That is decided anew under the
/// lock: what was recorded since the check counts.
///
/// # Errors
/// Files and ledger; what `draft` refuses stands in [`Led::to`], so that the answer can be shown beside it.
pub(super) fn lead(
    world: &World<'_>,
    release: &Release,
    (by, scope): (&str, &Scope),
    draft: &dyn Fn(&History, &Readiness, &Record) -> std::result::Result<Draft, Refusal>,
) -> Result<Led> {
    let facts = facts::gather(world, release, scope)?;
    let mut ledger = world.ledgers.open(&release.name);
    let (readiness, checked) = record(ledger.as_mut(), release, by, (scope, &facts))?;
    let to = append(ledger.as_mut(), &mut |history, now| {
        let readiness = decide(release, history, &facts, scope, now.wall);
        Ok(vec![draft(history, &readiness, &checked)?])
    });
    Ok(Led {
        readiness,
        checked: checked.id,
        to,
    })
}

fn checked(release: &Release, scope: &Scope, readiness: &Readiness, facts: &Facts) -> Checked {
    let (gate, phase) = parts(scope);
    Checked {
        gate,
        phase,
        go: readiness.decision == Decision::Go,
        decided: readiness.decision != Decision::Inconclusive,
        unmet: readiness
            .unmet()
            .map(|it| format!("{}: {} — {}", it.id, it.status.word(), it.why))
            .collect(),
        waived: readiness
            .waived()
            .map(|it| format!("{}: {}", it.id, it.why))
            .collect(),
        notes: digest_of(&release.notes),
        policy: digest_of(&release.policy),
        evidence: facts.evidence.values().cloned().collect(),
        repin: *scope == Scope::Repin,
    }
}

fn parts(scope: &Scope) -> (Option<GateId>, Option<Phase>) {
    match scope {
        Scope::Deployment | Scope::Start | Scope::Repin => (None, None),
        Scope::Gate(gate) => (Some(gate.clone()), None),
        Scope::Phase(phase) => (None, Some(*phase)),
        Scope::Closing => (None, Some(Phase::Closure)),
    }
}
