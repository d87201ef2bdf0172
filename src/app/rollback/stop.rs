//! `relgate rollback stop`: a person ends a plan that does harm.

use std::sync::{Mutex, PoisonError};

use super::left_behind::{belongs_to_attempt, ended_place};
use crate::app::ledger::Ledger;
use crate::app::project::Release;
use crate::app::verify::passed;
use crate::app::{Result, World, append, lease};
use crate::domain::clock::Reading;
use crate::domain::decide::{Actor, rollback as decisions};
use crate::domain::history::History;
use crate::domain::ids::StageName;
use crate::domain::outcome::Done;
use crate::domain::readiness::command;
use crate::domain::record::body::ProcessGroup;
use crate::domain::state::rollback::StageStanding;

/// How often it is looked whether somebody stopped the rollback, in milliseconds.
const LOOK: u64 = 500;

/// Finds out whether somebody stopped the rollback of a stage while it is busy.
pub(super) struct StopWatch<'a> {
    world: &'a World<'a>,
    stage: &'a StageName,
    known: Mutex<Known<'a>>,
}

struct Known<'a> {
    ledger: Box<dyn Ledger + Send + 'a>,
    looked_at: Reading,
    is_stopped: bool,
}

impl<'a> StopWatch<'a> {
    pub(super) fn new(world: &'a World<'_>, release: &Release, stage: &'a StageName) -> Self {
        Self {
            world,
            stage,
            known: Mutex::new(Known {
                ledger: world.ledgers.open(&release.name),
                looked_at: world.clock.now(),
                is_stopped: false,
            }),
        }
    }

    /// Whether somebody stopped it, as far as that is known by now. A ledger that cannot be read says nothing.
    pub(super) fn is_stopped(&self) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.world.clock.now();
        if !known.is_stopped && passed(&known.looked_at, &now) >= LOOK {
            let stage = self.stage;
            let read = known.ledger.refresh().ok();
            let rollback = read.and_then(|history| history.state().rollback.as_ref());
            let standing = rollback
                .and_then(|it| it.stage(stage))
                .map(|it| &it.standing);
            known.is_stopped = matches!(standing, Some(StageStanding::Stopped(_)));
            known.looked_at = now;
        }
        known.is_stopped
    }

    /// Whether it is known that somebody stopped it.
    pub(super) fn was_stopped(&self) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.is_stopped
    }
}

/// What a rollback has running when it is stopped.
#[derive(Default)]
struct Running {
    /// The groups of the steps that run.
    groups: Vec<ProcessGroup>,
    /// The first attempt that has not ended, and the place of the last step of it that has.
    from: (u32, usize),
}

impl Running {
    fn of(history: &History) -> Self {
        let state = history.state();
        let Some(rollback) = &state.rollback else {
            return Self::default();
        };
        let open = rollback.attempts.iter().filter(|it| it.ended.is_none());
        let steps = open.filter_map(|attempt| attempt.running.as_ref());
        let first = rollback
            .open_attempt()
            .map_or(rollback.next_attempt(), |attempt| attempt.number);
        Self {
            groups: steps.map(|step| step.fact.group.clone()).collect(),
            from: (first, ended_place(state, first)),
        }
    }
}

/// Stops the rollback: records it under the lock, so that no step can be recorded after it, and ends what runs, whoever
/// started it and whether that process lives, was stopped or is in another session.
///
/// # Errors
/// Refused for authority, or where no rollback runs; a ledger that cannot be written.
pub fn stop(world: &World<'_>, release: &Release, actor: &Actor, reason: &str) -> Result<Done> {
    let mut ledger = world.ledgers.open(&release.name);
    let mut running = Running::default();
    let record = append(ledger.as_mut(), &mut |history, now| {
        let stopped = decisions::stop(&release.policy, history, actor, reason, now)?;
        running = Running::of(history);
        Ok(vec![stopped])
    })?;
    let mut ended = false;
    for group in &running.groups {
        ended |= world.runner.end(group);
    }
    let identity = world.ledgers.records().identity(&release.name);
    ended |= world
        .runner
        .end_marked(&|mark| belongs_to_attempt(mark, &identity, running.from));
    // A driver that somebody had stopped finds out, and ends.
    lease::resume_driver(world, &release.name);
    let name = &release.name;
    Ok(Done {
        release: name.clone(),
        what: match ended {
            true => format!("the rollback of {name} is stopped, and what it ran was ended"),
            false => format!("the rollback of {name} is stopped; nothing of it ran"),
        },
        record: record.id,
        waived: Vec::new(),
        next: vec![
            command(name, "status"),
            command(name, "rollback --reason TEXT"),
        ],
    })
}
