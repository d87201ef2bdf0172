//! The ledgers of releases: what every store has in common. Records are signed, placed, held against their signatures and
//! folded here, whatever keeps them.

mod ended;
mod stored;

use crate::domain::clock::Reading;
use crate::domain::history::History;
use crate::domain::ids::ReleaseName;
use crate::domain::record::{Draft, Record};
use crate::domain::refusal::Refusal;
use crate::domain::writer::Writer;
use crate::ports::{AppendError, Records, Seal, StoreError, Summaries};

use ended::Ended;
pub use stored::StoredLedger;

/// A decision: from a history and the clocks to what is to be recorded, or to a refusal. It may be asked several times, and
/// the last time counts.
pub type Decide<'a> = dyn FnMut(&History, &Reading) -> Result<Vec<Draft>, Refusal> + 'a;

/// The history of one release, and how something is added to it.
pub trait Ledger {
    /// The history, with all that was appended since the last call; reads only what is new.
    ///
    /// # Errors
    /// [`StoreError::Read`]. Damaged records are no error here: they are among the history's anomalies, so that a gate
    /// shuts on them and a watcher goes on.
    fn refresh(&mut self) -> Result<&History, StoreError>;

    /// The history as it was last read or appended to, without looking again.
    fn history(&self) -> &History;

    /// Lets `decide` see the history and the clock, and appends what it wants recorded, each record durable before the next.
    /// Where something else was stored meanwhile, it decides again: its last answer is about everything that was stored
    /// before it. Returns the records; none where `decide` wants none.
    ///
    /// What people record is signed, which may take as long as they take to touch a key.
    ///
    /// # Errors
    /// [`AppendError::Refused`] where `decide` refuses, or what is to be signed is not; [`AppendError::Store`] where the
    /// store cannot be read or written.
    fn append(&mut self, decide: &mut Decide<'_>) -> Result<Vec<Record>, AppendError>;
}

/// Opens the ledgers of releases.
pub struct Ledgers<'a> {
    records: &'a dyn Records,
    summaries: &'a dyn Summaries,
    seal: &'a dyn Seal,
    writer: Writer,
    ended: Ended,
}

impl<'a> Ledgers<'a> {
    /// The ledgers in a store, whose records `writer` writes and `seal` signs and judges.
    pub fn new(
        (records, summaries): (&'a dyn Records, &'a dyn Summaries),
        seal: &'a dyn Seal,
        writer: Writer,
    ) -> Self {
        Self {
            records,
            summaries,
            seal,
            writer,
            ended: Ended::default(),
        }
    }

    /// Where the records are kept.
    pub fn records(&self) -> &'a dyn Records {
        self.records
    }

    /// Who writes.
    pub const fn writer(&self) -> &Writer {
        &self.writer
    }

    /// The ledger of a release, of which nothing has been read; it need not exist yet.
    pub fn open(&self, release: &ReleaseName) -> Box<dyn Ledger + Send + 'a> {
        Box::new(self.stored(release))
    }

    fn stored(&self, release: &ReleaseName) -> StoredLedger<'a> {
        StoredLedger::new(self.records, self.seal, (release, &self.writer))
    }

    /// Adds those of `records` that the ledger does not have, each judged by its signature here: all of them, or none.
    /// Returns what was added, parents before children.
    ///
    /// # Errors
    /// [`AppendError::Refused`] where one does not count, belongs elsewhere or cannot follow what is recorded, or where the
    /// ledger is damaged; [`AppendError::Store`] where it cannot be read or written.
    pub fn adopt(
        &self,
        release: &ReleaseName,
        records: &[Record],
    ) -> Result<Vec<Record>, AppendError> {
        self.stored(release).adopt(records)
    }

    /// Whether the release was closed or rolled back, and nothing of it happens by itself any more. Never where a record of
    /// it cannot be read, or is of a newer version.
    pub fn has_ended(&self, release: &ReleaseName) -> bool {
        let open = || self.open(release);
        self.ended.is_ended(release, self.summaries, &open)
    }
}
