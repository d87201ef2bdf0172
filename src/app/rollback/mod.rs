//! `relgate rollback`, and the process that drives a rollback from its claim to its end.
//!
//! The driver is the only living one: it holds a duty that the system gives back when it dies. Whatever it finds it
//! takes up: an attempt that was claimed and never begun, one whose process died, checks that were not asked.

pub mod drill;
mod step;

use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::decide::Actor;
use crate::domain::decide::rollback::{self as decisions, Next};
use crate::domain::ids::{StageName, StepId};
use crate::domain::probe::judge::Verdict;
use crate::domain::record::body::{
    AttemptOutcome, AttemptStarted, Cause, Noted, StepOutcome, StepStarted,
};
use crate::domain::record::{Body, Draft, TOOL};
use crate::domain::release::Step;
use crate::domain::state::rollback::{Attempt, Rollback};
use crate::domain::timespan::Timespan;
use crate::domain::variables::Secrets;
use crate::domain::watch;
use crate::ports::{Duty, InheritedLock, Ledger, ProcessGroup};

use step::{Run, known_secrets, run};

use super::ask::About;
use super::insistent::Insistent;
use super::project::Release;
use super::verify::{Suite, passed, pause, sample_until_decided};
use super::{Error, Result, World, append, probe, root_cause};

/// The deadline of the checks after a rollback that states none.
const VERIFY_WITHIN: Timespan = Timespan::from_minutes(5);
/// What could not be recorded is tried for this long, in milliseconds.
const A_DAY: u64 = 86_400_000;
/// The driver is started this long before a deadline, in milliseconds, so that it has read everything when it comes.
pub const READY_BEFORE: u64 = 2_000;
/// A step that cannot be ended is waited for at most this long, in milliseconds, and no longer than a step may take.
const LONGEST_WAIT_FOR_STEP: u64 = 300_000;
/// The pause after a first attempt that failed, in milliseconds; doubled after every further one.
const RETRY_PAUSE: u64 = 2_000;

/// Claims the rollback by hand.
///
/// # Errors
/// Refused for authority, where nothing is deployed, or where it runs or has run already.
pub fn claim(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
    stage: &StageName,
    reason: &str,
) -> Result<()> {
    let mut ledger = world.ledgers.open(&release.name);
    append(ledger.as_mut(), world.clock, &mut |history, _| {
        let (policy, notes) = (&release.policy, &release.notes);
        Ok(vec![decisions::claim_by_hand(
            policy,
            notes,
            history,
            (actor, stage),
            reason,
        )?])
    })?;
    Ok(())
}

/// The file of what the processes that drive rollbacks say, in the ledger's output folder.
pub const DRIVER_LOG: &str = "driver.log";

/// Starts the process that drives the rollback of `release`: it outlives this one. That it was started says nothing; it
/// drives once it has its duty.
///
/// # Errors
/// A text that names the program and the cause.
pub fn launch(world: &World<'_>, release: &Release) -> std::result::Result<ProcessGroup, String> {
    let mut argv = world.relgate.to_vec();
    let name = release.name.to_string();
    argv.extend(["drive-rollback".into(), "--release".into(), name.into()]);
    let log = driver_log(world, release);
    world.runner.detach(&argv, world.files.root(), &log)
}

/// Why what the driver writes would be lost, where it would.
pub fn log_problem(world: &World<'_>, release: &Release) -> Option<String> {
    let log = driver_log(world, release);
    let why = world.runner.can_log(world.files.root(), &log).err()?;
    Some(format!("the rollback runs without a log: {why}"))
}

fn driver_log(world: &World<'_>, release: &Release) -> PathBuf {
    let folder = world.ledgers.output_folder(&release.name);
    folder.join(DRIVER_LOG)
}

/// The file of a step's output, in the ledger's output folder.
pub fn output_name(attempt: u32, place: usize, step: &StepId) -> String {
    format!("attempt-{attempt}-{}-{step}.log", place + 1)
}

/// Drives the rollback to its end: from its claim, or from the deadline that is near, so that nothing has to be started
/// when it comes. Returns at once where somebody alive does so already, or nothing is to be driven. A wish to stop is heard
/// once nothing is left but to record what was done.
///
/// # Errors
/// A ledger that cannot be read at all. One that cannot be written stops nothing: what was done is recorded as soon as
/// it can be.
pub fn drive(world: &World<'_>, release: &Release) -> Result<()> {
    let steadfast = World {
        stop: &never,
        ..*world
    };
    let duty = match world.ledgers.take(&release.name, Duty::Rollback) {
        Ok(Some(duty)) => Some(duty),
        Ok(None) => return Ok(()),
        // No means of exclusion is available: the deadline counts more.
        Err(_) => None,
    };
    let ledger = Insistent::new(world.ledgers.open(&release.name));
    let mut driver = Driver {
        world: &steadfast,
        release,
        ledger,
        claimed: None,
        secrets: Secrets::default(),
    };
    match duty {
        Some(_) => driver.end_unrecorded()?,
        None => driver.await_recorded_step()?,
    }
    driver.secrets = driver.known_secrets();
    driver.run()?;
    root_cause::write(world, release, &mut driver.ledger);
    // A disk that is full for a whole day is a case for people, and what happened is in the output of the steps.
    let began = world.clock.now();
    while !driver.ledger.make_good(world.clock)
        && passed(&began, &world.clock.now()) < A_DAY
        && !(world.stop)()
    {
        world.clock.wait(std::time::Duration::from_millis(500));
    }
    Ok(())
}

