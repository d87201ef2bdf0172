//! The state of a release, turned into what is shown.

use std::collections::BTreeMap;

use crate::domain::clock::Reading;
use crate::domain::event::{ProbeView, WaitsFor, WindowView};
use crate::domain::ids::{ProbeId, StageName};
use crate::domain::outcome::{
    AttemptView, ObligationView, RollbackView, StageRollbackView, StepView, ToleratedView,
};
use crate::domain::policy::Action;
use crate::domain::probe::judge::Sample;
use crate::domain::state::incident::Incident;
use crate::domain::state::rollback::{StageRollback, StageStanding, Standing};
use crate::domain::state::{Owed, ReleaseState};
use crate::domain::timespan::Timespan;

use super::project::{RELEASES, Release};

/// The open incidents, the most urgent first. `latest` is how probes answered when they were last asked again.
pub fn windows(
    release: &Release,
    state: &ReleaseState,
    now: &Reading,
    latest: &BTreeMap<(StageName, ProbeId), Sample>,
) -> Vec<WindowView> {
    let mut views: Vec<WindowView> = state
        .blocking_incidents()
        .map(|incident| window(release, (state, incident), now, latest))
        .collect();
    views.sort_by_key(|view| view.left_ms);
    views
}

/// The incidents that stand in nobody's way, in order of opening.
pub fn tolerated(state: &ReleaseState) -> Vec<ToleratedView> {
    let mut all: Vec<&Incident> = state.tolerated_incidents().collect();
    all.sort_by_key(|incident| incident.opened.at);
    let view = |incident: &Incident| ToleratedView {
        incident: incident.id().clone(),
        stage: incident.facts.stage.clone(),
        title: incident.facts.title.clone(),
        why: incident.why_tolerated(),
    };
    all.into_iter().map(view).collect()
}

/// One incident and its window.
pub fn window(
    release: &Release,
    (state, incident): (&ReleaseState, &Incident),
    now: &Reading,
    latest: &BTreeMap<(StageName, ProbeId), Sample>,
) -> WindowView {
    let facts = &incident.facts;
    let probes = facts
        .probes
        .iter()
        .map(|probe| {
            let sample = latest.get(&(facts.stage.clone(), probe.id.clone()));
            let opening = facts
                .failures
                .iter()
                .find(|failure| failure.probe == probe.id);
            ProbeView {
                name: probe.name().to_owned(),
                verdict: sample.map(|sample| sample.verdict),
                reason: match (sample, opening) {
                    (Some(sample), _) => sample.reason(),
                    (None, Some(failure)) => failure.reason.clone(),
                    (None, None) => String::new(),
                },
            }
        })
        .collect();
    WindowView {
        incident: incident.id().clone(),
        title: facts.title.clone(),
        stage: facts.stage.clone(),
        priority: incident.priority.clone(),
        left_ms: incident.window.left_ms(now),
        window_ms: incident.window.deadline_ms(),
        on_expiry: incident.window.on_expiry,
        past_no_return: facts.past_no_return,
        waits_for: waits_for(state, incident, now),
        probes,
        who: who_resolves(release),
        known: known(release, incident),
    }
}

/// The deployment of another release for whose end the rollback of `incident` waits.
fn waits_for(state: &ReleaseState, incident: &Incident, now: &Reading) -> Option<WaitsFor> {
    let (name, successor) = state.waits_for(now).filter(|_| incident.rolls_back())?;
    Some(WaitsFor {
        successor: name.clone(),
        by: successor.origin.by.clone(),
        since: successor.origin.at,
        left_ms: successor.left_ms(now),
    })
}

/// Who can resolve an incident, and how they are reached (req: A3).
fn who_resolves(release: &Release) -> Vec<String> {
    let policy = &release.policy;
    let allowed = policy.authority(Action::Resolve);
    policy
        .people
        .iter()
        .filter(|(_, person)| {
            allowed.is_none_or(|roles| person.roles.iter().any(|role| roles.contains(role)))
        })
        .map(|(name, _)| policy.reach(name))
        .collect()
}

/// What the notes say that helps to tell expected from unexpected behaviour (req: A2).
fn known(release: &Release, incident: &Incident) -> Vec<String> {
    let named = incident
        .facts
        .probes
        .iter()
        .filter_map(|probe| probe.known_issue.clone());
    let notes = &release.notes;
    let expected = notes
        .expected
        .iter()
        .flatten()
        .map(|text| format!("expected: {text}"));
    let issues = notes
        .known_issues
        .iter()
        .flatten()
        .map(|text| format!("known issue: {text}"));
    named
        .map(|issue| format!("may be the known issue: {issue}"))
        .chain(expected)
        .chain(issues)
        .collect()
}

/// The rollback of a release, with all its attempts; none where none was claimed.
pub fn rollback(state: &ReleaseState) -> Option<RollbackView> {
    let rollback = state.rollback.as_ref()?;
    let running = state.running_stages().into_iter();
    let still_running = running.filter(|it| !state.is_taken_back(it)).collect();
    Some(RollbackView {
        stages: rollback.stages.iter().map(stage_rollback).collect(),
        still_running,
        cause: rollback.cause.clone(),
        previous: rollback.plan.previous.clone(),
        standing: match rollback.standing {
            Standing::Running => "running",
            Standing::RolledBack(_) => "rolled-back",
            Standing::PartlyRolledBack(_) => "partly-rolled-back",
            Standing::Stuck(_) => "stuck",
        }
        .to_owned(),
        attempts: rollback
            .attempts
            .iter()
            .map(|attempt| {
                let running = attempt.running.iter().map(|it| &it.fact.step);
                AttemptView {
                    attempt: attempt.number,
                    stage: attempt.stage.clone(),
                    claimed_at: attempt.claimed.at,
                    outcome: attempt
                        .ended
                        .as_ref()
                        .map(|ended| ended.fact.outcome.clone()),
                    steps: attempt
                        .steps
                        .iter()
                        .map(StepView::of)
                        .chain(running.map(StepView::running))
                        .collect(),
                }
            })
            .collect(),
    })
}

fn stage_rollback(stage: &StageRollback) -> StageRollbackView {
    StageRollbackView {
        stage: stage.stage.clone(),
        standing: stage.standing.word().to_owned(),
        why: match &stage.standing {
            StageStanding::Stuck(stuck) | StageStanding::Stopped(stuck) => {
                Some(stuck.fact.reason.clone())
            }
            _ => None,
        },
    }
}

/// Something owed.
pub fn obligation(release: &Release, owed: &Owed, now: &Reading) -> ObligationView {
    let what = &owed.obligation;
    ObligationView {
        release: release.name.clone(),
        id: what.id.clone(),
        title: what.title.clone(),
        role: what.role.clone(),
        who: release
            .policy
            .holders(&what.role)
            .into_iter()
            .map(|person| release.policy.reach(person))
            .collect(),
        due: what.due,
        overdue: owed.settled.is_none() && now.wall > what.due,
        settled: owed
            .settled
            .as_ref()
            .map(|it| format!("by {}: {}", it.origin.by, it.fact.how)),
        document: what
            .document
            .as_ref()
            .map(|name| document_path(release.name.as_str(), name)),
    }
}

/// Where a document of a release lies, relative to the repository's root.
pub fn document_path(release: &str, document: &str) -> String {
    format!("{RELEASES}/{release}/documents/{document}.md")
}

/// `4m30s` from milliseconds, whole seconds.
pub fn span(ms: u64) -> Timespan {
    Timespan::from_seconds(ms / 1_000)
}
