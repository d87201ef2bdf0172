//! `relgate status`: how releases stand.

use std::collections::BTreeMap;

use crate::domain::clock::Reading;
use crate::domain::decide::deployment::{StageUse, stage as stage_for};
use crate::domain::gate::Gate;
use crate::domain::ids::ReleaseName;
use crate::domain::outcome::{GateStatus, ReleaseStatus, StageStatus, StatusReport};
use crate::domain::probe::judge::Verdict;
use crate::domain::readiness::{Change, Inquiry, Scope, Status, approvals_of, command};
use crate::domain::state::ReleaseState;
use crate::ports::LeaseName;

use super::project::{self, Release};
use super::{Error, Result, World, anchor, facts, lease, log, view};

/// How the releases stand: the one that was named, or all that are open, or the last one where none is.
///
/// # Errors
/// Files that are wrong, where they are those of the only release and it has no open window; a ledger that cannot be
/// read.
pub fn status(world: &World<'_>, policy_path: &str, named: Option<&str>) -> Result<StatusReport> {
    project::require_policy(world, policy_path)?;
    let names: Vec<ReleaseName> = match named {
        Some(_) => vec![project::select(world, named)?],
        None => {
            let all = project::releases(world)?;
            let open: Vec<ReleaseName> = all
                .iter()
                .filter(|name| !world.ledgers.has_ended(name))
                .cloned()
                .collect();
            if open.is_empty() {
                all.last().cloned().into_iter().collect()
            } else {
                open
            }
        }
    };
    let mut releases = Vec::new();
    for name in &names {
        match project::load(world, policy_path, name) {
            Ok(release) => releases.push(of(world, &release)?),
            // Files that are wrong hide neither how the others stand nor a window that is open.
            Err(error @ Error::Findings { .. }) => {
                let release = project::without_files(world, policy_path, name);
                let mut status = with_wrong_files(of(world, &release)?, project::first(&error));
                // Without its files everything would look edited.
                status.edited.clear();
                if names.len() == 1 && status.windows.is_empty() {
                    return Err(error);
                }
                releases.push(status);
            }
            Err(other) => return Err(other),
        }
    }
    let unwatched = releases.iter().filter(|it| it.unwatched);
    Ok(StatusReport {
        unwatched: unwatched.map(|it| it.release.clone()).collect(),
        releases,
    })
}

/// The status of a release of which only the records could be read.
fn with_wrong_files(status: ReleaseStatus, what: String) -> ReleaseStatus {
    // Without its gates it looks signed.
    let standing = match status.standing.as_str() {
        "ready" => "preparing".to_owned(),
        _ => status.standing,
    };
    let mut next = vec![command(&status.release, "lint")];
    if status.unwatched {
        next.push(command(&status.release, "watch"));
    }
    ReleaseStatus {
        standing,
        wrong_files: Some(what),
        next,
        ..status
    }
}

/// What was edited since the go, where something of it is deployed.
fn edits(world: &World<'_>, release: &Release, state: &ReleaseState) -> Vec<Change> {
    let signed = state.anchor_for(None).filter(|_| !state.is_over());
    signed.map_or_else(Vec::new, |(_, it)| anchor::edits(world, release, it))
}

/// How one release stands. Nothing is asked and nothing recorded.
///
/// # Errors
/// A ledger or file that cannot be read.
pub fn of(world: &World<'_>, release: &Release) -> Result<ReleaseStatus> {
    let facts = facts::quiet(world, release)?;
    let mut ledger = world.ledgers.open(&release.name);
    let history = ledger.refresh()?;
    let now = world.clock.now();
    let state = history.state();
    let inquiry = release.inquiry(history, &facts, &Scope::Closing, now.wall);
    let gates: Vec<GateStatus> = release
        .gates
        .iter()
        .map(|gate| gate_status(&inquiry, gate))
        .collect();
    let stages = release
        .notes
        .stages()
        .into_iter()
        .map(|stage| {
            let deployment = state.deployments.get(&stage);
            StageStatus {
                started: deployment.map(|it| it.started.origin.at),
                done: deployment
                    .and_then(|it| it.done.as_ref())
                    .map(|done| done.at),
                checklist_passes: u32::try_from(state.complete_passes(&stage).len())
                    .unwrap_or(u32::MAX),
                verification: deployment
                    .and_then(|it| it.verification.as_ref())
                    .map(|run| run.fact.verdict),
                stage,
            }
        })
        .collect();
    let windows = view::windows(release, state, &now, &BTreeMap::new());
    let watched = lease::watching(world, &release.name).is_some();
    let unread = history.unread();
    // A rollback that is under way has a driver of its own.
    let driver = LeaseName::Rollback(release.name.clone());
    let is_driven = || matches!(world.leases.holder(&driver), Ok(Some(_)));
    let unwatched =
        !watched && (state.has_running_window() || state.needs_watching() && !is_driven());
    let standing = match standing(state, &gates) {
        urgent @ ("incident" | "rolling-back" | "stuck") => urgent,
        _ if !unread.is_empty() => "unread",
        standing => standing,
    };
    Ok(ReleaseStatus {
        release: release.name.clone(),
        next: next(release, state, history, &gates, standing),
        standing: standing.to_owned(),
        summary: release
            .notes
            .summary
            .as_ref()
            .and_then(|text| text.lines().next())
            .map(str::to_owned),
        deploy_at: release.notes.deploy_at.map(|at| at.to_utc()),
        wrong_files: None,
        edited: edits(world, release, state),
        doubts: history.doubts(),
        gates,
        stages,
        windows,
        unread,
        watched,
        unwatched,
        tolerated: view::tolerated(state),
        rollback: view::rollback(state),
        obligations: obligations(release, state, &now),
        anomalies: history.anomalies(),
        set_aside: log::set_aside(history),
    })
}

