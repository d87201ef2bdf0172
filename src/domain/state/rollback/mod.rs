//! The rollback of a release: one for each stage that it takes back, with attempts that are numbered over the release.

mod queries;

use super::{Origin, Recorded};
use crate::domain::ids::StageName;
use crate::domain::record::body::{
    AttemptEnded, AttemptOutcome, AttemptStarted, Cause, PinnedPlan, RollbackClaimed,
    RollbackStopped, RollbackStuck, RolledBack, StageRolledBack, StepEnded, StepStarted,
};

/// A rollback, from its first claim on.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollback {
    /// Why it runs: the cause of the first claim.
    pub cause: Cause,
    /// What runs, as the first claim has it.
    pub plan: PinnedPlan,
    /// The stages that it takes back, in order; never empty.
    pub stages: Vec<StageRollback>,
    /// The attempts of all stages, in order of their claims; never empty.
    pub attempts: Vec<Attempt>,
    /// How it stands.
    pub standing: Standing,
    /// Whether its one entry in `stages` stands for every stage: claims once did not say what they cover.
    is_whole: bool,
}

/// The rollback of one stage.
#[derive(Clone, Debug, PartialEq)]
pub struct StageRollback {
    /// Which stage.
    pub stage: StageName,
    /// Why it is taken back.
    pub cause: Cause,
    /// What runs.
    pub plan: PinnedPlan,
    /// How it stands.
    pub standing: StageStanding,
    /// How many attempts of this stage were made when a person last gave it new ones.
    pub granted_after: u32,
    /// The number of the last attempt of the release before that.
    granted_at: u32,
}

/// How the rollback of one stage stands.
#[derive(Clone, Debug, PartialEq)]
pub enum StageStanding {
    /// No attempt is claimed yet.
    Waiting,
    /// Its last attempt is claimed, running, or ended without success.
    Running,
    /// The checks after it passed.
    RolledBack(Origin),
    /// Its attempts are used up.
    Stuck(Recorded<RollbackStuck>),
    /// A person stopped it.
    Stopped(Recorded<RollbackStuck>),
}

impl StageStanding {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::RolledBack(_) => "rolled-back",
            Self::Stuck(_) => "stuck",
            Self::Stopped(_) => "stopped",
        }
    }
}

/// How a rollback stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// Something is still done by itself.
    Running,
    /// No stage runs the release any more: the checks after the rollback passed.
    RolledBack(Recorded<RolledBack>),
    /// The stages that were to be taken back are, and others still run the release.
    PartlyRolledBack(Recorded<RolledBack>),
    /// At least one stage needs a person, and nothing happens by itself any more.
    Stuck(Recorded<RollbackStuck>),
}

