//! How far a release has come: what the phase of a gate waits for.

use std::collections::BTreeSet;

use super::{Deployment, ReleaseState};
use crate::domain::ids::StageName;
use crate::domain::probe::judge::Verdict;

/// How far a release has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether the deployment of any stage began.
    pub deployed: bool,
    /// The stages whose last verification passed.
    pub verified: BTreeSet<StageName>,
}

impl ReleaseState {
    /// How far the release has come.
    pub fn progress(&self) -> Progress {
        let passed = |deployment: &Deployment| {
            let run = deployment.verification.as_ref();
            run.is_some_and(|run| run.fact.verdict == Verdict::Pass)
        };
        let verified = self.deployments.iter().filter(|(_, it)| passed(it));
        Progress {
            deployed: !self.deployments.is_empty(),
            verified: verified.map(|(stage, _)| stage.clone()).collect(),
        }
    }
}
