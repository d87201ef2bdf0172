//! `relgate waive`: an exception, recorded, and taken back.

use crate::domain::decide::{Actor, waive as decisions};
use crate::domain::gate::{Gate, Item};
use crate::domain::outcome::{Done, Waived};
use crate::domain::probe::{Probe, needs};
use crate::domain::readiness::{self, Facts, Requirement, Scope, command};
use crate::domain::record::Record;

use super::project::Release;
use super::{Result, World, append, facts};

/// Waives the requirements `ids`, as a check shows them: all of them, or none.
///
/// # Errors
/// Usage for a malformed time or an empty reason, invalid for an unknown requirement, refused for want of authority and
/// for what cannot be waived; files and ledger.
pub fn waive(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
    ids: &[String],
    (reason, until): (&str, &str),
) -> Result<Waived> {
    let calendar = release.policy.calendar.clone().unwrap_or_default();
    // Before anything is asked: a typing error needs no evidence.
    decisions::until(until, &calendar, world.clock.now().wall)?;
    let facts = gather(world, release, ids)?;
    let mut ledger = world.ledgers.open(&release.name);
    let records = ledger.append(&mut |history, now| {
        let inquiry = release.inquiry(history, &facts, &Scope::Deployment, now.wall);
        let until = decisions::until(until, &calendar, now.wall)?;
        let mut found: Vec<Requirement> = Vec::new();
        for id in ids {
            let requirement = readiness::find(&inquiry, id)?;
            // Named twice is meant once.
            if found.iter().all(|it| it.id != requirement.id) {
                found.push(requirement);
            }
        }
        decisions::waive(&inquiry, actor, &found, (reason, until))
    })?;
    let now = world.clock.now().wall;
    let inquiry = release.inquiry(ledger.refresh()?, &facts, &Scope::Deployment, now);
    let made = |requirement: &Requirement| {
        let waiver = requirement.waiver.as_ref();
        waiver.is_some_and(|waiver| records.iter().any(|it| it.id == waiver.record))
    };
    let mut requirements = Vec::new();
    for id in ids {
        let requirement = readiness::with_waiver(&inquiry, readiness::find(&inquiry, id)?);
        let twice = requirements.iter().any(|it: &Requirement| it.id == *id);
        if made(&requirement) && !twice {
            requirements.push(requirement);
        }
    }
    Ok(Waived {
        release: release.name.clone(),
        requirements,
        next: vec![command(&release.name, "check"), "relgate due".to_owned()],
    })
}

/// Takes the waivers of `ids` back: all of them, or none.
///
/// # Errors
/// Refused for want of authority, or where there is none; files and ledger.
pub fn withdraw(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
    ids: &[String],
) -> Result<Done> {
    let facts = facts::quiet(world, release)?;
    let mut ledger = world.ledgers.open(&release.name);
    let record: Record = append(ledger.as_mut(), &mut |history, now| {
        let inquiry = release.inquiry(history, &facts, &Scope::Deployment, now.wall);
        ids.iter()
            .map(|id| decisions::withdraw(&inquiry, actor, id))
            .collect()
    })?;
    Ok(Done {
        release: release.name.clone(),
        what: format!("the waiver of {} is taken back", ids.join(", ")),
        record: record.id,
        waived: Vec::new(),
        next: vec![command(&release.name, "check")],
    })
}

/// What is found on this machine, and the answers of the evidence items that are meant.
pub(super) fn gather(world: &World<'_>, release: &Release, ids: &[String]) -> Result<Facts> {
    let mut facts = facts::quiet(world, release)?;
    let of = |keep: &dyn Fn(&Gate, &Item) -> bool| -> Vec<Probe> {
        let gates = release.gates.iter();
        let items = gates.flat_map(|gate| gate.items().iter().map(move |item| (gate, item)));
        items
            .filter(|(gate, item)| keep(gate, item))
            .filter_map(|(_, item)| item.probe.clone())
            .collect()
    };
    let is_named = |gate: &Gate, item: &Item| ids.contains(&format!("{}/{}", gate.id, item.id));
    let asked = needs::with_needed(&of(&|_, _| true), &of(&is_named));
    let meant: Vec<Gate> = release
        .gates
        .iter()
        .filter_map(|gate| {
            let mut gate = gate.clone();
            let items = gate.items.as_mut()?;
            items.retain(|item| {
                let id = item.probe.as_ref().map(|probe| &probe.id);
                asked.iter().any(|probe| Some(&probe.id) == id)
            });
            Some(gate)
        })
        .collect();
    facts::ask(world, release, meant.iter(), &mut facts)?;
    Ok(facts)
}
