//! What a driver that died left behind: processes that no record tells of, and steps that still run.

use std::sync::Arc;

use super::Driver;
use crate::app::Result;
use crate::app::ledger::Ledger;
use crate::app::verify::passed;
use crate::domain::decide::rollback::{self as decisions, Next};
use crate::domain::record::body::{Noted, PinnedPlan};
use crate::domain::record::{Body, Draft, TOOL};
use crate::domain::state::ReleaseState;
use crate::domain::state::rollback::Rollback;
use crate::ports::InheritedLock;

/// A step that cannot be ended is waited for at most this long, in milliseconds, and no longer than a step may take.
const LONGEST_WAIT_FOR_STEP: u64 = 300_000;

impl Driver<'_, '_> {
    /// Ends what a driver before this one started and died before it could record it, so that it does not work against
    /// the attempt that is to come.
    pub(super) fn end_unrecorded(&mut self) -> Result<()> {
        self.ledger.refresh()?;
        let state = self.ledger.history().state();
        let rollback = state.rollback.as_ref();
        let first = match decisions::next(state) {
            Next::Run(attempt) | Next::Recover(attempt, _) => attempt,
            // Attempts of other stages have higher numbers, and may have left on purpose what still runs.
            _ => rollback.map_or(1, Rollback::next_attempt),
        };
        self.end_from(first);
        Ok(())
    }

    /// Waits for a recorded step that is alive, where no means of exclusion tells whether its driver is: nothing runs
    /// beside it. No longer than a step may take.
    pub(super) fn await_recorded_step(&mut self) -> Result<()> {
        let began = self.world.clock.now();
        loop {
            let state = self.ledger.refresh()?.state();
            let Some(rollback) = &state.rollback else {
                return Ok(());
            };
            let open = rollback.open_attempt();
            let running = open.and_then(|attempt| attempt.running.as_ref());
            let Some(group) = running.map(|step| &step.fact.group) else {
                return Ok(());
            };
            let longest = rollback
                .plan
                .steps()
                .iter()
                .map(|it| it.timeout().milliseconds());
            let patience = longest.max().unwrap_or(0);
            if !self.world.runner.is_running(group)
                || passed(&began, &self.world.clock.now()) > patience
            {
                return Ok(());
            }
            self.world.clock.wait(std::time::Duration::from_millis(100));
        }
    }

    /// Ends what carries the mark of this attempt or of a later one: on a ledger that cannot be written, several may have
    /// run that no record tells of. The steps that ended may have left on purpose what still runs.
    pub(super) fn end_from(&self, attempt: u32) {
        let state = self.ledger.history().state();
        let ended = ended_place(state, attempt);
        let ledger = self.world.ledgers.records().identity(&self.release.name);
        self.world
            .runner
            .end_marked(&|mark| belongs_to_attempt(mark, &ledger, (attempt, ended)));
    }

    /// What the processes of an attempt, or of one of its steps, carry. It is the same for every driver of this ledger,
    /// however its path is spelled, and for no other.
    pub(super) fn mark(&self, attempt: u32, place: Option<usize>) -> String {
        let ledger = self.world.ledgers.records().identity(&self.release.name);
        match place {
            Some(place) => format!("rollback-{ledger}-{attempt}-{}", place + 1),
            None => format!("rollback-{ledger}-{attempt}"),
        }
    }

    /// The lock that a step inherits. Where somebody has it, that is a step whose driver died and which could not be ended:
    /// in another PID namespace, or without what marks it. It is waited for within bounds, and what is done then is
    /// recorded; `None` where there is nothing to lock.
    pub(super) fn lock_for_step(&mut self, plan: &PinnedPlan) -> Option<Arc<dyn InheritedLock>> {
        let steps = plan.steps().iter();
        let longest = steps.map(|step| step.timeout().milliseconds()).max();
        let patience = longest.unwrap_or(0).min(LONGEST_WAIT_FOR_STEP);
        let began = self.world.clock.now();
        loop {
            let first = self.ledger.history().records().first()?;
            match self.world.runner.step_lock(&self.release.name, first) {
                Ok(Some(lock)) => return Some(lock),
                Err(_) => return None,
                Ok(None) => {}
            }
            if passed(&began, &self.world.clock.now()) >= patience {
                let text = format!(
                    "a step of an attempt whose process died still ran after {} s, out of reach; the rollback goes on beside it",
                    patience / 1_000
                );
                self.record(Draft {
                    by: TOOL.to_owned(),
                    body: Body::Noted(Noted { text }),
                });
                return None;
            }
            self.world.clock.wait(std::time::Duration::from_millis(50));
        }
    }
}

/// Whether a mark is that of an attempt from `attempt` on of this ledger, or of one of its steps beyond those that ended.
pub(super) fn belongs_to_attempt(mark: &str, ledger: &str, (attempt, ended): (u32, usize)) -> bool {
    let numbers = mark
        .strip_prefix("rollback-")
        .and_then(|rest| rest.strip_prefix(ledger))
        .and_then(|rest| rest.strip_prefix('-'));
    let Some(numbers) = numbers else {
        return false;
    };
    let (number, place) = match numbers.split_once('-') {
        Some((number, place)) => (number, place.parse::<usize>().ok()),
        None => (numbers, None),
    };
    match (number.parse::<u32>(), place) {
        (Ok(number), _) if number > attempt => true,
        (Ok(number), Some(place)) => number == attempt && place > ended,
        // The whole of an attempt has this mark, the steps that ended too.
        (Ok(number), None) => number == attempt && ended == 0,
        (Err(_), _) => false,
    }
}

/// The place in the plan, from 1, of the last step of an attempt that ended; 0 where none did.
pub(super) fn ended_place(state: &ReleaseState, attempt: u32) -> usize {
    let found = state.rollback.as_ref().and_then(|rollback| {
        let attempt = rollback.attempt(attempt)?;
        let ended = &attempt.steps.last()?.step;
        let plan = rollback.stage(&attempt.stage)?.plan.steps();
        plan.iter().position(|step| step.id == *ended)
    });
    found.map_or(0, |place| place + 1)
}
