//! `relgate baseline`: what metrics are before the deployment, captured and shown (req: E3).

use std::collections::BTreeSet;

use crate::domain::baseline::{is_by_stage, measures, of};
use crate::domain::decide::{Actor, baseline as decisions};
use crate::domain::history::History;
use crate::domain::ids::{ProbeId, StageName};
use crate::domain::outcome::{BaselineReport, BaselineView};
use crate::domain::probe::Probe;
use crate::domain::probe::measure::Measure;
use crate::domain::readiness::command;
use crate::domain::record::body::Baseline;
use crate::domain::refusal::Refusal;

use super::project::Release;
use super::verify::pause;
use super::{Result, World, append, ask, facts, probe};

/// A metric to be measured.
struct Wanted {
    probe: Probe,
    stage: Option<StageName>,
}

/// Every metric of the release, once for each stage where that makes a difference.
fn wanted(release: &Release) -> Vec<Wanted> {
    let mut known: BTreeSet<ProbeId> = BTreeSet::new();
    let mut all = Vec::new();
    for placed in probe::of_release(release) {
        let probe = placed.probe;
        if probe.metric.is_none() || !known.insert(probe.id.clone()) {
            continue;
        }
        if is_by_stage(&probe) {
            all.extend(release.notes.stages().into_iter().map(|stage| Wanted {
                probe: probe.clone(),
                stage: Some(stage),
            }));
        } else {
            all.push(Wanted { probe, stage: None });
        }
    }
    all
}

fn no_metric(release: &Release) -> Refusal {
    Refusal::invalid(format!("the release {} has no metric probe", release.name))
        .help("add one to the verification plan, with `metric` and `no_worse_than`")
}

/// Measures every metric of the release, `passes` times each, and records the medians. One that cannot be measured is
/// told and left out.
///
/// # Errors
/// Refused once a deployment began, and for authority; a variable without a value; inconclusive where this process was
/// asked to stop; the ledger's errors.
pub fn capture(world: &World<'_>, release: &Release, actor: &Actor) -> Result<BaselineReport> {
    let wanted = wanted(release);
    if wanted.is_empty() {
        return Err(no_metric(release).into());
    }
    let mut ledger = world.ledgers.open(&release.name);
    decisions::may_capture(&release.policy, ledger.refresh()?, actor)?;
    for one in &wanted {
        let about = facts::about(release, one.stage.as_ref(), None);
        ask::require_values(world, std::slice::from_ref(&one.probe), &about)?;
    }
    let measured = measure(world, release, &wanted)?;
    let baselines: Vec<Baseline> = measured
        .iter()
        .filter_map(|it| it.as_ref().ok())
        .cloned()
        .collect();
    let record = if baselines.is_empty() {
        None
    } else {
        let record = append(ledger.as_mut(), &mut |history, _| {
            Ok(vec![decisions::captured(
                &release.policy,
                history,
                actor,
                baselines.clone(),
            )?])
        })?;
        Some(record.id)
    };
    let history = ledger.refresh()?;
    let views = wanted.iter().zip(&measured).map(|(one, measured)| {
        let why = measured.as_ref().err().cloned();
        // An earlier one is not shown for what could not be measured now.
        match why {
            Some(why) => view(one, None, Some(why)),
            None => view(one, Some(history), None),
        }
    });
    let metrics: Vec<BaselineView> = views.collect();
    let again = metrics.iter().any(|metric| metric.value.is_none());
    let next = if again {
        "baseline capture"
    } else {
        "baseline show"
    };
    Ok(BaselineReport {
        release: release.name.clone(),
        metrics,
        record,
        next: vec![command(&release.name, next)],
    })
}

/// The median of the samples of each, or why there is none.
fn measure(
    world: &World<'_>,
    release: &Release,
    wanted: &[Wanted],
) -> Result<Vec<std::result::Result<Baseline, String>>> {
    let mut taken: Vec<std::result::Result<Vec<Measure>, String>> =
        wanted.iter().map(|_| Ok(Vec::new())).collect();
    let rounds = wanted.iter().map(|it| it.probe.passes()).max().unwrap_or(1);
    let every = wanted
        .iter()
        .map(|it| it.probe.every().milliseconds())
        .min();
    for round in 0..rounds {
        if round > 0 {
            pause(world, every.unwrap_or_default())?;
        }
        for (one, taken) in wanted.iter().zip(&mut taken) {
            let Ok(numbers) = taken else { continue };
            if round >= one.probe.passes() {
                continue;
            }
            let about = facts::about(release, one.stage.as_ref(), None);
            let alone = Probe {
                needs: Vec::new(),
                ..one.probe.clone()
            };
            // Nothing is compared yet.
            let samples = ask::sample_compared(world, &[alone], &about, None);
            let last = samples.first().and_then(|sample| sample.attempts.last());
            match last.and_then(|attempt| attempt.measured) {
                Some(number) => numbers.push(number),
                None => {
                    let why = samples.first().map(|sample| sample.reason());
                    *taken = Err(why.unwrap_or_else(|| "it was not asked".to_owned()));
                }
            }
        }
        pause(world, 0)?;
    }
    Ok(wanted
        .iter()
        .zip(taken)
        .map(|(one, taken)| {
            let samples = taken?;
            let median = Measure::median(&samples).zip(measures(&one.probe));
            let (value, measures) = median.ok_or_else(|| "it was not measured".to_owned())?;
            Ok(Baseline {
                probe: one.probe.id.clone(),
                stage: one.stage.clone(),
                measures,
                value,
                samples,
            })
        })
        .collect())
}

/// The baselines that the probes of the release are compared with, and those that have none.
///
/// # Errors
/// A ledger that cannot be read; invalid where there is nothing to measure.
pub fn show(world: &World<'_>, release: &Release) -> Result<BaselineReport> {
    let wanted = wanted(release);
    if wanted.is_empty() {
        return Err(no_metric(release).into());
    }
    let mut ledger = world.ledgers.open(&release.name);
    let history = ledger.refresh()?;
    let metrics: Vec<BaselineView> = wanted
        .iter()
        .map(|one| view(one, Some(history), None))
        .collect();
    let begun = !history.state().deployments.is_empty();
    let missing = metrics.iter().any(|metric| metric.value.is_none());
    let next = match missing && !begun {
        true => vec![command(&release.name, "baseline capture")],
        false => Vec::new(),
    };
    Ok(BaselineReport {
        release: release.name.clone(),
        metrics,
        record: None,
        next,
    })
}

fn view(one: &Wanted, history: Option<&History>, why: Option<String>) -> BaselineView {
    let stage = one.stage.as_ref().map(StageName::as_str);
    let state = history.map(History::state);
    let found = state.and_then(|state| of(state, &one.probe, stage));
    let others = state
        .map(|state| state.baselines.as_slice())
        .unwrap_or_default();
    let changed = others.iter().any(|it| it.fact.probe == one.probe.id);
    let missing = match (&found, why) {
        (Some(_), _) => None,
        (None, Some(why)) => Some(why),
        (None, None) if changed => {
            Some("what it measures was changed since the capture".to_owned())
        }
        (None, None) => Some("nothing was captured".to_owned()),
    };
    let metric = one.probe.metric.as_ref();
    BaselineView {
        probe: one.probe.id.clone(),
        stage: one.stage.clone(),
        compared: metric.is_some_and(|metric| metric.compares()),
        value: found.map(|it| it.fact.value),
        samples: found.map(|it| it.fact.samples.clone()).unwrap_or_default(),
        at: found.map(|it| it.origin.at),
        by: found.map(|it| it.origin.by.clone()),
        missing,
    }
}
