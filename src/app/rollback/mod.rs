//! `relgate rollback`, and the process that drives a rollback from its claim to its end.
//!
//! The driver is the only living one: it holds a duty that the system gives back when it dies. Whatever it finds it
//! takes up: an attempt that was claimed and never begun, one whose process died, checks that were not asked.

mod claim;
pub mod drill;
mod launch;
mod left_behind;
mod mended;
mod step;
mod stop;
mod target;

use std::collections::BTreeSet;

use crate::domain::decide::rollback::{self as decisions, Next};
use crate::domain::history::History;
use crate::domain::ids::{IncidentId, StageName, StepId};
use crate::domain::probe::judge::Verdict;
use crate::domain::record::body::anchor::program_file;
use crate::domain::record::body::{
    AttemptOutcome, AttemptStarted, Cause, CommandEnd, StepEnded, StepOutcome, StepStarted,
};
use crate::domain::record::{Body, Draft, Record, TOOL};
use crate::domain::refusal::Refusal;
use crate::domain::release::Step;
use crate::domain::state::rollback::{Attempt, StageRollback};
use crate::domain::timespan::Timespan;
use crate::domain::variables::Secrets;
use crate::domain::watch;
use crate::ports::{LeaseName, ProcessGroup};

pub use claim::claim;
pub use launch::{DRIVER_LOG, launch, log_problem};
use step::{command, known_secrets, not_signed, output_path};
use stop::StopWatch;
pub use stop::stop;
use target::Target;

use super::ask::About;
use super::insistent::Insistent;
use super::lease::Held;
use super::ledger::Ledger;
use super::project::Release;
use super::verify::{Suite, passed, pause, sample_until_decided};
use super::{Error, Result, World, append, facts, probe, root_cause};

/// The deadline of the checks after a rollback that states none.
const VERIFY_WITHIN: Timespan = Timespan::from_minutes(5);
/// What could not be recorded is tried for this long, in milliseconds.
const A_DAY: u64 = 86_400_000;
/// The driver is started this long before a deadline, in milliseconds, so that it has read everything when it comes.
pub const READY_BEFORE: u64 = 2_000;
/// The pause between two looks whether another rollback on the target is at its end.
const FOR_TARGET: std::time::Duration = std::time::Duration::from_millis(100);
/// The pause after a first attempt that failed, in milliseconds; doubled after every further one.
const RETRY_PAUSE: u64 = 2_000;

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
    let lease = match Held::acquire(world.leases, &LeaseName::Rollback(release.name.clone())) {
        Ok(Ok(lease)) => Some(lease),
        Ok(Err(_)) => return Ok(()),
        // No means of exclusion is available: the deadline counts more.
        Err(_) => None,
    };
    let is_exclusive = lease.is_some();
    let writer = world.ledgers.writer().clone();
    let ledger = Insistent::new(world.ledgers.open(&release.name), (world.clock, writer));
    let mut driver = Driver {
        world: &steadfast,
        release,
        ledger,
        lease,
        claimed: None,
        asked_again: BTreeSet::new(),
        target: Target::new(world, release),
        secrets: Secrets::default(),
    };
    match is_exclusive {
        true => driver.end_unrecorded()?,
        false => driver.await_recorded_step()?,
    }
    driver.secrets = driver.known_secrets();
    driver.run()?;
    root_cause::write(world, release, &mut driver.ledger);
    // A disk that is full for a whole day is a case for people, and what happened is in the output of the steps.
    let began = world.clock.now();
    while !driver.ledger.make_good()
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

/// What a decision comes to.
type Decided = std::result::Result<Draft, Refusal>;

/// An attempt, and the rollback of its stage.
struct Part {
    attempt: Attempt,
    stage: StageRollback,
    /// How many attempts of the stage were made since a person last gave it some.
    made: u32,
    /// How many are left.
    left: u32,
}

/// The attempt that a record claims.
fn attempt_of(record: &Record) -> Option<u32> {
    match &record.body {
        Body::RollbackClaimed(fact) => Some(fact.attempt),
        _ => None,
    }
}

struct Driver<'a, 'w> {
    world: &'a World<'w>,
    release: &'a Release,
    ledger: Insistent<'a>,
    /// That nobody else drives; none where no means excludes others.
    lease: Option<Held<'a>>,
    /// The attempt that this process claimed and has not yet begun.
    claimed: Option<u32>,
    /// The incidents whose evidence was requested again.
    asked_again: BTreeSet<IncidentId>,
    /// The target, on which no other release is rolled back meanwhile.
    target: Target<'a>,
    /// What must not stand in the output of a step.
    secrets: Secrets,
}

