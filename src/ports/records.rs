//! Where the records of releases are kept, and who does what for a release.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Clock, InheritedLock};
use crate::domain::audit;
use crate::domain::clock::Reading;
use crate::domain::history::History;
use crate::domain::ids::ReleaseName;
use crate::domain::record::{Draft, Record};
use crate::domain::refusal::Refusal;

/// A decision under the ledger's lock: from the freshest history and the clocks to records, or to a refusal.
pub type Decide<'a> = dyn FnMut(&History, &Reading) -> Result<Vec<Draft>, Refusal> + 'a;

/// Where a release's records are kept.
///
/// Every implementation promises: a record that `append` returned is durable; records are never changed or replaced;
/// between the reading that a decision sees and its append nothing else is appended; a failed append leaves nothing
/// half-written.
pub trait Ledger {
    /// The history, with all that was appended since the last call; reads only what is new.
    ///
    /// # Errors
    /// [`LedgerError::Read`]. Damaged records are no error here: they are among the history's anomalies, so that a gate
    /// shuts on them and a watcher goes on.
    fn refresh(&mut self) -> Result<&History, LedgerError>;

    /// The history as it was last read or appended to, without looking again.
    fn history(&self) -> &History;

    /// Takes the lock, reads again, lets `decide` see the history and the clock, and appends what it wants recorded,
    /// each record durable before the next. Returns the records; none where `decide` wants none.
    ///
    /// What people record is signed, which may take as long as they take to touch a key: meanwhile the lock is free, and
    /// where something else was recorded then, `decide` is asked again. So it may be asked several times, and the last
    /// time counts.
    ///
    /// # Errors
    /// [`AppendError::Refused`] where `decide` refuses, or what is to be signed is not; [`AppendError::Ledger`] where
    /// the ledger cannot be read or written; nothing of a record that failed is left behind.
    fn append(
        &mut self,
        clock: &dyn Clock,
        decide: &mut Decide<'_>,
    ) -> Result<Vec<Record>, AppendError>;
}

/// Why a ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It could not be read.
    #[error("the ledger {} cannot be read: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It could not be written: a full disk, a read-only folder.
    #[error("the ledger {} cannot be written: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The decision was no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Opens the ledgers of releases, and says who is alive.
pub trait Ledgers: Sync {
    /// The ledger of a release; it need not exist yet.
    fn open(&self, release: &ReleaseName) -> Box<dyn Ledger + Send + '_>;

    /// Whether the release was closed or rolled back, and nothing of it happens by itself any more. Never where a record of
    /// it cannot be read, or is of a newer version.
    fn has_ended(&self, release: &ReleaseName) -> bool;

    /// Adds those of `records` that the ledger does not have, each judged by its signature here: all of them, or none.
    /// Returns what was added, parents before children.
    ///
    /// # Errors
    /// [`AppendError::Refused`] where one does not count, belongs elsewhere or cannot follow what is recorded, or where the
    /// ledger is damaged; [`AppendError::Ledger`] where it cannot be read or written.
    fn adopt(
        &self,
        release: &ReleaseName,
        clock: &dyn Clock,
        records: Vec<Record>,
    ) -> Result<Vec<Record>, AppendError>;

    /// Every file that lies in the ledger's folder and is no part of its upkeep, for an audit.
    ///
    /// # Errors
    /// [`LedgerError::Read`] where the folder cannot be listed.
    fn files(&self, release: &ReleaseName) -> Result<Vec<audit::File>, LedgerError>;

    /// What tells the ledger of a release from every other one on this machine, however its path is spelled.
    fn identity(&self, release: &ReleaseName) -> String;

    /// Where the ledger of a release lies, to show.
    fn folder(&self, release: &ReleaseName) -> PathBuf;

    /// Where files beside the records go: the output of rollback steps. Whoever writes one makes it.
    fn output_folder(&self, release: &ReleaseName) -> PathBuf;

    /// What was written to a file in the output folder from byte `from` on, at most 64 KiB; nothing where it cannot be
    /// read.
    fn output(&self, release: &ReleaseName, name: &str, from: u64) -> Vec<u8>;

    /// Takes the exclusive duty, given back when the returned value is dropped or the process dies; `None` where
    /// somebody else has it.
    ///
    /// # Errors
    /// [`LedgerError`] where no means of exclusion is available.
    fn take(
        &self,
        release: &ReleaseName,
        duty: Duty,
    ) -> Result<Option<Box<dyn Lease>>, LedgerError>;

    /// Takes the target of a deployment for a rollback: one runs there at a time, of whichever release. `None` where another
    /// has it; one that was stopped is made to go on.
    ///
    /// # Errors
    /// [`LedgerError`] where no means of exclusion is available.
    fn take_target(&self, target: &str) -> Result<Option<Box<dyn Lease>>, LedgerError>;

    /// Whether the duty can be taken by anybody here, who has it or not: not on a disk without locks, where there is
    /// nothing else either.
    fn can_be_taken(&self, release: &ReleaseName, duty: Duty) -> bool;

    /// Whether somebody alive has the duty. A watcher that was stopped (`SIGSTOP`) does not count; a stopped driver does,
    /// since nobody may take its place.
    fn is_taken(&self, release: &ReleaseName, duty: Duty) -> bool;

    /// The process that has the duty and is not stopped, where the system tells which.
    fn holder(&self, release: &ReleaseName, duty: Duty) -> Option<i32>;

    /// The lock that a step of the rollback inherits; `None` where a step still has it whose driver died.
    ///
    /// # Errors
    /// [`LedgerError`] where there is nothing to lock.
    fn step_lock(
        &self,
        release: &ReleaseName,
        first: &Record,
    ) -> Result<Option<Arc<dyn InheritedLock>>, LedgerError>;

    /// Lets whoever has the duty go on where that process was stopped: it would keep the duty and not do it. Returns
    /// whether it was; never where the system does not tell (macOS), or where the process is another user's.
    fn wake(&self, release: &ReleaseName, duty: Duty) -> bool;
}

/// A duty that this process has, until it is dropped.
pub trait Lease: Send {
    /// Whether others still see it: its file may have been removed since.
    fn is_current(&self) -> bool;
}

/// Something that one living process at a time does for a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Driving the rollback from its claim to its end.
    Rollback,
    /// Watching the windows. Several may; this says that at least one does.
    Watch,
}
