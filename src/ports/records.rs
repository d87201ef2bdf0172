//! The records of releases: where they are kept, and how one is added.
//!
//! A store keeps records and compares. What a record means, who signs it, which time it is given, and whether it may follow
//! the others is decided once, above every store.

use std::io;

use crate::domain::audit::{self, Flaw};
use crate::domain::clock::Reading;
use crate::domain::ids::{RecordId, ReleaseName};
use crate::domain::record::Record;
use crate::domain::refusal::Refusal;

/// Keeps the records of releases.
///
/// Every implementation promises: a record that was appended is durable; records are never changed or replaced; a record
/// is appended only where nothing was stored since the reader last read; what failed to be appended is not half there.
pub trait Records: Sync {
    /// Reads the records of a release, of which nothing has been read; there need be none.
    fn reader(&self, release: &ReleaseName) -> Box<dyn Reader + Send + '_>;

    /// What the clocks say that decisions are made by: the store's own time of day where several machines share it.
    ///
    /// # Errors
    /// [`StoreError::Read`] where the store does not tell.
    fn now(&self) -> Result<Reading, StoreError>;

    /// Everything that is stored for a release as it is stored, for an audit.
    ///
    /// # Errors
    /// [`StoreError::Read`] where it cannot be listed.
    fn stored(&self, release: &ReleaseName) -> Result<Vec<audit::File>, StoreError>;

    /// What tells the records of a release from all others that this machine can reach, however the store is named.
    fn identity(&self, release: &ReleaseName) -> String;

    /// Where the records of a release are, to show.
    fn place(&self, release: &ReleaseName) -> String;
}

/// The records of one release, and how far they have been read.
pub trait Reader {
    /// What was stored since the last call, or all of it.
    ///
    /// # Errors
    /// [`StoreError::Read`]. A damaged record is no error: it is in the batch, so that a gate shuts and a watcher goes on.
    fn read_since(&mut self) -> Result<Batch, StoreError>;

    /// Appends records that follow one another, unless something was stored since the last reading. `still` is called once
    /// the first record could be stored at once, and nothing is stored where it refuses: a slow disk makes nobody first who
    /// is late.
    ///
    /// # Errors
    /// [`AppendError::Refused`] where `still` refuses; [`AppendError::Store`] where the store cannot be read or written.
    /// Then some of the records may be there, and the next reading tells which.
    fn append_if_heads(
        &mut self,
        proposal: &Proposal<'_>,
        still: &mut dyn FnMut() -> Result<(), Refusal>,
    ) -> Result<Appended, AppendError>;
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The sound records that are new, in any order.
    pub records: Vec<Record>,
    /// Everything that is wrong with what is stored, by name, whether it is new or not.
    pub flaws: Vec<(String, Flaw)>,
}

/// Records to be appended.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    /// The records without a successor when this was decided, sorted.
    pub heads: &'a [RecordId],
    /// The records, parents before children.
    pub records: &'a [Record],
    /// Which of them are there when the process dies half-way.
    pub order: Order,
}

/// The order in which records become durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Parents first: what is there stands by itself.
    ParentsFirst,
    /// All or none. Where the process dies half-way, what is there follows something that is missing, which shuts every
    /// gate until the same records are appended again.
    AllOrNone,
}

/// What came of a proposal.
#[derive(Clone, Debug)]
pub enum Appended {
    /// The records are stored.
    Stored,
    /// Something was stored since the last reading; nothing was appended.
    Conflict(Batch),
}

/// Why a store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It could not be read.
    #[error("the ledger {place} cannot be read: {source}")]
    Read {
        /// Which part of it.
        place: String,
        /// The cause.
        source: io::Error,
    },
    /// It could not be written: a full disk, a read-only folder.
    #[error("the ledger {place} cannot be written: {source}")]
    Write {
        /// Which part of it.
        place: String,
        /// The cause.
        source: io::Error,
    },
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The decision was no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