fn gate_status(inquiry: &Inquiry<'_>, gate: &Gate) -> GateStatus {
    let approvals = approvals_of(inquiry, gate);
    // The worst first, and of several as bad the first in order.
    let worst = approvals.iter().rev().max_by_key(|it| match it.status {
        Status::Met | Status::Waived => 0,
        Status::Pending => 1,
        Status::Missing => 2,
        Status::Expired => 3,
        Status::Stale => 4,
        Status::Unknown => 5,
        Status::Failed => 6,
        Status::Rejected => 7,
    });
    GateStatus {
        gate: gate.id.clone(),
        title: gate.title.clone(),
        phase: gate.phase,
        status: worst.map_or(Status::Met, |it| it.status),
        why: worst.map_or_else(|| "it needs no signature".to_owned(), |it| it.why.clone()),
    }
}

fn standing(state: &ReleaseState, gates: &[GateStatus]) -> &'static str {
    let signed = |gate: &GateStatus| !gate.phase.precedes_deployment() || gate.status.is_enough();
    match &state.rollback {
        _ if state.closed.is_some() => "closed",
        _ if state.abandoned.is_some() => "abandoned",
        Some(rollback) if rollback.is_rolled_back() => "rolled-back",
        _ if state.replaced_everywhere().is_some() => "replaced",
        Some(rollback) if rollback.is_stuck() => "stuck",
        Some(rollback) if rollback.is_running() => "rolling-back",
        _ if state.blocking_incidents().next().is_some() => "incident",
        Some(_) => "partly-rolled-back",
        None if state.deployments.values().any(|it| it.failed.is_some()) => "deployment-failed",
        None if state.deployments.values().any(|it| it.done.is_none()) => "deploying",
        None if !state.deployments.is_empty() => {
            let passed = |verdict| verdict == Verdict::Pass;
            let mut runs = state
                .deployments
                .values()
                .map(|it| it.verification.as_ref());
            if runs.all(|run| run.is_some_and(|run| passed(run.fact.verdict))) {
                "verified"
            } else {
                "deployed"
            }
        }
        None if gates.iter().all(signed) => "ready",
        None => "preparing",
    }
}

fn next(
    release: &Release,
    state: &ReleaseState,
    history: &crate::domain::history::History,
    gates: &[GateStatus],
    standing: &str,
) -> Vec<String> {
    let name = &release.name;
    let to = match standing {
        "deploying" => StageUse::Done,
        "deployed" => StageUse::Deployed,
        _ => StageUse::Start,
    };
    let stage = stage_for(&release.notes, history, None, to)
        .map(|stage| stage.to_string())
        .unwrap_or_default();
    let first = |rest: &str| vec![command(name, rest)];
    match standing {
        "preparing" => {
            let waiting = gates.iter().find(|gate| {
                gate.phase.precedes_deployment()
                    && !gate.status.is_enough()
                    && gate.status != Status::Pending
            });
            let sign = waiting.map(|gate| command(name, &format!("sign {}", gate.gate)));
            sign.into_iter().chain([command(name, "check")]).collect()
        }
        "ready" => vec![
            command(name, "check"),
            command(name, &format!("deploy start --stage {stage}")),
        ],
        "deploying" => first(&format!("deploy done --stage {stage}")),
        "deployment-failed" => vec![
            command(name, &format!("deploy start --stage {stage}")),
            command(name, "rollback --reason TEXT"),
        ],
        "rolled-back" | "replaced" => vec![command(name, "close"), command(name, "log")],
        "deployed" => first(&format!("verify --stage {stage}")),
        "verified" => {
            let all = release
                .notes
                .stages()
                .iter()
                .all(|stage| state.deployments.contains_key(stage));
            if all {
                first("close")
            } else {
                first(&format!("deploy start --stage {stage}"))
            }
        }
        "incident" | "rolling-back" => vec![command(name, "watch"), command(name, "incident list")],
        "unread" => first("ledger verify"),
        "stuck" | "partly-rolled-back" => vec![
            command(name, "log"),
            command(name, "rollback --reason TEXT"),
        ],
        _ => first("log"),
    }
}

fn obligations(
    release: &Release,
    state: &ReleaseState,
    now: &Reading,
) -> Vec<crate::domain::outcome::ObligationView> {
    state
        .obligations
        .values()
        .map(|owed| view::obligation(release, owed, now))
        .collect()
}
