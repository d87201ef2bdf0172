//! What a watcher does next: a pure function of the state and the clocks, called anew on every wake-up.

use serde::Serialize;

use super::clock::Reading;
use super::history::History;
use super::ids::IncidentId;
use super::policy::OnExpiry;
use super::record::body::Checkpoint;
use super::state::ReleaseState;
use super::state::incident::Incident;
use super::state::rollback::Rollback;

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
    /// Nothing is to be done by what is known, and not all could be read: say so, and look again.
    Unread,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// There was nothing to watch.
    Quiet,
    /// Every incident is resolved.
    Resolved,
    /// Another release took the place of this one.
    Replaced,
    /// A rollback ran and was verified.
    RolledBack,
    /// A rollback was needed and did not succeed.
    Stuck,
}

/// What a watcher of a ledger does next at `now`. Where not all of it could be read, nobody says that nothing is open: an
/// opening may be what is missing.
pub fn next_of(history: &History, now: &Reading) -> Next {
    match next(history.state(), now) {
        Next::Done(Outcome::Quiet | Outcome::Resolved | Outcome::Replaced)
        | Next::WaitForPerson
            if !history.is_whole() =>
        {
            Next::Unread
        }
        next => next,
    }
}

/// What a watcher does next at `now`, by what is known.
pub fn next(state: &ReleaseState, now: &Reading) -> Next {
    if state
        .rollback
        .as_ref()
        .is_some_and(Rollback::is_rolled_back)
    {
        return Next::Done(Outcome::RolledBack);
    }
    // A rollback that does not take every stage back leaves the windows of the others as they are.
    // One deployment or rollback runs on a target at a time: while a successor is deployed, nothing is rolled back.
    let held_ms = state.waits_for(now).map(|(_, it)| it.left_ms(now));
    let is_held = |incident: &Incident| held_ms.is_some() && incident.rolls_back();
    let mut due: Vec<_> = state
        .open_incidents()
        .filter(|incident| incident.is_due(now) && !incident.is_in_question(now))
        .filter(|incident| !is_held(incident))
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
    if state.rollback.as_ref().is_some_and(Rollback::is_running) {
        return Next::Drive;
    }
    let running = state
        .open_incidents()
        .filter(|incident| incident.has_running_window() && !incident.is_in_question(now));
    let left = running.map(|incident| match held_ms {
        Some(held) if incident.rolls_back() => incident.window.left_ms(now).max(held),
        _ => incident.window.left_ms(now),
    });
    match left.min() {
        Some(left) => Next::Wait(left),
        None if state.replaced_everywhere().is_some() && !state.incidents.is_empty() => {
            Next::Done(Outcome::Replaced)
        }
        None if state.rollback.as_ref().is_some_and(Rollback::is_stuck) => {
            Next::Done(Outcome::Stuck)
        }
        None if state.blocking_incidents().next().is_some() => Next::WaitForPerson,
        None if state.rollback.is_some() => Next::Done(Outcome::RolledBack),
        None if state.incidents.values().all(Incident::is_without_countdown) => {
            Next::Done(Outcome::Quiet)
        }
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
    // Until this boot is known to a window, the wall clock decides, so a checkpoint is due at once; but not because
    // another host has written one since.
    let known: Option<Vec<_>> = running
        .iter()
        .map(|incident| incident.window.last_reading(now))
        .collect();
    let same_boot = known.and_then(|known| known.into_iter().min_by_key(|it| it.boot_ms));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::decide::incident::{Trouble, open};
    use crate::domain::record::{Body, Draft, TOOL};
    use crate::domain::testing::{Site, north, notes, policy};

    fn watched() -> Site {
        let mut site = Site::deployed();
        let trouble = Trouble {
            title: "it is down".to_owned(),
            stage: north(),
            priority: "critical".parse().expect("a name"),
            trigger: None,
            probes: Vec::new(),
            failures: Vec::new(),
        };
        let by = ("cy", &site.now());
        let opened = open(&policy(), &notes(), &site.history, &trouble, by);
        site.record(opened.expect("a deployed release"));
        site
    }

    fn take(site: &mut Site) -> Option<Checkpoint> {
        let due = checkpoint(site.history.state(), &site.now())?;
        site.record(Draft {
            by: TOOL.to_owned(),
            body: Body::Checkpoint(due.clone()),
        });
        Some(due)
    }

    #[test]
    fn a_checkpoint_is_due_a_tenth_of_the_window_after_the_last() {
        let mut site = watched();
        site.tick(29_999);
        assert_eq!(take(&mut site), None);
        site.tick(1);
        assert_eq!(take(&mut site).map(|it| it.divergence_ms), Some(None));
        assert_eq!(take(&mut site), None);
    }

    #[test]
    fn a_wall_clock_that_jumps_is_recorded_at_once_and_moves_nothing() {
        let mut site = watched();
        site.tick(1_000);
        site.jump(-3_600_000);
        let due = take(&mut site).expect("a checkpoint");
        assert_eq!(due.divergence_ms, Some(-3_600_000));
        assert_eq!(next(site.history.state(), &site.now()), Next::Wait(299_000));
        assert_eq!(take(&mut site), None);
    }

    #[test]
    fn two_hosts_that_watch_do_not_answer_each_others_checkpoints() {
        let mut here = watched();
        let mut there = Site {
            host: "there".to_owned(),
            ..here.clone()
        };
        assert!(take(&mut there).is_some(), "this boot is not known yet");
        here.history = there.history.clone();
        for seconds in 0..9 {
            here.tick(1_000);
            there.tick(1_000);
            assert_eq!(take(&mut here), None, "after {seconds} s");
            assert_eq!(take(&mut there), None, "after {seconds} s");
        }
    }

    #[test]
    fn a_window_of_another_host_is_counted_here_from_the_first_look_on() {
        let mut site = watched();
        site.host = "another".to_owned();
        site.tick(60_000);
        assert!(take(&mut site).is_some());
        site.jump(-3_600_000);
        site.tick(239_999);
        assert_eq!(next(site.history.state(), &site.now()), Next::Wait(1));
    }
}
