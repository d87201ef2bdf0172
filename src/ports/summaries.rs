//! Summaries: what is known of a release without reading its records, so that thousands of closed ones cost nothing.

use std::collections::BTreeSet;

use super::StoreError;
use crate::domain::ids::ReleaseName;

/// Tells what is stored for a release at a glance.
///
/// Every implementation promises: while the version is the same, nothing was stored or damaged in between.
pub trait Summaries: Sync {
    /// What is stored for a release.
    ///
    /// # Errors
    /// [`StoreError::Read`] where the store does not tell.
    fn summary(&self, release: &ReleaseName) -> Result<Summary, StoreError>;

    /// Whether a sound record of this kind is stored; a name alone proves nothing.
    ///
    /// # Errors
    /// [`StoreError::Read`] where it cannot be read.
    fn has_sound(&self, release: &ReleaseName, kind: &str) -> Result<bool, StoreError>;
}

/// What is stored, at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Another one whenever something was stored.
    pub version: String,
    /// The kinds of the records; `None` where something is there that may be a record of any kind.
    pub kinds: Option<BTreeSet<String>>,
}