impl Driver<'_, '_> {
    /// The process that drives.
    const fn pid(&self) -> u32 {
        self.world.ledgers.writer().pid
    }

    /// Known before the deadline, so that nothing has to be looked up when it comes.
    fn known_secrets(&self) -> Secrets {
        let state = self.ledger.history().state();
        let stages = state.rollback.iter().flat_map(|it| &it.stages);
        let rollback = stages.map(|stage| &stage.plan);
        let opened = state.open_incidents().map(|incident| &incident.facts.plan);
        let pinned = opened.chain(rollback).flat_map(|plan| {
            let checks = plan.rollback.verify.iter().flatten();
            checks.chain(&plan.rollback.target_probe)
        });
        let written = probe::of_release(self.release);
        let written = written.iter().map(|placed| &placed.probe);
        known_secrets(self.world, written.chain(pinned))
    }

    fn run(&mut self) -> Result<()> {
        let mut look = true;
        loop {
            if self.is_replaced() {
                return Ok(());
            }
            if look {
                self.ledger.refresh()?;
            }
            let state = self.ledger.history().state();
            let next = decisions::next(state);
            // The windows of stages that are not taken back keep their deadlines.
            let now = self.world.clock.now();
            let is_due = matches!(watch::next(state, &now), watch::Next::Claim(_));
            // Before the deadline where it can be had then: nothing is waited for when the deadline comes.
            let may_run = self.target.take(self.ledger.history(), &now);
            if is_due || matches!(next, Next::Nothing | Next::Ended) {
                look = match self.await_deadline()? {
                    Awaited::Nothing => return Ok(()),
                    Awaited::Look => true,
                    Awaited::Known => false,
                };
                continue;
            }
            look = true;
            if !may_run {
                self.world.clock.wait(FOR_TARGET);
                continue;
            }
            match next {
                Next::Nothing | Next::Ended => return Ok(()),
                Next::Run(attempt) => self.attempt(attempt),
                Next::Recover(attempt, None) if self.claimed.take() == Some(attempt) => {
                    self.attempt(attempt);
                }
                Next::Recover(attempt, group) => {
                    if let Some(group) = group {
                        self.world.runner.end(&group);
                    }
                    self.end_from(attempt);
                    // What it left behind out of sight may end well, and is asked about then.
                    if let Some(part) = self.part(attempt) {
                        drop(self.lock_for_step(&part.stage.plan));
                    }
                    self.end_attempt(attempt, AttemptOutcome::Lost);
                }
                Next::NextStage(stage) => {
                    self.claim_attempt(&mut |history, pid| {
                        decisions::claim_next_stage(history, &stage, pid)
                    })?;
                }
                Next::Verify(attempt) => {
                    if let Some(part) = self.part(attempt)
                        && let Err(failures) = self.checks(&part)?
                    {
                        self.end_attempt(attempt, failures);
                    }
                }
                Next::AskTarget(attempt) => {
                    if let Some(part) = self.part(attempt) {
                        let live = self.target_is_live(&part);
                        if !(live && self.checks(&part)?.is_ok()) {
                            self.again(&part)?;
                        }
                    }
                }
                Next::Retry(attempt) => {
                    if let Some(part) = self.part(attempt) {
                        self.again(&part)?;
                    }
                }
                Next::Stuck(stage) => self.stuck(&stage)?,
            }
        }
    }

    /// What an attempt is about.
    fn part(&self, attempt: u32) -> Option<Part> {
        let state = self.ledger.history().state();
        let rollback = state.rollback.as_ref()?;
        let known = rollback.attempt(attempt)?;
        let stage = rollback.stage(&known.stage)?.clone();
        Some(Part {
            made: rollback.made(&stage),
            left: rollback.attempts_left(&stage.stage),
            attempt: known.clone(),
            stage,
        })
    }

