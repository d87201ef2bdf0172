//! `relgate rollback --drill`: the plan is tried on a staging system before it is needed (req: D9).

use std::collections::BTreeMap;

use super::step::{command, known_secrets, output_path};
use crate::app::project::Release;
use crate::app::verify::{Suite, passed, sample_until_decided};
use crate::app::{Hear, Result, World, append, facts, probe};
use crate::domain::decide::{Actor, rollback as decisions};
use crate::domain::event::Event;
use crate::domain::ids::StageName;
use crate::domain::outcome::{Drill, StepView};
use crate::domain::policy::Action;
use crate::domain::probe::judge::Verdict;
use crate::domain::readiness;
use crate::domain::record::body::{Drilled, StepEnded};
use crate::domain::record::digest_of;
use crate::domain::refusal::Refusal;

/// Runs the plan with the variables of the drill, asks its probes, and records how it went and how long it took.
///
/// # Errors
/// Refused for authority, or where the notes do not say what the drill runs against: without that it would be a real
/// rollback. The ledger's errors.
pub fn drill(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
    stage: &StageName,
    hear: &mut Hear<'_>,
) -> Result<Drill> {
    actor.authority(&release.policy, Action::Rollback)?;
    let pinned = crate::domain::decide::incident::pinned(&release.notes)?;
    let target = pinned.rollback.drill.clone().filter(|drill| !drill.env.is_empty()).ok_or_else(|| {
        let missing = "the release notes do not say what a drill runs against: it would be a real rollback";
        Refusal::refused(missing).help("fill in rollback.drill.env with what points the steps at staging")
    })?;
    let began = world.clock.now();
    let digest = digest_of(&release.notes.steps());
    let written = probe::of_release(release);
    let secrets = known_secrets(world, written.iter().map(|placed| &placed.probe));
    let mut ended = Vec::new();
    let of = pinned.steps().len();
    for (place, step) in pinned.steps().iter().enumerate() {
        let mut env: BTreeMap<String, String> = step.env.clone();
        env.extend([
            ("RELGATE_RELEASE".to_owned(), release.name.to_string()),
            ("RELGATE_PREVIOUS".to_owned(), pinned.previous.clone()),
            ("RELGATE_STAGE".to_owned(), stage.to_string()),
            ("RELGATE_REASON".to_owned(), "drill".to_owned()),
            ("RELGATE_DRILL".to_owned(), "1".to_owned()),
        ]);
        // What points at staging comes last: nothing may point it back at production.
        env.extend(target.env.clone());
        hear(&Event::StepStarted {
            attempt: 0,
            step: step.id.clone(),
            place: place + 1,
            of,
        });
        let output = format!("drill-{}-{}.log", place + 1, step.id);
        let command = command(world, release, (step, &output), env, &secrets);
        let end = StepEnded {
            attempt: 0,
            stage: None,
            step: step.id.clone(),
            output: output_path(&output),
            end: world.runner.run(&command, &mut |_| {}, &mut |_| {}),
        };
        hear(&Event::StepEnded {
            attempt: 0,
            step: step.id.clone(),
            outcome: end.end.outcome.clone(),
            took_ms: end.end.took_ms,
            tail: end.end.tail.clone(),
            next: pinned.steps().get(place + 1).map(|next| next.id.clone()),
        });
        let succeeded = end.end.is_success();
        ended.push(end);
        if !succeeded {
            break;
        }
    }
    let complete = ended.len() == of && ended.iter().all(|it| it.end.is_success());
    let probes = target.verify.unwrap_or_default();
    let (verified, evidence) = if complete && !probes.is_empty() {
        let about = facts::about(release, Some(stage), Some(&pinned));
        let decided = sample_until_decided(world, &Suite::of(&probes, None), &about, hear)?;
        (decided.verdict == Verdict::Pass, decided.samples)
    } else {
        (complete, Vec::new())
    };
    let fact = Drilled {
        steps: digest,
        ended: ended.clone(),
        evidence: evidence.clone(),
        passed: complete && verified,
        took_ms: passed(&began, &world.clock.now()),
    };
    let mut ledger = world.ledgers.open(&release.name);
    let record = append(ledger.as_mut(), &mut |history, _| {
        let drilled = decisions::drilled(
            &release.policy,
            &release.notes,
            history,
            actor,
            fact.clone(),
        )?;
        Ok(vec![drilled])
    })?;
    Ok(Drill {
        release: release.name.clone(),
        passed: fact.passed,
        took_ms: fact.took_ms,
        steps: ended.iter().map(StepView::of).collect(),
        samples: evidence,
        record: record.id,
        next: vec![readiness::command(
            &release.name,
            if fact.passed {
                "check"
            } else {
                "rollback --drill"
            },
        )],
    })
}
