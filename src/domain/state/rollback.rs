//! The rollback of a release: its attempts, and how it stands.

use super::{Origin, Recorded};
use crate::domain::ids::{RecordId, StageName};
use crate::domain::record::body::{
    AttemptEnded, AttemptOutcome, AttemptStarted, Cause, PinnedPlan, RollbackClaimed,
    RollbackStuck, RolledBack, StepEnded, StepStarted,
};

/// A rollback, from its first claim on.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollback {
    /// Why it runs: the cause of the first claim.
    pub cause: Cause,
    /// Which stage.
    pub stage: StageName,
    /// What runs.
    pub plan: PinnedPlan,
    /// The attempts, in order; never empty.
    pub attempts: Vec<Attempt>,
    /// How it stands.
    pub standing: Standing,
    /// How many attempts were made when a person last gave the rollback new ones.
    pub granted_after: u32,
}

/// How a rollback stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// The last attempt is claimed, running, or ended without success.
    Running,
    /// The checks after it passed.
    RolledBack(Recorded<RolledBack>),
    /// The attempts are used up.
    Stuck(Recorded<RollbackStuck>),
}

/// One attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// Who claimed it, and when.
    pub claimed: Origin,
    /// How late the claim was after its deadline, in milliseconds.
    pub late_ms: Option<u64>,
    /// Its process.
    pub started: Option<Recorded<AttemptStarted>>,
    /// The step that runs, or ran when the process died.
    pub running: Option<Recorded<StepStarted>>,
    /// The steps that ended.
    pub steps: Vec<StepEnded>,
    /// How it ended.
    pub ended: Option<Recorded<AttemptEnded>>,
}

impl Attempt {
    /// Whether every step succeeded; whether the checks after it passed is another question.
    pub fn is_completed(&self) -> bool {
        self.ended
            .as_ref()
            .is_some_and(|ended| ended.fact.outcome == AttemptOutcome::Completed)
    }

    /// Whether its process died without a result.
    pub fn is_lost(&self) -> bool {
        self.ended
            .as_ref()
            .is_some_and(|ended| ended.fact.outcome == AttemptOutcome::Lost)
    }

    fn new(fact: &RollbackClaimed, claimed: Origin) -> Self {
        Self {
            number: fact.attempt,
            late_ms: fact.late_ms,
            started: fact.pid.map(|pid| Recorded {
                origin: claimed.clone(),
                fact: AttemptStarted {
                    attempt: fact.attempt,
                    pid,
                },
            }),
            claimed,
            running: None,
            steps: Vec::new(),
            ended: None,
        }
    }
}

impl Rollback {
    pub(super) fn may_begin(fact: &RollbackClaimed) -> Result<(), String> {
        match fact.attempt {
            1 => Ok(()),
            other => Err(format!("the first attempt is claimed as attempt {other}")),
        }
    }

    pub(super) fn begin(fact: &RollbackClaimed, origin: Origin) -> Self {
        Self {
            cause: fact.cause.clone(),
            stage: fact.stage.clone(),
            plan: fact.plan.clone(),
            attempts: vec![Attempt::new(fact, origin)],
            standing: Standing::Running,
            granted_after: 0,
        }
    }

    pub(super) fn may_claim(&self, fact: &RollbackClaimed) -> Result<(), String> {
        let last = self.last().ok_or("the rollback has no attempt")?;
        match (&self.standing, &last.ended) {
            (Standing::RolledBack(_), _) => return Err("it is rolled back already".to_owned()),
            (_, None) => return Err(format!("attempt {} was claimed already", last.number)),
            (Standing::Stuck(_), _) if !matches!(fact.cause, Cause::Person { .. }) => {
                return Err("it is stuck, and only a person may try again".to_owned());
            }
            _ => {}
        }
        let next = last.number + 1;
        if fact.attempt != next {
            return Err(format!(
                "attempt {} was claimed where {next} is the next",
                fact.attempt
            ));
        }
        Ok(())
    }

    pub(super) fn claim(&mut self, fact: &RollbackClaimed, origin: Origin) {
        if matches!(fact.cause, Cause::Person { .. }) {
            self.granted_after = self.last().map_or(0, |last| last.number);
        }
        self.attempts.push(Attempt::new(fact, origin));
        self.standing = Standing::Running;
    }

