//! The ledgers of a repository: one folder in every release's.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ended::Ended;
use super::files::FileLedger;
use super::folder;
use super::locks::Locks;
use crate::domain::audit;
use crate::domain::ids::ReleaseName;
use crate::domain::record::Record;
use crate::effects::lock::{self, Lock, LockTarget, StepLock};
use crate::effects::plain;
use crate::ports::{
    AppendError, Clock, Duty, InheritedLock, Lease, Ledger, LedgerError, Ledgers, Seal,
};

/// At most this much of a step's output is read at once, in bytes.
const PIECE: u64 = 64 * 1024;

/// The ledgers of the releases in a folder.
#[derive(Clone)]
pub struct FileLedgers<'a> {
    releases: PathBuf,
    seal: &'a dyn Seal,
    ended: Ended,
}

impl<'a> FileLedgers<'a> {
    /// The ledgers of the releases that lie in `releases`, with what signs their records.
    pub fn new(releases: impl Into<PathBuf>, seal: &'a dyn Seal) -> Self {
        Self {
            releases: releases.into(),
            seal,
            ended: Ended::default(),
        }
    }

    /// The repository's root: nothing below it is reached through a link.
    fn root(&self) -> &Path {
        self.releases.parent().unwrap_or(Path::new("."))
    }

    fn duty(&self, release: &ReleaseName, duty: Duty) -> LockTarget {
        Locks::new(&self.folder(release), release).duty(duty)
    }
}

impl Ledgers for FileLedgers<'_> {
    fn open(&self, release: &ReleaseName) -> Box<dyn Ledger + Send + '_> {
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
        let open = || self.open(release);
        self.ended.is_ended(release, &self.folder(release), &open)
    }

    fn files(&self, release: &ReleaseName) -> Result<Vec<audit::File>, LedgerError> {
        Ok(folder::gather(&self.folder(release))?.collect())
    }

    fn identity(&self, release: &ReleaseName) -> String {
        Locks::new(&self.folder(release), release).identity()
    }

    fn folder(&self, release: &ReleaseName) -> PathBuf {
        self.releases.join(release.as_str()).join("ledger")
    }

    fn output_folder(&self, release: &ReleaseName) -> PathBuf {
        self.folder(release).join("output")
    }

    fn output(&self, release: &ReleaseName, name: &str, from: u64) -> Vec<u8> {
        let read = || {
            let path = self.folder(release).join("output").join(name);
            let mut file = plain::read(self.root(), &path)?;
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
    ) -> Result<Option<Box<dyn Lease>>, LedgerError> {
        if duty == Duty::Watch {
            // The disk may become read-only within the window.
            lock::prepare(&self.duty(release, Duty::Rollback).file);
        }
        let target = self.duty(release, duty);
        let acquired = match duty {
            Duty::Rollback => Lock::try_acquire(&target),
            // It excludes nobody, and a thousand windows have one each: one open file is enough.
            Duty::Watch => {
                let by_file = LockTarget {
                    socket: None,
                    ..target.clone()
                };
                Lock::try_acquire(&by_file).or_else(|_| Lock::try_acquire(&target))
            }
        };
        let lease = acquired.map_err(|source| LedgerError::Write {
            path: target.file.clone(),
            source,
        })?;
        Ok(lease.map(|lease| Box::new(lease) as Box<dyn Lease>))
    }

    fn take_target(&self, target: &str) -> Result<Option<Box<dyn Lease>>, LedgerError> {
        let name = super::locks::of_target(self.root(), target);
        let lease = Lock::try_acquire_name(&name).map_err(|source| LedgerError::Write {
            path: self.releases.clone(),
            source,
        })?;
        Ok(lease.map(|lease| Box::new(lease) as Box<dyn Lease>))
    }

    fn can_be_taken(&self, release: &ReleaseName, duty: Duty) -> bool {
        Lock::is_available(&self.duty(release, duty))
    }

    fn is_taken(&self, release: &ReleaseName, duty: Duty) -> bool {
        let target = self.duty(release, duty);
        match duty {
            Duty::Rollback => Lock::is_held(&target),
            // A watcher that was stopped watches nothing.
            Duty::Watch => Lock::is_held_by_running(&target),
        }
    }

    fn holder(&self, release: &ReleaseName, duty: Duty) -> Option<i32> {
        Lock::running_holder(&self.duty(release, duty))
    }

    fn step_lock(
        &self,
        release: &ReleaseName,
        first: &Record,
    ) -> Result<Option<Arc<dyn InheritedLock>>, LedgerError> {
        let path = self.folder(release).join(first.file_name());
        match StepLock::try_acquire(&path) {
            Ok(lock) => Ok(lock.map(|lock| Arc::new(lock) as Arc<dyn InheritedLock>)),
            Err(source) => Err(LedgerError::Write { path, source }),
        }
    }

    fn wake(&self, release: &ReleaseName, duty: Duty) -> bool {
        Lock::resume_stopped_holder(&self.duty(release, duty))
    }
}
