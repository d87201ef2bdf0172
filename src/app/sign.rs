//! `relgate sign`: which gates somebody can sign now, and recording the sign-off or the rejection.

use crate::domain::decide::{Actor, sign as decisions};
use crate::domain::gate::{Gate, Item};
use crate::domain::ids::RoleName;
use crate::domain::outcome::{Signed, SignedGate};
use crate::domain::probe::judge::Sample;
use crate::domain::readiness::{
    Facts, Inquiry, Scope, Status, approvals_of, command, is_waived, waiver_of,
};
use crate::domain::record::Record;
use crate::domain::record::body::Answered;
use crate::domain::refusal::Refusal;

use super::project::Release;
use super::{Result, World, append, facts};

/// A gate that somebody can sign now.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Which gate.
    pub gate: Gate,
    /// As which role.
    pub role: RoleName,
    /// The items that the person answers.
    pub items: Vec<Item>,
    /// The items that nobody is asked for, each with its waiver.
    pub waived: Vec<String>,
    /// The evidence items, as they answered just now.
    pub evidence: Vec<(Item, Sample)>,
}

/// A release that somebody signs, with the digests of its artifacts as they were at the beginning: what the person saw is
/// what is signed, and what changes meanwhile makes the sign-off stale.
pub struct Session<'a, 'w> {
    world: &'a World<'w>,
    release: &'a Release,
    facts: Facts,
}

impl<'a, 'w> Session<'a, 'w> {
    /// Looks at the files of `release`, once.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn new(world: &'a World<'w>, release: &'a Release) -> Result<Self> {
        Ok(Self {
            world,
            release,
            facts: facts::quiet(world, release)?,
        })
    }
}

/// The next gate, in hand-off order, that `actor` can sign: the one that was named, or the first that waits for one of
/// the actor's roles and is not among those to skip. `None` when nothing waits.
///
/// # Errors
/// Refused, for a named gate, with why it cannot be signed; invalid for unknown gates, people and roles.
pub fn next(
    session: &Session<'_, '_>,
    actor: &Actor,
    (named, skip): (Option<&str>, &[SignedGate]),
) -> Result<Option<Ready>> {
    let Session {
        world,
        release,
        facts,
    } = session;
    let mut ledger = world.ledgers.open(&release.name);
    let now = world.clock.now().wall;
    let history = ledger.refresh()?;
    let inquiry = release.inquiry(history, facts, &Scope::Closing, now);
    let found = match named {
        Some(id) => {
            let gate = release.gate(id)?;
            let role = decisions::signing_role(&inquiry, gate, actor)?;
            decisions::may_sign(&inquiry, gate, &role, actor)?;
            Some((gate.clone(), role))
        }
        None => first_waiting(&inquiry, release, actor, skip)?,
    };
    let Some((gate, role)) = found else {
        return Ok(None);
    };
    let (waived, items): (Vec<_>, Vec<_>) = gate
        .confirmed_items()
        .map(|item| (item.clone(), waiver_of(&inquiry, &gate, item)))
        .partition(|(_, waiver)| waiver.is_some());
    let told = |(item, why): (Item, Option<String>)| Some(format!("{}: {}", item.id, why?));
    let mut answers = facts::evidence(world, release, std::iter::once(&gate))?;
    let evidence = gate
        .items()
        .iter()
        .filter_map(|item| {
            Some((
                item.clone(),
                answers.remove(&(gate.id.clone(), item.id.clone()))?,
            ))
        })
        .collect();
    Ok(Some(Ready {
        gate,
        role,
        items: items.into_iter().map(|(item, _)| item).collect(),
        waived: waived.into_iter().filter_map(told).collect(),
        evidence,
    }))
}

fn first_waiting(
    inquiry: &Inquiry<'_>,
    release: &Release,
    actor: &Actor,
    skip: &[SignedGate],
) -> Result<Option<(Gate, RoleName)>> {
    for gate in &release.gates {
        for (role, _) in gate.approvals() {
            let as_role = Actor {
                person: actor.person.clone(),
                role: Some(role.clone()),
            };
            let meant = actor.role.as_ref().is_none_or(|wanted| *wanted == role);
            let id = format!("{}/{role}", gate.id);
            let open = || {
                let waits = [
                    Status::Missing,
                    Status::Stale,
                    Status::Expired,
                    Status::Rejected,
                ];
                approvals_of(inquiry, gate)
                    .iter()
                    .any(|it| it.id == id && waits.contains(&it.status))
            };
            let may = || {
                decisions::signing_role(inquiry, gate, &as_role).is_ok()
                    && decisions::may_sign(inquiry, gate, &role, &as_role).is_ok()
            };
            // What was signed a moment ago and does not count is not asked for again and again.
            let skipped = skip.iter().any(|it| it.gate == gate.id && it.role == role);
            if meant && !skipped && open() && may() {
                return Ok(Some((gate.clone(), role)));
            }
        }
    }
    // Nothing waits: say so only to somebody whom the policy knows, with a role that it knows.
    if let Some(gate) = release.gates.first()
        && let Err(refusal) = decisions::signing_role(inquiry, gate, actor)
        && refusal.kind == crate::domain::refusal::Kind::Invalid
    {
        return Err(refusal.into());
    }
    Ok(None)
}