/// A rollback is not stopped half-way.
fn never() -> bool {
    false
}

/// Whether a mark is that of an attempt from `attempt` on of this ledger, or of one of its steps beyond those that ended.
fn belongs_to_attempt(mark: &str, ledger: &str, (attempt, ended): (u32, usize)) -> bool {
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

/// What came of waiting for a deadline.
enum Awaited {
    /// None is near any more.
    Nothing,
    /// Some time has passed, or somebody else was first: what was recorded is to be looked at.
    Look,
    /// The deadline is here, or the rollback was claimed. Claiming and starting look at the ledger themselves, under its
    /// lock; with many records a look beside that is most of the time that users wait.
    Known,
}

struct Driver<'a, 'w> {
    world: &'a World<'w>,
    release: &'a Release,
    ledger: Insistent<'a>,
    /// The attempt that this process claimed and has not yet begun.
    claimed: Option<u32>,
    /// What must not stand in the output of a step.
    secrets: Secrets,
}

impl Driver<'_, '_> {
    /// Ends what a driver before this one started and died before it could record it, so that it does not work against
    /// the attempt that is to come.
    fn end_unrecorded(&mut self) -> Result<()> {
        let state = self.ledger.refresh()?.state();
        let first = match decisions::next(state) {
            Next::Nothing => 1,
            Next::Run(attempt) | Next::Recover(attempt, _) => attempt,
            Next::AskTarget(attempt) | Next::Retry(attempt) => attempt + 1,
            Next::Verify(_) | Next::Stuck | Next::Ended => return Ok(()),
        };
        self.end_from(first);
        Ok(())
    }

    /// Waits for a recorded step that is alive, where no means of exclusion tells whether its driver is: nothing runs
    /// beside it. No longer than a step may take.
    fn await_recorded_step(&mut self) -> Result<()> {
        let began = self.world.clock.now();
        loop {
            let state = self.ledger.refresh()?.state();
            let Some(rollback) = &state.rollback else {
                return Ok(());
            };
            let running = rollback.last().and_then(|last| last.running.as_ref());
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
    fn end_from(&self, attempt: u32) {
        let state = self.ledger.history().state();
        let last = state.rollback.as_ref().and_then(Rollback::last);
        let ended = last
            .filter(|last| last.number == attempt && last.started.is_some())
            .map_or(0, |last| last.steps.len());
        let ledger = self.world.ledgers.identity(&self.release.name);
        self.world
            .runner
            .end_marked(&|mark| belongs_to_attempt(mark, &ledger, (attempt, ended)));
    }

    /// Known before the deadline, so that nothing has to be looked up when it comes.
    fn known_secrets(&self) -> Secrets {
        let state = self.ledger.history().state();
        let rollback = state.rollback.as_ref().map(|rollback| &rollback.plan);
        let opened = state.open_incidents().map(|incident| &incident.facts.plan);
        let pinned = opened.chain(rollback).flat_map(|plan| {
            let checks = plan.rollback.verify.iter().flatten();
            checks.chain(&plan.rollback.target_probe)
        });
        let written = probe::of_release(self.release);
        let written = written.iter().map(|placed| &placed.probe);
        known_secrets(self.world, written.chain(pinned))
    }

    /// What the processes of an attempt, or of one of its steps, carry. It is the same for every driver of this ledger,
    /// however its path is spelled, and for no other.
    fn mark(&self, attempt: u32, place: Option<usize>) -> String {
        let ledger = self.world.ledgers.identity(&self.release.name);
        match place {
            Some(place) => format!("rollback-{ledger}-{attempt}-{}", place + 1),
            None => format!("rollback-{ledger}-{attempt}"),
        }
    }

    /// The lock that a step inherits. Where somebody has it, that is a step whose driver died and which could not be ended:
    /// in another PID namespace, or without what marks it. It is waited for within bounds, and what is done then is
    /// recorded; `None` where there is nothing to lock.
    fn lock_for_step(&mut self, rollback: &Rollback) -> Option<Arc<dyn InheritedLock>> {
        let steps = rollback.plan.steps().iter();
        let longest = steps.map(|step| step.timeout().milliseconds()).max();
        let patience = longest.unwrap_or(0).min(LONGEST_WAIT_FOR_STEP);
        let began = self.world.clock.now();
        loop {
            let first = self.ledger.history().records().first()?;
            let (ledgers, name) = (self.world.ledgers, &self.release.name);
            match ledgers.step_lock(name, first) {
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

    fn run(&mut self) -> Result<()> {
        let mut look = true;
        loop {
            if look {
                self.ledger.refresh()?;
            }
            let state = self.ledger.history().state();
            let next = decisions::next(state);
            let Some(rollback) = state.rollback.clone() else {
                look = match self.await_deadline()? {
                    Awaited::Nothing => return Ok(()),
                    Awaited::Look => true,
                    Awaited::Known => false,
                };
                continue;
            };
            look = true;
            match next {
                Next::Nothing | Next::Ended => return Ok(()),
                Next::Run(attempt) => self.attempt(&rollback, attempt),
                Next::Recover(attempt, None) if self.claimed.take() == Some(attempt) => {
                    self.attempt(&rollback, attempt);
                }
                Next::Recover(attempt, group) => {
                    if let Some(group) = group {
                        self.world.runner.end(&group);
                    }
                    self.end_from(attempt);
                    // What it left behind out of sight may end well, and is asked about then.
                    drop(self.lock_for_step(&rollback));
                    self.record(decisions::end_attempt(attempt, AttemptOutcome::Lost));
                }
                Next::Verify(attempt) => {
                    if let Err(failures) = self.checks(&rollback)? {
                        self.record(decisions::end_attempt(attempt, failures));
                    }
                }
                Next::AskTarget(attempt) => {
                    let live = self.target_is_live(&rollback);
                    if !(live && self.checks(&rollback)?.is_ok()) {
                        self.again(&rollback, attempt)?;
                    }
                }
                Next::Retry(attempt) => self.again(&rollback, attempt)?,
                Next::Stuck => self.stuck()?,
            }
        }
    }

    /// Waits for a deadline that is near and claims the rollback when it comes.
    fn await_deadline(&mut self) -> Result<Awaited> {
        let now = self.world.clock.now();
        match watch::next(self.ledger.history().state(), &now) {
            watch::Next::Claim(id) => {
                let claimed = append(&mut self.ledger, self.world.clock, &mut |history, now| {
                    let pid = Some(std::process::id());
                    Ok(vec![decisions::claim_expired(history, &id, pid, now)?])
                });
                let known = claimed.is_ok();
                self.claimed = known.then_some(1);
                self.settle(claimed)?;
                Ok(if known { Awaited::Known } else { Awaited::Look })
            }
            watch::Next::Wait(left) if left <= READY_BEFORE * 2 => {
                // In pieces, so that a resolution is seen, and the duty given back.
                let piece = left.min(250);
                let wait = std::time::Duration::from_millis(piece);
                self.world.clock.wait(wait);
                Ok(match piece == left {
                    true => Awaited::Known,
                    false => Awaited::Look,
                })
            }
            _ => Ok(Awaited::Nothing),
        }
    }

    /// Runs the plan's steps in order, up to the first that does not succeed.
    fn attempt(&mut self, rollback: &Rollback, attempt: u32) {
        if rollback.last().is_some_and(|last| last.started.is_none()) {
            let pid = std::process::id();
            self.record(Draft {
                by: TOOL.to_owned(),
                body: Body::AttemptStarted(AttemptStarted { attempt, pid }),
            });
        }
        for (place, step) in rollback.plan.steps().iter().enumerate() {
            let outcome = self.step(rollback, attempt, (place, step));
            if outcome != (StepOutcome::Exited { code: 0 }) {
                let failed = AttemptOutcome::Failed {
                    step: step.id.clone(),
                };
                return self.record(decisions::end_attempt(attempt, failed));
            }
        }
        self.record(decisions::end_attempt(attempt, AttemptOutcome::Completed));
    }

    fn step(
        &mut self,
        rollback: &Rollback,
        attempt: u32,
        (place, step): (usize, &Step),
    ) -> StepOutcome {
        let (world, release) = (self.world, self.release);
        let mut env = step.env.clone();
        env.extend(self.environment(rollback, attempt));
        let output = output_name(attempt, place, &step.id);
        let marks = vec![self.mark(attempt, None), self.mark(attempt, Some(place))];
        let lock = self.lock_for_step(rollback);
        let ended = run(
            world,
            release,
            &Run {
                step,
                attempt,
                env,
                output,
                secrets: self.secrets.clone(),
                marks,
                lock,
            },
            &mut |group| {
                let started = StepStarted {
                    attempt,
                    step: step.id.clone(),
                    group: group.clone(),
                };
                self.record(Draft {
                    by: TOOL.to_owned(),
                    body: Body::StepStarted(started),
                });
            },
        );
        let outcome = ended.outcome.clone();
        self.record(Draft {
            by: TOOL.to_owned(),
            body: Body::StepEnded(ended),
        });
        outcome
    }

    /// The stated environment of every step.
    fn environment(&self, rollback: &Rollback, attempt: u32) -> Vec<(String, String)> {
        let (incident, reason) = match &rollback.cause {
            Cause::Expired { incident } => (
                incident.to_string(),
                format!("the window of {incident} expired"),
            ),
            Cause::Person { role, reason } => (String::new(), format!("{role}: {reason}")),
            Cause::Retry => (String::new(), "retry".to_owned()),
        };
        [
            ("RELGATE_RELEASE", self.release.name.to_string()),
            ("RELGATE_PREVIOUS", rollback.plan.previous.clone()),
            ("RELGATE_STAGE", rollback.stage.to_string()),
            ("RELGATE_INCIDENT", incident),
            ("RELGATE_REASON", reason),
            ("RELGATE_ATTEMPT", attempt.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Asks the checks after the rollback, and records that it is rolled back where they pass.
    fn checks(&mut self, rollback: &Rollback) -> Result<std::result::Result<(), AttemptOutcome>> {
        let probes = decisions::checks(rollback);
        let within = rollback
            .plan
            .rollback
            .verify_within
            .unwrap_or(VERIFY_WITHIN);
        // A check that fails is asked again until the deadline: the old version may take a while to come up.
        let patient: Vec<_> = probes
            .into_iter()
            .map(|mut probe| {
                probe.failures = probe.failures.or(Some(u32::MAX));
                probe
            })
            .collect();
        let decided = sample_until_decided(
            self.world,
            &Suite::of(&patient, Some(within)),
            &self.about(rollback),
            &mut |_| {},
        )?;
        if decided.verdict == Verdict::Pass {
            let evidence = decided.samples;
            let policy = &self.release.policy;
            let recorded = append(&mut self.ledger, self.world.clock, &mut |history, now| {
                Ok(vec![decisions::rolled_back(
                    policy,
                    history,
                    evidence.clone(),
                    now,
                )?])
            });
            return self.settle(recorded).map(Ok);
        }
        let failures = decided
            .samples
            .iter()
            .filter(|sample| sample.verdict != Verdict::Pass)
            .map(|sample| crate::domain::probe::sampling::Failure {
                probe: sample.probe.clone(),
                reason: sample.reason(),
            })
            .collect();
        Ok(Err(decisions::not_verified(failures)))
    }

    fn target_is_live(&self, rollback: &Rollback) -> bool {
        let Some(probe) = rollback.plan.rollback.target_probe.clone() else {
            return false;
        };
        let samples = super::ask::sample(self.world, &[probe], &self.about(rollback), None);
        samples.iter().all(|sample| sample.verdict == Verdict::Pass) && !samples.is_empty()
    }

    fn about(&self, rollback: &Rollback) -> About {
        About {
            release: self.release.name.to_string(),
            previous: Some(rollback.plan.previous.clone()),
            stage: Some(rollback.stage.to_string()),
            concurrency: None,
            per_host: None,
        }
    }

    /// Claims the next attempt after a pause, or says that none is left.
    fn again(&mut self, rollback: &Rollback, attempt: u32) -> Result<()> {
        if rollback.attempts_left() == 0 {
            return self.stuck();
        }
        // A plan that failed may succeed after a while; one whose driver died was not refused by anything.
        if !rollback.last().is_some_and(Attempt::is_lost) {
            pause(self.world, RETRY_PAUSE << attempt.saturating_sub(1).min(4))?;
        }
        let claimed = append(&mut self.ledger, self.world.clock, &mut |history, _| {
            let pid = Some(std::process::id());
            Ok(vec![decisions::claim_retry(history, attempt, pid)?])
        });
        self.claimed = claimed.is_ok().then_some(attempt + 1);
        self.settle(claimed)
    }

    fn stuck(&mut self) -> Result<()> {
        let policy = &self.release.policy;
        let recorded = append(&mut self.ledger, self.world.clock, &mut |history, now| {
            Ok(vec![decisions::stuck(policy, history, now)?])
        });
        self.settle(recorded)
    }

    /// A refusal means that somebody else was first: the next look at the state says what to do.
    fn settle<T>(&self, recorded: Result<T>) -> Result<()> {
        match recorded {
            Ok(_) | Err(Error::Refused(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Records what was done. That it is illegal, because somebody else was first, changes nothing about what was done.
    fn record(&mut self, draft: Draft) {
        let _ = self
            .ledger
            .append(self.world.clock, &mut |_, _| Ok(vec![draft.clone()]));
    }
}
