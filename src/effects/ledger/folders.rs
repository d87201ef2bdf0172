//! The ledgers of a repository: one folder in every release's.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use super::files::FileLedger;
use super::folder;
use crate::domain::audit;
use crate::domain::ids::ReleaseName;
use crate::domain::record::Record;
use crate::effects::lock::{self, Hold};
use crate::effects::stopped::wake_holder;
use crate::ports::{AppendError, Clock, Duty, Ledger, LedgerError, Ledgers, Seal};

/// At most this much of a step's output is read at once, in bytes.
const PIECE: u64 = 64 * 1024;

/// What stands in the names of the records that end a release.
const ENDINGS: [&str; 2] = ["Z-closed-", "Z-rolled-back-"];

/// The ledgers of the releases in a folder.
#[derive(Clone)]
pub struct FileLedgers<'a> {
    releases: PathBuf,
    seal: &'a dyn Seal,
}

impl<'a> FileLedgers<'a> {
    /// The ledgers of the releases that lie in `releases`, with what signs their records.
    pub fn new(releases: impl Into<PathBuf>, seal: &'a dyn Seal) -> Self {
        Self {
            releases: releases.into(),
            seal,
        }
    }

    /// Whether somebody has the rollback's duty who could not make a file for it.
    fn is_folder_held(&self, release: &ReleaseName, duty: Duty) -> bool {
        duty == Duty::Rollback && Hold::is_held(&self.folder(release)).unwrap_or(false)
    }

    fn duty(&self, release: &ReleaseName, duty: Duty) -> PathBuf {
        self.folder(release).join(match duty {
            Duty::Rollback => ".rollback",
            Duty::Watch => ".watch",
        })
    }
}

impl Ledgers for FileLedgers<'_> {
    fn open(&self, release: &ReleaseName) -> Box<dyn Ledger + '_> {
        let ledger = FileLedger::new(self.folder(release), release.clone());
        Box::new(ledger.sealed(self.seal))
    }

    fn adopt(
        &self,
        release: &ReleaseName,
        clock: &dyn Clock,
        records: Vec<Record>,
    ) -> Result<Vec<Record>, AppendError> {
        let ledger = FileLedger::new(self.folder(release), release.clone());
        ledger.sealed(self.seal).adopt(clock, records)
    }

    fn has_ended(&self, release: &ReleaseName) -> bool {
        let names = fs::read_dir(self.folder(release))
            .into_iter()
            .flatten()
            .flatten();
        let mut names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.any(|name| ENDINGS.iter().any(|kind| name.contains(kind)))
    }

    fn files(&self, release: &ReleaseName) -> Result<Vec<audit::File>, LedgerError> {
        Ok(folder::gather(&self.folder(release))?.collect())
    }

    fn folder(&self, release: &ReleaseName) -> PathBuf {
        self.releases.join(release.as_str()).join("ledger")
    }

    fn output_folder(&self, release: &ReleaseName) -> PathBuf {
        let folder = self.folder(release).join("output");
        // Where it cannot be made, writing to it fails and says so.
        let _ = fs::create_dir_all(&folder);
        folder
    }

    fn output(&self, release: &ReleaseName, name: &str, from: u64) -> Vec<u8> {
        let read = || {
            let mut file = fs::File::open(self.folder(release).join("output").join(name))?;
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.take(PIECE).read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(bytes)
        };
        read().unwrap_or_default()
    }

    fn take(
        &self,
        release: &ReleaseName,
        duty: Duty,
    ) -> Result<Option<Box<dyn Send>>, LedgerError> {
        if duty == Duty::Watch {
            // The disk may become read-only within the window. Where it is so already there is nothing to prepare.
            let _ = lock::prepare(&self.duty(release, Duty::Rollback));
        }
        let path = self.duty(release, duty);
        let hold = match Hold::take(&path) {
            // The disk was read-only from the start. The folder itself can be held there.
            Err(_) if duty == Duty::Rollback && path.symlink_metadata().is_err() => {
                Hold::take_existing(&self.folder(release))
            }
            // Somebody took the folder while the disk was read-only.
            Ok(Some(_)) if self.is_folder_held(release, duty) => Ok(None),
            taken => taken,
        };
        let hold = hold.map_err(|source| LedgerError::Write { path, source })?;
        Ok(hold.map(|hold| Box::new(hold) as Box<dyn Send>))
    }

    fn is_taken(&self, release: &ReleaseName, duty: Duty) -> bool {
        Hold::is_held(&self.duty(release, duty)).unwrap_or(false)
            || self.is_folder_held(release, duty)
    }

    fn wake(&self, release: &ReleaseName, duty: Duty) -> bool {
        let by_file = wake_holder(&self.duty(release, duty));
        let by_folder = duty == Duty::Rollback && wake_holder(&self.folder(release));
        by_file || by_folder
    }
}
