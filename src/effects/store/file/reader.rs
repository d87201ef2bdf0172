//! The records of one release in a folder, one file each.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use super::folder::{self, Reader as Files};
use super::locks::{Kind, Locks};
use crate::domain::anomaly::Damage;
use crate::domain::audit::{self, Flaw};
use crate::domain::ids::ReleaseName;
use crate::domain::record::Record;
use crate::domain::refusal::Refusal;
use crate::domain::shares::in_shares;
use crate::effects::lock::Lock;
use crate::ports::{AppendError, Appended, Batch, Clock, Order, Proposal, Reader, StoreError};

/// A folder, and what was read of it so far.
///
/// A file is read once: one that is changed in place after it was read is found by the next process that opens the
/// folder, and by an audit.
pub(super) struct FileReader<'a> {
    folder: PathBuf,
    release: ReleaseName,
    clock: &'a dyn Clock,
    /// The names of the files whose records were handed on.
    known: HashSet<String>,
    /// The names of those that were there once, and are not any more.
    gone: BTreeSet<String>,
    /// What was wrong at the last reading, by name.
    flawed: Vec<(String, String)>,
}

/// What became of a file that was not known.
enum Seen {
    Sound(Box<Record>),
    Flawed(Flaw),
    Vanished,
}

impl<'a> FileReader<'a> {
    /// The records of `release` in `folder`, of which nothing has been read; the folder need not exist.
    pub fn new(folder: PathBuf, release: ReleaseName, clock: &'a dyn Clock) -> Self {
        Self {
            folder,
            release,
            clock,
            known: HashSet::new(),
            gone: BTreeSet::new(),
            flawed: Vec::new(),
        }
    }

    /// What is new in the folder, and what a crash left unfinished there.
    fn read(&mut self) -> Result<(Batch, Vec<PathBuf>), StoreError> {
        let listing = folder::list(&self.folder, &self.known)?;
        if listing.known < self.known.len() {
            self.notice_the_gone();
        }
        let unnameable = listing.unnameable.into_iter();
        let mut batch = Batch {
            records: Vec::with_capacity(listing.names.len()),
            flaws: unnameable.map(|name| (name, audit::foreign())).collect(),
        };
        let seen = match Files::open(&self.folder)? {
            Some(files) if !listing.names.is_empty() => {
                in_shares(&listing.names, |share| examine(&files, share))
            }
            _ => Vec::new(),
        };
        for (name, seen) in listing.names.into_iter().zip(seen) {
            match seen {
                Seen::Sound(record) => {
                    self.gone.remove(&name);
                    self.known.insert(name);
                    batch.records.push(*record);
                }
                Seen::Flawed(flaw) => batch.flaws.push((name, flaw)),
                Seen::Vanished => {}
            }
        }
        for name in &self.gone {
            if !batch.flaws.iter().any(|(flawed, _)| flawed == name) {
                let what = "it was there when it was last looked for, and is gone";
                let flaw = Flaw::new(Damage::Removed, what);
                batch.flaws.push((name.clone(), flaw));
            }
        }
        batch.flaws.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok((batch, listing.unfinished))
    }

    /// Moves the names that were known and are not there any more to those that are gone.
    fn notice_the_gone(&mut self) {
        let folder = &self.folder;
        let gone = self.known.extract_if(|name| {
            let there = folder.join(name).symlink_metadata();
            there.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        });
        self.gone.extend(gone);
    }

    /// Remembers what is wrong. Returns whether that is something else than before.
    fn notice_flaws(&mut self, batch: &Batch) -> bool {
        let flaws = batch.flaws.iter();
        let flawed: Vec<_> = flaws
            .map(|(name, flaw)| (name.clone(), flaw.what.clone()))
            .collect();
        let changed = flawed != self.flawed;
        self.flawed = flawed;
        changed
    }

    /// Writes the last record first, and takes back what it wrote where one cannot be written.
    fn write_all_or_none(&self, records: &[Record]) -> Result<(), StoreError> {
        for (index, record) in records.iter().enumerate().rev() {
            if let Err(error) = folder::write(&self.folder, record) {
                for written in &records[index + 1..] {
                    let _ = std::fs::remove_file(self.folder.join(written.file_name()));
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Reader for FileReader<'_> {
    fn read_since(&mut self) -> Result<Batch, StoreError> {
        let (batch, _) = self.read()?;
        self.notice_flaws(&batch);
        Ok(batch)
    }

    /// The heads are those of what was read, so that it is enough to look for what is new in the folder, under its lock.
    fn append_if_heads(
        &mut self,
        proposal: &Proposal<'_>,
        still: &mut dyn FnMut() -> Result<(), Refusal>,
    ) -> Result<Appended, AppendError> {
        folder::create(&self.folder)?;
        let locks = Locks::new(&self.folder, &self.release);
        let _lock = Lock::acquire(&locks.target(Kind::Append), self.clock)?;
        let (batch, unfinished) = self.read()?;
        for unfinished in unfinished {
            // Whoever writes has the lock, so its writer is dead. Left where it is it does no harm.
            let _ = std::fs::remove_file(unfinished);
        }
        if self.notice_flaws(&batch) || !batch.records.is_empty() {
            return Ok(Appended::Conflict(batch));
        }
        let records = proposal.records;
        match proposal.order {
            Order::AllOrNone => {
                still()?;
                self.write_all_or_none(records)?;
            }
            Order::ParentsFirst => {
                for (index, record) in records.iter().enumerate() {
                    let prepared = folder::prepare(&self.folder, record)?;
                    if index == 0 {
                        still()?;
                    }
                    prepared.place()?;
                }
            }
        }
        self.known.extend(records.iter().map(Record::file_name));
        Ok(Appended::Stored)
    }
}

/// Reads and judges the files of these names, in their order.
fn examine(files: &Files, names: &[String]) -> Vec<Seen> {
    let mut bytes = Vec::new();
    let mut examine = |name: &String| match files.read(name, &mut bytes) {
        Err(flaw) => Seen::Flawed(flaw),
        Ok(false) => Seen::Vanished,
        Ok(true) => match audit::examine(name, &bytes) {
            Ok(record) => Seen::Sound(Box::new(record)),
            Err(flaw) => Seen::Flawed(flaw),
        },
    };
    names.iter().map(&mut examine).collect()
}
