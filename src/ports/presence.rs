//! Presence: which processes watch a release.

use super::{Holder, StoreError};
use crate::domain::ids::ReleaseName;

/// Keeps who watches.
///
/// Every implementation promises: a process that died is not present for longer than the store's term; being present
/// excludes nobody.
pub trait Presence: Sync {
    /// Announces that this process watches a release, or keeps that announced; called at every look. Some stores show one
    /// process of a host: then the other one is returned that is shown instead of this.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be announced.
    fn announce(&self, release: &ReleaseName) -> Result<Option<Holder>, StoreError>;

    /// Ends it. What fails here ends with the process, or after a while.
    fn withdraw(&self, release: &ReleaseName);

    /// The processes that watch a release. One that was stopped on this machine is among them: it watches nothing, which
    /// the caller can see.
    ///
    /// # Errors
    /// [`StoreError`] where the store does not tell.
    fn watchers(&self, release: &ReleaseName) -> Result<Vec<Holder>, StoreError>;
}