    /// Whether somebody else may drive by now: this process lost its lease.
    fn is_replaced(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| !lease.is_held())
    }

    /// Whether nobody has ended this attempt, as a person does who stops the rollback.
    fn is_current(&self, attempt: u32) -> bool {
        let state = self.ledger.history().state();
        let rollback = state.rollback.as_ref();
        let known = rollback.and_then(|it| it.attempt(attempt));
        known.is_some_and(|it| it.ended.is_none())
    }

    /// Claims an attempt for this process.
    fn claim_attempt(
        &mut self,
        decide: &mut dyn FnMut(&History, Option<u32>) -> Decided,
    ) -> Result<()> {
        let pid = self.pid();
        let claimed = append(&mut self.ledger, &mut |history, _| {
            Ok(vec![decide(history, Some(pid))?])
        });
        self.claimed = claimed.as_ref().ok().and_then(attempt_of);
        self.settle(claimed)
    }

    /// Waits for a deadline that is near and claims the rollback when it comes.
    fn await_deadline(&mut self) -> Result<Awaited> {
        let now = self.world.clock.now();
        match watch::next(self.ledger.history().state(), &now) {
            watch::Next::Claim(id) => {
                if self.is_mended(&id)? {
                    return Ok(Awaited::Look);
                }
                let pid = Some(self.pid());
                let claimed = append(&mut self.ledger, &mut |history, now| {
                    Ok(vec![decisions::claim_expired(history, &id, pid, now)?])
                });
                let known = claimed.is_ok();
                self.claimed = claimed.as_ref().ok().and_then(attempt_of);
                self.settle(claimed)?;
                Ok(if known { Awaited::Known } else { Awaited::Look })
            }
            watch::Next::Wait(left) if left <= READY_BEFORE * 2 => {
                // In pieces, so that a resolution is seen, and the duty given back.
                let piece = left.min(250);
                // The clocks are read in whole milliseconds: what is counted may be one more than what has passed.
                let wait = std::time::Duration::from_millis(piece + u64::from(piece == left));
                self.world.clock.wait(wait);
                Ok(match piece == left {
                    true => Awaited::Known,
                    false => Awaited::Look,
                })
            }
            _ => Ok(Awaited::Nothing),
        }
    }

    /// Runs the plan's steps in order, up to the first that does not succeed, or until somebody stops the rollback.
    fn attempt(&mut self, attempt: u32) {
        let Some(part) = self.part(attempt) else {
            return;
        };
        if part.attempt.started.is_none() {
            self.record(Draft {
                by: TOOL.to_owned(),
                body: Body::AttemptStarted(AttemptStarted {
                    attempt,
                    stage: Some(part.stage.stage.clone()),
                    pid: self.pid(),
                }),
            });
        }
        let steps: Vec<(usize, Step)> = self
            .ledger
            .history()
            .state()
            .steps_to_run(&part.stage.stage)
            .into_iter()
            .map(|(place, step)| (place, step.clone()))
            .collect();
        for (index, (place, step)) in steps.iter().enumerate() {
            // The first follows a record that was appended just now; users wait for it.
            if index > 0 {
                let _ = self.ledger.refresh();
            }
            // Whoever drives now finds an attempt without an end, and takes it up.
            if !self.is_current(attempt) || self.is_replaced() {
                return;
            }
            let outcome = self.step(&part, (*place, step));
            if !outcome.is_success() {
                let step = step.id.clone();
                return self.end_attempt(attempt, AttemptOutcome::Failed { step });
            }
        }
        self.end_attempt(attempt, AttemptOutcome::Completed);
    }

    fn step(&mut self, part: &Part, (place, step): (usize, &Step)) -> StepOutcome {
        let (world, release) = (self.world, self.release);
        let attempt = part.attempt.number;
        let mut env = step.env.clone();
        env.extend(self.environment(part));
        let output = output_name(attempt, place, &step.id);
        let edited = self.edited(&part.stage.stage, step);
        if let (Some(path), true) = (&edited, self.is_strict(&part.stage.stage)) {
            return self.step_ended(
                part,
                (step, &output),
                CommandEnd::not_started(not_signed(path)),
            );
        }
        let mut command = command(world, release, (step, &output), env, &self.secrets);
        command.marks = vec![self.mark(attempt, None), self.mark(attempt, Some(place))];
        command.lock = self.lock_for_step(&part.stage.plan);
        let mut started = |group: &ProcessGroup| {
            let started = StepStarted {
                attempt,
                stage: Some(part.stage.stage.clone()),
                step: step.id.clone(),
                group: group.clone(),
                edited: edited.clone(),
            };
            self.record(Draft {
                by: TOOL.to_owned(),
                body: Body::StepStarted(started),
            });
            // Whoever stopped the rollback between the last look and this record did not know of the step.
            if !self.is_current(attempt) {
                world.runner.end(group);
            }
        };
        let end = world.runner.run(&command, &mut started, &mut |_| {});
        self.step_ended(part, (step, &output), end)
    }

    fn step_ended(
        &mut self,
        part: &Part,
        (step, output): (&Step, &str),
        end: CommandEnd,
    ) -> StepOutcome {
        let outcome = end.outcome.clone();
        self.record(Draft {
            by: TOOL.to_owned(),
            body: Body::StepEnded(StepEnded {
                attempt: part.attempt.number,
                stage: Some(part.stage.stage.clone()),
                step: step.id.clone(),
                output: output_path(output),
                end,
            }),
        });
        outcome
    }

    /// The file that a step runs, where it is another one than was signed for the deployment, or cannot be read.
    fn edited(&self, stage: &StageName, step: &Step) -> Option<String> {
        let path = program_file(&step.argv)?;
        let state = self.ledger.history().state();
        let signed = state.anchor(stage)?.fact.files.get(&path)?;
        let now = self.world.files.digest(&path).ok().flatten();
        (now.as_ref() != Some(signed)).then_some(path)
    }

    /// Whether the policy that was signed with the deployment runs only what was signed with it.
    fn is_strict(&self, stage: &StageName) -> bool {
        let state = self.ledger.history().state();
        let anchor = state.anchor(stage);
        let rules = anchor.and_then(|it| it.fact.rules());
        rules.is_some_and(|rules| rules.strict == Some(true))
    }

    /// The stated environment of every step.
    fn environment(&self, part: &Part) -> Vec<(String, String)> {
        let (incident, reason) = match &part.stage.cause {
            Cause::Expired { incident } => (
                incident.to_string(),
                format!("the window of {incident} expired"),
            ),
            Cause::Person { role, reason } => (String::new(), format!("{role}: {reason}")),
            Cause::Retry | Cause::NextStage => (String::new(), "retry".to_owned()),
        };
        [
            ("RELGATE_RELEASE", self.release.name.to_string()),
            ("RELGATE_PREVIOUS", part.stage.plan.previous.clone()),
            ("RELGATE_STAGE", part.stage.stage.to_string()),
            ("RELGATE_INCIDENT", incident),
            ("RELGATE_REASON", reason),
            ("RELGATE_ATTEMPT", part.attempt.number.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Asks the checks after the rollback, and records that it is rolled back where they pass.
    fn checks(&mut self, part: &Part) -> Result<std::result::Result<(), AttemptOutcome>> {
        let probes = decisions::checks(&part.stage.plan);
        let within = part
            .stage
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
        // Whoever stops the rollback does not wait for the deadline of its checks.
        let stopped = StopWatch::new(self.world, self.release, &part.stage.stage);
        let is_stopped = || stopped.is_stopped();
        let world = World {
            stop: &is_stopped,
            ..*self.world
        };
        let suite = Suite::of(&patient, Some(within));
        let decided = sample_until_decided(&world, &suite, &self.about(part), &mut |_| {});
        if stopped.was_stopped() {
            return Ok(Ok(()));
        }
        let decided = decided?;
        if decided.verdict == Verdict::Pass {
            let evidence = decided.samples;
            let policy = &self.release.policy;
            let recorded = append(&mut self.ledger, &mut |history, now| {
                Ok(vec![decisions::rolled_back(
                    policy,
                    history,
                    (part.attempt.number, evidence.clone()),
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

    fn target_is_live(&self, part: &Part) -> bool {
        let Some(probe) = part.stage.plan.rollback.target_probe.clone() else {
            return false;
        };
        let samples = super::ask::sample(self.world, &[probe], &self.about(part), None);
        samples.iter().all(|sample| sample.verdict == Verdict::Pass) && !samples.is_empty()
    }

    fn about(&self, part: &Part) -> About {
        let stage = &part.stage;
        facts::about(self.release, Some(&stage.stage), Some(&stage.plan))
    }

    /// Claims the next attempt of a stage after a pause, or says that none is left.
    fn again(&mut self, part: &Part) -> Result<()> {
        if part.left == 0 {
            return self.stuck(&part.stage.stage);
        }
        // A plan that failed may succeed after a while; one whose driver died was not refused by anything.
        if !part.attempt.is_lost() {
            let made = part.made.saturating_sub(1).min(4);
            pause(self.world, RETRY_PAUSE << made)?;
        }
        let after = part.attempt.number;
        self.claim_attempt(&mut |history, pid| decisions::claim_retry(history, after, pid))
    }

    fn stuck(&mut self, stage: &StageName) -> Result<()> {
        let policy = &self.release.policy;
        let recorded = append(&mut self.ledger, &mut |history, now| {
            Ok(vec![decisions::stuck(policy, history, stage, now)?])
        });
        self.settle(recorded)
    }

    fn end_attempt(&mut self, attempt: u32, outcome: AttemptOutcome) {
        let state = self.ledger.history().state();
        let draft = decisions::end_attempt(state, attempt, outcome);
        self.record(draft);
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
        let _ = self.ledger.append(&mut |_, _| Ok(vec![draft.clone()]));
    }
}
