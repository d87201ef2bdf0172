//! What people, watchers, drivers and clocks can do to a release, at random.

use proptest::prelude::*;

use crate::domain::decide::{incident, obligation, rollback};
use crate::domain::ids::{IncidentId, PriorityName, StageName};
use crate::domain::probe::judge::{Sample, Verdict};
use crate::domain::probe::sampling::Failure;
use crate::domain::record::body::{AttemptOutcome, AttemptStarted, Checkpoint};
use crate::domain::record::{Body, Draft, Record, TOOL};
use crate::domain::refusal::Refusal;
use crate::domain::state::ReleaseState;
use crate::domain::testing::{Site, actor, north, notes, policy, sample};
use crate::domain::watch::{self, Next};

pub const PRIORITIES: [&str; 5] = ["critical", "lower", "at-once", "ask", "note"];

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Intent {
    Open {
        priority: usize,
        south: bool,
    },
    /// A verification fails.
    Fail {
        probes: usize,
    },
    Escalate {
        incident: usize,
        priority: usize,
    },
    Resolve {
        incident: usize,
        passing: bool,
        overridden: bool,
    },
    ByHand {
        south: Option<bool>,
    },
    Stop,
    Settle {
        obligation: usize,
    },
    /// A watcher looks, and does what is to be done.
    Watch,
    /// A watcher that looked a while ago does what was to be done then.
    StaleWatch,
    Checkpoint,
    /// The driver goes on; whether the plan, the target and the checks are with it.
    Drive {
        luck: u8,
    },
    Tick {
        ms: u64,
    },
    Jump {
        ms: i64,
    },
    Reboot {
        down_ms: u64,
    },
}

pub fn intent() -> impl Strategy<Value = Intent> {
    prop_oneof![
        2 => (0..PRIORITIES.len(), any::<bool>())
            .prop_map(|(priority, south)| Intent::Open { priority, south }),
        1 => (0usize..8).prop_map(|probes| Intent::Fail { probes }),
        2 => (0usize..4, 0..PRIORITIES.len())
            .prop_map(|(incident, priority)| Intent::Escalate { incident, priority }),
        2 => (0usize..4, any::<bool>(), any::<bool>())
            .prop_map(|(incident, passing, overridden)| Intent::Resolve { incident, passing, overridden }),
        1 => prop::option::of(any::<bool>()).prop_map(|south| Intent::ByHand { south }),
        1 => Just(Intent::Stop),
        1 => (0usize..4).prop_map(|obligation| Intent::Settle { obligation }),
        3 => Just(Intent::Watch),
        2 => Just(Intent::StaleWatch),
        2 => Just(Intent::Checkpoint),
        4 => any::<u8>().prop_map(|luck| Intent::Drive { luck }),
        5 => (1u64..700_000).prop_map(|ms| Intent::Tick { ms }),
        2 => (-4_000_000i64..4_000_000).prop_map(|ms| Intent::Jump { ms }),
        1 => (0u64..900_000).prop_map(|down_ms| Intent::Reboot { down_ms }),
    ]
}

fn pick<T: Clone>(all: Vec<T>, index: usize) -> Option<T> {
    all.get(index % all.len().max(1)).cloned()
}

fn stage(south: bool) -> StageName {
    match south {
        true => "south".parse().expect("a name"),
        false => north(),
    }
}

pub fn priority(index: usize) -> PriorityName {
    PriorityName::new(PRIORITIES[index]).expect("a name")
}

fn incident_id(state: &ReleaseState, index: usize) -> Option<IncidentId> {
    pick(state.incidents.keys().cloned().collect(), index)
}