/// Records a sign-off.
///
/// # Errors
/// Refused where an item or its evidence does not hold, or where somebody else was first; the ledger's errors.
pub fn approve(
    session: &Session<'_, '_>,
    actor: &Actor,
    ready: &Ready,
    answers: &[Answered],
) -> Result<SignedGate> {
    let Session {
        world,
        release,
        facts,
    } = session;
    let mut ledger = world.ledgers.open(&release.name);
    let as_role = Actor {
        person: actor.person.clone(),
        role: Some(ready.role.clone()),
    };
    let evidence: Vec<Sample> = ready
        .evidence
        .iter()
        .map(|(_, sample)| sample.clone())
        .collect();
    let unwaived = |item: &Item| -> Result<bool> {
        let mut ledger = world.ledgers.open(&release.name);
        let inquiry = release.inquiry(
            ledger.refresh()?,
            facts,
            &Scope::Closing,
            world.clock.now().wall,
        );
        Ok(!is_waived(&inquiry, &ready.gate, item))
    };
    for item in ready.gate.items() {
        let key = (ready.gate.id.clone(), item.id.clone());
        let Some(problem) = facts.file_problems.get(&key) else {
            continue;
        };
        if !unwaived(item)? {
            continue;
        }
        let message = format!(
            "the gate {} cannot be signed: {} — {problem}",
            ready.gate.id, item.id
        );
        return Err(Refusal::refused(message)
            .help(command(&release.name, &format!("check {}", ready.gate.id)))
            .into());
    }
    let record = append(ledger.as_mut(), &mut |history, now| {
        let inquiry = release.inquiry(history, facts, &Scope::Closing, now.wall);
        Ok(vec![decisions::sign(
            &inquiry,
            &ready.gate,
            &as_role,
            answers.to_vec(),
            evidence.clone(),
        )?])
    })?;
    Ok(SignedGate {
        waived: ready.waived.clone(),
        ..signed(&ready.gate, &ready.role, &record, answers.len(), true)
    })
}

/// Records a rejection.
///
/// # Errors
/// Usage for an empty reason, refused for somebody who does not sign the gate; the ledger's errors.
pub fn reject(
    session: &Session<'_, '_>,
    actor: &Actor,
    gate: &Gate,
    (reason, answers): (&str, &[Answered]),
) -> Result<SignedGate> {
    let Session {
        world,
        release,
        facts,
    } = session;
    let mut ledger = world.ledgers.open(&release.name);
    let mut role = None;
    let record = append(ledger.as_mut(), &mut |history, now| {
        let inquiry = release.inquiry(history, facts, &Scope::Closing, now.wall);
        role = Some(decisions::signing_role(&inquiry, gate, actor)?);
        Ok(vec![decisions::reject(
            &inquiry,
            gate,
            actor,
            reason,
            answers.to_vec(),
        )?])
    })?;
    let role = role.ok_or_else(|| Refusal::refused("nobody rejected it"))?;
    Ok(signed(gate, &role, &record, answers.len(), false))
}

/// What was signed, with what comes next in the hand-off.
///
/// # Errors
/// A ledger that cannot be read.
pub fn result(session: &Session<'_, '_>, signatures: Vec<SignedGate>) -> Result<Signed> {
    let Session {
        world,
        release,
        facts,
    } = session;
    let mut ledger = world.ledgers.open(&release.name);
    let now = world.clock.now().wall;
    let history = ledger.refresh()?;
    let inquiry = release.inquiry(history, facts, &Scope::Closing, now);
    let waits = [
        Status::Missing,
        Status::Stale,
        Status::Expired,
        Status::Rejected,
    ];
    let mut next: Vec<String> = release
        .gates
        .iter()
        .filter(|gate| gate.phase.precedes_deployment())
        .flat_map(|gate| approvals_of(&inquiry, gate))
        .filter(|it| waits.contains(&it.status))
        // Nobody is sent to lift a rejection of somebody else.
        .filter(|it| {
            let mut authors = it.rejected_by.iter();
            it.status != Status::Rejected
                || authors.any(|by| signatures.iter().any(|one| one.by == *by))
        })
        .filter_map(|it| it.command)
        .take(3)
        .collect();
    if next.is_empty() {
        next.push(command(&release.name, "check"));
    }
    Ok(Signed {
        release: release.name.clone(),
        signatures,
        next,
    })
}

fn signed(
    gate: &Gate,
    role: &RoleName,
    record: &Record,
    items: usize,
    approved: bool,
) -> SignedGate {
    SignedGate {
        gate: gate.id.clone(),
        role: role.clone(),
        by: record.by.clone(),
        approved,
        items,
        waived: Vec::new(),
        record: record.id,
    }
}
