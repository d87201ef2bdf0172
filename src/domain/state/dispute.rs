//! Deployments that nobody with authority recorded: incidents and rollback work on them, the rest waits for a
//! confirmation.

use super::{Origin, Recorded, ReleaseState};
use crate::domain::ids::StageName;
use crate::domain::record::body::{Anchor, DeployConfirmed};

/// Why a deployment is disputed.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispute {
    /// The record that counted in its time, or would if its writer had the authority.
    pub origin: Origin,
    /// What speaks against it, for people.
    pub why: String,
}

impl ReleaseState {
    /// Why the deployment of `stage` is disputed, where it is and runs.
    pub fn dispute(&self, stage: &StageName) -> Option<&Dispute> {
        let dispute = self.deployments.get(stage)?.disputed.as_ref();
        dispute.filter(|_| self.closed.is_none() && !self.is_taken_back(stage))
    }

    /// The stages whose deployment is disputed, and why.
    pub fn disputes(&self) -> impl Iterator<Item = (&StageName, &Dispute)> {
        let stages = self.deployments.keys();
        stages.filter_map(|stage| Some((stage, self.dispute(stage)?)))
    }

    /// Takes note of what speaks against the record `origin` of a deployment. What was signed for the stage before by
    /// somebody with authority stays what it is rolled back by.
    pub(in crate::domain) fn dispute_deployment(
        &mut self,
        stage: &StageName,
        origin: Origin,
        why: String,
        signed: Option<Recorded<Box<Anchor>>>,
    ) {
        let Some(deployment) = self.deployments.get_mut(stage) else {
            return;
        };
        let is_begin = deployment.started.origin.record == origin.record;
        let done = deployment.done.as_ref();
        if !is_begin && done.is_none_or(|done| done.record != origin.record) {
            return;
        }
        if is_begin && signed.is_some() {
            deployment.anchor = signed;
        }
        deployment.disputed = Some(Dispute { origin, why });
    }

    /// A confirmation names what is disputed.
    pub(super) fn may_be_confirmed(&self, fact: &DeployConfirmed) -> Result<(), String> {
        let deployment = self.deployments.get(&fact.stage);
        let disputed = deployment.and_then(|it| it.disputed.as_ref());
        match disputed {
            Some(disputed) if disputed.origin.record == fact.record => Ok(()),
            Some(_) => Err(format!(
                "it confirms another record than the one of {} that is disputed",
                fact.stage
            )),
            None => Err(format!("nobody disputes the deployment of {}", fact.stage)),
        }
    }
}