/// Does it; `stale` is what a watcher saw a while ago. Returns the record, if one was made.
pub fn act(site: &mut Site, stale: &ReleaseState, intent: &Intent) -> Option<Record> {
    let (policy, notes, now) = (policy(), notes(), site.now());
    let state = site.history.state();
    let decided = match intent {
        Intent::Open {
            priority: index,
            south,
        } => {
            let trouble = incident::Trouble {
                title: format!("{} is wrong", site.host),
                stage: stage(*south),
                priority: priority(*index),
                trigger: None,
                probes: Vec::new(),
                failures: Vec::new(),
            };
            incident::open(&policy, &notes, &site.history, &trouble, ("cy", &now))
        }
        Intent::Fail { probes: mask } => {
            let failures: Vec<Failure> = notes
                .probes()
                .iter()
                .enumerate()
                .filter(|(place, _)| mask & (1 << place) != 0)
                .map(|(_, probe)| Failure {
                    probe: probe.id.clone(),
                    reason: "down".to_owned(),
                })
                .collect();
            let troubles =
                incident::troubles(&policy, &site.history, &north(), notes.probes(), &failures)
                    .expect("the priorities are known");
            let first = troubles.first()?;
            incident::open(&policy, &notes, &site.history, first, (TOOL, &now))
        }
        Intent::Escalate {
            incident: index,
            priority: to,
        } => {
            let id = incident_id(state, *index)?;
            incident::escalate(
                &policy,
                &notes,
                &site.history,
                (&actor("ana"), id.as_str()),
                (&priority(*to), None),
                &now,
            )
        }
        Intent::Resolve {
            incident: index,
            passing,
            overridden,
        } => {
            let id = incident_id(state, *index)?;
            let verdict = if *passing {
                Verdict::Pass
            } else {
                Verdict::Fail
            };
            let probes = &state.incidents[&id].facts.probes;
            let evidence: Vec<Sample> = probes
                .iter()
                .map(|probe| sample(probe.id.as_str(), verdict))
                .collect();
            let resolution = incident::Resolution {
                how: Some("mended".to_owned()),
                evidence,
                overridden: overridden.then(|| "a false alarm".to_owned()),
            };
            let who = (Some(&actor("bea")), id.as_str());
            incident::resolve(&policy, &notes, &site.history, who, resolution, &now)
        }
        Intent::ByHand { south } => {
            let of = south.map(stage);
            let who = (&actor("ana"), of.as_ref());
            rollback::claim_by_hand(
                &policy,
                &notes,
                &site.history,
                who,
                ("data at risk", &site.now()),
            )
        }
        Intent::Stop => rollback::stop(&policy, &site.history, &actor("ana"), "it harms", &now),
        Intent::Settle { obligation: index } => {
            let owed = pick(state.obligations.values().collect(), *index)?.clone();
            let person = *policy.holders(&owed.obligation.role).first()?;
            let who = (&actor(person.as_str()), owed.obligation.id.as_str());
            obligation::settle(&policy, &site.history, who, "done", None)
        }
        Intent::Watch => follow(site, &watch::next(state, &now), None),
        Intent::StaleWatch => follow(site, &watch::next(stale, &now), Some(1)),
        Intent::Checkpoint => {
            let running = state
                .open_incidents()
                .filter(|incident| incident.has_running_window());
            Ok(Draft {
                by: TOOL.to_owned(),
                body: Body::Checkpoint(watch::checkpoint(state, &now).unwrap_or_else(|| {
                    Checkpoint {
                        reading: now.clone(),
                        elapsed_ms: running
                            .map(|it| (it.id().clone(), it.window.elapsed(&now).ms))
                            .collect(),
                        divergence_ms: None,
                    }
                })),
            })
        }
        Intent::Drive { luck } => {
            let draft = drive(site, *luck)?;
            Ok(draft.expect("nobody else drives, so the driver is not refused"))
        }
        Intent::Tick { ms } => {
            site.tick(*ms);
            return None;
        }
        Intent::Jump { ms } => {
            site.jump(*ms);
            return None;
        }
        Intent::Reboot { down_ms } => {
            site.reboot(*down_ms);
            return None;
        }
    };
    site.try_record(decided).ok()
}

/// What a watcher that saw `next` wants recorded now, or a driver, which claims for its own process `pid`.
pub fn follow(site: &Site, next: &Next, pid: Option<u32>) -> Result<Draft, Refusal> {
    match next {
        Next::Claim(id) => rollback::claim_expired(&site.history, id, pid, &site.now()),
        Next::Expire(id) => rollback::expire(&site.history, id, &site.now()),
        _ => Err(Refusal::refused("nothing is to be recorded")),
    }
}

/// What the driver does next, with more or less `luck`; none where there is nothing to drive.
pub fn drive(site: &Site, luck: u8) -> Option<Result<Draft, Refusal>> {
    let (policy, now) = (policy(), site.now());
    let history = &site.history;
    let state = history.state();
    let pid = luck.is_multiple_of(2).then_some(1);
    let again = |attempt| {
        let stage = rollback::stage_of(state, attempt).expect("a stage");
        let rollback = state.rollback.as_ref().expect("a rollback");
        match rollback.attempts_left(&stage) {
            0 => rollback::stuck(&policy, history, &stage, &now),
            _ => rollback::claim_retry(history, attempt, pid),
        }
    };
    let back = |attempt| rollback::rolled_back(&policy, history, (attempt, Vec::new()), &now);
    Some(match rollback::next(state) {
        rollback::Next::Nothing | rollback::Next::Ended => return None,
        rollback::Next::Run(attempt) => Ok(Draft {
            by: TOOL.to_owned(),
            body: Body::AttemptStarted(AttemptStarted {
                attempt,
                stage: rollback::stage_of(state, attempt),
                pid: 1,
            }),
        }),
        rollback::Next::Recover(attempt, _) => {
            let step = "back".parse().expect("a name");
            let outcome = match luck % 3 {
                0 => AttemptOutcome::Completed,
                1 => AttemptOutcome::Failed { step },
                _ => AttemptOutcome::Lost,
            };
            Ok(rollback::end_attempt(state, attempt, outcome))
        }
        rollback::Next::NextStage(stage) => rollback::claim_next_stage(history, &stage, pid),
        rollback::Next::Verify(attempt) if luck.is_multiple_of(2) => back(attempt),
        rollback::Next::Verify(attempt) => Ok(rollback::end_attempt(
            state,
            attempt,
            rollback::not_verified(Vec::new()),
        )),
        rollback::Next::AskTarget(attempt) if luck.is_multiple_of(3) => back(attempt),
        rollback::Next::AskTarget(attempt) | rollback::Next::Retry(attempt) => again(attempt),
        rollback::Next::Stuck(stage) => rollback::stuck(&policy, history, &stage, &now),
    })
}
