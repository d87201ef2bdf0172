//! What a watcher does next: a pure function of the state and the clocks, called anew on every wake-up.

use serde::Serialize;

use super::clock::Reading;
use super::ids::IncidentId;
use super::policy::OnExpiry;
use super::record::body::Checkpoint;
use super::state::ReleaseState;

/// What a watcher does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing is open, and no rollback runs.
    Done(Outcome),
    /// The window of this incident has expired: claim the rollback.
    Claim(IncidentId),
    /// The window of this incident has expired, and its priority does not roll back by itself: record it.
    Expire(IncidentId),
    /// A rollback is claimed and not at its end: see that its process lives.
    Drive,
    /// Nothing before this many milliseconds have passed.
    Wait(u64),
    /// Windows that wait for a person alone are left: nothing happens by itself any more.
    WaitForPerson,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// There was nothing to watch.
    Quiet,
    /// Every incident is resolved.
    Resolved,
    /// A rollback ran and was verified.
    RolledBack,
    /// A rollback was needed and did not succeed.
    Stuck,
}

/// What a watcher does next at `now`.
pub fn next(state: &ReleaseState, now: &Reading) -> Next {
    if let Some(rollback) = &state.rollback {
        return match (rollback.is_rolled_back(), rollback.is_stuck()) {
            (true, _) => Next::Done(Outcome::RolledBack),
            (_, true) => Next::Done(Outcome::Stuck),
            _ => Next::Drive,
        };
    }
    let mut due: Vec<_> = state
        .open_incidents()
        .filter(|incident| incident.is_due(now))
        .collect();
    // The one that has waited longest first; a rollback before a mere note.
    due.sort_by_key(|incident| {
        (
            incident.window.on_expiry != OnExpiry::Rollback,
            std::cmp::Reverse(incident.window.late_ms(now)),
        )
    });
    if let Some(first) = due.first() {
        return match first.window.on_expiry {
            OnExpiry::Rollback => Next::Claim(first.id().clone()),
            OnExpiry::Decide | OnExpiry::None => Next::Expire(first.id().clone()),
        };
    }
    let running = state
        .open_incidents()
        .filter(|incident| incident.has_running_window());
    match running.map(|incident| incident.window.left_ms(now)).min() {
        Some(left) => Next::Wait(left),
        None if state.open_incidents().next().is_some() => Next::WaitForPerson,
        None if state.incidents.is_empty() => Next::Done(Outcome::Quiet),
        None => Next::Done(Outcome::Resolved),
    }
}

/// The checkpoint that is due at `now`, if one is: a tenth of the shortest running window after the last, at least 10
/// seconds and at most a minute apart.
pub fn checkpoint(state: &ReleaseState, now: &Reading) -> Option<Checkpoint> {
    let running: Vec<_> = state
        .open_incidents()
        .filter(|incident| incident.has_running_window())
        .collect();
    let shortest = running
        .iter()
        .map(|incident| incident.window.deadline_ms())
        .min()?;
    let apart = (shortest / 10).clamp(10_000, 60_000);
    let known = running
        .iter()
        .filter_map(|incident| incident.window.last_reading());
    // A reading of another boot says nothing about how long ago it was: a checkpoint on this one is due at once.
    let same_boot = known
        .filter(|reading| reading.boot == now.boot)
        .max_by_key(|reading| reading.boot_ms);
    let by_boot = same_boot.and_then(|last| now.boot_ms_since(last));
    let divergence_ms = same_boot
        .zip(by_boot)
        .map(|(last, boot)| {
            let wall = (now.wall - last.wall).num_milliseconds();
            wall.saturating_sub(i64::try_from(boot).unwrap_or(i64::MAX))
        })
        .filter(|difference| difference.abs() > 1_000);
    let due = by_boot.is_none_or(|passed| passed >= apart) || divergence_ms.is_some();
    due.then(|| Checkpoint {
        reading: now.clone(),
        elapsed_ms: running
            .iter()
            .map(|incident| (incident.id().clone(), incident.window.elapsed(now).ms))
            .collect(),
        divergence_ms,
    })
}