    pub(super) fn may_start(&self, fact: &AttemptStarted) -> Result<(), String> {
        match &self.current(fact.attempt)?.started {
            Some(_) => Err(format!("attempt {} was started already", fact.attempt)),
            None => Ok(()),
        }
    }

    pub(super) fn start(&mut self, started: Recorded<AttemptStarted>) {
        if let Some(last) = self.attempts.last_mut() {
            last.started = Some(started);
        }
    }

    pub(super) fn may_start_step(&self, fact: &StepStarted) -> Result<(), String> {
        let attempt = self.current(fact.attempt)?;
        if attempt.started.is_none() || attempt.running.is_some() {
            return Err(format!("the step {} cannot begin here", fact.step));
        }
        Ok(())
    }

    pub(super) fn start_step(&mut self, started: Recorded<StepStarted>) {
        if let Some(last) = self.attempts.last_mut() {
            last.running = Some(started);
        }
    }

    pub(super) fn may_end_step(&self, fact: &StepEnded) -> Result<(), String> {
        match &self.current(fact.attempt)?.started {
            Some(_) => Ok(()),
            None => Err(format!("the step {} never began", fact.step)),
        }
    }

    pub(super) fn end_step(&mut self, fact: &StepEnded) {
        if let Some(last) = self.attempts.last_mut() {
            last.running = None;
            last.steps.push(fact.clone());
        }
    }

    pub(super) fn may_end(&self, fact: &AttemptEnded) -> Result<(), String> {
        // A completed attempt whose checks do not pass ends a second time, as not verified.
        let again = matches!(fact.outcome, AttemptOutcome::NotVerified { .. })
            && matches!(self.standing, Standing::Running);
        match self.last() {
            Some(last) if again && last.number == fact.attempt && last.is_completed() => Ok(()),
            _ => self.current(fact.attempt).map(|_| ()),
        }
    }

    pub(super) fn end(&mut self, ended: Recorded<AttemptEnded>) {
        if let Some(last) = self.attempts.last_mut() {
            last.ended = Some(ended);
        }
    }

    pub(super) fn may_be_verified(&self, fact: &RolledBack) -> Result<(), String> {
        let last = self.last().ok_or("the rollback has no attempt")?;
        if last.ended.is_none() || last.number != fact.attempt {
            return Err(format!("attempt {} has not ended", fact.attempt));
        }
        if self.is_rolled_back() {
            return Err("it is rolled back already".to_owned());
        }
        Ok(())
    }

    pub(super) fn verified(&mut self, verified: Recorded<RolledBack>) {
        self.standing = Standing::RolledBack(verified);
    }

    pub(super) fn may_be_stuck(&self) -> Result<(), String> {
        if !self.is_running() || self.last().is_none_or(|last| last.ended.is_none()) {
            return Err("the rollback is not at its end".to_owned());
        }
        Ok(())
    }

    pub(super) fn stuck(&mut self, stuck: Recorded<RollbackStuck>) {
        self.standing = Standing::Stuck(stuck);
    }

    /// The last attempt.
    pub fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// Whether the checks after it passed.
    pub fn is_rolled_back(&self) -> bool {
        matches!(self.standing, Standing::RolledBack(_))
    }

    /// Whether the attempts are used up.
    pub fn is_stuck(&self) -> bool {
        matches!(self.standing, Standing::Stuck(_))
    }

    /// Whether it still has something to do by itself.
    pub fn is_running(&self) -> bool {
        matches!(self.standing, Standing::Running)
    }

    /// How many attempts are left without a person.
    pub fn attempts_left(&self) -> u32 {
        let made = self
            .last()
            .map_or(0, |last| last.number)
            .saturating_sub(self.granted_after);
        self.plan.attempts().saturating_sub(made)
    }

    /// The claim that the last attempt runs under: the fence.
    pub fn fence(&self) -> Option<RecordId> {
        self.last().map(|last| last.claimed.record)
    }

    fn current(&self, number: u32) -> Result<&Attempt, String> {
        match self.last() {
            Some(last) if last.number == number && last.ended.is_none() => Ok(last),
            Some(last) => Err(format!(
                "attempt {number} is not the running one, {} is the last",
                last.number
            )),
            None => Err("the rollback has no attempt".to_owned()),
        }
    }
}
