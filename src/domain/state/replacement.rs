//! Successors: other releases that take the place of this one on the same target.

use std::collections::BTreeMap;

use super::{Origin, ReleaseState};
use crate::domain::clock::Reading;
use crate::domain::ids::{RecordId, ReleaseName, StageName};
use crate::domain::policy::{OnExpiry, ResolvedBy};
use crate::domain::record::body::{Replacement, ReplacementProgress, RollbackClaimed};
use crate::domain::state::rollback::Rollback;
use crate::domain::window::Window;

/// A deployment of a successor that has begun and is not at its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Successor {
    /// Who began it, and when.
    pub origin: Origin,
    /// Its record in the successor's ledger.
    pub deployment: RecordId,
    /// The time that a rollback waits for it at most.
    limit: Window,
}

impl Successor {
    /// How many milliseconds a rollback still waits for it at most.
    pub fn left_ms(&self, now: &Reading) -> u64 {
        self.limit.left_ms(now)
    }
}

/// The release that took the place of this one in a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Replaced {
    /// Which.
    pub successor: ReleaseName,
    /// Who recorded it, and when.
    pub origin: Origin,
}

/// The successors whose deployments run.
pub type Successors = BTreeMap<ReleaseName, Successor>;

impl ReleaseState {
    /// The deployment of a successor for whose end a rollback waits at `now`: of several the one that it waits for
    /// longest. One deployment or rollback runs on a target at a time.
    pub fn waits_for(&self, now: &Reading) -> Option<(&ReleaseName, &Successor)> {
        let running = self.successors.iter();
        running
            .filter(|(_, successor)| successor.left_ms(now) > 0)
            .max_by_key(|(_, successor)| successor.left_ms(now))
    }

    /// Which release took the place of this one in `stage`.
    pub fn replaced(&self, stage: &StageName) -> Option<&Replaced> {
        self.deployments.get(stage)?.replaced.as_ref()
    }

    /// The release that took the place of this one wherever it ran.
    pub fn replaced_everywhere(&self) -> Option<&Replaced> {
        let replaced = self
            .deployments
            .values()
            .filter_map(|it| it.replaced.as_ref());
        let last = replaced.max_by_key(|it| it.origin.at)?;
        self.running_stages().is_empty().then_some(last)
    }

    /// Whether a successor may begin, or end, its deployment: no rollback of this release runs on the target meanwhile.
    pub(super) fn may_be_replaced(&self, fact: &Replacement) -> Result<(), String> {
        if fact.progress == ReplacementProgress::Failed {
            return Ok(());
        }
        match self.rollback.as_ref().is_some_and(Rollback::is_running) {
            true => Err("the rollback runs".to_owned()),
            false => Ok(()),
        }
    }

    /// What ends a deployment of a successor is about one that began.
    pub(super) fn is_announced(&self, fact: &Replacement) -> Result<(), String> {
        if matches!(fact.progress, ReplacementProgress::Started { .. }) {
            return Ok(());
        }
        let known = self.successors.get(&fact.successor);
        match known.is_some_and(|it| it.deployment == fact.deployment) {
            true => Ok(()),
            false => Err(format!(
                "no deployment of {} over this release had begun",
                fact.successor
            )),
        }
    }

    /// A first claim takes back what runs the release, never what runs a newer one.
    pub(super) fn takes_back_no_successor(&self, fact: &RollbackClaimed) -> Result<(), String> {
        let covers = fact.covers.iter().flatten();
        let mut replaced = covers.filter_map(|stage| Some((stage, self.replaced(stage)?)));
        match replaced.next() {
            Some((stage, by)) => Err(format!("{} runs in {stage}, and is newer", by.successor)),
            None => Ok(()),
        }
    }

    pub(super) fn replace(&mut self, fact: &Replacement, origin: Origin) {
        let name = fact.successor.clone();
        match &fact.progress {
            ReplacementProgress::Started { limit, started } => {
                let limit =
                    Window::open(*limit, OnExpiry::None, ResolvedBy::Person, started.clone());
                let successor = Successor {
                    origin,
                    deployment: fact.deployment,
                    limit,
                };
                self.successors.insert(name, successor);
            }
            ReplacementProgress::Failed => {
                self.successors.remove(&name);
            }
            ReplacementProgress::Done => {
                self.successors.remove(&name);
                for stage in &fact.stages {
                    if let Some(deployment) = self.deployments.get_mut(stage) {
                        deployment.replaced = Some(Replaced {
                            successor: name.clone(),
                            origin: origin.clone(),
                        });
                    }
                }
                for incident in self.incidents.values_mut() {
                    if fact.stages.contains(&incident.facts.stage) {
                        incident.retire(&name, origin.clone());
                    }
                }
            }
        }
    }
}
