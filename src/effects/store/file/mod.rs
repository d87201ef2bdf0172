//! Records as files, one each, in a folder of their release; leases and presence as locks of this machine.
//!
//! What the records mean, and whether they may follow one another, is left to the domain.

mod folder;
mod leases;
mod locks;
mod reader;
mod summaries;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

pub use folder::{FAILPOINTS, gather};

use crate::domain::audit;
use crate::domain::clock::Reading;
use crate::domain::ids::ReleaseName;
use crate::domain::writer::Writer;
use crate::effects::lock::Lock;
use crate::ports::{Clock, Reader, Records, StoreError};
use locks::Locks;
use reader::FileReader;

/// The records, leases and presence of the releases in a folder, for one process.
pub struct FileStore<'a> {
    releases: PathBuf,
    clock: &'a dyn Clock,
    writer: Writer,
    /// The locks of the leases that this process holds, by their terms.
    held: Mutex<HashMap<u64, Lock>>,
    /// How many terms began.
    terms: AtomicU64,
    /// The locks that show which releases this process watches.
    present: Mutex<HashMap<ReleaseName, Lock>>,
}

impl<'a> FileStore<'a> {
    /// The store of the releases that lie in `releases`; `clock` is what decisions are made by, and `writer` this process.
    pub fn new(releases: impl Into<PathBuf>, clock: &'a dyn Clock, writer: Writer) -> Self {
        Self {
            releases: releases.into(),
            clock,
            writer,
            held: Mutex::default(),
            terms: AtomicU64::new(1),
            present: Mutex::default(),
        }
    }

    /// The repository's root.
    fn root(&self) -> &Path {
        self.releases.parent().unwrap_or(Path::new("."))
    }

    /// The folder of the records of a release.
    pub fn folder(&self, release: &ReleaseName) -> PathBuf {
        self.releases.join(release.as_str()).join("ledger")
    }

    fn locks(&self, release: &ReleaseName) -> Locks {
        Locks::new(&self.folder(release), release)
    }
}

impl Records for FileStore<'_> {
    fn reader(&self, release: &ReleaseName) -> Box<dyn Reader + Send + '_> {
        let folder = self.folder(release);
        Box::new(FileReader::new(folder, release.clone(), self.clock))
    }

    fn now(&self) -> Result<Reading, StoreError> {
        Ok(self.clock.now())
    }

    fn stored(&self, release: &ReleaseName) -> Result<Vec<audit::File>, StoreError> {
        Ok(gather(&self.folder(release))?.collect())
    }

    fn identity(&self, release: &ReleaseName) -> String {
        self.locks(release).identity()
    }

    fn place(&self, release: &ReleaseName) -> String {
        self.folder(release).display().to_string()
    }
}