/// One attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// Which stage it takes back.
    pub stage: StageName,
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

    fn is_stopped(&self) -> bool {
        self.ended
            .as_ref()
            .is_some_and(|ended| ended.fact.outcome == AttemptOutcome::Stopped)
    }

    fn new(fact: &RollbackClaimed, claimed: Origin) -> Self {
        Self {
            number: fact.attempt,
            stage: fact.stage.clone(),
            late_ms: fact.late_ms,
            started: fact.pid.map(|pid| Recorded {
                origin: claimed.clone(),
                fact: AttemptStarted {
                    attempt: fact.attempt,
                    stage: Some(fact.stage.clone()),
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

impl StageRollback {
    fn new(stage: StageName, fact: &RollbackClaimed) -> Self {
        Self {
            stage,
            cause: fact.cause.clone(),
            plan: fact.plan.clone(),
            standing: StageStanding::Waiting,
            granted_after: 0,
            granted_at: 0,
        }
    }

    /// Whether it still has something to do by itself.
    pub fn is_running(&self) -> bool {
        matches!(
            self.standing,
            StageStanding::Waiting | StageStanding::Running
        )
    }

    /// Whether the checks after it passed.
    pub fn is_rolled_back(&self) -> bool {
        matches!(self.standing, StageStanding::RolledBack(_))
    }

    /// Whether it needs a person.
    pub fn is_stuck(&self) -> bool {
        matches!(
            self.standing,
            StageStanding::Stuck(_) | StageStanding::Stopped(_)
        )
    }
}

impl Rollback {
    pub(super) fn may_begin(fact: &RollbackClaimed) -> Result<(), String> {
        if fact.attempt != 1 {
            let claimed = fact.attempt;
            return Err(format!("the first attempt is claimed as attempt {claimed}"));
        }
        match &fact.covers {
            Some(stages) if !stages.contains(&fact.stage) => {
                Err(format!("the claim does not cover the stage {}", fact.stage))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn begin(fact: &RollbackClaimed, origin: Origin) -> Self {
        let mut rollback = Self {
            cause: fact.cause.clone(),
            plan: fact.plan.clone(),
            stages: Vec::new(),
            attempts: Vec::new(),
            standing: Standing::Running,
            is_whole: fact.covers.is_none(),
        };
        rollback.claim(fact, origin);
        rollback
    }

    pub(super) fn may_claim(&self, fact: &RollbackClaimed) -> Result<(), String> {
        let next = self.next_attempt();
        if self.is_rolled_back() {
            return Err("it is rolled back already".to_owned());
        }
        if let Some(last) = self.last_of(&fact.stage)
            && last.ended.is_none()
        {
            return Err(format!("attempt {} was claimed already", last.number));
        }
        if fact.attempt != next {
            return Err(format!(
                "attempt {} was claimed where {next} is the next",
                fact.attempt
            ));
        }
        let stage = &fact.stage;
        let by_person = matches!(fact.cause, Cause::Person { .. });
        match self.stage(stage) {
            Some(known) if known.is_rolled_back() => {
                Err(format!("the stage {stage} is rolled back already"))
            }
            Some(known) if known.is_stuck() && !by_person => {
                Err("it is stuck, and only a person may try again".to_owned())
            }
            None if matches!(fact.cause, Cause::Retry | Cause::NextStage) => {
                Err(format!("the stage {stage} is not taken back"))
            }
            None if !fact.covers.iter().flatten().any(|it| it == stage) => {
                Err(format!("the claim does not cover the stage {stage}"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn claim(&mut self, fact: &RollbackClaimed, origin: Origin) {
        let by_person = matches!(fact.cause, Cause::Person { .. });
        let goes_on = matches!(fact.cause, Cause::Retry | Cause::NextStage);
        let only = [fact.stage.clone()];
        let covered = fact.covers.as_deref().unwrap_or(&only);
        let so_far = self.attempts.last().map_or(0, |last| last.number);
        for stage in covered {
            let made = u32::try_from(self.attempts_of(stage).count()).unwrap_or(u32::MAX);
            match self.stage_mut(stage) {
                // A person gives what is stuck as many attempts again.
                Some(known) if by_person && known.is_stuck() => {
                    known.standing = StageStanding::Waiting;
                    known.granted_after = made;
                    known.granted_at = so_far;
                }
                Some(_) => {}
                None if goes_on => {}
                None => self.stages.push(StageRollback::new(stage.clone(), fact)),
            }
        }
        let mut attempt = Attempt::new(fact, origin);
        if let Some(known) = self.stage_mut(&fact.stage) {
            known.standing = StageStanding::Running;
            attempt.stage = known.stage.clone();
        }
        self.attempts.push(attempt);
        self.settle();
    }

    pub(super) fn may_start(&self, fact: &AttemptStarted) -> Result<(), String> {
        match &self.current(fact.attempt)?.started {
            Some(_) => Err(format!("attempt {} was started already", fact.attempt)),
            None => Ok(()),
        }
    }

    pub(super) fn start(&mut self, started: Recorded<AttemptStarted>) {
        if let Some(attempt) = self.attempt_mut(started.fact.attempt) {
            attempt.started = Some(started);
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
        if let Some(attempt) = self.attempt_mut(started.fact.attempt) {
            attempt.running = Some(started);
        }
    }

    pub(super) fn may_end_step(&self, fact: &StepEnded) -> Result<(), String> {
        // What was ended because somebody stopped the rollback says so afterwards.
        let stopped = self.attempt(fact.attempt).filter(|it| it.is_stopped());
        if stopped.is_some_and(|it| it.running.is_some()) {
            return Ok(());
        }
        match &self.current(fact.attempt)?.started {
            Some(_) => Ok(()),
            None => Err(format!("the step {} never began", fact.step)),
        }
    }

    pub(super) fn end_step(&mut self, fact: &StepEnded) {
        if let Some(attempt) = self.attempt_mut(fact.attempt) {
            attempt.running = None;
            attempt.steps.push(fact.clone());
        }
    }

    pub(super) fn may_end(&self, fact: &AttemptEnded) -> Result<(), String> {
        // A completed attempt whose checks do not pass ends a second time, as not verified.
        let not_verified = matches!(fact.outcome, AttemptOutcome::NotVerified { .. });
        match self.attempt(fact.attempt) {
            Some(attempt)
                if not_verified && attempt.is_completed() && self.is_last_of_its_stage(attempt) =>
            {
                match self.stage(&attempt.stage) {
                    Some(stage) if stage.is_running() => Ok(()),
                    _ => Err(format!("the checks of attempt {} are over", fact.attempt)),
                }
            }
            _ => self.current(fact.attempt).map(|_| ()),
        }
    }

    pub(super) fn end(&mut self, ended: Recorded<AttemptEnded>) {
        if let Some(attempt) = self.attempt_mut(ended.fact.attempt) {
            attempt.ended = Some(ended);
        }
    }

    pub(super) fn may_be_rolled_back_in(&self, fact: &StageRolledBack) -> Result<(), String> {
        let stage = self.may_pass(fact.attempt)?;
        if self.others_are_back(&stage.stage) {
            return Err("it is the last stage of the rollback".to_owned());
        }
        Ok(())
    }

    pub(super) fn rolled_back_in(&mut self, verified: Recorded<StageRolledBack>) {
        self.mark_back(verified.fact.attempt, verified.origin);
        self.settle();
    }

    pub(super) fn may_be_verified(&self, fact: &RolledBack) -> Result<(), String> {
        let stage = self.may_pass(fact.attempt)?;
        if self.others_are_back(&stage.stage) {
            return Ok(());
        }
        Err("other stages are not rolled back".to_owned())
    }

    /// The checks passed in the last stage; `is_everywhere` says whether no other stage runs the release.
    pub(super) fn verified(&mut self, verified: Recorded<RolledBack>, is_everywhere: bool) {
        self.mark_back(verified.fact.attempt, verified.origin.clone());
        self.standing = match is_everywhere || self.is_whole {
            true => Standing::RolledBack(verified),
            false => Standing::PartlyRolledBack(verified),
        };
    }

    pub(super) fn may_be_stuck(&self, fact: &RollbackStuck) -> Result<(), String> {
        let not_ended = || "the rollback is not at its end".to_owned();
        let has_ended = |stage: &StageRollback| {
            let last = self.last_of(&stage.stage);
            matches!(stage.standing, StageStanding::Running)
                && last.is_some_and(|last| last.ended.is_some())
        };
        let mut stages = self.stages.iter().filter(|it| !it.is_rolled_back());
        let all_have = match &fact.stage {
            Some(name) => self.stage(name).is_some_and(has_ended),
            None => self.is_running() && stages.all(has_ended),
        };
        all_have.then_some(()).ok_or_else(not_ended)
    }

    pub(super) fn stuck(&mut self, stuck: &Recorded<RollbackStuck>) {
        let only = stuck.fact.stage.clone();
        for stage in &mut self.stages {
            if stage.is_running() && only.as_ref().is_none_or(|only| stage.stage == *only) {
                stage.standing = StageStanding::Stuck(stuck.clone());
            }
        }
        self.settle();
    }

    pub(super) fn may_be_stopped(&self) -> Result<(), String> {
        match self.is_running() {
            true => Ok(()),
            false => Err("no rollback runs".to_owned()),
        }
    }

    pub(super) fn stop(&mut self, stopped: &Recorded<RollbackStopped>) {
        let by = &stopped.origin.by;
        let stuck = Recorded {
            origin: stopped.origin.clone(),
            fact: RollbackStuck {
                stage: None,
                attempts: self.attempts.last().map_or(0, |last| last.number),
                reason: format!("{by} stopped it: {}", stopped.fact.reason),
                obligations: Vec::new(),
            },
        };
        for stage in self.stages.iter_mut().filter(|it| it.is_running()) {
            stage.standing = StageStanding::Stopped(stuck.clone());
        }
        for attempt in self.attempts.iter_mut().filter(|it| it.ended.is_none()) {
            attempt.ended = Some(Recorded {
                origin: stopped.origin.clone(),
                fact: AttemptEnded {
                    attempt: attempt.number,
                    stage: Some(attempt.stage.clone()),
                    outcome: AttemptOutcome::Stopped,
                },
            });
        }
        self.settle();
    }

    fn mark_back(&mut self, attempt: u32, origin: Origin) {
        let stage = self.attempt(attempt).map(|it| it.stage.clone());
        if let Some(known) = stage.and_then(|stage| self.stage_mut(&stage)) {
            known.standing = StageStanding::RolledBack(origin);
        }
    }

    /// Derives how the whole stands from how its stages do.
    fn settle(&mut self) {
        if self.stages.iter().any(StageRollback::is_running) {
            self.standing = Standing::Running;
            return;
        }
        let last = self.stages.iter().rev().find_map(|it| match &it.standing {
            StageStanding::Stuck(stuck) | StageStanding::Stopped(stuck) => Some(stuck),
            _ => None,
        });
        if let Some(stuck) = last {
            self.standing = Standing::Stuck(stuck.clone());
        }
    }

    /// The stage of the attempt, where its checks may pass.
    fn may_pass(&self, number: u32) -> Result<&StageRollback, String> {
        let attempt = self
            .attempt(number)
            .filter(|it| it.ended.is_some() && self.is_last_of_its_stage(it));
        let Some(attempt) = attempt else {
            return Err(format!("attempt {number} has not ended"));
        };
        match self.stage(&attempt.stage) {
            Some(stage) if stage.is_rolled_back() => Err("it is rolled back already".to_owned()),
            Some(stage) if matches!(stage.standing, StageStanding::Stopped(_)) => {
                Err("it was stopped".to_owned())
            }
            Some(stage) => Ok(stage),
            None => Err(format!("the stage {} is not taken back", attempt.stage)),
        }
    }

    fn is_last_of_its_stage(&self, attempt: &Attempt) -> bool {
        let last = self.last_of(&attempt.stage);
        last.is_some_and(|last| last.number == attempt.number)
    }

    fn stage_mut(&mut self, name: &StageName) -> Option<&mut StageRollback> {
        let is_whole = self.is_whole;
        let mut stages = self.stages.iter_mut();
        stages.find(|it| is_whole || it.stage == *name)
    }

    fn attempt_mut(&mut self, number: u32) -> Option<&mut Attempt> {
        self.attempts
            .iter_mut()
            .rev()
            .find(|it| it.number == number)
    }

    fn current(&self, number: u32) -> Result<&Attempt, String> {
        match self.attempt(number) {
            Some(attempt) if attempt.ended.is_none() => Ok(attempt),
            _ => Err(format!("attempt {number} is not a running one")),
        }
    }
}
