//! Leases: what one living process at a time does, such as driving a rollback.

use super::StoreError;
use crate::domain::ids::ReleaseName;
use crate::domain::writer::Writer;

/// Grants leases.
///
/// Every implementation promises: of two processes that acquire the same lease one holds it; the lease of a process that
/// died can be acquired by another; a holder that lost its lease is told so by [`Self::still_held`], and a term that ended
/// never comes back.
pub trait Leases: Sync {
    /// Acquires a lease; never waits for its holder.
    ///
    /// # Errors
    /// [`StoreError`] where there is no means by which processes exclude each other.
    fn acquire(&self, name: &LeaseName) -> Result<Acquired, StoreError>;

    /// Whether the term of `lease` still runs; where a store ends terms after a while, this renews it.
    ///
    /// # Errors
    /// [`StoreError`] where the store does not tell: neither held nor lost.
    fn still_held(&self, lease: &Lease) -> Result<Tenure, StoreError>;

    /// Who holds the lease; `None` where nobody does.
    ///
    /// # Errors
    /// [`StoreError`] where there is no means by which anybody could hold it, or the store does not tell.
    fn holder(&self, name: &LeaseName) -> Result<Option<Holder>, StoreError>;

    /// Gives the lease back. What fails here ends with the process, or with the term.
    fn release(&self, lease: &Lease);
}

/// What is leased.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeaseName {
    /// Driving the rollback of a release from its claim to its end.
    Rollback(ReleaseName),
    /// Rolling back on a target, of whichever release.
    Target(String),
}

/// A term of a lease: a value that proves nothing by itself, since the term can end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is leased.
    pub name: LeaseName,
    /// Who holds it.
    pub holder: Writer,
    /// Which term of it: another one for each time that it was acquired.
    pub term: u64,
}

/// What came of acquiring a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// This process holds it.
    Held(Lease),
    /// Somebody else does.
    Taken(Holder),
}

/// Whether a term still runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// It does.
    Held,
    /// It has ended, and who holds the lease now.
    Lost(Option<Holder>),
}

/// Who holds a lease or announced itself, as far as the store shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// Its host, where that is another one than this.
    pub elsewhere: Option<String>,
    /// Its processes on that host; none where the store does not show them.
    pub processes: Vec<i32>,
}
