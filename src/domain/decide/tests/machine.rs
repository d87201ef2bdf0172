//! One ledger, any sequence of what can happen: no window is lost, early, longer than it was, or fired twice.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::intents::{Intent, act, drive, follow, intent};
use crate::domain::clock::BootId;
use crate::domain::history::History;
use crate::domain::ids::IncidentId;
use crate::domain::policy::OnExpiry;
use crate::domain::record::body::Cause;
use crate::domain::record::{Body, Draft, Record, TOOL};
use crate::domain::state::ReleaseState;
use crate::domain::state::incident::Standing;
use crate::domain::testing::Site;
use crate::domain::watch::{self, Next, Outcome};

/// What a test knows of a window by itself: when it began in truth, and the earliest of its limits.
struct Truth {
    boot: BootId,
    deadline_ms: u64,
}

/// Holds every invariant that can be seen at one moment.
fn hold(
    site: &Site,
    before: &ReleaseState,
    record: Option<&Record>,
    truths: &mut BTreeMap<IncidentId, Truth>,
) {
    let (state, now) = (site.history.state(), site.now());
    for (id, old) in &before.incidents {
        let new = &state.incidents[id];
        assert!(
            new.window.deadline_ms() <= old.window.deadline_ms(),
            "req: A16: the window of {id} got longer"
        );
        if !old.is_open() {
            assert_eq!(new.standing, old.standing, "{id} ended twice");
        }
    }
    if let Some(rollback) = &state.rollback {
        let numbers: Vec<usize> = rollback
            .attempts
            .iter()
            .map(|it| it.number as usize)
            .collect();
        assert!(numbers.iter().copied().eq(1..=numbers.len()), "{numbers:?}");
        for stage in &rollback.stages {
            let made = rollback.made(stage);
            assert!(made <= stage.plan.attempts(), "more attempts than granted");
            let mut attempts: Vec<_> = rollback.attempts_of(&stage.stage).collect();
            attempts.pop();
            assert!(attempts.iter().all(|attempt| attempt.ended.is_some()));
        }
        assert!(
            state
                .open_incidents()
                .all(|it| !rollback.covers(&it.facts.stage)),
            "an incident is open beside the rollback of its stage"
        );
    }
    match record.map(|record| &record.body) {
        Some(Body::IncidentOpened(fact)) => {
            let deadline_ms = site.passed_ms + fact.window.milliseconds();
            let boot = now.boot.clone();
            truths.insert(fact.incident.clone(), Truth { boot, deadline_ms });
        }
        Some(Body::IncidentEscalated(fact)) => {
            let truth = truths.get_mut(&fact.incident).expect("an open incident");
            if truth.boot == now.boot {
                let limit = site.passed_ms + fact.window.milliseconds();
                truth.deadline_ms = truth.deadline_ms.min(limit);
            }
        }
        Some(Body::RollbackClaimed(fact)) => {
            if let Cause::Expired { incident } = &fact.cause {
                let was = &before.incidents[incident];
                assert!(was.has_running_window(), "a claim for {}", was.word());
                assert!(was.window.has_expired(&now), "a claim before the deadline");
                let truth = &truths[incident];
                if truth.boot == now.boot {
                    assert!(
                        site.passed_ms >= truth.deadline_ms,
                        "a claim before its time"
                    );
                }
            }
        }
        _ => {}
    }
    // On the boot of its opening a window is never late either, whatever the wall clock did.
    for incident in state.open_incidents().filter(|it| it.has_running_window()) {
        let truth = &truths[incident.id()];
        if truth.boot == now.boot {
            let left = truth.deadline_ms.saturating_sub(site.passed_ms);
            assert_eq!(incident.window.left_ms(&now), left, "{}", incident.id());
        }
    }
}

/// A watcher and a driver that do what is to be done come to an end.
pub fn goes_to_its_end(site: &mut Site, luck: &[u8]) -> Next {
    let mut luck = luck.iter().copied().cycle();
    for _ in 0..200 {
        let next = watch::next(site.history.state(), &site.now());
        match &next {
            Next::Done(_) | Next::WaitForPerson | Next::Unread => return next,
            Next::Wait(left) => {
                assert!(*left > 0, "a watcher that waits for nothing");
                // On a boot that nobody has recorded, the wall clock may stand still; a watcher sees to that first.
                if let Some(checkpoint) = watch::checkpoint(site.history.state(), &site.now()) {
                    site.record(Draft {
                        by: TOOL.to_owned(),
                        body: Body::Checkpoint(checkpoint),
                    });
                }
                site.tick(*left);
                let after = watch::next(site.history.state(), &site.now());
                assert!(
                    matches!(after, Next::Claim(_) | Next::Expire(_)),
                    "{after:?}"
                );
            }
            Next::Claim(_) | Next::Expire(_) => {
                let draft = follow(site, &next, None).expect("what is next is not refused");
                site.record(draft);
            }
            Next::Drive => {
                let draft = drive(site, luck.next().unwrap_or(0)).expect("something to drive");
                site.record(draft.expect("the driver is not refused"));
            }
        }
    }
    panic!("the watcher never comes to an end");
}

