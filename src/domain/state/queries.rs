//! What is asked of the state of a release: which incidents are open, where the release runs, whether it is over.

use super::incident::Incident;
use super::rollback::Rollback;
use super::{Deployment, Recorded, ReleaseState};
use crate::domain::ids::{IncidentId, ObligationId, StageName};
use crate::domain::record::body::ChecklistPass;
use crate::domain::release::Step;

impl ReleaseState {
    /// The incidents that are neither resolved nor absorbed in a rollback, in order of opening.
    pub fn open_incidents(&self) -> impl Iterator<Item = &Incident> {
        let mut open: Vec<&Incident> = self
            .incidents
            .values()
            .filter(|incident| incident.is_open())
            .collect();
        open.sort_by_key(|incident| incident.opened.at);
        open.into_iter()
    }

    /// Whether nobody said that the release will not go out.
    ///
    /// # Errors
    /// Who said so, and why.
    pub fn must_not_be_abandoned(&self) -> Result<(), String> {
        match &self.abandoned {
            Some(abandoned) => Err(format!(
                "the release was abandoned by {}: {}",
                abandoned.origin.by, abandoned.fact.reason
            )),
            None => Ok(()),
        }
    }

    /// Whether a window counts down, or has run out and nobody has acted on it.
    pub fn has_running_window(&self) -> bool {
        self.open_incidents().any(Incident::has_running_window)
    }

    /// Whether anything happens by itself, so that somebody must watch.
    pub fn needs_watching(&self) -> bool {
        self.has_running_window() || self.rollback.as_ref().is_some_and(Rollback::is_running)
    }

    /// The id of the next incident: `I1`, `I2`, …
    pub fn next_incident(&self) -> Option<IncidentId> {
        let taken = |number: usize| self.incidents.contains_key(format!("I{number}").as_str());
        let number = (self.incidents.len() + 1..).find(|number| !taken(*number))?;
        IncidentId::new(format!("I{number}")).ok()
    }

    /// The id of the `place`-th next obligation, from 0: `O1`, `O2`, …
    pub fn next_obligation(&self, place: usize) -> Option<ObligationId> {
        let taken = |number: usize| self.obligations.contains_key(format!("O{number}").as_str());
        let number = (self.obligations.len() + 1..)
            .filter(|number| !taken(*number))
            .nth(place)?;
        ObligationId::new(format!("O{number}")).ok()
    }

    /// Whether any stage was deployed, and nothing says that it went back.
    pub fn is_deployed(&self) -> bool {
        !self.deployments.is_empty()
            && !self.rollback.as_ref().is_some_and(Rollback::is_rolled_back)
    }

    /// Whether the deployment of a stage began, and the stage was neither taken back nor replaced since.
    pub fn runs(&self, stage: &StageName) -> bool {
        let rollback = self.rollback.as_ref();
        let deployment = self.deployments.get(stage);
        deployment.is_some_and(|it| it.replaced.is_none())
            && !rollback.is_some_and(|it| it.is_back(stage))
    }

    /// The stages that run the release, the newest deployed first.
    pub fn running_stages(&self) -> Vec<StageName> {
        let mut running: Vec<(&StageName, &Deployment)> = self
            .deployments
            .iter()
            .filter(|(stage, _)| self.runs(stage))
            .collect();
        running.sort_by_key(|(_, deployment)| std::cmp::Reverse(deployment.order));
        running
            .into_iter()
            .map(|(stage, _)| stage.clone())
            .collect()
    }

    /// The steps that an attempt to take `stage` back runs now, with their places in the plan. A step that runs once for
    /// the release runs with the last stage: while another stage runs the release, what they share is left to it.
    pub fn steps_to_run(&self, stage: &StageName) -> Vec<(usize, &Step)> {
        let Some(rollback) = &self.rollback else {
            return Vec::new();
        };
        let Some(known) = rollback.stage(stage) else {
            return Vec::new();
        };
        let mut others = self.deployments.keys().filter(|it| self.runs(it));
        let is_last = others.all(|it| rollback.covers(it)) && rollback.is_last_to_go(stage);
        let runs =
            |step: &Step| !step.is_per_release() || is_last && !rollback.has_run(step, known);
        let steps = known.plan.steps().iter().enumerate();
        steps.filter(|(_, step)| runs(step)).collect()
    }

    /// Whether a rollback takes this stage back, or has done so.
    pub fn is_taken_back(&self, stage: &StageName) -> bool {
        let rollback = self.rollback.as_ref();
        rollback.is_some_and(|it| it.covers(stage) || it.is_rolled_back())
    }

    /// The incidents that stand in the way of a verification, the next stage and the end of the release: those that are
    /// open and have, or had, a countdown.
    pub fn blocking_incidents(&self) -> impl Iterator<Item = &Incident> {
        self.open_incidents()
            .filter(|it| !it.is_without_countdown())
    }

    /// The incidents that stand in nobody's way and are named: without a countdown, or kept.
    pub fn tolerated_incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values().filter(|it| it.is_tolerated())
    }

    /// Whether the release needs nothing any more: closed, abandoned, replaced, or rolled back.
    pub fn is_over(&self) -> bool {
        self.closed.is_some()
            || self.replaced_everywhere().is_some()
            || self.abandoned.is_some()
            || self.rollback.as_ref().is_some_and(Rollback::is_rolled_back)
    }

    /// The last passes over the deployment checklist of `stage` that are complete, without an incomplete one after
    /// them.
    pub fn complete_passes(&self, stage: &StageName) -> Vec<&Recorded<ChecklistPass>> {
        let passes = self
            .deployments
            .get(stage)
            .map(|deployment| deployment.passes.as_slice())
            .unwrap_or_default();
        let from = passes
            .iter()
            .rposition(|pass| !pass.fact.complete)
            .map_or(0, |last| last + 1);
        passes[from..].iter().collect()
    }
}
