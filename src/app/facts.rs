//! What is found on this machine for a check: artifacts, files, programs, evidence.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::gate::Gate;
use crate::domain::ids::{Digest, GateId, ItemId, ProbeId, StageName};
use crate::domain::probe::Probe;
use crate::domain::probe::judge::Sample;
use crate::domain::readiness::{Facts, Scope, gates_in};
use crate::domain::record::body::PinnedPlan;
use crate::domain::record::digest_of;

use super::ask::{self, About};
use super::project::{RELEASES, Release};
use super::{Result, World, artifacts, documents};

/// What probes of `release` are run with, wherever they are: at a check, which is of no stage, in a verification, and
/// after an incident opened, with what its plan pinned.
pub fn about(release: &Release, stage: Option<&StageName>, pinned: Option<&PinnedPlan>) -> About {
    let plan = release.notes.verification.as_ref();
    let pinned = pinned.map(|plan| plan.previous.clone());
    About {
        release: release.name.to_string(),
        previous: pinned.or_else(|| release.notes.previous.clone()),
        stage: stage.map(ToString::to_string),
        concurrency: plan.and_then(|plan| plan.concurrency),
        per_host: plan.and_then(|plan| plan.per_host),
    }
}

/// Everything but evidence: nothing is asked.
///
/// # Errors
/// A file that cannot be read.
pub fn quiet(world: &World<'_>, release: &Release) -> Result<Facts> {
    let mut facts = Facts::default();
    artifacts::gather(world, release, &mut facts);
    for step in release.notes.steps() {
        let program = step.argv.first().map(String::as_str).unwrap_or_default();
        if let Err(why) = world.runner.can_run(program, world.files.root()) {
            facts.step_problems.insert(step.id.clone(), why);
        }
    }
    facts.document_problems = documents::problems(world, &release.notes)
        .into_iter()
        .collect();
    for gate in &release.gates {
        for item in gate.items() {
            let Some(path) = &item.file else { continue };
            let full = format!("{RELEASES}/{}/{path}", release.name);
            if let Err(problem) = documents::read(world, &full) {
                facts
                    .file_problems
                    .insert((gate.id.clone(), item.id.clone()), problem);
            }
        }
    }
    Ok(facts)
}

/// Everything that a check of `scope` needs, its evidence asked for.
///
/// # Errors
/// A file that cannot be read, or a variable without a value.
pub fn gather(world: &World<'_>, release: &Release, scope: &Scope) -> Result<Facts> {
    let mut facts = quiet(world, release)?;
    // What was held against the go of a deployment is not run again to close the release.
    let again = |gate: &&Gate| *scope != Scope::Closing || !gate.phase.precedes_deployment();
    let gates = gates_in(&release.gates, scope).filter(again);
    ask(world, release, gates, &mut facts)?;
    Ok(facts)
}

/// Adds the answers of the evidence items of `gates`, and when they were asked for.
///
/// # Errors
/// A variable without a value.
pub fn ask<'a>(
    world: &World<'_>,
    release: &Release,
    gates: impl Iterator<Item = &'a Gate>,
    facts: &mut Facts,
) -> Result<()> {
    let now = world.clock.now().wall;
    facts.evidence = evidence(world, release, gates)?;
    facts.asked_at = (!facts.evidence.is_empty()).then_some(now);
    Ok(())
}

/// The answers of the evidence items of `gates`: so many asked at once, each question once however many items it
/// answers, and all of it within the policy's time.
///
/// # Errors
/// A variable without a value.
pub fn evidence<'a>(
    world: &World<'_>,
    release: &Release,
    gates: impl Iterator<Item = &'a Gate>,
) -> Result<BTreeMap<(GateId, ItemId), Sample>> {
    let mut probes: Vec<Probe> = Vec::new();
    let mut questions: BTreeMap<Digest, usize> = BTreeMap::new();
    let mut asked = Vec::new();
    let gates: Vec<&Gate> = gates.collect();
    let all = || {
        let items = gates.iter().flat_map(|gate| gate.items());
        items.filter_map(|item| item.probe.as_ref())
    };
    let needed: BTreeSet<&ProbeId> = all().flat_map(|probe| &probe.needs).collect();
    for gate in &gates {
        for item in gate.items() {
            let Some(probe) = &item.probe else { continue };
            let mut ask = || {
                probes.push(probe.clone());
                probes.len() - 1
            };
            // One that others need is asked under its own name.
            let place = match needed.contains(&probe.id) {
                true => ask(),
                false => *questions.entry(question(probe)).or_insert_with(ask),
            };
            asked.push((gate.id.clone(), item.id.clone(), probe.id.clone(), place));
        }
    }
    if probes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut about = about(release, None, None);
    let rules = release.policy.evidence.clone().unwrap_or_default();
    about.concurrency = rules.concurrency.or(about.concurrency);
    ask::require_values(world, &probes, &about)?;
    let patience = rules.within().duration();
    let _shown = ask::show(world, &probes, &[], Some(patience));
    let samples = ask::sample(world, &probes, &about, Some(patience));
    Ok(asked
        .into_iter()
        .filter_map(|(gate, item, probe, place)| {
            let sample = samples.get(place)?.clone();
            Some(((gate, item), Sample { probe, ..sample }))
        })
        .collect())
}

/// What a probe asks, whatever it is called.
fn question(probe: &Probe) -> Digest {
    let mut question = serde_json::to_value(probe).unwrap_or_default();
    if let Some(keys) = question.as_object_mut() {
        keys.remove("id");
        keys.remove("title");
    }
    digest_of(&question)
}