/// Every window ended in a way that the policy knows.
fn nothing_is_lost(site: &Site, end: &Next) {
    let state = site.history.state();
    for incident in state.incidents.values() {
        match incident.standing {
            Standing::Resolved { .. } | Standing::Kept(_) => {}
            Standing::Absorbed(_) => assert!(state.rollback.is_some()),
            Standing::Retired { .. } => {
                assert!(state.deployments.values().any(|it| it.replaced.is_some()))
            }
            Standing::Expired(_) => assert_ne!(incident.window.on_expiry, OnExpiry::Rollback),
            Standing::Open => assert!(incident.is_without_countdown(), "{} is lost", incident.id()),
        }
    }
    let is_open = state.blocking_incidents().next().is_some();
    match (end, &state.rollback) {
        (Next::Done(Outcome::RolledBack), Some(rollback)) => {
            let (back, partly) = (rollback.is_rolled_back(), rollback.is_partly_rolled_back());
            assert!(back || partly);
            assert_eq!(back, state.running_stages().is_empty());
            assert!(!is_open);
        }
        (Next::Done(Outcome::Stuck), Some(rollback)) => assert!(rollback.is_stuck()),
        (Next::Done(Outcome::Quiet), None) => assert!(!is_open),
        (Next::Done(Outcome::Resolved), None) => assert!(!is_open),
        (Next::WaitForPerson, None) => assert!(is_open),
        (Next::WaitForPerson, Some(rollback)) => {
            assert!(is_open && rollback.is_partly_rolled_back());
        }
        other => panic!("it ended as {:?} with {:?}", other.0, other.1),
    }
}

/// Whoever reads the records, in whatever order and pieces, sees the same.
pub fn reads_the_same(history: &History, pieces: &[(u64, bool)]) {
    let mut records = history.records().to_vec();
    let by = |at: usize| {
        pieces
            .get(at % pieces.len().max(1))
            .map_or(0, |piece| piece.0)
    };
    let mut keyed: Vec<(u64, Record)> = records
        .drain(..)
        .enumerate()
        .map(|(place, record)| (by(place).wrapping_mul(place as u64 + 1), record))
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    let mut other = History::new(history.release().clone());
    let mut piece = Vec::new();
    for (place, (_, record)) in keyed.into_iter().enumerate() {
        piece.push(record);
        if pieces
            .get(place % pieces.len().max(1))
            .is_some_and(|piece| piece.1)
        {
            other.extend(std::mem::take(&mut piece));
        }
    }
    other.extend(piece);
    assert_eq!(other.heads(), history.heads());
    assert!(other.records() == history.records(), "another order");
    assert_eq!(other.anomalies(), history.anomalies());
    assert_eq!(other.superseded(), history.superseded());
    assert_eq!(other.state(), history.state());
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]

    // req: A10, req: A11, req: A13, req: A16
    #[test]
    fn no_window_is_lost_early_longer_or_fired_twice(
        intents in prop::collection::vec(intent(), 1..60),
        luck in prop::collection::vec(any::<u8>(), 1..20),
        pieces in prop::collection::vec((any::<u64>(), any::<bool>()), 1..60),
    ) {
        let mut site = Site::deployed();
        let mut stale = site.history.state().clone();
        let mut truths = BTreeMap::new();
        for intent in &intents {
            let before = site.history.state().clone();
            let record = act(&mut site, &stale, intent);
            hold(&site, &before, record.as_ref(), &mut truths);
            if matches!(intent, Intent::Checkpoint | Intent::Watch) {
                stale = site.history.state().clone();
            }
        }
        let end = goes_to_its_end(&mut site, &luck);
        nothing_is_lost(&site, &end);
        prop_assert_eq!(site.history.anomalies(), vec![]);
        prop_assert!(site.history.superseded().is_empty());
        reads_the_same(&site.history, &pieces);
    }
}
