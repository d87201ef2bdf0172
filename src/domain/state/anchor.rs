//! What deployments were signed with.

use super::{Recorded, ReleaseState};
use crate::domain::ids::StageName;
use crate::domain::record::body::Anchor;

impl ReleaseState {
    /// What `stage` was signed with.
    pub fn anchor(&self, stage: &StageName) -> Option<&Recorded<Box<Anchor>>> {
        self.deployments.get(stage)?.anchor.as_ref()
    }

    /// What `stage` was signed with, or the stage that was signed last.
    pub fn anchor_for(&self, stage: Option<&str>) -> Option<(&StageName, &Anchor)> {
        let signed = self.deployments.iter().filter_map(|(name, it)| {
            let anchor = it.anchor.as_ref()?;
            Some((name, anchor))
        });
        let (stage, anchor) = signed.max_by_key(|(name, anchor)| {
            let is_named = stage.is_some_and(|it| it == name.as_str());
            (is_named, anchor.origin.at)
        })?;
        Some((stage, &anchor.fact))
    }
}
