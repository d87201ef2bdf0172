//! What a rollback says of itself.

use super::{Attempt, Rollback, StageRollback, Standing};
use crate::domain::ids::{RecordId, StageName};
use crate::domain::release::Step;

impl Rollback {
    /// The attempt with this number.
    pub fn attempt(&self, number: u32) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|it| it.number == number)
    }

    /// The last attempt.
    pub fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The attempt that is run, or is to be run next: the first that has not ended.
    pub fn open_attempt(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|it| it.ended.is_none())
    }

    /// The attempts of a stage, in order.
    pub fn attempts_of(&self, stage: &StageName) -> impl DoubleEndedIterator<Item = &Attempt> {
        let is_whole = self.is_whole;
        let all = self.attempts.iter();
        all.filter(move |it| is_whole || it.stage == *stage)
    }

    /// The last attempt of a stage.
    pub fn last_of(&self, stage: &StageName) -> Option<&Attempt> {
        self.attempts_of(stage).next_back()
    }

    /// The number of the next attempt.
    pub fn next_attempt(&self) -> u32 {
        self.last().map_or(1, |last| last.number.saturating_add(1))
    }

    /// The rollback of a stage; none where the stage is not taken back.
    pub fn stage(&self, name: &StageName) -> Option<&StageRollback> {
        let mut stages = self.stages.iter();
        stages.find(|it| self.is_whole || it.stage == *name)
    }

    /// Whether the claims did not say what they cover, and one run of the plan takes the whole release back.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether it takes this stage back, or has done so.
    pub fn covers(&self, stage: &StageName) -> bool {
        self.stage(stage).is_some()
    }

    /// Whether this stage was taken back.
    pub fn is_back(&self, stage: &StageName) -> bool {
        self.stage(stage).is_some_and(StageRollback::is_rolled_back)
    }

    /// Whether no stage runs the release any more.
    pub fn is_rolled_back(&self) -> bool {
        matches!(self.standing, Standing::RolledBack(_))
    }

    /// Whether the stages that were to be taken back are, and others still run the release.
    pub fn is_partly_rolled_back(&self) -> bool {
        matches!(self.standing, Standing::PartlyRolledBack(_))
    }

    /// Whether it needs a person, and nothing happens by itself any more.
    pub fn is_stuck(&self) -> bool {
        matches!(self.standing, Standing::Stuck(_))
    }

    /// Whether it still has something to do by itself.
    pub fn is_running(&self) -> bool {
        matches!(self.standing, Standing::Running)
    }

    /// The stages that need a person.
    pub fn stuck_stages(&self) -> impl Iterator<Item = &StageRollback> {
        self.stages.iter().filter(|it| it.is_stuck())
    }

    /// How many attempts are left for a stage without a person.
    pub fn attempts_left(&self, stage: &StageName) -> u32 {
        let Some(known) = self.stage(stage) else {
            return 0;
        };
        known.plan.attempts().saturating_sub(self.made(known))
    }

    /// How many attempts of a stage were made since a person last gave it new ones.
    pub fn made(&self, stage: &StageRollback) -> u32 {
        let made = self.attempts_of(&stage.stage).count();
        let made = u32::try_from(made).unwrap_or(u32::MAX);
        made.saturating_sub(stage.granted_after)
    }

    /// Whether every other stage of this rollback was taken back.
    pub fn others_are_back(&self, stage: &StageName) -> bool {
        let mut others = self.stages.iter().filter(|it| it.stage != *stage);
        self.is_whole || others.all(StageRollback::is_rolled_back)
    }

    /// Whether every step of the plan has succeeded in every other stage, so that what runs once for the release runs
    /// with this one.
    pub fn is_last_to_go(&self, stage: &StageName) -> bool {
        let gone = |it: &StageRollback| {
            let last = self.last_of(&it.stage);
            it.is_rolled_back() || it.is_running() && last.is_some_and(Attempt::is_completed)
        };
        let mut others = self.stages.iter().filter(|it| it.stage != *stage);
        self.is_whole || others.all(gone)
    }

    /// Whether a step that runs once for the release has succeeded since a person last gave `stage` attempts.
    pub fn has_run(&self, step: &Step, stage: &StageRollback) -> bool {
        let since = self
            .attempts
            .iter()
            .filter(|it| it.number > stage.granted_at);
        let mut steps = since.flat_map(|it| &it.steps);
        steps.any(|it| it.step == step.id && it.end.is_success())
    }

    /// The claim that an attempt runs under: the fence. Without a number, that of the last attempt.
    pub fn fence(&self, attempt: Option<u32>) -> Option<RecordId> {
        let known = attempt.and_then(|number| self.attempt(number));
        known.or(self.last()).map(|it| it.claimed.record)
    }
}
